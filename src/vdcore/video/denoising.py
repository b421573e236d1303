# SPDX-License-Identifier: Apache-2.0
"""The denoiser as a stage of the pipeline."""

from collections.abc import Iterator
from typing import Any

import numpy.typing as npt

from vdcore._arguments import FrameRange, RegionProvider
from vdcore.denoising import Denoiser

from .pipeline import Buffers, Frame
from .streaming import StreamFilter

Array = npt.NDArray[Any]


class DenoisingFilter(StreamFilter):
    """Frames within `frames` go through `denoiser`; where `region` says so, they take its result.

    Parameters
    ----------
    denoiser : Denoiser
        New: its memory starts with the first frame.
    region, frames
        See `StreamFilter`.
    """

    def __init__(self, denoiser: Denoiser, region: RegionProvider | None, frames: FrameRange) -> None:
        super().__init__(region, frames, denoiser.parameters.threads)
        self._denoiser = denoiser

    def _take(self, frame: Frame, out: Array) -> bool:
        return self._denoiser(frame.image, out=out) is not None

    def _rest(self, buffers: Buffers) -> Iterator[Array]:
        return self._denoiser.flush()
