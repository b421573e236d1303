# SPDX-License-Identifier: Apache-2.0
"""The variance of noise by brightness: a line, fitted, and what clipping makes of it (Foi 2009)."""

import math

import numpy as np
import numpy.typing as npt

from .estimate import BLOCK, Floats

MAX_GROUPS = 24  # of blocks of similar values
GROUP_SIZE = 60  # blocks, at least


def groups(values: Floats) -> list[npt.NDArray[np.intp]]:
    """Indices in groups of similar values, of about the same size."""
    count = min(max(len(values) // GROUP_SIZE, 1), MAX_GROUPS)
    return np.array_split(np.argsort(values, kind="stable"), count)


def fit_line(values: Floats, variances: Floats, degrees: Floats) -> tuple[float, float, float]:
    """Fit gain and offset to variances with so many degrees of freedom; return the mean variance too.

    A weighted least-squares line through the groups, with Cauchy weights against those that contain
    texture. The gain shrinks to 0 where it is not clear (positive-part James-Stein).
    """
    parts = groups(values)
    information = np.array([degrees[group].sum() for group in parts]) / 2  # 1 / relative variance
    value = np.array([values[group].mean() for group in parts])
    variance = np.array([np.average(variances[group], weights=degrees[group]) for group in parts])
    min_variance = 0.01 * float(variance.mean())
    model = np.full_like(variance, max(np.median(variance), min_variance))
    trust = np.ones_like(variance)
    for _ in range(20):
        weight = information * trust / model**2
        centre, level = weight @ value / weight.sum(), weight @ variance / weight.sum()
        spread = weight @ (value - centre) ** 2
        gain = 0.0
        if len(parts) > 3 and spread > 0:
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


class Curve:
    """The line variance = gain * value + offset, at least `min_variance`, and what clipping does to it."""

    def __init__(self, gain: float, offset: float, min_variance: float, low: float, high: float) -> None:
        self.gain, self.offset, self.low, self.high = gain, offset, low, high
        ends = np.array([low, high])
        near = np.sqrt(np.maximum(gain * ends + offset, min_variance))[:, None] * np.linspace(-1.5, 5, 53)
        values = np.concatenate([np.linspace(low, high, 256), low + near[0], high - near[1]])
        self.values = np.unique(values)
        self.variances = np.maximum(gain * np.clip(self.values, low, high) + offset, min_variance)
        self.clipped = clip_normal(self.values, np.sqrt(self.variances), low, high)

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


def clip_normal(mean: Floats, sigma: Floats, low: float, high: float) -> tuple[Floats, Floats, Floats]:
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
