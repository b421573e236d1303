# SPDX-License-Identifier: Apache-2.0
"""A `Denoiser` as a stream: lookahead, flush, reset, memory, motion that a callable gives."""

import subprocess
import sys

import numpy as np
import pytest

import vdcore
from helpers.denoising import LOOKAHEADS, NOISE, psnr, scene, stream, white
from helpers.support import assert_same_bits
from vdcore import Denoiser, denoise

# ---- the stream


@LOOKAHEADS
def test_arrays_are_streams(lookahead):
    frames = scene(6, 96, 64)[1]
    expected = stream(Denoiser(NOISE, lookahead=lookahead), frames)
    assert_same_bits(denoise(frames, NOISE, lookahead=lookahead), expected)
    assert_same_bits(denoise(iter(frames), NOISE, lookahead=lookahead), expected)
    assert_same_bits(denoise(np.moveaxis(frames, 3, 1), NOISE, lookahead=lookahead, channel_axis=1),
                     np.moveaxis(expected, 3, 1))  # fmt: skip
    out = frames.copy()
    assert denoise(out, NOISE, lookahead=lookahead, out=out) is out
    assert_same_bits(out, expected)


@LOOKAHEADS
def test_threads_do_not_matter(lookahead):
    frames = np.tile(scene(5)[1], (1, 2, 2, 1))
    assert_same_bits(
        *(denoise(frames, lookahead=lookahead, threads=threads, dtype="float32") for threads in (1, 3))
    )


def test_lookahead_waits_and_flush_ends_it():
    frames = scene(5)[1]
    denoiser = Denoiser(NOISE, lookahead=3)
    assert [denoiser(frame) is None for frame in frames] == [True, True, True, False, False]
    assert denoiser.info.pending == 3
    out = np.empty(frames[0].shape, np.float32)
    assert all(result is out for result in denoiser.flush(out=out))
    assert denoiser.info.pending == 0 and list(denoiser.flush()) == []
    assert denoiser(frames[0]) is None  # it goes on


def test_lookahead_of_a_short_clip():
    clean, noisy = (frames[:2] for frames in scene())
    assert psnr(denoise(noisy, NOISE, lookahead=31), clean) > psnr(denoise(noisy, NOISE), clean)


@LOOKAHEADS
def test_reset_forgets(lookahead):
    frames = scene(6, 96, 64)[1]
    denoiser = Denoiser(lookahead=lookahead)
    expected = stream(denoiser, frames)
    denoiser.reset()
    assert denoiser.info == vdcore.DenoiserInfo(None, 0, 0, 0, 0, 0, 0, None)
    assert_same_bits(stream(denoiser, frames), expected)
    denoiser.reset()
    assert stream(denoiser, frames[:, :50, :, 0].astype(np.float32)).shape == (6, 50, 96)


@LOOKAHEADS
def test_memory_is_bounded(lookahead):
    frames = scene(8, 64, 48)[1]
    denoiser = Denoiser(lookahead=lookahead)
    for frame in frames:
        denoiser(frame)
    held = denoiser.info.state_bytes
    for frame in np.tile(frames, (5, 1, 1, 1)):
        denoiser(frame)
    assert denoiser.info.state_bytes == held > frames[0].nbytes
    assert denoiser.info.frames == 48


def test_info_and_repr():
    denoiser = Denoiser(3, preset="fast")
    denoiser(np.zeros((20, 30, 4), np.uint16))
    info = denoiser.info
    assert (info.frames, info.height, info.width, info.channels, info.dtype) == (1, 20, 30, 4, "uint16")
    np.testing.assert_array_equal(info.noise.sigma, [3, 3, 3])
    assert repr(denoiser) == (
        "Denoiser(strength=3.0, preset='fast', motion='flow', lookahead=0,"
        " fill=None, hot_pixels='auto', threads=None)"
    )


# ---- motion


@LOOKAHEADS
def test_a_callable_gets_frames(lookahead):
    frames = np.concatenate([scene()[1], scene()[1][..., :1]], axis=-1)
    calls = []

    def motion(frame, other):
        assert frame.shape == other.shape == frames[0].shape and frame.dtype == other.dtype == np.uint8
        calls.append((frame.copy(), other.copy()))
        return np.zeros((*frame.shape[:2], 2))

    results = []
    denoiser = Denoiser(NOISE, motion=motion, lookahead=lookahead)
    for frame in frames:
        if (result := denoiser(frame, dtype="float32")) is not None:
            results.append(result.copy())
            result[...] = -1  # what is done to a result is nothing to the filter
    assert_same_bits(
        np.stack([*results, *denoiser.flush(dtype="float32")]),
        denoise(frames, NOISE, motion=None, lookahead=lookahead, dtype="float32"),
    )
    np.testing.assert_array_equal(calls[0][0], frames[1])
    if lookahead:
        assert any(
            np.array_equal(other, frames[3]) for frame, other in calls if np.array_equal(frame, frames[2])
        )
    else:
        assert len(calls) == 7
        np.testing.assert_array_equal(calls[3][1], np.rint(results[3]))


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@LOOKAHEADS
def test_motion_that_is_not_known_restarts(lookahead, bad):
    frames = scene()[1]
    lost = denoise(
        frames, white(NOISE), motion=lambda frame, other: np.full((96, 160, 2), bad), lookahead=lookahead
    )
    alone = np.concatenate([denoise(frame[None], NOISE) for frame in frames[:3]])
    assert_same_bits(lost[:3], alone)


@pytest.mark.parametrize(
    "flow, error, text",
    [
        (np.zeros((96, 160)), ValueError, "what motion returns must have shape"),
        (np.zeros((96, 160, 2), int), TypeError, "what motion returns must have dtype"),
        (None, TypeError, "what motion returns"),
    ],
)
def test_wrong_motion_leaves_no_trace(flow, error, text):
    frames, still = scene()[1], np.zeros((96, 160, 2))
    answers = [flow, still, still, still]
    right, wrong = Denoiser(motion=None), Denoiser(motion=lambda frame, other: answers.pop(0))
    assert_same_bits(wrong(frames[0]), right(frames[0]))
    with pytest.raises(error, match=text):
        wrong(frames[5])  # would count in the noise estimate too
    for frame in frames[1:4]:
        assert_same_bits(wrong(frame), right(frame))
    assert answers == []


def test_wrong_motion_into_the_future_leaves_no_trace():
    frames, still = scene()[1], np.zeros((96, 160, 2))
    answers = []
    denoiser = Denoiser(motion=lambda frame, other: answers.pop() if answers else still, lookahead=2)
    results = []
    for index, frame in enumerate(frames):
        if index in (3, 4):
            answers = [None, still]  # back, and ahead
            with pytest.raises(TypeError, match="what motion returns"):
                denoiser(frames[7])
        results.append(denoiser(frame))
    results = [result for result in results if result is not None] + list(denoiser.flush())
    assert_same_bits(np.stack(results), stream(Denoiser(motion=None, lookahead=2), frames))


def test_motion_must_not_use_the_denoiser():
    frames = scene()[1]
    denoiser = Denoiser(NOISE, motion=lambda frame, other: denoiser(frame))
    denoiser(frames[0])
    with pytest.raises(RuntimeError, match="another call is using this denoiser"):
        denoiser(frames[1])


def test_opencv_is_imported_for_motion_only():
    program = (
        "import sys, numpy as np, vdcore\n"
        "frames = np.random.default_rng(0).integers(0, 255, (3, 32, 40), dtype=np.uint8)\n"
        "vdcore.denoise(frames, motion=None); vdcore.denoise(frames[:1]); print('cv2' in sys.modules)\n"
        "vdcore.denoise(frames); print('cv2' in sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout.split() == ["False", "True"], done.stderr
