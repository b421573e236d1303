# SPDX-License-Identifier: Apache-2.0
"""From file to file through OpenCV: how much memory does the filter take, and does it grow with the video?

Each figure is the peak resident memory of a separate process, in float32 frames.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

from ..common.clips import HD, make_clip
from ..common.peers import TAU, TINY
from ..common.results import Answer, Options, Row

LOOKAHEAD = 8
PROGRAM = """
import sys, warnings, vdcore
from vdcore.video import PassThrough, filter_video

warnings.simplefilter("ignore")
path, out, *options = sys.argv[1:]
if options:
    sigma, tau, lookahead = options
    vdcore.diffuse_video(
        path, out, sigma=float(sigma), tau=float(tau), lookahead=int(lookahead), backend="opencv"
    )
else:
    filter_video(path, out, lambda info: PassThrough(), backend="opencv")
for line in open("/proc/self/status"):
    if line.startswith("VmHWM"):
        print(line.split()[1])
"""


def peak_bytes(clip: Path, *options: float) -> int:
    """Return the peak of diffuse_video with sigma, tau and lookahead; without them, of a pass-through."""
    out = clip.with_name("out.mp4")
    command = [sys.executable, "-c", PROGRAM, str(clip), str(out), *map(str, options)]
    return 1024 * int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def run(options: Options) -> Answer:
    size, length = (TINY, 10) if options.tiny else (HD, 50)
    work = f"memory, 720p through OpenCV, {length} frames"
    peer = "the same pipeline without a filter"
    if not Path("/proc/self/status").exists():
        return Answer([Row(work, peer, "", "needs Linux's /proc")])
    frame_bytes = size[0] * size[1] * 3 * 4
    with tempfile.TemporaryDirectory() as scratch:
        short = make_clip(Path(scratch, "short.mp4"), size, length)
        long = make_clip(Path(scratch, "long.mp4"), size, 4 * length)
        passing = peak_bytes(short)
        small, large = peak_bytes(short, 2, TAU, 0), peak_bytes(short, 20, TAU, 0)
        ahead, grown = peak_bytes(short, 2, TAU, LOOKAHEAD), peak_bytes(long, 2, TAU, 0)

    def row(work: str, peer: str, extra_bytes: int, target: int) -> Row:
        frames = extra_bytes / frame_bytes
        result = f"{frames:.2g} float32 frames more"
        return Row(work, peer, "", result, f"at most {target}", frames <= target)

    return Answer(
        [
            row(f"{work}, sigma 2", peer, small - passing, 12),
            row(f"{work}, sigma 20", peer, large - passing, 12),
            row(f"{work}, sigma 2, lookahead {LOOKAHEAD}", peer, ahead - passing, 12 + LOOKAHEAD),
            row(f"memory, 720p through OpenCV, {4 * length} frames", f"{length} frames", grown - small, 1),
        ]
    )
