# SPDX-License-Identifier: Apache-2.0
"""Small synthesised videos for the tests of the video layer."""

import struct
import warnings

import cv2
import numpy as np
import pytest

import vdcore

only_opencv = pytest.mark.usefixtures("without_pyav")
each_backend = pytest.mark.usefixtures("backend")


def make_frames(count=8, shape=(48, 64, 3), seed=1):
    """A drifting blurred pattern with noise, (count, *shape), uint8."""
    rng = np.random.default_rng(seed)
    pattern = cv2.GaussianBlur(rng.normal(size=shape), (0, 0), 3)
    pattern = 128 + 40 * pattern / pattern.std()
    frames = [np.roll(pattern, i, axis=1) + rng.normal(0, 8, shape) for i in range(count)]
    return np.clip(np.rint(frames), 0, 255).astype(np.uint8)


def write_video(path, frames, fps=25.0, codec="FFV1"):
    """Write frames with OpenCV; FFV1 keeps every bit."""
    height, width = frames.shape[1:3]
    writer = cv2.VideoWriter(
        str(path), cv2.CAP_FFMPEG, cv2.VideoWriter.fourcc(*codec), fps, (width, height), frames.ndim == 4
    )
    assert writer.isOpened()
    for frame in frames:
        writer.write(frame)
    writer.release()
    return path


def read_video(path):
    """All frames of a file as an array (T, H, W, 3); grey has three equal channels."""
    capture = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG)
    frames = []
    while (image := capture.read()[1]) is not None:
        frames.append(image)
    capture.release()
    return np.array(frames)


def count_frames(path):
    """How many frames a file has, and the last of them."""
    capture = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG)
    count, last = 0, None
    while (image := capture.read()[1]) is not None:
        count, last = count + 1, image
    capture.release()
    return count, last


def frame_rate(path):
    capture = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG)
    fps = capture.get(cv2.CAP_PROP_FPS)
    capture.release()
    return fps


def diffuse_quietly(*args, **keywords):
    """diffuse_video without its warning that sound cannot be seen."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        return vdcore.diffuse_video(*args, **keywords)


def write_y4m(path, frames, fps="30000:1001"):
    """Uncompressed grey frames (T, H, W) as 4:2:0 YUV4MPEG2."""
    height, width = frames.shape[1:]
    colour = bytes([128]) * (height // 2 * (width // 2) * 2)
    with open(path, "wb") as file:
        file.write(f"YUV4MPEG2 W{width} H{height} F{fps} Ip A1:1 C420jpeg\n".encode())
        for frame in frames:
            file.write(b"FRAME\n" + frame.tobytes() + colour)
    return path


def write_bottom_up_avi(path, frames, fps=15):
    """Uncompressed BGR frames (T, H, W, 3) as cameras and old tools store them: the last row first."""

    def chunk(tag, data):
        return tag + struct.pack("<I", len(data)) + data + b"\0" * (len(data) % 2)

    count, height, width = frames.shape[:3]
    padding = [(0, 0)] * 2 + [(0, -width * 3 % 4)]
    packets = [np.pad(f[::-1].reshape(1, height, width * 3), padding).tobytes() for f in frames]
    size = len(packets[0])
    main = struct.pack("<14I", 1_000_000 // fps, 0, 0, 0x10, count, 0, 1, size, width, height, 0, 0, 0, 0)
    stream = struct.pack("<4s4sIHHIIIIIIIIhhhh", b"vids", b"DIB ", 0, 0, 0, 0, 1, fps, 0, count, size, 0, 0,
                         0, 0, width, height)  # fmt: skip
    bitmap = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 24, 0, size, 0, 0, 0, 0)
    streams = chunk(b"LIST", b"strl" + chunk(b"strh", stream) + chunk(b"strf", bitmap))
    header = chunk(b"LIST", b"hdrl" + chunk(b"avih", main) + streams)
    body = chunk(b"LIST", b"movi" + b"".join(chunk(b"00db", packet) for packet in packets))
    path.write_bytes(chunk(b"RIFF", b"AVI " + header + body))
    return path
