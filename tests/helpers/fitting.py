# SPDX-License-Identifier: Apache-2.0
"""Scenes with known noise, to fit sigma and tau to."""

import numpy as np

import vdcore


def scene(frames=10, height=56, width=72, speed=1.0, channels=3, low=30.0, high=225.0):
    """A smooth picture with edges that moves `speed` pixels per frame, float64, shape (T, H, W, C)."""
    y, x = np.mgrid[:height, :width]
    clean = np.empty((frames, height, width, channels))
    for t in range(frames):
        for channel in range(channels):
            wave = np.sin((x - speed * t) / (5 + channel)) * np.cos(y / 7)
            clean[t, ..., channel] = 0.5 + 0.25 * wave + 0.25 * (((x - speed * t) // 12 + y // 14) % 2)
    return low + (high - low) * clean


def degraded(clean, noise, dtype="uint8", seed=3):
    """The clean frames as `dtype`, and the same with normal noise added, clipped to the range of dtype."""
    noisy = clean + np.random.default_rng(seed).normal(0, noise, clean.shape)
    if dtype.startswith("uint"):
        top = np.iinfo(dtype).max
        clean, noisy = clean.clip(0, top).round(), noisy.clip(0, top).round()
    return clean.astype(dtype), noisy.astype(dtype)


def squared_error(frames, clean, **parameters):
    result = vdcore.diffuse(frames, dtype="float64" if frames.dtype == "float64" else "float32", **parameters)
    return float(np.square(result.astype(float) - clean).mean())
