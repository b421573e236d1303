# SPDX-License-Identifier: Apache-2.0
"""The check of the built documentation finds what it is there for."""

import importlib.util
from pathlib import Path

import pytest

TOOL = Path(__file__).resolve().parents[2] / "tools" / "check_site.py"


@pytest.fixture(scope="module")
def check_site():
    specification = importlib.util.spec_from_file_location("check_site", TOOL)
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    "body, fault",
    [
        ('<a href="missing.html">x</a>', "missing.html does not exist"),
        ('<a href="#nowhere">x</a>', "#nowhere has no such anchor"),
        ('<script src="https://example.org/a.js"></script>', "from the network"),
        ("<p>the sum \\frac{1}{2}</p>", "raw TeX"),
        ("<p>\u2013sigma 2</p>", "a dash in an option"),
    ],
)
def test_faults_are_found(check_site, tmp_path, body, fault):
    (tmp_path / "index.html").write_text(f"<html><body>{body}</body></html>", "utf-8")
    assert [fault in found for found in check_site.faults(tmp_path)] == [True]


def test_a_sound_page_passes(check_site, tmp_path):
    page = '<p id="a">--sigma 2</p><a href="#a">x</a><a href="https://example.org">y</a>'
    math = '<div class="math">\\[\\frac{1}{2}\\]</div>'
    (tmp_path / "index.html").write_text(f"<html><body>{page}{math}</body></html>", "utf-8")
    assert check_site.faults(tmp_path) == []
