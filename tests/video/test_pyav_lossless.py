# SPDX-License-Identifier: Apache-2.0
"""Through PyAV without a filter: every sample stays, in every format, on real clips too."""

import av
import numpy as np
import pytest

import vdcore
from helpers.media import (
    decoded,
    diffuse,
    ffmpeg,
    frame_hashes,
    frame_times,
    needs_ffmpeg,
    probe,
    raw,
    raws,
    stream_packets,
    write,
)
from helpers.pyav_files import QUICK, decoded_anyhow, described, random_frames
from vdcore import video

FFV1 = [described.name for described in av.Codec("ffv1", "w").video_formats]


def kept_by_ffv1(path):
    """Whether FFmpeg's own FFV1 gives back what it is given."""
    frames = decoded(path)
    name = frames[0].format.name
    options = {"level": "4", "strict": "experimental"} if name.endswith(("f16le", "f32le")) else {}
    write(path.with_name("again.mkv"), frames, **options)
    return raws(path.with_name("again.mkv")) == raws(path)


# ---- without loss: every sample as it was


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


CLIPS = ["foreman_cif_10f.y4m", "mobile_cif_30f.ffv1.mkv", "flower_720p_300f.264", "vtest_200f.avi",
         "shaky_seattle_640x360.avi", "nasa_13013.mp4", "nasa_13013_rotated.mp4", "nasa_vfr.mp4",
         "fall_hlg_1080p10_5f.mov", "foreman_qcif_30f_rgb.avi", "visp_mire2_120f_gray.ffv1.mkv",
         "damaged/tc_test_non_zero_start.mp4", "damaged/tc_discard_first_keyframe.mp4"]  # fmt: skip


LONG = ("flower_720p_300f.264", "vtest_200f.avi", "shaky_seattle_640x360.avi")


# ---- real clips


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
    keywords = {"encoder_preset": "ultrafast"}
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
