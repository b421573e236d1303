# SPDX-License-Identifier: Apache-2.0
"""NPY and TIFF stacks through every command and function that takes files."""

import json
import sys

import numpy as np
import pytest

import vdcore
from helpers.denoising import as_type, psnr, scene
from helpers.support import assert_same_bits
from vdcore.cli import main

SUFFIXES = [".npy", ".tif"]
DTYPES = ["uint8", "uint16", "float32", "float64"]
SHAPES = {"grey": (..., 0), "colour": (...,), "alpha": (..., [0, 1, 2, 0])}


@pytest.fixture(autouse=True)
def one_thread(monkeypatch):
    monkeypatch.setenv("VDCORE_NUM_THREADS", "1")


def save(path, frames, **options):
    if path.suffix == ".npy":
        np.save(path, frames)
        return path
    tifffile = pytest.importorskip("tifffile")
    kind = "rgb" if frames.ndim == 4 else "minisblack"
    extra = ["unassalpha"] if frames.ndim == 4 and frames.shape[-1] == 4 else None
    tifffile.imwrite(path, frames, photometric=kind, extrasamples=extra, **options)
    return path


def load(path):
    return np.load(path) if path.suffix == ".npy" else pytest.importorskip("tifffile").imread(path)


def run(capsys, *arguments):
    code = main([str(argument) for argument in arguments])
    out, err = capsys.readouterr()
    assert (code, err) == (0, "")
    return out


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("suffix", SUFFIXES)
def test_denoising_a_stack_is_denoising_its_array(tmp_path, capsys, suffix, dtype, shape):
    clean, noisy = (as_type(frames, dtype)[0][SHAPES[shape]] for frames in scene(4, 64, 48))
    source, target = save(tmp_path / f"in{suffix}", noisy), tmp_path / f"out{suffix}"
    report = json.loads(run(capsys, "denoise", source, target, "--json"))
    result = load(target)
    assert result.dtype == dtype
    assert_same_bits(result, vdcore.denoise(noisy))
    assert report["noise"]["sigma"] == pytest.approx([20] * len(report["noise"]["sigma"]), rel=0.25)
    to_8_bits = 255 / (np.iinfo(dtype).max if dtype.startswith("u") else 1)
    before, after = (psnr(to_8_bits * frames, to_8_bits * clean) for frames in (noisy, result))
    assert after > before + 2


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("suffix", SUFFIXES)
def test_every_command_takes_stacks(tmp_path, capsys, suffix, dtype):
    pytest.importorskip("scipy")
    clean, noisy = (as_type(frames, dtype)[0] for frames in scene(4, 64, 48))
    source, truth = save(tmp_path / f"in{suffix}", noisy), save(tmp_path / f"clean{suffix}", clean)
    target = tmp_path / f"out{suffix}"
    assert "width: 64" in run(capsys, "info", source)
    assert "4 frames" in run(capsys, "run", source, target, "--sigma", 1, "--tau", 1)
    assert "PSNR" in run(capsys, "compare", truth, target, "--out", tmp_path / "sheet.png")
    run(capsys, "compare", truth, target, "--video", tmp_path / "split.mkv", "--quiet")
    out = run(capsys, "fit", source, "--reference", truth, "--max-evaluations", 4)
    assert "measured over 4 frames" in out
    assert vdcore.estimate_noise(source).sigma == pytest.approx([20] * 3, rel=0.25)
    assert vdcore.show(source, target) is not None


def test_a_folder_of_stacks(tmp_path, capsys):
    (tmp_path / "in").mkdir()
    frames = scene(4, 64, 48)[1]
    for i, name in enumerate(("a.npy", "b.tif", "c.tiff")):
        save(tmp_path / "in" / name, frames[..., i])
    out = run(capsys, "denoise", tmp_path / "in", "--out-dir", tmp_path / "out")
    assert out.endswith("3 of 3 done\n")
    for i, name in enumerate(("a.npy", "b.tif", "c.tiff")):
        assert_same_bits(load(tmp_path / "out" / name), vdcore.denoise(frames[..., i]))


@pytest.mark.parametrize("order", ["<", ">"])
def test_stacks_of_any_byte_order(tmp_path, order):
    frames = as_type(scene(4, 64, 48)[1], "uint16")[0][..., 0]
    stored = frames.astype(f"{order}u2")
    expected = vdcore.diffuse(frames, 1, 1)
    for source in (
        save(tmp_path / "in.npy", stored),
        save(tmp_path / "in.tif", frames, byteorder=order),
        save(tmp_path / "imagej.tif", frames, imagej=True),
        list(stored),
    ):
        vdcore.diffuse_video(source, tmp_path / "out.npy", 1, 1)
        assert_same_bits(np.load(tmp_path / "out.npy"), expected)


def test_native_byte_order_may_be_said():
    frames = scene(3, 64, 48)[1].astype(np.uint16)
    said = frames.view(f"{'<' if sys.byteorder == 'little' else '>'}u2")
    out = np.empty_like(said)
    assert vdcore.diffuse(said, 1, 1, out=out) is out
    assert_same_bits(out, vdcore.diffuse(frames, 1, 1))


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("dtype", ["int16", "int32", "float16", "bool"])
def test_samples_that_are_refused_are_named_in_one_line(tmp_path, capsys, suffix, dtype):
    source = save(tmp_path / f"in{suffix}", np.zeros((3, 16, 16), dtype))
    for arguments in (["info", source], ["denoise", source, tmp_path / "out.npy"], ["fit", source]):
        assert main([str(argument) for argument in arguments]) == 1
        err = capsys.readouterr().err
        assert "frame 0 must be uint8, uint16, float32 or float64" in err and err.count("\n") == 1


def test_an_archive_of_arrays_is_refused(tmp_path):
    with open(tmp_path / "in.npy", "wb") as file:
        np.savez(file, np.zeros((3, 16, 16)))
    with pytest.raises(ValueError, match=r"in.npy: it is an archive of arrays \(.npz\)"):
        vdcore.video.read_info(tmp_path / "in.npy")


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("scale", [1e-12, 1e6, 1e12])
def test_floats_of_any_scale(dtype, scale):
    """By a power of two, the same but for rounding, which the flow amplifies in places."""
    frames = as_type(scene(4, 64, 48)[1][..., 0], dtype)[0]
    scale = 2.0 ** round(np.log2(scale))
    difference = np.abs(vdcore.denoise(frames * scale) / scale - vdcore.denoise(frames))
    assert difference.mean() < 1e-3 and difference.max() < 0.1


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("scale", [1e16, 1e20, 1e37])
def test_floats_too_large_are_named(tmp_path, dtype, scale):
    frames = (1 + scene(4, 64, 48)[1][..., 0].astype(dtype) / 255) * np.dtype(dtype).type(scale)
    for denoise in (vdcore.denoise, vdcore.Denoiser(), vdcore.Denoiser("strong", preset="fast")):
        with pytest.raises(ValueError, match=r"must be finite or NaN and within 1e\+15 .*, got .* at"):
            denoise(frames if denoise is vdcore.denoise else frames[0])
    with pytest.raises(ValueError, match=r"frame must be finite or NaN and within 1e\+15"):
        vdcore.denoise_video(save(tmp_path / "in.npy", frames), tmp_path / "out.npy")


def test_frames_in_memory_are_estimated_as_a_whole(tmp_path):
    frames = scene(6, 64, 48)[1]
    expected = vdcore.denoise(frames)
    for source in (frames, list(frames)):
        vdcore.denoise_video(source, tmp_path / "out.npy")
        assert_same_bits(np.load(tmp_path / "out.npy"), expected)
    report = vdcore.denoise_video(iter(frames), tmp_path / "out.npy")  # can be read once only
    assert report.frames == 6


def test_an_iterator_is_read_once_though_a_file_is_called_frames(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "frames").write_bytes(b"")
    frames = scene(4, 64, 48)[1]
    report = vdcore.denoise_video((frame for frame in frames), tmp_path / "out.npy")
    assert (report.frames, report.warnings) == (4, ())
