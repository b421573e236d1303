# SPDX-License-Identifier: Apache-2.0
"""Other denoisers: five filters of FFmpeg and OpenCV's non-local means over several frames.

Each has a grid of settings in units of the noise's standard deviation, the likeliest first. The best is
chosen on the clean clip for every clip and noise level, which no user can do. atadenoise of FFmpeg 5.1 never
ends on a clip of less than half as many frames as it averages.
"""

import shutil
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

TEMPLATE, SEARCH, WINDOW = 5, 15, 5  # of OpenCV: diameters in pixels, and frames


@dataclass(frozen=True)
class Peer:
    """A denoiser, `denoise(frames, noise, setting)` on (T, H, W, 3) uint8, and the settings to try."""

    name: str
    settings: Sequence[tuple[float | str, ...]]
    denoise: Callable[[np.ndarray, float, tuple[float | str, ...]], np.ndarray]


def hqdn3d(noise: float, space: float, time: float) -> str:
    return f"hqdn3d={space * noise}:{space * noise}:{time * noise}:{time * noise}"


def atadenoise(noise: float, threshold: float, frames: int) -> str:
    at = min(0.3, threshold * noise / 255)
    planes = ":".join(f"{plane}a={at:.4f}:{plane}b={at:.4f}" for plane in range(3))
    return f"atadenoise={planes}:s={frames}"


def vaguedenoiser(noise: float, threshold: float, kind: str) -> str:
    how = "percent=100:nsteps=4:type=bayes" if kind == "bayes" else "type=universal"
    return f"vaguedenoiser=threshold={threshold * noise}:{how}"


def fftdnoiz(noise: float, sigma: float, block: int, overlap: float) -> str:
    return f"fftdnoiz=sigma={min(100, sigma * noise)}:block={block}:overlap={overlap}:prev=1:next=1"


def nlmeans(noise: float, strength: float) -> str:
    return f"nlmeans=s={min(30, max(1, strength * noise))}:p=5:r=11"


FFMPEG = {
    hqdn3d: [(1.5, 0.75), (1.5, 1), (1, 1.5), (2, 0.75), (1, 1), (0.5, 1.5), (0.5, 3)],
    atadenoise: [(3, 5), (3, 9), (2, 5), (2.5, 5), (6, 5), (4, 9), (6, 9)],
    vaguedenoiser: [(0.85, "bayes"), (0.6, "bayes"), (1, "bayes"), (1.2, "universal"), (1.2, "bayes")],
    fftdnoiz: [
        (2.5, 32, 0.5),
        (1.2, 16, 0.75),
        (0.85, 16, 0.75),
        (2, 32, 0.5),
        (2.5, 32, 0.75),
        (3, 32, 0.75),
    ],
    nlmeans: [(0.35,), (0.3,), (0.25,), (0.4,)],
}


def with_ffmpeg(program: str, frames: np.ndarray, filters: str) -> np.ndarray:
    """Return the frames after filters of the ffmpeg program, in planar YUV 4:4:4."""
    height, width = frames.shape[1:3]
    raw = ["-f", "rawvideo", "-pix_fmt", "rgb24"]
    chain = f"format=yuv444p,{filters},format=yuv444p"
    source = [*raw, "-s", f"{width}x{height}", "-i", "-", "-filter_threads", "1"]
    command = [program, "-v", "error", *source, "-vf", chain, *raw, "-"]
    done = subprocess.run(command, input=frames.tobytes(), stdout=subprocess.PIPE, check=True)
    return np.frombuffer(done.stdout, np.uint8).reshape(frames.shape)


def opencv_frame(frames: Sequence[np.ndarray], index: int, strength: float) -> np.ndarray:
    """Return one frame (BGR) filtered with equally many frames before and after it."""
    half = min(WINDOW // 2, index, len(frames) - 1 - index)
    around = frames[index - half : index + half + 1]
    return cv2.fastNlMeansDenoisingColoredMulti(
        around, half, 2 * half + 1, None, strength, strength, TEMPLATE, SEARCH
    )


def with_opencv(frames: np.ndarray, noise: float, setting: tuple[float | str, ...]) -> np.ndarray:
    pictures = [np.ascontiguousarray(frame[..., ::-1]) for frame in frames]
    strength = float(setting[0]) * noise
    return np.stack([opencv_frame(pictures, i, strength)[..., ::-1] for i in range(len(frames))])


def installed_peers() -> list[Peer]:
    """Return FFmpeg's, where the program is installed, and OpenCV's."""
    program = shutil.which("ffmpeg")
    known = ""
    if program is not None:
        known = subprocess.run([program, "-v", "error", "-filters"], capture_output=True, text=True).stdout

    def peer(filter_: Callable[..., str], settings: Sequence[tuple[float | str, ...]]) -> Peer:
        def denoise(frames: np.ndarray, noise: float, setting: tuple[float | str, ...]) -> np.ndarray:
            return with_ffmpeg(str(program), frames, filter_(noise, *setting))

        return Peer(filter_.__name__, settings, denoise)

    found = [
        peer(filter_, settings) for filter_, settings in FFMPEG.items() if f" {filter_.__name__} " in known
    ]
    return [*found, Peer("OpenCV NLM", [(0.5,), (0.4,), (0.6,), (0.7,)], with_opencv)]
