# SPDX-License-Identifier: Apache-2.0
"""The types of the public calls, as mypy --strict sees them from outside the package."""

import subprocess
import sys
from pathlib import Path

import pytest

CALLS = Path(__file__).with_name("typed_calls.py")


def test_mypy_knows_the_types(tmp_path):
    pytest.importorskip("mypy")
    config = tmp_path / "mypy.ini"
    config.write_text("[mypy]\n")  # not that of the project
    command = [sys.executable, "-m", "mypy", "--strict", f"--config-file={config}", str(CALLS)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=CALLS.parents[2])
    assert done.returncode == 0, done.stdout + done.stderr
