# SPDX-License-Identifier: Apache-2.0
"""PSNR and SSIM of two frames.

Samples are compared as fractions of the range of their dtype, so that 8 bits compare with 16; a grey frame
is compared with a colour one as three equal channels.
"""

from collections.abc import Iterator
from math import inf, log10
from typing import Any

import numpy as np
import numpy.typing as npt

from vdcore._arrays import Array
from vdcore._pictures import blur

Floats = npt.NDArray[np.float64]
_WINDOW, _SIGMA = 11, 1.5  # pixels
_C1, _C2 = 0.01**2, 0.03**2  # (K1 L)^2 and (K2 L)^2 of Wang et al. with the range L = 1
_STRIP = 1 << 16  # pixels measured at a time


def psnr(a: Array, b: Array) -> float:
    """Return the peak signal-to-noise ratio of two frames in dB, inf if they are identical.

    Parameters
    ----------
    a, b : ndarray, shape (H, W) or (H, W, C)
        uint8, uint16, or floats of range 1. The mean squared error is that over all channels.
    """
    return decibels(squared_error(a, b))


def ssim(a: Array, b: Array) -> float:
    """Return the structural similarity of two frames, mean over the channels; see `compare`.

    Parameters
    ----------
    a, b : ndarray, shape (H, W) or (H, W, C)
        uint8, uint16, or floats of range 1. Along a side of less than 11 pixels, where the window does not
        fit, frames are reflected.
    """
    total, count = 0.0, 0
    for one, other in _strips(a, b, _WINDOW // 2):
        similarity = _similarity(one, other)
        total += float(similarity.sum())
        count += similarity.size
    return total / count


def squared_error(a: Array, b: Array) -> float:
    sums = [(float(np.square(one - other).sum()), one.size) for one, other in _strips(a, b)]
    return sum(total for total, _ in sums) / sum(size for _, size in sums)


def decibels(squared_error: float) -> float:
    return -10 * log10(squared_error) if squared_error > 0 else inf


def _similarity(a: Floats, b: Floats) -> Floats:
    """The structural similarity at every place of the window."""

    def mean(values: Floats) -> Array:
        return blur(values, _WINDOW, _SIGMA)

    mean_a, mean_b = mean(a), mean(b)
    product, squares = mean_a * mean_b, mean_a * mean_a + mean_b * mean_b
    covariance, variances = mean(a * b) - product, mean(a * a + b * b) - squares
    similarity = (2 * product + _C1) * (2 * covariance + _C2) / ((squares + _C1) * (variances + _C2))
    edge = _WINDOW // 2
    result: Floats = similarity[tuple(slice(edge, -edge) if s >= _WINDOW else slice(None) for s in a.shape)]
    return result


def _strips(a: Array, b: Array, margin: int = 0) -> Iterator[tuple[Floats, Floats]]:
    """Yield both frames, channel by channel, in strips of rows that stay in the cache, as fractions.

    With a margin, the first and the last `margin` rows of a strip are those of its neighbours, if it has any.
    """
    for one, other in channel_pairs(a, b):
        height, width = one.shape
        rows = max(1, _STRIP // width)
        for top in range(0, max(1, height - 2 * margin), rows):
            strip = slice(top, top + rows + 2 * margin)
            yield fractions(one[strip]), fractions(other[strip])


def channel_pairs(a: Array, b: Array) -> Iterator[tuple[Array, Array]]:
    """Yield pairs of channels of two frames; a grey frame pairs with every channel of the other."""
    if a.shape[:2] != b.shape[:2]:
        raise ValueError(f"a and b must have the same size, got shapes {a.shape} and {b.shape}")
    for channel in range(max(1 if frame.ndim == 2 else frame.shape[2] for frame in (a, b))):
        one, other = (frame if frame.ndim == 2 else frame[..., channel] for frame in (a, b))
        yield one, other


def fractions(samples: Array) -> Floats:
    """Samples as fractions of the range of their dtype."""
    return np.divide(samples, _peak(samples.dtype), dtype=np.float64)


def _peak(dtype: np.dtype[Any]) -> int:
    return int(np.iinfo(dtype).max) if dtype.kind == "u" else 1


def to_8_bits(frame: Array) -> npt.NDArray[np.uint8]:
    """Return samples of any range as uint8, rounded."""
    if frame.dtype == np.uint8:
        return frame
    scaled = np.multiply(frame, 255 / _peak(frame.dtype), dtype=np.float32)
    result: npt.NDArray[np.uint8] = np.clip(np.rint(scaled), 0, 255).astype(np.uint8)
    return result
