# SPDX-License-Identifier: Apache-2.0
"""Noise removal without parameters: the stream object `Denoiser`, and `denoise` for arrays."""

from .arrays import denoise
from .parameters import (
    FACTORS,
    Automatic,
    DenoiserInfo,
    DenoiserParameters,
    HotPixels,
    Preset,
    Strength,
    check_strength,
    denoiser_parameters,
)
from .samples import check_samples, with_gaps
from .stream import Denoiser
from .tracking import scheduled, timeline_of

__all__ = [
    "FACTORS",
    "Automatic",
    "Denoiser",
    "DenoiserInfo",
    "DenoiserParameters",
    "HotPixels",
    "Preset",
    "Strength",
    "check_samples",
    "check_strength",
    "denoise",
    "denoiser_parameters",
    "scheduled",
    "timeline_of",
    "with_gaps",
]
