# SPDX-License-Identifier: Apache-2.0
"""The noise of a video: what is known of it, and its estimate from the video alone."""

from .blocks import BLOCK, opponent_colours
from .estimate import NoiseEstimate
from .estimator import MAX_PAIRS, Estimator

__all__ = ["BLOCK", "MAX_PAIRS", "Estimator", "NoiseEstimate", "opponent_colours"]
