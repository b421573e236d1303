# SPDX-License-Identifier: Apache-2.0
"""The C library without Python: it builds alone, without a warning, and its own tests pass."""

import functools
import importlib.util
import os
import shutil
import subprocess
import sys
import sysconfig
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CSRC = ROOT / "csrc"
KERNELS = sorted(CSRC.glob("kernels/*.c"))
SOURCES = [path for path in sorted(CSRC.glob("*/*.c")) if path not in KERNELS]
HEADERS = [
    path
    for path in sorted([*CSRC.glob("include/vdcore/*.h"), *CSRC.glob("*/*.h")])
    if path.parent.name != "kernels"
    and not path.stem.endswith("_template")  # included with parameters, never alone
]
PROGRAMS = sorted((ROOT / "tests" / "c").glob("test_*.c"))

COMPILERS = [name for name in ("gcc", "clang") if shutil.which(name)]
FLAGS = ["-O2", "-ffp-contract=off", "-fno-math-errno", f"-I{CSRC / 'include'}", f"-I{CSRC}"]
STRICT = ["-Wall", "-Wextra", "-Wpedantic", "-Werror"]


def run(*command, **keywords):
    """Run a command and return what it printed; the test fails with that text if the command does."""
    result = subprocess.run(
        [str(word) for word in command],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        **keywords,
    )
    assert result.returncode == 0, f"{command}\n{result.stdout}"
    return result.stdout


@functools.cache
def has_openmp(compiler):
    """Return whether the compiler comes with an OpenMP runtime (Debian's clang alone does not)."""
    command = [compiler, "-fopenmp", "-xc", "-", "-o", os.devnull]
    program = "#include <omp.h>\nint main(void) { return omp_get_max_threads() < 1; }\n"
    return subprocess.run(command, input=program, text=True, capture_output=True).returncode == 0


BUILDS = [
    (compiler, openmp)
    for compiler in COMPILERS
    for openmp in (True, False)
    if not openmp or has_openmp(compiler)
]
ENDS = {0, len(BUILDS) - 1}  # with every compiler, with and without OpenMP
BUILDS = [
    pytest.param(
        (compiler, openmp),
        id=f"{compiler}-{'openmp' if openmp else 'serial'}",
        marks=() if i in ENDS else pytest.mark.full,
    )
    for i, (compiler, openmp) in enumerate(BUILDS)
]


def compile_all(command, sources, folder):
    """Compile each source to an object in the folder, and return the objects."""

    def compile_one(source):
        target = folder / f"{source.parent.name}_{source.stem}.o"
        run(*command, "-c", source, "-o", target)
        return target

    with ThreadPoolExecutor(2) as pool:
        return list(pool.map(compile_one, sources))


@pytest.fixture(scope="module")
def kernels(tmp_path_factory):
    """Return a function that compiles the kernels, once per compiler: no thread starts in them."""

    @functools.cache
    def objects(*command):
        return compile_all(command, KERNELS, tmp_path_factory.mktemp("kernels"))

    return objects


@pytest.fixture(scope="module", params=BUILDS)
def build(request, tmp_path_factory, kernels):
    """Compile the library strictly and return (compiler with flags, objects, folder)."""
    compiler, openmp = request.param
    folder = tmp_path_factory.mktemp(compiler)
    command = [compiler, "-std=c11", *STRICT, *FLAGS]
    objects = kernels(*command)
    if openmp:
        command.append("-fopenmp")
    return command, [*objects, *compile_all(command, SOURCES, folder)], folder


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda path: path.stem)
def test_program(build, program):
    """Each C test program passes on every instruction set of this machine."""
    command, objects, folder = build
    binary = folder / program.stem
    run(*command, program, *objects, "-lm", "-o", binary)
    output = run(binary)
    if program.stem != "test_api":
        return
    _, _, sets = output.splitlines()[0].partition(" of ")
    for name in sets.split()[:-1]:
        output = run(binary, env={**os.environ, "VDCORE_CPU": name})
        assert f", {name} of" in output


def test_one_prefix(build):
    """The library defines no global symbol outside its prefix."""
    _, objects, _ = build
    if not shutil.which("nm"):
        pytest.skip("nm not found")
    listing = run("nm", "--defined-only", "--extern-only", "--format=posix", *objects)
    names = {line.split()[0].lstrip("_") for line in listing.splitlines() if len(line.split()) > 1}
    assert names
    assert not {name for name in names if not name.startswith("vd_")}


def symbols(*words):
    """Return (name, class, section) of each symbol defined in ELF files."""
    if sys.platform != "linux" or not shutil.which("nm"):
        pytest.skip("needs ELF files and nm")
    rows = (line.split("|") for line in run("nm", "--defined-only", "--format=sysv", *words).splitlines())
    return [(row[0].strip(), row[2].strip(), row[6].strip()) for row in rows if len(row) == 7]


def test_no_global_state(build):
    """Nothing static is writable but what loading notes of the process, and a value of each thread."""
    defined = symbols(*build[1])
    assert "vd_version" in {name for name, _, _ in defined}
    writable = {
        name
        for name, kind, section in defined
        if kind in set("BbCDdGgSsVv") and not section.startswith((".data.rel.ro", ".tbss"))
    }
    assert writable <= {"loading_process", "loaded_after_fork"}


def test_extension_symbols():
    """The extension module exports its entry point and nothing of the library."""
    extension = importlib.util.find_spec("vdcore._core").origin
    names = {name for name, _, _ in symbols("--dynamic", extension)}
    assert names - {"_init", "_fini"} == {"PyInit__core"}


@pytest.mark.parametrize("compiler", COMPILERS)
@pytest.mark.parametrize("header", HEADERS, ids=lambda path: path.name)
def test_header_alone(compiler, header, tmp_path):
    """Each header compiles alone, the public ones also as C++ and C99."""
    languages = [("c", "c11")]
    if header.parent.name == "vdcore":
        languages += [("c", "c99"), ("c++", "c++11"), ("c++", "c++20")]
    for language, standard in languages:
        source = tmp_path / f"alone_{standard.replace('+', 'p')}.{'c' if language == 'c' else 'cpp'}"
        source.write_text(f'#include "{header}"\n#include "{header}"\nint vd_unused;\n', "utf-8")
        python = ["-isystem", sysconfig.get_path("include")]
        run(compiler, f"-x{language}", f"-std={standard}", *STRICT, *FLAGS, *python, "-fsyntax-only", source)


def preprocess(compiler, source, *flags):
    """Return the exit code of the preprocessor and what it complained about."""
    command = [compiler, "-std=c11", "-E", *FLAGS, *flags, str(source), "-o", os.devnull]
    result = subprocess.run(command, capture_output=True, text=True)
    return result.returncode, result.stderr


@pytest.mark.parametrize("compiler", COMPILERS)
@pytest.mark.parametrize("flag", ["-ffast-math", "-Ofast", "-ffinite-math-only"])
def test_fast_math_is_refused(compiler, flag):
    """No file that computes compiles with flags under which NaN may be anything."""
    without_arithmetic = {"archive.c", "cgroup.c", "cpu.c", "status.c"}
    sources = [path for path in [*SOURCES, *KERNELS] if path.name not in without_arithmetic]
    if flag != "-ffast-math":
        sources = sources[:1]
    assert len(sources) >= 1
    with ThreadPoolExecutor(2) as pool:
        for code, message in pool.map(lambda source: preprocess(compiler, source, flag), sources):
            assert code != 0
            assert "vdcore needs NaN" in message
    assert preprocess(compiler, sources[0]) == (0, "")


def test_version():
    """The version is written once, in parts and as text, and the two agree."""
    words = dict(
        line.split()[1:3]
        for line in (CSRC / "include/vdcore/vdcore.h").read_text("utf-8").splitlines()
        if line.startswith("#define VD_VERSION_")
    )
    parts = [words[f"VD_VERSION_{part}"] for part in ("MAJOR", "MINOR", "PATCH")]
    assert words["VD_VERSION_STRING"] == f'"{".".join(parts)}"'
