# SPDX-License-Identifier: Apache-2.0
"""Through PyAV colour tags, HDR metadata, shape and rotation stay; filters see the upright picture."""

from fractions import Fraction

import av
import numpy as np
import pytest

from helpers.media import (
    decoded,
    diffuse,
    ffmpeg,
    from_samples,
    needs_ffmpeg,
    probe,
    samples,
    smooth_frames,
    stacks,
    turned,
    write,
)
from helpers.pyav_files import QUICK, constant, described, spots, upright
from vdcore import video


def tagged(primaries, transfer, matrix, color_range):
    def prepare(container, stream):
        context = stream.codec_context
        context.color_primaries, context.color_trc = primaries, transfer
        context.colorspace, context.color_range = matrix, color_range

    return prepare


COLOURS = {"bt709": (1, 1, 1, 1), "bt709-full": (1, 1, 1, 2), "bt601": (6, 6, 6, 1), "hlg": (9, 18, 9, 1),
           "pq": (9, 16, 9, 1), "p3": (12, 1, 1, 2), "nothing": (2, 2, 2, 0)}  # fmt: skip


# ---- colour, shape and rotation


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
        if quarters % 2:  # rows before columns, or reversed
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
    assert video.read_info(tmp_path / "in.mp4", backend="pyav").rotation == -90 * quarters % 360  # clockwise
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
