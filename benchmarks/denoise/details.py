# SPDX-License-Identifier: Apache-2.0
"""What stays put and is faint: does it stay? And what moves: does it leave a ghost?"""

import numpy as np

import vdcore

from ..common.results import Row
from .kinds import Bytes, Floats, to_bytes
from .measures import psnr
from .ours import denoised, without_time
from .scenes import Size, disc, texture

SIGMA = 10.0  # of the noise
STILL = (5, 20, 40, 60)  # frames after which a still scene is looked at
RECENT = 6  # frames since the disc was there
PRESET = "balanced"


def still_scene(picture: Bytes, *, tiny: bool) -> list[Row]:
    """One picture and new noise each frame: PSNR beside the running mean and `diffuse` with a gate."""
    when = (2, 4) if tiny else STILL
    clean = np.stack([picture] * when[-1])
    noisy = to_bytes(clean + np.random.default_rng(1).normal(0, SIGMA, clean.shape))
    counts = np.arange(1, len(noisy) + 1)[:, None, None, None]
    others = {
        "running mean": to_bytes(np.cumsum(noisy, axis=0, dtype=np.float64) / counts),
        "`diffuse` with a gate": vdcore.diffuse(noisy, 0, np.inf, gate=SIGMA),
    }
    ours = denoised(noisy, PRESET)
    rows = []
    for frame in when:
        at = slice(frame - 1, frame)
        reached = psnr(clean[at], ours[at])
        levels = {name: psnr(clean[at], frames[at]) for name, frames in others.items()}
        peer = ", ".join(f"{name} {level:.1f} dB" for name, level in levels.items())
        met = reached >= max(levels.values()) - 0.1
        rows.append(Row(f"still scene, frame {frame}", peer, "", f"{reached:.1f} dB", "0.1 dB below", met))
    return rows


def faint(size: Size) -> dict[str, tuple[Floats, float]]:
    """Return pictures (H, W) of peak 1 by name, and how much of each must stay."""
    y, x = np.mgrid[: size[0], : size[1]]
    star = np.exp(-((y - size[0] // 2) ** 2 + (x - size[1] // 2) ** 2) / (2 * 1.2**2))
    points = np.random.default_rng(3).random(size) < 0.03
    line = (x == size[1] // 2).astype(np.float64)
    return {"a star": (star, 0.95), "a line": (line, 0.95), "single pixels": (points.astype(float), 0.98)}


def faint_detail(size: Size, count: int) -> list[Row]:
    """Static detail of twice the noise on a flat ground: how much of it the mean over time keeps."""
    rng = np.random.default_rng(2)
    rows = []
    for name, (detail, least) in faint(size).items():
        noisy = to_bytes(100 + 2 * SIGMA * detail + rng.normal(0, SIGMA, (count, *size)))
        kept = amplitude(denoised(noisy, PRESET), detail) / amplitude(noisy, detail)
        work = f"faint detail, {name} of twice the noise"
        place = f"realistic.{name.split()[-1]}_kept"
        result, target = f"{kept:.2f} kept", f"at least {least}"
        rows.append(Row(work, "input", "", result, target, kept >= least, place, round(kept, 2)))
    return rows


def amplitude(frames: Bytes, detail: Floats) -> float:
    """Return how much of `detail` (H, W) the mean over time of the frames has, by least squares."""
    template = detail - detail.mean()
    return float((frames.mean(axis=0) * template).sum() / np.square(template).sum())


def ghosts(size: Size, count: int) -> list[Row]:
    """A disc of the noise's height over texture: what is left of it where it was, against each frame alone.

    The same noise is filtered with and without the disc; the difference is what the disc left.
    """
    height, width = size
    radius, speed = height / 16, 0.5
    noise = np.random.default_rng(4).normal(0, SIGMA, (count, *size))
    shapes = [disc(size, radius, (height / 2, width / 4 + speed * t)) for t in range(count)]
    ground = texture(size) + noise
    videos = to_bytes(ground + SIGMA * np.stack([shape for shape, _ in shapes])), to_bytes(ground)
    distances = np.stack([distance for _, distance in shapes])
    left = np.zeros((count, *size), bool)
    for t in range(max(count // 3, RECENT), count):
        covered = (distances[t - RECENT : t] < radius - 0.5).any(axis=0)
        left[t] = covered & (distances[t] > radius + 0.5)

    def trail(with_disc: Bytes, without: Bytes) -> float:
        return float((with_disc.astype(float) - without)[left].mean() / SIGMA) if left.any() else 0.0

    estimate = vdcore.estimate_noise(videos[0])
    with_time = trail(*(denoised(video, PRESET) for video in videos))
    alone = trail(*(without_time(video, PRESET, estimate) for video in videos))
    result, peer = f"{100 * with_time:.0f} % of its contrast", f"each frame alone: {100 * alone:.0f} %"
    met = with_time <= alone + 0.03
    figure = round(100 * with_time)
    return [
        Row(
            "trail of a faint moving disc",
            peer,
            "",
            result,
            "at most 3 points more",
            met,
            "realistic.trail_percent",
            figure,
        )
    ]
