# SPDX-License-Identifier: Apache-2.0
"""`fit`: the best sigma and tau, with a clean reference and without, from whatever holds a video."""

import shlex
import sys
from dataclasses import dataclass
from itertools import islice
from typing import ClassVar

import numpy as np
import pytest

import vdcore
from helpers.videos import write_video
from vdcore import models
from vdcore.noise import NoiseEstimate
from vdcore.tools.fitting import fit, risk
from vdcore.tools.fitting.subset import COUNTED, MARGIN, TILE, WARM_UP, Subset

pytest.importorskip("scipy")


@pytest.fixture(autouse=True)
def one_thread(monkeypatch):
    """Frames are small here, and other tests may run beside these."""
    monkeypatch.setenv("VDCORE_NUM_THREADS", "1")


def scene(frames=10, height=56, width=72, speed=1.0, channels=3, low=30.0, high=225.0):
    """A smooth picture with edges that moves `speed` pixels per frame, float64, shape (T, H, W, C)."""
    y, x = np.mgrid[:height, :width]
    clean = np.empty((frames, height, width, channels))
    for t in range(frames):
        for channel in range(channels):
            wave = np.sin((x - speed * t) / (5 + channel)) * np.cos(y / 7)
            clean[t, ..., channel] = 0.5 + 0.25 * wave + 0.25 * (((x - speed * t) // 12 + y // 14) % 2)
    return low + (high - low) * clean


def degraded(clean, noise, dtype="uint8", seed=3):
    """The clean frames as `dtype`, and the same with normal noise added, clipped to the range of dtype."""
    noisy = clean + np.random.default_rng(seed).normal(0, noise, clean.shape)
    if dtype.startswith("uint"):
        top = np.iinfo(dtype).max
        clean, noisy = clean.clip(0, top).round(), noisy.clip(0, top).round()
    return clean.astype(dtype), noisy.astype(dtype)


def squared_error(frames, clean, **parameters):
    result = vdcore.diffuse(frames, dtype="float64" if frames.dtype == "float64" else "float32", **parameters)
    return float(np.square(result.astype(float) - clean).mean())


def grid_best(noisy, clean, **keywords):
    settings = [
        {"sigma": sigma, "tau": tau} | keywords
        for sigma in (0, *np.geomspace(0.3, 3, 13))
        for tau in (0, *np.geomspace(0.2, 20, 13))
    ]
    return min(squared_error(noisy, clean, **setting) for setting in settings)


# how good it is


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


# what it does


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
    with pytest.raises(ValueError, match="a map has no text form"):
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


# a bounded subset


def numbered(count, shape, copies=1):
    """Frames that hold their number and their places: channels (t, y, x)."""
    y, x = np.mgrid[: shape[0], : shape[1]]
    for t in range(count):
        yield np.stack([np.stack([np.full(shape, t), y, x], axis=-1)] * copies)


def subset_of(frames, most, lookahead=0, seed=0):
    subset = Subset(most, lookahead, np.random.default_rng(seed))
    for t, images in enumerate(frames):
        subset.add(images, t / 2)
        assert subset._kept <= max(most, TILE * TILE * 3 * 48)
    return list(subset.pieces())


def test_what_fits_is_kept_whole():
    (piece,) = subset_of(numbered(70, (20, 30), copies=2), 70 * 20 * 30 * 3)
    assert piece.images.shape == (70, 2, 20, 30, 3)
    assert (piece.start, piece.stop, piece.tiles) == (0, 70, 0)
    np.testing.assert_array_equal(piece.times, np.arange(70) / 2)
    assert piece.counted(piece.images) is not None and piece.counted(piece.images).shape == piece.images.shape


@pytest.mark.parametrize(
    "count, shape, lookahead", [(20, (200, 300), 0), (300, (100, 90), 3), (500, (16, 20), 0)]
)
def test_pieces_are_runs_of_consecutive_frames(count, shape, lookahead):
    most = 300_000
    pieces = subset_of(numbered(count, shape), most, lookahead)
    assert sum(piece.images.size for piece in pieces) <= most
    firsts = [int(piece.images[0, 0, 0, 0, 0]) for piece in pieces]
    assert firsts[0] == 0 and pieces[0].start == 0
    assert len(set(np.diff(firsts))) <= 1  # evenly spread
    if count > 20:
        assert firsts[-1] > 0.6 * count
    for first, piece in zip(firsts, pieces, strict=True):
        numbers = piece.images[:, 0, 0, 0, 0]
        np.testing.assert_array_equal(numbers, first + np.arange(len(numbers)))
        np.testing.assert_array_equal(piece.times, numbers / 2)
        assert piece.start == (WARM_UP if first else 0)
        assert piece.stop == len(numbers) - (lookahead if numbers[-1] < count - 1 else 0)
        assert piece.stop <= WARM_UP + COUNTED


def test_tiles_are_pieces_of_the_picture_without_their_rims():
    pieces = subset_of(numbered(100, (200, 300)), 400_000)
    corners = []
    for piece in pieces:
        counted = piece.counted(piece.images[:, 0])
        side = TILE - 2 * MARGIN
        assert counted.shape == (piece.stop - piece.start, side, piece.tiles, side, 3)
        tile = counted[0, :, 0]
        assert (np.diff(tile[..., 1], axis=0) == 1).all() and (np.diff(tile[..., 2], axis=1) == 1).all()
        corners += [tuple(corner) for corner in counted[0, 0, :, 0, 1:]]
    assert len(set(corners)) > 0.9 * len(corners)  # every run has its own


def test_tiles_are_spread_evenly():
    (piece,) = subset_of(numbered(4, (512, 512)), 512 * 512 * 3)
    places = piece.counted(piece.images[:, 0])[0, 0, :, 0, 1:]
    quarters = np.histogram2d(*places.T, bins=2, range=[[0, 512 - TILE]] * 2)[0]
    assert piece.tiles == 64 and quarters.min() >= 12


def test_long_video_is_fitted_on_little_of_it():
    def frames(noise):
        rng = np.random.default_rng(1)
        picture = scene(1, 128, 400, high=200)[0]
        for t in range(300):
            yield (picture[:, t : t + 96] + rng.normal(0, noise, (128, 96, 3))).clip(0, 255).astype(np.uint8)

    few = fit(frames(20), frames(0), max_samples=2**19)
    assert 50 < few.frames < 200
    noisy, clean = (np.stack(list(islice(frames(noise), 40))) for noise in (20, 0))
    best = squared_error(noisy, clean, **fit(noisy, clean).parameters())
    assert squared_error(noisy, clean, **few.parameters()) < 1.02 * best
    assert squared_error(noisy, clean, **fit(frames(20), max_samples=2**19).parameters()) < 1.03 * best


# bad input


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32", "float64"])
@pytest.mark.parametrize("value", [0, 1])
def test_constant_video(dtype, value):
    frames = np.full((5, 20, 24, 3), value, dtype)
    for result in (fit(frames), fit(frames, frames)):
        assert (result.sigma, result.tau, result.error, result.psnr) == (0, 0, 0, np.inf)
    np.testing.assert_array_equal(fit(frames).noise.sigma, 0)
    assert np.isfinite(fit(frames, noise=3).error)
    assert "inf" in result.table()


def test_single_frame():
    clean, noisy = degraded(scene(frames=1), 20)
    with pytest.raises(ValueError, match="frames must be at least 2 to fit tau, got 1: give tau=0"):
        fit(noisy)
    result = fit(noisy, clean, tau=0)
    assert result.sigma > 0.3 and result.frames == 1
    assert fit(noisy, tau=0).sigma > 0.3


@pytest.mark.filterwarnings("error")
def test_missing_samples_do_not_count():
    clean, noisy = degraded(scene(), 20, "float32")
    holes = noisy.copy()
    holes[:, 10:20, 30:40] = np.nan
    holes[3] = np.nan
    for keywords in ({"reference": clean}, {"noise": 20}):
        whole, some = fit(noisy, sigma=0.7, tau=0.7, **keywords), fit(holes, sigma=0.7, tau=0.7, **keywords)
        assert some.error == pytest.approx(whole.error, rel=0.1)
    dirty = clean.copy()
    dirty[:, :, 40:] = np.nan
    expected = squared_error(noisy[:, :, :40], clean[:, :, :40], sigma=0, tau=1)
    assert fit(noisy, dirty, sigma=0, tau=1).error == pytest.approx(expected, rel=1e-3)
    with pytest.raises(ValueError, match="frames must have samples that are not NaN"):
        fit(np.full_like(noisy, np.nan), noise=1)


@pytest.mark.parametrize(
    "change, keywords, error, message",
    [
        (lambda clean: clean[:-1], {}, ValueError, "as many, but reference ends after 9"),
        (lambda clean: np.concatenate([clean, clean]), {}, ValueError, "as many, but frames ends after 10"),
        (lambda clean: clean[:, 1:], {}, ValueError, r"shape and dtype of frames, \(56, 72, 3\) uint8"),
        (lambda clean: clean.astype(np.float32), {}, ValueError, "float32"),
        (lambda clean: clean[..., 0], {}, ValueError, r"\(56, 72\)"),
        (lambda clean: None, {"noise": -1}, ValueError, "noise must be a number >= 0 or one for each of 3"),
        (lambda clean: None, {"noise": (1, 2)}, ValueError, "noise must be"),
        (lambda clean: None, {"noise": np.nan}, ValueError, "noise must be"),
        (
            lambda clean: None,
            {"noise": NoiseEstimate(*np.ones((3, 1)))},
            ValueError,
            "noise must have 3 channels",
        ),
        (lambda clean: clean, {"max_evaluations": 0}, ValueError, "max_evaluations must be"),
        (lambda clean: clean, {"max_samples": 0}, ValueError, "max_samples must be"),
        (lambda clean: clean, {"seed": -1}, ValueError, "seed must be"),
        (lambda clean: clean, {"sigma": -1}, ValueError, "sigma must be"),
        (lambda clean: clean, {"model": "nonsense"}, ValueError, "model must be"),
        (lambda clean: clean, {"time_unit": "seconds"}, ValueError, "times must be given"),
        (lambda clean: clean, {"times": [0, 1, 2]}, ValueError, "one entry for each frame, got 3"),
        (lambda clean: clean, {"times": [0, 2, 1, *range(7)]}, ValueError, "times must not decrease"),
        (lambda clean: clean, {"times": [0, np.nan, *range(8)]}, ValueError, r"times\[1\] must be"),
    ],
)
def test_what_is_refused(change, keywords, error, message):
    clean, noisy = degraded(scene(), 20)
    with pytest.raises(error, match=message):
        fit(noisy, change(clean), **keywords)


def test_missing_packages_are_named(monkeypatch):
    clean, noisy = degraded(scene(frames=3), 20)
    result = fit(noisy, clean, max_evaluations=3)
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(ImportError, match=r"pip install vdcore\[plot\]"):
        result.plot()
    monkeypatch.setitem(sys.modules, "scipy", None)
    with pytest.raises(ImportError, match=r"pip install vdcore\[fit\]"):
        fit(noisy, clean)


# what it says


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
