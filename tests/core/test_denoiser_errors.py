# SPDX-License-Identifier: Apache-2.0
"""Parameters and frames that the denoiser refuses, by name, leaving no trace."""

import threading

import numpy as np
import pytest

from helpers.denoising import NOISE, scene, stream
from helpers.support import assert_same_bits
from vdcore import Denoiser, NoiseEstimate, denoise

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
            "strength must be 'light', 'auto', 'strong', a standard deviation >= 0 or a Noise",
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
            changed((2, 3, 1), np.inf),
            ValueError,
            r"frame must be finite or NaN and within 1e\+15 in magnitude, got inf at \(2, 3, 1\)",
        ),
        (changed((2, 3, 1), -np.inf), ValueError, r"got -inf at \(2, 3, 1\)"),
        (changed((2, 3, 1), 1e39, np.float64), ValueError, r"got 1e\+39 at \(2, 3, 1\)"),
        (changed((2, 3, 1), -2e15), ValueError, r"got -2e\+15 at \(2, 3, 1\)"),
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
    frames[2, 1, 0, 2] = np.inf
    out = np.full_like(frames, 7)
    with pytest.raises(
        ValueError,
        match=r"frames\[2\] must be finite or NaN and within 1e\+15 in magnitude, got inf at \(1, 0, 2\)",
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


@pytest.mark.parametrize(
    "dtype, limit, unit",
    [("uint8", 63.75, r"\(0 to 255\) of uint8"), ("uint16", 16383.75, r"\(0 to 65535\) of uint16")],
)
def test_strength_above_a_quarter_of_the_range(dtype, limit, unit):
    """It was meant for samples of another range, and would remove the picture."""
    frames = np.zeros((2, 16, 16), dtype)
    out = np.full_like(frames, 7)
    text = rf"strength must be at most {limit:g}, in sample units {unit} frames, got"
    with pytest.raises(ValueError, match=text):
        denoise(frames, np.nextafter(limit, np.inf), out=out)
    assert (out == 7).all()
    with pytest.raises(ValueError, match=text):
        Denoiser(2 * limit)(frames[0])
    denoise(frames, limit)
    # no range is known of floats, and an estimate was measured
    denoise(frames.astype(np.float32), 2 * limit)
    denoise(frames, NoiseEstimate(*np.array([[2 * limit], [0], [4 * limit**2]])))
