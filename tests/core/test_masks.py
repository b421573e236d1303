# SPDX-License-Identifier: Apache-2.0
"""Confidence, missing samples and fill: what counts as a source, and what is left where none reaches."""

import math

import numpy as np
import pytest

import oracles
import vdcore
from helpers.streams import compare
from helpers.support import (
    FLOATS,
    INTEGERS,
    assert_near,
    assert_same_bits,
    noise,
    stream,
)


@pytest.mark.parametrize("kind", ["float32", "float64", "uint8", "bool", "per channel"])
def test_confidence_of_every_kind_is_the_oracle(dtype, boundary, instruction_set, kind):
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
def test_fill_where_no_source_reaches(dtype, fill):
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
