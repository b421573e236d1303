# SPDX-License-Identifier: Apache-2.0
"""The video layer: the same bits as on arrays, the pipeline, what a file is found to hold, the report."""

import os
import subprocess
import sys
import threading
import time
import warnings
import weakref
from contextlib import closing
from dataclasses import replace

import cv2
import numpy as np
import pytest

import vdcore
from helpers.videos import (
    diffuse_quietly,
    frame_rate,
    make_frames,
    read_video,
    write_bottom_up_avi,
    write_video,
    write_y4m,
)
from vdcore import video
from vdcore.video import api, pipeline
from vdcore.video.backends import opencv
from vdcore.video.opening import open_reader

SHAPE = (48, 64, 3)
SOFT_MASK = np.clip(np.linspace(-1, 2, 64, dtype=np.float32), 0, 1) * np.ones((48, 1), np.float32)
HALF = np.zeros(SHAPE[:2], np.uint8)
HALF[:, 20:] = 255

only_opencv = pytest.mark.usefixtures("without_pyav")
each_backend = pytest.mark.usefixtures("backend")


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
    ids=str,
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
def test_quality(tmp_path):
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


# ---- what is found and warned about


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
def test_pace(stamps, timed, uneven):
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
def test_bits(tag, bits):
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


# ---- the pipeline


class FakeReader:
    """Frames of 4 x 4 pixels that hold their number; fails at frame `broken`."""

    info = None

    def __init__(self, count, broken=None):
        self.count, self.broken, self.index = count, broken, 0

    def read(self):
        if self.index == self.broken:
            raise ValueError("broken input")
        if self.index == self.count:
            return None
        self.index += 1
        return video.Frame((np.full((4, 4), self.index - 1, np.uint16),), self.index - 1, 0.0)


class FakeWriter:
    def __init__(self, broken=None, broken_end=False):
        self.broken, self.broken_end, self.values, self.finished = broken, broken_end, [], False

    def write(self, frame):
        if len(self.values) == self.broken:
            raise OSError("broken output")
        self.values.append(int(frame.planes[0][0, 0]))

    def finish(self):
        if self.broken_end:
            raise OSError("broken end")
        self.finished = True


def test_pipeline_keeps_order_and_few_frames():
    class Recorder(video.PassThrough):
        alive = weakref.WeakValueDictionary()
        most = 0

        def push(self, frame):
            self.alive[frame.index] = frame.planes[0]
            self.most = max(self.most, len(self.alive))
            return super().push(frame)

    writer, recorder = FakeWriter(), Recorder()
    count, clocks = pipeline.run(FakeReader(500), recorder, writer)
    assert count == 500 and writer.finished
    assert writer.values == list(range(500))
    assert recorder.most <= pipeline.QUEUED_FRAMES + 2  # filtered and waiting, in the filter, in the writer
    assert min(clocks.decode.seconds, clocks.filter.seconds, clocks.encode.seconds) > 0


def test_stages_work_at_the_same_time():
    reader, ahead = FakeReader(20), []

    class Slow(video.PassThrough):
        def push(self, frame):
            limit = time.monotonic() + 5
            while reader.index < min(frame.index + 3, 20) and time.monotonic() < limit:
                time.sleep(0.001)
            ahead.append(reader.index - frame.index)
            return super().push(frame)

    pipeline.run(reader, Slow(), FakeWriter())
    assert min(ahead[:-3]) >= 3
    assert max(ahead) <= pipeline.QUEUED_FRAMES + 3


@pytest.mark.parametrize(
    "reader, writer, error",
    [
        (FakeReader(50, broken=20), FakeWriter(), "broken input"),
        (FakeReader(50, broken=0), FakeWriter(), "broken input"),
        (FakeReader(50), FakeWriter(broken=20), "broken output"),
        (FakeReader(50), FakeWriter(broken=49), "broken output"),
        (FakeReader(50), FakeWriter(broken_end=True), "broken end"),
    ],
)
def test_failure_of_a_stage_ends_them_all(reader, writer, error):
    threads = threading.active_count()
    with pytest.raises((ValueError, OSError), match=error):
        pipeline.run(reader, video.PassThrough(), writer)
    assert threading.active_count() == threads and not writer.finished


@pytest.mark.parametrize("stage", ["push", "flush"])
@pytest.mark.parametrize("exception", [ValueError, KeyboardInterrupt])
def test_failure_of_the_filter_ends_all_stages(stage, exception):
    class Broken(video.PassThrough):
        def push(self, frame):
            if stage == "push" and frame.index == 20:
                raise exception("broken filter")
            return super().push(frame)

        def flush(self):
            raise exception("broken filter")

    threads, writer = threading.active_count(), FakeWriter()
    with pytest.raises(exception, match="broken filter"):
        pipeline.run(FakeReader(50), Broken(), writer)
    assert threading.active_count() == threads and not writer.finished


@each_backend
def test_filter_video_with_another_filter(tmp_path):
    frames = make_frames()
    write_video(tmp_path / "in.mkv", frames)

    class Negative(video.PassThrough):
        def push(self, frame):
            for plane in frame.planes:
                np.subtract(255, plane, out=plane)
            yield frame

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        video.filter_video(tmp_path / "in.mkv", tmp_path / "same.mkv", lambda info: video.PassThrough())
        video.filter_video(tmp_path / "in.mkv", tmp_path / "negative.mkv", lambda info: Negative())
    np.testing.assert_array_equal(read_video(tmp_path / "same.mkv"), frames)
    np.testing.assert_array_equal(read_video(tmp_path / "negative.mkv"), 255 - frames)


@pytest.mark.parametrize(
    "environment, threads", [({}, 3), ({"VDCORE_NUM_THREADS": "2"}, None), ({"OMP_NUM_THREADS": "2"}, None)]
)
def test_processors_are_left_for_the_codecs(monkeypatch, environment, threads):
    for name in ("VDCORE_NUM_THREADS", "OMP_NUM_THREADS"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(api, "build_info", lambda: {"threads": 5})
    assert api._free_threads() == threads


# ---- report and progress


def test_report(tmp_path, backend):
    write_video(tmp_path / "in.avi", make_frames())
    report = diffuse_quietly(tmp_path / "in.avi", tmp_path / "out.avi", 1, 1)
    assert (report.width, report.height, report.frames, report.announced_frames) == (64, 48, 8, 8)
    assert (report.backend, report.pixel_format) == (backend, "bgra" if backend == "pyav" else "")
    assert (report.decode_errors, report.repaired_frames) == (0, 0)
    assert not report.ended_early
    for seconds in (report.decode_seconds, report.filter_seconds, report.encode_seconds):
        assert 0 < seconds < report.seconds


@each_backend
def test_progress(tmp_path, capsys):
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
