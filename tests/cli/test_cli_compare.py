# SPDX-License-Identifier: Apache-2.0
"""vdcore compare: what it prints and writes, exit codes."""

import json
import sys

import numpy as np
import pytest

import vdcore
from helpers.videos import make_frames, read_video, write_video
from vdcore.cli import main


@pytest.fixture
def clips(tmp_path, monkeypatch):
    """Two clips in the current folder."""
    monkeypatch.chdir(tmp_path)
    a = make_frames(6)
    write_video(tmp_path / "a.mkv", a)
    write_video(tmp_path / "b.mkv", np.minimum(a, 180))
    write_video(tmp_path / "small.mkv", make_frames(3, (32, 40, 3)))
    return tmp_path


def run(capsys, *arguments):
    code = main(["compare", *arguments])
    captured = capsys.readouterr()
    assert "Traceback" not in captured.err
    return code, captured.out, captured.err


def test_summary(capsys, clips):
    result = vdcore.compare("a.mkv", "b.mkv")
    assert run(capsys, "a.mkv", "b.mkv") == (0, f"{result.summary()}\n", "")
    worst = f"worst frame {result.worst}: PSNR {result.psnr.min():.2f} dB"
    assert result.summary().startswith(f"6 frames: PSNR {result.mean_psnr:.2f} dB, SSIM ")
    assert worst in result.summary()


def test_sheet_and_split_screen(capsys, clips):
    options = "--out", "sheet.png", "--video", "split.mkv", "--rows", "2"
    code, out, err = run(capsys, "a.mkv", "b.mkv", *options)
    assert (code, err) == (0, "")
    assert out.splitlines()[1:] == ["sheet.png: contact sheet", "split.mkv: split screen"]
    assert (clips / "sheet.png").read_bytes().startswith(b"\x89PNG")
    assert read_video(clips / "split.mkv").shape == (6, 48, 64, 3)
    assert run(capsys, "a.mkv", "b.mkv", *options, "--quiet") == (0, "", "")


def test_json(capsys, clips):
    code, out, err = run(capsys, "a.mkv", "b.mkv", "--json", "--quiet")
    assert (code, err) == (0, "") and out.count("\n") == 1
    answer = json.loads(out)
    result = vdcore.compare("a.mkv", "b.mkv")
    assert answer == {"a": "a.mkv", "b": "b.mkv", **result.to_dict()}
    assert answer["psnr"] == result.psnr.tolist() and answer["ssim"] == result.ssim.tolist()
    assert json.loads(run(capsys, "a.mkv", "a.mkv", "--json")[1])["psnr"] == [None] * 6


def test_progress_on_a_terminal(capsys, clips, monkeypatch):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    assert "6/6" in run(capsys, "a.mkv", "b.mkv")[2]
    assert run(capsys, "a.mkv", "b.mkv", "--quiet")[2] == ""


def test_a_warning_is_one_line(capsys, clips):
    write_video(clips / "long.mkv", make_frames(9))
    code, out, err = run(capsys, "a.mkv", "long.mkv")
    assert code == 0 and out.startswith("6 frames: ")
    assert err == "Warning: a has 6 frames, b 9: the first 6 are compared\n"


@pytest.mark.parametrize(
    "arguments, code, message",
    [
        (["a.mkv", "missing.mkv"], 1, "missing.mkv: No such file or directory"),
        (["a.mkv", "small.mkv"], 1, "a and b must have the same size, got 64x48 and 40x32"),
        (["a.mkv", "b.mkv", "--out", "sheet.gif"], 1, "out must end in .png, got sheet.gif"),
        (["a.mkv", "b.mkv", "--video", "b.mkv"], 1, "video must differ from the inputs"),
        (["a.mkv", "b.mkv", "--out", "nowhere/sheet.png"], 1, "No such file"),
        (["a.mkv", "b.mkv", "--rows", "0"], 1, "rows must be an integer from 1 to 32, got 0"),
        (["a.mkv", "b.mkv", "--rows", "x"], 2, "--rows"),
        (["a.mkv"], 2, "Missing argument 'B'"),
    ],
)
def test_errors(capsys, clips, arguments, code, message):
    before = sorted(clips.iterdir())
    got, out, err = run(capsys, *arguments)
    assert (got, out) == (code, "")
    assert message in err and err.startswith("Error: ") and err.count("\n") == 1
    assert sorted(clips.iterdir()) == before


def test_without_matplotlib(capsys, clips, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    message = 'Error: the sheet needs matplotlib: pip install "vdcore[plot]"\n'
    assert run(capsys, "a.mkv", "b.mkv", "--out", "sheet.png") == (1, "", message)


def test_help(capsys):
    code, out, _ = run(capsys, "-h")
    assert code == 0
    assert "  vdcore compare in.mp4 out.mkv --out sheet.png --rows 6\n" in out
