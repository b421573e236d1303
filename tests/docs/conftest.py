# SPDX-License-Identifier: Apache-2.0
"""The benchmarks, which are outside the package."""

import importlib
from pathlib import Path

import pytest


@pytest.fixture
def benchmarks(monkeypatch):
    """Import a module of the benchmarks by name."""
    monkeypatch.syspath_prepend(Path(__file__).parents[2])
    return lambda name: importlib.import_module(f"benchmarks.{name}")
