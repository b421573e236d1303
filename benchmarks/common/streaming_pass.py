# SPDX-License-Identifier: Apache-2.0
"""The streaming pass of streaming_pass.c, compiled for this machine on first use."""

import ctypes
import os
import platform
import subprocess
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np

GAIN = 0.25


@cache
def _library() -> ctypes.CDLL:
    compiler = os.environ.get("CC", "cc").split()
    with tempfile.TemporaryDirectory() as folder:
        library = Path(folder) / "streaming_pass.so"
        source = Path(__file__).with_name("streaming_pass.c")
        target = "-mcpu=native" if platform.machine() in ("aarch64", "arm64") else "-march=native"
        command = [*compiler, "-O3", target, "-shared", "-fPIC", str(source), "-o", str(library)]
        subprocess.run(command, check=True)
        return ctypes.CDLL(str(library))


def streaming_pass(frame: np.ndarray, out: np.ndarray) -> Callable[[], None]:
    """Return a function that makes one pass over `frame` into `out`, with a state of its own.

    Parameters
    ----------
    frame, out : ndarray of uint8, uint16 or float32, C-contiguous and of one shape

    Raises
    ------
    OSError, subprocess.CalledProcessError
        No C compiler, or one that does not take these options.
    """
    function = getattr(_library(), f"streaming_pass_{frame.dtype.name}")
    function.restype = None
    state = frame.astype(np.float32)
    pointers = [ctypes.c_void_p(array.ctypes.data) for array in (frame, state, out)]
    count, gain = ctypes.c_size_t(frame.size), ctypes.c_float(GAIN)

    def run() -> None:
        assert state.size == out.size  # also keeps the arrays behind the pointers alive
        function(*pointers, count, gain)

    return run
