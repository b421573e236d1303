# SPDX-License-Identifier: Apache-2.0
"""Pairs of frames, measured in blocks of 8 x 8 samples.

Of two frames a and b the cosine transforms D of (b - a) / sqrt 2 and S of (a + b) / sqrt 2 are taken. Noise
that is independent from frame to frame has the same variance in both, and D is independent of S whatever
the spectrum: blocks may be chosen by S, as those with the least texture, without a bias on D.
"""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from vdcore._arrays import Array

from .estimate import BLOCK, HIGH, LOW, Floats

MAX_BLOCKS = 1200  # of one pair
KEPT = 0.5  # of them, those with the least texture in groups of similar brightness
MIN_COUNT = 16  # blocks in which noise is found, at least
_GROUPS = 8
_CHANGED = 0.6  # times the share of pixels that noise changes: with less, something else changes
_STRONGLY_CHANGED = 0.9  # the same where the change is of many steps, such as text that scrolls
_STRONG = 3.0  # steps
_BALANCED = 8.0  # energy of D over that of S, 1 for noise
_SCALED = 0.6  # correlation of D with S, 0 for noise
_LEVELS = 32  # that samples have at least: pages have two
_EVIDENT = 0.25  # of the blocks that change
_TWO_VALUED = 0.05  # of the samples at each end of the range: text, say
_EVEN = 0.2  # relative spread of the deviations of blocks

_SQRT_HALF = math.sqrt(0.5)
_erf = np.vectorize(math.erf, otypes=[np.float64])


def _cosines() -> Floats:
    """The orthonormal cosine transform of a block, (pixels, frequencies), both by rows."""
    n = np.arange(BLOCK)
    rows = math.sqrt(2 / BLOCK) * np.cos(np.pi * np.outer(n + 0.5, n) / BLOCK)
    rows[:, 0] /= math.sqrt(2)
    return np.kron(rows, rows).astype(np.float64)


_COSINES = _cosines()

_OPPONENTS = np.array([[1.0, 1.0, 1.0], [1.0, 0.0, -1.0], [1.0, -2.0, 1.0]]) / np.sqrt([[3.0], [2.0], [6.0]])


def opponent_colours(samples: Array) -> Array:
    """Three channels on the first axis as orthonormal opponent colours; others as they are."""
    if len(samples) != 3:
        return samples
    opponents: Array = np.tensordot(_OPPONENTS.astype(samples.dtype), samples, axes=1)
    return opponents


@dataclass(frozen=True)
class Blocks:
    """Blocks of a pair of frames in which noise may be measured, shapes (N, C) unless it says otherwise.

    Attributes
    ----------
    mean : ndarray
        Of the samples.
    texture, smooth, energy, still : ndarray
        Mean squares of coefficients: of S over low frequencies, of D over low ones, of D over high ones and
        of S over high ones.
    lowest, greatest : ndarray
        Samples.
    difference, total : ndarray of float16, (N, C, 64)
        D and S in opponent colours, over `unit`.
    unit : float
    step : float
        The smallest change of a sample.
    far : ndarray, (N,)
        Mean square over high frequencies of (b - c) / sqrt 2, where c is a frame `lag` frames before b.
    lag : int
        0: there was no such frame.
    count : int
        Blocks that noise may have changed, of which those with the least texture are kept.
    changed : int
        Blocks in which any sample changed.
    all : int
        Blocks that were looked at.
    """

    mean: Floats
    texture: Floats
    smooth: Floats
    energy: Floats
    still: Floats
    lowest: Floats
    greatest: Floats
    difference: npt.NDArray[np.float16]
    total: npt.NDArray[np.float16]
    unit: float
    step: float
    far: Floats
    lag: int
    count: int
    changed: int
    all: int

    @property
    def level(self) -> float:
        """A variance that tells a change of the noise, whatever its dependence on brightness; 0: no noise."""
        if not has_noise(self):
            return 0.0
        return float(np.quantile(self.energy.mean(axis=1), 0.3))


def has_noise(blocks: Blocks) -> bool:
    """Whether what changes may be noise: noise changes most pixels of most blocks that it changes at all."""
    few = min(MIN_COUNT, blocks.all)
    return 0 < few <= blocks.count and blocks.count >= max(0.004 * blocks.all, _EVIDENT * blocks.changed)


def measure(first: Array, second: Array | None, earlier: Array | None = None, lag: int = 0) -> Blocks:
    """Measure a pair of frames (H, W, C), or a single frame, where D is taken to be S.

    Blocks with samples that are not finite are left out.

    Raises
    ------
    ValueError
        The frames are smaller than a block.
    """
    height, width = first.shape[:2]
    if min(height, width) < BLOCK:
        raise ValueError(f"frames must have at least {BLOCK} x {BLOCK} pixels, got {height} x {width}")
    spacing = BLOCK if height * width >= MAX_BLOCKS * BLOCK**2 else BLOCK // 2
    y, x = (
        side.ravel() for side in np.mgrid[0 : height - BLOCK + 1 : spacing, 0 : width - BLOCK + 1 : spacing]
    )
    some = np.linspace(0, len(y) - 1, min(len(y), MAX_BLOCKS)).astype(int)
    y, x = y[some], x[some]
    kind = np.result_type(first.dtype, np.float32)  # holds the samples and their differences

    def take(frame: Array, which: Array) -> Array:
        inside_y, inside_x = np.divmod(np.arange(BLOCK**2), BLOCK)
        samples = frame[y[which, None] + inside_y, x[which, None] + inside_x]
        return np.ascontiguousarray(np.moveaxis(samples, 2, 0), kind)  # (C, N, pixels)

    everywhere = np.arange(len(y))
    before = take(first, everywhere)
    after = before if second is None else take(second, everywhere)
    with np.errstate(invalid="ignore", over="ignore"):
        whole = np.isfinite(before + after).all(axis=(0, 2))
    before, after = before[:, whole], after[:, whole]
    looked_at = before.shape[1]
    change = after - before
    share = (change != 0).any(axis=0).mean(axis=1) if second is not None else np.ones(looked_at)
    moved = np.flatnonzero(share > 0)
    before, after, change, share = before[:, moved], after[:, moved], change[:, moved], share[moved]

    cosines = _COSINES.astype(kind)
    total = after + before  # without its first sample: exactly 0 where all are equal
    total = ((total - total[..., :1]) * kind.type(_SQRT_HALF)) @ cosines
    if second is None:
        total *= kind.type(_SQRT_HALF)
        difference = total
    else:
        difference = (change * kind.type(_SQRT_HALF)) @ cosines

    def power(coefficients: Array, frequencies: Array) -> Floats:
        part = coefficients[..., frequencies].astype(np.float64)
        square: Floats = np.einsum("cnk,cnk->nc", part, part) / part.shape[2]
        return square

    smooth, energy = power(difference, LOW), power(difference, HIGH)
    largest = max(float(np.abs(frame).max(initial=0)) for frame in (before, after))
    rounding = (8 * np.finfo(kind).eps * largest) ** 2
    smooth[smooth < rounding] = energy[energy < rounding] = 0  # of blocks that change as a whole
    steps = np.abs(change[change != 0])
    span = float(after.max(initial=-np.inf)) - float(after.min(initial=np.inf)) if steps.size else 0.0
    step = min(float(steps.min(initial=np.inf)), span / _LEVELS) if steps.size else 0.0
    kept = np.arange(len(moved))
    if second is not None and len(moved):
        deviation = np.sqrt((smooth * LOW.sum() + energy * HIGH.sum()).mean(axis=1) / (LOW | HIGH).sum())
        kept = kept[_is_noisy(share, deviation, step, before, after) & ~_is_scaled(difference, total)]
    texture = power(total, LOW)
    count = len(kept)
    kept = _least_textured(kept, before, texture)
    before, after, total, difference = (part[:, kept] for part in (before, after, total, difference))
    unit = float(np.sqrt(energy[kept].mean())) if count else 1.0
    unit = unit if unit > 0 else 1.0
    far = np.zeros(len(kept))
    if earlier is not None and count:
        apart = (after - take(earlier, np.flatnonzero(whole)[moved[kept]])) * kind.type(_SQRT_HALF)
        far = power(apart @ cosines, HIGH).mean(axis=1)
    return Blocks(
        mean=((before.mean(axis=2, dtype=np.float64) + after.mean(axis=2, dtype=np.float64)) / 2).T,
        texture=texture[kept],
        smooth=smooth[kept],
        energy=energy[kept],
        still=power(total, HIGH),
        lowest=np.minimum(before.min(axis=2), after.min(axis=2)).T.astype(np.float64),
        greatest=np.maximum(before.max(axis=2), after.max(axis=2)).T.astype(np.float64),
        difference=_compact(difference, unit),
        total=_compact(total, unit),
        unit=unit,
        step=step,
        far=far,
        lag=lag if earlier is not None and np.isfinite(far).all() else 0,
        count=count,
        changed=len(moved),
        all=looked_at,
    )


def _compact(coefficients: Array, unit: float) -> npt.NDArray[np.float16]:
    """(N, C, 64) in opponent colours, over `unit`; what is far above noise may saturate."""
    scaled = opponent_colours(coefficients) / coefficients.dtype.type(unit)
    compact: npt.NDArray[np.float16] = np.swapaxes(scaled, 0, 1).clip(-6e4, 6e4).astype(np.float16)
    return compact


def _is_noisy(share: Floats, deviation: Floats, step: float, before: Array, after: Array) -> Array:
    """In which blocks noise may be what changes this share of the pixels, by this deviation.

    Noise changes all pixels but those that the steps of the samples leave as they are, or that are clipped
    both times. Where text moves over a page, as many may change; but not by as much in each block.
    """
    required = np.where(deviation > _STRONG * step, _STRONGLY_CHANGED, _CHANGED)
    changed = 1 - _erf(0.25 * step / np.maximum(deviation, 1e-300))
    noisy: Array = share >= required * changed
    if noisy.sum() >= _EVIDENT * len(noisy):
        return noisy
    ends = [(frame == end).all(axis=0) for end in (before.min(), before.max()) for frame in (before, after)]
    if min(end.mean() for end in ends[::2]) > _TWO_VALUED:
        return noisy
    both = sum(a.mean(axis=1) * b.mean(axis=1) for a, b in (ends[:2], ends[2:]))
    clipped: Array = share >= required * np.minimum(changed, 1 - both)
    if clipped.sum() < max(_EVIDENT * len(clipped), min(MIN_COUNT, len(clipped))):
        return noisy
    return clipped if deviation[clipped].std() < _EVEN * deviation[clipped].mean() else noisy


def _is_scaled(difference: Array, total: Array) -> Array:
    """In which blocks D is a multiple of S, or far above it: flashes, fades, negatives."""
    product, first, second = (
        np.einsum("cnk,cnk->n", a[..., 1:], b[..., 1:], dtype=np.float64)
        for a, b in ((difference, total), (difference, difference), (total, total))
    )
    scaled: Array = (product**2 > _SCALED**2 * first * second) | (second < first / _BALANCED)
    return scaled


def _least_textured(kept: Array, before: Array, texture: Floats) -> Array:
    """The part `KEPT` of these blocks with the least texture in each group of similar brightness."""
    if len(kept) < 64:
        return kept
    brightness = before[:, kept, ::7].mean(axis=(0, 2))
    groups = np.array_split(kept[np.argsort(brightness, kind="stable")], _GROUPS)
    energy = texture.mean(axis=1)
    chosen = [
        group[np.argsort(energy[group], kind="stable")[: math.ceil(KEPT * len(group))]] for group in groups
    ]
    return np.sort(np.concatenate(chosen))
