# SPDX-License-Identifier: Apache-2.0
"""Reading and writing through PyAV: what is filtered, and that nothing else of a file changes."""

import dataclasses
import errno
import os
import threading
from fractions import Fraction

import av
import numpy as np
import pytest

import oracles
import vdcore
from helpers.media import (
    by_plane,
    decoded,
    diffuse,
    ffmpeg,
    frame_hashes,
    frame_times,
    from_samples,
    needs_ffmpeg,
    packets,
    probe,
    random_frame,
    raw,
    raws,
    sample_dtype,
    samples,
    smooth_frames,
    stacks,
    stream_packets,
    times,
    turned,
    write,
)
from vdcore import models, video
from vdcore.video.backends.pyav import reader as backend

FFV1 = [described.name for described in av.Codec("ffv1", "w").video_formats]
QUICK = {"preset": "ultrafast", "qp": "0"}  # of libx264, without loss


# ---- without loss: every sample as it was


def random_frames(name, count=3, width=37, height=23):
    """Over most of the range, where floats are kept and the least and the most are among the samples."""
    rng = np.random.default_rng(1)
    return [random_frame(name, width, height, rng) for _ in range(count)]


def kept_by_ffv1(path):
    """Whether FFmpeg's own FFV1 gives back what it is given."""
    frames = decoded(path)
    name = frames[0].format.name
    options = {"level": "4", "strict": "experimental"} if name.endswith(("f16le", "f32le")) else {}
    write(path.with_name("again.mkv"), frames, **options)
    return raws(path.with_name("again.mkv")) == raws(path)


@pytest.mark.parametrize("name", FFV1)
def test_no_filter_is_no_change(tmp_path, name):
    options = {"level": "4", "strict": "experimental"} if name.endswith(("f16le", "f32le")) else {}
    write(tmp_path / "in.mkv", random_frames(name), **options)
    if name in ("grayf16le", "yaf16le"):  # what FFmpeg makes of them, sometimes infinite, no filter takes
        with pytest.warns(UserWarning, match=f"samples of {name}"):
            video.filter_video(
                tmp_path / "in.mkv", tmp_path / "out.mkv", lambda info: video.PassThrough(), backend="pyav"
            )
        assert not kept_by_ffv1(tmp_path / "in.mkv")
        return
    report = diffuse(tmp_path / "in.mkv", tmp_path / "out.mkv")
    assert report.codec == "ffv1"
    assert kept_by_ffv1(tmp_path / "in.mkv")
    assert raws(tmp_path / "out.mkv") == raws(tmp_path / "in.mkv")
    assert report.warnings == ()
    assert report.pixel_format == decoded(tmp_path / "in.mkv")[0].format.name


@needs_ffmpeg
@pytest.mark.parametrize(
    "name", ["yuv420p", "yuv422p10le", "gray12le", "gbrp10le", "yuva444p10le", "rgb48le", "bgra"]
)
def test_no_filter_is_no_change_for_the_program(tmp_path, name):
    write(tmp_path / "in.mkv", random_frames(name))
    diffuse(tmp_path / "in.mkv", tmp_path / "out.mkv")
    assert frame_hashes(tmp_path / "out.mkv") == frame_hashes(tmp_path / "in.mkv")
    before, after = (probe(tmp_path / name)["streams"][0] for name in ("in.mkv", "out.mkv"))
    for key in ("pix_fmt", "bits_per_raw_sample", "width", "height", "r_frame_rate", "avg_frame_rate"):
        assert before.get(key) == after.get(key), key


@pytest.mark.parametrize(
    "codec, suffix, name, out",
    [
        ("rawvideo", ".avi", "bgr24", ".avi"),
        ("rawvideo", ".avi", "yuyv422", ".avi"),
        ("rawvideo", ".nut", "nv12", ".mkv"),
        ("rawvideo", ".nut", "gray10be", ".mkv"),
        ("rawvideo", ".nut", "argb", ".mkv"),
        ("rawvideo", ".nut", "rgb0", ".mkv"),
        ("rawvideo", ".nut", "uyvy422", ".mov"),
        ("ffvhuff", ".avi", "yuv422p", ".avi"),
        ("huffyuv", ".avi", "rgb24", ".avi"),
        ("utvideo", ".avi", "gbrp", ".avi"),
        ("png", ".mov", "rgba", ".mov"),
        ("png", ".mov", "ya8", ".mov"),
        ("png", ".mov", "gray16be", ".mov"),
        ("png", ".mov", "rgb48be", ".mov"),
        ("qtrle", ".mov", "rgb24", ".mov"),
        ("libx264", ".mp4", "yuv420p", ".mp4"),
        ("libx264", ".mkv", "yuv444p10le", ".mkv"),
        ("libx264rgb", ".mp4", "rgb24", ".mp4"),
        ("libx265", ".mp4", "gray12le", ".mp4"),
    ],
)
def test_other_codecs_without_loss(tmp_path, name, codec, suffix, out):
    """From one to the other, without a change of what is seen; the same format where the codec has it."""
    options = {"libx264": QUICK, "libx264rgb": QUICK, "libx265": {"x265-params": "lossless=1:log-level=none"}}
    write(tmp_path / f"in{suffix}", random_frames(name, 3, 64, 48), codec, **options.get(codec, {}))
    source = decoded(tmp_path / f"in{suffix}")
    keywords = {} if out == suffix else {"codec": "lossless"}
    report = diffuse(tmp_path / f"in{suffix}", tmp_path / f"out{out}", quality="lossless", **keywords)
    result = decoded(tmp_path / f"out{out}")
    assert len(source) == len(result) == report.frames == 3
    assert report.pixel_format == source[0].format.name
    for one, other in zip(source, result, strict=True):
        shown = "rgb24" if name == "rgb0" else one.format.name  # without padding
        assert raw(other.reformat(format=shown, threads=1)) == raw(one.reformat(format=shown, threads=1))


def test_rows_from_the_last_to_the_first(tmp_path):
    from helpers.videos import make_frames, write_bottom_up_avi

    frames = make_frames(3, (23, 37, 3))
    write_bottom_up_avi(tmp_path / "in.avi", frames)
    report = diffuse(tmp_path / "in.avi", tmp_path / "out.mkv", 1, 2)
    assert report.codec == "ffv1"  # Matroska takes hardly any raw video
    expected = vdcore.diffuse(frames, 1, 2)
    for frame, picture in zip(decoded(tmp_path / "out.mkv"), expected, strict=True):
        np.testing.assert_array_equal(frame.to_ndarray(format="bgr24", threads=1), picture)


# ---- filtered: each plane by itself, on its grid, at its depth


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
def test_planes(tmp_path, name, size):
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


def constant(name, levels, count=4, width=32, height=24):
    described = av.VideoFormat(name, width, height)
    planes = [
        np.full((c.height, c.width), level) for c, level in zip(described.components, levels, strict=True)
    ]
    return [from_samples(planes, name) for _ in range(count)]


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


# ---- time


VARIABLE = [0, 40, 60, 200, 210, 211, 500, 1000]  # ms


@pytest.mark.parametrize(
    "suffix, codec",
    [
        (".mkv", "ffv1"),
        (".mp4", "libx264"),
        (".mov", "libx264"),
        (".mkv", "libx265"),
        (".mp4", "mpeg4"),
        (".webm", "libvpx-vp9"),
        (".ts", "libx264"),
    ],
)
@pytest.mark.parametrize("offset", [0, 2000])
def test_time_stamps(tmp_path, suffix, codec, offset):
    options = {"libx264": {"preset": "veryfast"}, "libx265": {"x265-params": "log-level=none"}}.get(codec, {})
    stamps = [offset + stamp for stamp in VARIABLE]
    source, out = tmp_path / f"in{suffix}", tmp_path / f"out{suffix}"
    write(source, smooth_frames("yuv420p", 8), codec, pts=stamps, time_base=Fraction(1, 1000), **options)
    diffuse(source, out, 1, 1)
    assert times(out) == pytest.approx(times(source), abs=1e-6)
    assert times(source)[-1] - times(source)[0] == pytest.approx(1, abs=1e-3)


@needs_ffmpeg
@pytest.mark.parametrize("suffix", [".mkv", ".mp4"])
def test_time_stamps_for_the_program(tmp_path, suffix):
    stamps = [500 + stamp for stamp in VARIABLE]
    source, out = tmp_path / f"in{suffix}", tmp_path / f"out{suffix}"
    frames = smooth_frames("yuv420p", 8)
    write(source, frames, "libx264", pts=stamps, time_base=Fraction(1, 1000), preset="veryfast")
    diffuse(source, out, 1, 1)
    assert frame_times(out) == frame_times(source)
    before, after = probe(source), probe(out)
    assert before["format"]["start_time"] == after["format"]["start_time"]
    for key in ("start_time", "time_base", "nb_frames", "codec_name"):
        assert before["streams"][0].get(key) == after["streams"][0].get(key), key


@pytest.mark.parametrize("rate", ["24000/1001", "30000/1001", "60000/1001", "25", "15", "12.5", "120"])
@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".avi"])
def test_rates_are_exact(tmp_path, rate, suffix):
    source, out = tmp_path / f"in{suffix}", tmp_path / f"out{suffix}"
    codec = "mpeg4" if suffix == ".avi" else "libx264"
    write(source, smooth_frames("yuv420p", 5), codec, rate=Fraction(rate))
    report = diffuse(source, out)
    assert report.fps == float(Fraction(rate))
    with av.open(str(out)) as container:
        assert container.streams.video[0].average_rate == Fraction(rate)
    assert times(out) == times(source)


@pytest.mark.parametrize("suffix", [".mpg", ".mkv", ".avi", ".ts"])
@pytest.mark.parametrize("rate", ["30000/1001", "25"])
def test_rates_from_matroska(tmp_path, suffix, rate):
    """Whose time stamps are in whole milliseconds."""
    write(tmp_path / "in.mkv", smooth_frames("yuv420p", 12), rate=Fraction(rate))
    diffuse(tmp_path / "in.mkv", tmp_path / f"out{suffix}", codec="mpeg2video" if suffix != ".avi" else None)
    with av.open(str(tmp_path / f"out{suffix}")) as container:
        assert container.streams.video[0].guessed_rate == Fraction(rate)
    steps = np.diff([float(t) for t in times(tmp_path / f"out{suffix}")])
    assert steps == pytest.approx(float(1 / Fraction(rate)), abs=1.1e-3)


def test_seconds_are_those_of_the_file(tmp_path):
    source, out = tmp_path / "in.mkv", tmp_path / "out.mkv"
    frames = smooth_frames("yuv420p", 8, 32, 24)
    write(source, frames, pts=[300 + t for t in VARIABLE], time_base=Fraction(1, 1000))
    diffuse(source, out, 1, 0.1, time_unit="seconds")
    planes = stacks(source)
    expected = by_plane(planes, 1, 0.1, time_unit="seconds", times=np.array(VARIABLE) / 1000)
    for got, wanted in zip(stacks(out), expected, strict=True):
        np.testing.assert_array_equal(got, wanted)


def test_lookahead_and_seconds(tmp_path):
    source, out = tmp_path / "in.mkv", tmp_path / "out.mkv"
    write(source, smooth_frames("gray", 8, 32, 24), pts=VARIABLE, time_base=Fraction(1, 1000))
    diffuse(source, out, 1, 0.1, time_unit="seconds", lookahead=3)
    expected = by_plane(
        stacks(source), 1, 0.1, time_unit="seconds", times=np.array(VARIABLE) / 1000, lookahead=3
    )
    np.testing.assert_array_equal(stacks(out)[0], expected[0])
    assert times(out) == times(source)


@pytest.mark.parametrize(
    "start, stop, changed",
    [
        (0.2, 0.5, [3, 4, 5]),
        (0.21, None, [4, 5, 6, 7]),
        (None, 0.2, [0, 1, 2]),
        (0.201, 0.2101, [4]),
        (2, None, []),
    ],
)
def test_start_and_stop_in_seconds_from_the_first_frame(tmp_path, start, stop, changed):
    source, out = tmp_path / "in.mkv", tmp_path / "out.mkv"
    write(source, smooth_frames("yuv420p", 8), pts=[700 + t for t in VARIABLE], time_base=Fraction(1, 1000))
    diffuse(source, out, 1.5, 0.05, time_unit="seconds", start=start, stop=stop)
    before, after = raws(source), raws(out)
    assert [i for i in range(8) if before[i] != after[i]] == changed


def test_a_missing_frame_leaves_its_time(tmp_path):
    """AVI has no time stamps but empty frames."""
    frames = smooth_frames("yuv420p", 10)
    for suffix in (".mkv", ".avi", ".mp4"):
        write(tmp_path / "in.mp4", frames[:8], "libx264", pts=[0, 1, 2, 3, 6, 7, 8, 9], **QUICK)
        codec = "mpeg4" if suffix == ".avi" else None
        diffuse(tmp_path / "in.mp4", tmp_path / f"out{suffix}", codec=codec)
        found = [float(t) * 25 for t in times(tmp_path / f"out{suffix}")]
        assert [t - found[0] for t in found] == pytest.approx([0, 1, 2, 3, 6, 7, 8, 9], abs=0.03), suffix


# ---- other streams


def add_sound(container, codec="pcm_s16le", rate=16000, seconds=1.0, pitch=440):
    """A stream with a tone; the function that writes its packets."""
    stream = container.add_stream(codec, rate=rate)
    stream.layout = "mono"
    count = int(rate * seconds)
    tone = (8000 * np.sin(np.arange(count) * 2 * np.pi * pitch / rate)).astype(np.int16)

    def fill():
        for begin in range(0, count, 1000):
            frame = av.AudioFrame.from_ndarray(tone[None, begin : begin + 1000], "s16", "mono")
            frame.sample_rate, frame.pts, frame.time_base = rate, begin, Fraction(1, rate)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))

    return fill


def write_with_sound(path, codec="libx264", sounds=("aac", "aac"), offset=0, name="yuv420p", count=25):
    """Video of a second that begins `offset` frames after the sounds."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=25, options=QUICK if codec == "libx264" else {})
        frames = smooth_frames(name, count)
        stream.width, stream.height, stream.pix_fmt = frames[0].width, frames[0].height, name
        fills = [add_sound(container, sound, pitch=440 * (i + 1)) for i, sound in enumerate(sounds)]
        for i, frame in enumerate(frames):
            frame.pts, frame.time_base = i + offset, Fraction(1, 25)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
        for fill in fills:
            fill()
    return path


@pytest.mark.parametrize(
    "source, out, sounds",
    [
        (".mp4", ".mp4", ("aac", "aac")),
        (".mkv", ".mkv", ("aac", "pcm_s16le", "flac")),
        (".mov", ".mov", ("pcm_s16le", "aac")),
        (".mp4", ".mkv", ("aac", "aac")),
        (".mkv", ".mp4", ("aac", "flac")),
        (".avi", ".avi", ("pcm_s16le",)),
        (".mkv", ".mov", ("flac", "pcm_s16le")),
        (".ts", ".ts", ("aac", "mp2")),
        (".ts", ".mp4", ("mp2",)),
        (".avi", ".mkv", ("pcm_s16le",)),
    ],
)
@pytest.mark.parametrize("offset", [0, 5])
def test_sound_is_copied(tmp_path, source, out, sounds, offset):
    codec = "mpeg4" if ".avi" in (source, out) else "libx264"
    write_with_sound(tmp_path / f"in{source}", codec, sounds, offset)
    report = diffuse(tmp_path / f"in{source}", tmp_path / f"out{out}", 1, 1)
    if source == ".avi" and offset:
        assert report.ended_early  # the empty frames before the first one count
        report = dataclasses.replace(report, warnings=())
    kept = list(range(1, len(sounds) + 1))
    if out == ".mov" and "flac" in sounds:
        assert "audio (stream 1, flac: mov cannot hold it)" in " ".join(report.warnings)
        kept.remove(1)
    else:
        assert report.warnings == ()
    before = [packets(tmp_path / f"in{source}", i) for i in kept]
    after = [packets(tmp_path / f"out{out}", i + 1) for i in range(len(kept))]
    first = times(tmp_path / f"in{source}")[0], times(tmp_path / f"out{out}")[0]
    for one, other in zip(before, after, strict=True):
        assert b"".join(p[3] for p in one) == b"".join(p[3] for p in other)
        # sound and picture stay together
        assert float(one[0][0] - first[0]) == pytest.approx(float(other[0][0] - first[1]), abs=2.1e-3)
    if source == out != ".ts":  # where all is moved together
        for one, other in zip(before, after, strict=True):
            assert [p[3] for p in one] == [p[3] for p in other]
            assert [p[0] for p in one] == pytest.approx([p[0] for p in other], abs=1e-6)


@pytest.fixture(scope="module")
def rich(tmp_path_factory):
    """A folder with one file for each container that holds all kinds of things."""
    folder = tmp_path_factory.mktemp("rich")
    (folder / "meta.txt").write_text(
        ";FFMETADATA1\ntitle=A title; with\\; signs é\nartist=Me\ncomment=No comment\n"
        "[CHAPTER]\nTIMEBASE=1/1000\nSTART=0\nEND=400\ntitle=One\n"
        "[CHAPTER]\nTIMEBASE=1/1000\nSTART=400\nEND=1000\ntitle=Two\n"
    )
    subtitles = (
        "1\n00:00:00,100 --> 00:00:00,500\nHello\n\n2\n00:00:00,600 --> 00:00:00,900\n<i>World</i>\n\n"
    )
    (folder / "s.srt").write_text(subtitles)
    (folder / "font.ttf").write_bytes(bytes(range(256)) * 4)
    ffmpeg("-f", "lavfi", "-i", "testsrc2=s=64x48:d=0.04", "-frames:v", "1", folder / "cover.png")
    inputs = ["-f", "lavfi", "-i", "testsrc2=s=64x48:r=30000/1001:d=1"]
    for pitch in (440, 880):
        inputs += ["-f", "lavfi", "-i", f"sine=f={pitch}:d=1"]
    inputs += ["-i", folder / "s.srt", "-i", folder / "meta.txt", "-i", folder / "cover.png"]
    common = [
        "-map",
        "0:v",
        "-map",
        "1:a",
        "-map",
        "2:a",
        "-map",
        "3:s",
        "-map_metadata",
        "4",
        "-map_chapters",
        "4",
    ]
    common += ["-c:v:0", "libx264", "-preset", "ultrafast", "-c:a:0", "aac"]
    common += [
        "-metadata:s:v:0",
        "title=Picture",
        "-metadata:s:a:0",
        "language=eng",
        "-metadata:s:a:1",
        "language=deu",
    ]
    common += [
        "-metadata:s:a:1",
        "title=Deutsch",
        "-metadata:s:s:0",
        "language=fra",
        "-disposition:a:1",
        "comment",
    ]
    common += ["-disposition:s:0", "forced"]
    attach = ["-attach", folder / "font.ttf", "-metadata:s:t", "mimetype=application/x-truetype-font"]
    ffmpeg(*inputs, *common, "-c:a:1", "flac", "-c:s", "srt", *attach, folder / "in.mkv")
    cover = ["-map", "5:v", "-c:v:1", "copy", "-disposition:v:1", "attached_pic"]
    ffmpeg(*inputs, *common, *cover, "-c:a:1", "aac", "-c:s", "mov_text", folder / "in.mp4")
    return folder


def described(path):
    """What ffprobe says that is to stay, without what names the program that wrote it."""
    own = (
        "encoder",
        "major_brand",
        "minor_version",
        "compatible_brands",
        "creation_time",
        "handler_name",
        "vendor_id",
    )
    found = probe(path)

    def tags(thing):
        kept = {key.lower(): value for key, value in thing.get("tags", {}).items()}
        return {key: value for key, value in kept.items() if key not in (*own, "duration")}

    streams = []
    for stream in found["streams"]:
        keys = ["codec_type", "disposition", "start_time", "r_frame_rate", "avg_frame_rate", "time_base"]
        keys += [
            "sample_aspect_ratio",
            "pix_fmt",
            "color_range",
            "color_space",
            "color_transfer",
            "color_primaries",
        ]
        keys += [
            "chroma_location",
            "width",
            "height",
            "codec_name",
            "sample_rate",
            "channel_layout",
            "nb_frames",
        ]
        streams.append({key: stream.get(key) for key in keys} | {"tags": tags(stream)})
    chapters = [(c["start_time"], c["end_time"], tags(c)) for c in found["chapters"]]
    return streams, chapters, tags(found["format"])


@needs_ffmpeg
@pytest.mark.parametrize("suffix", [".mkv", ".mp4"])
def test_everything_else_is_copied(tmp_path, rich, suffix):
    source, out = rich / f"in{suffix}", tmp_path / f"out{suffix}"
    report = diffuse(source, out, 1, 1)
    assert report.warnings == ()
    before, after = described(source), described(out)
    for streams in (before[0], after[0]):
        for stream in streams:
            if stream["codec_type"] == "subtitle":  # whose packets are looked at below
                stream["start_time"] = None
    for one, other in zip(before, after, strict=True):
        assert one == other
    for stream in ("a:0", "a:1", "s:0", *(["v:1"] if suffix == ".mp4" else [])):
        assert stream_packets(source, stream) == stream_packets(out, stream), stream
    assert frame_times(source) == frame_times(out)


@needs_ffmpeg
def test_attachments_are_as_they_were(tmp_path, rich):
    diffuse(rich / "in.mkv", tmp_path / "out.mkv")
    ffmpeg(
        "-dump_attachment:t:0",
        tmp_path / "font",
        "-i",
        tmp_path / "out.mkv",
        "-map",
        "0:t?",
        "-f",
        "null",
        "-",
    )
    assert (tmp_path / "font").read_bytes() == bytes(range(256)) * 4


@needs_ffmpeg
def test_what_the_container_does_not_hold_is_named(tmp_path, rich):
    report = diffuse(rich / "in.mkv", tmp_path / "out.mp4")
    (warning,) = report.warnings
    assert "subtitle (stream 3, srt: mp4 cannot hold it)" in warning
    assert "attachment (stream 4" in warning
    report = diffuse(rich / "in.mp4", tmp_path / "out.mkv")
    assert "subtitle (stream 3, mov_text: matroska cannot hold it)" in " ".join(report.warnings)
    report = diffuse(rich / "in.mp4", tmp_path / "out.npy")
    assert "audio" in " ".join(report.warnings) and "subtitle" in " ".join(report.warnings)


@needs_ffmpeg
@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_cover_art(tmp_path, rich, suffix):
    source, out = tmp_path / f"in{suffix}", tmp_path / f"out{suffix}"
    if suffix == ".mkv":
        attach = ["-attach", rich / "cover.png", "-metadata:s:t", "mimetype=image/png"]
        ffmpeg("-i", rich / "in.mp4", "-map", "0:v:0", "-c", "copy", *attach, source)
    else:
        ffmpeg("-i", rich / "in.mp4", "-map", "0:v", "-c", "copy", "-disposition:v:1", "attached_pic", source)
    report = diffuse(source, out, 1, 1)
    before, after = (
        [s for s in probe(path)["streams"] if s["codec_type"] == "video"] for path in (source, out)
    )
    assert report.frames == 30 and report.warnings == ()
    assert [s["codec_name"] for s in after] == [s["codec_name"] for s in before] == ["h264", "png"]
    assert after[1]["disposition"]["attached_pic"] == 1
    assert (
        ffmpeg("-i", out, "-map", "0:v:1", "-c", "copy", "-f", "image2pipe", "-")
        == (rich / "cover.png").read_bytes()
    )


def write_two_videos(path, default=0):
    with av.open(str(path), "w") as container:
        streams = []
        for i, size in enumerate([(64, 48), (32, 24)]):
            stream = container.add_stream("libx264", rate=25, options=QUICK)
            stream.width, stream.height = size
            stream.pix_fmt = "yuv420p"
            stream.disposition = av.stream.Disposition.default if i == default else av.stream.Disposition(0)
            streams.append((stream, smooth_frames("yuv420p", 6, *size)))
        for i in range(6):
            for stream, frames in streams:
                frames[i].pts, frames[i].time_base = i, Fraction(1, 25)
                container.mux(stream.encode(frames[i]))
        for stream, _ in streams:
            container.mux(stream.encode(None))
    return path


@pytest.mark.parametrize("suffix", [".mkv", ".mp4"])
@pytest.mark.parametrize("default", [0, 1])
def test_two_videos_the_default_one_is_filtered(tmp_path, default, suffix):
    source, out = write_two_videos(tmp_path / f"in{suffix}", default), tmp_path / f"out{suffix}"
    report = diffuse(source, out, 2, 2)
    assert report.width == (64, 32)[default] and report.frames == 6
    other = 1 - default
    assert [p[3] for p in packets(source, other)] == [p[3] for p in packets(out, other)]
    assert raws(source, other) == raws(out, other)
    assert raws(source, default) != raws(out, default)
    with av.open(str(out)) as container:
        first, second = container.streams.video
        assert bool(first.disposition & av.stream.Disposition.default) == (default == 0)
        assert bool(second.disposition & av.stream.Disposition.default) == (default == 1)


@pytest.mark.parametrize(
    "codec, suffix, sound", [("libx264", ".mkv", "flac"), ("rawvideo", ".mov", "pcm_s16le")]
)
@pytest.mark.parametrize("lookahead", [0, 3])
def test_sound_that_goes_on_after_the_pictures(tmp_path, codec, suffix, sound, lookahead):
    """With a decoder that waits for more, and with one that does not."""
    source, out = tmp_path / f"in{suffix}", tmp_path / f"out{suffix}"
    write_with_sound(source, codec, (sound,), name="yuv420p" if codec == "libx264" else "gray", count=5)
    report = diffuse(source, out, 1, 1, lookahead=lookahead)
    assert (report.frames, report.ended_early) == (5, False)
    before, after = (b"".join(p[3] for p in packets(path, 1)) for path in (source, out))
    assert before == after
    assert times(source) == times(out)


@needs_ffmpeg
@pytest.mark.parametrize("suffix", [".mov", ".mkv"])
def test_timecode(tmp_path, suffix):
    ffmpeg(
        "-f", "lavfi", "-i", "testsrc2=s=64x48:r=25:d=0.4", "-timecode", "01:02:03:04", tmp_path / "in.mov"
    )
    report = diffuse(tmp_path / "in.mov", tmp_path / f"out{suffix}")
    assert report.warnings == ()
    before, after = (probe(tmp_path / f"{name}")["streams"] for name in ("in.mov", f"out{suffix}"))
    assert len(after) == (len(before) if suffix == ".mov" else 1)
    for stream in after:
        tags = {key.lower(): value for key, value in stream["tags"].items()}
        assert tags["timecode"] == "01:02:03:04"


# ---- colour, shape and rotation


def tagged(primaries, transfer, matrix, color_range):
    def prepare(container, stream):
        context = stream.codec_context
        context.color_primaries, context.color_trc = primaries, transfer
        context.colorspace, context.color_range = matrix, color_range

    return prepare


COLOURS = {"bt709": (1, 1, 1, 1), "bt709-full": (1, 1, 1, 2), "bt601": (6, 6, 6, 1), "hlg": (9, 18, 9, 1),
           "pq": (9, 16, 9, 1), "p3": (12, 1, 1, 2), "nothing": (2, 2, 2, 0)}  # fmt: skip


@pytest.mark.parametrize("colour", COLOURS)
@pytest.mark.parametrize(
    "codec, suffix",
    [
        ("libx264", ".mp4"),
        ("libx264", ".mkv"),
        ("ffv1", ".mkv"),
        ("prores_ks", ".mov"),
        ("libx265", ".mp4"),
        ("libvpx-vp9", ".webm"),
    ],
)
def test_colour_tags(tmp_path, colour, codec, suffix):
    source, out = tmp_path / f"in{suffix}", tmp_path / f"out{suffix}"
    name = "yuv422p10le" if codec == "prores_ks" else "yuv420p"
    options = {"x265-params": "log-level=none"} if codec == "libx265" else {}
    write(source, smooth_frames(name, 3), codec, prepare=tagged(*COLOURS[colour]), **options)
    report = diffuse(source, out)
    assert report.warnings == ()

    def tags(path):
        frame = decoded(path)[0]
        with av.open(str(path)) as container:
            context = container.streams.video[0].codec_context
            stored = context.color_primaries, context.color_trc, context.colorspace, context.color_range
        return (frame.color_primaries, frame.color_trc, frame.colorspace, frame.color_range), stored

    assert tags(out) == tags(source)
    if codec in ("libx264", "libx265"):
        assert tags(out)[0][:3] == COLOURS[colour][:3]


def test_levels_of_full_range_stay(tmp_path):
    """What is converted for the encoder is converted within its range."""
    frames = constant("yuv444p12le", [4095, 2048, 2048], 2)
    write(tmp_path / "in.mkv", frames, prepare=tagged(1, 1, 1, 2))
    diffuse(tmp_path / "in.mkv", tmp_path / "out.mp4", codec="h264", quality="lossless")
    (luma, *chroma) = samples(decoded(tmp_path / "out.mp4")[0])
    assert luma[0, 0] == 1023 and chroma[0][0, 0] == 512
    assert decoded(tmp_path / "out.mp4")[0].color_range == 2


@pytest.mark.parametrize("color_range, levels", [(1, (16, 235)), (2, (0, 255))])
def test_mjpeg_is_full_range(tmp_path, color_range, levels):
    for level, grey in zip(levels, (0, 255), strict=True):
        frames = constant("yuv420p", [level, 128, 128], 2)
        write(tmp_path / "in.mkv", frames, prepare=tagged(1, 1, 1, color_range))
        diffuse(tmp_path / "in.mkv", tmp_path / "out.avi", codec="mjpeg")
        frame = decoded(tmp_path / "out.avi")[0]
        assert frame.format.name == "yuvj420p"
        assert abs(int(samples(frame)[0][5, 5]) - grey) <= 1
        assert (frame.to_ndarray(format="rgb24", threads=1).astype(int) - grey).max() <= 2


@needs_ffmpeg
@pytest.mark.parametrize(
    "suffix, codec", [(".mkv", "ffv1"), (".mp4", "libx264"), (".mkv", "libx264"), (".mov", "prores_ks")]
)
def test_stream_as_ffprobe_describes_it(tmp_path, suffix, codec):
    """Rate, aspect ratio, colours, chroma location, field order and rotation, before and after."""
    source, out, turned_source = tmp_path / f"a{suffix}", tmp_path / f"out{suffix}", tmp_path / f"in{suffix}"
    colours = [
        "-color_primaries",
        "bt2020",
        "-color_trc",
        "arib-std-b67",
        "-colorspace",
        "bt2020nc",
        "-color_range",
        "tv",
    ]
    pixels = "yuv422p10le" if codec == "prores_ks" else "yuv420p"
    picture = f"testsrc2=s=64x48:r=24000/1001:d=0.5,setsar=4/3,format={pixels}"
    ffmpeg(
        "-f", "lavfi", "-i", picture, "-c:v", codec, *colours, "-chroma_sample_location", "topleft", source
    )
    rotate = ["-metadata:s:v:0", "rotate=90"] if suffix != ".mkv" else []
    ffmpeg("-i", source, "-c", "copy", *rotate, turned_source)
    report = diffuse(turned_source, out, 1, 1)
    assert report.warnings == () or codec == "ffv1" and "pixel aspect ratio 4/3" in report.warnings[0]
    (before,), (after,) = described(turned_source)[0], described(out)[0]
    for stream in (before, after):
        stream["chroma_location"] = None  # which PyAV neither reads nor writes
        if codec == "ffv1":  # PyAV does not write it into Matroska
            stream["sample_aspect_ratio"] = None
    assert before == after
    before, after = (probe(path)["streams"][0] for path in (turned_source, out))
    for key in ("field_order", "side_data_list"):
        assert before.get(key) == after.get(key), key
    frames = probe(turned_source, "-show_frames")["frames"] + probe(out, "-show_frames")["frames"]
    assert {frame.get("sample_aspect_ratio") for frame in frames} <= {"4:3", None}
    assert before["sample_aspect_ratio"] == "4:3"
    assert suffix == ".mkv" or before["side_data_list"][0]["rotation"] in (90, -90)


HDR = ("G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)L(10000000,50)", "1000,400")


def write_hdr(path, codec="libx265"):
    if codec == "libx265":
        options = {"x265-params": f"log-level=none:hdr10=1:master-display={HDR[0]}:max-cll={HDR[1]}"}
    else:
        options = {"x264-params": f"mastering-display={HDR[0]}:cll={HDR[1]}", "preset": "ultrafast"}
    return write(path, smooth_frames("yuv420p10le", 3), codec, prepare=tagged(9, 16, 9, 1), **options)


def hdr_of(path):
    """Mastering display and light level of every frame."""
    wanted = "MASTERING_DISPLAY_METADATA", "CONTENT_LIGHT_LEVEL"
    return [
        {d.type.name: bytes(d) for d in frame.side_data if d.type.name in wanted} for frame in decoded(path)
    ]


@pytest.mark.parametrize("codec", ["libx265", "libx264"])
@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_hdr_metadata(tmp_path, codec, suffix):
    source, out = write_hdr(tmp_path / f"in{suffix}", codec), tmp_path / f"out{suffix}"
    assert len(hdr_of(source)[0]) == 2
    report = diffuse(source, out, 1, 1)
    assert report.warnings == () and report.codec == codec
    assert hdr_of(out) == hdr_of(source)


@needs_ffmpeg
def test_hdr_metadata_for_the_program(tmp_path):
    write_hdr(tmp_path / "in.mp4")
    diffuse(tmp_path / "in.mp4", tmp_path / "out.mp4", 1, 1)

    def found(path):
        frames = probe(path, "-show_frames")["frames"]
        return [[d for d in f["side_data_list"] if "H.26" not in d["side_data_type"]] for f in frames]

    assert found(tmp_path / "in.mp4") == found(tmp_path / "out.mp4")
    kinds = {d["side_data_type"] for d in found(tmp_path / "out.mp4")[0]}
    assert kinds == {"Mastering display metadata", "Content light level metadata"}


def test_hdr_metadata_that_an_encoder_does_not_write_is_kept_or_named(tmp_path):
    write_hdr(tmp_path / "in.mkv")
    for suffix, codec in [(".mkv", "ffv1"), (".mov", "prores"), (".mkv", "av1"), (".webm", "vp9")]:
        out = tmp_path / f"out-{codec}{suffix}"
        report = diffuse(
            tmp_path / "in.mkv", out, codec=codec, encoder_preset="12" if codec == "av1" else None
        )
        assert hdr_of(out)[0] == hdr_of(tmp_path / "in.mkv")[0] or "HDR" in " ".join(report.warnings), codec


# ---- as it is shown


def spots(name="yuv420p", count=4, width=48, height=32):
    return smooth_frames(name, count, width, height, noise=0.05)


def upright(path, quarters):
    """The planes of a file as they are shown, each (T, H, W)."""
    return [np.rot90(plane, quarters, axes=(1, 2)) for plane in stacks(path)]


@pytest.mark.parametrize("quarters", range(4))
@pytest.mark.parametrize("name", ["yuv420p", "yuv422p10le", "gray"])
def test_regions_and_sigma_as_shown(tmp_path, quarters, name):
    """The same as filtering a file whose frames are stored upright."""
    frames = spots(name)
    write(tmp_path / "turned.mp4", frames, "ffv1", matrix=turned(quarters))
    planes = [[np.rot90(plane, quarters) for plane in samples(frame)] for frame in frames]
    keywords = {"region": (8, 4, 20, 16), "lookahead": 1}
    diffuse(tmp_path / "turned.mp4", tmp_path / "out.mkv", (3, 0.5), 1.5, codec="ffv1", **keywords)
    flat = name == "yuv422p10le" and quarters % 2  # 4:2:2 on its side is 4:4:0
    upright_name = "yuv440p10le" if flat else name
    write(tmp_path / "upright.mkv", [from_samples(p, upright_name) for p in planes])
    diffuse(tmp_path / "upright.mkv", tmp_path / "expected.mkv", (3, 0.5), 1.5, **keywords)
    got, expected = upright(tmp_path / "out.mkv", quarters), stacks(tmp_path / "expected.mkv")
    for one, other in zip(got, expected, strict=True):
        if quarters % 2:  # rows before columns, or the other way round
            assert np.abs(one.astype(int) - other).max() <= 1
        else:
            np.testing.assert_array_equal(one, other)
    info = video.read_info(tmp_path / "turned.mp4", backend="pyav")
    assert (info.width, info.height) == ((32, 48) if quarters % 2 else (48, 32))


@pytest.mark.parametrize("quarters", range(4))
def test_motion_as_shown(tmp_path, quarters):
    """A function of motion gets upright pictures; its flow is turned back, and halved for chroma."""
    frames = spots(count=4)
    planes = [[np.rot90(plane, quarters) for plane in samples(frame)] for frame in frames]
    write(tmp_path / "turned.mp4", frames, "libx264", matrix=turned(quarters), **QUICK)
    write(tmp_path / "upright.mkv", [from_samples(p, "yuv420p") for p in planes])
    seen = []

    def motion(frame, last):
        seen.append(frame.copy())
        return np.broadcast_to(np.array([2.0, -4.0], np.float32), (*frame.shape, 2))

    diffuse(tmp_path / "turned.mp4", tmp_path / "out.mkv", 1, 2, codec="ffv1", motion=motion)
    turned_seen, seen = seen, []
    diffuse(tmp_path / "upright.mkv", tmp_path / "expected.mkv", 1, 2, motion=motion)
    for one, other in zip(turned_seen, seen, strict=True):
        np.testing.assert_array_equal(one, other)
    for one, other in zip(
        upright(tmp_path / "out.mkv", quarters), stacks(tmp_path / "expected.mkv"), strict=True
    ):
        assert np.abs(one.astype(int) - other).max() <= 1


@pytest.mark.parametrize("quarters", range(4))
def test_rotation_and_shape_stay(tmp_path, quarters):
    write(tmp_path / "in.mp4", spots(), "libx264", matrix=turned(quarters), **QUICK)
    for suffix in (".mp4", ".mov", ".mkv"):
        report = diffuse(tmp_path / "in.mp4", tmp_path / f"out{suffix}", 1, 1)
        (one, *_), (other, *_) = decoded(tmp_path / "in.mp4"), decoded(tmp_path / f"out{suffix}")
        assert one.rotation == other.rotation and (one.width, one.height) == (other.width, other.height)
        assert report.warnings == ()
    report = diffuse(tmp_path / "in.mp4", tmp_path / "out.avi", 1, 1)
    assert ("rotation" in " ".join(report.warnings)) == (quarters != 0)


def test_a_mirrored_picture_stays_so(tmp_path):
    """Not only turned: the matrix is copied as it is."""
    matrix = [-65536, 0, 0, 0, 65536, 0, 0, 0, 1 << 30]
    write(tmp_path / "in.mp4", spots(), "libx264", matrix=matrix, **QUICK)
    diffuse(tmp_path / "in.mp4", tmp_path / "out.mp4")

    def found(path):
        return {d.type.name: bytes(d) for d in decoded(path)[0].side_data}["DISPLAYMATRIX"]

    assert found(tmp_path / "in.mp4") == found(tmp_path / "out.mp4")


@pytest.mark.parametrize(
    "codec, suffix",
    [
        (None, ".mp4"),
        (None, ".mkv"),
        (None, ".mov"),
        (None, ".y4m"),
        (None, ".avi"),
        ("prores", ".mov"),
        ("mpeg4", ".mkv"),
        ("vp9", ".mp4"),
        ("vp9", ".webm"),
        ("av1", ".mkv"),
        ("ffv1", ".mkv"),
    ],
)
def test_pixel_aspect_ratio(tmp_path, codec, suffix):
    def prepare(container, stream):
        stream.codec_context.sample_aspect_ratio = Fraction(4, 3)

    source = tmp_path / "in.mkv"
    write(source, spots(width=64, height=64), "libx264", prepare=prepare, **QUICK)
    report = diffuse(source, tmp_path / f"out{suffix}", codec=codec)
    if codec in ("vp9", "av1", "ffv1") and suffix != ".mp4":
        assert "pixel aspect ratio 4/3" in " ".join(report.warnings)
        return
    assert report.warnings == () or codec == "prores"
    with av.open(str(tmp_path / f"out{suffix}")) as container:
        assert container.streams.video[0].sample_aspect_ratio == Fraction(4, 3)


# ---- the denoiser


def noisy(name="yuv420p", count=8, width=96, height=80, sigma=(10, 5, 5)):
    """Clean and noisy frames of a slow pattern; sigma in samples of 8 bits."""
    rng = np.random.default_rng(1)
    clean = smooth_frames(name, count, width, height, noise=0)
    scale = (1 << sample_dtype(name)[1]) / 256
    dirty = []
    for frame in clean:
        planes = [
            np.clip(np.rint(plane + rng.normal(0, s * scale, plane.shape)), 0, 256 * scale - 1)
            for plane, s in zip(samples(frame), sigma, strict=False)
        ]
        dirty.append(from_samples(planes, name))
    return clean, dirty


def denoise(path, out, *args, **keywords):
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        return vdcore.denoise_video(path, out, *args, backend="pyav", **keywords)


def psnr(frames, others, plane):
    bits = sample_dtype(frames[0].format.name)[1]
    pairs = zip(frames, others, strict=True)
    error = np.mean([np.square(samples(a)[plane].astype(float) - samples(b)[plane]).mean() for a, b in pairs])
    return 10 * np.log10(((1 << bits) - 1) ** 2 / error)


@pytest.mark.parametrize("name", ["yuv420p", "yuv420p10le", "gray"])
def test_denoiser_finds_the_noise_of_each_plane(tmp_path, name):
    clean, dirty = noisy(name)
    write(tmp_path / "in.mkv", dirty)
    report = denoise(tmp_path / "in.mkv", tmp_path / "out.mkv")
    sigma = (10,) if name == "gray" else (10, 5, 5)
    assert report.noise.sigma == pytest.approx(sigma, rel=0.25)
    result = decoded(tmp_path / "out.mkv")
    for plane in range(len(sigma)):
        assert psnr(clean, result, plane) > psnr(clean, dirty, plane) + 3


def test_denoiser_of_each_plane_is_that_of_arrays(tmp_path):
    _, dirty = noisy("gray10le")
    write(tmp_path / "in.mkv", dirty)
    denoise(tmp_path / "in.mkv", tmp_path / "out.mkv", 10.0, motion=None)
    moved = stacks(tmp_path / "in.mkv")[0] << 6
    expected = np.minimum((vdcore.denoise(moved, 2560.0, motion=None).astype(int) + 32) >> 6, 1023)
    np.testing.assert_array_equal(stacks(tmp_path / "out.mkv")[0], expected)


def test_denoiser_lookahead_region_and_range(tmp_path):
    clean, dirty = noisy()
    write(tmp_path / "in.mkv", dirty)
    denoise(tmp_path / "in.mkv", tmp_path / "out.mkv", lookahead=1)
    assert psnr(clean, decoded(tmp_path / "out.mkv"), 0) > psnr(clean, dirty, 0) + 3
    denoise(tmp_path / "in.mkv", tmp_path / "part.mkv", lookahead=1, region=(0, 0, 48, 80), start=2, stop=6)
    before, after = stacks(tmp_path / "in.mkv"), stacks(tmp_path / "part.mkv")
    for i, (one, other) in enumerate(zip(before, after, strict=True)):
        half = 24 if i else 48
        np.testing.assert_array_equal(one[..., half:], other[..., half:])
        changed = (one[..., :half] != other[..., :half]).any(axis=(1, 2))
        assert changed.tolist() == [False, False, True, True, True, True, False, False]


@pytest.mark.parametrize("quarters", range(4))
def test_denoiser_of_a_turned_video(tmp_path, quarters):
    _, dirty = noisy(count=4, width=64, height=48)
    write(tmp_path / "turned.mp4", dirty, "libx264", matrix=turned(quarters), **QUICK)
    shapes = []

    def motion(frame, last):
        shapes.append(frame.shape)
        return np.zeros((*frame.shape[:2], 2), np.float32)

    denoise(
        tmp_path / "turned.mp4",
        tmp_path / "out.mkv",
        10.0,
        motion=motion,
        codec="ffv1",
        region=(0, 0, 16, 48),
    )
    assert set(shapes) == {(64, 48) if quarters % 2 else (48, 64)}
    changed = [
        a != b
        for a, b in zip(
            upright(tmp_path / "turned.mp4", quarters), upright(tmp_path / "out.mkv", quarters), strict=True
        )
    ]
    assert changed[0][:, :48, :16].any() and not changed[0][:, 48:].any() and not changed[0][..., 16:].any()


def test_denoiser_with_the_noise_of_rgb(tmp_path):
    """What estimate_noise says of RGB is turned into that of luma and chroma."""
    clean, dirty = noisy(sigma=(8, 4, 4))
    write(tmp_path / "in.mkv", dirty)
    noise = vdcore.NoiseEstimate(np.full(3, 12.0), np.zeros(3), np.full(3, 144.0))
    report = denoise(tmp_path / "in.mkv", tmp_path / "out.mkv", noise)
    luma = 12 * np.sqrt(0.299**2 + 0.587**2 + 0.114**2) * 219 / 255
    assert report.noise.sigma[0] == pytest.approx(luma, rel=1e-3)
    assert len(report.noise.sigma) == 3
    assert psnr(clean, decoded(tmp_path / "out.mkv"), 0) > psnr(clean, dirty, 0) + 2


def test_denoiser_of_a_clean_video_changes_nothing(tmp_path):
    write(tmp_path / "in.mkv", constant("yuv420p", [100, 90, 200]))
    report = denoise(tmp_path / "in.mkv", tmp_path / "out.mkv")
    assert raws(tmp_path / "in.mkv") == raws(tmp_path / "out.mkv")
    assert report.noise is None or not report.noise.sigma.any()


# ---- nothing half-made


class Broken:
    """A filter that fails at a frame, or at the end."""

    def __init__(self, at, error):
        self.at, self.error, self.count = at, error, 0

    def push(self, frame):
        self.count += 1
        if self.count == self.at:
            raise self.error
        return (frame,)

    def flush(self):
        if self.at is None:
            raise self.error
        return ()


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".avi", ".y4m", ".npy", ".tif", "_%02d.png"])
@pytest.mark.parametrize("at", [1, 4, None])
@pytest.mark.parametrize("error", [RuntimeError("broken"), KeyboardInterrupt()], ids=["error", "interrupt"])
@pytest.mark.filterwarnings("ignore:.*pixel format")
def test_a_filter_that_fails_leaves_nothing(tmp_path, suffix, at, error):
    if suffix == ".tif":
        pytest.importorskip("tifffile")
    write(tmp_path / "in.mkv", spots(count=6))
    old = tmp_path / f"out{suffix}"
    old.write_bytes(b"old")
    threads = threading.active_count()
    with pytest.raises(type(error)):
        video.filter_video(tmp_path / "in.mkv", old, lambda info: Broken(at, error), backend="pyav")
    assert sorted(os.listdir(tmp_path)) == sorted(["in.mkv", old.name])
    assert old.read_bytes() == b"old"
    assert threading.active_count() == threads


@pytest.mark.parametrize("method", ["write", "finish"])
@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_a_full_disk_leaves_nothing(tmp_path, monkeypatch, method, suffix):
    write(tmp_path / "in.mkv", spots(count=6))
    real = av.open

    class Full:
        """An output file on a disk without room."""

        def __init__(self, file):
            self.file, self.place = file, 0

        def write(self, data):
            if method == "write" or self.place:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            return self.file.write(data)

        def seek(self, offset, whence=0):
            self.place = 1
            return self.file.seek(offset, whence)

        def tell(self):
            return self.file.tell()

        def close(self):
            self.file.close()

    def opened(path, mode="r", **keywords):
        if mode != "w":
            return real(path, mode, **keywords)
        return real(
            Full(open(path.removeprefix("file:"), "wb")),
            mode,
            **{"format": "matroska", **keywords} | {"format": "matroska" if suffix == ".mkv" else "mp4"},
        )

    monkeypatch.setattr(backend.av, "open", opened)
    with pytest.raises(OSError) as caught:
        diffuse(tmp_path / "in.mkv", tmp_path / f"out{suffix}", 1, 1)
    assert caught.value.errno == errno.ENOSPC
    assert "\n" not in str(caught.value)
    assert os.listdir(tmp_path) == ["in.mkv"]


def test_the_input_is_not_the_output(tmp_path):
    write(tmp_path / "in.mkv", spots())
    before = (tmp_path / "in.mkv").read_bytes()
    with pytest.raises(ValueError, match="out must be another file than the input"):
        diffuse(tmp_path / "in.mkv", tmp_path / "in.mkv", 1, 1)
    assert (tmp_path / "in.mkv").read_bytes() == before


# ---- what cannot be read


@pytest.mark.parametrize(
    "content, error, match",
    [
        (None, FileNotFoundError, "in.mp4"),
        (b"", ValueError, "in.mp4: the file is empty"),
        (b"just some text\n" * 50, ValueError, "in.mp4: (not a video|no frame)"),
        (
            bytes(np.random.default_rng(1).integers(0, 256, 5000, np.uint8)),
            ValueError,
            "in.mp4: (not a video|no frame|has no)",
        ),
    ],
)
def test_not_a_video(tmp_path, content, error, match):
    if content is not None:
        (tmp_path / "in.mp4").write_bytes(content)
    with pytest.raises(error, match=match) as caught:
        diffuse(tmp_path / "in.mp4", tmp_path / "out.mp4", 1, 1)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "out.mp4").exists()


def test_sound_alone(tmp_path):
    with av.open(str(tmp_path / "in.mka"), "w") as container:
        add_sound(container)()
    with pytest.raises(ValueError, match="in.mka: has no video"):
        diffuse(tmp_path / "in.mka", tmp_path / "out.mkv", 1, 1)


@pytest.mark.parametrize(
    "keywords", [{"fps": 0}, {"fps": -1}, {"fps": "fast"}, {"time_unit": "hours"}, {"gain": 2}]
)
def test_arguments_are_named(tmp_path, keywords):
    write(tmp_path / "in.mkv", spots())
    (name,) = keywords
    with pytest.raises((ValueError, TypeError), match=f"^{name}"):
        diffuse(tmp_path / "in.mkv", tmp_path / "out.mkv", 1, 1, **keywords)
    assert os.listdir(tmp_path) == ["in.mkv"]


def test_packets_that_cannot_be_decoded(tmp_path):
    """The frames around them keep their times; the report says how many."""
    write(tmp_path / "in.mkv", spots("yuv420p", 8), "ffv1", slices="4", slicecrc="1", g="1")
    data = bytearray((tmp_path / "in.mkv").read_bytes())
    with av.open(str(tmp_path / "in.mkv")) as container:
        places = [(p.pos, p.size) for p in container.demux(video=0) if p.size]
    begin, size = places[3]
    data[begin + 40 : begin + size] = bytes(size - 40)
    (tmp_path / "in.mkv").write_bytes(data)
    expected = len(decoded_anyhow(tmp_path / "in.mkv"))
    report = diffuse(tmp_path / "in.mkv", tmp_path / "out.mkv")
    assert report.frames >= expected
    assert report.decode_errors + report.repaired_frames >= 1
    assert "damaged" in " ".join(report.warnings)
    whole = {Fraction(i, 25) for i in range(8)}
    assert {round(t * 25) / Fraction(25) for t in times(tmp_path / "out.mkv")} <= whole


def decoded_anyhow(path):
    frames = []
    with av.open(str(path)) as container:
        for packet in container.demux(video=0):
            try:
                frames += packet.decode()
            except av.error.FFmpegError:
                pass
    return frames


@pytest.mark.parametrize("suffix", [".mkv", ".avi", ".y4m", ".ts"])
def test_cut_off(tmp_path, suffix):
    codec = {".y4m": "wrapped_avframe", ".ts": "libx264"}.get(suffix, "ffv1")
    write(tmp_path / f"in{suffix}", spots("yuv420p", 12), codec)
    data = (tmp_path / f"in{suffix}").read_bytes()
    (tmp_path / f"in{suffix}").write_bytes(data[: len(data) * 6 // 10])
    expected = len(decoded_anyhow(tmp_path / f"in{suffix}"))
    report = diffuse(tmp_path / f"in{suffix}", tmp_path / "out.mkv", 1, 1)
    assert expected <= report.frames < 12
    if suffix != ".ts":  # which does not say where it ends
        assert report.ended_early and "ended early" in " ".join(report.warnings)


def test_frames_that_change_their_size(tmp_path):
    """As in broadcasts: scaled to the first one's, and named."""
    parts = []
    for i, size in enumerate([(64, 48), (32, 24)]):
        write(
            tmp_path / f"{i}.ts", spots("yuv420p", 3, *size), "mpeg2video", pts=[3 * i + t for t in range(3)]
        )
        parts.append((tmp_path / f"{i}.ts").read_bytes())
    (tmp_path / "in.ts").write_bytes(b"".join(parts))
    sizes = {(f.width, f.height) for f in decoded_anyhow(tmp_path / "in.ts")}
    report = diffuse(tmp_path / "in.ts", tmp_path / "out.mkv", codec="ffv1")
    assert {(f.width, f.height) for f in decoded(tmp_path / "out.mkv")} == {(64, 48)}
    if len(sizes) == 2:
        assert "size of" in " ".join(report.warnings)


# ---- what is known of a file


def test_info(tmp_path):
    write_with_sound(tmp_path / "in.mkv", codec="libx265", name="yuv420p10le")
    info = video.read_info(tmp_path / "in.mkv", backend="pyav")
    assert (info.width, info.height, info.channels, info.fps) == (64, 48, 3, 25.0)
    assert (info.codec, info.bits, info.pixel_format, info.backend) == ("hevc", 10, "yuv420p10le", "pyav")
    assert info.timed and not info.variable_frame_rate and not info.live
    assert info.other_streams == {"audio": 2}
    assert [plane.shape for plane in info.planes] == [(48, 64), (24, 32), (24, 32)]


@pytest.mark.parametrize(
    "name, dtype",
    [
        ("yuv420p", np.uint8),
        ("yuv420p10le", np.uint16),
        ("gray", np.uint8),
        ("gray12le", np.uint16),
        ("gbrp10le", np.uint16),
        ("yuva420p", np.uint8),
    ],
)
def test_frames_for_people(tmp_path, name, dtype):
    write(tmp_path / "in.mkv", smooth_frames(name, 3))
    frames = list(video.read_frames(tmp_path / "in.mkv", backend="pyav"))
    shape = (48, 64) if name.startswith("gray") else (48, 64, 3)
    assert [(f.shape, f.dtype) for f in frames] == [(shape, np.dtype(dtype))] * 3
    shown = {
        True: "gray16le" if dtype == np.uint16 else "gray",
        False: "rgb48le" if dtype == np.uint16 else "rgb24",
    }
    expected = decoded(tmp_path / "in.mkv")[1].to_ndarray(format=shown[name.startswith("gray")], threads=1)
    np.testing.assert_array_equal(frames[1], expected)


@pytest.mark.parametrize("quarters", range(4))
def test_frames_for_people_are_upright(tmp_path, quarters):
    write(tmp_path / "in.mp4", spots("gray"), "ffv1", matrix=turned(quarters))
    frames = list(video.read_frames(tmp_path / "in.mp4", backend="pyav"))
    np.testing.assert_array_equal(np.stack(frames), upright(tmp_path / "in.mp4", quarters)[0])


def test_raw_streams_have_no_time_stamps(tmp_path):
    write(tmp_path / "in.h264", spots(count=5), "libx264", **QUICK)
    report = diffuse(tmp_path / "in.h264", tmp_path / "out.mkv", 0, 0, codec="ffv1", fps=12.5)
    assert report.frames == 5 and report.fps in (12.5, 25.0)
    assert "no time stamps" in " ".join(report.warnings) or report.fps == 25.0
    assert len(times(tmp_path / "out.mkv")) == 5


# ---- real clips

CLIPS = ["foreman_cif_10f.y4m", "mobile_cif_30f.ffv1.mkv", "flower_720p_300f.264", "vtest_200f.avi",
         "shaky_seattle_640x360.avi", "nasa_13013.mp4", "nasa_13013_rotated.mp4", "nasa_vfr.mp4",
         "fall_hlg_1080p10_5f.mov", "foreman_qcif_30f_rgb.avi", "visp_mire2_120f_gray.ffv1.mkv",
         "damaged/tc_test_non_zero_start.mp4", "damaged/tc_discard_first_keyframe.mp4"]  # fmt: skip
LONG = ("flower_720p_300f.264", "vtest_200f.avi", "shaky_seattle_640x360.avi")


@needs_ffmpeg
@pytest.mark.clips
@pytest.mark.parametrize("name", CLIPS)
def test_clips_without_loss(tmp_path, clips, name):
    source, out = clips / name, tmp_path / "out.mkv"
    if name in LONG:  # their beginning
        source = tmp_path / f"in{source.suffix}"
        ffmpeg("-i", clips / name, "-c", "copy", "-map", "0", "-frames:v", "20", source)
    default = "v:0"
    streams = probe(source, "-select_streams", "v")["streams"]
    if len(streams) > 1:
        default = f"v:{[s['disposition']['default'] for s in streams].index(1)}"
    report = diffuse(source, out, codec="ffv1")
    if source.suffix in (".avi", ".264"):  # other versions of FFmpeg decode MPEG-4 a little differently
        for one, other in zip(decoded_anyhow(source), decoded(out), strict=True):
            assert raw(other.reformat(format=one.format.name, threads=1)) == raw(one)
    else:
        assert frame_hashes(out, default) == frame_hashes(source, default)
    if report.warnings:
        known = "time stamps", "mov_text", "ended", "pixel aspect ratio"
        assert any(words in report.warnings[0] for words in known)


@needs_ffmpeg
@pytest.mark.clips
@pytest.mark.parametrize(
    "name",
    [
        "nasa_13013.mp4",
        "nasa_13013_rotated.mp4",
        "nasa_vfr.mp4",
        "fall_hlg_1080p10_5f.mov",
        "damaged/tc_test_non_zero_start.mp4",
        "damaged/tc_discard_first_keyframe.mp4",
    ],
)
def test_clips_stay_what_they_are(tmp_path, clips, name):
    source, out = clips / name, tmp_path / f"out{(clips / name).suffix}"
    keywords = {"preset": "ultrafast"}
    report = diffuse(source, out, 1, 1, **keywords)
    before, after = described(source), described(out)
    for one, other in zip(before[0], after[0], strict=True):
        if (
            one["nb_frames"] is not None and "discard" in name
        ):  # what the edit list leaves out is not there any more
            one["nb_frames"] = other["nb_frames"] = None
        if "vfr" in name:  # which counts the time to the next frame in the order of the packets
            one["avg_frame_rate"] = other["avg_frame_rate"] = None
        assert one == other
    assert before[1:] == after[1:]
    sides = [[s.get("side_data_list") for s in probe(path)["streams"]] for path in (source, out)]
    assert sides[0] == sides[1]
    for i, stream in enumerate(probe(source)["streams"]):
        if stream["codec_type"] != "video" or not stream["disposition"]["default"]:
            assert stream_packets(source, str(i)) == stream_packets(out, str(i)), i
    default = next(i for i, s in enumerate(probe(source)["streams"]) if s["codec_type"] == "video"
                   and (s["disposition"]["default"] or name != "nasa_13013.mp4"))  # fmt: skip
    assert frame_times(source, str(default)) == frame_times(out, str(default))
    assert "not kept" not in " ".join(report.warnings)


DAMAGED = {  # ended early, whether errors or repairs are to be seen
    "BA_MW_D_P_LOST.264": (False, False),
    "Error_I_P.264": (False, True),
    "foreman_truncated_midframe.y4m": (True, False),
    "shaky_truncated.avi": (True, True),
    "tc_discard_first_keyframe.mp4": (False, False),
    "tc_test_non_zero_start.mp4": (False, False),
}


@needs_ffmpeg
@pytest.mark.clips
@pytest.mark.parametrize("name", DAMAGED)
def test_damaged_clips(tmp_path, clips, name):
    source = clips / "damaged" / name
    ended_early, damaged = DAMAGED[name]
    report = diffuse(source, tmp_path / "out.mkv", 0, 0, codec="ffv1")
    expected = len(frame_hashes(source))
    assert report.frames == len(frame_hashes(tmp_path / "out.mkv")) >= expected
    assert report.ended_early == ended_early
    assert bool(report.decode_errors + report.repaired_frames) == damaged
    assert ("damaged" in " ".join(report.warnings)) == damaged


@pytest.mark.clips
@pytest.mark.parametrize("name", ["nasa_truncated_300k.mp4", "zero_length.mp4"])
def test_clips_that_cannot_be_read(tmp_path, clips, name):
    with pytest.raises(ValueError, match=f"{name}: (not a video that can be read|the file is empty)"):
        diffuse(clips / "damaged" / name, tmp_path / "out.mkv", 1, 1)
    assert os.listdir(tmp_path) == []
