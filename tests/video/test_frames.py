# SPDX-License-Identifier: Apache-2.0
"""Frames one by one from paths, arrays and iterables (vdcore.tools.frames)."""

import subprocess
import sys

import numpy as np
import pytest

from helpers.videos import make_frames, write_bottom_up_avi, write_video, write_y4m
from vdcore import video
from vdcore.tools.frames import iterate_frames

each_backend = pytest.mark.usefixtures("backend")


def listed(frames, **keywords):
    return list(iterate_frames(frames, **keywords))


@each_backend
def test_a_file_is_red_green_blue(tmp_path):
    frames = make_frames()  # blue, green, red
    path = write_video(tmp_path / "a.avi", frames)
    np.testing.assert_array_equal(listed(path), frames[..., ::-1])
    np.testing.assert_array_equal(listed(str(path)), frames[..., ::-1])


@each_backend
def test_grey_files_stay_grey(tmp_path):
    frames = make_frames(shape=(48, 64))
    codec = listed(write_video(tmp_path / "a.avi", frames))
    assert len(codec) == len(frames) and codec[0].shape == (48, 64)
    np.testing.assert_array_equal(codec, frames)


@each_backend
def test_other_containers(tmp_path):
    frames = make_frames()
    path = tmp_path / "a.avi"
    write_bottom_up_avi(path, frames)
    np.testing.assert_array_equal(listed(path), frames[..., ::-1])
    assert len(listed(write_y4m(tmp_path / "a.y4m", frames[..., 0]))) == len(frames)


@pytest.mark.parametrize("shape", [(48, 64, 3), (48, 64)], ids=["colour", "grey"])
@each_backend
def test_read_frames_gives_new_arrays(tmp_path, shape):
    frames = make_frames(5, shape)
    path = write_video(tmp_path / "a.avi", frames)
    got = list(video.read_frames(path))
    for i, frame in enumerate(got):
        assert not any(np.shares_memory(frame, other) for other in got[:i])
        frame[...] = 0  # one's own to write to
    assert not np.array(got).any()


@each_backend
def test_what_is_written_is_read(tmp_path):
    frames = make_frames(5)
    for written in (frames, frames[..., 0]):
        report = video.write_frames(tmp_path / "a.mkv", iter(written), 30000 / 1001, codec="FFV1")
        assert (report.frames, report.fps, report.warnings) == (5, 30000 / 1001, ())
        np.testing.assert_array_equal(list(video.read_frames(report.path)), written)
        assert abs(video.read_info(report.path).fps - report.fps) < 1e-3


def test_read_frames_takes_the_backend(tmp_path):
    path = write_video(tmp_path / "a.avi", make_frames(2))
    with pytest.raises(ValueError, match="backend must be one of"):
        list(video.read_frames(path, backend="magic"))
    np.testing.assert_array_equal(list(video.read_frames(path, backend="opencv")), make_frames(2)[..., ::-1])


@pytest.mark.parametrize("shape, axis, frame", [
    ((5, 6, 7), None, (6, 7)),
    ((5, 6, 7, 3), None, (6, 7, 3)),
    ((5, 3, 6, 7), 1, (6, 7, 3)),
    ((6, 7, 3), -1, (6, 7, 3)),
])  # fmt: skip
def test_arrays(shape, axis, frame):
    array = np.arange(np.prod(shape), dtype=np.float64).reshape(shape)
    frames = listed(array, channel_axis=axis)
    assert {f.shape for f in frames} == {frame}
    assert np.shares_memory(frames[0], array)
    assert sum(f.size for f in frames) == array.size


def test_iterables_are_read_as_they_are_asked_for():
    asked = []

    def produce():
        for i in range(5):
            asked.append(i)
            yield np.full((2, 3), i, np.uint8)

    frames = iterate_frames(produce())
    assert asked == []
    assert next(frames)[0, 0] == 0 and asked == [0]
    assert [f[0, 0] for f in frames] == [1, 2, 3, 4]


def test_wrong_frames_are_named():
    good = np.zeros((2, 3), np.uint8)
    with pytest.raises(ValueError, match=r"clean must have one shape, got \(2, 3\) and, at 2, \(2, 4\)"):
        listed([good, good, np.zeros((2, 4), np.uint8)], name="clean")
    with pytest.raises(TypeError, match="one dtype, got uint8 and, at 1, uint16"):
        listed([good, good.astype(np.uint16)])
    with pytest.raises(TypeError, match=r"frames\[1\] must have dtype uint8 or .* got int64"):
        listed([good, good.astype(np.int64)])
    with pytest.raises(ValueError, match=r"frames\[0\] must have shape \(H, W\) or \(H, W, C\)"):
        listed([good[0]])


def test_what_is_no_video():
    for empty in ([], iter(()), np.zeros((0, 2, 3))):
        with pytest.raises(ValueError, match="clean must not be empty"):
            listed(empty, name="clean")
    with pytest.raises(TypeError, match="frames must be a path, an array or an iterable of frames, got 3"):
        iterate_frames(3)
    with pytest.raises(ValueError, match=r"clean of shape \(9, 9, 3\) may be .* or clean\[None\]"):
        iterate_frames(np.zeros((9, 9, 3)), "clean")
    with pytest.raises(ValueError, match="channel_axis is for arrays only, got 1 for an iterable"):
        iterate_frames([np.zeros((9, 9))], channel_axis=1)
    with pytest.raises(ValueError, match="channel_axis is for arrays only, got 1 for the file 'a.avi'"):
        iterate_frames("a.avi", channel_axis=1)
    with pytest.raises(FileNotFoundError):
        listed("nowhere.avi")


def test_arrays_need_no_opencv():
    program = """
import sys, numpy as np
from vdcore.tools.frames import iterate_frames
from vdcore import estimate_noise
frames = np.random.default_rng(1).normal(size=(3, 20, 20))
assert len(list(iterate_frames(frames))) == 3 and estimate_noise(frames).sigma > 0
assert not {"av", "cv2", "scipy"} & set(sys.modules)
"""
    subprocess.run([sys.executable, "-c", program], check=True)
