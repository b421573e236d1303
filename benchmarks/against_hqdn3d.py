# SPDX-License-Identifier: Apache-2.0
"""How much faster than ffmpeg's spatio-temporal denoiser hqdn3d on planar video?

The ffmpeg program reads raw video from a file and throws its output away. A run with the filter `null`
costs the same start and reading; the difference is the filter. Against it: three diffusers, one per
plane, on as many frames.
"""

import resource
import shutil
import subprocess
import tempfile
from pathlib import Path
from time import thread_time

from .contestants import FULL_HD, Vdcore, random_planes
from .timing import Row, in_turn, interleave

WORK = "1080p planar 4:2:0 uint8, sigma 2"
PEER = "ffmpeg hqdn3d, one thread, less a null filter run"
STORED, LOOPS = 6, 8
WANTED = 4


def processor_time() -> float:
    """Seconds of processor time that this thread and all finished child processes have used."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return thread_time() + children.ru_utime + children.ru_stime


def run(tiny: bool, folder: Path) -> list[Row]:
    planes = random_planes(FULL_HD, tiny=tiny)
    height, width = planes[0].shape
    ours = [Vdcore(plane, 2) for plane in planes]
    program = shutil.which("ffmpeg")
    if program is None:
        return [Row(WORK, PEER, str(ours[0]), "no ffmpeg program found", f"at least {WANTED} x")]
    loops = 1 if tiny else LOOPS
    with tempfile.NamedTemporaryFile(suffix=".yuv") as file:
        for _ in range(STORED):
            for plane in planes:
                file.write(plane.tobytes())
        file.flush()

        def ffmpeg(filters: str) -> None:
            source = ["-f", "rawvideo", "-pix_fmt", "yuv420p", "-s", f"{width}x{height}", "-i", file.name]
            loop = ["-threads", "1", "-stream_loop", str(loops - 1)]
            sink = ["-filter_threads", "1", "-vf", filters, "-threads", "1", "-f", "null", "-"]
            subprocess.run([program, "-v", "error", "-nostdin", *loop, *source, *sink], check=True)

        functions = {
            "hqdn3d": lambda: ffmpeg("hqdn3d"),
            "null": lambda: ffmpeg("null"),
            "ours": in_turn(ours * (STORED * loops)),
        }
        times = interleave(functions, tiny=tiny, seconds=8, clock=processor_time)
    return [Row.faster(WORK, PEER, str(ours[0]), (times["hqdn3d"] - times["null"]) / times["ours"], WANTED)]
