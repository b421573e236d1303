# SPDX-License-Identifier: Apache-2.0
"""Sources scattered in space and time: the field they make, as a whole, as a stream and as an operator."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import inf, nan
from numbers import Integral, Real
from threading import Lock
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import numpy.typing as npt

from vdcore import _core
from vdcore._arguments import FACTOR_DTYPES, Array, as_output, flag, integer, number

if TYPE_CHECKING:
    from scipy.sparse.linalg import LinearOperator

__all__ = ["SourceDiffuser", "diffuse_sources", "source_operator"]

Sigma = float | tuple[float, float] | npt.ArrayLike
_MAX_THREADS = 2**16
_MAX_GROWTH = 30.0  # time constants by which a stream's newest source may be ahead of its field's base
_TINY = np.finfo(np.float64).tiny


# ---- what the arguments mean


def _reals(value: npt.ArrayLike, name: str) -> Array:
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


def _positions(value: npt.ArrayLike) -> Array:
    positions = _reals(value, "positions")
    if positions.size == 0:
        return np.empty((0, 2))
    if positions.ndim != 2 or positions.shape[1] != 2:
        raise ValueError(f"positions must have shape (N, 2), rows of y and x, got {positions.shape}")
    return positions


def _per_source(value: npt.ArrayLike, name: str, count: int) -> Array:
    array = _reals(value, name)
    if array.shape != (count,):
        raise ValueError(f"{name} must have one entry for each of the {count} positions, got {array.shape}")
    return array


def _at_least_zero(array: Array, name: str) -> Array:
    if (array < 0).any():
        index = int(np.argwhere(array < 0)[0][0])
        raise ValueError(f"{name} must be >= 0, got {array[index]} at index {index}")
    return array


def _sigma(value: Sigma, count: int) -> tuple[float, float] | Array:
    """Return (sigma_y, sigma_x) of all sources, or an array (N, 2)."""
    if isinstance(value, Real):
        return (number(value, "sigma", 0),) * 2
    if isinstance(value, tuple):
        if len(value) != 2:
            raise ValueError(f"sigma must be one number, (sigma_y, sigma_x) or an array, got {value!r}")
        return number(value[0], "sigma", 0), number(value[1], "sigma", 0)
    array = _at_least_zero(_reals(value, "sigma"), "sigma")
    if array.shape not in ((count,), (count, 2)):
        raise ValueError(
            f"sigma must have shape ({count},) or ({count}, 2) for {count} sources, got {array.shape}"
        )
    return np.ascontiguousarray(np.broadcast_to(array if array.ndim == 2 else array[:, None], (count, 2)))


def _tau(value: float | npt.ArrayLike, count: int) -> float | Array:
    if isinstance(value, Real):
        return number(value, "tau", 0, infinite=True)
    array = np.asarray(value)
    infinite = np.isposinf(array) if array.dtype.kind == "f" else np.zeros(array.shape, bool)
    finite = np.where(infinite, 0, array) if infinite.any() else array
    return np.where(infinite, inf, _at_least_zero(_per_source(finite, "tau", count), "tau"))


def _coefficients(value: npt.ArrayLike, count: int) -> Array:
    """Return the coefficients as (N,) or (N, C)."""
    array = _reals(value, "coefficients")
    if array.ndim == 0:
        return np.full(count, float(array))
    if array.ndim > 2 or len(array) != count or array.ndim == 2 and array.shape[1] == 0:
        raise ValueError(f"coefficients must have shape ({count},) or ({count}, C), got {array.shape}")
    return array


def _shape(value: tuple[int, ...], dimensions: tuple[int, ...], text: str) -> tuple[int, ...]:
    sides = tuple(value) if isinstance(value, Sequence) else ()
    if len(sides) not in dimensions or not all(isinstance(side, Integral) and side >= 1 for side in sides):
        raise ValueError(f"shape must be {text}, whole numbers >= 1, got {value!r}")
    return tuple(map(int, sides))


def _eps(value: float) -> float:
    eps = number(value, "eps", 0, strict=True)
    if eps >= 1:
        raise ValueError(f"eps must be below 1, got {value!r}")
    return eps


def _field_dtype(dtype: npt.DTypeLike) -> np.dtype[Any]:
    wanted = np.dtype(dtype)
    if wanted not in FACTOR_DTYPES:
        raise TypeError(f"dtype must be float32 or float64, got {wanted}")
    return wanted


def _fill(value: float) -> float:
    return nan if isinstance(value, Real) and value != value else number(value, "fill")


# ---- the operator


def scipy_linalg() -> Any:
    """Return scipy.sparse.linalg, or raise an ImportError that says how to get it."""
    try:
        import scipy.sparse.linalg
    except ImportError as error:
        raise ImportError("this needs SciPy: pip install vdcore[fit]") from error
    return scipy.sparse.linalg


def _decay(age: Any, tau: Any) -> Array:
    """Return exp(-age / tau), 0 where that is no longer a normal number; for tau 0, 1 at age 0 alone."""
    with np.errstate(divide="ignore", invalid="ignore", over="ignore", under="ignore"):
        decay = np.where(np.isinf(tau) | (age == 0), 1.0, np.exp(-np.divide(age, tau)))
    return np.where(decay < _TINY, 0.0, decay)


def _eps_of_mean(eps: float) -> float:
    """Return the eps of a mean's kernels: what they leave out is still eps of a weight as small as eps."""
    return max(eps * eps, 1e-300)


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
        """Return which sources come after `since` up to the moment, and how much of them is left then."""
        index: Array | slice = slice(None)
        if not (since < self.times.min(initial=inf) and self.times.max(initial=-inf) <= moment):
            index = np.flatnonzero((since < self.times) & (self.times <= moment))
        tau = self.tau[index] if isinstance(self.tau, np.ndarray) else self.tau
        return index, _decay(moment - self.times[index], tau)

    def _sigma_of(self, index: Array | slice) -> tuple[float, float] | Array:
        return self.sigma if isinstance(self.sigma, tuple) else self.sigma[index]

    def _steps(self) -> list[tuple[int, float, float]]:
        """Return, for every moment, its index, since when sources are new, and the decay since then."""
        if isinstance(self.tau, np.ndarray):
            return [(k, -inf, 0.0) for k in range(len(self.moments))]
        since = [-inf, *self.moments[:-1].tolist()]
        return [(k, since[k], float(_decay(self.moments[k] - since[k], self.tau)) if k else 0.0)
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
    """Return the operator, the moments asked for, () or (T,), and which of its own each of them is."""
    where = _positions(positions)
    count = len(where)
    when = _per_source(times, "times", count)
    moments = _moments(at, when)
    different, places = np.unique(moments, return_inverse=True)
    height, width = _shape(shape, (2,), "(height, width)")
    operator = SourceOperator(
        positions=where,
        times=when,
        sigma=_sigma(sigma, count),
        tau=_tau(tau, count),
        moments=different,
        size=(height, width),
        eps=_eps(eps),
        dtype=_field_dtype(dtype),
        threads=None if threads is None else integer(threads, "threads", 1, _MAX_THREADS),
    )
    return operator, moments, places.reshape(-1)


def _moments(at: float | npt.ArrayLike | None, times: Array) -> Array:
    """Return the moments asked for; the latest source's if `at` is None."""
    if at is None:
        return np.array(times.max(initial=-inf) if times.size else 0.0)
    moments = _reals(at, "at")
    if moments.ndim > 1:
        raise ValueError(f"at must be a number or a sequence of numbers, got shape {moments.shape}")
    return moments


def _weighted_mean(state: Array, factor: float, eps: float, fill: float, mean: Array, weight: Array) -> None:
    """Divide the sums (H, W, C + 1) by the last of them; that times `factor` is the weight."""
    np.multiply(state[..., -1], factor, out=weight)
    known = weight > eps
    mean[~known] = fill
    with np.errstate(divide="ignore", invalid="ignore"):
        np.divide(state[..., :-1], state[..., -1:], out=mean, where=known[..., None])


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
        sources outside the frame count as far as they reach into it.
    times : array_like, shape (N,)
        When each source happens, in the unit of `tau`; finite, in any order.
    coefficients : float or array_like, shape (N,) or (N, C)
        How strongly each source counts, of any sign; finite. With C channels the field has them too.
    shape : (int, int)
        Height and width of the field.
    sigma : float, (float, float) or array_like
        Standard deviation in pixels, >= 0 and finite: one number, a tuple (sigma_y, sigma_x), or an array of
        shape (N,) or (N, 2) with one for each source. With sigma 0 a source counts, by 1, for the one pixel
        nearest to it, floor(position + 0.5) in each axis.
    tau : float or array_like, shape (N,)
        Time constant, >= 0: one number or one for each source. inf = never forgotten, 0 = only sources at the
        very moment count.
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
        An argument is wrong; the message names it, its value (and which source's) and what is allowed.

    References
    ----------
    .. [1] L. Greengard and J. Strain, "The fast Gauss transform", SIAM J. Sci. Stat. Comput. 12(1), 1991.
    .. [2] H. Knutsson and C.-F. Westin, "Normalized and differential convolution", CVPR 1993.

    Examples
    --------
    >>> field = vdcore.diffuse_sources([(20.5, 31.2), (40, 8)], [0, 1], [1.0, -2.0], (64, 64), sigma=5, tau=3)
    """
    limit, empty = _eps(eps), _fill(fill)
    weighted = flag(normalize, "normalize")
    reach = _eps_of_mean(limit) if weighted else limit
    operator, moments, places = make_operator(positions, times, shape, sigma, tau, at, reach, dtype, threads)
    count, size, wanted = len(operator.positions), operator.size, operator.dtype
    values = _coefficients(coefficients, count)
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
            _weighted_mean(state, 1.0, limit, empty, frames[place], weights[place])
    return result if out is None else out, weight


class SourceDiffuser:
    """The field of sources that happen one after the other, or many at a time: events, detections, clicks.

    `add` takes sources as they come and `field` gives what they amount to at a moment: the formula of
    `diffuse_sources` over all sources added so far. Memory is one field; adding costs one patch per source,
    one pixel with sigma 0, and asking one pass over the field, whatever has been added before.

    With sigma 0 the field of an event camera's events is its time surface, summed over the events of a pixel.

    Parameters
    ----------
    shape : (int, int) or (int, int, int)
        Height and width of the field, and its channels if the coefficients have them.
    sigma : float or (float, float)
        Standard deviation in pixels, >= 0 and finite, or (sigma_y, sigma_x); `add` may give others.
    tau : float
        Time constant, >= 0, in the unit of the times. inf = never forgotten, 0 = only the newest moment
        counts.
    normalize, fill, eps, dtype, threads
        As for `diffuse_sources`.

    Attributes
    ----------
    time : float or None
        The time of the newest source, None before the first.
    count : int
        Sources added since creation or `reset`.

    Notes
    -----
    Every method may be called from any thread; calls wait for each other. Sums are rounded in the order of
    calls. The field is kept as it was at some moment, its base, and newer sources are added with weights
    exp((t_i - base) / tau) > 1, so that adding a source need not touch the whole field; the base moves on
    before those grow beyond exp(30). Sums must stay 1e13 times below the largest number of the dtype.

    References
    ----------
    .. [1] X. Lagorce et al., "HOTS: a hierarchy of event-based time-surfaces for pattern recognition", IEEE
       TPAMI 39(7), 2017.

    Examples
    --------
    >>> surface = vdcore.SourceDiffuser((480, 640), sigma=0, tau=0.03)
    >>> for events in camera:                        # arrays of y, x, t in seconds, polarity
    ...     surface.add(np.stack([events.y, events.x], axis=1), events.t, 2.0 * events.polarity - 1)
    ...     show(surface.field())
    """

    def __init__(
        self,
        shape: tuple[int, ...],
        sigma: float | tuple[float, float],
        tau: float,
        *,
        normalize: bool = False,
        fill: float = nan,
        eps: float = 1e-6,
        dtype: npt.DTypeLike = np.float64,
        threads: int | None = None,
    ) -> None:
        self._shape = _shape(shape, (2, 3), "(height, width) or (height, width, channels)")
        if not isinstance(sigma, Real | tuple):
            raise TypeError(f"sigma must be a number or (sigma_y, sigma_x), got {sigma!r}")
        self._sigma = _sigma(sigma, 0)
        self._tau = number(tau, "tau", 0, infinite=True)
        self._normalize = flag(normalize, "normalize")
        self._fill = _fill(fill)
        self._eps = _eps(eps)
        self._threads = None if threads is None else integer(threads, "threads", 1, _MAX_THREADS)
        channels = (*self._shape, 1)[2] + self._normalize
        self._sums = np.zeros((*self._shape[:2], channels), _field_dtype(dtype))
        self._lock = Lock()
        self._forget()

    def _forget(self) -> None:
        self.time: float | None = None
        self.count = 0
        self._base = 0.0  # the moment at which the sums are the field

    def add(
        self,
        positions: npt.ArrayLike,
        times: npt.ArrayLike,
        coefficients: npt.ArrayLike = 1.0,
        *,
        sigma: Sigma | None = None,
    ) -> None:
        """Add sources.

        Parameters
        ----------
        positions : array_like, shape (N, 2) or (2,)
            y and x of each source, or of one, in pixels; as for `diffuse_sources`.
        times : float or array_like, shape (N,)
            When they happen, in any order; also earlier than sources added before.
        coefficients : float or array_like, shape (N,) or (N, C)
            How strongly they count; one number for all of them by default. C as in the diffuser's shape.
        sigma : float, (float, float) or array_like, optional
            As for `diffuse_sources`; that of the diffuser by default.

        Raises
        ------
        ValueError, TypeError
            An argument is wrong. The diffuser is then as before.
        """
        where = np.asarray(positions)
        where = _positions(where[None] if where.shape == (2,) else where)
        count = len(where)
        when = _reals(times, "times")
        when = _per_source(when if when.ndim else np.full(count, float(when)), "times", count)
        values = _coefficients(coefficients, count)
        if values.ndim == 2 and values.shape[1:] != self._shape[2:]:
            raise ValueError(
                f"coefficients must have shape {(count, *self._shape[2:])} or ({count},), got {values.shape}"
            )
        widths = self._sigma if sigma is None else _sigma(sigma, count)
        if count == 0:
            return
        channels = self._sums.shape[2] - self._normalize
        values = np.broadcast_to(values.reshape(count, -1), (count, channels))
        if self._normalize:
            values = np.concatenate([values, np.ones((count, 1))], axis=1)
        eps = _eps_of_mean(self._eps) if self._normalize else self._eps
        with self._lock:
            newest = float(when.max())
            if self.time is None:
                self._base = newest
            elif self._growth(newest) > _MAX_GROWTH:
                self._sums *= self._decay(newest)
                self._base = newest
            weighted = np.ascontiguousarray(values * self._weights(when)[:, None])
            _core.scatter(where, weighted, self._sums, widths, eps, self._threads)
            self.time = newest if self.time is None else max(self.time, newest)
            self.count += count

    def _growth(self, moment: float) -> float:
        """Return how many time constants the moment is after the base."""
        age = moment - self._base
        if self._tau == 0:
            return inf if age > 0 else 0.0
        return age / self._tau

    def _decay(self, moment: float) -> float:
        """Return what is left at the moment of the field at the base."""
        return float(_decay(moment - self._base, self._tau))

    def _weights(self, times: Array) -> Array:
        """Return what sources of these times would be at the base; above 1 for those after it."""
        later = times > self._base
        weights = _decay(np.where(later, 0.0, self._base - times), self._tau)
        if later.any():
            weights[later] = np.exp((times[later] - self._base) / self._tau)
        return weights

    def field(self, at: float | None = None, *, out: Any = None) -> Array | tuple[Array, Array]:
        """Return the field at a moment.

        Parameters
        ----------
        at : float, optional
            The moment, not before the newest source; that of the newest source by default.
        out : array, optional
            Where to write the field (the mean), of its shape and dtype.

        Returns
        -------
        ndarray, shape (H, W) or (H, W, C)
            The field, `out` itself if it was given. Zeros (or `fill`) before the first source.
        weight : ndarray, shape (H, W)
            Only with `normalize`, as for `diffuse_sources`.

        Raises
        ------
        ValueError
            `at` is before the newest source: what has been added can not be taken out again.
        """
        dtype = self._sums.dtype
        result = as_output(out, dtype, self._shape, dtype, normalize=True)
        moment = None if at is None else number(at, "at")
        with self._lock:
            if moment is not None and self.time is not None and moment < self.time:
                raise ValueError(f"at must not be before the newest source, at {self.time!r}, got {at!r}")
            if moment is None:
                moment = self.time
            factor = 1.0 if moment is None else self._decay(moment)
            frame = result if result.ndim == 3 else result[..., None]
            if not self._normalize:
                np.multiply(self._sums, factor, out=frame)
                return result if out is None else out
            weight = np.empty(self._shape[:2], dtype)
            _weighted_mean(self._sums, factor, self._eps, self._fill, frame, weight)
            return result if out is None else out, weight

    def reset(self) -> None:
        """Forget every source; keep the parameters."""
        with self._lock:
            self._sums[...] = 0
            self._forget()

    def copy(self) -> Self:
        """Return an independent diffuser with the same parameters and sources."""
        twin = object.__new__(type(self))
        twin.__setstate__(self.__getstate__())
        return twin

    __copy__ = copy

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return self.copy()

    def __getstate__(self) -> dict[str, Any]:
        with self._lock:
            state = self.__dict__ | {"_sums": self._sums.copy()}
        del state["_lock"]
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._lock = Lock()


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
    products with each source's kernel. Both cut the same kernels off in the same places, so that one is the
    transpose of the other but for rounding.

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
        An argument is wrong.
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
