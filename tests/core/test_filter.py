# SPDX-License-Identifier: Apache-2.0
"""`diffuse` and `diffuse_frame`: axes, regions, sources, time ranges, whatever counts as an array."""

import math

import numpy as np
import pytest

import oracles
import vdcore
from helpers.support import INTEGERS, assert_near, assert_same_bits, noise, stream

SHAPE = (6, 9, 11, 3)


def soft_mask(seed=3):
    mask = np.random.default_rng(seed).uniform(size=SHAPE[1:3]).astype(np.float32)
    mask[:2] = 0
    mask[-2:] = 1
    return mask


def rectangle(x, y, width, height):
    mask = np.zeros(SHAPE[1:3], np.float32)
    mask[y : y + height, x : x + width] = 1
    return mask


# what counts as frames


def test_axes(dtype):
    frames = noise(dtype, SHAPE)
    expected = stream(frames, 1, 2)
    assert_same_bits(vdcore.diffuse(frames, 1, 2), expected)
    for axis in (0, 1, 2, 3, -1, -2):
        moved = np.moveaxis(frames, -1, axis)
        got = vdcore.diffuse(moved, 1, 2, channel_axis=axis)
        assert_same_bits(np.moveaxis(got, axis, -1), expected)


def test_one_colour_picture(dtype):
    picture = noise(dtype, SHAPE[1:])
    expected = vdcore.Diffuser(1, 2)(picture)
    for axis in (0, 1, 2, -1):
        got = vdcore.diffuse(np.moveaxis(picture, -1, axis), 1, 2, channel_axis=axis)
        assert_same_bits(np.moveaxis(got, axis, -1), expected)
        got = vdcore.diffuse_frame(np.moveaxis(picture, -1, axis), 1, channel_axis=axis)
        assert_same_bits(np.moveaxis(got, axis, -1), expected)


def test_grey_video(dtype):
    frames = noise(dtype, SHAPE[:3])
    assert_same_bits(vdcore.diffuse(frames, 1, 2), stream(frames, 1, 2))


class Interface:
    """Only __array_interface__."""

    def __init__(self, array):
        self.array = array
        self.__array_interface__ = array.__array_interface__


class Method:
    """Only __array__."""

    def __init__(self, array):
        self.array = array

    def __array__(self, dtype=None, copy=None):
        return self.array


@pytest.mark.parametrize("wrap", [memoryview, Interface, Method, list, iter, tuple], ids=lambda w: w.__name__)
def test_anything_like_an_array(dtype, wrap):
    frames = noise(dtype, SHAPE)
    assert_same_bits(vdcore.diffuse(wrap(frames), 1, 2), stream(frames, 1, 2))


@pytest.mark.parametrize("wrap", [memoryview, Interface, Method], ids=lambda w: w.__name__)
def test_anything_like_a_frame(dtype, wrap):
    frame = noise(dtype, SHAPE[1:])
    expected = vdcore.Diffuser(1, 2)(frame)
    assert_same_bits(vdcore.Diffuser(1, 2)(wrap(frame)), expected)
    assert_same_bits(vdcore.diffuse_frame(wrap(frame), 1, channel_axis=-1), expected)
    out = np.empty_like(frame)
    vdcore.Diffuser(1, 2)(frame, out=wrap(out))
    assert_same_bits(out, expected)


def test_bytearray_as_output():
    frame = noise("uint8", (9, 12))
    buffer = bytearray(frame.nbytes)
    vdcore.Diffuser(1, 2)(frame, out=memoryview(buffer).cast("B", frame.shape))
    assert_same_bits(np.frombuffer(buffer, np.uint8).reshape(frame.shape), vdcore.Diffuser(1, 2)(frame))


@pytest.mark.parametrize("wanted", [None, "float32", "float64"])
def test_output_type(dtype, wanted):
    frames = noise(dtype, SHAPE)
    got = vdcore.diffuse(frames, 1, 2, dtype=wanted)
    assert got.dtype == (wanted or dtype)
    assert_near(got, oracles.diffuse(frames, 1, 2), frames)


def test_out_is_returned_and_written(dtype):
    frames = noise(dtype, SHAPE)
    expected = stream(frames, 1, 2)
    out = np.zeros((SHAPE[0], 2 * SHAPE[1], SHAPE[2], 5), dtype)[:, ::2, :, 1:4]
    assert vdcore.diffuse(frames, 1, 2, out=out) is out
    assert_same_bits(out.copy(), expected)
    in_place = frames.copy()
    assert vdcore.diffuse(in_place, 1, 2, out=in_place) is in_place
    assert_same_bits(in_place, expected)


@pytest.mark.parametrize("lookahead", [0, 2])
@pytest.mark.parametrize("shift", [-1, 1, 2])
def test_out_that_overlaps_is_right_or_refused(dtype, shift, lookahead):
    buffer = noise(dtype, (12, 9, 11, 3))
    frames, out = buffer[3:9], buffer[3 + shift : 9 + shift]
    expected = stream(frames.copy(), 1, 2, lookahead=lookahead)
    try:
        vdcore.diffuse(frames, 1, 2, out=out, lookahead=lookahead)
    except ValueError:
        return
    assert_same_bits(out.copy(), expected)


@pytest.mark.parametrize("count", [1, 15, 16, 17, 33, 50])
@pytest.mark.parametrize("lookahead", [0, 1, 20, 60])
def test_any_number_of_frames(count, lookahead):
    frames = noise("uint8", (count, 5, 6))
    assert_same_bits(
        vdcore.diffuse(frames, 1, 3, lookahead=lookahead), stream(frames, 1, 3, lookahead=lookahead)
    )


def test_times(dtype):
    frames = noise(dtype, SHAPE)
    times = np.cumsum([5, 1, 0.25, 0, 3, 0.5])
    expected = stream(frames, 1, 2, times=times)
    assert_same_bits(vdcore.diffuse(frames, 1, 2, times=times), expected)
    expected = stream(frames, 1, 2, times=times, time_unit="seconds")
    assert_same_bits(vdcore.diffuse(frames, 1, 2, times=list(times), time_unit="seconds"), expected)


def test_coefficients(dtype):
    frames = noise(dtype, SHAPE)
    factors = np.random.default_rng(1).normal(size=SHAPE[:3])
    expected = stream(frames, 1, 2, normalize=False, coefficients=factors)
    assert_same_bits(vdcore.diffuse(frames, 1, 2, normalize=False, coefficients=factors), expected)
    expected = stream(frames, 1, 2, normalize=False, coefficients=[factors[0]] * len(frames))
    assert_same_bits(vdcore.diffuse(frames, 1, 2, normalize=False, coefficients=factors[0]), expected)


# region: where the output is changed


def blended(frames, smooth, masks):
    masks = np.asarray(masks, float)[..., None]
    return frames + masks * (smooth - frames)


REGIONS = {
    "rectangle": ((2, 3, 4, 5), rectangle(2, 3, 4, 5)),
    "rectangle over the edge": ((-3, 4, 6, 50), rectangle(0, 4, 3, 5)),
    "whole": ((0, 0, 11, 9), rectangle(0, 0, 11, 9)),
    "soft mask": (soft_mask(), soft_mask()),
    "double mask": (soft_mask().astype(float), soft_mask()),
    "bool mask": (soft_mask() > 0.5, soft_mask() > 0.5),
    "uint8 mask": ((255 * soft_mask()).astype(np.uint8), (255 * soft_mask()).astype(np.uint8) / 255),
    "callable": (lambda index, seconds: (index, 0, 3, 9), [rectangle(i, 0, 3, 9) for i in range(6)]),
    "callable of masks": (lambda index, seconds: soft_mask(index), [soft_mask(i) for i in range(6)]),
    "list": ([(i, 0, 3, 9) for i in range(6)], [rectangle(i, 0, 3, 9) for i in range(6)]),
    "generator": ((soft_mask(i) for i in range(6)), [soft_mask(i) for i in range(6)]),
    "array": (np.stack([soft_mask(i) for i in range(6)]), [soft_mask(i) for i in range(6)]),
}


def region_and_masks(name):
    region, masks = REGIONS[name]
    if name == "generator":
        region = (mask for mask in masks)
    return region, np.broadcast_to(masks, SHAPE[:3])


@pytest.mark.parametrize("name", list(REGIONS))
def test_region(dtype, name):
    frames = noise(dtype, SHAPE)
    region, masks = region_and_masks(name)
    got = vdcore.diffuse(frames, 1.3, 2, region=region)
    smooth = stream(frames, 1.3, 2)
    assert_same_bits(got[masks == 0], frames[masks == 0])
    assert_same_bits(got[masks == 1], smooth[masks == 1])
    expected = blended(frames, smooth.astype(float), masks)
    slack = 0.5 + 1e-9 if dtype in INTEGERS else 1e-6
    assert np.abs(got - expected).max() <= slack


@pytest.mark.parametrize("name", ["rectangle", "soft mask"])
@pytest.mark.parametrize(
    "keywords", [{"lookahead": 2}, {"boundary": "reflect"}, {"channel_axis": -1}], ids=str
)
def test_region_with(dtype, name, keywords):
    frames = noise(dtype, SHAPE)
    region, masks = region_and_masks(name)
    got = vdcore.diffuse(frames, 1.3, 2, region=region, **keywords)
    smooth = vdcore.diffuse(frames, 1.3, 2, **keywords)
    assert_same_bits(got[masks == 0], frames[masks == 0])
    assert_same_bits(got[masks == 1], smooth[masks == 1])


def test_region_in_place(dtype):
    frames = noise(dtype, SHAPE)
    expected = vdcore.diffuse(frames, 1.3, 2, region=soft_mask())
    vdcore.diffuse(frames, 1.3, 2, region=soft_mask(), out=frames)
    assert_same_bits(frames, expected)


def test_region_callable_gets_index_and_seconds():
    calls = []

    def region(index, seconds):
        calls.append((index, seconds))

    frames = noise("uint8", SHAPE)
    times = np.arange(6) * 0.04
    got = vdcore.diffuse(frames, 1, 0.1, region=region, times=times, time_unit="seconds")
    assert calls == list(enumerate(times))
    assert_same_bits(got, vdcore.diffuse(frames, 1, 0.1, times=times, time_unit="seconds"))


def test_region_iterable_that_ends_early():
    with pytest.raises(ValueError, match="region"):
        vdcore.diffuse(noise("uint8", SHAPE), 1, 2, region=iter([soft_mask()]))


# sources: where information comes from


@pytest.mark.parametrize("name", list(REGIONS))
def test_sources(dtype, name):
    frames = noise(dtype, SHAPE)
    sources, masks = region_and_masks(name)
    got = vdcore.diffuse(frames, 1.3, 2, confidence=sources)
    assert_near(got, oracles.diffuse(frames, 1.3, 2, confidence=masks), frames)


def test_sources_and_region_together(dtype):
    frames = noise(dtype, SHAPE)
    inside = rectangle(3, 2, 5, 4)
    got = vdcore.diffuse(frames, 1.3, 2, confidence=1 - inside, region=inside)
    smooth = oracles.diffuse(frames, 1.3, 2, confidence=[1 - inside] * 6)
    assert_same_bits(got[:, inside == 0], frames[:, inside == 0])
    assert_near(got[:, inside == 1], smooth[:, inside == 1], frames)


# start and stop


@pytest.mark.parametrize(
    "start, stop", [(2, 5), (None, 3), (3, None), (0, 6), (4, 4), (5, 100), (None, None)]
)
@pytest.mark.parametrize("lookahead", [0, 2])
def test_range_in_frames(dtype, start, stop, lookahead):
    frames = noise(dtype, SHAPE)
    got = vdcore.diffuse(frames, 1, 3, start=start, stop=stop, lookahead=lookahead)
    first, last = start or 0, min(6 if stop is None else stop, 6)
    assert_same_bits(got[:first], frames[:first])
    assert_same_bits(got[last:], frames[last:])
    if first < last:
        assert_same_bits(got[first:last], stream(frames[first:last], 1, 3, lookahead=lookahead))


def test_range_in_seconds(dtype):
    frames = noise(dtype, SHAPE)
    times = np.array([10.0, 10.04, 10.08, 10.2, 10.24, 10.5])
    got = vdcore.diffuse(frames, 1, 0.1, times=times, time_unit="seconds", start=10.04, stop=10.24)
    assert_same_bits(got[[0, 4, 5]], frames[[0, 4, 5]])
    assert_same_bits(got[1:4], stream(frames[1:4], 1, 0.1, times=times[1:4]))


def test_range_on_float_output_passes_values_through():
    frames = noise("uint8", SHAPE)
    got = vdcore.diffuse(frames, 1, 3, start=2, dtype="float32")
    np.testing.assert_array_equal(got[:2], frames[:2])


def test_range_with_region_and_sources(dtype):
    frames = noise(dtype, SHAPE)
    masks = [soft_mask(i) for i in range(6)]
    got = vdcore.diffuse(frames, 1, 3, start=2, stop=5, region=masks, confidence=masks[::-1])
    assert_same_bits(got[[0, 1, 5]], frames[[0, 1, 5]])
    assert_same_bits(
        got[2:5], vdcore.diffuse(frames[2:5], 1, 3, region=masks[2:5], confidence=masks[::-1][2:5])
    )


@pytest.mark.parametrize("start, stop", [(-1, 3), (math.nan, 3), (0, math.nan), (4, 2)])
def test_ranges_that_make_no_sense(start, stop):
    with pytest.raises(ValueError, match="start|stop"):
        vdcore.diffuse(noise("uint8", SHAPE), 1, 2, start=start, stop=stop)


# one picture


@pytest.mark.parametrize("sigma", [0.0, 0.7, (2.0, 0.0), 9.0], ids=str)
def test_one_picture(dtype, boundary, sigma):
    frame = noise(dtype, (17, 21))
    keywords = {"boundary": boundary, "cval": 0.5 * oracles.RANGE[dtype], "truncate": 3.0}
    got = vdcore.diffuse_frame(frame, sigma, **keywords)
    assert_near(got, oracles.diffuse(frame[None], sigma, 0, **keywords)[0], frame)


def test_one_picture_output(dtype):
    frame = noise(dtype, (17, 21))
    out = np.empty((17, 21), np.float64)
    assert vdcore.diffuse_frame(frame, 1, out=out) is out
    assert_near(out, oracles.diffuse(frame[None], 1, 0)[0], frame)
