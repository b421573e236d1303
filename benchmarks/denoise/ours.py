# SPDX-License-Identifier: Apache-2.0
"""vdcore's denoiser as the tables need it: for now the float64 oracle, right but slow.

Where `vdcore.denoise` exists, it takes the oracle's place here, and nowhere else.
"""

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np

from vdcore import NoiseEstimate, estimate_noise

sys.path.insert(0, str(Path(__file__).parents[2] / "tests"))
from oracles.video_denoiser import VideoDenoiser  # noqa: E402

PRESETS = ("fast", "balanced")
RUNS = "Ours is the float64 oracle: its quality counts, its times mean nothing."


def denoised(frames: np.ndarray, preset: str, strength: str | NoiseEstimate = "auto") -> np.ndarray:
    """The clip with one automatic setting, or with a known strength."""
    noise = estimate_noise(frames) if isinstance(strength, str) else strength
    stream = VideoDenoiser(noise, preset)
    return np.stack([np.rint(stream.push(frame)).clip(0, 255).astype(np.uint8) for frame in frames])


def without_time(frames: np.ndarray, preset: str, strength: NoiseEstimate) -> np.ndarray:
    """Each frame by itself, with the same strength."""
    return np.concatenate([denoised(frame[None], preset, strength) for frame in frames])


def pusher(preset: str, noise: float, threads: int) -> Callable[[np.ndarray], object]:
    """A running stream: takes a frame, gives a frame."""
    return VideoDenoiser(noise, preset).push
