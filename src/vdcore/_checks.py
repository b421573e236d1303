# SPDX-License-Identifier: Apache-2.0
"""Checks of numbers, flags and choices, with errors that name the argument, its value and what is allowed."""

from math import inf, isfinite
from numbers import Integral, Real

import numpy as np

MAX_THREADS = 2**16  # of the C library
MAX_NOISE = 1e15  # standard deviation in sample units, of the C library


def number(
    value: object,
    name: str,
    low: float = -inf,
    high: float = inf,
    *,
    strict: bool = False,
    infinite: bool = False,
) -> float:
    """Return `value` as a float >= low (> low if `strict`) and <= high; infinity only if `infinite`."""
    allowed = "a number" if infinite else "a finite number"
    if low > -inf:
        allowed += f" {'>' if strict else '>='} {low:g}"
    if high < inf:
        allowed += f" and <= {high:g}"
    if not isinstance(value, Real):
        raise TypeError(f"{name} must be {allowed}, got {value!r}")
    result = float(value)
    inside = (result > low if strict else result >= low) and result <= high
    if not inside or not (infinite or isfinite(result)):
        raise ValueError(f"{name} must be {allowed}, got {value!r}")
    return result


def integer(value: object, name: str, low: int, high: int) -> int:
    """Return `value` as an int from low to high."""
    if not isinstance(value, Integral):
        raise TypeError(f"{name} must be an integer from {low} to {high}, got {value!r}")
    result = int(value)
    if not low <= result <= high:
        raise ValueError(f"{name} must be an integer from {low} to {high}, got {value!r}")
    return result


def filling(value: float) -> float:
    """Return `value`, the argument `fill`, which is finite or NaN, as a float."""
    return value if isinstance(value, float) and value != value else number(value, "fill")


def flag(value: object, name: str) -> bool:
    """Return `value`, which is True or False, as a bool."""
    if not isinstance(value, bool | np.bool_):
        raise TypeError(f"{name} must be True or False, got {value!r}")
    return bool(value)


def choice(value: object, name: str, allowed: tuple[str, ...]) -> str:
    """Return `value`, which is one of the texts in `allowed`."""
    if not isinstance(value, str) or value not in allowed:
        raise ValueError(f"{name} must be one of {', '.join(map(repr, allowed))}, got {value!r}")
    return value
