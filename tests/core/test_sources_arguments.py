# SPDX-License-Identifier: Apache-2.0
"""Arguments of `diffuse_sources`: defaults, outputs, and what is refused by name."""

import math

import numpy as np
import pytest

from helpers.scattered import SHAPE, check, scatter
from helpers.support import FLOATS, assert_same_bits
from vdcore import diffuse_sources

pytestmark = pytest.mark.filterwarnings("error")


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
def test_out_of_any_strides_is_written(dtype, channels, threads):
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
