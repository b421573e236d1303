# SPDX-License-Identifier: Apache-2.0
"""Scattered sources, as a sum.

    field(x, t) = sum over t_i <= t of c_i G_i(x - x_i) E_i(t - t_i)

with G_i(d) = exp(-d_y^2 / 2 sigma_y^2) exp(-d_x^2 / 2 sigma_x^2), along an axis of sigma 0 one at the pixel
nearest to the source, floor(x_i + 0.5), and zero elsewhere; and E_i(s) = exp(-s / tau_i), one at s = 0 alone
if tau_i is 0. Nothing is cut off and nothing is recursive.
"""

import numpy as np


def line(position, length, sigma):
    """The kernel of one source along one axis, shape (length,)."""
    pixels = np.arange(length)
    if sigma == 0:
        return (pixels == np.floor(position + 0.5)) * 1.0
    with np.errstate(over="ignore"):
        return np.exp(-(((pixels - position) / sigma) ** 2) / 2)


def decay(time, tau, at):
    """How much of a source of this time is left at the time `at`; 0 before it."""
    age = at - time
    if age < 0 or age > 0 and tau == 0:
        return 0.0
    with np.errstate(over="ignore"):
        return float(np.exp(-np.divide(age, tau))) if age > 0 else 1.0


def _per_source(sigma, tau, count):
    """(sigma_y, sigma_x) and tau of every source; a tuple of two is one pair, an array has one per source."""
    pairs = np.asarray(sigma, float)
    if pairs.ndim == 1 and not isinstance(sigma, tuple):
        pairs = pairs[:, None]
    return np.broadcast_to(pairs, (count, 2)), np.broadcast_to(np.asarray(tau, float), count)


def _instants(times, at):
    """The times asked for, shape (T,); None is the latest source's."""
    return np.atleast_1d(np.asarray(max(times, default=0.0) if at is None else at, float))


def sum_of_sources(positions, times, coefficients, shape, sigma, tau, at=None):
    """The sum of all sources, a loop over sources and over times.

    Parameters
    ----------
    positions : array_like, shape (N, 2)
        (y, x) in pixels.
    times : array_like, shape (N,)
    coefficients : float or array_like, shape (N,) or (N, C)
    shape : (int, int)
        (H, W).
    sigma : float, tuple (sigma_y, sigma_x), or array_like, shape (N,) or (N, 2)
    tau : float or array_like, shape (N,)
    at : float or array_like, shape (T,), optional
        By default the latest source's time.

    Returns
    -------
    ndarray, float64, shape (H, W), (H, W, C), (T, H, W) or (T, H, W, C)
    """
    count = len(times)
    sigma, tau = _per_source(sigma, tau, count)
    c = np.asarray(coefficients, float)
    c = np.broadcast_to(c, count) if c.ndim == 0 else c
    instants = _instants(times, at)
    field = np.zeros((len(instants), *shape, *c.shape[1:]))
    for i in range(count):
        y, x = (line(positions[i][k], shape[k], sigma[i, k]) for k in (0, 1))
        patch = np.multiply.outer(np.outer(y, x), c[i])
        for n, instant in enumerate(instants):
            field[n] += decay(times[i], tau[i], instant) * patch
    return field if np.ndim(at) else field[0]


def mean_of_sources(positions, times, coefficients, shape, sigma, tau, at=None):
    """The weighted mean (NaN where nothing reaches) and the weight, of `sum_of_sources`."""
    total = sum_of_sources(positions, times, coefficients, shape, sigma, tau, at)
    weight = sum_of_sources(positions, times, 1.0, shape, sigma, tau, at)
    below = weight.reshape(*weight.shape, *[1] * (total.ndim - weight.ndim))
    return np.divide(total, below, out=np.full(total.shape, np.nan), where=below > 0), weight


def source_mass(times, coefficients, tau, at=None):
    """sum |c_i| E_i(t - t_i), what errors are measured by; shape (), (C,), (T,) or (T, C)."""
    count = len(times)
    c = np.abs(np.asarray(coefficients, float))
    c = np.broadcast_to(c, count) if c.ndim == 0 else c
    tau = np.broadcast_to(np.asarray(tau, float), count)
    instants = _instants(times, at)
    left = [[decay(times[i], tau[i], instant) for i in range(count)] for instant in instants]
    mass = np.reshape(left, (len(instants), count)) @ c
    return mass if np.ndim(at) else mass[0]


def source_matrix(positions, times, shape, sigma, tau, at=None, channels=None):
    """The sum as a dense matrix that takes the coefficients' ravel to the field's.

    Returns
    -------
    ndarray, float64, shape (T * H * W, N), or (T * H * W * C, N * C) with channels
    """
    field = sum_of_sources(positions, times, np.eye(len(times)), shape, sigma, tau, at)
    matrix = field.reshape(-1, len(times))
    return matrix if channels is None else np.kron(matrix, np.eye(channels))
