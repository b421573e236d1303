# SPDX-License-Identifier: Apache-2.0
"""Numbered pictures, pipes and cameras, and what is said where a package is missing."""

import io
import os
import subprocess
import sys

import av
import cv2
import numpy as np
import pytest

import vdcore
from helpers.arrays import diffuse, filtered
from helpers.media import by_plane, decoded, raws, smooth_frames, stacks, write
from helpers.support import noise
from vdcore import video
from vdcore.video import opening
from vdcore.video.backends import camera

# ---- numbered pictures


@pytest.mark.parametrize(
    "suffix, dtype, shape",
    [
        (".png", "uint8", (24, 32)),
        (".png", "uint8", (24, 32, 3)),
        (".png", "uint16", (23, 37, 3)),
        (".png", "uint8", (24, 32, 4)),
        (".png", "uint16", (24, 32, 4)),
        (".png", "uint16", (24, 32)),
        (".tif", "uint8", (24, 32, 3)),
        (".tiff", "uint16", (24, 32, 3)),
        (".bmp", "uint8", (24, 32, 3)),
        (".dpx", "uint16", (24, 32, 3)),
    ],
)
@pytest.mark.parametrize("first", [1, 0, 17])
def test_numbered_pictures(tmp_path, suffix, dtype, shape, first):
    frames = noise(dtype, (4, *shape))
    (tmp_path / "in").mkdir()
    name = {(2, "uint8"): "gray", (2, "uint16"): "gray16be", (3, "uint8"): "rgb24", (3, "uint16"): "rgb48le"}
    given = (
        name.get((len(shape), dtype)) if shape[-1] != 4 else {"uint8": "rgba", "uint16": "rgba64le"}[dtype]
    )
    codec = {".png": "png", ".bmp": "bmp", ".dpx": "dpx"}.get(suffix, "tiff")
    stored = {"png": given.replace("le", "be"), "bmp": "bgr24", "dpx": "rgb48be"}.get(codec, given)
    for i, frame in enumerate(frames):
        picture = av.VideoFrame.from_ndarray(
            frame if given != "gray16be" else frame, given.replace("gray16be", "gray16le")
        )
        write(
            tmp_path / "in" / f"{first + i:03d}{suffix}",
            [picture.reformat(format=stored, threads=1)],
            codec,
            update="1",
        )
    out = tmp_path / f"out %03d{suffix}"
    report = diffuse(tmp_path / "in" / f"%03d{suffix}", out, 1, 2, backend="pyav", fps=10)
    assert (report.frames, report.fps) == (4, 10)
    pictures = sorted(path for path in os.listdir(tmp_path) if path != "in")
    assert pictures == [f"out {i:03d}{suffix}" for i in range(1, 5)]
    expected = filtered(frames, 1, 2)
    shown = given.replace("gray16be", "gray16le")
    for path, picture in zip(pictures, expected, strict=True):
        (frame,) = decoded(tmp_path / path)
        np.testing.assert_array_equal(frame.to_ndarray(format=shown, threads=1), picture)


def test_pictures_replace_those_that_were_there(tmp_path):
    (tmp_path / "2.png").write_bytes(b"old")
    (tmp_path / "9.png").write_bytes(b"other")
    frames = noise("uint8", (3, 8, 8))
    diffuse(frames, tmp_path / "%d.png", backend="pyav")
    assert sorted(os.listdir(tmp_path)) == ["1.png", "2.png", "3.png", "9.png"]
    np.testing.assert_array_equal(cv2.imread(str(tmp_path / "2.png"), cv2.IMREAD_UNCHANGED), frames[1])
    assert (tmp_path / "9.png").read_bytes() == b"other"


def test_pictures_that_are_not_there(tmp_path):
    with pytest.raises(FileNotFoundError, match="%04d.png"):
        diffuse(tmp_path / "frame_%04d.png", tmp_path / "out.mkv", backend="pyav")
    with pytest.raises(FileNotFoundError):
        diffuse(noise("uint8", (2, 8, 8)), tmp_path / "nowhere" / "%d.png", backend="pyav")
    assert os.listdir(tmp_path) == []


def test_a_file_whose_name_looks_like_a_pattern(tmp_path):
    write(tmp_path / "take %02d.mkv", smooth_frames("gray", 3))
    assert diffuse(tmp_path / "take %02d.mkv", tmp_path / "out.mkv", backend="pyav").frames == 3


def test_jpegs_are_written(tmp_path):
    frames = np.full((2, 16, 16, 3), (200, 100, 50), np.uint8)
    report = diffuse(frames, tmp_path / "%d.jpg", quality=2, backend="pyav")
    picture = cv2.imread(str(tmp_path / "1.jpg"))[..., ::-1].astype(int)
    assert np.abs(picture - frames[0]).max() <= 4
    assert "pixel format rgb24" in " ".join(report.warnings)


def test_pictures_of_a_camera_held_upright(tmp_path):
    """Their EXIF, which PyAV does not know, says how they are shown."""
    pictures = noise("uint8", (3, 4, 6, 3)).repeat(8, axis=1).repeat(8, axis=2)
    orientation = b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0"
    segment = b"\xff\xe1" + (len(orientation) + 2).to_bytes(2, "big") + orientation
    for i, picture in enumerate(pictures):
        data = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 98])[1].tobytes()
        (tmp_path / f"{i}.jpg").write_bytes(data[:2] + segment + data[2:])
    frames = list(video.read_frames(tmp_path / "%d.jpg", backend="pyav"))
    for frame, picture in zip(frames, pictures, strict=True):
        expected = np.rot90(picture[..., ::-1], -1)  # clockwise
        assert frame.shape == (48, 32, 3)
        assert np.abs(frame.astype(int) - expected).mean() < 25
    report = diffuse(tmp_path / "%d.jpg", tmp_path / "out.mp4", codec="h264", backend="pyav")
    assert report.frames == 3
    assert decoded(tmp_path / "out.mp4")[0].rotation % 360 == 270


def run_cli(*arguments, given=b""):
    command = [sys.executable, "-m", "vdcore.cli", *map(str, arguments)]
    return subprocess.run(command, input=given, capture_output=True, timeout=60)


# ---- pipes


@pytest.mark.parametrize("name", ["yuv420p", "yuv422p10le", "gray", "yuv444p"])
def test_from_pipe_to_pipe(tmp_path, name):
    write(tmp_path / "in.mkv", smooth_frames(name, 4))
    diffuse(tmp_path / "in.mkv", tmp_path / "in.y4m", backend="pyav")
    assert raws(tmp_path / "in.y4m") == raws(tmp_path / "in.mkv")
    result = run_cli(
        "run", "-", "-", "--sigma", "1.5", "--tau", "2", given=(tmp_path / "in.y4m").read_bytes()
    )
    assert result.returncode == 0, result.stderr.decode()
    assert result.stdout.startswith(b"YUV4MPEG2 ")
    assert b"4 frames" in result.stderr
    (tmp_path / "out.y4m").write_bytes(result.stdout)
    bits = 10 if "10" in name else 8
    down, across = {"yuv420p": (2, 2), "yuv422p10le": (1, 2)}.get(name, (1, 1))
    planes = stacks(tmp_path / "in.y4m")
    expected = by_plane(planes, 1.5, 2, bits)
    assert [p.shape[1:] for p in planes[1:]] in ([], [(48 // down, 64 // across)] * 2)
    for got, wanted in zip(stacks(tmp_path / "out.y4m"), expected, strict=True):
        np.testing.assert_array_equal(got, wanted)


def test_pipes_of_files(tmp_path):
    write(tmp_path / "in.mkv", smooth_frames("yuv420p", 3))
    result = run_cli("run", tmp_path / "in.mkv", "-", "--sigma", "0", "--tau", "0")
    assert result.returncode == 0, result.stderr.decode()
    again = run_cli(
        "run", "-", tmp_path / "out.mkv", "--sigma", "0", "--tau", "0", "--codec", "ffv1", given=result.stdout
    )
    assert again.returncode == 0, again.stderr.decode()
    assert raws(tmp_path / "out.mkv") == raws(tmp_path / "in.mkv")


@pytest.mark.parametrize("given", [b"", b"no video at all\n" * 20])
def test_a_pipe_without_a_video(tmp_path, given):
    result = run_cli("run", "-", tmp_path / "out.mkv", "--sigma", "1", "--tau", "1", given=given)
    assert result.returncode == 1
    assert b"standard input" in result.stderr and b"Traceback" not in result.stderr
    assert os.listdir(tmp_path) == []


def test_a_cut_off_pipe(tmp_path):
    write(tmp_path / "in.y4m", smooth_frames("yuv420p", 4), "wrapped_avframe")
    data = (tmp_path / "in.y4m").read_bytes()
    result = run_cli(
        "run", "-", tmp_path / "out.mkv", "--sigma", "1", "--tau", "1", given=data[: len(data) * 2 // 3]
    )
    assert result.returncode == 0
    assert 2 <= len(decoded(tmp_path / "out.mkv")) <= 3


# ---- cameras


@pytest.mark.parametrize("stop, unit, tau", [(4, "frames", 2), (3.5 / 30, "seconds", 0)])
def test_a_camera_is_a_live_stream_until_stop(tmp_path, monkeypatch, stop, unit, tau):
    frames = noise("uint8", (6, 24, 32, 3))

    class Camera:
        def __init__(self, index):
            assert index == 3
            self.left = list(frames.copy())

        def isOpened(self):
            return True

        def read(self):
            return (True, self.left.pop(0)) if self.left else (False, None)

        def get(self, prop):
            return 0.0

        def release(self):
            pass

    monkeypatch.setattr(camera.cv2, "VideoCapture", Camera)
    report = diffuse(3, tmp_path / "out.npy", 1, tau, stop=stop, time_unit=unit)
    assert report.fps == 30 and report.frames >= 4
    result = np.load(tmp_path / "out.npy")
    np.testing.assert_array_equal(result, vdcore.diffuse(frames[: len(result)], 1, tau)[..., ::-1])
    assert video.read_info(3).live


def test_no_camera(tmp_path):
    with pytest.raises(OSError, match="camera 7 cannot be opened"):
        diffuse(7, tmp_path / "out.mkv")
    assert os.listdir(tmp_path) == []


def without(monkeypatch, *modules):
    for module in modules:
        monkeypatch.setitem(sys.modules, module, None)
    real = opening.find_spec
    monkeypatch.setattr(opening, "find_spec", lambda name: None if name in modules else real(name))


# ---- what is not installed


def test_tiff_without_tifffile(tmp_path, monkeypatch):
    without(monkeypatch, "tifffile")
    (tmp_path / "in.tif").write_bytes(b"II")
    with pytest.raises(ImportError, match=r'tifffile: pip install "vdcore\[tiff\]"'):
        diffuse(tmp_path / "in.tif", tmp_path / "out.npy")
    with pytest.raises(ImportError, match=r'tifffile: pip install "vdcore\[tiff\]"'):
        diffuse(noise("uint8", (2, 8, 8)), tmp_path / "out.tif")
    assert os.listdir(tmp_path) == ["in.tif"]


@pytest.mark.parametrize(
    "source, keywords",
    [("in.mkv", {"backend": "pyav"}), ("-", {}), ("rtsp://nowhere/x", {}), ("%04d.png", {})],
)
def test_without_pyav(tmp_path, monkeypatch, source, keywords):
    without(monkeypatch, "av")
    path = source if source[0] in "-r" else tmp_path / source
    with pytest.raises(ImportError, match=r'pip install "vdcore\[av\]"'):
        diffuse(path, tmp_path / "out.mkv", **keywords)
    assert os.listdir(tmp_path) == []


def test_outputs_without_pyav(tmp_path, monkeypatch):
    without(monkeypatch, "av")
    frames = noise("uint8", (3, 16, 16, 3))
    diffuse(frames, tmp_path / "out.npy", 1, 1)
    np.testing.assert_array_equal(np.load(tmp_path / "out.npy"), vdcore.diffuse(frames, 1, 1))
    for out in ("-", tmp_path / "%d.png"):
        with pytest.raises((ImportError, ValueError), match=r"vdcore\[av\]|out must"):
            diffuse(frames, out)
    with pytest.raises(ValueError, match="^bitrate can be set with backend"):
        diffuse(frames, tmp_path / "out.avi", bitrate=1000)
    assert os.listdir(tmp_path) == ["out.npy"]


def test_stdout_is_not_closed(tmp_path, monkeypatch):
    """What is written to standard output leaves it open for others."""

    class Stream(io.BytesIO):
        def close(self):
            raise AssertionError("closed")

    class Standard:
        buffer = Stream()

    monkeypatch.setattr(opening.sys, "stdout", Standard())
    write(tmp_path / "in.mkv", smooth_frames("yuv420p", 3))
    diffuse(tmp_path / "in.mkv", "-", backend="pyav")
    assert Standard.buffer.getvalue().startswith(b"YUV4MPEG2 ")
