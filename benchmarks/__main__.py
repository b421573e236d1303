# SPDX-License-Identifier: Apache-2.0
"""Run the benchmarks; write speed.md and the plots."""

import argparse
import importlib
from pathlib import Path
from time import perf_counter

from .timing import Row, machine, to_markdown

QUESTIONS = (
    "against_opencv",
    "against_hqdn3d",
    "against_scipy",
    "growth_with_sigma",
    "growth_with_threads",
    "against_yardstick",
    "video_files",
    "pyav_files",
    "memory",
    "importing",
    "growth_with_size",
    "fitting",
    "noise_estimation",
    "sources",
    "bilateral",
    "nonlocal_means",
    "perona_malik",
)


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("questions", nargs="*", metavar="question", help=f"of {', '.join(QUESTIONS)} [all]")
    parser.add_argument("--tiny", action="store_true", help="run everything once on tiny inputs")
    parser.add_argument("--output", type=Path, default="results", help="folder for the results [results]")
    options = parser.parse_args(arguments)
    if unknown := set(options.questions) - set(QUESTIONS):
        parser.error(f"no such question: {', '.join(sorted(unknown))}")

    options.output.mkdir(parents=True, exist_ok=True)
    rows: list[Row] = []
    for question in options.questions or QUESTIONS:
        start = perf_counter()
        rows += importlib.import_module(f".{question}", __package__).run(options.tiny, options.output)
        print(f"{question}: {perf_counter() - start:.0f} s", flush=True)
    how = "Tiny inputs, once: no figure means anything." if options.tiny else "Medians of interleaved runs."
    report = f"# Speed\n\n{machine()}\n\n{how}\n\n{to_markdown(rows)}"
    (options.output / "speed.md").write_text(report)
    print(f"\n{report}")


if __name__ == "__main__":
    main()
