# SPDX-License-Identifier: Apache-2.0
"""What numbers, arrays, regions and time ranges mean, for arrays and files alike."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from math import inf, isfinite
from numbers import Integral, Real
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
Region = Any  # (x, y, width, height), a mask, a callable or an iterable of those; None is everywhere
RegionProvider = Callable[[int, float], Array | None]

SAMPLE_DTYPES = tuple(map(np.dtype, ("uint8", "uint16", "float32", "float64")))
FACTOR_DTYPES = SAMPLE_DTYPES[2:]
WEIGHT_DTYPES = (SAMPLE_DTYPES[0], *FACTOR_DTYPES)
_BOOL = np.dtype(np.bool_)


# ---- numbers


def number(
    value: object, name: str, low: float = -inf, *, strict: bool = False, infinite: bool = False
) -> float:
    """Return `value` as a float >= low (> low if `strict`), infinity only if `infinite`; never NaN."""
    allowed = "a number" if infinite else "a finite number"
    if low > -inf:
        allowed += f" {'>' if strict else '>='} {low:g}"
    if not isinstance(value, Real):
        raise TypeError(f"{name} must be {allowed}, got {value!r}")
    result = float(value)
    if not (result > low if strict else result >= low) or not (infinite or isfinite(result)):
        raise ValueError(f"{name} must be {allowed}, got {value!r}")
    return result


def integer(value: object, name: str, low: int, high: int) -> int:
    """Return `value` as an int from low to high."""
    if not isinstance(value, Integral):
        raise TypeError(f"{name} must be an integer from {low} to {high}, got {value!r}")
    result = int(value)
    if not low <= result <= high:
        raise ValueError(f"{name} must be an integer from {low} to {high}, got {value!r}")
    return result


def flag(value: object, name: str) -> bool:
    """Return `value`, which is True or False, as a bool."""
    if not isinstance(value, bool | np.bool_):
        raise TypeError(f"{name} must be True or False, got {value!r}")
    return bool(value)


def choice(value: object, name: str, allowed: tuple[str, ...]) -> str:
    """Return `value`, which is one of the texts in `allowed`."""
    if not isinstance(value, str) or value not in allowed:
        raise ValueError(f"{name} must be one of {', '.join(map(repr, allowed))}, got {value!r}")
    return value


# ---- arrays


def is_array(value: object) -> bool:
    """Whether `value` is one array rather than a sequence of things."""
    protocols = ("__array__", "__array_interface__", "__dlpack__")
    return isinstance(value, memoryview) or any(hasattr(value, protocol) for protocol in protocols)


def _names(dtypes: tuple[np.dtype[Any], ...]) -> str:
    return " or ".join(map(str, dtypes))


def as_samples(value: object, name: str, dtypes: tuple[np.dtype[Any], ...] = SAMPLE_DTYPES) -> Array:
    """Return the array that `value` is, without copying what need not be copied; its dtype is allowed."""
    if type(value) is not np.ndarray and isinstance(value, np.ma.MaskedArray):
        raise TypeError(f"{name} must not be a masked array: give its mask as confidence or sources")
    if hasattr(value, "__dlpack__") and not hasattr(value, "__array__"):
        array: Array = np.from_dlpack(value)
    else:
        array = np.asarray(value)
    if array.dtype not in dtypes:
        raise TypeError(f"{name} must have dtype {_names(dtypes)}, in native byte order, got {array.dtype}")
    if array.size == 0:
        raise ValueError(f"{name} must not be empty, got shape {array.shape}")
    return array


def as_frame(value: object, name: str = "frame") -> Array:
    """Return `value` as an array of shape (H, W) or (H, W, C)."""
    frame = as_samples(value, name)
    if frame.ndim not in (2, 3):
        raise ValueError(f"{name} must have shape (H, W) or (H, W, C), got {frame.shape}")
    return frame


def as_frames(frames: object) -> Array:
    """Return an array of frames, or the frames of any other iterable stacked to one."""
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
    return array


def _overlaps_itself(array: Array) -> bool:
    """Whether two samples may share memory, as where a stride is zero."""
    span = array.itemsize
    for stride, length in sorted(zip(map(abs, array.strides), array.shape, strict=True)):
        if length > 1 and stride < span:
            return True
        span += stride * (length - 1)
    return False


def apart(value: Any, out: Array) -> Any:
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
    return [None if entry is None else apart(convert(entry, name, shape), out) for entry in entries]


def channels_last(frames: Array, channel_axis: int | None, name: str = "frames") -> int | None:
    """Return where the channels of `frames` are, None for a grey video, or raise if that is not clear.

    The rule: (T, H, W) is grey and (T, H, W, C) has channels unless `channel_axis` says where they are;
    with it, three axes are one colour picture and four a colour video.
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
    """Whether `out` is `frames` itself; it is refused where it shares memory with it in any other way."""
    if not np.shares_memory(frames, out):
        return False
    if frames.dtype != out.dtype or frames.strides != out.strides or frames.ctypes.data != out.ctypes.data:
        raise ValueError("out must be frames itself or share no memory with it")
    return True


# ---- regions


def resolve_region(region: Region, height: int, width: int, name: str = "region") -> RegionProvider:
    """Return a function of (index, seconds) that gives the weights of one frame.

    Parameters
    ----------
    region : None, (x, y, width, height), array, callable or iterable
        A rectangle in pixels, cut off at the picture's edges; a mask of shape (H, W): bool, float in [0, 1],
        or uint8 where 255 is 1; a callable of (index, seconds) that returns one of those or None; or an
        iterable (an array of shape (T, H, W) too) that gives one of those per frame.
    height, width : int
        Size of the frames.
    name : str
        What the argument is called in errors.

    Returns
    -------
    callable
        (index, seconds) -> ndarray of shape (H, W), uint8 or float, or None for everywhere. Indices must not
        decrease from call to call.
    """
    if region is None:
        return lambda index, seconds: None
    if callable(region):
        return lambda index, seconds: _weights(region(index, seconds), height, width, name)
    if is_array(region):
        region = np.asarray(region)
    if _is_rectangle(region) or isinstance(region, np.ndarray) and region.ndim == 2:
        mask = _weights(region, height, width, name)
        if mask is not None and not mask.any():
            raise ValueError(f"{name} has no pixel in a frame of {width} x {height}, got {region!r}")
        return lambda index, seconds: mask
    if not isinstance(region, Iterable):
        raise TypeError(
            f"{name} must be (x, y, width, height), a mask, a callable or an iterable, got {region!r}"
        )
    return _RegionSequence(iter(region), height, width, name)


@dataclass
class _RegionSequence:
    """One region per frame, taken from an iterator as the frames come."""

    regions: Iterator[Region]
    height: int
    width: int
    name: str
    taken: int = 0
    current: Array | None = None

    def __call__(self, index: int, seconds: float) -> Array | None:
        while self.taken <= index:
            try:
                region = next(self.regions)
            except StopIteration:
                raise ValueError(
                    f"{self.name} gives {self.taken} regions, but there are more frames"
                ) from None
            self.taken += 1
            if self.taken > index:
                self.current = _weights(region, self.height, self.width, self.name)
        return self.current


def _is_rectangle(region: Region) -> bool:
    """Whether `region` is a sequence of numbers."""
    flat = isinstance(region, tuple | list) or isinstance(region, np.ndarray) and region.ndim == 1
    return flat and len(region) > 0 and isinstance(region[0], Real)


def _weights(region: Region, height: int, width: int, name: str) -> Array | None:
    """Return the weights that a rectangle or a mask stands for."""
    if region is None:
        return None
    if not _is_rectangle(region):
        mask = as_weights(region, name, (height, width))
        if mask.dtype in FACTOR_DTYPES and not (0 <= mask.min() and mask.max() <= 1):
            raise ValueError(f"{name} must lie in [0, 1], got values from {mask.min()} to {mask.max()}")
        return mask
    if len(region) != 4 or not all(isinstance(side, Integral) for side in region):
        raise ValueError(f"{name} must be four integers (x, y, width, height), got {region!r}")
    left, top, columns, rows = map(int, region)
    if columns < 1 or rows < 1:
        raise ValueError(f"{name} must be (x, y, width, height) with width and height >= 1, got {region!r}")
    mask = np.zeros((height, width), np.uint8)
    mask[max(top, 0) : max(top + rows, 0), max(left, 0) : max(left + columns, 0)] = 255
    return mask


# ---- time


@dataclass(frozen=True)
class FrameRange:
    """The half-open range of frames that are filtered."""

    start: float
    stop: float
    time_unit: str

    def contains(self, index: int, seconds: float) -> bool:
        """Whether the frame with this index and time stamp is in the range."""
        return self.start <= (seconds if self.time_unit == "seconds" else index) < self.stop


def frame_range(start: float | None, stop: float | None, time_unit: str) -> FrameRange:
    """Return the range [start, stop) in `time_unit`; None leaves that side open."""
    first = -inf if start is None else number(start, "start", 0)
    last = inf if stop is None else number(stop, "stop", 0, infinite=True)
    if first > last:
        raise ValueError(f"start must not be after stop, got start={start!r}, stop={stop!r}")
    return FrameRange(first, last, time_unit)


def time_stamps(times: object, count: int, time_unit: str) -> npt.NDArray[np.float64]:
    """Return the time of every frame; the frame's index where `times` is None."""
    if times is None:
        if time_unit == "seconds":
            raise ValueError('times must be given with time_unit="seconds": the time of every frame')
        return np.arange(count, dtype=np.float64)
    stamps = np.asarray(times, dtype=np.float64)
    if stamps.shape != (count,):
        raise ValueError(
            f"times must have one entry for each of the {count} frames, got shape {stamps.shape}"
        )
    if not np.isfinite(stamps).all():
        raise ValueError(f"times must be finite, got {stamps[~np.isfinite(stamps)][0]}")
    if (np.diff(stamps) < 0).any():
        step = int(np.argmax(np.diff(stamps) < 0))
        raise ValueError(f"times must not decrease, got {stamps[step]} and then {stamps[step + 1]}")
    return stamps
