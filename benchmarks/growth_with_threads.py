# SPDX-License-Identifier: Apache-2.0
"""How much do more threads help?"""

from pathlib import Path
from time import perf_counter

from .contestants import FULL_HD, Vdcore, random_frame
from .plotting import plot_lines
from .timing import Row, interleave, usable_processors

WANTED = {2: 1.8, 16: 12.0}


def run(tiny: bool, folder: Path) -> list[Row]:
    frame = random_frame(FULL_HD, tiny=tiny)
    processors = 2 if tiny else usable_processors()
    powers = {2**power for power in range(processors.bit_length())}
    counts = sorted(powers | {processors})
    rows, lines = [], {}
    for sigma in 2, 20:
        ours = {count: Vdcore(frame, sigma, threads=count) for count in counts}
        functions = {str(count): diffuser for count, diffuser in ours.items()}
        times = interleave(functions, tiny=tiny, seconds=5, clock=perf_counter)
        gains = [times["1"] / times[str(count)] for count in counts]
        lines[f"sigma {sigma}"] = gains
        for count, gain in zip(counts[1:], gains[1:], strict=True):
            work = f"1080p BGR uint8, sigma {sigma}"
            rows.append(Row.faster(work, "one thread", str(ours[count]), gain, WANTED.get(count)))
    labels = (
        f"1080p BGR uint8, {ours[1].diffuser.info.instruction_set}",
        "threads",
        "times as fast as one thread",
    )
    plot_lines(folder / "threads.png", labels, counts, lines | {"[ideal]": counts}, scale="linear")
    return rows
