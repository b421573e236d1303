# SPDX-License-Identifier: Apache-2.0
"""Timing by turns, the rows of the speed table, and what the machine is."""

import os
import platform
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from time import perf_counter, thread_time
from typing import Self

import vdcore


def interleave(
    functions: Mapping[str, Callable[[], object]],
    *,
    tiny: bool,
    seconds: float = 3.0,
    rounds: int = 5,
    clock: Callable[[], float] = thread_time,
) -> dict[str, float]:
    """Median seconds that one call of each function takes.

    The functions take turns (A B A B ...), so that whatever else the machine does meets all of them alike,
    and each finds the caches as the others left them, as a filter does in a pipeline.

    Parameters
    ----------
    functions : mapping of name to callable without arguments
        Each is called once before the clock starts.
    tiny : bool
        One round only.
    seconds : float
        How long to go on.
    rounds : int
        The fewest rounds, however long they take.
    clock : callable
        What work is counted by: the processor time of this thread for work on one thread, which is wall-clock
        time less what other programs take away; `time.perf_counter` for work on several.
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


def in_turn(functions: Sequence[Callable[[], object]]) -> Callable[[], None]:
    """One function that calls all of these."""

    def run() -> None:
        for function in functions:
            function()

    return run


@dataclass(frozen=True)
class Row:
    """One line of the speed table; `met` is None where nothing is promised or nothing could be measured."""

    work: str
    against: str
    runs_on: str
    reached: str
    wanted: str = ""
    met: bool | None = None

    @classmethod
    def faster(
        cls, work: str, against: str, runs_on: str, ratio: float, at_least: float | None = None
    ) -> Self:
        """Their time over ours: more is better."""
        wanted, met = (f"at least {at_least:g} x", ratio >= at_least) if at_least else ("", None)
        return cls(work, against, runs_on, f"{ratio:.3g} x faster", wanted, met)

    @classmethod
    def slower(cls, work: str, against: str, runs_on: str, ratio: float, at_most: float) -> Self:
        """Our time over theirs: less is better."""
        return cls(
            work, against, runs_on, f"{ratio:.3g} x the time", f"at most {at_most:g} x", ratio <= at_most
        )


def to_markdown(rows: list[Row]) -> str:
    """The rows as a Markdown table."""
    lines = ["| work | against | runs on | reached | wanted | met |", "|---|---|---|---|---|---|"]
    for row in rows:
        met = {True: "yes", False: "**no**", None: ""}[row.met]
        cells = (row.work, row.against, row.runs_on, row.reached, row.wanted, met)
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def usable_processors() -> int:
    """Processors that this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def machine() -> str:
    """Processor, system and build, in one line."""
    processor = platform.processor() or platform.machine()
    information = Path("/proc/cpuinfo")
    lines = information.read_text().splitlines() if information.exists() else []
    processor = next((line.split(":")[1].strip() for line in lines if "model name" in line), processor)
    build = vdcore.build_info()
    return (
        f"{processor}, {usable_processors()} processors, {platform.system()};"
        f" vdcore {build['version']}, {build['compiler']}, instruction set {build['instruction_set']},"
        f" OpenMP {'on' if build['openmp'] else 'off'}; one thread unless said"
    )
