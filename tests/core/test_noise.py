# SPDX-License-Identifier: Apache-2.0
"""estimate_noise against noise that was added: all sample types, clipping, brightness, bad input."""

import itertools

import numpy as np
import pytest

import oracles
from helpers.videos import write_video
from vdcore import NoiseEstimate, estimate_noise
from vdcore.noise import estimator as estimator_module
from vdcore.noise.curve import clip_normal, fit_line
from vdcore.tools.frames import iterate_frames

HEIGHT, WIDTH = 120, 160


def smooth_scene(count=8, low=28.0, high=228.0):
    """Slopes of all brightnesses that move, a bright textured disc that moves faster, in [low, high]."""
    t, y, x = np.mgrid[:count, :HEIGHT, :WIDTH].astype(float)
    scene = 0.5 + 0.3 * np.sin((x + 3 * t) / 17) + 0.2 * np.cos(y / 11)
    disc = np.hypot(y - 60, x - 30 - 7 * t) < 18
    scene[disc] = 0.6 + 0.4 * np.sin(1.9 * x + 1.1 * y)[disc]
    return low + (high - low) * scene


def with_noise(scene, sigma, dtype="float64", seed=1, scale=1.0):
    """`scale * (scene + noise)` as samples of `dtype`, clipped where that has a range."""
    noisy = scale * (scene + np.random.default_rng(seed).normal(size=scene.shape) * sigma)
    return oracles.rounded(noisy, dtype) if dtype.startswith("u") else noisy.astype(dtype)


def error(frames, sigma, **keywords):
    """The relative error of the estimate, channel by channel."""
    return np.abs(estimate_noise(frames, **keywords).sigma / sigma - 1).max()


# figures


@pytest.mark.parametrize("sigma", [2, 5, 20])
@pytest.mark.parametrize(
    "dtype, scale", [("uint8", 1), ("uint16", 257), ("float32", 1 / 255), ("float64", 1e4)]
)
def test_sigma(dtype, scale, sigma):
    frames = with_noise(smooth_scene(), sigma, dtype, scale=scale)
    assert error(frames, sigma * scale) < 0.04


def test_sigma_is_not_biased():
    flat = np.full((6, HEIGHT, WIDTH), 100.0)
    estimates = [estimate_noise(with_noise(flat, 10, seed=seed)).sigma[0] for seed in range(10)]
    assert abs(np.mean(estimates) - 10) < 0.06
    assert np.std(estimates) < 0.15


@pytest.mark.parametrize("low, high", [(0, 255), (0, 60), (200, 255)])
def test_clipping_is_undone(low, high):
    frames = with_noise(smooth_scene(low=low, high=high), 40, "uint8")
    assert np.mean((frames == 0) | (frames == 255)) > 0.03
    assert error(frames, 40) < 0.05


def test_black_but_for_the_noise():
    assert error(with_noise(np.zeros((6, HEIGHT, WIDTH)), 20, "uint8"), 20) < 0.05


def test_black_floats_that_were_clipped():
    frames = with_noise(np.zeros((6, HEIGHT, WIDTH)), 20, scale=1 / 255).clip(0, 1)
    assert error(frames, 20 / 255) < 0.05


def test_a_dark_scene_tells_the_gain():
    scene = np.tile(smooth_scene(low=-60, high=60).clip(0), (1, 2, 2))
    assert np.mean(scene == 0) > 0.4
    for seed in range(3):
        noise = estimate_noise(with_noise(scene, np.sqrt(2 * scene + 20), "uint8", seed))
        assert noise.gain[0] == pytest.approx(2, rel=0.12)


def test_floats_that_were_clipped():
    frames = with_noise(smooth_scene(low=0), 30, scale=1 / 255).clip(0, 1)
    assert error(frames, 30 / 255) < 0.04


def test_fewer_bits_in_uint16():
    frames = with_noise(smooth_scene(low=0, high=255), 40, scale=16).clip(0, 4095).round().astype(np.uint16)
    assert error(frames, 40 * 16) < 0.04


@pytest.mark.parametrize("gain, offset", [(0.5, 4), (2, 20), (-0.3, 90)])
@pytest.mark.parametrize("dtype, scale", [("uint8", 1), ("uint16", 200), ("float32", 1 / 255)])
def test_gain_and_offset(dtype, scale, gain, offset):
    scene = np.tile(smooth_scene(count=12, low=5, high=250), (1, 2, 2))
    frames = with_noise(scene, np.sqrt(gain * scene + offset), dtype, scale=scale)
    noise = estimate_noise(frames)
    for value in (30, 128, 220):
        expected = (gain * value + offset) * scale**2
        assert noise.variance(value * scale) == pytest.approx(expected, rel=0.12)
    assert noise.gain[0] == pytest.approx(gain * scale, rel=0.12)
    assert noise.sigma[0] == pytest.approx(np.sqrt((gain * scene + offset).mean()) * scale, rel=0.04)


def test_gain_is_zero_where_nothing_says_otherwise():
    for seed in range(5):
        assert estimate_noise(with_noise(np.zeros((4, 80, 80)), 20, "uint8", seed)).gain == 0
        noise = estimate_noise(with_noise(smooth_scene(), 20, seed=seed))
        assert abs(noise.variance(228) / noise.variance(28) - 1) < 0.15


def test_still_texture_is_not_noise():
    texture = np.random.default_rng(2).uniform(60, 200, (HEIGHT, WIDTH))
    assert error(with_noise(np.stack([texture] * 6), 5), 5) < 0.03


def test_bars_and_captions_are_left_out():
    frames = with_noise(smooth_scene(), 8, "uint8")
    frames[:, :25] = frames[:, -25:] = 0
    frames[:, 30:60, 30:90] = 255
    assert error(frames, 8) < 0.04


def test_overexposed_areas_do_not_drag_it_down():
    frames = [with_noise(2 * smooth_scene() - 88, 8, "uint8", seed) for seed in range(4)]
    assert np.mean(frames[0] == 255) > 0.2
    assert np.mean([estimate_noise(f).sigma[0] for f in frames]) == pytest.approx(8, rel=0.015)


def test_repeated_frames_and_scene_cuts():
    frames = with_noise(smooth_scene(), 10, "uint8")
    assert error(np.repeat(frames, 3, axis=0), 10) < 0.04
    assert error(np.concatenate([frames[:4], frames[4:, ::-1, ::-1]]), 10) < 0.04


def test_one_frame_and_two():
    frames = with_noise(smooth_scene(), 10, "uint8")
    assert error(frames[:1], 10) < 0.1
    assert not estimate_noise(np.repeat(frames[:1], 4, axis=0)).sigma.any()  # a still picture
    assert error(frames[:2], 10) < 0.06


def test_smallest_frames():
    frames = with_noise(np.full((30, 8, 8), 100.0), 10)
    assert error(frames, 10) < 0.3


@pytest.mark.parametrize("channels", [1, 2, 4])
def test_each_channel_has_its_own_noise(channels):
    sigmas = np.array([3.0, 12, 6, 20])[:channels]
    scene = np.stack([smooth_scene()] * channels, axis=-1)
    frames = with_noise(scene, sigmas)
    noise = estimate_noise(frames)
    assert noise.sigma.shape == noise.gain.shape == noise.offset.shape == (channels,)
    np.testing.assert_allclose(noise.sigma, sigmas, rtol=0.04)
    planes = estimate_noise(np.moveaxis(frames, -1, 1), channel_axis=1)
    np.testing.assert_array_equal(planes.sigma, noise.sigma)


def test_a_constant_channel_has_none():
    frames = with_noise(np.stack([smooth_scene()] * 4, axis=-1), 10, "uint8")
    frames[..., 3] = 255
    sigma = estimate_noise(frames).sigma
    assert sigma[3] == 0
    np.testing.assert_allclose(sigma[:3], 10, rtol=0.04)


# nothing to measure


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32", "float64"])
@pytest.mark.parametrize("value", [0, 7, 255])
@pytest.mark.parametrize("shape", [(4, 20, 30), (1, 20, 30), (3, 20, 30, 3)])
def test_constant_video(dtype, value, shape):
    noise = estimate_noise(np.full(shape, value, dtype))
    for values in (noise.sigma, noise.gain, noise.offset):
        np.testing.assert_array_equal(values, np.zeros(shape[3] if len(shape) == 4 else 1))


def test_saturated_video():
    assert estimate_noise(with_noise(np.full((4, 40, 40), 400.0), 20, "uint8")).sigma == 0
    assert estimate_noise(with_noise(np.full((4, 40, 40), -200.0), 20, "uint8")).sigma == 0


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("sigma", [0, 0.1, 0.3, 0.5, 1])
def test_little_noise(sigma):
    noise = estimate_noise(with_noise(smooth_scene(), sigma, "uint8"))
    assert noise.sigma[0] == pytest.approx(np.sqrt(sigma**2 + 1 / 12), rel=0.1)  # rounding is noise, too
    assert np.isfinite([noise.gain, noise.offset]).all()


# missing samples


@pytest.mark.filterwarnings("error")
def test_nan_is_missing():
    frames = with_noise(smooth_scene(), 10)
    frames[2] = np.nan
    frames[5, :60] = np.nan
    frames[np.random.default_rng(3).random(frames.shape) < 0.005] = np.nan
    assert error(frames, 10) < 0.04
    assert error(frames.astype(np.float32), 10) < 0.04


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_nothing_but_missing_samples(value):
    with pytest.raises(ValueError, match="frames must have blocks of 8 x 8 finite samples"):
        estimate_noise(np.full((3, 20, 20), value))


# where frames come from


@pytest.mark.usefixtures("backend")
def test_path_array_and_iterator_agree(tmp_path):
    frames = with_noise(np.stack([smooth_scene()] * 3, axis=-1), np.array([5, 10, 20]), "uint8")
    path = write_video(tmp_path / "a.avi", frames[..., ::-1])
    expected = estimate_noise(frames)
    np.testing.assert_allclose(expected.sigma, [5, 10, 20], rtol=0.04)

    def reused():
        buffer = np.empty_like(frames[0])
        for frame in frames:
            buffer[:] = frame
            yield buffer

    for source in (path, str(path), list(frames), iter(frames), reused()):
        noise = estimate_noise(source)
        for name in ("sigma", "gain", "offset"):
            np.testing.assert_array_equal(getattr(noise, name), getattr(expected, name))


def test_streams_are_read_to_the_limit_and_spread():
    taken = []

    def endless():
        for i in itertools.count():
            taken.append(i)
            yield np.full((40, 40), 100.0 + i) if i < 100 else with_noise(np.full((40, 40), 100.0), 6, seed=i)

    assert estimate_noise(endless(), max_frames=100).sigma == 0
    assert len(taken) == 100
    taken.clear()
    assert estimate_noise(endless()).sigma[0] == pytest.approx(6, rel=0.05)
    assert len(taken) == 300


def test_arrays_are_covered_to_their_end():
    frames = with_noise(np.full((1000, 16, 16), 100.0), 6)
    frames[:400] = np.arange(400).reshape(-1, 1, 1)
    assert error(frames, 6) < 0.1
    assert error(frames, 6, max_frames=10) < 0.1


def test_work_is_that_of_every_sixteenth_frame(monkeypatch):
    calls = []
    measure = estimator_module.measure
    monkeypatch.setattr(estimator_module, "measure", lambda *pair: calls.append(pair) or measure(*pair))
    estimate_noise(np.random.default_rng(5).normal(size=(5000, 8, 8)))
    assert 5000 / 16 < len(calls) < 5000 / 16 + 100


@pytest.mark.parametrize("arguments, kind, message", [
    ({"frames": []}, ValueError, "frames must not be empty"),
    ({"frames": np.zeros((3, 7, 20))}, ValueError, "frames must have at least 8 x 8 pixels, got 7 x 20"),
    ({"frames": np.zeros((20, 20, 3))}, ValueError, "one colour picture or a grey video"),
    ({"frames": np.zeros((3, 9, 9), int)}, TypeError, "frames must have dtype uint8 or .* got int64"),
    ({"frames": [np.zeros((9, 9)), np.zeros((9, 8))]}, ValueError, "one shape, got .* at 1"),
    ({"frames": 5}, TypeError, "frames must be a path, an array or an iterable"),
    ({"frames": np.zeros((3, 9, 9)), "max_frames": 0}, ValueError, "max_frames must be an integer from 1"),
    ({"frames": np.zeros((3, 9, 9)), "max_frames": 2.5}, TypeError, "max_frames must be an integer from 1"),
])  # fmt: skip
def test_bad_arguments(arguments, kind, message):
    with pytest.raises(kind, match=message):
        estimate_noise(**arguments)


# parts


def test_variance_follows_the_line_and_is_never_negative():
    noise = NoiseEstimate(np.ones(2), np.array([2.0, -1.0]), np.array([3.0, 10.0]))
    np.testing.assert_array_equal(noise.variance([[0, 0], [5, 5], [20, 20]]), [[3, 10], [13, 5], [43, 0]])
    assert NoiseEstimate(*np.array([[1.0], [2.0], [3.0]])).variance(np.ones((4, 5))).shape == (4, 5)


def test_line_leaves_out_groups_with_texture():
    rng = np.random.default_rng(6)
    values = np.repeat(np.arange(24.0) * 10, 60)
    variances = (2 * values + 20) * rng.chisquare(21, values.shape) / 21
    variances[values > 190] *= 3
    gain, offset, _ = fit_line(values, variances, np.full(values.shape, 21.0))
    assert gain == pytest.approx(2, rel=0.08)
    assert offset == pytest.approx(20, abs=8)


def test_line_is_level_where_no_slope_is_clear():
    rng = np.random.default_rng(7)
    values = np.repeat(np.arange(24.0) * 10, 60)
    fits = [fit_line(values, rng.chisquare(21, values.shape), np.full(values.shape, 21.0)) for _ in range(20)]
    assert sum(gain == 0 for gain, _, _ in fits) >= 15
    assert np.mean([offset for _, offset, _ in fits]) == pytest.approx(21, rel=0.02)


@pytest.mark.parametrize("low, high", [(0, 255), (-2000, 255), (0, 4000)])
def test_moments_of_clipped_noise(low, high):
    for mean, sigma in itertools.product((-20.0, 0, 50, 128, 250, 300), (5.0, 40, 120)):
        samples = mean + sigma * np.random.default_rng(4).standard_normal(200_000)
        clipped = samples.clip(low, high)
        got = [float(x[0]) for x in clip_normal(np.array([mean]), np.array([sigma]), low, high)]
        assert got[0] == pytest.approx(clipped.mean(), abs=0.01 * sigma)
        assert got[1] == pytest.approx(clipped.var(), rel=0.03, abs=1e-3 * sigma**2)
        assert got[2] == pytest.approx(np.mean(clipped == samples), abs=0.005)


# real clips


@pytest.mark.clips
@pytest.mark.parametrize("name", ["foreman_cif_10f.y4m", "mobile_cif_30f.ffv1.mkv", "nasa_13013.mp4",
                                  "visp_mire2_120f_gray.ffv1.mkv"])  # fmt: skip
@pytest.mark.parametrize("sigma", [10, 40])
def test_real_clips(clips, name, sigma):
    clean = np.stack(list(itertools.islice(iterate_frames(clips / name), 10))).astype(float)
    assert error(with_noise(clean, sigma, "uint8"), sigma) < 0.05
