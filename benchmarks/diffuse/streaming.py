# SPDX-License-Identifier: Apache-2.0
"""How close to one streaming pass, the minimum work of any filter with a float32 state?"""

import numpy as np

from ..common.peers import FULL_HD, ULTRA_HD, Ours, random_frame
from ..common.results import Answer, Options, Row, rounded
from ..common.streaming_pass import streaming_pass
from ..common.timing import interleave

SIGMAS = (2, 10, 20)
TARGET = 2  # of 8-bit frames
CASES = ((np.uint8, 1e-3), (np.uint16, 1e-5), (np.uint16, 1e-3), (np.float32, 1e-5), (np.float32, 1e-3))


def run(options: Options) -> Answer:
    rows, figures = [], []
    for dtype, tolerance in CASES:
        for name, size in ("1080p", FULL_HD), ("4K", ULTRA_HD):
            frame = random_frame(size, dtype=dtype, tiny=options.tiny)
            ours = {str(sigma): Ours(frame, sigma, tolerance=tolerance) for sigma in SIGMAS}
            functions = {"pass": streaming_pass(frame, np.empty_like(frame)), **ours}
            times = interleave(functions, tiny=options.tiny)
            ratios = [times[sigma] / times["pass"] for sigma in ours]
            methods = ", ".join(filter_.method for filter_ in ours.values())
            target = (f"at most {TARGET} x", max(ratios) <= TARGET) if dtype is np.uint8 else ("", None)
            rows.append(
                Row(
                    f"{name} {frame.dtype} BGR, sigma {', '.join(ours)}, tolerance {tolerance:g}",
                    "streaming pass",
                    f"{ours['2'].runs_on}, {methods}",
                    f"{', '.join(f'{ratio:.3g}' for ratio in ratios)} x the time",
                    *target,
                )
            )
            figures.append([f"{frame.dtype}, {name}", tolerance, *map(rounded, ratios)])
    return Answer(rows, figures={"streaming.rows": figures, "streaming.target": TARGET})
