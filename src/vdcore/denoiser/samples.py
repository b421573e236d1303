# SPDX-License-Identifier: Apache-2.0
"""Shapes and samples of frames: channels, layers, and which samples the filter accepts."""

from typing import Any

import numpy as np

from vdcore import _core
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


def check_samples(samples: Array, name: str) -> bool:
    """Refuse samples that the filter does not accept, naming the place; return whether there are NaN."""
    if channel_count(samples.shape) > MAX_CHANNELS:
        raise ValueError(f"{name} must have 1 to {MAX_CHANNELS} channels, got shape {samples.shape}")
    if samples.dtype.kind != "f":
        return False
    colours = with_channel_axis(samples)[..., :3]
    greatest, least = colours.max(), colours.min()
    missing = bool(np.isnan(greatest))
    if missing:
        greatest, least = np.fmax.reduce(colours, axis=None), np.fmin.reduce(colours, axis=None)
    if greatest > MAX_NOISE or least < -MAX_NOISE:  # squares of more overflow
        outside = np.abs(colours) > MAX_NOISE
        place = tuple(np.argwhere(outside)[0].tolist())
        raise ValueError(
            f"{name} must be finite or NaN and within {MAX_NOISE:g} in magnitude, got {colours[place]:g}"
            f" at {place[: samples.ndim]}"
        )
    return missing


def pixel_weights(confidence: Array, part: slice) -> Array:
    """The confidence of pixels, (H, W): the least of the channels in `part`, if each has its own."""
    if confidence.ndim == 2:
        return confidence
    least: Array = confidence[..., part if confidence.shape[2] > 1 else slice(1)].min(axis=2)
    return least


def with_gaps(samples: Array, confidence: Array | None) -> Array:
    """The samples without alpha, (H, W, C), NaN where the confidence is 0."""
    colours = with_channel_axis(samples)[..., : colour_count(samples.shape)]
    if confidence is None:
        return colours
    missing = pixel_weights(confidence, slice(3)) == 0
    if not missing.any():
        return colours
    gaps: Array = colours.astype(np.result_type(samples.dtype, np.float32))
    gaps[missing] = np.nan
    return gaps


def without_gaps(samples: Array, confidence: Array | None) -> Array:
    """The samples with missing ones interpolated between those around them."""
    weights = None if confidence is None else pixel_weights(confidence, slice(3))
    filled = samples.copy()
    colours = with_channel_axis(filled)[..., :3]
    _core.fill_missing(colours, weights, colours)
    return filled
