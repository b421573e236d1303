# SPDX-License-Identifier: Apache-2.0
"""What every filter of a stream needs as a stage of the pipeline: time range and region."""

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Iterator
from typing import Any

import numpy.typing as npt

from vdcore import _core
from vdcore._arguments import FrameRange, RegionProvider

from .pipeline import Buffers, Frame

Array = npt.NDArray[Any]


class StreamFilter(ABC):
    """Frames within `frames` are filtered; where `region` says so, they take the result.

    Parameters
    ----------
    region : RegionProvider or None
        Where the output is changed; None is everywhere.
    frames : FrameRange
        Frames outside pass through untouched and are not seen by the filter.
    threads : int or None
        Threads that blend.
    """

    def __init__(self, region: RegionProvider | None, frames: FrameRange, threads: int | None) -> None:
        self._region = region
        self._frames = frames
        self._threads = threads
        self._pending: deque[tuple[Array, Array | None]] = deque()  # originals and regions to be blended

    @abstractmethod
    def _take(self, frame: Frame, out: Array) -> bool:
        """Filter the next frame, whose image is not kept; whether the next result is in out."""

    @abstractmethod
    def _rest(self, buffers: Buffers) -> Iterator[Array]:
        """Yield the results still to come, each to be given away."""

    def push(self, frame: Frame, buffers: Buffers) -> Iterator[Array]:
        if not self._frames.contains(frame.index, frame.seconds):
            yield from self.flush(buffers)
            yield frame.image
            return
        if self._region:
            self._pending.append((frame.image, self._region(frame.index, frame.seconds)))
        out = buffers.acquire()
        ready = self._take(frame, out)
        if not self._region:
            buffers.release(frame.image)
        if ready:
            yield self._blended(out, buffers)
        else:
            buffers.release(out)

    def flush(self, buffers: Buffers) -> Iterator[Array]:
        for out in self._rest(buffers):
            yield self._blended(out, buffers)

    def _blended(self, out: Array, buffers: Buffers) -> Array:
        """Put back into out what lies outside the region, and return it."""
        if self._pending:
            original, region = self._pending.popleft()
            if region is not None:
                _core.blend(original, region, out, self._threads)
            buffers.release(original)
        return out
