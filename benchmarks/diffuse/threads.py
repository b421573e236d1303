# SPDX-License-Identifier: Apache-2.0
"""How much do more threads help?"""

from time import perf_counter

from ..common.peers import FULL_HD, Ours, random_frame
from ..common.plotting import plot_lines
from ..common.results import Answer, Options, Row
from ..common.timing import interleave, usable_processors

TARGETS = {2: 1.8, 16: 12.0}


def run(options: Options) -> Answer:
    frame = random_frame(FULL_HD, tiny=options.tiny)
    processors = 2 if options.tiny else usable_processors()
    powers = {2**power for power in range(processors.bit_length())}
    counts = sorted(powers | {processors})
    rows, lines = [], {}
    for sigma in 2, 20:
        ours = {count: Ours(frame, sigma, threads=count) for count in counts}
        functions = {str(count): filter_ for count, filter_ in ours.items()}
        times = interleave(functions, tiny=options.tiny, seconds=5, clock=perf_counter)
        gains = [times["1"] / times[str(count)] for count in counts]
        lines[f"sigma {sigma}"] = gains
        for count, gain in zip(counts[1:], gains[1:], strict=True):
            work = f"1080p 8-bit BGR, sigma {sigma}, {count} threads"
            place = f"diffuse.threads_{sigma}" + f"_{count}" * (count != 2)
            peer = "itself on one thread"
            rows.append(Row.faster(place, work, peer, str(ours[count]), gain, TARGETS.get(count)))
    instruction_set = ours[1].diffuser.info.instruction_set
    labels = f"1080p BGR uint8, {instruction_set}", "threads", "times as fast as one thread"
    lines |= {"[ideal]": counts}
    plot_lines(options.folder / "threads.png", labels, counts, lines, scale="linear")
    return Answer(rows)
