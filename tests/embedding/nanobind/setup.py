# SPDX-License-Identifier: Apache-2.0
import sys
from pathlib import Path

import nanobind
from setuptools import Extension, setup

import vdcore

NANOBIND = Path(nanobind.include_dir()).parent
FLAGS = (
    ["/std:c++17", "/EHsc"]
    if sys.platform == "win32"
    else ["-std=c++17", "-O0", "-fvisibility=hidden", "-fno-strict-aliasing"]
)

setup(
    name="embed_nanobind",
    ext_modules=[
        Extension(
            "embed_nanobind",
            ["embed_nanobind.cpp", str(NANOBIND / "src" / "nb_combined.cpp")],
            include_dirs=[
                vdcore.get_include(),
                str(NANOBIND / "include"),
                str(NANOBIND / "ext" / "robin_map" / "include"),
            ],
            define_macros=[("NDEBUG", None), ("NB_COMPACT_ASSERTIONS", None)],
            extra_compile_args=FLAGS,
            language="c++",
        )
    ],
)
