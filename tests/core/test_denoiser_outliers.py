# SPDX-License-Identifier: Apache-2.0
"""Impulses and dead pixels in the denoiser; thin detail that is kept."""

import numpy as np
import pytest

from helpers.denoising import LOOKAHEADS, psnr, scene, with_noise
from helpers.support import assert_same_bits
from vdcore import Denoiser, denoise


def with_impulses(frames, share=0.005, seed=7):
    """Salt and pepper in all channels of some pixels."""
    rng = np.random.default_rng(seed)
    hit = rng.uniform(size=frames.shape[:3]) < share
    spoilt = frames.copy()
    spoilt[hit] = rng.choice(np.uint8([0, 255]), (hit.sum(), 1))
    return spoilt


@pytest.mark.parametrize("preset", ["fast", "balanced"])
def test_impulses_are_gone(preset):
    clean, noisy = scene(12)
    expected = denoise(noisy, 20.0, preset=preset)
    spoilt = with_impulses(noisy)
    result = denoise(spoilt, 20.0, preset=preset)
    left = denoise(spoilt, 20.0, preset=preset, hot_pixels="off")
    assert psnr(result[2:], clean[2:]) > psnr(expected[2:], clean[2:]) - 0.3
    assert psnr(left[2:], clean[2:]) < psnr(expected[2:], clean[2:]) - 3


def test_clips_without_impulses_stay():
    clean, noisy = scene(8)
    on, off = denoise(noisy, 20.0), denoise(noisy, 20.0, hot_pixels="off")
    assert psnr(on, clean) > psnr(off, clean) - 0.03
    assert (on != off).mean() < 0.01


def panning(count=10, noise=20.0, dead=True):
    """A panning clip of 14 bits with a dead and a hot pixel: clean and noisy frames, uint16."""
    rng = np.random.default_rng(2)
    wide = 400 + 150 * rng.normal(size=(12, 24)).repeat(8, 0).repeat(8, 1)
    clean = np.stack([wide[:, 3 * t : 3 * t + 120] for t in range(count)]).clip(60, 1500)
    noisy = (clean + rng.normal(0, noise, clean.shape)).clip(0, 16383).round().astype(np.uint16)
    if dead:
        noisy[:, 40, 60], noisy[:, 60, 30] = 16383, 0
    return clean, noisy


@LOOKAHEADS
def test_dead_pixels_of_a_panning_clip(lookahead):
    clean, spoilt = panning()
    whole = panning(dead=False)[1]
    result, expected = (denoise(frames, 20.0, lookahead=lookahead) for frames in (spoilt, whole))
    for y, x in ((40, 60), (60, 30)):
        error = np.abs(result[2:, y, x] - clean[2:, y, x])
        assert np.median(error) < 40
    assert np.abs(result.astype(float) - clean).mean() < 1.1 * np.abs(expected.astype(float) - clean).mean()


def test_dead_pixels_leave_the_flow_alone():
    _, spoilt = panning()
    whole = panning(dead=False)[1]
    flows = []
    for frames in (spoilt, whole):
        denoiser = Denoiser(20.0)
        for frame in frames[:4]:
            denoiser(frame)
        flows.append(denoiser.find_flows(frames[4])[0][12:-12, 12:-12])
    assert np.median(np.abs(flows[0][..., 0] - 3)) < 0.3
    assert np.abs(flows[0] - flows[1]).mean() < 0.1


def thin(shift, count=8, noise=8.0):
    """Stars as optics show them, a line of one pixel, dots of text of two; moving or not."""
    y, x = np.mgrid[:96, :128].astype(float)
    rng = np.random.default_rng(3)
    clean = []
    for t in range(count):
        frame = np.full(y.shape, 40.0)
        for row, column in ((20.3, 30.6), (50.0, 70.0), (75.4, 99.2)):
            frame += 150 * np.exp(-((y - row) ** 2 + (x - column - shift * t) ** 2) / 2)
        frame[:, 10 + round(shift * t)] = 160
        frame[86, 20 + round(shift * t) : 60 + round(shift * t)] = 160
        clean.append(frame)
    clean = np.stack(clean)
    return clean, (clean + rng.normal(0, noise, clean.shape)).clip(0, 255).round().astype(np.uint8)


@pytest.mark.parametrize("shift", [0, 1.5])
def test_thin_detail_stays(shift):
    clean, noisy = thin(shift)
    on, off = denoise(noisy, 8.0), denoise(noisy, 8.0, hot_pixels="off")
    detail = clean > 90
    assert np.abs(on[detail] - clean[detail]).mean() < np.abs(off[detail] - clean[detail]).mean() + 0.1
    assert on[-1, 50, 70 + round(7 * shift)] > 150


def test_content_that_appears_is_learnt():
    """A faint lamp of one sample is taken for an impulse once, not for ever."""
    frames = with_noise(np.full((14, 48, 48), 100.0), 5)
    frames[3:, 24, 24] = 135
    assert denoise(frames, 5.0, motion=None)[-1, 24, 24] > 108


@LOOKAHEADS
def test_states_hold_what_was_found(lookahead):
    frames = with_impulses(scene(7)[1], 0.02)
    denoiser = Denoiser(20.0, lookahead=lookahead)
    for frame in frames[:4]:
        denoiser(frame)
    twin = Denoiser.from_state(denoiser.state())
    for frame in frames[4:]:
        assert_same_bits(twin(frame), denoiser(frame))


def test_clean_frames_are_not_touched():
    clean = scene(4)[0].copy()
    clean[:, 10, 10] = 255
    assert_same_bits(denoise(clean, 0), clean)


@pytest.mark.parametrize("value", [True, None, "on"])
def test_values_that_are_refused(value):
    with pytest.raises(ValueError, match="hot_pixels must be one of 'auto', 'off'"):
        Denoiser(hot_pixels=value)
