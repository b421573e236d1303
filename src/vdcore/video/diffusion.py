# SPDX-License-Identifier: Apache-2.0
"""The diffusion filter as a stage of the pipeline: regions, sources, time range, lookahead, gain."""

from collections import deque
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from vdcore import _core
from vdcore._arguments import FrameRange, RegionProvider
from vdcore.filter import Diffuser

from .pipeline import Buffers, Frame

Array = npt.NDArray[Any]


class DiffusionFilter:
    """Frames within `frames` go through `diffuser`; where `region` says so, they take its result.

    Parameters
    ----------
    diffuser : Diffuser
        New: its memory starts with the first frame.
    region, sources : RegionProvider or None
        Where the output is changed, and how much each pixel counts as a source; None is everywhere and fully.
    frames : FrameRange
        Frames outside pass through untouched and are not seen by the diffuser.
    gain : float or None
        In raw mode, what the sums are multiplied by before they are rounded to samples.
    frame_seconds : float
        Time between frames.
    """

    def __init__(
        self,
        diffuser: Diffuser,
        region: RegionProvider | None,
        sources: RegionProvider | None,
        frames: FrameRange,
        gain: float | None,
        frame_seconds: float,
    ) -> None:
        self._diffuser = diffuser
        self._region = region
        self._sources = sources
        self._frames = frames
        self._gain = gain
        self._dt = frame_seconds if diffuser.parameters.time_unit == "seconds" else 1.0
        self._pending: deque[tuple[Array, Array | None]] = deque()  # originals and regions to be blended
        self._sums: Array | None = None

    def push(self, frame: Frame, buffers: Buffers) -> Iterator[Array]:
        if not self._frames.contains(frame.index, frame.seconds):
            yield from self.flush(buffers)
            yield frame.image
            return
        time = frame.index, frame.seconds
        confidence = self._sources(*time) if self._sources else None
        if self._region:
            self._pending.append((frame.image, self._region(*time)))
        out = buffers.acquire()
        target = out if self._gain is None else self._sum_buffer(out.shape)
        ready = self._diffuser(frame.image, self._dt, confidence=confidence, out=target) is not None
        if not self._region:
            buffers.release(frame.image)
        if ready:
            yield self._finished(target, out, buffers)
        else:
            buffers.release(out)

    def flush(self, buffers: Buffers) -> Iterator[Array]:
        for result in self._diffuser.flush():
            out = result if self._gain is None else buffers.acquire()
            yield self._finished(result, out, buffers)

    def _finished(self, result: Array, out: Array, buffers: Buffers) -> Array:
        """Write what becomes of the diffuser's result into out, and return it."""
        if self._gain is not None:
            np.multiply(result, self._gain, out=result)
            np.rint(result, out=result)
            limits = np.iinfo(out.dtype)
            np.clip(result, limits.min, limits.max, out=result)
            np.copyto(out, result, casting="unsafe")
        if self._pending:
            original, region = self._pending.popleft()
            if region is not None:
                _core.blend(original, region, out, self._diffuser.parameters.threads)
            buffers.release(original)
        return out

    def _sum_buffer(self, shape: tuple[int, ...]) -> Array:
        if self._sums is None:
            self._sums = np.empty(shape, np.float32)
        return self._sums
