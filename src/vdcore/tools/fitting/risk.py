# SPDX-License-Identifier: Apache-2.0
"""The error of the filter on frames, measured against a reference or estimated without one."""

from dataclasses import dataclass
from math import inf, pi, sqrt
from typing import Any

import numpy as np

from vdcore import models
from vdcore._arrays import Array
from vdcore.diffuser import diffuse
from vdcore.noise import NoiseEstimate

from .subset import Piece

_LOCAL_SIGMA = 1.5  # pixels over which the expected value of a sample is taken from its neighbours


@dataclass(frozen=True)
class _Task:
    """Frames to filter, and the error of the result.

    Attributes
    ----------
    noisy : ndarray of float32, shape (T, H, W, C)
    probed : ndarray of float32, shape (T, H, W, C), or None
        The frames with small steps up and down, none with a reference or without noise.
    target, weight, missing : ndarray, of the shape of the counted samples
        What the result is compared with; the weight of its change from `noisy` to `probed`; the samples to
        leave out.
    constant : float
        A constant part of the error.
    """

    piece: Piece
    noisy: Array
    probed: Array | None
    target: Array
    weight: Array | None
    missing: Array
    constant: float

    def squared_error(self, **parameters: Any) -> float:
        """Return the sum of squared errors of the filter's result."""
        result = self._filtered(self.noisy, parameters)
        error = self.constant + _inner(result - self.target, None, self.missing)
        if self.probed is not None:
            change = self._filtered(self.probed, parameters) - result
            error += _inner(change, self.weight, self.missing)
        return error

    def _filtered(self, frames: Array, parameters: dict[str, Any]) -> Array:
        model = parameters["model"]
        if self.piece.tiles and isinstance(model, models.Laplacian) and models.has_map(model):
            part = models.Laplacian(self.piece.part(np.asarray(model.diffusivity)))
            parameters = parameters | {"model": part}
        return self.piece.counted(diffuse(frames, times=self.piece.times, **parameters))


def _inner(values: Array, weight: Array | None, missing: Array) -> float:
    """Return the sum of weight * values, or of values^2 without a weight, over samples not missing."""
    values[missing] = 0
    return sum(
        float(np.vdot(frame, frame if weight is None else weight[i])) for i, frame in enumerate(values)
    )


def make_tasks(
    pieces: list[Piece], noise: NoiseEstimate | None, dtype: np.dtype[Any], rng: np.random.Generator
) -> list[_Task]:
    """Return a task for every piece."""
    ends = _ends(pieces, dtype)
    tasks = []
    for piece in pieces:
        noisy = piece.images[:, 0].astype(np.float32)
        missing = piece.counted(np.any(np.isnan(piece.images), axis=1))
        if missing.all():
            continue
        if noise is None:
            target = piece.counted(piece.images[:, 1]).astype(np.float32)
            tasks.append(_Task(piece, noisy, None, target, None, missing, 0.0))
        elif not noise.sigma.any():
            tasks.append(_Task(piece, noisy, None, piece.counted(noisy), None, missing, 0.0))
        else:
            tasks.append(_estimating_task(piece, noisy, missing, noise, ends, rng))
    if not tasks:
        raise ValueError("frames must have samples that are not NaN")
    return tasks


def _ends(pieces: list[Piece], dtype: np.dtype[Any]) -> tuple[float, float]:
    """Return the values that samples are clipped at: those of the integer type, or the extremes of floats."""
    if dtype.kind == "u":
        return 0.0, float(np.iinfo(dtype).max)
    values = [piece.images[np.isfinite(piece.images)] for piece in pieces]
    return min(v.min(initial=inf) for v in values), max(v.max(initial=-inf) for v in values)


def _estimating_task(
    piece: Piece,
    noisy: Array,
    missing: Array,
    noise: NoiseEstimate,
    ends: tuple[float, float],
    rng: np.random.Generator,
) -> _Task:
    """Return the task whose error estimates that against the clean frames v, which are not known.

    Stein's identity for z = v + n, n normal with variance s^2, and u any filter of f = z clipped to `ends`:
    E (u - v)^2 = E (u - z)^2 - s^2 + 2 s^2 E du/dz. Where f is clipped, du/dz is 0, and z, of which u no more
    depends there, is replaced by its mean given f and v, its variance taking the place of s^2. The divergence
    comes from a random step up or down in every sample (Monte-Carlo SURE).
    """
    from scipy.special import ndtr

    expected = _expected(noisy, noise, ends)
    variance = noise.variance(expected).astype(np.float32)
    completed, left, slope = noisy.copy(), variance.copy(), 2 * variance
    for end, sign in zip(ends, (-1, 1), strict=True):
        clipped = noisy == end
        spread = np.sqrt(variance[clipped], dtype=np.float64)
        away = np.minimum(sign * (end - expected[clipped]) / np.maximum(spread, 1e-30), 30.0)
        ratio = _density(away) / ndtr(-away)
        completed[clipped] += sign * spread * (ratio - away)
        left[clipped] *= ratio * (ratio - away)
        slope[clipped] = 0
    signs = rng.integers(0, 2, noisy.shape, dtype=np.int8) * np.float32(2) - 1
    step = np.float32(max(sqrt(np.nanmean(variance)) / 10, 1e-3 * np.nanmax(np.abs(noisy))))
    weight = np.ascontiguousarray(piece.counted(slope * signs / step))
    weight[missing] = 0
    return _Task(
        piece=piece,
        noisy=noisy,
        probed=noisy + step * signs,
        target=piece.counted(completed),
        weight=weight,
        missing=missing,
        constant=-float(piece.counted(left)[~missing].sum(dtype=np.float64)),
    )


def _expected(noisy: Array, noise: NoiseEstimate, ends: tuple[float, float]) -> Array:
    """Return what the samples were before noise and clipping, roughly: their neighbours' mean, unclipped."""
    from scipy.special import ndtr

    mean: Array = diffuse(noisy, _LOCAL_SIGMA, 0)
    low, high = ends
    clean = np.linspace(low, high, 1024)
    for channel, spread in enumerate(np.sqrt(noise.variance(clean[:, None] * np.ones_like(noise.sigma))).T):
        spread = np.maximum(spread, 1e-30)
        below, above = (low - clean) / spread, (high - clean) / spread
        clipped = low * ndtr(below) + high * ndtr(-above) + clean * (ndtr(above) - ndtr(below))
        clipped += spread * (_density(below) - _density(above))
        mean[..., channel] = np.interp(mean[..., channel], np.maximum.accumulate(clipped), clean)
    return mean


def _density(x: Array) -> Array:
    """Return the density of the standard normal distribution."""
    return np.exp(-np.square(x) / 2) / sqrt(2 * pi)
