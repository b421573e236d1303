# SPDX-License-Identifier: Apache-2.0
"""Videos that are arrays, NPY or TIFF, in and out."""

import os

import numpy as np
import pytest

import vdcore
from helpers.arrays import diffuse, filtered
from helpers.media import decoded, samples, smooth_frames, stacks, write
from helpers.support import label, noise
from vdcore import video

SHAPES = [(24, 32), (24, 32, 3), (23, 37, 3), (24, 32, 4)]


DTYPES = ["uint8", "uint16", "float32", "float64"]


@pytest.mark.parametrize("shape", SHAPES, ids=label)
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


@pytest.mark.parametrize("shape", SHAPES, ids=label)
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
        ([], ValueError, "^frames: it has no frames"),
        (iter(()), ValueError, "^frames: it has no frames"),
        (
            [np.zeros((4, 4), np.int32)],
            TypeError,
            "^frames: frame 0 must be uint8, uint16, float32 or float64, got int32",
        ),
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
    ids=label,
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
        (
            np.zeros((4, 4), np.uint8),
            r"in.npy: its shape must be \(T, H, W\) or \(T, H, W, C\), got \(4, 4\)",
        ),
        (
            np.zeros((8, 9, 3), np.uint8),
            r"in.npy: .* save it as \(1, 8, 9, 3\) .* \(8, 9, 3, 1\) for the video",
        ),
        (np.zeros((3, 8, 9), np.int16), "in.npy: frame 0 must be uint8, .* got int16"),
        (np.array([{"an": "object"}]), "in.npy: "),
    ],
    ids=["empty", "text", "picture", "colour", "int16", "object"],
)
def test_npy_files_that_are_refused(tmp_path, content, match):
    if isinstance(content, bytes):
        (tmp_path / "in.npy").write_bytes(content)
    else:
        np.save(tmp_path / "in.npy", content, allow_pickle=True)
    with pytest.raises(ValueError, match=match):
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


@pytest.mark.parametrize("suffix", [".npy", ".tif"])
@pytest.mark.parametrize(
    "options", [{"codec": "h264"}, {"quality": 20}, {"encoder_preset": "slow"}, {"bitrate": 10**6}], ids=label
)
def test_encoder_options_are_refused_for_arrays(tmp_path, suffix, options):
    (name,) = options
    with pytest.raises(ValueError, match=f"^{name} does not apply to {suffix} files"):
        diffuse(np.zeros((3, 8, 8), np.uint8), tmp_path / f"out{suffix}", **options)
    assert not list(tmp_path.iterdir())
