# SPDX-License-Identifier: Apache-2.0
"""The check of the order of the C folders finds each kind of fault."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CHECK = ROOT / "tools" / "check_includes.py"

IN_ORDER = {
    "base/parallel.c": '#include "base/parallel.h"\n#include <omp.h>\n#pragma omp parallel\n',
    "base/parallel.h": '#include "vdcore/vdcore.h"\n',
    "kernels/avx2.c": '#include "base/parallel.h"\n#include <immintrin.h>\n',
    "models/models.h": '#include "kernels/rows.h"\n',
    "kernels/rows.h": "",
    "diffuser/diffuser.c": '#include "models/models.h"\n',
}

FAULTS = {
    "upward": ("base/parallel.h", '#include "kernels/rows.h"\n', "base/ may not include"),
    "sideways": ("models/models.h", '#include "spatial/spatial.h"\n', "models/ may not include"),
    "relative path": ("kernels/avx2.c", '#include "rows.h"\n', "not a path from the root of csrc"),
    "circle": ("kernels/rows.h", '#include "kernels/rows.h"\n', "circle: kernels/rows.h -> kernels/rows.h"),
    "unknown folder": ("misc/misc.c", "", "no folder misc/"),
    "OpenMP pragma": ("models/models.c", "#pragma omp simd\n", "OpenMP belongs in"),
    "OpenMP call": ("models/models.c", "int n = omp_get_max_threads();\n", "OpenMP belongs in"),
    "intrinsics": ("spatial/spatial.h", "#include <immintrin.h>\n", "instruction sets belong in kernels/"),
}


def check(folder, files):
    """Write the files under the folder, and return the exit status and the output of the check."""
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    result = subprocess.run([sys.executable, CHECK, folder], capture_output=True, text=True, check=False)
    return result.returncode, result.stdout + result.stderr


def test_in_order(tmp_path):
    """A tree in order passes."""
    assert check(tmp_path, IN_ORDER) == (0, "6 files in order\n")


@pytest.mark.parametrize("fault", FAULTS)
def test_faults(tmp_path, fault):
    """Each fault is named, with the file it is in."""
    name, text, message = FAULTS[fault]
    status, output = check(tmp_path, IN_ORDER | {"spatial/spatial.h": "", name: text})
    assert status == 1
    assert message in output
    assert name in output
