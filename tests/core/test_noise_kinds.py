# SPDX-License-Identifier: Apache-2.0
"""Noise that is not white, changes, lasts or fills a part of the picture; and pictures without noise."""

import cv2
import numpy as np
import pytest

from helpers.denoising import with_noise
from helpers.support import assert_same_bits
from vdcore import Denoiser, denoise, estimate_noise

HEIGHT, WIDTH = 128, 160
Y, X = np.mgrid[:HEIGHT, :WIDTH]
OPPONENT = np.array([[1, 1, 1], [1, 0, -1], [1, -2, 1]]) / np.sqrt([[3], [2], [6]])
COSINES = np.cos(np.pi * np.outer(np.arange(8), np.arange(8) + 0.5) / 8) * np.sqrt(2 / 8)
COSINES[0] /= np.sqrt(2)


def slopes(count=8, channels=1):
    """Smooth pictures that move, (T, H, W, C)."""
    t = np.arange(count)[:, None, None]
    picture = 128 + 60 * np.sin((X + 2 * t) / 19) + 40 * np.cos((Y - t) / 13)
    return np.repeat(picture[..., None], channels, axis=3)


def spectrum_of(noise):
    """The mean square of each coefficient of opponent colours, over the mean of all; (C, 8, 8)."""
    if noise.shape[3] == 3:
        noise = noise @ OPPONENT.T
    count, height, width, channels = noise.shape
    blocks = noise.reshape(count, height // 8, 8, width // 8, 8, channels).transpose(0, 1, 3, 5, 2, 4)
    power = np.square(COSINES @ blocks @ COSINES.T).mean(axis=(0, 1, 2))
    return power / power.mean()


def smooth(rng, shape, blur=0.7):
    noise = np.stack([cv2.GaussianBlur(frame, (0, 0), blur) for frame in rng.normal(size=shape)])
    return 10 / noise.std() * noise.reshape(shape)


def in_rows(rng, shape):
    return rng.normal(0, 8, shape) + rng.normal(0, 8, (*shape[:2], 1, 1))


def in_quarter_chroma(rng, shape):
    """White in luma, at half the resolution in chroma."""
    count, height, width, _ = shape
    luma = rng.normal(0, 8, (*shape[:3], 1))
    chroma = rng.normal(0, 8, (count, height // 2, width // 2, 2)).repeat(2, axis=1).repeat(2, axis=2)
    return np.concatenate([luma, chroma], axis=3) @ OPPONENT


BANDS = [(Y[:8, :8] + X[:8, :8]) // 4 == band for band in range(4)]  # of frequencies


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("kind", [smooth, in_rows, in_quarter_chroma])
def test_the_spectrum_is_found(kind, channels):
    if kind is in_quarter_chroma and channels == 1:
        return
    clean = slopes(channels=channels)
    noise = kind(np.random.default_rng(1), clean.shape)
    frames = clean + noise
    estimate = estimate_noise(frames)
    assert estimate.sigma == pytest.approx(noise.std(axis=(0, 1, 2)), rel=0.1)
    known = spectrum_of(noise)
    for found, true in zip(estimate.spectrum, known, strict=True):
        for band in BANDS:
            assert found[band].mean() == pytest.approx(true[band].mean(), rel=0.2, abs=0.02)
    if kind is in_rows:
        assert estimate.spectrum[0][1:, 0].mean() == pytest.approx(known[0][1:, 0].mean(), rel=0.2)
        assert "strong in rows" in estimate.describe()


def test_noise_that_lasts():
    noise = np.random.default_rng(1).normal(0, 10, (24, HEIGHT, WIDTH, 1))
    for before, now in zip(noise, noise[1:], strict=False):
        now *= 0.6
        now += 0.8 * before
    estimate = estimate_noise((slopes(24) + noise)[..., 0])
    assert estimate.correlation == pytest.approx(0.8, abs=0.1)
    assert estimate.sigma == pytest.approx([10], rel=0.2)
    assert (
        estimate_noise((slopes(24) + np.random.default_rng(1).normal(0, 10, noise.shape))[..., 0]).correlation
        == 0
    )


# ---- noise that changes


def changing():
    """Noise 3, then 20 from frame 12 on."""
    clean = slopes(32)[..., 0]
    return clean, np.concatenate([with_noise(clean[:12], 3), with_noise(clean[12:], 20, seed=2)])


def test_a_stream_follows_noise_that_changes():
    denoiser, seen = Denoiser(motion=None), []
    for frame in changing()[1]:
        denoiser(frame)
        seen.append(denoiser.info.noise.sigma[0])
    assert seen[11] == pytest.approx(3, rel=0.15)
    assert seen[15:] == pytest.approx([20] * 17, rel=0.05)


def test_each_part_of_an_array_has_its_noise():
    clean, frames = changing()
    both = denoise(frames, motion=None)[12:]
    alone = denoise(frames[12:], motion=None)
    error, least = (np.square(result[2:] - clean[14:]).mean() for result in (both, alone))
    assert error < 1.1 * least
    assert estimate_noise(frames).sigma == pytest.approx([20], rel=0.1)  # the longer part


# ---- a part of the picture


@pytest.mark.parametrize("share", [0.3, 0.6])
@pytest.mark.parametrize("around", ["bars", "desktop"])
def test_noise_beside_what_stays(around, share):
    frames = with_noise(slopes()[..., 0], 10)
    still = text_page() if around == "desktop" else np.zeros((HEIGHT, WIDTH), np.uint8)
    rows = int(HEIGHT * (1 - share) / 2)
    frames[:, :rows], frames[:, -rows:] = still[:rows], still[-rows:]
    assert estimate_noise(frames).sigma == pytest.approx([10], rel=0.1)


# ---- nothing is noisy


def text_page(seed=0):
    """Dark glyphs on white, one picture."""
    glyphs = np.random.default_rng(seed).random((HEIGHT // 8, WIDTH // 8, 6, 4)) < 0.45
    page = np.full((HEIGHT, WIDTH), 250, np.uint8)
    for (row, column), glyph in zip(np.ndindex(glyphs.shape[:2]), glyphs.reshape(-1, 6, 4), strict=True):
        page[8 * row + 1 : 8 * row + 7, 8 * column + 2 : 8 * column + 6][glyph] = 20
    return page


def cartoon():
    """A flat figure that moves over flat ground."""
    frames = np.full((12, HEIGHT, WIDTH), 200, np.uint8)
    for t, frame in enumerate(frames):
        frame[80:] = 90
        frame[40:80, 20 + 6 * t : 50 + 6 * t] = 30
        frame[50:58, 28 + 6 * t : 36 + 6 * t] = 240
    return frames


PICTURES = {
    "slide": lambda: np.repeat(text_page()[None], 20, axis=0),
    "slides": lambda: np.concatenate([np.repeat(text_page(seed)[None], 5, axis=0) for seed in range(4)]),
    "scrolling text": lambda: np.stack([np.roll(text_page(), -2 * t, axis=0) for t in range(12)]),
    "cartoon": cartoon,
    "still picture": lambda: np.repeat(with_noise(slopes(1)[..., 0], 8), 20, axis=0),
}


@pytest.mark.parametrize("picture", list(PICTURES))
def test_without_evidence_nothing_is_touched(picture):
    frames = PICTURES[picture]()
    assert estimate_noise(frames).sigma == 0
    assert_same_bits(denoise(frames), frames)
