# SPDX-License-Identifier: Apache-2.0
"""The bilateral filter against cv2.bilateralFilter: grey, diameter 9, one thread each, the best of many runs.

Run with ``python -m benchmarks.bilateral``.
"""

import time

import cv2
import numpy as np

import vdcore
from vdcore import models

SIZES = [(360, 640), (1080, 1920)]
SIGMA, TRUNCATE, RANGE_SIGMA = 2.0, 2.0, 20.0  # int(2 * 2 + 0.5) = 4: 9 x 9 pixels


def picture(height, width):
    """Smooth noise, uint8."""
    noise = np.random.default_rng(1).integers(0, 256, (height, width)).astype(np.uint8)
    return cv2.GaussianBlur(noise, (0, 0), 1)


def main():
    cv2.setNumThreads(1)
    print("| size | OpenCV | vdcore, 8 bit | vdcore, float | ratio, 8 bit | ratio, float |")
    print("|---|---|---|---|---|---|")
    for height, width in SIZES:
        frame = picture(height, width)
        floating = frame.astype(np.float32)
        diffuser, other = (
            vdcore.Diffuser(SIGMA, 0, model=models.Bilateral(RANGE_SIGMA), truncate=TRUNCATE, threads=1)
            for _ in range(2)
        )
        work = [
            lambda frame=frame: cv2.bilateralFilter(frame, 9, RANGE_SIGMA, SIGMA),
            lambda frame=frame, diffuser=diffuser: diffuser(frame),
            lambda frame=floating, diffuser=other: diffuser(frame),
        ]
        best = [np.inf] * 3
        for _ in range(15):  # in turn, so that a busy machine is busy for all
            for i, call in enumerate(work):
                start = time.perf_counter()
                call()
                best[i] = min(best[i], time.perf_counter() - start)
        times = " | ".join(f"{1e3 * t:.2f} ms" for t in best)
        print(f"| {width} x {height} | {times} | {best[0] / best[1]:.2f} | {best[0] / best[2]:.2f} |")


if __name__ == "__main__":
    main()
