# SPDX-License-Identifier: Apache-2.0
"""Videos that are arrays, NPY, TIFF, numbered pictures and pipes, in and out."""

import io
import os
import subprocess
import sys
import warnings

import av
import cv2
import numpy as np
import pytest

import vdcore
from helpers.media import by_plane, decoded, raws, samples, smooth_frames, stacks, write
from helpers.support import noise
from vdcore import video
from vdcore.video import opening
from vdcore.video.backends import camera

SHAPES = [(24, 32), (24, 32, 3), (23, 37, 3), (24, 32, 4)]
DTYPES = ["uint8", "uint16", "float32"]


def diffuse(source, out, sigma=0, tau=0, **keywords):
    """diffuse_video, its warnings in the report only."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        return vdcore.diffuse_video(source, out, sigma, tau, **keywords)


def filtered(frames, *args, **keywords):
    """The filter on arrays; alpha as it was."""
    if frames.ndim == 3 or frames.shape[3] < 4:
        return vdcore.diffuse(frames, *args, **keywords)
    colours = vdcore.diffuse(np.ascontiguousarray(frames[..., :3]), *args, **keywords)
    return np.concatenate([colours, frames[..., 3:]], axis=3)


# ---- arrays, NPY and TIFF


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("kind", ["list", "array", "generator", "npy", "tif"])
@pytest.mark.parametrize("out", ["out.npy", "out.tif"])
def test_as_on_arrays(tmp_path, shape, dtype, kind, out):
    tifffile = pytest.importorskip("tifffile") if "tif" in (kind, out[-3:]) else None
    frames = noise(dtype, (5, *shape))
    before = frames.copy()
    if kind == "npy":
        source = tmp_path / "in.npy"
        np.save(source, frames)
    elif kind == "tif":
        source = tmp_path / "in.tif"
        with tifffile.TiffWriter(source) as writer:
            for frame in frames:
                writer.write(frame, photometric="rgb" if frame.ndim == 3 else "minisblack", metadata=None)
    else:
        source = {"list": list(frames), "array": frames, "generator": (frame for frame in frames)}[kind]
    report = diffuse(source, tmp_path / out, 1.5, 2, lookahead=1, region=(3, 4, 20, 12))
    expected = filtered(frames, 1.5, 2, lookahead=1, region=(3, 4, 20, 12))
    result = np.load(tmp_path / out) if out.endswith("npy") else tifffile.imread(tmp_path / out)
    assert result.dtype == expected.dtype
    np.testing.assert_array_equal(result, expected)
    np.testing.assert_array_equal(frames, before)  # what is given stays
    assert (report.frames, report.ended_early, report.warnings) == (5, False, ())
    assert report.announced_frames == (None if kind == "generator" else 5)
    assert (report.width, report.height) == (shape[1], shape[0])


def test_one_frame_and_one_channel(tmp_path):
    frames = noise("uint8", (1, 8, 8, 1))
    diffuse(frames, tmp_path / "out.npy", 1, 1)
    np.testing.assert_array_equal(np.load(tmp_path / "out.npy"), vdcore.diffuse(frames[..., 0], 1, 1))


def test_numbers_count_in_samples_of_8_bits(tmp_path):
    frames = noise("float32", (4, 16, 16))
    diffuse(list(frames), tmp_path / "out.npy", 1, 2, model="bilateral:range_sigma=20")
    expected = vdcore.diffuse(frames, 1, 2, model=vdcore.models.Bilateral(20 / 255))
    np.testing.assert_allclose(np.load(tmp_path / "out.npy"), expected, atol=1e-6)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_arrays_to_video_and_back(tmp_path, shape, dtype):
    frames = noise(dtype, (4, *shape))
    report = diffuse(frames, tmp_path / "out.mkv", fps=12.5, codec="ffv1", backend="pyav")
    assert (report.fps, report.frames, report.codec) == (12.5, 4, "ffv1")
    deep = "48le" if dtype == "uint16" else "24"
    name = {2: "gray16le" if dtype == "uint16" else "gray", 3: f"rgb{deep}"}[len(shape)]
    if shape[-1] == 4:
        name = "rgba64le" if dtype == "uint16" else "rgba"
    got = [frame.to_ndarray(format=name, threads=1) for frame in decoded(tmp_path / "out.mkv")]
    np.testing.assert_array_equal(np.stack(got), frames)
    diffuse(tmp_path / "out.mkv", tmp_path / "out.npy", 1, 1, backend="pyav")
    np.testing.assert_array_equal(np.load(tmp_path / "out.npy"), filtered(frames, 1, 1))


def test_write_frames_and_read_frames(tmp_path):
    frames = noise("uint16", (4, 24, 32, 3))
    report = video.write_frames(
        tmp_path / "out.mkv", iter(frames), 30000 / 1001, codec="lossless", backend="pyav"
    )
    assert report.fps == pytest.approx(30000 / 1001)
    np.testing.assert_array_equal(
        np.stack(list(video.read_frames(tmp_path / "out.mkv", backend="pyav"))), frames
    )
    assert video.read_info(frames).pixel_format == "rgb48le"


def test_seconds_of_arrays(tmp_path):
    frames = noise("uint8", (6, 16, 16))
    diffuse(frames, tmp_path / "out.npy", 1, 0.2, time_unit="seconds", fps=10, start=0.2, stop=0.5)
    expected = vdcore.diffuse(
        frames, 1, 0.2, time_unit="seconds", times=np.arange(6) / 10, start=0.2, stop=0.5
    )
    np.testing.assert_array_equal(np.load(tmp_path / "out.npy"), expected)


def test_video_to_tiff_is_upright_and_deep(tmp_path):
    tifffile = pytest.importorskip("tifffile")
    write(tmp_path / "in.mkv", smooth_frames("gray10le", 3))
    diffuse(tmp_path / "in.mkv", tmp_path / "out.tif", backend="pyav")
    result = tifffile.imread(tmp_path / "out.tif")
    assert result.dtype == np.uint16 and result.shape == (3, 48, 64)
    expected = stacks(tmp_path / "in.mkv")[0]
    np.testing.assert_array_equal(result >> 6, expected)


def test_alpha_of_a_video_reaches_arrays(tmp_path):
    write(tmp_path / "in.mkv", smooth_frames("yuva444p", 2))
    diffuse(tmp_path / "in.mkv", tmp_path / "out.npy", backend="pyav")
    result = np.load(tmp_path / "out.npy")
    assert result.shape == (2, 48, 64, 4)
    for frame, picture in zip(decoded(tmp_path / "in.mkv"), result, strict=True):
        np.testing.assert_array_equal(picture[..., 3], samples(frame)[3])


def test_denoiser_of_arrays(tmp_path):
    frames = noise("uint16", (5, 40, 48))
    vdcore.denoise_video(iter(frames), tmp_path / "out.npy", 20.0, motion=None)
    np.testing.assert_array_equal(
        np.load(tmp_path / "out.npy"), vdcore.denoise(frames, 20.0 * 256, motion=None)
    )


@pytest.mark.parametrize(
    "frames, error, match",
    [
        ([], ValueError, "^frames: there is no frame"),
        (iter(()), ValueError, "^frames: there is no frame"),
        ([np.zeros((4, 4))], TypeError, "^frames: frame 0 must be uint8, uint16 or float32, got float64"),
        ([np.zeros((4, 4), np.int32)], TypeError, "got int32"),
        ([np.zeros(4, np.uint8)], ValueError, r"frame 0 must have shape \(H, W\)"),
        ([np.zeros((4, 4, 2), np.uint8)], ValueError, "C 1, 3 or 4"),
        ([np.zeros((0, 4), np.uint8)], ValueError, "frame 0 must have shape"),
        (
            [np.zeros((4, 4), np.uint8), np.zeros((4, 5), np.uint8)],
            ValueError,
            "frame 1 must be .*like the frames",
        ),
        ([np.zeros((4, 4), np.uint8), np.zeros((4, 4), np.uint16)], ValueError, "frame 1 must be"),
        ([np.zeros((4, 4), np.uint8), "picture"], (TypeError, ValueError), "frame 1"),
        (5.5, TypeError, "^path must be"),
        (True, TypeError, "^path must be"),
        (None, TypeError, "^path must be"),
    ],
    ids=str,
)
@pytest.mark.parametrize("out", ["out.npy", "out.mkv"])
def test_arrays_that_are_refused(tmp_path, frames, error, match, out):
    with pytest.raises(error, match=match) as caught:
        diffuse(frames, tmp_path / out)
    assert "\n" not in str(caught.value)
    assert os.listdir(tmp_path) == []


def test_an_iterable_that_fails(tmp_path):
    def frames():
        yield np.zeros((8, 8), np.uint8)
        raise RuntimeError("no more")

    for out in ("out.npy", "out.mkv", "out.avi"):
        with pytest.raises(RuntimeError, match="no more"):
            diffuse(frames(), tmp_path / out, 1, 1)
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize(
    "content, match",
    [
        (b"", "in.npy: the file is empty"),
        (b"no array at all, but text", "in.npy: "),
        (np.zeros((4, 4), np.uint8), "in.npy"),
        (np.zeros((3, 8, 9), np.float64), "in.npy: frame 0 must be uint8"),
        (np.array([{"an": "object"}]), "in.npy: "),
    ],
    ids=["empty", "text", "picture", "float64", "object"],
)
def test_npy_files_that_are_refused(tmp_path, content, match):
    if isinstance(content, bytes):
        (tmp_path / "in.npy").write_bytes(content)
    else:
        np.save(tmp_path / "in.npy", content, allow_pickle=True)
    with pytest.raises((ValueError, TypeError), match=match):
        diffuse(tmp_path / "in.npy", tmp_path / "out.npy")
    assert os.listdir(tmp_path) == ["in.npy"]


def test_npy_cut_off(tmp_path):
    np.save(tmp_path / "in.npy", noise("uint8", (6, 16, 16)))
    data = (tmp_path / "in.npy").read_bytes()
    (tmp_path / "in.npy").write_bytes(data[:-300])
    with pytest.raises((ValueError, OSError), match="in.npy"):
        diffuse(tmp_path / "in.npy", tmp_path / "out.npy")


def test_tiff_that_is_none(tmp_path):
    pytest.importorskip("tifffile")
    (tmp_path / "in.tif").write_bytes(b"no picture at all")
    with pytest.raises(ValueError, match="in.tif"):
        diffuse(tmp_path / "in.tif", tmp_path / "out.npy")


def test_a_full_disk(tmp_path, monkeypatch):
    real = open

    class Full:
        def __init__(self, *args):
            self.file = real(*args)

        def write(self, data):
            raise OSError(28, "No space left on device")

        def __getattr__(self, name):
            return getattr(self.file, name)

    import vdcore.video.backends.arrays as arrays

    monkeypatch.setattr(arrays, "open", Full, raising=False)
    with pytest.raises(OSError, match="No space"):
        diffuse(noise("uint8", (3, 8, 8)), tmp_path / "out.npy")
    assert os.listdir(tmp_path) == []


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


def test_jpegs(tmp_path):
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


# ---- pipes


def run_cli(*arguments, given=b""):
    command = [sys.executable, "-m", "vdcore.cli", *map(str, arguments)]
    return subprocess.run(command, input=given, capture_output=True, timeout=60)


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


def test_camera(tmp_path, monkeypatch):
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
    report = diffuse(3, tmp_path / "out.npy", 1, 2, stop=4)
    assert report.fps == 30 and report.frames >= 4
    result = np.load(tmp_path / "out.npy")
    np.testing.assert_array_equal(result, vdcore.diffuse(frames[: len(result)], 1, 2)[..., ::-1])
    assert video.read_info(3).live


def test_no_camera(tmp_path):
    with pytest.raises(OSError, match="camera 7 cannot be opened"):
        diffuse(7, tmp_path / "out.mkv")
    assert os.listdir(tmp_path) == []


# ---- what is not installed


def without(monkeypatch, *modules):
    for module in modules:
        monkeypatch.setitem(sys.modules, module, None)
    real = opening.find_spec
    monkeypatch.setattr(opening, "find_spec", lambda name: None if name in modules else real(name))


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
