#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Break the code on purpose, one small break at a time, and show which tests notice.

    python tools/mutate.py [--full] [--list FILE] [--results FILE] [NAME ...]

Each entry of tests/mutations.toml replaces one piece of text that occurs exactly once in csrc or src/vdcore.
The break is made in a copy of the tree, which is built in place, and the tests named run until the first
failure; a break that no test notices has escaped. An entry whose text is gone is stale and wants an update.
"""

import argparse
import os
import shutil
import subprocess
import sys
import time
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
COPY = ROOT / "build" / "mutate"
SOURCES = ("csrc/**/*.[ch]", "src/vdcore/**/*.py", "src/vdcore/**/*.pyx")


def place_of(old):
    """Return the one file of the copy that holds the text, or what is wrong."""
    files = [path for pattern in SOURCES for path in COPY.glob(pattern) if path.name != "_core.c"]
    counts = {path: count for path in files if (count := path.read_text("utf-8").count(old))}
    if sum(counts.values()) == 1:
        return next(iter(counts))
    return f"stale: its text occurs {sum(counts.values())} times"


def build():
    """Build the extension in the copy; return what the compiler said if it failed."""
    command = [sys.executable, "setup.py", "--quiet", "build_ext", "--inplace"]
    done = subprocess.run(command, cwd=COPY, capture_output=True, text=True)
    return "" if done.returncode == 0 else done.stderr


def run_tests(tests, full):
    """Return the first test that failed, "" if all passed."""
    command = [sys.executable, "-m", "pytest", "-x", "--tb=no", "-p", "no:cacheprovider", "-m"]
    command += ["not slow and not packaging and not embedding", *["--full"] * full, *tests]
    environment = {**os.environ, "PYTHONPATH": str(COPY / "src")}
    done = subprocess.run(command, cwd=COPY, capture_output=True, text=True, env=environment)
    if done.returncode == 0:
        return ""
    lines = [line for line in done.stdout.splitlines() if line.startswith(("FAILED", "ERROR"))]
    return lines[0].split(" ", 1)[1].split(" - ")[0] if lines else f"pytest ended with {done.returncode}"


def copy_tree():
    """Copy what git knows of the tree."""
    shutil.rmtree(COPY, ignore_errors=True)
    COPY.mkdir(parents=True)
    clips = COPY.parent / "shared"  # of the real clips, beside the copy as beside the tree
    if not clips.exists() and (ROOT.parent / "shared").is_dir():
        clips.symlink_to(ROOT.parent / "shared")
    names = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout
    for name in filter(None, names.decode().split("\0")):
        (COPY / name).parent.mkdir(parents=True, exist_ok=True)
        if (ROOT / name).is_file():
            shutil.copy2(ROOT / name, COPY / name)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help="breaks to try; all by default")
    parser.add_argument("--full", action="store_true", help="with every combination of the tests' parameters")
    parser.add_argument("--list", type=Path, default=ROOT / "tests" / "mutations.toml", help="the breaks")
    parser.add_argument("--results", type=Path, help="append the table to this file")
    arguments = parser.parse_args()
    mutations = tomllib.loads(arguments.list.read_text("utf-8"))
    names = arguments.names or list(mutations)
    copy_tree()
    if errors := build():
        sys.exit(errors)
    bad = 0
    for name in names:
        mutation, begin = mutations[name], time.perf_counter()
        place = place_of(mutation["old"])
        if isinstance(place, str):
            result = place
        else:
            text = place.read_text("utf-8")
            place.write_text(text.replace(mutation["old"], mutation["new"]), "utf-8")
            compiled = place.suffix != ".py"
            result = (
                "does not compile" if compiled and build() else run_tests(mutation["tests"], arguments.full)
            )
            place.write_text(text, "utf-8")
            if compiled:
                os.utime(place)
                build()
        bad += not result.startswith(("tests/", "pytest"))
        line = f"| {name} | {result or 'ESCAPED'} | {time.perf_counter() - begin:.0f} s |"
        print(line, flush=True)
        if arguments.results:
            with arguments.results.open("a", encoding="utf-8") as file:
                file.write(line + "\n")
    print(f"{len(names) - bad} of {len(names)} noticed")
    sys.exit(bad > 0)


if __name__ == "__main__":
    main()
