# SPDX-License-Identifier: Apache-2.0
"""The command line: the same as the functions, exit codes, one-line errors."""

import re
import subprocess
import sys
from importlib.metadata import entry_points

import cv2
import numpy as np
import pytest

import vdcore
from helpers.videos import make_frames, read_video, write_video
from vdcore.cli import main

FFV1 = {"opencv": "FFV1", "pyav": "ffv1"}

each_backend = pytest.mark.usefixtures("backend")


@pytest.fixture
def clip(tmp_path):
    return write_video(tmp_path / "in.mkv", make_frames(6))


def run(capsys, *arguments):
    code = main([str(argument) for argument in arguments])
    captured = capsys.readouterr()
    assert "Traceback" not in captured.err
    return code, captured.out, captured.err


@pytest.mark.parametrize(
    "options, keywords",
    [
        ([], {}),
        (["--sigma", "2,0.5"], {"sigma": (2.0, 0.5)}),
        (["--tau", "inf"], {"tau": float("inf")}),
        (["--region", "10,8,30,20"], {"region": (10, 8, 30, 20)}),
        (["--confidence", "0,0,40,48", "--fill", "9"], {"confidence": (0, 0, 40, 48), "fill": 9.0}),
        (["--start", "2", "--stop", "4"], {"start": 2, "stop": 4}),
        (["--boundary", "constant", "--cval", "30"], {"boundary": "constant", "cval": 30.0}),
        (["--lookahead", "2", "--truncate", "3"], {"lookahead": 2, "truncate": 3.0}),
        (["--dither", "ordered", "--tolerance", "0.01"], {"dither": "ordered", "tolerance": 0.01}),
        (["--threads", "1"], {"threads": 1}),
        (["--time-unit", "seconds", "--tau", "0.1"], {"time_unit": "seconds", "tau": 0.1}),
    ],
    ids=str,
)
def test_run_does_what_diffuse_does(tmp_path, capsys, clip, backend, options, keywords):
    code, out, err = run(
        capsys, "run", clip, tmp_path / "out.mkv", "--sigma", "1", "--tau", "2", "--no-progress", *options
    )
    assert code == 0
    assert (
        f"{tmp_path / 'out.mkv'}: 6 frames, 64x48, 25 fps, {FFV1[backend]};" in out and out.count("\n") == 1
    )
    if "time_unit" in keywords:
        keywords = keywords | {"times": np.arange(6) / 25}
    expected = vdcore.diffuse(make_frames(6), **{"sigma": 1, "tau": 2} | keywords)
    np.testing.assert_array_equal(read_video(tmp_path / "out.mkv"), expected)


@pytest.mark.parametrize("chosen, found", [("auto", "ffv1"), ("pyav", "ffv1"), ("opencv", "FFV1")])
def test_backend(tmp_path, capsys, clip, chosen, found):
    pytest.importorskip("av")
    options = "--sigma", 1, "--tau", 2, "--backend", chosen
    code, out, _ = run(capsys, "run", clip, tmp_path / "out.mkv", *options)
    assert code == 0 and f", {found};" in out
    np.testing.assert_array_equal(read_video(tmp_path / "out.mkv"), vdcore.diffuse(make_frames(6), 1, 2))


@each_backend
def test_masks_from_pictures(tmp_path, capsys, clip):
    mask = np.linspace(0, 255, 64).astype(np.uint8) * np.ones((48, 1), np.uint8)
    cv2.imwrite(str(tmp_path / "mask.png"), mask)
    options = (
        "--sigma",
        2,
        "--tau",
        1,
        "--region",
        tmp_path / "mask.png",
        "--confidence",
        tmp_path / "mask.png",
    )
    assert run(capsys, "run", clip, tmp_path / "out.mkv", *options)[0] == 0
    expected = vdcore.diffuse(make_frames(6), 2, 1, region=mask, confidence=mask)
    np.testing.assert_array_equal(read_video(tmp_path / "out.mkv"), expected)


def test_raw_mode_and_codec(tmp_path, capsys, clip, backend):
    options = "--sigma", 0, "--tau", 0, "--raw", "--gain", 0.5, "--codec", "FFV1"
    code, out, _ = run(capsys, "run", clip, tmp_path / "out.avi", *options)
    assert code == 0 and f", {FFV1[backend]};" in out
    np.testing.assert_array_equal(read_video(tmp_path / "out.avi"), np.rint(make_frames(6) / 2))


@each_backend
def test_progress_goes_to_stderr(tmp_path, capsys, clip):
    options = "--sigma", 1, "--tau", 1
    assert "6/6" in run(capsys, "run", clip, tmp_path / "a.avi", *options, "--progress")[2]
    assert "6/6" not in run(capsys, "run", clip, tmp_path / "a.avi", *options)[2]  # not a terminal


@each_backend
def test_warnings_are_one_line(tmp_path, capsys, clip):
    data = clip.read_bytes()
    clip.write_bytes(data[: len(data) * 2 // 3])
    code, out, err = run(capsys, "run", clip, tmp_path / "out.avi", "--sigma", 1, "--tau", 1)
    assert code == 0 and "the input ended early" in out
    assert all(line.startswith("Warning: in.mkv: ") for line in err.splitlines())
    assert "ended early, after" in err


@each_backend
@pytest.mark.parametrize(
    "arguments, code, message",
    [
        (["run", "missing.mp4", "out.avi", "--sigma", "1", "--tau", "1"], 1, "No such file"),
        (
            ["run", "in.mkv", "out.xyz", "--sigma", "1", "--tau", "1"],
            1,
            "out must (end in one of|have the suffix of)",
        ),
        (["run", "in.mkv", "in.mkv", "--sigma", "1", "--tau", "1"], 1, "must differ from the input"),
        (
            ["run", "in.mkv", "out.avi", "--sigma", "-1", "--tau", "1"],
            1,
            "--sigma must be a finite number >= 0",
        ),
        (["run", "in.mkv", "out.avi", "--sigma", "inf", "--tau", "1"], 1, "--sigma must be"),
        (["run", "in.mkv", "out.avi", "--sigma", "1", "--tau", "nan"], 1, "--tau must be a number >= 0"),
        (["run", "in.mkv", "out.avi", "--sigma", "1", "--tau", "1", "--codec", "ABCD"], 1, "--codec"),
        (["run", "in.mkv", "out.avi", "--sigma", "1", "--tau", "1", "--raw"], 2, "--raw needs --gain"),
        (["run", "in.mkv", "out.avi", "--sigma", "1", "--tau", "1", "--gain", "2"], 2, "--gain needs --raw"),
        (
            ["run", "in.mkv", "out.avi", "--sigma", "1", "--tau", "1", "--threads", "0"],
            1,
            "--threads must be",
        ),
        (["run", "in.mkv", "nowhere/out.avi", "--sigma", "1", "--tau", "1"], 1, "No such file"),
        (["info", "missing.mp4"], 1, "missing.mp4: No such file or directory"),
        (["run", "in.mkv", "out.avi"], 2, "Missing option '--sigma'"),
        (["run", "in.mkv", "out.avi", "--sigma", "x", "--tau", "1"], 2, "'x' is neither a number nor two"),
        (
            ["run", "in.mkv", "out.avi", "--sigma", "1", "--tau", "1", "--region", "1,2"],
            2,
            "'1,2' is not x,y",
        ),
        (["run", "in.mkv", "out.avi", "--sigma", "1", "--tau", "1", "--region", "no.png"], 2, "'no.png'"),
        (
            ["run", "in.mkv", "out.avi", "--sigma", "1", "--tau", "1", "--region", "in.mkv"],
            2,
            "not a picture",
        ),
        (["run", "in.mkv", "out.avi", "--sigma", "1", "--tau", "1", "--boundary", "wrap"], 2, "wrap"),
        (["unheard-of"], 2, "No such command"),
    ],
)
def test_errors(tmp_path, capsys, monkeypatch, clip, arguments, code, message):
    monkeypatch.chdir(tmp_path)
    got, out, err = run(capsys, *arguments)
    assert (got, out) == (code, "")
    assert re.search(message, err)
    assert err.startswith("Error: ") and err.count("\n") == 1


def test_info_of_the_build(capsys):
    code, out, _ = run(capsys, "info")
    assert code == 0
    values = dict(line.split(": ", 1) for line in out.splitlines())
    assert values["version"] == vdcore.__version__
    assert "scalar" in values["instruction_sets"]


def test_info_of_a_file(capsys, clip, backend):
    code, out, _ = run(capsys, "info", clip)
    assert code == 0
    lines = out.splitlines()
    for line in ("width: 64", "height: 48", "channels: 3", "fps: 25.0", "frames: 6", "cut short: no"):
        assert line in lines
    assert f"backend: {backend}" in lines and "codec: ffv1" in lines


def test_info_says_whether_a_file_is_cut_short(tmp_path, capsys):
    whole = write_video(tmp_path / "whole.avi", make_frames(), codec="MJPG").read_bytes()
    (tmp_path / "cut.avi").write_bytes(whole[: len(whole) * 6 // 10])
    code, out, _ = run(capsys, "info", tmp_path / "cut.avi")
    assert code == 0 and "cut short: yes" in out.splitlines()


def test_version_and_help(capsys):
    assert run(capsys, "--version") == (0, f"vdcore, version {vdcore.__version__}\n", "")
    code, out, err = run(capsys)
    assert (code, out) == (2, "") and "Usage: vdcore" in err
    for arguments in (["--help"], ["run", "-h"], ["info", "-h"], ["demo", "-h"]):
        code, out, _ = run(capsys, *arguments)
        assert code == 0 and "Usage: vdcore" in out


def test_installed_command():
    (entry,) = entry_points(group="console_scripts", name="vdcore")
    assert entry.load() is main
    command = [sys.executable, "-m", "vdcore.cli", "--version"]
    assert vdcore.__version__ in subprocess.run(command, capture_output=True, text=True, check=True).stdout
