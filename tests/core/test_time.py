# SPDX-License-Identifier: Apache-2.0
"""Time in the linear model: steps of any length, seconds, lookahead, what flush leaves."""

import math

import numpy as np
import pytest

import oracles
import vdcore
from helpers.streams import compare
from helpers.support import (
    assert_near,
    assert_same_bits,
    noise,
    stream,
)


def test_uneven_time_steps(dtype, instruction_set):
    times = np.cumsum([0, 1, 0.25, 0, 3, 0.5, 10, 1e-3, 2])
    compare(noise(dtype, (9, 8, 9)), 0.8, 2.5, times=times)


@pytest.mark.parametrize("tau", [0.0, 2.0, math.inf])
def test_many_frames_at_one_time(dtype, tau):
    """dt = 0: no decay between the frames, but tau = 0 still remembers nothing."""
    compare(noise(dtype, (5, 6, 7)), 0.8, tau, times=np.zeros(5))


def test_weight_grows_under_short_steps(dtype):
    """Steps much shorter than the usual one: D grows far beyond 1 / (1 - a)."""
    compare(noise(dtype, (400, 3, 4)), 0.5, 1.0, times=np.arange(400) / 300)


def test_seconds(dtype):
    frames = noise(dtype, (5, 8, 9))
    times = np.cumsum([0, 0.04, 0.04, 0.12, 0.033])
    got = stream(frames, 0.8, 0.1, times=times, time_unit="seconds")
    assert_near(got, oracles.diffuse(frames, 0.8, 0.1, times=times), frames)


def test_seconds_need_a_time_step():
    diffuser = vdcore.Diffuser(1, 1, time_unit="seconds")
    frame = noise("uint8", (4, 4))
    diffuser(frame)
    with pytest.raises(ValueError, match="dt"):
        diffuser(frame)


def test_first_time_step_does_not_matter(dtype):
    frames = noise(dtype, (3, 6, 7))
    one, other = vdcore.Diffuser(1, 2), vdcore.Diffuser(1, 2)
    for i, frame in enumerate(frames):
        assert_same_bits(one(frame, 1.5), other(frame, 7.0 if i == 0 else 1.5))


@pytest.mark.parametrize("lookahead", [1, 2, 5, 20])
@pytest.mark.parametrize("tau", [0.0, 0.5, 4.0, math.inf])
def test_lookahead_is_the_two_sided_kernel(dtype, lookahead, tau):
    compare(noise(dtype, (9, 8, 10)), 0.9, tau, lookahead=lookahead)


def test_lookahead_everywhere(dtype, boundary, instruction_set, threads):
    times = np.cumsum([0, 1, 0.25, 0, 3, 0.5, 10])
    frames = noise(dtype, (7, 9, 11, 3))
    compare(frames, 1.2, 2.0, lookahead=2, times=times, boundary=boundary, threads=threads)


def test_lookahead_with_masks(dtype):
    rng = np.random.default_rng(8)
    frames = noise(dtype, (8, 7, 9))
    confidence = [(rng.uniform(size=(7, 9)) < 0.4).astype(np.float32) for _ in frames]
    compare(frames, 0.7, 2.0, lookahead=3, confidence=confidence)


def test_lookahead_answers_late_and_flush_the_rest():
    frames = noise("uint8", (6, 5, 7))
    diffuser = vdcore.Diffuser(0.5, 2.0, lookahead=2)
    assert [diffuser(frame) is None for frame in frames] == [True, True, False, False, False, False]
    assert len(list(diffuser.flush())) == 2
    assert list(diffuser.flush()) == []


def test_stream_goes_on_after_flush(dtype):
    frames = noise(dtype, (9, 5, 7))
    diffuser = vdcore.Diffuser(0.5, 2.0, lookahead=2)
    results = []
    for part in (frames[:5], frames[5:]):
        results += [r for r in map(diffuser, part) if r is not None]
        results += diffuser.flush()
    assert_near(np.stack(results[:5]), oracles.diffuse(frames[:5], 0.5, 2.0, lookahead=2), frames)
    assert_near(np.stack(results[5:]), oracles.diffuse(frames, 0.5, 2.0, lookahead=2)[5:], frames)
