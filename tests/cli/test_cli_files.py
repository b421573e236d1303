# SPDX-License-Identifier: Apache-2.0
"""Many files at once, reports as JSON, and what `vdcore run` and `vdcore denoise` take besides files."""

import json
import subprocess
import sys

import numpy as np
import pytest

import vdcore
from helpers.videos import make_frames, read_video, write_video
from vdcore import cli

FILTER = ("--sigma", "1", "--tau", "2")


@pytest.fixture
def folder(tmp_path, backend):
    """Two clips, one that is none, and a file that is no video."""
    (tmp_path / "in").mkdir()
    for seed, name in enumerate(("b.mkv", "a.mkv"), 1):
        write_video(tmp_path / "in" / name, make_frames(4, seed=seed))
    (tmp_path / "in" / "broken.avi").write_bytes(b"RIFF, but no video")
    (tmp_path / "in" / "notes.txt").write_text("not a video")
    return tmp_path


def run(capsys, *arguments):
    code = cli.main([str(argument) for argument in arguments])
    captured = capsys.readouterr()
    assert "Traceback" not in captured.err
    return code, captured.out, captured.err


def test_a_folder_goes_on_past_a_bad_file(folder, capsys):
    code, out, err = run(capsys, "run", folder / "in", "--out-dir", folder / "deep" / "er", *FILTER)
    assert code == 1
    header, *rows, last = out.splitlines()
    assert header.split() == ["file", "frames", "seconds", "result"]
    assert [row.split()[0] for row in rows] == [
        str(folder / "in" / n) for n in ("a.mkv", "b.mkv", "broken.avi")
    ]
    assert [row.split()[1] for row in rows[:2]] == ["4", "4"] and "failed: " in rows[2]
    assert last == "2 of 3 done"
    assert "broken.avi" in err and err.count("Error:") == 1
    assert sorted(path.name for path in (folder / "deep" / "er").iterdir()) == ["a.mkv", "b.mkv"]
    vdcore.diffuse_video(folder / "in" / "a.mkv", folder / "alone.mkv", 1, 2)
    assert np.array_equal(read_video(folder / "deep" / "er" / "a.mkv"), read_video(folder / "alone.mkv"))


def test_files_with_another_suffix(folder, capsys):
    sources = folder / "in" / "a.mkv", folder / "in" / "b.mkv"
    options = ("--out-dir", folder / "out", "--suffix", ".avi", "--strength", "8")
    code, out, _ = run(capsys, "denoise", *sources, *options)
    assert code == 0 and out.endswith("2 of 2 done\n")
    assert sorted(path.name for path in (folder / "out").iterdir()) == ["a.avi", "b.avi"]


def test_two_inputs_of_one_name_are_both_refused(folder, capsys):
    (folder / "more").mkdir()
    write_video(folder / "more" / "a.mkv", make_frames(3))
    sources = [folder / name for name in ("in/a.mkv", "more/a.mkv", "in/b.mkv")]
    code, out, err = run(capsys, "run", *sources, "--out-dir", folder / "out", *FILTER)
    assert code == 1 and "1 of 3 done" in out
    assert err.count("another input has the same name a.mkv") == 2
    assert [path.name for path in (folder / "out").iterdir()] == ["b.mkv"]


def test_results_never_replace_their_inputs(folder, capsys):
    before = (folder / "in" / "a.mkv").read_bytes()
    code, _, err = run(capsys, "run", folder / "in" / "a.mkv", "--out-dir", folder / "in", *FILTER)
    assert code == 1 and "out must differ from the input" in err
    assert (folder / "in" / "a.mkv").read_bytes() == before


def test_json_of_many(folder, capsys):
    code, out, _ = run(capsys, "run", folder / "in", "--out-dir", folder / "out", "--json", *FILTER)
    assert code == 1
    first, second, bad = json.loads(out)
    assert (first["input"], first["frames"]) == (str(folder / "in" / "a.mkv"), 4)
    assert second["path"] == str(folder / "out" / "b.mkv")
    assert set(bad) == {"input", "error"} and "broken.avi" in bad["error"]


@pytest.mark.parametrize("command", [("run", *FILTER), ("denoise", "--strength", "6")])
def test_json_is_the_report(folder, capsys, command):
    name, *options = command
    code, out, _ = run(capsys, name, folder / "in" / "a.mkv", folder / "out.mkv", "--json", *options)
    assert code == 0
    report = json.loads(out)
    assert (report["frames"], report["width"], report["path"]) == (4, 64, str(folder / "out.mkv"))
    assert set(report) == set(vdcore.VideoReport.__dataclass_fields__)
    if name == "denoise":
        assert (report["preset"], report["strength"], report["hint"]) == ("balanced", None, "")
        assert report["noise"].pop("description") == "noise 6"
        assert (vdcore.NoiseEstimate.from_json(json.dumps(report["noise"])).sigma == 6).all()


def test_quiet_says_nothing(folder, capsys):
    options = ("--quiet", *FILTER)
    assert run(capsys, "run", folder / "in" / "a.mkv", folder / "out.mkv", *options) == (0, "", "")
    many = run(capsys, "run", folder / "in" / "a.mkv", "--out-dir", folder / "out", *options)
    assert many == (0, "", "")


@pytest.mark.parametrize(
    "arguments, named",
    [
        (["in/a.mkv"], "give IN and OUT"),
        (["in/a.mkv", "in/b.mkv", "out.mkv"], "give IN and OUT"),
        (["in/a.mkv", "out.mkv", "--suffix", ".avi"], "--suffix needs --out-dir"),
        (["in/a.mkv", "out.mkv", "--quality", "best"], "neither a whole number nor lossless"),
    ],
)
def test_wrong_usage(folder, capsys, monkeypatch, arguments, named):
    monkeypatch.chdir(folder)
    code, out, err = run(capsys, "run", *arguments, *FILTER)
    assert (code, out) == (2, "") and named in err
    assert not (folder / "out.mkv").exists()


def test_a_number_is_a_camera_unless_it_is_a_file(folder, capsys, monkeypatch):
    monkeypatch.chdir(folder)
    code, _, err = run(capsys, "run", "77", "out.mkv", *FILTER)
    assert code == 1 and "camera 77 cannot be opened" in err
    (folder / "77").write_bytes((folder / "in" / "a.mkv").read_bytes())
    assert run(capsys, "run", "77", "out.mkv", *FILTER)[0] == 0


def test_what_goes_to_a_pipe_is_the_video_alone(tmp_path):
    pytest.importorskip("av")
    write_video(tmp_path / "in.mkv", make_frames(3))
    command = [sys.executable, "-m", "vdcore.cli", "run", "in.mkv", "-", *FILTER]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(b"YUV4MPEG2 ") and done.stdout.count(b"FRAME\n") == 3
    assert b"-: 3 frames" in done.stderr
