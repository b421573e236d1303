# SPDX-License-Identifier: Apache-2.0
"""Pixel formats: which are filtered as they are, samples as planes and back, what becomes of the others."""

from fractions import Fraction

import av
import av.filter
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers.media import from_raw, random_frame, raw, samples
from vdcore.video.backends.pyav.pixel_formats import (
    PixelFormat,
    filterable,
    is_filterable,
    keeps,
    nearest,
    picture_format,
)


def in_software(name):
    """Whether frames of the format are in memory, in one piece for each plane."""
    try:
        random_frame(name, 8, 8, np.random.default_rng(1))
    except (av.error.FFmpegError, AssertionError):  # on another device; with a palette
        return False
    return True


ALL = sorted(filter(in_software, av.video.format.names))
FILTERABLE = [name for name in ALL if is_filterable(name)]
SIZE = 37, 23


def component(frame, letter):
    """One component of a frame by FFmpeg's filter, None where it does not know the format."""
    if "f16" in frame.format.name or "f32" in frame.format.name:
        return None
    graph = av.filter.Graph()
    try:
        nodes = [
            graph.add_buffer(
                width=frame.width, height=frame.height, format=frame.format, time_base=Fraction(1)
            ),
            graph.add("extractplanes", letter),
            graph.add("buffersink"),
        ]
        graph.link_nodes(*nodes).configure()
        frame.pts = 0
        graph.push(frame)
        (plane,) = samples(graph.pull())
    except (av.error.FFmpegError, ValueError):
        return None
    return plane if plane.shape else None


def one_of(name, width=SIZE[0], height=SIZE[1], seed=1):
    return random_frame(name, width, height, np.random.default_rng(seed))


# ---- formats that are filtered as they are


def test_all_of_the_formats_of_ffv1_and_of_the_usual_encoders_are_filterable():
    for codec in ("ffv1", "libx264", "libx265", "prores_ks", "png", "ffvhuff", "libvpx-vp9"):
        for described in av.Codec(codec, "w").video_formats:
            name = described.name
            if name.startswith(("nv", "pal", "mono")):
                assert not is_filterable(name)
            else:
                assert is_filterable(name), name


@pytest.mark.parametrize("size", [(37, 23), (2, 2), (1, 1), (64, 48)], ids=str)
@pytest.mark.parametrize("name", FILTERABLE)
def test_what_is_loaded_is_stored_as_it_was(name, size):
    frame = one_of(name, *size)
    before = raw(frame)
    pixels = PixelFormat(name, *size)
    planes = pixels.load(frame)
    for plane, described in zip(planes, pixels.planes, strict=True):
        assert (plane.shape, plane.dtype) == (described.shape, described.dtype)
        assert plane.dtype.isnative
    copies = [plane.copy() for plane in planes]
    pixels.store([np.zeros_like(plane) for plane in planes], frame)
    assert raw(frame) != before or not any(before)
    pixels.store(copies, frame)
    assert raw(frame) == before


@pytest.mark.parametrize("name", FILTERABLE)
def test_planes_are_the_components_that_ffmpeg_finds(name):
    """Red, green, blue in this order whatever the order in memory; the upper bits of the sample."""
    frame = one_of(name)
    pixels = PixelFormat(name, *SIZE)
    planes = pixels.load(frame)
    (first, *_) = pixels.planes
    if first.kind == "colour":
        order = -1 if first.channel_order == "bgr" else 1
        found = dict(zip("rgb", np.moveaxis(planes[0][..., ::order], 2, 0), strict=True))
    else:
        found = dict(zip("yuv", planes, strict=False))
    checked = 0
    for letter, plane in found.items():
        expected = component(frame, letter)
        if expected is None and letter == "y" and name.startswith("gray"):
            (expected,) = samples(frame)
        if expected is not None:
            expected = expected.astype(plane.dtype)
            shift = 8 * plane.itemsize - pixels.bits if plane.dtype.kind == "u" else 0
            np.testing.assert_array_equal(plane, expected << shift if shift else expected)
            checked += 1
    big, floats = name.endswith("be"), "f16" in name or "f32" in name
    packed_without_alpha = name in ("0bgr", "0rgb", "bgr0", "rgb0")
    assert checked == len(found) or big or floats or packed_without_alpha


@pytest.mark.parametrize(
    "name", [n for n in FILTERABLE if any(c.is_alpha for c in av.VideoFormat(n).components)]
)
def test_alpha_is_left_alone_and_nothing_else(name):
    frame, other = one_of(name, seed=1), one_of(name, seed=2)
    pixels = PixelFormat(name, *SIZE)
    wanted = [plane.copy() for plane in pixels.load(frame)]
    before = component(other, "a")
    pixels.store(wanted, other)
    for plane, expected in zip(pixels.load(other), wanted, strict=True):
        np.testing.assert_array_equal(plane, expected)
    after = component(other, "a")
    if before is not None:
        np.testing.assert_array_equal(after, before)
    different = np.frombuffer(raw(other), np.uint8) != np.frombuffer(raw(frame), np.uint8)
    assert different.any()  # alpha of the one, colours of the other


@pytest.mark.parametrize("name", ["yuv420p", "yuv411p", "yuv410p", "yuv440p", "yuv422p10le", "yuva420p"])
@pytest.mark.parametrize("size", [(37, 23), (2, 3), (5, 9)], ids=str)
def test_subsampling(name, size):
    width, height = size
    described = av.VideoFormat(name, *size)
    luma, *chroma = PixelFormat(name, *size).planes
    assert (luma.kind, luma.shape, luma.subsampling) == ("luma", (height, width), (1, 1))
    for plane, i in zip(chroma, (1, 2), strict=True):
        assert plane.kind == "chroma"
        assert plane.shape == (described.chroma_height(height), described.chroma_width(width))
        down, across = plane.subsampling
        assert plane.shape == (-(-height // down), -(-width // across)), i


@pytest.mark.parametrize(
    "name, ratio",
    [
        ("yuv420p", (2, 2)),
        ("yuv422p", (1, 2)),
        ("yuv440p", (2, 1)),
        ("yuv444p", (1, 1)),
        ("yuv411p", (1, 4)),
        ("yuv410p", (4, 4)),
    ],
)
def test_subsampling_does_not_depend_on_the_size(name, ratio):
    for width, height in [(64, 48), (37, 23), (5, 5), (6, 7), (8, 9)]:
        for plane in PixelFormat(name, width, height).planes[1:]:
            assert plane.subsampling == ratio, (width, height)


@pytest.mark.parametrize(
    "name, color_range, limited",
    [
        ("yuv420p", 0, True),
        ("yuv420p", 1, True),
        ("yuv420p", 2, False),
        ("yuvj420p", 0, False),
        ("yuv444p16le", 1, True),
        ("gray", 0, False),
        ("gbrp", 0, False),
        ("rgb24", 1, False),
    ],
)
def test_range(name, color_range, limited):
    assert {plane.limited for plane in PixelFormat(name, 8, 8, color_range).planes} == {limited}


# ---- 9 to 15 bits


@given(
    bits=st.integers(9, 15),
    values=st.lists(st.integers(0, 65535), min_size=1, max_size=64),
)
def test_rounding_half_up(bits, values):
    name = {9: "gray9le", 10: "gray10le", 12: "gray12le", 14: "gray14le"}.get(bits)
    if name is None:
        return
    frame = from_raw(bytes(2 * len(values)), name, len(values), 1)
    pixels = PixelFormat(name, len(values), 1)
    pixels.store([np.array([values], np.uint16)], frame)
    step = 1 << (16 - bits)
    expected = [min((value + step // 2) // step, (1 << bits) - 1) for value in values]
    assert samples(frame)[0][0].tolist() == expected


@pytest.mark.parametrize(
    "name", ["gray9le", "gray10be", "yuv420p12le", "gbrp14be", "yuva422p10le", "gbrap12le"]
)
def test_white_and_black_stay(name):
    pixels = PixelFormat(name, 4, 4)
    for value, expected in [(0, 0), (65535, (1 << pixels.bits) - 1)]:
        frame = one_of(name, 4, 4)
        pixels.store([np.full(plane.shape, value, np.uint16) for plane in pixels.planes], frame)
        for plane in pixels.load(frame):
            assert (plane == expected << (16 - pixels.bits)).all()


def test_rows_from_the_last_to_the_first():
    """As in uncompressed AVI: FFmpeg's frames have rows of a negative length then."""
    graph = av.filter.Graph()
    frame = one_of("yuv420p")
    frame.pts = 0
    nodes = [
        graph.add_buffer(width=SIZE[0], height=SIZE[1], format=frame.format, time_base=Fraction(1)),
        graph.add("vflip"),
        graph.add("buffersink"),
    ]
    graph.link_nodes(*nodes).configure()
    graph.push(frame)
    flipped = graph.pull()
    assert flipped.planes[0].line_size < 0
    pixels = PixelFormat("yuv420p", *SIZE)
    for plane, expected in zip(pixels.load(flipped), pixels.load(frame), strict=True):
        np.testing.assert_array_equal(plane, expected[::-1])


# ---- the other formats


@pytest.mark.parametrize(
    "name, other",
    [
        ("pal8", "rgba"),
        ("monob", "gray"),
        ("yuyv422", "yuv422p"),
        ("uyvy422", "yuv422p"),
        ("nv12", "yuv420p"),
        ("nv21", "yuv420p"),
        ("nv16", "yuv422p"),
        ("nv24", "yuv444p"),
        ("p010le", "yuv420p10le"),
        ("p210le", "yuv422p10le"),
        ("p016le", "yuv420p16le"),
        ("y210le", "yuv422p10le"),
        ("ayuv64le", "yuva444p16le"),
        ("x2rgb10le", "gbrp10le"),
        ("rgb565le", "rgb24"),
        ("bayer_rggb8", "rgb24"),
    ],
)
def test_what_others_are_filtered_as(name, other):
    assert filterable(name) == other
    assert not is_filterable(name) and is_filterable(other)


@pytest.mark.parametrize("name", ALL)
def test_every_format_is_filtered_as_one_with_its_colours_and_depth(name):
    other = filterable(name)
    assert is_filterable(other)
    given, taken = av.VideoFormat(name, 64, 64), av.VideoFormat(other, 64, 64)
    colours = [c for c in given.components if not c.is_alpha]
    assert len([c for c in taken.components if not c.is_alpha]) == (3 if given.has_palette else len(colours))
    assert taken.components[0].bits >= min(16, colours[0].bits)
    if given.has_palette or any(c.is_alpha for c in given.components):
        assert any(c.is_alpha for c in taken.components)
    if not name.startswith("xyz"):  # of digital cinema, 4:4:4 without a matrix
        assert taken.is_rgb == (given.is_rgb or given.has_palette)


@pytest.mark.parametrize(
    "name",
    [
        "nv12",
        "nv21",
        "nv16",
        "nv24",
        "yuyv422",
        "uyvy422",
        "yvyu422",
        "p010le",
        "p210le",
        "y210le",
        "p016le",
        "p416le",
        "x2rgb10le",
        "vuya",
        "gbrp10msble",
    ],
)
def test_conversions_that_lose_nothing(name):
    frame = one_of(name, 38, 24)
    other = filterable(name)
    assert keeps(name, other)
    there = frame.reformat(format=other, threads=1)
    back = there.reformat(format=name, threads=1)
    for letter in "yuvrgb":
        expected = component(frame, letter)
        if expected is not None:
            np.testing.assert_array_equal(component(back, letter), expected)
    again = back.reformat(format=other, threads=1)
    assert raw(again) == raw(there)


@pytest.mark.parametrize(
    "name, among, expected",
    [
        ("yuv420p", ["yuv444p", "yuv420p"], "yuv420p"),
        ("yuv411p", ["yuv420p", "yuv422p", "yuv444p"], "yuv422p"),
        ("yuv420p12le", ["yuv420p", "yuv420p10le"], "yuv420p10le"),
        ("gray", ["yuv420p", "yuv444p"], None),
        ("gbrp", ["yuv444p", "rgb24"], "rgb24"),
        ("yuva420p", ["yuv420p", "yuva420p"], "yuva420p"),
        ("yuva444p10le", ["yuv444p10le", "yuva444p"], None),
        ("rgba", ["rgb24", "bgra"], "bgra"),
    ],
)
def test_nearest(name, among, expected):
    found = nearest(name, among)
    assert found in among
    assert expected is None or found == expected


@pytest.mark.parametrize(
    "name, other, kept",
    [
        ("yuv420p", "yuv420p", True),
        ("yuv420p10le", "yuv420p", False),
        ("yuv444p", "yuv420p", False),
        ("yuva420p", "yuv420p", False),
        ("rgb24", "yuv444p", False),
        ("rgb24", "gbrp", True),
        ("gray16le", "gray12le", False),
        ("bgr24", "bgr0", True),
    ],
)
def test_keeps(name, other, kept):
    assert keeps(name, other) == kept


@pytest.mark.parametrize(
    "name, shown, with_alpha",
    [
        ("gray", "gray", "gray"),
        ("gray12le", "gray16le", "gray16le"),
        ("ya8", "gray", "rgba"),
        ("ya16le", "gray16le", "rgba64le"),
        ("yuv420p", "rgb24", "rgb24"),
        ("yuv420p10le", "rgb48le", "rgb48le"),
        ("yuva444p", "rgb24", "rgba"),
        ("gbrap12le", "rgb48le", "rgba64le"),
        ("pal8", "rgb24", "rgba"),
        ("bayer_rggb8", "rgb24", "rgb24"),
    ],
)
def test_pictures_for_people(name, shown, with_alpha):
    assert picture_format(name) == shown
    assert picture_format(name, True) == with_alpha
