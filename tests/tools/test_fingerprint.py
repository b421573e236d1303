# SPDX-License-Identifier: Apache-2.0
"""tools/fingerprint: the same digests in every run, and differences are reported."""

import json
import subprocess
import sys
from pathlib import Path

TOOL = Path(__file__).parents[2] / "tools" / "fingerprint"


def run(*arguments):
    command = [sys.executable, TOOL, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True)


def test_digests_repeat_and_differences_are_reported(tmp_path):
    first, second = tmp_path / "a.json", tmp_path / "b.json"
    done = run("--only", "SourceDiffuser", "--sets", "scalar", first)
    assert (done.returncode, done.stderr) == (0, "")
    digests = json.loads(first.read_text())
    assert len(digests) == 8
    for name, digest in digests.items():
        assert digest == digests[name.replace("scalar, 1", "scalar, 2")]
    second.write_text(json.dumps(digests))
    same = run("--compare", first, second)
    assert (same.returncode, same.stdout) == (0, "8 of 8 common cases agree\n")

    digests["SourceDiffuser/plain [scalar, 2]"] = "another"
    del digests["SourceDiffuser/sigma=0 [scalar, 1]"]
    second.write_text(json.dumps(digests))
    other = run("--compare", first, second)
    assert other.returncode == 1
    assert "differs: SourceDiffuser/plain [scalar, 2]" in other.stdout
    assert f"only in {first}: SourceDiffuser/sigma=0 [scalar, 1]" in other.stdout
    assert "6 of 7 common cases agree" in other.stdout
