# SPDX-License-Identifier: Apache-2.0
"""From file to file through OpenCV: how much does the filter add to decoding and encoding?"""

import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path
from time import perf_counter

import vdcore
from vdcore.video import PassThrough, filter_video

from .clips import HD, REAL_HD, make_clip
from .contestants import TAU, TINY
from .timing import Row, interleave, usable_processors

PEER = "the same pipeline with a pass-through"


def run(tiny: bool, folder: Path) -> list[Row]:
    with tempfile.TemporaryDirectory() as scratch, warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # what the writer cannot keep does not matter here
        if REAL_HD.exists() and not tiny:
            clip, kind = REAL_HD, "a real clip"
        else:
            clip = make_clip(Path(scratch, "clip.mp4"), TINY if tiny else HD, 10 if tiny else 300)
            kind = "a made clip"
        out = Path(scratch, "out.mp4")
        functions: dict[str, Callable[[], object]] = {
            "pass": lambda: filter_video(clip, out, lambda info: PassThrough(), backend="opencv"),
            "2": lambda: vdcore.diffuse_video(clip, out, 2, TAU, backend="opencv"),
            "20": lambda: vdcore.diffuse_video(clip, out, 20, TAU, backend="opencv"),
        }
        times = interleave(functions, tiny=tiny, rounds=3, clock=perf_counter)
    runs_on = f"{vdcore.build_info()['instruction_set']}, {usable_processors()} processors, default threads"
    return [
        Row.slower(
            f"720p file to file, {kind}, sigma {sigma}", PEER, runs_on, times[sigma] / times["pass"], 1.2
        )
        for sigma in ("2", "20")
    ]
