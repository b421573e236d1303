# SPDX-License-Identifier: Apache-2.0
"""The noise of a video: what is known of it, and its estimate from the video alone."""

from .blocks import Blocks
from .estimate import BLOCK, NoiseEstimate, colour_is_subsampled, estimate_from, noise_values, white_noise
from .estimator import MAX_PAIRS, Estimator
from .timeline import NoiseMeter, NoiseTimeline

__all__ = [
    "BLOCK",
    "MAX_PAIRS",
    "Blocks",
    "Estimator",
    "NoiseEstimate",
    "NoiseMeter",
    "NoiseTimeline",
    "colour_is_subsampled",
    "estimate_from",
    "noise_values",
    "white_noise",
]
