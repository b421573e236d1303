# SPDX-License-Identifier: Apache-2.0
"""The noise of a stream: what a denoiser assumes from one frame to the next."""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from vdcore._arrays import Array
from vdcore.noise import BLOCK, Estimator, NoiseEstimate

from .parameters import Strength, assumed
from .samples import colour_count, with_gaps

Levels = Callable[[NoiseEstimate], Array]  # from an estimate to the standard deviation of each layer

_TOLERANCE = 0.05  # of a standard deviation: estimates closer than this are not worth a restart


class NoiseTracker:
    """The noise that a denoiser assumes; where it is not given, the estimate improves with the stream.

    Attributes
    ----------
    noise : NoiseEstimate or None
        The noise assumed now, in sample units; None before the first frame.
    estimator : Estimator
        What was measured so far.
    """

    def __init__(self, strength: Strength) -> None:
        self._strength = strength
        self.noise: NoiseEstimate | None = None
        self.estimator = Estimator()

    def copy(self) -> "NoiseTracker":
        """Return an independent tracker with the same memory."""
        twin = NoiseTracker(self._strength)
        twin.noise, twin.estimator = self.noise, self.estimator.copy()
        return twin

    def update(self, samples: Array, confidence: Array | None, levels: Levels) -> NoiseEstimate:
        """Take the next frame and return the noise to assume from it on."""
        self.noise = self._assumed(samples, confidence, levels)
        return self.noise

    def _assumed(self, samples: Array, confidence: Array | None, levels: Levels) -> NoiseEstimate:
        strength, colours = self._strength, colour_count(samples.shape)
        if isinstance(strength, NoiseEstimate):
            return strength
        if isinstance(strength, float):
            return fixed_noise(np.full(colours, strength))
        if min(samples.shape[:2]) < BLOCK:
            return fixed_noise(np.zeros(colours))
        measured = self.estimator.add(with_gaps(samples, confidence))
        pairs = self.estimator.pairs
        due = measured and pairs & (pairs - 1) == 0  # 1, 2, 4, ...
        if self.noise is not None and not due:
            return self.noise
        estimate = assumed(_estimate(self.estimator, colours), strength)
        if self.noise is not None:
            before, now = levels(self.noise), levels(estimate)
            if (np.abs(now - before) <= _TOLERANCE * np.maximum(now, before)).all():
                return self.noise
        return estimate


def fixed_noise(sigma: npt.NDArray[Any]) -> NoiseEstimate:
    """White noise of a standard deviation for each channel, whatever the brightness."""
    sigma = sigma.astype(np.float64)
    return NoiseEstimate(sigma, np.zeros_like(sigma), sigma**2)


class NoiseMeter:
    """The noise of frames (H, W) or (H, W, C) without alpha; 0 where they are too small to measure."""

    def __init__(self) -> None:
        self._estimator = Estimator()
        self._colours = 1
        self._measured = False

    def add(self, frame: Array, confidence: Array | None = None) -> None:
        """Take the next frame."""
        self._colours = colour_count(frame.shape)
        if min(frame.shape[:2]) >= BLOCK:
            self._estimator.add(with_gaps(frame, confidence))
            self._measured = True

    def estimate(self) -> NoiseEstimate:
        """Return the estimate from the frames so far."""
        return _estimate(self._estimator if self._measured else None, self._colours)


def _estimate(estimator: Estimator | None, colours: int) -> NoiseEstimate:
    """The estimate; 0 where there is nothing to measure: no block of samples none of which is missing."""
    try:
        return fixed_noise(np.zeros(colours)) if estimator is None else estimator.estimate()
    except ValueError:
        return fixed_noise(np.zeros(colours))
