# SPDX-License-Identifier: Apache-2.0
"""Is the bilateral filter faster than OpenCV's, grey, with windows of one diameter, on the same samples?"""

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np

import vdcore
from vdcore import models

from .contestants import FULL_HD, TINY
from .timing import Row, interleave

SMALL = (360, 640)
SIGMA, TRUNCATE, RANGE_SIGMA = 2.0, 2.0, 20.0  # int(2 * 2 + 0.5) = 4: 9 x 9 pixels
DIAMETER = 9
WANTED = 2


def picture(size: tuple[int, int]) -> np.ndarray:
    """Smooth noise, uint8."""
    noise = np.random.default_rng(1).integers(0, 256, size).astype(np.uint8)
    return cv2.GaussianBlur(noise, (0, 0), 1)


def ours(frame: np.ndarray) -> Callable[[], object]:
    diffuser = vdcore.Diffuser(SIGMA, 0, model=models.Bilateral(RANGE_SIGMA), truncate=TRUNCATE, threads=1)
    out = np.empty_like(frame)
    return lambda: diffuser(frame, out=out)


def run(tiny: bool, folder: Path) -> list[Row]:
    rows = []
    for size in (TINY,) if tiny else (SMALL, FULL_HD):
        for dtype in ("uint8", "float32"):
            frame = picture(size).astype(dtype)
            functions = {
                "ours": ours(frame),
                "OpenCV": lambda frame=frame: cv2.bilateralFilter(frame, DIAMETER, RANGE_SIGMA, SIGMA),
            }
            times = interleave(functions, tiny=tiny)
            work = f"bilateral, {size[1]} x {size[0]} grey, {dtype}, diameter {DIAMETER}"
            runs_on = f"{vdcore.build_info()['instruction_set']}, 1 thread"
            ratio = times["OpenCV"] / times["ours"]
            rows.append(Row.faster(work, f"cv2.bilateralFilter, {dtype}", runs_on, ratio, WANTED))
    return rows
