# SPDX-License-Identifier: Apache-2.0
"""PSNR against time, and crops side by side."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.ticker import StrMethodFormatter

from ..plotting import plt
from .footage import Clip
from .ours import PRESETS
from .quality import Case

CROP = (96, 128)


def plot_curves(path: Path, cases: Sequence[Case], taken: Mapping[str, float]) -> None:
    """Mean PSNR over the clips against the time of a frame on one thread, in that of hqdn3d."""
    unit = taken.get("hqdn3d", taken["fast"])
    noises = sorted({case.noise for case in cases})
    figure, panels = plt.subplots(
        1, len(noises), figsize=(4.2 * len(noises), 4.6), layout="constrained", sharex=True, squeeze=False
    )
    for noise, axes in zip(noises, panels[0], strict=True):
        chosen = [case for case in cases if case.noise == noise]
        levels = {name: np.mean([case.results[name].psnr for case in chosen]) for name in taken}
        for name, level in levels.items():
            if name not in PRESETS:
                axes.plot(taken[name] / unit, level, "o", color="grey")
        times = [taken[name] / unit for name in PRESETS]
        axes.plot(times, [levels[name] for name in PRESETS], "o-", color="tab:blue")
        for name, level in levels.items():
            axes.annotate(name, (taken[name] / unit, level), (0, 6), textcoords="offset points", ha="center")
        axes.set(title=f"noise {noise}", xscale="log", xlabel="time of a frame, hqdn3d = 1")
        axes.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
        axes.margins(0.2, 0.1)
        axes.grid(alpha=0.3)
    panels[0, 0].set_ylabel("PSNR in dB, mean over the clips")
    figure.savefig(path, dpi=90)
    plt.close(figure)


def show_crops(path: Path, rows: Mapping[str, Mapping[str, np.ndarray]]) -> None:
    """Write a PNG of crops side by side; each row has a name, each crop (H, W, 3) a title."""
    columns = max(len(row) for row in rows.values())
    height, width = CROP
    size = (2.2 * columns, (2.2 * height / width + 0.3) * len(rows))
    figure, panels = plt.subplots(len(rows), columns, figsize=size, layout="constrained", squeeze=False)
    for line, (name, crops) in zip(panels, rows.items(), strict=True):
        for axes, (title, crop) in zip(line, crops.items(), strict=False):
            axes.imshow(crop, cmap="gray", vmin=0, vmax=255, interpolation="nearest")
            axes.set_title(title, fontsize=8)
        for axes in line:
            axes.set(xticks=[], yticks=[])
        line[0].set_ylabel(name, fontsize=8)
    figure.savefig(path, dpi=110)
    plt.close(figure)


def middle(frame: np.ndarray) -> np.ndarray:
    """The crop in the middle of a frame."""
    top, left = (max(0, (length - size) // 2) for length, size in zip(frame.shape, CROP, strict=False))
    return frame[top : top + CROP[0], left : left + CROP[1]]


def crops_of(case: Case) -> dict[str, np.ndarray]:
    """Noisy, the best peer, ours and the clean one, of the last frame."""
    best = case.best_peer()
    names = {"noisy": "noisy", **({best: best} if best else {}), **{preset: preset for preset in PRESETS}}
    shown = {title: case.results[name] for title, name in names.items()}
    crops = {f"{title}, {result.psnr:.1f} dB": middle(result.frames[-1]) for title, result in shown.items()}
    return {**crops, "clean": middle(case.clip.frames[-1])}


def real_crops(clip: Clip, results: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The middle frame as it came and denoised, as bright as fits."""
    crops = {"as it came": clip.frames, **results}
    crops = {name: middle(frames[len(frames) // 2]) for name, frames in crops.items()}
    gain = 255 / max(1, np.quantile(crops["as it came"], 0.99))
    return {name: np.minimum(gain * crop, 255).astype(np.uint8) for name, crop in crops.items()}
