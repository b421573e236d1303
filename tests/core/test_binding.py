# SPDX-License-Identifier: Apache-2.0
"""The binding: batches, errors from C, threads, copies, and a light import."""

import copy
import pickle
import subprocess
import sys
import threading
from time import sleep

import numpy as np
import pytest

import vdcore
from helpers.support import assert_same_bits, noise
from vdcore import _core

SHAPE = (9, 11, 3)


# ---- batches


def test_batches_with_everything(dtype):
    frames = noise(dtype, (5, *SHAPE))
    masks = noise("float64", (5, *SHAPE[:2]), seed=2)
    steps = [0, 1, 0.5, 2, 1]
    one, other = vdcore.Diffuser(1, 2), vdcore.Diffuser(1, 2)
    expected = [one(frame, dt, confidence=mask) for frame, dt, mask in zip(frames, steps, masks, strict=True)]
    assert_same_bits(other.push_many(frames, steps, confidence=masks), np.stack(expected))
    expected = [one(frames[0], confidence=masks[0]), one(frames[1])]
    got = other.push_many(list(frames[:2]), confidence=[masks[0], None])
    assert_same_bits(got, np.stack(expected))
    expected = [one(frame, 0.5, confidence=masks[0]) for frame in frames]
    assert_same_bits(other.push_many(iter(frames), 0.5, confidence=masks[0]), np.stack(expected))


def test_batches_into_an_array():
    frames = noise("uint8", (4, *SHAPE))
    out = np.zeros((4, *SHAPE), np.float32)
    got = vdcore.Diffuser(1, 2, lookahead=1).push_many(frames, out=out)
    assert np.shares_memory(got, out) and got.shape == (3, *SHAPE)
    assert (out[3] == 0).all()


@pytest.mark.parametrize(
    "keywords, text",
    [
        ({"dt": [1, 2]}, "dt must be a number or one per frame, got 2 for 3 frames"),
        ({"dt": [1, -2, 3]}, "dt must be a finite number >= 0, got -2"),
        ({"confidence": np.ones((2, 9, 11))}, "confidence must be one of shape .* each of 3 frames, got 2"),
        ({"confidence": [None, np.ones((4, 4)), None]}, "confidence must have shape"),
        ({"out": np.zeros((2, *SHAPE), np.uint8)}, r"out must have shape \(3, 9, 11, 3\)"),
    ],
)
def test_batches_that_do_not_fit(keywords, text):
    with pytest.raises(ValueError, match=text):
        vdcore.Diffuser(1, 2).push_many(noise("uint8", (3, *SHAPE)), **keywords)


# ---- errors from below


def test_messages_have_the_values():
    diffuser = vdcore.Diffuser(1, 2)
    frame = noise("float32", SHAPE)
    diffuser(frame)
    with pytest.raises(ValueError, match=r"frame is \(9, 11\) float32, the stream is \(height 9, width 11"):
        diffuser(frame[..., 0])
    with pytest.raises(TypeError, match=r"frame is \(9, 11, 3\) float64, the stream is .* float32"):
        diffuser(frame.astype("float64"))
    frame[4, 5, 1] = -np.inf
    frame[8, 10] = np.nan
    with pytest.raises(ValueError, match=r"infinite sample; frame\[4, 5, 1\] is -inf"):
        diffuser(frame)
    frame[...] = 0
    with pytest.raises(ValueError, match="confidence runs from .* to 2"):
        diffuser(frame, confidence=np.full(SHAPE[:2], 2.0))
    with pytest.raises(ValueError, match="normalized mode"):
        diffuser(frame, coefficients=np.ones(SHAPE[:2]))
    assert diffuser.info.frames == 1


def test_a_handle_that_was_never_made_is_refused():
    empty = _core.Diffuser.__new__(_core.Diffuser)
    frame = noise("uint8", SHAPE)
    calls = [
        lambda: empty.push(frame, frame.copy(), 1.0),
        lambda: empty.push_many([frame], [frame.copy()], [1.0]),
        lambda: empty.flush(frame.copy()),
        lambda: empty.reset(),
        lambda: empty.copy(),
        lambda: empty.save(),
        lambda: empty.info(),
    ]
    for call in calls:
        with pytest.raises(ValueError, match="NULL"):
            call()


def test_images_of_the_core_have_two_or_three_axes():
    with pytest.raises(ValueError, match="2 or 3 dimensions, got 1"):
        _core.blend(np.zeros(3), np.zeros((3, 1)), np.zeros((3, 1)))
    with pytest.raises(TypeError, match=r"got format '\?'"):
        _core.blend(np.zeros((3, 1), bool), np.zeros((3, 1)), np.zeros((3, 1)))


@pytest.mark.parametrize("kind", ["uint8", "float32", "float64"])
def test_blend(dtype, kind):
    frame, out = noise(dtype, SHAPE), noise(dtype, SHAPE, seed=2)
    region = noise(kind, SHAPE[:2], seed=3)
    region[:2] = 0
    region[-2:] = 255 if kind == "uint8" else 1
    before = out.copy()
    _core.blend(frame, region, out, 2)
    assert_same_bits(out[:2], frame[:2])
    assert_same_bits(out[-2:], before[-2:])
    share = region[..., None] / (255.0 if kind == "uint8" else 1.0)
    slack = 0.5 + 1e-6 if np.dtype(dtype).kind == "u" else 1e-6
    assert np.abs(out - (frame + share * (before.astype(float) - frame))).max() <= slack
    with pytest.raises(ValueError, match="region runs from"):
        _core.blend(frame, np.full(SHAPE[:2], 1.5), out)


# ---- threads


def test_a_second_thread_is_refused():
    """While one thread is in a long call, every call from another raises and changes nothing."""
    frame = noise("float64", (900, 1000, 3))
    diffuser = vdcore.Diffuser(40, 3, threads=1)
    other = diffuser.state()
    started, refused = threading.Event(), set()

    def work():
        started.set()
        diffuser(frame)

    calls = {
        "call": lambda: diffuser(frame),
        "push_many": lambda: diffuser.push_many(frame[None]),
        "flush": lambda: list(diffuser.flush()),
        "info": lambda: diffuser.info,
        "state": lambda: diffuser.state(),
        "copy": lambda: diffuser.copy(),
        "reset": lambda: diffuser.reset(),
        "restore": lambda: diffuser.restore(other),
    }
    for name, call in calls.items():
        diffuser.reset()
        started.clear()
        thread = threading.Thread(target=work)
        thread.start()
        started.wait()
        sleep(0.01)
        try:
            call()
        except RuntimeError as error:
            assert str(error) == "another call is using this diffuser"
            refused.add(name)
        thread.join()
        assert diffuser.info.frames == 1
    assert refused == set(calls)


class Counting(vdcore.Diffuser):
    """A subclass, to see whether copies keep the type."""


# ---- copies


@pytest.mark.parametrize("way", [copy.copy, copy.deepcopy, lambda d: pickle.loads(pickle.dumps(d))])
def test_copies_keep_type_and_parameters(way):
    diffuser = Counting((1, 2), np.inf, boundary="reflect", fill=np.nan, lookahead=2, threads=1)
    diffuser(noise("float32", SHAPE))
    twin = way(diffuser)
    assert type(twin) is Counting
    assert repr(twin) == repr(diffuser)
    assert twin.state() == diffuser.state()


def test_threads_of_a_restored_diffuser():
    diffuser = vdcore.Diffuser(1, 2, threads=3)
    assert vdcore.Diffuser.from_state(diffuser.state()).parameters.threads is None
    assert vdcore.Diffuser.from_state(diffuser.state(), threads=2).parameters.threads == 2
    other = vdcore.Diffuser(5, 6, threads=4)
    other.restore(diffuser.state())
    assert (other.parameters.sigma, other.parameters.threads) == ((1.0, 1.0), 4)


def test_state_from_any_buffer():
    state = vdcore.Diffuser(1, 2).state()
    for kind in (bytes, bytearray, memoryview, lambda b: np.frombuffer(b, np.uint8)):
        assert vdcore.Diffuser.from_state(kind(state)).parameters.tau == 2


def test_repr_shows_the_parameters():
    text = repr(vdcore.Diffuser(1, 2, boundary="nearest"))
    assert text.startswith("Diffuser(sigma=(1.0, 1.0), tau=2.0, model=Gaussian(), normalize=True, ")
    assert "boundary='nearest'" in text


def python(program):
    return subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60
    ).stdout.strip()


# ---- the module


def test_import_is_light():
    """Neither OpenCV nor the video layer nor any extra is loaded."""
    loaded = python("import sys, vdcore; print(*sys.modules)").split()
    assert not {"cv2", "tqdm", "click", "av", "scipy", "matplotlib", "vdcore.video"} & set(loaded)


def test_video_names_load_on_first_use():
    text = python(
        "import vdcore; assert 'diffuse_video' in dir(vdcore)\n"
        "print(vdcore.diffuse_video.__module__, vdcore.VideoReport.__name__)"
    )
    assert text.endswith("VideoReport")
    assert python("import vdcore; print(vdcore.video.read_frames.__name__)").strip() == "read_frames"
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        vdcore.nothing  # noqa: B018


def test_import_leaves_subnormal_numbers_alone():
    """No library linked with -ffast-math: it would flush them to zero in the whole process."""
    assert float(python("import vdcore; print(2.0**-1074)")) > 0
    assert np.float32(1e-45) * np.float32(1) > 0
