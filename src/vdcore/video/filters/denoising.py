# SPDX-License-Identifier: Apache-2.0
"""The denoiser as a stage of the pipeline: one for every plane of the frames, all along the same flow."""

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from vdcore._regions import FrameRange
from vdcore.denoiser import Denoiser, DenoiserParameters, NoiseMeter
from vdcore.motion import Flow
from vdcore.noise import NoiseEstimate
from vdcore.video.frame import Frame, Orientation, Plane

from .diffusion import coarser_flow, shown_motion
from .regions import PlaneRegions, in_plane
from .stream import StreamFilter

Array = npt.NDArray[Any]


class DenoisingFilter(StreamFilter):
    """Frames within `frames` go through denoisers; where `region` says so, they take the result.

    Parameters
    ----------
    parameters : DenoiserParameters
        As they are meant for the picture that is shown, in samples of 8 bits.
    noise : sequence of NoiseEstimate or None
        What is known of each plane, in its samples; None is for `parameters` to say.
    planes : tuple of Plane
        Of the frames.
    orientation : Orientation
        How they are shown.
    region, frames
        See `StreamFilter`.
    """

    def __init__(
        self,
        parameters: DenoiserParameters,
        noise: Sequence[NoiseEstimate] | None,
        planes: tuple[Plane, ...],
        orientation: Orientation,
        region: PlaneRegions | None,
        frames: FrameRange,
    ) -> None:
        super().__init__(region, frames, parameters.threads)
        self._planes = planes
        followers: list[deque[Flow | None]] = [deque() for _ in planes[1:]]
        self._denoisers: list[Denoiser] = []
        for i, plane in enumerate(planes):
            strength = parameters.strength
            if noise is not None:
                strength = noise[i]
            elif isinstance(strength, NoiseEstimate):
                strength = in_plane(strength, plane, i)
            elif isinstance(strength, float):
                strength *= plane.unit
            motion = parameters.motion
            if callable(motion):
                motion = shown_motion(motion, orientation, plane) if i == 0 else "flow"
            arguments = vars(replace(parameters, strength=strength, motion=motion))
            if i == 0:
                self._denoisers.append(_Leader(followers, arguments))
            else:
                self._denoisers.append(_Follower(followers[i - 1], plane, arguments))

    @property
    def noise(self) -> NoiseEstimate | None:
        """What the filter went by, in samples of 8 bits, channel after channel or plane after plane."""
        estimates = [noise for denoiser in self._denoisers if (noise := denoiser.info.noise) is not None]
        return _joined(estimates, self._planes) if estimates else None

    def _take(self, frame: Frame, outs: Sequence[Array]) -> bool:
        ready = [
            denoiser(plane, out=out) is not None
            for denoiser, plane, out in zip(self._denoisers, frame.planes, outs, strict=True)
        ]
        return ready[0]

    def _next(self, outs: Sequence[Array]) -> bool:
        more = [
            next(denoiser.flush(out), None) is not None
            for denoiser, out in zip(self._denoisers, outs, strict=True)
        ]
        return more[0]


class _Leader(Denoiser):
    """The denoiser of the first plane; the others are given its flow."""

    def __init__(self, followers: Sequence[deque[Flow | None]], arguments: dict[str, Any]) -> None:
        super().__init__(**arguments)
        self._followers = followers

    def _flows(self, samples: Array, other: Array | None = None) -> list[Flow | None]:
        flows = super()._flows(samples, other)
        for queue in self._followers:
            queue.append(flows[0])
        return flows


class _Follower(Denoiser):
    """The denoiser of another plane."""

    def __init__(self, flows: deque[Flow | None], plane: Plane, arguments: dict[str, Any]) -> None:
        super().__init__(**arguments)
        self._given = flows
        self._plane = plane

    def _flows(self, samples: Array, other: Array | None = None) -> list[Flow | None]:
        flow = self._given.popleft()
        if flow is None:  # nothing to follow in the first plane, which may be without noise
            return super()._flows(samples, other)
        return [coarser_flow(flow, self._plane)] * len(self._layers)


def noise_of_planes(frames: Iterable[tuple[Array, ...]], planes: Sequence[Plane]) -> list[NoiseEstimate]:
    """Estimate the noise of each plane, in its samples."""
    meters = [NoiseMeter() for _ in planes]
    for frame in frames:
        for meter, samples in zip(meters, frame, strict=True):
            meter.add(samples)
    return [meter.estimate() for meter in meters]


def _joined(estimates: Sequence[NoiseEstimate], planes: Sequence[Plane]) -> NoiseEstimate:
    """The noise of all planes in samples of 8 bits; colour in the order red, green, blue."""
    parts: list[list[Array]] = [[], [], []]
    for estimate, plane in zip(estimates, planes, strict=True):
        order = slice(None, None, -1 if plane.channel_order == "bgr" else 1)
        for values, part, power in zip(
            (estimate.sigma, estimate.gain, estimate.offset), parts, (1, 1, 2), strict=True
        ):
            part.append(values[order] / plane.unit**power)
    return NoiseEstimate(*(np.concatenate(part) for part in parts))
