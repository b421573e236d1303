# SPDX-License-Identifier: Apache-2.0
"""How does the time grow with sigma?"""

from collections.abc import Callable

import numpy as np

from ..common.peers import FULL_HD, Ours, opencv, random_frame
from ..common.plotting import plot_lines
from ..common.results import Answer, Options, Row
from ..common.streaming_pass import streaming_pass
from ..common.timing import interleave

SIGMAS = (0.5, 1, 2, 3, 5, 7, 10, 14, 20, 30, 50)
TARGET = 1.5


def run(options: Options) -> Answer:
    tiny = options.tiny
    frame = random_frame(FULL_HD, tiny=tiny)
    small, large = Ours(frame, 2), Ours(frame, 20)
    times = interleave({"small": small, "large": large}, tiny=tiny)
    ratio = times["large"] / times["small"]
    work = "1080p 8-bit BGR, sigma 20"
    row = Row.slower("diffuse.growth", work, "itself at sigma 2", str(large), ratio, TARGET)

    deep = random_frame(FULL_HD, dtype=np.uint16, tiny=tiny)
    real = random_frame(FULL_HD, dtype=np.float32, tiny=tiny)
    lines: dict[str, list[float]] = {}
    for sigma in SIGMAS:
        functions: dict[str, Callable[[], object]] = {
            "OpenCV uint8": opencv(frame, sigma),
            "vdcore float32": Ours(real, sigma),
            "vdcore uint16": Ours(deep, sigma),
            "vdcore float32, tolerance 1e-3": Ours(real, sigma, tolerance=1e-3),
            "vdcore uint8": Ours(frame, sigma),
            "[streaming pass uint8]": streaming_pass(frame, np.empty_like(frame)),
        }
        for name, seconds in interleave(functions, tiny=tiny, seconds=1.5, rounds=3).items():
            lines.setdefault(name, []).append(seconds / frame.size * 1e9)
    labels = f"1080p BGR, {small.runs_on}", "sigma (pixels)", "time per sample (ns)"
    plot_lines(options.folder / "sigma.png", labels, SIGMAS, lines)
    return Answer([row])
