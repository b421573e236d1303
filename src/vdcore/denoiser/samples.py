# SPDX-License-Identifier: Apache-2.0
"""Shapes and samples of frames: channels, layers, and which samples the filter accepts."""

from typing import Any

import numpy as np

from vdcore._arrays import Array
from vdcore._checks import MAX_NOISE

MAX_CHANNELS = 4


def channel_count(shape: tuple[int, ...]) -> int:
    return shape[2] if len(shape) == 3 else 1


def colour_count(shape: tuple[int, ...]) -> int:
    """Channels without alpha."""
    return min(channel_count(shape), 3)


def layer_channels(shape: tuple[int, ...]) -> list[slice]:
    """The channels of each layer: three are one colour, one or two are grey."""
    colours = colour_count(shape)
    return [slice(0, 3)] if colours == 3 else [slice(c, c + 1) for c in range(colours)]


def with_channel_axis(samples: Array) -> Array:
    """A view of shape (H, W, C)."""
    return samples if samples.ndim == 3 else samples[:, :, None]


def converted(samples: Array, dtype: np.dtype[Any]) -> Array:
    """A copy as samples of `dtype`, rounded and clipped if those are integers."""
    if samples.dtype != dtype and dtype.kind == "u":
        samples = np.rint(samples).clip(0, np.iinfo(dtype).max)
    return samples.astype(dtype)


def check_samples(samples: Array, name: str) -> None:
    """Refuse samples that the filter does not accept, naming the place."""
    if channel_count(samples.shape) > MAX_CHANNELS:
        raise ValueError(f"{name} must have 1 to {MAX_CHANNELS} channels, got shape {samples.shape}")
    if samples.dtype.kind != "f":
        return
    colours = with_channel_axis(samples)[..., :3]
    if not (colours.max() <= MAX_NOISE and colours.min() >= -MAX_NOISE):  # squares of more overflow
        inside = np.abs(colours) <= MAX_NOISE
        place = tuple(np.argwhere(~inside)[0].tolist())
        raise ValueError(
            f"{name} must be finite and within {MAX_NOISE:g} in magnitude, got {colours[place]:g}"
            f" at {place[: samples.ndim]}"
        )
