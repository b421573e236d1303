# SPDX-License-Identifier: Apache-2.0
"""The video layer with bad input: a clear error, before work where possible, and never a stray file."""

import errno
import math
import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import closing

import cv2
import numpy as np
import pytest

import vdcore
from helpers.support import label
from helpers.videos import diffuse_quietly, make_frames, write_video
from vdcore.video.backends import opencv
from vdcore.video.opening import open_reader

only_opencv = pytest.mark.usefixtures("without_pyav")
only_pyav = pytest.mark.parametrize("backend", ["pyav"], indirect=True)
each_backend = pytest.mark.usefixtures("backend")


@pytest.fixture
def clip(tmp_path):
    return write_video(tmp_path / "in.mkv", make_frames(10))


def refused(tmp_path, error, match, path, out="out.avi", sigma=1, tau=1, **keywords):
    """The call raises, and the folder is as before."""
    before = {name: (tmp_path / name).read_bytes() for name in os.listdir(tmp_path) if "." in name}
    with pytest.raises(error, match=match):
        diffuse_quietly(path, tmp_path / out, sigma, tau, **keywords)
    assert {name: (tmp_path / name).read_bytes() for name in os.listdir(tmp_path) if "." in name} == before


# ---- the input


@each_backend
def test_missing_file(tmp_path):
    refused(tmp_path, FileNotFoundError, "missing.mp4", tmp_path / "missing.mp4")


@each_backend
def test_folder_as_input(tmp_path):
    (tmp_path / "folder").mkdir()
    refused(tmp_path, (IsADirectoryError, PermissionError), "folder", tmp_path / "folder")


@each_backend
def test_empty_file(tmp_path):
    (tmp_path / "empty.mp4").touch()
    refused(tmp_path, ValueError, "empty.mp4: the file is empty", tmp_path / "empty.mp4")


@each_backend
@pytest.mark.parametrize("content", [b"just some text\n" * 20, np.random.default_rng(1).bytes(5000)])
@pytest.mark.parametrize("name", ["no.mp4", "no.avi", "no.txt"])
def test_not_a_video(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    refused(tmp_path, ValueError, f"{name}: (not a video|no frame)", tmp_path / name)


@each_backend
def test_video_without_its_index(tmp_path):
    path = write_video(tmp_path / "in.mp4", make_frames(10), codec="mp4v")
    path.write_bytes(path.read_bytes()[:-400])
    refused(
        tmp_path, ValueError, r"not a video that (OpenCV can|can be) read, or cut off before its index", path
    )


@each_backend
def test_header_without_frames(tmp_path, clip):
    data = clip.read_bytes()
    path = tmp_path / "cut.mkv"
    path.write_bytes(data[: data.index(b"\x1f\x43\xb6\x75")])  # up to the first cluster
    refused(tmp_path, ValueError, "cut.mkv", path)


def test_frame_size_changing_in_the_middle(tmp_path, backend):
    pictures = [*make_frames(5), *make_frames(3, (32, 40, 3))]
    path = tmp_path / "in.mjpeg"
    path.write_bytes(b"".join(cv2.imencode(".jpg", picture)[1].tobytes() for picture in pictures))
    report = diffuse_quietly(path, tmp_path / "out.avi", 0, 0)  # they are scaled
    assert (report.frames, report.width, report.height) == (8, 64, 48)
    if backend == "pyav":
        assert "size of 3 frames (scaled to 64x48)" in " ".join(report.warnings)


@only_opencv
def test_decoder_that_changes_its_frame_size(tmp_path, clip, monkeypatch):
    real = cv2.VideoCapture

    class Changing:
        def __init__(self, *args):
            self.capture, self.frames = real(*args), 0

        def read(self, out):
            decoded, image = self.capture.read(out)
            self.frames += 1
            return decoded, image if self.frames < 5 else image[:32, :40]

        def __getattr__(self, name):
            return getattr(self.capture, name)

    monkeypatch.setattr(cv2, "VideoCapture", Changing)
    shape = r"frame 4 has the shape \(32, 40, 3\), the frames before it \(48, 64, 3\)"
    refused(tmp_path, ValueError, shape, clip)


# ---- the output


@pytest.mark.parametrize("name", ["out", "out.xyz", "out.png", "out.avi.gz"])
def test_unknown_container(tmp_path, clip, backend, name):
    match = {
        "opencv": r"out must end in one of \.avi, \.mkv, \.mov, \.mp4, \.webm",
        "pyav": "out must (have the suffix of a video file|be a pattern)",
    }
    refused(tmp_path, ValueError, match[backend], clip, name)


@each_backend
@pytest.mark.parametrize(
    "codec, name",
    [("ABCD", "out.avi"), ("xx", "out.avi"), ("FFV1", "out.webm"), (7, "out.avi"), ("öööö", "out.avi")],
)
def test_unknown_codec(tmp_path, clip, codec, name):
    refused(tmp_path, ValueError, "codec", clip, name, codec=codec)


@only_opencv
@pytest.mark.parametrize(
    "keywords, match",
    [
        ({"quality": 50}, "quality can be set through OpenCV for codec='MJPG'"),
        ({"quality": 0, "codec": "MJPG"}, "quality must be an integer from 1 to 100, got 0"),
        ({"quality": 101, "codec": "MJPG"}, "from 1 to 100, got 101"),
        ({"quality": 2.5, "codec": "MJPG"}, "got 2.5"),
        ({"quality": "lossless", "codec": "MJPG"}, "got 'lossless'"),
        ({"encoder_preset": "slow"}, "encoder_preset can be set with backend=\"pyav\" only, got 'slow'"),
        ({"bitrate": 10**6}, 'bitrate can be set with backend="pyav" only, got 1000000'),
    ],
)
def test_quality_out_of_range_is_refused(tmp_path, clip, keywords, match):
    refused(tmp_path, ValueError, match, clip, **keywords)


@only_pyav
@pytest.mark.parametrize(
    "keywords, match",
    [
        ({"quality": 0, "codec": "mpeg4"}, "quality must be a whole number from 1 .* to 31, .* got 0"),
        ({"quality": 52, "codec": "h264"}, "quality must be a whole number from 0 .* to 51, .* got 52"),
        ({"quality": 2.5, "codec": "h264"}, "got 2.5"),
        ({"quality": 5, "codec": "ffv1"}, "quality cannot be set for the encoder ffv1, got 5"),
        (
            {"quality": "lossless", "codec": "mpeg4"},
            "quality='lossless' is not supported by the encoder mpeg4",
        ),
        (
            {"quality": 5, "bitrate": 10**6, "codec": "h264"},
            "bitrate=1000000 and quality=5 are mutually exclusive",
        ),
        ({"bitrate": 0}, "bitrate must be a whole number"),
        (
            {"encoder_preset": "slow", "codec": "ffv1"},
            "encoder_preset is not supported by the encoder ffv1, got 'slow'",
        ),
        ({"encoder_preset": "leisurely", "codec": "h264"}, "leisurely"),
    ],
    ids=label,
)
def test_quality_of_pyav(tmp_path, clip, backend, keywords, match):
    refused(tmp_path, ValueError, match, clip, **keywords)


@only_opencv
def test_quality_at_a_fractional_rate(tmp_path):
    path = write_video(tmp_path / "in.mkv", make_frames(3), fps=29.97)
    refused(tmp_path, ValueError, "whole frame rate", path, codec="MJPG", quality=50)


@each_backend
def test_missing_target_folder(tmp_path, clip):
    refused(tmp_path, FileNotFoundError, "nowhere", clip, "nowhere/out.avi")


@each_backend
def test_file_in_place_of_target_folder(tmp_path, clip):
    refused(tmp_path, (NotADirectoryError, FileNotFoundError), "in.mkv", clip, "in.mkv/out.avi")


@each_backend
@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write anywhere")
def test_target_folder_without_permission(tmp_path, clip):
    folder = tmp_path / "locked"
    folder.mkdir(mode=0o555)
    refused(tmp_path, PermissionError, "locked", clip, "locked/out.avi")


@each_backend
def test_folder_as_output(tmp_path, clip):
    (tmp_path / "out.avi").mkdir()
    with pytest.raises(IsADirectoryError, match="out must be a file"):
        diffuse_quietly(clip, tmp_path / "out.avi", 1, 1)


@each_backend
@pytest.mark.parametrize("link", [None, os.symlink, os.link], ids=["same", "symbolic link", "hard link"])
def test_input_as_output(tmp_path, clip, link):
    out = clip
    if link:
        out = tmp_path / "link.mkv"
        link(clip, out)
    refused(tmp_path, ValueError, "out must differ from the input", clip, out)


def test_unknown_backend(tmp_path, clip):
    match = "backend must be one of 'auto', 'opencv', 'pyav', got 'magic'"
    refused(tmp_path, ValueError, match, clip, backend="magic")


# ---- parameters


@each_backend
@pytest.mark.parametrize(
    "keywords, match",
    [
        ({"sigma": -1}, "sigma"),
        ({"sigma": math.nan}, "sigma"),
        ({"sigma": math.inf}, "sigma"),
        ({"tau": -1}, "tau"),
        ({"tau": math.nan}, "tau"),
        ({"boundary": "wrap"}, "boundary"),
        ({"model": "unheard of"}, "model"),
        ({"lookahead": -1}, "lookahead"),
        ({"time_unit": "hours"}, "time_unit"),
        ({"tolerance": 0.0}, "tolerance"),
        ({"threads": 0}, "threads"),
        ({"dither": "random"}, "dither"),
        ({"start": -1}, "start"),
        ({"start": 5, "stop": 3}, "start"),
        ({"stop": math.nan}, "stop"),
        ({"gain": 2.0}, "gain is for normalize=False only"),
        ({"normalize": False}, "give gain="),
        ({"normalize": False, "gain": math.nan}, "gain"),
        ({"region": (0, 0, 5)}, "region"),
        ({"region": (0, 0, 0, 5)}, "region"),
        ({"region": (500, 0, 5, 5)}, "region"),
        ({"region": np.ones((48, 63))}, "region"),
        ({"region": np.full((48, 64), 1.5)}, "region"),
        ({"region": np.full((48, 64), math.nan)}, "region"),
        ({"confidence": np.ones((48, 64, 2))}, "confidence"),
        ({"confidence": [(0, 0, 5, 5)]}, "confidence gives 1 regions, but there are more frames"),
        ({"region": lambda index, seconds: np.ones((3, 3))}, "region"),
    ],
    ids=label,
)
def test_parameters(tmp_path, clip, keywords, match):
    refused(tmp_path, (ValueError, TypeError), match, clip, **keywords)


@each_backend
def test_failure_in_a_callable_leaves_the_old_output(tmp_path, clip):
    (tmp_path / "out.avi").write_bytes(b"old")

    def region(index, seconds):
        if index == 5:
            raise ZeroDivisionError("in the callable")

    refused(tmp_path, ZeroDivisionError, "in the callable", clip, region=region)
    assert (tmp_path / "out.avi").read_bytes() == b"old"


@each_backend
@pytest.mark.filterwarnings("error::UserWarning")
def test_warning_turned_into_an_error(tmp_path, clip, monkeypatch):
    with closing(open_reader(clip)) as reader:
        monkeypatch.setattr(type(reader), "losses", lambda self: ["everything"])
    with pytest.raises(UserWarning, match="not kept: everything"):
        vdcore.diffuse_video(clip, tmp_path / "out.avi", 1, 1)
    assert os.listdir(tmp_path) == ["in.mkv"]


# ---- Ctrl-C


@pytest.fixture
def interruptible():
    """SIGINT interrupts this process and its children, even in a background job that ignores it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@each_backend
@pytest.mark.usefixtures("interruptible")
def test_interrupt_in_the_middle(tmp_path, clip):
    def region(index, seconds):
        if index == 5:
            signal.raise_signal(signal.SIGINT)

    refused(tmp_path, KeyboardInterrupt, None, clip, region=region)


def cli(*arguments, **keywords):
    command = [sys.executable, "-m", "vdcore.cli", *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **keywords)


@pytest.mark.usefixtures("interruptible")
@pytest.mark.skipif(sys.platform == "win32", reason="no SIGINT for one process on Windows")
def test_ctrl_c_on_the_command_line(tmp_path, backend):
    noise = np.random.default_rng(1).integers(0, 256, (150, 144, 176, 3), np.uint8)
    path = write_video(tmp_path / "in.mkv", noise)
    (tmp_path / "out").mkdir()
    options = "--sigma", 1, "--tau", 2, "--backend", backend
    process = cli("run", path, tmp_path / "out" / "out.webm", *options)  # VP9 takes its time
    limit = time.monotonic() + 60
    while not os.listdir(tmp_path / "out") and process.poll() is None and time.monotonic() < limit:
        time.sleep(0.02)
    time.sleep(0.3)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Interrupted" in err and "Traceback" not in err and out == ""
    assert os.listdir(tmp_path / "out") == []


# ---- full disks


@pytest.mark.skipif(sys.platform == "win32", reason="no RLIMIT_FSIZE on Windows")
@pytest.mark.parametrize("suffix", [".avi", ".mkv", ".mp4"])
@pytest.mark.parametrize("room", [0, 3000, 40_000])
def test_full_disk(tmp_path, backend, suffix, room):
    import resource

    noise = np.random.default_rng(1).integers(0, 256, (40, 96, 128, 3), np.uint8)
    path = write_video(tmp_path / "in.mkv", noise)
    (tmp_path / "out").mkdir()
    process = cli(
        "run", path, tmp_path / "out" / f"out{suffix}", "--sigma", 0, "--tau", 0, "--backend", backend,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (room, room)),
    )  # fmt: skip
    out, err = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "is the disk full?" in err or "File too large" in err
    assert "Traceback" not in err
    assert os.listdir(tmp_path / "out") == []


@only_opencv
def test_full_disk_is_noticed_on_the_way(tmp_path, clip, monkeypatch):
    monkeypatch.setattr(opencv, "_CHECK_EVERY", 4)
    free = iter([1 << 30, 1 << 30, 0])
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=next(free)))
    with pytest.raises(OSError) as caught:
        diffuse_quietly(clip, tmp_path / "out.avi", 1, 1)
    assert caught.value.errno == errno.ENOSPC
    assert os.listdir(tmp_path) == ["in.mkv"]
