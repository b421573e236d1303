# SPDX-License-Identifier: Apache-2.0
"""The bilateral filter: its oracle against scikit-image and OpenCV, and the library against the oracle."""

import time

import cv2
import numpy as np
import pytest
import skimage.restoration

import oracles
import vdcore
from helpers.support import BOUNDARIES, DTYPES, INSTRUCTION_SETS
from oracles.bilateral import bilateral
from vdcore import models


def scene(shape, seed=1):
    """Stripes, a ramp and noise in [0, 1], float64."""
    y, x = np.mgrid[: shape[0], : shape[1]]
    picture = 0.3 + 0.3 * (x // 6 % 2) + 0.2 * y / shape[0]
    picture = picture.reshape(*picture.shape, *[1] * (len(shape) - 2))
    return (picture + np.random.default_rng(seed).normal(0, 0.05, shape)).clip(0, 1)


def mean(*args, **keywords):
    sums, weights = bilateral(*args, **keywords)
    weights = weights.reshape(*weights.shape, *[1] * (sums.ndim - 2))
    return np.divide(sums, weights, out=np.array(sums), where=weights > 0)


def filtered(frame, *args, **keywords):
    return vdcore.diffuse_frame(frame, *args, channel_axis=2 if frame.ndim == 3 else None, **keywords)


def error(result, expected, dtype):
    """Largest error as a fraction of the range; for integers beyond the rounding."""
    worst = abs(result.astype(float) - expected).max()
    return max(0.0, worst - 0.5 * (np.dtype(dtype).kind == "u")) / oracles.RANGE[dtype]


TOLERANCE = {"uint8": 1e-3, "uint16": 1e-5, "float32": 1e-5, "float64": 1e-12}


@pytest.mark.parametrize("shape", [(20, 24), (16, 18, 3)])
def test_oracle_against_scikit_image(shape):
    """scikit-image has tables of weights. That in space is shifted by a pixel (0.26), so sigma is as good as
    infinite here; that of distances is stretched by the number of channels."""
    frame = scene(shape)
    channels = frame[0, 0].size
    expected = skimage.restoration.denoise_bilateral(
        frame,
        win_size=9,
        sigma_color=0.15 / channels,
        sigma_spatial=1e6,
        bins=100000,
        mode="edge",
        channel_axis=None if channels == 1 else 2,
    )
    result = mean(frame, 1e6, 0.15, boundary="nearest", truncate=4e-6)
    assert abs(result - expected).max() < 1e-4


def test_oracle_against_opencv():
    """Away from the edges, where the boundaries differ; OpenCV's window is a disc."""
    frame = scene((30, 34)).astype(np.float32)
    expected = cv2.bilateralFilter(frame, 9, 0.15, 1.0)
    inner = slice(4, -4)
    assert abs(mean(frame, 1.0, 0.15) - expected)[inner, inner].max() < 3e-4


@pytest.mark.parametrize("boundary", BOUNDARIES)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("channels", [0, 1, 2, 3, 4])
def test_every_dtype_and_boundary_is_the_oracle(channels, dtype, boundary):
    frame = oracles.rounded(scene((19, 23, channels)[: 2 + (channels > 0)]) * oracles.RANGE[dtype], dtype)
    settings = {"boundary": boundary, "truncate": 3.0, "cval": 0.4 * oracles.RANGE[dtype]}
    for sigma in (1.3, (0, 2.0)):
        range_sigma = 0.1 * oracles.RANGE[dtype]
        result = filtered(frame, sigma, model=models.Bilateral(range_sigma), **settings)
        assert result.dtype == frame.dtype
        assert error(result, mean(frame, sigma, range_sigma, **settings), dtype) <= TOLERANCE[dtype]


@pytest.mark.parametrize("dtype", ["uint8", "float32"])
@pytest.mark.parametrize("channels", [1, 3])
def test_confidence_weighs_samples(channels, dtype):
    frame = oracles.rounded(scene((21, 26, channels)) * oracles.RANGE[dtype], dtype)
    rng = np.random.default_rng(3)
    confidence = rng.uniform(0, 1, frame.shape[:2]) * (rng.uniform(size=frame.shape[:2]) < 0.6)
    range_sigma = 0.1 * oracles.RANGE[dtype]
    diffuser = vdcore.Diffuser(1.5, 0, model=models.Bilateral(range_sigma))
    result = diffuser(frame, confidence=confidence)
    expected = mean(frame, 1.5, range_sigma, confidence=confidence)
    assert error(result, expected, dtype) <= TOLERANCE[dtype]


def test_nan_is_missing():
    frame = scene((18, 22, 3)).astype(np.float32)
    frame[3:6, 4:9, 1] = np.nan
    frame[12, 12] = np.nan
    result = filtered(frame, 1.5, model=models.Bilateral(0.1))
    assert error(result, mean(frame, 1.5, 0.1), "float32") <= 1e-5


@pytest.mark.parametrize("channels", [1, 3])
def test_same_bits(channels, monkeypatch):
    """Whatever the instruction set and the number of threads."""
    frame = scene((50, 1700, channels)).astype(np.float32)
    frame[10:13, 20:40] = np.nan
    results = []
    for name in INSTRUCTION_SETS:
        monkeypatch.setenv("VDCORE_CPU", name)
        results += [
            filtered(frame, 1.5, model=models.Bilateral(0.1), threads=threads) for threads in (1, 2, 5)
        ]
    for result in results[1:]:
        np.testing.assert_array_equal(result, results[0])


def test_edges_stay():
    """A step many range sigmas high keeps its height to the last digit shown."""
    frame = np.zeros((20, 20), np.float32)
    frame[:, 10:] = 1.0
    result = filtered(frame, 3.0, model=models.Bilateral(0.05))
    np.testing.assert_array_equal(result, frame)


@pytest.mark.usefixtures("little_memory")
def test_wide_kernel_on_a_strip():
    """A kernel far wider than the picture takes no memory for what does not exist around it."""
    strip = scene((1, 15000))
    result = filtered(strip, 1e6, model=models.Bilateral(0.15))
    row, x = strip[0], np.arange(strip.size)
    for at in (0, 7000, 14999):
        weights = np.exp(-0.5 * ((x - at) / 1e6) ** 2 - 0.5 * ((row - row[at]) / 0.15) ** 2)
        assert abs(result[0, at] - np.sum(weights * row) / np.sum(weights)) < 1e-12


def test_wide_kernel_on_one_pixel():
    """A wide kernel costs one pixel only the pairs of pixels that it is part of."""

    def seconds(shape):
        frame = scene(shape).astype("float32")
        times = []
        for _ in range(3):
            start = time.process_time()
            filtered(frame, 60, model=models.Bilateral(0.15), boundary="nearest", threads=1)
            times.append(time.process_time() - start)
        return min(times)

    assert seconds((1, 1)) < seconds((40, 40)) / 3


def test_wide_range_is_gaussian():
    frame = scene((20, 24))
    result = filtered(frame, 1.5, model=models.Bilateral(1e6))
    assert abs(result - filtered(frame, 1.5)).max() < 1e-11


def before_rounding(frame, sigma, range_sigma, *, threads=1, **keywords):
    """What 8-bit frames come to, in float32."""
    diffuser = vdcore.Diffuser(sigma, 0, model=models.Bilateral(range_sigma), threads=threads, **keywords)
    return diffuser(frame, out=np.empty(frame.shape, np.float32))


def random_bytes(kind, size):
    """Noise, faint noise, or outliers that no neighbour is like."""
    noise = np.random.default_rng(2).integers(0, 256, size)
    pictures = {
        "noise": noise,
        "faint": noise // 8 + 100,
        "spots": np.where(noise > 250, noise % 2 * 255, 120),
    }
    return pictures[kind].astype(np.uint8)


@pytest.mark.parametrize("boundary", BOUNDARIES)
@pytest.mark.parametrize("size", [(1, 1), (3, 200), (40, 3), (9, 64), (27, 131), (70, 90)], ids=str)
@pytest.mark.parametrize("kind", ["noise", "faint", "spots"])
@pytest.mark.parametrize("range_sigma", [1e-9, 0.4, 20.0, 80.0, 1e9])
def test_bytes_keep_the_tolerance(size, boundary, kind, range_sigma):
    """8 bits, grey: within the tolerance before the rounding, however narrow or wide the range."""
    frame = random_bytes(kind, size)
    for sigma, truncate in (2.0, 2.0), ((0.0, 3.0), 4.0), ((2.0, 0.6), 2.5), (50.0, 0.1):
        settings = {"boundary": boundary, "truncate": truncate, "cval": 17.0}
        result = before_rounding(frame, sigma, range_sigma, **settings)
        worst = abs(result - mean(frame, sigma, range_sigma, **settings)).max()
        assert worst <= 1e-3 * 255, (sigma, worst)


def test_bytes_rarely_round_otherwise():
    frame = oracles.rounded(scene((80, 120)) * 255, "uint8")
    result = before_rounding(frame, 2.0, 20.0, truncate=2.0)
    error = result - mean(frame, 2.0, 20.0, truncate=2.0)
    assert abs(error).mean() < 0.01 and abs(error.mean()) < 0.001


@pytest.mark.parametrize("tolerance, cval", [(1e-6, 0.0), (1e-3, 17.25), (1e-3, -400.0)])
def test_bytes_with_little_tolerance(tolerance, cval):
    """Where whole weights would be too coarse, or a sample is no byte, real ones take over."""
    frame = oracles.rounded(scene((25, 31)) * 255, "uint8")
    settings = {"boundary": "constant", "truncate": 2.0, "cval": cval}
    result = before_rounding(frame, 2.0, 25.0, tolerance=tolerance, **settings)
    assert abs(result - mean(frame, 2.0, 25.0, **settings)).max() <= tolerance * 255


def test_bytes_same_bits(monkeypatch):
    """Whatever the instruction set, the number of threads and the stride."""
    frame = oracles.rounded(scene((50, 700)) * 255, "uint8")
    results = []
    for name in INSTRUCTION_SETS:
        monkeypatch.setenv("VDCORE_CPU", name)
        for range_sigma in 12.0, 30.0, 60.0:
            whole = [
                before_rounding(frame, 2.0, range_sigma, threads=threads, truncate=2.0)
                for threads in (1, 2, 5)
            ]
            strided = before_rounding(np.repeat(frame, 2, axis=1)[:, ::2], 2.0, range_sigma, truncate=2.0)
            for result in (*whole, strided):
                np.testing.assert_array_equal(result, whole[0])
            results.append(whole[0])
    for i, result in enumerate(results):
        np.testing.assert_array_equal(result, results[i % 3])


def test_bytes_with_confidence():
    """A frame with missing pixels among others, in one stream."""
    frame = oracles.rounded(scene((25, 31)) * 255, "uint8")
    confidence = (np.random.default_rng(4).uniform(size=frame.shape) < 0.7).astype(float)
    diffuser = vdcore.Diffuser(1.5, 0, model=models.Bilateral(25.0), truncate=2.0)
    for given in None, confidence, None:
        expected = mean(frame, 1.5, 25.0, truncate=2.0, confidence=given)
        assert error(diffuser(frame, confidence=given), expected, "uint8") <= 1e-3
