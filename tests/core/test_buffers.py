# SPDX-License-Identifier: Apache-2.0
"""From arrays to C and back: any strides in and out, read-only and overlapping memory."""

import gc
import pickle
import weakref

import numpy as np
import pytest
from numpy.lib.stride_tricks import as_strided

import vdcore
from helpers.support import assert_same_bits, noise

SHAPE = (9, 11, 3)


def smooth(frame, **keywords):
    return vdcore.Diffuser(1.2, 3)(frame, **keywords)


def views(array):
    """The same samples behind other strides."""
    height, width, channels = array.shape
    wide = np.zeros((2 * height, 3 * width, channels + 2), array.dtype)
    wide[::2, ::3, 1:-1] = array
    yield wide[::2, ::3, 1:-1]
    for axes in ((0,), (1,), (2,), (0, 1, 2)):
        yield np.flip(np.ascontiguousarray(np.flip(array, axes)), axes)
    for order in ((2, 0, 1), (1, 0, 2), (2, 1, 0)):
        yield np.ascontiguousarray(array.transpose(order)).transpose(np.argsort(order))
    odd = np.zeros(array.nbytes + 1, np.uint8)[1:].view(array.dtype).reshape(array.shape)
    odd[...] = array
    yield odd
    record = np.zeros(array.shape, [("before", "u1"), ("sample", array.dtype)])
    record["sample"] = array
    yield record["sample"]


# ---- inputs


def test_inputs_of_any_strides(dtype):
    frame = noise(dtype, SHAPE)
    expected = smooth(frame)
    for view in views(frame):
        assert_same_bits(smooth(view), expected)
        view.flags.writeable = False
        assert_same_bits(smooth(view), expected)
        mask = noise("float64", SHAPE, seed=2)
        assert_same_bits(smooth(view, confidence=mask[..., 0]), smooth(frame, confidence=mask[..., 0].copy()))


def test_outputs_of_any_strides(dtype):
    frame = noise(dtype, SHAPE)
    expected = smooth(frame)
    for out in views(np.zeros(SHAPE, dtype)):
        assert smooth(frame, out=out) is out
        assert_same_bits(out, expected)


def test_nothing_outside_the_output_is_written(dtype):
    frame = noise(dtype, SHAPE)
    buffer = np.full((2 * SHAPE[0], 3 * SHAPE[1], 5), 7, dtype)
    smooth(frame, out=buffer[1::2, 2::3, 3:0:-1])
    buffer[1::2, 2::3, 3:0:-1] = 7
    assert (buffer == 7).all()


def test_repeated_samples_are_an_input():
    frame = np.broadcast_to(noise("uint8", (1, 11, 1)), SHAPE)
    assert 0 in frame.strides
    assert_same_bits(smooth(frame), smooth(frame.copy()))


def test_read_only_bytes():
    frame = noise("uint8", SHAPE)
    held = memoryview(frame.tobytes()).cast("B", SHAPE)
    assert_same_bits(smooth(held), smooth(frame))


def test_subclasses_of_arrays():
    class Picture(np.ndarray):
        pass

    frame = noise("float32", SHAPE)
    result = smooth(frame.view(Picture))
    assert type(result) is np.ndarray
    assert_same_bits(result, smooth(frame))


def test_grey_has_two_axes_or_three(dtype):
    frame = noise(dtype, SHAPE[:2])
    assert_same_bits(smooth(frame[..., None])[..., 0], smooth(frame))


def test_nothing_is_kept():
    """After a call no buffer is exported any more and no array is referred to."""
    memory = bytearray(noise("uint8", SHAPE).tobytes())
    frame = memoryview(memory).cast("B", SHAPE)
    diffuser = vdcore.Diffuser(1, 2, lookahead=1)
    diffuser(frame)
    diffuser(frame, confidence=np.ones(SHAPE[:2]))
    with pytest.raises(ValueError):
        diffuser(frame, -1.0)
    with pytest.raises(ValueError):
        diffuser(frame[:4])
    frame.release()
    memory.append(0)  # a BufferError if it were

    class Array(np.ndarray):
        pass

    array = noise("uint8", SHAPE).view(Array)
    diffuser(array)
    diffuser.push_many([array, array])
    gone = weakref.ref(array)
    del array
    gc.collect()
    assert gone() is None


# ---- outputs


@pytest.mark.parametrize(
    "out, error, text",
    [
        (np.zeros((9, 11), np.uint8), ValueError, r"out must have shape \(9, 11, 3\), got \(9, 11\)"),
        (np.zeros((9, 11, 3), np.int8), TypeError, "out must have dtype .*got int8"),
        (np.zeros((9, 11, 3), np.uint16), TypeError, "out must have dtype .*got uint16"),
        (np.zeros((9, 11, 3), ">f4"), TypeError, "out must have dtype .*got >f4"),
        (np.broadcast_to(np.uint8(0), SHAPE), ValueError, "out must be writable"),
        (as_strided(np.zeros(33, np.uint8), SHAPE, (0, 3, 1)), ValueError, "samples of out must not overlap"),
        (as_strided(np.zeros(99, np.uint8), SHAPE, (3, 3, 1)), ValueError, "samples of out must not overlap"),
        (
            as_strided(np.zeros(99, np.uint8), SHAPE, (11, 1, 1)),
            ValueError,
            "samples of out must not overlap",
        ),
        ([[0]], TypeError, "out must be an array that can be written in place, got list"),
        (bytes(297), TypeError, "out must have dtype|out must be an array"),
    ],
)
def test_outputs_that_are_refused(out, error, text):
    diffuser = vdcore.Diffuser(1, 2)
    with pytest.raises(error, match=text):
        diffuser(noise("uint8", SHAPE), out=out)
    assert diffuser.info.frames == 0


def test_read_only_buffer_as_output():
    frame = noise("uint8", SHAPE)
    with pytest.raises(ValueError, match="out must be writable"):
        smooth(frame, out=memoryview(bytes(frame.nbytes)).cast("B", SHAPE))


def test_flush_into_one_array(dtype):
    frames = noise(dtype, (5, *SHAPE))
    first, second = (vdcore.Diffuser(1, 2, lookahead=3) for _ in range(2))
    for diffuser in (first, second):
        diffuser.push_many(frames)
    out = np.empty(SHAPE, np.float64)
    for result, expected in zip(first.flush(out=out), second.flush(dtype="float64"), strict=True):
        assert result is out
        assert_same_bits(result, expected)
    assert not list(first.flush(out=out))


def test_flush_keeps_the_axes():
    for shape in ((9, 11), (9, 11, 1), (9, 11, 2)):
        diffuser = vdcore.Diffuser(1, 2, lookahead=1)
        diffuser(noise("uint8", shape))
        (last,) = pickle.loads(pickle.dumps(diffuser)).flush()
        assert last.shape == shape


# ---- aliasing


def test_in_place(dtype):
    frame = noise(dtype, SHAPE)
    expected = smooth(frame)
    assert smooth(frame, out=frame) is frame
    assert_same_bits(frame, expected)


@pytest.mark.parametrize("rows", [-5, -1, 1, 5])
@pytest.mark.parametrize("columns", [-2, 0, 2])
@pytest.mark.parametrize("sigma", [0, 1.2, 6])
def test_output_shifted_against_the_input(dtype, rows, columns, sigma):
    buffer = noise(dtype, (20, 20, 3))
    frame = buffer[5 : 5 + 9, 4 : 4 + 11]
    out = buffer[5 + rows : 14 + rows, 4 + columns : 15 + columns]
    expected = vdcore.Diffuser(sigma, 3)(frame.copy())
    vdcore.Diffuser(sigma, 3)(frame, out=out)
    assert_same_bits(out.copy(), expected)


@pytest.mark.parametrize("flip", [np.s_[::-1], np.s_[:, ::-1], np.s_[..., ::-1], np.s_[::-1, ::-1, ::-1]])
def test_output_backwards_over_the_input(dtype, flip):
    frame = noise(dtype, SHAPE)
    expected = smooth(frame)
    out = frame[flip]
    smooth(frame, out=out)
    assert_same_bits(out.copy(), expected)


@pytest.mark.parametrize("wide", ["float32", "float64"])
def test_output_of_another_type_over_the_input(dtype, wide):
    buffer = np.zeros((*SHAPE, 8), np.uint8)
    frame = buffer[..., : np.dtype(dtype).itemsize].view(dtype)[..., 0]
    out = buffer[..., : np.dtype(wide).itemsize].view(wide)[..., 0]
    frame[...] = noise(dtype, SHAPE)
    expected = smooth(frame.copy(), dtype=wide)
    smooth(frame, out=out)
    assert_same_bits(out.copy(), expected)


def test_output_over_the_confidence():
    frame, confidence = noise("float32", SHAPE), noise("float32", SHAPE, seed=2)
    expected = smooth(frame, confidence=confidence)
    smooth(frame, confidence=confidence, out=confidence)
    assert_same_bits(confidence, expected)
    pixels = noise("float32", (*SHAPE[:2], 4))  # colour and alpha side by side share no sample
    expected = smooth(pixels[..., :3], confidence=pixels[..., 3])
    smooth(pixels[..., :3], confidence=pixels[..., 3], out=pixels[..., :3])
    assert_same_bits(pixels[..., :3].copy(), expected)


@pytest.mark.parametrize("lookahead", [0, 1, 3])
@pytest.mark.parametrize("extra", ["", "region", "confidence", "region confidence"])
def test_video_in_place(dtype, lookahead, extra):
    mask = noise("float32", SHAPE[:2], seed=2)
    keywords = {"lookahead": lookahead} | dict.fromkeys(extra.split(), mask)
    frames = noise(dtype, (40, *SHAPE))
    expected = vdcore.diffuse(frames, 1, 2, **keywords)
    vdcore.diffuse(frames, 1, 2, out=frames, **keywords)
    assert_same_bits(frames, expected)


@pytest.mark.parametrize("step", [1, 16, 17, -1])
def test_video_shifted_in_time_is_refused(step):
    buffer = noise("uint8", (60, *SHAPE))
    before = buffer.copy()
    with pytest.raises(ValueError, match="out must be frames itself or share no memory with it"):
        vdcore.diffuse(buffer[20:40], 1, 2, out=buffer[20 + step : 40 + step])
    assert_same_bits(buffer, before)


def test_video_output_over_region_and_sources():
    frames = noise("float32", (20, *SHAPE[:2]))
    masks = noise("float32", (20, *SHAPE[:2]), seed=2)
    expected = vdcore.diffuse(frames, 1, 2, region=masks, confidence=masks)
    vdcore.diffuse(frames, 1, 2, region=masks, confidence=masks, out=masks)
    assert_same_bits(masks, expected)


@pytest.mark.parametrize("lookahead", [0, 1])
def test_batches_that_overlap_are_refused(lookahead):
    buffer = noise("uint8", (6, *SHAPE))
    diffuser = vdcore.Diffuser(1, 2, lookahead=lookahead)
    with pytest.raises(ValueError, match="out must be frames itself or share no memory with it"):
        diffuser.push_many(buffer[:5], out=buffer[1:])
    folded = as_strided(np.zeros(297, np.uint8), (3, *SHAPE), (0, 33, 3, 1))
    with pytest.raises(ValueError, match="overlap"):
        diffuser.push_many(buffer[:3], out=folded)
    if lookahead:
        with pytest.raises(ValueError, match="out must share no memory with frames when there is lookahead"):
            diffuser.push_many(buffer, out=buffer)
    assert diffuser.info.frames == 0
