# SPDX-License-Identifier: Apache-2.0
"""Which encoder writes what, how good, and what is refused."""

import struct

import av
import numpy as np
import pytest

from helpers.media import diffuse, needs_ffmpeg, probe, raws, smooth_frames, write
from vdcore.video import write_frames
from vdcore.video.backends.pyav.encoding import FAMILIES, Encoding, choose_encoder, hdr_options


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("encoding")


@pytest.fixture(scope="module")
def clip(folder):
    return write(folder / "in.mkv", smooth_frames("yuv420p", 4))


def choose(folder, suffix, source_codec="ffv1", source_format="yuv420p", **wanted):
    with av.open(str(folder / f"container{suffix}"), "w") as container:
        encoder = choose_encoder(Encoding(**wanted), source_codec, source_format, container, suffix)
    (folder / f"container{suffix}").unlink(missing_ok=True)
    return encoder


def has(*names):
    missing = [name for name in names if name not in av.codecs_available]
    return pytest.mark.skipif(bool(missing), reason=f"this PyAV has no {', '.join(missing)}")


# ---- the family


@pytest.mark.parametrize(
    "suffix, source, expected",
    [
        (".mp4", "h264", "libx264"),
        (".mp4", "hevc", "libx265"),
        (".mkv", "ffv1", "ffv1"),
        (".avi", "mpeg4", "mpeg4"),
        (".avi", "mjpeg", "mjpeg"),
        (".avi", "rawvideo", "rawvideo"),
        (".mov", "prores", "prores_ks"),
        (".webm", "vp9", "libvpx-vp9"),
        (".webm", "vp8", "libvpx"),
        (".mp4", "ffv1", "libx264"),  # which hardly any player knows in MP4
        (".mp4", "huffyuv", "libx264"),  # which MP4 does not take
        (".ts", "h264", "libx264"),
        (".ts", "mpeg2video", "mpeg2video"),
        (".mpg", "mpeg2video", "mpeg2video"),
        (".mxf", "prores", "prores_ks"),
        (".mp4", "theora", "libx264"),  # which is not written
        (".avi", "cinepak", "libx264"),
        (".mov", "vp8", "libvpx"),
        (".webm", "h264", "libvpx-vp9"),
        (".y4m", "h264", "wrapped_avframe"),
        (".mkv", "mpeg2video", "mpeg2video"),
    ],
)
def test_family_of_the_source_else_h264(folder, suffix, source, expected):
    assert choose(folder, suffix, source).name == expected


@pytest.mark.parametrize("wanted", ["h264", "H264", "libx264", "x264", "avc1"])
def test_names_of_one_family(folder, wanted):
    encoder = choose(folder, ".mp4", codec=wanted)
    assert (encoder.name, encoder.family) == ("libx264", "h264")
    assert encoder.options["crf"] == "18"


@pytest.mark.parametrize(
    "wanted, family",
    [("XVID", "mpeg4"), ("MJPG", "mjpeg"), ("vp90", "vp9"), ("FFV1", "ffv1"), ("hvc1", "hevc")],
)
def test_four_characters(folder, wanted, family):
    assert choose(folder, ".mkv", codec=wanted).family == family


@pytest.mark.parametrize(
    "name, source_format, expected",
    [
        ("h264", "yuv420p10le", "yuv420p10le"),
        ("h264", "yuv422p", "yuv422p"),
        ("h264", "gray", "gray"),
        ("h264", "gbrp", None),
        ("h264", "rgb24", "rgb24"),
        ("h264", "yuv420p12le", "yuv420p10le"),
        ("h264", "yuv411p", "yuv422p"),
        ("prores", "yuva444p10le", "yuva444p10le"),
        ("prores", "yuv422p10le", "yuv422p10le"),
        ("ffv1", "gbrpf32le", "gbrpf32le"),
        ("ffv1", "rgb24", None),
        ("png", "rgb48le", "rgb48be"),
        ("mjpeg", "yuv420p", "yuvj420p"),
        ("mjpeg", "yuv444p10le", "yuvj444p"),
    ],
)
def test_pixel_format_of_the_encoder(folder, name, source_format, expected):
    suffix = ".mov" if name in ("prores", "png") else ".mkv"
    encoder = choose(folder, suffix, "h264", source_format, codec=name)
    formats = [f.name for f in av.Codec(encoder.name, "w").video_formats]
    assert encoder.pixel_format in formats
    assert expected is None or encoder.pixel_format == expected


@pytest.mark.parametrize(
    "suffix, source_format, family",
    [
        (".mkv", "yuv420p", "ffv1"),
        (".mkv", "gray12le", "ffv1"),
        (".mp4", "yuv420p", "ffv1"),
        (".3gp", "yuv420p", "h264"),
        (".flv", "yuv420p10le", "h264"),
        (".mov", "rgb24", "h264"),
        (".ts", "yuv422p10le", "h264"),
        (".avi", "yuv444p16le", "ffv1"),
        (".webm", "yuv420p", "vp9"),
        (".mov", "rgb48le", "png"),
    ],
)
def test_lossless_by_name(folder, suffix, source_format, family):
    for wanted in ({"codec": "lossless"}, {"codec": "LOSSLESS", "quality": "lossless"}):
        encoder = choose(folder, suffix, "mpeg4", source_format, **wanted)
        assert encoder.family == family
    assert FAMILIES[family].lossless is not None


def test_lossless_quality_of_a_source_that_has_none(folder):
    assert choose(folder, ".mkv", "av1", quality="lossless").family in ("h264", "ffv1")
    assert choose(folder, ".mkv", "hevc", quality="lossless").name == "libx265"


# ---- what comes of it, through the whole of vdcore


@pytest.mark.parametrize(
    "suffix, keywords, codec",
    [
        (".mkv", {}, "ffv1"),
        (".mp4", {"codec": "h264"}, "h264"),
        (".ts", {"codec": "h264"}, "h264"),
        (".ts", {}, "h264"),
        (".mxf", {"codec": "prores"}, "prores"),
        (".mkv", {"codec": "mpeg2video"}, "mpeg2video"),
        (".mp4", {"codec": "hevc", "encoder_preset": "ultrafast"}, "hevc"),
        (".mkv", {"codec": "av1", "encoder_preset": "12"}, "av1"),
        (".webm", {"codec": "vp9", "encoder_preset": "realtime"}, "vp9"),
        (".webm", {"codec": "vp8"}, "vp8"),
        (".avi", {"codec": "XVID"}, "mpeg4"),
        (".avi", {"codec": "mjpeg", "quality": 5}, "mjpeg"),
        (".mov", {"codec": "prores"}, "prores"),
        (".mov", {"codec": "dnxhd"}, "dnxhd"),
        (".mpg", {"codec": "mpeg2video"}, "mpeg2video"),
        (".avi", {"codec": "msmpeg4v2"}, "msmpeg4v2"),
        (".wmv", {"codec": "wmv2"}, "wmv2"),
        (".flv", {"codec": "flv1"}, "flv1"),
        (".avi", {"codec": "huffyuv"}, "huffyuv"),
        (".nut", {"codec": "ffvhuff"}, "ffvhuff"),
        (".avi", {"codec": "utvideo"}, "utvideo"),
        (".avi", {"codec": "rawvideo"}, "rawvideo"),
        (".mov", {"codec": "png"}, "png"),
        (".gif", {"codec": "gif"}, "gif"),
        (".mkv", {"codec": "mpeg1video"}, "mpeg1video"),
        (".3gp", {"codec": "h264"}, "h264"),
    ],
    ids=str,
)
def test_every_family_is_written(folder, tmp_path, suffix, keywords, codec):
    size = (320, 240) if codec == "dnxhd" else (64, 48)
    clip = write(folder / f"in-{size[0]}.mkv", smooth_frames("yuv420p", 4, *size))
    out = tmp_path / f"out{suffix}"
    report = diffuse(clip, out, **keywords)
    with av.open(str(out)) as container:
        stream = container.streams.video[0]
        assert stream.codec_context.codec.canonical_name == codec
        frames = list(container.decode(stream))
    assert len(frames) == report.frames == 4
    assert (frames[0].width, frames[0].height) == size
    first = next(av.open(str(clip)).decode(video=0)).to_ndarray(format="gray", threads=1).astype(float)
    assert abs(frames[0].to_ndarray(format="gray", threads=1) - first).mean() < 12


@pytest.mark.parametrize("codec, suffix, better, worse", [
    ("h264", ".mp4", 5, 40), ("hevc", ".mp4", 5, 40), ("mjpeg", ".avi", 2, 25), ("mpeg4", ".avi", 2, 25),
    ("vp9", ".webm", 5, 60), ("av1", ".mkv", 10, 60),
])  # fmt: skip
def test_better_quality_is_larger(clip, tmp_path, codec, suffix, better, worse):
    sizes = []
    for quality in (better, worse):
        out = tmp_path / f"out-{quality}{suffix}"
        diffuse(clip, out, codec=codec, quality=quality)
        with av.open(str(out)) as container:
            sizes.append(sum(packet.size for packet in container.demux(video=0)))
    assert sizes[0] > 1.5 * sizes[1]


def test_h264_has_crf_18_by_default(clip, tmp_path):
    for name, keywords in [("usual", {}), ("18", {"quality": 18}), ("19", {"quality": 19})]:
        diffuse(clip, tmp_path / f"{name}.mp4", codec="h264", **keywords)
    usual, given, other = (raws(tmp_path / f"{name}.mp4") for name in ("usual", "18", "19"))
    assert usual == given != other


def test_bitrate(tmp_path):
    clip = write(tmp_path / "in.mkv", smooth_frames("yuv420p", 50, 160, 128, noise=0.1))
    sizes = []
    for bitrate in (200_000, 1_000_000):
        diffuse(clip, tmp_path / "out.mp4", codec="h264", bitrate=bitrate)
        sizes.append((tmp_path / "out.mp4").stat().st_size * 8 / 2)  # of two seconds
    assert sizes[1] == pytest.approx(1_000_000, rel=0.5) and sizes[1] > 2 * sizes[0]


def test_preset(clip, tmp_path):
    for preset in ("ultrafast", "slow"):
        diffuse(clip, tmp_path / f"{preset}.mp4", codec="h264", encoder_preset=preset)
    assert raws(tmp_path / "ultrafast.mp4") != raws(tmp_path / "slow.mp4")


@pytest.mark.parametrize(
    "codec, suffix",
    [
        ("h264", ".mp4"),
        ("hevc", ".mp4"),
        ("vp9", ".webm"),
        ("ffv1", ".mkv"),
        ("ffvhuff", ".avi"),
        ("utvideo", ".avi"),
        ("rawvideo", ".avi"),
        ("huffyuv", ".avi"),
    ],
)
def test_lossless_quality(clip, tmp_path, codec, suffix):
    diffuse(clip, tmp_path / f"out{suffix}", codec=codec, quality="lossless")
    frames = [
        frame.reformat(format="yuv420p", threads=1)
        for frame in av.open(str(tmp_path / f"out{suffix}")).decode(video=0)
    ]
    assert len(frames) == 4
    if codec != "huffyuv":  # which has no 4:2:0
        assert raws(tmp_path / f"out{suffix}") == raws(clip)


@needs_ffmpeg
def test_the_tag_of_hevc_is_kept(tmp_path):
    def tagged(container, stream):
        stream.codec_context.codec_tag = "hvc1"

    frames = smooth_frames("yuv420p", 3)
    options = {"x265-params": "log-level=none"}
    clip = write(tmp_path / "in.mp4", frames, "libx265", prepare=tagged, **options)
    diffuse(clip, tmp_path / "out.mp4")
    assert probe(tmp_path / "out.mp4")["streams"][0]["codec_tag_string"] == "hvc1"


# ---- what is refused: in one line, naming the argument, before anything is written


@pytest.mark.parametrize(
    "out, keywords, match",
    [
        ("out.mp4", {"codec": "nonsense"}, "^codec must be .*'nonsense'"),
        ("out.mp4", {"codec": "utvideo"}, "^codec='utvideo' cannot be written into .mp4"),
        ("out.webm", {"codec": "h264"}, "^codec='h264' cannot be written into .webm"),
        ("out.mp4", {"codec": "h264", "quality": 52}, "^quality must be a whole number from 0 .*libx264.*52"),
        ("out.mp4", {"codec": "h264", "quality": -1}, "^quality must be .*-1"),
        ("out.mp4", {"codec": "h264", "quality": 18.5}, "^quality must be .*18.5"),
        ("out.mp4", {"codec": "h264", "quality": "best"}, "^quality must be .*'best'"),
        ("out.mp4", {"codec": "h264", "quality": True}, "^quality must be .*True"),
        ("out.avi", {"codec": "mjpeg", "quality": 0}, "^quality must be a whole number from 1"),
        ("out.mkv", {"quality": 5}, "^quality cannot be set for the encoder ffv1"),
        (
            "out.mkv",
            {"codec": "av1", "quality": "lossless"},
            "^quality='lossless' is not supported by the encoder",
        ),
        ("out.avi", {"codec": "mpeg4", "quality": "lossless"}, "^quality='lossless' is not supported"),
        (
            "out.mkv",
            {"encoder_preset": "slow"},
            "^encoder_preset is not supported by the encoder ffv1, got 'slow'",
        ),
        ("out.mp4", {"codec": "h264", "encoder_preset": "sluggish"}, "preset.*sluggish"),
        ("out.mp4", {"bitrate": 0}, "^bitrate must be a whole number of bits per second > 0, got 0"),
        ("out.mp4", {"bitrate": -5}, "^bitrate must"),
        ("out.mp4", {"bitrate": 1.5}, "^bitrate must"),
        ("out.mp4", {"bitrate": "1M"}, "^bitrate must"),
        ("out.mp4", {"bitrate": True}, "^bitrate must"),
        (
            "out.mp4",
            {"bitrate": 100_000, "quality": 20},
            "^bitrate=100000 and quality=20 are mutually exclusive",
        ),
        ("out.mp4", {"codec": 5}, "^codec must"),
        ("out.nonsense", {}, "^out must have the suffix of a video file"),
        ("out", {}, "^out must have the suffix of a video file"),
        ("frame_%03d.xyz", {}, "^out must"),
        ("frame_%03d.gif", {"codec": "h264"}, "^codec='h264' cannot be written into .gif"),
        ("out.mp3", {}, "^codec must be given for .mp3"),
        ("out.mp4", {"backend": "ffmpeg"}, "^backend must"),
    ],
    ids=str,
)
def test_refused(clip, tmp_path, out, keywords, match):
    arguments = {"backend": "pyav"} | keywords
    with pytest.raises((ValueError, TypeError), match=match) as caught:
        import vdcore

        vdcore.diffuse_video(clip, tmp_path / out, 0, 0, **arguments)
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_lossless_where_nothing_keeps_the_format(folder):
    with pytest.raises(
        ValueError, match=r"^codec='lossless': no lossless codec in \.flv supports yuv444p16le"
    ):
        choose(folder, ".flv", source_format="yuv444p16le", codec="lossless")


# ---- HDR


def mastering(has_primaries=1, has_luminance=1):
    """BT.2020 as P3 in FFmpeg's structure: red, green, blue, white, then the least and the most luminance."""
    places = [(34000, 50000), (16000, 50000), (13250, 50000), (34500, 50000), (7500, 50000), (3000, 50000),
              (15635, 50000), (16450, 50000)]  # fmt: skip
    numbers = [n for place in places for n in place] + [50, 10000, 10_000_000, 10000]
    return struct.pack("<20i2i", *numbers, has_primaries, has_luminance)


DISPLAY = "G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)L(10000000,50)"


@pytest.mark.parametrize(
    "name, option, display, light",
    [
        ("libx265", "x265-params", "master-display", "max-cll"),
        ("libx264", "x264-params", "mastering-display", "cll"),
    ],
)
def test_options_of_hdr(name, option, display, light):
    data = {"MASTERING_DISPLAY_METADATA": mastering(), "CONTENT_LIGHT_LEVEL": struct.pack("<2I", 1000, 400)}
    assert hdr_options(name, data) == {option: f"{display}={DISPLAY}:{light}=1000,400"}
    assert hdr_options(name, {"CONTENT_LIGHT_LEVEL": struct.pack("<2I", 1000, 400)}) == {
        option: f"{light}=1000,400"
    }
    incomplete = {"MASTERING_DISPLAY_METADATA": mastering(has_luminance=0)}
    assert hdr_options(name, incomplete) == hdr_options(name, {}) == {}
    assert hdr_options("ffv1", data) == {}


@pytest.mark.parametrize(
    "suffix, dtype, pixel_format",
    [
        (".y4m", np.uint8, "yuv444p"),
        (".y4m", np.uint16, "yuv444p16le"),
        (".mkv", np.uint8, "yuv420p"),
    ],
)
@pytest.mark.filterwarnings("ignore:.*pixel format")
def test_colours_of_rgb_stay_whatever_the_matrix(tmp_path, suffix, dtype, pixel_format):
    """YUV4MPEG cannot say which matrix it has, and is read by that of BT.601; others say BT.709."""
    level = np.iinfo(dtype).max // 255
    frames = np.full((3, 32, 48, 3), np.array([200, 90, 20]) * level, dtype)
    write_frames(tmp_path / f"out{suffix}", frames, 25, backend="pyav")
    with av.open(str(tmp_path / f"out{suffix}")) as container:
        frame = next(container.decode(video=0))
    assert frame.format.name == pixel_format
    colour = frame.to_ndarray(format="rgb24")[16, 24]
    np.testing.assert_allclose(colour, [200, 90, 20], atol=3)
