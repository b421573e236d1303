# SPDX-License-Identifier: Apache-2.0
"""Run the benchmarks; write report.md, benchmarks.json and plots.

python -m benchmarks                        # everything
python -m benchmarks diffuse models.bilateral
python -m benchmarks denoise.quality --clips clip.mp4[frames=16,rows=100:460]
python -m benchmarks diffuse --publish      # also update the figures of the documentation
"""

import argparse
import importlib
import json
from dataclasses import replace
from pathlib import Path
from time import perf_counter

from .common.results import Answer, Options, Row, figures, publish, table
from .common.timing import machine

QUESTIONS = (
    "diffuse.opencv",
    "diffuse.hqdn3d",
    "diffuse.scipy",
    "diffuse.streaming",
    "diffuse.sigma",
    "diffuse.size",
    "diffuse.threads",
    "diffuse.motion",
    "models.bilateral",
    "models.nonlocal_means",
    "models.perona_malik",
    "denoise.quality",
    "denoise.motion",
    "denoise.real_noise",
    "denoise.speed",
    "denoise.memory",
    "denoise.realistic",
    "sources",
    "estimation.fitting",
    "estimation.noise",
    "files.opencv",
    "files.pyav",
    "files.memory",
    "import_time",
)
PUBLISHED = Path(__file__).parents[1] / "docs" / "figures" / "benchmarks.json"


def chosen(names: list[str]) -> list[str]:
    """Return the questions of these names; a folder means all its questions. ValueError for unknown names."""
    found = {name: [q for q in QUESTIONS if q == name or q.startswith(f"{name}.")] for name in names}
    if unknown := [name for name, questions in found.items() if not questions]:
        raise ValueError(f"no such question: {', '.join(unknown)}")
    return [q for q in QUESTIONS if not names or any(q in questions for questions in found.values())]


def report(answers: dict[str, Answer], *, tiny: bool) -> str:
    """Return the table of all rows and the further text, as Markdown."""
    rows: list[Row] = [row for answer in answers.values() for row in answer.rows]
    if tiny:
        rows = [replace(row, met=None) for row in rows]
    how = "Tiny inputs, run once: these figures mean nothing." if tiny else "Medians of interleaved runs."
    text = [f"## {name}\n\n{answer.text}" for name, answer in answers.items() if answer.text]
    return "\n".join([f"# Benchmarks\n\n{machine()}\n\n{how}\n", table(rows), *text])


def main(arguments: list[str] | None = None) -> None:
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__, formatter_class=raw)
    parser.add_argument("questions", nargs="*", metavar="question", help=f"of {', '.join(QUESTIONS)} [all]")
    parser.add_argument("--tiny", action="store_true", help="run everything once on tiny inputs")
    parser.add_argument("--output", type=Path, default="results", help="folder for the results [results]")
    parser.add_argument(
        "--publish", action="store_true", help=f"update {PUBLISHED.name} of the documentation"
    )
    denoise = parser.add_argument_group("denoise")
    denoise.add_argument(
        "--clips",
        nargs="+",
        default=[],
        metavar="CLIP",
        help="clean videos to add noise to, FILE or FILE[frames=16,rows=100:460,columns=64:704]",
    )
    denoise.add_argument("--real", nargs="+", default=[], metavar="CLIP", help="noisy videos")
    denoise.add_argument(
        "--noises", nargs="+", type=int, default=[10, 20, 40], help="standard deviations [10 20 40]"
    )
    denoise.add_argument("--quick", action="store_true", help="try only two settings of each peer")
    given = parser.parse_args(arguments)
    if given.publish and given.tiny:
        parser.error("--publish needs real inputs, not --tiny")
    try:
        questions = chosen(given.questions)
    except ValueError as error:
        parser.error(str(error))
    options = Options(given.tiny, given.output, given.clips, given.real, tuple(given.noises), given.quick)

    options.folder.mkdir(parents=True, exist_ok=True)
    answers = {}
    for name in questions:
        start = perf_counter()
        answers[name] = importlib.import_module(f".{name}", __package__).run(options)
        print(f"{name}: {perf_counter() - start:.0f} s", flush=True)
    text, data = report(answers, tiny=options.tiny), figures(answers, machine())
    (options.folder / "report.md").write_text(text, "utf-8")
    (options.folder / "benchmarks.json").write_text(json.dumps(data, indent=2) + "\n", "utf-8")
    if given.publish:
        publish(data, PUBLISHED)
    print(f"\n{text}")


if __name__ == "__main__":
    main()
