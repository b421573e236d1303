# SPDX-License-Identifier: Apache-2.0
"""How long does a frame of 640x360 take, compared with other denoisers?

The ffmpeg program reads planar YUV 4:4:4 from a file and discards its output; the time of a run with the
filter `null` is subtracted. vdcore works on red, green and blue; its optical flow is included.
"""

import functools
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import replace
from itertools import cycle, islice
from pathlib import Path
from time import perf_counter

import cv2
import numpy as np

import vdcore

from ..common.clips import add_noise
from ..common.peers import TINY
from ..common.results import Answer, Options, Row
from ..common.timing import interleave, processor_time, usable_processors
from .footage import synthetic_clip
from .ours import PRESETS, pusher
from .peers import FFMPEG, opencv_frame

SIZE = (360, 640)
NOISE = 20
STORED = 8  # frames
OURS = 16  # frames per call
SLOW = ("nlmeans", "fftdnoiz")
LOOPS, SLOW_LOOPS = 25, 2  # over the stored frames
OPENCV = "OpenCV NLM"
NAMES = {
    "hqdn3d": "ffmpeg hqdn3d",
    "nlmeans": "ffmpeg nlmeans (p=5, r=11)",
    OPENCV: "OpenCV fastNlMeansDenoisingColoredMulti (5 frames, 5, 15)",
}


def ffmpeg_on(program: str, file: Path, size: tuple[int, int], threads: int) -> Callable[[str, int], None]:
    """Return a function of filters and loops that runs the program on a file of YUV 4:4:4."""
    source = ["-f", "rawvideo", "-pix_fmt", "yuv444p", "-s", f"{size[1]}x{size[0]}", "-i", str(file)]
    sink = ["-filter_threads", f"{threads}", "-threads", f"{threads}", "-f", "null", "-"]

    def run(filters: str, loops: int) -> None:
        loop = ["-threads", f"{threads}", "-stream_loop", f"{loops - 1}"]
        command = [program, "-v", "error", "-nostdin", *loop, *source, "-vf", filters, *sink]
        subprocess.run(command, check=True)

    return run


def seconds_per_frame(threads: int, *, tiny: bool) -> dict[str, float]:
    """Return the median seconds per frame of each installed denoiser, interleaved."""
    size = TINY if tiny else SIZE
    noisy = add_noise(synthetic_clip(size, STORED).frames, NOISE)
    pictures = [np.ascontiguousarray(frame[..., ::-1]) for frame in noisy]
    pushers = {preset: pusher(preset, NOISE, threads) for preset in PRESETS}
    ours = 2 if tiny else OURS

    def push(preset: str) -> None:
        for frame in islice(cycle(noisy), ours):
            pushers[preset](frame)

    functions: dict[str, Callable[[], object]] = {name: functools.partial(push, name) for name in PRESETS}
    functions[OPENCV] = lambda: opencv_frame(pictures, STORED // 2, 0.5 * NOISE)
    frames = {**dict.fromkeys(PRESETS, ours), OPENCV: 1}
    loops = dict.fromkeys(filter_.__name__ for filter_ in FFMPEG) if shutil.which("ffmpeg") else {}
    loops = {name: 1 if tiny else SLOW_LOOPS if name in SLOW else LOOPS for name in loops}
    with tempfile.TemporaryDirectory() as scratch:
        file = Path(scratch, "noisy.yuv")
        file.write_bytes(
            b"".join(cv2.cvtColor(f, cv2.COLOR_RGB2YUV).transpose(2, 0, 1).tobytes() for f in noisy)
        )
        ffmpeg = ffmpeg_on(shutil.which("ffmpeg") or "", file, size, threads)
        for filter_, settings in FFMPEG.items():
            if filter_.__name__ in loops:
                text, times = filter_(NOISE, *settings[0]), loops[filter_.__name__]
                functions[filter_.__name__] = functools.partial(ffmpeg, text, times)
                functions[f"null {times}"] = functools.partial(ffmpeg, "null", times)
        cv2.setNumThreads(threads)
        try:
            clock = processor_time if threads == 1 else perf_counter
            taken = interleave(functions, tiny=tiny, seconds=60, clock=clock)
        finally:
            cv2.setNumThreads(1)
    for name, times in loops.items():
        taken[name] -= taken[f"null {times}"]
        frames[name] = STORED * times
    return {name: taken[name] / count for name, count in frames.items()}


def comparisons(taken: dict[str, float], threads: int) -> list[Row]:
    """Rows from the times of one frame."""
    runs_on = f"{vdcore.build_info()['instruction_set']}, {threads} thread{'s' * (threads > 1)}"
    rows = []
    for preset, peer, short, target in (
        ("balanced", OPENCV, "nlm", 20),
        ("balanced", "nlmeans", "nlmeans", 2),
        ("fast", "hqdn3d", "hqdn3d", 4),
    ):
        work, place = f"`{preset}`, 640x360 colour", f"denoise_speed.{preset}_{short}_{threads}"
        make = Row.slower if preset == "fast" else Row.faster
        if peer not in taken:
            limit = f"at {'most' if preset == 'fast' else 'least'} {target} x"
            rows.append(Row(work, NAMES[peer], runs_on, "no ffmpeg program found", limit))
            continue
        ratio = taken[preset] / taken[peer]
        row = make(place, work, NAMES[peer], runs_on, ratio if preset == "fast" else 1 / ratio, target)
        rows.append(replace(row, figure=row.figure | {"threads": threads}))
    return rows


def run(options: Options) -> Answer:
    counts = sorted({1, usable_processors()})
    return Answer(
        [
            row
            for threads in counts
            for row in comparisons(seconds_per_frame(threads, tiny=options.tiny), threads)
        ]
    )
