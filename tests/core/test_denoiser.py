# SPDX-License-Identifier: Apache-2.0
"""The denoiser against its oracle; the noise it finds; how much better frames become."""

import numpy as np
import pytest

import vdcore
from helpers.denoising import (
    LOOKAHEADS,
    NOISE,
    PRESETS,
    as_type,
    coloured,
    psnr,
    scene,
    stream,
    white,
    with_noise,
)
from helpers.support import assert_same_bits
from oracles import VideoDenoiser
from vdcore import Denoiser, NoiseEstimate, _core, denoise


def rolled(frame, other):
    """The motion of frames that move on by (1, 2) pixels each."""
    return np.broadcast_to(np.float32([-2, -1]), (*frame.shape[:2], 2))


def assert_near_oracle(result, expected):
    """Up to single precision; at black and white up to the steps of the table that corrects for clipping."""
    assert np.abs(result - expected).mean() < 5e-4
    np.testing.assert_allclose(result, expected, atol=0.1)
    inside = (expected > 10) & (expected < 245)
    np.testing.assert_allclose(result[inside], expected[inside], atol=0.01)


# ---- against the oracle


LINE = NoiseEstimate(*np.array([[12.0], [1.5], [20.0]]))
NOISES = {"white": lambda channels: white(10.0), "coloured": lambda channels: coloured(12.0, channels),
          "line": lambda channels: LINE}  # fmt: skip


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("kind", list(NOISES))
@PRESETS
def test_a_stream_is_the_oracle(preset, kind, channels):
    """Along a motion that is given, with places where it is not known, on bright and dark ground."""
    noise = NOISES[kind](channels)
    frames, flow = moving_ground(channels)
    denoiser = Denoiser(noise, preset=preset, motion=lambda frame, other: flow, hot_pixels="off")
    oracle = VideoDenoiser(noise, preset)
    for frame in frames:
        result = denoiser(frame, dtype="float32")
        oracle.limits = denoiser._process.layers[0].meter.limits()
        expected = oracle.push(frame, [(None, flow, 0.0)])
        assert_near_oracle(result, expected)
    assert np.abs(frames - expected).mean() > 3


def moving_ground(channels):
    """Noisy frames, bright and dark, and their motion, which is not known everywhere."""
    rng = np.random.default_rng(3)
    base = (
        40 * rng.normal(size=(6, 7, channels)).repeat(8, 0).repeat(8, 1) + np.linspace(10, 240, 56)[:, None]
    )
    clean = np.stack([np.roll(base, (i, 2 * i), (0, 1)) for i in range(5)])
    frames = with_noise(clean, 12)[..., 0] if channels == 1 else with_noise(clean, 12)
    flow = rolled(frames[0], frames[0]).copy()
    flow[20:23, 30:34] = np.nan
    return frames, flow


@pytest.mark.parametrize("channels", [1, 3])
@PRESETS
def test_a_change_of_the_noise_is_the_oracle(preset, channels):
    """What the filter knows of the video stays; spectrum, level and unclipping are the new ones."""
    frames, flow = moving_ground(channels)
    denoiser = Denoiser(white(NOISE), preset=preset, hot_pixels="off")
    oracle = VideoDenoiser(white(NOISE), preset, (0, 255))
    for index, frame in enumerate(frames):
        if index in (2, 3, 4):
            noise = {2: coloured(12.0, channels), 3: LINE, 4: white(12.0)}[index]
            denoiser.set_strength(noise)
            oracle.set_noise(noise)
        result = denoiser(frame, flow=flow, dtype="float32")
        oracle.limits = denoiser._process.layers[0].meter.limits()
        assert_near_oracle(result, oracle.push(frame, [(None, flow, 0.0)]))


@PRESETS
def test_priors_are_the_oracle(preset):
    """The last result, another picture, frames to come; some of them not in every call."""
    _, frames = scene(6, 64, 48)
    core, oracle = _core.Denoiser(NOISE, preset=preset, priors=3), VideoDenoiser(NOISE, preset, (0, 255))
    core.set_range(0, 255)
    flow = np.full((48, 64, 2), 0.7, np.float32)
    for i in range(5):
        if i == 3:
            noise = coloured(15.0, 3)
            core.set_noise(15.0, 0.0, 225.0, np.float32(noise.spectrum.swapaxes(1, 2).reshape(3, 64)))
            oracle.set_noise(noise)
        priors = [(None, flow, 0.0), (frames[i + 1], None, 1.0), (frames[0], flow, 0.5)][: 3 if i != 2 else 2]
        out = np.empty(frames[i].shape, np.float32)
        core.push(frames[i], out, priors)
        assert_near_oracle(out, oracle.push(frames[i], priors))


@PRESETS
def test_own_flow_is_nearly_the_oracle(preset):
    """Where the flow is estimated from pictures of 8 bits, roundings differ."""
    _, frames = scene(5)
    oracle = VideoDenoiser(NOISE, preset, (0, 255))
    expected = np.stack([oracle.push(frame) for frame in frames])
    result = denoise(frames, white(NOISE), preset=preset, dtype="float64")
    assert np.abs(result - expected).mean() < 0.2


# ---- what it brings


def test_noise_falls_by_eleven_decibels():
    clean, noisy = scene()
    before, fast, balanced = (psnr(f, clean) for f in (noisy, denoise(noisy, preset="fast"), denoise(noisy)))
    assert fast > before + 11 and balanced > fast + 0.5


@PRESETS
def test_automatic_is_as_good_as_known_noise(preset):
    clean, noisy = scene()
    known = psnr(denoise(noisy, NOISE, preset=preset), clean)
    assert psnr(denoise(noisy, preset=preset), clean) > known - 0.15
    assert psnr(stream(Denoiser(preset=preset), noisy), clean) > known - 0.3


@PRESETS
def test_time_helps(preset):
    clean, noisy = scene()
    alone = np.concatenate([denoise(frame[None], NOISE, preset=preset) for frame in noisy])
    np.testing.assert_array_equal(denoise(noisy, NOISE, preset=preset)[0], alone[0])
    assert psnr(denoise(noisy, NOISE, preset=preset)[-1], clean[-1]) > psnr(alone[-1], clean[-1]) + 1


def test_motion_helps():
    rng = np.random.default_rng(0)
    texture = vdcore.diffuse_frame(rng.normal(size=(96, 128)), 1.0)
    clean = np.stack([np.roll(128 + 150 * texture, (i, 2 * i), (0, 1)) for i in range(8)])
    noisy = with_noise(clean)
    still, flow, known = (
        psnr(denoise(noisy, white(NOISE), motion=motion)[4:], clean[4:]) for motion in (None, "flow", rolled)
    )
    assert flow > still + 0.5 and known > still + 0.5


@pytest.mark.parametrize("noise", [10.0, 40.0])
@PRESETS
def test_lookahead_helps(preset, noise):
    clean = scene()[0]
    noisy = with_noise(clean, noise)
    quality = [psnr(denoise(noisy, noise, preset=preset, lookahead=ahead), clean) for ahead in (0, 1, 3)]
    assert quality[1] > quality[0] + 0.2 and quality[2] > quality[1] + 0.1


@LOOKAHEADS
@PRESETS
def test_no_ghosts(preset, lookahead):
    """Where a square has just left, the error is no higher than without time; nor after a cut."""
    clean = np.full((8, 64, 96), 90.0)
    for i in range(8):
        clean[i, 24:40, 8 + 8 * i : 24 + 8 * i] = 190
    clean[5:] = 255 - clean[5:]
    noisy = with_noise(clean)
    result = denoise(noisy, NOISE, preset=preset, lookahead=lookahead)
    alone = np.concatenate([denoise(frame[None], NOISE, preset=preset) for frame in noisy])
    changed = clean[1:] != clean[:-1]
    before, after = ((f[1:] - clean[1:])[changed].astype(float) ** 2 for f in (alone, result))
    assert after.mean() < 1.02 * before.mean()
    assert after[-changed[-1].sum() :].mean() < 1.1 * before[-changed[-1].sum() :].mean()


# ---- automatic noise


def test_stream_learns_the_noise():
    """Texture passes for noise in the first frame; later ones know better, and the past is not lost."""
    rng = np.random.default_rng(0)
    clean = np.clip(128 + 30 * rng.normal(size=(64, 96)), 60, 190).round()  # as rough as noise
    noisy = np.stack([with_noise(clean, 5, seed) for seed in range(12)])
    denoiser = Denoiser(motion=None)
    first = denoiser(noisy[0])
    assert denoiser.info.noise.sigma[0] > 15
    rest = stream(denoiser, noisy[1:])
    assert denoiser.info.noise.sigma[0] == pytest.approx(5, rel=0.15)
    errors = [psnr(frame, clean) for frame in (first, *rest)]
    assert errors[0] < errors[1] < errors[-1] and errors[-1] > psnr(noisy, clean) + 5


def test_the_past_outlives_a_new_estimate_of_the_noise():
    """Where the noise falls, a frame filtered by the new estimate is still better than it would be alone."""
    clean = scene(1, 96, 64)[0][0]
    denoiser, level, gains = Denoiser(motion=None), None, []
    for i, sigma in enumerate([16] * 4 + [8] * 6):
        frame = with_noise(clean, sigma, seed=i)
        result = denoiser(frame)
        noise = denoiser.info.noise
        if i > 0 and not np.array_equal(noise.sigma, level):
            gains.append(psnr(result, clean) - psnr(denoise(frame[None], noise)[0], clean))
        level = noise.sigma
    assert len(gains) > 1 and gains[-1] > 1


def test_the_estimate_settles():
    _, frames = scene(40, 96, 64)
    denoiser, seen = Denoiser(), []
    for frame in frames:
        denoiser(frame)
        seen.append(denoiser.info.noise.sigma.mean())
    assert seen[10:] == pytest.approx([NOISE] * 30, rel=0.08)
    assert np.ptp(seen[20:]) < 0.03 * NOISE


def test_clean_frames_pass_as_they_are():
    clean = scene()[0]
    still = np.repeat(clean[:1], 6, axis=0)
    assert_same_bits(denoise(np.zeros_like(clean)), np.zeros_like(clean))
    denoiser = Denoiser(0.0)
    assert_same_bits(stream(denoiser, still), still)
    assert_same_bits(denoise(np.concatenate([still, still // 2])), np.concatenate([still, still // 2]))


@LOOKAHEADS
def test_noise_that_comes_and_goes(lookahead):
    """Black first, and grey again when all is known: the filter starts, and stops, on the way."""
    noisy = scene(12, 96, 64)[1]
    frames = np.concatenate([np.zeros_like(noisy), noisy])
    denoiser = Denoiser(lookahead=lookahead)
    result = stream(denoiser, frames)
    assert not result[:12].any() and denoiser.info.noise.sigma.min() > 15
    known = denoise(noisy, NOISE, lookahead=lookahead)
    clean = scene(12, 96, 64)[0]
    assert psnr(result[-3:], clean[-3:]) > psnr(known[-3:], clean[-3:]) - 1  # whose mean over time is longer


@LOOKAHEADS
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32", "float64"])
@PRESETS
def test_strength_zero_changes_no_bit(preset, dtype, lookahead):
    frames, _ = as_type(scene()[1], dtype)
    assert_same_bits(denoise(frames, 0, preset=preset, lookahead=lookahead), frames)
    zero = NoiseEstimate(np.zeros(3), np.zeros(3), np.zeros(3))
    assert_same_bits(denoise(frames, zero, preset=preset, lookahead=lookahead), frames)
