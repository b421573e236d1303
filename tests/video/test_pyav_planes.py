# SPDX-License-Identifier: Apache-2.0
"""Through PyAV each plane is filtered by itself, on its own grid and at its own depth."""

import av
import numpy as np
import pytest

import oracles
import vdcore
from helpers.media import (
    by_plane,
    decoded,
    diffuse,
    random_frame,
    raw,
    sample_dtype,
    samples,
    smooth_frames,
    stacks,
    write,
)
from helpers.pyav_files import constant, random_frames
from vdcore import models


@pytest.mark.parametrize(
    "name",
    [
        "yuv420p",
        "yuv422p",
        "yuv444p",
        "yuv411p",
        "yuv410p",
        "yuv440p",
        "gray",
        "gray10le",
        "gray12le",
        "gray16le",
        "yuv420p9le",
        "yuv420p10le",
        "yuv422p10le",
        "yuv444p12le",
        "yuv420p14le",
        "yuv422p16le",
    ],
)
@pytest.mark.parametrize("size", [(64, 48), (37, 29)], ids=str)
def test_each_plane_is_filtered_on_its_own_grid(tmp_path, name, size):
    write(tmp_path / "in.mkv", smooth_frames(name, 5, *size))
    diffuse(tmp_path / "in.mkv", tmp_path / "out.mkv", 2.5, 1.5)
    if name in ("yuv410p", "yuv411p") and size[0] % 4:
        pytest.skip("FFmpeg's FFV1 loses the last column")
    planes = stacks(tmp_path / "in.mkv")
    expected = []
    described = av.VideoFormat(name, *size)
    bits = described.components[0].bits
    for i, plane in enumerate(planes):
        across, down = (1, 1)
        if i:  # a large size tells the ratio
            large = av.VideoFormat(name, 64, 64)
            across, down = 64 // large.chroma_width(), 64 // large.chroma_height()
        shift = 16 - bits if 8 < bits < 16 else 0
        result = vdcore.diffuse(plane << shift, (2.5 / down, 2.5 / across), 1.5).astype(int)
        if shift:
            result = np.minimum(result + (1 << shift >> 1) >> shift, (1 << bits) - 1)
        expected.append(result)
    for got, wanted in zip(stacks(tmp_path / "out.mkv"), expected, strict=True):
        np.testing.assert_array_equal(got, wanted)


@pytest.mark.parametrize("name", ["yuv420p10le", "gray12le"])
def test_against_the_oracle_to_half_a_step_of_the_depth(tmp_path, name):
    write(tmp_path / "in.mkv", smooth_frames(name, 4, 24, 20))
    diffuse(tmp_path / "in.mkv", tmp_path / "out.mkv", 1.5, 2)
    bits = sample_dtype(name)[1]
    for i, (got, plane) in enumerate(
        zip(stacks(tmp_path / "out.mkv"), stacks(tmp_path / "in.mkv"), strict=True)
    ):
        expected = oracles.diffuse(plane.astype(float)[..., None], 1.5 / (2 if i else 1), 2)[..., 0]
        step = 1 / 2 ** (16 - bits) + oracles.TOLERANCE["uint16"] * (1 << bits)
        assert np.abs(got - expected).max() <= 0.5 + step


@pytest.mark.parametrize(
    "name, codec",
    [
        ("gbrp10le", "ffv1"),
        ("gbrp16le", "ffv1"),
        ("bgr0", "ffv1"),
        ("rgb48le", "ffv1"),
        ("rgb24", "png"),
        ("gbrpf32le", "ffv1"),
    ],
)
def test_rgb_stays_rgb(tmp_path, name, codec):
    source, out = tmp_path / "in.mov", tmp_path / "out.mov"
    if codec == "ffv1":
        source, out = tmp_path / "in.mkv", tmp_path / "out.mkv"
    rng = np.random.default_rng(1)
    options = {"level": "4", "strict": "experimental"} if name.endswith("f32le") else {}
    write(source, [random_frame(name, 32, 24, rng, 0.2, 0.8) for _ in range(4)], codec, **options)
    diffuse(source, out, 1, 2)
    shown = {"gbrpf32le": "gbrpf32le", "gbrp10le": "gbrp10le"}.get(name)
    bits = sample_dtype(name)[1]

    def pictures(path):
        if shown:
            return np.stack([np.stack(samples(f), axis=-1) for f in decoded(path)])
        return np.stack(
            [f.to_ndarray(format="rgb24" if bits == 8 else "rgb48le", threads=1) for f in decoded(path)]
        )

    before, after = pictures(source), pictures(out)
    shift = 6 if name == "gbrp10le" else 0
    expected = vdcore.diffuse(before << shift if shift else before, 1, 2)
    if shift:
        expected = np.minimum((expected.astype(int) + 32) >> 6, 1023)
    np.testing.assert_array_equal(after, expected)
    assert decoded(out)[0].format.is_rgb


@pytest.mark.parametrize(
    "name, codec, suffix",
    [
        ("yuva420p", "ffv1", ".mkv"),
        ("yuva444p10le", "ffv1", ".mkv"),
        ("gbrap12le", "ffv1", ".mkv"),
        ("ya8", "ffv1", ".mkv"),
        ("bgra", "ffv1", ".mkv"),
        ("rgba", "png", ".mov"),
    ],
)
def test_alpha_is_as_it_was(tmp_path, name, codec, suffix):
    write(tmp_path / f"in{suffix}", random_frames(name), codec)
    diffuse(tmp_path / f"in{suffix}", tmp_path / f"out{suffix}", 2, 3)

    def alpha(frame):
        deep = sample_dtype(name)[1] > 8
        if frame.format.name in ("yuva420p", "yuva444p10le", "gbrap12le"):
            return samples(frame)[-1]
        assert not deep
        return frame.to_ndarray(format="rgba", threads=1)[..., 3]

    before, after = decoded(tmp_path / f"in{suffix}"), decoded(tmp_path / f"out{suffix}")
    for one, other in zip(before, after, strict=True):
        np.testing.assert_array_equal(alpha(one), alpha(other))
        assert raw(one) != raw(other)


@pytest.mark.parametrize("name", ["yuv422p10le", "yuva444p10le", "yuv444p10le"])
def test_prores_stays_prores(tmp_path, name):
    write(tmp_path / "in.mov", smooth_frames(name, 3, 96, 64), "prores_ks")
    report = diffuse(tmp_path / "in.mov", tmp_path / "out.mov", 1, 1)
    assert report.codec == "prores_ks"
    before, after = decoded(tmp_path / "in.mov"), decoded(tmp_path / "out.mov")
    if report.pixel_format == name:
        assert report.warnings == ()
    else:  # 4:4:4 is decoded to 12 bits and encoded with 10
        assert f"pixel format {report.pixel_format} (prores_ks writes {name})" in " ".join(report.warnings)
    assert before[0].format.name == after[0].format.name
    planes = [np.stack(p) for p in zip(*(samples(f) for f in before), strict=True)]
    bits = sample_dtype(before[0].format.name)[1]
    expected = by_plane(planes[:3], 1, 1, bits)
    for i, wanted in enumerate(expected):
        got = np.stack([samples(f)[i] for f in after]).astype(int)
        assert np.abs(got - wanted).mean() < 4 << (bits - 10)
    if name.startswith("yuva"):
        assert np.abs(samples(after[1])[3].astype(int) - samples(before[1])[3]).max() <= 4 << (bits - 10)


@pytest.mark.parametrize(
    "keywords",
    [
        {"lookahead": 2},
        {"boundary": "reflect"},
        {"boundary": "constant", "cval": 0.0},
        {"boundary": "constant", "cval": 255.0},
        {"model": models.Bilateral(12.0)},
        {"model": "bilateral:range_sigma=9"},
        {"model": models.PeronaMalik(6.0)},
        {"gate": 8.0},
        {"dither": "ordered"},
        {"start": 1, "stop": 4},
        {"start": 2, "lookahead": 1},
    ],
    ids=str,
)
@pytest.mark.parametrize("name", ["yuv420p", "yuv420p10le", "yuv422p16le"])
def test_numbers_count_in_samples_of_8_bits(tmp_path, name, keywords):
    if "dither" in keywords and name == "yuv420p10le":
        pytest.skip("dithered to 16 bits, then rounded to 10")
    write(tmp_path / "in.mkv", smooth_frames(name, 5, 32, 24))
    diffuse(tmp_path / "in.mkv", tmp_path / "out.mkv", 1.5, 2, **keywords)
    bits = sample_dtype(name)[1]
    unit = 1 if bits == 8 else 256
    expected = []
    for i, plane in enumerate(stacks(tmp_path / "in.mkv")):
        given = dict(keywords)
        if "cval" in given:
            black, white = (128, 128) if i else (16, 235)
            given["cval"] = unit * (black + given["cval"] / 255 * (white - black))
        if isinstance(given.get("model"), models.Bilateral):
            given["model"] = models.Bilateral(12.0 * unit)
        if isinstance(given.get("model"), models.PeronaMalik):
            given["model"] = models.PeronaMalik(6.0 * unit)
        if given.get("model") == "bilateral:range_sigma=9":
            given["model"] = models.Bilateral(9.0 * unit)
        if "gate" in given:
            given["gate"] *= unit
        sigma = (1.5 / (1 if name.startswith("yuv422") or not i else 2), 1.5 / (2 if i else 1))
        shift = 16 - bits if 8 < bits < 16 else 0
        result = vdcore.diffuse(plane << shift, sigma, 2, **given).astype(int)
        if shift:
            result = np.minimum((result + (1 << (shift - 1))) >> shift, (1 << bits) - 1)
        expected.append(result)
    for got, wanted in zip(stacks(tmp_path / "out.mkv"), expected, strict=True):
        np.testing.assert_array_equal(got, wanted)


@pytest.mark.parametrize("name, scale", [("yuv420p", 1), ("yuv422p10le", 4), ("yuv444p16le", 256)])
def test_raw_mode_leaves_grey_neutral_and_black_black(tmp_path, name, scale):
    grey = [(16 + 60) * scale, 128 * scale, 128 * scale]
    write(tmp_path / "in.mkv", constant(name, grey))
    diffuse(tmp_path / "in.mkv", tmp_path / "out.mkv", 0, 0, normalize=False, gain=2.0)
    luma, *chroma = stacks(tmp_path / "out.mkv")
    assert (luma == (16 + 120) * scale).all()
    assert all((plane == 128 * scale).all() for plane in chroma)
    colours = [16 * scale, (128 + 20) * scale, (128 - 30) * scale]
    write(tmp_path / "in.mkv", constant(name, colours))
    diffuse(tmp_path / "in.mkv", tmp_path / "out.mkv", 0, 0, normalize=False, gain=0.5)
    assert [int(p[0, 0, 0]) for p in stacks(tmp_path / "out.mkv")] == [16 * scale, 138 * scale, 113 * scale]


def test_raw_mode_of_full_range_and_grey(tmp_path):
    write(tmp_path / "in.mkv", constant("gray", [50]))
    diffuse(tmp_path / "in.mkv", tmp_path / "out.mkv", 0, 0, normalize=False, gain=2.0)
    assert (stacks(tmp_path / "out.mkv")[0] == 100).all()


@pytest.mark.parametrize("full", [False, True])
def test_fill_is_grey(tmp_path, full):
    def prepare(container, stream):
        stream.codec_context.color_range = 2 if full else 1

    frames = constant("yuv420p", [100, 90, 200])
    write(tmp_path / "in.mkv", frames, prepare=prepare)
    diffuse(tmp_path / "in.mkv", tmp_path / "out.mkv", 1, 1, confidence=(0, 0, 4, 4), fill=51.0)
    luma, *chroma = (plane[:, 12:, 12:] for plane in stacks(tmp_path / "out.mkv"))
    chroma = [plane for plane in chroma if plane.size]
    assert (luma == (51 if full else round(16 + 51 * 219 / 255))).all()
    assert all((plane == 128).all() for plane in chroma)


def test_formats_that_are_converted_first_are_named(tmp_path):
    rng = np.random.default_rng(1)
    write(tmp_path / "in.nut", [random_frame("rgb565le", 32, 24, rng) for _ in range(2)], "rawvideo")
    report = diffuse(tmp_path / "in.nut", tmp_path / "out.mkv", codec="lossless")
    assert "pixel format rgb565le (filtered as rgb24)" in " ".join(report.warnings)


def test_what_the_encoder_cannot_hold_is_named(tmp_path):
    write(tmp_path / "in.mkv", smooth_frames("yuv444p16le", 2))
    report = diffuse(tmp_path / "in.mkv", tmp_path / "out.mp4", codec="h264")
    assert "pixel format yuv444p16le (libx264 writes yuv444p10le)" in " ".join(report.warnings)
    assert decoded(tmp_path / "out.mp4")[0].format.name == "yuv444p10le"
