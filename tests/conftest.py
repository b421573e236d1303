# SPDX-License-Identifier: Apache-2.0
"""Fixtures: every instruction set of this machine, one and two threads, real clips where they are."""

import importlib.util
import os
import subprocess
import sys
import time
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
    """Leave out what only --full runs, and the tests of real clips where there are none."""
    left_out = []
    if not CLIPS.is_dir():
        left_out += [item for item in items if item.get_closest_marker("clips")]
    if not config.getoption("full"):
        left_out += [item for item in items if item.get_closest_marker("full")]
    kept = [item for item in items if item not in left_out]
    if not config.getoption("full"):
        kept, surplus = pairwise.split(kept)
        left_out += surplus
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
    """The paths of the sdist and of the wheel built from it in isolation, once for all workers."""
    shared = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent
    folder, log = shared / "dist", shared / "dist.log"
    try:
        folder.mkdir()
    except FileExistsError:  # another worker is at it
        while not log.exists():
            time.sleep(1)
    else:
        command = [sys.executable, "-m", "build", "--outdir", folder, Path(__file__).parents[1]]
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        log.with_suffix(".new").write_text(done.stdout, "utf-8")
        log.with_suffix(".new").rename(log)
    sdists, wheels = list(folder.glob("*.tar.gz")), list(folder.glob("*.whl"))
    assert len(sdists) == len(wheels) == 1, log.read_text("utf-8")
    return sdists[0], wheels[0]
