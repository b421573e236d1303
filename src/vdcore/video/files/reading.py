# SPDX-License-Identifier: Apache-2.0
"""Files to read."""

from pathlib import Path

from vdcore._files import StrPath


def readable(path: StrPath) -> Path:
    """The path of a non-empty readable file, absolute so that FFmpeg takes no part of it for a protocol."""
    source = Path(path).absolute()
    with open(source, "rb") as file:
        if not file.read(1):
            raise ValueError(f"{source}: the file is empty")
    return source
