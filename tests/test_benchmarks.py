# SPDX-License-Identifier: Apache-2.0
"""Every benchmark still runs: all of them once, on tiny inputs."""

import importlib
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

REPOSITORY = Path(__file__).parents[1]

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the benchmarks are for POSIX systems")


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    folder = tmp_path_factory.mktemp("results")
    command = [sys.executable, "-m", "benchmarks", "--tiny", "--output", str(folder)]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture
def benchmarks(monkeypatch):
    monkeypatch.syspath_prepend(REPOSITORY)
    return lambda name: importlib.import_module(f"benchmarks.{name}")


def test_table_has_a_row_for_every_question_of_speed(results):
    table = (results / "speed.md").read_text()
    for expected in (
        "uint8, sigma 2 | cv2.GaussianBlur",
        "uint8, sigma 10 | cv2.GaussianBlur",
        "uint8, sigma 20 | cv2.GaussianBlur",
        "float32, sigma 2 | cv2.GaussianBlur",
        "| ffmpeg hqdn3d",
        "| scipy.ndimage.gaussian_filter",
        "| itself at sigma 2",
        "| one thread",
        "1080p BGR uint8, sigma 2, 10, 20 | streaming pass",
        "4K BGR float32, sigma 2, 10, 20, tolerance 0.001 | streaming pass",
        "| the same pipeline with a pass-through",
        "| import numpy",
        "| cv2.bilateralFilter",
        "| ffmpeg nlmeans",
        "| scikit-image denoise_nl_means",
        "Perona-Malik, 640x360 colour float32, sigma 2 | the same equation in NumPy",
        "1080p, 100,000 sources, sigma 4, float64 | NumPy loop",
        "1080p, 100,000 sources, sigma 4, float32 | NumPy loop",
        "| one pass over the field",
        "| a fine grid search",
        "| fitted with the clean reference",
        "| skimage.restoration.estimate_sigma",
    ):
        assert expected in table
    widths = {line.count("|") for line in table.splitlines() if line.startswith("|")}
    assert widths == {7}


@pytest.mark.parametrize("name", ["sigma", "size", "threads"])
def test_plots_are_pictures(results, name):
    assert (results / f"{name}.png").read_bytes().startswith(b"\x89PNG")


def test_every_question_is_asked(benchmarks):
    asked = set(benchmarks("__main__").QUESTIONS)
    files = {
        path.stem for path in (REPOSITORY / "benchmarks").glob("*.py") if "\ndef run(" in path.read_text()
    }
    assert asked == files


def test_missing_peers_are_named(benchmarks, monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setitem(sys.modules, "scipy.ndimage", None)
    (row,) = benchmarks("against_hqdn3d").run(True, tmp_path)
    assert (row.reached, row.met) == ("no ffmpeg program found", None)
    for row in benchmarks("against_scipy").run(True, tmp_path):
        assert (row.reached, row.met) == ("SciPy is not installed", None)


def test_streaming_pass_moves_the_state_and_writes_it(benchmarks):
    yardstick = benchmarks("yardstick")
    for dtype in (np.uint8, np.uint16, np.float32):
        frame = np.full(100, 8, dtype)
        out = np.zeros_like(frame)
        step = yardstick.streaming_pass(frame, out)
        frame[:] = 16
        step()
        assert (out == 8 + yardstick.GAIN * 8).all()


def test_unknown_question_is_refused(benchmarks, capsys):
    with pytest.raises(SystemExit):
        benchmarks("__main__").main(["nonsense"])
    assert "nonsense" in capsys.readouterr().err
