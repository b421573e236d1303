# SPDX-License-Identifier: Apache-2.0
"""Does the past do harm where the scene moves, or changes at once?

The same denoiser with the same strength, once on the clip and once on each frame by itself.
"""

from collections.abc import Sequence

import numpy as np

from vdcore import estimate_noise

from ..noise_estimation import add_noise
from ..timing import Row
from .footage import Clip
from .measures import change, error_ratio, psnr
from .ours import PRESETS, denoised, without_time
from .tables import markdown

CHANGES = (6, 12, 24)  # of the brightness from frame to frame
FEWEST = 200  # pixels on which an error is measured
TIMELESS = "itself without time"


def moving_pixels(clips: Sequence[Clip], noises: Sequence[int], *, tiny: bool) -> tuple[str, list[Row]]:
    """Squared error on the pixels that change, over that of the same denoiser without time."""
    lines, highest = [], dict.fromkeys(PRESETS, 0.0)
    for clip in clips:
        clean = clip.frames
        moved = change(clean)
        for noise in noises:
            noisy = add_noise(clean, noise)
            strength = estimate_noise(noisy)
            for preset in PRESETS:
                results = denoised(noisy, preset, strength), without_time(noisy, preset, strength)
                cells = []
                for least in CHANGES:
                    where = moved > least
                    if np.count_nonzero(where) < FEWEST:
                        cells += ["", ""]
                        continue
                    ratio = error_ratio(clean[1:], results[0][1:], results[1][1:], where)
                    highest[preset] = max(highest[preset], ratio)
                    cells += [f"{100 * where.mean():.2g} %", f"{ratio:.2f}"]
                lines.append([clip.name, f"{noise}", preset, *cells])
    header = [text for least in CHANGES for text in (f"pixels that change by more than {least}", "error")]
    rows = [
        Row(
            f"squared error on moving pixels, `{preset}`",
            TIMELESS,
            "",
            f"at most {ratio:.2f} x",
            "at most 1 x",
            met,
        )
        for preset, ratio in highest.items()
        for met in (None if tiny else round(ratio, 2) <= 1,)
    ]
    return markdown(["clip", "noise", "preset", *header], lines), rows


def hard_cuts(clips: Sequence[Clip], noises: Sequence[int], *, tiny: bool) -> tuple[str, list[Row]]:
    """PSNR of the first two frames after a cut from each clip to the next one."""
    lines, gains = [], []
    for before, after in zip(clips, [*clips[1:], clips[0]], strict=True):
        height, width = np.minimum(before.frames.shape[1:3], after.frames.shape[1:3])
        half = min(8, len(before.frames), len(after.frames))
        joined = np.concatenate(
            [c.frames[at, :height, :width] for c, at in ((before, np.s_[-half:]), (after, np.s_[:half]))]
        )
        for noise in noises:
            noisy = add_noise(joined, noise)
            strength = estimate_noise(noisy)
            for preset in PRESETS:
                results = denoised(noisy, preset, strength), without_time(noisy, preset, strength)
                cells = [f"{before.name} to {after.name}", f"{noise}", preset]
                for frame in (half, half + 1):
                    at = slice(frame, frame + 1)
                    with_, without = (psnr(joined[at], result[at]) for result in results)
                    gains.append(with_ - without)
                    cells += [f"{without:.2f}", f"{with_:.2f}"]
                lines.append(cells)
    header = [f"{frame} frame {how} time" for frame in ("first", "second") for how in ("without", "with")]
    met = None if tiny else round(min(gains), 2) >= 0
    row = Row("PSNR after a hard cut", TIMELESS, "", f"minimum {min(gains):+.2f} dB", "no loss", met)
    return markdown(["cut", "noise", "preset", *header], lines), [row]
