# SPDX-License-Identifier: Apache-2.0
"""What PyAV sees in a file that another backend decodes."""

from pathlib import Path

import av


def stream_kinds(path: Path) -> tuple[list[str], float | None]:
    """Return the kind of every stream and the frame rate of the first video stream, None if unknown."""
    with av.open(str(path)) as container:
        rate = container.streams.video[0].guessed_rate
        return [stream.type for stream in container.streams], float(rate) if rate else None
