# SPDX-License-Identifier: Apache-2.0
"""The clips that are denoised."""

import re
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np

from vdcore.video import read_frames

from ..common.clips import CLIPS
from ..common.peers import TINY

CLEAN = (  # noise is added to these
    "foreman_cif_10f.y4m",
    "mobile_cif_30f.ffv1.mkv[frames=20]",
    "flower_720p_300f.264[frames=20,rows=180:540,columns=320:960]",
    "vtest_200f.avi[frames=16,rows=100:460,columns=64:704]",
)
CROPS = (  # small ones, for what takes long
    "foreman_cif_10f.y4m[rows=72:216,columns=88:264]",
    "mobile_cif_30f.ffv1.mkv[frames=16,rows=72:216,columns=88:264]",
    "flower_720p_300f.264[frames=16,rows=288:432,columns=552:728]",
    "vtest_200f.avi[frames=16,rows=216:360,columns=296:472]",
)
REAL = (  # noisy ones
    "visp_mire2_120f_gray.ffv1.mkv[frames=60]",
    "nasa_13013.mp4[frames=100]",
    "fall_hlg_1080p10_5f.mov",
    "shaky_seattle_640x360.avi[frames=40]",
)
MIN_FRAMES = 4  # that the peers need


@dataclass(frozen=True)
class Clip:
    """A name and its frames, uint8: (T, H, W, 3) in the order red, green, blue, or (T, H, W) of grey."""

    name: str
    frames: np.ndarray

    def in_colour(self) -> "Clip":
        """Return this clip, with three equal channels if it is grey."""
        if self.frames.ndim == 4:
            return self
        return Clip(self.name, np.repeat(self.frames[..., None], 3, axis=3))


def between(text: str) -> slice:
    """Return `a:b` as a slice, `b` alone as the first b."""
    start, colon, stop = text.partition(":")
    return slice(int(start or 0), int(stop) if stop else None) if colon else slice(0, int(text))


def read_clip(what: str) -> Clip:
    """Read `FILE` or `FILE[frames=16,rows=100:460,columns=64:704]`; `a:b` is half-open, `b` is `0:b`."""
    match = re.fullmatch(r"(?P<path>[^\[]+)(\[(?P<parts>.*)\])?", what)
    parts = dict(re.findall(r"(\w+)=([\d:]+)", match["parts"] or "")) if match else {}
    if match is None or set(parts) - {"frames", "rows", "columns"}:
        raise ValueError(f"clip: {what!r} is not FILE or FILE[frames=16,rows=100:460,columns=64:704]")
    ranges = {name: between(text) for name, text in parts.items()}
    everything = slice(0, None)
    frames = ranges.get("frames", everything)
    rows, columns = ranges.get("rows", everything), ranges.get("columns", everything)
    path = Path(match["path"])
    decoded = read_frames(path, backend="opencv")  # 8 bits, whatever the file has
    chosen = [frame[rows, columns] for frame in islice(decoded, frames.start, frames.stop)]
    if len(chosen) < MIN_FRAMES or not chosen[0].size:
        raise ValueError(
            f"clip: {what!r} has {len(chosen)} frames, at least {MIN_FRAMES} and some pixels are needed"
        )
    return Clip(path.name.split("_")[0].split(".")[0], np.ascontiguousarray(np.stack(chosen)))


def synthetic_clip(size: tuple[int, int], count: int, *, seed: int = 1) -> Clip:
    """Return soft texture that moves sideways behind a square that moves the opposite way, in colour."""
    height, width = size
    y, x = np.mgrid[:height, :width, :1][:2]
    phases = np.random.default_rng(seed).uniform(0, 6, (5, 3))
    frames = []
    for t in range(count):
        waves = [np.sin((x + 1.5 * t) / (2 + 3 * i) + y / (3 + i) + phase) for i, phase in enumerate(phases)]
        frame = 128 + 20 * sum(waves)
        side = height // 3
        left = (width - side - 2 * t) % width
        frame[side : 2 * side, left : left + side] = (200, 120, 60)
        frames.append(frame)
    return Clip(f"synthetic {seed}", np.rint(np.stack(frames)).clip(0, 255).astype(np.uint8))


def camera_clip(size: tuple[int, int], count: int) -> Clip:
    """Return a static grey ramp from dark to bright, with a bright bar and noise of 2."""
    height, width = size
    ramp = np.broadcast_to(np.linspace(10, 200, width), (height, width)).copy()
    ramp[:, 2 * width // 3 : 2 * width // 3 + 2] = 250
    frames = ramp + np.random.default_rng(1).normal(0, 2, (count, height, width))
    return Clip("camera", np.rint(frames).clip(0, 255).astype(np.uint8))


def clean_clips(given: list[str], *, tiny: bool, usual: tuple[str, ...] = CLEAN) -> list[Clip]:
    """Return clips in colour: those given, else the usual ones where they exist, else two synthetic ones."""
    if tiny or not (given or CLIPS.is_dir()):
        size, count = (TINY, 4) if tiny else ((144, 176), 12)
        return [synthetic_clip(size, count, seed=seed) for seed in (1, 2)]
    return [read_clip(what).in_colour() for what in given or [str(CLIPS / name) for name in usual]]


def real_clips(given: list[str], *, tiny: bool) -> list[Clip]:
    """Return clips as they are: those given, else the usual ones where they exist, else a synthetic one."""
    if tiny or not (given or CLIPS.is_dir()):
        return [camera_clip((64, 96), 6) if tiny else camera_clip((144, 176), 30)]
    return [read_clip(what) for what in given or [str(CLIPS / name) for name in REAL]]
