# SPDX-License-Identifier: Apache-2.0
"""The diffusion filter as a stage of the pipeline: a diffuser for every plane of the frames."""

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from vdcore import models
from vdcore._pictures import resize_area
from vdcore._regions import FrameRange
from vdcore.diffuser import Diffuser
from vdcore.flow import Flow, Motion, checked_flow, guides, optical_flow
from vdcore.noise import NoiseEstimate
from vdcore.video.frame import Frame, Orientation, Plane

from .regions import PlaneRegions, in_plane
from .stream import StreamFilter

Array = npt.NDArray[Any]


class DiffusionFilter(StreamFilter):
    """Diffusers for the planes of the frames within `frames`; only `region` is changed.

    Parameters
    ----------
    parameters : mapping
        All arguments of `Diffuser`, for the picture as it is shown, in 8-bit units.
    planes : tuple of Plane
        Of the frames.
    orientation : Orientation
        How they are shown.
    region, frames
        See `StreamFilter`.
    confidence : PlaneRegions or None
        The weight of each pixel as a source; None is 1 everywhere.
    gain : float or None
        In raw mode, what the sums are multiplied by before they are rounded to samples.
    """

    def __init__(
        self,
        parameters: Mapping[str, Any],
        planes: tuple[Plane, ...],
        orientation: Orientation,
        region: PlaneRegions | None,
        confidence: PlaneRegions | None,
        frames: FrameRange,
        gain: float | None,
    ) -> None:
        super().__init__(region, frames, parameters["threads"])
        followers: list[deque[Flow]] = [deque() for _ in planes[1:]]
        self._diffusers = []
        for i, plane in enumerate(planes):
            motion = parameters["motion"]
            if motion is not None and i == 0:
                motion = _leader(motion, orientation, plane, followers)
            elif motion is not None:
                motion = _follower(followers[i - 1], plane)
            arguments = {**parameters, "motion": motion}
            self._diffusers.append(Diffuser(**plane_parameters(arguments, plane, i, orientation)))
        self._confidence = confidence
        self._gain = gain
        self._zeros = [plane.level(0) for plane in planes]
        self._in_seconds = parameters["time_unit"] == "seconds"
        self._last: float | None = None
        self._sums: list[Array] = []

    def _take(self, frame: Frame, outs: Sequence[Array]) -> bool:
        weights = self._confidence(frame.index, frame.seconds) if self._confidence else None
        step = max(0.0, frame.seconds - self._last) if self._in_seconds and self._last is not None else None
        self._last = frame.seconds
        if self._in_seconds and step is None:
            step = 0.0
        ready = False
        for i, (diffuser, plane, out) in enumerate(zip(self._diffusers, frame.planes, outs, strict=True)):
            confidence = None if weights is None else weights[i]
            if self._gain is None:
                ready = diffuser(plane, step, confidence=confidence, out=out) is not None
                continue
            if len(self._sums) == i:
                self._sums.append(np.empty(plane.shape, np.float32))
            offsets = plane.astype(np.float32) - np.float32(self._zeros[i])
            ready = diffuser(offsets, step, confidence=confidence, out=self._sums[i]) is not None
            if ready:
                _write_samples(self._sums[i], self._gain, self._zeros[i], out)
        return ready

    def _next(self, outs: Sequence[Array]) -> bool:
        more = False
        for i, (diffuser, out) in enumerate(zip(self._diffusers, outs, strict=True)):
            target = out if self._gain is None else self._sums[i]
            more = next(diffuser.flush(out=target), None) is not None
            if more and self._gain is not None:
                _write_samples(target, self._gain, self._zeros[i], out)
        return more


def plane_parameters(
    parameters: Mapping[str, Any], plane: Plane, number: int, orientation: Orientation
) -> dict[str, Any]:
    """The arguments of `Diffuser` for one plane of the stored picture.

    Parameters
    ----------
    parameters : mapping
        What is meant for the picture that is shown, in samples of 8 bits.
    plane : Plane
    number : int
        Its place among the planes of a frame.
    orientation : Orientation
    """
    sigma = parameters["sigma"]
    sigma_y, sigma_x = sigma if isinstance(sigma, tuple | list | np.ndarray) else (sigma, sigma)
    sigma_y, sigma_x = orientation.size(sigma_y, sigma_x)
    down, across = plane.subsampling
    fill, gate = parameters["fill"], parameters["gate"]
    if isinstance(gate, NoiseEstimate):
        gate = in_plane(gate, plane, number)
    return {
        **parameters,
        "sigma": (sigma_y / down, sigma_x / across),
        "model": _in_plane(models.resolve(parameters["model"]), plane, orientation),
        "cval": plane.level(parameters["cval"]),
        "fill": None if fill is None else plane.level(fill),
        "gate": gate * plane.unit if isinstance(gate, float | int) else gate,
    }


def _in_plane(model: models.Model, plane: Plane, orientation: Orientation) -> models.Model:
    """A model in the plane's sample units, with its map on the plane's grid."""
    model = models.scaled(model, plane.unit)
    if not isinstance(model, models.Laplacian) or not models.has_map(model):
        return model
    stored = orientation.stored(np.asarray(model.diffusivity))
    down, across = plane.subsampling
    return replace(model, diffusivity=np.ascontiguousarray(stored[down // 2 :: down, across // 2 :: across]))


def _leader(
    motion: Motion, orientation: Orientation, plane: Plane, followers: list[deque[Flow]]
) -> Callable[[Array, Array], Flow]:
    """Motion of the first plane, whose flow the other planes are given too."""
    find = shown_motion(motion, orientation, plane) if callable(motion) else _flow

    def lead(frame: Array, other: Array) -> Flow:
        flow = checked_flow(find(frame, other), frame.shape[:2])
        for queue in followers:
            queue.append(flow)
        return flow

    return lead


def _flow(frame: Array, other: Array) -> Flow:
    return optical_flow(*guides(frame, other))


def _follower(flows: deque[Flow], plane: Plane) -> Callable[[Array, Array], Flow]:
    return lambda frame, other: coarser_flow(flows.popleft(), plane)


def shown_motion(
    motion: Callable[[Array, Array], object], orientation: Orientation, plane: Plane
) -> Callable[[Array, Array], Flow]:
    """A user's function of motion, which gets pictures as they are shown, for stored ones."""

    def shown(samples: Array) -> Array:
        picture = orientation.shown(samples)
        return picture[..., ::-1] if plane.channel_order == "bgr" and picture.ndim == 3 else picture

    def find(frame: Array, other: Array) -> Flow:
        size = orientation.size(*frame.shape[:2])
        flow = checked_flow(motion(shown(frame), shown(other)), size)
        return np.ascontiguousarray(orientation.stored_flow(flow))

    return find


def coarser_flow(flow: Flow, plane: Plane) -> Flow:
    """The flow on the coarser grid of a plane, in its pixels."""
    down, across = plane.subsampling
    if (down, across) == (1, 1):
        return flow
    smaller: Flow = resize_area(flow, plane.size).astype(np.float32, copy=False)
    smaller[..., 0] /= across
    smaller[..., 1] /= down
    return smaller


def _write_samples(sums: Array, gain: float, zero: float, out: Array) -> None:
    """Write sums times gain plus the zero level, rounded and clipped, into out; sums are overwritten."""
    np.multiply(sums, gain, out=sums)
    np.add(sums, np.float32(zero), out=sums)
    if out.dtype.kind == "u":
        np.rint(sums, out=sums)
        np.clip(sums, 0, np.iinfo(out.dtype).max, out=sums)
    np.copyto(out, sums, casting="unsafe")
