# SPDX-License-Identifier: Apache-2.0
"""Perona-Malik against its own cycles written in NumPy, and against the equation by small explicit steps."""

import numpy as np
import pytest

import oracles
import vdcore
from helpers.support import DTYPES, noise
from oracles import diffusion
from vdcore import models

FUNCTIONS = ["exponential", "rational"]
TOLERANCE = {"uint8": 1e-3, "uint16": 1e-5, "float32": 1e-5, "float64": 1e-12}


def scene(dtype="float64", shape=(40, 48, 3), seed=1):
    """Blocks with noise."""
    y, x = np.mgrid[: shape[0], : shape[1]]
    blocks = 0.2 + 0.3 * (y // 10 % 2) + 0.3 * (x // 12 % 2)
    values = blocks.reshape(*blocks.shape, *[1] * (len(shape) - 2))
    values = values + np.random.default_rng(seed).normal(0, 0.04, shape)
    return oracles.rounded(values.clip(0, 1) * oracles.RANGE[dtype], dtype)


def filtered(frame, sigma, contrast, function="exponential", **keywords):
    model = models.PeronaMalik(contrast, function)
    channel_axis = -1 if frame.ndim == 3 else None
    return vdcore.diffuse_frame(frame, sigma, model=model, channel_axis=channel_axis, **keywords)


@pytest.mark.parametrize("function", FUNCTIONS)
@pytest.mark.parametrize("sigma", [0.4, 1.0, 2.0, 5.0, (2.0, 1.0), (0.0, 3.0)], ids=str)
@pytest.mark.parametrize("dtype", DTYPES)
def test_cycles(dtype, sigma, function, instruction_set):
    """The method as it is stated, to the tolerance of the stream."""
    frame = scene(dtype)
    contrast = 0.1 * oracles.RANGE[dtype]
    expected, _ = diffusion.perona_malik_cycles(frame, sigma, contrast, function)
    limit = TOLERANCE[dtype] * oracles.RANGE[dtype] + (0.5 if np.dtype(dtype).kind == "u" else 0)
    got = filtered(frame, sigma, contrast, function)
    np.testing.assert_allclose(got.astype(float), expected, rtol=0, atol=limit)


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("width", [1, 15, 700, 5000])
def test_cycles_in_one_pass_or_several(width, channels, instruction_set):
    """How many cycles go through the picture at a time depends on its width."""
    frame = scene("float32", (23, width, channels))
    expected, _ = diffusion.perona_malik_cycles(frame, 2.0, 0.1)
    for threads in 1, 3:
        got = filtered(frame, 2.0, 0.1, threads=threads)
        np.testing.assert_allclose(got, expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("function", FUNCTIONS)
@pytest.mark.parametrize("sigma", [1.0, 2.0, 4.0])
def test_equation(sigma, function):
    """Near the equation itself: the mean error is a small part of what the filter changes."""
    frame = scene()
    expected, _ = diffusion.perona_malik(frame, sigma, 0.1, function)
    error = filtered(frame, sigma, 0.1, function) - expected
    change = np.sqrt(np.mean((expected - frame) ** 2))
    assert np.sqrt(np.mean(error**2)) < 0.12 * change
    assert np.sqrt(np.mean(error**2)) < 5e-3 and np.abs(error).max() < 0.1


def test_the_error_is_of_first_order():
    """Twice the cycles, half the error."""
    frame = scene()
    expected, _ = diffusion.perona_malik(frame, 2.0, 0.1, steps_per_unit=400)
    errors = [
        np.sqrt(
            np.mean((diffusion.perona_malik_cycles(frame, 2.0, 0.1, cycles_per_sigma=n)[0] - expected) ** 2)
        )
        for n in (8, 16, 32)
    ]
    ratios = np.divide(errors[:-1], errors[1:])
    assert (ratios > 1.6).all() and (ratios < 2.6).all()


@pytest.mark.parametrize("function", FUNCTIONS)
def test_missing_pixels(function):
    """They are filled from what is known, and what is known is smoothed as the oracle says."""
    frame = scene("float64", (40, 48))
    missing = np.random.default_rng(2).uniform(size=frame.shape) < 0.4
    missing[10:20, 10:20] = True
    frame[missing] = np.nan
    got = filtered(frame, 3.0, 0.1, function, fill=-1.0)
    sums, weights = diffusion.perona_malik_cycles(np.where(missing, 0, frame), 3.0, 0.1, function, ~missing)
    expected = np.divide(sums[:, :, 0], weights, out=np.full(frame.shape, -1.0), where=weights > 0)
    np.testing.assert_allclose(got, expected, rtol=0, atol=1e-8)


def test_no_mask_and_a_mask_of_ones():
    frame = scene("float64", (30, 33))
    got = filtered(frame, 2.0, 0.1, confidence=np.ones(frame.shape))
    np.testing.assert_allclose(got, filtered(frame, 2.0, 0.1), rtol=0, atol=1e-13)


def test_edges_stay_and_noise_falls():
    frame = scene("float64", (40, 48))
    got = filtered(frame, 3.0, 0.1)
    blocks, before = (u.reshape(4, 10, 4, 12) for u in (got, frame))
    inside = (slice(None), slice(3, -3), slice(None), slice(3, -3))
    assert blocks[inside].std(axis=(1, 3)).mean() < 0.4 * before[inside].std(axis=(1, 3)).mean()
    means = blocks[inside].mean(axis=(1, 3))
    assert np.abs(np.diff(means, axis=0)).min() > 0.24


def test_limits_of_the_contrast():
    frame = noise("float64", (30, 33))
    np.testing.assert_array_equal(filtered(frame, 2.0, 1e-9), frame)
    heat = vdcore.diffuse_frame(frame, 4.0, model="laplacian")
    assert np.abs(filtered(frame, 4.0, 1e9) - heat).max() < 0.02


def test_channels_are_joint():
    """An edge in one channel stops the diffusion of all."""
    step = np.zeros((20, 24, 2))
    step[:, 12:, 0] = 1
    step[:, :, 1] = noise("float64", (20, 24)) * 0.01
    step[:, 12:, 1] += 0.02
    together = filtered(step, 3.0, 0.1)[:, :, 1]
    alone = filtered(step[:, :, 1], 3.0, 0.1)
    assert np.diff(together.mean(axis=0))[11] > 2 * np.diff(alone.mean(axis=0))[11]
    sums, _ = diffusion.perona_malik_cycles(step, 3.0, 0.1)
    np.testing.assert_allclose(filtered(step, 3.0, 0.1), sums, rtol=0, atol=1e-12)
