# SPDX-License-Identifier: Apache-2.0
"""The linear model of `Diffuser` against the oracle: every parameter, sample type, size and kernel."""

import math

import numpy as np
import pytest

import oracles
from helpers.streams import LAYOUTS, compare
from helpers.support import (
    DTYPES,
    FLOATS,
    assert_near,
    assert_same_bits,
    noise,
    scene,
    stream,
)

# ---- every sample type, boundary, layout, instruction set, thread count


@pytest.mark.parametrize("layout", list(LAYOUTS))
def test_memory_layout_does_not_matter(dtype, boundary, layout, instruction_set, threads):
    frames = LAYOUTS[layout](noise(dtype, (3, 13, 21, 3)))
    keywords = {"boundary": boundary, "cval": 0.25 * oracles.RANGE[dtype], "threads": threads}
    got = compare(frames, 1.3, 2.0, **keywords)
    assert_same_bits(got, stream(np.ascontiguousarray(frames), 1.3, 2.0, **keywords))


def test_large_enough_for_threads(dtype, boundary, instruction_set):
    frames = noise(dtype, (2, 181, 203, 3))
    one, two, five = (stream(frames, 2.0, 3.0, boundary=boundary, threads=n) for n in (1, 2, 5))
    assert_near(one, oracles.diffuse(frames, 2.0, 3.0, boundary=boundary), frames)
    assert_same_bits(two, one)
    assert_same_bits(five, one)


@pytest.mark.parametrize("extent", [4.0, 9.0, 25.0])
def test_large_sigma_in_large_frames(dtype, boundary, instruction_set, extent):
    frames = scene(dtype, (2, 150, 170))
    compare(frames, extent, 2.0, boundary=boundary, cval=0.5 * oracles.RANGE[dtype])


# ---- sigma and tau


@pytest.mark.parametrize("tau", [0.0, 0.01, 0.7, 3.0, 1e3, 1e9, math.inf])
@pytest.mark.parametrize(
    "sigma", [0.0, 0.1, 0.3, 0.9, 2.0, 5.0, 12.0, 60.0, (0.0, 2.0), (3.0, 0.0), (0.4, 40.0)], ids=str
)
def test_sigma_and_tau(dtype, sigma, tau):
    compare(noise(dtype, (6, 12, 17, 2)), sigma, tau)


@pytest.mark.parametrize("extent", [0.0, 0.5, 3.0, 50.0])
def test_tiny_frames(dtype, boundary, instruction_set, extent):
    for shape in [(1, 1), (1, 2), (2, 1), (1, 37), (37, 1), (2, 2), (3, 5), (1, 1, 3), (2, 9, 4)]:
        compare(noise(dtype, (3, *shape)), extent, 1.5, boundary=boundary, cval=1.0)


@pytest.mark.parametrize("channels", [*range(1, 18), 33])
def test_channel_counts(dtype, channels):
    compare(noise(dtype, (2, 9, 11, channels)), 1.1, 2.0)


@pytest.mark.parametrize("width", [*range(1, 70), 127, 128, 129, 255, 257])
def test_every_width(instruction_set, width):
    """Ends of vector loops: every remainder of every vector length."""
    for dtype in DTYPES:
        compare(noise(dtype, (2, 5, width)), 0.8, 2.0)


@pytest.mark.parametrize("height", [*range(1, 40), 63, 64, 65])
def test_every_height(instruction_set, height):
    """Ends of row tiles and ring buffers, kernels taller than the frame."""
    for dtype in DTYPES:
        compare(noise(dtype, (2, height, 6)), 2.0, 2.0)


@pytest.mark.parametrize("extent", [5e-324, 1e-200, 1e-9, 300.0])
def test_extreme_sigmas(dtype, boundary, extent):
    frames = noise(dtype, (2, 5, 7, 2))
    for sigma in (extent, (extent, 0.7), (0.0, extent)):
        compare(frames, sigma, 2.0, boundary=boundary, cval=0.25 * oracles.RANGE[dtype])


@pytest.mark.timeout(20)
@pytest.mark.parametrize("extent", [1e4, 1e5])
def test_sigma_far_larger_than_the_frame(dtype, boundary, extent, little_memory):
    """Work and memory follow the size of the frame."""
    frames = noise(dtype, (2, 5, 7, 2))
    compare(frames, extent, 2.0, boundary=boundary, cval=0.25 * oracles.RANGE[dtype])


@pytest.mark.timeout(20)
@pytest.mark.parametrize("extent", [1e10, 1e160, 1e308])
def test_sigma_beyond_anything(dtype, extent, little_memory):
    """The mean of everything; where samples must be made up outside, right or refused."""
    frames = noise(dtype, (2, 5, 7, 2))
    compare(frames, extent, 2.0)
    compare(frames, 1.0, 2.0, truncate=extent)
    mean = np.broadcast_to(frames[0].mean(axis=(0, 1)), frames[0].shape)
    for boundary, expected in (("reflect", mean), ("constant", np.zeros_like(mean))):
        try:
            got = stream(frames[:1], extent, 2.0, boundary=boundary)[0]
        except (ValueError, OverflowError):
            continue
        assert_near(got, expected, frames)


@pytest.mark.parametrize("tau", [5e-324, 1e-300, 1e-3, 1e300, 1.7e308])
def test_extreme_time_constants(dtype, tau):
    times = np.cumsum([0, 1, 1e-300, 0, 1, 1e200, 1e300])
    compare(noise(dtype, (7, 4, 5)), 0.7, tau, times=times)


@pytest.mark.parametrize("tolerance", [1e-300, 1e-15, 0.02, 0.5, 1.0, 1e300])
def test_any_tolerance(dtype, tolerance):
    frames = noise(dtype, (3, 40, 50))
    for extent in (1.0, 12.0):
        compare(frames, extent, 2.0, tolerance=max(tolerance, oracles.TOLERANCE["float64"]))
        stream(frames, extent, 2.0, tolerance=tolerance)


@pytest.mark.parametrize("truncate", [0.0, 0.5, 1.0, 3.0, 5.5])
def test_kernel_ends_at_truncate(dtype, boundary, truncate):
    compare(noise(dtype, (2, 15, 16)), 1.9, 2.0, truncate=truncate, boundary=boundary)


@pytest.mark.parametrize("cval", [-10.0, 0.0, 0.4, 300.0])
def test_cval_beyond_the_edges(dtype, cval):
    frames = noise(dtype, (3, 10, 12))
    got = stream(frames, 1.5, 2.0, boundary="constant", cval=cval)
    expected = oracles.diffuse(frames, 1.5, 2.0, boundary="constant", cval=cval)
    # the range of what enters the sum, cval included
    tolerance = oracles.TOLERANCE[dtype] * max(1.0, abs(cval) / oracles.RANGE[dtype])
    assert_near(got, expected, frames, tolerance)


@pytest.mark.parametrize("magnitude", [1e-30, 1e-3, 255.0, 65535.0, 1e12, 1e30])
@pytest.mark.parametrize("dtype", FLOATS)
def test_float_frames_of_any_magnitude(dtype, magnitude):
    """The range of floats is nominal: the error scales with the samples."""
    frames = (noise("float64", (4, 12, 13)) - 0.3) * magnitude
    frames = frames.astype(dtype)
    got = stream(frames, 1.5, 3.0)
    expected = oracles.diffuse(frames, 1.5, 3.0)
    error = np.abs(got - expected).max() / np.abs(frames).max()
    assert error <= oracles.TOLERANCE[dtype]


def test_an_outlier_costs_no_accuracy_elsewhere():
    frames = noise("float32", (1, 40, 50))
    marked = frames.copy()
    marked[0, 0, 0] = 1e6
    one, two = (stream(f, 1.5, 2.0) for f in (frames, marked))
    np.testing.assert_allclose(two[0, 10:], one[0, 10:], rtol=0, atol=1e-6)


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("extent", [0.0, 1.0])
def test_no_memory_of_large_samples(dtype, extent):
    """With tau = 0 a frame is what it is, whatever came before."""
    frames = noise(dtype, (4, 6, 7)) * np.array([1e30, 1, 1e-20, 1e10], dtype).reshape(4, 1, 1)
    got = stream(frames, extent, 0.0)
    for result, frame in zip(got, frames, strict=True):
        assert_same_bits(result, stream(frame[None], extent, 0.0)[0])
