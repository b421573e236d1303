# SPDX-License-Identifier: Apache-2.0
"""How much faster than OpenCV's functions for the same filter?"""

import numpy as np

from ..common.peers import FULL_HD, Ours, opencv, random_frame
from ..common.results import Answer, Options, Row
from ..common.timing import interleave

PEER = "OpenCV: GaussianBlur, accumulateWeighted, convertScaleAbs"
PEER_SHORT = "the same with OpenCV's shorter kernel (3 sigma)"
PEER_FLOAT = "OpenCV: GaussianBlur, accumulateWeighted, copy"
TARGETS = {2: 3, 10: 10, 20: 20}


def run(options: Options) -> Answer:
    tiny = options.tiny
    rows = []
    frame = random_frame(FULL_HD, tiny=tiny)
    for sigma, target in TARGETS.items():
        ours = Ours(frame, sigma)
        times = interleave(
            {"ours": ours, "same": opencv(frame, sigma), "short": opencv(frame, sigma, truncate=3)},
            tiny=tiny,
        )
        place, work = f"diffuse.opencv_u8_{sigma}", f"1080p 8-bit BGR, sigma {sigma}"
        rows.append(Row.faster(place, work, PEER, str(ours), times["same"] / times["ours"], target))
        rows.append(Row.faster(f"{place}_short", work, PEER_SHORT, str(ours), times["short"] / times["ours"]))

    frame = random_frame(FULL_HD, dtype=np.float32, tiny=tiny)
    exact, fast = Ours(frame, 2), Ours(frame, 2, tolerance=1e-3)
    times = interleave({"exact": exact, "fast": fast, "theirs": opencv(frame, 2)}, tiny=tiny)
    place, work = "diffuse.opencv_f32_2", "1080p float32 BGR, sigma 2"
    rows.append(Row.faster(place, work, PEER_FLOAT, str(exact), times["theirs"] / times["exact"], 4))
    ratio = times["theirs"] / times["fast"]
    rows.append(Row.faster(f"{place}_fast", f"{work}, tolerance 1e-3", PEER_FLOAT, str(fast), ratio))
    return Answer(rows)
