# SPDX-License-Identifier: Apache-2.0
"""`SourceDiffuser`: the field of sources that arrive one after another."""

from math import inf, nan
from numbers import Real
from threading import Lock
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from vdcore import _core
from vdcore._arrays import Array, as_output
from vdcore._checks import MAX_THREADS, flag, integer, number

from .arguments import (
    Sigma,
    as_coefficients,
    as_eps,
    as_field_dtype,
    as_fill,
    as_per_source,
    as_positions,
    as_reals,
    as_shape,
    as_sigma,
)
from .field import eps_of_mean, weighted_mean
from .operator import decay

_MAX_GROWTH = 30.0  # time constants by which a stream's newest source may be ahead of its field's base


class SourceDiffuser:
    """The field of sources that happen one after the other, or many at a time: events, detections, clicks.

    `add` takes sources as they arrive and `field` evaluates the formula of `diffuse_sources` over all sources
    added so far. Memory is one field. Adding costs one patch per source (one pixel with sigma 0), evaluating
    one pass over the field, regardless of what was added before.

    With sigma 0 the field of an event camera's events is its time surface, summed over the events of a pixel.

    Parameters
    ----------
    shape : (int, int) or (int, int, int)
        Height and width of the field, and its channels if the coefficients have them.
    sigma : float or (float, float)
        Standard deviation in pixels, >= 0 and finite, or (sigma_y, sigma_x); `add` may override it.
    tau : float
        Time constant, >= 0, in the unit of the times. inf = never forgotten, 0 = only the newest moment.
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
    Every method may be called from any thread; calls are serialized. Sums are rounded in the order of the
    calls. The field is kept as of some moment, its base, and newer sources are added with weights
    exp((t_i - base) / tau) > 1, so that adding a source does not touch the whole field; the base moves on
    before these exceed exp(30). Sums must stay 1e13 times below the largest number of the dtype.

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
        self._shape = as_shape(shape, (2, 3), "(height, width) or (height, width, channels)")
        if not isinstance(sigma, Real | tuple):
            raise TypeError(f"sigma must be a number or (sigma_y, sigma_x), got {sigma!r}")
        self._sigma = as_sigma(sigma, 0)
        self._tau = number(tau, "tau", 0, infinite=True)
        self._normalize = flag(normalize, "normalize")
        self._fill = as_fill(fill)
        self._eps = as_eps(eps)
        self._threads = None if threads is None else integer(threads, "threads", 1, MAX_THREADS)
        channels = (*self._shape, 1)[2] + self._normalize
        self._sums = np.zeros((*self._shape[:2], channels), as_field_dtype(dtype))
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
            Their weights, or one number for all. C as in the diffuser's shape.
        sigma : float, (float, float) or array_like, optional
            As for `diffuse_sources`; that of the diffuser by default.

        Raises
        ------
        ValueError, TypeError
            An argument is invalid. The diffuser is then unchanged.
        """
        where = np.asarray(positions)
        where = as_positions(where[None] if where.shape == (2,) else where)
        count = len(where)
        when = as_reals(times, "times")
        when = as_per_source(when if when.ndim else np.full(count, float(when)), "times", count)
        values = as_coefficients(coefficients, count)
        if values.ndim == 2 and values.shape[1:] != self._shape[2:]:
            raise ValueError(
                f"coefficients must have shape {(count, *self._shape[2:])} or ({count},), got {values.shape}"
            )
        widths = self._sigma if sigma is None else as_sigma(sigma, count)
        if count == 0:
            return
        channels = self._sums.shape[2] - self._normalize
        values = np.broadcast_to(values.reshape(count, -1), (count, channels))
        if self._normalize:
            values = np.concatenate([values, np.ones((count, 1))], axis=1)
        eps = eps_of_mean(self._eps) if self._normalize else self._eps
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
        """Return the decay of the field from its base to the moment."""
        return float(decay(moment - self._base, self._tau))

    def _weights(self, times: Array) -> Array:
        """Return the weights at the base of sources at these times; above 1 for those after it."""
        later = times > self._base
        weights = decay(np.where(later, 0.0, self._base - times), self._tau)
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
            `at` is before the newest source: sources cannot be removed again.
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
            weighted_mean(self._sums, factor, self._eps, self._fill, frame, weight)
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
