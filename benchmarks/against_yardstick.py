# SPDX-License-Identifier: Apache-2.0
"""How near to the least work that any filter with a float32 state has to do (yardstick.c)?"""

from pathlib import Path

import numpy as np

from .contestants import FULL_HD, ULTRA_HD, Vdcore, random_frame
from .timing import Row, interleave
from .yardstick import streaming_pass

SIGMAS = (2, 10, 20)


def run(tiny: bool, folder: Path) -> list[Row]:
    rows = []
    for dtype, tolerance in (
        (np.uint8, None),
        (np.uint16, None),
        (np.uint16, 1e-3),
        (np.float32, None),
        (np.float32, 1e-3),
    ):
        for name, size in ("1080p", FULL_HD), ("4K", ULTRA_HD):
            frame = random_frame(size, dtype=dtype, tiny=tiny)
            ours = {str(sigma): Vdcore(frame, sigma, tolerance=tolerance) for sigma in SIGMAS}
            times = interleave({"pass": streaming_pass(frame, np.empty_like(frame)), **ours}, tiny=tiny)
            ratios = [times[sigma] / times["pass"] for sigma in ours]
            methods = ", ".join(diffuser.method for diffuser in ours.values())
            rows.append(
                Row(
                    f"{name} BGR {frame.dtype}, sigma {', '.join(ours)}"
                    + (f", tolerance {tolerance:g}" if tolerance else ""),
                    f"streaming pass, {frame.dtype}",
                    f"{ours['2'].runs_on}, {methods}",
                    ", ".join(f"{ratio:.3g}" for ratio in ratios) + " x the time",
                    *(("at most 2 x", max(ratios) <= 2) if dtype is np.uint8 else ()),
                )
            )
    return rows
