# SPDX-License-Identifier: Apache-2.0
"""`fit` on files fits the filter that its command runs: plane by plane where the file is YCbCr."""

import shlex
from fractions import Fraction

import numpy as np
import pytest

import vdcore
from helpers.fitting import scene
from vdcore.cli import main
from vdcore.tools.fitting import fit

pytest.importorskip("scipy")
av = pytest.importorskip("av")

from helpers.media import from_samples, samples, turned, write  # noqa: E402


@pytest.fixture(autouse=True)
def one_thread(monkeypatch):
    monkeypatch.setenv("VDCORE_NUM_THREADS", "1")


def clip(path, name, noise=0.0, **options):
    """A scene in a pixel format, with white noise in each of its planes; 8-bit units."""
    rng = np.random.default_rng(1)
    frames = []
    for picture in scene(6, 96, 128).astype(np.uint8):
        frame = av.VideoFrame.from_ndarray(picture, "rgb24").reformat(format=name)
        top = 2 ** frame.format.components[0].bits - 1
        noisy = [plane + rng.normal(0, noise * (top + 1) / 256, plane.shape) for plane in samples(frame)]
        frames.append(from_samples([plane.round().clip(0, top) for plane in noisy], name))
    return write(path, frames, **options)


@pytest.fixture(params=["yuv420p", "yuv444p", "yuv422p10le", "gbrp10le"])
def pair(request, tmp_path):
    return clip(tmp_path / "clean.mkv", request.param), clip(tmp_path / "noisy.mkv", request.param, 15)


def figures(capsys, clean, noisy, *options):
    """The PSNR that `vdcore fit` prints, and the one that its command reaches, in dB."""
    target = noisy.with_name("out.mkv")
    assert main([*map(str, ("fit", noisy, "--out", target)), *options]) == 0
    lines = capsys.readouterr().out.splitlines()
    printed = next(float(line.split("PSNR ")[1].split()[0]) for line in lines if "PSNR" in line)
    command = shlex.split(lines[-1])
    assert command[:2] == ["vdcore", "run"]
    assert main([*command[1:], "--codec", "ffv1", "--quiet"]) == 0
    return printed, vdcore.compare(clean, target).mean_psnr


@pytest.mark.parametrize("options", [(), ("--sigma", "2,0.5", "--tau", "0.3"), ("--lookahead", "2")], ids=str)
def test_the_measured_figure_is_reached(capsys, pair, options):
    printed, reached = figures(capsys, *pair, "--reference", str(pair[0]), *options)
    assert printed - 0.1 < reached < printed + 0.7


def test_the_estimated_figure_is_reached(capsys, pair):
    printed, reached = figures(capsys, *pair)
    assert printed - 0.4 < reached < printed + 1.0


def test_a_turned_file(capsys, tmp_path):
    """Its sigma is that of the picture as it is shown."""
    clean, noisy = (
        clip(tmp_path / f"{name}.mp4", "yuv420p", noise, codec="libx264", qp="0", matrix=turned(1))
        for name, noise in (("clean", 0), ("noisy", 4))
    )
    found = {}
    for sigma in ("4,0", "0,4"):
        options = "--reference", str(clean), "--sigma", sigma, "--tau", "0"
        found[sigma], reached = figures(capsys, clean, noisy, *options)
        assert found[sigma] == pytest.approx(reached, abs=0.7)
    assert abs(found["4,0"] - found["0,4"]) > 1.5


def test_noise_is_that_of_the_planes(pair):
    result = fit(pair[1], max_evaluations=1)
    assert result.noise.sigma == pytest.approx([15] * 3, rel=0.15)
    given = fit(pair[1], noise=15, max_evaluations=1)
    np.testing.assert_allclose(given.noise.sigma, 15)
    assert given.error == pytest.approx(result.error, rel=0.3)
    of_rgb = fit(pair[1], noise=(15, 15, 15), max_evaluations=1).noise.sigma
    planes = len(vdcore.video.read_info(pair[1]).planes)
    np.testing.assert_allclose(of_rgb, 15 if planes == 1 else 8.5, rtol=0.05)  # of independent colours


@pytest.mark.parametrize("name", ["yuv420p", "yuv422p10le"])
@pytest.mark.parametrize("form", ["rgb file", "8-bit file", "array", "generator"])
def test_a_reference_in_another_form(tmp_path, name, form):
    noisy = clip(tmp_path / "noisy.mkv", name, 15)
    clean = clip(tmp_path / "clean.mkv", name)
    expected = fit(noisy, clean, max_evaluations=12)
    if form.endswith("file"):
        other = clip(tmp_path / "other.mkv", "gbrp10le" if form == "rgb file" else "yuv444p")
    else:
        other = np.stack(list(vdcore.video.read_frames(clean)))
        other = other if form == "array" else (frame for frame in other)
    result = fit(noisy, other, max_evaluations=12)
    assert result.psnr == pytest.approx(expected.psnr, abs=0.3)
    assert result.sigma == pytest.approx(expected.sigma, rel=0.1)


def test_references_that_are_refused(tmp_path):
    noisy = clip(tmp_path / "noisy.mkv", "yuv420p", 15)
    frames = scene(6, 96, 128)
    with pytest.raises(
        ValueError, match=r"reference must have the shape of frames, \(96, 128, 3\), got \(96"
    ):
        fit(noisy, frames[..., 0])
    with pytest.raises(ValueError, match="reference must have the shape of frames"):
        fit(noisy, frames[:, 1:])
    with pytest.raises(ValueError, match="one length, but reference ends after 5"):
        fit(noisy, frames[:5] / 255)
    with pytest.raises(ValueError, match="channel_axis is for arrays only"):
        fit(noisy, channel_axis=0)


def test_seconds_are_the_time_stamps_of_the_file(tmp_path):
    pts = [0, 1, 2, 7, 8, 20]
    clean, noisy = (
        clip(tmp_path / f"{noise}.mkv", "yuv420p", noise, pts=pts, time_base=Fraction(1, 25))
        for noise in (0, 15)
    )
    times = [p / 25 for p in pts]
    result = fit(noisy, clean, time_unit="seconds", max_evaluations=8)
    again = fit(noisy, clean, time_unit="seconds", times=times, max_evaluations=8)
    for one, other in zip(result.trials, again.trials, strict=True):
        assert (one.sigma, one.tau) == pytest.approx((other.sigma, other.tau), rel=0.01)
        assert one.error == pytest.approx(other.error, rel=0.01)
    assert result.error != fit(noisy, clean, time_unit="seconds", times=np.arange(6) / 25).error


def test_models_in_8_bit_units_and_maps(capsys, tmp_path):
    clean, noisy = (
        clip(tmp_path / "clean.mkv", "yuv420p10le"),
        clip(tmp_path / "noisy.mkv", "yuv420p10le", 15),
    )
    result = fit(noisy, clean, model="bilateral:range_sigma=40", max_evaluations=12)
    assert 5 < result.model.range_sigma < 200
    vdcore.diffuse_video(noisy, tmp_path / "out.mkv", codec="ffv1", **result.parameters())
    assert vdcore.compare(clean, tmp_path / "out.mkv").mean_psnr == pytest.approx(result.psnr, abs=0.7)
    speed = np.ones((96, 128))
    speed[:, 64:] = 0
    half = fit(noisy, clean, model=vdcore.models.Laplacian(speed), sigma=0.8, tau=0)
    vdcore.diffuse_video(noisy, tmp_path / "out.mkv", codec="ffv1", **half.parameters())
    reached = vdcore.compare(clean, tmp_path / "out.mkv").mean_psnr
    assert half.psnr < reached < half.psnr + 1.2  # noise stays in half of the chroma


def test_a_large_file_is_fitted_on_tiles_of_its_planes(tmp_path):
    clean, noisy = clip(tmp_path / "clean.mkv", "yuv420p"), clip(tmp_path / "noisy.mkv", "yuv420p", 15)
    whole, some = fit(noisy, clean), fit(noisy, clean, max_samples=6 * 32**2 * 6)
    assert some.psnr == pytest.approx(whole.psnr, abs=1)
