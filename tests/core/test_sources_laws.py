# SPDX-License-Identifier: Apache-2.0
"""Laws of a sum and of a weighted mean of sources, and independent implementations of them."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage
from scipy.spatial.distance import cdist

import oracles
import vdcore
from helpers.scattered import ROUNDING, SHAPE, assert_mean_bounded, check, scatter
from helpers.support import FLOATS, assert_same_bits
from vdcore import diffuse_sources

pytestmark = pytest.mark.filterwarnings("error")


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


# ---- against independent implementations


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


# ---- any parameters (Hypothesis)


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
