# SPDX-License-Identifier: Apache-2.0
"""What a video file holds, and what of it an 8-bit OpenCV pipeline cannot keep."""

import json
import math
import os
import shutil
import subprocess
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

# FFmpeg inside OpenCV reports every damaged block to stderr; what matters of it is in the reports.
os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")

import cv2  # noqa: E402

StrPath = str | os.PathLike[str]

_PROBED_FRAMES = 32


class Pace:
    """Whether frames come at even times, judged by their time stamps in milliseconds.

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


@dataclass(frozen=True)
class VideoInfo:
    """What a video file holds, as far as it can be seen.

    Attributes
    ----------
    path : pathlib.Path
    width, height : int
        Size in pixels of the frames as they are decoded: upright, if the file asks for a rotation.
    channels : int
        1 for grey, 3 for colour.
    fps : float
        Frames per second; 0 if nothing says it.
    frames : int or None
        How many frames the container announces. Often exact, sometimes an estimate from the duration.
    codec : str
        Four-character code, "" if there is none.
    bits : int
        Bits per sample in the file; decoded frames have 8.
    rotation : int
        Degrees by which the file asks players to turn the frames.
    variable_frame_rate : bool
        Whether the first frames come at uneven times.
    timed : bool
        Whether frames carry time stamps; raw H.264 streams have none, and their rate is a guess.
    other_streams : dict of str to int, or None
        How many streams there are besides the decoded one: "audio", "subtitle", "video", "data".
        None if neither PyAV nor ffprobe is there to tell.
    bottom_up : bool
        Whether it is uncompressed BGR video stored from the bottom row to the top.
    """

    path: Path
    width: int
    height: int
    channels: int
    fps: float
    frames: int | None
    codec: str
    bits: int
    rotation: int
    variable_frame_rate: bool
    timed: bool
    other_streams: dict[str, int] | None
    bottom_up: bool

    def losses(self) -> list[str]:
        """Name everything in the file that 8-bit frames at a constant rate without sound cannot carry."""
        names = []
        if self.other_streams is None:
            names.append("audio (OpenCV cannot see whether there is any: install PyAV or ffprobe)")
        else:
            for kind, count in self.other_streams.items():
                noun = f"more {kind}" if kind == "video" else kind
                names.append(f"{noun} ({count} stream{'s' if count > 1 else ''})")
        if self.rotation:
            names.append(f"rotation metadata ({self.rotation} degrees: frames are stored upright)")
        if self.bits > 8:
            names.append(f"depth beyond 8 bits ({self.bits} bits)")
        if self.variable_frame_rate:
            names.append(self.uneven_text())
        if not self.timed:
            names.append(
                f"timing (a raw stream has no time stamps: {self.fps:.6g} frames per second assumed)"
            )
        return names

    def uneven_text(self) -> str:
        """What a variable frame rate turns into."""
        return f"variable frame rate (frames follow at a constant {self.fps:.6g} per second)"


def read_info(path: StrPath) -> VideoInfo:
    """Read what a video file holds.

    Parameters
    ----------
    path : str or os.PathLike
        An existing file.

    Returns
    -------
    VideoInfo

    Raises
    ------
    FileNotFoundError, IsADirectoryError, PermissionError
        If there is no such file, or it cannot be read.
    ValueError
        If the file is empty or holds no video that OpenCV can decode.
    """
    source = _readable(path)
    capture = open_capture(source)
    try:
        pixel_format = _tag(capture.get(cv2.CAP_PROP_CODEC_PIXEL_FORMAT))
        fps = capture.get(cv2.CAP_PROP_FPS)
        frames = capture.get(cv2.CAP_PROP_FRAME_COUNT)
        bottom_up = pixel_format == b"BGR\x18" and _extradata(capture) == b"BottomUp\0"
        width, height = (capture.get(p) for p in (cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT))
        codec = _tag(capture.get(cv2.CAP_PROP_FOURCC)).rstrip(b"\0").decode("latin-1")
        rotation = int(capture.get(cv2.CAP_PROP_ORIENTATION_META)) % 360
        pace = Pace()
        while pace.frames < _PROBED_FRAMES and capture.grab():
            pace.add(capture.get(cv2.CAP_PROP_POS_MSEC))
    finally:
        capture.release()
    if not pace.frames or width < 1 or height < 1:
        raise ValueError(f"{source}: no frame of it can be decoded")
    streams, rate = _probe(source)
    if not pace.timed and rate:
        fps = rate
    return VideoInfo(
        path=source,
        width=int(width),
        height=int(height),
        channels=1 if pixel_format == b"Y800" else 3,
        fps=fps if math.isfinite(fps) and fps > 0 else 0.0,
        frames=round(frames) if 0 < frames < 2**53 else None,
        codec=codec,
        bits=_bits(pixel_format),
        rotation=rotation,
        variable_frame_rate=pace.uneven,
        timed=pace.timed,
        other_streams=streams,
        bottom_up=bottom_up,
    )


def open_capture(path: Path, parameters: tuple[int, ...] = ()) -> cv2.VideoCapture:
    """Open a file for decoding, or raise ValueError."""
    with quiet_stderr():
        capture = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG, parameters)
    if not capture.isOpened():
        raise ValueError(f"{path}: not a video that OpenCV can read, or cut off before its index")
    return capture


@contextmanager
def quiet_log() -> Iterator[None]:
    """Keep OpenCV's log away from the user, who gets errors and warnings instead."""
    level = cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    try:
        yield
    finally:
        cv2.utils.logging.setLogLevel(level)


@contextmanager
def quiet_stderr() -> Iterator[None]:
    """Keep away what OpenCV prints straight to stderr when it opens a file."""
    try:
        saved = os.dup(2)
    except OSError:  # no stderr, nothing to keep quiet
        yield
        return
    try:
        with open(os.devnull, "wb") as sink:
            os.dup2(sink.fileno(), 2)
        yield
    finally:
        os.dup2(saved, 2)
        os.close(saved)


def _readable(path: StrPath) -> Path:
    """The path of a non-empty readable file, absolute so that FFmpeg takes no part of it for a protocol."""
    source = Path(path).absolute()
    with open(source, "rb") as file:
        if not file.read(1):
            raise ValueError(f"{source}: the file is empty")
    return source


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
    """What PyAV or ffprobe knows and OpenCV does not: the other streams, and the rate of untimed streams."""
    for kinds, rate in (probe(path) for probe in (_probe_pyav, _probe_ffprobe)):
        if kinds:
            others = Counter(kinds)
            others["video"] -= 1
            return {kind: others[kind] for kind in sorted(others) if others[kind] > 0}, rate
    return None, None


def _probe_pyav(path: Path) -> tuple[list[str], float | None]:
    with suppress(Exception):  # not installed, or what OpenCV reads is nothing to it
        import av

        with av.open(str(path)) as container:
            rate = container.streams.video[0].guessed_rate
            return [stream.type for stream in container.streams], float(rate) if rate else None
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
