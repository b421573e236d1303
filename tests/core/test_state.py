# SPDX-License-Identifier: Apache-2.0
"""A `Diffuser` resumes from a saved state: restore, copy, reset, other processes; forks and threads."""

import copy
import math
import multiprocessing
import os
import pickle
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

import vdcore
from helpers.states import MODES, extras, make, part
from helpers.support import assert_same_bits, noise, push_all, stream

WAYS = {
    "state": lambda d: vdcore.Diffuser.from_state(d.state()),
    "pickle": lambda d: pickle.loads(pickle.dumps(d)),
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
    "copy method": lambda d: d.copy(),
}


def results(diffuser, frames, extra, start):
    """Push frames[start:], flush; the step before the first one counts too."""
    times = extra["times"]
    if times is not None and start:
        out = [diffuser(frames[start], times[start] - times[start - 1])]
        return out + results_after(diffuser, frames, extra, start + 1)
    return results_after(diffuser, frames, extra, start)


def results_after(diffuser, frames, extra, start):
    out = []
    for i in range(start, len(frames)):
        dt = None if extra["times"] is None or i == 0 else extra["times"][i] - extra["times"][i - 1]
        mask = None if extra["confidence"] is None else extra["confidence"][i]
        result = diffuser(frames[i], dt, confidence=mask)
        if result is not None:
            out.append(result)
    return [*out, *diffuser.flush()]


@pytest.mark.parametrize("way", list(WAYS))
@pytest.mark.parametrize("mode", list(MODES))
def test_resumes_bit_for_bit(dtype, mode, way):
    frames = noise(dtype, (14, 12, 19, 3))
    extra = extras(mode, frames)
    first, second = make(mode), make(mode)
    expected = results(first, frames, extra, 0)
    start = push_all(second, frames[:5], **part(extra, 0, 5))
    got = start + results(WAYS[way](second), frames, extra, 5)
    assert_same_bits(np.stack(got), np.stack(expected))


def test_resumes_in_the_middle_of_a_flush(dtype):
    frames = noise(dtype, (9, 12, 19))
    diffuser = vdcore.Diffuser(1.1, 4.0, lookahead=4)
    push_all(diffuser, frames[:7])
    rest = diffuser.flush()
    next(rest), next(rest)
    twin = diffuser.copy()
    expected = [*rest, *push_all(diffuser, frames[7:]), *diffuser.flush()]
    got = [*twin.flush(), *push_all(twin, frames[7:]), *twin.flush()]
    assert_same_bits(np.stack(got), np.stack(expected))


@pytest.mark.parametrize("mode", list(MODES))
def test_restore_goes_back_in_time(dtype, mode):
    frames = noise(dtype, (14, 12, 19, 3))
    extra = extras(mode, frames)
    diffuser = make(mode)
    push_all(diffuser, frames[:5], **part(extra, 0, 5))
    saved = diffuser.state()
    once = results(diffuser, frames, extra, 5)
    diffuser.restore(saved)
    again = results(diffuser, frames, extra, 5)
    assert_same_bits(np.stack(again), np.stack(once))


def test_state_is_plain_bytes_and_reproducible():
    diffuser = vdcore.Diffuser(1, 2)
    diffuser(noise("uint8", (6, 7)))
    assert type(diffuser.state()) is bytes
    assert diffuser.state() == diffuser.state() == diffuser.copy().state()


def test_a_copy_is_independent(dtype):
    frames = noise(dtype, (6, 8, 9))
    diffuser = vdcore.Diffuser(1, math.inf)
    push_all(diffuser, frames[:3])
    twin = diffuser.copy()
    push_all(twin, frames[::-1])
    expected = stream(frames, 1, math.inf)
    assert_same_bits(np.stack(push_all(diffuser, frames[3:])), expected[3:])


def test_parameters_travel_with_the_state():
    diffuser = vdcore.Diffuser((1, 2.5), 7, boundary="constant", cval=3, truncate=2, lookahead=1, fill=4)
    frames = noise("uint16", (5, 9, 8))
    twin = vdcore.Diffuser.from_state(diffuser.state(), threads=1)
    assert_same_bits(
        np.stack([*push_all(twin, frames), *twin.flush()]),
        np.stack([*push_all(diffuser, frames), *diffuser.flush()]),
    )


def test_another_process_resumes(dtype, tmp_path):
    frames = noise(dtype, (8, 11, 13, 3))
    diffuser = vdcore.Diffuser(1.3, 5.0, lookahead=2)
    push_all(diffuser, frames[:5])
    (tmp_path / "state").write_bytes(diffuser.state())
    (tmp_path / "pickle").write_bytes(pickle.dumps(diffuser))
    np.save(tmp_path / "frames.npy", frames[5:])
    program = """
import pathlib, pickle, sys
import numpy as np, vdcore
folder = pathlib.Path(sys.argv[1])
for name, load in (("state", vdcore.Diffuser.from_state), ("pickle", pickle.loads)):
    diffuser = load((folder / name).read_bytes())
    results = [diffuser(frame) for frame in np.load(folder / "frames.npy")]
    np.save(folder / f"{name}.npy", np.stack([*results, *diffuser.flush()]))
"""
    subprocess.run([sys.executable, "-c", program, str(tmp_path)], check=True, timeout=60)
    expected = np.stack([*push_all(diffuser, frames[5:]), *diffuser.flush()])
    for name in ("state", "pickle"):
        assert_same_bits(np.load(tmp_path / f"{name}.npy"), expected)


def test_reset_forgets_everything(dtype):
    frames = noise(dtype, (5, 8, 9))
    diffuser = vdcore.Diffuser(1, 3, lookahead=1)
    diffuser(noise("float64", (4, 5, 2)))
    diffuser.reset()
    assert diffuser.info.frames == 0
    assert list(diffuser.flush()) == []
    assert_same_bits(
        np.stack([*push_all(diffuser, frames), *diffuser.flush()]), stream(frames, 1, 3, lookahead=1)
    )


def use_openmp(frames):
    return stream(frames, 2.0, 3.0, threads=2)


# ---- fork


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_child_works():
    """libgomp's threads do not exist in the child; it must not wait for them."""
    frames = noise("uint8", (4, 400, 420, 3))
    expected = use_openmp(frames)
    diffuser = vdcore.Diffuser(2.0, 3.0, threads=2)
    push_all(diffuser, frames[:2])
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            right = np.array_equal(np.stack(push_all(diffuser, frames[2:])), expected[2:])
            right = right and np.array_equal(use_openmp(frames), expected)
            os.write(writer, b"1" if right else b"0")
        finally:
            os._exit(0)
    os.close(writer)
    timer = threading.Timer(60, os.kill, (child, 9))
    timer.start()
    answer = os.read(reader, 1)
    timer.cancel()
    os.waitpid(child, 0)
    os.close(reader)
    assert answer == b"1"
    assert_same_bits(use_openmp(frames), expected)


@pytest.mark.skipif("fork" not in multiprocessing.get_all_start_methods(), reason="no fork on this system")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_pool_works():
    frames = noise("uint16", (2, 400, 420))
    expected = use_openmp(frames)
    with multiprocessing.get_context("fork").Pool(2) as pool:
        for result in pool.map_async(use_openmp, [frames] * 4).get(timeout=60):
            assert_same_bits(result, expected)


# ---- threads


def test_many_diffusers_at_once(dtype):
    frames = noise(dtype, (6, 60, 70, 3))
    expected = stream(frames, 1.5, 3.0)
    answers = [None] * 6

    def work(i):
        answers[i] = stream(frames, 1.5, 3.0, threads=1 + i % 2)

    run([threading.Thread(target=work, args=(i,)) for i in range(6)])
    for answer in answers:
        assert_same_bits(answer, expected)


def test_one_diffuser_from_two_threads_raises_or_waits():
    """Every frame is the same and tau is infinite: whatever gets in, the right result is known."""
    frame = noise("float32", (300, 310, 3))
    expected = vdcore.Diffuser(2.0, math.inf, threads=1)(frame)
    diffuser = vdcore.Diffuser(2.0, math.inf, threads=1)
    refused, done, wrong = [], [], []

    def work():
        for _ in range(25):
            try:
                result = diffuser(frame)
            except RuntimeError as error:
                refused.append(str(error))
            else:
                done.append(1)
                if np.abs(result - expected).max() > 1e-5:
                    wrong.append(1)

    run([threading.Thread(target=work) for _ in range(4)])
    assert not wrong
    assert len(done) + len(refused) == 100
    assert diffuser.info.frames == len(done)
    assert all("another call" in text for text in refused)


def test_a_state_taken_during_pushes_is_whole():
    """It is the state between two pushes, or RuntimeError; its size changes with the queue."""
    diffuser = vdcore.Diffuser(0.0, 3.0, lookahead=40, threads=1)
    frame = noise("float64", (8, 9))
    stopped, states, refused = threading.Event(), [], []

    def work():
        while not stopped.is_set():
            try:
                diffuser(frame) if diffuser.info.pending < 40 else diffuser.reset()
            except RuntimeError:
                pass

    threads = [threading.Thread(target=work) for _ in range(3)]
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        for thread in threads:
            thread.start()
        stop = time.monotonic() + 2
        while time.monotonic() < stop or not states:
            try:
                states.append(diffuser.state())
            except RuntimeError as error:
                refused.append(str(error))
    finally:
        sys.setswitchinterval(interval)
        stopped.set()
        for thread in threads:
            thread.join(60)
    assert all("another call" in text for text in refused)
    for state in states[:: len(states) // 50 + 1]:
        assert vdcore.Diffuser.from_state(state).info.pending <= 40


def test_the_gil_is_released():
    """A push in another thread does not stop this one from running Python."""
    frame = noise("float64", (700, 800, 3))
    diffuser = vdcore.Diffuser(12.0, 3.0, threads=1)
    running, ticks = threading.Event(), 0

    def work():
        running.set()
        diffuser(frame)
        running.clear()

    thread = threading.Thread(target=work)
    thread.start()
    running.wait()
    while running.is_set():
        ticks += 1
    thread.join()
    assert ticks > 1000


def run(threads):
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive()


def test_the_times_of_frames_that_wait_are_kept():
    frames = np.random.default_rng(5).random((8, 12, 14))
    steps = (1, 3, 0.5, 2, 1.5, 0.25, 4, 1)

    def filtered(saved_at):
        diffuser, results = vdcore.Diffuser(1, 2, lookahead=2), []
        for i, (frame, dt) in enumerate(zip(frames, steps, strict=True)):
            if i == saved_at:
                diffuser = vdcore.Diffuser.from_state(diffuser.state())
            if (result := diffuser(frame, dt=dt)) is not None:
                results.append(result)
        return np.stack([*results, *diffuser.flush()])

    for saved_at in (1, 2, 4):
        assert_same_bits(filtered(saved_at), filtered(-1))
