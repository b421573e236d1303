# SPDX-License-Identifier: Apache-2.0
"""The video layer: the same bits as on arrays, containers, codecs, rates, sizes; the report."""

import os
import subprocess
import sys
from contextlib import closing

import numpy as np
import pytest

import vdcore
from helpers.support import label
from helpers.videos import (
    diffuse_quietly,
    each_backend,
    frame_rate,
    make_frames,
    only_opencv,
    read_video,
    write_bottom_up_avi,
    write_video,
    write_y4m,
)
from vdcore import video
from vdcore.video.backends import opencv

SHAPE = (48, 64, 3)


SOFT_MASK = np.clip(np.linspace(-1, 2, 64, dtype=np.float32), 0, 1) * np.ones((48, 1), np.float32)


HALF = np.zeros(SHAPE[:2], np.uint8)


HALF[:, 20:] = 255


# ---- the same as on arrays


@pytest.mark.parametrize("shape", [SHAPE, SHAPE[:2]], ids=["colour", "grey"])
@pytest.mark.parametrize(
    "keywords",
    [
        {},
        {"lookahead": 2},
        {"dither": "ordered"},
        {"boundary": "nearest", "truncate": 3.0, "threads": 2},
        {"region": (10, 8, 30, 20)},
        {"region": SOFT_MASK, "lookahead": 3},
        {"region": lambda index, seconds: (index, 0, 20, 20) if index % 2 else None},
        {"confidence": HALF, "fill": 7.0},
        {"confidence": HALF, "region": 255 - HALF, "lookahead": 1},
        {"start": 2, "stop": 6},
        {"start": 3, "stop": 7, "lookahead": 2, "region": (0, 0, 32, 48)},
        {"start": 2, "lookahead": 20},
        {"stop": 0},
        {"time_unit": "seconds"},
        {"time_unit": "seconds", "start": 0.08, "stop": 0.2},
    ],
    ids=label,
)
def test_lossless_file_equals_array(tmp_path, backend, shape, keywords):
    frames = make_frames(8, shape)
    write_video(tmp_path / "in.mkv", frames)
    tau = 0.1 if "time_unit" in keywords else 2.5
    report = diffuse_quietly(tmp_path / "in.mkv", tmp_path / "out.mkv", 1.5, tau, **keywords)
    times = {"times": np.arange(8) / 25} if "time_unit" in keywords else {}
    expected = vdcore.diffuse(frames, 1.5, tau, **keywords, **times)
    if len(shape) == 2:
        expected = np.repeat(expected[..., None], 3, axis=3)
    np.testing.assert_array_equal(read_video(tmp_path / "out.mkv"), expected)
    assert (report.frames, report.channels) == (8, 3 if len(shape) == 3 else 1)
    assert report.backend == backend


def test_backend_can_be_chosen(tmp_path):
    pytest.importorskip("av")
    frames = make_frames()
    write_video(tmp_path / "in.mkv", frames)
    expected = vdcore.diffuse(frames, 1, 2)
    for chosen, found in (("auto", "pyav"), ("pyav", "pyav"), ("opencv", "opencv")):
        assert video.read_info(tmp_path / "in.mkv", backend=chosen).backend == found
        np.testing.assert_array_equal(
            list(video.read_frames(tmp_path / "in.mkv", backend=chosen)), frames[..., ::-1]
        )
        report = diffuse_quietly(tmp_path / "in.mkv", tmp_path / "out.mkv", 1, 2, backend=chosen)
        assert report.backend == found
        np.testing.assert_array_equal(read_video(tmp_path / "out.mkv"), expected)


@only_opencv
def test_backend_that_is_not_installed(tmp_path):
    write_video(tmp_path / "in.mkv", make_frames())
    with pytest.raises(ImportError, match=r'pip install "vdcore\[av\]"'):
        vdcore.diffuse_video(tmp_path / "in.mkv", tmp_path / "out.mkv", 1, 1, backend="pyav")
    assert os.listdir(tmp_path) == ["in.mkv"]


@each_backend
def test_one_region_per_frame(tmp_path):
    frames = make_frames()
    write_video(tmp_path / "in.mkv", frames)
    regions = [(i, 0, 10, 48) for i in range(8)]
    diffuse_quietly(tmp_path / "in.mkv", tmp_path / "out.mkv", 2, 1, region=iter(regions))
    expected = vdcore.diffuse(frames, 2, 1, region=regions)
    np.testing.assert_array_equal(read_video(tmp_path / "out.mkv"), expected)


@each_backend
@pytest.mark.parametrize("lookahead", [0, 2])
def test_raw_mode_is_scaled_rounded_and_clipped(tmp_path, lookahead):
    frames = make_frames()
    write_video(tmp_path / "in.mkv", frames)
    keywords = {"normalize": False, "lookahead": lookahead}
    sums = vdcore.diffuse(frames, 1, 2, **keywords)
    gain = 200 / float(sums.mean())
    diffuse_quietly(tmp_path / "in.mkv", tmp_path / "out.mkv", 1, 2, gain=gain, **keywords)
    expected = np.clip(np.rint(sums * np.float32(gain)), 0, 255)
    assert expected.max() == 255 and expected.min() < 200  # some clipped, not all
    np.testing.assert_array_equal(read_video(tmp_path / "out.mkv"), expected)


# ---- containers, codecs, rates, sizes


@only_opencv
@pytest.mark.parametrize(
    "suffix, codec, default",
    [
        (".avi", None, "XVID"),
        (".mp4", None, "mp4v"),
        (".MOV", None, "mp4v"),
        (".mkv", None, "FFV1"),
        (".webm", None, "VP90"),
        (".avi", "MJPG", "MJPG"),
        (".mkv", "XVID", "XVID"),
        (".webm", "VP80", "VP80"),
    ],
)
@pytest.mark.parametrize("shape", [SHAPE, SHAPE[:2]], ids=["colour", "grey"])
def test_containers_and_codecs(tmp_path, suffix, codec, default, shape):
    frames = make_frames(5, shape)
    write_video(tmp_path / "in.mkv", frames, fps=12.5)
    out = tmp_path / f"out{suffix}"
    report = diffuse_quietly(tmp_path / "in.mkv", out, 0, 0, codec=codec)
    assert (report.codec, report.frames, report.fps, report.path) == (default, 5, 12.5, out)
    result = read_video(out)
    assert result.shape == (5, 48, 64, 3)
    assert np.abs(result.mean(axis=(1, 2, 3)) - frames.reshape(5, -1).mean(axis=1)).max() < 4
    assert abs(frame_rate(out) - 12.5) < 1e-4


@pytest.mark.parametrize("suffix", [".avi", ".mp4", ".mkv", ".webm"])
@pytest.mark.parametrize("fps", ["30000:1001", "24000:1001", "60000:1001", "15:1", "25:2"])
def test_frame_rate_is_kept(tmp_path, backend, fps, suffix):
    write_y4m(tmp_path / "in.y4m", make_frames(4, SHAPE[:2]), fps)
    report = diffuse_quietly(tmp_path / "in.y4m", tmp_path / f"out{suffix}", 0, 0)
    numerator, denominator = map(int, fps.split(":"))
    assert report.fps == numerator / denominator
    assert abs(frame_rate(tmp_path / f"out{suffix}") - report.fps) < 1e-4
    if backend == "pyav":
        assert video.read_info(tmp_path / f"out{suffix}").fps == report.fps


@only_opencv
def test_lower_quality_is_a_smaller_file(tmp_path):
    write_video(tmp_path / "in.mkv", make_frames(4), fps=25)
    sizes = []
    for quality in (10, 95):
        diffuse_quietly(tmp_path / "in.mkv", tmp_path / "out.avi", 0, 0, codec="MJPG", quality=quality)
        sizes.append((tmp_path / "out.avi").stat().st_size)
        assert len(read_video(tmp_path / "out.avi")) == 4
    assert sizes[1] > 1.5 * sizes[0]


@only_opencv
def test_odd_sizes_lose_their_last_row_and_column_and_say_so(tmp_path):
    frames = make_frames(4, (48, 64))
    write_bottom_up_avi(tmp_path / "in.avi", np.repeat(frames[:, :47, :63, None], 3, axis=3))
    with pytest.warns(UserWarning, match=r"last column or row \(OpenCV writes 62x46\)"):
        report = vdcore.diffuse_video(tmp_path / "in.avi", tmp_path / "out.mkv", 0, 0)
    assert (report.width, report.height) == (62, 46)
    np.testing.assert_array_equal(read_video(tmp_path / "out.mkv")[..., 0], frames[:, :46, :62])


@pytest.mark.parametrize("width", [64, 62, 61])
def test_bottom_up_uncompressed_avi(tmp_path, backend, width):
    """OpenCV 5.0 corrupts its memory when it converts these."""
    frames = make_frames(4, (48, width, 3))
    path = write_bottom_up_avi(tmp_path / "in.avi", frames)
    with closing(opencv.OpenCVReader(path)) as reader:
        assert reader._bottom_up
    assert not video.is_cut_short(path)
    report = diffuse_quietly(path, tmp_path / "out.mkv", 0, 0, codec="FFV1")
    assert (report.frames, report.fps, report.ended_early) == (4, 15.0, False)
    expected = frames if backend == "pyav" else frames[:, :, : width // 2 * 2]
    np.testing.assert_array_equal(read_video(tmp_path / "out.mkv"), expected)


@each_backend
def test_video_of_one_frame(tmp_path):
    write_video(tmp_path / "in.avi", make_frames(1))
    assert diffuse_quietly(tmp_path / "in.avi", tmp_path / "out.avi", 1, 1, lookahead=3).frames == 1


# ---- the output file


@each_backend
def test_existing_output_is_replaced_and_nothing_else_is_left(tmp_path):
    write_video(tmp_path / "in.mkv", make_frames())
    (tmp_path / "out.mkv").write_bytes(b"old")
    diffuse_quietly(tmp_path / "in.mkv", tmp_path / "out.mkv", 1, 1)
    assert len(read_video(tmp_path / "out.mkv")) == 8
    assert sorted(os.listdir(tmp_path)) == ["in.mkv", "out.mkv"]


@each_backend
def test_link_to_the_output_stays_a_link(tmp_path):
    write_video(tmp_path / "in.mkv", make_frames())
    (tmp_path / "link.mkv").symlink_to(tmp_path / "real.mkv")
    diffuse_quietly(tmp_path / "in.mkv", tmp_path / "link.mkv", 1, 1)
    assert (tmp_path / "link.mkv").is_symlink()
    assert len(read_video(tmp_path / "real.mkv")) == 8


@each_backend
def test_paths_may_be_relative_strings(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_video(tmp_path / "in %03d é.mkv", make_frames())
    assert diffuse_quietly("in %03d é.mkv", "out é.mkv", 1, 1).frames == 8
    assert (tmp_path / "out é.mkv").exists()


# ---- report and progress


def test_report_says_what_was_done(tmp_path, backend):
    write_video(tmp_path / "in.avi", make_frames())
    report = diffuse_quietly(tmp_path / "in.avi", tmp_path / "out.avi", 1, 1)
    assert (report.width, report.height, report.frames, report.announced_frames) == (64, 48, 8, 8)
    assert (report.backend, report.pixel_format) == (backend, "bgra" if backend == "pyav" else "")
    assert (report.decode_errors, report.repaired_frames) == (0, 0)
    assert not report.ended_early
    for seconds in (report.decode_seconds, report.filter_seconds, report.encode_seconds):
        assert 0 < seconds < report.seconds


@each_backend
def test_progress_goes_to_stderr(tmp_path, capsys):
    write_video(tmp_path / "in.avi", make_frames())
    diffuse_quietly(tmp_path / "in.avi", tmp_path / "out.avi", 1, 1)
    assert capsys.readouterr().err == ""
    diffuse_quietly(tmp_path / "in.avi", tmp_path / "out.avi", 1, 1, progress=True)
    assert "8/8" in capsys.readouterr().err


@each_backend
def test_codecs_are_quiet(tmp_path, capfd):
    write_video(tmp_path / "in.avi", make_frames())
    capfd.readouterr()
    diffuse_quietly(tmp_path / "in.avi", tmp_path / "out.webm", 0, 0)
    assert capfd.readouterr() == ("", "")


def test_everything_works_where_pyav_is_not_installed(tmp_path):
    """The extras are missing for real, as after a plain installation."""
    write_video(tmp_path / "in.mkv", make_frames(4))
    program = """
import sys

class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("av", "tifffile", "matplotlib", "scipy"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Missing())
import importlib.util
find_spec = importlib.util.find_spec
importlib.util.find_spec = lambda name, package=None: None if name == "av" else find_spec(name, package)
import numpy as np
import vdcore
from vdcore.video import read_frames, read_info, write_frames

report = vdcore.diffuse_video("in.mkv", "out.mp4", 1, 2)
assert report.backend == read_info("out.mp4").backend == "opencv", report
vdcore.denoise_video("in.mkv", "clean.mkv")
write_frames("again.avi", read_frames("clean.mkv"), 25)
vdcore.diffuse_video(np.zeros((3, 8, 8), np.uint8), "stack.npy", 1, 2)
assert vdcore.compare("in.mkv", "clean.mkv", video="split.mkv").frames == 4
from vdcore.cli import main
assert main(["run", "in.mkv", "out.avi", "--sigma", "1", "--tau", "2"]) == 0
assert main(["info", "in.mkv"]) == 0
"""
    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
