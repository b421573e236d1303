# SPDX-License-Identifier: Apache-2.0
"""Whether a video file is truncated: a broken download, a full disk, a crash.

Decoders stop at the break silently, so the sizes recorded in the container are compared with the file.
"""

from collections.abc import Iterator
from mmap import ACCESS_READ, mmap
from pathlib import Path


def is_cut_short(path: Path) -> bool:
    """Tell whether an AVI, MP4/MOV, Matroska/WebM or Y4M file ends before its container does.

    True for an empty file. False for other formats, which record no size.
    """
    if path.stat().st_size == 0:
        return True
    with open(path, "rb") as file, mmap(file.fileno(), 0, access=ACCESS_READ) as data:
        if data[:10] == b"YUV4MPEG2 ":
            return _y4m_ends_inside_a_frame(data)
        if data[:4] == b"RIFF":
            ends = _riff_ends(data)
        elif data[4:8] in (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip"):  # the last five: old MOV
            ends = _mp4_ends(data)
        elif data[:4] == b"\x1a\x45\xdf\xa3":
            ends = _matroska_ends(data)
        else:
            return False
        return any(end > len(data) for end in ends)


def _y4m_ends_inside_a_frame(data: mmap) -> bool:
    first = data.find(b"FRAME")
    second = data.find(b"FRAME", first + 1)
    return first > 0 and second > 0 and (len(data) - first) % (second - first) != 0


def _riff_ends(data: mmap) -> Iterator[int]:
    """Ends of the RIFF chunks: one, or one per gigabyte or so in large files."""
    start = 0
    while data[start : start + 4] == b"RIFF":
        size = int.from_bytes(data[start + 4 : start + 8], "little")
        start += 8 + size + size % 2
        yield start - size % 2 if size else len(data) + 1  # the size is filled in last


def _mp4_ends(data: mmap) -> Iterator[int]:
    """Ends of the top-level boxes."""
    start = 0
    while start + 8 <= len(data):
        size = int.from_bytes(data[start : start + 4], "big")
        if size == 1:
            size = int.from_bytes(data[start + 8 : start + 16], "big")
        if size < 8:  # 0: up to the end of the file, whatever that is
            return
        start += size
        yield start


def _matroska_ends(data: mmap) -> Iterator[int]:
    """Ends of the EBML header and of the segment."""
    start = 0
    while start + 12 <= len(data):
        start += 4  # both identifiers have four bytes
        length = 9 - data[start].bit_length()
        if length > 8:
            return
        size = int.from_bytes(data[start : start + length], "big") - (1 << 7 * length)
        if size == (1 << 7 * length) - 1:  # unknown, as in live streams
            return
        start += length + size
        yield start
        if data[start : start + 4] != b"\x18\x53\x80\x67":
            return
