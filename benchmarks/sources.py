# SPDX-License-Identifier: Apache-2.0
"""How fast are scattered sources compared with NumPy, and how does the time grow?"""

from collections.abc import Callable
from time import perf_counter

import numpy as np

import vdcore

from .common.peers import FULL_HD, TINY, ULTRA_HD
from .common.results import Answer, Options, Row
from .common.timing import interleave, one_thread, usable_processors

PEER = "NumPy loop over truncated patches"
QUARTER_HD = (540, 960)
SIGMA, TAU, EPS = 4.0, 30.0, 1e-6
RADIUS = SIGMA * np.sqrt(-2 * np.log(EPS))  # where the kernel falls to eps
MANY, SOME = 100_000, 2_000  # sources of vdcore, and of the NumPy loop, whose time is scaled
COUNTS = (10_000, 20_000, 40_000, 80_000, 160_000)
TARGETS = {"float64": 40, "float32": 100}
SHORT = {"float64": "f64", "float32": "f32"}


def scatter(count: int, size: tuple[int, int]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return random positions in a field of this size, times and coefficients."""
    rng = np.random.default_rng(1)
    return rng.uniform(0, size, (count, 2)), rng.uniform(0, 100, count), rng.normal(size=count)


def ours(
    count: int, area: tuple[int, int], size: tuple[int, int], dtype: str, threads: int = 1
) -> Callable[[], object]:
    """Return a function that computes a field of `size` from sources in its upper left `area`."""
    sources = scatter(count, area)
    return lambda: vdcore.diffuse_sources(
        *sources, shape=size, sigma=SIGMA, tau=TAU, dtype=dtype, threads=threads
    )


def numpy_loop(count: int, size: tuple[int, int], dtype: str) -> Callable[[], object]:
    """Return the same sum into an existing field: for each source the product of two short vectors."""
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
    """Return a function that allocates a field and writes each sample once."""
    return lambda: np.zeros(size, dtype).fill(0)


def against_numpy(tiny: bool) -> list[Row]:
    """100,000 sources; the time of NumPy is scaled to as many."""
    size = TINY if tiny else FULL_HD
    many, some = (200, 20) if tiny else (MANY, SOME)
    rows = []
    for dtype, target in TARGETS.items():
        functions = {"ours": ours(many, size, size, dtype), "theirs": numpy_loop(some, size, dtype)}
        times = interleave(functions, tiny=tiny)
        work = f"{MANY:,} sources on 1080p, sigma {SIGMA:g}, {dtype}"
        ratio = times["theirs"] * many / some / times["ours"]
        rows.append(Row.faster(f"sources.{SHORT[dtype]}", work, PEER, one_thread(), ratio, target))
    return rows


def growth_with_number(tiny: bool) -> Row:
    """The largest time per source over the smallest, without one pass over the field."""
    size = TINY if tiny else FULL_HD
    functions = {str(count): ours(count, size, size, "float64") for count in COUNTS[: 2 if tiny else None]}
    times = interleave(functions | {"pass": one_pass(size, "float64")}, tiny=tiny, seconds=10)
    each = [(times[count] - times["pass"]) / int(count) for count in functions]
    work = f"time per source, {COUNTS[0]:,} to {COUNTS[-1]:,} sources on 1080p, sigma {SIGMA:g}, float64"
    ratio = max(each) / min(each)
    return Row.slower("sources.growth", work, "itself at its fastest", one_thread(), ratio, 1.2)


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
    work = f"extra time for 4K over 540p, the same {SOME:,} sources, sigma {SIGMA:g}, float64"
    return Row.slower("sources.field", work, "one pass over the field", one_thread(), ratio, 1.1)


def two_threads(tiny: bool) -> list[Row]:
    """Nothing on a single processor."""
    if usable_processors() < 2:
        return []
    size = TINY if tiny else FULL_HD
    rows = []
    for dtype, short in SHORT.items():
        functions = {
            str(threads): ours(200 if tiny else MANY, size, size, dtype, threads) for threads in (1, 2)
        }
        times = interleave(functions, tiny=tiny, clock=perf_counter)
        work = f"{MANY:,} sources on 1080p, sigma {SIGMA:g}, {dtype}, two threads"
        runs_on = f"{vdcore.build_info()['instruction_set']}, 2 threads"
        ratio = times["1"] / times["2"]
        rows.append(Row.faster(f"sources.{short}_threads", work, "itself on one thread", runs_on, ratio))
    return rows


def run(options: Options) -> Answer:
    tiny = options.tiny
    rows = [*against_numpy(tiny), growth_with_number(tiny), growth_with_field(tiny), *two_threads(tiny)]
    return Answer(rows)
