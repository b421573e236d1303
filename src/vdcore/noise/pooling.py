# SPDX-License-Identifier: Apache-2.0
"""From measured blocks to an estimate of the noise.

Of the blocks in which something changes (blocks.py), those with the least texture are chosen: there the
difference of the frames is noise. A line, variance against brightness, is fitted to its energy in high
frequencies, where missed motion is least (curve.py); the ratio of all frequencies to these, coefficient by
coefficient, gives the spectrum and the total. The line refines the choice of blocks, so this is repeated.

Noise that lasts over frames hardly changes from one to the next. Its correlation follows from frames that
are further apart, and is at most what the energy of sum and difference allow.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from vdcore._arrays import Array

from .blocks import Blocks
from .curve import Curve, fit_line, groups
from .estimate import BLOCK, FREQUENCY, HIGH, Floats, NoiseEstimate, white_noise

_CHOSEN = 0.06  # of the blocks, for noise as it comes from a sensor
_OF_EACH = 0.05  # of the blocks of each brightness
_CHOSEN_COMPRESSED = 0.12  # a codec takes the noise out of the smoothest blocks
_MARGIN = 1.2  # times what noise alone explains
_ROUNDS = 6
_CLEAR = 0.9  # of a block's samples not clipped; other blocks are used only where there are few of these
_INSIDE = 0.4  # of a block's samples not clipped, at least: in the black a half is
_FEW = 0.1  # of the chosen blocks
_MIN_BLOCKS = 50
_MAX_BLOCKS = 1200  # that the spectrum is found from
_HEAVY = 1.15  # mean square over what the median says: heavy tails, few large coefficients
_VERY_HEAVY = 1.25
_COARSE = 2.0  # steps; less is not worth a model of codecs
_WHITE = 0.12  # logarithm of middle over high frequencies
_TEXTURE = 2.0, 5.0  # energy of S over D: noise alone, texture that may move
_TEXTURE_COMPRESSED = 5.0, 10.0
_STEEPEST, _LOWEST = 1.7, 4  # rise of noise from a frequency to the next lower one, from this one down
_RISE = 1.1  # of noise from a frequency to the next lower one, where it is extrapolated
_MEAN_RISE = 1.3  # of the mean: more is flicker
_PRIOR_BLOCKS = 60  # that an isotropic spectrum is worth
_MIN_CORRELATION = 0.15
_MEDIAN = 0.4549  # of the square of a normal variable
_MIDDLE = (FREQUENCY >= 4) & (FREQUENCY <= 8)


@dataclass(frozen=True)
class _Pool:
    """The blocks of all pairs together, arrays as in `Blocks`; `lag` and `unit` are of each block."""

    mean: Floats
    texture: Floats
    smooth: Floats
    energy: Floats
    still: Floats
    far: Floats
    lag: Array
    difference: Array
    total: Array
    unit: Array
    count: int
    step: float
    low: float
    high: float

    def squares(self, numbers: Array) -> tuple[Array, Array]:
        """The squares of D and S of these blocks, (N, C, 64)."""
        scale = np.square(self.unit[numbers]).astype(np.float32)[:, None, None]
        difference, total = (
            np.square(part[numbers].astype(np.float32)) * scale for part in (self.difference, self.total)
        )
        return difference, total


def _some(numbers: Array) -> Array:
    """At most `_MAX_BLOCKS` of these numbers, evenly spread."""
    if len(numbers) <= _MAX_BLOCKS:
        return numbers
    some: Array = numbers[np.linspace(0, len(numbers) - 1, _MAX_BLOCKS).astype(int)]
    return some


def _pool(pairs: list[Blocks], dtype: np.dtype[Any], counts: bool) -> _Pool:
    def joined(name: str) -> Floats:
        return np.concatenate([getattr(pair, name) for pair in pairs])

    low, high = _range(dtype, joined("lowest"), joined("greatest"))
    low = -math.inf if counts else low
    mean, energy, smooth = joined("mean"), joined("energy"), joined("smooth")
    reach = 10 * math.sqrt(max(energy.max(), smooth.max()))  # further than noise gets
    return _Pool(
        mean=mean,
        texture=joined("texture"),
        smooth=smooth,
        energy=energy,
        still=joined("still"),
        far=joined("far"),
        lag=np.concatenate([np.full(len(pair.mean), pair.lag) for pair in pairs]),
        difference=joined("difference"),
        total=joined("total"),
        unit=np.concatenate([np.full(len(pair.mean), pair.unit) for pair in pairs]),
        count=sum(pair.count for pair in pairs),
        step=min(pair.step for pair in pairs),
        low=max(low, float(mean.min()) - reach),
        high=min(high, float(mean.max()) + reach),
    )


def _range(dtype: np.dtype[Any], lowest: Floats, greatest: Floats) -> tuple[float, float]:
    """What samples were clipped to: for floats an extreme that many blocks share, if any."""
    low, high = float(lowest.min()), float(greatest.max())
    if dtype.kind == "u":
        return 0.0, 2.0 ** max(8, int(high).bit_length()) - 1
    shared = 0.005
    return (
        low if np.mean(lowest == low) > shared else -math.inf,
        high if np.mean(greatest == high) > shared else math.inf,
    )


def estimate_from_blocks(
    pairs: list[Blocks], dtype: np.dtype[Any], alone: bool, counts: bool
) -> NoiseEstimate:
    """Return the estimate from pairs in which there is noise.

    Parameters
    ----------
    pairs : list of Blocks
        Not empty.
    dtype : numpy.dtype
        Of the frames.
    alone : bool
        Whether the only pair is a single frame, which tells no texture from noise in low frequencies.
    counts : bool
        Whether samples are counts, which are never below the low end and so not clipped there.
    """
    pool = _pool(pairs, dtype, counts)
    chosen, curves = _choose(pool, _CHOSEN)
    correlation = _correlation(pool, chosen)
    spectrum, heaviness = _spectrum(pool, chosen, curves, correlation)
    excess = 1.0
    if heaviness > _VERY_HEAVY:
        excess = (1 + _still_share(pool, chosen)) / 2
        chosen, curves = _choose(pool, _CHOSEN_COMPRESSED)
        spectrum, heaviness = _spectrum(pool, chosen, curves, correlation)
    moving = heaviness > _HEAVY and correlation > 0  # neither a sensor nor a codec: texture that moves
    if moving:
        correlation, excess = 0.0, 1.0
    if alone:  # texture cannot be told from noise in low frequencies
        spectrum[:], heaviness = 1, 1
    total = float(spectrum.mean())
    if not total > 0:
        return white_noise(np.zeros(pool.mean.shape[1]))
    factor = total * max(1 / (1 - correlation), min(excess, 1.8))
    gain, offset, value = (np.zeros(len(curves)) for _ in range(3))
    for c, curve in enumerate(curves):
        if curve is not None:
            gain[c], offset[c] = curve.gain * factor, curve.offset * factor
            value[c] = curve.expected(pool.mean[:, c]).mean()
    return NoiseEstimate(
        sigma=np.sqrt(np.maximum(gain * value + offset, 0.0)),
        gain=gain,
        offset=offset,
        spectrum=None if alone else (spectrum / total).reshape(-1, BLOCK, BLOCK),
        correlation=correlation,
        compressed=bool(
            heaviness > _HEAVY and not moving and np.max(gain * value + offset) > (_COARSE * pool.step) ** 2
        ),
    )


def _choose(pool: _Pool, share: float) -> tuple[Array, list[Curve | None]]:
    """Choose the blocks with the least texture for their noise; return a mask and the channels' lines.

    The lines are fitted to more blocks, so that every brightness is among them.
    """
    channels = pool.mean.shape[1]
    curves: list[Curve | None] = [None] * channels
    expected = np.stack([_least_energy(pool.mean[:, c], pool.texture[:, c]) for c in range(channels)], axis=1)
    wanted = min(max(int(share * pool.count), _MIN_BLOCKS), len(pool.mean))
    parts = groups(pool.mean.mean(axis=1))
    flat = np.ones(len(pool.mean), bool)
    for _ in range(_ROUNDS):
        known = expected > 0
        rank = np.divide(pool.texture, expected, out=np.zeros_like(expected), where=known).sum(axis=1)
        rank /= np.maximum(known.sum(axis=1), 1)
        flat = rank <= max(np.partition(rank, wanted - 1)[wanted - 1], _MARGIN)
        chosen = flat.copy()
        for group in parts:  # of each brightness, some
            chosen[group[np.argsort(rank[group])[: int(_OF_EACH * len(group))]]] = True
        for c, curve in enumerate(curves):
            value, variance = pool.mean[chosen, c], pool.energy[chosen, c]
            inside = np.ones(len(value))
            if curve is not None:
                value, variance, inside = curve.unclip(value, variance)
            clear = inside > _CLEAR
            if np.mean(clear) < _FEW:  # nearly all is dark, or bright
                clear = inside > _INSIDE
            if not variance[clear].any():
                curves[c] = None
                expected[:, c] = 0
                continue
            line = fit_line(value[clear], variance[clear], inside[clear] ** 2 * HIGH.sum())
            curves[c] = curve = Curve(*line, pool.low, pool.high)
            ratio = pool.smooth[flat, c].sum() / max(pool.energy[flat, c].sum(), 1e-300)
            expected[:, c] = curve.clipped_variance(pool.mean[:, c]) * ratio
    return flat, curves


def _least_energy(mean: Floats, energy: Floats) -> Floats:
    """For every block an energy that nine tenths of the blocks of similar mean exceed."""
    result = np.empty_like(energy)
    for group in groups(mean):
        result[group] = np.quantile(energy[group], 0.1)
    return result


def _spectrum(
    pool: _Pool, chosen: Array, curves: list[Curve | None], correlation: float
) -> tuple[Floats, float]:
    """Variance of each coefficient, (C, 64), and how heavy the tails are, 1 for normal noise.

    In units of the mean variance of the channels in high frequencies at the block's brightness.
    """
    mean = pool.mean[chosen]
    present = [(c, curve) for c, curve in enumerate(curves) if curve is not None]
    if not present:
        return np.zeros(pool.difference.shape[1:]), 1.0
    variance = np.sum([curve.clipped_variance(mean[:, c]) for c, curve in present], axis=0) / len(curves)
    inside = np.mean(
        [np.interp(mean[:, c], curve.clipped[0], curve.clipped[2]) for c, curve in present], axis=0
    )
    clear = inside > _CLEAR
    if clear.sum() < _MIN_BLOCKS:
        clear = np.ones(len(mean), bool)
    used = _some(np.flatnonzero(clear))
    difference, total = pool.squares(np.flatnonzero(chosen)[used])
    squares = difference / variance[used][:, None, None]
    robust, plain = np.median(squares, axis=0) / _MEDIAN, squares.mean(axis=0, dtype=np.float64)
    high = float(plain[:, HIGH].mean())
    heaviness = high / max(float(robust[:, HIGH].mean()), 1e-300)
    if difference[..., _MIDDLE].mean(axis=(0, 2)).max() < pool.step**2:
        heaviness = 1.0  # steps are not normal either
    spectrum = np.array(robust if heaviness < _VERY_HEAVY else plain, np.float64)
    spectrum /= max(float(spectrum[:, HIGH].mean()), 1e-300)
    _limit_bands(spectrum)
    limits = _TEXTURE if heaviness < _VERY_HEAVY else _TEXTURE_COMPRESSED
    _limit_motion(spectrum, _texture(difference, total), *limits)
    upper = spectrum[:, HIGH].mean(axis=1)
    ratio = spectrum[:, _MIDDLE].mean(axis=1) / np.maximum(upper, 1e-300)
    tolerance = _WHITE / (1 - correlation) + 2 / math.sqrt(_MIDDLE.sum() * len(squares))
    if heaviness < _HEAVY and (np.abs(np.log(np.maximum(ratio, 1e-300))) < tolerance).all():
        spectrum[:] = upper[:, None]  # white; more in the lowest frequencies is motion that was missed
    else:
        share = len(squares) / (len(squares) + _PRIOR_BLOCKS)
        spectrum = share * spectrum + (1 - share) * _isotropic(spectrum)
    return spectrum, heaviness


def _limit_bands(spectrum: Floats) -> None:
    """Extrapolate the lowest vertical frequencies, where lamps and a rolling shutter make bands."""
    grid = spectrum.reshape(-1, BLOCK, BLOCK)  # a view
    for y in 1, 2:
        grid[:, y, 0] = np.minimum(grid[:, y, 0], _MEAN_RISE * np.maximum(grid[:, 0, y], grid[:, 3, 0]))


def _texture(difference: Array, total: Array) -> Floats:
    """Energy of S over that of D at each sum of frequencies, (C, 15), 1 where there is noise alone."""
    counts = np.bincount(FREQUENCY)
    still, moving = (
        np.stack([np.bincount(FREQUENCY, weights=channel) / counts for channel in np.median(part, axis=0)])
        for part in (total, difference)
    )
    ratio = still / np.maximum(moving, 1e-30)
    upper = ratio[:, BLOCK + 1 :].mean(axis=1, keepdims=True)
    texture: Floats = ratio / np.maximum(upper, 1e-30)
    return texture


def _limit_motion(spectrum: Floats, texture: Floats, bare: float, textured: float) -> None:
    """Extrapolate low frequencies from higher ones where there is texture: what changes may be its motion.

    Nor does noise rise towards low frequencies as steeply as pictures do. The mean is no part of the test,
    since brightness differs between blocks.
    """
    grid = spectrum.reshape(-1, BLOCK, BLOCK)  # a view
    trust = np.clip((textured - texture) / (textured - bare), 0, 1)
    luma = slice(0, 1) if len(grid) == 3 else slice(None)
    for ring in range(BLOCK - 2, -1, -1):
        share = trust[:, max(ring, 1)]
        for y in range(ring + 1):
            x = ring - y
            next_higher = np.maximum(grid[:, y + 1, x], grid[:, y, x + 1])
            if 0 < ring <= _LOWEST:
                grid[luma, y, x] = np.minimum(grid[luma, y, x], _STEEPEST * next_higher[luma])
            limited = np.minimum(grid[:, y, x], (_RISE if ring else _MEAN_RISE) * next_higher)
            grid[:, y, x] = share * grid[:, y, x] + (1 - share) * limited if ring else limited


def _isotropic(spectrum: Floats) -> Floats:
    """The mean over the coefficients of about the same frequency."""
    radius = np.rint(np.hypot(*np.divmod(np.arange(BLOCK**2), BLOCK))).astype(int)
    counts = np.bincount(radius)
    return np.stack([(np.bincount(radius, weights=channel) / counts)[radius] for channel in spectrum])


def _still_share(pool: _Pool, chosen: Array) -> float:
    """Energy of S over that of D: what does not change against what does."""
    difference, total = pool.squares(_some(np.flatnonzero(chosen)))
    return float(total[..., 1:].sum() / max(float(difference[..., 1:].sum()), 1e-300))


def _correlation(pool: _Pool, chosen: Array) -> float:
    """Correlation of the noise from frame to frame, that of a first-order autoregression."""
    energy, still = pool.energy[chosen].mean(axis=1), pool.still[chosen].mean(axis=1)
    ratio = float(still.sum() / max(energy.sum(), 1e-300))
    most = max(0.0, (ratio - 1) / (ratio + 1))
    grid = np.linspace(0, 0.95, 96)
    found = []
    for lag in np.unique(pool.lag[chosen]):
        there = pool.lag[chosen] == lag
        if lag and there.sum() >= _MIN_BLOCKS:
            growth = pool.far[chosen][there].sum() / max(energy[there].sum(), 1e-300)
            found.append(float(np.interp(growth, (1 - grid**lag) / (1 - grid), grid)))
    correlation = min(float(np.median(found)), most) if found else 0.0
    return correlation if correlation > _MIN_CORRELATION else 0.0
