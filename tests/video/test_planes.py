# SPDX-License-Identifier: Apache-2.0
"""Planes: grey levels and noise in their units, turned pictures and flows, regions on coarser grids."""

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import vdcore
from helpers.media import from_raw, samples
from vdcore import models
from vdcore.video import Orientation, Plane
from vdcore.video.filters.diffusion import coarser_flow, plane_parameters, shown_motion
from vdcore.video.filters.regions import PlaneRegions, in_plane

U8, U16, F32 = map(np.dtype, (np.uint8, np.uint16, np.float32))
PLANES = {
    "yuv420p": (Plane("luma", (6, 8), U8, limited=True), Plane("chroma", (3, 4), U8, (2, 2), limited=True)),
    "odd": (Plane("luma", (5, 7), U8), Plane("chroma", (3, 4), U8, (2, 2))),
}


# ---- levels and units


@pytest.mark.parametrize(
    "plane, black, white",
    [
        (Plane("luma", (4, 4), U8), 0, 255),
        (Plane("luma", (4, 4), U8, limited=True), 16, 235),
        (Plane("luma", (4, 4), U16), 0, 65280),
        (Plane("luma", (4, 4), U16, limited=True), 4096, 60160),
        (Plane("colour", (4, 4, 3), F32), 0, 1),
        (Plane("chroma", (2, 2), U8, (2, 2), limited=True), 128, 128),
        (Plane("chroma", (2, 2), U16, (2, 2)), 32768, 32768),
    ],
)
def test_levels_of_grey(plane, black, white):
    assert plane.level(0) == black
    assert plane.level(255) == pytest.approx(white)
    assert plane.level(127.5) == pytest.approx((black + white) / 2)


# ---- turned pictures


@pytest.mark.parametrize("quarters", range(4))
@pytest.mark.parametrize("shape", [(3, 5), (3, 5, 3)])
def test_turned_there_and_back(quarters, shape):
    picture = np.random.default_rng(1).integers(0, 255, shape)
    turn = Orientation(quarters)
    np.testing.assert_array_equal(turn.shown(turn.stored(picture)), picture)
    assert turn.shown(picture).shape[:2] == turn.size(3, 5)
    assert turn.size(*turn.size(3, 5)) == (3, 5)


def test_a_quarter_is_counter_clockwise():
    assert Orientation(1).shown(np.array([[1, 2], [3, 4]])).tolist() == [[2, 4], [1, 3]]


@given(
    quarters=st.integers(0, 3),
    size=st.tuples(st.integers(1, 6), st.integers(1, 6)),
    seed=st.integers(0, 99),
)
def test_flow_of_the_stored_picture_leads_to_the_same_pixels(quarters, size, seed):
    """Each pixel of the shown picture, numbered, is looked up where the flow leads, shown and stored."""
    height, width = size
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width]
    ends = rng.integers(0, height, size), rng.integers(0, width, size)
    flow = np.stack((ends[1] - x, ends[0] - y), axis=-1).astype(np.float32)
    numbers = np.arange(height * width).reshape(size)
    reached = numbers[ends]

    turn = Orientation(quarters)
    stored_flow = turn.stored_flow(flow)
    stored = turn.stored(numbers)
    y, x = np.mgrid[: stored.shape[0], : stored.shape[1]]
    target = stored[y + stored_flow[..., 1].astype(int), x + stored_flow[..., 0].astype(int)]
    np.testing.assert_array_equal(target, turn.stored(reached))


@pytest.mark.parametrize("quarters", range(4))
@pytest.mark.parametrize("order", ["rgb", "bgr"])
def test_a_function_of_motion_sees_upright_pictures(quarters, order):
    turn = Orientation(quarters)
    plane = Plane("colour", (4, 6, 3), U8, channel_order=order)
    one, other = np.random.default_rng(1).integers(0, 255, (2, 4, 6, 3), dtype=np.uint8)
    seen = []

    def motion(frame, last):
        seen.append((frame.copy(), last.copy()))
        return np.full((*frame.shape[:2], 2), (1, 0), np.float32)  # to the right

    flow = shown_motion(motion, turn, plane)(one, other)
    for given_picture, stored in zip(seen[0], (one, other), strict=True):
        expected = turn.shown(stored if order == "rgb" else stored[..., ::-1])
        np.testing.assert_array_equal(given_picture, expected)
    assert flow.shape == (4, 6, 2)
    assert np.unique(flow.reshape(-1, 2), axis=0).tolist() == [[[1, 0], [0, 1], [-1, 0], [0, -1]][quarters]]


@pytest.mark.parametrize("wrong", [np.zeros((6, 4, 2)), np.zeros((4, 6)), None])
def test_a_function_of_motion_must_answer_the_shown_size(wrong):
    find = shown_motion(lambda frame, last: wrong, Orientation(2), Plane("luma", (4, 6), U8))
    with pytest.raises((ValueError, TypeError), match="motion"):
        find(*np.zeros((2, 4, 6), np.uint8))


@pytest.mark.parametrize("subsampling", [(1, 1), (2, 2), (1, 2), (2, 1), (4, 4), (1, 4)])
def test_flow_on_a_coarser_grid(subsampling):
    down, across = subsampling
    plane = Plane("chroma", (8 // down, 16 // across), U8, subsampling)
    flow = np.full((8, 16, 2), (3.0, -1.5), np.float32)
    flow[:, 8:] = 0, 2
    smaller = coarser_flow(flow, plane)
    assert smaller.shape == (*plane.shape, 2)
    half = 8 // across
    np.testing.assert_allclose(
        smaller[:, :half], np.broadcast_to((3 / across, -1.5 / down), (8 // down, half, 2))
    )
    np.testing.assert_allclose(smaller[:, half:], np.broadcast_to((0, 2 / down), (8 // down, half, 2)))
    assert (flow[:, 8:] == (0, 2)).all()  # which others are given too


# ---- regions


def test_regions_of_each_plane():
    mask = np.zeros((6, 8), bool)
    mask[1:5, 2:7] = True
    luma, chroma = PlaneRegions(lambda index, seconds: mask, PLANES["yuv420p"])(0, 0.0)
    np.testing.assert_array_equal(luma, mask)
    np.testing.assert_allclose(chroma, mask.reshape(3, 2, 4, 2).mean(axis=(1, 3)))
    assert set(np.unique(chroma)) == {0, 0.25, 0.5, 1}


@pytest.mark.parametrize("quarters", range(4))
def test_regions_of_what_is_shown(quarters):
    turn = Orientation(quarters)
    height, width = turn.size(6, 8)
    mask = np.zeros((height, width), np.uint8)
    mask[:2, :4] = 255  # the upper left of what is shown
    luma, chroma = PlaneRegions(lambda index, seconds: mask, PLANES["yuv420p"], turn)(0, 0.0)
    np.testing.assert_array_equal(turn.shown(luma), mask)
    coarse = np.zeros(turn.size(3, 4))
    coarse[:1, :2] = 1
    np.testing.assert_allclose(turn.shown(chroma), coarse)


@pytest.mark.parametrize("dtype, one", [(bool, True), (np.uint8, 255), (np.float32, 1.0), (np.float64, 1.0)])
def test_masks_of_every_type(dtype, one):
    mask = np.full((5, 7), one, dtype)
    luma, chroma = PlaneRegions(lambda index, seconds: mask, PLANES["odd"])(0, 0.0)
    assert luma.shape == (5, 7) and chroma.shape == (3, 4)
    assert (chroma == 1).all()


def test_regions_for_everywhere_and_the_same_again():
    masks = [None, np.ones((6, 8), bool), None]
    masks.insert(2, masks[1])
    regions = PlaneRegions(lambda index, seconds: masks[index], PLANES["yuv420p"])
    results = [regions(i, 0.0) for i in range(4)]
    assert results[0] is None and results[3] is None
    assert results[1] is results[2]


# ---- parameters


def parameters(**changes):
    usual = {"sigma": 2.0, "model": "gaussian", "cval": 0.0, "fill": None, "gate": None}
    return usual | changes


@pytest.mark.parametrize(
    "sigma, quarters, expected", [(4, 0, (2, 4)), ((4, 2), 0, (2, 2)), ((4, 2), 1, (1, 4))]
)
def test_sigma_on_the_grid_of_the_plane(sigma, quarters, expected):
    plane = Plane("chroma", (4, 8), U8, (2, 1))
    found = plane_parameters(parameters(sigma=sigma), plane, 1, Orientation(quarters))
    assert tuple(found["sigma"]) == expected


def test_levels_in_samples_of_the_plane():
    luma, chroma = (
        Plane("luma", (4, 4), U16, limited=True),
        Plane("chroma", (2, 2), U16, (2, 2), limited=True),
    )
    wanted = parameters(cval=255.0, fill=0.0, gate=3.0)
    found = plane_parameters(wanted, luma, 0, Orientation())
    assert (found["cval"], found["fill"], found["gate"]) == (60160, 4096, 768)
    found = plane_parameters(wanted, chroma, 1, Orientation())
    assert (found["cval"], found["fill"], found["gate"]) == (32768, 32768, 768)


@pytest.mark.parametrize(
    "model, name", [(models.Bilateral(10.0), "range_sigma"), (models.PeronaMalik(4.0), "contrast")]
)
@pytest.mark.parametrize("dtype, unit", [(U8, 1), (U16, 256), (F32, 1 / 255)])
def test_models_in_samples_of_the_plane(model, name, dtype, unit):
    plane = Plane("luma", (4, 4), dtype)
    found = plane_parameters(parameters(model=model), plane, 0, Orientation())["model"]
    assert type(found) is type(model)
    assert getattr(found, name) == pytest.approx(getattr(model, name) * unit)


# ---- noise


def test_noise_of_one_channel_is_that_of_each_plane():
    noise = vdcore.NoiseEstimate(np.array([3.0]), np.array([0.5]), np.array([2.0]))
    for plane, unit in [(Plane("luma", (4, 4), U16), 256), (Plane("chroma", (2, 2), U8), 1)]:
        found = in_plane(noise, plane, 0)
        assert (*found.sigma, *found.gain, *found.offset) == (3 * unit, 0.5 * unit, 2 * unit**2)


def test_noise_of_colour_in_the_order_of_the_plane():
    noise = vdcore.NoiseEstimate(np.array([1.0, 2, 3]), np.array([4.0, 5, 6]), np.array([7.0, 8, 9]))
    found = in_plane(noise, Plane("colour", (4, 4, 3), U8, channel_order="bgr"), 0)
    assert (found.sigma.tolist(), found.gain.tolist(), found.offset.tolist()) == (
        [3, 2, 1],
        [6, 5, 4],
        [9, 8, 7],
    )


@pytest.mark.parametrize("full", [False, True])
def test_noise_of_red_green_and_blue_in_luma_and_chroma(full):
    """FFmpeg converts random RGB to YCbCr, which says what is left."""
    rng = np.random.default_rng(1)
    sigma = np.array([4.0, 6.0, 9.0])
    rgb = np.clip(rng.normal(128, sigma, (256, 256, 3)) * 257, 0, 65535).round().astype("<u2")
    frame = from_raw(rgb.tobytes(), "rgb48le", 256, 256)
    name = "yuv444p16le"
    converted = frame.reformat(
        format=name,
        dst_colorspace="ITU601",
        threads=1,
        dst_color_range="JPEG" if full else "MPEG",
        src_color_range="JPEG",
    )
    assert av.VideoFormat(name).components[0].bits == 16
    noise = vdcore.NoiseEstimate(sigma, np.zeros(3), sigma**2)
    for i, plane in enumerate(samples(converted)):
        described = Plane("luma" if i == 0 else "chroma", (256, 256), U16, limited=not full)
        found = in_plane(noise, described, i)
        assert found.sigma[0] == pytest.approx(plane.std(), rel=0.03), i
        assert found.offset[0] == pytest.approx(found.sigma[0] ** 2)
