# SPDX-License-Identifier: Apache-2.0
"""The linear map from coefficients of scattered sources to fields, and its adjoint."""

from collections.abc import Iterator
from dataclasses import dataclass
from math import inf
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from vdcore import _core
from vdcore._arrays import Array
from vdcore._checks import MAX_THREADS, integer

from .arguments import (
    Sigma,
    as_eps,
    as_field_dtype,
    as_moments,
    as_per_source,
    as_positions,
    as_shape,
    as_sigma,
    as_tau,
)

if TYPE_CHECKING:
    from scipy.sparse.linalg import LinearOperator

_TINY = np.finfo(np.float64).tiny


def scipy_linalg() -> Any:
    """Return scipy.sparse.linalg, or raise an ImportError that names the extra."""
    try:
        import scipy.sparse.linalg
    except ImportError as error:
        raise ImportError("this needs SciPy: pip install vdcore[fit]") from error
    return scipy.sparse.linalg


def decay(age: Any, tau: Any) -> Array:
    """Return exp(-age / tau), 0 where that is no longer a normal number; for tau 0, 1 at age 0 alone.

    A source that has faded adds nothing to a sum. The mean of a stream must outlast any gap, so its decay
    (csrc/base/decay.h) never reaches 0.
    """
    with np.errstate(divide="ignore", invalid="ignore", over="ignore", under="ignore"):
        decay = np.where(np.isinf(tau) | (age == 0), 1.0, np.exp(-np.divide(age, tau)))
    return np.where(decay < _TINY, 0.0, decay)


@dataclass(frozen=True)
class SourceOperator:
    """Coefficients (N, C) -> fields (T, H, W, C), and the adjoint; the moments are sorted and differ."""

    positions: Array
    times: Array
    sigma: tuple[float, float] | Array
    tau: float | Array
    moments: Array
    size: tuple[int, int]
    eps: float
    dtype: np.dtype[Any]
    threads: int | None

    def _shares(self, moment: float, since: float = -inf) -> tuple[Array | slice, Array]:
        """Return the sources later than `since` and up to the moment, and their decay since then."""
        index: Array | slice = slice(None)
        if not (since < self.times.min(initial=inf) and self.times.max(initial=-inf) <= moment):
            index = np.flatnonzero((since < self.times) & (self.times <= moment))
        tau = self.tau[index] if isinstance(self.tau, np.ndarray) else self.tau
        return index, decay(moment - self.times[index], tau)

    def _sigma_of(self, index: Array | slice) -> tuple[float, float] | Array:
        return self.sigma if isinstance(self.sigma, tuple) else self.sigma[index]

    def _steps(self) -> list[tuple[int, float, float]]:
        """Return, for every moment, its index, since when sources are new, and the decay since then."""
        if isinstance(self.tau, np.ndarray):
            return [(k, -inf, 0.0) for k in range(len(self.moments))]
        since = [-inf, *self.moments[:-1].tolist()]
        return [(k, since[k], float(decay(self.moments[k] - since[k], self.tau)) if k else 0.0)
                for k in range(len(self.moments))]  # fmt: skip

    def fields(self, coefficients: Array, into: Array | None = None) -> Iterator[Array]:
        """Yield the field of each moment, (H, W, C), in one array every time: `into`, for a single moment."""
        if into is not None:
            state = into
            state[...] = 0
        else:  # the recursion rounds once per moment
            dtype = self.dtype if len(self.moments) == 1 else np.float64
            state = np.zeros((*self.size, coefficients.shape[1]), dtype)
        for k, since, decay in self._steps():
            if k:
                np.multiply(state, decay, out=state)
            index, shares = self._shares(self.moments[k], since)
            weighted = np.ascontiguousarray(coefficients[index] * shares[:, None])
            _core.scatter(
                self.positions[index], weighted, state, self._sigma_of(index), self.eps, self.threads
            )
            yield state

    def products(self, fields: Array) -> Array:
        """Return the inner product of each source's kernel with the fields (T, H, W, C), (N, C)."""
        products = np.zeros((len(self.positions), fields.shape[3]))
        state = np.zeros(fields.shape[1:])
        carried = 0.0
        for k, since, decay in reversed(self._steps()):
            state = fields[k] + carried * state if carried else fields[k]
            carried = decay
            index, shares = self._shares(self.moments[k], since)
            found = _core.gather(self.positions[index], state, self._sigma_of(index), self.eps, self.threads)
            products[index] += found * shares[:, None]
        return products


def make_operator(
    positions: npt.ArrayLike,
    times: npt.ArrayLike,
    shape: tuple[int, int],
    sigma: Sigma,
    tau: float | npt.ArrayLike,
    at: float | npt.ArrayLike | None,
    eps: float,
    dtype: npt.DTypeLike,
    threads: int | None,
) -> tuple[SourceOperator, Array, Array]:
    """Return the operator, the requested moments, () or (T,), and the index of each among the operator's."""
    where = as_positions(positions)
    count = len(where)
    when = as_per_source(times, "times", count)
    moments = as_moments(at, when)
    different, places = np.unique(moments, return_inverse=True)
    height, width = as_shape(shape, (2,), "(height, width)")
    operator = SourceOperator(
        positions=where,
        times=when,
        sigma=as_sigma(sigma, count),
        tau=as_tau(tau, count),
        moments=different,
        size=(height, width),
        eps=as_eps(eps),
        dtype=as_field_dtype(dtype),
        threads=None if threads is None else integer(threads, "threads", 1, MAX_THREADS),
    )
    return operator, moments, places.reshape(-1)


def source_operator(
    positions: npt.ArrayLike,
    times: npt.ArrayLike,
    shape: tuple[int, int],
    sigma: Sigma,
    tau: float | npt.ArrayLike,
    *,
    at: float | npt.ArrayLike | None = None,
    channels: int | None = None,
    eps: float = 1e-12,
    dtype: npt.DTypeLike = np.float64,
    threads: int | None = None,
) -> "LinearOperator":
    """Return the linear map from coefficients to fields, and with it its adjoint, for SciPy's solvers.

    The map is `diffuse_sources` as a function of the coefficients; the adjoint takes fields to their inner
    products with each source's kernel. Both cut off the same kernels in the same places, so that one is the
    transpose of the other up to rounding.

    Parameters
    ----------
    positions, times, shape, sigma, tau, at, threads
        As for `diffuse_sources`.
    channels : int, optional
        Channels C of coefficients and fields; None is one, without an axis.
    eps : float, optional
        0 < eps < 1, where the kernels are cut off.
    dtype : {float64, float32}, optional
        That of the fields. Inner products are float64.

    Returns
    -------
    scipy.sparse.linalg.LinearOperator
        A of shape (T H W C, N C), without T or C where there is none. ``A @ c`` is the field in C order of
        (T, H, W, C), ``A.T @ f`` the inner products in C order of (N, C).

    Raises
    ------
    ValueError, TypeError
        An argument is invalid.
    ImportError
        SciPy is missing: ``pip install vdcore[fit]``.
    """
    linalg = scipy_linalg()
    operator, moments, places = make_operator(positions, times, shape, sigma, tau, at, eps, dtype, threads)
    depth = 1 if channels is None else integer(channels, "channels", 1, 2**31)
    count, size = len(operator.positions), operator.size

    def forward(coefficients: Array) -> Array:
        fields = np.empty((len(operator.moments), *size, depth), operator.dtype)
        for k, state in enumerate(operator.fields(coefficients.astype(np.float64).reshape(count, depth))):
            fields[k] = state
        return fields[places].ravel()

    def adjoint(values: Array) -> Array:
        frames = values.reshape(-1, *size, depth)
        fields = np.zeros((len(operator.moments), *size, depth))
        np.add.at(fields, places, frames)
        return operator.products(fields).ravel()

    rows, columns = moments.size * size[0] * size[1] * depth, count * depth
    return linalg.LinearOperator((rows, columns), matvec=forward, rmatvec=adjoint, dtype=operator.dtype)
