# SPDX-License-Identifier: Apache-2.0
"""What a `Diffuser` returns: sums in raw mode, types, `out`, dithering; batches, channels, `diffuse`."""

import math
import os

import numpy as np
import pytest

import oracles
import vdcore
from helpers.streams import LAYOUTS, compare
from helpers.support import (
    BOUNDARIES,
    FLOATS,
    INTEGERS,
    assert_near,
    assert_same_bits,
    noise,
    stream,
)


def kernel_sum(sigma, boundary="reflect"):
    inside, _ = oracles.line_operator(201, sigma, boundary)
    return inside.sum(1).max() ** 2


# ---- raw mode


def test_raw_mode(dtype, boundary, instruction_set, threads):
    frames = noise(dtype, (5, 12, 14, 2))
    got = compare(
        frames,
        1.2,
        2.0,
        normalize=False,
        boundary=boundary,
        cval=0.5 * oracles.RANGE[dtype],
        threads=threads,
        gain=kernel_sum(1.2) / (1 - math.exp(-0.5)),
    )
    assert got.dtype == (np.float64 if dtype == "float64" else np.float32)


@pytest.mark.parametrize("kind", ["float32", "float64", "per channel"])
def test_coefficients(dtype, instruction_set, kind):
    rng = np.random.default_rng(5)
    frames = noise(dtype, (5, 9, 12, 3))
    coefficients = [
        rng.normal(size=(9, 12, 3) if kind == "per channel" else (9, 12)).astype(
            "f8" if kind == "float64" else "f4"
        )
        for _ in frames
    ]
    largest = max(np.abs(c).max() for c in coefficients)
    gain = largest * kernel_sum(0.9) / (1 - math.exp(-0.5))
    for boundary in BOUNDARIES:
        compare(frames, 0.9, 2.0, normalize=False, boundary=boundary, coefficients=coefficients, gain=gain)


def test_raw_mode_with_confidence_and_time(dtype):
    rng = np.random.default_rng(5)
    frames = noise(dtype, (6, 9, 12))
    compare(
        frames,
        0.9,
        2.0,
        normalize=False,
        lookahead=2,
        times=np.cumsum([0, 1, 0.5, 2, 0, 1]),
        confidence=[rng.uniform(size=(9, 12)).astype("f4") for _ in frames],
        coefficients=[rng.normal(size=(9, 12)) for _ in frames],
        gain=10 * kernel_sum(0.9),
    )


@pytest.mark.parametrize("tau", [0.0, math.inf])
def test_raw_mode_extreme_time_constants(dtype, tau):
    compare(noise(dtype, (6, 5, 6)), 0.5, tau, normalize=False, gain=6 * kernel_sum(0.5))


@pytest.mark.parametrize("dtype", FLOATS)
def test_raw_mode_nan_is_missing(dtype):
    frames = noise(dtype, (4, 8, 9))
    frames[1, 2:5] = np.nan
    compare(frames, 0.8, 2.0, normalize=False, gain=3 * kernel_sum(0.8))


# ---- output


@pytest.mark.parametrize("wanted", FLOATS)
def test_float_output(dtype, wanted, instruction_set):
    frames = noise(dtype, (4, 9, 11))
    got = stream(frames, 1.5, 2.0, dtype=wanted)
    assert got.dtype == wanted
    assert_near(got, oracles.diffuse(frames, 1.5, 2.0), frames)


def test_rounding_of_float_output_is_integer_output(instruction_set):
    for dtype in INTEGERS:
        frames = noise(dtype, (4, 9, 30))
        exact = stream(frames, 1.5, 2.0, dtype="float64")
        rounded = stream(frames, 1.5, 2.0)
        assert (rounded == oracles.rounded(exact, dtype)).mean() > 0.97


@pytest.mark.parametrize("layout", ["contiguous", "strided", "negative", "planar", "unaligned"])
def test_out_of_any_layout_gets_the_same_bits(dtype, instruction_set, layout):
    frames = noise(dtype, (3, 9, 11, 3))
    expected = stream(frames, 0.8, 2.0)
    diffuser = vdcore.Diffuser(0.8, 2.0)
    target = LAYOUTS[layout](np.zeros_like(frames))
    for frame, out, result in zip(frames, target, expected, strict=True):
        assert diffuser(frame, out=out) is out
        assert_same_bits(out, result)


def test_out_leaves_the_gaps_alone(dtype):
    whole = np.full((12, 30, 3), 7, dtype)
    vdcore.Diffuser(1, 2)(noise(dtype, (6, 10, 3)), out=whole[::2, ::3])
    untouched = np.ones(whole.shape, bool)
    untouched[::2, ::3] = False
    assert (whole[untouched] == 7).all()


@pytest.mark.parametrize("shift", [(0, 0), (1, 0), (0, 1), (0, -1), (-1, 0), (2, 3)])
def test_out_may_overlap_the_frame(dtype, shift):
    buffer = noise(dtype, (20, 24, 3))
    expected = vdcore.Diffuser(1.5, 2)(buffer[4:16, 4:20].copy())
    y, x = shift
    out = buffer[4 + y : 16 + y, 4 + x : 20 + x]
    vdcore.Diffuser(1.5, 2)(buffer[4:16, 4:20], out=out)
    assert_same_bits(out.copy(), expected)


def test_frames_are_not_changed(dtype):
    frames = noise(dtype, (3, 8, 9))
    frames.flags.writeable = False
    before = frames.copy()
    stream(frames, 1, 2, lookahead=1)
    assert_same_bits(frames, before)


@pytest.mark.parametrize("dtype", INTEGERS)
@pytest.mark.parametrize("level", [10.0, 10.1, 77.5, 100.3, 254.9])
def test_dither(dtype, level, instruction_set):
    """Within one of the value, and right in the mean, where rounding alone would be off."""
    frames = np.empty((2, 64, 96), dtype)
    frames[...] = math.floor(level)
    fraction = level - math.floor(level)
    frames[:, :, : round(96 * fraction)] += 1
    smooth = oracles.diffuse(frames, 40.0, 0.0)
    got = stream(frames, 40.0, 0.0, dither="ordered")
    assert np.abs(got - smooth).max() <= 1 + oracles.TOLERANCE[dtype] * oracles.RANGE[dtype]
    tiles = (got - smooth).reshape(2, 8, 8, 12, 8).mean(axis=(2, 4))
    assert np.abs(tiles).max() < 0.02 + oracles.TOLERANCE[dtype] * oracles.RANGE[dtype]


@pytest.mark.parametrize("dtype", INTEGERS)
def test_dither_leaves_whole_values_alone(dtype):
    frames = np.full((2, 20, 30), 7, dtype)
    frames[1, :, 15:] = np.iinfo(dtype).max
    assert_same_bits(stream(frames, 0, 0, dither="ordered"), frames)


# ---- more ways to the same frames


def test_push_many(dtype, instruction_set, threads):
    frames = noise(dtype, (7, 10, 12, 3))
    for lookahead in (0, 2):
        expected = stream(frames, 1.2, 2.0, threads=threads, lookahead=lookahead)
        diffuser = vdcore.Diffuser(1.2, 2.0, threads=threads, lookahead=lookahead)
        got = [*diffuser.push_many(frames[:3]), *diffuser.push_many(frames[3:]), *diffuser.flush()]
        assert_same_bits(np.stack(got), expected)


def test_grey_is_one_channel(dtype):
    frames = noise(dtype, (3, 8, 9))
    assert_same_bits(stream(frames, 1, 2), stream(frames[..., None], 1, 2)[..., 0])


def test_channels_do_not_mix(dtype, instruction_set):
    frames = noise(dtype, (3, 8, 19, 4))
    together = stream(frames, 1.3, 2.0)
    for channel in range(4):
        assert_same_bits(together[..., channel], stream(frames[..., channel], 1.3, 2.0))


def test_diffuse_is_a_stream(dtype, boundary):
    frames = noise(dtype, (5, 8, 9, 3))
    keywords = {"boundary": boundary, "cval": 1.0, "lookahead": 1}
    assert_same_bits(vdcore.diffuse(frames, 1.2, 3.0, **keywords), stream(frames, 1.2, 3.0, **keywords))


def test_diffuse_frame_is_one_push(dtype, boundary):
    frame = noise(dtype, (8, 9, 3))
    got = vdcore.diffuse_frame(frame, 1.2, boundary=boundary, channel_axis=-1)
    assert_same_bits(got, vdcore.Diffuser(1.2, 0, boundary=boundary)(frame))


def test_info_describes_the_stream():
    diffuser = vdcore.Diffuser(1.2, 3.0, threads=1)
    for frame in noise("uint8", (3, 8, 9, 3)):
        diffuser(frame)
    info = diffuser.info
    assert info.frames == 3
    assert (info.height, info.width, info.channels) == (8, 9, 3)
    assert info.dtype == "uint8"
    assert info.threads == 1
    assert info.spatial_bound <= 1e-3
    assert info.weight == pytest.approx(1 + math.exp(-1 / 3) + math.exp(-2 / 3), rel=1e-6)


def test_threads_come_from_the_argument_then_the_environment(monkeypatch):
    if not vdcore.build_info()["openmp"]:
        pytest.skip("a build without OpenMP has one thread")
    monkeypatch.setenv("OMP_NUM_THREADS", "3,2")
    monkeypatch.delenv("VDCORE_NUM_THREADS", raising=False)
    assert vdcore.Diffuser(1, 1).info.threads == 3
    monkeypatch.setenv("VDCORE_NUM_THREADS", "5")
    assert vdcore.Diffuser(1, 1).info.threads == 5
    assert vdcore.Diffuser(1, 1, threads=2).info.threads == 2
    monkeypatch.delenv("OMP_NUM_THREADS")
    monkeypatch.delenv("VDCORE_NUM_THREADS")
    assert 1 <= vdcore.Diffuser(1, 1).info.threads <= os.cpu_count()


def test_subnormals_survive():
    """No code of ours sets flush-to-zero for the process, before or after a push."""
    tiny = np.array([5e-324])
    vdcore.diffuse_frame(noise("float32", (64, 64)), 2)
    assert (tiny * 1.0)[0] == 5e-324
    assert (np.array([1e-45], np.float32) * np.float32(1))[0] > 0


def test_instruction_set_is_the_one_asked_for(instruction_set):
    assert vdcore.Diffuser(1, 1).info.instruction_set == instruction_set
