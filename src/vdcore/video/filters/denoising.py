# SPDX-License-Identifier: Apache-2.0
"""The denoiser as a stage of the pipeline: one for each plane of the frames, all following the same flow."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from vdcore._regions import FrameRange
from vdcore.denoiser import (
    FACTORS,
    Denoiser,
    DenoiserParameters,
    check_samples,
    scheduled,
    timeline_of,
    with_gaps,
)
from vdcore.flow import Flow
from vdcore.noise import NoiseEstimate, NoiseMeter, NoiseTimeline
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
        For the picture as displayed; `strength` in 8-bit units (0 to 255).
    noise : sequence of NoiseTimeline or None
        The noise of each plane, in its sample units; None: what `parameters` leave open is estimated as
        the frames come.
    planes : tuple of Plane
        Of the frames.
    orientation : Orientation
        How they are shown.
    region, frames
        See `StreamFilter`.
    confidence : PlaneRegions or None
        The confidence of each pixel; None is 1 everywhere.
    """

    def __init__(
        self,
        parameters: DenoiserParameters,
        noise: Sequence[NoiseTimeline] | None,
        planes: tuple[Plane, ...],
        orientation: Orientation,
        region: PlaneRegions | None,
        confidence: PlaneRegions | None,
        frames: FrameRange,
    ) -> None:
        super().__init__(region, frames, parameters.threads)
        self._planes = planes
        self._found = noise
        self._strength = parameters.strength
        self._confidence = confidence
        self._denoisers: list[Denoiser] = []
        self._changes: list[dict[int, NoiseEstimate]] = []
        self._taken = 0
        for i, plane in enumerate(planes):
            strength = parameters.strength
            if isinstance(strength, NoiseEstimate):
                strength = in_plane(strength, plane, i)
            elif isinstance(strength, float):
                strength *= plane.unit
            self._changes.append({} if noise is None else scheduled(noise[i], strength))
            motion = parameters.motion
            if callable(motion):
                motion = shown_motion(motion, orientation, plane) if i == 0 else "flow"
            fill = None if parameters.fill is None else plane.level(parameters.fill)
            own = replace(parameters, strength=strength, motion=motion, fill=fill)
            self._denoisers.append(Denoiser(**vars(own)))

    @property
    def noise(self) -> NoiseEstimate | None:
        """The noise found or given, in 8-bit units (0 to 255), channel by channel or plane by plane.

        That of the longest part where it changes; None if there was no frame.
        """
        if self._found is not None and self._taken:
            return joined([timeline.prevailing for timeline in self._found], self._planes)
        estimates = [noise for denoiser in self._denoisers if (noise := denoiser.info.noise) is not None]
        factor = FACTORS[self._strength] if isinstance(self._strength, str) else 1.0
        return joined(estimates, self._planes).multiplied(1 / factor) if estimates else None

    def _take(self, frame: Frame, outs: Sequence[Array]) -> bool:
        for denoiser, changes in zip(self._denoisers, self._changes, strict=True):
            if self._taken in changes:
                denoiser.set_strength(changes[self._taken])
        self._taken += 1
        weights: Sequence[Array | None] = [None for _ in self._planes]
        if self._confidence is not None:
            weights = self._confidence(frame.index, frame.seconds) or weights
        flows = self._shared_flows(frame.planes[0], weights[0])
        ready = [
            denoiser(samples, confidence=confidence, flow=flow, out=out) is not None
            for denoiser, samples, confidence, flow, out in zip(
                self._denoisers, frame.planes, weights, flows, outs, strict=True
            )
        ]
        return ready[0]

    def _next(self, outs: Sequence[Array]) -> bool:
        flows = self._shared_flows(None)
        more = [
            next(denoiser.flush(out=out, flow=flow), None) is not None
            for denoiser, flow, out in zip(self._denoisers, flows, outs, strict=True)
        ]
        return more[0]

    def _shared_flows(
        self, first: Array | None, confidence: Array | None = None
    ) -> list[list[Flow | None] | None]:
        """The flows of the first plane for each plane; None where they are those that it finds itself."""
        if len(self._planes) == 1:
            return [None]
        found = self._denoisers[0].find_flows(first, confidence=confidence)
        return [
            [None if flow is None else coarser_flow(flow, plane) for flow in found] for plane in self._planes
        ]


def noise_of_planes(
    frames: Iterable[Frame], planes: Sequence[Plane], confidence: PlaneRegions | None
) -> list[NoiseTimeline]:
    """Estimate the noise of each plane, in its sample units."""
    meters = [NoiseMeter() for _ in planes]
    for frame in frames:
        weights = None if confidence is None else confidence(frame.index, frame.seconds)
        for i, (meter, samples) in enumerate(zip(meters, frame.planes, strict=True)):
            check_samples(samples, "frame")
            meter.add(with_gaps(samples, None if weights is None else weights[i]))
    colours = [3 if plane.kind == "colour" else 1 for plane in planes]
    return [timeline_of(meter, count) for meter, count in zip(meters, colours, strict=True)]


def joined(estimates: Sequence[NoiseEstimate], planes: Sequence[Plane]) -> NoiseEstimate:
    """Return the noise of all planes in 8-bit units, from that of each in its samples; colour as RGB."""
    orders = [slice(None, None, -1 if plane.channel_order == "bgr" else 1) for plane in planes]
    parts = [estimate.scaled(1 / plane.unit) for estimate, plane in zip(estimates, planes, strict=True)]

    def side_by_side(name: str) -> Array:
        pairs = zip(parts, orders, strict=True)
        return np.concatenate([getattr(part, name)[order] for part, order in pairs])

    spectra = [part.spectrum for part in parts if part.spectrum is not None]
    return NoiseEstimate(
        sigma=side_by_side("sigma"),
        gain=side_by_side("gain"),
        offset=side_by_side("offset"),
        spectrum=np.concatenate(spectra) if len(spectra) == len(parts) else None,
        correlation=max(part.correlation for part in parts),
        compressed=any(part.compressed for part in parts),
    )
