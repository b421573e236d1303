# SPDX-License-Identifier: Apache-2.0
"""Small C libraries that tests compile for themselves."""

import os
import shlex
import shutil
import subprocess

import pytest


def shared_library(folder, source, *flags):
    """Compile C source to a shared library in the folder; skip the test where that does not work."""
    command = shlex.split(os.environ.get("CC", "cc"))
    if not shutil.which(command[0]):
        pytest.skip(f"{command[0]} not found")
    (folder / "library.c").write_text(source)
    target = folder / "library.so"
    command += ["-shared", "-fPIC", *flags, str(folder / "library.c"), "-o", str(target)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    if result.returncode:
        pytest.skip(f"cannot compile with {' '.join(flags)}: {result.stderr[:200]}")
    return target
