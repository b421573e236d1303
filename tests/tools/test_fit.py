# SPDX-License-Identifier: Apache-2.0
"""`fit` finds the best sigma and tau, with a clean reference and without."""

import shlex
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pytest

import vdcore
from helpers.fitting import degraded, scene, squared_error
from helpers.videos import write_video
from vdcore import models
from vdcore.noise import NoiseEstimate
from vdcore.tools.fitting import fit, risk

pytest.importorskip("scipy")


@pytest.fixture(autouse=True)
def one_thread(monkeypatch):
    """Frames are small here, and other tests may run at the same time."""
    monkeypatch.setenv("VDCORE_NUM_THREADS", "1")


def grid_best(noisy, clean, **keywords):
    settings = [
        {"sigma": sigma, "tau": tau} | keywords
        for sigma in (0, *np.geomspace(0.3, 3, 13))
        for tau in (0, *np.geomspace(0.2, 20, 13))
    ]
    return min(squared_error(noisy, clean, **setting) for setting in settings)


# ---- how good it is


@pytest.mark.parametrize("speed, noise", [(0, 20), (0.3, 20), (1, 10), (4, 40)])
def test_fit_with_reference_is_as_good_as_a_grid_search(speed, noise):
    clean, noisy = degraded(scene(speed=speed), noise)
    result = fit(noisy, clean)
    reached = squared_error(noisy, clean, **result.parameters())
    assert reached <= 1.005 * grid_best(noisy, clean)  # 0.02 dB
    assert result.error == pytest.approx(reached, rel=1e-3)
    assert result.psnr == pytest.approx(10 * np.log10(255**2 / reached), abs=0.01)
    assert result.noise is None


@pytest.mark.parametrize("dtype", ["uint8", "float32"])
@pytest.mark.parametrize("speed, noise", [(0, 20), (0.3, 20), (1, 10), (4, 40)])
def test_fit_without_reference_is_nearly_as_good(speed, noise, dtype):
    clean, noisy = degraded(scene(speed=speed, height=112, width=144), noise, dtype)
    blind = squared_error(noisy, clean, **fit(noisy).parameters())
    best = squared_error(noisy, clean, **fit(noisy, clean).parameters())
    assert 10 * np.log10(blind / best) < 0.1


@pytest.mark.parametrize(
    "dtype, scale", [("uint8", 1), ("uint16", 256), ("float32", 1 / 255), ("float64", 1)]
)
@pytest.mark.parametrize("lookahead", [0, 2])
def test_estimated_error_is_the_true_error(dtype, scale, lookahead):
    clean, noisy = degraded(scale * scene(height=112, width=144), scale * 15, dtype)
    result = fit(noisy, sigma=0.7, tau=1.5, noise=15 * scale, lookahead=lookahead)
    expected = squared_error(noisy, clean, **result.parameters())
    assert result.error == pytest.approx(expected, rel=0.05)


@pytest.mark.parametrize("low, high", [(0, 255), (-20, 60), (200, 290)])
def test_estimated_error_where_much_is_clipped(low, high):
    clean, noisy = degraded(scene(height=112, width=144, low=low, high=high).clip(0, 255), 40)
    assert ((noisy == 0) | (noisy == 255)).mean() > 0.05
    for sigma, tau in ((0.6, 0.5), (1, 1), (2, 0.5)):
        result = fit(noisy, sigma=sigma, tau=tau, noise=40)
        expected = squared_error(noisy, clean, **result.parameters())
        assert abs(result.error - expected) < 0.1 * expected + 0.02 * 40**2
    assert squared_error(noisy, clean, **fit(noisy, noise=40).parameters()) < 1.05 * grid_best(noisy, clean)


def test_noise_that_depends_on_the_signal_and_the_channel():
    clean = scene(height=112, width=144)
    gain, offset = np.array([1.0, 4.0, 0.0]), np.array([20.0, 0.0, 9.0])
    noisy = clean + np.random.default_rng(1).normal(size=clean.shape) * np.sqrt(gain * clean + offset)
    level = NoiseEstimate(np.sqrt((gain * clean + offset).mean((0, 1, 2))), gain, offset)
    result = fit(noisy, sigma=0.8, tau=1, noise=level)
    assert result.noise is level
    assert result.error == pytest.approx(squared_error(noisy, clean, **result.parameters()), rel=0.05)


def test_little_noise_means_little_smoothing():
    clean, noisy = degraded(scene(), 0.01, "float32")
    for level in (0.01, 0):
        result = fit(noisy, noise=level)
        assert (result.sigma, result.tau) == (0, 0)
    assert (fit(noisy, noisy).sigma, fit(noisy, noisy).tau) == (0, 0)


def test_memory_where_nothing_moves_and_none_where_everything_does():
    clean, noisy = degraded(scene(frames=20, speed=0), 20)
    still = fit(noisy)
    assert still.tau > 10 and still.sigma < 0.7
    flicker = scene(frames=12, speed=0)
    flicker[1::2] = 255 - flicker[1::2]
    clean, noisy = degraded(flicker, 20)
    assert fit(noisy, clean).tau == fit(noisy).tau == 0


# ---- what it does


@pytest.mark.parametrize("most", [1, 2, 7, 40])
def test_never_more_evaluations_than_allowed_and_none_twice(most, monkeypatch):
    calls = []
    monkeypatch.setattr(risk, "diffuse", lambda *a, **k: calls.append(k) or vdcore.diffuse(*a, **k))
    clean, noisy = degraded(scene(), 20)
    result = fit(noisy, clean, max_evaluations=most)
    settings = {(trial.sigma, trial.tau) for trial in result.trials}
    assert len(calls) == len(result.trials) == len(settings) <= most
    assert min(trial.error for trial in result.trials) == result.error
    assert (result.trials[0].sigma, result.trials[0].tau) == (0, 0)


def test_given_parameters_are_held():
    clean, noisy = degraded(scene(), 20)
    assert {trial.sigma for trial in fit(noisy, clean, sigma=1).trials} == {1}
    assert {trial.sigma for trial in fit(noisy, clean, sigma=(0.5, 2)).trials} == {(0.5, 2)}
    assert {trial.tau for trial in fit(noisy, clean, tau=np.inf).trials} == {np.inf}
    (trial,) = fit(noisy, clean, sigma=1, tau=2).trials
    assert trial.error == pytest.approx(squared_error(noisy, clean, sigma=1, tau=2), rel=1e-3)


@dataclass(frozen=True)
class Gain:
    """A stand-in for a model with parameters of its own."""

    name: ClassVar[str] = "gain"
    gain: float = 1.0
    patch: int = 3


def test_parameters_of_a_model_are_fitted(monkeypatch):
    def diffuse(frames, sigma, tau, *, model=None, **keywords):
        return getattr(model, "gain", 1.0) * vdcore.diffuse(frames, sigma, tau, **keywords)

    monkeypatch.setattr(models, "Model", models.Gaussian | Gain)
    monkeypatch.setattr(risk, "diffuse", diffuse)
    clean, noisy = degraded(scene(), 20, "float32")
    result = fit(noisy, 0.3 * clean, model=Gain(), max_evaluations=80)
    assert result.model.gain == pytest.approx(0.3, rel=0.03) and result.model.patch == 3
    assert result.parameters()["model"] == result.model
    assert "gain" in result.table().splitlines()[0]
    result = fit(noisy, 40 * clean, model=Gain(), sigma=0, tau=0)
    assert result.model.gain == pytest.approx(40, rel=0.05)
    blind = fit(
        noisy, model=Gain(), sigma=1, tau=1, noise=20
    )  # the divergence is a difference of two results
    assert blind.error <= min(trial.error for trial in blind.trials if trial.model.gain == 1)


def planted(frames=4, height=56, width=72, seed=2):
    """Noise, a map of three regions and a wall, its labels, and the noise after diffusion by the map."""
    y, x = np.mgrid[:height, :width]
    labels = np.where(x < 0.3 * width, 1.0, np.where(y < 0.5 * height, 2.0, 3.0))
    labels[: height // 2, width // 2] = 0
    diffusivity = np.array([0, 2.5, 0.4, 1.2])[labels.astype(int)]
    video = np.random.default_rng(seed).uniform(size=(frames, height, width)).astype(np.float32)
    return video, diffusivity, labels, vdcore.diffuse(video, 1.2, 0, model=models.Laplacian(diffusivity))


def test_a_planted_map_is_found():
    video, diffusivity, labels, wanted = planted()
    result = fit(video, wanted, model=models.Laplacian(labels), sigma=1.2, tau=0, max_evaluations=120)
    np.testing.assert_allclose(result.model.diffusivity, diffusivity, rtol=0.02)
    assert result.trials[0].model == models.Laplacian(labels)
    assert (result.model.diffusivity[labels == 0] == 0).all()
    smooth = vdcore.diffuse(video, **result.parameters())
    assert np.abs(smooth - wanted).max() < 0.01
    assert result.table().splitlines()[0].split() == ["sigma", "tau", "map", "error", "PSNR"]
    assert result.table().splitlines()[1].split()[3] == "1..3"
    with pytest.raises(ValueError, match="a map has no string form"):
        result.command("a", "b")


def test_a_planted_map_is_found_on_tiles():
    video, diffusivity, labels, wanted = planted(12, 150, 200)
    result = fit(
        video,
        wanted,
        model=models.Laplacian(labels),
        sigma=1.2,
        tau=0,
        max_evaluations=120,
        max_samples=2**17,
    )
    free = labels > 0
    np.testing.assert_allclose(result.model.diffusivity[free], diffusivity[free], rtol=0.05)


def test_a_planted_map_is_found_from_noise_alone():
    """Where the picture is flat it spreads widely, where it is fine it does not."""
    x = np.arange(96)
    labels = np.where(x < 48, 1.0, 2.0) * np.ones((64, 1))
    clean = np.where(x < 48, 0.5, 0.5 + 0.3 * np.sin(1.5 * x)) * np.ones((2, 64, 1))
    noisy = clean + np.random.default_rng(1).normal(0, 0.1, clean.shape)
    result = fit(noisy, model=models.Laplacian(labels), sigma=1, tau=0, noise=0.1, max_evaluations=80)
    flat, fine = result.model.diffusivity[0, [0, 95]]
    assert flat > 10 > 0.3 > fine
    best = min(
        squared_error(noisy, clean, sigma=1, tau=0, model=models.Laplacian(np.where(labels == 1, flat, c)))
        for c in np.geomspace(0.003, 3, 25)
    )
    assert squared_error(noisy, clean, **result.parameters()) < 1.05 * best


def test_diffusivity_and_sigma_count_together():
    video, diffusivity, labels, wanted = planted()
    result = fit(video, wanted, model=models.Laplacian(labels), tau=0, max_evaluations=120)
    assert np.bincount(labels.astype(int).ravel())[1:].argmax() == 2
    assert {trial.model.diffusivity[labels == 3].max() for trial in result.trials} == {3}
    found = result.sigma**2 * result.model.diffusivity
    np.testing.assert_allclose(found, 1.44 * diffusivity, rtol=0.05)
    result = fit(video, wanted, model="laplacian", tau=0)
    assert {trial.model for trial in result.trials} == {models.Laplacian()}


def test_maps_that_are_refused():
    video = np.zeros((2, 16, 16), np.float32)
    many = np.arange(256.0).reshape(16, 16)
    with pytest.raises(ValueError, match="a map of at most 8 values above 0 to be fitted, got 255"):
        fit(video, video, model=models.Laplacian(many))
    with pytest.raises(ValueError, match=r"the shape of the frames, \(16, 16\), got \(16, 17\)"):
        fit(video, video, model=models.Laplacian(np.ones((16, 17))))


@pytest.mark.usefixtures("backend")
def test_paths_arrays_and_iterators_are_the_same(tmp_path):
    clean, noisy = degraded(scene(frames=6), 20)
    paths = [tmp_path / "noisy.mkv", str(tmp_path / "clean.mkv")]
    for path, frames in zip(paths, (noisy, clean), strict=True):
        write_video(path, frames[..., ::-1])  # BGR
    trials = fit(noisy, clean).trials
    assert fit(paths[0], paths[1]).trials == trials
    assert fit(paths[0], iter(clean)).trials == trials
    assert fit((frame for frame in noisy), list(clean)).trials == trials
    moved = np.moveaxis(noisy, -1, 0)
    assert fit(moved, np.moveaxis(clean, -1, 0), channel_axis=0).trials == trials
    assert fit(moved, paths[1], channel_axis=0).trials == trials
    assert fit(paths[0]).trials == fit(iter(noisy)).trials
    grey = noisy[..., 0]
    assert fit(grey).trials == fit(grey[..., None]).trials


def test_seed_and_threads():
    _, noisy = degraded(scene(), 20)
    trials = fit(noisy, threads=1).trials
    assert fit(noisy, threads=2).trials == trials
    assert fit(noisy, seed=1).trials != trials


@pytest.mark.usefixtures("backend")
def test_time_in_seconds(tmp_path):
    clean, noisy = degraded(scene(frames=6), 20)
    by_frame = fit(noisy, clean)
    by_second = fit(noisy, clean, time_unit="seconds", times=np.arange(6) / 25)
    assert by_second.tau == pytest.approx(by_frame.tau / 25, rel=0.05)
    assert by_second.error == pytest.approx(by_frame.error, rel=1e-3)
    write_video(tmp_path / "noisy.mkv", noisy[..., ::-1])
    assert fit(tmp_path / "noisy.mkv", clean, time_unit="seconds").trials == by_second.trials
    assert "--time-unit seconds" in by_second.command("a", "b")


# ---- what it says


def test_table_command_and_repr():
    clean, noisy = degraded(scene(), 20)
    result = fit(noisy, clean, lookahead=1, boundary="reflect")
    lines = result.table().splitlines()
    assert lines[0].split() == ["sigma", "tau", "error", "PSNR"]
    assert len(lines) == 1 + len(result.trials)
    (best,) = [line.split() for line in lines if "*" in line]
    assert best[1:] == [f"{value:.4g}" for value in (result.sigma, result.tau, result.error)] + [
        f"{result.psnr:.2f}"
    ]
    words = shlex.split(result.command("it's noisy.mp4", "out 1.mp4"))
    assert words[:4] == ["vdcore", "run", "it's noisy.mp4", "out 1.mp4"]
    options = dict(zip(words[4::2], words[5::2], strict=True))
    assert (float(options["--sigma"]), float(options["--tau"])) == (result.sigma, result.tau)
    assert (options["--lookahead"], options["--boundary"]) == ("1", "reflect")
    assert result.parameters()["lookahead"] == 1
    vdcore.Diffuser(**result.parameters())
    assert f"sigma={result.sigma:g}" in repr(result) and "10 frames" in repr(result)
    assert "--sigma 1,2" in fit(noisy, clean, sigma=(1, 2), tau=0).command("a", "b")


@pytest.mark.parametrize(
    "keywords, label",
    [
        ({}, "tau (frames)"),
        ({"sigma": 1.0}, "mean squared error"),
        ({"sigma": (1, 2), "tau": 0}, "mean squared error"),
    ],
)
def test_plot(tmp_path, keywords, label):
    pytest.importorskip("matplotlib")
    _, noisy = degraded(scene(), 20)
    result = fit(noisy, noise=20, **keywords)
    figure = result.plot(tmp_path / "fit.png")
    assert (tmp_path / "fit.png").read_bytes().startswith(b"\x89PNG")
    axes = figure.axes[0]
    assert axes.get_ylabel() == label
    (star,) = [line for line in axes.lines if line.get_marker() == "*"]
    if not keywords:
        assert tuple(star.get_xydata()[0]) == (result.sigma, result.tau)
        (points,) = [each for each in axes.collections if len(each.get_offsets()) > 1]
        assert len(points.get_offsets()) == len(result.trials)


def test_files_of_any_depth_are_fitted_in_8_bit_units(tmp_path):
    """Noise, error, peak and the model's parameters of a 16-bit file are a 256th of those of its array."""
    noisy = degraded(scene(), 20)[1].astype(np.uint16) * 256
    np.save(tmp_path / "noisy.npy", noisy)
    model, options = models.Bilateral(40.0), {"sigma": 1.0, "tau": 1.0, "max_evaluations": 4}
    file = fit(tmp_path / "noisy.npy", model=model, noise=20, **options)
    array = fit(noisy, model=models.scaled(model, 256), noise=20 * 256, **options)
    assert file.noise.sigma == pytest.approx(array.noise.sigma / 256)
    assert (file.error, file.peak) == pytest.approx((array.error / 256**2, array.peak / 256))
    assert file.psnr == pytest.approx(array.psnr)
    assert file.model == models.scaled(array.model, 1 / 256)
    assert [t.error * 256**2 for t in file.trials] == pytest.approx([t.error for t in array.trials])
    assert vdcore.estimate_noise(tmp_path / "noisy.npy").sigma == pytest.approx(
        vdcore.estimate_noise(noisy).sigma / 256
    )


@pytest.mark.clips
@pytest.mark.parametrize("noise", [10, 40])
def test_real_clip(clips, noise):
    from vdcore.video import read_frames

    clean = np.stack([frame[72:216, 88:264] for frame in read_frames(clips / "foreman_cif_10f.y4m")])
    noisy = degraded(clean.astype(float), noise)[1]
    best = grid_best(noisy, clean)
    with_reference = squared_error(noisy, clean, **fit(noisy, clean).parameters())
    without = squared_error(noisy, clean, **fit(noisy).parameters())
    assert 10 * np.log10(with_reference / best) < 0.05
    assert 10 * np.log10(without / with_reference) < 0.2
