# SPDX-License-Identifier: Apache-2.0
"""The pipeline: order, few frames in flight, stages at the same time, failures end them all."""

import threading
import time
import warnings
import weakref

import numpy as np
import pytest

from helpers.videos import (
    each_backend,
    make_frames,
    read_video,
    write_video,
)
from vdcore import video
from vdcore.video import api, pipeline


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
