# SPDX-License-Identifier: Apache-2.0
"""How much faster than FFmpeg's and scikit-image's non-local means, with the same windows?

ffmpeg filters each plane of a video separately, so vdcore gets one plane after the other, and the three
planes as one picture as well. The time of a run with the filter `null` is subtracted from ffmpeg's.
"""

import shutil
import subprocess
import tempfile

import numpy as np
from skimage.restoration import denoise_nl_means

import vdcore
from vdcore.models import NonLocalMeans

from ..common.peers import TINY
from ..common.results import Answer, Options, Row
from ..common.timing import interleave, processor_time

SIZE = (360, 640)
PATCH, SEARCH = 5, 11  # diameters
NOISE = 20.0
FRAMES = 20
MODEL = NonLocalMeans(25.0, NOISE, patch=PATCH // 2, search=SEARCH // 2)
WORK = "Non-local means, 8-bit 640x360"
PLACES = {"grey": "", "colour": "_colour", "three planes": "_planes", "three planes as one picture": "_joint"}
TARGETS = {"ffmpeg": 4, "scikit-image": 20}


def picture(channels: int, *, tiny: bool) -> np.ndarray:
    """Return waves and squares with noise, (height, width[, channels]), uint8."""
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
    """Grey; three planes, separately and as one picture."""
    program = shutil.which("ffmpeg")
    frames = 2 if tiny else FRAMES
    peer = f"ffmpeg nlmeans (p={PATCH}, r={SEARCH})"
    rows = []
    for channels, pixels in ((1, "gray"), (3, "gbrp")):
        frame = picture(channels, tiny=tiny)
        planes = [np.ascontiguousarray(frame.reshape(*frame.shape[:2], -1)[:, :, c]) for c in range(channels)]
        name = "grey" if channels == 1 else "three planes"
        streams = {name: [Ours(plane) for plane in planes]}
        if channels > 1:
            streams["three planes as one picture"] = [Ours(frame)]
        if program is None:
            rows += [
                Row(f"{WORK}, {kind}", peer, str(ours[0]), "no ffmpeg program found")
                for kind, ours in streams.items()
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
            for kind, ours in streams.items():
                functions[kind] = lambda ours=ours: [one() for one in ours * frames]
            times = interleave(functions, tiny=tiny, seconds=6, rounds=3, clock=processor_time)
        for kind, ours in streams.items():
            ratio = (times["nlmeans"] - times["null"]) / times[kind]
            place = f"models.nlm_ffmpeg{PLACES[kind]}"
            target = TARGETS["ffmpeg"]
            rows.append(Row.faster(place, f"{WORK}, {kind}", peer, str(ours[0]), ratio, target))
    return rows


def against_scikit_image(tiny: bool) -> list[Row]:
    """Grey and colour; float32 for scikit-image, which computes in it."""
    rows = []
    for channels, kind in ((1, "grey"), (3, "colour")):
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
        place, work = f"models.nlm_skimage{PLACES[kind]}", f"{WORK}, {kind}"
        ratio = times["theirs"] / times["ours"]
        rows.append(Row.faster(place, work, peer, str(ours), ratio, TARGETS["scikit-image"]))
    return rows


def run(options: Options) -> Answer:
    return Answer([*against_ffmpeg(options.tiny), *against_scikit_image(options.tiny)])
