# SPDX-License-Identifier: Apache-2.0
"""Through PyAV: nothing half-made, unreadable and damaged input, and what is known of a file."""

import errno
import os
import threading
from fractions import Fraction

import av
import numpy as np
import pytest

from helpers.media import (
    decoded,
    diffuse,
    frame_hashes,
    needs_ffmpeg,
    smooth_frames,
    times,
    turned,
    write,
)
from helpers.pyav_files import QUICK, add_sound, decoded_anyhow, spots, upright, write_with_sound
from vdcore import video
from vdcore.video.backends.pyav import reader as backend


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


# ---- nothing half-made


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
    with pytest.raises(ValueError, match="out must differ from the input"):
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


def test_info_describes_the_file(tmp_path):
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


DAMAGED = {  # ended early, whether errors or repairs are to be seen
    "BA_MW_D_P_LOST.264": (False, False),
    "Error_I_P.264": (False, True),
    "foreman_truncated_midframe.y4m": (True, False),
    "shaky_truncated.avi": (True, True),
    "tc_discard_first_keyframe.mp4": (False, False),
    "tc_test_non_zero_start.mp4": (False, False),
}


# ---- real clips


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
