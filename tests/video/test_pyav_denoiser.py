# SPDX-License-Identifier: Apache-2.0
"""The denoiser on the planes of a file."""

import numpy as np
import pytest

import vdcore
from helpers.media import (
    decoded,
    from_samples,
    raws,
    sample_dtype,
    samples,
    smooth_frames,
    stacks,
    turned,
    write,
)
from helpers.pyav_files import QUICK, constant, upright


def noisy(name="yuv420p", count=8, width=96, height=80, sigma=(10, 5, 5)):
    """Clean and noisy frames of a slow pattern; sigma in samples of 8 bits."""
    rng = np.random.default_rng(1)
    clean = smooth_frames(name, count, width, height, noise=0)
    scale = (1 << sample_dtype(name)[1]) / 256
    dirty = []
    for frame in clean:
        planes = [
            np.clip(np.rint(plane + rng.normal(0, s * scale, plane.shape)), 0, 256 * scale - 1)
            for plane, s in zip(samples(frame), sigma, strict=False)
        ]
        dirty.append(from_samples(planes, name))
    return clean, dirty


def denoise(path, out, *args, **keywords):
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        return vdcore.denoise_video(path, out, *args, backend="pyav", **keywords)


def psnr(frames, others, plane):
    bits = sample_dtype(frames[0].format.name)[1]
    pairs = zip(frames, others, strict=True)
    error = np.mean([np.square(samples(a)[plane].astype(float) - samples(b)[plane]).mean() for a, b in pairs])
    return 10 * np.log10(((1 << bits) - 1) ** 2 / error)


@pytest.mark.parametrize("name", ["yuv420p", "yuv420p10le", "gray"])
def test_denoiser_finds_the_noise_of_each_plane(tmp_path, name):
    clean, dirty = noisy(name)
    write(tmp_path / "in.mkv", dirty)
    report = denoise(tmp_path / "in.mkv", tmp_path / "out.mkv")
    sigma = (10,) if name == "gray" else (10, 5, 5)
    assert report.noise.sigma == pytest.approx(sigma, rel=0.25)
    result = decoded(tmp_path / "out.mkv")
    for plane in range(len(sigma)):
        assert psnr(clean, result, plane) > psnr(clean, dirty, plane) + 3


def test_denoiser_of_each_plane_is_that_of_arrays(tmp_path):
    _, dirty = noisy("gray10le")
    write(tmp_path / "in.mkv", dirty)
    denoise(tmp_path / "in.mkv", tmp_path / "out.mkv", 10.0, motion=None)
    moved = stacks(tmp_path / "in.mkv")[0] << 6
    expected = np.minimum((vdcore.denoise(moved, 2560.0, motion=None).astype(int) + 32) >> 6, 1023)
    np.testing.assert_array_equal(stacks(tmp_path / "out.mkv")[0], expected)


def test_denoiser_lookahead_region_and_range(tmp_path):
    clean, dirty = noisy()
    write(tmp_path / "in.mkv", dirty)
    denoise(tmp_path / "in.mkv", tmp_path / "out.mkv", lookahead=1)
    assert psnr(clean, decoded(tmp_path / "out.mkv"), 0) > psnr(clean, dirty, 0) + 3
    denoise(tmp_path / "in.mkv", tmp_path / "part.mkv", lookahead=1, region=(0, 0, 48, 80), start=2, stop=6)
    before, after = stacks(tmp_path / "in.mkv"), stacks(tmp_path / "part.mkv")
    for i, (one, other) in enumerate(zip(before, after, strict=True)):
        half = 24 if i else 48
        np.testing.assert_array_equal(one[..., half:], other[..., half:])
        changed = (one[..., :half] != other[..., :half]).any(axis=(1, 2))
        assert changed.tolist() == [False, False, True, True, True, True, False, False]


@pytest.mark.parametrize("quarters", range(4))
def test_denoiser_of_a_turned_video(tmp_path, quarters):
    _, dirty = noisy(count=4, width=64, height=48)
    write(tmp_path / "turned.mp4", dirty, "libx264", matrix=turned(quarters), **QUICK)
    shapes = []

    def motion(frame, last):
        shapes.append(frame.shape)
        return np.zeros((*frame.shape[:2], 2), np.float32)

    denoise(
        tmp_path / "turned.mp4",
        tmp_path / "out.mkv",
        10.0,
        motion=motion,
        codec="ffv1",
        region=(0, 0, 16, 48),
    )
    assert set(shapes) == {(64, 48) if quarters % 2 else (48, 64)}
    changed = [
        a != b
        for a, b in zip(
            upright(tmp_path / "turned.mp4", quarters), upright(tmp_path / "out.mkv", quarters), strict=True
        )
    ]
    assert changed[0][:, :48, :16].any() and not changed[0][:, 48:].any() and not changed[0][..., 16:].any()


def test_denoiser_with_the_noise_of_rgb(tmp_path):
    """What estimate_noise says of RGB is turned into that of luma and chroma."""
    clean, dirty = noisy(sigma=(8, 4, 4))
    write(tmp_path / "in.mkv", dirty)
    noise = vdcore.NoiseEstimate(np.full(3, 12.0), np.zeros(3), np.full(3, 144.0))
    report = denoise(tmp_path / "in.mkv", tmp_path / "out.mkv", noise)
    luma = 12 * np.sqrt(0.299**2 + 0.587**2 + 0.114**2) * 219 / 255
    assert report.noise.sigma[0] == pytest.approx(luma, rel=1e-3)
    assert len(report.noise.sigma) == 3
    assert psnr(clean, decoded(tmp_path / "out.mkv"), 0) > psnr(clean, dirty, 0) + 2


def test_denoiser_of_a_clean_video_changes_nothing(tmp_path):
    write(tmp_path / "in.mkv", constant("yuv420p", [100, 90, 200]))
    report = denoise(tmp_path / "in.mkv", tmp_path / "out.mkv")
    assert raws(tmp_path / "in.mkv") == raws(tmp_path / "out.mkv")
    assert report.noise is None or not report.noise.sigma.any()
