# SPDX-License-Identifier: Apache-2.0
"""How does the time grow with sigma?"""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from .contestants import FULL_HD, Vdcore, opencv, random_frame
from .plotting import plot_lines
from .timing import Row, interleave
from .yardstick import streaming_pass

SIGMAS = (0.5, 1, 2, 3, 5, 7, 10, 14, 20, 30, 50)


def run(tiny: bool, folder: Path) -> list[Row]:
    frame = random_frame(FULL_HD, tiny=tiny)
    small, large = Vdcore(frame, 2), Vdcore(frame, 20)
    times = interleave({"small": small, "large": large}, tiny=tiny)
    ratio = times["large"] / times["small"]
    row = Row.slower("1080p BGR uint8, sigma 20", "itself at sigma 2", str(large), ratio, 1.5)

    deep = random_frame(FULL_HD, dtype=np.uint16, tiny=tiny)
    real = random_frame(FULL_HD, dtype=np.float32, tiny=tiny)
    lines: dict[str, list[float]] = {}
    for sigma in SIGMAS:
        functions: dict[str, Callable[[], object]] = {
            "OpenCV uint8": opencv(frame, sigma),
            "vdcore float32": Vdcore(real, sigma),
            "vdcore uint16": Vdcore(deep, sigma),
            "vdcore float32, tolerance 1e-3": Vdcore(real, sigma, tolerance=1e-3),
            "vdcore uint8": Vdcore(frame, sigma),
            "[streaming pass uint8]": streaming_pass(frame, np.empty_like(frame)),
        }
        for name, seconds in interleave(functions, tiny=tiny, seconds=1.5, rounds=3).items():
            lines.setdefault(name, []).append(seconds / frame.size * 1e9)
    labels = f"1080p BGR, {small.runs_on}", "sigma (pixels)", "time per sample (ns)"
    plot_lines(folder / "sigma.png", labels, SIGMAS, lines)
    return [row]
