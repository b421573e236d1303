# SPDX-License-Identifier: Apache-2.0
import sysconfig

from setuptools import Extension, setup

import vdcore

LIMITED_API = not sysconfig.get_config_var("Py_GIL_DISABLED")


def extension(name, source, **macros):
    if LIMITED_API:
        macros["Py_LIMITED_API"] = "0x030B0000"
    return Extension(
        name,
        [source],
        include_dirs=[vdcore.get_include()],
        define_macros=list(macros.items()),
        py_limited_api=LIMITED_API,
    )


setup(
    name="embed_c",
    ext_modules=[
        extension("embed_c", "embed_c.c"),
        extension("wrong_major", "wrong_version.c", NAME="wrong_major", WANTED_MAJOR="99"),
        extension("wrong_minor", "wrong_version.c", NAME="wrong_minor", WANTED_MINOR="99"),
    ],
)
