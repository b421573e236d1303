# SPDX-License-Identifier: Apache-2.0
"""What numbers, arrays, regions and time ranges mean (vdcore._arguments)."""

import inspect
import math
from fractions import Fraction

import numpy as np
import pytest

import vdcore
from vdcore._arrays import as_frames, as_output, as_samples, channels_last
from vdcore._checks import integer, number
from vdcore._regions import frame_range, resolve_region, time_stamps

HEIGHT, WIDTH = 4, 6

# numbers


@pytest.mark.parametrize("value", [2, 2.5, np.float32(2.5), np.int64(2), Fraction(5, 2)])
def test_numbers(value):
    result = number(value, "sigma", 0)
    assert type(result) is float
    assert result == value


@pytest.mark.parametrize("value", ["2", None, 1j, [1], np.ones(2)])
def test_no_numbers(value):
    with pytest.raises(TypeError, match="sigma must be a finite number >= 0, got"):
        number(value, "sigma", 0)


def test_limits_of_numbers():
    assert number(0, "tau", 0) == 0
    assert number(math.inf, "tau", 0, infinite=True) == math.inf
    with pytest.raises(ValueError, match="tau must be a finite number > 0, got 0"):
        number(0, "tau", 0, strict=True)
    for value in (math.inf, math.nan, -1):
        with pytest.raises(ValueError, match="tau"):
            number(value, "tau", 0)
    with pytest.raises(ValueError, match="cval"):
        number(-math.inf, "cval")


def test_integers():
    assert integer(np.uint8(3), "threads", 1, 9) == 3
    for value in (0, 10, -1, 2**40):
        with pytest.raises(ValueError, match=f"threads must be an integer from 1 to 9, got {value}"):
            integer(value, "threads", 1, 9)
    with pytest.raises(TypeError, match=r"threads must be an integer from 1 to 9, got 2\.0"):
        integer(2.0, "threads", 1, 9)


# arrays


class WithDLPack:
    """An array of another library: DLPack and nothing else."""

    def __init__(self, array):
        self._array = array

    def __dlpack__(self, **keywords):
        return self._array.__dlpack__(**keywords)

    def __dlpack_device__(self):
        return self._array.__dlpack_device__()


class WithArrayInterface:
    """The memory of an array, by its older protocol alone."""

    def __init__(self, array):
        self._array = array
        self.__array_interface__ = array.__array_interface__


class WithArrayMethod:
    def __init__(self, array):
        self._array = array

    def __array__(self, dtype=None, copy=None):
        return self._array


@pytest.mark.parametrize("wrap", [memoryview, WithDLPack, WithArrayInterface, WithArrayMethod])
def test_arrays_of_all_kinds_are_viewed_without_a_copy(wrap):
    array = np.arange(24, dtype=np.float32).reshape(HEIGHT, WIDTH)[::-1, ::2]
    view = as_samples(wrap(array), "frame")
    assert np.shares_memory(view, array)
    np.testing.assert_array_equal(view, array)


def test_a_masked_array_is_not_taken_for_its_data():
    with pytest.raises(TypeError, match="frame.*confidence"):
        as_samples(np.ma.masked_array(np.ones((2, 2)), [[0, 1], [0, 0]]), "frame")


def test_iterables_of_frames_are_stacked():
    frames = [np.full((HEIGHT, WIDTH), i, np.uint8) for i in range(3)]
    for given in (frames, tuple(frames), iter(frames), (memoryview(frame) for frame in frames)):
        np.testing.assert_array_equal(as_frames(given), np.stack(frames))


def test_frames_of_several_kinds():
    with pytest.raises(ValueError, match=r"one shape, got \(4, 6\) and, at 1, \(4, 5\)"):
        as_frames([np.zeros((4, 6), np.uint8), np.zeros((4, 5), np.uint8)])
    with pytest.raises(TypeError, match="one dtype, got uint8 and, at 1, uint16"):
        as_frames([np.zeros((4, 6), np.uint8), np.zeros((4, 6), np.uint16)])
    with pytest.raises(ValueError, match="frames must not be empty"):
        as_frames(iter(()))
    with pytest.raises(TypeError, match=r"frames\[1\] must have dtype"):
        as_frames([np.zeros((4, 6), np.uint8), np.zeros((4, 6), bool)])


@pytest.mark.parametrize(
    "frames, normalize, expected",
    [
        ("uint8", True, {"uint8", "float32", "float64"}),
        ("uint16", True, {"uint16", "float32", "float64"}),
        ("float32", True, {"float32", "float64"}),
        ("float64", False, {"float64", "float32"}),
        ("uint8", False, {"float32", "float64"}),
    ],
)
def test_output_dtypes(frames, normalize, expected):
    shape, frame_dtype = (HEIGHT, WIDTH), np.dtype(frames)
    default = as_output(None, None, shape, frame_dtype, normalize)
    assert default.dtype == (frame_dtype if normalize or frame_dtype.kind == "f" else np.float32)
    for dtype in ("uint8", "uint16", "float32", "float64", "int16", "float16"):
        if dtype in expected:
            assert as_output(None, dtype, shape, frame_dtype, normalize).dtype == dtype
            out = np.empty(shape, dtype)
            assert as_output(out, None, shape, frame_dtype, normalize) is out
        else:
            with pytest.raises(TypeError, match="dtype must be float|dtype must be uint"):
                as_output(None, dtype, shape, frame_dtype, normalize)
            with pytest.raises(TypeError, match="out must have dtype"):
                as_output(np.empty(shape, dtype), None, shape, frame_dtype, normalize)


# where the channels are


@pytest.mark.parametrize(
    "shape, channel_axis, expected",
    [
        ((5, 4, 6), None, None),
        ((5, 4, 6, 2), None, 3),
        ((5, 4, 6, 3), None, 3),
        ((5, 3, 4, 6), 1, 1),
        ((5, 4, 6, 3), -1, 3),
        ((3, 5, 4, 6), -4, 0),
        ((4, 6, 3), -1, 2),
        ((3, 4, 6), 0, 0),
        ((5, 4, 3, 1), None, 3),
    ],
)
def test_which_axis_holds_the_channels(shape, channel_axis, expected):
    assert channels_last(np.empty(shape, np.uint8), channel_axis) == expected


@pytest.mark.parametrize("channels", [3, 4])
def test_one_picture_or_grey_video(channels):
    with pytest.raises(ValueError, match=r"channel_axis=-1 or frames\[None\].*frames\[\.\.\., None\]"):
        channels_last(np.empty((5, 6, channels), np.uint8), None)


@pytest.mark.parametrize("channel_axis", [4, -5, 1.0, "last"])
def test_no_axis(channel_axis):
    with pytest.raises(ValueError, match="channel_axis must be an integer from -4 to 3"):
        channels_last(np.empty((2, 3, 4, 5), np.uint8), channel_axis)


@pytest.mark.parametrize("shape", [(4, 6), (1, 2, 3, 4, 5)])
@pytest.mark.parametrize("channel_axis", [None, -1])
def test_no_video(shape, channel_axis):
    with pytest.raises(ValueError, match="frames"):
        channels_last(np.empty(shape, np.uint8), channel_axis)


# regions


def rectangle(x, y, width, height):
    mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    mask[y : y + height, x : x + width] = 255
    return mask


def region(given):
    return resolve_region(given, HEIGHT, WIDTH)


def test_everywhere():
    assert region(None)(7, 0.5) is None


@pytest.mark.parametrize("kind", [tuple, list, np.array])
def test_rectangle(kind):
    np.testing.assert_array_equal(region(kind((1, 2, 3, 1)))(0, 0.0), rectangle(1, 2, 3, 1))


@pytest.mark.parametrize(
    "given, expected",
    [
        ((-2, -1, 4, 3), (0, 0, 2, 2)),
        ((4, 3, 10, 10), (4, 3, 2, 1)),
        ((-5, -5, 100, 100), (0, 0, 6, 4)),
    ],
)
def test_rectangle_over_the_edge(given, expected):
    np.testing.assert_array_equal(region(given)(0, 0.0), rectangle(*expected))


@pytest.mark.parametrize("given", [(6, 0, 2, 2), (0, 4, 1, 1), (-3, 0, 3, 4), (0, -1, 6, 1)])
def test_rectangle_outside(given):
    """For good it is a mistake, for one frame of many it is not."""
    with pytest.raises(ValueError, match="region covers no pixel of a 6 x 4 frame"):
        region(given)
    assert not region(lambda index, seconds: given)(0, 0.0).any()


@pytest.mark.parametrize("given", [(0, 0, 0, 2), (0, 0, 2, -1), (1, 2, 3), (0, 0, 1.5, 2), (1, 2, 3, 4, 5)])
def test_no_rectangle(given):
    with pytest.raises(ValueError, match="region must be"):
        region(given)


@pytest.mark.parametrize("given", [5, 1.5, object()])
def test_no_region(given):
    with pytest.raises(TypeError, match="region must be"):
        region(given)


@pytest.mark.parametrize("dtype", ["bool", "uint8", "float32", "float64"])
def test_mask(dtype):
    mask = (np.arange(24).reshape(HEIGHT, WIDTH) % 2).astype(dtype)
    weights = region(mask)(0, 0.0)
    assert weights.dtype == ("uint8" if dtype == "bool" else dtype)
    np.testing.assert_array_equal(weights, 255 * mask if dtype == "bool" else mask)


@pytest.mark.parametrize("wrap", [memoryview, WithArrayInterface, WithArrayMethod])
def test_mask_of_any_kind(wrap):
    mask = np.linspace(0, 1, 24).reshape(HEIGHT, WIDTH)
    np.testing.assert_array_equal(region(wrap(mask))(0, 0.0), mask)


@pytest.mark.parametrize("value", [-0.1, 1.001, math.nan])
def test_mask_out_of_range(value):
    mask = np.ones((HEIGHT, WIDTH))
    mask[1, 2] = value
    with pytest.raises(ValueError, match=r"region must lie in \[0, 1\], got values from"):
        region(mask)


def test_mask_of_another_shape_or_type():
    with pytest.raises(ValueError, match=r"region must have shape \(4, 6\)"):
        region(np.ones((6, 4)))
    with pytest.raises(TypeError, match="region must have dtype"):
        region(np.ones((4, 6), int))


def test_empty_mask():
    with pytest.raises(ValueError, match="region covers no pixel"):
        region(np.zeros((4, 6)))


def test_callable():
    seen = []

    def given(index, seconds):
        seen.append((index, seconds))
        return (index, 0, 1, 1) if index < 2 else None

    weights = region(given)
    np.testing.assert_array_equal(weights(1, 0.04), rectangle(1, 0, 1, 1))
    assert weights(2, 0.08) is None
    assert seen == [(1, 0.04), (2, 0.08)]


@pytest.mark.parametrize("kind", [list, iter, tuple])
def test_one_per_frame(kind):
    mask = np.full((HEIGHT, WIDTH), 0.5)
    weights = region(kind([(0, 0, 1, 1), None, mask]))
    np.testing.assert_array_equal(weights(0, 0.0), rectangle(0, 0, 1, 1))
    np.testing.assert_array_equal(weights(0, 0.0), rectangle(0, 0, 1, 1))
    np.testing.assert_array_equal(weights(2, 0.08), mask)  # frame 1 was not asked for
    with pytest.raises(ValueError, match="region gives 3 regions, but there are more frames"):
        weights(3, 0.12)


def test_four_per_frame_are_no_rectangle():
    weights = region([None, None, (0, 0, 1, 1), None])
    assert weights(0, 0.0) is None
    np.testing.assert_array_equal(weights(2, 0.0), rectangle(0, 0, 1, 1))


def test_array_of_masks():
    masks = np.random.default_rng(1).uniform(size=(3, HEIGHT, WIDTH))
    weights = region(masks)
    for i, mask in enumerate(masks):
        np.testing.assert_array_equal(weights(i, 0.0), mask)


def test_errors_have_the_name():
    with pytest.raises(ValueError, match="sources must have shape"):
        resolve_region(np.ones((1, 1)), HEIGHT, WIDTH, "sources")


# time


@pytest.mark.parametrize(
    "start, stop, expected",
    [
        (None, None, [0, 1, 2, 3, 4]),
        (2, None, [2, 3, 4]),
        (None, 2, [0, 1]),
        (1, 3, [1, 2]),
        (3, 3, []),
        (0, math.inf, [0, 1, 2, 3, 4]),
        (9, None, []),
    ],
)
def test_range_in_frames(start, stop, expected):
    chosen = frame_range(start, stop, "frames")
    assert [i for i in range(5) if chosen.contains(i, 100.0)] == expected


def test_range_in_seconds():
    chosen = frame_range(0.04, 0.12, "seconds")
    assert [chosen.contains(99, seconds) for seconds in (0, 0.04, 0.08, 0.12)] == [False, True, True, False]


@pytest.mark.parametrize("start, stop", [(-1, None), (None, -1), (math.nan, None), (3, 2), (math.inf, None)])
def test_no_range(start, stop):
    with pytest.raises(ValueError, match="start|stop"):
        frame_range(start, stop, "frames")


def test_time_stamps():
    np.testing.assert_array_equal(time_stamps(None, 3, "frames"), [0, 1, 2])
    np.testing.assert_array_equal(time_stamps([0, 0.5, 0.5], 3, "seconds"), [0, 0.5, 0.5])


@pytest.mark.parametrize("times", [[0, 1], [0, 2, 1], [0, math.nan, 2], [0, 1, math.inf], [[0, 1, 2]]])
def test_no_time_stamps(times):
    with pytest.raises(ValueError, match="times"):
        time_stamps(times, 3, "seconds")


def test_seconds_need_time_stamps():
    with pytest.raises(ValueError, match="times must be given"):
        time_stamps(None, 3, "seconds")


# ---- options that are passed on


@pytest.mark.parametrize(
    "function", [vdcore.Diffuser, vdcore.diffuse, vdcore.diffuse_frame, vdcore.diffuse_video]
)
def test_signatures_list_every_option_with_its_default(function):
    parameters = inspect.signature(function).parameters
    assert not any(p.kind is p.VAR_KEYWORD for p in parameters.values())
    assert parameters["truncate"].default == 4.0 and parameters["truncate"].kind.name == "KEYWORD_ONLY"
    assert ("lookahead" in parameters) == (function is not vdcore.diffuse_frame)


def test_unknown_options_are_refused_in_the_name_of_the_caller():
    with pytest.raises(TypeError, match=r"^Diffuser\(\) got an unexpected keyword argument 'sgima'"):
        vdcore.Diffuser(1, 2, sgima=3)
    with pytest.raises(TypeError, match=r"^diffuse_frame\(\) got an unexpected keyword argument 'lookahead'"):
        vdcore.diffuse_frame(np.zeros((4, 4)), 1, lookahead=1)
