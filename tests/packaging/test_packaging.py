# SPDX-License-Identifier: Apache-2.0
"""What is in the sdist and the wheel; the wheel is built in isolation, from the sdist."""

import re
import sysconfig
import tarfile
import zipfile
from email import message_from_bytes
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "src" / "vdcore"
HEADERS = ROOT / "csrc" / "include" / "vdcore"
MADE = {"_core.c"}  # by Cython, in the source tree

pytestmark = pytest.mark.packaging


def version():
    return re.search(r'VD_VERSION_STRING "(.+)"', (HEADERS / "vdcore.h").read_text("utf-8")).group(1)


@pytest.fixture(scope="module")
def wheel_files(distributions):
    with zipfile.ZipFile(distributions[1]) as wheel:
        return {name: wheel.read(name) for name in wheel.namelist()}


def test_wheel_name(distributions):
    """One wheel for every CPython from 3.11 on; a free-threaded build is for its own version."""
    name = distributions[1].name
    assert name.startswith(f"vdcore-{version()}-")
    if sysconfig.get_config_var("Py_GIL_DISABLED"):
        assert re.search(r"-cp3\d+-cp3\d+t-", name)
    else:
        assert "-cp311-abi3-" in name


def test_wheel_files(wheel_files):
    """The wheel holds the package, its stubs, its cimport surface and the headers, and nothing else."""
    package = {
        path.relative_to(PACKAGE.parent).as_posix(): path
        for path in PACKAGE.rglob("*")
        if path.suffix in {".py", ".pyi", ".pxd", ".typed"} and "include" not in path.parts
    }
    package |= {f"vdcore/include/vdcore/{path.name}": path for path in HEADERS.glob("*.h")}
    for name in ("py.typed", "_core.pyi", "_core.pxd", "__init__.pxd", "include/vdcore/vdcore_capi.h"):
        assert f"vdcore/{name}" in package
    rest = {name for name in wheel_files if ".dist-info/" not in name}
    (extension,) = (
        name for name in rest if name.startswith("vdcore/_core.") and name.endswith((".so", ".pyd"))
    )
    assert rest - {extension} == set(package)
    for name, path in package.items():
        assert wheel_files[name] == path.read_bytes(), name


def test_wheel_metadata(wheel_files):
    """Version, dependencies, licence and command are stated."""
    prefix = f"vdcore-{version()}.dist-info"
    metadata = message_from_bytes(wheel_files[f"{prefix}/METADATA"])
    assert metadata["Version"] == version()
    assert metadata["License-Expression"] == "Apache-2.0"
    assert metadata["Requires-Python"] == ">=3.11"
    required = [line for line in metadata.get_all("Requires-Dist") if "extra ==" not in line]
    assert sorted(required) == ["click", "numpy>=2", "opencv-python", "tqdm"]
    assert b"vdcore = vdcore.cli:main" in wheel_files[f"{prefix}/entry_points.txt"]
    assert b"Apache License" in wheel_files[f"{prefix}/licenses/LICENSE"]


def test_sdist_files(distributions):
    """The sdist holds every source and test, and nothing that a build makes."""
    with tarfile.open(distributions[0]) as sdist:
        names = {name.partition("/")[2] for name in sdist.getnames()}
    for folder in ("csrc", "src/vdcore", "tests"):
        for path in (ROOT / folder).rglob("*"):
            name = path.relative_to(ROOT).as_posix()
            if path.suffix in {".c", ".h", ".py", ".pyi", ".pyx", ".pxd"} and path.name not in MADE:
                assert name in names or name.startswith("src/vdcore/include/"), name
    assert not [name for name in names if name.endswith((".so", ".pyd", ".pyc", "_core.c"))]
    assert not [name for name in names if name.startswith(("src/vdcore/include", ".github", "build"))]
    assert {"LICENSE", "README.md", "setup.py", "pyproject.toml", "Makefile"} <= names
