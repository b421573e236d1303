# SPDX-License-Identifier: Apache-2.0
"""Reader and writer over OpenCV: 8 bits, grey or BGR, constant frame rate, no sound."""

import errno
import os
import shutil
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from .container import is_cut_short
from .info import Pace, VideoInfo, open_capture, quiet_stderr
from .pipeline import Frame

Array = npt.NDArray[Any]

CODECS = {".avi": "XVID", ".mkv": "FFV1", ".mov": "mp4v", ".mp4": "mp4v", ".webm": "VP90"}
"""Default codec of every container that can be written."""

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
    """Decodes the frames of a file one after the other.

    Parameters
    ----------
    info : VideoInfo
        The file, as `vdcore.video.read_info` sees it.

    Attributes
    ----------
    info : VideoInfo
    shape : tuple of int
        (H, W) of grey video, else (H, W, 3) in the order blue, green, red.
    dtype : numpy.dtype
        uint8.
    """

    def __init__(self, info: VideoInfo) -> None:
        self.info = info
        self.dtype = np.dtype(np.uint8)
        self.shape: tuple[int, ...] = (info.height, info.width)
        if info.channels > 1:
            self.shape += (info.channels,)
        self._pace = Pace()
        # OpenCV crashes when it converts bottom-up BGR; the packets are plain enough to be read as they are.
        self._capture = open_capture(info.path, (cv2.CAP_PROP_FORMAT, -1) if info.bottom_up else ())
        if info.channels == 1:
            self._capture.set(cv2.CAP_PROP_CONVERT_RGB, 0)

    def read(self, out: Array) -> Frame | None:
        """Decode the next frame into out, or return None at the end.

        Where frames change their size on the way, OpenCV itself scales them to the size of the first.

        Parameters
        ----------
        out : ndarray of `shape` and `dtype`, C-contiguous

        Raises
        ------
        ValueError
            If the frame has another size than the frames before it.
        """
        decoded, packet = self._capture.read(None if self.info.bottom_up else out)
        if not decoded:
            return None
        image = self._from_bottom_up(packet) if self.info.bottom_up else packet
        if image is None:
            return None
        if image.shape != self.shape:
            raise ValueError(
                f"{self.info.path}: frame {self._pace.frames} has the shape {image.shape},"
                f" the frames before it {self.shape}"
            )
        if image is not out:
            np.copyto(out, image)
        index = self._pace.frames
        self._pace.add(self._capture.get(cv2.CAP_PROP_POS_MSEC))
        return Frame(out, index, index / self.info.fps)

    def losses(self) -> list[str]:
        """Name what only the frames have shown, beyond `VideoInfo.losses`."""
        return [self.info.uneven_text()] if self._pace.uneven and not self.info.variable_frame_rate else []

    def close(self) -> None:
        self._capture.release()

    def _from_bottom_up(self, packet: Array) -> Array | None:
        """A view of an uncompressed BGR packet, its rows padded to whole 32-bit words; None if cut off."""
        height, width, channels = self.shape
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
    shape : tuple of int
        (H, W) or (H, W, 3) of the frames, at least 2 x 2 pixels. OpenCV cuts the last row or column off odd
        sizes, except with a quality.
    fps : float
        Frames per second. OpenCV stores a short decimal within 0.001 of it: 30000/1001 becomes 29.97.
    codec : str
        Four-character code.
    quality : int or None
        From 1 to 100, for what `check_quality` lets pass; None leaves the choice to OpenCV.

    Attributes
    ----------
    width, height : int
        Size of the frames in the file.

    Raises
    ------
    ValueError
        If this OpenCV cannot write the codec into the container.
    OSError
        If the disk is full.
    """

    def __init__(
        self, path: Path, shape: tuple[int, ...], fps: float, codec: str, quality: int | None
    ) -> None:
        self._path = path
        self._frames = 0
        backend = cv2.CAP_FFMPEG if quality is None else cv2.CAP_OPENCV_MJPEG
        height, width = shape[:2]
        fourcc = cv2.VideoWriter.fourcc(*codec)
        with quiet_stderr():
            self._writer = cv2.VideoWriter(str(path), backend, fourcc, fps, (width, height), len(shape) == 3)
        if not self._writer.isOpened():
            path.write_bytes(bytes(_FREE_BYTES))  # raises OSError where the disk is to blame
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
        """Name what of the frames the file does not hold."""
        return [f"last column or row (OpenCV writes {self.width}x{self.height})"] if self._cut else []

    def write(self, image: Array) -> None:
        """Encode the next frame, a C-contiguous uint8 array.

        Raises
        ------
        OSError
            If the disk has become full.
        """
        if self._frames % _CHECK_EVERY == 0 and shutil.disk_usage(self._path.parent).free < _FREE_BYTES:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self._path.parent))
        if self._writer.write(image) is False:  # OpenCV 4 returns None
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
