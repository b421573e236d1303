# SPDX-License-Identifier: Apache-2.0
"""What other extensions see: the headers, the declarations for Cython, the capsule."""

import ctypes
import re
from pathlib import Path

import vdcore
from vdcore import _core

HEADERS = Path(vdcore.get_include()) / "vdcore"
PACKAGE = Path(vdcore.__file__).parent


def functions():
    """Names of the functions that vdcore.h declares."""
    return re.findall(r"^VD_API [^;(]*?\b(vd_\w+)\(", (HEADERS / "vdcore.h").read_text("utf-8"), re.MULTILINE)


def table():
    """The function table in the capsule, as an address."""
    get = ctypes.pythonapi.PyCapsule_GetPointer
    get.restype, get.argtypes = ctypes.c_void_p, (ctypes.py_object, ctypes.c_char_p)
    return get(_core._C_API, b"vdcore._core._C_API")


def test_headers_are_installed():
    for name in ("vdcore.h", "vdcore_capi.h"):
        assert (HEADERS / name).is_file()
    for name in ("__init__.pxd", "_core.pxd"):
        assert (PACKAGE / name).is_file()


def test_every_function_is_in_the_table_and_in_the_declarations():
    names = functions()
    assert "vd_diffuser_push" in names and len(names) == len(set(names)) > 15
    capi = (HEADERS / "vdcore_capi.h").read_text("utf-8")
    declared = (PACKAGE / "_core.pxd").read_text("utf-8")
    for name in names:
        assert re.search(rf"^#define {name}\b.* \(vdcore_api->{name[3:]}\)$", capi, re.MULTILINE), name
        assert re.search(rf"\b{name}\(", declared), name


def test_every_structure_is_declared_in_full():
    """Cython's structures have the members of the header's, in order."""
    header = re.sub(r"/\*.*?\*/", "", (HEADERS / "vdcore.h").read_text("utf-8"), flags=re.DOTALL)
    declared = (PACKAGE / "_core.pxd").read_text("utf-8")
    for name, body in re.findall(r"typedef struct (\w+) \{(.*?)\}", header, re.DOTALL):
        members = re.findall(r"(\w+)[,;]", body)
        (block,) = re.findall(rf"ctypedef struct {name}:\n((?: {{8}}.*\n)+)", declared)
        assert re.findall(r"(\w+)$", block, re.MULTILINE) == members, name
    for name, body in re.findall(r"typedef enum (\w+) \{(.*?)\}", header, re.DOTALL):
        values = [value for value in re.findall(r"(\w+) = ", body) if not value.endswith("_COUNT")]
        (block,) = re.findall(rf"ctypedef enum {name}:\n((?: {{8}}.*\n)+)", declared)
        assert block.split() == values, name


def test_table_starts_with_the_version():
    version = ctypes.c_uint32.from_address(table()).value
    assert f"{version >> 16}.{version & 0xFFFF}" == vdcore.build_info()["abi"]


def test_functions_can_be_called_through_the_table():
    """status_text is the first function, after the version and a reserved word."""
    address = ctypes.c_void_p.from_address(table() + 8).value
    status_text = ctypes.CFUNCTYPE(ctypes.c_char_p, ctypes.c_int)(address)
    assert status_text(11) == b"another call is using this diffuser"


def test_build_info():
    info = vdcore.build_info()
    assert info["version"] == vdcore.__version__
    assert info["instruction_set"] in info["instruction_sets"]
    assert "scalar" in info["instruction_sets"]
    assert info["threads"] >= 1
    assert isinstance(info["openmp"], bool) and isinstance(info["limited_api"], bool)
    assert info["compiler"]
