# SPDX-License-Identifier: Apache-2.0
"""vdcore's denoiser as the tables need it."""

from collections.abc import Callable

import numpy as np

import vdcore
from vdcore import NoiseEstimate

PRESETS = ("fast", "balanced")


def denoised(frames: np.ndarray, preset: str, strength: str | NoiseEstimate = "auto") -> np.ndarray:
    """The clip with one automatic setting, or with a known strength."""
    return vdcore.denoise(frames, strength, preset=preset)


def without_time(frames: np.ndarray, preset: str, strength: NoiseEstimate) -> np.ndarray:
    """Each frame by itself, with the same strength."""
    return np.concatenate([denoised(frame[None], preset, strength) for frame in frames])


def pusher(preset: str, noise: float, threads: int) -> Callable[[np.ndarray], object]:
    """A running stream: takes a frame, gives a frame."""
    return vdcore.Denoiser(noise, preset=preset, threads=threads)
