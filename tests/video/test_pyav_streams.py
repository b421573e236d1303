# SPDX-License-Identifier: Apache-2.0
"""Through PyAV sound, subtitles, attachments and metadata are copied, and losses are named."""

import dataclasses
from fractions import Fraction

import av
import pytest

from helpers.media import (
    diffuse,
    ffmpeg,
    frame_times,
    needs_ffmpeg,
    packets,
    probe,
    raws,
    smooth_frames,
    stream_packets,
    times,
)
from helpers.pyav_files import (
    QUICK,
    described,
    write_with_sound,
)


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
