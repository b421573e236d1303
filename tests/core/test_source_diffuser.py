# SPDX-License-Identifier: Apache-2.0
"""`SourceDiffuser`: sources as they happen give the field of all of them at once."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import oracles
from helpers.scattered import ROUNDING, SHAPE, assert_bounded, assert_mean_bounded, in_order, scatter
from helpers.support import FLOATS, assert_same_bits
from vdcore import SourceDiffuser, diffuse_sources

pytestmark = pytest.mark.filterwarnings("error")


def shape_with(channels):
    return SHAPE if channels is None else (*SHAPE, channels)


def slack(times, coefficients, tau, at=None, dtype="float64"):
    """Rounding, for two ways to the same sum."""
    return (1e-13 + 2 * ROUNDING[dtype]) * np.max(oracles.source_mass(times, coefficients, tau, at))


# ---- equals all of them at once


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("channels", [None, 1, 3])
@pytest.mark.parametrize("tau", [0.0, 1e-300, 0.2, 4.0, math.inf])
def test_equals_diffuse_sources(tau, channels, dtype, instruction_set, threads):
    positions, times, coefficients = in_order(60, channels)
    times[10:14], times[-2:] = times[10], times[-1]
    diffuser = SourceDiffuser(shape_with(channels), 2.0, tau, dtype=dtype, threads=threads)
    for stop in 5, 12, 40, 60:
        start = diffuser.count
        part = slice(start, stop)
        diffuser.add(positions[part], times[part], coefficients[part])
        assert diffuser.count == stop and diffuser.time == times[stop - 1]
        so_far = (positions[:stop], times[:stop], coefficients[:stop])
        for at in None, diffuser.time, diffuser.time + 0.25:
            got = diffuser.field(at)
            assert got.dtype == dtype
            assert_bounded(got, *so_far, SHAPE, 2.0, tau, at)
            expected = diffuse_sources(*so_far, SHAPE, 2.0, tau, at=at, dtype=dtype)
            np.testing.assert_allclose(got, expected, rtol=0, atol=slack(*so_far[1:], tau, at, dtype))


@pytest.mark.parametrize("sizes", [[60], [30, 30], [1] * 60, [0, 1, 0, 58, 1, 0], [7, 13, 40]], ids=str)
@pytest.mark.parametrize("order", ["sorted", "random", "newest first"])
def test_any_split_in_any_order(sizes, order):
    """Late sources are taken for what is left of them."""
    positions, times, coefficients = in_order(60, 2)
    index = {"sorted": np.arange(60), "newest first": np.arange(60)[::-1]}.get(
        order, np.random.default_rng(2).permutation(60)
    )
    for tau in 0.0, 1.5, math.inf:
        diffuser = SourceDiffuser((*SHAPE, 2), (1.0, 3.0), tau)
        for part in np.split(index, np.cumsum(sizes)[:-1]):
            diffuser.add(positions[part], times[part], coefficients[part])
        assert diffuser.count == 60 and diffuser.time == times[-1]
        assert_bounded(diffuser.field(), positions, times, coefficients, SHAPE, (1.0, 3.0), tau)
        expected = diffuse_sources(positions, times, coefficients, SHAPE, (1.0, 3.0), tau, at=12.0)
        np.testing.assert_allclose(
            diffuser.field(12.0), expected, rtol=0, atol=slack(times, coefficients, tau, 12.0)
        )


@pytest.mark.parametrize("eps", [1e-2, 1e-6, 1e-12])
def test_any_eps_keeps_its_bound(eps):
    sources = in_order(60)
    diffuser = SourceDiffuser(SHAPE, 2.0, 3.0, eps=eps)
    diffuser.add(*sources)
    assert_bounded(diffuser.field(), *sources, SHAPE, 2.0, 3.0, eps=eps)


def test_sigma_per_source():
    positions, times, coefficients = in_order(60)
    each = np.resize([0.0, 0.01, 0.3, 4.0, 1000.0], 60)
    diffuser = SourceDiffuser(SHAPE, 2.0, 3.0, eps=1e-9)
    diffuser.add(positions[:20], times[:20], coefficients[:20])
    diffuser.add(positions[20:40], times[20:40], coefficients[20:40], sigma=each[20:40])
    diffuser.add(positions[40:], times[40:], coefficients[40:], sigma=(0.5, 3.0))
    pairs = np.full((60, 2), 2.0)
    pairs[20:40], pairs[40:] = each[20:40, None], (0.5, 3.0)
    assert_bounded(diffuser.field(), positions, times, coefficients, SHAPE, pairs, 3.0, eps=1e-9)


def test_one_position_and_numbers():
    diffuser = SourceDiffuser(SHAPE, 2.0, 3.0)
    diffuser.add((4.5, 6.0), 1.0)
    diffuser.add([5.0, 7.0], 2.5, 2.0)
    diffuser.add([(5.0, 7.0), (6.0, 7.0)], 3.0, -1.0)
    assert diffuser.count == 4 and diffuser.time == 3.0
    positions = [(4.5, 6), (5, 7), (5, 7), (6, 7)]
    assert_bounded(diffuser.field(), positions, [1, 2.5, 3, 3], [1.0, 2, -1, -1], SHAPE, 2.0, 3.0)


def test_clicks_with_colours():
    diffuser = SourceDiffuser((*SHAPE, 3), 2.0, 3.0)
    diffuser.add((4.5, 6.0), 1.0, [(1.0, 2.0, -3.0)])
    assert_bounded(diffuser.field(2.0), [(4.5, 6)], [1.0], [(1.0, 2.0, -3.0)], SHAPE, 2.0, 3.0, at=2.0)


# ---- asking


def test_asking_changes_nothing():
    positions, times, coefficients = in_order(40)
    asked, silent = SourceDiffuser(SHAPE, 2.0, 3.0), SourceDiffuser(SHAPE, 2.0, 3.0)
    for part in slice(0, 15), slice(15, 40):
        for diffuser in asked, silent:
            diffuser.add(positions[part], times[part], coefficients[part])
        first = asked.field()
        asked.field(asked.time + 5)
        asked.field(asked.time + 1e9)
        assert asked.time == times[part][-1]
        assert_same_bits(asked.field(), first)
        assert_same_bits(asked.field(asked.time), first)
    assert_same_bits(asked.field(), silent.field())


def test_the_answer_is_the_callers_own():
    diffuser = SourceDiffuser(SHAPE, 2.0, 3.0)
    diffuser.add(*in_order(10))
    first = diffuser.field()
    kept = first.copy()
    first[:] = np.nan
    assert_same_bits(diffuser.field(), kept)


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("channels", [None, 3])
@pytest.mark.parametrize("normalize", [False, True])
def test_out(dtype, channels, normalize):
    shape = shape_with(channels)
    diffuser = SourceDiffuser(shape, 2.0, 3.0, dtype=dtype, normalize=normalize)
    diffuser.add(*in_order(10, channels))
    expected = diffuser.field(11.0)
    wide = np.full([2 * n for n in shape], np.nan, dtype)
    for out in np.zeros(shape, dtype), wide[(slice(None, None, -2),) * len(shape)]:
        got = diffuser.field(11.0, out=out)
        if normalize:
            assert got[0] is out
            assert_same_bits(got[1], expected[1])
            assert_same_bits(out, expected[0])
        else:
            assert got is out
            assert_same_bits(out, expected)


@pytest.mark.parametrize("at", [9.999, -1e300, 0.0])
def test_asking_for_the_past_is_refused(at):
    diffuser = SourceDiffuser(SHAPE, 2.0, 3.0)
    diffuser.add((5, 5), 10.0)
    before = diffuser.field()
    with pytest.raises(ValueError, match=r"\bat\b.*10"):
        diffuser.field(at)
    assert_same_bits(diffuser.field(10.0), before)


def test_before_the_first_source():
    diffuser = SourceDiffuser(SHAPE, 2.0, 3.0)
    assert diffuser.time is None and diffuser.count == 0
    for at in None, 3.0, -7.0:
        field = diffuser.field(at)
        assert field.shape == SHAPE and not field.any()
    mean, weight = SourceDiffuser((*SHAPE, 2), 2.0, 3.0, normalize=True, fill=4.0).field()
    assert mean.shape == (*SHAPE, 2) and (mean == 4.0).all()
    assert weight.shape == SHAPE and not weight.any()
    diffuser.add((5, 5), -100.0)
    assert diffuser.field()[5, 5] == 1


def test_adding_nothing():
    diffuser = SourceDiffuser(SHAPE, 2.0, 3.0)
    diffuser.add(np.empty((0, 2)), [], [])
    assert diffuser.time is None and diffuser.count == 0
    diffuser.add((5, 5), 1.0)
    before = diffuser.field()
    diffuser.add(np.empty((0, 2)), np.empty(0), np.empty(0))
    diffuser.add(np.empty((0, 2)), np.empty(0))
    assert diffuser.time == 1.0 and diffuser.count == 1
    assert_same_bits(diffuser.field(), before)


# ---- the mean


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("channels", [None, 3])
@pytest.mark.parametrize("tau", [0.0, 0.5, 4.0, math.inf])
def test_mean_and_weight(channels, tau, dtype):
    positions, times, coefficients = in_order(12, channels)
    for eps in 1e-3, 1e-6, 1e-10:
        diffuser = SourceDiffuser(shape_with(channels), 1.2, tau, normalize=True, eps=eps, dtype=dtype)
        for part in np.split(np.random.default_rng(2).permutation(12), [3, 8]):
            diffuser.add(positions[part], times[part], coefficients[part])
        for at in None, 11.0:
            assert_mean_bounded(diffuser.field(at), positions, times, coefficients, SHAPE, 1.2, tau, at, eps)


def test_mean_of_numbers_with_fill():
    diffuser = SourceDiffuser(SHAPE, 1.0, 3.0, normalize=True, fill=-1.0)
    diffuser.add([(5, 5), (7, 8)], [0.0, 1.0], 2.5)
    mean, weight = diffuser.field(4.0)
    np.testing.assert_allclose(mean[weight > 1e-6], 2.5, rtol=1e-9)
    assert (mean[weight <= 1e-6] == -1.0).all() and (weight <= 1e-6).any()


# ---- times far apart


@pytest.mark.parametrize("tau", [1e-300, 1e-3, 1.0, 1e6])
@pytest.mark.parametrize("constants", [600.0, 745.0, 800.0, 1e6, 1e200])
@pytest.mark.parametrize("dtype", FLOATS)
def test_times_far_apart(constants, tau, dtype):
    """No factor over- or underflows to NaN or infinity, whichever comes first."""
    gap = constants * tau
    positions = np.array([(5.0, 5.0), (6.0, 8.0), (5.5, 9.0), (5.0, 5.5)])
    times = np.array([0.0, gap, gap / 2, 2 * gap])
    for order in (0, 1, 2, 3), (3, 2, 1, 0), (1, 0, 3, 2):
        for normalize in False, True:
            diffuser = SourceDiffuser(SHAPE, 2.0, tau, dtype=dtype, normalize=normalize)
            for n in range(4):
                added = list(order[: n + 1])
                diffuser.add(positions[added[n]], times[added[n]], 1.0)
                for at in None, diffuser.time + gap:
                    so_far = (positions[added], times[added], np.ones(n + 1), SHAPE, 2.0, tau, at)
                    if normalize:
                        assert_mean_bounded(diffuser.field(at), *so_far)
                    else:
                        assert_bounded(diffuser.field(at), *so_far)


def test_many_steps():
    """A long stream of short steps drifts no further than rounding; each source is forgotten in time."""
    tau, step, count = 5.0, 0.37, 4000
    times = step * np.arange(count)
    positions = np.random.default_rng(1).uniform(0, 20, (count, 2))
    diffuser = SourceDiffuser(SHAPE, 1.0, tau)
    for position, time in zip(positions, times, strict=True):
        diffuser.add(position, time)
    recent = slice(-700, None)  # exp(-700 * 0.37 / 5) = 3e-23
    assert_bounded(diffuser.field(), positions[recent], times[recent], np.ones(700), SHAPE, 1.0, tau)


@pytest.mark.parametrize("start", [-1e12, -4e3, 1e12, 1.6e9])
def test_only_differences_of_time_count(start):
    positions, times, coefficients = in_order(40)
    times = np.round(times * 64) / 64
    for tau in 0.0, 0.25, 3.0, math.inf:
        diffuser = SourceDiffuser(SHAPE, 2.0, tau)
        for part in slice(0, 15), slice(15, 40):
            diffuser.add(positions[part], start + times[part], coefficients[part])
        assert diffuser.time == start + times[-1]
        expected = diffuse_sources(positions, times, coefficients, SHAPE, 2.0, tau, at=11)
        np.testing.assert_allclose(diffuser.field(start + 11), expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("dtype, large", [("float32", 1e24), ("float64", 1e290)])
def test_large_coefficients(dtype, large):
    """Whatever time the field is kept at, what fits the answer does not overflow on the way."""
    diffuser = SourceDiffuser(SHAPE, 2.0, 1.0, dtype=dtype)
    for n in range(60):
        diffuser.add((5, 5), n, large)
    got = diffuser.field() / large
    assert got[5, 5] == pytest.approx(1 / (1 - np.exp(-1)), rel=1e-5)


def test_tau_0_forgets_at_once():
    diffuser = SourceDiffuser(SHAPE, 2.0, 0.0)
    diffuser.add([(5, 5), (9, 9)], [1.0, 2.0], [1.0, 4.0])
    assert_bounded(diffuser.field(), [(9, 9)], [2.0], [4.0], SHAPE, 2.0, 1.0)
    assert not diffuser.field(np.nextafter(2, 3)).any()
    diffuser.add((5, 5), 1.5)  # too late to count
    diffuser.add((9, 9), 2.0, 1.0)  # at once with the newest
    assert_bounded(diffuser.field(), [(9, 9)], [2.0], [5.0], SHAPE, 2.0, 1.0)
    diffuser.add((5, 5), 3.0, 2.0)
    assert_bounded(diffuser.field(), [(5, 5)], [3.0], [2.0], SHAPE, 2.0, 1.0)


# ---- any stream (Hypothesis)


@given(
    st.lists(st.integers(0, 6), min_size=1, max_size=6),
    st.one_of(st.just(0.0), st.floats(1e-3, 1e4), st.just(math.inf)),
    st.one_of(st.just(0.0), st.floats(1e-2, 30)),
    st.sampled_from([None, 1, 2, 4]),
    st.sampled_from(FLOATS),
    st.floats(0, 1e3),
    st.integers(0, 2**32 - 1),
)
@settings(deadline=None, max_examples=100, derandomize=True)
def test_any_stream_is_the_sum(sizes, tau, sigma, channels, dtype, spread, seed):
    count = sum(sizes)
    positions, times, coefficients = scatter(count, SHAPE, seed, channels)
    times = np.round(times * spread) / 4  # some at once
    diffuser = SourceDiffuser(shape_with(channels), sigma, tau, dtype=dtype)
    stop = 0
    for size in sizes:
        part = slice(stop, stop + size)
        stop += size
        diffuser.add(positions[part], times[part], coefficients[part])
        assert_bounded(
            diffuser.field(), positions[:stop], times[:stop], coefficients[:stop], SHAPE, sigma, tau
        )
