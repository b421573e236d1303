# SPDX-License-Identifier: Apache-2.0
"""The noise of a stream, tracked: which pairs of its frames are measured, and when the noise has changed."""

import math
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from vdcore._arrays import Array

from .blocks import Blocks, has_noise, measure
from .clipping import RangeMeter
from .estimate import BLOCK, NoiseEstimate, white_noise
from .pooling import estimate_from_blocks

MAX_PAIRS = 12  # that are kept
MAX_STRIDE = 16  # frames from one pair to the next
MIN_LAG, MAX_LAG = 4, 32  # frames between the later frame of a pair and an earlier one, for the correlation
STILL = 8  # pairs of equal frames after which the picture counts as still

_CHANGE = 4.0  # ratio of variances that is a change of the noise


@dataclass
class Estimator:
    """The noise of a stream so far; memory does not depend on the stream's length.

    Attributes
    ----------
    pairs : list of Blocks
        What was measured since the noise changed last, at most `MAX_PAIRS`.
    stride, index : int
        The next pair starts `stride` frames after the last one; the number of the last frame, -1 before the
        first one.
    start : int
        The frame from which on the noise is what it is now.
    next : int
        The frame at which the next pair starts.
    first : ndarray or None
        The first frame of a pair whose second one is still to come.
    earlier, earlier_index : ndarray or None, int
        A frame some time before.
    suspects : list of Blocks
        The last pair, if it does not fit those before it.
    suspect_index : int
        Its first frame.
    last_index : int
        The first frame of the last pair of `pairs`.
    still : int
        Pairs of equal frames in a row.
    fresh : int
        1 after a picture has followed black, until the next pair.
    dtype : numpy.dtype
        Of the last frame.
    """

    pairs: list[Blocks] = field(default_factory=list)
    stride: int = 1
    index: int = -1
    start: int = 0
    next: int = 0
    first: Array | None = None
    earlier: Array | None = None
    earlier_index: int = 0
    suspects: list[Blocks] = field(default_factory=list)
    suspect_index: int = 0
    last_index: int = 0
    still: int = 0
    fresh: int = 0
    dtype: np.dtype[Any] = field(default_factory=lambda: np.dtype(np.float64))

    def copy(self) -> "Estimator":
        """Return an independent estimator of the same frames."""
        return replace(self, pairs=list(self.pairs), suspects=list(self.suspects))

    def add(self, frame: Array) -> bool:
        """Take the next frame, (H, W, C); return whether the estimate may have changed."""
        self.index += 1
        self.dtype = frame.dtype
        changed = False
        if self.first is not None:
            changed = self._finish(self.first, frame)
        if self.first is None and self.index >= self.next:
            self.first = frame.copy()
        return changed

    def _finish(self, first: Array, second: Array) -> bool:
        """Measure a pair; return whether it tells something new."""
        repeated = self.still > 0
        if np.array_equal(first, second):
            self.still += 1
            if self.still < STILL:  # a frame that is repeated
                self.first = None
                self.next = self.index
                return not self.pairs
        else:
            self.still = 0
        lag = self.index - self.earlier_index
        earlier = self.earlier if MIN_LAG <= lag <= MAX_LAG else None
        blocks = measure(first, second, earlier, lag)
        self.first = None
        if not blocks.all:  # nothing but missing samples
            self.next = self.index
            return False
        if self.earlier is None or lag >= 2 * MIN_LAG:
            self.earlier, self.earlier_index = first, self.index - 1
        fits = bool(self.pairs) and _fits(blocks, self.pairs)
        if not fits and blocks.changed and not self.fresh and not measure(first, None).energy.any():
            self.pairs, self.suspects = [], []  # black, and now a picture: no pair yet
            self.start, self.stride, self.next, self.fresh = self.index, 1, self.index, 1
            return True
        if not fits and (self.pairs or repeated):
            self.suspects.append(blocks)
            if len(self.suspects) == 1:  # a cut, or a change?
                self.suspect_index = self.index - 1
                self.next = self.index
                return False
            if not _fits(self.suspects[0], self.suspects[1:]):
                self.suspects = self.suspects[1:]
                self.suspect_index = self.index - 1
                self.next = self.index
                return False
            last = self.last_index + 1
            self.start = (last + self.suspect_index + 1) // 2
            self.pairs, self.suspects, self.stride = self.suspects[1:], [], 1  # the first may be half of each
            self.last_index = self.index - 1
            self.next = self.index
            return True
        self.suspects, self.fresh = [], 0
        self.pairs = [*self.pairs, blocks]
        self.last_index = self.index - 1
        if len(self.pairs) > MAX_PAIRS:
            if self.stride < MAX_STRIDE:
                self.pairs = self.pairs[::2]
                self.stride *= 2
            else:
                self.pairs = self.pairs[1:]
        self.next = max(self.index, self.index - 1 + self.stride)
        return True

    def estimate(self) -> NoiseEstimate:
        """Return the estimate of the noise now; from one frame where there is no pair. Needs a frame."""
        frames = [frame for frame in (self.earlier, self.first) if frame is not None]
        if not self.pairs and self.still and np.isfinite(frames[-1]).any():  # nothing but repeated frames
            return white_noise(np.zeros(frames[-1].shape[2]))
        pairs = self.pairs or [measure(frames[-1], None)]
        estimate = self.estimate_of(pairs, alone=not self.pairs)
        if self.dtype.kind == "u":
            meter = RangeMeter()
            noise = (
                math.sqrt(np.mean(estimate.sigma**2)),
                float(estimate.gain.mean()),
                float(estimate.offset.mean()),
            )
            for frame in frames:
                meter.add(frame, noise)
            if meter.low.counts:
                return self.estimate_of(pairs, alone=not self.pairs, counts=True)
        return estimate

    def estimate_of(self, pairs: list[Blocks], alone: bool = False, counts: bool = False) -> NoiseEstimate:
        """Return the estimate from pairs that were measured before, or from a frame measured alone.

        Samples that are 0 were clipped, or are `counts` of photons.
        """
        if not any(pair.all for pair in pairs):
            raise ValueError(f"frames must have blocks of {BLOCK} x {BLOCK} finite samples")
        pairs = [pair for pair in pairs if pair.all]
        noisy = [pair for pair in pairs if has_noise(pair)]
        if not noisy or 2 * len(noisy) < len(pairs):
            return white_noise(np.zeros(pairs[0].mean.shape[1]))
        return estimate_from_blocks(noisy, self.dtype, alone, counts)


def _fits(blocks: Blocks, others: list[Blocks]) -> bool:
    """Whether a pair has the noise of the others."""
    level, usual = blocks.level, float(np.median([other.level for other in others]))
    if level == 0 or usual == 0:
        return level == usual
    return 1 / _CHANGE <= level / usual <= _CHANGE
