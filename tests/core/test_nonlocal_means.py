# SPDX-License-Identifier: Apache-2.0
"""Non-local means against its oracle and against scikit-image."""

import cv2
import numpy as np
import pytest

import oracles
import vdcore
from helpers.support import BOUNDARIES, DTYPES, INSTRUCTION_SETS, assert_near, assert_same_bits, scene
from oracles.nonlocal_means import nonlocal_means
from vdcore.models import NonLocalMeans

restoration = pytest.importorskip("skimage.restoration")


def picture(dtype, shape=(13, 17)):
    return scene(dtype, (1, *shape))[0]


def model_for(dtype, **keywords):
    """A strength that tells the parts of the scene apart, in samples of dtype."""
    extent = oracles.RANGE[dtype]
    return NonLocalMeans(0.1 * extent, 0.05 * extent, **keywords)


def filtered(frame, model, sigma=0.0, **keywords):
    return vdcore.diffuse_frame(
        frame, sigma, model=model, channel_axis=-1 if frame.ndim == 3 else None, **keywords
    )


def expected(frame, model, sigma=0.0, **keywords):
    sums, weights = nonlocal_means(
        frame,
        sigma,
        strength=model.strength,
        noise=model.noise,
        patch=model.patch,
        search=model.search,
        **keywords,
    )
    return (sums / weights[:, :, None]).reshape(frame.shape)


@pytest.mark.parametrize("boundary", BOUNDARIES)
@pytest.mark.parametrize("channels", [(), (1,), (2,), (3,), (4,)], ids=str)
@pytest.mark.parametrize("dtype", DTYPES)
def test_every_dtype_and_boundary_is_the_oracle(dtype, channels, boundary):
    """One frame, patches and window wider than parts of it."""
    frame, model = picture(dtype, (13, 17, *channels)), model_for(dtype, search=3)
    keywords = {"boundary": boundary, "cval": 0.3 * oracles.RANGE[dtype]}
    got = filtered(frame, model, **keywords)
    assert_near(got, expected(frame, model, **keywords), frame)


@pytest.mark.parametrize("sigma", [0.7, 2.0, (0, 1.5)], ids=str)
@pytest.mark.parametrize("patch, search", [(0, 1), (1, 4), (3, 2), (4, 6)])
def test_windows(patch, search, sigma):
    """Every size of patch and window, with the Gaussian within the window; truncate does not matter."""
    frame, model = picture("float64"), model_for("float64", patch=patch, search=search)
    got = filtered(frame, model, sigma, truncate=1)
    assert_near(got, expected(frame, model, sigma), frame)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_missing(dtype):
    """A missing pixel is filled in from where its surroundings are alike."""
    frame, model = picture(dtype), model_for(dtype, search=3)
    frame[np.random.default_rng(1).uniform(size=frame.shape) < 0.2] = np.nan
    frame[:7, :6] = np.nan
    got = filtered(frame, model)
    sums, weights = nonlocal_means(frame, strength=model.strength, noise=model.noise, search=3)
    reached = weights > 0
    mean = np.divide(sums[:, :, 0], weights, out=np.full(frame.shape, np.nan), where=reached)
    assert_near(got, mean.astype(float), frame)
    assert np.isfinite(got[reached]).all()


@pytest.mark.parametrize("dtype", DTYPES)
def test_confidence_weighs_samples(dtype):
    """Confidence weighs the sources and, where it is above 0, does not touch the patches."""
    frame, model = picture(dtype, (13, 17, 3)), model_for(dtype, search=3)
    rng = np.random.default_rng(1)
    confidence = (rng.uniform(size=(13, 17)) * (rng.uniform(size=(13, 17)) > 0.2)).astype(np.float32)
    got = vdcore.Diffuser(0, 0, model=model)(frame, confidence=confidence)
    assert_near(got, expected(frame, model, confidence=confidence), frame)


def test_missing_far_away():
    """A missing pixel changes nothing where no patch and no window reaches it."""
    frame, model = picture("float64", (20, 40)), model_for("float64", patch=1, search=2)
    holed = frame.copy()
    holed[4, 30] = np.nan
    got, whole = (filtered(f, model) for f in (holed, frame))
    far = np.hypot(*np.mgrid[-4:16, -30:10]) > 6
    np.testing.assert_allclose(got[far], whole[far], rtol=1e-13)


@pytest.mark.parametrize("dtype", ["uint8", "float32", "float64"])
@pytest.mark.parametrize("name", INSTRUCTION_SETS)
def test_same_bits(name, dtype, monkeypatch):
    """Any number of threads, any stride, every instruction set; AVX-512 has bits of its own for float."""
    frame, model = picture(dtype, (150, 260, 3)), model_for(dtype)
    monkeypatch.setenv("VDCORE_CPU", "scalar")
    reference = filtered(frame, model, threads=1)
    monkeypatch.setenv("VDCORE_CPU", name)
    if name == "avx512" and dtype != "float64":
        exact, reference = reference, filtered(frame, model, threads=1)
        limit = 1 if dtype == "uint8" else 2 * oracles.TOLERANCE[dtype]
        assert np.abs(exact.astype(float) - reference).max() <= limit
    for threads in (1, 2, 5):
        assert_same_bits(filtered(frame, model, threads=threads), reference)
    strided = np.repeat(frame, 2, axis=1)[:, ::2]
    assert_same_bits(filtered(strided, model), reference)


def test_recursion_in_time():
    """The sums of each frame go through the recursion of the linear model."""
    video, model, tau = scene("float64", (5, 13, 17)), model_for("float64", search=3), 2.0
    numerator = denominator = 0.0
    for got, frame in zip(vdcore.diffuse(video, 0, tau, model=model), video, strict=True):
        sums, weights = nonlocal_means(frame, strength=model.strength, noise=model.noise, search=3)
        numerator = np.exp(-1 / tau) * numerator + sums[:, :, 0]
        denominator = np.exp(-1 / tau) * denominator + weights
        assert_near(got, numerator / denominator, video)


@pytest.mark.parametrize("channels", [(), (3,)], ids=["grey", "colour"])
def test_opencv(channels):
    """Inside, OpenCV's is ours without noise; it rounds distances and weights to a few digits."""
    frame = picture("uint8", (40, 50, *channels))
    theirs = cv2.fastNlMeansDenoising(frame, [30.0], None, 5, 9, cv2.NORM_L2)
    ours = filtered(frame, NonLocalMeans(30.0, patch=2, search=4))
    difference = np.abs(ours.astype(int) - theirs)[8:-8, 8:-8]
    assert difference.max() <= 2 and difference.mean() < 0.3


@pytest.mark.parametrize("fast_mode", [True, False], ids=["fast", "slow"])
@pytest.mark.parametrize("channels", [(), (3,)], ids=["grey", "colour"])
def test_scikit_image(channels, fast_mode):
    """scikit-image weighs the pixels of a patch in another way, but what is left of the noise is the same."""
    frame = picture("float64", (40, 50, *channels))
    theirs = restoration.denoise_nl_means(
        frame, 5, 4, 0.1, sigma=0.05, fast_mode=fast_mode, channel_axis=-1 if channels else None
    )
    ours = filtered(frame, NonLocalMeans(0.1, 0.05, patch=2, search=4))
    inside = (slice(8, -8), slice(8, -8))
    assert np.std((ours - theirs)[inside]) < 0.15 * np.std((frame - ours)[inside])
