# SPDX-License-Identifier: Apache-2.0
"""The denoiser where nothing moves: it converges, and lets go where something changes."""

import numpy as np
import pytest

from helpers.denoising import PRESETS, psnr, stream, white, with_noise
from helpers.support import assert_same_bits
from oracles import VideoDenoiser
from vdcore import Denoiser, NoiseEstimate, denoise, diffuse

SIGMA = 10.0


def squares(height=48, width=64, seed=0):
    """Flat squares of all brightness between 60 and 190, (H, W)."""
    return np.random.default_rng(seed).uniform(60, 190, (height // 8, width // 8)).repeat(8, 0).repeat(8, 1)


def still(picture, count, seed=1):
    return with_noise(np.stack([picture] * count), SIGMA, seed)


@pytest.mark.parametrize(
    "noise", [white(10.0), NoiseEstimate(*np.array([[12.0], [1.5], [20.0]]))], ids=["", "line"]
)
@pytest.mark.parametrize("shape", [(45, 62), (45, 62, 3)])
@PRESETS
def test_a_still_scene_is_the_oracle(preset, shape, noise):
    """One part moves, one appears, one has no known motion, and one frame comes without a prior."""
    rng = np.random.default_rng(1)
    clean = rng.uniform(70, 150, (6, 8, 3)).repeat(8, 0).repeat(8, 1)[:45, :62]
    flow = np.zeros((45, 62, 2), np.float32)
    flow[:, 46:] = 0.3
    flow[3, 3] = np.nan
    clean = clean if len(shape) == 3 else clean[..., 0]
    denoiser = Denoiser(noise, preset=preset, motion=lambda frame, other: flow, hot_pixels="off")
    oracle = VideoDenoiser(noise, preset)
    for i in range(11):
        if i == 9:
            clean[20:30, 20:34] += 40
        frame = with_noise(clean, 11, i)
        expected = oracle.push(frame, [(None, flow, 0.0)])
        result = denoiser(frame, dtype="float32")
        assert np.abs(result - expected).mean() < 5e-4
        np.testing.assert_allclose(result, expected, atol=0.1)
        trust = oracle.still.trust
        assert i < 5 or trust.max() == 1
    assert trust.min() == 0 and 0.3 < trust.mean() < 0.9 and oracle.still.age.max() == 10


@PRESETS
def test_a_still_scene_converges(preset):
    """Never worse than the plain mean over time, and than a recursion with a gate, and ever better."""
    clean = squares()
    noisy = still(clean, 40)
    result = denoise(noisy, SIGMA, preset=preset)
    means = np.cumsum(noisy, axis=0, dtype=float) / np.arange(1, 41)[:, None, None]
    gated = diffuse(noisy, 0, np.inf, gate=SIGMA)
    levels = []
    for i in (4, 19, 39):
        levels.append(psnr(result[i], clean))
        assert levels[-1] > psnr(means[i], clean) - 0.1
        assert levels[-1] > psnr(gated[i], clean) - 0.1
    assert levels[0] + 1.5 < levels[1] < levels[2] - 1


@PRESETS
def test_faint_detail_appears(preset):
    """A line of twice the noise stays, and so does most of a star."""
    x, y = np.arange(64), np.arange(48)[:, None]
    star = np.exp(-((x - 32) ** 2 + (y - 24) ** 2) / (2 * 1.2**2))
    for detail, least in ((np.broadcast_to(1.0 * (x == 32), (48, 64)), 0.97), (star, 0.9)):
        noisy = still(100 + 2 * SIGMA * detail, 80)
        result = denoise(noisy, SIGMA, preset=preset, motion=None)
        template = detail - detail.mean()
        kept, given = ((frames[40:].mean(axis=0) * template).sum() for frames in (result, noisy))
        whole = (noisy.mean(axis=0) * template).sum()
        assert kept > least * min(given, whole)


@PRESETS
def test_what_changes_is_let_go(preset):
    """After a long time a square appears, stays and leaves: hardly worse than each frame by itself."""
    clean = np.stack([squares()] * 44)
    clean[30:38, 18:30, 22:42] += 30
    noisy = with_noise(clean, SIGMA)
    result = denoise(noisy, SIGMA, preset=preset)
    alone = np.stack([denoise(frame[None], SIGMA, preset=preset)[0] for frame in noisy])
    for i in (30, 31, 34, 38, 39, 42):
        errors = [((f[i] - clean[i])[18:30, 22:42].astype(float) ** 2).mean() for f in (result, alone)]
        assert errors[0] < 1.25 * errors[1], i


@PRESETS
def test_slow_light_is_followed(preset):
    """A tenth of a level a frame, far below the noise: the result lags by a fifth of the noise."""
    ramp = 0.1 * np.arange(120)
    clean = squares() + ramp[:, None, None]
    result = denoise(with_noise(clean, SIGMA), SIGMA, preset=preset, dtype="float32")
    lag = (clean - result).mean(axis=(1, 2))[20:]
    assert 0.05 < lag.max() < 0.2 * SIGMA


@PRESETS
def test_a_still_stream_resumes(preset):
    frames = still(squares(), 16)
    whole = stream(Denoiser(SIGMA, preset=preset, threads=1), frames)
    first = Denoiser(SIGMA, preset=preset, threads=2)
    stream(first, frames[:9])
    second = Denoiser.from_state(first.state())
    assert_same_bits(stream(second, frames[9:]), whole[9:])
    assert psnr(whole[-1], squares()) > psnr(whole[4], squares()) + 1


@PRESETS
def test_lookahead_converges_too(preset):
    clean = squares()
    noisy = still(clean, 26)
    late, causal = (denoise(noisy, SIGMA, preset=preset, lookahead=ahead) for ahead in (2, 0))
    assert psnr(late[20], clean) > psnr(causal[20], clean) - 0.1
