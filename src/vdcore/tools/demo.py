# SPDX-License-Identifier: Apache-2.0
"""The demonstration: a noisy clip with a known clean scene, filtered from file to file and measured."""

import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from vdcore.video import diffuse_video, read_frames, write_frames

Frame = npt.NDArray[np.uint8]

FPS = 25.0
NOISE = 20.0  # standard deviation of the noise, of 255
SIGMA, TAU = 0.6, 6.0
DIFFERENCE_GAIN = 4


@dataclass(frozen=True)
class DemoResult:
    """The files of the demonstration, and the peak signal-to-noise ratios against the clean scene in dB."""

    noisy: Path
    filtered: Path
    picture: Path
    psnr_before: float
    psnr_after: float


def run_demo(
    folder: Path, *, width: int = 640, height: int = 360, frames: int = 75, seed: int = 1
) -> DemoResult:
    """Write a noisy clip, filter it, and compare both with the clean scene.

    Parameters
    ----------
    folder : pathlib.Path
        Where to write noisy.mkv (lossless), filtered.mp4 and before-after-difference.png; created if missing.
    width, height, frames : int
        Size of the clip; even numbers of pixels.
    seed : int
        Seed of the noise.

    Returns
    -------
    DemoResult
    """
    folder.mkdir(parents=True, exist_ok=True)
    noisy, filtered = folder / "noisy.mkv", folder / "filtered.mp4"
    picture = folder / "before-after-difference.png"
    _write(noisy, _add_noise(clean_scene(width, height, frames), seed))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # the clip has no sound
        diffuse_video(noisy, filtered, SIGMA, TAU, backend="opencv")  # as installed without extras
    before = psnr(_read(noisy), clean_scene(width, height, frames))
    after = psnr(_read(filtered), clean_scene(width, height, frames))
    panels = _panels(list(_read(noisy))[-1], list(_read(filtered))[-1], before, after)
    picture.write_bytes(cv2.imencode(".png", panels)[1].tobytes())
    return DemoResult(noisy, filtered, picture, before, after)


def clean_scene(width: int, height: int, frames: int) -> Iterator[Frame]:
    """Yield a still camera's view of a brick wall, in front of which a ball drifts by."""
    rng = np.random.default_rng(0)
    wall = _brick_wall(rng, height, width)
    radius = height // 5
    side = 2 * radius + 8
    y, x = np.mgrid[:side, :side] - side // 2
    light = 1.2 - 0.7 * np.hypot(x + radius / 3, y + radius / 3) / radius
    ball = _stone(rng, side, side, light) * np.array([215.0, 150.0, 70.0])  # blue, green, red
    cover = np.clip(radius + 0.5 - np.hypot(x, y), 0, 1)
    layer = np.dstack([ball * cover[..., None], cover]).astype(np.float32)
    for index in range(frames):
        place = np.array([[1, 0, 0.3 * width + 0.2 * index], [0, 1, 0.25 * height + 0.05 * index]])
        moved = cv2.warpAffine(layer, place, (width, height), flags=cv2.INTER_LINEAR)
        yield _to_samples(wall * (1 - moved[..., 3:]) + moved[..., :3])


def psnr(frames: Iterator[Frame], truth: Iterator[Frame]) -> float:
    """Peak signal-to-noise ratio of 8-bit frames in dB, from the mean squared error over all of them."""
    errors = [
        np.mean(np.square(np.subtract(a, b, dtype=np.float32))) for a, b in zip(frames, truth, strict=True)
    ]
    return float(10 * np.log10(255**2 / np.mean(errors)))


def _brick_wall(rng: np.random.Generator, height: int, width: int) -> npt.NDArray[Any]:
    y, x = np.mgrid[:height, :width]
    row = y // 24
    x += 28 * (row % 2)
    column = x // 56
    bricks = rng.uniform(0.6, 1.0, (row.max() + 1, column.max() + 1))[row, column]
    mortar = (y % 24 < 3) | (x % 56 < 3)
    wall = np.where(mortar[..., None], [150.0, 160.0, 165.0], bricks[..., None] * [85.0, 105.0, 190.0])
    result: npt.NDArray[Any] = cv2.GaussianBlur(wall, (0, 0), 0.8) * _stone(rng, height, width)
    return result


def _stone(rng: np.random.Generator, height: int, width: int, light: Any = 1.0) -> npt.NDArray[Any]:
    """Brightness of a rough grey surface, (height, width, 1): smooth noise at several scales."""
    texture = np.ones((height, width))
    for scale, contrast in ((2.0, 0.05), (6.0, 0.06), (30.0, 0.1)):
        noise = cv2.GaussianBlur(rng.normal(size=(height, width)), (0, 0), scale)
        texture += contrast * noise / noise.std()
    result: npt.NDArray[Any] = (light * texture)[..., None]
    return result


def _add_noise(frames: Iterator[Frame], seed: int) -> Iterator[Frame]:
    rng = np.random.default_rng(seed)
    for frame in frames:
        yield _to_samples(frame + NOISE * rng.standard_normal(frame.shape, np.float32))


def _to_samples(values: npt.NDArray[Any]) -> Frame:
    samples: Frame = np.clip(np.rint(values), 0, 255).astype(np.uint8)
    return samples


def _write(path: Path, frames: Iterator[Frame]) -> None:
    write_frames(path, (frame[..., ::-1] for frame in frames), FPS, codec="FFV1", backend="opencv")


def _read(path: Path) -> Iterator[Frame]:
    for frame in read_frames(path):
        yield frame[..., ::-1]  # blue, green, red, as OpenCV has it


def _panels(noisy: Frame, filtered: Frame, before: float, after: float) -> Frame:
    """The last frame before and after, and what was taken away, around grey."""
    difference = _to_samples(128 + DIFFERENCE_GAIN * np.subtract(noisy, filtered, dtype=np.float32))
    captions = f"before: {before:.1f} dB", f"after: {after:.1f} dB", f"difference x {DIFFERENCE_GAIN}"
    panels = noisy.copy(), filtered.copy(), difference
    for panel, caption in zip(panels, captions, strict=True):
        cv2.rectangle(panel, (0, 0), (12 + 12 * len(caption), 40), (0, 0, 0), cv2.FILLED)
        cv2.putText(panel, caption, (12, 28), cv2.FONT_HERSHEY_SIMPLEX, 0.7, (255, 255, 255), 1, cv2.LINE_AA)
    result: Frame = np.concatenate(panels, axis=1)
    return result
