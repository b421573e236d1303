# SPDX-License-Identifier: Apache-2.0
"""The map in CONTRIBUTING is true: what it names exists, and every source file has a place in it."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MAP = ROOT / ".github" / "CONTRIBUTING.md"
TEXT = MAP.read_text("utf-8") if MAP.exists() else ""
PATH = re.compile(r"`([\w.-]+/(?:[\w.-]+/)*[\w.-]*|[\w-]+\.(?:py|pyx|pxd|pyi|c|h|toml|in|typed))`")
GENERATED = re.compile(r"__pycache__/|/_core\.c$|\.(?:so|pyd)$|^src/vdcore/include/")

pytestmark = pytest.mark.skipif(not MAP.exists(), reason="an sdist is without .github")


def places() -> set[str]:
    """The first cells of the map's tables, as paths from the root."""
    found: set[str] = set()
    for part in TEXT.partition("## Layers")[2].partition("## An oracle first")[0].split("### ")[1:]:
        folder = "src/vdcore/" if part.startswith("Python") else ""
        for row in re.findall(r"^\| (`.*?`) \|", part, re.MULTILINE):
            found |= {folder + place for place in re.findall(r"`([^`]+)`", row)}
    return found


def sources() -> list[str]:
    """Source files, without what the build makes."""
    files = [path for name in ("csrc", "src/vdcore") for path in (ROOT / name).rglob("*") if path.is_file()]
    names = [path.relative_to(ROOT).as_posix() for path in files]
    return [name for name in names if not GENERATED.search(name)]


def test_places_exist():
    assert len(places()) > 40
    assert [place for place in sorted(places()) if not (ROOT / place).exists()] == []


def test_every_source_file_has_a_place():
    known = places()
    lost = [
        file
        for file in sources()
        if file not in known and not any(place.endswith("/") and file.startswith(place) for place in known)
    ]
    assert lost == []


def test_files_named_elsewhere_exist():
    """By their path from the root or the package, or in the row of their folder; build/ is made."""
    names = {path.name for path in (ROOT / "csrc").rglob("*")}
    lost = [
        name
        for name in sorted(set(PATH.findall(TEXT)))
        if not any((ROOT / base / name).exists() for base in ("", "src/vdcore")) and name not in names
    ]
    assert lost == ["build/fuzz/"]
