# SPDX-License-Identifier: Apache-2.0
"""What the tests of scattered sources share: sources, and the two bounds that results keep."""

import numpy as np

import oracles
from vdcore import diffuse_sources

SHAPE = (23, 31)  # of fields
ROUNDING = {"float32": 16 * 2.0**-23, "float64": 0.0}  # on top of eps, as a fraction of the sum's mass


def scatter(count, shape, seed=1, channels=None):
    """Positions in and around a frame of `shape`, times in [0, 10), coefficients of both signs."""
    rng = np.random.default_rng(seed)
    positions = rng.uniform(-3, np.array(shape) + 2, (count, 2))
    coefficients = rng.normal(size=count if channels is None else (count, channels))
    return positions, rng.uniform(0, 10, count), coefficients


def error_bound(times, coefficients, tau, at, eps, dtype):
    """eps * mass and the rounding, shape (1, 1), (1, 1, C), (T, 1, 1) or (T, 1, 1, C)."""
    mass = oracles.source_mass(times, coefficients, tau, at)
    leading = mass.shape[: np.ndim(at)]
    mass = mass.reshape(*leading, 1, 1, *mass.shape[np.ndim(at) :])
    return (eps + ROUNDING[dtype]) * mass + np.finfo(dtype).tiny


def assert_bounded(got, positions, times, coefficients, shape, sigma, tau, at=None, eps=1e-6):
    """The promise of the sum: |got - oracle| <= eps * sum |c_i| E_i."""
    expected = oracles.sum_of_sources(positions, times, coefficients, shape, sigma, tau, at)
    assert got.shape == expected.shape
    error = np.abs(got - expected)
    bound = error_bound(times, coefficients, tau, at, eps, got.dtype.name)
    worst = np.max(error / bound, initial=0.0)
    assert worst <= 1, f"error {worst:.3g} times the bound"


def assert_mean_bounded(
    got, positions, times, coefficients, shape, sigma, tau, at=None, eps=1e-6, fill=np.nan
):
    """The promise of the mean: |error| <= eps * sum (|c_i| + |mean|) E_i where the weight is above eps.

    Return where that is, except where the weight is too close to eps to decide.
    """
    mean, weight = got
    arguments = (shape, sigma, tau, at)
    exact, exact_weight = oracles.mean_of_sources(positions, times, coefficients, *arguments)
    assert mean.shape == exact.shape and weight.shape == exact_weight.shape
    assert mean.dtype == weight.dtype

    dtype = mean.dtype.name
    off = error_bound(times, 1.0, tau, at, eps**2, dtype) + 1e-11 * exact_weight
    assert (np.abs(weight - exact_weight) <= off).all()
    above, below = exact_weight > eps + off, exact_weight < eps - off
    np.testing.assert_array_equal(mean[below], fill)

    mass = error_bound(times, 1.0, tau, at, 1.0, "float64")
    c_mass = error_bound(times, coefficients, tau, at, 1.0, "float64")
    if mean.ndim > weight.ndim:
        mass = mass[..., None]
    magnitude = oracles.mean_of_sources(positions, times, np.abs(coefficients), *arguments)[0]
    rounding = 32 * np.finfo(dtype).eps * (magnitude + np.abs(exact))
    worst = (np.abs(mean - exact) / (eps * (c_mass + np.abs(exact) * mass) + rounding))[above]
    assert np.max(worst, initial=0.0) <= 1, f"error {np.max(worst):.3g} times the bound"
    return above


def check(positions, times, coefficients, shape, sigma, tau, *, at=None, eps=1e-6, **keywords):
    """The field, once it is known to keep its bound."""
    got = diffuse_sources(positions, times, coefficients, shape, sigma, tau, at=at, eps=eps, **keywords)
    assert got.dtype == np.dtype(keywords.get("dtype", "float64"))
    assert_bounded(got, positions, times, coefficients, shape, sigma, tau, at, eps)
    return got


def in_order(count, channels=None, seed=1):
    """Sources as they happen: sorted by time."""
    positions, times, coefficients = scatter(count, SHAPE, seed, channels)
    return positions, np.sort(times), coefficients
