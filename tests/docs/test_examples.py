# SPDX-License-Identifier: Apache-2.0
"""The examples of the documentation run and show what they say."""

import importlib.util
from pathlib import Path

import cv2
import pytest

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "examples"


@pytest.fixture
def example():
    def load(name):
        specification = importlib.util.spec_from_file_location(f"example_{name}", FOLDER / f"{name}.py")
        module = importlib.util.module_from_spec(specification)
        specification.loader.exec_module(module)
        return module

    return load


def is_picture(path):
    return cv2.imread(str(path)) is not None


def test_infilling(example, tmp_path):
    before, after = example("infilling").main(tmp_path)
    assert after > before + 8
    assert is_picture(tmp_path / "infilling.png")


def test_events(example, tmp_path, capsys):
    example("events").main(tmp_path)
    assert "million a second" in capsys.readouterr().out
    assert is_picture(tmp_path / "events.png")


def test_fitting(example, tmp_path, capsys):
    supervised, alone, error = example("fitting").main(tmp_path)
    assert supervised > 32 and abs(supervised - alone) < 0.2
    assert error < 0.2
    assert "vdcore run noisy.mkv filtered.mp4 --sigma" in capsys.readouterr().out
    assert is_picture(tmp_path / "fitting.png")


def test_every_example_is_tested():
    tested = {name.removeprefix("test_") for name in globals() if name.startswith("test_")}
    assert {path.stem for path in FOLDER.glob("*.py")} <= tested
