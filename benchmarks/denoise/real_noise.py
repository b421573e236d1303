# SPDX-License-Identifier: Apache-2.0
"""How much of a camera's noise is removed, and do edges stay as they are?"""

from collections.abc import Mapping

import numpy as np

from ..common.results import Answer, Options, Row, markdown
from .footage import Clip, real_clips
from .measures import edge_contrast, flat_blocks, temporal_deviation
from .ours import PRESETS, denoised
from .pictures import real_crops, save_crops

TARGET = 0.7  # of the deviation over time is removed
MIN_CONTRAST = 0.98
SETTLED = 20  # frames after which the spectrum of the noise is known
PUBLISHED = "visp"


def percent(removed: float) -> str:
    return f"{-100 * removed:+.0f} %"


def removed(before: np.ndarray, after: np.ndarray) -> dict[str, tuple[float, float]]:
    """Return the deviation over time before and after, in flat and in dark flat blocks, where any exist."""
    pairs = {}
    for kind, blocks in zip(("flat", "dark"), flat_blocks(before), strict=True):
        deviations = tuple(temporal_deviation(frames, blocks) for frames in (before, after))
        if not np.isnan(deviations[0]):
            pairs[kind] = deviations
    return pairs


def measure(clip: Clip, results: Mapping[str, np.ndarray]) -> Answer:
    """The deviation over time in flat and dark flat blocks, and the contrast of the steepest edges."""
    lines, rows, figures = [], [], {}
    for preset, frames in results.items():
        cells, published = [clip.name, preset], {}
        pairs = removed(clip.frames, frames)
        for kind, name in ("flat", "flat areas"), ("dark", "dark flat areas"):
            if kind not in pairs:
                cells += ["", "", ""]
                continue
            before, after = pairs[kind]
            share = 1 - after / before
            cells += [f"{before:.2f}", f"{after:.2f}", percent(share)]
            work = f"camera noise, {clip.name}, {name}, `{preset}`"
            rows.append(Row(work, "before", "", percent(share), percent(TARGET), bool(share >= TARGET)))
            published[kind] = -round(100 * share)
        for kind, (before, after) in removed(clip.frames[SETTLED:], frames[SETTLED:]).items():
            published[f"settled_{kind}"] = -round(100 * (1 - after / before))
        contrast = edge_contrast(clip.frames, frames)
        work = f"camera noise, {clip.name}, steepest 2 % of the pixels, `{preset}`"
        met = contrast >= MIN_CONTRAST
        rows.append(Row(work, "before", "", f"gradient x {contrast:.2f}", f"at least {MIN_CONTRAST}", met))
        lines.append([*cells, f"{contrast:.2f}"])
        figures[preset] = published | {"edges": round(contrast, 2)}
    areas = [f"{kind}{what}" for kind in ("flat", "dark flat") for what in (", before", ", after", "")]
    text = markdown(["clip", "preset", *areas, "gradient of the steepest 2 %"], lines)
    return Answer(rows, text, {"real_noise.rows": figures} if clip.name == PUBLISHED else {})


def run(options: Options) -> Answer:
    crops, answers = {}, []
    for clip in real_clips(options.real, tiny=options.tiny):
        results = {preset: denoised(clip.frames, preset) for preset in PRESETS}
        crops[clip.name] = real_crops(clip, results)
        answers.append(measure(clip, results))
    save_crops(options.folder / "denoise_real.png", crops)
    rows = [row for each in answers for row in each.rows]
    figures = {place: figure for each in answers for place, figure in each.figures.items()}
    return Answer(rows, "\n".join(each.text for each in answers), figures)
