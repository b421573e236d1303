# SPDX-License-Identifier: Apache-2.0
"""Motion that is given to a denoiser, and motion that streams share."""

from functools import lru_cache

import numpy as np
import pytest

from helpers.denoising import white
from helpers.support import assert_same_bits
from vdcore import Denoiser
from vdcore.tools.demo import clean_scene

LOOKAHEADS = pytest.mark.parametrize("lookahead", [0, 2])
CHANNELS = pytest.mark.parametrize("select", [np.s_[..., 1], np.s_[:]], ids=["grey", "colour"])


@lru_cache
def noisy_scene():
    """Frames of something that moves, (7, 64, 96, 3) uint8."""
    clean = np.stack(list(clean_scene(96, 64, 7)))
    return (clean + np.random.default_rng(0).normal(0, 15, clean.shape)).clip(0, 255).astype(np.uint8)


def results_of(denoiser, frames, flows=lambda frame: None):
    """All results, where `flows(frame)` is given as the flow of each call and each step of flush."""
    results = [result for frame in frames if (result := denoiser(frame, flow=flows(frame))) is not None]
    while denoiser.info.pending:
        results.append(next(denoiser.flush(flow=flows(None))))
    return np.stack(results)


@LOOKAHEADS
@CHANNELS
def test_found_flows_lead_to_the_same_result(select, lookahead):
    """A denoiser without motion of its own that is given the flows of another one equals that one."""
    frames = noisy_scene()[select]
    leader, follower = Denoiser(15, lookahead=lookahead), Denoiser(15, motion=None, lookahead=lookahead)
    expected = results_of(Denoiser(15, lookahead=lookahead), frames)
    assert (expected != results_of(Denoiser(15, motion=None, lookahead=lookahead), frames)).any()
    led, followed = [], []
    for frame in frames:
        flows = leader.find_flows(frame)
        assert [flow is None or flow.shape == (64, 96, 2) for flow in flows] == [True] * len(flows)
        led.append(leader(frame, flow=flows))
        followed.append(follower(frame, flow=flows))
    for _ in range(lookahead):
        flows = leader.find_flows()
        led += [next(leader.flush(flow=flows))]
        followed += [next(follower.flush(flow=flows))]
    assert_same_bits(np.stack(led[lookahead:]), expected)
    assert_same_bits(np.stack(followed[lookahead:]), expected)
    assert leader.find_flows() == []


@LOOKAHEADS
def test_as_many_flows_as_frames_are_compared(lookahead):
    denoiser = Denoiser(15, lookahead=lookahead)
    counts = []
    for frame in noisy_scene():
        flows = denoiser.find_flows(frame)
        counts.append(len(flows))
        assert (flows[0] is None) == (denoiser.info.frames == 0)
        denoiser(frame)
    assert counts == [1] * lookahead + [1 + lookahead] * (7 - lookahead)
    assert len(denoiser.find_flows()) == max(lookahead - 1, 0)


def test_one_array_is_the_flow_to_the_last_result():
    frames = noisy_scene()
    shift = np.broadcast_to(np.float64([-2, -1]), (64, 96, 2))
    expected = results_of(Denoiser(15, motion=lambda frame, other: shift), frames)
    assert_same_bits(results_of(Denoiser(15), frames, lambda frame: shift), expected)
    # with lookahead, motion still finds the flows to later frames
    ahead, given = Denoiser(15, lookahead=2), Denoiser(15, lookahead=2)
    for frame in frames:
        flows = ahead.find_flows(frame)
        expected = ahead(frame, flow=[shift, *flows[1:]])
        result = given(frame, flow=shift)
        assert (result is None) == (expected is None)
        if result is not None and expected is not None:
            assert_same_bits(result, expected)


def test_where_a_given_flow_is_unknown_the_past_does_not_count():
    frames = noisy_scene()
    lost = results_of(Denoiser(white(15.0)), frames, lambda frame: np.full((64, 96, 2), np.nan))
    restarted = Denoiser(15)(frames[2])
    assert_same_bits(lost[2], restarted)


@pytest.mark.parametrize("lookahead", [0, 2])
def test_a_callable_may_reuse_its_array(lookahead):
    frames, buffer = noisy_scene(), np.empty((64, 96, 2), np.float32)
    counts = iter(range(100)), iter(range(100))

    def fresh(frame, other):
        return np.full((64, 96, 2), next(counts[0]) % 3, np.float32)

    def reused(frame, other):
        buffer[...] = next(counts[1]) % 3
        return buffer

    assert_same_bits(
        results_of(Denoiser(15, motion=reused, lookahead=lookahead), frames),
        results_of(Denoiser(15, motion=fresh, lookahead=lookahead), frames),
    )


def test_a_given_array_may_be_reused():
    frames, buffer = noisy_scene(), np.empty((64, 96, 2), np.float32)
    fresh, reusing = (Denoiser(15, motion=None, lookahead=2) for _ in range(2))
    for count, frame in enumerate(frames):
        buffer[...] = count % 3
        expected, result = fresh(frame, flow=buffer.copy()), reusing(frame, flow=buffer)
        buffer[...] = -9
        if count >= 2:
            assert_same_bits(result, expected)


@pytest.mark.parametrize(
    "flow, error, text",
    [
        (np.zeros((64, 96)), ValueError, r"flow\[0\] must have shape \(64, 96, 2\), got \(64, 96\)"),
        (np.zeros((32, 48, 2)), ValueError, r"flow\[0\] must have shape"),
        (np.zeros((64, 96, 2), int), TypeError, r"flow\[0\] must have dtype"),
        ("flow", TypeError, r"flow\[0\]"),
        ([None, None], ValueError, "flow must be an array or a list of 1 .*got 2"),
        ([], ValueError, "flow must be an array or a list of 1 .*got 0"),
        ((np.zeros((1, 1, 2)),), ValueError, r"flow\[0\] must have shape"),
    ],
)
@LOOKAHEADS
def test_a_wrong_flow_leaves_no_trace(lookahead, flow, error, text):
    frames = noisy_scene()
    expected = results_of(Denoiser(lookahead=lookahead), frames)
    denoiser = Denoiser(lookahead=lookahead)
    results = []
    for index, frame in enumerate(frames):
        if index == 1:
            for argument in (flow,):
                with pytest.raises(error, match=text):
                    denoiser(noisy_scene()[6], flow=argument)
        if (result := denoiser(frame)) is not None:
            results.append(result)
    if lookahead:
        with pytest.raises(ValueError, match="list of 1 "):
            next(denoiser.flush(flow=[None, None]))
    assert_same_bits(np.stack([*results, *denoiser.flush()]), expected)


def test_find_flows_refuses_what_a_call_refuses():
    denoiser = Denoiser()
    denoiser(noisy_scene()[0])
    with pytest.raises(ValueError, match="like the frames before it"):
        denoiser.find_flows(noisy_scene()[0, 1:])
    with pytest.raises(TypeError, match="like the frames before it"):
        denoiser.find_flows(noisy_scene()[0].astype(np.float32))
