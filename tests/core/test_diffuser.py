# SPDX-License-Identifier: Apache-2.0
"""The linear model of `Diffuser` against the oracle: every parameter, sample type, layout and kernel."""

import math
import os

import numpy as np
import pytest

import oracles
import vdcore
from helpers.support import (
    BOUNDARIES,
    DTYPES,
    FLOATS,
    INTEGERS,
    assert_near,
    assert_same_bits,
    noise,
    scene,
    stream,
)


def _memory_order(frames, *order):
    """The same frames, with the axes of (T, H, W, C) lying in memory in this order."""
    return np.ascontiguousarray(frames.transpose(order)).transpose(np.argsort(order))


def _unaligned(frames):
    buffer = np.empty(frames.nbytes + 1, np.uint8)
    view = buffer[1:].view(frames.dtype).reshape(frames.shape)
    view[...] = frames
    return view


LAYOUTS = {
    "contiguous": lambda frames: frames,
    "strided": lambda frames: frames.repeat(2, axis=1).repeat(3, axis=2)[:, ::2, ::3],
    "negative": lambda frames: frames[:, ::-1, ::-1].copy()[:, ::-1, ::-1],
    "negative channels": lambda frames: frames[..., ::-1].copy()[..., ::-1],
    "fortran": lambda frames: _memory_order(frames, 0, 3, 2, 1),
    "planar": lambda frames: _memory_order(frames, 0, 3, 1, 2),
    "time last": lambda frames: _memory_order(frames, 1, 2, 3, 0),
    "unaligned": _unaligned,
    "broadcast": lambda frames: np.broadcast_to(frames[:, :1, :1], frames.shape),
}


def compare(frames, sigma, tau, *, tolerance=None, threads=1, times=None, gain=1.0, **keywords):
    """One stream through the library and through the oracle."""
    pushed = {k: keywords[k] for k in ("confidence", "coefficients") if k in keywords}
    filtered = {k: v for k, v in keywords.items() if k not in pushed}
    got = stream(frames, sigma, tau, times=times, tolerance=tolerance, threads=threads, **keywords)
    expected = oracles.diffuse(frames, sigma, tau, times=times, **pushed, **filtered)
    assert_near(got, expected, frames, tolerance, gain)
    return got


# every sample type, boundary, layout, instruction set, thread count


@pytest.mark.parametrize("layout", list(LAYOUTS))
def test_layouts(dtype, boundary, layout, instruction_set, threads):
    frames = LAYOUTS[layout](noise(dtype, (3, 13, 21, 3)))
    keywords = {"boundary": boundary, "cval": 0.25 * oracles.RANGE[dtype], "threads": threads}
    got = compare(frames, 1.3, 2.0, **keywords)
    assert_same_bits(got, stream(np.ascontiguousarray(frames), 1.3, 2.0, **keywords))


def test_large_enough_for_threads(dtype, boundary, instruction_set):
    frames = noise(dtype, (2, 181, 203, 3))
    one, two, five = (stream(frames, 2.0, 3.0, boundary=boundary, threads=n) for n in (1, 2, 5))
    assert_near(one, oracles.diffuse(frames, 2.0, 3.0, boundary=boundary), frames)
    assert_same_bits(two, one)
    assert_same_bits(five, one)


@pytest.mark.parametrize("extent", [4.0, 9.0, 25.0])
def test_large_sigma_in_large_frames(dtype, boundary, instruction_set, extent):
    frames = scene(dtype, (2, 150, 170))
    compare(frames, extent, 2.0, boundary=boundary, cval=0.5 * oracles.RANGE[dtype])


# sigma and tau


@pytest.mark.parametrize("tau", [0.0, 0.01, 0.7, 3.0, 1e3, 1e9, math.inf])
@pytest.mark.parametrize(
    "sigma", [0.0, 0.1, 0.3, 0.9, 2.0, 5.0, 12.0, 60.0, (0.0, 2.0), (3.0, 0.0), (0.4, 40.0)], ids=str
)
def test_sigma_and_tau(dtype, sigma, tau):
    compare(noise(dtype, (6, 12, 17, 2)), sigma, tau)


@pytest.mark.parametrize("extent", [0.0, 0.5, 3.0, 50.0])
def test_tiny_frames(dtype, boundary, instruction_set, extent):
    for shape in [(1, 1), (1, 2), (2, 1), (1, 37), (37, 1), (2, 2), (3, 5), (1, 1, 3), (2, 9, 4)]:
        compare(noise(dtype, (3, *shape)), extent, 1.5, boundary=boundary, cval=1.0)


@pytest.mark.parametrize("channels", [*range(1, 18), 33])
def test_channel_counts(dtype, channels):
    compare(noise(dtype, (2, 9, 11, channels)), 1.1, 2.0)


@pytest.mark.parametrize("width", [*range(1, 70), 127, 128, 129, 255, 257])
def test_every_width(instruction_set, width):
    """Ends of vector loops: every remainder of every vector length."""
    for dtype in DTYPES:
        compare(noise(dtype, (2, 5, width)), 0.8, 2.0)


@pytest.mark.parametrize("height", [*range(1, 40), 63, 64, 65])
def test_every_height(instruction_set, height):
    """Ends of row tiles and ring buffers, kernels taller than the frame."""
    for dtype in DTYPES:
        compare(noise(dtype, (2, height, 6)), 2.0, 2.0)


@pytest.mark.parametrize("extent", [5e-324, 1e-200, 1e-9, 300.0])
def test_extreme_sigmas(dtype, boundary, extent):
    frames = noise(dtype, (2, 5, 7, 2))
    for sigma in (extent, (extent, 0.7), (0.0, extent)):
        compare(frames, sigma, 2.0, boundary=boundary, cval=0.25 * oracles.RANGE[dtype])


@pytest.mark.timeout(20)
@pytest.mark.parametrize("extent", [1e4, 1e5])
def test_sigma_far_larger_than_the_frame(dtype, boundary, extent, little_memory):
    """Work and memory follow the size of the frame."""
    frames = noise(dtype, (2, 5, 7, 2))
    compare(frames, extent, 2.0, boundary=boundary, cval=0.25 * oracles.RANGE[dtype])


@pytest.mark.timeout(20)
@pytest.mark.parametrize("extent", [1e10, 1e160, 1e308])
def test_sigma_beyond_anything(dtype, extent, little_memory):
    """The mean of everything; where samples must be made up outside, right or refused."""
    frames = noise(dtype, (2, 5, 7, 2))
    compare(frames, extent, 2.0)
    compare(frames, 1.0, 2.0, truncate=extent)
    mean = np.broadcast_to(frames[0].mean(axis=(0, 1)), frames[0].shape)
    for boundary, expected in (("reflect", mean), ("constant", np.zeros_like(mean))):
        try:
            got = stream(frames[:1], extent, 2.0, boundary=boundary)[0]
        except (ValueError, OverflowError):
            continue
        assert_near(got, expected, frames)


@pytest.mark.parametrize("tau", [5e-324, 1e-300, 1e-3, 1e300, 1.7e308])
def test_extreme_time_constants(dtype, tau):
    times = np.cumsum([0, 1, 1e-300, 0, 1, 1e200, 1e300])
    compare(noise(dtype, (7, 4, 5)), 0.7, tau, times=times)


@pytest.mark.parametrize("tolerance", [1e-300, 1e-15, 0.02, 0.5, 1.0, 1e300])
def test_any_tolerance(dtype, tolerance):
    frames = noise(dtype, (3, 40, 50))
    for extent in (1.0, 12.0):
        compare(frames, extent, 2.0, tolerance=max(tolerance, oracles.TOLERANCE["float64"]))
        stream(frames, extent, 2.0, tolerance=tolerance)


@pytest.mark.parametrize("truncate", [0.0, 0.5, 1.0, 3.0, 5.5])
def test_truncate(dtype, boundary, truncate):
    compare(noise(dtype, (2, 15, 16)), 1.9, 2.0, truncate=truncate, boundary=boundary)


@pytest.mark.parametrize("cval", [-10.0, 0.0, 0.4, 300.0])
def test_cval(dtype, cval):
    frames = noise(dtype, (3, 10, 12))
    got = stream(frames, 1.5, 2.0, boundary="constant", cval=cval)
    expected = oracles.diffuse(frames, 1.5, 2.0, boundary="constant", cval=cval)
    # the range of what enters the sum, cval included
    tolerance = oracles.TOLERANCE[dtype] * max(1.0, abs(cval) / oracles.RANGE[dtype])
    assert_near(got, expected, frames, tolerance)


@pytest.mark.parametrize("magnitude", [1e-30, 1e-3, 255.0, 65535.0, 1e12, 1e30])
@pytest.mark.parametrize("dtype", FLOATS)
def test_float_frames_of_any_magnitude(dtype, magnitude):
    """The range of floats is nominal: the error scales with the samples."""
    frames = (noise("float64", (4, 12, 13)) - 0.3) * magnitude
    frames = frames.astype(dtype)
    got = stream(frames, 1.5, 3.0)
    expected = oracles.diffuse(frames, 1.5, 3.0)
    error = np.abs(got - expected).max() / np.abs(frames).max()
    assert error <= oracles.TOLERANCE[dtype]


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("extent", [0.0, 1.0])
def test_no_memory_of_large_samples(dtype, extent):
    """With tau = 0 a frame is what it is, whatever came before."""
    frames = noise(dtype, (4, 6, 7)) * np.array([1e30, 1, 1e-20, 1e10], dtype).reshape(4, 1, 1)
    got = stream(frames, extent, 0.0)
    for result, frame in zip(got, frames, strict=True):
        assert_same_bits(result, stream(frame[None], extent, 0.0)[0])


# time


def test_uneven_time_steps(dtype, instruction_set):
    times = np.cumsum([0, 1, 0.25, 0, 3, 0.5, 10, 1e-3, 2])
    compare(noise(dtype, (9, 8, 9)), 0.8, 2.5, times=times)


@pytest.mark.parametrize("tau", [0.0, 2.0, math.inf])
def test_many_frames_at_one_time(dtype, tau):
    """dt = 0: no decay between the frames, but tau = 0 still remembers nothing."""
    compare(noise(dtype, (5, 6, 7)), 0.8, tau, times=np.zeros(5))


def test_weight_grows_under_short_steps(dtype):
    """Steps much shorter than the usual one: D grows far beyond 1 / (1 - a)."""
    compare(noise(dtype, (400, 3, 4)), 0.5, 1.0, times=np.arange(400) / 300)


def test_seconds(dtype):
    frames = noise(dtype, (5, 8, 9))
    times = np.cumsum([0, 0.04, 0.04, 0.12, 0.033])
    got = stream(frames, 0.8, 0.1, times=times, time_unit="seconds")
    assert_near(got, oracles.diffuse(frames, 0.8, 0.1, times=times), frames)


def test_seconds_need_a_time_step():
    diffuser = vdcore.Diffuser(1, 1, time_unit="seconds")
    frame = noise("uint8", (4, 4))
    diffuser(frame)
    with pytest.raises(ValueError, match="dt"):
        diffuser(frame)


def test_first_time_step_does_not_matter(dtype):
    frames = noise(dtype, (3, 6, 7))
    one, other = vdcore.Diffuser(1, 2), vdcore.Diffuser(1, 2)
    for i, frame in enumerate(frames):
        assert_same_bits(one(frame, 1.5), other(frame, 7.0 if i == 0 else 1.5))


@pytest.mark.parametrize("lookahead", [1, 2, 5, 20])
@pytest.mark.parametrize("tau", [0.0, 0.5, 4.0, math.inf])
def test_lookahead(dtype, lookahead, tau):
    compare(noise(dtype, (9, 8, 10)), 0.9, tau, lookahead=lookahead)


def test_lookahead_everywhere(dtype, boundary, instruction_set, threads):
    times = np.cumsum([0, 1, 0.25, 0, 3, 0.5, 10])
    frames = noise(dtype, (7, 9, 11, 3))
    compare(frames, 1.2, 2.0, lookahead=2, times=times, boundary=boundary, threads=threads)


def test_lookahead_with_masks(dtype):
    rng = np.random.default_rng(8)
    frames = noise(dtype, (8, 7, 9))
    confidence = [(rng.uniform(size=(7, 9)) < 0.4).astype(np.float32) for _ in frames]
    compare(frames, 0.7, 2.0, lookahead=3, confidence=confidence)


def test_lookahead_answers_late_and_flush_the_rest():
    frames = noise("uint8", (6, 5, 7))
    diffuser = vdcore.Diffuser(0.5, 2.0, lookahead=2)
    assert [diffuser(frame) is None for frame in frames] == [True, True, False, False, False, False]
    assert len(list(diffuser.flush())) == 2
    assert list(diffuser.flush()) == []


def test_stream_goes_on_after_flush(dtype):
    frames = noise(dtype, (9, 5, 7))
    diffuser = vdcore.Diffuser(0.5, 2.0, lookahead=2)
    results = []
    for part in (frames[:5], frames[5:]):
        results += [r for r in map(diffuser, part) if r is not None]
        results += diffuser.flush()
    assert_near(np.stack(results[:5]), oracles.diffuse(frames[:5], 0.5, 2.0, lookahead=2), frames)
    assert_near(np.stack(results[5:]), oracles.diffuse(frames, 0.5, 2.0, lookahead=2)[5:], frames)


# masks, missing samples, fill


@pytest.mark.parametrize("kind", ["float32", "float64", "uint8", "bool", "per channel"])
def test_confidence(dtype, boundary, instruction_set, kind):
    rng = np.random.default_rng(3)
    frames = noise(dtype, (5, 10, 12, 3))
    confidence = []
    for _ in frames:
        m = rng.uniform(size=frames.shape[1:] if kind == "per channel" else frames.shape[1:3]).astype("f4")
        m[2:7, 1:9] = 0
        if kind == "uint8":
            m = np.rint(255 * m).astype(np.uint8)
        elif kind == "bool":
            m = m > 0.5
        elif kind == "float64":
            m = m.astype(np.float64)
        confidence.append(m)
    pushed = confidence
    if kind == "bool":
        confidence = [m.astype(float) for m in confidence]
    keywords = {"boundary": boundary, "cval": 0.5 * oracles.RANGE[dtype]}
    got = stream(frames, 1.1, 2.0, confidence=pushed, **keywords)
    assert_near(got, oracles.diffuse(frames, 1.1, 2.0, confidence=confidence, **keywords), frames)


def test_confidence_in_large_frames(dtype, instruction_set):
    rng = np.random.default_rng(3)
    frames = noise(dtype, (2, 150, 170, 3))
    confidence = [(rng.uniform(size=(150, 170)) < 0.5).astype(np.float32) for _ in frames]
    expected = oracles.diffuse(frames, 2.5, 2.0, confidence=confidence)
    one, two = (stream(frames, 2.5, 2.0, confidence=confidence, threads=n) for n in (1, 2))
    assert_near(one, expected, frames)
    assert_same_bits(two, one)


@pytest.mark.parametrize("extent", [0.0, 1.0, 6.0, 30.0])
@pytest.mark.parametrize("tau", [0.0, 0.8, 5.0, math.inf])
def test_masked_sigma_and_tau(dtype, extent, tau):
    rng = np.random.default_rng(4)
    frames = noise(dtype, (7, 9, 14))
    confidence = [(rng.uniform(size=(9, 14)) < 0.15).astype(np.float32) for _ in frames]
    compare(frames, extent, tau, confidence=confidence)


def test_mask_of_ones_agrees_with_no_mask(dtype, boundary, instruction_set):
    frames = noise(dtype, (5, 11, 13, 3))
    ones = [np.ones(frames.shape[1:3], np.float32)] * len(frames)
    plain = stream(frames, 1.4, 3.0, boundary=boundary)
    masked = stream(frames, 1.4, 3.0, boundary=boundary, confidence=ones)
    scale = oracles.TOLERANCE[dtype] * oracles.RANGE[dtype]
    allowed = 1 if dtype in INTEGERS else 2 * scale
    assert np.abs(plain.astype(float) - masked).max() <= allowed
    assert_near(masked, oracles.diffuse(frames, 1.4, 3.0, boundary=boundary), frames)


@pytest.mark.parametrize("first_mask", [0, 1, 4])
def test_masks_may_come_and_go(dtype, instruction_set, first_mask):
    """The step from one weight for the whole frame to one per sample, in the middle of a stream."""
    rng = np.random.default_rng(6)
    frames = noise(dtype, (9, 8, 10))
    confidence = [None] * 9
    for i in (first_mask, first_mask + 2, first_mask + 3):
        confidence[i] = rng.uniform(size=(8, 10)).round().astype(np.float32)
    compare(frames, 0.9, 3.0, confidence=confidence)


@pytest.mark.parametrize("dtype", FLOATS)
def test_nan_is_missing(dtype, boundary, instruction_set):
    rng = np.random.default_rng(7)
    frames = noise(dtype, (6, 9, 11, 3))
    frames[rng.uniform(size=frames.shape) < 0.3] = np.nan
    frames[3] = np.nan
    frames[:, 4, 4] = np.nan
    compare(frames, 0.7, 2.0, boundary=boundary)
    compare(frames, 0.0, 2.0, boundary=boundary)


@pytest.mark.parametrize("value", [-9999.0, 1e30, 3e38])
@pytest.mark.parametrize("dtype", FLOATS)
def test_what_lies_under_no_confidence_does_not_matter(dtype, value):
    """Sentinels for missing samples, as masked files have them, do not even cost accuracy."""
    frames = noise(dtype, (3, 8, 9, 2))
    for place in ((0, 0), (3, 4), (7, 8)):
        mask = np.ones((8, 9), np.float32)
        mask[place] = 0
        marked = frames.copy()
        marked[:, *place] = value
        for keywords in ({}, {"lookahead": 1}, {"normalize": False}):
            one, two = (stream(f, 1.0, 2.0, confidence=[mask] * 3, **keywords) for f in (frames, marked))
            assert_near(two, one.astype(float), frames, gain=20)


@pytest.mark.parametrize("dtype", FLOATS)
def test_nan_after_clean_frames(dtype):
    frames = noise(dtype, (8, 9, 11))
    frames[4, 2:6] = np.nan
    compare(frames, 0.5, 2.0)


@pytest.mark.parametrize("fill", [None, 0.0, 0.5, 100.0, -3.0, 1e6])
def test_fill(dtype, fill):
    """Where no source ever reached: the frame's own sample, or a value (clipped to integers' range)."""
    frames = noise(dtype, (4, 8, 20))
    confidence = [np.zeros((8, 20), np.float32) for _ in frames]
    for m in confidence[1:]:
        m[:, :3] = 1
    got = stream(frames, 0.5, 2.0, confidence=confidence, fill=fill)
    expected = oracles.diffuse(frames, 0.5, 2.0, confidence=confidence, fill=fill)
    never = frames[1:, :, 5:] if fill is None else oracles.rounded(np.full((3, 8, 15), fill), dtype)
    assert_same_bits(got[1:, :, 5:], never)
    assert_same_bits(got[0], frames[0] if fill is None else oracles.rounded(np.full((8, 20), fill), dtype))
    assert_near(got[1:, :, :5], expected[1:, :, :5], frames)


@pytest.mark.parametrize("dtype", FLOATS)
def test_fill_with_nan(dtype):
    frames = np.full((3, 4, 5), np.nan, dtype)
    np.testing.assert_array_equal(stream(frames, 1, 2), frames)
    np.testing.assert_array_equal(stream(frames, 1, 2, fill=0.25), np.full_like(frames, 0.25))
    ones = np.ones_like(frames)
    nothing = [np.zeros((4, 5), np.float32)] * 3
    np.testing.assert_array_equal(stream(ones, 1, 2, fill=np.nan, confidence=nothing), frames)


@pytest.mark.parametrize("gap", [1.0, 40.0, 800.0, 1e5, 1e12])
@pytest.mark.parametrize("tau", [0.05, 1.0, 30.0])
def test_values_survive_any_gap_in_time(dtype, gap, tau):
    """The pair N, D decays far below the smallest float; N / D stays."""
    frames = noise(dtype, (6, 5, 9))
    confidence = [np.zeros((5, 9), np.float32) for _ in frames]
    confidence[0][:, :4] = 1
    confidence[1][:, :6] = 0.5
    confidence[5][:, 7:] = 1
    times = np.array([0, 1, 2, 2 + gap, 3 + gap, 4 + 2 * gap])
    compare(frames, 0.3, tau, confidence=confidence, times=times)


@pytest.mark.parametrize("dtype", FLOATS)
def test_values_survive_the_longest_step(dtype):
    diffuser = vdcore.Diffuser(0.5, 1e-3)
    missing = np.full((4, 5), np.nan, dtype)
    before = diffuser(noise(dtype, (4, 5)))
    for dt in (1e300, 0.0, 1.0, 1e300):
        np.testing.assert_allclose(diffuser(missing, dt), before, rtol=0, atol=oracles.TOLERANCE[dtype])


def test_values_survive_many_empty_frames(dtype):
    frames = noise(dtype, (3000, 2, 3))
    confidence = [np.zeros((2, 3), np.float32)] * 3000
    confidence[0] = np.ones((2, 3), np.float32)
    got = stream(frames, 0.5, 1.0, confidence=confidence)
    recursion = oracles.Recursion(0.5, 1.0)
    expected = np.stack([recursion(f, 1.0, m) for f, m in zip(frames, confidence, strict=True)])
    assert_near(got, expected, frames)
    # and what comes after the gap counts as it should
    confidence[2999] = np.ones((2, 3), np.float32)
    got = stream(frames, 0.0, 1.0, confidence=confidence)
    np.testing.assert_array_equal(got[-1], frames[-1])


@pytest.mark.parametrize("level", [1e-19, 1e-12, 1e-6, 1e-3])
def test_faint_confidence(dtype, level):
    """u does not depend on the unit of the confidence."""
    frames = noise(dtype, (5, 6, 8))
    confidence = [np.full((6, 8), level) for _ in frames]
    confidence[2] = confidence[2] * np.linspace(0.1, 1, 8)
    compare(frames, 0.8, 2.0, confidence=confidence)


def test_faint_and_full_confidence(dtype):
    frames = noise(dtype, (6, 6, 8))
    levels = [1.0, 1e-18, 1e-9, 1.0, 1e-15, 0.5]
    compare(frames, 0.8, 0.3, confidence=[np.full((6, 8), m) for m in levels])


def test_far_sources_in_space(dtype):
    """Only the faint end of a kernel reaches: exp(-8) per axis, and less with a longer kernel."""
    frames = noise(dtype, (3, 21, 23))
    m = np.zeros((21, 23), np.float32)
    m[0, 0] = m[20, 22] = 1
    compare(frames, 5.0, 2.0, confidence=[m] * 3, tolerance=1e-4 if dtype == "float32" else None)
    compare(frames, 2.0, 2.0, truncate=8.0, confidence=[m] * 3)


# raw mode


def kernel_sum(sigma, boundary="reflect"):
    inside, _ = oracles.line_operator(201, sigma, boundary)
    return inside.sum(1).max() ** 2


def test_raw_mode(dtype, boundary, instruction_set, threads):
    frames = noise(dtype, (5, 12, 14, 2))
    got = compare(
        frames,
        1.2,
        2.0,
        normalize=False,
        boundary=boundary,
        cval=0.5 * oracles.RANGE[dtype],
        threads=threads,
        gain=kernel_sum(1.2) / (1 - math.exp(-0.5)),
    )
    assert got.dtype == (np.float64 if dtype == "float64" else np.float32)


@pytest.mark.parametrize("kind", ["float32", "float64", "per channel"])
def test_coefficients(dtype, instruction_set, kind):
    rng = np.random.default_rng(5)
    frames = noise(dtype, (5, 9, 12, 3))
    coefficients = [
        rng.normal(size=(9, 12, 3) if kind == "per channel" else (9, 12)).astype(
            "f8" if kind == "float64" else "f4"
        )
        for _ in frames
    ]
    largest = max(np.abs(c).max() for c in coefficients)
    gain = largest * kernel_sum(0.9) / (1 - math.exp(-0.5))
    for boundary in BOUNDARIES:
        compare(frames, 0.9, 2.0, normalize=False, boundary=boundary, coefficients=coefficients, gain=gain)


def test_raw_mode_with_confidence_and_time(dtype):
    rng = np.random.default_rng(5)
    frames = noise(dtype, (6, 9, 12))
    compare(
        frames,
        0.9,
        2.0,
        normalize=False,
        lookahead=2,
        times=np.cumsum([0, 1, 0.5, 2, 0, 1]),
        confidence=[rng.uniform(size=(9, 12)).astype("f4") for _ in frames],
        coefficients=[rng.normal(size=(9, 12)) for _ in frames],
        gain=10 * kernel_sum(0.9),
    )


@pytest.mark.parametrize("tau", [0.0, math.inf])
def test_raw_mode_extreme_time_constants(dtype, tau):
    compare(noise(dtype, (6, 5, 6)), 0.5, tau, normalize=False, gain=6 * kernel_sum(0.5))


@pytest.mark.parametrize("dtype", FLOATS)
def test_raw_mode_nan_is_missing(dtype):
    frames = noise(dtype, (4, 8, 9))
    frames[1, 2:5] = np.nan
    compare(frames, 0.8, 2.0, normalize=False, gain=3 * kernel_sum(0.8))


# output


@pytest.mark.parametrize("wanted", FLOATS)
def test_float_output(dtype, wanted, instruction_set):
    frames = noise(dtype, (4, 9, 11))
    got = stream(frames, 1.5, 2.0, dtype=wanted)
    assert got.dtype == wanted
    assert_near(got, oracles.diffuse(frames, 1.5, 2.0), frames)


def test_rounding_of_float_output_is_integer_output(instruction_set):
    for dtype in INTEGERS:
        frames = noise(dtype, (4, 9, 30))
        exact = stream(frames, 1.5, 2.0, dtype="float64")
        rounded = stream(frames, 1.5, 2.0)
        assert (rounded == oracles.rounded(exact, dtype)).mean() > 0.97


@pytest.mark.parametrize("layout", ["contiguous", "strided", "negative", "planar", "unaligned"])
def test_out(dtype, instruction_set, layout):
    frames = noise(dtype, (3, 9, 11, 3))
    expected = stream(frames, 0.8, 2.0)
    diffuser = vdcore.Diffuser(0.8, 2.0)
    target = LAYOUTS[layout](np.zeros_like(frames))
    for frame, out, result in zip(frames, target, expected, strict=True):
        assert diffuser(frame, out=out) is out
        assert_same_bits(out, result)


def test_out_leaves_the_gaps_alone(dtype):
    whole = np.full((12, 30, 3), 7, dtype)
    vdcore.Diffuser(1, 2)(noise(dtype, (6, 10, 3)), out=whole[::2, ::3])
    untouched = np.ones(whole.shape, bool)
    untouched[::2, ::3] = False
    assert (whole[untouched] == 7).all()


@pytest.mark.parametrize("shift", [(0, 0), (1, 0), (0, 1), (0, -1), (-1, 0), (2, 3)])
def test_out_may_overlap_the_frame(dtype, shift):
    buffer = noise(dtype, (20, 24, 3))
    expected = vdcore.Diffuser(1.5, 2)(buffer[4:16, 4:20].copy())
    y, x = shift
    out = buffer[4 + y : 16 + y, 4 + x : 20 + x]
    vdcore.Diffuser(1.5, 2)(buffer[4:16, 4:20], out=out)
    assert_same_bits(out.copy(), expected)


def test_frames_are_not_changed(dtype):
    frames = noise(dtype, (3, 8, 9))
    frames.flags.writeable = False
    before = frames.copy()
    stream(frames, 1, 2, lookahead=1)
    assert_same_bits(frames, before)


@pytest.mark.parametrize("dtype", INTEGERS)
@pytest.mark.parametrize("level", [10.0, 10.1, 77.5, 100.3, 254.9])
def test_dither(dtype, level, instruction_set):
    """Within one of the value, and right in the mean, where rounding alone would be off."""
    frames = np.empty((2, 64, 96), dtype)
    frames[...] = math.floor(level)
    fraction = level - math.floor(level)
    frames[:, :, : round(96 * fraction)] += 1
    smooth = oracles.diffuse(frames, 40.0, 0.0)
    got = stream(frames, 40.0, 0.0, dither="ordered")
    assert np.abs(got - smooth).max() <= 1 + oracles.TOLERANCE[dtype] * oracles.RANGE[dtype]
    tiles = (got - smooth).reshape(2, 8, 8, 12, 8).mean(axis=(2, 4))
    assert np.abs(tiles).max() < 0.02 + oracles.TOLERANCE[dtype] * oracles.RANGE[dtype]


@pytest.mark.parametrize("dtype", INTEGERS)
def test_dither_leaves_whole_values_alone(dtype):
    frames = np.full((2, 20, 30), 7, dtype)
    frames[1, :, 15:] = np.iinfo(dtype).max
    assert_same_bits(stream(frames, 0, 0, dither="ordered"), frames)


# more ways to the same frames


def test_push_many(dtype, instruction_set, threads):
    frames = noise(dtype, (7, 10, 12, 3))
    for lookahead in (0, 2):
        expected = stream(frames, 1.2, 2.0, threads=threads, lookahead=lookahead)
        diffuser = vdcore.Diffuser(1.2, 2.0, threads=threads, lookahead=lookahead)
        got = [*diffuser.push_many(frames[:3]), *diffuser.push_many(frames[3:]), *diffuser.flush()]
        assert_same_bits(np.stack(got), expected)


def test_grey_is_one_channel(dtype):
    frames = noise(dtype, (3, 8, 9))
    assert_same_bits(stream(frames, 1, 2), stream(frames[..., None], 1, 2)[..., 0])


def test_channels_do_not_mix(dtype, instruction_set):
    frames = noise(dtype, (3, 8, 19, 4))
    together = stream(frames, 1.3, 2.0)
    for channel in range(4):
        assert_same_bits(together[..., channel], stream(frames[..., channel], 1.3, 2.0))


def test_diffuse_is_a_stream(dtype, boundary):
    frames = noise(dtype, (5, 8, 9, 3))
    keywords = {"boundary": boundary, "cval": 1.0, "lookahead": 1}
    assert_same_bits(vdcore.diffuse(frames, 1.2, 3.0, **keywords), stream(frames, 1.2, 3.0, **keywords))


def test_diffuse_frame_is_one_push(dtype, boundary):
    frame = noise(dtype, (8, 9, 3))
    got = vdcore.diffuse_frame(frame, 1.2, boundary=boundary, channel_axis=-1)
    assert_same_bits(got, vdcore.Diffuser(1.2, 0, boundary=boundary)(frame))


def test_info():
    diffuser = vdcore.Diffuser(1.2, 3.0, threads=1)
    for frame in noise("uint8", (3, 8, 9, 3)):
        diffuser(frame)
    info = diffuser.info
    assert info.frames == 3
    assert (info.height, info.width, info.channels) == (8, 9, 3)
    assert info.dtype == "uint8"
    assert info.threads == 1
    assert info.spatial_bound <= 1e-3
    assert info.weight == pytest.approx(1 + math.exp(-1 / 3) + math.exp(-2 / 3), rel=1e-6)


def test_threads_come_from_the_argument_then_the_environment(monkeypatch):
    if not vdcore.build_info()["openmp"]:
        pytest.skip("a build without OpenMP has one thread")
    monkeypatch.setenv("OMP_NUM_THREADS", "3,2")
    monkeypatch.delenv("VDCORE_NUM_THREADS", raising=False)
    assert vdcore.Diffuser(1, 1).info.threads == 3
    monkeypatch.setenv("VDCORE_NUM_THREADS", "5")
    assert vdcore.Diffuser(1, 1).info.threads == 5
    assert vdcore.Diffuser(1, 1, threads=2).info.threads == 2
    monkeypatch.delenv("OMP_NUM_THREADS")
    monkeypatch.delenv("VDCORE_NUM_THREADS")
    assert 1 <= vdcore.Diffuser(1, 1).info.threads <= os.cpu_count()


def test_subnormals_survive():
    """No code of ours sets flush-to-zero for the process, before or after a push."""
    tiny = np.array([5e-324])
    vdcore.diffuse_frame(noise("float32", (64, 64)), 2)
    assert (tiny * 1.0)[0] == 5e-324
    assert (np.array([1e-45], np.float32) * np.float32(1))[0] > 0


def test_instruction_set_is_the_one_asked_for(instruction_set):
    assert vdcore.Diffuser(1, 1).info.instruction_set == instruction_set
