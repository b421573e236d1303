# SPDX-License-Identifier: Apache-2.0
"""What every filter of a stream needs in the pipeline: time range and region."""

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from vdcore import _core
from vdcore._regions import FrameRange
from vdcore.video.frame import Frame

from .regions import PlaneRegions

Array = npt.NDArray[Any]


class StreamFilter(ABC):
    """Frames within `frames` are filtered; only `region` is changed.

    Parameters
    ----------
    region : PlaneRegions or None
        Where the output is changed; None is everywhere.
    frames : FrameRange
        Frames outside pass through untouched and are not seen by the filter.
    threads : int or None
        Threads that blend.
    """

    def __init__(self, region: PlaneRegions | None, frames: FrameRange, threads: int | None) -> None:
        self._region = region
        self._frames = frames
        self._threads = threads
        self._pending: deque[tuple[Frame, tuple[Array, ...] | None]] = deque()  # frames without a result yet
        self._scratch: tuple[Array, ...] = ()

    @abstractmethod
    def _take(self, frame: Frame, outs: Sequence[Array]) -> bool:
        """Filter the next frame, whose planes are not kept; whether the next result is in `outs`.

        Without lookahead `outs` may be the planes of the frame.
        """

    @abstractmethod
    def _next(self, outs: Sequence[Array]) -> bool:
        """Write the next pending result into `outs`; False if there is none."""

    def push(self, frame: Frame) -> Iterator[Frame]:
        if not self._frames.contains(frame.index, frame.seconds):
            yield from self.flush()
            yield frame
            return
        regions = self._region(frame.index, frame.seconds) if self._region else None
        self._pending.append((frame, regions))
        if self._take(frame, self._outs()):
            yield self._finished()

    def flush(self) -> Iterator[Frame]:
        while self._pending and self._next(self._outs()):
            yield self._finished()

    def _outs(self) -> Sequence[Array]:
        """Where the next result goes: its frame, or scratch planes if a region keeps parts of it."""
        frame, regions = self._pending[0]
        if regions is None:
            return frame.planes
        if not self._scratch:
            self._scratch = tuple(np.empty(plane.shape, plane.dtype) for plane in frame.planes)
        return self._scratch

    def _finished(self) -> Frame:
        frame, regions = self._pending.popleft()
        if regions is not None:
            for plane, region, result in zip(frame.planes, regions, self._scratch, strict=True):
                _core.blend(plane, region, result, self._threads)  # the frame outside the region is restored
                np.copyto(plane, result)
        return frame
