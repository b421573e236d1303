# SPDX-License-Identifier: Apache-2.0
"""Parameters of the diffusion filter, checked."""

from dataclasses import dataclass
from numbers import Real
from typing import Literal, TypedDict

import numpy as np

from vdcore import _core, models
from vdcore._checks import MAX_NOISE, MAX_THREADS, choice, filling, flag, integer, number
from vdcore.flow import Motion
from vdcore.noise import NoiseEstimate

Sigma = float | tuple[float, float]
Boundary = Literal["renormalize", "reflect", "nearest", "constant"]
TimeUnit = Literal["frames", "seconds"]
Dither = Literal["ordered"]
MAX_LOOKAHEAD = 2**20  # of the C library
USUAL_STEP = {"frames": 1.0, "seconds": 1 / 30}  # sizes the state; steps may be of any length


@dataclass(frozen=True)
class FilterParameters:
    """Checked parameters, as `filter_parameters` returns them."""

    sigma: tuple[float, float]
    tau: float
    model: models.Model
    normalize: bool
    boundary: str
    cval: float
    truncate: float
    fill: float | None
    lookahead: int
    tolerance: float | None
    time_unit: str
    threads: int | None
    dither: str | None
    motion: Motion | None
    gate: float | NoiseEstimate | None


class SpatialOptions(TypedDict, total=False):
    """Keyword options of `vdcore.diffuse_frame`: those of the filter that need no time."""

    model: str | models.Model
    normalize: bool
    boundary: Boundary
    cval: float
    truncate: float
    fill: float | None
    tolerance: float | None
    threads: int | None
    dither: Dither | None


class CausalOptions(SpatialOptions, total=False):
    """Keyword options of the filter without lookahead, see `Diffuser`."""

    time_unit: TimeUnit
    motion: Motion | None
    gate: float | NoiseEstimate | None


class FilterOptions(CausalOptions, total=False):
    """Keyword options of the filter, see `Diffuser`."""

    lookahead: int


def filter_parameters(
    sigma: Sigma,
    tau: float,
    *,
    model: str | models.Model = "gaussian",
    normalize: bool = True,
    boundary: Boundary = "renormalize",
    cval: float = 0.0,
    truncate: float = 4.0,
    fill: float | None = None,
    lookahead: int = 0,
    tolerance: float | None = None,
    time_unit: TimeUnit = "frames",
    threads: int | None = None,
    dither: Dither | None = None,
    motion: Motion | None = None,
    gate: float | NoiseEstimate | None = None,
) -> FilterParameters:
    """Return the parameters, checked; see `Diffuser` for what they mean.

    Raises
    ------
    ValueError, TypeError
        The message names the argument, its value and what is allowed.
    """
    chosen = models.resolve(model)
    if not flag(normalize, "normalize") and not isinstance(chosen, models.Gaussian):
        raise ValueError(f"normalize must be True with a model that depends on the picture, got {chosen!r}")
    pair = sigma if isinstance(sigma, tuple | list | np.ndarray) else (sigma, sigma)
    if len(pair) != 2:
        raise ValueError(f"sigma must be one number or (sigma_y, sigma_x), got {sigma!r}")
    if motion is not None and motion != "flow" and not callable(motion):
        raise ValueError(f"motion must be None, 'flow' or a callable, got {motion!r}")
    if gate is not None:
        gate = _gate(gate)
    if motion is not None or gate is not None:
        if not normalize:
            raise ValueError("normalize must be True with motion or gate, got False")
        if dither is not None:
            raise ValueError(f"dither must be None with motion or gate, got {dither!r}")
    return FilterParameters(
        sigma=(number(pair[0], "sigma", 0), number(pair[1], "sigma", 0)),
        tau=number(tau, "tau", 0, infinite=True),
        model=chosen,
        normalize=bool(normalize),
        boundary=choice(boundary, "boundary", tuple(_core.BOUNDARIES)),
        cval=number(cval, "cval"),
        truncate=number(truncate, "truncate", 0),
        fill=None if fill is None else filling(fill),
        lookahead=integer(lookahead, "lookahead", 0, MAX_LOOKAHEAD),
        tolerance=None if tolerance is None else number(tolerance, "tolerance", 0, strict=True),
        time_unit=choice(time_unit, "time_unit", tuple(USUAL_STEP)),
        threads=None if threads is None else integer(threads, "threads", 1, MAX_THREADS),
        dither=None if dither is None else choice(dither, "dither", ("ordered",)),
        motion=motion,
        gate=gate,
    )


def _gate(gate: object) -> float | NoiseEstimate:
    if isinstance(gate, NoiseEstimate):
        return gate
    if not isinstance(gate, Real):
        raise TypeError(f"gate must be a number > 0 or a NoiseEstimate, got {gate!r}")
    return number(gate, "gate", 0, MAX_NOISE, strict=True)
