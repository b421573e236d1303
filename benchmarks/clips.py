# SPDX-License-Identifier: Apache-2.0
"""Videos to filter: a real one where there is one, else, or where the length matters, a made one."""

from pathlib import Path

import cv2
import numpy as np

HD = (720, 1280)
REAL_HD = Path(__file__).parents[2] / "shared" / "clips" / "flower_720p_300f.264"


def make_clip(path: Path, size: tuple[int, int], frames: int) -> Path:
    """Write a noisy picture that moves sideways, and return its path."""
    height, width = size
    rng = np.random.default_rng(1)
    picture = cv2.resize(rng.integers(0, 256, (9, 32, 3), dtype=np.uint8), (2 * width, height))
    noise = rng.integers(0, 9, (height, width, 3), dtype=np.uint8)
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), 30, (width, height))
    for index in range(frames):
        left = 2 * index % width
        writer.write(cv2.add(picture[:, left : left + width], np.roll(noise, 7 * index, axis=1)))
    writer.release()
    return path
