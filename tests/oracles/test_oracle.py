# SPDX-License-Identifier: Apache-2.0
"""The oracle against independent implementations, and against the formula term by term."""

import math

import numpy as np
import pytest
from scipy import ndimage, signal

import oracles

SCIPY_MODE = {"reflect": "reflect", "nearest": "nearest", "constant": "constant", "renormalize": "constant"}
SIGMAS = [0.0, 0.2, 0.5, 1.0, 2.3, (0.7, 3.0), (4.0, 0.0), 9.0]


def video(shape, seed=1):
    return np.random.default_rng(seed).uniform(-3, 5, shape)


@pytest.mark.parametrize("boundary", ["reflect", "nearest", "constant"])
@pytest.mark.parametrize("sigma", SIGMAS, ids=str)
def test_one_frame_is_scipys_gaussian_filter(boundary, sigma):
    frame = video((11, 14, 2))
    expected = ndimage.gaussian_filter(
        frame, (*np.broadcast_to(sigma, 2), 0), mode=boundary, cval=1.75, truncate=4.0
    )
    got = oracles.diffuse(frame[None], sigma, 0, boundary=boundary, cval=1.75)[0]
    np.testing.assert_allclose(got, expected, rtol=0, atol=1e-13)


@pytest.mark.parametrize("truncate", [0.0, 1.0, 2.5, 6.0])
def test_truncate_is_scipys(truncate):
    frame = video((9, 13))
    expected = ndimage.gaussian_filter(frame, 1.7, mode="nearest", truncate=truncate)
    got = oracles.diffuse(frame[None], 1.7, 0, boundary="nearest", truncate=truncate)[0]
    np.testing.assert_allclose(got, expected, rtol=0, atol=1e-13)


@pytest.mark.parametrize("sigma", SIGMAS, ids=str)
def test_renormalize_is_scipys_quotient_of_two_filters(sigma):
    frame = video((11, 14))
    above, below = (
        ndimage.gaussian_filter(image, sigma, mode="constant") for image in (frame, np.ones_like(frame))
    )
    got = oracles.diffuse(frame[None], sigma, 0)[0]
    np.testing.assert_allclose(got, above / below, rtol=0, atol=1e-13)


@pytest.mark.parametrize("boundary", list(SCIPY_MODE))
@pytest.mark.parametrize("extent", [1.0, 2.5])
def test_confidence_is_a_quotient_of_two_convolutions(boundary, extent):
    """Against a full two-dimensional ndimage.convolve with exp(-(dy^2 + dx^2) / 2 sigma^2)."""
    frame, mask = video((8, 10)), video((8, 10), 2).clip(0, 1)
    mask[2:5, 3:9] = 0
    radius = int(4 * extent + 0.5)
    y, x = np.ogrid[-radius : radius + 1, -radius : radius + 1]
    kernel = np.exp(-(y**2 + x**2) / (2 * extent**2))
    outside = 0.25 if boundary == "constant" else 0.0
    mode = SCIPY_MODE[boundary]
    above = ndimage.convolve(mask * frame, kernel, mode=mode, cval=outside)
    below = ndimage.convolve(mask, kernel, mode=mode, cval=float(boundary == "constant"))
    got = oracles.diffuse(frame[None], extent, 0, boundary=boundary, cval=outside, confidence=[mask])[0]
    np.testing.assert_allclose(got, above / below, rtol=0, atol=1e-12)
    raw = oracles.diffuse(
        frame[None], extent, 0, normalize=False, boundary=boundary, cval=outside, confidence=[mask]
    )[0]
    np.testing.assert_allclose(raw, above, rtol=0, atol=1e-12)


@pytest.mark.parametrize("tau", [0.3, 1.0, 7.0, 1e6])
def test_time_is_scipys_one_pole_filter(tau):
    frames = video((40, 2, 3))
    decay = math.exp(-1 / tau)
    above, below = (signal.lfilter([1], [1, -decay], f, axis=0) for f in (frames, np.ones_like(frames)))
    np.testing.assert_allclose(oracles.diffuse(frames, 0, tau), above / below, rtol=0, atol=1e-12)
    np.testing.assert_allclose(oracles.diffuse(frames, 0, tau, normalize=False), above, rtol=0, atol=1e-11)


def test_extreme_time_constants():
    frames = video((12, 2, 3))
    np.testing.assert_array_equal(oracles.diffuse(frames, 0, 0), frames)
    means = np.cumsum(frames, axis=0) / np.arange(1, 13)[:, None, None]
    np.testing.assert_allclose(oracles.diffuse(frames, 0, math.inf), means, rtol=0, atol=1e-14)


def test_time_is_pytempscsps_first_order_filter():
    tempscsp = pytest.importorskip("pytempscsp.tempscsp")
    frames, tau = video((60, 2, 2)), 4.0
    mu = 1 / math.expm1(1 / tau)  # 1 / (1 - mu (z^-1 - 1)) has its pole at mu / (1 + mu) = exp(-1 / tau)
    theirs = tempscsp.limitkernfilt(frames, math.sqrt(mu**2 + mu), numlevels=1, axis=0)
    ours = -math.expm1(-1 / tau) * oracles.diffuse(frames, 0, tau, normalize=False)
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-12)


def test_space_is_pyscsps_sampled_gaussian():
    discscsp = pytest.importorskip("pyscsp.discscsp")
    frame, sigma = video((30, 34)), 2.0
    theirs = discscsp.samplgaussconv(frame, sigma, 1e-14)  # reflects at the edges, amplitude 1 / 2 pi sigma^2
    ours = oracles.diffuse(frame[None], sigma, 0, normalize=False, boundary="reflect", truncate=9)[0]
    np.testing.assert_allclose(ours / (2 * math.pi * sigma**2), theirs, rtol=0, atol=1e-12)


@pytest.mark.parametrize("normalize", [True, False])
def test_every_term_of_the_formula(normalize):
    """A sample in space and time at a time, nothing separable, nothing shared with the oracle."""
    rng = np.random.default_rng(5)
    frames = rng.normal(size=(5, 4, 6))
    frames[2, 1, 2] = np.nan
    confidence = rng.uniform(size=frames.shape).round(1)
    coefficients = rng.normal(size=frames.shape)
    times = np.array([0.0, 0.4, 0.4, 3.0, 3.5])
    sigma_y, sigma_x, tau, lookahead, truncate = 1.2, 0.8, 1.3, 1, 2.0
    got = oracles.diffuse(
        frames,
        (sigma_y, sigma_x),
        tau,
        normalize=normalize,
        truncate=truncate,
        lookahead=lookahead,
        times=times,
        confidence=confidence,
        coefficients=None if normalize else coefficients,
    )
    reach_y, reach_x = int(truncate * sigma_y + 0.5), int(truncate * sigma_x + 0.5)
    for n, y, x in np.ndindex(frames.shape):
        above = below = 0.0
        for i, v, w in np.ndindex(frames.shape):
            if i > n + lookahead or abs(v - y) > reach_y or abs(w - x) > reach_x or np.isnan(frames[i, v, w]):
                continue
            distance = ((v - y) / sigma_y) ** 2 + ((w - x) / sigma_x) ** 2
            weight = math.exp(-distance / 2 - abs(times[n] - times[i]) / tau) * confidence[i, v, w]
            above += weight * frames[i, v, w] * (1.0 if normalize else coefficients[i, v, w])
            below += weight
        assert got[n, y, x] == pytest.approx(above / below if normalize else above, abs=1e-13)


@pytest.mark.parametrize("normalize", [True, False])
@pytest.mark.parametrize("tau", [0.0, 0.01, 2.0, math.inf])
@pytest.mark.parametrize("boundary", list(SCIPY_MODE))
def test_recursion_is_the_sum(normalize, tau, boundary):
    rng = np.random.default_rng(3)
    frames = rng.normal(size=(30, 5, 6, 2))
    frames[rng.uniform(size=frames.shape) < 0.1] = np.nan
    confidence = rng.uniform(size=frames.shape[:3]).round(1) * (rng.uniform(size=(30, 1, 1)) < 0.5)
    steps = rng.uniform(0, 3, 30)
    keywords = {"normalize": normalize, "boundary": boundary, "cval": 0.5}
    expected = oracles.diffuse(
        frames, (1, 0.5), tau, times=np.cumsum(steps), confidence=confidence, **keywords
    )
    recursion = oracles.Recursion((1, 0.5), tau, **keywords)
    for frame, dt, mask, result in zip(frames, steps, confidence, expected, strict=True):
        np.testing.assert_allclose(recursion(frame, dt, mask), result, rtol=0, atol=1e-11)


def test_a_gap_of_any_length_keeps_the_last_value():
    frames = np.full((4, 1, 3), np.nan)
    frames[0] = [[1.0, 2.0, np.nan]]
    for gap in (10.0, 1e5, 1e300):
        result = oracles.diffuse(frames, 0, 1.0, times=[0, gap, gap + 1, 2 * gap + 2])
        np.testing.assert_array_equal(result, np.broadcast_to([[1.0, 2.0, np.nan]], frames.shape))
    assert oracles.diffuse(frames, 0, 1.0, fill=7.0)[3, 0, 2] == 7.0


def test_lookahead_is_symmetric_in_time():
    frames = video((9, 2, 2))
    forward = oracles.diffuse(frames, 0.5, 2.0, lookahead=9)
    backward = oracles.diffuse(frames[::-1], 0.5, 2.0, lookahead=9)[::-1]
    np.testing.assert_allclose(forward, backward, rtol=0, atol=1e-14)


def test_rounding():
    values = np.array([-0.6, 0.5, 1.5, 254.5, 255.6, 300.0])
    np.testing.assert_array_equal(oracles.rounded(values, np.uint8), [0, 0, 2, 254, 255, 255])
    np.testing.assert_array_equal(oracles.away_from_ties(np.array([0.4995, 0.498, 3.5, 3.502])), [0, 1, 0, 1])
