# SPDX-License-Identifier: Apache-2.0
"""Missing samples in the denoiser: NaN, confidence, fill."""

import numpy as np
import pytest

from helpers.denoising import LOOKAHEADS, PRESETS, psnr, scene, white, with_noise
from helpers.support import assert_same_bits
from oracles import VideoDenoiser
from oracles.missing import pull_push
from vdcore import Denoiser, _core, denoise


def holes(shape, seed=5, share=0.1):
    """A mask of known pixels: scattered holes and a large one."""
    known = np.random.default_rng(seed).uniform(size=shape) > share
    known[..., 20:31, 30:44] = False
    return known


def moving(count=6, noise=8.0, channels=()):
    """Clean and noisy frames, float32, of a texture that moves on by (1, 2) pixels."""
    base = 110 + 40 * np.random.default_rng(3).normal(size=(8, 9, *channels)).repeat(7, 0).repeat(7, 1)
    clean = np.stack([np.roll(base, (i, 2 * i), (0, 1)) for i in range(count)])
    return clean, (clean + np.random.default_rng(4).normal(0, noise, clean.shape)).astype(np.float32)


def with_motion(frame, other):
    return np.broadcast_to(np.float32([-2, -1]), (*frame.shape[:2], 2))


@pytest.mark.parametrize("channels", [(), (3,)])
@pytest.mark.parametrize("dtype", [np.float32, np.uint8])
@PRESETS
def test_gaps_are_the_oracle(preset, dtype, channels):
    """Holes, partial confidence, outliers, unknown motion; nothing at all in one frame."""
    _, noisy = moving(5, channels=channels)
    frames = noisy.clip(0, 255).astype(dtype)
    rng = np.random.default_rng(4)
    core, oracle = _core.Denoiser(8.0, preset=preset), VideoDenoiser(8.0, preset)
    flow = with_motion(frames[0], None).copy()
    flow[40:44, 10:20] = np.nan
    for t, frame in enumerate(frames):
        confidence = holes(frame.shape[:2], t + 21).astype(np.float32) * (t != 3)
        if t in (1, 2):
            confidence[:, 50:] *= rng.uniform(0.2, 1, confidence[:, 50:].shape).astype(np.float32)
        outliers = (rng.uniform(size=confidence.shape) < 0.01).astype(np.uint8)
        out = np.empty(frame.shape, np.float32)
        core.push(frame, out, ((None, flow, 0.0),), confidence, outliers)
        expected = oracle.push(frame, [(None, flow, 0.0)], confidence.astype(float), outliers != 0)
        np.testing.assert_allclose(out, expected, atol=0.01 if dtype == np.float32 else 0.1)
        known = np.empty(frame.shape[:2], np.uint8)
        core.known(known)
        np.testing.assert_array_equal(known == 255, oracle.known)


def test_filling_is_the_oracle():
    rng = np.random.default_rng(2)
    picture = rng.uniform(0, 255, (37, 50, 2))
    known = rng.uniform(size=(37, 50)) > 0.6
    known[5:20, 5:30] = False
    out = np.empty_like(picture)
    _core.fill_missing(np.where(known[..., None], picture, np.nan), None, out)
    (expected, _) = pull_push(np.where(known[..., None], picture, 0), known.astype(float), (1, 1))
    np.testing.assert_allclose(out, expected, atol=1e-3)
    assert_same_bits(out[known], picture[known])
    _core.fill_missing(picture, known.astype(np.uint8) * np.uint8(255), picture)
    assert_same_bits(picture, out)


@LOOKAHEADS
@pytest.mark.parametrize("dtype", ["uint8", "float64"])
def test_a_mask_of_ones_changes_nothing(dtype, lookahead):
    frames = scene(5, 96, 64)[1].astype(dtype)
    expected = denoise(frames, lookahead=lookahead)
    for mask in (
        np.ones((64, 96), bool),
        np.full((5, 64, 96), 255, np.uint8),
        lambda i, t: np.ones((64, 96)),
    ):
        assert_same_bits(denoise(frames, confidence=mask, lookahead=lookahead), expected)


@LOOKAHEADS
def test_what_is_missing_does_not_matter(lookahead):
    _, noisy = moving()
    known = holes(noisy.shape)
    results = [
        denoise(np.where(known, noisy, value).astype(np.float32), 8.0, confidence=known, lookahead=lookahead)
        for value in (0, 1e9)
    ]
    results.append(denoise(np.where(known, noisy, np.nan).astype(np.float32), 8.0, lookahead=lookahead))
    filled = ~np.isnan(results[2])
    assert filled[known].all() and filled.mean() > 0.9
    for result in results[:2]:
        assert_same_bits(result[filled], results[2][filled])


@PRESETS
def test_holes_are_filled_from_the_past_and_do_not_bleed(preset):
    clean, noisy = moving(10)
    known = holes(noisy.shape)
    given = np.where(known, noisy, np.nan).astype(np.float32)
    inside = np.s_[7:, 16:-16, 16:-16]
    result, whole = (denoise(f, 8.0, preset=preset, motion=with_motion)[inside] for f in (given, noisy))
    clean, there, found = clean[inside], known[inside], ~np.isnan(result)
    assert found.mean() > 0.99
    assert psnr(result[there], clean[there]) > psnr(whole[there], clean[there]) - 1
    filled = found & ~there
    assert psnr(result[filled], clean[filled]) > psnr(noisy[inside], clean) + 2


def test_a_depth_camera():
    """Zero is no depth: estimate and result are those of the surface."""
    depth = 1000 + 4 * np.mgrid[:96, :128][1] + np.zeros((8, 1, 1))
    noisy = depth + np.random.default_rng(0).normal(0, 8, depth.shape)
    known = np.ones(depth.shape, bool)
    known[:, 30:50, 40:70] = known[:, :, :9] = False
    frames = np.where(known, noisy, 0).round().astype(np.uint16)
    denoiser = Denoiser()
    for frame, mask in zip(frames, known, strict=True):
        result = denoiser(frame, confidence=mask)
    assert abs(denoiser.info.noise.sigma[0] - 8) < 0.6
    error = np.abs(result - depth[-1])
    assert error[known[-1]].max() < 12 and error[known[-1]].mean() < 1.5
    assert (result[~known[-1]] == 0).mean() > 0.95  # flow may lead from a hole to its rim
    assert_same_bits(
        denoise(frames, 8.0, confidence=frames > 0, fill=77)[:, 40, 50], np.full(8, 77, np.uint16)
    )


def test_fill_where_nothing_was_known():
    _, noisy = moving(3)
    known = np.ones(noisy.shape, bool)
    known[:, 10:20, 10:20] = False
    known[2, 10:20, 10:20] = True
    known[1, 30:40, 30:40] = False
    given = np.where(known, noisy, np.nan)
    passed, five = denoise(given, 8.0, motion=None), denoise(given, 8.0, motion=None, fill=5)
    never = np.zeros(noisy.shape, bool)
    never[:2, 10:20, 10:20] = True
    assert (np.isnan(passed) == never).all()
    assert (five[never] == 5).all()
    assert_same_bits(five[~never], passed[~never])


def test_samples_that_are_known_pass_where_there_is_no_noise():
    clean, noisy = moving(4, noise=0)
    known = holes(noisy.shape)
    frames = np.where(known, noisy, np.nan).astype(np.float32)
    for strength in (0, "auto"):
        result = denoise(frames, strength, motion=with_motion)
        assert_same_bits(result[known], frames[known])
        found = ~known & ~np.isnan(result)
        assert found[3].sum() > 0.8 * (~known[3]).sum()
        assert np.abs(result[3] - clean[3])[found[3]].mean() < 8


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
@LOOKAHEADS
def test_nothing_known_at_all(dtype, lookahead):
    frames = np.full((5, 24, 40), 9, dtype)
    for strength in ("auto", 4):
        result = denoise(frames, strength, confidence=np.zeros(frames.shape), lookahead=lookahead)
        assert_same_bits(result, frames)
        result = denoise(frames, strength, confidence=np.zeros(frames.shape), lookahead=lookahead, fill=3)
        assert (result == 3).all()
    nothing = np.full((5, 24, 40), np.nan, np.float32)
    assert np.isnan(denoise(nothing, lookahead=lookahead)).all()


def test_half_the_confidence_is_twice_the_variance():
    _, noisy = moving(6, noise=16)
    half = denoise(
        noisy, white(16 / np.sqrt(2)), confidence=np.full(noisy.shape[1:], 0.5), motion=with_motion
    )
    full = denoise(noisy, white(16), motion=with_motion)
    assert np.abs(half - full).mean() < 0.25


@LOOKAHEADS
def test_states_and_copies(lookahead):
    _, noisy = moving(8)
    frames = np.where(holes(noisy.shape), noisy, np.nan)
    denoiser = Denoiser(lookahead=lookahead, fill=np.nan)
    confidence = np.linspace(0, 1, frames[0].size).reshape(frames[0].shape)
    for frame in frames[:4]:
        denoiser(frame, confidence=confidence)
    twins = denoiser.copy(), Denoiser.from_state(denoiser.state())
    for frame in frames[4:]:
        expected = denoiser(frame, confidence=confidence)
        for twin in twins:
            assert_same_bits(twin(frame, confidence=confidence), expected)
    rest = [list(stream.flush()) for stream in (denoiser, *twins)]
    assert len(rest[0]) == lookahead
    for frames in zip(*rest, strict=True):
        assert_same_bits(frames[0], frames[1])
        assert_same_bits(frames[0], frames[2])


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_confidence_of_samples(channels):
    """The pixel's is that of its worst sample; the channels of two are apart, alpha has none."""
    frames = with_noise(np.full((3, 32, 40, channels), 120.0), 10)
    confidence = np.ones(frames.shape)
    confidence[:, 10:14, 10:14, channels - 1] = 0
    denoiser = Denoiser(white(10.0), motion=None)
    result = np.stack([denoiser(frame, confidence=m) for frame, m in zip(frames, confidence, strict=True)])
    if channels == 4:
        assert_same_bits(result, denoise(frames, white(10.0), motion=None))
    elif channels == 2:
        assert_same_bits(result[..., 0], denoise(frames[..., 0], white(10.0), motion=None))
    else:
        expected = denoise(frames, white(10.0), confidence=confidence.min(axis=3), motion=None)
        assert_same_bits(result, expected)
        assert_same_bits(result[:, 10:14, 10:14], frames[:, 10:14, 10:14])


def test_noise_is_that_of_known_samples():
    clean = np.full((6, 64, 64), 900.0)
    noisy = clean + np.random.default_rng(0).normal(0, 8, clean.shape)
    noisy[:, 16:40, ::16] = 0
    frames = noisy.round().astype(np.uint16)
    denoiser = Denoiser()
    for frame in frames:
        denoiser(frame, confidence=frame > 0)
    assert abs(denoiser.info.noise.sigma[0] - 8) < 1


@pytest.mark.parametrize(
    "confidence, error, text",
    [
        (np.full((56, 63), 1.5), ValueError, r"confidence must lie in \[0, 1\]"),
        (np.full((56, 63), np.nan), ValueError, r"confidence must lie in \[0, 1\]"),
        (np.ones((56, 62)), ValueError, "confidence must have shape"),
        (np.ones((56, 63), int), TypeError, "confidence must have dtype"),
    ],
)
def test_confidence_that_is_refused(confidence, error, text):
    _, noisy = moving(2)
    denoiser, twin = Denoiser(8), Denoiser(8)
    denoiser(noisy[0])
    twin(noisy[0])
    with pytest.raises(error, match=text):
        denoiser(noisy[1], confidence=confidence)
    assert_same_bits(denoiser(noisy[1]), twin(noisy[1]))
    with pytest.raises(error, match=text):
        denoise(noisy, confidence=confidence)
    with pytest.raises(ValueError, match="fill must be a finite number"):
        Denoiser(fill=np.inf)
