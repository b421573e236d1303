# SPDX-License-Identifier: Apache-2.0
"""`diffuse_sources` against the brute-force oracle: the bound of the error, any sigma, time and place."""

import math

import numpy as np
import pytest

import oracles
from helpers.scattered import SHAPE, assert_mean_bounded, check, scatter
from helpers.support import FLOATS, assert_same_bits
from vdcore import diffuse_sources

pytestmark = pytest.mark.filterwarnings("error")


EPSILONS = [10.0**-k for k in range(2, 13)]


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
def test_any_number_of_channels_keeps_the_bound(channels, dtype, instruction_set, threads):
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
def test_sources_anywhere_keep_the_bound(places, sigma, instruction_set):
    positions = PLACES[places]
    coefficients = np.linspace(-1, 2, len(positions))
    check(positions, np.zeros(len(positions)), coefficients, SHAPE, sigma, 1.0, eps=1e-10)


@pytest.mark.parametrize("shape", [(1, 1), (1, 2), (1, 100), (100, 1), (2, 3), (3, 67), (64, 64)], ids=str)
@pytest.mark.parametrize("dtype", FLOATS)
def test_fields_of_any_shape_keep_the_bound(shape, dtype, instruction_set, threads):
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


SIGMAS = [0.0, 0.01, 0.3, 4.0, 50.0, 1000.0]


# ---- sigma


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
def test_field_at_any_moments(at, tau, threads):
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
    times = np.round(times * 64) / 64  # exact when added to 1e12
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
    """Faded to nothing next to a source of now; nothing overflows on the way."""
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
