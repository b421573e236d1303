# SPDX-License-Identifier: Apache-2.0
from Cython.Build import cythonize
from setuptools import Extension, setup

import vdcore

extension = Extension("embed_cython", ["embed_cython.pyx"], include_dirs=[vdcore.get_include()])

setup(
    name="embed_cython",
    ext_modules=cythonize(
        [extension], compiler_directives={"language_level": 3, "freethreading_compatible": True}
    ),
)
