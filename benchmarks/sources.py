# SPDX-License-Identifier: Apache-2.0
"""What do scattered sources cost, against NumPy, with their number, and with the size of the field?"""

from collections.abc import Callable
from pathlib import Path
from time import perf_counter

import numpy as np

import vdcore

from .contestants import FULL_HD, TINY, ULTRA_HD
from .timing import Row, interleave, usable_processors

PEER = "NumPy loop of truncated patches"
QUARTER_HD = (540, 960)
SIGMA, TAU, EPS = 4.0, 30.0, 1e-6
RADIUS = SIGMA * np.sqrt(-2 * np.log(EPS))  # where the kernel falls to eps
MANY, SOME = 100_000, 2_000  # sources of ours; of the NumPy loop, whose time is scaled
COUNTS = (10_000, 20_000, 40_000, 80_000, 160_000)
WANTED = {"float64": 40, "float32": 100}


def scatter(count: int, size: tuple[int, int]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Random positions all over a field of this size, times and coefficients."""
    rng = np.random.default_rng(1)
    return rng.uniform(0, size, (count, 2)), rng.uniform(0, 100, count), rng.normal(size=count)


def ours(
    count: int, area: tuple[int, int], size: tuple[int, int], dtype: str, threads: int = 1
) -> Callable[[], object]:
    """A field of `size` of so many sources in its upper left `area`."""
    sources = scatter(count, area)
    return lambda: vdcore.diffuse_sources(*sources, size, SIGMA, TAU, dtype=dtype, threads=threads)


def numpy_loop(count: int, size: tuple[int, int], dtype: str) -> Callable[[], object]:
    """The same sum into a field that exists: source by source the product of two short vectors."""
    positions, times, coefficients = scatter(count, size)
    coefficients *= np.exp((times - times.max()) / TAU)
    height, width = size
    rows, columns = np.arange(height, dtype=float), np.arange(width, dtype=float)
    field = np.zeros(size, dtype)

    def run() -> None:
        for (y, x), c in zip(positions.tolist(), coefficients.tolist(), strict=True):
            across = slice(max(int(np.ceil(y - RADIUS)), 0), min(int(y + RADIUS), height - 1) + 1)
            along = slice(max(int(np.ceil(x - RADIUS)), 0), min(int(x + RADIUS), width - 1) + 1)
            g_y = (c * np.exp((rows[across] - y) ** 2 * (-0.5 / SIGMA**2))).astype(dtype)
            g_x = np.exp((columns[along] - x) ** 2 * (-0.5 / SIGMA**2)).astype(dtype)
            field[across, along] += np.multiply.outer(g_y, g_x)

    return run


def one_pass(size: tuple[int, int], dtype: str) -> Callable[[], object]:
    """A new field, every sample of it written once."""
    return lambda: np.zeros(size, dtype).fill(0)


def against_numpy(tiny: bool) -> list[Row]:
    """Our 100,000 sources, theirs scaled to as many."""
    size = TINY if tiny else FULL_HD
    many, some = (200, 20) if tiny else (MANY, SOME)
    runs_on = f"{vdcore.build_info()['instruction_set']}, 1 thread"
    rows = []
    for dtype, wanted in WANTED.items():
        functions = {"ours": ours(many, size, size, dtype), "theirs": numpy_loop(some, size, dtype)}
        times = interleave(functions, tiny=tiny)
        work = f"1080p, {MANY:,} sources, sigma {SIGMA:g}, {dtype}"
        rows.append(Row.faster(work, PEER, runs_on, times["theirs"] * many / some / times["ours"], wanted))
    return rows


def growth_with_number(tiny: bool) -> Row:
    """The largest time per source over the least, one pass over the field taken off."""
    size = TINY if tiny else FULL_HD
    functions = {str(count): ours(count, size, size, "float64") for count in COUNTS[: 2 if tiny else None]}
    times = interleave(functions | {"pass": one_pass(size, "float64")}, tiny=tiny, seconds=10)
    each = [(times[count] - times["pass"]) / int(count) for count in functions]
    work = f"1080p, {COUNTS[0]:,} to {COUNTS[-1]:,} sources, sigma {SIGMA:g}, float64, per source"
    runs_on = f"{vdcore.build_info()['instruction_set']}, 1 thread"
    return Row.slower(work, "itself at its best", runs_on, max(each) / min(each), 1.2)


def growth_with_field(tiny: bool) -> Row:
    """The time that a larger field adds to the same sources, over one pass over that field."""
    area, count = ((8, 8), 20) if tiny else ((256, 256), SOME)
    small, large = (TINY, (48, 80)) if tiny else (QUARTER_HD, ULTRA_HD)
    functions = {
        "small": ours(count, area, small, "float64"),
        "large": ours(count, area, large, "float64"),
        "large pass": one_pass(large, "float64"),
    }
    times = interleave(functions, tiny=tiny)
    ratio = (times["large"] - times["small"]) / times["large pass"]
    work = f"4K less 540p, the same {SOME:,} sources in 256 x 256 pixels, sigma {SIGMA:g}, float64"
    runs_on = f"{vdcore.build_info()['instruction_set']}, 1 thread"
    return Row.slower(work, "one pass over the field", runs_on, ratio, 1.1)


def two_threads(tiny: bool) -> list[Row]:
    """Nothing where there is one processor."""
    if usable_processors() < 2:
        return []
    size = TINY if tiny else FULL_HD
    rows = []
    for dtype in WANTED:
        functions = {
            str(threads): ours(200 if tiny else MANY, size, size, dtype, threads) for threads in (1, 2)
        }
        times = interleave(functions, tiny=tiny, clock=perf_counter)
        work = f"1080p, {MANY:,} sources, sigma {SIGMA:g}, {dtype}"
        runs_on = f"{vdcore.build_info()['instruction_set']}, 2 threads"
        rows.append(Row.faster(work, "one thread", runs_on, times["1"] / times["2"]))
    return rows


def run(tiny: bool, folder: Path) -> list[Row]:
    return [*against_numpy(tiny), growth_with_number(tiny), growth_with_field(tiny), *two_threads(tiny)]
