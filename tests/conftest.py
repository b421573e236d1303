# SPDX-License-Identifier: Apache-2.0
"""Fixtures: every instruction set of this machine, one and two threads, real clips where they are."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from helpers import pairwise
from helpers.support import BOUNDARIES, DTYPES, INSTRUCTION_SETS

CLIPS = Path(__file__).resolve().parents[2] / "shared" / "clips"


def pytest_addoption(parser):
    parser.addoption("--full", action="store_true", help="every combination of parameters, not only pairs")


@pytest.hookimpl(trylast=True)  # of what -k and -m leave
def pytest_collection_modifyitems(config, items):
    """Reduce combinations of parameters to pairs; leave out the tests of real clips where there are none."""
    kept, left_out = (items, []) if config.getoption("full") else pairwise.split(items)
    if not CLIPS.is_dir():
        left_out += [item for item in kept if item.get_closest_marker("clips")]
        kept = [item for item in kept if not item.get_closest_marker("clips")]
    items[:] = kept
    config.hook.pytest_deselected(items=left_out)


@pytest.fixture(params=INSTRUCTION_SETS)
def instruction_set(request, monkeypatch):
    """Diffusers made in the test use this instruction set."""
    monkeypatch.setenv("VDCORE_CPU", request.param)
    return request.param


@pytest.fixture(params=[1, 2], ids=["1thread", "2threads"])
def threads(request):
    return request.param


@pytest.fixture(params=DTYPES)
def dtype(request):
    return request.param


@pytest.fixture(params=BOUNDARIES)
def boundary(request):
    return request.param


@pytest.fixture
def little_memory():
    """At most 1 GiB more address space; without effect where it cannot be limited."""
    resource = pytest.importorskip("resource")
    if "asan" in os.environ.get("LD_PRELOAD", "") or not Path("/proc/self/statm").exists():
        yield
        return
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    before = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (used + 2**30, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_AS, before)


@pytest.fixture
def without_pyav(monkeypatch):
    """As if PyAV were not installed."""
    pytest.importorskip("cv2")
    find_spec = importlib.util.find_spec
    monkeypatch.setattr(
        "vdcore.video.opening.find_spec", lambda name: None if name == "av" else find_spec(name)
    )


@pytest.fixture(params=["opencv", "pyav"])
def backend(request):
    """The backend that "auto" stands for."""
    if request.param == "pyav":
        pytest.importorskip("av")
    else:
        request.getfixturevalue("without_pyav")
    return request.param


@pytest.fixture(scope="session")
def clips():
    """The folder of the real clips."""
    return CLIPS


@pytest.fixture(
    scope="session", params=["foreman_cif_10f.y4m", "vtest_200f.avi", "visp_mire2_120f_gray.ffv1.mkv"]
)
def clip_frames(request, clips):
    """The middle of the first frames of a real clip, uint8, shape (3, H, W, 3)."""
    import cv2

    capture = cv2.VideoCapture(str(clips / request.param))
    frames = np.stack([capture.read()[1] for _ in range(3)])
    capture.release()
    return frames[:, -280:, -340:]


@pytest.fixture(scope="session")
def distributions(tmp_path_factory):
    """The paths of the sdist and of the wheel that was built from it, in isolation."""
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "build", "--outdir", folder, Path(__file__).parents[1]]
    result = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert result.returncode == 0, result.stdout
    (sdist,), (wheel,) = folder.glob("*.tar.gz"), folder.glob("*.whl")
    return sdist, wheel
