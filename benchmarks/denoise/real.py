# SPDX-License-Identifier: Apache-2.0
"""What becomes of noise that a camera made, and of the edges?"""

from collections.abc import Mapping, Sequence

import numpy as np

from ..timing import Row
from .footage import Clip
from .measures import edge_contrast, flat_blocks, temporal_deviation
from .tables import markdown

LEAST = 0.7  # of the deviation over time is to go
KEPT = 0.98  # of the contrast is to stay


def real_noise(
    results: Sequence[tuple[Clip, Mapping[str, np.ndarray]]], *, tiny: bool
) -> tuple[str, list[Row]]:
    """Deviation over time in flat and in dark flat blocks, and contrast of the steepest edges.

    `results` has the frames of every preset for each clip.
    """
    lines, rows = [], []
    for clip, presets in results:
        blocks = dict(zip(("flat", "dark flat"), flat_blocks(clip.frames), strict=True))
        for preset, frames in presets.items():
            cells = [clip.name, preset]
            for kind, where in blocks.items():
                before, after = (temporal_deviation(f, where) for f in (clip.frames, frames))
                if np.isnan(before):
                    cells += ["", "", ""]
                    continue
                lost = 1 - after / before
                cells += [f"{before:.2f}", f"{after:.2f}", f"{-100 * lost:+.0f} %"]
                met = None if tiny else bool(lost >= LEAST)
                work = f"real noise, {clip.name}, {kind} areas, `{preset}`"
                reached, wanted = f"{-100 * lost:+.0f} %", f"{-100 * LEAST:+.0f} %"
                rows.append(Row(work, "before", "", reached, wanted, met))
            contrast = edge_contrast(clip.frames, frames)
            met = None if tiny else contrast >= KEPT
            work = f"real noise, {clip.name}, steepest 2 % of the pixels, `{preset}`"
            rows.append(Row(work, "before", "", f"gradient x {contrast:.2f}", f"at least {KEPT}", met))
            lines.append([*cells, f"{contrast:.2f}"])
    areas = [f"{kind}{what}" for kind in ("flat", "dark flat") for what in (", before", ", after", "")]
    return markdown(["clip", "preset", *areas, "gradient of the steepest 2 %"], lines), rows
