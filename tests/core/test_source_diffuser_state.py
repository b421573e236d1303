# SPDX-License-Identifier: Apache-2.0
"""A `SourceDiffuser` over its life: reset, copies, threads, and what it refuses by name."""

import math
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from helpers.scattered import SHAPE, in_order, scatter
from helpers.support import FLOATS, assert_same_bits
from vdcore import SourceDiffuser, diffuse_sources

pytestmark = pytest.mark.filterwarnings("error")


# ---- reset and copy


@pytest.mark.parametrize("normalize", [False, True])
def test_reset_is_as_new(normalize):
    used, new = (SourceDiffuser(SHAPE, 2.0, 3.0, normalize=normalize) for _ in range(2))
    used.add(*in_order(10))
    used.field(20.0)
    used.reset()
    assert used.time is None and used.count == 0
    for diffuser in used, new:
        diffuser.add(*in_order(10, seed=2))
    assert used.count == 10
    np.testing.assert_array_equal(used.field(11.0), new.field(11.0))


@pytest.mark.parametrize("normalize", [False, True])
def test_a_copy_goes_its_own_way(normalize):
    original = SourceDiffuser(SHAPE, 2.0, 3.0, normalize=normalize, fill=5.0, eps=1e-4)
    original.add(*in_order(10))
    before = original.field()
    copy = original.copy()
    assert (copy.time, copy.count) == (original.time, original.count)
    np.testing.assert_array_equal(copy.field(), before)
    copy.add((5, 5), 12.0)
    np.testing.assert_array_equal(original.field(), before)
    original.add((5, 5), 12.0)
    np.testing.assert_array_equal(original.field(), copy.field())
    original.reset()
    assert (copy.count, copy.time) == (11, 12.0)
    assert np.any(copy.field())


# ---- threads


@pytest.mark.parametrize("normalize", [False, True])
def test_many_threads_adding_and_asking_at_once(normalize):
    """Enough work in each call, all at the same pixels, that calls which did not wait would lose some."""
    shape = (120, 150)
    positions, times, coefficients = scatter(10_000, shape)
    diffuser = SourceDiffuser(shape, 20.0, 3.0, normalize=normalize, threads=1)

    def work(part):
        diffuser.add(positions[part], times[part], coefficients[part])
        assert np.isfinite(diffuser.field(10.0)).all()
        assert np.isfinite(diffuser.copy().field()).all()

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, np.array_split(np.random.default_rng(3).permutation(10_000), 20)))
    assert diffuser.count == 10_000 and diffuser.time == times.max()
    expected = diffuse_sources(positions, times, coefficients, shape, 20.0, 3.0, at=10.0, normalize=normalize)
    np.testing.assert_allclose(diffuser.field(10.0), expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("normalize", [False, True])
def test_same_bits_for_any_number_of_threads(dtype, normalize, instruction_set):
    positions, times, coefficients = scatter(3000, (211, 307), channels=3)
    fields = []
    for threads in 1, 2, 5, None:
        diffuser = SourceDiffuser((211, 307, 3), 4.0, 3.0, dtype=dtype, threads=threads, normalize=normalize)
        for part in np.split(np.arange(3000), [1200, 1300]):
            diffuser.add(positions[part], times[part], coefficients[part])
        fields.append(diffuser.field(10.0))
    for other in fields[1:]:
        for a, b in zip(other, fields[0], strict=True) if normalize else [(other, fields[0])]:
            assert_same_bits(a, b)


# ---- bad input


@pytest.mark.parametrize(
    "name, arguments, keywords",
    [
        ("positions", ([(5, 5), (math.nan, 5)], [20.0, 20.0], 1.0), {}),
        ("positions", ([(5, 5), (5, math.inf)], [20.0, 20.0], 1.0), {}),
        ("positions", (np.zeros((2, 3)), [20.0, 20.0], 1.0), {}),
        ("positions", ("here", 20.0, 1.0), {}),
        ("times", (np.zeros((2, 2)), [20.0, math.nan], 1.0), {}),
        ("times", (np.zeros((2, 2)), [20.0, math.inf], 1.0), {}),
        ("times", (np.zeros((2, 2)), [20.0] * 3, 1.0), {}),
        ("times", ((5, 5), None, 1.0), {}),
        ("coefficients", (np.zeros((2, 2)), [20.0, 20.0], [1.0, math.nan]), {}),
        ("coefficients", (np.zeros((2, 2)), [20.0, 20.0], [1.0] * 3), {}),
        ("coefficients", (np.zeros((2, 2)), [20.0, 20.0], np.ones((2, 3))), {}),
        ("coefficients", (np.zeros((2, 2)), [20.0, 20.0], "1"), {}),
        ("sigma", (np.zeros((2, 2)), [20.0, 20.0], 1.0), {"sigma": -1.0}),
        ("sigma", (np.zeros((2, 2)), [20.0, 20.0], 1.0), {"sigma": np.array([1.0, math.nan])}),
        ("sigma", (np.zeros((2, 2)), [20.0, 20.0], 1.0), {"sigma": np.ones(3)}),
    ],
)
@pytest.mark.parametrize("normalize", [False, True])
def test_bad_sources_leave_the_state_as_it_was(name, arguments, keywords, normalize):
    diffuser = SourceDiffuser(SHAPE, 2.0, 3.0, normalize=normalize)
    diffuser.add(*in_order(10))
    time, before = diffuser.time, diffuser.field()
    with pytest.raises((ValueError, TypeError), match=rf"\b{name}\b"):
        diffuser.add(*arguments, **keywords)
    assert (diffuser.time, diffuser.count) == (time, 10)
    np.testing.assert_array_equal(diffuser.field(), before)


def test_the_first_bad_index_is_named():
    diffuser = SourceDiffuser(SHAPE, 2.0, 3.0)
    for name in "positions", "times", "coefficients":
        arguments = {"positions": np.ones((8, 2)), "times": np.ones(8), "coefficients": np.ones(8)}
        arguments[name][6:] = math.nan
        with pytest.raises(ValueError, match=rf"^{name}\b.*\b6\b"):
            diffuser.add(**arguments)


@pytest.mark.parametrize(
    "name, value",
    [
        ("shape", (5,)),
        ("shape", (0, 5)),
        ("shape", (5, 5, 0)),
        ("shape", (5, 5, 5, 5)),
        ("shape", 5),
        ("sigma", -1.0),
        ("sigma", math.nan),
        ("sigma", (1.0, 2.0, 3.0)),
        ("tau", -1.0),
        ("tau", math.nan),
        ("tau", [1.0, 2.0]),
        ("normalize", "yes"),
        ("fill", "black"),
        ("eps", 0.0),
        ("eps", 1.0),
        ("dtype", np.uint8),
        ("threads", 0),
    ],
    ids=str,
)
def test_bad_parameters_are_refused_by_name(name, value):
    with pytest.raises((ValueError, TypeError), match=rf"\b{name}\b"):
        SourceDiffuser(**{"shape": SHAPE, "sigma": 2.0, "tau": 3.0, "normalize": True} | {name: value})


@pytest.mark.parametrize(
    "name, value",
    [
        ("at", math.nan),
        ("at", math.inf),
        ("at", "now"),
        ("at", [20.0, 21.0]),
        ("out", np.zeros(SHAPE, np.float32)),
        ("out", np.zeros((5, 5))),
        ("out", "here"),
    ],
    ids=str,
)
def test_bad_questions_are_refused_by_name(name, value):
    diffuser = SourceDiffuser(SHAPE, 2.0, 3.0)
    diffuser.add((5, 5), 10.0)
    with pytest.raises((ValueError, TypeError), match=rf"\b{name}\b"):
        diffuser.field(**{name: value})
