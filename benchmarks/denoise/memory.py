# SPDX-License-Identifier: Apache-2.0
"""Does the memory of the denoiser grow with the length of the video?

The peak resident memory of a separate process, which makes its frames one by one.
"""

import subprocess
import sys
from pathlib import Path

from ..common.peers import TINY
from ..common.results import Answer, Options, Row
from .speed import SIZE

LENGTH = 100  # frames, compared with four times as many
PROGRAM = """
import sys, numpy as np, vdcore

height, width, frames, preset, lookahead = *map(int, sys.argv[1:4]), sys.argv[4], int(sys.argv[5])
rng = np.random.default_rng(1)
picture = rng.normal(128, 20, (height, width, 3)).clip(0, 255).astype(np.uint8)
denoiser = vdcore.Denoiser(preset=preset, lookahead=lookahead)
for index in range(frames):
    denoiser(np.roll(picture, index, axis=1))
for line in open("/proc/self/status"):
    if line.startswith("VmHWM"):
        print(line.split()[1])
"""


def peak_bytes(size: tuple[int, int], frames: int, preset: str, lookahead: int) -> int:
    """Return the peak of a process that denoises this many colour frames."""
    command = [sys.executable, "-c", PROGRAM, *map(str, (*size, frames, preset, lookahead))]
    return 1024 * int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def run(options: Options) -> Answer:
    size, length = (TINY, 4) if options.tiny else (SIZE, LENGTH)
    peer = f"{length} frames"
    if not Path("/proc/self/status").exists():
        return Answer([Row("memory", peer, "", "needs Linux's /proc")])
    rows = []
    for preset, lookahead in ("fast", 0), ("balanced", 0), ("balanced", 2):
        more = peak_bytes(size, 4 * length, preset, lookahead) - peak_bytes(size, length, preset, lookahead)
        frames = more / (3 * size[0] * size[1])
        work = f"memory, {size[1]}x{size[0]} colour, {4 * length} frames, `{preset}`, lookahead {lookahead}"
        rows.append(Row(work, peer, "", f"{frames:.2g} frames more", "at most 2 (flat)", frames <= 2))
    return Answer(rows)
