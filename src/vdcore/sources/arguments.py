# SPDX-License-Identifier: Apache-2.0
"""Validation of the arguments of scattered sources."""

from collections.abc import Sequence
from math import inf, nan
from numbers import Integral, Real
from typing import Any

import numpy as np
import numpy.typing as npt

from vdcore._arrays import FACTOR_DTYPES, Array
from vdcore._checks import number

Sigma = float | tuple[float, float] | npt.ArrayLike


def as_reals(value: npt.ArrayLike, name: str) -> Array:
    """Return a copy of `value` as a float64 array of finite numbers in C order."""
    array = np.asarray(value)
    if array.dtype.kind not in "fiu":
        raise TypeError(f"{name} must be real numbers, got dtype {array.dtype}")
    array = np.array(array, np.float64, order="C")
    if not np.isfinite(array).all():
        place = np.argwhere(~np.isfinite(array))[0]
        where = f" at index {place[0]}" if place.size else ""
        raise ValueError(f"{name} must be finite, got {array[tuple(place)]}{where}")
    return array


def as_positions(value: npt.ArrayLike) -> Array:
    positions = as_reals(value, "positions")
    if positions.size == 0:
        return np.empty((0, 2))
    if positions.ndim != 2 or positions.shape[1] != 2:
        raise ValueError(f"positions must have shape (N, 2), rows of y and x, got {positions.shape}")
    return positions


def as_per_source(value: npt.ArrayLike, name: str, count: int) -> Array:
    array = as_reals(value, name)
    if array.shape != (count,):
        raise ValueError(f"{name} must have one entry for each of the {count} positions, got {array.shape}")
    return array


def as_at_least_zero(array: Array, name: str) -> Array:
    if (array < 0).any():
        index = int(np.argwhere(array < 0)[0][0])
        raise ValueError(f"{name} must be >= 0, got {array[index]} at index {index}")
    return array


def as_sigma(value: Sigma, count: int) -> tuple[float, float] | Array:
    """Return (sigma_y, sigma_x) of all sources, or an array (N, 2)."""
    if isinstance(value, Real):
        return (number(value, "sigma", 0),) * 2
    if isinstance(value, tuple):
        if len(value) != 2:
            raise ValueError(f"sigma must be one number, (sigma_y, sigma_x) or an array, got {value!r}")
        return number(value[0], "sigma", 0), number(value[1], "sigma", 0)
    array = as_at_least_zero(as_reals(value, "sigma"), "sigma")
    if array.shape not in ((count,), (count, 2)):
        raise ValueError(
            f"sigma must have shape ({count},) or ({count}, 2) for {count} sources, got {array.shape}"
        )
    return np.ascontiguousarray(np.broadcast_to(array if array.ndim == 2 else array[:, None], (count, 2)))


def as_tau(value: float | npt.ArrayLike, count: int) -> float | Array:
    if isinstance(value, Real):
        return number(value, "tau", 0, infinite=True)
    array = np.asarray(value)
    infinite = np.isposinf(array) if array.dtype.kind == "f" else np.zeros(array.shape, bool)
    finite = np.where(infinite, 0, array) if infinite.any() else array
    return np.where(infinite, inf, as_at_least_zero(as_per_source(finite, "tau", count), "tau"))


def as_coefficients(value: npt.ArrayLike, count: int) -> Array:
    """Return the coefficients as (N,) or (N, C)."""
    array = as_reals(value, "coefficients")
    if array.ndim == 0:
        return np.full(count, float(array))
    if array.ndim > 2 or len(array) != count or array.ndim == 2 and array.shape[1] == 0:
        raise ValueError(f"coefficients must have shape ({count},) or ({count}, C), got {array.shape}")
    return array


def as_shape(value: tuple[int, ...], dimensions: tuple[int, ...], text: str) -> tuple[int, ...]:
    sides = tuple(value) if isinstance(value, Sequence) else ()
    if len(sides) not in dimensions or not all(isinstance(side, Integral) and side >= 1 for side in sides):
        raise ValueError(f"shape must be {text}, whole numbers >= 1, got {value!r}")
    return tuple(map(int, sides))


def as_eps(value: float) -> float:
    eps = number(value, "eps", 0, strict=True)
    if eps >= 1:
        raise ValueError(f"eps must be below 1, got {value!r}")
    return eps


def as_field_dtype(dtype: npt.DTypeLike) -> np.dtype[Any]:
    wanted = np.dtype(dtype)
    if wanted not in FACTOR_DTYPES:
        raise TypeError(f"dtype must be float32 or float64, got {wanted}")
    return wanted


def as_fill(value: float) -> float:
    return nan if isinstance(value, Real) and value != value else number(value, "fill")


def as_moments(at: float | npt.ArrayLike | None, times: Array) -> Array:
    """Return the requested moments; the time of the latest source if `at` is None."""
    if at is None:
        return np.array(times.max(initial=-inf) if times.size else 0.0)
    moments = as_reals(at, "at")
    if moments.ndim > 1:
        raise ValueError(f"at must be a number or a sequence of numbers, got shape {moments.shape}")
    return moments
