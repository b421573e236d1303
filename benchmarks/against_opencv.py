# SPDX-License-Identifier: Apache-2.0
"""How much faster than OpenCV's functions for the same filter?"""

from pathlib import Path

import numpy as np

from .contestants import FULL_HD, Vdcore, opencv, random_frame
from .timing import Row, interleave

PEER = "cv2.GaussianBlur + accumulateWeighted + convertScaleAbs"
PEER_SHORT = "the same, OpenCV's shorter kernel (3 sigma)"
PEER_FLOAT = "cv2.GaussianBlur + accumulateWeighted + copy, float32"


def run(tiny: bool, folder: Path) -> list[Row]:
    rows = []
    frame = random_frame(FULL_HD, tiny=tiny)
    for sigma, wanted in (2, 3), (10, 10), (20, 20):
        ours = Vdcore(frame, sigma)
        times = interleave(
            {"ours": ours, "same kernel": opencv(frame, sigma), "its own": opencv(frame, sigma, truncate=3)},
            tiny=tiny,
        )
        work = f"1080p BGR uint8, sigma {sigma}"
        rows.append(Row.faster(work, PEER, str(ours), times["same kernel"] / times["ours"], wanted))
        rows.append(Row.faster(work, PEER_SHORT, str(ours), times["its own"] / times["ours"]))

    frame = random_frame(FULL_HD, dtype=np.float32, tiny=tiny)
    exact, fast = Vdcore(frame, 2), Vdcore(frame, 2, tolerance=1e-3)
    times = interleave({"exact": exact, "fast": fast, "theirs": opencv(frame, 2)}, tiny=tiny)
    work = "1080p BGR float32, sigma 2"
    rows.append(Row.faster(work, PEER_FLOAT, str(exact), times["theirs"] / times["exact"], 4))
    rows.append(Row.faster(f"{work}, tolerance 1e-3", PEER_FLOAT, str(fast), times["theirs"] / times["fast"]))
    return rows
