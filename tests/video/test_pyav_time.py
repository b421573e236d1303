# SPDX-License-Identifier: Apache-2.0
"""Through PyAV time stamps and rates stay exact, and seconds are those of the file."""

from fractions import Fraction

import av
import numpy as np
import pytest

from helpers.media import (
    by_plane,
    diffuse,
    frame_times,
    needs_ffmpeg,
    probe,
    raws,
    smooth_frames,
    stacks,
    times,
    write,
)
from helpers.pyav_files import QUICK

VARIABLE = [0, 40, 60, 200, 210, 211, 500, 1000]  # ms


@pytest.mark.parametrize(
    "suffix, codec",
    [
        (".mkv", "ffv1"),
        (".mp4", "libx264"),
        (".mov", "libx264"),
        (".mkv", "libx265"),
        (".mp4", "mpeg4"),
        (".webm", "libvpx-vp9"),
        (".ts", "libx264"),
    ],
)
@pytest.mark.parametrize("offset", [0, 2000])
def test_time_stamps(tmp_path, suffix, codec, offset):
    options = {"libx264": {"preset": "veryfast"}, "libx265": {"x265-params": "log-level=none"}}.get(codec, {})
    stamps = [offset + stamp for stamp in VARIABLE]
    source, out = tmp_path / f"in{suffix}", tmp_path / f"out{suffix}"
    write(source, smooth_frames("yuv420p", 8), codec, pts=stamps, time_base=Fraction(1, 1000), **options)
    diffuse(source, out, 1, 1)
    assert times(out) == pytest.approx(times(source), abs=1e-6)
    assert times(source)[-1] - times(source)[0] == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize("suffix", [".mkv", ".mp4"])
def test_time_stamps_that_stand_still_grow(tmp_path, suffix):
    """Two frames at one time: the later one comes a tick later, and none is lost."""
    source, out = tmp_path / "in.mkv", tmp_path / f"out{suffix}"
    write(source, smooth_frames("yuv420p", 4), pts=[0, 40, 40, 80], time_base=Fraction(1, 1000))
    assert times(source)[1] == times(source)[2]
    assert diffuse(source, out).frames == 4
    assert times(out) == [Fraction(t, 1000) for t in (0, 40, 41, 80)]


@needs_ffmpeg
@pytest.mark.parametrize("suffix", [".mkv", ".mp4"])
def test_time_stamps_for_the_program(tmp_path, suffix):
    stamps = [500 + stamp for stamp in VARIABLE]
    source, out = tmp_path / f"in{suffix}", tmp_path / f"out{suffix}"
    frames = smooth_frames("yuv420p", 8)
    write(source, frames, "libx264", pts=stamps, time_base=Fraction(1, 1000), preset="veryfast")
    diffuse(source, out, 1, 1)
    assert frame_times(out) == frame_times(source)
    before, after = probe(source), probe(out)
    assert before["format"]["start_time"] == after["format"]["start_time"]
    for key in ("start_time", "time_base", "nb_frames", "codec_name"):
        assert before["streams"][0].get(key) == after["streams"][0].get(key), key


@pytest.mark.parametrize("rate", ["24000/1001", "30000/1001", "60000/1001", "25", "15", "12.5", "120"])
@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".avi"])
def test_rates_are_exact(tmp_path, rate, suffix):
    source, out = tmp_path / f"in{suffix}", tmp_path / f"out{suffix}"
    codec = "mpeg4" if suffix == ".avi" else "libx264"
    write(source, smooth_frames("yuv420p", 5), codec, rate=Fraction(rate))
    report = diffuse(source, out)
    assert report.fps == float(Fraction(rate))
    with av.open(str(out)) as container:
        assert container.streams.video[0].average_rate == Fraction(rate)
    assert times(out) == times(source)


@pytest.mark.parametrize("suffix", [".mpg", ".mkv", ".avi", ".ts"])
@pytest.mark.parametrize("rate", ["30000/1001", "25"])
def test_rates_from_matroska(tmp_path, suffix, rate):
    """Whose time stamps are in whole milliseconds."""
    write(tmp_path / "in.mkv", smooth_frames("yuv420p", 12), rate=Fraction(rate))
    diffuse(tmp_path / "in.mkv", tmp_path / f"out{suffix}", codec="mpeg2video" if suffix != ".avi" else None)
    with av.open(str(tmp_path / f"out{suffix}")) as container:
        assert container.streams.video[0].guessed_rate == Fraction(rate)
    steps = np.diff([float(t) for t in times(tmp_path / f"out{suffix}")])
    assert steps == pytest.approx(float(1 / Fraction(rate)), abs=1.1e-3)


def test_seconds_are_those_of_the_file(tmp_path):
    source, out = tmp_path / "in.mkv", tmp_path / "out.mkv"
    frames = smooth_frames("yuv420p", 8, 32, 24)
    write(source, frames, pts=[300 + t for t in VARIABLE], time_base=Fraction(1, 1000))
    diffuse(source, out, 1, 0.1, time_unit="seconds")
    planes = stacks(source)
    expected = by_plane(planes, 1, 0.1, time_unit="seconds", times=np.array(VARIABLE) / 1000)
    for got, wanted in zip(stacks(out), expected, strict=True):
        np.testing.assert_array_equal(got, wanted)


def test_lookahead_and_seconds(tmp_path):
    source, out = tmp_path / "in.mkv", tmp_path / "out.mkv"
    write(source, smooth_frames("gray", 8, 32, 24), pts=VARIABLE, time_base=Fraction(1, 1000))
    diffuse(source, out, 1, 0.1, time_unit="seconds", lookahead=3)
    expected = by_plane(
        stacks(source), 1, 0.1, time_unit="seconds", times=np.array(VARIABLE) / 1000, lookahead=3
    )
    np.testing.assert_array_equal(stacks(out)[0], expected[0])
    assert times(out) == times(source)


@pytest.mark.parametrize(
    "start, stop, changed",
    [
        (0.2, 0.5, [3, 4, 5]),
        (0.21, None, [4, 5, 6, 7]),
        (None, 0.2, [0, 1, 2]),
        (0.201, 0.2101, [4]),
        (2, None, []),
    ],
)
def test_start_and_stop_in_seconds_from_the_first_frame(tmp_path, start, stop, changed):
    source, out = tmp_path / "in.mkv", tmp_path / "out.mkv"
    write(source, smooth_frames("yuv420p", 8), pts=[700 + t for t in VARIABLE], time_base=Fraction(1, 1000))
    diffuse(source, out, 1.5, 0.05, time_unit="seconds", start=start, stop=stop)
    before, after = raws(source), raws(out)
    assert [i for i in range(8) if before[i] != after[i]] == changed


def test_a_missing_frame_leaves_its_time(tmp_path):
    """AVI has no time stamps but empty frames."""
    frames = smooth_frames("yuv420p", 10)
    for suffix in (".mkv", ".avi", ".mp4"):
        write(tmp_path / "in.mp4", frames[:8], "libx264", pts=[0, 1, 2, 3, 6, 7, 8, 9], **QUICK)
        codec = "mpeg4" if suffix == ".avi" else None
        diffuse(tmp_path / "in.mp4", tmp_path / f"out{suffix}", codec=codec)
        found = [float(t) * 25 for t in times(tmp_path / f"out{suffix}")]
        assert [t - found[0] for t in found] == pytest.approx([0, 1, 2, 3, 6, 7, 8, 9], abs=0.03), suffix
