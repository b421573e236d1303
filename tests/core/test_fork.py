# SPDX-License-Identifier: Apache-2.0
"""Processes made by fork: they never wait for threads that exist in the parent only."""

import os
import subprocess
import sys
import textwrap

import pytest

from helpers.compiled import shared_library

pytestmark = [
    pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system"),
    pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning"),
]

FOREIGN = """
int use_threads(void)
{
    int sum = 0;
#pragma omp parallel for num_threads(4) reduction(+ : sum)
    for (int i = 0; i < 1000; i++)
        sum += i;
    return sum;
}
"""

PRELUDE = """
import ctypes, os, signal, sys, threading, time, warnings
import numpy as np
warnings.simplefilter("ignore", DeprecationWarning)


def filtered(threads):
    import vdcore
    frames = np.random.default_rng(1).integers(0, 256, (2, 500, 520, 3), np.uint8)
    diffuser = vdcore.Diffuser(2.0, 3.0, threads=threads)
    return [diffuser(frame) for frame in frames]


def same(a, b):
    return all(np.array_equal(x, y) for x, y in zip(a, b, strict=True))


def in_child(work):
    \"\"\"Fork; the child says whether work() is true; it has 30 seconds.\"\"\"
    child = os.fork()
    if child == 0:
        code = 2
        try:
            signal.alarm(30)
            code = 0 if work() else 1
        except BaseException:
            sys.excepthook(*sys.exc_info())
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
"""


def run(program, *arguments):
    """Run a program in a process of its own, with the prelude; it must succeed."""
    command = [sys.executable, "-c", PRELUDE + textwrap.dedent(program), *map(str, arguments)]
    result = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.fixture(scope="module")
def foreign(tmp_path_factory):
    """Return the path of a library that uses the OpenMP runtime and is not vdcore."""
    return shared_library(tmp_path_factory.mktemp("foreign"), FOREIGN, "-fopenmp")


IMPORTS = {
    "first imported in the child": "",
    "imported before the threads": "import vdcore._core",
    "used before": "filtered(2)",
}


@pytest.mark.parametrize("parent", IMPORTS.values(), ids=IMPORTS)
def test_a_child_works_after_another_library_used_openmp(foreign, parent):
    run(
        f"""
        foreign = ctypes.CDLL(sys.argv[1])
        {parent}
        assert foreign.use_threads() == 499500
        in_child(lambda: same(filtered(2), filtered(1)))
        assert same(filtered(2), filtered(1))
        """,
        foreign,
    )


def test_a_grandchild_works(foreign):
    run(
        """
        ctypes.CDLL(sys.argv[1]).use_threads()

        def work():
            in_child(lambda: same(filtered(2), filtered(1)))
            return same(filtered(2), filtered(1))

        in_child(work)
        """,
        foreign,
    )


def test_a_process_that_execs_has_its_threads(foreign):
    """Only what is forked without exec works serially."""
    run(
        """
        ctypes.CDLL(sys.argv[1]).use_threads()
        code = "import sys, vdcore; sys.exit(vdcore.Diffuser(1, 1, threads=3).info.threads != 3)"
        if os.fork() == 0:
            os.execv(sys.executable, [sys.executable, "-c", code])
        assert os.waitstatus_to_exitcode(os.wait()[1]) == 0

        def serial():
            import vdcore
            return vdcore.Diffuser(1, 1, threads=3).info.threads == 1

        in_child(serial)
        """,
        foreign,
    )


BUSY = """
import vdcore

frame = np.random.default_rng(1).random((1200, 1300, 3))
{make}
running = threading.Event()
thread = threading.Thread(target=lambda: (running.set(), push()))
thread.start()
running.wait()


def is_busy():
    try:
        {probe}
    except RuntimeError as error:
        return "another" in str(error)
    return False


while thread.is_alive() and not is_busy():
    time.sleep(0.001)


def refused(call):
    try:
        call()
    except RuntimeError as error:
        return "forked" in str(error) and "reset" in str(error)
    return False


def work():
    {check}


assert thread.is_alive(), "too fast to be caught"
in_child(work)
thread.join()
"""


def test_a_diffuser_in_use_at_the_fork_says_so_and_can_be_reset():
    run(
        BUSY.format(
            make="""
diffuser = vdcore.Diffuser(8.0, 3.0, tolerance=1e-12, threads=1)
diffuser(frame)
push = lambda: diffuser(frame)
""",
            probe="diffuser.info",
            check="""
    small = np.random.default_rng(2).random((20, 21))
    calls = [lambda: diffuser(frame), diffuser.state, diffuser.copy, lambda: diffuser.info]
    if not all(map(refused, calls)):
        return False
    diffuser.reset()
    fresh = vdcore.Diffuser(8.0, 3.0, tolerance=1e-12)
    return same([diffuser(small), diffuser(small)], [fresh(small), fresh(small)])
""",
        )
    )


def test_a_denoiser_in_use_at_the_fork_says_so_and_can_be_reset():
    run(
        BUSY.format(
            make="""
from vdcore import _core
denoiser = _core.Denoiser(0.1, threads=1)
out = np.empty_like(frame)
push = lambda: [denoiser.push(frame, out, ()) for _ in range(2)]
""",
            probe="denoiser.info()",
            check="""
    if not refused(lambda: denoiser.push(frame, out, ())) or not refused(denoiser.info):
        return False
    denoiser.reset()
    small = np.ascontiguousarray(frame[:40, :41])
    a, b = np.empty_like(small), np.empty_like(small)
    denoiser.push(small, a, ())
    _core.Denoiser(0.1, threads=1).push(small, b, ())
    return same([a], [b])
""",
        )
    )
