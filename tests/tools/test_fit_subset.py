# SPDX-License-Identifier: Apache-2.0
"""`fit` works on a bounded subset of a video, and refuses what cannot be fitted."""

import sys
from itertools import islice

import numpy as np
import pytest

from helpers.fitting import degraded, scene, squared_error
from vdcore.noise import NoiseEstimate
from vdcore.tools.fitting import fit
from vdcore.tools.fitting.subset import COUNTED, MARGIN, TILE, WARM_UP, Subset

pytest.importorskip("scipy")


@pytest.fixture(autouse=True)
def one_thread(monkeypatch):
    """Frames are small here, and other tests may run at the same time."""
    monkeypatch.setenv("VDCORE_NUM_THREADS", "1")


def numbered(count, shape, copies=1):
    """Frames that hold their number and their places: channels (t, y, x)."""
    y, x = np.mgrid[: shape[0], : shape[1]]
    for t in range(count):
        yield np.stack([np.stack([np.full(shape, t), y, x], axis=-1)] * copies)


def subset_of(frames, most, lookahead=0, seed=0):
    subset = Subset(most, lookahead, np.random.default_rng(seed))
    for t, images in enumerate(frames):
        subset.add(images, t / 2)
        assert subset._kept <= max(most, TILE * TILE * 3 * 48)
    return list(subset.pieces())


# ---- a bounded subset


def test_what_fits_is_kept_whole():
    (piece,) = subset_of(numbered(70, (20, 30), copies=2), 70 * 20 * 30 * 3)
    assert piece.images.shape == (70, 2, 20, 30, 3)
    assert (piece.start, piece.stop, piece.tiles) == (0, 70, 0)
    np.testing.assert_array_equal(piece.times, np.arange(70) / 2)
    assert piece.counted(piece.images) is not None and piece.counted(piece.images).shape == piece.images.shape


@pytest.mark.parametrize(
    "count, shape, lookahead", [(20, (200, 300), 0), (300, (100, 90), 3), (500, (16, 20), 0)]
)
def test_pieces_are_runs_of_consecutive_frames(count, shape, lookahead):
    most = 300_000
    pieces = subset_of(numbered(count, shape), most, lookahead)
    assert sum(piece.images.size for piece in pieces) <= most
    firsts = [int(piece.images[0, 0, 0, 0, 0]) for piece in pieces]
    assert firsts[0] == 0 and pieces[0].start == 0
    assert len(set(np.diff(firsts))) <= 1  # evenly spread
    if count > 20:
        assert firsts[-1] > 0.6 * count
    for first, piece in zip(firsts, pieces, strict=True):
        numbers = piece.images[:, 0, 0, 0, 0]
        np.testing.assert_array_equal(numbers, first + np.arange(len(numbers)))
        np.testing.assert_array_equal(piece.times, numbers / 2)
        assert piece.start == (WARM_UP if first else 0)
        assert piece.stop == len(numbers) - (lookahead if numbers[-1] < count - 1 else 0)
        assert piece.stop <= WARM_UP + COUNTED


def test_tiles_are_pieces_of_the_picture_without_their_rims():
    pieces = subset_of(numbered(100, (200, 300)), 400_000)
    corners = []
    for piece in pieces:
        counted = piece.counted(piece.images[:, 0])
        side = TILE - 2 * MARGIN
        assert counted.shape == (piece.stop - piece.start, side, piece.tiles, side, 3)
        tile = counted[0, :, 0]
        assert (np.diff(tile[..., 1], axis=0) == 1).all() and (np.diff(tile[..., 2], axis=1) == 1).all()
        corners += [tuple(corner) for corner in counted[0, 0, :, 0, 1:]]
    assert len(set(corners)) > 0.9 * len(corners)  # every run has its own


def test_tiles_are_spread_evenly():
    (piece,) = subset_of(numbered(4, (512, 512)), 512 * 512 * 3)
    places = piece.counted(piece.images[:, 0])[0, 0, :, 0, 1:]
    quarters = np.histogram2d(*places.T, bins=2, range=[[0, 512 - TILE]] * 2)[0]
    assert piece.tiles == 64 and quarters.min() >= 12


def test_long_video_is_fitted_on_little_of_it():
    def frames(noise):
        rng = np.random.default_rng(1)
        picture = scene(1, 128, 400, high=200)[0]
        for t in range(300):
            yield (picture[:, t : t + 96] + rng.normal(0, noise, (128, 96, 3))).clip(0, 255).astype(np.uint8)

    few = fit(frames(20), frames(0), max_samples=2**19)
    assert 50 < few.frames < 200
    noisy, clean = (np.stack(list(islice(frames(noise), 40))) for noise in (20, 0))
    best = squared_error(noisy, clean, **fit(noisy, clean).parameters())
    assert squared_error(noisy, clean, **few.parameters()) < 1.02 * best
    assert squared_error(noisy, clean, **fit(frames(20), max_samples=2**19).parameters()) < 1.03 * best


# ---- bad input


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32", "float64"])
@pytest.mark.parametrize("value", [0, 1])
def test_constant_video(dtype, value):
    frames = np.full((5, 20, 24, 3), value, dtype)
    for result in (fit(frames), fit(frames, frames)):
        assert (result.sigma, result.tau, result.error, result.psnr) == (0, 0, 0, np.inf)
    np.testing.assert_array_equal(fit(frames).noise.sigma, 0)
    assert np.isfinite(fit(frames, noise=3).error)
    assert "inf" in result.table()


def test_single_frame():
    clean, noisy = degraded(scene(frames=1), 20)
    with pytest.raises(ValueError, match="frames must be at least 2 to fit tau, got 1: give tau=0"):
        fit(noisy)
    result = fit(noisy, clean, tau=0)
    assert result.sigma > 0.3 and result.frames == 1
    assert fit(noisy, tau=0).sigma > 0.3


@pytest.mark.filterwarnings("error")
def test_missing_samples_do_not_count():
    clean, noisy = degraded(scene(), 20, "float32")
    holes = noisy.copy()
    holes[:, 10:20, 30:40] = np.nan
    holes[3] = np.nan
    for keywords in ({"reference": clean}, {"noise": 20}):
        whole, some = fit(noisy, sigma=0.7, tau=0.7, **keywords), fit(holes, sigma=0.7, tau=0.7, **keywords)
        assert some.error == pytest.approx(whole.error, rel=0.1)
    dirty = clean.copy()
    dirty[:, :, 40:] = np.nan
    expected = squared_error(noisy[:, :, :40], clean[:, :, :40], sigma=0, tau=1)
    assert fit(noisy, dirty, sigma=0, tau=1).error == pytest.approx(expected, rel=1e-3)
    with pytest.raises(ValueError, match="frames must have samples that are not NaN"):
        fit(np.full_like(noisy, np.nan), noise=1)


@pytest.mark.parametrize(
    "change, keywords, error, message",
    [
        (lambda clean: clean[:-1], {}, ValueError, "one length, but reference ends after 9"),
        (
            lambda clean: np.concatenate([clean, clean]),
            {},
            ValueError,
            "one length, but frames ends after 10",
        ),
        (lambda clean: clean[:, 1:], {}, ValueError, r"shape and dtype of frames, \(56, 72, 3\) uint8"),
        (lambda clean: clean.astype(np.float32), {}, ValueError, "float32"),
        (lambda clean: clean[..., 0], {}, ValueError, r"\(56, 72\)"),
        (lambda clean: None, {"noise": -1}, ValueError, "noise must be a number >= 0 or one for each of 3"),
        (lambda clean: None, {"noise": (1, 2)}, ValueError, "noise must be"),
        (lambda clean: None, {"noise": np.nan}, ValueError, "noise must be"),
        (
            lambda clean: None,
            {"noise": NoiseEstimate(*np.ones((3, 1)))},
            ValueError,
            "noise must have 3 channels",
        ),
        (lambda clean: clean, {"max_evaluations": 0}, ValueError, "max_evaluations must be"),
        (lambda clean: clean, {"max_samples": 0}, ValueError, "max_samples must be"),
        (lambda clean: clean, {"seed": -1}, ValueError, "seed must be"),
        (lambda clean: clean, {"sigma": -1}, ValueError, "sigma must be"),
        (lambda clean: clean, {"model": "nonsense"}, ValueError, "model must be"),
        (lambda clean: clean, {"time_unit": "seconds"}, ValueError, "times must be given"),
        (lambda clean: clean, {"times": [0, 1, 2]}, ValueError, "one entry for each frame, got 3"),
        (lambda clean: clean, {"times": [0, 2, 1, *range(7)]}, ValueError, "times must not decrease"),
        (lambda clean: clean, {"times": [0, np.nan, *range(8)]}, ValueError, r"times\[1\] must be"),
    ],
)
def test_what_is_refused(change, keywords, error, message):
    clean, noisy = degraded(scene(), 20)
    with pytest.raises(error, match=message):
        fit(noisy, change(clean), **keywords)


def test_missing_packages_are_named(monkeypatch):
    clean, noisy = degraded(scene(frames=3), 20)
    result = fit(noisy, clean, max_evaluations=3)
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(ImportError, match=r"pip install vdcore\[plot\]"):
        result.plot()
    monkeypatch.setitem(sys.modules, "scipy", None)
    with pytest.raises(ImportError, match=r"pip install vdcore\[fit\]"):
        fit(noisy, clean)
