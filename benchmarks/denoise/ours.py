# SPDX-License-Identifier: Apache-2.0
"""vdcore's denoiser."""

from collections.abc import Callable

import numpy as np

import vdcore
from vdcore import NoiseEstimate

PRESETS = ("fast", "balanced")


def denoised(frames: np.ndarray, preset: str, strength: str | float | NoiseEstimate = "auto") -> np.ndarray:
    """Return the clip denoised, by default with the automatic setting."""
    return vdcore.denoise(frames, strength, preset=preset)


def without_time(frames: np.ndarray, preset: str, strength: NoiseEstimate) -> np.ndarray:
    """Return the clip with each frame denoised alone, with the same strength."""
    return np.concatenate([denoised(frame[None], preset, strength) for frame in frames])


def pusher(preset: str, noise: float, threads: int) -> Callable[[np.ndarray], object]:
    """Return a stream that takes a frame and returns one."""
    return vdcore.Denoiser(noise, preset=preset, threads=threads)
