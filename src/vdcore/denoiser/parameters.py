# SPDX-License-Identifier: Apache-2.0
"""The denoiser's parameters, checked, and what it reports."""

from collections.abc import Mapping
from dataclasses import dataclass
from numbers import Real
from types import MappingProxyType
from typing import Final, Literal, cast

import numpy as np

from vdcore import _core
from vdcore._checks import MAX_THREADS, choice, filling, integer, number
from vdcore.flow import Motion
from vdcore.noise import NoiseEstimate

Preset = Literal["fast", "balanced"]
HotPixels = Literal["auto", "off"]
Automatic = Literal["light", "auto", "strong"]
Strength = Automatic | float | NoiseEstimate

FACTORS: Final[Mapping[Automatic, float]] = MappingProxyType({"light": 0.7, "auto": 1.0, "strong": 1.4})
"""Factors applied to the estimated standard deviation."""

MAX_LOOKAHEAD = 31  # the C library takes 32 priors
MIN_NOISE, MAX_NOISE = 1e-15, 1e15  # standard deviations that the C library takes; less is no noise


@dataclass(frozen=True)
class DenoiserParameters:
    """Valid parameters, as `denoiser_parameters` makes them."""

    strength: Strength
    preset: Preset
    motion: Motion | None
    lookahead: int
    fill: float | None
    hot_pixels: HotPixels
    threads: int | None


def denoiser_parameters(
    strength: Strength,
    preset: Preset,
    motion: Motion | None,
    lookahead: int,
    fill: float | None,
    hot_pixels: HotPixels,
    threads: int | None,
) -> DenoiserParameters:
    """Return the parameters, checked; see `Denoiser` for what they mean.

    Raises
    ------
    ValueError, TypeError
        The message names the argument, its value and what is allowed.
    """
    if not (motion is None or callable(motion) or isinstance(motion, str) and motion == "flow"):
        raise ValueError(f"motion must be None, 'flow' or a callable, got {motion!r}")
    return DenoiserParameters(
        strength=_strength(strength),
        preset=cast(Preset, choice(preset, "preset", tuple(_core.DENOISERS))),
        motion=motion,
        lookahead=integer(lookahead, "lookahead", 0, MAX_LOOKAHEAD),
        fill=None if fill is None else filling(fill),
        hot_pixels=cast(HotPixels, choice(hot_pixels, "hot_pixels", ("auto", "off"))),
        threads=None if threads is None else integer(threads, "threads", 1, MAX_THREADS),
    )


def check_strength(strength: Strength, white: float, unit: str) -> None:
    """Refuse a number that is more than a quarter of the range: it is meant for samples of another range.

    Parameters
    ----------
    strength : str, float or NoiseEstimate
        A NoiseEstimate was measured, so it may be anything.
    white : float
        The greatest sample.
    unit : str
        What `strength` is measured in.
    """
    if isinstance(strength, float) and strength > white / 4:
        raise ValueError(f"strength must be at most {white / 4:g}, in {unit}, got {strength:g}")


def _strength(strength: object) -> Strength:
    if isinstance(strength, NoiseEstimate):
        pair = strength.gain, strength.offset
        within = (strength.sigma >= 0) & (strength.sigma <= MAX_NOISE)
        if not (within.all() and np.isfinite(pair).all()):
            raise ValueError(
                f"strength needs a sigma from 0 to {MAX_NOISE:g}, finite gain and offset, got {strength!r}"
            )
        return strength
    if isinstance(strength, Real):
        if (value := number(strength, "strength", 0)) > MAX_NOISE:
            raise ValueError(f"strength must be at most {MAX_NOISE:g}, got {strength!r}")
        return value
    if isinstance(strength, str) and strength in FACTORS:
        return cast(Automatic, strength)
    raise ValueError(
        f"strength must be {', '.join(map(repr, FACTORS))}, a standard deviation >= 0 or a NoiseEstimate,"
        f" got {strength!r}"
    )


def assumed(found: NoiseEstimate, strength: Automatic) -> NoiseEstimate:
    """Return the noise to remove where this much was found."""
    return found.multiplied(FACTORS[strength])


@dataclass(frozen=True)
class DenoiserInfo:
    """The noise a `Denoiser` assumes, and what it holds.

    Attributes
    ----------
    noise : NoiseEstimate or None
        The noise that the filter assumes, in sample units, for each channel but alpha; of one channel if
        `strength` is an estimate of one; with "light" and "strong" 0.7 and 1.4 times what was estimated.
        None before the first frame. Where sigma is 0, frames pass unchanged.
    frames : int
        Frames taken since creation or reset.
    pending : int
        Frames in the lookahead queue.
    state_bytes : int
        Memory held by the state and the queue.
    height, width, channels : int
        Shape of the stream, 0 before the first frame.
    dtype : str or None
        dtype of the stream, None before the first frame.
    """

    noise: NoiseEstimate | None
    frames: int
    pending: int
    state_bytes: int
    height: int
    width: int
    channels: int
    dtype: str | None
