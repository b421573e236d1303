# SPDX-License-Identifier: Apache-2.0
"""From file to file through OpenCV: how much time does the filter add to decoding and encoding?"""

import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path
from time import perf_counter

import vdcore
from vdcore.video import PassThrough, filter_video

from ..common.clips import HD, REAL_HD, make_clip
from ..common.peers import TAU, TINY
from ..common.results import Answer, Options, Row
from ..common.timing import interleave, usable_processors

PEER = "the same pipeline without a filter"
TARGET = 1.2


def run(options: Options) -> Answer:
    tiny = options.tiny
    with tempfile.TemporaryDirectory() as scratch, warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # what the writer cannot keep does not matter here
        if REAL_HD.exists() and not tiny:
            clip = REAL_HD
        else:
            clip = make_clip(Path(scratch, "clip.mp4"), TINY if tiny else HD, 10 if tiny else 300)
        out = Path(scratch, "out.mp4")
        functions: dict[str, Callable[[], object]] = {
            "pass": lambda: filter_video(clip, out, lambda info: PassThrough(), backend="opencv"),
            "2": lambda: vdcore.diffuse_video(clip, out, sigma=2, tau=TAU, backend="opencv"),
            "20": lambda: vdcore.diffuse_video(clip, out, sigma=20, tau=TAU, backend="opencv"),
        }
        times = interleave(functions, tiny=tiny, rounds=3, clock=perf_counter)
    runs_on = f"{vdcore.build_info()['instruction_set']}, {usable_processors()} processors, default threads"
    return Answer(
        [
            Row.slower(
                f"files.opencv_{sigma}",
                f"720p through OpenCV, sigma {sigma}",
                PEER,
                runs_on,
                times[sigma] / times["pass"],
                TARGET,
            )
            for sigma in ("2", "20")
        ]
    )
