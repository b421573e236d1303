# SPDX-License-Identifier: Apache-2.0
"""Through PyAV, H.264 to H.264: does the filter cost more than ffmpeg's hqdn3d does, and what is its share?

Does the memory grow over half an hour of 1080p? That clip is one short clip again and again.
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

from .clips import HD, REAL_HD, make_clip
from .contestants import FULL_HD, TAU, TINY, random_frame
from .timing import Row, interleave, usable_processors

WORK = "720p H.264 file to file through PyAV"
PEER = "the same pipeline with a pass-through, plus hqdn3d's own time (ffmpeg with it less with null)"
SIGMA = 2
HALF_AN_HOUR = 30 * 60 * 25  # frames
MOST_MEMORY = 600  # MB
PROGRAM = """
import sys, warnings, vdcore

warnings.simplefilter("ignore")
path, out, preset = sys.argv[1:]
vdcore.diffuse_video(path, out, 2, 3, backend="pyav", codec="h264", encoder_preset=preset)
for line in open("/proc/self/status"):
    if line.startswith("VmHWM"):
        print(line.split()[1])
"""


def time_rows(clip: Path, scratch: Path, *, tiny: bool) -> list[Row]:
    """The time against that of hqdn3d, and the filter's share of it."""
    threads = usable_processors()
    out = scratch / "out.mp4"
    shares: list[float] = []

    def ours() -> None:
        report = vdcore.diffuse_video(clip, out, SIGMA, TAU, backend="pyav", codec="h264")
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
    rows = [
        Row(
            f"{WORK}, the filter",
            "all of the time",
            runs_on,
            f"{100 * share:.1f} %",
            "under 10 %",
            share < 0.1,
        )
    ]
    if program is None:
        return [Row(WORK, PEER, runs_on, "no ffmpeg program found", "at most 1 x"), *rows]
    theirs = times["pass"] + times["hqdn3d"] - times["null"]
    return [Row.slower(f"{WORK}, sigma {SIGMA}", PEER, runs_on, times["ours"] / theirs, 1), *rows]


def repeated(path: Path, size: tuple[int, int], frames: int, total: int) -> Path:
    """Write a clip whose packets are those of a short one, again and again."""
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


def memory_rows(scratch: Path, *, tiny: bool) -> list[Row]:
    """Peak of a process of its own over half an hour, and what it is more than over two minutes."""
    size, total = (TINY, 40) if tiny else (FULL_HD, HALF_AN_HOUR)
    work = f"memory, 1080p through PyAV, {total} frames"
    if not Path("/proc/self/status").exists():
        return [Row(work, "", "", "needs Linux' /proc")]

    def peak(frames: int) -> float:
        clip = repeated(scratch / "long.mp4", size, 20 if tiny else 50, frames)
        command = [sys.executable, "-c", PROGRAM, str(clip), str(scratch / "out.mp4"), "ultrafast"]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        return int(done.stdout) / 1024

    short, long = peak(total // 15), peak(total)
    more = long - short
    return [
        Row(work, "", "", f"{long:.0f} MB", f"under {MOST_MEMORY} MB", None if tiny else long < MOST_MEMORY),
        Row(work, f"{total // 15} frames", "", f"{more:+.0f} MB", "flat", None if tiny else more < 30),
    ]


def run(tiny: bool, folder: Path) -> list[Row]:
    if find_spec("av") is None:
        return [Row(WORK, PEER, "", "PyAV is not installed")]
    with tempfile.TemporaryDirectory() as scratch, warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # the raw stream has no time stamps
        if REAL_HD.exists() and not tiny:
            clip = REAL_HD
        else:
            clip = make_clip(Path(scratch, "clip.mp4"), TINY if tiny else HD, 10 if tiny else 300)
        return time_rows(clip, Path(scratch), tiny=tiny) + memory_rows(Path(scratch), tiny=tiny)
