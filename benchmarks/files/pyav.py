# SPDX-License-Identifier: Apache-2.0
"""Through PyAV, H.264 to H.264: is the filter cheaper than FFmpeg's hqdn3d, and what is its share?

Does the memory grow over half an hour of 1080p? That video repeats one short clip.
"""

import shutil
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Callable
from fractions import Fraction
from importlib.util import find_spec
from pathlib import Path
from time import perf_counter

import vdcore
from vdcore.video import PassThrough, filter_video, write_frames

from ..common.clips import HD, REAL_HD, make_clip
from ..common.peers import FULL_HD, TAU, TINY, random_frame
from ..common.results import Answer, Options, Row, rounded
from ..common.timing import interleave, usable_processors

WORK = "720p H.264 through PyAV"
PEER = "the same pipeline without a filter, plus the time of hqdn3d"
SIGMA = 2
HALF_AN_HOUR = 30 * 60 * 25  # frames
MAX_MEMORY, MAX_GROWTH = 600, 30  # MB
MAX_SHARE = 0.1
PROGRAM = """
import sys, warnings, vdcore

warnings.simplefilter("ignore")
path, out, preset = sys.argv[1:]
vdcore.diffuse_video(path, out, sigma=2, tau=3, backend="pyav", codec="h264", encoder_preset=preset)
for line in open("/proc/self/status"):
    if line.startswith("VmHWM"):
        print(line.split()[1])
"""


def time_of(clip: Path, scratch: Path, *, tiny: bool) -> Answer:
    """The time compared with that of hqdn3d, and the filter's share of it."""
    threads = usable_processors()
    out = scratch / "out.mp4"
    shares: list[float] = []

    def ours() -> None:
        report = vdcore.diffuse_video(clip, out, sigma=SIGMA, tau=TAU, backend="pyav", codec="h264")
        shares.append(report.filter_seconds / report.seconds)

    functions: dict[str, Callable[[], object]] = {
        "pass": lambda: filter_video(clip, out, lambda info: PassThrough(), backend="pyav", codec="h264"),
        "ours": ours,
    }
    program = shutil.which("ffmpeg")
    if program is not None:
        sink = ["-threads", f"{threads}", "-filter_threads", f"{threads}", "-f", "null", "-"]
        for name in ("hqdn3d", "null"):
            command = [program, "-v", "error", "-nostdin", "-i", str(clip), "-vf", name, *sink]
            functions[name] = lambda command=command: subprocess.run(command, check=True)
    times = interleave(functions, tiny=tiny, rounds=3, clock=perf_counter)
    runs_on = f"{vdcore.build_info()['instruction_set']}, {threads} processors, default threads"
    share = sorted(shares)[len(shares) // 2]
    percent = rounded(100 * share)
    rows = [
        Row(
            f"{WORK}, the filter", "all of the time", runs_on, f"{percent} %", "under 10 %", share < MAX_SHARE
        )
    ]
    figures = {"files.filter_share": percent}
    if program is None:
        missing = Row(WORK, PEER, runs_on, "no ffmpeg program found", "at most 1 x")
        return Answer([missing, *rows], figures=figures)
    theirs = times["pass"] + times["hqdn3d"] - times["null"]
    ratio = times["ours"] / theirs
    row = Row.slower("files.pyav", f"{WORK}, sigma {SIGMA}", PEER, runs_on, ratio, 1)
    return Answer([row, *rows], figures=figures)


def repeated(path: Path, size: tuple[int, int], frames: int, total: int) -> Path:
    """Write a clip that repeats the packets of a short one."""
    import av

    short = path.with_name("short.mp4")
    noise = random_frame((size[0], size[1] + frames))
    pictures = (noise[:, i : i + size[1]] // 8 + 100 for i in range(frames))
    write_frames(short, pictures, 25, backend="pyav", codec="libx264", encoder_preset="ultrafast")
    with av.open(str(short)) as source, av.open(str(path), "w") as target:
        copy = target.add_stream_from_template(source.streams.video[0], opaque=True)
        packets = [p for p in source.demux(video=0) if p.size]
        data = [(bytes(p), p.is_keyframe) for p in packets]
        for index in range(total):
            samples, key = data[index % len(data)]
            packet = av.Packet(samples)
            packet.pts = packet.dts = index
            packet.time_base, packet.is_keyframe, packet.stream = Fraction(1, 25), key, copy
            target.mux(packet)
    return path


def memory_of(scratch: Path, *, tiny: bool) -> Answer:
    """Peak of a separate process over half an hour, and how much more that is than over two minutes."""
    size, total = (TINY, 40) if tiny else (FULL_HD, HALF_AN_HOUR)
    work = f"memory, 1080p through PyAV, {total} frames"
    if not Path("/proc/self/status").exists():
        return Answer([Row(work, "", "", "needs Linux's /proc")])

    def peak(frames: int) -> float:
        clip = repeated(scratch / "long.mp4", size, 20 if tiny else 50, frames)
        command = [sys.executable, "-c", PROGRAM, str(clip), str(scratch / "out.mp4"), "ultrafast"]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        return int(done.stdout) / 1024

    short, long = peak(total // 15), peak(total)
    more = long - short
    rows = [
        Row(work, "", "", f"{long:.0f} MB", f"under {MAX_MEMORY} MB", long < MAX_MEMORY),
        Row(work, f"{total // 15} frames", "", f"{more:+.0f} MB", "flat", more < MAX_GROWTH),
    ]
    return Answer(rows, figures={"files.memory_mb": round(long), "files.memory_growth_mb": round(more)})


def run(options: Options) -> Answer:
    tiny = options.tiny
    if find_spec("av") is None:
        return Answer([Row(WORK, PEER, "", "PyAV is not installed")])
    with tempfile.TemporaryDirectory() as scratch, warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # the raw stream has no time stamps
        if REAL_HD.exists() and not tiny:
            clip = REAL_HD
        else:
            clip = make_clip(Path(scratch, "clip.mp4"), TINY if tiny else HD, 10 if tiny else 300)
        answers = time_of(clip, Path(scratch), tiny=tiny), memory_of(Path(scratch), tiny=tiny)
    rows, figures = [row for each in answers for row in each.rows], [each.figures for each in answers]
    return Answer(rows, figures={**figures[0], **figures[1]})
