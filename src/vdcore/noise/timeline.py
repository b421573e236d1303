# SPDX-License-Identifier: Apache-2.0
"""The noise of a whole video, which may change."""

from dataclasses import dataclass

import numpy as np

from vdcore._arrays import Array

from .estimate import BLOCK, NoiseEstimate, white_noise
from .estimator import Estimator


@dataclass(frozen=True)
class NoiseTimeline:
    """The noise of a video that may change.

    Attributes
    ----------
    starts : list of int
        Frames from which on the noise is that of `estimates`, in ascending order; the first is 0.
    estimates : list of NoiseEstimate
    length : int
        Frames in all.
    """

    starts: list[int]
    estimates: list[NoiseEstimate]
    length: int

    @property
    def prevailing(self) -> NoiseEstimate:
        """The noise of the longest part that has any."""
        lengths = np.diff([*self.starts, self.length])
        noisy = np.array([noise.sigma.any() for noise in self.estimates])
        return self.estimates[int(np.argmax(np.where(noisy, lengths, 0)))]


class NoiseMeter:
    """The noise of frames (H, W) or (H, W, C); none in frames that are too small to be measured."""

    def __init__(self) -> None:
        self._estimator = Estimator()
        self._before: list[tuple[int, NoiseEstimate]] = []
        self._channels = 1
        self._frames = 0

    def add(self, frame: Array) -> None:
        """Take the next frame."""
        samples = frame if frame.ndim == 3 else frame[..., None]
        self._channels = samples.shape[2]
        self._frames += 1
        if min(frame.shape[:2]) < BLOCK:
            return
        estimator, start, pairs = self._estimator, self._estimator.start, self._estimator.pairs
        estimator.add(samples)
        if estimator.start != start:
            before = estimator.estimate_of(pairs) if pairs else white_noise(np.zeros(self._channels))
            self._before.append((start, before))

    def timeline(self) -> NoiseTimeline:
        """Return the noise of the frames so far."""
        if self._estimator.index < 0:
            return NoiseTimeline([0], [white_noise(np.zeros(self._channels))], self._frames)
        parts = [*self._before, (self._estimator.start, self._estimator.estimate())]
        return NoiseTimeline([start for start, _ in parts], [noise for _, noise in parts], self._frames)
