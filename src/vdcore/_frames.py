# SPDX-License-Identifier: Apache-2.0
"""Frames one by one, wherever they come from: for what looks at a video without writing one."""

import os
from collections.abc import Iterable, Iterator

import numpy as np

from vdcore._arguments import Array, as_samples, channels_last, each_frame, is_array


def iterate_frames(
    frames: object, name: str = "frames", *, channel_axis: int | None = None
) -> Iterator[Array]:
    """Return an iterator over frames of shape (H, W) or (H, W, C), all of one shape and dtype.

    Parameters
    ----------
    frames : str or os.PathLike, array_like or iterable
        The path of a video file, decoded as `vdcore.video.read_frames` does (RGB); an array (T, H, W) or
        (T, H, W, C), where `channel_axis` says what is not clear, see `vdcore.diffuse`; or any other
        iterable of frames, which is read as it is asked for. uint8, uint16, float32 or float64.
    name : str
        What the argument is called in errors.
    channel_axis : int, optional
        For arrays only.

    Raises
    ------
    TypeError, ValueError
        At once for what can be seen, else with the frame whose index the message names; for no frames at all.
    OSError
        With the first frame, if the file cannot be read.
    """
    if isinstance(frames, str | os.PathLike):
        _refuse(channel_axis, f"the file {os.fspath(frames)!r}")
        from vdcore.video import read_frames  # needs OpenCV

        return each_frame(read_frames(frames), name)
    if is_array(frames):
        array = as_samples(frames, name)
        axis = channels_last(array, channel_axis, name)
        if axis is not None:
            array = np.moveaxis(array, axis, -1)
        return iter(array[None] if axis is not None and array.ndim == 3 else array)
    if not isinstance(frames, Iterable):
        raise TypeError(f"{name} must be a path, an array or an iterable of frames, got {frames!r}")
    _refuse(channel_axis, "an iterable of frames")
    return each_frame(frames, name)


def _refuse(channel_axis: int | None, given: str) -> None:
    if channel_axis is not None:
        raise ValueError(f"channel_axis is for arrays only, got {channel_axis!r} for {given}")
