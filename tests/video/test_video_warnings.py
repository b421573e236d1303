# SPDX-License-Identifier: Apache-2.0
"""What is found in a file and warned about: what cannot be kept, rates that vary, early ends."""

import os
import sys
import warnings
from contextlib import closing
from dataclasses import replace

import cv2
import numpy as np
import pytest

import vdcore
from helpers.videos import (
    diffuse_quietly,
    each_backend,
    make_frames,
    only_opencv,
    read_video,
    write_bottom_up_avi,
    write_video,
    write_y4m,
)
from vdcore import video
from vdcore.video import messages
from vdcore.video.backends import opencv
from vdcore.video.opening import open_reader

SHAPE = (48, 64, 3)


def streams_are(monkeypatch, kinds, rate=None):
    monkeypatch.setattr(opencv, "_probe_pyav", lambda path: ([], None))
    monkeypatch.setattr(opencv, "_probe_ffprobe", lambda path: (kinds, rate))


def warnings_of(tmp_path, path):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        report = vdcore.diffuse_video(path, tmp_path / "out.avi", 0, 0)
    assert all(warning.category is UserWarning for warning in caught)
    assert all(warning.filename == __file__ for warning in caught)
    assert report.warnings == tuple(str(warning.message) for warning in caught)
    return list(report.warnings)


# ---- what is found and warned about


@each_backend
def test_nothing_to_warn_about(tmp_path, monkeypatch):
    streams_are(monkeypatch, ["video"])
    assert warnings_of(tmp_path, write_video(tmp_path / "in.avi", make_frames())) == []


@only_opencv
def test_sound_that_cannot_be_seen(tmp_path, monkeypatch):
    streams_are(monkeypatch, [])
    (warning,) = warnings_of(tmp_path, write_video(tmp_path / "in.avi", make_frames()))
    assert "audio (OpenCV cannot see" in warning


@only_opencv
def test_one_warning_names_everything(tmp_path, monkeypatch):
    streams_are(monkeypatch, ["video", "audio", "audio", "subtitle", "video"])
    write_video(tmp_path / "in.avi", make_frames())
    read_info = opencv.OpenCVReader._read_info

    def described(reader, path):
        return replace(read_info(reader, path), rotation=90, bits=10, variable_frame_rate=True)

    monkeypatch.setattr(opencv.OpenCVReader, "_read_info", described)
    (warning,) = warnings_of(tmp_path, tmp_path / "in.avi")
    for name in (
        "audio (2 streams)",
        "subtitle (1 stream)",
        "more video (1 stream)",
        "rotation metadata (90 degrees",
        "depth beyond 8 bits (10 bits)",
        "variable frame rate",
    ):
        assert name in warning


@pytest.mark.skipif(sys.platform == "win32", reason="the stand-in is a shell script")
def test_ffprobe_is_asked_where_pyav_is_not(tmp_path, monkeypatch):
    path = write_video(tmp_path / "in.avi", make_frames())
    program = tmp_path / "ffprobe"
    program.write_text(
        "#!/bin/sh\n"
        """echo '{"streams": [{"codec_type": "video", "avg_frame_rate": "30000/1001"}, """
        """{"codec_type": "audio", "avg_frame_rate": "0/0"}]}'\n"""
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    assert opencv._probe_ffprobe(path) == (["video", "audio"], 30000 / 1001)
    program.write_text("#!/bin/sh\necho nonsense\n")
    assert opencv._probe_ffprobe(path) == ([], None)
    monkeypatch.setenv("PATH", str(tmp_path / "nowhere"))
    assert opencv._probe_ffprobe(path) == ([], None)


@pytest.mark.parametrize(
    "stamps, timed, uneven",
    [
        ([0.0, 40, 80, 120], True, False),
        ([0.0, 33, 67, 100, 133], True, False),  # 29.97 in whole milliseconds
        ([0.0, 40, 240, 280], True, True),
        ([0.0, 40, 80, 126], True, True),
        ([0.0, 0, 0, 0], False, False),  # a raw stream
        ([33.0, 67, 100, 0, 0], True, False),  # frames in AVI that are still in the decoder at the end
        ([0.0], True, False),
        ([], True, False),
    ],
)
def test_uneven_time_stamps_are_found(stamps, timed, uneven):
    pace = opencv.Pace()
    for stamp in stamps:
        pace.add(stamp)
    assert (pace.frames, pace.timed, pace.uneven) == (len(stamps), timed, uneven)


@pytest.mark.parametrize(
    "tag, bits",
    [
        (b"I420", 8),
        (b"Y800", 8),
        (b"BGR\x18", 8),
        (b"Y3\x0b\x0a", 10),
        (b"\x0c\x0b3Y", 12),
        (b"Y1\x00\x10", 16),
        (b"P010", 10),
        (b"RGB0", 16),
        (b"G3\x00\x0c", 12),
        (b"\0\0\0\0", 8),
    ],
)
def test_depth_is_read_from_the_codec_tag(tag, bits):
    assert opencv._bits(tag) == bits


@only_opencv
def test_late_variable_rate_is_found_while_decoding(tmp_path, monkeypatch):
    streams_are(monkeypatch, ["video"])
    monkeypatch.setattr(opencv, "_PROBED_FRAMES", 3)
    path = write_video(tmp_path / "in.avi", make_frames())
    real = cv2.VideoCapture

    class Uneven:
        def __init__(self, *args):
            self.capture, self.grabbed = real(*args), 0

        def grab(self):
            self.grabbed += 1
            return self.capture.grab()

        def read(self, out):
            self.grabbed += 1
            return self.capture.read(out)

        def get(self, prop):
            if prop == cv2.CAP_PROP_POS_MSEC:
                return 40.0 * self.grabbed + 20 * (self.grabbed > 5)
            return self.capture.get(prop)

        def __getattr__(self, name):
            return getattr(self.capture, name)

    monkeypatch.setattr(cv2, "VideoCapture", Uneven)
    (warning,) = warnings_of(tmp_path, path)
    assert "variable frame rate" in warning


@only_opencv
def test_untimed_stream_takes_the_probed_rate(tmp_path, monkeypatch):
    frames = make_frames()
    path = tmp_path / "in.mjpeg"
    path.write_bytes(b"".join(cv2.imencode(".jpg", frame)[1].tobytes() for frame in frames))
    monkeypatch.setattr(opencv.Pace, "timed", False)
    streams_are(monkeypatch, ["video"], 30000 / 1001)
    with closing(opencv.OpenCVReader(path)) as reader:
        assert reader.info.fps == 30000 / 1001
        (loss,) = reader.losses()
    assert "no time stamps" in loss and "29.97" in loss


# ---- files that end early


@pytest.mark.parametrize("frames, announced, early", [(94, 100, False), (93, 100, True), (93, None, False)])
def test_a_few_frames_fewer_than_announced_are_no_early_end(frames, announced, early):
    assert messages._is_short(frames, announced) == early


@each_backend
def test_truncated_bottom_up_avi(tmp_path):
    frames = make_frames(6)
    path = write_bottom_up_avi(tmp_path / "in.avi", frames)
    path.write_bytes(path.read_bytes()[: -frames[0].nbytes * 5 // 2])
    report = diffuse_quietly(path, tmp_path / "out.mkv", 0, 0, codec="FFV1")
    assert (report.frames, report.ended_early) == (3, True)
    np.testing.assert_array_equal(read_video(tmp_path / "out.mkv"), frames[:3])


def first_planes(path):
    """The luma of every frame that can be decoded; of colour, the first channel."""
    with closing(open_reader(path)) as reader:
        planes = [frame.planes[0].copy() for frame in iter(reader.read, None)]
    return np.stack([plane if plane.ndim == 2 else plane[..., 0] for plane in planes])


@each_backend
@pytest.mark.parametrize("name", ["in.avi", "in.mkv", "in.y4m"])
def test_truncated_video(tmp_path, monkeypatch, name):
    streams_are(monkeypatch, ["video"])
    frames = make_frames(12, SHAPE[:2])
    whole, cut = tmp_path / name, tmp_path / f"cut-{name}"
    if name.endswith("y4m"):
        write_y4m(whole, frames)
    else:
        write_video(whole, frames)
    data = whole.read_bytes()
    cut.write_bytes(data[: len(data) * 6 // 10])
    assert not video.is_cut_short(whole) and video.is_cut_short(cut)
    decodable = first_planes(cut)
    assert 3 < len(decodable) == len(read_video(cut)) < 12
    with pytest.warns(UserWarning, match="ended early"):
        report = vdcore.diffuse_video(cut, tmp_path / "out.mkv", 1, 2, codec="FFV1")
    assert report.ended_early and report.frames == len(decodable)
    assert not diffuse_quietly(whole, tmp_path / "whole.mkv", 1, 2).ended_early
    np.testing.assert_array_equal(first_planes(tmp_path / "out.mkv"), vdcore.diffuse(decodable, 1, 2))


@pytest.mark.parametrize("suffix", [".avi", ".mp4", ".mkv", ".webm", ".mov"])
def test_whole_files_are_not_cut_short(tmp_path, suffix):
    codec = opencv.CODECS[suffix]
    assert not video.is_cut_short(write_video(tmp_path / f"in{suffix}", make_frames(), codec=codec))


def test_where_containers_end(tmp_path):
    path = tmp_path / "file"

    def is_cut(data):
        path.write_bytes(data)
        return video.is_cut_short(path)

    box = b"\0\0\0\x10ftypisomisom"
    assert not is_cut(box + b"\0\0\0\x0amdat12")
    assert is_cut(box + b"\0\0\0\x0bmdat12")
    assert not is_cut(box + b"\0\0\0\x01mdat" + (18).to_bytes(8, "big") + b"12")
    assert is_cut(box + b"\0\0\0\x01mdat" + (19).to_bytes(8, "big") + b"12")
    assert not is_cut(box + b"\0\0\0\0mdat12")  # up to the end of the file
    ebml, segment = b"\x1a\x45\xdf\xa3\x84abcd", b"\x18\x53\x80\x67"
    assert not is_cut(ebml + segment + b"\x41\x2c" + b"x" * 300)
    assert is_cut(ebml + segment + b"\x41\x2d" + b"x" * 300)
    assert not is_cut(ebml + segment + b"\x01" + b"\xff" * 7 + b"x" * 300)  # a live stream
    riff = b"RIFF\x0c\0\0\0AVI 12345678"
    assert not is_cut(riff) and not is_cut(riff * 2)
    assert is_cut(riff + riff[:-1])
    assert is_cut(b"RIFF\0\0\0\0AVI 12345678")  # never finished
    assert not is_cut(b"something else entirely")
