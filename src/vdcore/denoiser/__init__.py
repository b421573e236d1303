# SPDX-License-Identifier: Apache-2.0
"""Noise removal without parameters: the stream object `Denoiser`, and `denoise` for arrays."""

from .arrays import denoise
from .parameters import (
    DenoiserInfo,
    DenoiserParameters,
    Preset,
    Strength,
    check_strength,
    denoiser_parameters,
)
from .stream import Denoiser
from .tracking import scheduled

__all__ = [
    "Denoiser",
    "DenoiserInfo",
    "DenoiserParameters",
    "Preset",
    "Strength",
    "scheduled",
    "check_strength",
    "denoise",
    "denoiser_parameters",
]
