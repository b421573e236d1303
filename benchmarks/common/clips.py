# SPDX-License-Identifier: Apache-2.0
"""Videos to filter: real ones where there are any, and synthetic ones."""

from pathlib import Path

import cv2
import numpy as np

HD = (720, 1280)
CLIPS = Path(__file__).parents[3] / "shared" / "clips"
REAL_HD = CLIPS / "flower_720p_300f.264"


def make_clip(path: Path, size: tuple[int, int], frames: int) -> Path:
    """Write a noisy picture that moves sideways; return the path."""
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


def add_noise(clip: np.ndarray, sigma: float) -> np.ndarray:
    """Add white Gaussian noise of this standard deviation; clip and round to 8 bits."""
    rng = np.random.default_rng(1)
    noisy = (np.clip(frame + rng.normal(0, sigma, frame.shape), 0, 255).round() for frame in clip)
    return np.stack([frame.astype(np.uint8) for frame in noisy])
