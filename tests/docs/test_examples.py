# SPDX-License-Identifier: Apache-2.0
"""The recipes of the gallery run and bring what they promise."""

import runpy
from pathlib import Path

import numpy as np
import pytest

matplotlib = pytest.importorskip("matplotlib")
FOLDER = Path(__file__).resolve().parents[2] / "docs" / "examples"


@pytest.fixture
def run(monkeypatch):
    """Run a recipe and return its variables; it must draw one figure or more."""
    matplotlib.use("agg")
    from matplotlib import pyplot

    def run(name):
        variables = runpy.run_path(str(FOLDER / f"plot_{name}.py"))
        assert pyplot.get_fignums()
        return variables

    yield run
    pyplot.close("all")


def test_phone_clip(run):
    recipe = run("phone_clip")
    assert recipe["psnr"](recipe["result"]) > recipe["psnr"](recipe["video"]) + 9


def test_webcam(run):
    levels = run("webcam")["levels"]
    assert levels[-1] > levels[0] + 3


def test_microscopy(run):
    recipe = run("microscopy")
    clean, hot = recipe["clean"][6:, ~recipe["hot"]], recipe["hot"]

    def error(name):
        return np.sqrt(np.mean((recipe[name][6:, ~hot] - clean) ** 2))

    assert error("denoised") < error("stack") / 3
    assert error("smoothed") < error("stack") / 1.2
    assert abs(recipe["denoised"][6:, ~hot].mean() / clean.mean() - 1) < 0.01
    assert recipe["repaired"][:, hot].max() < 6000


def test_depth_camera(run):
    recipe = run("depth_camera")
    depth, filled, distance = recipe["depth"][-1], recipe["filled"], recipe["distance"]
    assert np.mean(depth == 0) > 0.1 and np.mean(filled == 0) < 0.01
    known = recipe["known"]
    assert np.median(np.abs(filled - distance)[known]) < np.median(np.abs(depth - distance)[known])


def test_event_camera(run):
    recipe = run("event_camera")
    assert recipe["surface"].count == sum(len(packet[0]) for packet in recipe["packets"])
    assert 0.02 < np.mean(recipe["supported"] != 0) < 0.5


def test_infilling(run):
    recipe = run("infilling")
    assert recipe["psnr"](recipe["filled"]) > recipe["psnr"](recipe["marked"]) + 8


def test_fitting(run):
    recipe = run("fitting")
    first, second = recipe["with_reference"], recipe["alone"]
    assert second.sigma == pytest.approx(first.sigma, rel=0.1)
    assert second.tau == pytest.approx(first.tau, rel=0.3)


def test_every_recipe_is_tested():
    tested = {name.removeprefix("test_") for name in globals() if name.startswith("test_")}
    assert {path.stem.removeprefix("plot_") for path in FOLDER.glob("*.py")} <= tested
