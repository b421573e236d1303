# SPDX-License-Identifier: Apache-2.0
"""What reader and writer share: plain errors, FFmpeg's numbers, the frame that travels between them."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TypeAlias

import av
import av.error
from av.packet import Packet

AnyPacket: TypeAlias = "Packet[Any]"
ONE_THREAD = 1  # thread: more of them, FFmpeg's default, overwrite each other's samples in narrow pictures
MATRIX = "DISPLAYMATRIX"


@contextmanager
def plain_errors(name: object) -> Iterator[None]:
    """Raise OSError and ValueError, with the name of the file, instead of PyAV's errors."""
    try:
        yield
    except av.error.FFmpegError as error:
        if isinstance(error, OSError) and error.errno is not None and 0 < error.errno < 200:
            raise OSError(error.errno, os.strerror(error.errno), str(name)) from error
        raise ValueError(f"{name}: {error.strerror or error}") from error


class Carrier:
    """A decoded frame, and the packets of other streams that precede it in the file."""

    __slots__ = ("av_frame", "packets")

    def __init__(self, av_frame: av.VideoFrame, packets: list[AnyPacket]) -> None:
        self.av_frame = av_frame
        self.packets = packets


av.logging.set_level(None)  # any other level takes the GIL in the threads of decoders, and may deadlock
os.environ.setdefault("SVT_LOG", "1")  # SVT-AV1 reports errors only
