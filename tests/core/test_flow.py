# SPDX-License-Identifier: Apache-2.0
"""Optical flow: what it finds, that no size crashes it, and what a function of motion may return."""

import subprocess
import sys

import numpy as np
import pytest
from scipy import ndimage

from oracles.video_denoiser import halved, linear, sampled
from vdcore.flow import checked_flow, guides, optical_flow, resized_flow


def texture(height, width, seed=0):
    """A smooth random picture of uint8 over the whole range."""
    smooth = ndimage.gaussian_filter(np.random.default_rng(seed).normal(size=(height, width)), 2, mode="wrap")
    return np.rint(255 * (smooth - smooth.min()) / np.ptp(smooth)).astype(np.uint8)


@pytest.mark.parametrize("shape", [(96, 128), (20, 300), (200, 17), (31, 100)])
@pytest.mark.parametrize("preset", ["fast", "balanced"])
def test_a_shift_is_found(preset, shape):
    frame = texture(*shape)
    other = np.roll(frame, (1, 2), (0, 1))  # other[y + 1, x + 2] shows what frame[y, x] shows
    flow = optical_flow(frame, other, preset)
    assert flow.dtype == np.float32 and flow.shape == (*shape, 2)
    found = np.median(flow, axis=(0, 1))
    np.testing.assert_allclose(found, (2, 1), atol=0.3 if preset == "balanced" else 0.6)


@pytest.mark.parametrize("preset", ["fast", "balanced"])
def test_tiny_pictures_have_no_flow(preset):
    frame = texture(15, 200)
    flow = optical_flow(frame, np.roll(frame, 3, 1), preset)
    assert flow.shape == (15, 200, 2) and not flow.any()


FUZZ = """
import numpy as np
from vdcore.flow import optical_flow
rng = np.random.default_rng(int({seed}))
for trial in range(1500):
    shape = (int(rng.integers(1, 65)), int(rng.integers(1, 401)))[:: 1 if trial % 4 < 2 else -1]
    frame, other = rng.integers(0, 256, (2, *shape), dtype=np.uint8)
    flow = optical_flow(frame, other, ("fast", "balanced")[trial % 2])
    assert flow.shape == (*shape, 2) and np.isfinite(flow).all(), shape
print("done")
"""


def test_no_size_crashes_it():
    done = subprocess.run([sys.executable, "-c", FUZZ.format(seed=5)], capture_output=True, text=True)
    assert done.stdout == "done\n", done.stderr


def test_strided_pictures_are_taken():
    frame = texture(64, 90)
    other = np.roll(frame, 1, 1)
    plain = optical_flow(frame, other)
    wide = np.dstack([frame, other])
    np.testing.assert_array_equal(optical_flow(wide[..., 0], wide[..., 1]), plain)


@pytest.mark.parametrize(
    ("frame", "other", "preset", "error", "words"),
    [
        (np.zeros((20, 20)), np.zeros((20, 20), np.uint8), "fast", TypeError, "frame .* float64"),
        (np.zeros((20, 20), np.uint8), np.zeros((20, 21), np.uint8), "fast", ValueError, r"other .*20, 21"),
        (np.zeros((20, 20, 3), np.uint8), np.zeros((20, 20, 3), np.uint8), "fast", ValueError, "frame"),
        (np.zeros((20, 20), np.uint8), np.zeros((20, 20), np.uint8), "best", ValueError, "preset .*'best'"),
    ],
)
def test_bad_pictures(frame, other, preset, error, words):
    with pytest.raises(error, match=words):
        optical_flow(frame, other, preset)


def test_without_opencv(monkeypatch):
    monkeypatch.setitem(sys.modules, "cv2", None)
    with pytest.raises(ImportError, match="opencv-python"):
        optical_flow(*np.zeros((2, 20, 20), np.uint8))


@pytest.mark.parametrize("shape", [(10, 14), (11, 14), (11, 15), (1, 1)])
def test_resized_flow_is_linear_between_centres(shape):
    rows, columns = halved(np.zeros(shape)).shape
    flow = np.random.default_rng(0).normal(size=(rows, columns, 2)).astype(np.float32)
    y, x = np.mgrid[: shape[0], : shape[1]] / 2 - 0.25
    np.testing.assert_allclose(
        resized_flow(flow, shape), 2 * sampled(flow.astype(float), y, x, linear), atol=1e-5
    )


def test_resized_flow_of_another_shape():
    with pytest.raises(ValueError, match=r"\(5, 7, 2\).*got \(5, 6, 2\)"):
        resized_flow(np.zeros((5, 6, 2), np.float32), (10, 14))


# ---- the pictures that flow is estimated from


def test_guides_of_bytes_keep_their_values():
    rng = np.random.default_rng(0)
    frame, other = rng.integers(0, 256, (2, 30, 40, 3), dtype=np.uint8)
    here, there = guides(frame, other, 1.0)
    for guide, samples in ((here, frame), (there, other)):
        means = samples.mean(axis=2)
        expected = ndimage.gaussian_filter(means, 1.0, mode="mirror")
        np.testing.assert_allclose(guide, expected, atol=0.5 + 0.15)  # OpenCV's kernel ends at 3 sigma


@pytest.mark.parametrize("dtype", [np.uint16, np.float32, np.float64])
def test_guides_of_other_samples_are_stretched(dtype):
    frame = texture(40, 50).astype(dtype)
    other = np.roll(frame, 2, 1)
    here, there = guides(frame, other)
    larger = guides(8 * frame, 8 * other)
    assert min(here.min(), there.min()) == 0 and max(here.max(), there.max()) == 255
    np.testing.assert_array_equal(here, larger[0])
    np.testing.assert_array_equal(there, larger[1])


def test_missing_samples_take_from_their_neighbours():
    frame = np.full((20, 20), 0.25, np.float32)
    frame[:, 10:] = 0.75
    hole = frame.copy()
    hole[5:9, 3:6] = np.nan
    here, there = guides(frame, hole)
    assert abs(here.astype(int) - there).max() <= 1


@pytest.mark.parametrize("value", [0.0, 0.7, np.nan])
def test_guides_of_constant_pictures(value):
    here, there = guides(*np.full((2, 20, 20), value, np.float32))
    assert not here.any() and not there.any()


# ---- what a function of motion returns


def test_a_checked_flow_keeps_what_is_not_finite():
    flow = np.zeros((4, 5, 2))
    flow[1, 2] = np.nan, np.inf
    checked = checked_flow(flow, (4, 5))
    assert checked.dtype == np.float32
    np.testing.assert_array_equal(checked, flow)


@pytest.mark.parametrize(
    ("flow", "error", "words"),
    [
        (np.zeros((4, 5)), ValueError, r"\(4, 5, 2\), got \(4, 5\)"),
        (np.zeros((5, 4, 2)), ValueError, r"\(4, 5, 2\)"),
        (np.zeros((4, 5, 2), int), TypeError, "float32 or float64"),
        (np.zeros((4, 5, 2), complex), TypeError, "complex"),
        (None, TypeError, "object"),
    ],
)
def test_bad_flows(flow, error, words):
    with pytest.raises(error, match=words):
        checked_flow(flow, (4, 5))
