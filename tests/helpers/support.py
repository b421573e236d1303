# SPDX-License-Identifier: Apache-2.0
"""What most tests share: frames, streams through one Diffuser, and the two ways to judge a result."""

import re

import numpy as np

import oracles
import vdcore

DTYPES = ["uint8", "uint16", "float32", "float64"]
INTEGERS = ["uint8", "uint16"]
FLOATS = ["float32", "float64"]
BOUNDARIES = ["renormalize", "reflect", "nearest", "constant"]
INSTRUCTION_SETS = list(vdcore.build_info()["instruction_sets"])

PER_FRAME = ("confidence", "coefficients")


def noise(dtype, shape, seed=1):
    """Random samples over the whole range of dtype ([0, 1] for floats)."""
    values = np.random.default_rng(seed).uniform(size=shape)
    return oracles.rounded(values * oracles.RANGE[dtype], dtype)


def scene(dtype, shape, seed=1):
    """A moving bright bar on a smooth slope with noise: edges, flat areas, both ends of the range."""
    count, height, width = shape[:3]
    y, x = np.mgrid[:height, :width]
    frames = np.empty((count, height, width))
    for t in range(count):
        frames[t] = 0.2 + 0.5 * y / height
        frames[t][abs(x - width * (t + 1) / (count + 1)) < width / 10] = 1.0
    frames = frames.reshape(*frames.shape, *[1] * (len(shape) - 3))
    frames = frames + np.random.default_rng(seed).normal(0, 0.05, shape)
    return oracles.rounded(frames.clip(0, 1) * oracles.RANGE[dtype], dtype)


def stream(frames, *args, times=None, confidence=None, coefficients=None, dtype=None, **keywords):
    """Push every frame through a new Diffuser, flush it, answer all results as one array."""
    diffuser = vdcore.Diffuser(*args, **keywords)
    results = push_all(
        diffuser, frames, times=times, confidence=confidence, coefficients=coefficients, dtype=dtype
    )
    results += diffuser.flush()
    return np.stack(results)


def push_all(diffuser, frames, times=None, confidence=None, coefficients=None, dtype=None):
    """Push frames one by one, answer the list of results that were ready."""
    results = []
    for i, frame in enumerate(frames):
        extra = {}
        if times is not None and i > 0:
            extra["dt"] = times[i] - times[i - 1]
        if confidence is not None:
            extra["confidence"] = confidence[i]
        if coefficients is not None:
            extra["coefficients"] = coefficients[i]
        result = diffuser(frame, dtype=dtype, **extra)
        if result is not None:
            results.append(result)
    return results


def assert_near(got, expected, frames, tolerance=None, gain=1.0):
    """The promise: |got - oracle| <= tolerance * range before rounding, and 0.5 more after it.

    The range is the integer type's, or the largest magnitude in float frames, at least 1. `gain` is the
    largest sum of absolute weights, for raw mode.
    """
    kind = frames.dtype.name
    tolerance = oracles.TOLERANCE[kind] if tolerance is None else tolerance
    extent = oracles.RANGE[kind]
    if frames.dtype.kind == "f" and np.isfinite(frames).any():
        extent = max(extent, float(np.nanmax(np.abs(frames.astype(float)))))
    bound = tolerance * extent * max(1.0, gain)
    if got.dtype.kind == "u":
        bound += 0.5
        expected = expected.clip(0, np.iinfo(got.dtype).max)
    else:
        bound += float(np.finfo(got.dtype).eps) * extent * max(1.0, gain)
    assert got.shape == expected.shape
    np.testing.assert_array_equal(np.isnan(got), np.isnan(expected))
    error = np.nanmax(np.abs(got.astype(float) - expected), initial=0.0)
    assert error <= bound, f"error {error:.3g} above {bound:.3g}"


def label(value):
    """Return the text of a parameter as an id that is the same in every process: without addresses."""
    return re.sub(r" at 0x[0-9a-f]+", "", str(value))


def assert_same_bits(got, expected):
    assert got.dtype == expected.dtype
    assert got.shape == expected.shape
    np.testing.assert_array_equal(
        np.ascontiguousarray(got).view(np.uint8), np.ascontiguousarray(expected).view(np.uint8)
    )
