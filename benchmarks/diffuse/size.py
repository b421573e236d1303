# SPDX-License-Identifier: Apache-2.0
"""How does the time per sample depend on the size of the frame?"""

from collections.abc import Callable

import numpy as np

from ..common.peers import FULL_HD, ULTRA_HD, Ours, opencv, random_frame
from ..common.plotting import plot_lines
from ..common.results import Answer, Options
from ..common.streaming_pass import streaming_pass
from ..common.timing import interleave

SQUARES = {f"{side}": (side, side) for side in (64, 128, 256, 512)}
SIZES = SQUARES | {"1080p": FULL_HD, "4K": ULTRA_HD}


def run(options: Options) -> Answer:
    lines: dict[str, list[float]] = {}
    pixels = []
    for size in list(SIZES.values())[: 2 if options.tiny else None]:
        frame = random_frame(size)
        pixels.append(size[0] * size[1])
        functions: dict[str, Callable[[], object]] = {
            "OpenCV, sigma 2": opencv(frame, 2),
            "vdcore, sigma 20": Ours(frame, 20),
            "vdcore, sigma 2": (small := Ours(frame, 2)),
            "[streaming pass]": streaming_pass(frame, np.empty_like(frame)),
        }
        for name, seconds in interleave(functions, tiny=options.tiny, seconds=2).items():
            lines.setdefault(name, []).append(seconds / frame.size * 1e9)
    labels = f"BGR uint8, {small.runs_on}", "frame (64 to 512: squares)", "time per sample (ns)"
    plot_lines(options.folder / "size.png", labels, pixels, lines, ticks=list(SIZES)[: len(pixels)])
    return Answer([])
