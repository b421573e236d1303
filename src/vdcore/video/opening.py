# SPDX-License-Identifier: Apache-2.0
"""Open the reader and the writer that the user's arguments name."""

import errno
import os
import re
import sys
from collections.abc import Iterable, Iterator, Sized
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from vdcore._checks import choice, number
from vdcore._files import StrPath

from .backends.arrays import ArrayReader, NpyWriter, TiffWriter, open_npy, open_tiff
from .files.targets import PATTERN, STANDARD, PictureTarget, Target
from .info import Encoding, VideoInfo
from .pipeline import Reader, Writer

Source = StrPath | int | Iterable[Any]
BACKENDS = ("auto", "opencv", "pyav")
_ADDRESS = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]+://")
_PIPE_FORMAT = "yuv4mpegpipe"
_TIFF = (".tif", ".tiff")
_USUAL_RATE = 25.0  # frames per second of inputs without a rate


def resolve_backend(backend: str) -> str:
    """Return "pyav" or "opencv".

    Raises
    ------
    ValueError
        It is not known.
    ImportError
        It is not installed.
    """
    choice(backend, "backend", BACKENDS)
    installed = find_spec("av") is not None
    if backend == "pyav" and not installed:
        raise ImportError('backend="pyav" needs PyAV: pip install "vdcore[av]"')
    return ("pyav" if installed else "opencv") if backend == "auto" else backend


def open_reader(source: Source, backend: str = "auto", fps: float | None = None) -> Reader:
    """Open a video for reading.

    Parameters
    ----------
    source : str, os.PathLike, int or iterable of arrays
        A file (.npy and .tif too), "-" for YUV4MPEG on standard input, the address of a stream
        (``rtsp://...``), a pattern of pictures such as ``frame_%04d.png``, the number of a camera, or frames.
    backend : {"auto", "opencv", "pyav"}
    fps : float, optional
        Frame rate of inputs without one.

    Raises
    ------
    OSError, ValueError
        It cannot be read, or is no video.
    ImportError
        It needs PyAV, which is not installed.
    """
    chosen = resolve_backend(backend)
    if fps is not None:
        fps = number(fps, "fps", 0, strict=True)
    if isinstance(source, bool) or not isinstance(source, int | str | os.PathLike | Iterable):
        raise TypeError(f"path must be a file, a camera's number or an iterable of frames, got {source!r}")
    if isinstance(source, int):
        from .backends.camera import CameraReader

        return CameraReader(source)
    if not isinstance(source, str | os.PathLike):
        count = len(source) if isinstance(source, Sized) else None
        return ArrayReader(source, fps or _USUAL_RATE, count=count)
    text = os.fspath(source)
    suffix = Path(text).suffix.lower()
    if suffix == ".npy":
        return open_npy(Path(source), fps or _USUAL_RATE)
    if suffix in _TIFF and not PATTERN.search(Path(text).name):
        return open_tiff(Path(source), fps or _USUAL_RATE)
    pattern = PATTERN.search(Path(text).name) and not Path(text).is_file()
    special = text == STANDARD or _ADDRESS.match(text) or pattern
    if chosen == "opencv":
        if special:
            raise ImportError(f'{text} can be read through PyAV only: pip install "vdcore[av]"')
        from .backends.opencv import OpenCVReader

        return OpenCVReader(source)
    from .backends.pyav import PyAVReader

    if text == STANDARD:
        return PyAVReader(sys.stdin.buffer, container=_PIPE_FORMAT, name="standard input")
    if _ADDRESS.match(text):
        return PyAVReader(text, live=True)
    if special:
        options = {"framerate": str(fps or _USUAL_RATE), "start_number": str(_first_number(Path(text)))}
        return PyAVReader(text, options=options)
    return PyAVReader(Path(source), fps=fps)


def _first_number(pattern: Path) -> int:
    """The lowest number among the pictures that match a pattern."""
    before, after = map(re.escape, PATTERN.split(pattern.name, maxsplit=1))
    names = re.compile(f"{before}(\\d+){after}")
    entries = os.listdir(pattern.parent) if pattern.parent.is_dir() else []
    numbers = [int(match[1]) for entry in entries if (match := names.fullmatch(entry))]
    if not numbers:
        raise FileNotFoundError(errno.ENOENT, "no picture matches this pattern", str(pattern))
    return min(numbers)


def is_rewindable(source: Source, info: VideoInfo) -> bool:
    """Whether the video can be read twice."""
    if isinstance(source, str | os.PathLike):
        return info.path.is_file()
    return isinstance(source, Sized) and not isinstance(source, Iterator)


def check_encoding(out: StrPath, backend: str, encoding: Encoding, info: VideoInfo) -> None:
    """Raise ValueError for what the backend cannot write, before anything is written."""
    path = Path(out)
    if path.suffix.lower() in (".npy", *_TIFF) and not PATTERN.search(path.name):
        for name, value in vars(encoding).items():
            if value not in (None, "lossless"):
                raise ValueError(f"{name} does not apply to {path.suffix} files, got {value!r}")
        return
    if backend == "pyav":
        return
    from .backends.opencv import check_quality, choose_codec

    chosen = choose_codec(path, encoding.codec)
    quality: Any = encoding.quality
    for name in ("encoder_preset", "bitrate"):
        if (value := getattr(encoding, name)) is not None:
            raise ValueError(f'{name} can be set with backend="pyav" only, got {value!r}')
    check_quality(path, chosen, info.fps, quality)


def open_writer(target: Target, reader: Reader, encoding: Encoding, backend: str) -> Writer:
    """Open the writer for a target, of a resolved backend where there is a choice."""
    info = reader.info
    path = Path(target.path)
    if path.suffix.lower() == ".npy":
        return NpyWriter(path, info, reader.picture)
    if path.suffix.lower() in _TIFF and not isinstance(target, PictureTarget):
        return TiffWriter(path, info, reader.picture)
    if backend == "opencv":
        from .backends.opencv import OpenCVWriter, choose_codec

        quality: Any = encoding.quality
        return OpenCVWriter(path, info.planes[0], info.fps, choose_codec(path, encoding.codec), quality)
    from .backends.pyav import PyAVReader, PyAVWriter

    source = reader if isinstance(reader, PyAVReader) else None
    if target.path == STANDARD:
        return PyAVWriter(sys.stdout.buffer, source, info, encoding, container=_PIPE_FORMAT)
    return PyAVWriter(target.path, source, info, encoding, name=target.name)
