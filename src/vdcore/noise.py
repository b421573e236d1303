# SPDX-License-Identifier: Apache-2.0
"""How much noise there is in a video, from the video alone."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

import numpy as np
import numpy.typing as npt

from vdcore._arguments import Array, integer
from vdcore._frames import iterate_frames

_NORMAL_MEDIAN = 0.6744897501960817  # median of |x| for a standard normal x


@dataclass(frozen=True)
class NoiseEstimate:
    """The noise of a video, in the units of its samples.

    Attributes
    ----------
    sigma : ndarray of float64, shape (C,)
        Standard deviation in every channel, C = 1 for grey, before the samples were clipped to their range:
        the root of the mean variance over the picture.
    gain, offset : ndarray of float64, shape (C,)
        The Poisson-Gaussian pair: the variance at the expected value v is gain * v + offset.
    """

    sigma: npt.NDArray[np.float64]
    gain: npt.NDArray[np.float64]
    offset: npt.NDArray[np.float64]

    def variance(self, values: npt.ArrayLike) -> npt.NDArray[np.float64]:
        """Return the variance of the noise on samples with these expected values, never negative.

        Parameters
        ----------
        values : array_like, shape (..., C), or any shape for one channel
            In sample units.

        Returns
        -------
        ndarray of float64, shape of `values`
        """
        return np.maximum(self.gain * np.asarray(values, np.float64) + self.offset, 0.0)


def estimate_noise(frames: object, *, channel_axis: int | None = None, max_frames: int = 16) -> NoiseEstimate:
    """Estimate the noise of a video."""
    count = integer(max_frames, "max_frames", 1, 2**31 - 1)
    residuals = [
        _residual(pair) for pair in _pairs(islice(iterate_frames(frames, channel_axis=channel_axis), count))
    ]
    sigma = np.nanmedian(np.abs(np.concatenate(residuals)), axis=0) / _NORMAL_MEDIAN
    return NoiseEstimate(sigma, np.zeros_like(sigma), sigma**2)


def _pairs(frames: Iterator[Array]) -> Iterator[Array]:
    """Half the difference of successive frames, scaled to keep the variance of the noise; one frame as it is."""
    last = None
    alone = True
    for frame in frames:
        now = frame.reshape(*frame.shape[:2], -1).astype(np.float64)
        if last is not None:
            alone = False
            yield (now - last) / np.sqrt(2)
        last = now
    if alone and last is not None:
        yield last


def _residual(frame: Array) -> Array:
    """Second differences in y and x, scaled to keep the variance of white noise, (N, C)."""
    rows = frame[:-2] - 2 * frame[1:-1] + frame[2:]
    both = (rows[:, :-2] - 2 * rows[:, 1:-1] + rows[:, 2:]) / 6
    return both.reshape(-1, frame.shape[2])
