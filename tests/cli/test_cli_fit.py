# SPDX-License-Identifier: Apache-2.0
"""`vdcore fit`: the same as the function, and a command that runs."""

import shlex

import numpy as np
import pytest

import vdcore
from helpers.videos import make_frames, read_video, write_video
from vdcore.cli import main
from vdcore.tools.fitting import fit

pytest.importorskip("scipy")


@pytest.fixture(autouse=True)
def one_thread(monkeypatch):
    monkeypatch.setenv("VDCORE_NUM_THREADS", "1")


@pytest.fixture
def noisy(tmp_path):
    frames = make_frames(6) + np.random.default_rng(2).normal(0, 15, (6, 48, 64, 3))
    return write_video(tmp_path / "noisy clip.mkv", frames.clip(0, 255).astype(np.uint8))


@pytest.fixture
def clean(tmp_path):
    return write_video(tmp_path / "clean.mkv", make_frames(6))


def run(capsys, *arguments):
    code = main([str(argument) for argument in arguments])
    captured = capsys.readouterr()
    assert "Traceback" not in captured.err
    return code, captured.out, captured.err


@pytest.mark.usefixtures("backend")
def test_prints_the_fit_and_a_command_that_runs(tmp_path, capsys, noisy, clean):
    target = tmp_path / "out.mkv"
    code, out, err = run(capsys, "fit", noisy, "--reference", clean, "--out", target)
    expected = fit(noisy, clean)
    assert (code, err) == (0, "")
    assert out.splitlines() == [
        f"sigma: {expected.sigma:.4g} pixels",
        f"tau: {expected.tau:.4g} frames",
        f"mean squared error: {expected.error:.4g} (8-bit units),"
        f" PSNR {expected.psnr:.2f} dB (measured over 6 frames)",
        expected.command(noisy, target),
    ]
    words = shlex.split(out.splitlines()[-1])
    assert words[:2] == ["vdcore", "run"]
    assert run(capsys, *words[1:])[0] == 0
    frames = vdcore.diffuse(read_video(noisy), expected.sigma, expected.tau)
    np.testing.assert_array_equal(read_video(target), frames)


def test_without_reference_it_says_how_much_noise(capsys, noisy):
    code, out, _ = run(capsys, "fit", noisy, "--table")
    expected = fit(noisy)
    levels = ", ".join(f"{sigma:.3g}" for sigma in expected.noise.sigma)
    assert (
        code == 0
        and f"\nnoise: {levels} (standard deviation, 8-bit units)\n" in out
        and "(estimated over 6 frames)" in out
    )
    assert out.startswith(expected.table())
    assert out.splitlines()[-1] == expected.command(noisy, "out.mp4")


@pytest.mark.parametrize(
    "options, keywords",
    [
        (["--sigma", "1"], {"sigma": 1.0}),
        (["--sigma", "1,0.5", "--tau", "inf"], {"sigma": (1.0, 0.5), "tau": np.inf}),
        (["--noise", "9", "--seed", "4"], {"noise": 9.0, "seed": 4}),
        (["--lookahead", "1", "--max-evaluations", "5"], {"lookahead": 1, "max_evaluations": 5}),
        (["--time-unit", "seconds", "--threads", "1"], {"time_unit": "seconds", "threads": 1}),
    ],
    ids=str,
)
def test_options_are_the_keywords(capsys, noisy, options, keywords):
    code, out, _ = run(capsys, "fit", noisy, *options)
    assert code == 0
    assert out.splitlines()[-1] == fit(noisy, **keywords).command(noisy, "out.mp4")


def test_plot(tmp_path, capsys, noisy, clean):
    pytest.importorskip("matplotlib")
    picture = tmp_path / "fit.png"
    code, out, _ = run(capsys, "fit", noisy, "--reference", clean, "--plot", picture)
    assert code == 0 and f"{picture}: plot" in out
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_errors_are_one_line(tmp_path, capsys, noisy):
    code, out, err = run(capsys, "fit", tmp_path / "none.mkv")
    assert (code, out) == (1, "") and "none.mkv" in err and err.count("\n") == 1
    short = write_video(tmp_path / "short.mkv", make_frames(4))
    code, _, err = run(capsys, "fit", noisy, "--reference", short)
    assert code == 1 and "reference ends after 4" in err
    assert run(capsys, "fit", noisy, "--sigma", "x")[0] == 2
    assert run(capsys, "fit")[0] == 2
