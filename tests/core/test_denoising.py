# SPDX-License-Identifier: Apache-2.0
"""The denoiser: against its oracle, what it brings, every kind of frame, and bad input."""

import subprocess
import sys
import threading
from functools import lru_cache

import numpy as np
import pytest

import vdcore
from helpers.support import assert_same_bits
from oracles import VideoDenoiser
from vdcore import Denoiser, NoiseEstimate, _core, denoise
from vdcore.tools.demo import clean_scene

NOISE = 20.0
PRESETS = pytest.mark.parametrize("preset", ["fast", "balanced"])
LOOKAHEADS = pytest.mark.parametrize("lookahead", [0, 2])


def with_noise(frames, sigma=NOISE, seed=1):
    noisy = frames + np.random.default_rng(seed).normal(0, sigma, np.shape(frames))
    return noisy.clip(0, 255).round().astype(np.uint8)


@lru_cache
def scene(count=8, width=160, height=96):
    """Clean and noisy frames of something that moves, (T, H, W, 3) uint8."""
    clean = np.stack(list(clean_scene(width, height, count)))
    return clean, with_noise(clean)


def as_type(frames, dtype):
    """Frames of uint8 over the whole range of another type."""
    scale = {"uint8": 1, "uint16": 257, "float32": 1 / 255, "float64": 1 / 255}[dtype]
    return (frames * np.float64(scale)).astype(dtype), scale


def psnr(frames, truth):
    return 10 * np.log10(255**2 / np.mean((frames.astype(float) - truth) ** 2))


def stream(denoiser, frames):
    """What a denoiser makes of frames, one by one."""
    results = [result for frame in frames if (result := denoiser(frame)) is not None]
    return np.stack([*results, *denoiser.flush()])


def rolled(frame, other):
    """The motion of frames that move on by (1, 2) pixels each."""
    return np.broadcast_to(np.float32([-2, -1]), (*frame.shape[:2], 2))


# against the oracle


def assert_near_oracle(result, expected):
    """Up to single precision; at black and white up to the steps of the table that corrects for clipping."""
    assert np.abs(result - expected).mean() < 5e-4
    np.testing.assert_allclose(result, expected, atol=0.1)
    inside = (expected > 10) & (expected < 245)
    np.testing.assert_allclose(result[inside], expected[inside], atol=0.01)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("noise", [10.0, NoiseEstimate(*np.array([[12.0], [1.5], [20.0]]))], ids=["", "line"])
@PRESETS
def test_a_stream_is_the_oracle(preset, noise, channels):
    """Along a motion that is given, with places where it is not known, on bright and dark ground."""
    rng = np.random.default_rng(3)
    base = (
        40 * rng.normal(size=(6, 7, channels)).repeat(8, 0).repeat(8, 1) + np.linspace(10, 240, 56)[:, None]
    )
    clean = np.stack([np.roll(base, (i, 2 * i), (0, 1)) for i in range(5)])
    frames = with_noise(clean, 12)[..., 0] if channels == 1 else with_noise(clean, 12)
    flow = rolled(frames[0], frames[0]).copy()
    flow[20:23, 30:34] = np.nan
    denoiser = Denoiser(noise, preset=preset, motion=lambda frame, other: flow)
    oracle = VideoDenoiser(noise, preset)
    for frame in frames:
        expected = oracle.push(frame, [(None, flow, 0.0)])
        result = denoiser(frame, dtype="float32")
        assert_near_oracle(result, expected)
    assert np.abs(frames - expected).mean() > 3


@PRESETS
def test_priors_are_the_oracle(preset):
    """The last result, another picture, frames to come; some of them not in every call."""
    _, frames = scene(6, 64, 48)
    core, oracle = _core.Denoiser(NOISE, preset=preset, priors=3), VideoDenoiser(NOISE, preset)
    flow = np.full((48, 64, 2), 0.7, np.float32)
    for i in range(5):
        priors = [(None, flow, 0.0), (frames[i + 1], None, 1.0), (frames[0], flow, 0.5)][: 3 if i != 2 else 2]
        out = np.empty(frames[i].shape, np.float32)
        core.push(frames[i], out, priors)
        assert_near_oracle(out, oracle.push(frames[i], priors))


@PRESETS
def test_own_flow_is_nearly_the_oracle(preset):
    """Where the flow is estimated from pictures of 8 bits, roundings differ."""
    _, frames = scene(5)
    oracle = VideoDenoiser(NOISE, preset)
    expected = np.stack([oracle.push(frame) for frame in frames])
    result = denoise(frames, NOISE, preset, dtype="float64")
    assert np.abs(result - expected).mean() < 0.2


# what it brings


def test_quality():
    clean, noisy = scene()
    before, fast, balanced = (psnr(f, clean) for f in (noisy, denoise(noisy, preset="fast"), denoise(noisy)))
    assert fast > before + 11 and balanced > fast + 0.5


@PRESETS
def test_automatic_is_as_good_as_told(preset):
    clean, noisy = scene()
    told = psnr(denoise(noisy, NOISE, preset), clean)
    assert psnr(denoise(noisy, preset=preset), clean) > told - 0.1
    assert psnr(stream(Denoiser(preset=preset), noisy), clean) > told - 0.3


@PRESETS
def test_time_helps(preset):
    clean, noisy = scene()
    alone = np.concatenate([denoise(frame[None], NOISE, preset) for frame in noisy])
    np.testing.assert_array_equal(denoise(noisy, NOISE, preset)[0], alone[0])
    assert psnr(denoise(noisy, NOISE, preset)[-1], clean[-1]) > psnr(alone[-1], clean[-1]) + 1


def test_motion_helps():
    rng = np.random.default_rng(0)
    texture = vdcore.diffuse_frame(rng.normal(size=(96, 128)), 1.0)
    clean = np.stack([np.roll(128 + 150 * texture, (i, 2 * i), (0, 1)) for i in range(8)])
    noisy = with_noise(clean)
    still, flow, known = (
        psnr(denoise(noisy, NOISE, motion=motion)[4:], clean[4:]) for motion in (None, "flow", rolled)
    )
    assert flow > still + 0.5 and known > still + 0.5


@pytest.mark.parametrize("noise", [10.0, 40.0])
@PRESETS
def test_lookahead_helps(preset, noise):
    clean = scene()[0]
    noisy = with_noise(clean, noise)
    quality = [psnr(denoise(noisy, noise, preset, lookahead=ahead), clean) for ahead in (0, 1, 3)]
    assert quality[1] > quality[0] + 0.2 and quality[2] > quality[1] + 0.1


@LOOKAHEADS
@PRESETS
def test_no_ghosts(preset, lookahead):
    """Where a square has just left, the error is no higher than without time; nor after a cut."""
    clean = np.full((8, 64, 96), 90.0)
    for i in range(8):
        clean[i, 24:40, 8 + 8 * i : 24 + 8 * i] = 190
    clean[5:] = 255 - clean[5:]
    noisy = with_noise(clean)
    result = denoise(noisy, NOISE, preset, lookahead=lookahead)
    alone = np.concatenate([denoise(frame[None], NOISE, preset) for frame in noisy])
    changed = clean[1:] != clean[:-1]
    before, after = ((f[1:] - clean[1:])[changed].astype(float) ** 2 for f in (alone, result))
    assert after.mean() < 1.02 * before.mean()
    assert after[-changed[-1].sum() :].mean() < 1.1 * before[-changed[-1].sum() :].mean()


# the stream


@LOOKAHEADS
def test_arrays_are_streams(lookahead):
    frames = scene()[1]
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
    frames = scene()[1]
    denoiser = Denoiser(lookahead=lookahead)
    expected = stream(denoiser, frames)
    denoiser.reset()
    assert denoiser.info == vdcore.DenoiserInfo(None, 0, 0, 0, 0, 0, 0, None)
    assert_same_bits(stream(denoiser, frames), expected)
    denoiser.reset()
    assert stream(denoiser, frames[:, :50, :, 0].astype(np.float32)).shape == (8, 50, 160)


@LOOKAHEADS
def test_memory_is_bounded(lookahead):
    frames = scene()[1]
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
    assert repr(denoiser) == "Denoiser(strength=3.0, preset='fast', motion='flow', lookahead=0, threads=None)"


# automatic noise


def test_stream_learns_the_noise():
    """Texture passes for noise in the first frame; later ones know better, and the past is not lost."""
    rng = np.random.default_rng(0)
    clean = np.clip(128 + 30 * rng.normal(size=(64, 96)), 60, 190).round()  # as rough as noise
    noisy = np.stack([with_noise(clean, 5, seed) for seed in range(12)])
    denoiser = Denoiser(motion=None)
    first = denoiser(noisy[0])
    assert denoiser.info.noise.sigma[0] > 15
    rest = stream(denoiser, noisy[1:])
    assert denoiser.info.noise.sigma[0] == pytest.approx(5, rel=0.15)
    errors = [psnr(frame, clean) for frame in (first, *rest)]
    assert errors[0] < errors[1] < errors[-1] and errors[-1] > psnr(noisy, clean) + 5


def test_noise_that_changes_the_estimate_little_does_not_restart():
    _, frames = scene(40, 96, 64)
    denoiser = Denoiser()
    seen = []
    for frame in frames:
        denoiser(frame)
        seen.append(denoiser.info.noise.sigma.mean())
    assert len(set(seen)) <= 4 and seen[-1] == pytest.approx(NOISE, rel=0.08)


def test_clean_frames_pass_as_they_are():
    clean = scene()[0]
    still = np.repeat(clean[:1], 6, axis=0)
    assert_same_bits(denoise(np.zeros_like(clean)), np.zeros_like(clean))
    denoiser = Denoiser(0.0)
    assert_same_bits(stream(denoiser, still), still)
    assert_same_bits(denoise(np.concatenate([still, still // 2])), np.concatenate([still, still // 2]))


@LOOKAHEADS
def test_noise_that_comes_and_goes(lookahead):
    """Black first, and grey again when all is known: the filter starts, and stops, on the way."""
    noisy = scene(12, 96, 64)[1]
    frames = np.concatenate([np.zeros_like(noisy), noisy])
    denoiser = Denoiser(lookahead=lookahead)
    result = stream(denoiser, frames)
    assert not result[:12].any() and denoiser.info.noise.sigma.min() > 15
    known = denoise(noisy, NOISE, lookahead=lookahead)
    clean = scene(12, 96, 64)[0]
    assert psnr(result[-3:], clean[-3:]) > psnr(known[-3:], clean[-3:]) - 0.5


@LOOKAHEADS
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32", "float64"])
@PRESETS
def test_strength_zero_changes_no_bit(preset, dtype, lookahead):
    frames, _ = as_type(scene()[1], dtype)
    assert_same_bits(denoise(frames, 0, preset, lookahead=lookahead), frames)
    zero = NoiseEstimate(np.zeros(3), np.zeros(3), np.zeros(3))
    assert_same_bits(denoise(frames, zero, preset, lookahead=lookahead), frames)


# kinds of frames


@LOOKAHEADS
@pytest.mark.parametrize("dtype", ["uint16", "float32", "float64"])
def test_dtypes_agree(dtype, lookahead):
    """The same at another scale, apart from rounding (and from clipping, which floats do not know)."""
    frames = scene(5)[1] // 2 + 60
    wide, scale = as_type(frames, dtype)
    expected = denoise(frames, 5, dtype="float64", lookahead=lookahead, motion=None)
    result = denoise(wide, 5 * scale, lookahead=lookahead, motion=None)
    assert result.dtype == dtype
    np.testing.assert_allclose(result / scale, expected, atol=0.3)  # a patch may just so fit, or not
    assert np.abs(result / scale - expected).mean() < 0.002


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32", "float64"])
def test_dtypes_all_gain(dtype):
    clean, noisy = scene()
    frames, scale = as_type(noisy, dtype)
    result = denoise(frames)
    assert result.dtype == dtype and psnr(result / scale, clean) > psnr(noisy, clean) + 11


def test_floats_of_any_range():
    frames = scene(5)[1].astype(np.float32)
    expected = denoise(frames, NOISE)
    np.testing.assert_allclose(denoise(frames * 2**10, NOISE * 2**10), expected * 2**10, rtol=1e-5)
    assert np.abs(denoise(frames - 3000, NOISE) + 3000 - expected).mean() < 0.05


@LOOKAHEADS
def test_grey_has_two_axes_or_three(lookahead):
    frames = scene()[1][..., 0]
    expected = denoise(frames, lookahead=lookahead)
    assert_same_bits(denoise(frames[..., None], lookahead=lookahead)[..., 0], expected)


@LOOKAHEADS
@pytest.mark.parametrize("motion", [None, "flow"])
def test_two_channels_are_two_grey_videos(motion, lookahead):
    frames = np.stack([scene()[1][..., 0], with_noise(scene()[0][..., 1], 5)], axis=-1)
    noise = NoiseEstimate(np.array([NOISE, 5]), np.array([0.3, 0]), np.array([300.0, 25]))
    result = denoise(frames, noise, motion=motion, lookahead=lookahead)
    for c in range(2):
        own = NoiseEstimate(noise.sigma[c : c + 1], noise.gain[c : c + 1], noise.offset[c : c + 1])
        expected = denoise(frames[..., c].copy(), own, motion=motion, lookahead=lookahead)
        assert_same_bits(result[..., c].copy(), expected)


@LOOKAHEADS
def test_clean_second_channel_stays(lookahead):
    mask = np.linspace(0, 255, 160).astype(np.uint8) * np.ones((8, 96, 1), np.uint8)
    frames = np.stack([scene()[1][..., 0], mask], axis=-1)
    result = denoise(frames, lookahead=lookahead)
    np.testing.assert_array_equal(result[..., 1], mask)
    assert not np.array_equal(result[..., 0], frames[..., 0])


@LOOKAHEADS
@pytest.mark.parametrize("dtype", ["uint8", "float32"])
@pytest.mark.parametrize("strength", ["auto", NOISE, 0])
def test_alpha_is_copied(strength, dtype, lookahead):
    alpha = np.random.default_rng(2).integers(0, 256, (8, 96, 160, 1), dtype=np.uint8)
    frames = np.concatenate([scene()[1], alpha], axis=-1).astype(dtype)
    if dtype == "float32":
        frames[3, 4, 5, 3] = np.nan
    result = denoise(frames, strength, lookahead=lookahead)
    assert_same_bits(result[..., 3].copy(), frames[..., 3].copy())
    assert_same_bits(result[..., :3].copy(), denoise(frames[..., :3], strength, lookahead=lookahead))


@LOOKAHEADS
def test_order_of_colours_does_not_matter(lookahead):
    frames = scene()[1]
    result = denoise(frames, lookahead=lookahead, dtype="float32")
    reverse = denoise(frames[..., ::-1], lookahead=lookahead, dtype="float32")[..., ::-1]
    np.testing.assert_allclose(reverse, result, atol=0.02)


@LOOKAHEADS
@pytest.mark.parametrize("channels", [None, 1, 2, 3, 4])
def test_frames_of_any_strides(channels, lookahead):
    rng = np.random.default_rng(0)
    shape = (5, 40, 50) if channels is None else (5, 40, 50, channels)
    frames = rng.integers(0, 256, shape, dtype=np.uint8)
    expected = denoise(frames, NOISE, lookahead=lookahead)
    spread = np.zeros(tuple(2 * length for length in shape), np.uint8)[tuple(np.s_[::2] for _ in shape)]
    spread[...] = frames
    backwards = np.empty_like(frames[:, ::-1, ::-1])[:, ::-1, ::-1]
    for given in (spread, np.asfortranarray(frames)):
        denoise(given, NOISE, lookahead=lookahead, out=backwards)
        assert_same_bits(backwards.copy(), expected)


@LOOKAHEADS
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("shift", [(0, 0), (1, 2), (-1, 0), (0, -3)])
def test_output_may_overlap_the_frame(shift, channels, lookahead):
    buffer = np.random.default_rng(0).integers(0, 256, (40, 50, channels), dtype=np.uint8)
    frame = buffer[4:-4, 4:-4]
    expected = stream(Denoiser(NOISE, lookahead=lookahead), [frame.copy()] * 3)
    denoiser = Denoiser(NOISE, lookahead=lookahead)
    original = frame.copy()
    for i in range(3):
        frame[...] = original
        y, x = shift
        out = buffer[4 + y : 36 + y, 4 + x : 46 + x]
        result = denoiser(frame, out=out)
        if result is not None:
            assert result is out
            assert_same_bits(out.copy(), expected[i - lookahead])


@LOOKAHEADS
@pytest.mark.parametrize("size", [(1, 1), (1, 9), (7, 2), (8, 8), (5, 40), (17, 15), (33, 31)])
@PRESETS
def test_small_frames(preset, size, lookahead):
    frames = with_noise(np.full((6, *size, 3), 120), 10)
    for strength in ("auto", 10):
        result = denoise(frames, strength, preset, lookahead=lookahead)
        assert result.shape == frames.shape
    if min(size) >= 8:
        assert psnr(result[3:], 120) > psnr(frames[3:], 120) + 3


@LOOKAHEADS
@pytest.mark.parametrize("value", [0, 255, 128])
def test_flat_frames(value, lookahead):
    frames = np.full((4, 32, 40, 3), value, np.uint8)
    assert_same_bits(denoise(frames, lookahead=lookahead), frames)
    np.testing.assert_allclose(denoise(frames, NOISE, lookahead=lookahead), frames, atol=20)
    flat = np.full((4, 32, 40), value, np.float32)
    np.testing.assert_allclose(denoise(flat, 3, lookahead=lookahead), flat, rtol=1e-6)


def test_one_frame():
    clean, noisy = scene()
    assert psnr(denoise(noisy[:1]), clean[:1]) > psnr(noisy[:1], clean[:1]) + 8
    picture = noisy[0]
    assert_same_bits(denoise(picture, channel_axis=-1), denoise(noisy[:1])[0])


# motion


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
    lost = denoise(frames, NOISE, motion=lambda frame, other: np.full((96, 160, 2), bad), lookahead=lookahead)
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


# refused


FRAME = np.zeros((9, 11, 3), np.float32)


@pytest.mark.parametrize(
    "keywords, error, text",
    [
        ({"strength": -1}, ValueError, "strength must be a finite number >= 0, got -1"),
        ({"strength": np.nan}, ValueError, "strength must be a finite number >= 0, got nan"),
        ({"strength": 1e16}, ValueError, r"strength must be at most 1e\+15, got 1e\+16"),
        (
            {"strength": "automatic"},
            ValueError,
            "strength must be 'auto', a standard deviation >= 0 or a Noise",
        ),
        (
            {"strength": NoiseEstimate(*np.array([[-1.0], [0], [1]]))},
            ValueError,
            "strength needs a sigma from 0",
        ),
        (
            {"strength": NoiseEstimate(*np.array([[1.0], [np.inf], [1]]))},
            ValueError,
            "finite gain and offset",
        ),
        ({"preset": "best"}, ValueError, "preset must be one of 'fast', 'balanced', got 'best'"),
        ({"motion": "optical"}, ValueError, "motion must be None, 'flow' or a callable, got 'optical'"),
        ({"lookahead": 32}, ValueError, "lookahead must be an integer from 0 to 31, got 32"),
        ({"lookahead": 1.5}, TypeError, "lookahead must be an integer"),
        ({"threads": 0}, ValueError, "threads must be an integer from 1"),
    ],
)
def test_parameters_that_are_refused(keywords, error, text):
    with pytest.raises(error, match=text):
        Denoiser(**keywords)
    with pytest.raises(error, match=text):
        denoise(FRAME[None], **keywords)


def changed(place, value, dtype=np.float32):
    frame = FRAME.astype(dtype)
    frame[place] = value
    return frame


@pytest.mark.parametrize(
    "frame, error, text",
    [
        (
            changed((2, 3, 1), np.nan),
            ValueError,
            r"frame must be finite in single precision, got nan at \(2, 3, 1\)",
        ),
        (changed((2, 3, 1), -np.inf), ValueError, r"got -inf at \(2, 3, 1\)"),
        (changed((2, 3, 1), 1e39, np.float64), ValueError, r"got 1e\+39 at \(2, 3, 1\)"),
        (
            np.zeros((9, 11, 5), np.float32),
            ValueError,
            r"frame must have 1 to 4 channels, got shape \(9, 11, 5\)",
        ),
        (np.zeros((9, 11, 3), int), TypeError, "frame must have dtype"),
        (np.zeros(9, np.uint8), ValueError, r"frame must have shape \(H, W\) or"),
        (np.zeros((0, 9), np.uint8), ValueError, "frame must not be empty"),
    ],
)
def test_frames_that_are_refused(frame, error, text):
    with pytest.raises(error, match=text):
        Denoiser()(frame)
    denoiser = Denoiser(3, motion=None)
    start = scene()[1][0].astype(np.float32)[:9, :11]
    expected = stream(Denoiser(3, motion=None), [start, start])
    assert_same_bits(denoiser(start), expected[0])
    with pytest.raises((TypeError, ValueError)):
        denoiser(frame)
    assert_same_bits(denoiser(start), expected[1])


@pytest.mark.parametrize(
    "frame, error",
    [(FRAME[1:], ValueError), (FRAME[..., 0], ValueError), (FRAME.astype(np.float64), TypeError)],
)
def test_frames_of_another_stream(frame, error):
    denoiser = Denoiser(3)
    denoiser(FRAME)
    with pytest.raises(error, match=r"frame must be \(9, 11, 3\) float32 like the frames before it, got "):
        denoiser(frame)


def test_noise_of_another_number_of_channels():
    noise = NoiseEstimate(np.ones(2), np.zeros(2), np.ones(2))
    with pytest.raises(ValueError, match="strength must be a NoiseEstimate of 1 or 3 channels"):
        Denoiser(noise)(FRAME)
    assert Denoiser(noise)(FRAME[..., :2]) is not None


def test_arrays_that_are_refused():
    frames = np.zeros((4, 9, 11, 3), np.float32)
    frames[2, 1, 0, 2] = np.nan
    out = np.full_like(frames, 7)
    with pytest.raises(
        ValueError, match=r"frames\[2\] must be finite in single precision, got nan at \(1, 0, 2\)"
    ):
        denoise(frames, out=out)
    assert (out == 7).all()
    with pytest.raises(ValueError, match="give channel_axis"):
        denoise(frames[0])
    with pytest.raises(ValueError, match="out must be frames itself or share no memory"):
        denoise(frames[:2], 1, out=frames[1:3])


def test_a_second_thread_is_refused():
    frames = scene()[1]
    inside, go_on = threading.Event(), threading.Event()

    def motion(frame, other):
        inside.set()
        go_on.wait(10)
        return np.zeros((*frame.shape[:2], 2))

    denoiser = Denoiser(NOISE, motion=motion)
    denoiser(frames[0])
    worker = threading.Thread(target=denoiser, args=(frames[1],))
    worker.start()
    try:
        assert inside.wait(10)
        for call in (lambda: denoiser(frames[2]), denoiser.reset):
            with pytest.raises(RuntimeError, match="another call is using this denoiser"):
                call()
    finally:
        go_on.set()
        worker.join()
    assert denoiser.info.frames == 2
