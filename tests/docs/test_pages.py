# SPDX-License-Identifier: Apache-2.0
"""The examples of the README and of the guide run, page by page: Python in one namespace, then the commands.

Blocks marked `console` in place of `bash`, and `{code-block}` directives, are shown but not run.
"""

import re
import shlex
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import cv2
import numpy as np
import pytest

import vdcore
import vdcore.video
from helpers.videos import make_frames, write_video
from vdcore.cli import main

ROOT = Path(__file__).resolve().parents[2]
README = ROOT / "README.md"
PAGES = [README, *sorted((ROOT / "docs" / "guide").glob("*.md"))]
FILE_NAME = re.compile(r"(?:#|//|/\*) (\w+\.\w+)\b")  # in the first line of what is a file


def blocks(path, language=r"\w+"):
    pattern = rf"^```({language})\n(.*?)^```$"
    return [text for _, text in re.findall(pattern, path.read_text("utf-8"), re.MULTILINE | re.DOTALL)]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The current folder, with the files that the examples name."""
    monkeypatch.chdir(tmp_path)
    write_video(tmp_path / "in.mp4", make_frames(12, (120, 160, 3)), codec="mp4v")
    write_video(tmp_path / "out.mp4", make_frames(12, (120, 160, 3)), codec="mp4v")
    cv2.imwrite("mask.png", np.pad(np.full((40, 80), 255, np.uint8), 40))
    return tmp_path


@pytest.mark.filterwarnings("ignore:in.mp4. not kept:UserWarning")
@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    "page", [page for page in PAGES if blocks(page, "python")], ids=lambda page: page.stem
)
def test_python(page):
    namespace = {}
    for text in blocks(page, "python"):
        exec(compile(text, str(page), "exec"), namespace)


COMMANDS = sorted(
    {
        line
        for page in PAGES
        for text in blocks(page, "bash")
        for line in text.splitlines()
        if line.startswith("vdcore ")
    }
)


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("command", COMMANDS)
def test_commands(command):
    assert main(shlex.split(command)[1:]) == 0


def test_there_are_commands():
    assert len(COMMANDS) > 8


def test_readme_is_short():
    assert len(README.read_text("utf-8").splitlines()) <= 200


def test_readme_figures_come_from_the_data():
    update = ROOT / "docs" / "figures" / "update_readme.py"
    result = subprocess.run([sys.executable, str(update), "--check"])
    assert result.returncode == 0, "run python docs/figures/update_readme.py"


def test_make_targets():
    targets = re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)
    named = set(re.findall(r"\bmake ([\w-]+)(?=`|$)", README.read_text("utf-8"), re.MULTILINE))
    assert named and named <= set(targets)


@pytest.mark.skipif(not (ROOT / ".github").is_dir(), reason="an sdist is without .github")
def test_links_of_the_readme():
    links = re.findall(r"\]\(([^)#:]+)\)", README.read_text("utf-8"))
    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []


def test_versions_agree():
    citation = (ROOT / "CITATION.cff").read_text("utf-8")
    assert f"version: {vdcore.__version__}\n" in citation
    assert f"## {vdcore.__version__}" in (ROOT / "CHANGELOG.md").read_text("utf-8")


def test_every_public_name_has_its_place_in_the_reference():
    pages = "".join(path.read_text("utf-8") for path in (ROOT / "docs" / "api").glob("*.md"))
    documented = set(re.findall(r"auto(?:function|class):: (?:vdcore\.(?:models\.)?)?([\w.]+)", pages))
    names = {name for name in vdcore.__all__ if name not in ("__version__", "models", "video")}
    names |= set(vdcore.models.__all__)
    assert names <= documented


# ---- Embedding


EMBEDDING = ROOT / "docs" / "embedding.md"


@pytest.fixture
def sources(folder):
    """The blocks that are files, as files."""
    names = []
    for text in blocks(EMBEDDING):
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
