# SPDX-License-Identifier: Apache-2.0
"""How much faster than SciPy's Gaussian filter and a recursion in NumPy?"""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from .contestants import FULL_HD, GAIN, Vdcore, random_frame, random_planes
from .timing import Row, in_turn, interleave

PEER = "scipy.ndimage.gaussian_filter + one-pole recursion, float32"


def scipy_filter(frame: np.ndarray, sigma: float) -> Callable[[], None]:
    """gaussian_filter in float32, then the recursion and the rounding in NumPy, in place."""
    from scipy.ndimage import gaussian_filter

    spatial = (sigma, sigma, 0)[: frame.ndim]
    state = frame.astype(np.float32)
    blurred, out = np.empty_like(state), np.empty_like(frame)

    def run() -> None:
        gaussian_filter(frame, spatial, output=blurred, truncate=4.0)
        np.subtract(blurred, state, out=blurred)
        np.multiply(blurred, GAIN, out=blurred)
        np.add(state, blurred, out=state)
        if out.dtype.kind == "u":
            np.rint(state, out=blurred)
            np.copyto(out, blurred, casting="unsafe")
        else:
            np.copyto(out, state)

    return run


def run(tiny: bool, folder: Path) -> list[Row]:
    frame = random_frame(FULL_HD, tiny=tiny)
    work = [(f"1080p BGR uint8, sigma {sigma}", [frame], sigma) for sigma in (2, 10, 20)]
    work.append(("1080p BGR float32, sigma 2", [random_frame(FULL_HD, dtype=np.float32, tiny=tiny)], 2))
    work.append(("1080p planar 4:2:0 uint8, sigma 2", random_planes(FULL_HD, tiny=tiny), 2))
    rows = []
    for name, images, sigma in work:
        ours = [Vdcore(image, sigma) for image in images]
        runs_on = str(ours[0])
        try:
            theirs = [scipy_filter(image, sigma) for image in images]
        except ImportError:
            rows.append(Row(name, PEER, runs_on, "SciPy is not installed", "at least 30 x"))
            continue
        times = interleave({"ours": in_turn(ours), "theirs": in_turn(theirs)}, tiny=tiny, rounds=3)
        rows.append(Row.faster(name, PEER, runs_on, times["theirs"] / times["ours"], 30))
    return rows
