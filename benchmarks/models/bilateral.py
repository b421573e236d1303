# SPDX-License-Identifier: Apache-2.0
"""How much faster than OpenCV's bilateral filter, grey, with a window of the same diameter?"""

from collections.abc import Callable

import cv2
import numpy as np

import vdcore
from vdcore import models

from ..common.peers import FULL_HD, TINY
from ..common.results import Answer, Options, Row
from ..common.timing import interleave, one_thread

SMALL = (360, 640)
SIGMA, TRUNCATE, RANGE_SIGMA = 2.0, 2.0, 20.0  # int(2 * 2 + 0.5) = 4: 9 x 9 pixels
DIAMETER = 9
TARGET = 2
PEER = "OpenCV bilateralFilter"


def picture(size: tuple[int, int]) -> np.ndarray:
    """Return smooth noise, uint8."""
    noise = np.random.default_rng(1).integers(0, 256, size).astype(np.uint8)
    return cv2.GaussianBlur(noise, (0, 0), 1)


def ours(frame: np.ndarray) -> Callable[[], object]:
    diffuser = vdcore.Diffuser(SIGMA, 0, model=models.Bilateral(RANGE_SIGMA), truncate=TRUNCATE, threads=1)
    out = np.empty_like(frame)
    return lambda: diffuser(frame, out=out)


def run(options: Options) -> Answer:
    rows = []
    for size, suffix in (SMALL, ""), (FULL_HD, "_1080p"):
        for dtype, short, name in ("uint8", "u8", "8-bit"), ("float32", "f32", "float32"):
            frame = picture(TINY if options.tiny else size).astype(dtype)
            functions = {
                "ours": ours(frame),
                "OpenCV": lambda frame=frame: cv2.bilateralFilter(frame, DIAMETER, RANGE_SIGMA, SIGMA),
            }
            times = interleave(functions, tiny=options.tiny)
            place = f"models.bilateral_{short}{suffix}"
            work = f"Bilateral, {name} grey {size[1]}x{size[0]}, diameter {DIAMETER}"
            ratio = times["OpenCV"] / times["ours"]
            rows.append(Row.faster(place, work, PEER, one_thread(), ratio, TARGET))
    return Answer(rows)
