# SPDX-License-Identifier: Apache-2.0
"""The coefficients of scattered sources from observations of their field."""

import warnings
from dataclasses import dataclass, replace
from math import log, sqrt
from typing import Any

import numpy as np
import numpy.typing as npt

from vdcore._arrays import Array, check_unit_interval
from vdcore._checks import flag, integer, number
from vdcore.sources.arguments import Sigma
from vdcore.sources.operator import SourceOperator, make_operator, scipy_linalg, source_operator

__all__ = ["SourceFit", "fit_sources"]

_ILL_CONDITIONED = 1e4  # condition number that triggers a warning
_CROWD = 200  # sources that the condition number is computed from
_SPREAD = 8  # sigmas, their maximum distance


@dataclass(frozen=True)
class SourceFit:
    """Coefficients fitted to observations.

    Attributes
    ----------
    coefficients : ndarray, shape (N,) or (N, C)
        float64. 0 for sources out of reach of every observation.
    residual : float
        Square root of the weighted sum of squared differences between field and observations.
    iterations : int
        Of the solver, for all channels at once.
    condition : float
        Condition number: the factor by which the relative error of the coefficients may exceed that of the
        observations, with columns scaled to unit length. A lower bound, computed where the sources are most
        crowded; at most about 1e8.
    converged : bool
        Whether the solver reached its tolerance.
    unseen : ndarray of int
        Sources out of reach of every observation: outside the frame, where the confidence is 0, later than
        the last moment, or forgotten.
    """

    coefficients: Array
    residual: float
    iterations: int
    condition: float
    converged: bool
    unseen: npt.NDArray[np.intp]


def fit_sources(
    observations: npt.ArrayLike,
    positions: npt.ArrayLike,
    times: npt.ArrayLike,
    sigma: Sigma,
    tau: float | npt.ArrayLike,
    *,
    at: float | npt.ArrayLike | None = None,
    ridge: float = 0.0,
    nonnegative: bool = False,
    confidence: npt.ArrayLike | None = None,
    eps: float = 1e-12,
    tolerance: float = 1e-12,
    max_iterations: int | None = None,
    threads: int | None = None,
) -> SourceFit:
    r"""Fit the coefficients of scattered sources to observations of their field.

    The least-squares inverse of `vdcore.diffuse_sources`: the c that minimises

    .. math:: \sum_{t, x} m \, (u_c - f)^2 + \rho \sum_i c_i^2,

    with rho the `ridge`.

    Parameters
    ----------
    observations : array_like, shape (H, W) or (H, W, C); with a sequence `at`, (T, H, W) or (T, H, W, C)
        The field as observed, real numbers of any dtype. NaN is a sample that was not observed.
    positions, times, sigma, tau
        The sources, as for `vdcore.diffuse_sources`.
    at : float or array_like, shape (T,), optional
        When the observations were made; None is the time of the latest source.
    ridge : float, optional
        Weight of the coefficients' own squares, >= 0, in the unit of squared samples (Tikhonov
        regularisation). 0 = none.
    nonnegative : bool, optional
        Whether coefficients must be >= 0.
    confidence : array_like, shape of `observations` without channels, or (H, W), optional
        Weight of each pixel: bool, numbers in [0, 1], or uint8 where 255 is 1; by default 1.
    eps : float, optional
        As for `vdcore.diffuse_sources`.
    tolerance : float, optional
        Of the solver, > 0: relative to the operator and the observations.
    max_iterations : int, optional
        Of the solver, >= 1; by default more than it should need.
    threads : int or None, optional
        As for `vdcore.Diffuser`.

    Returns
    -------
    SourceFit

    Raises
    ------
    ValueError, TypeError
        An argument is invalid.
    ImportError
        SciPy is missing: ``pip install vdcore[fit]``.

    Warns
    -----
    UserWarning
        The problem is ill-conditioned (sources much closer than 1.4 sigma look alike), sources are out of
        reach of every observation, or the solver did not converge.

    References
    ----------
    .. [1] D. C.-L. Fong and M. Saunders, "LSMR: an iterative algorithm for sparse least-squares problems",
       SIAM J. Sci. Comput. 33(5), 2011.
    .. [2] M. A. Branch, T. F. Coleman and Y. Li, "A subspace, interior, and conjugate gradient method for
       large-scale bound-constrained minimization problems", SIAM J. Sci. Comput. 21(1), 1999.
    """
    samples = np.asarray(observations)
    if samples.dtype.kind not in "fiub":
        raise TypeError(f"observations must be real numbers, got dtype {samples.dtype}")
    axes = 0 if at is None else np.ndim(at)  # of observations before the height
    if samples.ndim not in (axes + 2, axes + 3) or samples.size == 0:
        allowed = "(T, H, W) or (T, H, W, C)" if axes else "(H, W) or (H, W, C)"
        raise ValueError(f"observations must have shape {allowed}, not empty, got {samples.shape}")
    pixels, channels = samples.shape[: axes + 2], samples.shape[axes + 2 :]
    values = samples.astype(np.float64).reshape(*pixels, -1)
    if np.isinf(values).any():
        raise ValueError("observations must be finite, or NaN where there is none, got inf")
    strength = number(ridge, "ridge", 0)
    limit = number(tolerance, "tolerance", 0, strict=True)
    iteration_limit = None if max_iterations is None else integer(max_iterations, "max_iterations", 1, 2**31)
    linalg = scipy_linalg()
    size = (pixels[axes], pixels[axes + 1])
    operator, moments, places = make_operator(
        positions, times, size, sigma, tau, at, eps, np.float64, threads
    )
    if axes and len(moments) != len(samples):
        raise ValueError(
            f"observations must have one entry for each of {len(moments)} moments, got {len(samples)}"
        )

    weights = _weights(confidence, values)
    root = np.sqrt(weights).ravel()
    target = root * np.where(weights > 0, values, 0).ravel()
    lengths = _squared_lengths(operator, _per_moment(operator, places, weights)).ravel() + strength
    seen = np.flatnonzero(lengths)
    field = source_operator(
        positions, times, size, sigma, tau, at=at, channels=values.shape[-1], eps=eps, threads=threads
    )
    problem = _Problem(linalg, field, root, strength, seen, 1 / np.sqrt(lengths[seen]))
    solve = _solve_nonnegative if flag(nonnegative, "nonnegative") else _solve
    solution, iterations, converged = solve(problem, problem.goal(target), limit, iteration_limit)
    coefficients = problem.coefficients(solution)
    fit = SourceFit(
        coefficients=coefficients.reshape(len(operator.positions), *channels),
        residual=float(np.linalg.norm(root * (field @ coefficients) - target)),
        iterations=iterations,
        condition=_condition(
            operator, _per_moment(operator, places, weights.max(axis=-1, keepdims=True)), strength
        ),
        converged=converged,
        unseen=np.flatnonzero(
            (lengths <= strength).reshape(len(operator.positions), values.shape[-1]).all(axis=1)
        ),
    )
    _warn(fit)
    return fit


def _weights(confidence: npt.ArrayLike | None, values: Array) -> Array:
    """Return the weight of each sample of values, (..., H, W, C): 0 where it is NaN."""
    weights = np.where(np.isnan(values), 0.0, 1.0)
    if confidence is None:
        return weights
    given = np.asarray(confidence)
    if given.dtype != np.uint8 and given.dtype.kind not in "fb":
        raise TypeError(f"confidence must be bool, uint8 or floating-point, got dtype {given.dtype}")
    if given.shape not in (values.shape[:-1], values.shape[-3:-1]):
        raise ValueError(f"confidence must have shape {values.shape[:-1]}, got {given.shape}")
    check_unit_interval(given, "confidence")
    scale = 255 if given.dtype == np.uint8 else 1
    return np.asarray(weights * (given / scale)[..., None])


def _per_moment(operator: SourceOperator, places: Array, weights: Array) -> Array:
    """Return the weights of the operator's own moments, (T, H, W, C), from those of the moments asked for."""
    sums = np.zeros((len(operator.moments), *weights.shape[-3:]))
    np.add.at(sums, places, weights.reshape(-1, *weights.shape[-3:]))
    return sums


def _squared_lengths(operator: SourceOperator, weights: Array) -> Array:
    """Return the sum of weight times kernel squared for every source, (N, C).

    The square of a kernel is the kernel of sigma / sqrt(2) and tau / 2, cut off where that is eps^2.
    """
    factor, sigma = sqrt(0.5), operator.sigma
    narrow = (sigma[0] * factor, sigma[1] * factor) if isinstance(sigma, tuple) else sigma * factor
    squared = replace(operator, sigma=narrow, tau=operator.tau / 2, eps=max(operator.eps**2, 1e-300))
    return squared.products(weights)


class _Problem:
    """matrix @ z ~ goal: the field of the sources seen, times root, in columns of length 1; the ridge."""

    def __init__(self, linalg: Any, field: Any, root: Array, ridge: float, seen: Array, scale: Array) -> None:
        self._field, self._root, self._seen, self._scale = field, root, seen, scale
        self._ridge = sqrt(ridge) * scale if ridge else scale[:0]
        shape = (len(root) + len(self._ridge), len(seen))
        self.matrix = linalg.LinearOperator(shape, self._forward, self._adjoint, dtype=np.float64)

    def coefficients(self, solution: Array) -> Array:
        """Return the coefficients of all sources from a solution."""
        coefficients = np.zeros(self._field.shape[1])
        coefficients[self._seen] = solution.ravel() * self._scale
        return coefficients

    def goal(self, target: Array) -> Array:
        """Return the right-hand side."""
        return np.concatenate([target, np.zeros(len(self._ridge))])

    def _forward(self, solution: Array) -> Array:
        field = self._root * (self._field @ self.coefficients(solution))
        return np.concatenate([field, self._ridge * solution.ravel()]) if len(self._ridge) else field

    def _adjoint(self, values: Array) -> Array:
        field, ridge = np.split(values.ravel(), [len(self._root)])
        products: Array = (self._field.T @ (self._root * field))[self._seen] * self._scale
        return products + self._ridge * ridge if len(ridge) else products


def _solve(
    problem: _Problem, goal: Array, tolerance: float, max_iterations: int | None
) -> tuple[Array, int, bool]:
    """Return the least-squares solution, the iterations, and whether the tolerance was reached."""
    matrix = problem.matrix
    if matrix.shape[1] == 0:
        return np.zeros(0), 0, True
    max_iterations = max_iterations or 1000 + 20 * matrix.shape[1]
    options = {"atol": tolerance, "btol": tolerance, "conlim": 0, "maxiter": max_iterations}
    solution, stop, iterations, *_ = scipy_linalg().lsmr(matrix, goal, **options)
    return solution, iterations, stop != 7


def _solve_nonnegative(
    problem: _Problem, goal: Array, tolerance: float, max_iterations: int | None
) -> tuple[Array, int, bool]:
    """The same over solutions >= 0."""
    from scipy.optimize import lsq_linear

    matrix = problem.matrix
    if matrix.shape[1] == 0:
        return np.zeros(0), 0, True
    options = {
        "tol": tolerance,
        "lsq_solver": "lsmr",
        "lsmr_tol": tolerance,
        "max_iter": max_iterations or 1000,
    }
    found = lsq_linear(matrix, goal, (0, np.inf), **options)
    # The method approaches bounds from inside: coefficients held at one have a gradient, not a value.
    gradient = matrix.rmatvec(found.fun)
    return np.where(found.x < gradient, 0.0, found.x), found.nit, found.status > 0


def _condition(operator: SourceOperator, weights: Array, ridge: float) -> float:
    """Return the condition number of the columns of the sources around the most crowded spot.

    Leaving columns out never makes a condition number larger (Cauchy interlacing), and those more than a few
    sigma away make little difference.
    """
    from scipy.spatial import cKDTree

    count = len(operator.positions)
    if count < 2:
        return 1.0
    widths = np.broadcast_to(np.asarray(operator.sigma, np.float64), (count, 2)).max(axis=1)
    tree = cKDTree(operator.positions)
    worst = 1.0
    for neighbour in {1, min(4, count - 1)}:  # the closest pair, the densest crowd
        distances = tree.query(operator.positions, [neighbour + 1])[0][:, 0]
        centre = int(np.argmin(distances / np.maximum(widths, 0.5)))
        reach = _SPREAD * max(float(widths[centre]), 0.5)
        near = tree.query(operator.positions[centre], min(count, _CROWD), distance_upper_bound=reach)[1]
        worst = max(worst, _condition_of(operator, np.sort(near[near < count]), weights, ridge))
    return worst


def _condition_of(operator: SourceOperator, chosen: Array, weights: Array, ridge: float) -> float:
    """Return the condition number of the columns of the chosen sources."""
    part, window = _part(operator, chosen)
    weights = weights[:, *window]
    squares = np.empty((len(chosen), len(chosen)))
    for i, unit in enumerate(np.eye(len(chosen))):
        fields = np.stack([field.copy() for field in part.fields(unit[:, None])])
        squares[i] = part.products(fields * weights)[:, 0]
    squares += ridge * np.eye(len(chosen))
    lengths = np.sqrt(np.diag(squares))
    seen = lengths > 0
    if seen.sum() < 2:
        return 1.0
    values = np.linalg.eigvalsh((squares[seen][:, seen] / lengths[seen]).T / lengths[seen])
    return sqrt(values[-1] / max(values[0], values[-1] * np.finfo(np.float64).eps))


def _part(operator: SourceOperator, chosen: Array) -> tuple[SourceOperator, tuple[slice, slice]]:
    """Return the operator of the chosen sources on a window of the field that holds all they reach."""
    positions = operator.positions[chosen]
    sigma = operator.sigma if isinstance(operator.sigma, tuple) else operator.sigma[chosen]
    reach = np.asarray(sigma, np.float64) * sqrt(-2 * log(operator.eps)) + 1
    size = np.array(operator.size)
    first = np.clip(np.floor((positions - reach).min(axis=0)), 0, size - 1).astype(int)
    last = np.clip(np.ceil((positions + reach).max(axis=0)), first, size - 1).astype(int)
    part = replace(
        operator,
        positions=np.ascontiguousarray(positions - first),
        times=operator.times[chosen],
        sigma=sigma,
        tau=operator.tau[chosen] if isinstance(operator.tau, np.ndarray) else operator.tau,
        size=(int(last[0] - first[0]) + 1, int(last[1] - first[1]) + 1),
    )
    return part, (slice(first[0], last[0] + 1), slice(first[1], last[1] + 1))


def _warn(fit: SourceFit) -> None:
    if len(fit.unseen):
        warnings.warn(
            f"{len(fit.unseen)} sources are out of reach of every observation and get coefficient 0,"
            f" the first at index {fit.unseen[0]}",
            stacklevel=3,
        )
    if fit.condition > _ILL_CONDITIONED:
        warnings.warn(
            f"the condition number is {fit.condition:.1e}: some sources are too close to each other for their"
            " coefficients to be separated; ridge > 0 helps",
            stacklevel=3,
        )
    if not fit.converged:
        warnings.warn(f"the solver did not reach its tolerance in {fit.iterations} iterations", stacklevel=3)
