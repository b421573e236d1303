# SPDX-License-Identifier: Apache-2.0
"""How much faster than SciPy's Gaussian filter and a recursion in NumPy?"""

from collections.abc import Callable

import numpy as np

from ..common.peers import FULL_HD, GAIN, Ours, random_frame, random_planes
from ..common.results import Answer, Options, Row
from ..common.timing import interleave, sequence

PEER = "SciPy: gaussian_filter, one-pole recursion"
TARGET = 30


def scipy_filter(frame: np.ndarray, sigma: float) -> Callable[[], None]:
    """Return gaussian_filter in float32 with the recursion and the rounding in NumPy, in place."""
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


def run(options: Options) -> Answer:
    tiny = options.tiny
    byte = random_frame(FULL_HD, tiny=tiny)
    work = [(f"u8_{sigma}", f"1080p 8-bit BGR, sigma {sigma}", [byte], sigma) for sigma in (2, 10, 20)]
    real = random_frame(FULL_HD, dtype=np.float32, tiny=tiny)
    work.append(("f32_2", "1080p float32 BGR, sigma 2", [real], 2))
    work.append(("planar_2", "1080p 8-bit planar 4:2:0, sigma 2", random_planes(FULL_HD, tiny=tiny), 2))
    rows = []
    for key, name, images, sigma in work:
        ours = [Ours(image, sigma) for image in images]
        try:
            theirs = [scipy_filter(image, sigma) for image in images]
        except ImportError:
            rows.append(Row(name, PEER, str(ours[0]), "SciPy is not installed", f"at least {TARGET} x"))
            continue
        times = interleave({"ours": sequence(ours), "theirs": sequence(theirs)}, tiny=tiny, rounds=3)
        ratio = times["theirs"] / times["ours"]
        rows.append(Row.faster(f"diffuse.scipy_{key}", name, PEER, str(ours[0]), ratio, TARGET))
    return Answer(rows)
