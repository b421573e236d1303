# SPDX-License-Identifier: Apache-2.0
"""The noise of a video, estimated from the video alone.

Small blocks of pairs of successive frames are analysed by the cosine transform. Low spatial frequencies
measure the activity in a block, texture or motion; high frequencies of the difference of the two frames
measure the noise. In white noise the two are independent, so that choosing the blocks whose activity noise
explains does not bias their noise. The variance lost by clipping is restored (Foi 2009), and a line, variance
against expected value, is fitted. The line refines the choice of blocks, so all of this is repeated a few
times.
"""

import math
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from vdcore._arrays import Array

Floats = npt.NDArray[np.float64]

BLOCK = 8  # pixels on a side
_BLOCKS = 2500  # of one pair of frames, at most
MAX_PAIRS = 16  # of frames, at most
_TEXTURE = 0.3  # weight of texture against change when blocks are chosen
_CHOSEN = 0.1  # of all blocks, at least
_MARGIN = 1.2  # times what noise alone explains
_GROUPS = 24  # of blocks of similar values, at most
_GROUP_SIZE = 60  # blocks
_ROUNDS = 6
_CLEAR = 0.9  # of a block's samples not clipped; other blocks are used only where there are few of these
_INSIDE = 0.4  # of a block's samples not clipped, at least: where the signal is black, half are


@dataclass(frozen=True)
class NoiseEstimate:
    """The noise of a video, in the units of its samples.

    Attributes
    ----------
    sigma : ndarray of float64, shape (C,)
        Standard deviation in every channel, C = 1 for grey, before the samples were clipped to their range:
        the root of the mean variance over the picture.
    gain, offset : ndarray of float64, shape (C,)
        The Poisson-Gaussian pair [1]_: the variance at the expected value v is gain * v + offset. The gain is
        0 where the variance does not clearly depend on the value, and may be negative, as after gamma
        correction.

    References
    ----------
    .. [1] A. Foi, M. Trimeche, V. Katkovnik and K. Egiazarian, "Practical Poissonian-Gaussian noise modeling
       and fitting for single-image raw-data", IEEE Transactions on Image Processing 17, 2008.
    """

    sigma: Floats
    gain: Floats
    offset: Floats

    def variance(self, values: npt.ArrayLike) -> Floats:
        """Return the variance of the noise on samples with these expected values, never negative.

        Parameters
        ----------
        values : array_like, shape (..., C), or any shape for one channel
            In sample units.

        Returns
        -------
        ndarray of float64, shape of `values`
        """
        return np.maximum(self.gain * np.asarray(values, np.float64) + self.offset, 0.0)

    def scaled(self, factor: float) -> "NoiseEstimate":
        """Return the noise of the same video with its samples multiplied by `factor`."""
        if factor == 1:
            return self
        return NoiseEstimate(self.sigma * factor, self.gain * factor, self.offset * factor**2)


# ---- from frames to blocks


def _cosines() -> Array:
    """The orthonormal cosine transform of a block, (pixels, frequencies), both by rows."""
    n = np.arange(BLOCK)
    rows = math.sqrt(2 / BLOCK) * np.cos(np.pi * np.outer(n + 0.5, n) / BLOCK)
    rows[:, 0] /= math.sqrt(2)
    return np.kron(rows, rows)


_COSINES = _cosines()
_FREQUENCY = np.add.outer(np.arange(BLOCK), np.arange(BLOCK)).ravel()  # y + x
_LOW = (_FREQUENCY > 0) & (_FREQUENCY <= 8)  # activity
_HIGH = _FREQUENCY > 8  # noise


@dataclass(frozen=True)
class _Blocks:
    """What is measured in blocks of samples; arrays have the shape (N, C).

    For white noise of variance s^2 and nothing else, `activity` and `energy` have the expectation s^2.
    Samples were clipped to `low` and `high`.
    """

    mean: Floats
    activity: Floats
    energy: Floats
    low: float
    high: float


@dataclass
class Estimator:
    """The noise of a stream so far, from pairs of its frames; memory does not depend on the stream's length.

    Attributes
    ----------
    measured : list of ndarray
        What `estimate` needs of each pair of successive frames that is kept, at most `MAX_PAIRS`.
    stride, index : int
        A pair starts at every multiple of `stride`; the number of the last frame, -1 before the first.
    first : ndarray or None
        The first frame of a pair whose second frame is still missing.
    dtype : numpy.dtype
        Of the last frame.
    """

    measured: list[Floats] = field(default_factory=list)
    stride: int = 1
    index: int = -1
    first: Array | None = None
    dtype: np.dtype[Any] = field(default_factory=lambda: np.dtype(np.float64))

    @property
    def pairs(self) -> int:
        """Pairs that were measured and are kept."""
        return len(self.measured)

    def add(self, frame: Array) -> bool:
        """Take the next frame, (H, W) or (H, W, C); return whether a pair was measured."""
        self.index += 1
        self.dtype = frame.dtype
        first = self.first
        measured = first is not None and not np.array_equal(first, frame)  # a repeated frame is uninformative
        if first is not None and measured:
            self.measured.append(_measure(first, frame))
            self.first = None
            if len(self.measured) > MAX_PAIRS:
                self.measured = self.measured[::2]
                self.stride *= 2
        if self.first is None and self.index % self.stride == 0:
            self.first = frame.copy()
        return measured

    def copy(self) -> "Estimator":
        """Return an independent estimator of the same frames."""
        return replace(self, measured=list(self.measured))

    def estimate(self) -> NoiseEstimate:
        """Return the estimate from all pairs, or from one frame where there is none. Needs a frame."""
        pairs = self.measured
        if not pairs:
            assert self.first is not None  # there is a frame, and none that differs from it
            pairs = [_measure(self.first, None)]
        gain, offset, value = np.array(_fit(_blocks(pairs, self.dtype))).T
        return NoiseEstimate(np.sqrt(np.maximum(gain * value + offset, 0.0)), gain, offset)


def _blocks(pairs: list[Floats], dtype: np.dtype[Any]) -> _Blocks:
    """What is measured in pairs of frames, without the blocks in which samples are missing."""
    mean, activity, energy, lowest, highest = np.concatenate(pairs, axis=1)
    whole = np.isfinite(energy).all(axis=1)
    if not whole.any():
        raise ValueError(
            f"frames must have blocks of {BLOCK} x {BLOCK} finite samples, got none in {len(whole)} blocks"
        )
    low, high = _range(dtype, lowest[whole], highest[whole])
    return _Blocks(mean[whole], activity[whole], energy[whole], low, high)


def _measure(first: Array, second: Array | None) -> Floats:
    """Return mean, activity, energy, lowest and greatest sample of blocks of a pair of frames, (5, N, C)."""
    height, width = first.shape[:2]
    if min(height, width) < BLOCK:
        raise ValueError(f"frames must have at least {BLOCK} x {BLOCK} pixels, got {height} x {width}")
    step = BLOCK if height * width >= _BLOCKS * BLOCK**2 else BLOCK // 2
    y, x = (side.ravel() for side in np.mgrid[0 : height - BLOCK + 1 : step, 0 : width - BLOCK + 1 : step])
    some = np.linspace(0, len(y) - 1, min(len(y), _BLOCKS)).astype(int)
    inside_y, inside_x = np.divmod(np.arange(BLOCK**2), BLOCK)
    at = y[some, None] + inside_y, x[some, None] + inside_x

    kind = np.result_type(first.dtype, np.float32)  # holds the samples and their differences
    cosines = _COSINES.astype(kind)

    def take(frame: Array) -> Array:
        samples = frame[at].reshape(*at[0].shape, -1)
        return np.ascontiguousarray(np.moveaxis(samples, 2, 0), kind)  # (C, N, pixels)

    def power(samples: Array, frequencies: Array) -> Array:
        coefficients = samples @ cosines[:, frequencies]
        mean_square: Array = np.einsum("cnk,cnk->cn", coefficients, coefficients) / coefficients.shape[2]
        return mean_square

    def flattened(samples: Array) -> Array:
        return samples - samples[..., :1]  # exactly 0 where all are equal

    with np.errstate(invalid="ignore"):
        before = after = take(first)
        if second is None:
            pattern = flattened(before)
            activity, energy = power(pattern, _LOW), power(pattern, _HIGH)
        else:
            after = take(second)
            change, texture = flattened(after - before), after + before  # twice the variance of the noise
            activity = (power(change, _LOW) + _TEXTURE * power(texture, _LOW)) / (1 + _TEXTURE) / 2
            energy = power(change, _HIGH) / 2
        mean = (before.mean(axis=2) + after.mean(axis=2)) / 2
        lowest = np.minimum(before.min(axis=2), after.min(axis=2))
        highest = np.maximum(before.max(axis=2), after.max(axis=2))
    return np.stack([mean, activity, energy, lowest, highest]).transpose(0, 2, 1).astype(np.float64)


def _range(dtype: np.dtype[Any], lowest: Floats, highest: Floats) -> tuple[float, float]:
    """What samples were clipped to: for floats an extreme that many blocks share, if any."""
    low, high = float(lowest.min()), float(highest.max())
    if dtype.kind == "u":
        return 0.0, 2.0 ** max(8, int(high).bit_length()) - 1
    shared = 0.005
    return (
        low if np.mean(lowest == low) > shared else -math.inf,
        high if np.mean(highest == high) > shared else math.inf,
    )


# ---- from blocks to the line


def _fit(blocks: _Blocks) -> list[tuple[float, float, float]]:
    """Return gain, offset and mean expected value of every channel."""
    channels = range(blocks.mean.shape[1])
    moving = blocks.energy.any(axis=1)
    if np.mean(moving) < 0.5:
        return [(0.0, 0.0, 0.0) for _ in channels]
    mean, activity, energy = blocks.mean[moving], blocks.activity[moving], blocks.energy[moving]
    reach = 10 * math.sqrt(energy.max())  # beyond the range of noise
    low, high = max(blocks.low, mean.min() - reach), min(blocks.high, mean.max() + reach)

    curves: list[_Curve | None] = [None for _ in channels]
    expected = np.stack([_low_energy(mean[:, c], energy[:, c]) for c in channels], axis=1)
    for _ in range(_ROUNDS):
        known = expected > 0
        rank = np.divide(activity, expected, out=np.zeros_like(activity), where=known).sum(axis=1)
        rank /= np.maximum(known.sum(axis=1), 1)
        chosen = rank <= max(np.quantile(rank, _CHOSEN), _MARGIN)
        for c, curve in enumerate(curves):
            value, variance, inside = mean[chosen, c], energy[chosen, c], np.ones(chosen.sum())
            if curve is not None:
                value, variance, inside = curve.unclip(value, variance)
            reliable = inside > _CLEAR
            if np.mean(reliable) < _CHOSEN:  # nearly everything is dark, or bright
                reliable = inside > _INSIDE
            if not variance[reliable].any():
                curves[c] = None
                continue
            line = _line(value[reliable], variance[reliable], inside[reliable] ** 2 * _HIGH.sum())
            curves[c] = curve = _Curve(*line, low, high)
            expected[:, c] = curve.clipped_variance(mean[:, c])
    return [
        (curve.gain, curve.offset, float(curve.expected(blocks.mean[:, c]).mean()))
        if curve
        else (0.0, 0.0, 0.0)
        for c, curve in enumerate(curves)
    ]


def _low_energy(mean: Floats, energy: Floats) -> Floats:
    """For every block, the energy that nine tenths of the blocks of similar mean exceed."""
    result = np.empty_like(energy)
    for group in _groups(mean):
        result[group] = np.quantile(energy[group], 0.1)
    return result


def _groups(values: Floats) -> list[npt.NDArray[np.intp]]:
    """Indices in groups of similar values, of about the same size."""
    count = min(max(len(values) // _GROUP_SIZE, 1), _GROUPS)
    return np.array_split(np.argsort(values, kind="stable"), count)


def _line(values: Floats, variances: Floats, degrees: Floats) -> tuple[float, float, float]:
    """Fit gain and offset to variances with so many degrees of freedom; return the mean variance too.

    A weighted least-squares line through the groups, with Cauchy weights against those that contain
    texture. The gain shrinks to 0 where it is not clear (positive-part James-Stein).
    """
    groups = _groups(values)
    information = np.array([degrees[group].sum() for group in groups]) / 2  # 1 / relative variance
    value = np.array([values[group].mean() for group in groups])
    variance = np.array([np.average(variances[group], weights=degrees[group]) for group in groups])
    min_variance = 0.01 * float(variance.mean())
    model = np.full_like(variance, max(np.median(variance), min_variance))
    trust = np.ones_like(variance)
    for _ in range(20):
        weight = information * trust / model**2
        centre, level = weight @ value / weight.sum(), weight @ variance / weight.sum()
        spread = weight @ (value - centre) ** 2
        gain = 0.0
        if len(groups) > 3 and spread > 0:
            gain = weight @ ((value - centre) * (variance - level)) / spread
            scale = _scale((variance - level - gain * (value - centre)) / model * np.sqrt(information))
            gain *= max(0.0, 1 - 4 * scale**2 / max(gain**2 * spread, 1e-300))
            noise = 4 * level / BLOCK**2 / values.var()  # where values differ by noise alone
            gain *= max(0.0, 1 - noise**2)
        model = np.maximum(level + gain * (value - centre), min_variance)
        excess = (variance - model) / model * np.sqrt(information)
        trust = 1 / (1 + (excess / (2 * _scale(excess))) ** 2)
    return float(gain), float(level - gain * centre), min_variance


def _scale(deviations: Floats) -> float:
    """A robust standard deviation, at least 1."""
    return max(float(np.median(np.abs(deviations))) / 0.6745, 1.0)


class _Curve:
    """The line variance = gain * value + offset, at least `min_variance`, and what clipping does to it."""

    def __init__(self, gain: float, offset: float, min_variance: float, low: float, high: float) -> None:
        self.gain, self.offset, self.low, self.high = gain, offset, low, high
        ends = np.array([low, high])
        near = np.sqrt(np.maximum(gain * ends + offset, min_variance))[:, None] * np.linspace(-1.5, 5, 53)
        values = np.concatenate([np.linspace(low, high, 256), low + near[0], high - near[1]])
        self.values = np.unique(values)
        self.variances = np.maximum(gain * np.clip(self.values, low, high) + offset, min_variance)
        self.clipped = _clip_normal(self.values, np.sqrt(self.variances), low, high)

    def expected(self, mean: Floats) -> Floats:
        """Expected values before clipping, within the range, from means after it."""
        expected: Floats = np.interp(mean, self.clipped[0], self.values)
        return expected.clip(self.low, self.high)

    def clipped_variance(self, mean: Floats) -> Floats:
        """Variances after clipping from means after it."""
        return np.interp(mean, self.clipped[0], self.clipped[1])

    def unclip(self, mean: Floats, variance: Floats) -> tuple[Floats, Floats, Floats]:
        """Return expected values and variances before clipping, and the share of samples not clipped."""
        value = self.expected(mean)
        lost = np.interp(
            value, self.values, self.variances / np.maximum(self.clipped[1], 1e-9 * self.variances)
        )
        return value, variance * lost, np.interp(mean, self.clipped[0], self.clipped[2])


def _clip_normal(mean: Floats, sigma: Floats, low: float, high: float) -> tuple[Floats, Floats, Floats]:
    """Return mean and variance of normal variables clipped to [low, high], and the share not clipped."""
    a, b = (low - mean) / sigma, (high - mean) / sigma
    below: Floats = 0.5 * _erfc(-a / math.sqrt(2))
    above: Floats = 0.5 * _erfc(b / math.sqrt(2))
    at_low = np.exp(-(a**2) / 2) / math.sqrt(2 * math.pi)
    at_high = np.exp(-(b**2) / 2) / math.sqrt(2 * math.pi)
    inside = 1 - below - above
    first = a * below + b * above + at_low - at_high
    second = a**2 * below + b**2 * above + inside + a * at_low - b * at_high
    return mean + sigma * first, sigma**2 * (second - first**2), inside


_erfc = np.vectorize(math.erfc, otypes=[np.float64])
