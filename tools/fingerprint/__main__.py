# SPDX-License-Identifier: Apache-2.0
"""Digest every public result, to tell whether two commits compute the same bits.

    python tools/fingerprint a.json                  # compute, in the environment of one commit
    python tools/fingerprint b.json                  # and in that of the other
    python tools/fingerprint --compare a.json b.json

Results come from random frames and, where ../shared/clips exists, from real clips: arrays with every
instruction set of the machine and with one and two threads, clips and files with the best set and one thread.
A digest covers dtype, shape and bytes; of a file, the decoded frames and their time stamps. The output maps
case names to digests.

--only TEXT     cases whose name contains TEXT
--sets A,B      these instruction sets only
--adapter FILE  Python code to run first, for a commit whose public names differ from those used here
--verbose       time and traceback of each case

It takes about three minutes. A case that raises counts as the name of its exception, and is reported.
"""

import argparse
import json
import os
import runpy
import subprocess
import sys
import time
import traceback
import warnings
from pathlib import Path

import filters
import others
from cases import digest

import files

GROUPS = {
    "every set": (filters.linear, filters.models, others.denoising, others.sources),
    "best set": (others.estimation, files.clips, files.files),
}


def work(only: str, group: str, suffix: str, verbose: bool) -> dict[str, str]:
    """Return the digests of the cases of a group, in this process."""
    import cv2

    import vdcore
    import vdcore.video

    cv2.setNumThreads(1)
    warnings.simplefilter("ignore", UserWarning)
    result = {}
    for make in GROUPS[group]:
        for name, run in make(vdcore):
            if only not in name:
                continue
            begin = time.perf_counter()
            try:
                result[name + suffix] = digest(run())
            except Exception as error:
                result[name + suffix] = f"raises {type(error).__name__}"
                print(f"{name}{suffix}: {type(error).__name__}: {error}", file=sys.stderr)
                if verbose:
                    traceback.print_exc()
            if verbose:
                print(f"{time.perf_counter() - begin:8.3f} s  {name}{suffix}", file=sys.stderr)
    return result


def collect(arguments: argparse.Namespace) -> dict[str, str]:
    """Return the digests of all cases, from a process for each instruction set and number of threads."""
    query = "import vdcore; print(*vdcore.build_info()['instruction_sets'])"
    found = subprocess.check_output([sys.executable, "-c", query], text=True).split()
    sets = arguments.sets.split(",") if arguments.sets else found
    jobs = [("every set", name, threads) for name in sets for threads in (1, 2)]
    result: dict[str, str] = {}
    for group, name, threads in [*jobs, ("best set", sets[-1], 1)]:
        suffix = f" [{name}, {threads}]" if group == "every set" else ""
        command = [
            sys.executable,
            str(Path(__file__).parent),
            "--worker",
            group,
            suffix,
            "--only",
            arguments.only,
        ]
        command += ["--adapter", arguments.adapter] * bool(arguments.adapter)
        command += ["--verbose"] * arguments.verbose
        environment = os.environ | {"VDCORE_CPU": name, "VDCORE_NUM_THREADS": str(threads)}
        environment["OMP_WAIT_POLICY"] = "passive"  # idle threads leave a busy machine alone
        result |= json.loads(subprocess.check_output(command, env=environment))
    return dict(sorted(result.items()))


def compare(a: str, b: str) -> bool:
    """Print how two files differ; whether they agree in all cases that both have."""
    first, second = (json.loads(Path(path).read_text()) for path in (a, b))
    both = sorted(first.keys() & second.keys())
    different = [name for name in both if first[name] != second[name]]
    for name in different:
        print(f"differs: {name}: {first[name]} {second[name]}")
    for path, own, other in ((a, first, second), (b, second, first)):
        for name in sorted(own.keys() - other.keys()):
            print(f"only in {path}: {name}")
    print(f"{len(both) - len(different)} of {len(both)} common cases agree")
    return not different


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("out", nargs="?", help="JSON file to write")
    parser.add_argument("--compare", nargs=2, metavar=("A", "B"))
    parser.add_argument("--only", default="")
    parser.add_argument("--sets", default="")
    parser.add_argument("--adapter", default="")
    parser.add_argument("--verbose", action="store_true")
    parser.add_argument("--worker", nargs=2, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.compare:
        sys.exit(not compare(*arguments.compare))
    if arguments.worker:
        if arguments.adapter:
            runpy.run_path(arguments.adapter)
        group, suffix = arguments.worker
        print(json.dumps(work(arguments.only, group, suffix, arguments.verbose)))
        return
    if not arguments.out:
        parser.error("a JSON file to write is required")
    Path(arguments.out).write_text(json.dumps(collect(arguments), indent=1) + "\n")


if __name__ == "__main__":
    main()
