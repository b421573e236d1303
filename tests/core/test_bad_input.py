# SPDX-License-Identifier: Apache-2.0
"""Arrays and parameters that are refused, by name, and leave the state as it was."""

import math

import numpy as np
import pytest
from numpy.lib.stride_tricks import as_strided

import vdcore
from helpers.support import DTYPES, FLOATS, INTEGERS, assert_same_bits, noise, push_all

NAN, INF = math.nan, math.inf

# parameters


@pytest.mark.parametrize(
    "name, value",
    [
        ("sigma", -1),
        ("sigma", NAN),
        ("sigma", INF),
        ("sigma", (1, -1)),
        ("sigma", (1, NAN)),
        ("sigma", (1, 2, 3)),
        ("sigma", ()),
        ("tau", -1),
        ("tau", NAN),
        ("tau", -INF),
        ("truncate", -1),
        ("truncate", NAN),
        ("truncate", INF),
        ("cval", NAN),
        ("cval", INF),
        ("tolerance", 0),
        ("tolerance", -1e-3),
        ("tolerance", NAN),
        ("lookahead", -1),
        ("lookahead", 2**30),
        ("lookahead", 2**40),
        ("threads", 0),
        ("threads", -1),
        ("threads", 10**6),
        ("boundary", "wrap"),
        ("model", "cubic"),
        ("time_unit", "hours"),
        ("dither", "noise"),
    ],
)
def test_values_outside_their_range(name, value):
    arguments = {"sigma": 1, "tau": 1} | {name: value}
    with pytest.raises(ValueError, match=name):
        vdcore.Diffuser(**arguments)
    with pytest.raises(ValueError, match=name):
        vdcore.diffuse(noise("uint8", (2, 4, 5)), **arguments)


@pytest.mark.parametrize(
    "name, value",
    [
        ("sigma", "1"),
        ("sigma", None),
        ("sigma", 1j),
        ("tau", "long"),
        ("tau", None),
        ("truncate", "4"),
        ("cval", "0"),
        ("tolerance", "small"),
        ("lookahead", 1.5),
        ("lookahead", "1"),
        ("threads", 1.5),
        ("fill", "pass"),
    ],
)
def test_values_of_the_wrong_type(name, value):
    arguments = {"sigma": 1, "tau": 1} | {name: value}
    with pytest.raises(TypeError, match=name):
        vdcore.Diffuser(**arguments)


def test_message_has_the_value():
    with pytest.raises(ValueError, match=r"-2\.5"):
        vdcore.Diffuser(-2.5, 1)
    with pytest.raises(ValueError, match="'wrap'.*|renormalize"):
        vdcore.Diffuser(1, 1, boundary="wrap")


def test_unknown_keyword():
    with pytest.raises(TypeError):
        vdcore.Diffuser(1, 1, sigmas=2)


# arrays


@pytest.mark.parametrize(
    "frame",
    [
        np.zeros((4, 5), bool),
        np.zeros((4, 5), np.int16),
        np.zeros((4, 5), np.int64),
        np.zeros((4, 5), np.float16),
        np.zeros((4, 5), np.longdouble),
        np.zeros((4, 5), complex),
        np.zeros((4, 5), object),
        np.zeros((4, 5), "U3"),
        np.zeros((4, 5), "datetime64[s]"),
        np.zeros((4, 5), np.dtype("f4").newbyteorder()),
        np.zeros((4, 5), np.dtype("u2").newbyteorder()),
        np.zeros((4, 5), [("r", "u1"), ("g", "u1")]),
    ],
    ids=lambda frame: str(frame.dtype),
)
def test_other_sample_types(frame):
    with pytest.raises(TypeError, match="frame"):
        vdcore.Diffuser(1, 1)(frame)
    with pytest.raises(TypeError, match="frame"):
        vdcore.diffuse(frame[None], 1, 1)
    with pytest.raises(TypeError, match="frame"):
        vdcore.diffuse_frame(frame, 1)


@pytest.mark.parametrize("shape", [(), (5,), (2, 3, 4, 5), (0, 5), (5, 0), (4, 5, 0), (0, 0, 0)], ids=str)
def test_shapes_that_are_no_frame(shape):
    with pytest.raises(ValueError, match="frame"):
        vdcore.Diffuser(1, 1)(np.zeros(shape, np.uint8))


@pytest.mark.parametrize(
    "shape", [(5,), (4, 5), (2, 3, 4, 5, 6), (2, 0, 5), (2, 5, 0), (2, 5, 6, 0)], ids=str
)
def test_shapes_that_are_no_video(shape):
    with pytest.raises(ValueError, match="frames"):
        vdcore.diffuse(np.zeros(shape, np.uint8), 1, 1)


@pytest.mark.parametrize("channels", [3, 4])
def test_one_colour_picture_or_a_grey_video(channels):
    picture = noise("uint8", (6, 7, channels))
    with pytest.raises(ValueError, match="channel_axis"):
        vdcore.diffuse(picture, 1, 1)
    as_picture = vdcore.diffuse(picture[None], 1, 1)[0]
    as_video = vdcore.diffuse(picture[..., None], 1, 1)[..., 0]
    assert not np.array_equal(as_picture, as_video)
    assert_same_bits(vdcore.diffuse_frame(picture, 1, channel_axis=-1), as_picture)


@pytest.mark.parametrize("axis", [4, -5, 7])
def test_channel_axis_outside(axis):
    with pytest.raises(ValueError, match="channel_axis"):
        vdcore.diffuse(np.zeros((2, 3, 4, 5), np.uint8), 1, 1, channel_axis=axis)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("kind", ["square", "line", "column", "channels"])
def test_gigantic_sizes(dtype, kind):
    """Views without memory behind them, as large as NumPy makes them; the state would be larger still."""
    samples = 2**62 // np.dtype(dtype).itemsize
    shape = {
        "square": (2**31, samples >> 31),
        "line": (1, samples),
        "column": (samples, 1),
        "channels": (2**20, 2**20, samples >> 40),
    }[kind]
    frame = as_strided(np.zeros(1, dtype), shape, [0] * len(shape))
    for keywords in ({}, {"lookahead": 5}, {"normalize": False}):
        with pytest.raises((ValueError, OverflowError, MemoryError)):
            vdcore.Diffuser(1, 1, **keywords)(frame)
    with pytest.raises((ValueError, OverflowError, MemoryError)):
        vdcore.diffuse(frame[None], 1, 1)


# one stream: what must not change, and what must not get in


def stream_in_the_middle(dtype="float32", **keywords):
    diffuser = vdcore.Diffuser(1.1, 3.0, **keywords)
    push_all(diffuser, noise(dtype, (3, 8, 9, 3)))
    return diffuser


def refuses(diffuser, error, *arguments, match=None, **keywords):
    """The call raises and the state is, byte for byte, what it was."""
    before = diffuser.state()
    with pytest.raises(error, match=match):
        diffuser(*arguments, **keywords)
    assert diffuser.state() == before


@pytest.mark.parametrize("keywords", [{}, {"lookahead": 2}, {"normalize": False}], ids=str)
class TestOneStream:
    frame = noise("float32", (8, 9, 3))

    def test_dtype_changes(self, keywords):
        for dtype in DTYPES:
            other = stream_in_the_middle(dtype, **keywords)
            for wrong in DTYPES:
                if wrong != dtype:
                    refuses(other, TypeError, noise(wrong, (8, 9, 3)), match=wrong)

    @pytest.mark.parametrize("shape", [(8, 10, 3), (7, 9, 3), (8, 9, 4), (8, 9), (9, 8, 3), (1, 1)], ids=str)
    def test_size_changes(self, keywords, shape):
        refuses(stream_in_the_middle(**keywords), ValueError, noise("float32", shape), match="frame")

    @pytest.mark.parametrize("value", [INF, -INF])
    @pytest.mark.parametrize("place", [(0, 0, 0), (7, 8, 2), (3, 4, 1)])
    def test_infinite_samples(self, keywords, value, place):
        for dtype in FLOATS:
            diffuser = stream_in_the_middle(dtype, **keywords)
            frame = noise(dtype, (8, 9, 3))
            frame[place] = value
            out = np.full_like(frame, 7)
            refuses(diffuser, ValueError, frame, out=out, match="infinit")
            assert (out == 7).all()

    @pytest.mark.parametrize("dt", [-1.0, NAN, INF, -1e-300])
    def test_time_steps(self, keywords, dt):
        refuses(stream_in_the_middle(**keywords), ValueError, self.frame, dt, match="dt")

    @pytest.mark.parametrize("dt", ["1", 1j, [1]])
    def test_time_steps_of_the_wrong_type(self, keywords, dt):
        refuses(stream_in_the_middle(**keywords), TypeError, self.frame, dt, match="dt")

    @pytest.mark.parametrize("shape", [(8,), (9, 8), (8, 9, 2), (8, 10), (1, 8, 9), (8, 9, 3, 1)], ids=str)
    def test_mask_of_the_wrong_shape(self, keywords, shape):
        mask = np.ones(shape, np.float32)
        refuses(stream_in_the_middle(**keywords), ValueError, self.frame, confidence=mask, match="confidence")

    @pytest.mark.parametrize("value", [-0.1, 1.1, NAN, INF, -INF])
    @pytest.mark.parametrize("kind", FLOATS)
    def test_mask_outside_zero_to_one(self, keywords, value, kind):
        for place in ((0, 0), (7, 8), (3, 5)):
            mask = np.ones((8, 9), kind)
            mask[place] = value
            refuses(
                stream_in_the_middle(**keywords), ValueError, self.frame, confidence=mask, match="confidence"
            )

    @pytest.mark.parametrize("kind", [np.int32, np.uint16, complex, object])
    def test_mask_of_another_type(self, keywords, kind):
        mask = np.ones((8, 9), kind)
        refuses(stream_in_the_middle(**keywords), TypeError, self.frame, confidence=mask, match="confidence")

    def test_out(self, keywords):
        diffuser = stream_in_the_middle(**keywords)
        read_only = np.zeros((8, 9, 3), np.float32)
        read_only.flags.writeable = False
        refuses(diffuser, ValueError, self.frame, out=read_only, match="out")
        refuses(diffuser, ValueError, self.frame, out=np.zeros((8, 9, 4), np.float32), match="out")
        refuses(diffuser, ValueError, self.frame, out=np.zeros((8, 9), np.float32), match="out")
        refuses(diffuser, ValueError, self.frame, out=np.zeros((8, 10, 3), np.float32), match="out")
        refuses(diffuser, TypeError, self.frame, out=np.zeros((8, 9, 3), np.int32), match="out")
        refuses(diffuser, TypeError, self.frame, out=np.zeros((8, 9, 3), np.uint8), match="out")
        refuses(diffuser, TypeError, self.frame, out=[[0.0]], match="out")
        folded = as_strided(np.zeros(27, np.float32), (8, 9, 3), (0, 12, 4))
        refuses(diffuser, ValueError, self.frame, out=folded, match="out")

    def test_dtype_and_out_that_disagree(self, keywords):
        out = np.zeros((8, 9, 3), np.float32)
        refuses(
            stream_in_the_middle(**keywords),
            (TypeError, ValueError),
            self.frame,
            out=out,
            dtype="float64",
            match="dtype",
        )

    @pytest.mark.parametrize("dtype", ["int32", "uint8", "complex64", "O", bool])
    def test_output_types(self, keywords, dtype):
        refuses(stream_in_the_middle(**keywords), TypeError, self.frame, dtype=dtype, match="dtype")

    def test_the_stream_goes_on_after_refusals(self, keywords):
        one, other = stream_in_the_middle(**keywords), stream_in_the_middle(**keywords)
        bad = self.frame.copy()
        bad[4, 4, 0] = INF
        for arguments in ((bad,), (self.frame[:4],), (self.frame, -1.0)):
            with pytest.raises(ValueError):
                one(*arguments)
        assert_same_bits(
            np.stack([r for r in (one(self.frame), *one.flush()) if r is not None]),
            np.stack([r for r in (other(self.frame), *other.flush()) if r is not None]),
        )


def test_a_refused_first_frame_leaves_no_trace():
    diffuser = vdcore.Diffuser(1, 1)
    bad = np.full((4, 5), INF, np.float32)
    with pytest.raises(ValueError):
        diffuser(bad)
    frame = noise("uint8", (7, 3, 2))
    assert_same_bits(diffuser(frame), vdcore.Diffuser(1, 1)(frame))


def test_coefficients_need_raw_mode():
    c = np.ones((8, 9), np.float32)
    refuses(
        stream_in_the_middle(),
        ValueError,
        TestOneStream.frame,
        coefficients=c,
        match="normalize|coefficients",
    )


@pytest.mark.parametrize("value", [NAN, INF, -INF])
@pytest.mark.parametrize("kind", FLOATS)
def test_coefficients_that_are_not_finite(value, kind):
    c = np.ones((8, 9), kind)
    c[7, 8] = value
    refuses(
        stream_in_the_middle(normalize=False),
        ValueError,
        TestOneStream.frame,
        coefficients=c,
        match="coefficients",
    )


@pytest.mark.parametrize("shape", [(8,), (9, 8), (8, 9, 2), (1, 8, 9)], ids=str)
def test_coefficients_of_the_wrong_shape(shape):
    refuses(
        stream_in_the_middle(normalize=False),
        ValueError,
        TestOneStream.frame,
        coefficients=np.ones(shape),
        match="coefficients",
    )


@pytest.mark.parametrize("dtype", INTEGERS)
def test_raw_mode_has_no_integer_output(dtype):
    diffuser = vdcore.Diffuser(1, 1, normalize=False)
    frame = noise(dtype, (5, 6))
    with pytest.raises(TypeError, match="out|dtype"):
        diffuser(frame, out=np.zeros_like(frame))
    with pytest.raises(TypeError, match="dtype"):
        diffuser(frame, dtype=dtype)


@pytest.mark.parametrize("dtype", INTEGERS)
def test_other_integers_are_no_output(dtype):
    other = "uint16" if dtype == "uint8" else "uint8"
    with pytest.raises(TypeError, match="out"):
        vdcore.Diffuser(1, 1)(noise(dtype, (5, 6)), out=np.zeros((5, 6), other))


def test_batches_are_checked_too():
    diffuser = stream_in_the_middle()
    frames = noise("float32", (4, 8, 9, 3))
    frames[2, 1, 1, 1] = INF
    with pytest.raises(ValueError, match="infinit"):
        diffuser.push_many(frames)
    with pytest.raises(ValueError, match="frame"):
        diffuser.push_many(frames[:, :, :4])
    with pytest.raises(TypeError, match="uint8"):
        diffuser.push_many(np.zeros((2, 8, 9, 3), np.uint8))


# whole arrays


def video(dtype="uint8"):
    return noise(dtype, (4, 6, 7, 3))


@pytest.mark.parametrize("times", [[0, 1, 2], [0, 1, 1, 0.5], [0, NAN, 1, 2], [0, 1, 2, INF], [[0, 1, 2, 3]]])
def test_times_that_do_not_fit(times):
    with pytest.raises(ValueError, match="times"):
        vdcore.diffuse(video(), 1, 1, times=times)


def test_seconds_need_times():
    with pytest.raises(ValueError, match="times"):
        vdcore.diffuse(video(), 1, 1, time_unit="seconds")


@pytest.mark.parametrize(
    "region", [np.ones((6, 8)), np.ones((7, 6)), np.full((6, 7), 2.0), np.full((6, 7), NAN)]
)
@pytest.mark.parametrize("name", ["region", "confidence"])
def test_regions_that_do_not_fit(name, region):
    with pytest.raises(ValueError, match=name):
        vdcore.diffuse(video(), 1, 1, **{name: region})


def test_out_that_does_not_fit():
    read_only = np.zeros_like(video())
    read_only.flags.writeable = False
    for out in (read_only, np.zeros((4, 6, 7), np.uint8), np.zeros((3, 6, 7, 3), np.uint8)):
        with pytest.raises(ValueError, match="out"):
            vdcore.diffuse(video(), 1, 1, out=out)
    with pytest.raises(TypeError, match="out|dtype"):
        vdcore.diffuse(video(), 1, 1, out=np.zeros((4, 6, 7, 3), np.int8))


def test_infinite_samples_in_a_video():
    frames = video("float64")
    frames[2, 3, 4, 1] = INF
    with pytest.raises(ValueError, match="infinit"):
        vdcore.diffuse(frames, 1, 1)


def test_frames_of_different_sizes():
    with pytest.raises(ValueError, match="frame"):
        vdcore.diffuse([noise("uint8", (4, 5)), noise("uint8", (4, 6))], 1, 1)


def test_no_frames():
    with pytest.raises(ValueError, match="frames"):
        vdcore.diffuse([], 1, 1)
