# SPDX-License-Identifier: Apache-2.0
"""`vdcore run` on real clips: every frame, at the same rate, and what happened to damaged files."""

import json
import shutil
import subprocess
from contextlib import closing
from fractions import Fraction

import pytest

from helpers.videos import count_frames, frame_rate
from vdcore import video
from vdcore.cli import main
from vdcore.video.backends.opencv import OpenCVReader

pytestmark = pytest.mark.clips

WHOLE = {  # frames
    "foreman_cif_10f.y4m": 10,
    "mobile_cif_30f.ffv1.mkv": 30,
    "flower_720p_300f.264": 300,
    "vtest_200f.avi": 200,
    "shaky_seattle_640x360.avi": 496,
    "nasa_13013.mp4": 325,
    "nasa_13013_rotated.mp4": 17,
    "nasa_vfr.mp4": 201,
    "fall_hlg_1080p10_5f.mov": 5,
    "foreman_qcif_30f_rgb.avi": 30,
    "visp_mire2_120f_gray.ffv1.mkv": 120,
    "damaged/tc_test_non_zero_start.mp4": 12,
}
LONG = ("flower_720p_300f.264", "shaky_seattle_640x360.avi")  # more than half of the time of all
DAMAGED = {  # frames that can be decoded, whether it is known that some are missing
    "BA_MW_D_P_LOST.264": (99, False),  # a raw stream does not say how long it is
    "Error_I_P.264": (6, False),
    "foreman_truncated_midframe.y4m": (6, True),
    "shaky_truncated.avi": (283, True),
    "tc_discard_first_keyframe.mp4": (25, None),  # its edit list leaves 5 of 30 out, which PyAV knows
}


def run(capsys, clip, out):
    code = main(["run", str(clip), str(out), "--sigma", "1", "--tau", "2"])
    captured = capsys.readouterr()
    assert "Traceback" not in captured.err
    return code, captured.out, captured.err


def ffprobe(path):
    """Frames and average rate by ffprobe; Nones where it is not installed."""
    if not shutil.which("ffprobe"):
        return None, None
    command = ["ffprobe", "-v", "quiet", "-count_frames", "-select_streams", "v:0", "-of", "json"]
    entries = ["-show_entries", "stream=nb_read_frames,avg_frame_rate", str(path)]
    answer = subprocess.run([*command, *entries], capture_output=True, check=True).stdout
    stream = json.loads(answer)["streams"][0]
    return int(stream["nb_read_frames"]), Fraction(stream["avg_frame_rate"])


@pytest.mark.parametrize(
    "name, frames",
    [pytest.param(*clip, marks=pytest.mark.full if clip[0] in LONG else ()) for clip in WHOLE.items()],
    ids=WHOLE,
)
def test_whole_clips(capsys, tmp_path, clips, backend, name, frames):
    code, out, err = run(capsys, clips / name, tmp_path / "out.mp4")
    assert code == 0
    assert f": {frames} frames, " in out
    counted, rate = ffprobe(clips / name)
    counted_out, rate_out = ffprobe(tmp_path / "out.mp4")
    if counted is not None:
        assert counted == counted_out == frames
        if backend == "pyav":
            assert rate == rate_out
        else:  # OpenCV stores three decimals
            assert abs(rate - rate_out) < (1e-4 if name != "nasa_vfr.mp4" else 1e-4 * rate)
    info = video.read_info(clips / name)
    count, last = count_frames(tmp_path / "out.mp4")
    assert count == frames
    assert last.shape == (info.height // 2 * 2, info.width // 2 * 2, 3)
    assert last.std() > 5


@pytest.mark.parametrize("name, expected", DAMAGED.items(), ids=DAMAGED)
def test_damaged_clips(capsys, tmp_path, clips, backend, name, expected):
    frames, ended_early = expected
    if ended_early is None:
        ended_early = backend == "opencv"
    code, out, err = run(capsys, clips / "damaged" / name, tmp_path / "out.avi")
    assert code == 0 and f"{frames} frames" in out
    assert ("the input ended early" in out) == ("ended early" in err) == ended_early
    assert count_frames(tmp_path / "out.avi")[0] == frames


@pytest.mark.parametrize("name", ["nasa_truncated_300k.mp4", "zero_length.mp4"])
@pytest.mark.usefixtures("backend")
def test_unreadable_clips(capsys, tmp_path, clips, name):
    code, out, err = run(capsys, clips / "damaged" / name, tmp_path / "out.avi")
    assert (code, out) == (1, "") and name in err
    assert list(tmp_path.iterdir()) == []


def test_what_is_found(clips, backend):
    info = {name: video.read_info(clips / name) for name in WHOLE}
    assert info["fall_hlg_1080p10_5f.mov"].bits == 10
    with closing(OpenCVReader(clips / "foreman_qcif_30f_rgb.avi")) as reader:
        assert reader._bottom_up
    assert info["visp_mire2_120f_gray.ffv1.mkv"].channels == 1
    assert not info["flower_720p_300f.264"].timed
    rotated = info["nasa_13013_rotated.mp4"]
    assert (rotated.rotation, rotated.width, rotated.height) == (270, 270, 480)
    assert [name for name in info if info[name].variable_frame_rate] == ["nasa_vfr.mp4"]
    streams = info["nasa_13013.mp4"].other_streams
    known = {"audio": 2, "subtitle": 2, "video": 1}
    assert streams == known or streams is None and backend == "opencv"
    varying = info["nasa_vfr.mp4"].fps
    if backend == "pyav":  # the rate of which frames are left out
        assert varying == 25
    else:  # the average
        assert abs(frame_rate(clips / "nasa_vfr.mp4") - varying) < 1e-9
