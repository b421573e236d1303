# SPDX-License-Identifier: Apache-2.0
"""Regions of the picture and ranges of time, for arrays and files alike."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from math import inf
from numbers import Integral, Real
from typing import Any

import numpy as np
import numpy.typing as npt

from vdcore._arrays import Array, as_weights, check_unit_interval, is_array
from vdcore._checks import number

Region = Any  # (x, y, width, height), a mask, a callable or an iterable of those; None is everywhere
RegionProvider = Callable[[int, float], Array | None]


def resolve_region(region: Region, height: int, width: int, name: str = "region") -> RegionProvider:
    """Return a function of (index, seconds) that gives the weights of one frame.

    Parameters
    ----------
    region : None, (x, y, width, height), array, callable or iterable
        A rectangle in pixels, cut off at the picture's edges; a mask of shape (H, W): bool, float in [0, 1],
        or uint8 where 255 is 1; a callable of (index, seconds) that returns one of those or None; or an
        iterable (an array of shape (T, H, W) too) that gives one of those per frame.
    height, width : int
        Size of the frames.
    name : str
        What the argument is called in errors.

    Returns
    -------
    callable
        (index, seconds) -> ndarray of shape (H, W), uint8 or float, or None for everywhere. Indices must not
        decrease from call to call.
    """
    if region is None:
        return lambda index, seconds: None
    if callable(region):
        return lambda index, seconds: _weights(region(index, seconds), height, width, name)
    if is_array(region):
        region = np.asarray(region)
    if _is_rectangle(region) or isinstance(region, np.ndarray) and region.ndim == 2:
        mask = _weights(region, height, width, name)
        if mask is not None and not mask.any():
            raise ValueError(f"{name} covers no pixel of a {width} x {height} frame, got {region!r}")
        return lambda index, seconds: mask
    if not isinstance(region, Iterable):
        raise TypeError(
            f"{name} must be (x, y, width, height), a mask, a callable or an iterable, got {region!r}"
        )
    return _RegionSequence(iter(region), height, width, name)


@dataclass
class _RegionSequence:
    """One region per frame, drawn from an iterator on demand."""

    regions: Iterator[Region]
    height: int
    width: int
    name: str
    taken: int = 0
    current: Array | None = None

    def __call__(self, index: int, seconds: float) -> Array | None:
        while self.taken <= index:
            try:
                region = next(self.regions)
            except StopIteration:
                raise ValueError(
                    f"{self.name} gives {self.taken} regions, but there are more frames"
                ) from None
            self.taken += 1
            if self.taken > index:
                self.current = _weights(region, self.height, self.width, self.name)
        return self.current


def _is_rectangle(region: Region) -> bool:
    """Whether `region` is a sequence of numbers."""
    flat = isinstance(region, tuple | list) or isinstance(region, np.ndarray) and region.ndim == 1
    return flat and len(region) > 0 and isinstance(region[0], Real)


def _weights(region: Region, height: int, width: int, name: str) -> Array | None:
    """Return a rectangle or a mask as weights."""
    if region is None:
        return None
    if not _is_rectangle(region):
        mask = as_weights(region, name, (height, width))
        check_unit_interval(mask, name)
        return mask
    if len(region) != 4 or not all(isinstance(side, Integral) for side in region):
        raise ValueError(f"{name} must be four integers (x, y, width, height), got {region!r}")
    left, top, columns, rows = map(int, region)
    if columns < 1 or rows < 1:
        raise ValueError(f"{name} must be (x, y, width, height) with width and height >= 1, got {region!r}")
    mask = np.zeros((height, width), np.uint8)
    mask[max(top, 0) : max(top + rows, 0), max(left, 0) : max(left + columns, 0)] = 255
    return mask


# ---- time


@dataclass(frozen=True)
class FrameRange:
    """The half-open range of frames that are filtered."""

    start: float
    stop: float
    time_unit: str

    def contains(self, index: int, seconds: float) -> bool:
        """Whether the frame with this index and time stamp is in the range."""
        return self.start <= (seconds if self.time_unit == "seconds" else index) < self.stop


def frame_range(start: float | None, stop: float | None, time_unit: str) -> FrameRange:
    """Return the range [start, stop) in `time_unit`; None leaves that side open."""
    first = -inf if start is None else number(start, "start", 0)
    last = inf if stop is None else number(stop, "stop", 0, infinite=True)
    if first > last:
        raise ValueError(f"start must not be after stop, got start={start!r}, stop={stop!r}")
    return FrameRange(first, last, time_unit)


def time_stamps(times: object, count: int, time_unit: str) -> npt.NDArray[np.float64]:
    """Return the time of every frame; the frame's index where `times` is None."""
    if times is None:
        if time_unit == "seconds":
            raise ValueError('times must be given with time_unit="seconds": the time of every frame')
        return np.arange(count, dtype=np.float64)
    stamps = np.asarray(times, dtype=np.float64)
    if stamps.shape != (count,):
        raise ValueError(
            f"times must have one entry for each of the {count} frames, got shape {stamps.shape}"
        )
    if not np.isfinite(stamps).all():
        raise ValueError(f"times must be finite, got {stamps[~np.isfinite(stamps)][0]}")
    if (np.diff(stamps) < 0).any():
        step = int(np.argmax(np.diff(stamps) < 0))
        raise ValueError(f"times must not decrease, got {stamps[step]} and then {stamps[step + 1]}")
    return stamps
