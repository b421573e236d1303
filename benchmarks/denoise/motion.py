# SPDX-License-Identifier: Apache-2.0
"""Does the past do harm where the scene moves, or at a cut?

The same denoiser with the same strength filters the clip, and each of its frames alone.
"""

from collections.abc import Sequence

import numpy as np

from vdcore import estimate_noise

from ..common.clips import add_noise
from ..common.results import Answer, Options, Row, markdown
from .footage import Clip, clean_clips
from .measures import change, error_ratio, psnr
from .ours import PRESETS, denoised, without_time

CHANGES = (6, 12, 24)  # of the brightness between frames
MIN_PIXELS = 200  # on which an error is measured
TIMELESS = "itself without time"


def moving_pixels(clips: Sequence[Clip], noises: Sequence[int]) -> Answer:
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
                for threshold in CHANGES:
                    where = moved > threshold
                    if np.count_nonzero(where) < MIN_PIXELS:
                        cells += ["", ""]
                        continue
                    ratio = error_ratio(clean[1:], results[0][1:], results[1][1:], where)
                    highest[preset] = max(highest[preset], ratio)
                    cells += [f"{100 * where.mean():.2g} %", f"{ratio:.2f}"]
                lines.append([clip.name, f"{noise}", preset, *cells])
    header = [
        text for threshold in CHANGES for text in (f"pixels that change by more than {threshold}", "error")
    ]
    rows, figures = [], {}
    for preset, ratio in highest.items():
        work, result = f"squared error on moving pixels, `{preset}`", f"at most {ratio:.2f} x"
        rows.append(Row(work, TIMELESS, "", result, "at most 1 x", round(ratio, 2) <= 1))
        figures[f"moving.{preset}"] = round(ratio, 2)
    return Answer(rows, markdown(["clip", "noise", "preset", *header], lines), figures)


def hard_cuts(clips: Sequence[Clip], noises: Sequence[int]) -> Answer:
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
                case = []
                for frame in (half, half + 1):
                    at = slice(frame, frame + 1)
                    with_time, alone = (psnr(joined[at], result[at]) for result in results)
                    case.append(with_time - alone)
                    cells += [f"{alone:.2f}", f"{with_time:.2f}"]
                gains.append(min(case))
                lines.append(cells)
    header = [f"{frame} frame {how} time" for frame in ("first", "second") for how in ("without", "with")]
    worst = round(min(gains), 2)
    row = Row("PSNR after a hard cut", TIMELESS, "", f"minimum {worst:+.2f} dB", "no loss", worst >= 0)
    worse = sum(round(gain, 2) < 0 for gain in gains)
    figures = {"cuts.cases": len(gains), "cuts.worse": worse, "cuts.loss": max(0.0, -worst)}
    return Answer([row], markdown(["cut", "noise", "preset", *header], lines), figures)


def run(options: Options) -> Answer:
    clips = clean_clips(options.clips, tiny=options.tiny)
    moving, cuts = moving_pixels(clips, options.noises), hard_cuts(clips, options.noises)
    text = f"Moving pixels\n\n{moving.text}\nHard cuts\n\n{cuts.text}"
    return Answer([*moving.rows, *cuts.rows], text, {**moving.figures, **cuts.figures})
