# SPDX-License-Identifier: Apache-2.0
"""`fit_sources`: planted coefficients, and the same problem solved by SciPy on the oracle's matrix."""

import math
import sys
import warnings

import numpy as np
import pytest
from scipy.optimize import nnls
from scipy.sparse import csr_matrix
from scipy.sparse.linalg import lsmr

import oracles
from helpers.scattered import scatter
from vdcore import diffuse_sources, fit_sources

SHAPE = (33, 38)
AT = [0.0, 1.0, 2.5, 4.0]
TAU = 2.0


def apart(distance, shape=SHAPE, seed=1, border=2.0, attempts=4000):
    """Poisson-disc positions: as many as fit in the frame, no two nearer than `distance`."""
    rng = np.random.default_rng(seed)
    chosen = np.empty((0, 2))
    for candidate in rng.uniform(-border, np.array(shape) - 1 + border, (attempts, 2)):
        if (np.linalg.norm(chosen - candidate, axis=1) >= distance).all():
            chosen = np.vstack([chosen, candidate])
    return chosen


def problem(sigma=2.0, channels=None, seed=1):
    """Positions at least 1.4 sigma apart, times that all are observed, coefficients of both signs."""
    positions = apart(1.4 * sigma, seed=seed)
    rng = np.random.default_rng(seed)
    times = rng.choice([0.0, 0.7, 1.0, 2.2, 3.9, 4.0], len(positions))
    size = len(positions) if channels is None else (len(positions), channels)
    return positions, times, rng.normal(size=size) + 0.2


def noisy(positions, times, coefficients, sigma, seed=2):
    """Observations with noise at the times AT."""
    clean = oracles.sum_of_sources(positions, times, coefficients, SHAPE, sigma, TAU, AT)
    return clean + np.random.default_rng(seed).normal(0, 0.1, clean.shape)


def relative_error(got, expected):
    assert got.shape == expected.shape
    return np.linalg.norm(got - expected) / np.linalg.norm(expected)


def few(seed=1):
    """A small well-conditioned problem: positions, times, the oracle's matrix, noisy observations."""
    positions = apart(6.0, seed=seed)
    times = np.resize([0.0, 1.0, 2.2], len(positions))
    coefficients = np.random.default_rng(seed).normal(size=len(positions))
    matrix = oracles.source_matrix(positions, times, SHAPE, 2.0, TAU, AT)
    return positions, times, matrix, noisy(positions, times, coefficients, 2.0)


@pytest.fixture
def no_warnings():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


# ---- planted coefficients


@pytest.mark.parametrize("sigma", [1.5, 3.0])
@pytest.mark.parametrize("channels", [None, 2])
def test_planted_coefficients_come_back(sigma, channels, no_warnings):
    positions, times, truth = problem(sigma, channels)
    field = diffuse_sources(positions, times, truth, SHAPE, sigma, TAU, at=AT, eps=1e-12)
    result = fit_sources(field, positions, times, sigma, TAU, at=AT)
    assert relative_error(result.coefficients, truth) <= 1e-6
    assert result.converged is True or result.converged is np.True_
    assert result.residual <= 1e-6 * np.linalg.norm(field)
    assert result.iterations > 0


def test_planted_coefficients_come_back_from_the_oracles_field(no_warnings):
    positions, times, truth = problem(2.0)
    field = oracles.sum_of_sources(positions, times, truth, SHAPE, 2.0, TAU, AT)
    assert relative_error(fit_sources(field, positions, times, 2.0, TAU, at=AT).coefficients, truth) <= 1e-6


def test_planted_coefficients_with_sigma_and_tau_per_source(no_warnings):
    positions, times, truth = problem(2.0)
    sigma, tau = np.resize([1.0, 2.0, 1.5], len(truth)), np.resize([0.5, math.inf, 2.0], len(truth))
    sigma[::5], tau[times == 4.0] = 0.0, 0.0
    inside = ((positions >= 0) & (positions < np.array(SHAPE) - 1)).all(1)
    positions, times, truth, sigma, tau = (x[inside] for x in (positions, times, truth, sigma, tau))
    field = oracles.sum_of_sources(positions, times, truth, SHAPE, sigma, tau, AT)
    assert relative_error(fit_sources(field, positions, times, sigma, tau, at=AT).coefficients, truth) <= 1e-6


@pytest.mark.parametrize("at", [None, 5.0])
def test_one_picture(at, no_warnings):
    positions, times, truth = problem(2.0)
    field = diffuse_sources(positions, times, truth, SHAPE, 2.0, 3.0, at=at, eps=1e-12)
    result = fit_sources(field, positions, times, 2.0, 3.0, at=at)
    assert relative_error(result.coefficients, truth) <= 1e-6


def test_planted_coefficients_without_a_sign_are_kept_by_nonnegative():
    positions, times, truth = problem(2.0)
    truth = abs(truth)
    field = diffuse_sources(positions, times, truth, SHAPE, 2.0, TAU, at=AT, eps=1e-12)
    result = fit_sources(field, positions, times, 2.0, TAU, at=AT, nonnegative=True)
    assert relative_error(result.coefficients, truth) <= 1e-5
    assert (result.coefficients >= 0).all()


# ---- with noise, against SciPy on the explicit matrix


@pytest.mark.parametrize("sigma", [1.5, 3.0])
def test_noise_equals_lsmr_on_the_sparse_matrix(sigma):
    positions, times, truth = problem(sigma)
    observations = noisy(positions, times, truth, sigma)
    matrix = csr_matrix(oracles.source_matrix(positions, times, SHAPE, sigma, TAU, AT))
    expected = lsmr(matrix, observations.ravel(), atol=1e-14, btol=1e-14, maxiter=10_000)[0]
    result = fit_sources(observations, positions, times, sigma, TAU, at=AT)
    assert relative_error(result.coefficients, expected) <= 1e-6
    residual = np.linalg.norm(matrix @ expected - observations.ravel())
    assert result.residual == pytest.approx(residual, rel=1e-6)
    assert relative_error(expected, truth) > 1e-3  # the noise is seen


@pytest.mark.parametrize("ridge", [1e-3, 0.5, 30.0])
def test_ridge_equals_the_augmented_dense_problem(ridge):
    """min |A c - b|^2 + ridge |c|^2."""
    positions, times, truth = problem(3.0)
    observations = noisy(positions, times, truth, 3.0)
    matrix = oracles.source_matrix(positions, times, SHAPE, 3.0, TAU, AT)
    augmented = np.vstack([matrix, math.sqrt(ridge) * np.eye(len(truth))])
    target = np.concatenate([observations.ravel(), np.zeros(len(truth))])
    expected = np.linalg.lstsq(augmented, target)[0]
    result = fit_sources(observations, positions, times, 3.0, TAU, at=AT, ridge=ridge)
    assert relative_error(result.coefficients, expected) <= 1e-6
    residual = np.linalg.norm(matrix @ expected - observations.ravel())
    assert result.residual == pytest.approx(residual, rel=1e-6)


@pytest.mark.parametrize("ridge", [0.0, 0.5])
@pytest.mark.parametrize("sigma", [2.0, 4.0])
def test_nonnegative_equals_nnls(sigma, ridge):
    positions, times, truth = problem(sigma)
    observations = noisy(positions, times, truth, sigma)
    matrix = oracles.source_matrix(positions, times, SHAPE, sigma, TAU, AT)
    augmented = np.vstack([matrix, math.sqrt(ridge) * np.eye(len(truth))])
    target = np.concatenate([observations.ravel(), np.zeros(len(truth))])
    expected, _ = nnls(augmented, target, maxiter=10_000)
    result = fit_sources(observations, positions, times, sigma, TAU, at=AT, ridge=ridge, nonnegative=True)
    assert relative_error(result.coefficients, expected) <= 1e-6
    assert (result.coefficients >= 0).all() and (result.coefficients[expected == 0] <= 1e-6).all()
    assert (expected == 0).sum() > 5


def test_condition_is_that_of_the_matrix_with_columns_of_one_length():
    for positions, times, sigma in ((*few()[:2], 2.0), (*problem(3.0)[:2], 3.0)):
        matrix = oracles.source_matrix(positions, times, SHAPE, sigma, TAU, AT)
        condition = np.linalg.cond(matrix / np.linalg.norm(matrix, axis=0))
        result = fit_sources(np.ones((4, *SHAPE)), positions, times, sigma, TAU, at=AT)
        assert condition / 2 <= result.condition <= condition * 1.001


def test_condition_of_one_close_pair_among_many():
    positions, times, *_ = few()
    positions = np.vstack([positions, positions[5] + (0.2, 0.1)])
    times = np.append(times, times[5])
    mask = np.hypot(*(np.indices(SHAPE) - positions[5][:, None, None])) > 2  # what tells them apart best
    for given, ridge, rows in ((None, 0.0, ...), (mask, 0.0, mask), (None, 1.0, ...)):
        field = np.zeros(SHAPE)
        matrix = oracles.source_matrix(positions, times, SHAPE, 2.0, TAU, 4.0)
        matrix = matrix.reshape(*SHAPE, -1)[rows].reshape(-1, len(times))
        matrix = np.vstack([matrix, math.sqrt(ridge) * np.eye(len(times))])
        condition = np.linalg.cond(matrix / np.linalg.norm(matrix, axis=0))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            result = fit_sources(field, positions, times, 2.0, TAU, at=4.0, confidence=given, ridge=ridge)
        assert condition / 2 <= result.condition <= condition * 1.001
        assert (ridge > 0) == (condition < 12)


# ---- channels, masks, missing values


@pytest.mark.parametrize("nonnegative", [False, True])
def test_channels_are_independent(nonnegative):
    positions = apart(8.0)
    times = np.resize([0.0, 1.0, 2.2], len(positions))
    truth = np.random.default_rng(3).normal(size=(len(positions), 3))
    observations = noisy(positions, times, truth, 3.0)
    observations[1, 5:9, 3:20] = np.nan
    observations[2, 20:25, 3:20, 1] = np.nan
    together = fit_sources(observations, positions, times, 3.0, TAU, at=AT, nonnegative=nonnegative)
    alone = [
        fit_sources(observations[..., k], positions, times, 3.0, TAU, at=AT, nonnegative=nonnegative)
        for k in range(3)
    ]
    for k in range(3):
        assert relative_error(together.coefficients[:, k], alone[k].coefficients) <= 1e-6
    residuals = [one.residual for one in alone]
    assert together.residual == pytest.approx(np.linalg.norm(residuals), rel=1e-6)


def test_one_channel_and_one_coloured_picture():
    positions, times, _, observations = few()
    expected = fit_sources(observations, positions, times, 2.0, TAU, at=AT).coefficients
    got = fit_sources(observations[..., None], positions, times, 2.0, TAU, at=AT).coefficients
    assert relative_error(got, expected[:, None]) <= 1e-9
    colours = np.stack([observations[3], -observations[3]], -1)
    got = fit_sources(colours, positions, times, 2.0, TAU, at=4.0).coefficients
    grey = fit_sources(observations[3], positions, times, 2.0, TAU, at=4.0).coefficients
    assert relative_error(got, np.stack([grey, -grey], -1)) <= 1e-9


def some_pixels(seed=5):
    return np.random.default_rng(seed).uniform(size=(len(AT), *SHAPE)) < 0.6


@pytest.mark.parametrize("kind", ["bool", "float", "nan"])
@pytest.mark.parametrize("nonnegative", [False, True])
def test_masked_and_missing_observations_are_left_out(kind, nonnegative):
    positions, times, matrix, observations = few()
    mask = some_pixels()
    rows, values = matrix[mask.ravel()], observations[mask]
    expected = nnls(rows, values)[0] if nonnegative else np.linalg.lstsq(rows, values)[0]
    spoilt = np.where(mask, observations, np.nan if kind == "nan" else 1e6)
    given = {"bool": mask, "float": mask * 1.0, "nan": None}[kind]
    result = fit_sources(spoilt, positions, times, 2.0, TAU, at=AT, confidence=given, nonnegative=nonnegative)
    assert relative_error(result.coefficients, expected) <= 1e-6
    assert result.residual == pytest.approx(np.linalg.norm(rows @ expected - values), rel=1e-6)


def test_mask_and_missing_values_together():
    positions, times, matrix, observations = few()
    one, two = some_pixels(5), some_pixels(6)
    both = one & two
    expected = np.linalg.lstsq(matrix[both.ravel()], observations[both])[0]
    got = fit_sources(np.where(one, observations, np.nan), positions, times, 2.0, TAU, at=AT, confidence=two)
    assert relative_error(got.coefficients, expected) <= 1e-6


def test_weights_count_as_so_many_observations():
    """min sum w (A c - b)^2."""
    positions, times, matrix, observations = few()
    weights = np.random.default_rng(5).uniform(size=observations.shape)
    root = np.sqrt(weights.ravel())
    expected = np.linalg.lstsq(root[:, None] * matrix, root * observations.ravel())[0]
    got = fit_sources(observations, positions, times, 2.0, TAU, at=AT, confidence=weights)
    assert relative_error(got.coefficients, expected) <= 1e-6


def test_mask_of_one_picture_and_of_channels():
    positions, times, truth = problem(3.0, channels=2)
    mask = some_pixels()
    observations = noisy(positions, times, truth, 3.0)
    matrix = oracles.source_matrix(positions, times, SHAPE, 3.0, TAU, AT)
    expected = np.linalg.lstsq(matrix[mask.ravel()], observations[mask])[0]
    spoilt = np.where(mask[..., None], observations, 1e6)
    got = fit_sources(spoilt, positions, times, 3.0, TAU, at=AT, confidence=mask)
    assert relative_error(got.coefficients, expected) <= 1e-6

    last = oracles.source_matrix(positions, times, SHAPE, 3.0, TAU, AT[-1])
    expected = np.linalg.lstsq(last[mask[-1].ravel()], observations[-1, mask[-1], 0])[0]
    got = fit_sources(spoilt[-1, ..., 0], positions, times, 3.0, TAU, at=AT[-1], confidence=mask[-1])
    assert relative_error(got.coefficients, expected) <= 1e-6


# ---- coefficients that cannot be determined


@pytest.mark.parametrize("nonnegative", [False, True])
def test_close_sources_are_warned_about_with_the_condition(nonnegative):
    sigma = 3.0
    y, x = np.mgrid[0:6, 0:6]
    positions = np.stack([y.ravel(), x.ravel()], 1) * 0.3 * sigma + 10
    field = oracles.sum_of_sources(positions, np.zeros(36), np.ones(36), SHAPE, sigma, 1.0)
    with pytest.warns(UserWarning, match="condition") as record:
        result = fit_sources(field, positions, np.zeros(36), sigma, 1.0, nonnegative=nonnegative)
    assert result.condition > 1e6
    assert np.isfinite(result.coefficients).all()
    assert any(f"{result.condition:.1e}"[:3] in str(warning.message) for warning in record)


def test_two_sources_at_one_place_share():
    """Least squares of the least norm: singular, and said so."""
    field = oracles.sum_of_sources([(10, 10)], [0], [2.0], SHAPE, 2.0, 1.0)
    with pytest.warns(UserWarning, match="condition"):
        result = fit_sources(field, [(10, 10), (10, 10)], [0, 0], 2.0, 1.0)
    np.testing.assert_allclose(result.coefficients, 1.0, rtol=1e-6)
    assert result.condition > 1e6


@pytest.mark.parametrize("nonnegative", [False, True])
@pytest.mark.parametrize("why", ["far away", "too late", "long ago", "masked", "sigma 0 outside"])
def test_an_unseen_source_gets_0_and_a_warning_that_names_it(why, nonnegative):
    positions, times, _, observations = few()
    positions, times, mask = positions.copy(), times.copy(), None
    sigma, tau = np.full(len(times), 2.0), np.full(len(times), TAU)
    if why == "far away":
        positions[7] = (1e7, 3.0)
    elif why == "too late":
        times[7] = 4.5
    elif why == "long ago":
        times[7] = -1e6
    elif why == "masked":
        sigma[7] = 0.5
        y, x = np.indices(SHAPE)
        mask = np.broadcast_to(np.hypot(y - positions[7, 0], x - positions[7, 1]) > 6, observations.shape)
    else:
        positions[7], sigma[7] = (-1.0, 3.0), 0.0
    with pytest.warns(UserWarning, match=r"\b7\b"):
        result = fit_sources(
            observations, positions, times, sigma, tau, at=AT, confidence=mask, nonnegative=nonnegative
        )
    assert result.coefficients[7] == 0
    assert np.isfinite(result.coefficients).all()
    matrix = oracles.source_matrix(positions, times, SHAPE, sigma, tau, AT)
    if mask is not None:
        matrix = matrix * mask.reshape(-1, 1)
        observations = observations * mask
    solve = nnls if nonnegative else np.linalg.lstsq
    others = np.delete(np.arange(len(times)), 7)
    expected = solve(matrix[:, others], observations.ravel())[0]
    assert relative_error(result.coefficients[others], expected) <= 1e-6


def test_nothing_observed():
    positions, times, _, observations = few()
    with pytest.warns(UserWarning):
        result = fit_sources(np.full_like(observations, np.nan), positions, times, 2.0, TAU, at=AT)
    np.testing.assert_array_equal(result.coefficients, np.zeros(len(times)))
    assert result.residual == 0


@pytest.mark.parametrize("nonnegative", [False, True])
def test_a_black_picture_has_no_sources(nonnegative, no_warnings):
    positions, times, _, observations = few()
    result = fit_sources(
        np.zeros_like(observations), positions, times, 2.0, TAU, at=AT, nonnegative=nonnegative
    )
    np.testing.assert_array_equal(result.coefficients, np.zeros(len(times)))
    assert result.residual == 0 and result.converged


@pytest.mark.parametrize("channels", [(), (3,)])
def test_no_sources(channels):
    observations = np.ones((4, *SHAPE, *channels))
    result = fit_sources(observations, np.empty((0, 2)), [], 2.0, TAU, at=AT)
    assert result.coefficients.shape == (0, *channels)
    assert result.residual == pytest.approx(math.sqrt(observations.size))


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
def test_observations_of_other_dtypes(dtype):
    positions, times, matrix, observations = few()
    samples = (observations * 20 + 100).astype(dtype)
    expected = np.linalg.lstsq(matrix, samples.ravel().astype(float))[0]
    got = fit_sources(samples, positions, times, 2.0, TAU, at=AT)
    assert relative_error(got.coefficients, expected) <= 1e-6


def test_input_is_not_changed():
    positions, times, _, observations = few()
    observations[0, 0, 0] = np.nan
    mask = some_pixels()
    before = [x.copy() for x in (positions, times, observations, mask)]
    fit_sources(observations, positions, times, 2.0, TAU, at=AT, confidence=mask)
    for array, kept in zip((positions, times, observations, mask), before, strict=True):
        np.testing.assert_array_equal(array, kept)


def test_larger_coefficients_and_fainter_ones_alike(no_warnings):
    """The unit of the observations does not matter."""
    positions, times, _, observations = few()
    one = fit_sources(observations, positions, times, 2.0, TAU, at=AT)
    for scale in 1e-12, 1e12:
        other = fit_sources(scale * observations, positions, times, 2.0, TAU, at=AT)
        assert relative_error(other.coefficients / scale, one.coefficients) <= 1e-9
        assert other.residual == pytest.approx(scale * one.residual, rel=1e-6)


# ---- bad input


def good():
    positions, times, _ = scatter(6, SHAPE)
    return {
        "observations": np.zeros((4, *SHAPE)),
        "positions": positions,
        "times": times * 0.3,
        "sigma": 2.0,
        "tau": TAU,
        "at": AT,
    }


@pytest.mark.parametrize(
    "name, value",
    [
        ("observations", np.zeros((3, *SHAPE))),
        ("observations", np.zeros(SHAPE)),
        ("observations", np.zeros(5)),
        ("observations", np.full((4, *SHAPE), np.inf)),
        ("observations", np.zeros((4, *SHAPE), complex)),
        ("observations", "nonsense"),
        ("positions", np.zeros((6, 3))),
        ("positions", np.full((6, 2), np.nan)),
        ("times", np.zeros(5)),
        ("times", np.full(6, np.nan)),
        ("sigma", -1.0),
        ("sigma", np.ones(5)),
        ("tau", -1.0),
        ("tau", np.ones(5)),
        ("at", [0.0, math.nan, 1.0, 2.0]),
        ("ridge", -1.0),
        ("ridge", math.nan),
        ("ridge", "strong"),
        ("nonnegative", "yes"),
        ("confidence", np.ones((3, *SHAPE), bool)),
        ("confidence", np.ones((5, 5), bool)),
        ("confidence", np.full((4, *SHAPE), 1.5)),
        ("confidence", np.full((4, *SHAPE), -0.5)),
        ("confidence", np.full((4, *SHAPE), np.nan)),
        ("confidence", "nonsense"),
    ],
    ids=lambda value: value if isinstance(value, str) else str(np.shape(value) or value),
)
def test_bad_arguments_are_refused_by_name(name, value):
    with pytest.raises((ValueError, TypeError), match=rf"\b{name}\b"):
        fit_sources(**good() | {name: value})


def test_without_scipy_the_error_names_the_extra(monkeypatch):
    for module in "scipy", "scipy.sparse", "scipy.sparse.linalg", "scipy.optimize":
        monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ImportError, match=r"vdcore\[fit\]"):
        fit_sources(**good())
