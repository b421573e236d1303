#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Check the order of the C folders. Usage: tools/check_includes.py [CSRC]

* A file includes only its own folder and the folders below it (`BELOW`), by paths from the root of csrc.
* No header includes itself through others.
* OpenMP is used in `PARALLEL` only, and headers of instruction sets in kernels/ only.
"""

import re
import sys
from pathlib import Path

SPATIAL = ["base", "kernels"]
STREAMS = [*SPATIAL, "spatial", "motion", "models"]
BELOW = {
    "include": [],
    "base": [],
    "kernels": ["base"],
    "spatial": SPATIAL,
    "motion": SPATIAL,
    "models": SPATIAL,
    "diffuser": STREAMS,
    "denoiser": STREAMS,
    "noise": STREAMS,
    "sources": STREAMS,
}
PARALLEL = {"base/parallel.c", "base/parallel.h"}
OPENMP = re.compile(
    r'^\s*#\s*pragma\s+omp\b|_Pragma\s*\(\s*"omp\b|^\s*#\s*include\s*<omp\.h>|\bomp_\w+\s*\(', re.M
)
# cpuid.h and intrin.h ask what a processor can do; they are not instruction sets
INTRINSICS = re.compile(r"^\s*#\s*include\s*[<\"](?:\w*mmintrin|arm_\w+|x86intrin)\.h[>\"]", re.M)
CPU = {"base/cpu.c"}  # MSVC declares _xgetbv in immintrin.h
INCLUDE = re.compile(r'^\s*#\s*include\s*"([^"]+)"', re.M)


def included(text):
    """Return the files that a text includes by name, without the public headers."""
    return [name for name in INCLUDE.findall(text) if not name.startswith(("vdcore/", "vdcore.h"))]


def folder_faults(name, text, names):
    """Yield what is wrong with the includes of one file."""
    folder = name.split("/")[0]
    if folder not in BELOW:
        yield f"{name}: no folder {folder}/ in the order; add it to {Path(__file__).name}"
        return
    for other in included(text):
        if other not in names:
            yield f'{name}: "{other}" is not a path from the root of csrc'
        elif other.split("/")[0] not in [folder, *BELOW[folder]]:
            yield f'{name}: {folder}/ may not include "{other}"'
    if name not in PARALLEL and OPENMP.search(text):
        yield f"{name}: OpenMP belongs in {' and '.join(sorted(PARALLEL))}"
    if folder != "kernels" and name not in CPU and INTRINSICS.search(text):
        yield f"{name}: instruction sets belong in kernels/"


def cycles(texts):
    """Yield each circle of includes, once."""
    finished = set()

    def visit(name, path):
        if name in path:
            yield " -> ".join([*path[path.index(name) :], name])
        elif name not in finished:
            for other in included(texts.get(name, "")):
                yield from visit(other, [*path, name])
            finished.add(name)

    for name in texts:
        yield from visit(name, [])


def main(csrc):
    """Print what is wrong under csrc and return whether anything is."""
    paths = sorted([*csrc.rglob("*.c"), *csrc.rglob("*.h")])
    texts = {path.relative_to(csrc).as_posix(): path.read_text("utf-8") for path in paths}
    faults = [fault for name, text in texts.items() for fault in folder_faults(name, text, texts)]
    faults += [f"circle: {circle}" for circle in cycles(texts)]
    print("\n".join(faults) or f"{len(texts)} files in order")
    return bool(faults)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parents[1] / "csrc"))
