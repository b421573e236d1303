# SPDX-License-Identifier: Apache-2.0
"""What the samples of a stream were clipped to, told from the samples.

Clipping at an end e moves the mean of normal noise, and leaves samples that are exactly e. With noise of the
deviation s(m), a flat block of mean y has the expected value m, where E clip(m + noise) = y, and a share
F((e - m) / s) of its samples is e. An end is clipped where that share is there. There is another reason why
samples can be 0: counts of photons, whose mean is right as it is. They are k times a Poisson variable, k =
variance / mean, and none lies between 0 and k. The likelier of the two distributions decides.
"""

import math
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from vdcore._arrays import Array
from vdcore._checks import MAX_NOISE, integer, number

Floats = npt.NDArray[np.float64]
Noise = tuple[float, float, float]  # standard deviation, gain and offset

_BLOCK = 8
_BLOCKS = 512  # of one frame
_GROUPS = 12  # of blocks of similar mean
_REACH = 2.0  # standard deviations from the end, of the blocks that are looked at
_FORGET = 0.7  # what earlier evidence counts, from one frame to the next
_STRAY = 0.02  # share of the samples that a distribution may miss
_MIN_ENDS = 8.0  # samples at the end that are expected, to decide anything
_MIN_SHARE = 0.5  # samples at the end over those that are expected; clean ones may add to them

_WHITES = tuple(2.0**bits - 1 for bits in range(8, 17))  # of integers

_erf = np.vectorize(math.erf, otypes=[np.float64])


def _normal(x: Floats) -> Floats:
    """The normal distribution function."""
    return np.asarray(0.5 + 0.5 * _erf(x * math.sqrt(0.5)), np.float64)


@dataclass
class End:
    """One end of the range, as distance from it in the direction of the range.

    Attributes
    ----------
    sign : int
        1 for the lower end, -1 for the upper one.
    value : float
        The least sample times the sign.
    expected, found : float
        Samples at the end.
    clipped, counted : float
        Logarithms of the likelihoods of clipped noise and of counts.
    """

    sign: int
    value: float = math.inf
    expected: float = 0.0
    found: float = 0.0
    clipped: float = 0.0
    counted: float = 0.0

    def limit(self, integers: bool) -> float:
        """Return what samples were clipped to; infinite where they were not.

        Where too few samples come near to tell, the ends of integers of 8 to 16 bits count as clipped.
        """
        if self.expected < _MIN_ENDS:
            clipped = integers and self.sign * self.value in ((0.0,) if self.sign == 1 else _WHITES)
        else:
            clipped = self.found >= _MIN_SHARE * self.expected and self.clipped >= self.counted
        return self.sign * (self.value if clipped and abs(self.value) <= MAX_NOISE else -math.inf)

    @property
    def counts(self) -> bool:
        """Whether samples at the end are evidently not clipped noise."""
        return self.expected >= _MIN_ENDS and self.counted > self.clipped

    def add(self, blocks: Floats, noise: Noise, integers: bool) -> None:
        """Take blocks (N, 64) of the next frame."""
        samples = self.sign * blocks
        few = min(max(3, samples.size // 5000), samples.size - 1)  # not single outliers
        value = float(np.partition(samples, few, axis=None)[few])
        if value > self.value:
            return
        if value < self.value:
            self.value, self.expected, self.found, self.clipped, self.counted = value, 0.0, 0.0, 0.0, 0.0
        inwards = _Noise(noise[0], self.sign * noise[1], noise[2] + noise[1] * self.sign * value)
        samples = samples - value
        varied = (samples != samples[:, :1]).any(axis=1)
        near = samples[(samples.mean(axis=1) < inwards.reach) & varied]
        if len(near) < 2:
            return
        groups = _flat(near)
        count = sum(group.var(axis=1, ddof=1).sum() for group in groups)
        count = float(count / max(sum(group.mean(axis=1).sum() for group in groups), 1e-300))  # k
        if count == 0:  # every other sample is the same
            return
        edges = count * np.array([0.0, 0.7, 1.5, 2.5, 3.5, 4.5])
        if integers:
            step = float(np.gcd.reduce(np.unique(near).astype(np.int64)))
            edges = (np.floor(edges / step) + 0.5) * step
        self._forget()
        for group in groups:
            mean = float(group.mean())
            clipped, counted = inwards.shares(mean, edges), _poisson_shares(mean / count)
            found = np.diff((group[..., None] <= edges).sum(axis=(0, 1)), prepend=0, append=group.size)
            self.expected += group.size * float(clipped[0])
            self.found += float(found[0])
            self.clipped += float(found @ np.log(_mixed(clipped)))
            self.counted += float(found @ np.log(_mixed(counted)))

    def _forget(self) -> None:
        """Let what was found so far count less."""
        self.expected *= _FORGET
        self.found *= _FORGET
        self.clipped *= _FORGET
        self.counted *= _FORGET


class _Noise:
    """Normal noise, clipped at 0."""

    def __init__(self, sigma: float, gain: float, offset: float) -> None:
        self.sigma, self.gain, self.offset = sigma, gain, offset
        self.reach = _REACH * float(self.deviation(np.array(_REACH * sigma)))
        self.values = np.linspace(0, 2 * self.reach, 512)
        s = self.deviation(self.values)
        a = self.values / s
        means = s * np.exp(-(a**2) / 2) / math.sqrt(2 * math.pi) + self.values * _normal(a)
        self.means = np.maximum.accumulate(means)

    def deviation(self, values: Floats) -> Floats:
        """Standard deviation at these expected values."""
        if self.gain == 0:
            return np.full(values.shape, self.sigma)
        variance = np.maximum(self.gain * values + self.offset, 0.01 * self.sigma**2)
        return np.asarray(np.sqrt(variance), np.float64)

    def shares(self, mean: float, edges: Floats) -> Floats:
        """Shares of the samples up to the first edge, to the next ones and beyond, given their mean."""
        value = np.array(np.interp(mean, self.means, self.values))
        return np.diff(_normal((edges - value) / self.deviation(value)), prepend=0.0, append=1.0)


def _poisson_shares(mean: float) -> Floats:
    """Shares of no photon, of none between no and one, of 1, 2, 3, 4 and of more."""
    shares = [math.exp(-mean) * mean**n / math.factorial(n) for n in range(5)]
    return np.array([shares[0], 0.0, *shares[1:], max(1 - sum(shares), 0.0)])


def _real(value: float | None) -> float:
    """What was saved as `value`."""
    return math.inf if value is None else number(value, "meter")


def _mixed(shares: Floats) -> Floats:
    """Probabilities none of which is 0."""
    mixed: Floats = (1 - _STRAY) * shares / shares.sum() + _STRAY / len(shares)
    return mixed


def _flat(blocks: Floats) -> list[Floats]:
    """Every other sample of those blocks whose other samples vary least, in groups of similar mean."""
    odd = np.add.outer(np.arange(_BLOCK), np.arange(_BLOCK)).ravel() % 2 == 1
    order = np.argsort(blocks.mean(axis=1), kind="stable")
    flattest = []
    for group in np.array_split(order, min(_GROUPS, max(len(order) // 4, 1))):
        rank = np.argsort(blocks[group][:, odd].var(axis=1), kind="stable")
        flattest.append(blocks[group[rank[: (len(group) + 1) // 2]]][:, ~odd])
    return flattest


@dataclass
class RangeMeter:
    """What the samples of a layer were clipped to, from its frames so far."""

    low: End = field(default_factory=lambda: End(1))
    high: End = field(default_factory=lambda: End(-1))
    frames: int = 0
    integers: bool = False

    def copy(self) -> "RangeMeter":
        """Return an independent meter with the same memory."""
        return replace(self, low=replace(self.low), high=replace(self.high))

    def values(self) -> list[list[float | None]]:
        """Return what `of_values` takes."""
        ends = [
            [end.value, end.expected, end.found, end.clipped, end.counted] for end in (self.low, self.high)
        ]
        return [
            [self.frames, int(self.integers)],
            *([None if math.isinf(x) else x for x in end] for end in ends),
        ]

    @staticmethod
    def of_values(values: list[list[float | None]]) -> "RangeMeter":
        """Return the meter with these values; ValueError if there can be none."""
        (frames, integers), *ends = values
        low, high = (End(sign, *map(_real, end)) for sign, end in zip((1, -1), ends, strict=True))
        return RangeMeter(low, high, integer(frames, "meter", 0, 2**62), integers == 1)

    def add(self, frame: Array, noise: Noise, weights: Array | None = None) -> None:
        """Take the next frame, shape (H, W, C), its noise, and (H, W) what is 0 where pixels are missing."""
        self.integers = frame.dtype.kind == "u"
        due = self.frames < 3 or self.frames % 8 == 0
        self.frames += 1
        if not due or noise[0] == 0 or min(frame.shape[:2]) < _BLOCK:
            return
        blocks = _blocks(frame, self.frames)
        whole = np.isfinite(blocks).all(axis=1)
        if weights is not None:
            known = (_blocks(weights[..., None], self.frames) > 0).all(axis=1)
            whole &= np.tile(known, frame.shape[2])
        blocks = blocks[whole]
        if not len(blocks):
            return
        for end in (self.low, self.high):
            end.add(blocks, noise, self.integers)

    def limits(self) -> tuple[float, float]:
        """Return what samples were clipped to, infinite where they were not."""
        low, high = self.low.limit(self.integers), self.high.limit(self.integers)
        return (low, high) if low < high else (-math.inf, math.inf)


def _blocks(frame: Array, number: int) -> Floats:
    """Blocks of each channel, spread over the frame, (N, 64)."""
    height, width = (length // _BLOCK for length in frame.shape[:2])
    count = min(height * width, _BLOCKS)
    which = (np.arange(count) * (height * width) // count + number) % (height * width)
    y, x = np.divmod(which, width)
    inside_y, inside_x = np.divmod(np.arange(_BLOCK**2), _BLOCK)
    samples = frame[(_BLOCK * y)[:, None] + inside_y, (_BLOCK * x)[:, None] + inside_x]
    return np.asarray(np.moveaxis(samples, 2, 0).reshape(-1, _BLOCK**2), np.float64)
