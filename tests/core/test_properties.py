# SPDX-License-Identifier: Apache-2.0
"""Laws that hold for any input and any parameters (Hypothesis)."""

import math

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import oracles
from helpers.support import (
    BOUNDARIES,
    DTYPES,
    FLOATS,
    INSTRUCTION_SETS,
    assert_near,
    assert_same_bits,
    noise,
    stream,
)

settings.register_profile(
    "vdcore", deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow], derandomize=True
)
settings.load_profile("vdcore")

dtypes = st.sampled_from(DTYPES)
boundaries = st.sampled_from(BOUNDARIES)
sigmas = st.one_of(st.just(0.0), st.floats(0.01, 30.0))
taus = st.one_of(st.just(0.0), st.floats(0.01, 1e6), st.just(math.inf))
shapes = st.tuples(st.integers(1, 6), st.integers(1, 25), st.integers(1, 40), st.integers(1, 5))
seeds = st.integers(0, 2**32 - 1)


@given(dtypes, shapes, seeds, st.tuples(sigmas, sigmas), taus, boundaries, st.data())
@settings(max_examples=200)
def test_any_parameters_agree_with_the_oracle(dtype, shape, seed, sigma, tau, boundary, data):
    frames = noise(dtype, shape, seed)
    rng = np.random.default_rng(seed)
    keywords = {
        "boundary": boundary,
        "cval": data.draw(st.floats(0, 1), "cval") * oracles.RANGE[dtype],
        "truncate": data.draw(st.sampled_from([4.0, 1.0, 2.7]), "truncate"),
        "lookahead": data.draw(st.integers(0, 3), "lookahead"),
        "times": rng.uniform(0, 2, len(frames)).cumsum(),
    }
    if data.draw(st.booleans(), "masked"):
        masks = rng.uniform(size=shape[:3])
        keywords["confidence"] = [(m * (m > 0.4)).astype(np.float32) for m in masks]
    expected = oracles.diffuse(frames, sigma, tau, **keywords)
    assert_near(stream(frames, sigma, tau, **keywords), expected, frames)


@given(dtypes, shapes, seeds, sigmas, taus, boundaries)
def test_results_lie_between_the_least_and_the_largest_sample(dtype, shape, seed, sigma, tau, boundary):
    frames = noise(dtype, shape, seed) // 2 + np.array(7, dtype)
    got = stream(frames, sigma, tau, boundary=boundary, cval=float(frames[0, 0, 0, 0]))
    slack = 0 if frames.dtype.kind == "u" else oracles.TOLERANCE[dtype] * 8
    assert got.min() >= frames.min() - slack
    assert got.max() <= frames.max() + slack


@given(dtypes, shapes, seeds, sigmas, taus)
def test_flips_and_transposes_commute(dtype, shape, seed, sigma, tau):
    frames = noise(dtype, shape, seed)
    got = stream(frames, sigma, tau).astype(float)
    bound = 2 * oracles.TOLERANCE[dtype] * oracles.RANGE[dtype] + (frames.dtype.kind == "u")
    for move in (lambda f: f[:, ::-1], lambda f: f[:, :, ::-1], lambda f: f.swapaxes(1, 2)):
        moved = stream(move(frames), sigma, tau).astype(float)
        assert np.abs(moved - move(got)).max() <= bound


@given(dtypes, shapes, seeds, sigmas, taus, st.floats(0, 1e6), st.floats(0, 50))
def test_time_shift_changes_nothing(dtype, shape, seed, sigma, tau, start, first_step):
    """Only differences of time count, and the first step has nothing to decay."""
    frames = noise(dtype, shape, seed)
    steps = np.random.default_rng(seed).integers(0, 9, len(frames)) / 4
    times = steps.cumsum()
    shifted = times + round(start) + np.where(np.arange(len(times)) == 0, 0, round(first_step))
    shifted[1:] -= round(first_step)
    assert_same_bits(stream(frames, sigma, tau, times=shifted), stream(frames, sigma, tau, times=times))


@given(dtypes, shapes, seeds, sigmas, st.floats(0.1, 100), st.floats(0.01, 100))
def test_the_unit_of_time_does_not_matter(dtype, shape, seed, sigma, tau, unit):
    frames = noise(dtype, shape, seed)
    times = np.random.default_rng(seed).uniform(0, 3, len(frames)).cumsum()
    one = stream(frames, sigma, tau, times=times).astype(float)
    other = stream(frames, sigma, tau * unit, times=times * unit).astype(float)
    bound = 2 * oracles.TOLERANCE[dtype] * oracles.RANGE[dtype] + (frames.dtype.kind == "u")
    assert np.abs(one - other).max() <= bound


@given(
    st.sampled_from(FLOATS), shapes, seeds, sigmas, taus, st.floats(-4, 4), st.floats(-4, 4), st.booleans()
)
def test_linear(dtype, shape, seed, sigma, tau, a, b, normalize):
    f, g = noise(dtype, shape, seed), noise(dtype, shape, seed + 1)
    mixed = (a * f + b * g).astype(dtype)
    keywords = {"normalize": normalize}
    one, two, both = (stream(x, sigma, tau, **keywords).astype(float) for x in (f, g, mixed))
    scale = (abs(a) + abs(b) + 1) * (1 if normalize else max(1.0, np.abs(one).max() + np.abs(two).max()))
    assert np.abs(a * one + b * two - both).max() <= 4 * oracles.TOLERANCE[dtype] * scale


@given(dtypes, shapes, seeds, sigmas, taus, boundaries)
def test_causal(dtype, shape, seed, sigma, tau, boundary):
    """What comes later changes nothing before it."""
    frames = noise(dtype, shape, seed)
    other = frames.copy()
    other[-1] = noise(dtype, shape[1:], seed + 1)
    one, two = (stream(x, sigma, tau, boundary=boundary) for x in (frames, other))
    assert_same_bits(one[:-1], two[:-1])


@given(
    dtypes, shapes, seeds, sigmas, taus, st.tuples(*[st.integers(1, 3)] * 3), st.tuples(*[st.booleans()] * 3)
)
def test_strides_do_not_matter(dtype, shape, seed, sigma, tau, steps, flips):
    frames = noise(dtype, shape, seed)
    wide = np.zeros((shape[0], *(n * step for n, step in zip(shape[1:], steps, strict=True))), dtype)
    view = wide[:, :: steps[0], :: steps[1], :: steps[2]]
    for axis, flip in enumerate(flips, 1):
        if flip:
            view = np.flip(view, axis)
    view[...] = frames
    assert_same_bits(stream(view, sigma, tau), stream(frames, sigma, tau))


@given(dtypes, shapes, seeds, sigmas, taus, st.integers(1, 9), st.sampled_from(INSTRUCTION_SETS))
def test_threads_do_not_matter(dtype, shape, seed, sigma, tau, threads, name):
    import os

    frames = noise(dtype, shape, seed)
    before = os.environ.get("VDCORE_CPU")
    os.environ["VDCORE_CPU"] = name
    try:
        assert_same_bits(stream(frames, sigma, tau, threads=threads), stream(frames, sigma, tau, threads=1))
    finally:
        if before is None:
            del os.environ["VDCORE_CPU"]
        else:
            os.environ["VDCORE_CPU"] = before


@given(st.sampled_from(FLOATS), shapes, seeds, sigmas, taus)
def test_missing_samples_do_not_matter(dtype, shape, seed, sigma, tau):
    """NaN and confidence 0 say the same, and what is hidden under confidence 0 has no effect."""
    rng = np.random.default_rng(seed)
    frames = noise(dtype, shape, seed)
    hidden = rng.uniform(size=shape) < 0.5
    masks = list((~hidden).astype(np.float32))
    missing = np.where(hidden, np.array(np.nan, dtype), frames)
    changed = np.where(hidden, np.array(0.123, dtype), frames)
    one = stream(missing, sigma, tau, fill=0.5)
    two = stream(frames, sigma, tau, confidence=masks, fill=0.5)
    three = stream(changed, sigma, tau, confidence=masks, fill=0.5)
    assert_same_bits(two, three)
    np.testing.assert_allclose(one, two, rtol=0, atol=2 * oracles.TOLERANCE[dtype])
