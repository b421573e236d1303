# SPDX-License-Identifier: Apache-2.0
"""What a Denoiser remembers: save, restore, copy, pickle, other processes; damaged and forged states."""

import copy
import json
import pickle
import subprocess
import sys
import threading
from dataclasses import replace
from functools import lru_cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers.states import forged
from helpers.support import assert_same_bits
from vdcore import Denoiser, NoiseEstimate
from vdcore.noise import noise_values, white_noise
from vdcore.tools.demo import clean_scene

ESTIMATE = NoiseEstimate(np.array([12.0]), np.array([0.5]), np.array([90.0]))


def turning(frame, other):
    """A flow that is not even, in double precision, unknown in one corner."""
    y, x = np.mgrid[: frame.shape[0], : frame.shape[1]]
    flow = np.stack([np.sin(y / 7) - 1, np.cos(x / 9)], axis=-1)
    flow[:3, :3] = np.nan
    return flow


MODES = {
    "auto": {},
    "fast": {"preset": "fast"},
    "lookahead": {"lookahead": 2},
    "fast, lookahead": {"preset": "fast", "lookahead": 2, "strength": 15.0},
    "callable": {"motion": turning, "strength": 15.0},
    "callable, lookahead": {"motion": turning, "lookahead": 2},
    "estimate": {"strength": ESTIMATE},
    "still": {"motion": None, "strength": 15},
    "off": {"strength": 0, "lookahead": 1},
}
CHANNELS = {
    "grey": np.s_[..., 1],
    "one channel": np.s_[..., 1:2],
    "two channels": np.s_[..., :2],
    "colour": np.s_[..., :3],
    "alpha": np.s_[...],
}
WAYS = {
    "state": lambda d: Denoiser.from_state(d.state(), motion=d.parameters.motion),
    "pickle": lambda d: pickle.loads(pickle.dumps(d)),
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
    "copy method": lambda d: d.copy(),
}
each_mode = pytest.mark.parametrize("mode", list(MODES))
each_kind = pytest.mark.parametrize("channels", list(CHANNELS))


@lru_cache
def scene(channels="colour", dtype="uint8"):
    """Noisy frames of something that moves, 9 of 24 x 36 pixels."""
    clean = np.stack(list(clean_scene(36, 24, 9)))
    clean = np.concatenate([clean, clean[..., :1]], axis=-1)
    noisy = (clean + np.random.default_rng(0).normal(0, 15, clean.shape)).clip(0, 255).round()
    scale = {"uint8": 1, "uint16": 257, "float32": 1, "float64": 1}[dtype]
    return np.ascontiguousarray((noisy * scale).astype(dtype)[CHANNELS[channels]])


def push(denoiser, frames):
    return [result for frame in frames if (result := denoiser(frame)) is not None]


def rest(denoiser, frames):
    """All results to come."""
    return np.stack([*push(denoiser, frames), *denoiser.flush()])


@each_mode
@each_kind
def test_resumes_with_the_same_bits(mode, channels):
    """Saved at any frame and loaded, a stream gives what it gives uninterrupted."""
    frames, steps = scene(channels), list(WAYS.values())
    expected = rest(Denoiser(**MODES[mode]), frames)
    denoiser, results = Denoiser(**MODES[mode]), []
    for index, frame in enumerate(frames):
        denoiser = steps[index % len(steps)](denoiser)
        results += push(denoiser, [frame])
    while denoiser.info.pending:
        denoiser = Denoiser.from_state(denoiser.state(), motion=denoiser.parameters.motion)
        results.append(next(denoiser.flush()))
    assert_same_bits(np.stack(results), expected)


@settings(max_examples=15, deadline=None)
@given(
    mode=st.sampled_from(sorted(MODES)),
    channels=st.sampled_from(sorted(CHANNELS)),
    dtype=st.sampled_from(["uint8", "uint16", "float32", "float64"]),
    way=st.sampled_from(sorted(WAYS)),
    at=st.integers(0, 9),
)
def test_a_stream_and_its_twin_agree(mode, channels, dtype, way, at):
    frames = scene(channels, dtype)
    denoiser = Denoiser(**MODES[mode])
    push(denoiser, frames[:at])
    twin = WAYS[way](denoiser)
    assert twin.state() == denoiser.state()
    assert repr(twin) == repr(denoiser)
    info, other = (replace(d.info, state_bytes=0) for d in (denoiser, twin))  # the rest is reserved later
    assert repr(info) == repr(other)
    again = frames[::-1]
    assert_same_bits(rest(twin, again), rest(denoiser, again))


@pytest.mark.parametrize("count", [3, 5, 9])
def test_states_while_the_noise_changes(count):
    """New filters take over where the estimate changes, in the queue too."""
    frames = np.concatenate([scene(), scene()[::-1]])
    quiet = frames[:, ::-1] // 4
    frames = np.concatenate([quiet[:4], frames])
    expected = rest(Denoiser(lookahead=3), frames)
    denoiser = Denoiser(lookahead=3)
    results = push(denoiser, frames[:count])
    assert_same_bits(
        np.stack([*results, *rest(Denoiser.from_state(denoiser.state()), frames[count:])]), expected
    )


def test_restore_goes_back_in_time():
    frames = scene()
    denoiser = Denoiser(lookahead=2, threads=1)
    push(denoiser, frames[:4])
    saved = denoiser.state()
    once = rest(denoiser, frames[4:])
    denoiser.restore(saved)
    assert_same_bits(rest(denoiser, frames[4:]), once)
    other = Denoiser(7, preset="fast", motion=None, threads=2)
    other.restore(saved)
    assert other.parameters == Denoiser(lookahead=2, threads=2).parameters
    assert_same_bits(rest(other, frames[4:]), once)


def test_a_copy_is_independent():
    frames = scene()
    denoiser = Denoiser(lookahead=2)
    push(denoiser, frames[:4])
    twin = denoiser.copy()
    before = twin.state()
    expected = rest(Denoiser.from_state(before), frames[4:])
    push(denoiser, frames[::-1])
    assert twin.state() == before
    assert_same_bits(rest(twin, frames[4:]), expected)


def test_a_callable_is_given_again():
    denoiser = Denoiser(15, motion=turning)
    push(denoiser, scene()[:3])
    saved = denoiser.state()
    for motion in (None, "flow"):
        with pytest.raises(ValueError, match="motion must be the callable that the saved denoiser had"):
            Denoiser.from_state(saved, motion=motion)
        with pytest.raises(ValueError, match="motion must be the callable"):
            Denoiser(motion=motion).restore(saved)
    other = Denoiser(motion=turning)
    other.restore(saved)
    assert_same_bits(rest(other, scene()[3:]), rest(denoiser, scene()[3:]))
    # a state without one ignores it
    assert Denoiser.from_state(Denoiser().state(), motion=turning).parameters.motion == "flow"


def test_state_is_reproducible_bytes():
    denoiser = Denoiser()
    push(denoiser, scene()[:4])
    assert type(denoiser.state()) is bytes
    assert denoiser.state() == denoiser.state() == denoiser.copy().state()
    denoiser.reset()
    assert denoiser.state() == Denoiser().state()


def test_threads_are_those_of_this_machine():
    denoiser = Denoiser(threads=3)
    push(denoiser, scene()[:3])
    assert Denoiser.from_state(denoiser.state()).parameters.threads is None
    assert Denoiser.from_state(denoiser.state(), threads=2).parameters.threads == 2
    assert denoiser.copy().parameters.threads == 3
    with pytest.raises(ValueError, match="threads"):
        Denoiser.from_state(denoiser.state(), threads=0)


def test_another_process_resumes(tmp_path):
    frames = scene()
    denoiser = Denoiser(lookahead=1)
    push(denoiser, frames[:4])
    np.save(tmp_path / "frames.npy", frames[4:])
    (tmp_path / "state").write_bytes(denoiser.state())
    program = (
        "import sys, numpy as np, vdcore, pathlib\n"
        "d = vdcore.Denoiser.from_state(pathlib.Path('state').read_bytes())\n"
        "out = [r for f in np.load('frames.npy') if (r := d(f)) is not None]\n"
        "np.save('out.npy', np.stack([*out, *d.flush()]))\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, cwd=tmp_path)
    assert_same_bits(np.load(tmp_path / "out.npy"), rest(denoiser, frames[4:]))


def test_a_busy_denoiser_is_not_saved():
    entered, leave = threading.Event(), threading.Event()

    def motion(frame, other):
        entered.set()
        leave.wait(30)
        return np.zeros((*frame.shape[:2], 2), np.float32)

    denoiser = Denoiser(15, motion=motion)
    denoiser(scene()[0])
    worker = threading.Thread(target=denoiser, args=(scene()[1],))
    worker.start()
    assert entered.wait(30)
    try:
        for call in (denoiser.state, denoiser.copy, lambda: denoiser.restore(Denoiser().state())):
            with pytest.raises(RuntimeError, match="another call is using this denoiser"):
                call()
    finally:
        leave.set()
        worker.join()
    assert denoiser.info.frames == 2


# damage


@lru_cache
def saved():
    """The state of a stream of small frames with as much in it as there can be."""
    denoiser = Denoiser(15.0, motion=turning, lookahead=2)
    for frame in scene("two channels")[:5, :9, :11]:
        denoiser(frame)
    return denoiser.state()


def is_refused(state):
    with pytest.raises(ValueError, match="state "):
        Denoiser.from_state(state, motion=turning)


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_a_change_of_any_byte_is_refused(data):
    state = bytearray(saved())
    state[data.draw(st.integers(0, len(state) - 1))] ^= data.draw(st.integers(1, 255))
    is_refused(bytes(state))


def test_a_change_of_any_byte_of_the_head_is_refused():
    size = int.from_bytes(saved()[12:16], "little") + 16 + 200
    for at in range(size):
        state = bytearray(saved())
        state[at] ^= 1 << at % 8
        is_refused(bytes(state))


@pytest.mark.parametrize(
    "damage",
    [
        lambda state: state[:-1],
        lambda state: state[:7],
        lambda state: b"",
        lambda state: state + b"\0",
        lambda state: state[:500] + state[501:],
    ],
)
def test_cut_and_longer_states_are_refused(damage):
    denoiser = Denoiser(15, motion=turning)
    push(denoiser, scene()[:3])
    before = denoiser.state()
    is_refused(damage(saved()))
    with pytest.raises(ValueError, match="state "):
        denoiser.restore(damage(saved()))
    assert denoiser.state() == before


def test_a_state_of_something_else_is_refused():
    import vdcore

    is_refused(vdcore.Diffuser(1, 1).state())
    with pytest.raises(ValueError, match="state "):
        vdcore.Diffuser.from_state(saved())


# forgery: the checksum fits


def edited(**edits):
    return forged(saved(), lambda text: json.dumps(json.loads(text) | edits).encode())


def test_a_forgery_without_changes_is_taken():
    assert edited() == saved()
    Denoiser.from_state(edited(), motion=turning)


@pytest.mark.parametrize(
    "edits",
    [
        {"byteorder": "middle"},
        {"strength": "much"},
        {"strength": noise_values(ESTIMATE) | {"offset": [0, 0]}},
        {"strength": noise_values(ESTIMATE) | {"sigma": [-1]}},
        {"strength": noise_values(ESTIMATE) | {"spectrum": [[[-1] * 8] * 8]}},
        {"preset": "best"},
        {"motion": "flow"},  # there is a last result for a callable
        {"motion": 3},
        {"lookahead": 1},
        {"lookahead": 3},
        {"lookahead": -1},
        {"frames": -1},
        {"frames": 1},
        {"frames": 0},
        {"frames": 2**63},
        {"frames": "5"},
        {"shape": [9, 11, 3]},
        {"shape": [9, 12, 2]},
        {"shape": [11, 9, 2]},
        {"shape": [9]},
        {"shape": [9, 11, 2, 1]},
        {"shape": [9, 11, 5]},
        {"shape": [2**40, 2**40, 2]},
        {"shape": [0, 11, 2]},
        {"shape": None},
        {"dtype": "uint16"},
        {"dtype": "float16"},
        {"dtype": None},
        {"noise": None},
        {"noise": noise_values(white_noise([1, 2, 3]))},
        {"noise": noise_values(white_noise([1, 2])) | {"sigma": [float("nan")] * 2}},
        {"noise": noise_values(white_noise([[1, 2]]))},
        {"noise": noise_values(white_noise([1, 2])) | {"correlation": 1.0}},
        {"noise": noise_values(white_noise([1, 2])) | {"compressed": 1}},
        {"noise": noise_values(white_noise([1, 2])) | {"spectrum": [[[1.0] * 8] * 8]}},
        {"noise": noise_values(white_noise([1, 2])) | {"spectrum": [[[0.0] * 8] * 8] * 2}},
        {"new_pairs": -1},
        {"estimator": {}},
        {"layers": []},
        {"layers": [None, None]},
        {"layers": [{"causal": None, "late": None}] * 3},
        {"last": None},
        {"last": [9, 11]},
        {"queue": []},
        {"queue": None},
        {"queue": [{"samples": None, "priors": [None] * 2, "flows": [None] * 2}]},
        {"queue": [{"samples": [9, 11, 2], "priors": [], "flows": []}]},
        {"queue": [{"samples": [-9, -11, 2], "priors": [None] * 2, "flows": [None] * 2}]},
    ],
    ids=str,
)
def test_forged_values_are_refused(edits):
    with pytest.raises(ValueError, match=r"state cannot come from Denoiser.state\(\)"):
        Denoiser.from_state(edited(**edits), motion=turning)


def head(state):
    """The values of a state."""
    return json.loads(state[16 : 16 + int.from_bytes(state[12:16], "little")])


@pytest.mark.parametrize("size", [-4, 0, 9, 2**40, 2**70, "5", [9], {"noise": 1}])
@pytest.mark.parametrize("place", ["causal", "late"])
def test_forged_layers_are_refused(place, size):
    layers = head(saved())["layers"]
    assert layers[0][place] > 1000
    layers[0][place] = size
    is_refused(edited(layers=layers))


@pytest.mark.parametrize(
    "edits",
    [
        {"stride": 0},
        {"stride": 1.5},
        {"index": -1},
        {"index": -2},
        {"next": None},
        {"start": 2**63},
        {"first": None},
        {"first": [9, 11, 3]},
        {"first": [9, 11]},
        {"earlier": [8, 11, 2]},
        {"pairs": None},
        {"pairs": [{}]},
        {"suspects": [{"lag": 0, "count": 0, "changed": 0, "all": 1, "unit": 0.0}]},
        {"suspects": [{"lag": 0, "count": 0, "changed": 0, "all": 1, "unit": float("nan")}]},
        {"suspects": [{"lag": -1, "count": 0, "changed": 0, "all": 1, "unit": 1.0}]},
        {"suspects": [{"lag": 0, "count": 0, "changed": 0, "all": 1, "unit": 1.0}] * 13},
    ],
    ids=str,
)
def test_forged_estimators_are_refused(edits):
    is_refused(edited(estimator=head(saved())["estimator"] | edits))


@pytest.mark.parametrize("name, shape", [("mean", [1, 3]), ("energy", [2**40, 2]), ("total", [1, 2, 63])])
def test_forged_blocks_are_refused(name, shape):
    estimator = head(saved())["estimator"]
    assert len(estimator["pairs"]) == 4 and estimator["pairs"][0]["mean"][1] == 2
    estimator["pairs"][0][name] = shape
    is_refused(edited(estimator=estimator))


words = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_forged_values_are_survived(data):
    """Anything in place of any value is refused, or gives a denoiser that can be used."""
    values = head(saved())
    place = values
    while True:
        keys = sorted(place) if isinstance(place, dict) else list(range(len(place)))
        key = data.draw(st.sampled_from(keys))
        if isinstance(place[key], dict | list) and place[key] and data.draw(st.booleans()):
            place = place[key]
            continue
        place[key] = data.draw(words)
        break
    try:
        denoiser = Denoiser.from_state(
            forged(saved(), lambda _: json.dumps(values).encode()), threads=1, motion=turning
        )
        for frame in scene("two channels")[:4, :9, :11]:
            denoiser(frame)
        list(denoiser.flush())
    except (ValueError, TypeError, OverflowError, MemoryError):
        pass
