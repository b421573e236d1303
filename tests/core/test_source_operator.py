# SPDX-License-Identifier: Apache-2.0
"""The field as a linear operator of the coefficients, and its adjoint."""

import math
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse.linalg import LinearOperator, aslinearoperator, lsmr, svds

import oracles
from helpers.scattered import scatter
from helpers.support import FLOATS
from vdcore import diffuse_sources, source_operator

pytestmark = pytest.mark.filterwarnings("error")

SHAPE = (17, 21)
COUNT = 25

CONFIGURATIONS = {
    "plain": (2.0, 3.0, {}),
    "pair": ((0.5, 4.0), 3.0, {}),
    "sigma 0": (0.0, 3.0, {}),
    "tau 0": (2.0, 0.0, {}),
    "tau inf": (2.0, math.inf, {}),
    "one time": (2.0, 3.0, {"at": 7.0}),
    "times": (2.0, 3.0, {"at": [8.0, 3.0, 12.0, 3.0]}),
    "channels": (2.0, 3.0, {"channels": 3}),
    "one channel": (2.0, 3.0, {"channels": 1}),
    "times and channels": (1.2, 3.0, {"at": [8.0, 3.0, 12.0], "channels": 2}),
    "each sigma": (np.resize([0.0, 0.3, 2.0, 100.0], COUNT), 3.0, {"at": [5.0, 10.0]}),
    "each pair": (np.resize([0.0, 0.5, 3.0], (COUNT, 2)), 3.0, {"at": [5.0, 10.0]}),
    "each tau": (2.0, np.resize([0.0, 0.5, math.inf, 3.0], COUNT), {"at": [5.0, 10.0, 3.0]}),
    "all": (
        np.resize([0.0, 0.3, 2.0, 100.0], COUNT),
        np.resize([0.5, math.inf, 3.0], COUNT),
        {"at": [5.0, 10.0, 2.0], "channels": 4},
    ),
}


@pytest.fixture(params=CONFIGURATIONS)
def configuration(request):
    """positions, times, shape, sigma, tau and the keywords."""
    positions, times, _ = scatter(COUNT, SHAPE)
    times[:3] = 5.0
    sigma, tau, keywords = CONFIGURATIONS[request.param]
    return (positions, times, SHAPE, sigma, tau), keywords


def vectors(operator, seed=1):
    rng = np.random.default_rng(seed)
    return rng.normal(size=operator.shape[1]), rng.normal(size=operator.shape[0])


def assert_adjoint(operator, seed=1):
    """<A c, f> = <c, A* f>: to 1e-10 of the norms, and of the value itself where nothing cancels."""
    c, f = vectors(operator, seed)
    left, right = operator.matvec(c) @ f, c @ operator.rmatvec(f)
    assert abs(left - right) <= 1e-10 * np.linalg.norm(operator.matvec(c)) * np.linalg.norm(f)
    left, right = operator.matvec(abs(c)) @ abs(f), abs(c) @ operator.rmatvec(abs(f))
    assert left == pytest.approx(right, rel=1e-10, abs=1e-300)


@pytest.mark.parametrize("eps", [1e-2, 1e-6, 1e-12])
def test_dot_product(configuration, eps, instruction_set, threads):
    """The adjoint of what is computed, not of what is approximated: whatever eps."""
    arguments, keywords = configuration
    operator = source_operator(*arguments, **keywords, eps=eps, threads=threads)
    for seed in range(3):
        assert_adjoint(operator, seed)


def test_shape_and_type(configuration):
    arguments, keywords = configuration
    operator = source_operator(*arguments, **keywords)
    channels = keywords.get("channels") or 1
    instants = np.size(keywords.get("at"))
    assert isinstance(operator, LinearOperator)
    assert operator.shape == (instants * SHAPE[0] * SHAPE[1] * channels, COUNT * channels)
    assert operator.dtype == np.float64


def test_matvec_is_diffuse_sources(configuration):
    arguments, keywords = configuration
    operator = source_operator(*arguments, **keywords, eps=1e-5)
    c, _ = vectors(operator)
    channels = keywords.get("channels")
    coefficients = c if channels is None else c.reshape(COUNT, channels)
    expected = diffuse_sources(*arguments[:2], coefficients, *arguments[2:], at=keywords.get("at"), eps=1e-5)
    np.testing.assert_allclose(operator.matvec(c), expected.ravel(), rtol=0, atol=1e-13 * np.abs(c).sum())
    np.testing.assert_array_equal(operator @ c, operator.matvec(c))
    np.testing.assert_array_equal(operator @ c[:, None], operator.matvec(c)[:, None])


def test_dense_matrix_is_the_oracles(configuration):
    arguments, keywords = configuration
    operator = source_operator(*arguments, **keywords)
    expected = oracles.source_matrix(*arguments, **keywords)
    np.testing.assert_allclose(operator @ np.eye(operator.shape[1]), expected, rtol=0, atol=1e-12)


def test_adjoint_is_the_inner_product_with_each_kernel(configuration):
    arguments, keywords = configuration
    operator = source_operator(*arguments, **keywords)
    _, f = vectors(operator)
    expected = oracles.source_matrix(*arguments, **keywords).T @ f
    for got in operator.rmatvec(f), operator.H @ f, operator.T @ f, operator.adjoint().matvec(f):
        np.testing.assert_allclose(got, expected, rtol=0, atol=1e-12 * np.abs(f).sum())
    block = np.stack([f, -2 * f, f[::-1]], 1)
    np.testing.assert_allclose((operator.H @ block)[:, 1], -2 * expected, rtol=0, atol=1e-9)


@pytest.mark.parametrize("shape", [(211, 37), (9, 5000), (5000, 3)], ids=str)
def test_tall_and_wide_fields(shape, instruction_set, threads):
    positions, times, _ = scatter(25, shape)
    sigmas = np.stack([np.resize([0.0, 2.0, 30.0, 1000.0], 25), np.resize([3.0, 90.0, 0.0], 25)], 1)
    operator = source_operator(positions, times, shape, sigmas, 3.0, channels=2, threads=threads)
    assert_adjoint(operator)
    _, f = vectors(operator)
    expected = oracles.source_matrix(positions, times, shape, sigmas, 3.0, channels=2).T @ f
    np.testing.assert_allclose(operator.H @ f, expected, rtol=0, atol=1e-12 * np.abs(f).sum())


def test_more_sources_than_are_sorted_at_a_time():
    positions, times, _ = scatter(100_000, (40, 50))
    sigma = np.resize([0.7, 0.0, 1.3], 100_000)
    f = np.random.default_rng(2).normal(size=2000)

    def products(part):
        return source_operator(positions[part], times[part], (40, 50), sigma[part], 3.0, at=10.0).T @ f

    parts = [products(part) for part in (slice(40_000), slice(40_000, None))]
    np.testing.assert_allclose(products(slice(None)), np.concatenate(parts), rtol=0, atol=1e-12)


def test_matmat_is_column_by_column():
    positions, times, _ = scatter(COUNT, SHAPE)
    operator = source_operator(positions, times, SHAPE, 2.0, 3.0)
    block = np.random.default_rng(2).normal(size=(COUNT, 4))
    got = operator @ np.asfortranarray(block)
    assert got.shape == (operator.shape[0], 4)
    for k in range(4):
        np.testing.assert_allclose(got[:, k], operator @ block[:, k], rtol=0, atol=1e-13)


@pytest.mark.parametrize("dtype", FLOATS)
def test_dtype(dtype):
    positions, times, c = scatter(COUNT, SHAPE)
    operator = source_operator(positions, times, SHAPE, 2.0, 3.0, dtype=dtype)
    field = operator @ c.astype(dtype)
    assert operator.dtype == field.dtype == dtype
    matrix = oracles.source_matrix(positions, times, SHAPE, 2.0, 3.0)
    slack = 1e-12 if dtype == "float64" else 1e-5
    np.testing.assert_allclose(field, matrix @ c, rtol=0, atol=slack)
    np.testing.assert_allclose(operator.H @ field, matrix.T @ (matrix @ c), rtol=0, atol=20 * slack)


def test_strided_and_integer_vectors():
    positions, times, _ = scatter(COUNT, SHAPE)
    operator = source_operator(positions, times, SHAPE, 2.0, 3.0)
    c, f = vectors(operator)
    np.testing.assert_array_equal(operator @ np.repeat(c, 2)[::2], operator @ c)
    np.testing.assert_array_equal(operator.H @ np.repeat(f, 2)[::2], operator.H @ f)
    whole = np.arange(COUNT)
    np.testing.assert_array_equal(operator @ whole, operator @ whole.astype(float))


def test_later_changes_of_the_input_do_not_matter():
    positions, times, c = scatter(COUNT, SHAPE)
    sigma = np.full(COUNT, 2.0)
    operator = source_operator(positions, times, SHAPE, sigma, 3.0)
    before = operator @ c
    positions += 3
    times -= 1
    sigma *= 2
    np.testing.assert_array_equal(operator @ c, before)


def test_same_bits_for_any_number_of_threads(instruction_set):
    positions, times, _ = scatter(3000, (150, 200))
    results = []
    for threads in 1, 2, 5, None:
        operator = source_operator(
            positions, times, (150, 200), 4.0, 3.0, at=[5.0, 10.0], channels=2, threads=threads
        )
        c, f = vectors(operator)
        results.append((operator @ c, operator.H @ f))
    for other in results[1:]:
        np.testing.assert_array_equal(other[0], results[0][0])
        np.testing.assert_array_equal(other[1], results[0][1])


def test_no_sources():
    operator = source_operator(np.empty((0, 2)), [], SHAPE, 2.0, 3.0)
    assert operator.shape == (SHAPE[0] * SHAPE[1], 0)
    assert not (operator @ np.empty(0)).any()
    assert (operator.H @ np.ones(operator.shape[0])).shape == (0,)


def test_scipys_own_solvers_take_it():
    """Singular values and least squares as of the dense matrix."""
    positions, times, c = scatter(12, SHAPE)
    operator = source_operator(positions, times, SHAPE, 1.0, 30.0)
    matrix = oracles.source_matrix(positions, times, SHAPE, 1.0, 30.0)
    largest = svds(operator, k=1, return_singular_vectors=False, rng=1)[0]
    assert largest == pytest.approx(np.linalg.norm(matrix, 2), rel=1e-9)
    f = np.random.default_rng(3).normal(size=operator.shape[0])
    got, expected = (lsmr(A, f, atol=1e-14, btol=1e-14)[0] for A in (operator, aslinearoperator(matrix)))
    np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-9)


@pytest.mark.parametrize(
    "name, value",
    [
        ("positions", np.zeros((6, 3))),
        ("times", np.zeros(5)),
        ("shape", (0, 3)),
        ("sigma", -1.0),
        ("tau", math.nan),
        ("at", math.nan),
        ("channels", 0),
        ("channels", 1.5),
        ("eps", 0.0),
        ("dtype", np.uint8),
        ("threads", 0),
    ],
    ids=str,
)
def test_bad_arguments_are_refused_by_name_and_at_once(name, value):
    positions, times, _ = scatter(6, SHAPE)
    arguments = {"positions": positions, "times": times, "shape": SHAPE, "sigma": 2.0, "tau": 3.0}
    with pytest.raises((ValueError, TypeError), match=rf"\b{name}\b"):
        source_operator(**arguments | {name: value})


def test_bad_positions_name_the_first_index():
    positions, times, _ = scatter(6, SHAPE)
    positions[4:] = math.nan
    with pytest.raises(ValueError, match=r"^positions\b.*\b4\b"):
        source_operator(positions, times, SHAPE, 2.0, 3.0)


@pytest.mark.parametrize("transposed", [False, True])
def test_vectors_of_the_wrong_length_are_refused(transposed):
    positions, times, _ = scatter(6, SHAPE)
    operator = source_operator(positions, times, SHAPE, 2.0, 3.0)
    with pytest.raises(ValueError, match="mismatch|shape"):
        (operator.H if transposed else operator) @ np.ones(5)


def test_without_scipy_the_error_names_the_extra(monkeypatch):
    for module in "scipy", "scipy.sparse", "scipy.sparse.linalg":
        monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ImportError, match=r"vdcore\[fit\]"):
        source_operator(*scatter(6, SHAPE)[:2], SHAPE, 2.0, 3.0)


@given(
    st.integers(0, 12),
    st.tuples(st.integers(1, 20), st.integers(1, 20)),
    st.one_of(st.just(0.0), st.floats(1e-2, 50)),
    st.one_of(st.just(0.0), st.floats(1e-2, 1e3), st.just(math.inf)),
    st.sampled_from([None, 1, 2, 3]),
    st.lists(st.integers(-1, 12), min_size=1, max_size=3),
    st.floats(-12, -1),
    st.integers(0, 2**32 - 1),
)
@settings(deadline=None, max_examples=100, derandomize=True)
def test_any_operator_has_its_adjoint(count, shape, sigma, tau, channels, at, power, seed):
    positions, times, _ = scatter(count, shape, seed)
    operator = source_operator(
        positions, np.round(times), shape, sigma, tau, at=at, channels=channels, eps=10**power
    )
    assert_adjoint(operator, seed)
