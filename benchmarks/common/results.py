# SPDX-License-Identifier: Apache-2.0
"""What a question answers: rows of the table, text, and figures for the documentation.

`docs/figures/benchmarks.json` holds every figure that the documentation shows. A row with a `place` such as
"diffuse.opencv_u8_2" belongs there: section "diffuse", row "opencv_u8_2".
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self


@dataclass(frozen=True)
class Options:
    """What the command line asks for.

    Attributes
    ----------
    tiny : bool
        Run once on tiny inputs.
    folder : Path
        Where plots go.
    clips, real : list of str
        Of the denoiser: clean videos, to which noise is added, and noisy ones; see `denoise.footage`.
    noises : tuple of int
        Of the denoiser: standard deviations of the noise that is added.
    quick : bool
        Of the denoiser: try only two settings of each peer.
    kinds, parts : tuple of str
        Of `denoise.realistic`: kinds of noise, and parts of the answer; empty means all.
    reference, write_reference : Path or None
        Of `denoise.realistic`: the file to read or write; see `denoise.reference`.
    """

    tiny: bool = False
    folder: Path = Path("results")
    clips: list[str] = field(default_factory=list)
    real: list[str] = field(default_factory=list)
    noises: tuple[int, ...] = (10, 20, 40)
    quick: bool = False
    kinds: tuple[str, ...] = ()
    parts: tuple[str, ...] = ()
    reference: Path | None = None
    write_reference: Path | None = None


@dataclass(frozen=True)
class Row:
    """One line of the table; `met` is None where there is no target or nothing was measured."""

    work: str
    peer: str
    runs_on: str
    result: str
    target: str = ""
    met: bool | None = None
    place: str = ""
    figure: Any = None

    @classmethod
    def faster(
        cls, place: str, work: str, peer: str, runs_on: str, ratio: float, target: float | None = None
    ) -> Self:
        """Their time over ours: more is better."""
        text, met = (f"at least {target:g} x", ratio >= target) if target else ("", None)
        figure = {"work": work, "peer": peer, "faster": rounded(ratio)} | (
            {"target": target} if target else {}
        )
        return cls(work, peer, runs_on, f"{ratio:.3g} x faster", text, met, place, figure)

    @classmethod
    def slower(
        cls, place: str, work: str, peer: str, runs_on: str, ratio: float, target: float | None = None
    ) -> Self:
        """Our time over theirs: less is better."""
        text, met = (f"at most {target:g} x", ratio <= target) if target else ("", None)
        figure = {"work": work, "peer": peer, "time": rounded(ratio)} | ({"target": target} if target else {})
        return cls(work, peer, runs_on, f"{ratio:.3g} x the time", text, met, place, figure)


@dataclass(frozen=True)
class Answer:
    """Rows of the table, further Markdown, and further figures by place."""

    rows: Sequence[Row]
    text: str = ""
    figures: Mapping[str, Any] = field(default_factory=dict)


def rounded(value: float) -> float:
    """Keep the digits that are reproducible: two decimals below 2, one below 10, else none."""
    return round(value, 2 if abs(value) < 2 else 1 if abs(value) < 10 else None)


def markdown(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table."""
    lines = [header, ["---"] * len(header), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def table(rows: Sequence[Row]) -> str:
    """Return the rows as a Markdown table."""
    met = {True: "yes", False: "**no**", None: ""}
    cells = [(row.work, row.peer, row.runs_on, row.result, row.target, met[row.met]) for row in rows]
    return markdown(["work", "compared with", "runs on", "result", "target", "met"], cells)


def figures(answers: Mapping[str, Answer], machine: str) -> dict[str, Any]:
    """Return what the questions measured in the form of benchmarks.json."""
    data: dict[str, Any] = {"machine": machine}
    for answer in answers.values():
        placed = {row.place: row.figure for row in answer.rows if row.figure is not None and row.place}
        for place, figure in (placed | dict(answer.figures)).items():
            section, _, name = place.partition(".")
            target = data.setdefault(section, {})
            if isinstance(figure, dict) and ("faster" in figure or "time" in figure):
                target = target.setdefault("rows", {})
            target[name] = figure
    return data


def publish(data: Mapping[str, Any], path: Path) -> None:
    """Update benchmarks.json; figures that were not measured stay."""
    published = json.loads(path.read_text("utf-8"))
    _merge(published, data)
    path.write_text(_dump(published), "utf-8")


def _merge(old: dict[str, Any], new: Mapping[str, Any]) -> None:
    for key, value in new.items():
        if isinstance(value, dict) and isinstance(old.get(key), dict):
            _merge(old[key], value)
        else:
            old[key] = value


def _dump(value: Any, depth: int = 0) -> str:
    """JSON with one line for each innermost list or object."""
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    if not any(isinstance(each, dict | list) for each in inner):
        return json.dumps(value, ensure_ascii=False) + ("\n" if depth == 0 else "")
    space = "  " * (depth + 1)
    items = (
        [f"{space}{json.dumps(key)}: {_dump(each, depth + 1)}" for key, each in value.items()]
        if isinstance(value, dict)
        else [f"{space}{_dump(each, depth + 1)}" for each in value]
    )
    brackets = "{}" if isinstance(value, dict) else "[]"
    return (
        f"{brackets[0]}\n"
        + ",\n".join(items)
        + f"\n{'  ' * depth}{brackets[1]}"
        + ("\n" if depth == 0 else "")
    )
