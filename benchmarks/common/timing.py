# SPDX-License-Identifier: Apache-2.0
"""Interleaved timing; a description of the machine."""

import os
import platform
import resource
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from statistics import median
from time import perf_counter, thread_time

import vdcore


def interleave(
    functions: Mapping[str, Callable[[], object]],
    *,
    tiny: bool,
    seconds: float = 3.0,
    rounds: int = 5,
    clock: Callable[[], float] = thread_time,
) -> dict[str, float]:
    """Return the median seconds of one call of each function.

    Calls are interleaved (A B A B ...): whatever else the machine does affects all of them alike, and each
    finds the caches as the others left them, as a filter does in a pipeline.

    Parameters
    ----------
    functions : mapping of name to callable without arguments
        Each is called once before the clock starts.
    tiny : bool
        One round only.
    seconds : float
        Minimum duration.
    rounds : int
        Minimum number of rounds.
    clock : callable
        For work on one thread the processor time of this thread, which leaves out the time of other programs;
        `time.perf_counter` for work on several threads.
    """
    if tiny:
        seconds, rounds = 0.0, 1
    for function in functions.values():
        function()
    times: dict[str, list[float]] = {name: [] for name in functions}
    end = perf_counter() + seconds
    done = 0
    while done < rounds or perf_counter() < end:
        for name, function in functions.items():
            start = clock()
            function()
            times[name].append(clock() - start)
        done += 1
    return {name: median(values) for name, values in times.items()}


def processor_time() -> float:
    """Return the processor time in seconds of this thread and all finished child processes."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return thread_time() + children.ru_utime + children.ru_stime


def sequence(functions: Sequence[Callable[[], object]]) -> Callable[[], None]:
    """Return one function that calls all of these."""

    def run() -> None:
        for function in functions:
            function()

    return run


def usable_processors() -> int:
    """Return how many processors this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def machine() -> str:
    """Return processor, system and build in one line."""
    processor = platform.processor() or platform.machine()
    information = Path("/proc/cpuinfo")
    lines = information.read_text().splitlines() if information.exists() else []
    processor = next((line.split(":")[1].strip() for line in lines if "model name" in line), processor)
    build = vdcore.build_info()
    openmp = "" if build["openmp"] else ", no OpenMP"
    return (
        f"{processor}, {usable_processors()} processors, {build['instruction_set']}, {platform.system()},"
        f" {build['compiler']}{openmp}"
    )


def one_thread() -> str:
    """Return the instruction set and "1 thread"."""
    return f"{vdcore.build_info()['instruction_set']}, 1 thread"
