# SPDX-License-Identifier: Apache-2.0
"""Frames of any dtype, number of channels, size and strides are denoised alike."""

import numpy as np
import pytest

from helpers.denoising import LOOKAHEADS, NOISE, PRESETS, as_type, psnr, scene, stream, white, with_noise
from helpers.support import assert_same_bits
from vdcore import Denoiser, NoiseEstimate, denoise


@LOOKAHEADS
@pytest.mark.parametrize("dtype", ["uint16", "float32", "float64"])
def test_dtypes_agree(dtype, lookahead):
    """The same at another scale, up to rounding (and clipping, which floats do not have)."""
    frames = scene(5)[1] // 2 + 60
    wide, scale = as_type(frames, dtype)
    expected = denoise(frames, white(5.0), dtype="float64", lookahead=lookahead, motion=None)
    result = denoise(wide, white(5.0 * scale), lookahead=lookahead, motion=None)
    assert result.dtype == dtype
    np.testing.assert_allclose(result / scale, expected, atol=0.3)  # a patch may just so fit, or not
    assert np.abs(result / scale - expected).mean() < 0.002


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32", "float64"])
def test_dtypes_all_gain(dtype):
    clean, noisy = scene()
    frames, scale = as_type(noisy, dtype)
    result = denoise(frames)
    assert result.dtype == dtype and psnr(result / scale, clean) > psnr(noisy, clean) + 11


def test_floats_of_any_range():
    frames = scene(5)[1].astype(np.float32)
    expected = denoise(frames, NOISE)
    scaled = denoise(frames * 2**10, NOISE * 2**10) / 2**10
    np.testing.assert_allclose(scaled, expected, atol=0.5)  # the flow may differ by a hair
    assert np.abs(scaled - expected).mean() < 0.001
    assert np.abs(denoise(frames - 3000, NOISE) + 3000 - expected).mean() < 0.05


@LOOKAHEADS
def test_grey_has_two_axes_or_three(lookahead):
    frames = scene(6, 96, 64)[1][..., 0]
    expected = denoise(frames, lookahead=lookahead)
    assert_same_bits(denoise(frames[..., None], lookahead=lookahead)[..., 0], expected)


@LOOKAHEADS
@pytest.mark.parametrize("motion", [None, "flow"])
def test_two_channels_are_two_grey_videos(motion, lookahead):
    clean, noisy = scene(6, 96, 64)
    frames = np.stack([noisy[..., 0], with_noise(clean[..., 1], 5)], axis=-1)
    noise = NoiseEstimate(np.array([NOISE, 5]), np.array([0.3, 0]), np.array([300.0, 25]))
    result = denoise(frames, noise, motion=motion, lookahead=lookahead)
    for c in range(2):
        own = NoiseEstimate(noise.sigma[c : c + 1], noise.gain[c : c + 1], noise.offset[c : c + 1])
        expected = denoise(frames[..., c].copy(), own, motion=motion, lookahead=lookahead)
        assert_same_bits(result[..., c].copy(), expected)


@LOOKAHEADS
def test_clean_second_channel_stays(lookahead):
    mask = np.linspace(0, 255, 96).astype(np.uint8) * np.ones((6, 64, 1), np.uint8)
    frames = np.stack([scene(6, 96, 64)[1][..., 0], mask], axis=-1)
    result = denoise(frames, lookahead=lookahead)
    np.testing.assert_array_equal(result[..., 1], mask)
    assert not np.array_equal(result[..., 0], frames[..., 0])


@LOOKAHEADS
@pytest.mark.parametrize("dtype", ["uint8", "float32"])
@pytest.mark.parametrize("strength", ["auto", NOISE, 0])
def test_alpha_is_copied(strength, dtype, lookahead):
    alpha = np.random.default_rng(2).integers(0, 256, (6, 64, 96, 1), dtype=np.uint8)
    frames = np.concatenate([scene(6, 96, 64)[1], alpha], axis=-1).astype(dtype)
    if dtype == "float32":
        frames[3, 4, 5, 3] = np.nan
    result = denoise(frames, strength, lookahead=lookahead)
    assert_same_bits(result[..., 3].copy(), frames[..., 3].copy())
    assert_same_bits(result[..., :3].copy(), denoise(frames[..., :3], strength, lookahead=lookahead))


@LOOKAHEADS
def test_order_of_colours_does_not_matter(lookahead):
    frames = scene(6, 96, 64)[1]
    result = denoise(frames, lookahead=lookahead, dtype="float32")
    reverse = denoise(frames[..., ::-1], lookahead=lookahead, dtype="float32")[..., ::-1]
    np.testing.assert_allclose(reverse, result, atol=0.02)


@LOOKAHEADS
@pytest.mark.parametrize("channels", [None, 1, 2, 3, 4])
def test_frames_of_any_strides(channels, lookahead):
    rng = np.random.default_rng(0)
    shape = (5, 40, 50) if channels is None else (5, 40, 50, channels)
    frames = rng.integers(0, 256, shape, dtype=np.uint8)
    expected = denoise(frames, NOISE, lookahead=lookahead)
    spread = np.zeros(tuple(2 * length for length in shape), np.uint8)[tuple(np.s_[::2] for _ in shape)]
    spread[...] = frames
    backwards = np.empty_like(frames[:, ::-1, ::-1])[:, ::-1, ::-1]
    for given in (spread, np.asfortranarray(frames)):
        denoise(given, NOISE, lookahead=lookahead, out=backwards)
        assert_same_bits(backwards.copy(), expected)


@LOOKAHEADS
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("shift", [(0, 0), (1, 2), (-1, 0), (0, -3)])
def test_output_may_overlap_the_frame(shift, channels, lookahead):
    buffer = np.random.default_rng(0).integers(0, 256, (40, 50, channels), dtype=np.uint8)
    frame = buffer[4:-4, 4:-4]
    expected = stream(Denoiser(NOISE, lookahead=lookahead), [frame.copy()] * 3)
    denoiser = Denoiser(NOISE, lookahead=lookahead)
    original = frame.copy()
    for i in range(3):
        frame[...] = original
        y, x = shift
        out = buffer[4 + y : 36 + y, 4 + x : 46 + x]
        result = denoiser(frame, out=out)
        if result is not None:
            assert result is out
            assert_same_bits(out.copy(), expected[i - lookahead])


@LOOKAHEADS
@pytest.mark.parametrize("size", [(1, 1), (1, 9), (7, 2), (8, 8), (5, 40), (17, 15), (33, 31)])
@PRESETS
def test_small_frames(preset, size, lookahead):
    frames = with_noise(np.full((6, *size, 3), 120), 10)
    for strength in ("auto", 10):
        result = denoise(frames, strength, preset=preset, lookahead=lookahead)
        assert result.shape == frames.shape
    if min(size) >= 8:
        assert psnr(result[3:], 120) > psnr(frames[3:], 120) + 3


@LOOKAHEADS
@pytest.mark.parametrize("value", [0, 255, 128])
def test_flat_frames(value, lookahead):
    frames = np.full((4, 32, 40, 3), value, np.uint8)
    assert_same_bits(denoise(frames, lookahead=lookahead), frames)
    np.testing.assert_allclose(denoise(frames, NOISE, lookahead=lookahead), frames, atol=20)
    flat = np.full((4, 32, 40), value, np.float32)
    np.testing.assert_allclose(denoise(flat, 3, lookahead=lookahead), flat, rtol=1e-6)


def test_one_frame():
    clean, noisy = scene()
    assert psnr(denoise(noisy[:1]), clean[:1]) > psnr(noisy[:1], clean[:1]) + 8
    picture = noisy[0]
    assert_same_bits(denoise(picture, channel_axis=-1), denoise(noisy[:1])[0])
