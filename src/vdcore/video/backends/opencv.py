# SPDX-License-Identifier: Apache-2.0
"""Reader and writer over OpenCV: 8 bits, grey or BGR, constant frame rate, no sound."""

import errno
import json
import math
import os
import shutil
import subprocess
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from vdcore.video.files.reading import readable
from vdcore.video.files.truncation import is_cut_short
from vdcore.video.frame import Frame, Plane
from vdcore.video.info import VideoInfo

# FFmpeg inside OpenCV reports every damaged block to stderr; what matters of it is in the reports.
os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")

import cv2  # noqa: E402

Array = npt.NDArray[Any]

CODECS = {".avi": "XVID", ".mkv": "FFV1", ".mov": "mp4v", ".mp4": "mp4v", ".webm": "VP90"}
"""Default codec of every container that can be written."""

_PROBED_FRAMES = 32
_FREE_BYTES = 1 << 16  # less than this on the target's disk is a full disk
_CHECK_EVERY = 32  # frames


def choose_codec(path: Path, codec: str | None) -> str:
    """Return the four-character code to write path with, or raise ValueError."""
    if path.suffix.lower() not in CODECS:
        raise ValueError(f"out must end in one of {', '.join(CODECS)}, which name the container, got {path}")
    if codec is None:
        return CODECS[path.suffix.lower()]
    if not (isinstance(codec, str) and len(codec) == 4 and codec.isascii()):
        raise ValueError(f"codec must be a four-character code such as 'XVID' or 'FFV1', got {codec!r}")
    return codec


def check_quality(path: Path, codec: str, fps: float, quality: int | None) -> None:
    """Raise ValueError if OpenCV cannot write with this quality."""
    if quality is None:
        return
    if not (isinstance(quality, int) and 1 <= quality <= 100):
        raise ValueError(f"quality must be an integer from 1 to 100, got {quality!r}")
    if codec != "MJPG" or path.suffix.lower() != ".avi" or fps != round(fps):
        raise ValueError(
            f"quality can be set through OpenCV for codec='MJPG' in .avi at a whole frame rate only,"
            f" got codec={codec!r}, {path.suffix} and {fps:.6g} frames per second"
        )


class OpenCVReader:
    """Decodes the frames of a file one after the other, upright.

    Parameters
    ----------
    path : str or os.PathLike
        An existing file.

    Attributes
    ----------
    info : VideoInfo
        Its planes are one array, (H, W) of grey or (H, W, 3) in the order blue, green, red.

    Raises
    ------
    FileNotFoundError, IsADirectoryError, PermissionError
        There is no such file, or it cannot be read.
    ValueError
        The file is empty or holds no video that OpenCV can decode.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._bottom_up = False
        self.info = self._read_info(readable(path))
        self._shape = self.info.planes[0].shape
        self._pace = Pace()
        # OpenCV crashes when it converts bottom-up BGR; the packets are plain enough to be read as they are.
        self._capture = open_capture(self.info.path, (cv2.CAP_PROP_FORMAT, -1) if self._bottom_up else ())
        if self.info.channels == 1:
            self._capture.set(cv2.CAP_PROP_CONVERT_RGB, 0)

    def _read_info(self, source: Path) -> VideoInfo:
        capture = open_capture(source)
        try:
            pixel_format = _tag(capture.get(cv2.CAP_PROP_CODEC_PIXEL_FORMAT))
            fps = capture.get(cv2.CAP_PROP_FPS)
            frames = capture.get(cv2.CAP_PROP_FRAME_COUNT)
            self._bottom_up = pixel_format == b"BGR\x18" and _extradata(capture) == b"BottomUp\0"
            width, height = (capture.get(p) for p in (cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT))
            codec = _tag(capture.get(cv2.CAP_PROP_FOURCC)).rstrip(b"\0").decode("latin-1")
            rotation = int(capture.get(cv2.CAP_PROP_ORIENTATION_META)) % 360
            pace = Pace()
            while pace.frames < _PROBED_FRAMES and capture.grab():
                pace.add(capture.get(cv2.CAP_PROP_POS_MSEC))
        finally:
            capture.release()
        if not pace.frames or width < 1 or height < 1:
            raise ValueError(f"{source}: no frame can be decoded")
        streams, rate = _probe(source)
        if not pace.timed and rate:
            fps = rate
        channels = 1 if pixel_format == b"Y800" else 3
        size = (int(height), int(width))
        plane = Plane(
            "luma" if channels == 1 else "colour",
            size if channels == 1 else (*size, 3),
            np.dtype(np.uint8),
            channel_order="bgr",
        )
        return VideoInfo(
            path=source,
            width=size[1],
            height=size[0],
            channels=channels,
            fps=fps if math.isfinite(fps) and fps > 0 else 0.0,
            frames=round(frames) if 0 < frames < 2**53 else None,
            codec=codec,
            bits=_bits(pixel_format),
            rotation=rotation,
            variable_frame_rate=pace.uneven,
            timed=pace.timed,
            other_streams=streams,
            planes=(plane,),
        )

    def read(self) -> Frame | None:
        """Decode the next frame, or return None at the end.

        Where the frame size changes, OpenCV itself scales to the size of the first frame.

        Raises
        ------
        ValueError
            If the frame has another size than the frames before it.
        """
        out = np.empty(self._shape, np.uint8)
        decoded, packet = self._capture.read(None if self._bottom_up else out)
        if not decoded:
            return None
        image = self._from_bottom_up(packet) if self._bottom_up else packet
        if image is None:
            return None
        if image.shape != self._shape:
            raise ValueError(
                f"{self.info.path}: frame {self._pace.frames} has the shape {image.shape},"
                f" the frames before it {self._shape}"
            )
        if image is not out:
            np.copyto(out, image)
        index = self._pace.frames
        self._pace.add(self._capture.get(cv2.CAP_PROP_POS_MSEC))
        return Frame((out,), index, index / (self.info.fps or 1.0))

    def picture(self, frame: Frame, alpha: bool = False) -> Array:
        """A frame as it is shown: (H, W) or (H, W, 3) of red, green, blue, uint8."""
        image = frame.planes[0]
        return image if image.ndim == 2 else image[..., ::-1]

    def losses(self) -> list[str]:
        """Name everything in the file that 8-bit frames at a constant rate without sound cannot carry."""
        info = self.info
        names = []
        if info.other_streams is None:
            names.append("audio (OpenCV cannot see whether there is any: install PyAV or ffprobe)")
        else:
            for kind, count in info.other_streams.items():
                noun = f"more {kind}" if kind == "video" else kind
                names.append(f"{noun} ({count} stream{'s' if count > 1 else ''})")
        if info.rotation:
            names.append(f"rotation metadata ({info.rotation} degrees: frames are stored upright)")
        if info.bits > 8:
            names.append(f"depth beyond 8 bits ({info.bits} bits)")
        if info.variable_frame_rate or self._pace.uneven:
            names.append(f"variable frame rate (frames follow at a constant {info.fps:.6g} per second)")
        if not info.timed:
            names.append(
                f"timing (a raw stream has no time stamps: {info.fps:.6g} frames per second assumed)"
            )
        return names

    def close(self) -> None:
        self._capture.release()

    def _from_bottom_up(self, packet: Array) -> Array | None:
        """A view of an uncompressed BGR packet, its rows padded to whole 32-bit words; None if cut off."""
        height, width, channels = self._shape
        row = (width * channels + 3) // 4 * 4
        if packet.size < height * row:
            return None
        rows = packet.ravel()[: height * row].reshape(height, row)
        image: Array = rows[::-1, : width * channels].reshape(height, width, channels)
        return image


class OpenCVWriter:
    """Encodes frames into a file.

    Parameters
    ----------
    path : pathlib.Path
        The file to write; its suffix names the container.
    plane : Plane
        Of the frames, at least 2 x 2 pixels of 8 bits. OpenCV cuts the last row or column off odd sizes,
        except with a quality.
    fps : float
        Frames per second. OpenCV stores a short decimal within 0.001 of it: 30000/1001 becomes 29.97.
    codec : str
        Four-character code.
    quality : int or None
        From 1 to 100, where `check_quality` allows it; None leaves the choice to OpenCV.

    Attributes
    ----------
    width, height : int
        Size of the frames in the file.
    codec : str
        Four-character code.

    Raises
    ------
    ValueError
        If this OpenCV cannot write the codec into the container.
    OSError
        If the disk is full.
    """

    def __init__(self, path: Path, plane: Plane, fps: float, codec: str, quality: int | None) -> None:
        self._path = path
        self.codec = codec
        self._frames = 0
        if plane.dtype != np.uint8:
            raise TypeError(f"frames must be uint8 for OpenCV to write them, got {plane.dtype}")
        shape = plane.shape
        self._swapped = plane.kind == "colour" and plane.channel_order == "rgb"
        backend = cv2.CAP_FFMPEG if quality is None else cv2.CAP_OPENCV_MJPEG
        height, width = shape[:2]
        fourcc = cv2.VideoWriter.fourcc(*codec)
        with quiet_stderr():
            self._writer = cv2.VideoWriter(str(path), backend, fourcc, fps, (width, height), len(shape) == 3)
        if not self._writer.isOpened():
            path.write_bytes(bytes(_FREE_BYTES))  # raises OSError if the disk is the cause
            raise ValueError(
                f"codec: this OpenCV cannot write {codec!r} at {width}x{height} into a {path.suffix} file;"
                f" its default there is {CODECS[path.suffix.lower()]!r}"
            )
        self.width, self.height = width, height
        if quality is not None:
            self._writer.set(cv2.VIDEOWRITER_PROP_QUALITY, quality)
        else:  # OpenCV's FFmpeg takes even sizes only
            self.width -= width % 2
            self.height -= height % 2
        self._cut = (self.width, self.height) != (width, height)

    def losses(self) -> list[str]:
        """Name everything in the frames that the file does not hold."""
        return [f"last column or row (OpenCV writes {self.width}x{self.height})"] if self._cut else []

    def write(self, frame: Frame) -> None:
        """Encode the next frame.

        Raises
        ------
        OSError
            If the disk has become full.
        """
        if self._frames % _CHECK_EVERY == 0 and shutil.disk_usage(self._path.parent).free < _FREE_BYTES:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self._path.parent))
        image = frame.planes[0]
        written = self._writer.write(np.ascontiguousarray(image[..., ::-1] if self._swapped else image))
        if written is False:  # OpenCV 4 returns None
            raise OSError(
                errno.EIO, "a frame could not be written, is the disk full?", str(self._path.parent)
            )
        self._frames += 1

    def finish(self) -> None:
        """Write what is still queued and close the file.

        Raises
        ------
        OSError
            If not every frame can be found in the file: OpenCV reports no write errors.
        """
        self.close()
        if is_cut_short(self._path) or _count_frames(self._path, self._frames) != self._frames:
            message = f"not all of the {self._frames} frames could be written, is the disk full?"
            raise OSError(errno.EIO, message, str(self._path.parent))

    def close(self) -> None:
        self._writer.release()


def _count_frames(path: Path, expected: int) -> int:
    """Frames in a file: those expected if its index agrees, else as many as can be decoded."""
    try:
        capture = open_capture(path)
    except ValueError:
        return 0
    try:
        if capture.get(cv2.CAP_PROP_FRAME_COUNT) == expected:
            return expected
        return sum(1 for _ in iter(capture.grab, False))
    finally:
        capture.release()


class Pace:
    """Whether frames are evenly spaced, judged by their time stamps in milliseconds.

    Attributes
    ----------
    frames : int
        Time stamps so far.
    """

    def __init__(self) -> None:
        self.frames = 0
        self._last = 0.0
        self._shortest = math.inf
        self._longest = 0.0

    def add(self, stamp: float) -> None:
        step = stamp - self._last
        if self.frames and step > 0:  # frames that leave the decoder at the end may have no stamp
            self._shortest = min(self._shortest, step)
            self._longest = max(self._longest, step)
        self._last = stamp
        self.frames += 1

    @property
    def uneven(self) -> bool:
        """Steps that differ by more than a tenth and by more than rounding to milliseconds explains."""
        return self._longest - self._shortest > max(2.5, 0.1 * self._shortest)

    @property
    def timed(self) -> bool:
        """Whether there are time stamps at all: those of raw streams are all 0."""
        return self.frames < 2 or self._longest > 0


def open_capture(path: Path, parameters: tuple[int, ...] = ()) -> cv2.VideoCapture:
    """Open a file for decoding, or raise ValueError."""
    with quiet_stderr():
        capture = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG, parameters)
    if not capture.isOpened():
        raise ValueError(f"{path}: not a video that OpenCV can read, or cut off before its index")
    return capture


@contextmanager
def quiet_log() -> Iterator[None]:
    """Silence OpenCV's log; the user gets errors and warnings instead."""
    level = cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    try:
        yield
    finally:
        cv2.utils.logging.setLogLevel(level)


@contextmanager
def quiet_stderr() -> Iterator[None]:
    """Silence what OpenCV prints straight to stderr when it opens a file."""
    try:
        saved = os.dup(2)
    except OSError:  # no stderr to silence
        yield
        return
    try:
        with open(os.devnull, "wb") as sink:
            os.dup2(sink.fileno(), 2)
        yield
    finally:
        os.dup2(saved, 2)
        os.close(saved)


def _tag(value: float) -> bytes:
    return (int(value) & 0xFFFFFFFF).to_bytes(4, "little")


def _extradata(capture: cv2.VideoCapture) -> bytes:
    index = int(capture.get(cv2.CAP_PROP_CODEC_EXTRADATA_INDEX))
    data = capture.retrieve(None, index)[1]
    return b"" if data is None else data.tobytes()


def _bits(pixel_format: bytes) -> int:
    """Bits per sample of a libavutil raw format tag; 8 for the many that do not have more."""
    for tag in (pixel_format, pixel_format[::-1]):  # little-endian, big-endian
        if tag[0] in b"YG" and 8 < tag[3] <= 16:  # Y3 11 10 = YUV 4:2:0 with 10 bits
            return tag[3]
        if tag in (b"RGB0", b"BGR0", b"RBA@", b"BRA@"):  # 48 and 64 bits per pixel
            return 16
        if tag[0] in b"P" and tag[2:] in (b"10", b"12", b"16"):  # P010
            return int(tag[2:])
    return 8


def _probe(path: Path) -> tuple[dict[str, int] | None, float | None]:
    """Return what OpenCV cannot see: the other streams, and the rate of untimed streams."""
    for kinds, rate in (probe(path) for probe in (_probe_pyav, _probe_ffprobe)):
        if kinds:
            others = Counter(kinds)
            others["video"] -= 1
            return {kind: others[kind] for kind in sorted(others) if others[kind] > 0}, rate
    return None, None


def _probe_pyav(path: Path) -> tuple[list[str], float | None]:
    with suppress(Exception):  # PyAV is not installed, or cannot read what OpenCV can
        from .pyav.probe import stream_kinds

        return stream_kinds(path)
    return [], None


def _probe_ffprobe(path: Path) -> tuple[list[str], float | None]:
    program = shutil.which("ffprobe")
    if not program:
        return [], None
    command = [program, "-v", "quiet", "-of", "json", "-show_streams", str(path)]
    with suppress(OSError, subprocess.SubprocessError, ValueError, StopIteration, ZeroDivisionError):
        answer = subprocess.run(
            command, capture_output=True, stdin=subprocess.DEVNULL, timeout=60, check=True
        )
        streams: list[dict[str, Any]] = json.loads(answer.stdout)["streams"]
        video = next(stream for stream in streams if stream["codec_type"] == "video")
        rate = Fraction(video.get("avg_frame_rate", "0/0").replace("0/0", "0"))
        return [stream["codec_type"] for stream in streams], float(rate) or None
    return [], None
