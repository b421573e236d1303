# SPDX-License-Identifier: Apache-2.0
"""`diffuse_sources`: the field of scattered sources at given moments."""

from math import nan
from typing import Any

import numpy as np
import numpy.typing as npt

from vdcore._arrays import Array, as_output
from vdcore._checks import flag

from .arguments import Sigma, as_coefficients, as_eps, as_fill
from .operator import make_operator


def diffuse_sources(
    positions: npt.ArrayLike,
    times: npt.ArrayLike,
    coefficients: npt.ArrayLike,
    shape: tuple[int, int],
    sigma: Sigma,
    tau: float | npt.ArrayLike,
    *,
    at: float | npt.ArrayLike | None = None,
    normalize: bool = False,
    fill: float = nan,
    eps: float = 1e-6,
    dtype: npt.DTypeLike = np.float64,
    out: Any = None,
    threads: int | None = None,
) -> Array | tuple[Array, Array]:
    r"""Compute the field of sources scattered in space and time.

    .. math::

        u(x, t) = \sum_{i:\, t_i \le t} c_i \, e^{-|x - x_i|^2 / 2 \sigma_i^2} \, e^{-(t - t_i) / \tau_i}

    for any N points, at real-valued positions and times in any order. The work is one small patch per source
    and one pass over the field for each moment; with a `tau` for each source, the patches again each time.

    Parameters
    ----------
    positions : array_like, shape (N, 2)
        y and x of each source in pixels; the centre of the first pixel is (0, 0). Finite, of any size:
        sources outside the frame contribute where their kernels reach into it.
    times : array_like, shape (N,)
        When each source happens, in the unit of `tau`; finite, in any order.
    coefficients : float or array_like, shape (N,) or (N, C)
        Weight of each source, of any sign; finite. The field has the same channels.
    shape : (int, int)
        Height and width of the field.
    sigma : float, (float, float) or array_like
        Standard deviation in pixels, >= 0 and finite: one number, a tuple (sigma_y, sigma_x), or an array of
        shape (N,) or (N, 2) with one for each source. With sigma 0 a source adds its coefficient to the
        nearest pixel alone, floor(position + 0.5) in each axis.
    tau : float or array_like, shape (N,)
        Time constant, >= 0: one number or one for each source. inf = never forgotten, 0 = only sources at
        exactly that moment.
    at : float or array_like, shape (T,), optional
        The moment, or moments in any order, to compute the field at; None is the time of the latest source.
    normalize : bool, optional
        True gives the weighted mean instead: the same sum divided by the one with every c_i = 1 (normalized
        convolution), and that weight.
    fill : float, optional
        The mean where the weight is not above `eps`; NaN by default.
    eps : float, optional
        0 < eps < 1. Kernels are cut off where they have fallen to it, so that the error of the sum is at most
        eps sum abs(c_i) exp(-(t - t_i) / tau_i). Those of a weighted mean are cut off at eps^2; where the
        weight is above eps the mean is then right to eps sum (abs(c_i) + abs(mean)) exp(-(t - t_i) / tau_i).
    dtype : {float64, float32}, optional
        That of the field. float32 adds its rounding, about 6e-8 of a sum for every source that meets a pixel.
    out : array, optional
        Where to write the field (the mean), of its shape and dtype, with any strides.
    threads : int or None, optional
        Threads to use, >= 1; None as for `vdcore.Diffuser`. The result does not depend on it.

    Returns
    -------
    ndarray, shape (H, W), (H, W, C), (T, H, W) or (T, H, W, C)
        The field; `out` itself if it was given. T is there if `at` is a sequence, C if `coefficients` has it.
    weight : ndarray, shape (H, W) or (T, H, W)
        Only if `normalize`: the sum with every c_i = 1.

    Raises
    ------
    ValueError, TypeError
        An argument is invalid; the message names it, the value (and the source's index) and what is allowed.

    References
    ----------
    .. [1] L. Greengard and J. Strain, "The fast Gauss transform", SIAM J. Sci. Stat. Comput. 12(1), 1991.
    .. [2] H. Knutsson and C.-F. Westin, "Normalized and differential convolution", CVPR 1993.

    Examples
    --------
    >>> field = vdcore.diffuse_sources([(20.5, 31.2), (40, 8)], [0, 1], [1.0, -2.0], (64, 64), sigma=5, tau=3)
    """
    limit, empty = as_eps(eps), as_fill(fill)
    weighted = flag(normalize, "normalize")
    reach = eps_of_mean(limit) if weighted else limit
    operator, moments, places = make_operator(positions, times, shape, sigma, tau, at, reach, dtype, threads)
    count, size, wanted = len(operator.positions), operator.size, operator.dtype
    values = as_coefficients(coefficients, count)
    result = as_output(out, wanted, (*moments.shape, *size, *values.shape[1:]), wanted, normalize=True)
    frames = result if moments.ndim else result[None]
    frames = frames if values.ndim == 2 else frames[..., None]
    if values.ndim == 1:
        values = values[:, None]
    if not weighted:
        into = frames[0] if len(frames) == 1 else None
        for k, state in enumerate(operator.fields(values, into)):
            for place in np.flatnonzero(places == k):
                if state is not into:
                    frames[place] = state
        return result if out is None else out
    weight = np.empty((*moments.shape, *size), wanted)
    weights = weight if moments.ndim else weight[None]
    for k, state in enumerate(operator.fields(np.concatenate([values, np.ones((count, 1))], axis=1))):
        for place in np.flatnonzero(places == k):
            weighted_mean(state, 1.0, limit, empty, frames[place], weights[place])
    return result if out is None else out, weight


def eps_of_mean(eps: float) -> float:
    """Return the eps of a mean's kernels: what they cut off is at most eps of a weight as small as eps."""
    return max(eps * eps, 1e-300)


def weighted_mean(state: Array, factor: float, eps: float, fill: float, mean: Array, weight: Array) -> None:
    """Divide the sums (H, W, C + 1) by the last of them; that times `factor` is the weight."""
    np.multiply(state[..., -1], factor, out=weight)
    known = weight > eps
    mean[~known] = fill
    with np.errstate(divide="ignore", invalid="ignore"):
        np.divide(state[..., :-1], state[..., -1:], out=mean, where=known[..., None])
