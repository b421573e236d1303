# SPDX-License-Identifier: Apache-2.0
"""Crops side by side."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..common.plotting import plt
from .footage import Clip
from .ours import PRESETS

if TYPE_CHECKING:
    from .quality import Case

CROP = (96, 128)


def save_crops(path: Path, rows: Mapping[str, Mapping[str, np.ndarray]]) -> None:
    """Write a PNG of crops side by side; each row has a name, each crop (H, W, 3) or (H, W) a title."""
    columns = max(len(row) for row in rows.values())
    height, width = CROP
    size = (2.2 * columns, (2.2 * height / width + 0.3) * len(rows))
    figure, panels = plt.subplots(len(rows), columns, figsize=size, layout="constrained", squeeze=False)
    for line, (name, row) in zip(panels, rows.items(), strict=True):
        for axes, (title, crop) in zip(line, row.items(), strict=False):
            axes.imshow(crop, cmap="gray", vmin=0, vmax=255, interpolation="nearest")
            axes.set_title(title, fontsize=8)
        for axes in line:
            axes.set(xticks=[], yticks=[])
        line[0].set_ylabel(name, fontsize=8)
    figure.savefig(path, dpi=110)
    plt.close(figure)


def centre(frame: np.ndarray) -> np.ndarray:
    """Return the crop in the centre of a frame."""
    top, left = (max(0, (length - size) // 2) for length, size in zip(frame.shape, CROP, strict=False))
    return frame[top : top + CROP[0], left : left + CROP[1]]


def crops(case: "Case") -> dict[str, np.ndarray]:
    """Return the noisy clip, the best peer, the presets and the clean clip: crops of the last frame."""
    best = case.best_peer()
    shown = {name: case.results[name] for name in ("noisy", *([best] if best else []), *PRESETS)}
    titled = {f"{name}, {result.psnr:.1f} dB": centre(result.frames[-1]) for name, result in shown.items()}
    return {**titled, "clean": centre(case.clip.frames[-1])}


def real_crops(clip: Clip, results: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return crops of the middle frame, original and denoised, brightened to the full range."""
    cut = {
        name: centre(frames[len(frames) // 2])
        for name, frames in {"original": clip.frames, **results}.items()
    }
    gain = 255 / max(1, np.quantile(cut["original"], 0.99))
    return {name: np.minimum(gain * crop, 255).astype(np.uint8) for name, crop in cut.items()}
