# SPDX-License-Identifier: Apache-2.0
"""Checks of arrays: frames, videos, weights per sample, and where results are written."""

from collections.abc import Callable, Iterable, Iterator
from numbers import Integral
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

if TYPE_CHECKING:
    from typing_extensions import TypeVar

    Result = TypeVar("Result", bound=Array | None, default=Array | None, covariant=True)
else:
    from typing import TypeVar

    Result = TypeVar("Result", covariant=True)  # what a stream returns: None only with lookahead

SAMPLE_DTYPES = tuple(map(np.dtype, ("uint8", "uint16", "float32", "float64")))
FACTOR_DTYPES = SAMPLE_DTYPES[2:]
WEIGHT_DTYPES = (SAMPLE_DTYPES[0], *FACTOR_DTYPES)
_BOOL = np.dtype(np.bool_)


def is_array(value: object) -> bool:
    """Whether `value` is one array rather than a sequence of things."""
    protocols = ("__array__", "__array_interface__", "__dlpack__")
    return isinstance(value, memoryview) or any(hasattr(value, protocol) for protocol in protocols)


def _names(dtypes: tuple[np.dtype[Any], ...]) -> str:
    return " or ".join(map(str, dtypes))


def as_samples(value: object, name: str, dtypes: tuple[np.dtype[Any], ...] = SAMPLE_DTYPES) -> Array:
    """Return `value` as an array of one of these dtypes, without a copy where possible."""
    if type(value) is not np.ndarray and isinstance(value, np.ma.MaskedArray):
        raise TypeError(f"{name} must not be a masked array: give its mask as confidence")
    if hasattr(value, "__dlpack__") and not hasattr(value, "__array__"):
        array: Array = np.from_dlpack(value)
    else:
        array = np.asarray(value)
    if array.dtype not in dtypes:
        raise TypeError(f"{name} must have dtype {_names(dtypes)}, in native byte order, got {array.dtype}")
    if array.size == 0:
        raise ValueError(f"{name} must not be empty, got shape {array.shape}")
    return _plain(array)


def _plain(array: Array) -> Array:
    """A view whose dtype leaves native byte order unsaid: NumPy takes "<u2" for "=u2", a buffer does not."""
    return array.view(array.dtype.newbyteorder("=")) if array.dtype.byteorder in "<>" else array


def as_frame(value: object, name: str = "frame") -> Array:
    """Return `value` as an array of shape (H, W) or (H, W, C)."""
    frame = as_samples(value, name)
    if frame.ndim not in (2, 3):
        raise ValueError(f"{name} must have shape (H, W) or (H, W, C), got {frame.shape}")
    return frame


def as_frames(frames: object) -> Array:
    """Return an array of frames as it is, and the frames of any other iterable stacked into one."""
    if is_array(frames) or not isinstance(frames, Iterable):
        return as_samples(frames, "frames")
    return np.stack(list(each_frame(frames, "frames")))


def each_frame(frames: Iterable[object], name: str) -> Iterator[Array]:
    """Yield frames of shape (H, W) or (H, W, C), all of one shape and one dtype, at least one."""
    first: Array | None = None
    for i, value in enumerate(frames):
        frame = as_frame(value, f"{name}[{i}]")
        first = frame if first is None else first
        if frame.shape != first.shape:
            raise ValueError(f"{name} must have one shape, got {first.shape} and, at {i}, {frame.shape}")
        if frame.dtype != first.dtype:
            raise TypeError(f"{name} must have one dtype, got {first.dtype} and, at {i}, {frame.dtype}")
        yield frame
    if first is None:
        raise ValueError(f"{name} must not be empty")


def as_weights(value: object, name: str, shape: tuple[int, ...]) -> Array:
    """Return weights in [0, 1] for samples of `shape`: float, uint8 (255 is 1) or bool."""
    array = as_samples(value, name, (*WEIGHT_DTYPES, _BOOL))
    if array.dtype == _BOOL:
        array = array.view(np.uint8) * np.uint8(255)
    return _fitting(array, name, shape)


def check_unit_interval(array: Array, name: str) -> None:
    """Raise ValueError unless every value lies in [0, 1]; NaN does not."""
    if array.dtype.kind == "f" and not (array.min() >= 0 and array.max() <= 1):
        raise ValueError(f"{name} must lie in [0, 1], got values from {array.min()} to {array.max()}")


def as_factors(value: object, name: str, shape: tuple[int, ...]) -> Array:
    """Return coefficients for samples of `shape`."""
    return _fitting(as_samples(value, name, FACTOR_DTYPES), name, shape)


def _fitting(array: Array, name: str, shape: tuple[int, ...]) -> Array:
    """Return `array` if it has one value per pixel or per sample of a frame of `shape`."""
    if array.shape not in (shape[:2], (*shape[:2], 1), shape):
        allowed = f"{shape[:2]}" if len(shape) == 2 else f"{shape[:2]} or {shape}"
        raise ValueError(f"{name} must have shape {allowed}, like the frame, got {array.shape}")
    return array


def as_output(
    out: object,
    dtype: npt.DTypeLike | None,
    shape: tuple[int, ...],
    frame_dtype: np.dtype[Any],
    normalize: bool,
) -> Array:
    """Return the array over the memory of `out`; a new one if it is None.

    The dtype is that of the frames, float32 or float64; by default the first that fits, which in raw mode on
    integers is float32.
    """
    allowed = FACTOR_DTYPES
    if normalize or frame_dtype in FACTOR_DTYPES:
        allowed = (frame_dtype, *(other for other in FACTOR_DTYPES if other != frame_dtype))
    if dtype is not None:
        wanted = np.dtype(dtype)
        if wanted not in allowed:
            raise TypeError(f"dtype must be {_names(allowed)} for frames of {frame_dtype}, got {wanted}")
        allowed = (wanted,)
    if out is None:
        return np.empty(shape, allowed[0])
    try:
        array = np.asarray(out, copy=False)
    except ValueError as error:
        raise TypeError(
            f"out must be an array that can be written in place, got {type(out).__name__}"
        ) from error
    if array.dtype not in allowed:
        raise TypeError(f"out must have dtype {_names(allowed)}, got {array.dtype}")
    if array.shape != shape:
        raise ValueError(f"out must have shape {shape}, got {array.shape}")
    if not array.flags.writeable:
        raise ValueError("out must be writable, got a read-only array")
    if _overlaps_itself(array):
        raise ValueError(
            f"the samples of out must not overlap, got shape {shape} and strides {array.strides}"
        )
    return _plain(array)


def _overlaps_itself(array: Array) -> bool:
    """Whether two samples may share memory, as where a stride is zero."""
    span = array.itemsize
    for stride, length in sorted(zip(map(abs, array.strides), array.shape, strict=True)):
        if length > 1 and stride < span:
            return True
        span += stride * (length - 1)
    return False


def copy_if_aliased(value: Any, out: Array) -> Any:
    """Return `value`, copied if it is an array that shares memory with `out`."""
    return value.copy() if isinstance(value, np.ndarray) and np.shares_memory(value, out) else value


def per_frame(
    value: object,
    name: str,
    frames: Array,
    out: Array,
    convert: Callable[[object, str, tuple[int, ...]], Array],
) -> list[Array | None] | None:
    """Return one `convert`ed array per frame of `frames`; one of two dimensions serves all of them."""
    if value is None:
        return None
    entries = value if isinstance(value, list | tuple) else np.asarray(value)
    if isinstance(entries, np.ndarray) and entries.ndim == 2:
        entries = [entries] * len(frames)
    if len(entries) != len(frames):
        raise ValueError(
            f"{name} must be one of shape (H, W) or one for each of {len(frames)} frames, got {len(entries)}"
        )
    shape = frames.shape[1:]
    return [None if entry is None else copy_if_aliased(convert(entry, name, shape), out) for entry in entries]


def channels_last(frames: Array, channel_axis: int | None, name: str = "frames") -> int | None:
    """Return the axis of the channels, None for a grey video; raise ValueError where that is ambiguous.

    Without `channel_axis`, (T, H, W) is a grey video and (T, H, W, C) a colour video; with it, three axes are
    one colour picture and four a colour video.
    """
    if channel_axis is not None:
        if frames.ndim not in (3, 4):
            raise ValueError(
                f"{name} with a channel_axis must have 3 or 4 dimensions, got shape {frames.shape}"
            )
        if not isinstance(channel_axis, Integral) or not -frames.ndim <= channel_axis < frames.ndim:
            raise ValueError(
                f"channel_axis must be an integer from {-frames.ndim} to {frames.ndim - 1} "
                f"for {name} of shape {frames.shape}, got {channel_axis!r}"
            )
        return channel_axis % frames.ndim
    if frames.ndim == 3 and frames.shape[2] in (3, 4):
        raise ValueError(
            f"{name} of shape {frames.shape} may be one colour picture or a grey video: give channel_axis=-1 "
            f"or {name}[None] for the picture, {name}[..., None] for the video"
        )
    if frames.ndim not in (3, 4):
        raise ValueError(f"{name} must have shape (T, H, W) or (T, H, W, C), got {frames.shape}")
    return 3 if frames.ndim == 4 else None


def as_video(array: Array, channel_axis: int | None) -> Array:
    """Return a view of shape (T, H, W) or (T, H, W, C)."""
    if channel_axis is None:
        return array
    moved = np.moveaxis(array, channel_axis, -1)
    return moved[None] if moved.ndim == 3 else moved


def is_in_place(frames: Array, out: Array) -> bool:
    """Whether `out` is `frames` itself; raise ValueError if it shares memory with it in any other way."""
    if not np.shares_memory(frames, out):
        return False
    if frames.dtype != out.dtype or frames.strides != out.strides or frames.ctypes.data != out.ctypes.data:
        raise ValueError("out must be frames itself or share no memory with it")
    return True


def iterate_arrays(
    frames: object, name: str = "frames", *, channel_axis: int | None = None
) -> Iterator[Array]:
    """Return an iterator over frames of shape (H, W) or (H, W, C), all of one shape and dtype.

    Parameters
    ----------
    frames : array_like or iterable
        An array (T, H, W) or (T, H, W, C), where `channel_axis` resolves what is ambiguous, see
        `vdcore.diffuse`; or any other iterable of frames, read on demand. uint8, uint16, float32 or float64.
    name : str
        What the argument is called in errors.
    channel_axis : int, optional
        For arrays only.

    Raises
    ------
    TypeError, ValueError
        At once where possible, else on reaching the frame whose index the message names; also without frames.
    """
    if is_array(frames):
        array = as_samples(frames, name)
        axis = channels_last(array, channel_axis, name)
        if axis is not None:
            array = np.moveaxis(array, axis, -1)
        return iter(array[None] if axis is not None and array.ndim == 3 else array)
    if not isinstance(frames, Iterable) or isinstance(frames, str):
        raise TypeError(f"{name} must be an array or an iterable of frames, got {frames!r}")
    if channel_axis is not None:
        raise ValueError(f"channel_axis is for arrays only, got {channel_axis!r} for an iterable of frames")
    return each_frame(frames, name)
