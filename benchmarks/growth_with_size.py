# SPDX-License-Identifier: Apache-2.0
"""How does the time per sample depend on the size of the frame?"""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from .contestants import FULL_HD, ULTRA_HD, Vdcore, opencv, random_frame
from .plotting import plot_lines
from .timing import Row, interleave
from .yardstick import streaming_pass

SQUARES = {f"{side}": (side, side) for side in (64, 128, 256, 512)}
SIZES = SQUARES | {"1080p": FULL_HD, "4K": ULTRA_HD}


def run(tiny: bool, folder: Path) -> list[Row]:
    lines: dict[str, list[float]] = {}
    pixels = []
    for size in list(SIZES.values())[: 2 if tiny else None]:
        frame = random_frame(size)
        pixels.append(size[0] * size[1])
        functions: dict[str, Callable[[], object]] = {
            "OpenCV, sigma 2": opencv(frame, 2),
            "vdcore, sigma 20": Vdcore(frame, 20),
            "vdcore, sigma 2": (small := Vdcore(frame, 2)),
            "[streaming pass]": streaming_pass(frame, np.empty_like(frame)),
        }
        for name, seconds in interleave(functions, tiny=tiny, seconds=2).items():
            lines.setdefault(name, []).append(seconds / frame.size * 1e9)
    labels = f"BGR uint8, {small.runs_on}", "frame (64 to 512: squares)", "time per sample (ns)"
    plot_lines(folder / "size.png", labels, pixels, lines, ticks=list(SIZES)[: len(pixels)])
    return []
