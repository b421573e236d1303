# SPDX-License-Identifier: Apache-2.0
"""Frames one by one from any source, for tools that read videos without writing them."""

import os
import warnings
from collections.abc import Iterable, Iterator, Sized
from pathlib import Path
from typing import Generic, TypeVar

import numpy as np

from vdcore._arrays import Array, each_frame, is_array, iterate_arrays
from vdcore.video import read_frames, read_info


def iterate_frames(
    frames: object, name: str = "frames", *, channel_axis: int | None = None
) -> Iterator[Array]:
    """Return an iterator over frames of shape (H, W) or (H, W, C), all of one shape and dtype.

    Parameters
    ----------
    frames : str or os.PathLike, array_like or iterable
        The path of a video file, decoded as `vdcore.video.read_frames` does (RGB); an array (T, H, W) or
        (T, H, W, C), where `channel_axis` resolves what is ambiguous, see `vdcore.diffuse`; or any
        other iterable of frames, read on demand. uint8, uint16, float32 or float64.
    name : str
        What the argument is called in errors.
    channel_axis : int, optional
        For arrays only.

    Raises
    ------
    TypeError, ValueError
        At once where possible, else on reaching the frame whose index the message names; also without frames.
    OSError
        With the first frame, if the file cannot be read.
    """
    if isinstance(frames, str | os.PathLike):
        if channel_axis is not None:
            raise ValueError(
                f"channel_axis is for arrays only, got {channel_axis!r} for the file {os.fspath(frames)!r}"
            )
        return each_frame(read_frames(frames), name)
    if not is_array(frames) and not isinstance(frames, Iterable):
        raise TypeError(f"{name} must be a path, an array or an iterable of frames, got {frames!r}")
    return iterate_arrays(frames, name, channel_axis=channel_axis)


T = TypeVar("T")


class Source:
    """The frames of an argument, read one by one, and what is known of them in advance.

    Parameters
    ----------
    frames : str or os.PathLike, array_like or iterable
        See `compare`.
    argument : str
        What it is called in errors.

    Attributes
    ----------
    path : pathlib.Path or None
        Of a file.
    fps : float or None
        Frames per second, where a file has a rate.
    announced : int or None
        How many frames there should be.
    taken : int
        How many were read.
    """

    def __init__(self, frames: object, argument: str) -> None:
        self.argument = argument
        self.path: Path | None = None
        self.fps: float | None = None
        self.announced: int | None = len(frames) if isinstance(frames, Sized) else None
        self.taken = 0
        self._ended = False
        if isinstance(frames, str | os.PathLike):
            info = read_info(frames)
            self.path, self.fps, self.announced = info.path, info.fps or None, info.frames
        shape: tuple[int, ...] = getattr(frames, "shape", ())
        if len(shape) == 3 and shape[2] in (3, 4):
            raise ValueError(
                f"{argument} of shape {shape} may be one colour picture or a grey video:"
                f" give {argument}[None] for the picture, {argument}[..., None] for the video"
            )
        self._frames = iterate_frames(frames, argument)
        self._finite = self.path is not None or self.announced is not None

    def read(self) -> Array | None:
        """Return the next frame, shape (H, W) or (H, W, 3), or None at the end.

        Raises
        ------
        ValueError
            It has other channels, or samples that are not finite.
        """
        frame = next(self._frames, None)
        if frame is None:
            self._ended = True
            return None
        if frame.ndim == 3 and frame.shape[2] not in (1, 3):
            raise ValueError(f"{self.argument} must have 1 or 3 channels, got frames of shape {frame.shape}")
        if frame.dtype.kind == "f" and not np.isfinite(frame).all():
            raise ValueError(f"{self.argument} must be finite, got inf or NaN in frame {self.taken}")
        self.taken += 1
        return frame[..., 0] if frame.ndim == 3 and frame.shape[2] == 1 else frame

    def total(self) -> int | None:
        """Return the number of frames, reading to the end; None if the iterable may never end."""
        while self._finite and not self._ended:
            self.read()
        return self.taken if self._ended else None

    def title(self, name: str) -> str:
        """Return the name with that of the file."""
        return name if self.path is None else f"{name}: {self.path.name}"


def pairs(a: Source, b: Source) -> Iterator[tuple[Array, Array]]:
    """Yield the frames of both until one ends, all of one size."""
    while True:
        one, other = a.read(), b.read()
        if one is None or other is None:
            return
        if one.shape[:2] != other.shape[:2]:
            sizes = (f"{frame.shape[1]}x{frame.shape[0]}" for frame in (one, other))
            raise ValueError("a and b must have the same size, got {} and {}".format(*sizes))
        yield one, other


def warn_of_lengths(a: Source, b: Source, common: int, stacklevel: int) -> None:
    """Warn if one has more frames than the `common` ones that both have."""
    numbers = [f"more than {common}" if count is None else count for count in (a.total(), b.total())]
    if numbers != [common, common]:
        message = f"a has {numbers[0]} frames, b {numbers[1]}: the first {common} are compared"
        warnings.warn(message, UserWarning, stacklevel=stacklevel + 1)


class Thinning(Generic[T]):
    """Evenly spaced items of a sequence of any length: beyond `limit`, every other one is dropped.

    Parameters
    ----------
    limit : int
        Maximum number to keep, >= 1.
    announced : int or None
        Expected length: the first step is chosen so that no item needs to be dropped.

    Attributes
    ----------
    kept : dict of int to item
        By index, in order: 0, step, 2 * step and so on.
    """

    def __init__(self, limit: int, announced: int | None = None) -> None:
        self.kept: dict[int, T] = {}
        self._limit = limit
        self._step = max(1, -(-(announced or 1) // limit))

    def wants(self, index: int) -> bool:
        return index % self._step == 0

    def add(self, index: int, item: T) -> None:
        self.kept[index] = item
        while len(self.kept) > self._limit:
            self._step *= 2
            self.kept = {i: kept for i, kept in self.kept.items() if self.wants(i)}
