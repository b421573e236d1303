# SPDX-License-Identifier: Apache-2.0
"""The samples that a fit is made on: those that the filter receives.

Arrays and RGB files are filtered as pictures. Of a YCbCr file `vdcore.diffuse_video` filters every plane by
itself, chroma on its coarser grid. So does the fit, and it weights the errors of the planes by what they
contribute to that of the picture: where red, green and blue are A y + b, an error e of the planes y is A e.
"""

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from itertools import zip_longest
from math import inf
from typing import Any

import numpy as np
import numpy.typing as npt

from vdcore import models
from vdcore._arrays import Array, is_array
from vdcore._checks import number
from vdcore._pictures import resize_area
from vdcore.noise import NoiseEstimate
from vdcore.tools.frames import iterate_frames
from vdcore.video.engine import quiet_backend
from vdcore.video.filters.diffusion import plane_parameters
from vdcore.video.filters.regions import in_plane
from vdcore.video.frame import UPRIGHT, Frame, Orientation, Plane, sample_unit
from vdcore.video.opening import open_reader, resolve_backend
from vdcore.video.pipeline import Reader

from .subset import Subset

Floats = npt.NDArray[np.float64]

_MIDDLE, _STEP = 128, 48  # 8-bit units: the colours in between are within the range of every matrix
_Entry = tuple[tuple[Array, ...], float | None]  # an image of every part; the time in seconds, of files


@dataclass(frozen=True)
class Part:
    """What one filter takes: a plane of a file, or whole pictures.

    Attributes
    ----------
    subset : Subset
        The frames, and the reference if there is one.
    dtype : numpy.dtype
        Of the frames.
    unit : float
        What 1 of the user's numbers is in samples.
    shape : tuple of int
        Of a frame, (H, W) or (H, W, C).
    plane : Plane or None
        None for pictures.
    number : int
        Its place among the planes.
    orientation : Orientation
        How the planes are shown.
    weight : float
        Of its mean squared error in that of the picture.
    """

    subset: Subset
    dtype: np.dtype[Any]
    unit: float
    shape: tuple[int, ...]
    plane: Plane | None = None
    number: int = 0
    orientation: Orientation = UPRIGHT
    weight: float = 1.0

    def add(self, samples: Sequence[Array], time: float) -> None:
        """Take the next frame and what the reference has for it."""
        for other in samples[1:]:
            same_dtype = other.dtype == self.dtype or self.plane is not None
            if other.shape != self.shape or not same_dtype:
                raise ValueError(
                    f"reference must have the shape and dtype of frames, {self.shape} {self.dtype},"
                    f" got {other.shape} {other.dtype}"
                )
        self.subset.add(np.stack(samples).reshape(len(samples), *self.shape[:2], -1), time)

    def arguments(self, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """Return those of `vdcore.diffuse` for these samples, as `vdcore.diffuse_video` derives them."""
        if self.plane is None:
            return {**parameters, "model": models.scaled(parameters["model"], self.unit)}
        usual = {"cval": 0.0, "fill": None, "gate": None}
        return plane_parameters({**usual, **parameters}, self.plane, self.number, self.orientation)

    def noise(self, noise: NoiseEstimate) -> NoiseEstimate:
        """Return noise of the picture, in the user's unit, as that of these samples."""
        return noise.scaled(self.unit) if self.plane is None else in_plane(noise, self.plane, self.number)


def collect(
    frames: object,
    reference: object,
    *,
    times: Iterable[float] | None,
    time_unit: str,
    channel_axis: int | None,
    model: models.Model,
    max_samples: int,
    lookahead: int,
    rng: np.random.Generator,
) -> list[Part]:
    """Return the samples to fit on; see `vdcore.fit` for the arguments."""
    with ExitStack() as stack:
        noisy = _Video(frames, "frames", channel_axis, stack)
        videos = {"frames": noisy.entries()}
        if reference is not None:
            clean = _Video(reference, "reference", channel_axis if is_array(reference) else None, stack)
            videos["reference"] = clean.entries_like(noisy)
        stamps = _stamps(times)
        parts: list[Part] = []
        for index, entries in enumerate(zip_longest(*videos.values())):
            for name, entry in zip(videos, entries, strict=True):
                if entry is None:
                    raise ValueError(
                        f"frames and reference must have one length, but {name} ends after {index}"
                    )
            images, seconds = [entry[0] for entry in entries], entries[0][1]
            if not parts:
                parts = noisy.parts(images[0], model, max_samples, lookahead, rng)
            time = float(index)
            if stamps is not None:
                time = next(stamps)
            elif time_unit == "seconds":
                if seconds is None:
                    raise ValueError('times must be given with time_unit="seconds": the time of every frame')
                time = seconds
            for part, *samples in zip(parts, *images, strict=True):
                part.add(samples, time)
    return parts


class _Video:
    """The frames of an argument of `fit`.

    Parameters
    ----------
    frames : str or os.PathLike, array_like or iterable
    name : str
        What it is called in errors.
    channel_axis : int or None
        Of an array.
    stack : ExitStack
        Closes the file.

    Attributes
    ----------
    planes : tuple of Plane
        Of a file whose planes are filtered one by one, otherwise empty.
    """

    def __init__(self, frames: object, name: str, channel_axis: int | None, stack: ExitStack) -> None:
        self._pictures = iterate_frames(frames, name, channel_axis=channel_axis)
        self._reader: Reader | None = None
        self._matrix = np.eye(3)
        self.planes: tuple[Plane, ...] = ()
        if isinstance(frames, str | os.PathLike):
            backend = resolve_backend("auto")
            stack.enter_context(quiet_backend(backend))
            self._reader = stack.enter_context(closing(open_reader(frames, backend)))
            if len(self._reader.info.planes) > 1:
                self.planes = self._reader.info.planes

    def _frames(self, reader: Reader) -> Iterator[Frame]:
        for frame in iter(reader.read, None):
            if self.planes and not frame.index:
                self._matrix = _matrix(reader, frame)
            yield frame

    def entries(self) -> Iterator[_Entry]:
        """Yield the images of the frames, one of every part."""
        if self._reader is None:
            yield from (((picture,), None) for picture in self._pictures)
        elif self.planes:
            yield from ((frame.planes, frame.seconds) for frame in self._frames(self._reader))
        else:
            yield from self.pictures()

    def pictures(self) -> Iterator[_Entry]:
        """Yield the frames as pictures, whatever is filtered."""
        reader = self._reader
        if reader is None:
            yield from (((picture,), None) for picture in self._pictures)
        else:
            yield from (((reader.picture(frame),), frame.seconds) for frame in self._frames(reader))

    def entries_like(self, other: "_Video") -> Iterator[_Entry]:
        """Yield the images of a reference of `other`, which is read first, in the same parts."""
        if self.planes == other.planes:
            yield from self.entries()
            return
        for (picture,), seconds in self.pictures():
            yield other.divided(picture) if other.planes else (picture,), seconds

    def divided(self, picture: Array) -> tuple[Array, ...]:
        """Return the planes that a picture would have in this file, in single precision."""
        assert self._reader is not None
        info = self._reader.info
        shape = info.height, info.width, 3
        if picture.shape != shape:
            raise ValueError(f"reference must have the shape of frames, {shape}, got {picture.shape}")
        colours = info.orientation.stored(picture) / np.float32(sample_unit(picture.dtype))
        rows = np.linalg.inv(self._matrix[:, :3]).astype(np.float32)
        neutral = self._matrix[:, 3].astype(np.float32)
        return tuple(
            resize_area((colours - neutral) @ row + _MIDDLE, plane.size) * np.float32(plane.unit)
            for row, plane in zip(rows, self.planes, strict=True)
        )

    def parts(
        self,
        images: tuple[Array, ...],
        model: models.Model,
        max_samples: int,
        lookahead: int,
        rng: np.random.Generator,
    ) -> list[Part]:
        """Return the parts of frames with such images, still without a frame."""
        dtype = images[0].dtype
        if not self.planes:
            models.check_shape(model, images[0].shape)
            unit = 1.0 if self._reader is None else sample_unit(dtype)
            return [Part(Subset(max_samples, lookahead, rng), dtype, unit, images[0].shape)]
        assert self._reader is not None
        info = self._reader.info
        models.check_shape(model, (info.height, info.width))
        total = sum(image.size for image in images)
        weights = np.square(self._matrix[:, :3]).mean(axis=0)
        return [
            Part(
                subset=Subset(max(1, max_samples * image.size // total), lookahead, rng),
                dtype=dtype,
                unit=plane.unit,
                shape=image.shape,
                plane=plane,
                number=place,
                orientation=info.orientation,
                weight=float(weight),
            )
            for place, (image, plane, weight) in enumerate(zip(images, self.planes, weights, strict=True))
        ]


def _matrix(reader: Reader, frame: Frame) -> Floats:
    """Return how a picture follows from the planes y: M (y - middle, 1), shape (3, planes + 1), 8-bit units.

    It is measured on flat planes, so that it is the matrix and the range of the file, whatever they are. The
    frame stays as it is.
    """
    kept = [plane.copy() for plane in frame.planes]

    def colour(levels: Sequence[float]) -> Floats:
        for samples, level in zip(frame.planes, levels, strict=True):
            samples[...] = np.array(level * sample_unit(samples.dtype), samples.dtype)
        picture = reader.picture(frame)
        mean: Floats = picture.reshape(-1, 3).mean(axis=0, dtype=np.float64)
        return mean / sample_unit(picture.dtype)

    middle = [float(_MIDDLE)] * len(kept)
    columns = []
    for i in range(len(kept)):
        low, high = ([*middle[:i], _MIDDLE + step, *middle[i + 1 :]] for step in (-_STEP, _STEP))
        columns.append((colour(high) - colour(low)) / (2 * _STEP))
    columns.append(colour(middle))
    for samples, before in zip(frame.planes, kept, strict=True):
        samples[...] = before
    return np.stack(columns, axis=1)


def _stamps(times: Iterable[float] | None) -> Iterator[float] | None:
    """Return the time of one frame after the other, checked."""
    if times is None:
        return None

    def checked() -> Iterator[float]:
        last = -inf
        index = -1
        for index, time in enumerate(times):
            now = number(time, f"times[{index}]")
            if now < last:
                raise ValueError(f"times must not decrease, got {last} and then {now}")
            yield now
            last = now
        raise ValueError(f"times must have one entry for each frame, got {index + 1}")

    return checked()
