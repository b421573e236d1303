# SPDX-License-Identifier: Apache-2.0
"""The noise of a stream: what a denoiser assumes from one frame to the next."""

from dataclasses import replace

import numpy as np

from vdcore._arrays import Array
from vdcore.noise import BLOCK, Estimator, NoiseEstimate, NoiseMeter, NoiseTimeline, white_noise

from .parameters import Strength, assumed
from .samples import colour_count, with_gaps

_ALIKE = 1.5  # ratio of a given level and the estimated one, for noise that may be the same
_PAIRS_PER_ESTIMATE = 8  # once the estimate has settled


class NoiseTracker:
    """The noise that a denoiser assumes; what is not given is estimated, and follows the stream.

    Attributes
    ----------
    strength : "auto", float or NoiseEstimate
        What is given. Of a number, the standard deviation, only the spectrum is estimated.
    noise : NoiseEstimate or None
        The noise assumed now, in sample units; None before the first frame.
    estimator : Estimator
        What was measured so far.
    new_pairs : int
        Pairs measured since the last estimate.
    """

    def __init__(self, strength: Strength) -> None:
        self.strength = strength
        self.noise: NoiseEstimate | None = None
        self.estimator = Estimator()
        self.new_pairs = 0

    def copy(self) -> "NoiseTracker":
        """Return an independent tracker with the same memory."""
        twin = NoiseTracker(self.strength)
        twin.noise, twin.estimator, twin.new_pairs = self.noise, self.estimator.copy(), self.new_pairs
        return twin

    def set_strength(self, strength: Strength) -> None:
        """Change what is given, from the next frame on."""
        self.strength = strength
        if self.noise is not None and not isinstance(strength, NoiseEstimate) and self.estimator.index >= 0:
            self.noise = with_strength(self._estimate(self.noise.sigma.size), strength)
        else:
            self.noise = None

    def update(self, samples: Array, confidence: Array | None) -> NoiseEstimate:
        """Take the next frame and return the noise to assume from it on."""
        strength, colours = self.strength, colour_count(samples.shape)
        if isinstance(strength, NoiseEstimate):
            self.noise = strength
        elif strength == 0 or min(samples.shape[:2]) < BLOCK:
            self.noise = white_noise(np.full(colours, 0.0 if isinstance(strength, str) else strength))
        elif self._measure(with_gaps(samples, confidence)) or self.noise is None:
            self.noise = with_strength(self._estimate(colours), strength)
        return self.noise

    def _estimate(self, colours: int) -> NoiseEstimate:
        """The estimate; 0 where no block is free of missing samples."""
        try:
            return self.estimator.estimate()
        except ValueError:
            return white_noise(np.zeros(colours))

    def _measure(self, samples: Array) -> bool:
        """Take a frame of the estimate; return whether it is worth another look."""
        start = self.estimator.start
        if isinstance(self.strength, float) and len(self.estimator.pairs) >= _PAIRS_PER_ESTIMATE:
            return False  # a spectrum is known, and the level was given
        if not self.estimator.add(samples):
            return False
        self.new_pairs += 1
        pairs = len(self.estimator.pairs)
        settling = pairs & (pairs - 1) == 0  # 1, 2, 4 ...
        if self.estimator.start == start and not settling and self.new_pairs < _PAIRS_PER_ESTIMATE:
            return False
        self.new_pairs = 0
        return True


def with_strength(estimate: NoiseEstimate, strength: Strength) -> NoiseEstimate:
    """What a strength makes of an estimate: of a number, only the spectrum stays."""
    if isinstance(strength, NoiseEstimate):
        return strength
    if isinstance(strength, str):
        return assumed(estimate, strength)
    noise = white_noise(np.full(estimate.sigma.size, strength))
    level = float(np.sqrt(np.mean(np.square(estimate.sigma))))
    if not strength / _ALIKE <= level <= strength * _ALIKE:  # something else was found
        return noise
    return replace(
        noise,
        spectrum=estimate.spectrum,
        correlation=estimate.correlation,
        compressed=estimate.compressed,
    )


def scheduled(timeline: NoiseTimeline, strength: Strength) -> dict[int, NoiseEstimate]:
    """Return what to assume from which frame on, where `strength` is asked for."""
    pairs = zip(timeline.starts, timeline.estimates, strict=True)
    return {start: with_strength(estimate, strength) for start, estimate in pairs}


def timeline_of(meter: NoiseMeter, colours: int) -> NoiseTimeline:
    """Return the noise of the frames of a meter; 0 where no block of them is free of missing samples."""
    try:
        return meter.timeline()
    except ValueError:
        return NoiseTimeline([0], [white_noise(np.zeros(colours))], 1)
