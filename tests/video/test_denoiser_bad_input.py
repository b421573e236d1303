# SPDX-License-Identifier: Apache-2.0
"""Videos that no camera is meant to give, denoised as arrays, streams and files: no harm, no exception."""

from functools import lru_cache

import numpy as np
import pytest

import vdcore
from helpers.denoising import psnr, scene, with_noise

NOISE = 12
pytestmark = pytest.mark.filterwarnings("error::RuntimeWarning")


def in_array(frames, strength, folder):
    return vdcore.denoise(frames, strength)


def in_stream(frames, strength, folder):
    denoiser = vdcore.Denoiser(strength)
    return np.stack([denoiser(frame) for frame in frames])


def in_file(frames, strength, folder):
    np.save(folder / "in.npy", frames)
    vdcore.denoise_video(folder / "in.npy", folder / "out.npy", strength)
    return np.load(folder / "out.npy")


@pytest.fixture(params=[in_array, in_stream, in_file], ids=lambda way: way.__name__)
def denoised(request, tmp_path, monkeypatch):
    monkeypatch.setenv("VDCORE_NUM_THREADS", "1")
    return lambda frames, strength="auto": request.param(frames, strength, tmp_path)


def every_other(frames, level):
    frames = frames.copy()
    frames[1::2] = level
    return frames


def dimmed(frames, gains):
    """Each frame, or each row of each frame, by its own factor."""
    gains = np.asarray(gains, float).reshape(len(frames), -1, 1, 1)
    return (frames * gains).clip(0, 255).round().astype(np.uint8)


def fields(seed, channels):
    levels = np.random.default_rng(seed).integers(0, 256, (10, 1, 1, channels))
    return np.broadcast_to(levels, (10, 64, 96, 3)).astype(np.uint8)


@lru_cache
def videos():
    frames = scene(10)[0]
    t, y = np.arange(10), np.arange(96) / 96
    mains = 2 * np.pi * 100 / 30 * t  # lamps at 50 Hz, 30 frames per second
    return {
        "black every other frame": every_other(frames, 0),
        "black first": np.concatenate([np.zeros_like(frames[:4]), frames[4:]]),
        "white every other frame": every_other(frames, 255),
        "one colour": fields(1, 3)[:1].repeat(10, axis=0),
        "fields of grey": fields(1, 1),
        "fields of colour": fields(1, 3),
        "a flash each frame": dimmed(frames, np.where(t % 2, 1.0, 0.5)),
        "any brightness each frame": dimmed(frames, np.random.default_rng(3).uniform(0.3, 1.4, 10)),
        "flicker of lamps": dimmed(frames, 1 + 0.08 * np.sin(mains)),
        "bands of lamps": dimmed(frames, 1 + 0.15 * np.sin(np.add.outer(mains, 2 * np.pi * 1.7 * y))),
        "negative every other frame": np.where((t % 2)[:, None, None, None], 255 - frames, frames),
        "one frame": frames[:1],
        "two frames": frames[:2],
        "checks": np.broadcast_to(np.indices((64, 64)).sum(0) % 2 * 255, (6, 64, 64)).astype(np.uint8),
    }


def flat(frames, size):
    return np.ascontiguousarray(frames[:, : size[0], : size[1]])


SIZES = [(1, 1), (1, 2), (1, 160), (96, 1), (2, 2), (7, 160), (8, 8), (9, 160), (96, 9)]


@pytest.mark.parametrize("name", videos())
def test_no_harm_to_noisy_video(denoised, name):
    clean = videos()[name]
    noisy = with_noise(clean, NOISE)
    gain = 0 if name == "checks" else 2  # black and white alone tell little of noise
    assert psnr(denoised(noisy), clean) >= psnr(noisy, clean) + gain


@pytest.mark.parametrize("strength", ["auto", "strong"])
@pytest.mark.parametrize("name", videos())
def test_no_harm_to_clean_video(denoised, name, strength):
    """At most rounding; a little where motion is all that there is to measure."""
    clean = videos()[name]
    difference = np.abs(denoised(clean, strength).astype(int) - clean)
    hard = name in ("two frames", "black first")
    assert difference.max() <= (8 if hard else 2) and difference.mean() < (0.5 if hard else 0.05)


@pytest.mark.parametrize("strength", ["auto", 12.0])
@pytest.mark.parametrize("size", SIZES, ids=str)
def test_frames_of_any_size(denoised, size, strength):
    clean = flat(scene(6)[0], size)
    noisy = with_noise(clean, NOISE)
    result = denoised(noisy, strength)
    assert result.shape == noisy.shape and result.dtype == np.uint8
    assert psnr(result, clean) > psnr(noisy, clean) - 0.5
    if min(size) < 8 and strength == "auto":  # too small to measure
        np.testing.assert_array_equal(result, noisy)


def test_sizes_that_nothing_is_known_of_are_unchanged_if_clean(denoised):
    for size in SIZES:
        clean = flat(scene(6)[0], size)
        assert np.abs(denoised(clean).astype(int) - clean).max() <= 1


@pytest.mark.parametrize(
    "channels, shape", [(2, (96, 160, 3)), (4, (96, 160, 3)), (3, (96, 160)), (2, (96, 160))]
)
def test_an_estimate_of_other_channels(denoised, channels, shape):
    noise = vdcore.NoiseEstimate(*np.ones((3, channels)))
    with pytest.raises(
        ValueError, match=f"strength must be a NoiseEstimate of 1 .*channels? .* got {channels}"
    ):
        denoised(np.zeros((3, *shape), np.uint8), noise)


@pytest.mark.parametrize("strength", ["lite", "AUTO", "Strong", None])
def test_misspelt_strengths(denoised, strength):
    with pytest.raises(ValueError, match="strength must be 'light', 'auto', 'strong', a standard deviation"):
        denoised(np.zeros((3, 16, 16), np.uint8), strength)


def test_a_gate_of_other_channels(tmp_path):
    gate = vdcore.NoiseEstimate(*np.ones((3, 2)))
    with pytest.raises(ValueError, match="gate must be a NoiseEstimate of 1 or 3 channels for frames, got 2"):
        vdcore.diffuse_video(np.zeros((3, 16, 16, 3), np.uint8), tmp_path / "out.npy", 1, 1, gate=gate)


@pytest.mark.parametrize("strength", ["auto", NOISE / 255])
@pytest.mark.parametrize("gone", ["all", "the first frame", "every other frame", "half of the picture"])
def test_missing_samples(tmp_path, gone, strength):
    """Where nothing is known NaN stays; the rest is no worse than before."""
    clean = scene(10)[0][..., 1] / np.float32(255)
    frames = clean + np.random.default_rng(1).normal(0, NOISE / 255, clean.shape).astype(np.float32)
    where = {
        "all": np.s_[:],
        "the first frame": np.s_[:1],
        "every other frame": np.s_[::2],
        "half of the picture": np.s_[:, :, :80],
    }[gone]
    frames[where] = np.nan
    there = np.isfinite(frames)
    np.save(tmp_path / "in.npy", frames)
    in_units = strength if strength == "auto" else strength * 255  # of files
    vdcore.denoise_video(tmp_path / "in.npy", tmp_path / "out.npy", in_units)
    denoiser = vdcore.Denoiser(strength)
    results = (
        vdcore.denoise(frames, strength),
        np.stack([denoiser(frame) for frame in frames]),
        np.load(tmp_path / "out.npy"),
    )
    for result in results:
        assert np.isfinite(result[there]).all()
        if not there.any():
            assert np.isnan(result).all()
            continue
        before, after = (np.square(part[there] - clean[there]).mean() for part in (frames, result))
        assert after < 1.02 * before
    filled = vdcore.denoise(frames, strength, fill=0.5)
    assert np.isfinite(filled).all() and (there.any() or (filled == 0.5).all())
