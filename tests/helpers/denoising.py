# SPDX-License-Identifier: Apache-2.0
"""Noisy scenes, and what a denoiser makes of them."""

from functools import lru_cache

import numpy as np
import pytest

from vdcore import NoiseEstimate
from vdcore.tools.demo import clean_scene

NOISE = 20.0


PRESETS = pytest.mark.parametrize("preset", ["fast", "balanced"])


LOOKAHEADS = pytest.mark.parametrize("lookahead", [0, 2])


def with_noise(frames, sigma=NOISE, seed=1):
    noisy = frames + np.random.default_rng(seed).normal(0, sigma, np.shape(frames))
    return noisy.clip(0, 255).round().astype(np.uint8)


def white(sigma):
    """White noise that is known: given a number, a denoiser estimates the spectrum."""
    return NoiseEstimate(*np.array([[sigma], [0.0], [sigma**2]]))


def coloured(sigma, channels):
    """Noise of an uneven spectrum: horizontal and vertical frequencies, and channels, differ."""
    y, x = np.mgrid[:8, :8]
    spectrum = np.stack([(1 + c / 2) * np.exp(-(y + 3 * x) / (16 - 2 * c)) for c in range(channels)])
    sigma = np.full(channels, sigma)
    return NoiseEstimate(sigma, 0 * sigma, sigma**2, spectrum / spectrum.mean())


@lru_cache
def scene(count=8, width=160, height=96):
    """Clean and noisy frames of something that moves, (T, H, W, 3) uint8."""
    clean = np.stack(list(clean_scene(width, height, count)))
    return clean, with_noise(clean)


def as_type(frames, dtype):
    """Frames of uint8 over the whole range of another type."""
    scale = {"uint8": 1, "uint16": 257, "float32": 1 / 255, "float64": 1 / 255}[dtype]
    return (frames * np.float64(scale)).astype(dtype), scale


def psnr(frames, truth):
    return 10 * np.log10(255**2 / np.mean((frames.astype(float) - truth) ** 2))


def stream(denoiser, frames):
    """What a denoiser makes of frames, one by one."""
    results = [result for frame in frames if (result := denoiser(frame)) is not None]
    return np.stack([*results, *denoiser.flush()])
