# SPDX-License-Identifier: Apache-2.0
"""Videos that are arrays: any iterable of frames, NPY files and multi-page TIFF files."""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from vdcore._arrays import SAMPLE_DTYPES
from vdcore.video.files.reading import readable
from vdcore.video.frame import Frame, Plane
from vdcore.video.info import VideoInfo

Array = npt.NDArray[Any]

_CHANNELS = (1, 3, 4)  # grey, RGB, RGB with alpha
_PIXEL_FORMATS = {
    (1, "uint8"): "gray", (3, "uint8"): "rgb24", (4, "uint8"): "rgba",
    (1, "uint16"): "gray16le", (3, "uint16"): "rgb48le", (4, "uint16"): "rgba64le",
    (1, "float32"): "grayf32le", (3, "float32"): "rgbf32le", (4, "float32"): "rgbaf32le",
    (1, "float64"): "grayf32le", (3, "float64"): "rgbf32le", (4, "float64"): "rgbaf32le",
}  # fmt: skip


class ArrayReader:
    """Gives the frames of an iterable, each a copy.

    Parameters
    ----------
    frames : iterable of array_like, shape (H, W) or (H, W, C)
        C is 1, 3 (red, green, blue) or 4 (and alpha, which is left alone). uint8, uint16, float32 or float64,
        in any byte order.
    fps : float
        Frames per second.
    name : str
        Its name in messages.
    count : int or None
        How many frames there are, if it is known.
    codec : str
        The kind of source.

    Raises
    ------
    ValueError, TypeError
        There is no frame, or the first one is not such an array.
    """

    def __init__(
        self,
        frames: Iterable[object],
        fps: float,
        *,
        name: str = "frames",
        count: int | None = None,
        codec: str = "arrays",
        close: Callable[[], object] = lambda: None,
    ) -> None:
        self._name = name
        self._frames = iter(frames)
        self._close = close
        self._dtype_error = TypeError if codec == "arrays" else ValueError  # a file holds what it holds
        self._index = 0
        first = next(self._frames, None)
        if first is None:
            raise ValueError(f"{name}: it has no frames")
        self._shape: tuple[int, ...] = ()
        self._dtype = np.dtype(np.uint8)
        self._first: Array | None = self._checked(first)
        self._shape, self._dtype = self._first.shape, self._first.dtype
        height, width, *channels = self._shape
        colour = bool(channels)
        plane = Plane(
            "colour" if colour else "luma", (height, width, 3) if colour else (height, width), self._dtype
        )
        self.info = VideoInfo(
            path=Path(name),
            width=width,
            height=height,
            channels=3 if colour else 1,
            fps=fps,
            frames=count,
            codec=codec,
            bits=8 * self._dtype.itemsize,
            rotation=0,
            variable_frame_rate=False,
            timed=False,
            other_streams={},
            pixel_format=_PIXEL_FORMATS[(*channels, 1)[0], self._dtype.name],
            planes=(plane,),
            backend=codec,
        )

    def _checked(self, frame: object) -> Array:
        """A copy of a frame, (H, W) or (H, W, 3 or 4), in native byte order."""
        given = np.asarray(frame)
        array: Array = given.astype(given.dtype.newbyteorder("="))
        what = f"{self._name}: frame {self._index}"
        if array.dtype not in SAMPLE_DTYPES:
            raise self._dtype_error(f"{what} must be uint8, uint16, float32 or float64, got {array.dtype}")
        right = array.ndim == 2 or array.ndim == 3 and array.shape[2] in _CHANNELS
        if not right or 0 in array.shape:
            raise ValueError(
                f"{what} must have shape (H, W), or (H, W, C) with C 1, 3 or 4, got {array.shape}"
            )
        array = array[..., 0] if array.ndim == 3 and array.shape[2] == 1 else array
        if self._shape and (array.shape != self._shape or array.dtype != self._dtype):
            raise ValueError(
                f"{what} must be {self._shape} {self._dtype} like the frames before it,"
                f" got {array.shape} {array.dtype}"
            )
        return array

    def read(self) -> Frame | None:
        """The next frame, or None at the end.

        Raises
        ------
        ValueError, TypeError
            It is not like the frames before it.
        """
        if self._first is not None:
            array, self._first = self._first, None
        else:
            given = next(self._frames, None)
            if given is None:
                return None
            array = self._checked(given)
        index = self._index
        self._index += 1
        colours = array if array.ndim == 2 else array[..., :3]
        return Frame((colours,), index, index / self.info.fps, array)

    def picture(self, frame: Frame, alpha: bool = False) -> Array:
        """The frame, with alpha or without."""
        array: Array = frame.carrier if alpha else frame.planes[0]
        return array

    def losses(self) -> list[str]:
        return []

    def close(self) -> None:
        self._close()


def open_npy(path: Path, fps: float) -> ArrayReader:
    """Read an NPY file of shape (T, H, W) or (T, H, W, C), frame by frame.

    Raises
    ------
    OSError
        It cannot be read.
    ValueError
        It is not such a file.
    """
    source = readable(path)
    try:
        video = np.load(source, mmap_mode="r", allow_pickle=False)
    except ValueError as error:
        raise ValueError(f"{source}: {error}") from error
    if not isinstance(video, np.ndarray):
        raise ValueError(f"{source}: it is an archive of arrays (.npz), not one array")
    shape = video.shape
    if len(shape) == 3 and shape[2] in (3, 4):
        raise ValueError(
            f"{source}: its shape {shape} may be one colour picture or a grey video:"
            f" save it as {(1, *shape)} for the picture, {(*shape, 1)} for the video"
        )
    if len(shape) not in (3, 4):
        raise ValueError(f"{source}: its shape must be (T, H, W) or (T, H, W, C), got {shape}")
    return ArrayReader(video, fps, name=str(source), count=len(video), codec="npy")


def open_tiff(path: Path, fps: float) -> ArrayReader:
    """Read the pages of a TIFF file as frames.

    Raises
    ------
    OSError, ValueError
        It cannot be read.
    ImportError
        tifffile is not installed.
    """
    tifffile = _tifffile()
    source = readable(path)
    try:
        file = tifffile.TiffFile(source)
    except tifffile.TiffFileError as error:
        raise ValueError(f"{source}: {error}") from error

    def pages() -> Iterator[Array]:
        for page in file.pages:
            yield page.asarray()

    return ArrayReader(pages(), fps, name=str(source), count=len(file.pages), codec="tiff", close=file.close)


class _PictureWriter:
    """Common to the writers of arrays: upright frames of one shape and dtype."""

    codec = ""

    def __init__(self, path: Path, info: VideoInfo, picture: Callable[[Frame, bool], Array]) -> None:
        self.width, self.height = info.width, info.height
        self._path = path
        self._picture = picture
        self._lost = {"audio", "subtitle"} & set(info.other_streams or {})

    def losses(self) -> list[str]:
        """Name what arrays do not hold."""
        return [f"{kind} ({self.codec} holds pictures only)" for kind in sorted(self._lost)]


class NpyWriter(_PictureWriter):
    """Writes frames into an NPY file, (T, H, W) or (T, H, W, C), without holding them in memory."""

    codec = "npy"

    def __init__(self, path: Path, info: VideoInfo, picture: Callable[[Frame, bool], Array]) -> None:
        super().__init__(path, info, picture)
        self._file = open(path, "wb")
        self._shape: tuple[int, ...] = ()
        self._dtype = np.dtype(np.uint8)
        self._count = 0

    def write(self, frame: Frame) -> None:
        picture = np.ascontiguousarray(self._picture(frame, True))
        if not self._count:
            self._shape, self._dtype = picture.shape, picture.dtype
            self._write_header()
        self._file.write(picture.data)
        self._count += 1

    def _write_header(self) -> None:
        """The header has room for any number of frames, so that it can be written again."""
        header = {
            "descr": np.lib.format.dtype_to_descr(self._dtype),
            "fortran_order": False,
            "shape": (self._count, *self._shape),
        }
        np.lib.format.write_array_header_1_0(self._file, header)

    def finish(self) -> None:
        """Write how many frames there are, and close the file."""
        self._file.seek(0)
        self._write_header()
        self._file.close()

    def close(self) -> None:
        self._file.close()


class TiffWriter(_PictureWriter):
    """Writes frames as the pages of a TIFF file."""

    codec = "tiff"

    def __init__(self, path: Path, info: VideoInfo, picture: Callable[[Frame, bool], Array]) -> None:
        super().__init__(path, info, picture)
        size = info.width * info.height * info.channels * max(1, info.bits // 8) * (info.frames or 0)
        self._file = _tifffile().TiffWriter(path, bigtiff=size > 2**31 or not info.frames)

    def write(self, frame: Frame) -> None:
        picture = self._picture(frame, True)
        kind = "rgb" if picture.ndim == 3 else "minisblack"
        alpha = ["unassalpha"] if picture.ndim == 3 and picture.shape[2] == 4 else None
        self._file.write(picture, photometric=kind, extrasamples=alpha, metadata=None)

    def finish(self) -> None:
        self._file.close()

    def close(self) -> None:
        self._file.close()


def _tifffile() -> Any:
    try:
        import tifffile
    except ImportError as error:
        raise ImportError('TIFF files need tifffile: pip install "vdcore[tiff]"') from error
    return tifffile
