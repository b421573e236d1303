# SPDX-License-Identifier: Apache-2.0
"""The library directly against SciPy, with nothing of the oracle in between."""

import math

import numpy as np
import pytest
from scipy import ndimage, signal

import vdcore
from helpers.support import assert_near, noise, stream
from oracles import RANGE, rounded


def smooth(frame, sigma, boundary, cval, truncate=4.0):
    """One frame through ndimage.gaussian_filter; "renormalize" as a quotient of two."""
    sigmas = (*np.broadcast_to(sigma, 2), *[0] * (frame.ndim - 2))
    if boundary != "renormalize":
        return ndimage.gaussian_filter(frame, sigmas, mode=boundary, cval=cval, truncate=truncate)
    above, below = (
        ndimage.gaussian_filter(image, sigmas, mode="constant", truncate=truncate)
        for image in (frame, np.ones_like(frame))
    )
    return above / below


def scipy_diffuse(frames, sigma, tau, boundary, cval=0.0):
    """Gaussian in space, one-pole filter in time, divided by the same filter of ones."""
    decay = math.exp(-1 / tau) if tau else 0.0
    space = np.stack([smooth(frame.astype(float), sigma, boundary, cval) for frame in frames])
    above, below = (signal.lfilter([1], [1, -decay], x, axis=0) for x in (space, np.ones_like(space)))
    return above / below


@pytest.mark.parametrize("sigma", [0.5, 1.0, 2.0, 4.0, 10.0, 20.0, (0.8, 3.0)], ids=str)
def test_space_and_time(dtype, boundary, instruction_set, threads, sigma):
    frames = noise(dtype, (4, 61, 66, 3))
    cval = 0.3 * RANGE[dtype]
    got = stream(frames, sigma, 2.5, boundary=boundary, cval=cval, threads=threads)
    assert_near(got, scipy_diffuse(frames, sigma, 2.5, boundary, cval), frames)


@pytest.mark.parametrize("tau", [0.0, 0.5, 8.0, 500.0])
def test_time(dtype, instruction_set, tau):
    frames = noise(dtype, (60, 5, 7))
    assert_near(stream(frames, 0.0, tau), scipy_diffuse(frames, 0.0, tau, "reflect"), frames)


@pytest.mark.parametrize("shape", [(1, 40_000), (40_000, 1), (3, 9_001, 1), (5_003, 4)], ids=str)
def test_long_lines(dtype, boundary, shape):
    frame = noise(dtype, shape)
    got = vdcore.diffuse_frame(frame, 3.0, boundary=boundary, channel_axis=-1 if len(shape) == 3 else None)
    assert_near(got, smooth(frame.astype(float), 3.0, boundary, 0.0), frame)


@pytest.mark.parametrize("truncate", [1.0, 3.0, 5.0])
def test_truncate(dtype, boundary, truncate):
    frame = noise(dtype, (31, 33))
    got = vdcore.diffuse_frame(frame, 2.0, boundary=boundary, truncate=truncate)
    expected = smooth(frame.astype(float), 2.0, boundary, 0.0, truncate)
    assert_near(got, expected, frame)


def test_two_dimensional_convolution(dtype):
    """Against one full two-dimensional kernel instead of two separable passes."""
    frame = noise(dtype, (24, 27))
    y, x = np.mgrid[-6:7, -6:7]
    kernel = np.exp(-(y**2 + x**2) / (2 * 1.5**2))
    above, below = (
        ndimage.convolve(image, kernel, mode="constant")
        for image in (frame.astype(float), np.ones(frame.shape))
    )
    assert_near(vdcore.diffuse_frame(frame, 1.5), above / below, frame)
    raw = stream(frame[None], 1.5, 0.0, normalize=False)[0]
    assert_near(raw, above, frame, gain=kernel.sum())


def test_normalized_convolution(dtype, instruction_set, threads):
    """Knutsson & Westin: filter of mask times frame over filter of mask, each through one pole in time."""
    rng = np.random.default_rng(9)
    frames = noise(dtype, (6, 25, 28))
    masks = rng.uniform(size=frames.shape).round(2).astype(np.float32)
    decay = math.exp(-1 / 3.0)
    above, below = (
        signal.lfilter(
            [1],
            [1, -decay],
            np.stack([ndimage.gaussian_filter(x, 1.2, mode="constant") for x in product]),
            axis=0,
        )
        for product in (masks * frames.astype(float), masks.astype(float))
    )
    got = stream(frames, 1.2, 3.0, confidence=masks, threads=threads)
    assert_near(got, above / below, frames)


def test_raw_mode_with_coefficients(dtype, instruction_set):
    rng = np.random.default_rng(9)
    frames = noise(dtype, (6, 25, 28))
    coefficients = rng.normal(size=frames.shape)
    weight = sum(math.exp(-(d**2) / (2 * 1.2**2)) for d in range(-5, 6)) ** 2
    space = np.stack(
        [weight * ndimage.gaussian_filter(x, 1.2, mode="nearest") for x in coefficients * frames]
    )
    expected = signal.lfilter([1], [1, -math.exp(-1 / 3.0)], space, axis=0)
    got = stream(frames, 1.2, 3.0, normalize=False, boundary="nearest", coefficients=coefficients)
    assert_near(got, expected, frames, gain=weight * np.abs(coefficients).max() / (1 - math.exp(-1 / 3)))


def test_integers_equal_scipys_rounded_result(instruction_set):
    for dtype in ("uint8", "uint16"):
        frames = noise(dtype, (3, 90, 100))
        for sigma in (1.0, 3.0, 8.0):
            expected = scipy_diffuse(frames, sigma, 2.0, "reflect")
            got = stream(frames, sigma, 2.0, boundary="reflect")
            assert (got == rounded(expected, dtype)).mean() > 0.97
