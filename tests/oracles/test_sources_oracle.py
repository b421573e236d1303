# SPDX-License-Identifier: Apache-2.0
"""The oracle of scattered sources against the formula number by number, and independent implementations."""

import math

import numpy as np
import pytest
from scipy import ndimage
from scipy.spatial.distance import cdist

import oracles
from helpers.scattered import scatter


def by_number(positions, times, coefficients, shape, sigmas, taus, t):
    """The formula with nothing but Python numbers."""
    field = [[0.0] * shape[1] for _ in range(shape[0])]
    for (y, x), time, c, (sigma_y, sigma_x), tau in zip(
        positions, times, coefficients, sigmas, taus, strict=True
    ):
        if time > t or tau == 0 and time < t:
            continue
        left = math.exp(-(t - time) / tau) if tau else 1.0
        for row in range(shape[0]):
            if sigma_y:
                along_y = math.exp(-((row - y) ** 2) / (2 * sigma_y**2))
            else:
                along_y = 1.0 if row == math.floor(y + 0.5) else 0.0
            for column in range(shape[1]):
                if sigma_x:
                    along_x = math.exp(-((column - x) ** 2) / (2 * sigma_x**2))
                else:
                    along_x = 1.0 if column == math.floor(x + 0.5) else 0.0
                field[row][column] += c * left * along_y * along_x
    return np.array(field)


@pytest.mark.parametrize("t", [-1.0, 4.0, 9.5, 1000.0])
def test_number_by_number(t):
    shape = (5, 7)
    positions, times, coefficients = scatter(9, shape)
    positions[0], positions[1], times[1] = (2.5, -0.5), (2.2, 3.4), 4.0
    sigmas = np.array([(0, 0), (1, 0), (0, 2), (1, 1), (0.3, 4), (9, 9), (1e3, 1), (0.01, 0.01), (2, 1)])
    taus = np.array([math.inf, 0, 1, 5, math.inf, 1e-3, 1e6, 2, 0])
    expected = by_number(
        positions.tolist(),
        times.tolist(),
        coefficients.tolist(),
        shape,
        sigmas.tolist(),
        taus.tolist(),
        t,
    )
    got = oracles.sum_of_sources(positions, times, coefficients, shape, sigmas, taus, at=t)
    np.testing.assert_allclose(got, expected, rtol=1e-13, atol=1e-15)
    assert (t >= 4) == got.any()


def test_impulses_at_whole_pixels_are_a_gaussian_filter():
    image = np.zeros((20, 23))
    positions = [(3, 4), (3, 5), (19, 0), (10, 22)]
    image[tuple(np.transpose(positions))] = coefficients = [1.0, -2.0, 3.0, 0.5]
    width = np.exp(-(np.arange(-16, 17) ** 2) / 8).sum()
    expected = ndimage.gaussian_filter(image, 2, mode="constant", truncate=8) * width**2
    got = oracles.sum_of_sources(positions, np.zeros(4), coefficients, image.shape, 2, 1)
    np.testing.assert_allclose(got, expected, rtol=0, atol=1e-13)


def test_distances_of_cdist():
    shape = (6, 8)
    positions, times, coefficients = scatter(11, shape, channels=2)
    pixels = np.indices(shape).reshape(2, -1).T
    kernel = np.exp(-cdist(pixels, positions, "sqeuclidean") / (2 * 1.7**2))
    left = np.exp(-(times.max() - times) / 3)
    expected = (kernel @ (left[:, None] * coefficients)).reshape(*shape, 2)
    got = oracles.sum_of_sources(positions, times, coefficients, shape, 1.7, 3)
    np.testing.assert_allclose(got, expected, rtol=0, atol=1e-14)


def test_a_tuple_is_a_pair_and_an_array_has_one_per_source():
    shape = (6, 8)
    positions, times, coefficients = scatter(2, shape)
    one, pair, each = (
        oracles.sum_of_sources(positions, times, coefficients, shape, sigma, 3)
        for sigma in ((1.0, 2.0), np.array([(1.0, 2.0)] * 2), np.array([1.0, 2.0]))
    )
    np.testing.assert_array_equal(one, pair)
    assert np.abs(one - each).max() > 0.1


@pytest.mark.parametrize("channels", [None, 1, 3])
@pytest.mark.parametrize("at", [None, 9.0, [9.0, 5.0, 9.0]], ids=str)
def test_shapes_matrix_mean_and_mass(channels, at):
    shape, tau = (4, 5), np.array([0.5, 1, 2, 3, np.inf, 0])
    positions, times, coefficients = scatter(6, shape, channels=channels)
    arguments = (shape, 1.3, tau, at)
    field = oracles.sum_of_sources(positions, times, coefficients, *arguments)
    leading = (3,) if at == [9.0, 5.0, 9.0] else ()
    trailing = () if channels is None else (channels,)
    assert field.shape == (*leading, *shape, *trailing)

    matrix = oracles.source_matrix(positions, times, *arguments, channels=channels)
    np.testing.assert_allclose(matrix @ coefficients.ravel(), field.ravel(), rtol=0, atol=1e-14)

    mass = oracles.source_mass(times, coefficients, tau, at)
    flat = oracles.sum_of_sources(positions, times, abs(coefficients), shape, 1e9, tau, at)
    np.testing.assert_allclose(mass, flat[:, 0, 0] if leading else flat[0, 0], rtol=1e-12)

    mean, weight = oracles.mean_of_sources(positions, times, 0 * coefficients + 3.5, *arguments)
    assert mean.shape == field.shape and weight.shape == (*leading, *shape)
    np.testing.assert_allclose(mean, 3.5, rtol=1e-13)
    ones = oracles.source_matrix(positions, times, *arguments).sum(1).reshape(weight.shape)
    np.testing.assert_allclose(weight, ones, rtol=0, atol=1e-14)


def test_no_sources():
    assert not oracles.sum_of_sources([], [], [], (2, 3), 1, 1).any()
    assert np.isnan(oracles.mean_of_sources([], [], [], (2, 3), 1, 1)[0]).all()
    np.testing.assert_array_equal(oracles.source_mass([], [], 1, [1, 2]), [0, 0])
