# SPDX-License-Identifier: Apache-2.0
"""The filters that are compared, on random frames.

Each is made for one frame; a call filters that frame once more and keeps its state. All use one thread unless
given another number.
"""

from collections.abc import Callable

import cv2
import numpy as np

import vdcore

FULL_HD = (1080, 1920)
ULTRA_HD = (2160, 3840)
TINY = (24, 40)

TAU = 3.0
GAIN = 1 - np.exp(-1 / TAU)  # of the one-pole recursion with this time constant

cv2.setNumThreads(1)


def random_frame(
    size: tuple[int, int], channels: int = 3, dtype: type[np.generic] = np.uint8, *, tiny: bool = False
) -> np.ndarray:
    """Return uniform noise over the whole range, (height, width, channels); of size TINY if tiny."""
    samples = np.random.default_rng(1).integers(0, 256, (*(TINY if tiny else size), channels), dtype=np.uint8)
    if dtype is np.uint16:
        return samples.astype(np.uint16) * 257
    return samples / np.float32(255) if dtype is np.float32 else samples


def random_planes(size: tuple[int, int], *, tiny: bool = False) -> list[np.ndarray]:
    """Return the planes of an 8-bit 4:2:0 frame of noise, views into one block."""
    height, width = TINY if tiny else size
    block = random_frame((height * 3 // 2, width), channels=1)[..., 0].reshape(-1)
    luma, chroma = height * width, height * width // 4
    half = (height // 2, width // 2)
    return [
        block[:luma].reshape(height, width),
        block[luma : luma + chroma].reshape(half),
        block[luma + chroma :].reshape(half),
    ]


class Ours:
    """A `vdcore.Diffuser` on one frame."""

    def __init__(
        self, frame: np.ndarray, sigma: float, *, threads: int = 1, tolerance: float | None = None
    ) -> None:
        self.frame = frame
        self.out = np.empty_like(frame)
        self.diffuser = vdcore.Diffuser(sigma, TAU, threads=threads, tolerance=tolerance)
        self()

    def __call__(self) -> None:
        self.diffuser(self.frame, out=self.out)

    @property
    def method(self) -> str:
        return self.diffuser.info.method

    @property
    def runs_on(self) -> str:
        info = self.diffuser.info
        return f"{info.instruction_set}, {info.threads} thread{'s' * (info.threads > 1)}"

    def __str__(self) -> str:
        return f"{self.runs_on}, {self.method}"


def opencv(frame: np.ndarray, sigma: float, truncate: float = 4.0) -> Callable[[], None]:
    """Return GaussianBlur, accumulateWeighted and convertScaleAbs in the dtype of the frame.

    `convertScaleAbs` makes 8-bit samples, so in float32 the accumulator is copied to the output. By default
    OpenCV's kernel ends at 3 sigma for 8-bit frames and at 4 for float ones.
    """
    taps = 2 * int(truncate * sigma + 0.5) + 1
    blurred, out = np.empty_like(frame), np.empty_like(frame)
    accumulator = frame.astype(np.float32)

    def run() -> None:
        cv2.GaussianBlur(frame, (taps, taps), sigma, dst=blurred)
        cv2.accumulateWeighted(blurred, accumulator, GAIN)
        if frame.dtype == np.uint8:
            cv2.convertScaleAbs(accumulator, dst=out)
        else:
            np.copyto(out, accumulator)

    return run
