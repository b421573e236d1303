# SPDX-License-Identifier: Apache-2.0
"""Build of the one extension module, ``vdcore._core``: the Cython binding plus the whole C library.

Everything static is in pyproject.toml. What has to be computed is here: the version (from the C header),
the compiler's flags, whether OpenMP is there, and the public headers, which the package ships.

Environment
-----------
VDCORE_NO_OPENMP
    Set to 1 to build without OpenMP.
VDCORE_REQUIRE_OPENMP
    Set to 1 to fail where OpenMP is not found (wheels), instead of building without it.
CC, CFLAGS, CPPFLAGS, LDFLAGS
    As usual; on macOS the last two name the place of libomp.
"""

import os
import re
import shutil
import sysconfig
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from Cython.Build import cythonize
from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext
from setuptools.errors import CompileError, LinkError

ROOT = Path(__file__).parent
HEADERS = ROOT / "csrc" / "include" / "vdcore"
LIMITED_API = not sysconfig.get_config_var("Py_GIL_DISABLED")

# Nobody reads floating-point exceptions; without them GCC vectorizes more loops, with the same results.
GNU_FLAGS = [
    "-std=c11",
    "-O3",
    "-ffp-contract=off",
    "-fno-math-errno",
    "-fno-trapping-math",
    "-fvisibility=hidden",
]
MSVC_FLAGS = ["/std:c11", "/O2", "/fp:precise", "/D_CRT_SECURE_NO_WARNINGS"]

# (compiler flags, linker flags) to try in turn; the second pair is for Apple's clang
GNU_OPENMP = [(["-fopenmp"], ["-fopenmp"]), (["-Xpreprocessor", "-fopenmp"], ["-lomp"])]
MSVC_OPENMP = [(["/openmp"], [])]
OPENMP_PROBE = "#include <omp.h>\nint main(void) { return omp_get_max_threads() < 1; }\n"


def version():
    """Return the version that the C header states."""
    return re.search(r'VD_VERSION_STRING "([^"]+)"', (HEADERS / "vdcore.h").read_text("utf-8")).group(1)


def openmp_flags(compiler, candidates):
    """Return the first pair of flags with which an OpenMP program compiles and links, or None."""
    for compile_flags, link_flags in candidates:
        with tempfile.TemporaryDirectory() as folder:
            source = Path(folder, "probe.c")
            source.write_text(OPENMP_PROBE, "utf-8")
            try:
                objects = compiler.compile([str(source)], output_dir=folder, extra_postargs=compile_flags)
                compiler.link_executable(objects, str(Path(folder, "probe")), extra_postargs=link_flags)
            except (CompileError, LinkError):
                continue
        return compile_flags, link_flags
    return None


def compile_in_parallel(compiler):
    """Make the compiler work on as many sources at a time as there are processors; setuptools takes one."""
    compile_some = compiler.compile

    def compile_all(sources, *args, **keywords):
        # the first alone: it makes the folders, and with MSVC it looks for the compiler
        objects = compile_some(sources[:1], *args, **keywords)
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            made = pool.map(lambda source: compile_some([source], *args, **keywords), sources[1:])
            return objects + [path for paths in made for path in paths]

    compiler.compile = compile_all


class BuildExtension(build_ext):
    """Add the flags of the compiler at hand and ship the public headers."""

    def build_extensions(self):
        msvc = self.compiler.compiler_type == "msvc"
        compile_flags, link_flags = list(MSVC_FLAGS if msvc else GNU_FLAGS), []
        if os.environ.get("VDCORE_NO_OPENMP") != "1":
            found = openmp_flags(self.compiler, MSVC_OPENMP if msvc else GNU_OPENMP)
            if found:
                compile_flags += found[0]
                link_flags += found[1]
            elif os.environ.get("VDCORE_REQUIRE_OPENMP") == "1":
                raise LinkError("VDCORE_REQUIRE_OPENMP=1, but no OpenMP program compiles and links here")
            else:
                self.warn("OpenMP not found: vdcore will use one thread")
        for extension in self.extensions:
            extension.extra_compile_args += compile_flags
            extension.extra_link_args += link_flags
        compile_in_parallel(self.compiler)
        super().build_extensions()

    def run(self):
        super().run()
        package = ROOT / "src" / "vdcore" if self.inplace else Path(self.build_lib, "vdcore")
        target = package / "include" / "vdcore"
        target.mkdir(parents=True, exist_ok=True)
        for header in HEADERS.glob("*.h"):
            shutil.copyfile(header, target / header.name)


def relative(pattern):
    """Return the paths under csrc that match, sorted and relative to this file, as setuptools wants them."""
    return sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / "csrc").glob(pattern))


core = Extension(
    "vdcore._core",
    sources=["src/vdcore/_core.pyx", *relative("*/*.c")],
    depends=relative("**/*.h"),
    include_dirs=["csrc/include", "csrc"],
    define_macros=[("Py_LIMITED_API", "0x030B0000")] if LIMITED_API else [],
    py_limited_api=LIMITED_API,
)

setup(
    version=version(),
    ext_modules=cythonize(
        [core],
        compiler_directives={"language_level": 3, "embedsignature": True, "freethreading_compatible": True},
    ),
    cmdclass={"build_ext": BuildExtension},
    options={"bdist_wheel": {"py_limited_api": "cp311"}} if LIMITED_API else {},
)
