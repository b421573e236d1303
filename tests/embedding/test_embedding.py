# SPDX-License-Identifier: Apache-2.0
"""Extensions in C, Cython and C++ built against the wheel, in a fresh virtual environment.

The environment has the wheel and, behind it, the packages of the running one (NumPy and the build tools), so
that nothing is downloaded. VDCORE_WHEEL names a wheel to take; without it one is built here.
"""

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import vdcore

HERE = Path(__file__).parent

ENVIRONMENT = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}

pytestmark = pytest.mark.embedding


def run(*command, **keywords):
    """Run a command and return what it printed; the test fails with that text if the command does."""
    result = subprocess.run(
        [str(word) for word in command],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=ENVIRONMENT,
        **keywords,
    )
    assert result.returncode == 0, result.stdout
    return result.stdout


@pytest.fixture(scope="module")
def wheel(request):
    """The wheel under test."""
    if "VDCORE_WHEEL" in os.environ:
        return Path(os.environ["VDCORE_WHEEL"]).resolve()
    return request.getfixturevalue("distributions")[1]


@pytest.fixture(scope="module")
def python(wheel, tmp_path_factory):
    """The interpreter of a fresh environment with the wheel in it."""
    folder = tmp_path_factory.mktemp("environment")
    run(sys.executable, "-m", "venv", "--without-pip", folder)
    python = folder / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    packages = Path(run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))").strip())
    tools = {
        str(Path(importlib.util.find_spec(name).origin).parents[1])
        for name in ("numpy", "setuptools", "Cython", "nanobind")
    }
    (packages / "tools.pth").write_text("\n".join(sorted(tools)), "utf-8")
    run(sys.executable, "-m", "pip", "--python", python, "install", "--no-deps", "--no-index", wheel)
    return python


@pytest.fixture(scope="module")
def extensions(python, tmp_path_factory):
    """Build the extension of a folder once, return where its modules are."""
    built = {}

    def build(name):
        if name not in built:
            folder = tmp_path_factory.mktemp("extension") / name
            shutil.copytree(HERE / name, folder)
            run(python, "setup.py", "build_ext", "--inplace", cwd=folder)
            built[name] = folder
        return built[name]

    return build


@pytest.mark.parametrize("name", ["c", "cython", "nanobind"])
def test_same_bits_as_python(python, extensions, name):
    """Frames of any strides, pushed without the GIL, give what Python gives."""
    assert run(python, HERE / "check.py", f"embed_{name}", cwd=extensions(name)).endswith("ok\n")


@pytest.mark.parametrize(
    "name, wanted, advice",
    [("wrong_major", "99.{minor}", "rebuild the extension"), ("wrong_minor", "{major}.99", "upgrade vdcore")],
)
def test_another_version_is_refused(python, extensions, name, wanted, advice):
    """The import fails, says both versions and what to do."""
    program = f"""
try:
    import {name}
except ImportError as error:
    print(error)
"""
    text = run(python, "-c", program, cwd=extensions("c"))
    major, minor = vdcore.build_info()["abi"].split(".")
    assert f"C interface {wanted.format(major=major, minor=minor)}," in text
    assert f"provides {major}.{minor}:" in text
    assert advice in text
