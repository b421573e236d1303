# SPDX-License-Identifier: Apache-2.0
"""`diffuse_sources` against the brute-force oracle, code from other hands, and the laws of a sum."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage
from scipy.spatial.distance import cdist

import oracles
import vdcore
from helpers.scattered import ROUNDING, assert_bounded, assert_mean_bounded, scatter
from helpers.support import FLOATS, assert_same_bits
from vdcore import diffuse_sources

pytestmark = pytest.mark.filterwarnings("error")

SHAPE = (23, 31)
EPSILONS = [10.0**-k for k in range(2, 13)]


def check(positions, times, coefficients, shape, sigma, tau, *, at=None, eps=1e-6, **keywords):
    """The field, once it is known to keep its bound."""
    got = diffuse_sources(positions, times, coefficients, shape, sigma, tau, at=at, eps=eps, **keywords)
    assert got.dtype == np.dtype(keywords.get("dtype", "float64"))
    assert_bounded(got, positions, times, coefficients, shape, sigma, tau, at, eps)
    return got


# ---- the bound


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("eps", EPSILONS)
def test_error_bound(eps, dtype, instruction_set, threads):
    for channels in None, 3:
        check(*scatter(60, SHAPE, channels=channels), SHAPE, 2.2, 4.0, eps=eps, dtype=dtype, threads=threads)


@pytest.mark.parametrize("eps", [*EPSILONS, 0.5, 0.99])
def test_error_bound_of_one_source(eps):
    """Nothing to average the error away: many places between the pixels, each alone."""
    rng = np.random.default_rng(4)
    for sigma in 0.1, 0.5, 1.0, 3.3, (0.4, 5.0), (6.0, 0.0):
        for position in rng.uniform(-9, 40, (20, 2)):
            check([position], [0], [-2.5], SHAPE, sigma, 1.0, eps=eps)


@pytest.mark.parametrize("eps", [1e-2, 1e-6, 1e-12])
def test_error_bound_where_all_sources_coincide(eps):
    """What is cut off adds up with the same sign."""
    for place in (11.0, 15.0), (11.5, 15.5), (-4.0, -4.0):
        check(np.tile(place, (300, 1)), np.zeros(300), 1.0, SHAPE, 3.0, 1.0, eps=eps)


@pytest.mark.parametrize("eps", [1e-3, 1e-10])
@pytest.mark.parametrize("dtype", FLOATS)
def test_error_bound_of_many_sources(dtype, eps, instruction_set, threads):
    check(*scatter(1500, (90, 100)), (90, 100), 3.0, 5.0, eps=eps, dtype=dtype, threads=threads)


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("channels", [None, 1, 2, 3, 4, 7])
def test_channels(channels, dtype, instruction_set, threads):
    sources = scatter(40, SHAPE, channels=channels)
    got = check(*sources, SHAPE, 2.0, 3.0, at=[5.0, 10.0], dtype=dtype, threads=threads)
    assert got.shape == (2, *SHAPE) if channels is None else (2, *SHAPE, channels)


def test_each_channel_is_a_field_of_its_own():
    positions, times, coefficients = scatter(40, SHAPE, channels=3)
    together = diffuse_sources(positions, times, coefficients, SHAPE, 2.0, 3.0)
    for channel in range(3):
        alone = diffuse_sources(positions, times, coefficients[:, channel], SHAPE, 2.0, 3.0)
        np.testing.assert_allclose(together[..., channel], alone, rtol=0, atol=1e-12)


PLACES = {
    "whole pixels": [(3, 4), (0, 0), (22, 30)],
    "between pixels": [(3.5, 4.5), (10.25, 7.75), (3.4999999999, 4.00000001)],
    "on the edge": [(0, 15.5), (22, 3.2), (11.1, 0), (9.9, 30)],
    "outside": [(-1, 5), (-2.5, -2.5), (24.7, 31), (5, 40), (11, -0.6)],
    "clustered": [(11 + 1e-9 * k, 15 - 1e-7 * k) for k in range(50)],
}


@pytest.mark.parametrize("places", PLACES)
@pytest.mark.parametrize("sigma", [0.0, 0.3, 2.0, 40.0])
def test_places(places, sigma, instruction_set):
    positions = PLACES[places]
    coefficients = np.linspace(-1, 2, len(positions))
    check(positions, np.zeros(len(positions)), coefficients, SHAPE, sigma, 1.0, eps=1e-10)


@pytest.mark.parametrize("shape", [(1, 1), (1, 2), (1, 100), (100, 1), (2, 3), (3, 67), (64, 64)], ids=str)
@pytest.mark.parametrize("dtype", FLOATS)
def test_shapes(shape, dtype, instruction_set, threads):
    for channels in None, 1, 2:
        sources = scatter(30, shape, channels=channels)
        for sigma in 0.0, 1.5, (0.0, 2.0), 200.0:
            check(*sources, shape, sigma, 3.0, dtype=dtype, threads=threads)


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize(
    "shape", [(211, 37), (300, 20), (9, 5000), (5000, 4), (129, 130), (64, 40), (65, 40)], ids=str
)
def test_tall_and_wide_fields(shape, dtype, instruction_set, threads):
    """Kernels from one pixel to far more than the field, all over it."""
    positions, times, coefficients = scatter(40, shape, channels=2)
    sigmas = np.stack([np.resize([0.0, 2.0, 12.0, 30.0, 1000.0], 40), np.resize([3.0, 90.0, 0.0], 40)], 1)
    check(positions, times, coefficients, shape, sigmas, 3.0, eps=1e-8, dtype=dtype, threads=threads)
    check(positions, times, coefficients[:, 0], shape, 25.0, 3.0, dtype=dtype, threads=threads)


def test_more_sources_than_are_sorted_at_a_time():
    """A hundred thousand are the sum of a few and the rest; the few are checked elsewhere."""
    positions, times, coefficients = scatter(100_000, (40, 50))
    sigma = np.resize([0.7, 0.0, 1.3], 100_000)
    at = times.max()

    def field(part):
        some = positions[part], times[part], coefficients[part]
        return diffuse_sources(*some, (40, 50), sigma[part], 3.0, at=at)

    parts = field(slice(100)) + field(slice(100, 40_000)) + field(slice(40_000, None))
    slack = 1e-13 * oracles.source_mass(times, coefficients, 3.0)
    np.testing.assert_allclose(field(slice(None)), parts, rtol=0, atol=slack)


# ---- sigma


SIGMAS = [0.0, 0.01, 0.3, 4.0, 50.0, 1000.0]


@pytest.mark.parametrize("eps", [1e-2, 1e-6, 1e-12])
@pytest.mark.parametrize("dtype", FLOATS)
def test_sigma_per_source(eps, dtype, threads):
    sources = scatter(60, SHAPE)
    sources[0][:12] = np.round(sources[0][:12])  # where even the smallest sigma reaches a pixel
    each = np.resize(SIGMAS, 60)
    check(*sources, SHAPE, each, 3.0, eps=eps, dtype=dtype, threads=threads)
    pairs = np.stack([each, np.roll(each, 1)], 1)
    check(*sources, SHAPE, pairs, 3.0, eps=eps, dtype=dtype, threads=threads)


@pytest.mark.parametrize(
    "sigma", [*SIGMAS, (0.5, 3.0), (3.0, 0.5), (0.0, 2.0), (2.0, 0.0), (1000.0, 0.3)], ids=str
)
def test_one_sigma_for_all(sigma):
    sources = scatter(60, SHAPE)
    one = check(*sources, SHAPE, sigma, 3.0, eps=1e-9)
    pairs = check(*sources, SHAPE, np.tile(np.broadcast_to(sigma, 2), (60, 1)), 3.0, eps=1e-9)
    np.testing.assert_allclose(one, pairs, rtol=0, atol=1e-9)


def test_a_tuple_is_a_pair_and_an_array_has_one_per_source():
    sources = scatter(2, SHAPE)
    check(*sources, SHAPE, (1.0, 4.0), 3.0)
    check(*sources, SHAPE, np.array([1.0, 4.0]), 3.0)
    check(*sources, SHAPE, np.array([[1.0, 4.0], [1.0, 4.0]]), 3.0)


def test_sigma_0_counts_for_the_nearest_pixel():
    """floor(x + 0.5): halves go up, and what rounds to a pixel outside is gone."""
    positions = [(2.5, 3.49), (2.49, 3.5), (-0.5, 0), (-0.51, 0), (22.49, 30.49), (22.5, 30), (9, 9)]
    got = diffuse_sources(positions, np.zeros(7), 2.0 ** np.arange(7), SHAPE, 0, 1.0)
    expected = np.zeros(SHAPE)
    expected[3, 3], expected[2, 4], expected[0, 0], expected[22, 30], expected[9, 9] = 1, 2, 4, 16, 64
    np.testing.assert_array_equal(got, expected)


def test_sigma_0_is_a_time_surface():
    """Events that all land on their own pixel: a scatter-add of what is left of each."""
    rng = np.random.default_rng(3)
    positions, times = rng.uniform(-2, 33, (5000, 2)), rng.uniform(0, 1, 5000)
    polarity = rng.choice([-1.0, 1.0], 5000)
    expected = np.zeros((60, 60))
    nearest = np.floor(positions + 0.5).astype(int) + 10
    np.add.at(expected, tuple(nearest.T), polarity * np.exp((times - 1.25) / 0.03))
    got = diffuse_sources(positions, times, polarity, SHAPE, 0, 0.03, at=1.25)
    np.testing.assert_allclose(got, expected[10:33, 10:41], rtol=1e-12, atol=1e-15)


# ---- time


@pytest.mark.parametrize("tau", [0.0, 1e-300, 0.01, 3.0, 1e9, math.inf])
@pytest.mark.parametrize("dtype", FLOATS)
def test_one_tau_for_all(tau, dtype, threads):
    positions, times, coefficients = scatter(40, SHAPE)
    times[::3] = 5.0
    for at in None, 5.0, 30.0, [5.0, 12.0, 5.0]:
        got = check(positions, times, coefficients, SHAPE, 2.0, tau, at=at, dtype=dtype, threads=threads)
        assert got.any() == (tau > 1 or at != 30.0)


@pytest.mark.parametrize("dtype", FLOATS)
def test_tau_per_source(dtype, threads):
    positions, times, coefficients = scatter(60, SHAPE, channels=2)
    times[::3] = 5.0
    taus = np.resize([0.0, 1e-300, 0.3, math.inf, 7.0, 1e9, 0.05], 60)
    for at in None, 5.0, 30.0, [9.0, 5.0, 12.0, 4.9, 0.0]:
        check(positions, times, coefficients, SHAPE, 2.0, taus, at=at, dtype=dtype, threads=threads)
        sigmas = np.resize(SIGMAS, 60)
        check(positions, times, coefficients, SHAPE, sigmas, taus, at=at, dtype=dtype, threads=threads)
    same = diffuse_sources(positions, times, coefficients, SHAPE, 2.0, np.full(60, 3.0), at=[9, 5])
    one = diffuse_sources(positions, times, coefficients, SHAPE, 2.0, 3.0, at=[9, 5])
    np.testing.assert_allclose(same, one, rtol=0, atol=1e-4)


def test_tau_0_counts_only_what_happens_now():
    positions, coefficients = [(5, 5), (5, 5), (5, 5)], [1.0, 2.0, 4.0]
    got = diffuse_sources(positions, [1.0, 2.0, 2.0], coefficients, SHAPE, 1.0, 0, at=[1, 1.5, 2, 3])
    np.testing.assert_allclose(got[:, 5, 5], [1, 0, 6, 0], rtol=1e-12)


@pytest.mark.parametrize(
    "at",
    [
        None,
        4.0,
        np.float32(4.0),
        7,
        -1.0,
        [4.0],
        [9.0, 2.0, 5.0, 5.0, 0.0, -3.0, 100.0],
        (3, 1, 2),
        np.array([8.0, 8.0, 1.0]),
        np.arange(30)[::-1] / 3,
    ],
    ids=str,
)
@pytest.mark.parametrize("tau", [2.5, 0.0, math.inf, "each"], ids=str)
def test_at(at, tau, threads):
    positions, times, coefficients = scatter(40, SHAPE)
    times[:10] = [0, 1, 2, 3, 4, 5, 7, 8, 9, 9]
    tau = np.resize([0.0, 0.4, math.inf, 5.0], 40) if tau == "each" else tau
    got = check(positions, times, coefficients, SHAPE, 1.5, tau, at=at, threads=threads)
    assert got.shape == (SHAPE if np.ndim(at) == 0 else (len(at), *SHAPE))


def test_before_all_sources_there_is_nothing():
    sources = scatter(20, SHAPE)
    assert not diffuse_sources(*sources, SHAPE, 2.0, 3.0, at=-0.001).any()
    mean, weight = diffuse_sources(*sources, SHAPE, 2.0, math.inf, at=[-5, -1], normalize=True, fill=7.0)
    assert (mean == 7.0).all() and not weight.any()


def test_a_source_counts_from_its_own_time_on():
    got = diffuse_sources([(5, 5)], [2.0], [3.0], SHAPE, 1.0, 4.0, at=[np.nextafter(2, 0), 2, 6])
    np.testing.assert_allclose(got[:, 5, 5], [0, 3, 3 / math.e], rtol=1e-12)


def test_the_order_of_times_asked_for_does_not_matter():
    sources = scatter(40, SHAPE)
    instants = np.array([3.0, 8.0, 1.0, 8.0, 12.0])
    got = diffuse_sources(*sources, SHAPE, 2.0, 3.0, at=instants)
    ordered = diffuse_sources(*sources, SHAPE, 2.0, 3.0, at=np.sort(instants))
    assert_same_bits(got[np.argsort(instants)][[0, 1, 4]], ordered[[0, 1, 4]])
    assert_same_bits(got[1], got[3])


@pytest.mark.parametrize("start", [1e12, -1e12, 1.6e9, -3.0])
def test_only_differences_of_time_count(start):
    positions, times, coefficients = scatter(40, SHAPE)
    times = np.round(times * 64) / 64  # exact beside 1e12
    for tau in 0.25, 3.0, math.inf, np.resize([0.5, 0.0, 4.0], 40):
        got = check(positions, start + times, coefficients, SHAPE, 2.0, tau, at=[start + 5, start + 10])
        near = diffuse_sources(positions, times, coefficients, SHAPE, 2.0, tau, at=[5, 10])
        np.testing.assert_allclose(got, near, rtol=0, atol=1e-12)


# ---- far away and long ago


@pytest.mark.parametrize("distance", [1e3, 1e7, 2.0**31, 2.0**63, 1e19, 1e300, 1.7e308])
@pytest.mark.parametrize("sigma", [0.0, 2.0, 1e3, "each"], ids=str)
def test_far_away(distance, sigma, instruction_set):
    far = [(s * distance, t * distance) for s in (-1, 0, 1) for t in (-1, 0, 1) if s or t]
    positions = np.array([*far, (5.2, 6.1)])
    sigma = np.linspace(0, 3, 9) if sigma == "each" else sigma
    check(positions, np.zeros(9), 1.0, SHAPE, sigma, 1.0)


@pytest.mark.parametrize("sigma", [5.0, 20.0, 63.9, 64.0, 64.1, 150.0])
def test_wide_kernels_lose_nothing_far_from_their_middle(sigma, instruction_set):
    """Both the sum and the mean, where one is small and the other is what is left of a quotient."""
    positions, coefficients = (
        [(0, 0.3), (0, -40.2), (0, -11.7), (1.2, 450.0)],
        np.array([1.0, -2.0, 5.0, 0.1]),
    )
    arguments = (positions, np.zeros(4), coefficients, (2, 900), sigma, 1.0)
    check(*arguments, eps=1e-12)
    got = diffuse_sources(*arguments, eps=1e-12, normalize=True)
    assert_mean_bounded(got, *arguments, eps=1e-12)


@pytest.mark.parametrize("sigma", [500.0, 4000.0])
def test_a_kernel_of_many_thousand_samples(sigma):
    check([(0, 0.3)], [0], [1.0], (1, 30_000), sigma, 1.0, eps=1e-12)
    check([(29_999.8, 0)], [0], [1.0], (30_000, 1), sigma, 1.0, eps=1e-12)


@pytest.mark.parametrize("normalize", [False, True])
def test_an_eps_beyond_what_rounding_leaves(normalize):
    sources = scatter(20, SHAPE)
    got, expected = (
        diffuse_sources(*sources, SHAPE, 2.0, 3.0, eps=eps, normalize=normalize) for eps in (1e-300, 1e-13)
    )
    got, expected = (field[1] if normalize else field for field in (got, expected))
    np.testing.assert_allclose(got, expected, rtol=0, atol=1e-11)


@pytest.mark.parametrize("sigma", [1e5, 1e9, 1e100, 1e300])
def test_sigma_far_larger_than_the_frame(sigma, little_memory):
    """The patch is cut off at the frame before it is made; far away and wide is still exact."""
    positions = np.array([(5.0, 5.0), (-sigma, 5.0), (5.0, 2 * sigma), (100 * sigma, 0.0)])
    check(positions, np.zeros(4), [1.0, 2.0, 4.0, 8.0], SHAPE, sigma, 1.0, eps=1e-9)


@pytest.mark.parametrize("age", [700.0, 800.0, 1e6, 1e300])
def test_long_ago(age):
    """As good as gone, beside a source of now; nothing overflows on the way."""
    positions, times, coefficients = scatter(20, SHAPE)
    times[:10] -= age
    for tau in 1.0, np.resize([0.5, 1.0], 20):
        check(positions, times, coefficients, SHAPE, 2.0, tau, at=[-age, -age + 1, 10.0, 11.0, 10 + age])


def test_huge_coefficients_long_ago():
    got = check([(5, 5), (6, 6)], [0.0, 2000.0], [1e300, 1.0], SHAPE, 2.0, 1.0)
    assert np.isfinite(got).all() and got[6, 6] == pytest.approx(1)


def test_small_results_of_large_coefficients():
    """What is left is judged together with the coefficient."""
    check([(5, 5)], [0.0], [1e200], SHAPE, 2.0, 1.0, at=[400.0, 460.0])


# ---- arguments


def test_no_sources():
    none = np.empty((0, 2))
    for coefficients, trailing in ((np.empty(0), ()), (np.empty((0, 3)), (3,)), (1.0, ())):
        for at, leading in ((None, ()), (3.0, ()), ([1.0, 2.0], (2,))):
            got = diffuse_sources(none, [], coefficients, SHAPE, 2.0, 3.0, at=at)
            assert got.shape == (*leading, *SHAPE, *trailing) and not got.any()
            mean, weight = diffuse_sources(none, [], coefficients, SHAPE, 2.0, 3.0, at=at, normalize=True)
            assert mean.shape == got.shape and np.isnan(mean).all()
            assert weight.shape == (*leading, *SHAPE) and not weight.any()
    assert diffuse_sources([], [], [], SHAPE, np.empty(0), np.empty(0)).shape == SHAPE


@pytest.mark.parametrize("normalize", [False, True])
def test_no_times_asked_for(normalize):
    got = diffuse_sources(*scatter(5, SHAPE, channels=2), SHAPE, 2.0, 3.0, at=[], normalize=normalize)
    shapes = [part.shape for part in got] if normalize else got.shape
    assert shapes == ([(0, *SHAPE, 2), (0, *SHAPE)] if normalize else (0, *SHAPE, 2))


def test_defaults_and_number_for_all_coefficients():
    positions, times, _ = scatter(20, SHAPE)
    got = diffuse_sources(positions, times, 2.0, SHAPE, 1.5, 3.0)
    assert got.dtype == np.float64 and got.shape == SHAPE and got.flags.c_contiguous
    each = diffuse_sources(positions, times, np.full(20, 2.0), SHAPE, 1.5, 3.0, at=times.max(), eps=1e-6)
    assert_same_bits(got, each)


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("channels", [None, 1, 3])
def test_out(dtype, channels, threads):
    """Any strides; what was there is gone, and what lies between is left alone."""
    sources = scatter(30, SHAPE, channels=channels)
    keywords = {"dtype": dtype, "threads": threads}
    for at in None, [9.0, 4.0]:
        expected = diffuse_sources(*sources, SHAPE, 2.0, 3.0, at=at, **keywords)
        wide = np.full([2 * n for n in expected.shape], np.nan, dtype)
        views = [
            np.full_like(expected, np.nan),
            wide[(slice(None, None, 2),) * expected.ndim],
            wide[(slice(None, None, -2),) * expected.ndim],
            np.full(expected.shape[::-1], np.nan, dtype).T,
        ]
        for out in views:
            assert diffuse_sources(*sources, SHAPE, 2.0, 3.0, at=at, out=out, **keywords) is out
            assert_same_bits(out, expected)
        touched = np.zeros(wide.shape, bool)
        for view in (
            touched[(slice(None, None, 2),) * wide.ndim],
            touched[(slice(None, None, -2),) * wide.ndim],
        ):
            view[...] = True
        assert np.isnan(wide[~touched]).all()


def test_out_of_a_mean():
    sources = scatter(30, SHAPE)
    expected, expected_weight = diffuse_sources(*sources, SHAPE, 2.0, 3.0, normalize=True)
    out = np.full((SHAPE[1], SHAPE[0]), 7.0).T
    mean, weight = diffuse_sources(*sources, SHAPE, 2.0, 3.0, normalize=True, out=out)
    assert mean is out
    assert_same_bits(mean, expected)
    assert_same_bits(weight, expected_weight)


@pytest.mark.parametrize("normalize", [False, True])
def test_out_may_be_the_memory_of_the_input(normalize):
    memory = np.random.default_rng(1).uniform(0, 20, SHAPE)
    flat = memory.reshape(-1)
    arguments = (flat[:40].reshape(20, 2), flat[40:60], flat[60:80])
    keywords = {"sigma": flat[80:100], "tau": flat[100:120], "at": [5.0], "normalize": normalize}
    expected = diffuse_sources(*(x.copy() for x in arguments), SHAPE, **keywords)
    got = diffuse_sources(*arguments, SHAPE, **keywords, out=memory[None])
    for a, b in zip(got, expected, strict=True) if normalize else [(got, expected)]:
        np.testing.assert_array_equal(a, b)


def test_input_may_be_strided_lists_or_of_another_dtype_and_is_not_changed():
    positions, times, coefficients = scatter(30, SHAPE, channels=2)
    positions, times, coefficients = (np.round(x * 4) / 4 for x in (positions, times, coefficients))
    expected = diffuse_sources(positions, times, coefficients, SHAPE, 2.0, 3.0)
    forms = [
        (positions.tolist(), times.tolist(), coefficients.tolist()),
        tuple(np.asfortranarray(np.repeat(x, 2, 0))[::2] for x in (positions, times, coefficients)),
        (positions[::-1].copy()[::-1], times[::-1].copy()[::-1], coefficients[:, ::-1].copy()[:, ::-1]),
        tuple(x.astype(np.float32) for x in (positions, times, coefficients)),
        tuple(x.astype(x.dtype.newbyteorder()) for x in (positions, times, coefficients)),
    ]
    for form in forms:
        assert_same_bits(diffuse_sources(*form, SHAPE, 2.0, 3.0), expected)
    frozen = [x.copy() for x in (positions, times, coefficients)]
    for array in frozen:
        array.flags.writeable = False
    diffuse_sources(*frozen, SHAPE, 2.0, 3.0)
    whole = np.round(positions).astype(int)
    check(whole, np.round(times).astype(int), np.round(coefficients).astype(int), SHAPE, 2.0, 3.0)


def good():
    positions, times, coefficients = scatter(6, SHAPE)
    return {
        "positions": positions,
        "times": times,
        "coefficients": coefficients,
        "shape": SHAPE,
        "sigma": np.ones(6),
        "tau": np.ones(6),
    }


def with_value(name, index, value):
    array = good()[name]
    array[index] = value
    return {name: array}


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("name", ["positions", "times", "coefficients"])
def test_what_is_not_finite_is_refused_naming_the_first_index(name, value):
    arguments = good() | with_value(name, slice(4, None), value)
    with pytest.raises(ValueError, match=rf"^{name}\b.*\b4\b"):
        diffuse_sources(**arguments)
    if name == "positions":
        arguments = good() | with_value(name, (3, 1), value)
        with pytest.raises(ValueError, match=rf"^{name}\b.*\b3\b"):
            diffuse_sources(**arguments)


@pytest.mark.parametrize(
    "name, value",
    [("sigma", -1.0), ("sigma", math.nan), ("sigma", math.inf), ("tau", -1.0), ("tau", math.nan)],
)
def test_bad_sigma_and_tau_of_one_source_are_refused_naming_the_first_index(name, value):
    with pytest.raises(ValueError, match=rf"^{name}\b.*\b4\b"):
        diffuse_sources(**good() | with_value(name, slice(4, None), value))


@pytest.mark.parametrize(
    "name, value",
    [
        ("positions", np.zeros((6, 3))),
        ("positions", np.zeros(12)),
        ("positions", np.zeros((6, 2, 1))),
        ("positions", "nonsense"),
        ("positions", np.zeros((6, 2), complex)),
        ("positions", None),
        ("times", np.zeros(7)),
        ("times", np.zeros((6, 1))),
        ("times", 0.0),
        ("times", ["a"] * 6),
        ("coefficients", np.zeros(5)),
        ("coefficients", np.zeros((5, 2))),
        ("coefficients", np.zeros((6, 0))),
        ("coefficients", np.zeros((6, 2, 2))),
        ("coefficients", np.zeros(6, complex)),
        ("coefficients", math.nan),
        ("shape", (0, 5)),
        ("shape", (5, -1)),
        ("shape", (5,)),
        ("shape", (5, 5, 5)),
        ("shape", (5.5, 5)),
        ("shape", 5),
        ("shape", None),
        ("sigma", -1.0),
        ("sigma", math.nan),
        ("sigma", math.inf),
        ("sigma", (1.0, 2.0, 3.0)),
        ("sigma", (1.0, -2.0)),
        ("sigma", np.ones(5)),
        ("sigma", np.ones((6, 3))),
        ("sigma", "1"),
        ("sigma", None),
        ("tau", -1.0),
        ("tau", math.nan),
        ("tau", np.ones(5)),
        ("tau", np.ones((6, 2))),
        ("tau", "1"),
        ("tau", None),
        ("at", math.nan),
        ("at", math.inf),
        ("at", [1.0, math.nan]),
        ("at", [[1.0]]),
        ("at", "now"),
        ("eps", 0.0),
        ("eps", 1.0),
        ("eps", -1e-6),
        ("eps", math.nan),
        ("eps", math.inf),
        ("eps", "1e-6"),
        ("eps", None),
        ("dtype", np.uint8),
        ("dtype", np.float16),
        ("normalize", "yes"),
        ("fill", "black"),
        ("threads", 0),
        ("threads", -1),
        ("threads", 1.5),
        ("out", np.zeros(SHAPE, np.float32)),
        ("out", np.zeros((5, 5))),
        ("out", np.zeros((1, *SHAPE))),
        ("out", np.lib.stride_tricks.as_strided(np.zeros(SHAPE), SHAPE, (0, 8))),
        ("out", np.frombuffer(bytes(8 * SHAPE[0] * SHAPE[1])).reshape(SHAPE)),
        ("out", [[0.0]]),
    ],
    ids=lambda value: value if isinstance(value, str) else str(np.shape(value) or value),
)
def test_bad_arguments_are_refused_by_name(name, value):
    keywords = {"normalize": True} if name == "fill" else {}
    with pytest.raises((ValueError, TypeError), match=rf"\b{name}\b"):
        diffuse_sources(**good() | keywords | {name: value})


# ---- laws


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("normalize", [False, True])
def test_same_bits_for_any_number_of_threads(dtype, normalize, instruction_set):
    shape = (211, 307)
    for channels, sigma, tau in (
        (None, 4.0, 3.0),
        (3, np.resize([0.0, 2.0, 9.0, 80.0], 1500), np.resize([0.3, 8], 1500)),
    ):
        sources = scatter(1500, shape, channels=channels)
        keywords = {"at": [5.0, 10.0], "dtype": dtype, "normalize": normalize}
        one, *others = (
            diffuse_sources(*sources, shape, sigma, tau, threads=threads, **keywords)
            for threads in (1, 2, 3, None)
        )
        for other in others:
            if normalize:
                assert_same_bits(other[0], one[0])
                assert_same_bits(other[1], one[1])
            else:
                assert_same_bits(other, one)


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("tau", [3.0, "each"], ids=str)
def test_linear(dtype, tau):
    positions, times, f = scatter(50, SHAPE)
    g = scatter(50, SHAPE, seed=2)[2]
    tau = np.linspace(0, 5, 50) if tau == "each" else tau
    one, two, both = (
        diffuse_sources(positions, times, c, SHAPE, 2.0, tau, dtype=dtype).astype(float)
        for c in (f, g, 2.5 * f - 3 * g)
    )
    mass = oracles.source_mass(times, 2.5 * abs(f) + 3 * abs(g), tau)
    assert np.abs(2.5 * one - 3 * two - both).max() <= (1e-14 + 2 * ROUNDING[dtype]) * mass
    assert np.abs(one).max() > 0.1


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("normalize", [False, True])
def test_the_order_of_the_sources_changes_rounding_only(dtype, normalize):
    positions, times, coefficients = scatter(80, SHAPE)
    times[::2] = 5.0
    sigma, tau = np.resize([1.0, 0.0, 3.0], 80), np.resize([1.0, 4.0], 80)
    order = np.random.default_rng(8).permutation(80)
    one = diffuse_sources(positions, times, coefficients, SHAPE, sigma, tau, dtype=dtype, normalize=normalize)
    other = diffuse_sources(
        positions[order],
        times[order],
        coefficients[order],
        SHAPE,
        sigma[order],
        tau[order],
        dtype=dtype,
        normalize=normalize,
    )
    slack = 1e-13 + 4 * ROUNDING[dtype]
    for a, b in zip(one, other, strict=True) if normalize else [(one, other)]:
        np.testing.assert_allclose(a, b, rtol=0, atol=slack * oracles.source_mass(times, coefficients, tau))


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("sigma", [0.0, 1.7, (0.6, 4.0)], ids=str)
def test_translation_by_whole_pixels(dtype, sigma):
    positions, times, coefficients = scatter(50, SHAPE)
    positions = np.round(positions * 16) / 16
    large = diffuse_sources(positions + (17, 9), times, coefficients, (50, 50), sigma, 3.0, dtype=dtype)
    got = diffuse_sources(positions, times, coefficients, SHAPE, sigma, 3.0, dtype=dtype)
    slack = (1e-14 + 2 * ROUNDING[dtype]) * oracles.source_mass(times, coefficients, 3.0)
    np.testing.assert_allclose(large[17:40, 9:40], got, rtol=0, atol=slack)


def test_transposition():
    positions, times, coefficients = scatter(50, SHAPE)
    got = diffuse_sources(positions, times, coefficients, SHAPE, (0.8, 3.0), 3.0)
    flipped = diffuse_sources(positions[:, ::-1], times, coefficients, SHAPE[::-1], (3.0, 0.8), 3.0)
    np.testing.assert_allclose(flipped.T, got, rtol=0, atol=2e-6 * np.abs(coefficients).sum())


def test_the_field_is_finite_and_smooth_at_the_cut():
    """Nothing between what is inside the kernel and zero: no negative values from positive sources."""
    got = diffuse_sources([(50, 50)], [0], [1.0], (101, 101), 4.0, 1.0, eps=1e-6)
    assert got.min() == 0.0 and got[50, 50] == pytest.approx(1.0, abs=1e-13)
    row = got[50, 50:]
    assert (np.diff(row) <= 0).all()


# ---- the weighted mean


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("eps", [1e-2, 1e-4, 1e-6, 1e-9, 1e-12])
@pytest.mark.parametrize("channels", [None, 1, 3])
def test_mean_and_weight(eps, dtype, channels, threads):
    positions, times, coefficients = scatter(12, SHAPE, channels=channels)
    sigmas = np.resize([1.0, 2.0, 0.0, 0.5], 12)
    taus = np.resize([0.5, 4.0, 0.0, math.inf], 12)
    for sigma, tau in ((2.0, 3.0), ((0.4, 1.5), 0.2), (sigmas, taus)):
        for at in None, [10.0, 3.0, 25.0]:
            arguments = (positions, times, coefficients, SHAPE, sigma, tau)
            got = diffuse_sources(*arguments, at=at, eps=eps, dtype=dtype, normalize=True, threads=threads)
            above = assert_mean_bounded(got, *arguments, at, eps)
            assert above.any() and (eps < 1e-6 or not above.all())


@pytest.mark.parametrize("fill", [0.0, -7.5, math.nan])
@pytest.mark.parametrize("dtype", FLOATS)
def test_fill_where_the_weight_is_too_small(fill, dtype):
    sources = ([(5, 5), (15, 25)], [0, 0], [(2.0, 3.0), (4.0, 5.0)])
    got = diffuse_sources(*sources, SHAPE, 1.0, 1.0, normalize=True, fill=fill, dtype=dtype)
    assert_mean_bounded(got, *sources, SHAPE, 1.0, 1.0, fill=fill)
    mean, weight = got
    np.testing.assert_array_equal(
        (mean == fill) | (np.isnan(mean) & math.isnan(fill)), weight[..., None] <= 1e-6 * np.ones(2)
    )


def test_the_mean_of_equal_coefficients_is_that_coefficient():
    positions, times, _ = scatter(30, SHAPE)
    mean, weight = diffuse_sources(positions, times, 3.5, SHAPE, 2.0, 3.0, normalize=True)
    np.testing.assert_allclose(mean[weight > 1e-6], 3.5, rtol=1e-9)


def test_the_mean_lies_between_the_least_and_the_largest_coefficient():
    positions, times, coefficients = scatter(30, SHAPE)
    for dtype in FLOATS:
        mean, weight = diffuse_sources(
            positions, times, coefficients, SHAPE, 2.0, 3.0, normalize=True, dtype=dtype
        )
        inside = mean[weight > 1e-6]
        assert coefficients.min() - 1e-5 <= inside.min() and inside.max() <= coefficients.max() + 1e-5


def test_the_mean_far_from_a_source_is_that_sources_coefficient():
    """Where the weight is barely above eps the cut must not be seen: it lies at eps squared."""
    mean, weight = diffuse_sources([(0, 0)], [0], [5.0], (1, 40), 4.0, 1.0, normalize=True, eps=1e-4)
    np.testing.assert_allclose(mean[weight > 1e-4], 5.0, rtol=1e-12)
    assert np.isnan(mean[weight <= 1e-4]).all()
    assert (weight > 1e-4).sum() == 18  # exp(-17^2 / 32) = 1.2e-4


# ---- against code from other hands


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("sigma", [0.6, 1.0, 2.5, (1.0, 3.0)], ids=str)
def test_impulses_are_scipys_gaussian_filter(dtype, sigma, instruction_set):
    """SciPy's kernel has the sum 1, the formula's the value 1 in the middle."""
    rng = np.random.default_rng(6)
    image = rng.normal(size=(40, 33)) * (rng.uniform(size=(40, 33)) < 0.1)
    positions = np.argwhere(image)
    filtered = ndimage.gaussian_filter(image, sigma, mode="constant", truncate=8)
    for s in np.broadcast_to(sigma, 2):
        radius = int(8 * s + 0.5)
        filtered *= np.exp(-(np.arange(-radius, radius + 1) ** 2) / (2 * s**2)).sum()
    coefficients = image[tuple(positions.T)]
    got = diffuse_sources(
        positions, np.zeros(len(positions)), coefficients, image.shape, sigma, 1.0, eps=1e-12, dtype=dtype
    )
    slack = (1e-12 + ROUNDING[dtype]) * np.abs(coefficients).sum()
    np.testing.assert_allclose(got, filtered, rtol=0, atol=slack)


def test_distances_of_cdist():
    positions, times, coefficients = scatter(50, SHAPE, channels=2)
    pixels = np.indices(SHAPE).reshape(2, -1).T
    kernel = np.exp(-cdist(pixels, positions, "sqeuclidean") / (2 * 1.7**2))
    expected = (kernel @ (np.exp((times - 12) / 3)[:, None] * coefficients)).reshape(*SHAPE, 2)
    got = diffuse_sources(positions, times, coefficients, SHAPE, 1.7, 3.0, at=12.0, eps=1e-12)
    np.testing.assert_allclose(got, expected, rtol=0, atol=1e-11)


@pytest.mark.parametrize("tau", [0.0, 0.7, 5.0, math.inf])
@pytest.mark.parametrize("channels", [(), (3,)], ids=str)
def test_a_source_at_every_pixel_is_the_diffuser_in_raw_mode(tau, channels):
    rng = np.random.default_rng(7)
    frames = rng.normal(size=(6, 17, 21, *channels))
    steps = rng.uniform(0.2, 3, 6)
    diffuser = vdcore.Diffuser(1.3, tau, normalize=False, truncate=8.0)
    expected = [diffuser(frame, dt=dt) for frame, dt in zip(frames, steps, strict=True)]
    instants = np.cumsum(steps)
    t, y, x = np.indices((6, 17, 21)).reshape(3, -1)
    got = diffuse_sources(
        np.stack([y, x], 1),
        instants[t],
        frames.reshape(-1, *channels),
        (17, 21),
        1.3,
        tau,
        at=instants,
        eps=1e-12,
    )
    np.testing.assert_allclose(got, expected, rtol=0, atol=1e-10)


# ---- any parameters (Hypothesis)

SETTINGS = settings(deadline=None, max_examples=100, derandomize=True)
sides = st.integers(1, 24)
each_sigma = st.one_of(st.just(0.0), st.floats(1e-3, 60.0))
each_tau = st.one_of(st.just(0.0), st.floats(1e-3, 1e4), st.just(math.inf))
epsilons = st.floats(-12, -2).map(lambda power: 10.0**power)


@st.composite
def any_sources(draw):
    """Arguments of diffuse_sources up to tau."""
    shape, count = (draw(sides), draw(sides)), draw(st.integers(0, 12))
    coordinate = st.one_of(st.integers(-5, 30).map(float), st.floats(-30, 60))
    positions = draw(st.lists(st.tuples(coordinate, coordinate), min_size=count, max_size=count))
    instant = st.one_of(st.integers(0, 4).map(float), st.floats(-50, 50))
    times = draw(st.lists(instant, min_size=count, max_size=count))
    channels = draw(st.sampled_from([(), (), (1,), (2,), (3,), (4,)]))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    sigma = draw(
        st.one_of(
            each_sigma,
            st.tuples(each_sigma, each_sigma),
            st.lists(each_sigma, min_size=count, max_size=count).map(np.array),
        )
    )
    tau = draw(st.one_of(each_tau, st.lists(each_tau, min_size=count, max_size=count).map(np.array)))
    positions, times = np.reshape(positions, (count, 2)), np.array(times, float)
    return positions, times, rng.normal(size=(count, *channels)), shape, sigma, tau


instants = st.one_of(st.none(), st.floats(-50, 200), st.lists(st.floats(-50, 200), min_size=1, max_size=4))


@given(any_sources(), instants, epsilons, st.sampled_from(FLOATS), st.integers(1, 3))
@SETTINGS
def test_any_parameters_keep_the_bound(sources, at, eps, dtype, threads):
    check(*sources, at=at, eps=eps, dtype=dtype, threads=threads)


@given(any_sources(), instants, epsilons, st.sampled_from(FLOATS))
@SETTINGS
def test_any_parameters_keep_the_bound_of_the_mean(sources, at, eps, dtype):
    got = diffuse_sources(*sources, at=at, eps=eps, dtype=dtype, normalize=True)
    assert_mean_bounded(got, *sources, at, eps)


@given(any_sources(), epsilons, st.integers(0, 12))
@SETTINGS
def test_two_sets_of_sources_add_up(sources, eps, split):
    positions, times, coefficients, shape, sigma, tau = sources
    at = 20.0

    def field(part):
        some_sigma, some_tau = (
            value[part] if isinstance(value, np.ndarray) else value for value in (sigma, tau)
        )
        return diffuse_sources(
            positions[part], times[part], coefficients[part], shape, some_sigma, some_tau, at=at, eps=eps
        )

    whole, first, second = field(slice(None)), field(slice(split)), field(slice(split, None))
    mass = oracles.source_mass(times, coefficients, tau, at)
    assert (np.abs(first + second - whole) <= 1e-13 * mass + 1e-300).all()
