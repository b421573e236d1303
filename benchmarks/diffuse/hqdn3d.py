# SPDX-License-Identifier: Apache-2.0
"""How much faster than FFmpeg's spatio-temporal denoiser hqdn3d on planar video?

The ffmpeg program reads raw video from a file and discards its output. The time of a run with the filter
`null`, which reads the same file, is subtracted. vdcore filters as many frames with one diffuser per plane.
"""

import shutil
import subprocess
import tempfile

from ..common.peers import FULL_HD, Ours, random_planes
from ..common.results import Answer, Options, Row
from ..common.timing import interleave, processor_time, sequence

PLACE, WORK = "diffuse.hqdn3d_2", "1080p 8-bit planar 4:2:0, sigma 2"
PEER = "ffmpeg hqdn3d"
STORED, LOOPS = 6, 8
TARGET = 4


def run(options: Options) -> Answer:
    planes = random_planes(FULL_HD, tiny=options.tiny)
    height, width = planes[0].shape
    ours = [Ours(plane, 2) for plane in planes]
    program = shutil.which("ffmpeg")
    if program is None:
        return Answer([Row(WORK, PEER, str(ours[0]), "no ffmpeg program found", f"at least {TARGET} x")])
    loops = 1 if options.tiny else LOOPS
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
            "ours": sequence(ours * (STORED * loops)),
        }
        times = interleave(functions, tiny=options.tiny, seconds=8, clock=processor_time)
    ratio = (times["hqdn3d"] - times["null"]) / times["ours"]
    return Answer([Row.faster(PLACE, WORK, PEER, str(ours[0]), ratio, TARGET)])
