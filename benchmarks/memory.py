# SPDX-License-Identifier: Apache-2.0
"""From file to file through OpenCV: how much memory does the filter take, does it grow with the video?

Each figure is the peak of the resident memory of a process of its own, counted in float32 frames.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

from .clips import HD, make_clip
from .contestants import TAU, TINY
from .timing import Row

LOOKAHEAD = 8
PROGRAM = """
import sys, warnings, vdcore
from vdcore.video import PassThrough, filter_video

warnings.simplefilter("ignore")
path, out, *options = sys.argv[1:]
if options:
    sigma, tau, lookahead = options
    vdcore.diffuse_video(path, out, float(sigma), float(tau), lookahead=int(lookahead), backend="opencv")
else:
    filter_video(path, out, lambda info: PassThrough(), backend="opencv")
for line in open("/proc/self/status"):
    if line.startswith("VmHWM"):
        print(line.split()[1])
"""


def peak_bytes(clip: Path, *options: float) -> int:
    """Peak of diffuse_video with the options sigma, tau and lookahead, or without any of a pass-through."""
    out = clip.with_name("out.mp4")
    command = [sys.executable, "-c", PROGRAM, str(clip), str(out), *map(str, options)]
    return 1024 * int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def run(tiny: bool, folder: Path) -> list[Row]:
    size, length = (TINY, 10) if tiny else (HD, 50)
    work = f"memory, 720p file to file, {length} frames"
    against = "the same pipeline with a pass-through"
    if not Path("/proc/self/status").exists():
        return [Row(work, against, "", "needs Linux' /proc")]
    frame_bytes = size[0] * size[1] * 3 * 4
    with tempfile.TemporaryDirectory() as scratch:
        short = make_clip(Path(scratch, "short.mp4"), size, length)
        long = make_clip(Path(scratch, "long.mp4"), size, 4 * length)
        passing = peak_bytes(short)
        small, large = peak_bytes(short, 2, TAU, 0), peak_bytes(short, 20, TAU, 0)
        ahead, grown = peak_bytes(short, 2, TAU, LOOKAHEAD), peak_bytes(long, 2, TAU, 0)

    def row(work: str, against: str, extra_bytes: int, at_most: int) -> Row:
        frames = extra_bytes / frame_bytes
        return Row(
            work, against, "", f"{frames:.2g} float32 frames more", f"at most {at_most}", frames <= at_most
        )

    return [
        row(f"{work}, sigma 2", against, small - passing, 12),
        row(f"{work}, sigma 20", against, large - passing, 12),
        row(f"{work}, sigma 2, lookahead {LOOKAHEAD}", against, ahead - passing, 12 + LOOKAHEAD),
        row(f"memory, 720p file to file, {4 * length} frames, sigma 2", f"{length} frames", grown - small, 1),
    ]
