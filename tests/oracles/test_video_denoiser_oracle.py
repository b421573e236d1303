# SPDX-License-Identifier: Apache-2.0
"""The oracle of the video denoiser: what it is good for, and what it must not do."""

from dataclasses import replace
from functools import lru_cache

import cv2
import numpy as np
import pytest

from oracles import VideoDenoiser
from oracles.video_denoiser import OPPONENT, mean_of_clipped, spectra
from vdcore import NoiseEstimate
from vdcore.tools.demo import clean_scene

NOISE = 20.0
BOTH = pytest.mark.parametrize("preset", ["fast", "balanced"])


@pytest.fixture(autouse=True)
def one_thread():
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    yield
    cv2.setNumThreads(threads)


def with_noise(frames, sigma=NOISE, seed=1):
    noisy = frames + np.random.default_rng(seed).normal(0, sigma, np.shape(frames))
    return noisy.clip(0, 255).round().astype(np.uint8)


def denoised(frames, noise=NOISE, preset="balanced", limits=(-np.inf, np.inf)):
    denoiser = VideoDenoiser(noise, preset, limits)
    return np.stack([denoiser.push(frame) for frame in frames])


def without_time(frames, noise=NOISE, preset="balanced"):
    return np.stack([VideoDenoiser(noise, preset).push(frame) for frame in frames])


def psnr(frames, truth):
    return 10 * np.log10(255**2 / np.mean((frames - np.asarray(truth, float)) ** 2))


@lru_cache
def scene():
    clean = np.stack(list(clean_scene(160, 96, 6)))
    return clean, with_noise(clean)


@lru_cache
def result(preset):
    return denoised(scene()[1], preset=preset)


def test_noise_falls():
    clean, noisy = scene()
    before, fast, balanced = (psnr(frames, clean) for frames in (noisy, result("fast"), result("balanced")))
    assert before == pytest.approx(22.2, abs=0.1)
    assert fast > before + 11
    assert balanced > fast + 1


@BOTH
def test_time_helps(preset):
    clean, noisy = scene()
    alone = without_time(noisy[1:2], preset=preset)
    assert psnr(result(preset)[1], clean[1]) > psnr(alone, clean[1:2]) + 2.5
    assert psnr(result(preset)[-1], clean[-1]) > psnr(result(preset)[1], clean[1]) + 0.5


@BOTH
def test_one_frame(preset):
    clean, noisy = scene()
    (alone,) = without_time(noisy[:1], preset=preset)
    np.testing.assert_array_equal(alone, result(preset)[0])
    assert psnr(alone, clean[0]) > psnr(noisy[0], clean[0]) + 8


@BOTH
def test_hard_cut(preset):
    """No detector: the frame after a cut is as good as the first of a video."""
    clean, noisy = scene()
    other = clean[:3, ::-1, :, ::-1]  # upside down, red for blue
    after = with_noise(other, seed=2)
    both = denoised(np.concatenate([noisy[:3], after]), preset=preset)[3:]
    alone = without_time(after[:1], preset=preset)
    assert psnr(both[0], other[0]) > psnr(alone, other[:1]) - 0.1
    assert psnr(both[2], other[2]) > psnr(alone, other[:1]) + 1.5


@BOTH
@pytest.mark.parametrize("noise", [0, 0.01])
def test_no_noise_is_the_identity(preset, noise):
    clean, _ = scene()
    assert abs(denoised(clean[:3], noise, preset) - clean[:3]).max() < 0.5


@BOTH
@pytest.mark.parametrize("level, tolerance", [(0, 1.5), (10, 0.6), (250, 0.6)])
def test_clipped_noise_is_not_a_bias(preset, level, tolerance):
    frames = with_noise(np.full((4, 64, 64), level), 40)
    assert abs(frames.mean() - level) > 10
    assert abs(denoised(frames, 40, preset, (0, 255))[-1].mean() - level) < tolerance


@pytest.mark.parametrize("level", [0.0, 10.0, 128.0, 250.0])
def test_mean_of_clipped(level):
    samples = np.random.default_rng(3).normal(level, 40, 10**6).clip(0, 255)
    assert mean_of_clipped(level, 40, 0, 255) == pytest.approx(samples.mean(), abs=0.15)


@BOTH
def test_grey_is_colour_with_equal_channels(preset):
    """Equal noise in three channels has 3 times the variance in luma."""
    grey = scene()[1][:2, :, :, 1].astype(float)
    colour = np.repeat(grey[..., None], 3, axis=3)
    expected = denoised(grey, 1.5 * NOISE, preset)  # high enough that no patch restarts
    got = denoised(colour, 1.5 * NOISE * np.sqrt(3), preset)
    for channel in range(3):
        np.testing.assert_allclose(got[..., channel], expected, rtol=0, atol=1e-9)


@BOTH
def test_order_of_the_channels_does_not_matter(preset):
    frames = scene()[1][:4, :64, :96]
    reverse = denoised(frames[..., ::-1], preset=preset)[..., ::-1]
    np.testing.assert_allclose(reverse, denoised(frames, preset=preset), rtol=0, atol=1e-6)


def test_opponent_colours_are_orthonormal():
    np.testing.assert_allclose(OPPONENT @ OPPONENT.T, np.eye(3), rtol=0, atol=1e-15)


def moving_square(step, contrast, side=16, count=8, shape=(64, 96)):
    """The clip, where the square was a frame ago and where it was ever before, but is not now."""
    y, x = np.indices(shape)
    squares = [(abs(y - 32) < side / 2) & (abs(x - 14 - step * t) < side / 2) for t in range(count)]
    seen = np.logical_or.accumulate(squares)
    just, ever = np.zeros((2, count, *shape), bool)
    for t in range(1, count):
        just[t] = squares[t - 1] & ~squares[t]
        ever[t] = seen[t] & ~squares[t]
    return 100.0 + contrast * np.array(squares), just, ever


@BOTH
@pytest.mark.parametrize("step, contrast", [(2, 30), (16, 30), (16, 120)])
def test_no_ghosts(preset, step, contrast):
    clean, just, ever = moving_square(step, contrast)
    noisy = with_noise(clean)
    error = (denoised(noisy, preset=preset) - clean) ** 2
    alone = (without_time(noisy, preset=preset) - clean) ** 2
    assert error[just].mean() < 1.05 * alone[just].mean()
    assert error[ever].mean() < 0.6 * alone[ever].mean()


def test_estimate_in_place_of_a_number():
    noisy = scene()[1][:2]
    white = NoiseEstimate(sigma=np.full(3, NOISE), gain=np.zeros(3), offset=np.full(3, NOISE**2))
    np.testing.assert_array_equal(denoised(noisy, white), denoised(noisy))


def test_noise_that_depends_on_brightness():
    clean = scene()[0][:3].astype(float)
    gain, offset = 4.0, 20.0
    noise = np.sqrt(gain * clean + offset) * np.random.default_rng(1).normal(size=clean.shape)
    noisy, one = clean + noise, np.ones(3)
    sigma = np.sqrt((gain * clean + offset).mean())
    known = NoiseEstimate(sigma=sigma * one, gain=gain * one, offset=offset * one)
    assert psnr(denoised(noisy, known), clean) > psnr(denoised(noisy, sigma), clean) + 0.15


def smooth_noise(count=6, shape=(96, 96), sigma=10.0):
    """Noise blurred by 0.7 pixels, and what to assume of it."""
    white = np.random.default_rng(1).normal(0, 1, (count, *shape))
    noise = np.stack([cv2.GaussianBlur(frame, (0, 0), 0.7) for frame in white])
    noise *= sigma / noise.std()
    power = (spectra(noise.transpose(1, 2, 0), 8) ** 2).mean(axis=(0, 1, 2))
    known = NoiseEstimate(np.full(1, sigma), np.zeros(1), np.full(1, sigma**2), power[None] / power.mean())
    return noise, known


def test_spectrum_of_the_noise():
    """Smooth noise falls much further where its spectrum is known, and a sharp scene stays sharper."""
    noise, known = smooth_noise()
    clean = np.stack(list(clean_scene(96, 96, 6)))[..., 1].astype(float)
    assert psnr(denoised(clean + noise, known), clean) > psnr(denoised(clean + noise, 10.0), clean) + 2


def test_noise_is_changed_between_frames():
    """A spectrum of ones says nothing; one that comes later counts from there on."""
    noise, known = smooth_noise(4)
    flat = replace(known, spectrum=np.ones((1, 8, 8)))
    frames = 120.0 + noise
    white, other = VideoDenoiser(10.0), VideoDenoiser(flat)
    for frame in frames[:2]:
        np.testing.assert_array_equal(white.push(frame), other.push(frame))
    other.set_noise(known)
    rest = [np.square(denoiser.push(frames[2]) - 120).mean() for denoiser in (white, other)]
    assert rest[1] < 0.7 * rest[0]


@BOTH
@pytest.mark.parametrize("shape", [(1, 1), (13, 40), (25, 31), (40, 36, 3)])
def test_frames_of_any_shape(preset, shape):
    frames = with_noise(np.full((3, *shape), 100.0))
    got = denoised(frames, preset=preset)
    assert got.shape == frames.shape and got.dtype == np.float64
    if min(shape[:2]) > 8:
        assert psnr(got, 100) > psnr(frames, 100) + 10


@BOTH
def test_flow_that_is_not_finite(preset, monkeypatch):
    """Without a prior every frame is the first of a video."""
    noisy = scene()[1][:3, :64, :96]
    monkeypatch.setattr(VideoDenoiser, "_flow", lambda self, f: np.full((*f.shape[:2], 2), np.nan))
    got, alone = denoised(noisy, preset=preset), without_time(noisy, preset=preset)
    np.testing.assert_allclose(got, alone, rtol=0, atol=1e-9)
