# SPDX-License-Identifier: Apache-2.0
"""Every example of the README runs: Python in one namespace, commands, and the extensions as they are."""

import re
import shlex
import shutil
import subprocess
import sys
import sysconfig
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import pytest

import vdcore
from helpers.videos import make_frames, write_video
from vdcore.cli import main
from vdcore.tools import demo

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text("utf-8")
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
FILE_NAME = re.compile(r"(?:#|//|/\*) (\w+\.\w+)\b")  # in the first line of what is a file


def blocks(language):
    return [text for name, text in BLOCKS if name == language]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The current folder, with the files that the examples name."""
    monkeypatch.chdir(tmp_path)
    write_video(tmp_path / "in.mp4", make_frames(24, (120, 160, 3)), codec="mp4v")
    cv2.imwrite("mask.png", np.pad(np.full((40, 80), 255, np.uint8), 40))
    return tmp_path


@pytest.mark.filterwarnings("ignore:in.mp4. not kept:UserWarning")
@pytest.mark.usefixtures("backend")
def test_python(folder):
    namespace = {}
    for text in blocks("python"):
        if not FILE_NAME.match(text):
            exec(compile(text, "README.md", "exec"), namespace)
    assert namespace["report"].frames == 24


@pytest.mark.usefixtures("backend")
def test_commands(folder, monkeypatch):
    monkeypatch.setattr(demo, "run_demo", partial(demo.run_demo, width=160, height=96, frames=4))
    commands = [line for text in blocks("bash") for line in text.splitlines() if line.startswith("vdcore ")]
    assert len(commands) > 5
    for command in commands:
        assert main(shlex.split(command)[1:]) == 0, command


def test_make_targets():
    targets = re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)
    assert set(re.findall(r"\bmake (\w+)$", README, re.MULTILINE)) <= set(targets)


@pytest.mark.skipif(not (ROOT / ".github").is_dir(), reason="an sdist is without .github")
def test_links():
    links = re.findall(r"\]\(([^)#:]+)\)", README)
    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []


@pytest.fixture
def sources(folder):
    """The blocks that are files, as files."""
    names = []
    for _, text in BLOCKS:
        if named := FILE_NAME.match(text):
            Path(named[1]).write_text(text, "utf-8")
            names.append(named[1])
    assert names == ["smooth.c", "running_mean.pyx", "setup.py", "smoother.cpp", "app.c"]
    return folder


@pytest.mark.embedding
def test_extensions(sources, monkeypatch):
    monkeypatch.setenv("CFLAGS", "-O0")
    subprocess.run([sys.executable, "setup.py", "-q", "build_ext", "--inplace"], check=True)
    monkeypatch.syspath_prepend(sources)
    import running_mean
    import smooth

    frames = make_frames(5, (40, 50))
    out = np.empty_like(frames[0])
    smooth.smooth(frames[0], out, 2.0)
    np.testing.assert_array_equal(out, vdcore.diffuse_frame(frames[0], 2.0))
    with pytest.raises(ValueError, match="parameter"):
        smooth.smooth(frames[0], out, -1.0)
    mean = running_mean.RunningMean()
    for frame, expected in zip(frames, vdcore.diffuse(frames, 0, np.inf), strict=True):
        mean.push(frame, out)
        np.testing.assert_array_equal(out, expected)


@pytest.mark.embedding
@pytest.mark.skipif(shutil.which("c++") is None, reason="no C++ compiler")
def test_cpp(sources):
    headers = [f"-I{vdcore.get_include()}", f"-I{sysconfig.get_path('include')}"]
    subprocess.run(["c++", "-std=c++17", "-fsyntax-only", "-Wall", *headers, "smoother.cpp"], check=True)


@pytest.mark.embedding
@pytest.mark.skipif(shutil.which("cc") is None, reason="no C compiler")
def test_program_without_python(sources):
    subprocess.run(
        ["cc", "-std=c11", "-fsyntax-only", "-Wall", f"-I{vdcore.get_include()}", "app.c"], check=True
    )
