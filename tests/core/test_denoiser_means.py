# SPDX-License-Identifier: Apache-2.0
"""Expected values are kept, whatever the brightness, the sample type and the range."""

import numpy as np
import pytest

from vdcore import Denoiser, NoiseEstimate, denoise, estimate_noise

FRAMES, SIDE = 24, 64


def line(gain, offset, value):
    """Noise of the variance gain * v + offset, and its standard deviation at `value`."""
    return NoiseEstimate(*(np.array([x]) for x in ((gain * value + offset) ** 0.5, gain, offset)))


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("photons", [0.3, 1, 4])
def test_photon_noise_is_not_weighted_by_itself(photons, channels):
    """Were the variance taken from the noisy samples alone, dark ones would get more weight: -6 % at 0.3."""
    shape = (30, 96, 128) if channels == 1 else (30, 64, 96, 3)
    frames = np.random.default_rng(1).poisson(photons, shape).astype(np.float32)
    result = denoise(frames, line(1, 0, photons), motion=None)
    for part in (np.s_[1:8], np.s_[8:]):  # before and after what stays put is averaged by itself
        assert result[part].mean() == pytest.approx(frames[part].mean(), rel=0.01)
    assert result[10:].std() < 0.2 * frames[10:].std()


def fields(*levels):
    """Flat fields side by side, one for each level, shape (FRAMES, SIDE, SIDE * len(levels))."""
    return np.broadcast_to(np.repeat(np.float64(levels), SIDE), (FRAMES, SIDE, SIDE * len(levels)))


def clipped(clean, variance, white, dtype):
    """Frames with normal noise, clipped to 0 .. white."""
    noisy = clean + np.random.default_rng(2).normal(size=clean.shape) * np.sqrt(variance)
    noisy = noisy.clip(0, white)
    return (noisy if np.dtype(dtype).kind == "f" else noisy.round()).astype(dtype)


def assert_means_are_kept(frames, clean, strength, unit=1.0, **keywords):
    """Within 1 % or 0.05 of a unit in each field, away from its border and from the first frames."""
    result = denoise(frames, strength, motion=None, dtype="float64", **keywords)
    for i in range(0, clean.shape[2], SIDE):
        inside = np.s_[FRAMES // 3 :, 8:-8, i + 8 : i + SIDE - 8]
        value = clean[0, 0, i]
        error = frames[inside].std() / np.sqrt(frames[inside].size)
        allowed = max(0.01 * value, 0.05 * unit) + 2 * error
        assert result[inside].mean() == pytest.approx(value, abs=allowed), value


@pytest.mark.parametrize("preset", ["fast", "balanced"])
def test_dark_camera_noise(preset):
    """The deviation in the black is not that of the picture."""
    clean = fields(2, 4, 6, 10, 20)
    assert_means_are_kept(clipped(clean, clean + 4, 255, np.uint8), clean, line(1, 4, 8.4), preset=preset)


def test_dark_camera_noise_is_measured():
    clean = fields(2, 4, 6, 10, 20)
    assert_means_are_kept(clipped(clean, clean + 4, 255, np.uint8), clean, "auto")


@pytest.mark.parametrize("photons", [0.3, 1, 3])
@pytest.mark.parametrize(
    ("scale", "dtype"), [(1, np.uint8), (12, np.uint8), (100, np.uint16), (0.1, np.float32)]
)
def test_photons_were_not_clipped(photons, scale, dtype):
    """They are never negative, and 0 more often than any other value."""
    frames = (scale * np.random.default_rng(4).poisson(photons, (FRAMES, 96, 128))).astype(dtype)
    for strength in ("auto", line(scale, 0, scale * photons)):
        result = denoise(frames, strength, motion=None, dtype="float64")
        assert result[FRAMES // 3 :].mean() == pytest.approx(frames[FRAMES // 3 :].mean(), rel=0.01)


def test_photons_of_any_brightness():
    clean = fields(0.3, 0.6, 1, 2, 4)
    frames = 12 * np.random.default_rng(5).poisson(clean)
    assert_means_are_kept(frames.astype(np.uint8), 12 * clean, line(12, 0, 19), 1)


@pytest.mark.parametrize(
    ("dtype", "white", "noise"),
    [(np.uint8, 255, 5), (np.uint8, 255, 20), (np.uint16, 65535, 10), (np.uint16, 65535, 600)]
    + [(np.uint16, 4095, 20), (np.uint16, 16383, 50), (np.float32, 1.0, 0.05)],
)
def test_both_ends_of_any_range(dtype, white, noise):
    """Also of 12 and 14 bits in 16, and of floats."""
    clean = fields(0.5 * noise, noise, 3 * noise, white - noise, white - 0.5 * noise)
    assert_means_are_kept(clipped(clean, noise**2, white, dtype), clean, noise, noise)


def test_what_was_not_clipped_is_not_changed():
    """Normal noise around 0, and samples that only touch the end of their range."""
    clean = fields(-1, 0, 2, 5)
    noisy = clean + np.random.default_rng(6).normal(0, 3, clean.shape)
    assert_means_are_kept(noisy.astype(np.float32), clean, 3.0)
    assert_means_are_kept((noisy - noisy.min()).round().astype(np.uint16), clean - noisy.min(), 3.0)


def test_streams_tell_from_their_first_frames():
    clean = fields(2.0)
    frames = clipped(clean, 100, 65535, np.uint16)
    denoiser = Denoiser(10.0, motion=None)
    results = [denoiser(frame, dtype="float64") for frame in frames[:6]]
    assert results[0].mean() == pytest.approx(2, abs=0.3)
    twin = Denoiser.from_state(denoiser.state())
    np.testing.assert_array_equal(twin(frames[6]), denoiser(frames[6]))


@pytest.mark.parametrize(("scale", "dtype"), [(1, np.uint8), (12, np.uint8), (100, np.uint16)])
def test_noise_of_photons_is_measured(scale, dtype):
    """As counts, not as noise that was clipped at 0, which would have to be nearly twice as strong."""
    frames = scale * np.random.default_rng(7).poisson(0.3, (12, 96, 128))
    noise = estimate_noise(frames.astype(dtype))
    assert noise.sigma[0] == pytest.approx(scale * 0.3**0.5, rel=0.06)
    clean = np.repeat([0.3, 1, 3, 8], 64) + np.zeros((12, 96, 1))
    noise = estimate_noise((scale * np.random.default_rng(8).poisson(clean)).astype(dtype))
    assert noise.gain[0] == pytest.approx(scale, rel=0.1)
    assert noise.offset[0] == pytest.approx(0, abs=0.2 * scale**2)
