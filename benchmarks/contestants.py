# SPDX-License-Identifier: Apache-2.0
"""The filters that are timed against each other.

Each is made for one frame; calling it filters that frame once more, with the state of the calls before.
All work on one thread unless said otherwise.
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
    """Uniform noise over the whole range, (height, width, channels); TINY instead of `size` if tiny."""
    samples = np.random.default_rng(1).integers(0, 256, (*(TINY if tiny else size), channels), dtype=np.uint8)
    if dtype is np.uint16:
        return samples.astype(np.uint16) * 257
    return samples / np.float32(255) if dtype is np.float32 else samples


def random_planes(size: tuple[int, int], *, tiny: bool = False) -> list[np.ndarray]:
    """The three planes of a planar 4:2:0 8-bit frame of noise, views into one block."""
    height, width = TINY if tiny else size
    block = random_frame((height * 3 // 2, width), channels=1)[..., 0].reshape(-1)
    luma, chroma = height * width, height * width // 4
    half = (height // 2, width // 2)
    return [
        block[:luma].reshape(height, width),
        block[luma : luma + chroma].reshape(half),
        block[luma + chroma :].reshape(half),
    ]


class Vdcore:
    """A vdcore.Diffuser on one frame."""

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
    """GaussianBlur + accumulateWeighted + convertScaleAbs, in the frame's own type.

    In float32 convertScaleAbs would make 8-bit samples, so there the accumulator is copied to the output.
    OpenCV itself cuts an 8-bit kernel at 3 sigma and a float one at 4 unless told a size.
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
