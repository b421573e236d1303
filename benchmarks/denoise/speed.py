# SPDX-License-Identifier: Apache-2.0
"""How much time does a frame of 640x360 take, beside others?

The ffmpeg program reads planar YUV 4:4:4 from a file and throws its output away; a run with the filter `null`
is taken off. Ours works on red, green and blue, the flow included.
"""

import functools
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from itertools import cycle, islice
from pathlib import Path
from time import perf_counter

import cv2
import numpy as np

import vdcore

from ..against_hqdn3d import processor_time
from ..contestants import TINY
from ..noise_estimation import add_noise
from ..timing import Row, interleave, usable_processors
from .footage import made_clip
from .ours import PRESETS, pusher
from .peers import FFMPEG, opencv_frame

SIZE = (360, 640)
NOISE = 20
STORED = 8  # frames
OURS = 16  # frames for one figure
SLOW = ("nlmeans", "fftdnoiz")
LOOPS, SLOW_LOOPS = 25, 2  # through the stored frames
OPENCV = "OpenCV NLM"
NAMES = {
    "hqdn3d": "ffmpeg hqdn3d, less a null filter run",
    "nlmeans": "ffmpeg nlmeans (p=5, r=11), less a null filter run",
    OPENCV: "cv2.fastNlMeansDenoisingColoredMulti (5 frames, 5, 15)",
}


def ffmpeg_on(program: str, file: Path, size: tuple[int, int], threads: int) -> Callable[[str, int], None]:
    """A function of filters and loops that runs the program on a file of YUV 4:4:4."""
    source = ["-f", "rawvideo", "-pix_fmt", "yuv444p", "-s", f"{size[1]}x{size[0]}", "-i", str(file)]
    sink = ["-filter_threads", f"{threads}", "-threads", f"{threads}", "-f", "null", "-"]

    def run(filters: str, loops: int) -> None:
        loop = ["-threads", f"{threads}", "-stream_loop", f"{loops - 1}"]
        command = [program, "-v", "error", "-nostdin", *loop, *source, "-vf", filters, *sink]
        subprocess.run(command, check=True)

    return run


def seconds_a_frame(threads: int, *, tiny: bool) -> dict[str, float]:
    """Median seconds that each denoiser takes for a frame, by turns; peers not installed are left out."""
    size = TINY if tiny else SIZE
    noisy = add_noise(made_clip(size, STORED).frames, NOISE)
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
    """The rows of the speed table from the times of one frame."""
    runs_on = f"{vdcore.build_info()['instruction_set']}, {threads} thread{'s' * (threads > 1)}"
    balanced, fast = (f"640x360 colour, `{preset}`" for preset in ("balanced", "fast"))
    rows = []
    for peer, wanted in (OPENCV, 20), ("nlmeans", 2):
        if peer in taken:
            rows.append(Row.faster(balanced, NAMES[peer], runs_on, taken[peer] / taken["balanced"], wanted))
    if "hqdn3d" in taken:
        rows.append(Row.slower(fast, NAMES["hqdn3d"], runs_on, taken["fast"] / taken["hqdn3d"], 4))
        return rows
    missing = "no ffmpeg program found"
    rows.append(Row(balanced, NAMES["nlmeans"], runs_on, missing, "at least 2 x"))
    return [*rows, Row(fast, NAMES["hqdn3d"], runs_on, missing, "at most 4 x")]


def speed(*, tiny: bool) -> tuple[dict[str, float], list[Row]]:
    """Seconds of a frame on one thread, and the rows for one thread and for all processors."""
    alone = seconds_a_frame(1, tiny=tiny)
    rows = comparisons(alone, 1)
    if (processors := usable_processors()) > 1:
        rows += comparisons(seconds_a_frame(processors, tiny=tiny), processors)
    return alone, rows
