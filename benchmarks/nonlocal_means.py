# SPDX-License-Identifier: Apache-2.0
"""How much faster than ffmpeg's and scikit-image's non-local means, with the same windows?

ffmpeg compares each plane of a video with itself alone, so against it ours gets one plane after the other,
and, beside that, three planes as one picture. ffmpeg's time is the program's less that of a null filter.
"""

import shutil
import subprocess
import tempfile
from pathlib import Path

import numpy as np
from skimage.restoration import denoise_nl_means

import vdcore
from vdcore.models import NonLocalMeans

from .against_hqdn3d import processor_time
from .contestants import TINY
from .timing import Row, interleave

SIZE = (360, 640)
PATCH, SEARCH = 5, 11  # diameters
NOISE = 20.0
FRAMES = 20
MODEL = NonLocalMeans(25.0, NOISE, patch=PATCH // 2, search=SEARCH // 2)
WANTED = {"ffmpeg": 4, "scikit-image": 20}


def picture(channels: int, *, tiny: bool) -> np.ndarray:
    """Waves and squares with noise, (height, width[, channels]), uint8."""
    height, width = TINY if tiny else SIZE
    y, x = np.mgrid[:height, :width]
    clean = 120 + 60 * np.sin(x / 17) + 50 * ((x // 40 + y // 40) % 2)
    noise = np.random.default_rng(1).normal(0, NOISE, (height, width, channels))
    noisy: np.ndarray = np.rint(clean[:, :, None] + noise).clip(0, 255).astype(np.uint8)
    return noisy.reshape(height, width) if channels == 1 else noisy


class Ours:
    """A vdcore.Diffuser without memory on one picture."""

    def __init__(self, frame: np.ndarray) -> None:
        self.frame, self.out = frame, np.empty_like(frame)
        self.diffuser = vdcore.Diffuser(0, 0, model=MODEL, threads=1)
        self()

    def __call__(self) -> None:
        self.diffuser(self.frame, out=self.out)

    def __str__(self) -> str:
        info = self.diffuser.info
        return f"{info.instruction_set}, {info.threads} thread"


def against_ffmpeg(tiny: bool) -> list[Row]:
    """Grey, and three planes as three pictures and as one."""
    program = shutil.which("ffmpeg")
    frames = 2 if tiny else FRAMES
    rows = []
    for channels, pixels in ((1, "gray"), (3, "gbrp")):
        frame = picture(channels, tiny=tiny)
        planes = [np.ascontiguousarray(frame.reshape(*frame.shape[:2], -1)[:, :, c]) for c in range(channels)]
        streams = {"grey" if channels == 1 else "three planes": [Ours(plane) for plane in planes]}
        if channels > 1:
            streams["three planes as one picture"] = [Ours(frame)]
        peer = f"ffmpeg nlmeans (p={PATCH}, r={SEARCH}), one thread, less a null filter run"
        if program is None:
            rows += [
                Row(work, peer, str(ours[0]), "no ffmpeg program found") for work, ours in streams.items()
            ]
            continue
        with tempfile.NamedTemporaryFile(suffix=".raw") as file:
            for _ in range(frames):
                for plane in planes:
                    file.write(plane.tobytes())
            file.flush()
            size = f"{frame.shape[1]}x{frame.shape[0]}"
            source = ["-threads", "1", "-f", "rawvideo", "-pix_fmt", pixels, "-s", size, "-i", file.name]

            def ffmpeg(filters: str, source: list[str] = source) -> None:
                sink = ["-filter_threads", "1", "-vf", filters, "-threads", "1", "-f", "null", "-"]
                subprocess.run([program, "-v", "error", "-nostdin", *source, *sink], check=True)

            functions = {
                "nlmeans": lambda ffmpeg=ffmpeg: ffmpeg(f"nlmeans=s=10:p={PATCH}:r={SEARCH}"),
                "null": lambda ffmpeg=ffmpeg: ffmpeg("null"),
            }
            for work, ours in streams.items():
                functions[work] = lambda ours=ours: [one() for one in ours * frames]
            times = interleave(functions, tiny=tiny, seconds=6, rounds=3, clock=processor_time)
        for work, ours in streams.items():
            ratio = (times["nlmeans"] - times["null"]) / times[work]
            text = f"360p uint8, {work}"
            rows.append(Row.faster(text, peer, str(ours[0]), ratio, WANTED["ffmpeg"]))
    return rows


def against_scikit_image(tiny: bool) -> list[Row]:
    """Grey and colour, float32, which scikit-image works in."""
    rows = []
    for channels, name in ((1, "grey"), (3, "colour")):
        frame = picture(channels, tiny=tiny)
        ours = Ours(frame)
        samples = frame.astype(np.float32)

        def theirs(samples: np.ndarray = samples, channels: int = channels) -> None:
            axis = -1 if channels > 1 else None
            denoise_nl_means(
                samples, PATCH, SEARCH // 2, 25.0, sigma=NOISE, fast_mode=True, channel_axis=axis
            )

        times = interleave({"theirs": theirs, "ours": ours}, tiny=tiny)
        peer = "scikit-image denoise_nl_means, fast mode"
        text = f"360p uint8, {name}"
        rows.append(
            Row.faster(text, peer, str(ours), times["theirs"] / times["ours"], WANTED["scikit-image"])
        )
    return rows


def run(tiny: bool, folder: Path) -> list[Row]:
    return [*against_ffmpeg(tiny), *against_scikit_image(tiny)]
