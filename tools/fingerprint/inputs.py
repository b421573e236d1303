# SPDX-License-Identifier: Apache-2.0
"""Frames, weights and flows that depend on their shape alone."""

import zlib

import numpy as np

PEAKS = {"uint8": 255, "uint16": 65535, "float32": 1, "float64": 1}
SMALL = (5, 37, 53)
LARGE = (4, 203, 331)  # large enough for two threads and the pyramid


def generator(name: str) -> np.random.Generator:
    return np.random.default_rng(zlib.crc32(name.encode()))


def samples(values: np.ndarray, dtype: str) -> np.ndarray:
    """Return fractions of the range as samples."""
    peak = PEAKS[dtype]
    return np.rint(values * peak).clip(0, peak).astype(dtype) if peak > 1 else values.astype(dtype)


def noise(shape: tuple[int, ...], dtype: str) -> np.ndarray:
    """Return uniform noise."""
    return samples(generator(f"{shape}").random(shape), dtype)


def video(shape: tuple[int, ...], dtype: str, deviation: float = 0.04) -> np.ndarray:
    """Return a picture with edges and texture that moves by (1, 2) pixels per frame, with noise."""
    rng = generator(f"video {shape}")
    frames, height, width, *channels = shape
    blocks = rng.random((height // 8 + 4, width // 8 + 8, *channels))
    picture = blocks.repeat(8, 0).repeat(8, 1)
    for axis in (0, 1):
        picture[:, : width // 2] = (picture + np.roll(picture, 1, axis) + np.roll(picture, 2, axis))[
            :, : width // 2
        ] / 3
    moved = [picture[t : t + height, 2 * t : 2 * t + width] for t in range(frames)]
    return samples(0.8 * np.stack(moved) + 0.1 + deviation * rng.standard_normal(shape), dtype)


def confidence(shape: tuple[int, ...]) -> np.ndarray:
    """Return weights in [0, 1] with a hole in the same place of every frame."""
    weights = generator(f"confidence {shape}").random(shape, np.float32)
    weights[weights < 0.3] = 0
    weights[..., : shape[-2] // 2, : shape[-1] // 3] = 0
    return weights


def shapes(base: tuple[int, ...]) -> list[tuple[str, tuple[int, ...]]]:
    return [("grey", base), ("colour", (*base, 3))]


def shift(frame: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Return the flow of content that moves by about (1, 2) pixels per frame, unknown in a corner."""
    flow = np.empty((*frame.shape[:2], 2), np.float32)
    flow[..., 0], flow[..., 1] = 2.02, 1.01
    flow[:4, :5] = np.nan
    return flow
