# SPDX-License-Identifier: Apache-2.0
"""The diffusion filter as a stage of the pipeline: sources, time steps, gain."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from vdcore._arguments import FrameRange, RegionProvider
from vdcore.filter import Diffuser

from .pipeline import Buffers, Frame
from .streaming import StreamFilter

Array = npt.NDArray[Any]


class DiffusionFilter(StreamFilter):
    """Frames within `frames` go through `diffuser`; where `region` says so, they take its result.

    Parameters
    ----------
    diffuser : Diffuser
        New: its memory starts with the first frame.
    region, frames
        See `StreamFilter`.
    sources : RegionProvider or None
        How much each pixel counts as a source; None is fully.
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
        super().__init__(region, frames, diffuser.parameters.threads)
        self._diffuser = diffuser
        self._sources = sources
        self._gain = gain
        self._dt = frame_seconds if diffuser.parameters.time_unit == "seconds" else 1.0
        self._sums: Array | None = None

    def _take(self, frame: Frame, out: Array) -> bool:
        confidence = self._sources(frame.index, frame.seconds) if self._sources else None
        if self._gain is None:
            return self._diffuser(frame.image, self._dt, confidence=confidence, out=out) is not None
        if self._sums is None:
            self._sums = np.empty(out.shape, np.float32)
        if self._diffuser(frame.image, self._dt, confidence=confidence, out=self._sums) is None:
            return False
        _write_samples(self._sums, self._gain, out)
        return True

    def _rest(self, buffers: Buffers) -> Iterator[Array]:
        for result in self._diffuser.flush():
            if self._gain is None:
                yield result
            else:
                out = buffers.acquire()
                _write_samples(result, self._gain, out)
                yield out


def _write_samples(sums: Array, gain: float, out: Array) -> None:
    """Write sums times gain, rounded and clipped, into out; sums are used up."""
    np.multiply(sums, gain, out=sums)
    np.rint(sums, out=sums)
    limits = np.iinfo(out.dtype)
    np.clip(sums, limits.min, limits.max, out=sums)
    np.copyto(out, sums, casting="unsafe")
