# SPDX-License-Identifier: Apache-2.0
"""The numeric promises, one by one."""

import math
from functools import lru_cache

import numpy as np
import pytest
from scipy import signal

import oracles
import vdcore
from helpers.support import (
    BOUNDARIES,
    DTYPES,
    FLOATS,
    INSTRUCTION_SETS,
    INTEGERS,
    assert_near,
    assert_same_bits,
    noise,
    scene,
    stream,
)

SIGMAS = [0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0, 15.0, 20.0, 30.0]


def assert_equal_share(got, expected, sigma):
    """Away from ties: 98 % of the samples equal to the rounded oracle up to sigma 8, 90 % above; unbiased."""
    clear = oracles.away_from_ties(expected)
    difference = got[clear].astype(float) - np.rint(expected[clear])
    share = (difference == 0).mean()
    assert share >= (0.98 if sigma <= 8 else 0.90), f"only {100 * share:.2f} % equal"
    assert abs(difference.mean()) < 0.01


# |out - oracle| and the share of equal samples


@lru_cache
def picture(kind, dtype):
    if kind == "noise":
        return noise(dtype, (3, 120, 150), seed=11)
    if kind == "dark noise":
        return noise(dtype, (3, 120, 150), seed=12) // 9
    return scene(dtype, (3, 120, 150), seed=13)


@lru_cache
def expected_picture(kind, dtype, sigma, boundary):
    return oracles.diffuse(picture(kind, dtype), sigma, 3.0, boundary=boundary)


@pytest.mark.parametrize("kind", ["noise", "dark noise", "scene"])
@pytest.mark.parametrize("sigma", SIGMAS)
@pytest.mark.parametrize("dtype", INTEGERS)
def test_integers_are_the_rounded_oracle(dtype, sigma, kind, instruction_set):
    got = stream(picture(kind, dtype), sigma, 3.0)
    expected = expected_picture(kind, dtype, sigma, "renormalize")
    assert_near(got, expected, picture(kind, dtype))
    assert_equal_share(got, expected, sigma)


@pytest.mark.parametrize("boundary", BOUNDARIES[1:])
@pytest.mark.parametrize("sigma", [0.7, 2.0, 6.0, 15.0, 60.0])
@pytest.mark.parametrize("dtype", INTEGERS)
def test_integers_are_the_rounded_oracle_at_every_boundary(dtype, sigma, boundary):
    got = stream(picture("noise", dtype), sigma, 3.0, boundary=boundary)
    expected = expected_picture("noise", dtype, sigma, boundary)
    assert_near(got, expected, picture("noise", dtype))
    assert_equal_share(got, expected, sigma)


@pytest.mark.parametrize("tau", [0.0, 1.0, 30.0, math.inf])
@pytest.mark.parametrize("dtype", INTEGERS)
def test_share_of_equal_samples_over_time(dtype, tau):
    frames = noise(dtype, (40, 24, 30))
    got = stream(frames, 1.5, tau)
    expected = oracles.diffuse(frames, 1.5, tau)
    assert_near(got, expected, frames)
    assert_equal_share(got, expected, 1.5)


@pytest.mark.parametrize("dtype", INTEGERS)
def test_share_of_equal_samples_under_masks(dtype):
    rng = np.random.default_rng(3)
    frames = noise(dtype, (6, 40, 50))
    masks = [(rng.uniform(size=(40, 50)) < 0.3).astype("f4") for _ in frames]
    for sigma in (1.0, 4.0, 12.0):
        got = stream(frames, sigma, 2.0, confidence=masks)
        expected = oracles.diffuse(frames, sigma, 2.0, confidence=masks)
        assert_near(got, expected, frames)
        assert_equal_share(got, expected, sigma)


@pytest.mark.clips
@pytest.mark.parametrize("sigma", [0.5, 1.0, 2.0, 4.0, 8.0, 10.0, 20.0, 30.0])
def test_real_clips_are_the_rounded_oracle(clip_frames, sigma):
    expected = oracles.diffuse(clip_frames, sigma, 3.0)
    got = stream(clip_frames, sigma, 3.0)
    assert_near(got, expected, clip_frames)
    assert_equal_share(got, expected, sigma)
    deep = clip_frames.astype(np.uint16) * 257
    got = stream(deep, sigma, 3.0)
    assert_near(got, 257 * expected, deep)
    assert_equal_share(got, 257 * expected, sigma)


@pytest.mark.parametrize("sigma", SIGMAS)
@pytest.mark.parametrize("dtype", FLOATS)
def test_floats_keep_their_tolerance(dtype, sigma, instruction_set):
    for kind in ("noise", "scene"):
        got = stream(picture(kind, dtype), sigma, 3.0)
        assert_near(got, expected_picture(kind, dtype, sigma, "renormalize"), picture(kind, dtype))


@pytest.mark.parametrize("tolerance", [1e-3, 1e-4])
@pytest.mark.parametrize("boundary", BOUNDARIES)
@pytest.mark.parametrize("sigma", [3.0, 8.0, 12.0, 20.0, 30.0, 80.0])
@pytest.mark.parametrize("dtype", DTYPES)
def test_other_tolerances_are_kept(dtype, sigma, boundary, tolerance):
    """Wide tolerances open the fast methods to every sample type."""
    frames = picture("noise", dtype)
    got = stream(frames, sigma, 3.0, boundary=boundary, tolerance=tolerance)
    assert_near(got, expected_picture("noise", dtype, sigma, boundary), frames, tolerance)


@pytest.mark.parametrize("tolerance", [5e-6, 1e-6, 1e-7, 1e-9, 1e-12])
@pytest.mark.parametrize("sigma", [0.7, 3.0, 12.0, 25.0])
def test_small_tolerances_are_kept(dtype, sigma, tolerance):
    """Seen before the rounding: what float or fixed point cannot keep is left to double."""
    frames = picture("noise", dtype)
    got = stream(frames, sigma, 3.0, tolerance=tolerance, dtype="float64")
    assert_near(got, expected_picture("noise", dtype, sigma, "renormalize"), frames, tolerance)


@pytest.mark.parametrize("kind", ["impulse", "step", "stripes", "checkerboard"])
@pytest.mark.parametrize("sigma", [2.0, 9.0, 20.0, 30.0])
def test_hardest_pictures_keep_the_tolerance(kind, sigma, instruction_set):
    """What excites a reduced resolution or fixed point the most: full-scale edges and high frequencies."""
    y, x = np.mgrid[:140, :171]
    full = {
        "impulse": (y == 70) & (x == 85),
        "step": x + y // 3 > 90,
        "stripes": x % 2 == 0,
        "checkerboard": (x + y) % 2 == 0,
    }[kind]
    for dtype in DTYPES:
        frames = oracles.rounded(full[None] * oracles.RANGE[dtype], dtype)
        expected = oracles.diffuse(frames, sigma, 0.0)
        assert_near(stream(frames, sigma, 0.0), expected, frames)
        assert_near(stream(frames, sigma, 0.0, tolerance=1e-3), expected, frames, 1e-3)


@pytest.mark.parametrize("dtype", INTEGERS)
def test_proved_bound_is_within_the_tolerance(dtype):
    for sigma in SIGMAS:
        for tolerance in (None, 1e-3, 1e-5):
            diffuser = vdcore.Diffuser(sigma, 3.0, tolerance=tolerance)
            diffuser(picture("noise", dtype)[0])
            assert diffuser.info.spatial_bound <= (tolerance or oracles.TOLERANCE[dtype])


# the same bits


@pytest.mark.parametrize("dtype", INTEGERS)
@pytest.mark.parametrize("sigma", [0.0, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 30.0])
def test_same_bits_on_every_instruction_set(dtype, sigma, monkeypatch):
    frames = noise(dtype, (4, 90, 101, 3))
    mask = [np.random.default_rng(2).uniform(size=(90, 101)).astype("f4")] * 4
    variants = [
        {},
        {"confidence": mask},
        {"dtype": "float32"},
        {"dtype": "float64"},
        {"tolerance": 1e-3},
        {"tolerance": 1e-7},
        {"normalize": False},
        {"lookahead": 1},
        {"boundary": "reflect"},
        {"dither": "ordered"},
    ]
    for variant in variants:
        results = []
        for name in INSTRUCTION_SETS:
            monkeypatch.setenv("VDCORE_CPU", name)
            results.append(stream(frames, sigma, 3.0, **variant))
        for result in results[1:]:
            assert_same_bits(result, results[0])


@pytest.mark.parametrize("tau", [0.0, 0.3, 100.0, math.inf])
@pytest.mark.parametrize("dtype", INTEGERS)
def test_same_bits_on_every_instruction_set_over_time(dtype, tau, monkeypatch):
    frames = noise(dtype, (60, 11, 37, 3))
    results = []
    for name in INSTRUCTION_SETS:
        monkeypatch.setenv("VDCORE_CPU", name)
        results.append(stream(frames, 1.0, tau, times=np.arange(60) * 0.9))
    for result in results[1:]:
        assert_same_bits(result, results[0])


@pytest.mark.parametrize("sigma", [0.0, 1.0, 4.0, 20.0])
@pytest.mark.parametrize("variant", ["plain", "mask", "raw", "lookahead", "wide", "reflect"])
def test_same_bits_for_any_number_of_threads(dtype, sigma, variant, instruction_set):
    frames = noise(dtype, (2, 130, 140, 3))
    keywords = {
        "plain": {},
        "mask": {"confidence": [np.random.default_rng(2).uniform(size=(130, 140)).astype("f4")] * 2},
        "raw": {"normalize": False},
        "lookahead": {"lookahead": 1},
        "wide": {"tolerance": 1e-3},
        "reflect": {"boundary": "reflect"},
    }[variant]
    one = stream(frames, sigma, 3.0, threads=1, **keywords)
    for threads in (2, 5):
        assert_same_bits(stream(frames, sigma, 3.0, threads=threads, **keywords), one)


@pytest.mark.parametrize("sigma", [0.0, 1.0, 4.0, 20.0])
def test_same_bits_for_any_stride_and_alignment(dtype, sigma, instruction_set):
    frames = noise(dtype, (2, 70, 83, 3))
    expected = stream(frames, sigma, 3.0)
    for offset in (1, 2, 3, 5, 16, 33):
        buffer = np.zeros(frames.nbytes + 64, np.uint8)
        shifted = buffer[offset : offset + frames.nbytes].view(dtype).reshape(frames.shape)
        shifted[...] = frames
        assert_same_bits(stream(shifted, sigma, 3.0), expected)
    for padding in (1, 5, 61):
        padded = np.zeros((2, 70, 83 + padding, 3), dtype)
        padded[:, :, :83] = frames
        assert_same_bits(stream(padded[:, :, :83], sigma, 3.0), expected)
    planar = np.moveaxis(np.ascontiguousarray(np.moveaxis(frames, -1, 1)), 1, -1)
    assert_same_bits(stream(planar, sigma, 3.0), expected)
    assert_same_bits(stream(frames[:, ::-1].copy()[:, ::-1], sigma, 3.0), expected)
    assert_same_bits(stream(frames[:, :, ::-1].copy()[:, :, ::-1], sigma, 3.0), expected)


@pytest.mark.parametrize("sigma", [0.0, 1.0, 3.0, 12.0])
@pytest.mark.parametrize("mode", ["plain", "raw", "lookahead", "nan"])
def test_same_bits_in_batches_and_after_restoring(dtype, sigma, mode):
    frames = noise(dtype, (11, 20, 33, 3))
    keywords = {"raw": {"normalize": False}, "lookahead": {"lookahead": 3}}.get(mode, {})
    if mode == "nan" and frames.dtype.kind == "f":
        frames[4, 3:9] = np.nan
    expected = stream(frames, sigma, 5.0, **keywords)
    for cuts in ([11], [1, 10], [4, 5, 2], [1] * 11):
        diffuser = vdcore.Diffuser(sigma, 5.0, **keywords)
        results, start = [], 0
        for length in cuts:
            results += list(diffuser.push_many(frames[start : start + length]))
            diffuser = vdcore.Diffuser.from_state(diffuser.state())
            start += length
        results += list(diffuser.flush())
        assert_same_bits(np.stack(results), expected)


# exact cases


@pytest.mark.parametrize("tau", [0.0])
def test_identity(dtype, boundary, instruction_set, threads, tau):
    frames = noise(dtype, (3, 40, 51, 3))
    if frames.dtype.kind == "f":
        extremes = np.finfo(dtype)
        frames[:, 0, :6, 0] = [
            -0.0,
            extremes.max,
            -extremes.max,
            extremes.tiny,
            extremes.smallest_subnormal,
            -5,
        ]
        frames[1, 3, 4] = np.nan
    got = stream(frames, 0.0, tau, boundary=boundary, threads=threads)
    present = ~np.isnan(frames)
    np.testing.assert_array_equal(got[present].view(np.uint8), frames[present].view(np.uint8))


def test_identity_of_every_sample_value(instruction_set):
    for dtype, size in (("uint8", (16, 16)), ("uint16", (256, 256))):
        frames = np.arange(np.iinfo(dtype).max + 1, dtype=dtype).reshape(1, *size)
        assert_same_bits(stream(frames, 0.0, 0.0), frames)


COLOURS = {
    "uint8": [[0, 0, 0], [255, 255, 255], [1, 128, 254], [77, 3, 200]],
    "uint16": [[0, 0, 0], [65535, 65535, 65535], [1, 32768, 65534], [777, 3, 40001]],
    "float32": [[0, 0, 0], [1, 1, 1], [0.1, 1 / 3, 0.7], [-5.5, 1e-30, 3e30]],
    "float64": [[0, 0, 0], [1, 1, 1], [0.1, 1 / 3, 0.7], [-5.5, 1e-300, 3e300]],
}


@pytest.mark.parametrize("colour", range(4))
@pytest.mark.parametrize("sigma", [0.0, 0.4, 1.3, 4.0, 10.0, 35.0])
@pytest.mark.parametrize("tau", [0.0, 0.6, 50.0, 1e9, math.inf])
def test_constant_video_stays_constant(dtype, colour, sigma, tau):
    frames = np.empty((12, 26, 31, 3), dtype)
    frames[...] = COLOURS[dtype][colour]
    for boundary in BOUNDARIES[:3]:
        assert_same_bits(stream(frames, sigma, tau, boundary=boundary), frames)


@pytest.mark.parametrize("sigma", [0.8, 12.0])
def test_constant_video_stays_constant_everywhere(dtype, sigma, instruction_set, threads):
    frames = np.empty((4, 150, 161, 3), dtype)
    frames[...] = COLOURS[dtype][2]
    for keywords in ({}, {"tolerance": 1e-3}, {"lookahead": 2}):
        assert_same_bits(stream(frames, sigma, 3.0, threads=threads, **keywords), frames)


@pytest.mark.parametrize("colour", range(4))
def test_constant_video_inside_the_same_constant(dtype, colour):
    value = np.asarray(COLOURS[dtype][colour], dtype)[1]
    frames = np.full((6, 12, 13), value, dtype)
    assert_same_bits(stream(frames, 2.0, 3.0, boundary="constant", cval=float(value)), frames)


@pytest.mark.parametrize("tau", [5.0, 1e7, math.inf])
def test_constant_video_stays_constant_for_long(dtype, tau):
    frame = np.empty((3, 4, 3), dtype)
    frame[...] = COLOURS[dtype][2]
    frames = np.broadcast_to(frame, (20_000, *frame.shape))
    diffuser = vdcore.Diffuser(0.9, tau)
    assert (diffuser.push_many(frames) == frame).all()
    times = np.random.default_rng(1).uniform(0, 3, 300).cumsum()
    assert (stream(frames[:300], 0.9, tau, times=times) == frame).all()


@pytest.mark.parametrize("dtype", INTEGERS)
def test_constant_integers_stay_constant_under_masks(dtype):
    rng = np.random.default_rng(2)
    frames = np.empty((8, 20, 21, 3), dtype)
    frames[...] = COLOURS[dtype][3]
    masks = [rng.uniform(size=(20, 21)).astype("f4") for _ in frames]
    for sigma in (0.0, 1.0, 6.0, 20.0):
        assert_same_bits(stream(frames, sigma, 4.0, confidence=masks), frames)


@pytest.mark.parametrize("sigma", [0.0, 1.0, 6.0])
def test_raw_mode_is_linear(dtype, sigma, instruction_set):
    f, g = noise(dtype, (6, 18, 20), seed=1), noise(dtype, (6, 18, 20), seed=2)
    if dtype in INTEGERS:
        f, g = f // 4, g // 4
    total = (2 * f + g).astype(dtype)
    out = {
        name: stream(x, sigma, 3.0, normalize=False).astype(float)
        for name, x in (("f", f), ("g", g), ("total", total))
    }
    scale = np.abs(out["total"]).max()
    tolerance = max(oracles.TOLERANCE[dtype], 4 * np.finfo("f4").eps if dtype != "float64" else 0)
    assert np.abs(2 * out["f"] + out["g"] - out["total"]).max() <= 4 * tolerance * scale


# a million frames

LENGTHS = [20_000, pytest.param(1_000_000, marks=pytest.mark.slow)]


def batches(dtype, length, seed=5, batch=5_000, shape=(2, 3)):
    """Random frames in batches, around a level that differs from sample to sample."""
    rng = np.random.default_rng(seed)
    level = np.linspace(0.1, 0.9, shape[0] * shape[1]).reshape(shape)
    for _ in range(length // batch):
        values = (level + rng.uniform(-0.1, 0.1, (batch, *shape))) * oracles.RANGE[dtype]
        yield oracles.rounded(values, dtype)


def spread_each(frames, sigma):
    """oracles.spread of every frame over the existing weights."""
    above_y, _ = oracles.line_operator(frames.shape[1], sigma)
    above_x, _ = oracles.line_operator(frames.shape[2], sigma)
    below = np.outer(above_y.sum(1), above_x.sum(1))
    return np.einsum("yi,tij,xj->tyx", above_y, frames, above_x, optimize=True) / below


@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize("sigma", [0.0, 0.7])
def test_running_mean_of_a_million_frames(dtype, length, sigma):
    diffuser = vdcore.Diffuser(sigma, math.inf)
    total, count = np.longdouble(0), 0
    for frames in batches(dtype, length):
        sums = total + np.cumsum(frames.astype(np.longdouble), axis=0)
        counts = count + np.arange(1, len(frames) + 1)
        total, count = sums[-1], counts[-1]
        means = (sums / counts[:, None, None]).astype(float)
        assert_near(diffuser.push_many(frames), spread_each(means, sigma), frames)
    assert diffuser.info.frames == length


@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize("tau", [3.0, 300.0, 1e4, 1e8])
def test_long_memory_over_a_million_frames(dtype, length, tau):
    diffuser = vdcore.Diffuser(0.7, tau)
    decay = np.longdouble(-1 / tau)
    pole = [np.longdouble(1), -np.exp(decay)]
    above, below = np.zeros((1, 2, 3), np.longdouble), np.zeros(1, np.longdouble)
    for frames in batches(dtype, length):
        sums, above = signal.lfilter([np.longdouble(1)], pole, frames.astype(np.longdouble), axis=0, zi=above)
        counts, below = signal.lfilter(
            [np.longdouble(1)], pole, np.ones(len(frames), np.longdouble), zi=below
        )
        means = (sums / counts[:, None, None]).astype(float)
        assert_near(diffuser.push_many(frames), spread_each(means, 0.7), frames)


@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize("tau", [20.0, math.inf])
def test_masked_memory_over_a_million_frames(dtype, length, tau):
    """Every second frame is missing on the left; sigma 0, so every sample is a stream of its own."""
    diffuser = vdcore.Diffuser(0.0, tau)
    decay = np.exp(np.longdouble(-1 / tau))
    shape = (2, 3)
    above, below = np.zeros((1, *shape), np.longdouble), np.zeros((1, *shape), np.longdouble)
    mask = np.ones((5_000, *shape), np.float32)
    mask[1::2, :, 0] = 0
    mask[:, :, 1] = 0.25
    for frames in batches(dtype, length):
        confidence = mask.astype(np.longdouble)
        sums, above = signal.lfilter([np.longdouble(1)], [1, -decay], confidence * frames, axis=0, zi=above)
        counts, below = signal.lfilter([np.longdouble(1)], [1, -decay], confidence, axis=0, zi=below)
        got = diffuser.push_many(frames, confidence=mask)
        assert_near(got, (sums / counts).astype(float), frames)
