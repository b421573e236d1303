# SPDX-License-Identifier: Apache-2.0
"""The noise of a stream: what a denoiser assumes from frame to frame."""

from typing import Any

import numpy as np
import numpy.typing as npt

from vdcore._arrays import Array
from vdcore.noise import BLOCK, Estimator, NoiseEstimate

from .samples import colour_count, with_channel_axis


def fixed_noise(sigma: npt.NDArray[Any]) -> NoiseEstimate:
    sigma = sigma.astype(np.float64)
    return NoiseEstimate(sigma, np.zeros_like(sigma), sigma**2)


class NoiseMeter:
    """The noise of frames (H, W) or (H, W, C), alpha left out; 0 where they tell nothing."""

    def __init__(self) -> None:
        self._estimator = Estimator()
        self._colours = 1
        self._told = False

    def add(self, frame: Array) -> None:
        """Take the next frame."""
        self._colours = colour_count(frame.shape)
        if min(frame.shape[:2]) >= BLOCK:
            self._estimator.add(with_channel_axis(frame)[..., : self._colours])
            self._told = True

    def estimate(self) -> NoiseEstimate:
        """Return what is known by now."""
        return self._estimator.estimate() if self._told else fixed_noise(np.zeros(self._colours))
