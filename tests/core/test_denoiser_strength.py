# SPDX-License-Identifier: Apache-2.0
"""`Denoiser.set_strength` in the middle of a stream, and states while the noise changes."""

import copy
import pickle

import numpy as np
import pytest

from helpers.denoising import LOOKAHEADS, NOISE, psnr, scene, stream, white, with_noise
from helpers.support import assert_same_bits
from vdcore import Denoiser, estimate_noise


def fed(count, **options):
    """A denoiser that has had so many frames of the scene."""
    denoiser = Denoiser(motion=None, **options)
    stream_of(denoiser, scene()[1][:count])
    return denoiser


def stream_of(denoiser, frames):
    return [denoiser(frame) for frame in frames]


@pytest.mark.parametrize("strength", ["light", "auto", "strong", 12.0, 12, white(9.0), 0], ids=str)
def test_a_strength_counts_from_the_next_frame(strength):
    denoiser = fed(4)
    found = denoiser.info.noise.sigma
    denoiser.set_strength(strength)
    assert denoiser.parameters.strength == strength
    denoiser(scene()[1][4])
    factors = {"light": 0.7, "auto": 1.0, "strong": 1.4}
    if strength in list(factors):
        expected = factors[strength] * found
    else:
        expected = getattr(strength, "sigma", strength)
    now = denoiser.info.noise.sigma
    assert now == pytest.approx(np.broadcast_to(expected, now.shape), rel=0.05)
    assert denoiser.info.frames == 5


@LOOKAHEADS
def test_the_past_is_kept(lookahead):
    """After a change a frame is better than it would be alone."""
    clean, noisy = scene()
    denoiser = fed(5, strength=white(NOISE), lookahead=lookahead)
    denoiser.set_strength(white(0.95 * NOISE))
    results = [r for r in stream_of(denoiser, noisy[5:]) if r is not None] + list(denoiser.flush())
    alone = Denoiser(white(0.95 * NOISE), motion=None)(noisy[7])
    assert len(results) == 3 + lookahead
    assert psnr(results[-1], clean[7]) > psnr(alone, clean[7]) + 0.5


def test_off_and_on_again():
    _, noisy = scene()
    denoiser = fed(4)
    denoiser.set_strength(0)
    assert_same_bits(denoiser(noisy[4]), noisy[4])
    denoiser.set_strength("auto")
    assert np.abs(denoiser(noisy[5]).astype(float) - noisy[5]).mean() > 5


def test_before_the_first_frame_and_after_a_reset():
    frames = scene()[1][:4]
    expected = stream(Denoiser(white(9.0)), frames)
    denoiser = Denoiser("strong")
    denoiser.set_strength(white(9.0))
    assert_same_bits(stream(denoiser, frames), expected)
    denoiser.reset()
    assert_same_bits(stream(denoiser, frames), expected)


@pytest.mark.parametrize("strength", ["best", -1, np.nan, 1e20, None, [3]], ids=str)
def test_what_is_no_strength_changes_nothing(strength):
    denoiser, twin = fed(3), fed(3)
    with pytest.raises(ValueError, match="strength"):
        denoiser.set_strength(strength)
    assert denoiser.parameters == twin.parameters
    assert_same_bits(denoiser(scene()[1][3]), twin(scene()[1][3]))


def test_a_strength_that_does_not_suit_the_frames():
    denoiser = fed(3)
    denoiser.set_strength(100)
    with pytest.raises(ValueError, match="strength must be at most 63.75"):
        denoiser(scene()[1][3])
    denoiser.set_strength(estimate_noise(scene()[1][..., :2]))
    with pytest.raises(ValueError, match="strength"):
        denoiser(scene()[1][3])
    denoiser.set_strength("auto")
    assert denoiser(scene()[1][3]).shape == (96, 160, 3)


WAYS = [lambda d: Denoiser.from_state(d.state()), lambda d: pickle.loads(pickle.dumps(d)), copy.copy]


@pytest.mark.parametrize("way", WAYS, ids=["state", "pickle", "copy"])
def test_resumed_in_the_middle_of_a_suspect(way):
    """One pair has another noise than those before: a change, or a cut? The next one decides."""
    clean = scene(20, 96, 64)[0]
    frames = np.concatenate([with_noise(clean[:10], 4), with_noise(clean[10:], 20)])
    denoiser = Denoiser(motion=None)
    expected, caught = stream(Denoiser(motion=None), frames), 0
    for frame, wanted in zip(frames, expected, strict=True):
        assert_same_bits(denoiser(frame), wanted)
        if denoiser._process.tracker.estimator.suspects:
            denoiser, caught = way(denoiser), caught + 1
    assert caught > 0 and denoiser.info.noise.sigma.mean() > 15
