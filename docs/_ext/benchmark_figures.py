# SPDX-License-Identifier: Apache-2.0
"""Every benchmark figure of the site, from docs/figures/benchmarks.json and nowhere else.

    {fig}`diffuse.rows.opencv_u8_20`      one value: "31" (also `psnr.gain.mean` and the like, derived below)

    ```{benchmark} models                 the table of a section: work, compared with, result, target
    ```

    ```{benchmark-quality} psnr           the table of PSNR or SSIM over clips and noise levels
    ```

The charts are drawn into _generated/ when a build begins.
"""

import json
from math import log10
from pathlib import Path
from statistics import mean
from typing import Any

from docutils import nodes
from docutils.parsers.rst import Directive
from sphinx.application import Sphinx

FILE = Path(__file__).parents[1] / "figures" / "benchmarks.json"
DATA: dict[str, Any] = json.loads(FILE.read_text("utf-8"))
PEERS = ("hqdn3d", "atadenoise", "vaguedenoiser", "fftdnoiz", "nlmeans", "OpenCV NLM")
OURS = ("fast", "balanced")


def _gains(preset: str, peers: tuple[str, ...]) -> dict[str, float]:
    """Minimum, mean and maximum of the PSNR over that of the best of these peers, in dB."""
    rows = DATA["denoise_quality"]["psnr"]
    gains = [row[preset] - max(row[peer] for peer in peers) for row in rows]
    return {"min": round(min(gains), 1), "mean": round(mean(gains), 1), "max": round(max(gains), 1)}


DATA["gain"] = {
    "balanced": _gains("balanced", PEERS),
    "fast": _gains("fast", PEERS),
    "fast_hqdn3d": _gains("fast", ("hqdn3d",)),
}


def value(path: str) -> str:
    """The value at a dotted path; of a row, its ratio."""
    found: Any = DATA
    for key in path.split("."):
        found = found[key]
    if isinstance(found, dict):
        found = found.get("faster", found.get("time"))
    return found if isinstance(found, str) else f"{found:g}"


def _table(
    header: list[str], rows: list[list[str]], numeric: int = 0, *, stacked: bool = False
) -> nodes.table:
    """A table; cells may hold ``code``; the last `numeric` columns are aligned right.

    On narrow screens the cells of a row of a `stacked` table lie below each other, labelled by their class.
    """
    group = nodes.tgroup(cols=len(header))
    group += [nodes.colspec(colwidth=1) for _ in header]
    head, body = nodes.thead(), nodes.tbody()
    labels = [name.replace(" ", "-") for name in header] if stacked else [""] * len(header)
    head += _row(header, labels, numeric)
    body += [_row(row, labels, numeric) for row in rows]
    group += [head, body]
    table = nodes.table(classes=["benchmark", *(["stacked"] if stacked else [])])
    table += group
    return table


def _row(cells: list[str], labels: list[str], numeric: int) -> nodes.row:
    row = nodes.row()
    for index, (cell, label) in enumerate(zip(cells, labels, strict=True)):
        paragraph = nodes.paragraph()
        for part, text in enumerate(cell.split("`")):
            if text:
                paragraph += nodes.literal(text=text) if part % 2 else nodes.Text(text)
        classes = [label] * bool(label) + ["text-right"] * (index >= len(cells) - numeric)
        classes += ["empty"] * (not cell)
        row += nodes.entry("", paragraph, classes=classes)
    return row


def _ratio(row: dict[str, Any]) -> str:
    return f"{row['faster']:g} x faster" if "faster" in row else f"{row['time']:g} x its time"


def _target(row: dict[str, Any]) -> str:
    if "target" not in row:
        return ""
    return f"at least {row['target']:g} x" if "faster" in row else f"at most {row['target']:g} x"


class Benchmark(Directive):
    """The table of a section."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        rows = list(DATA[self.arguments[0]]["rows"].values())
        threads = any("threads" in row for row in rows)
        header = ["work", *(["threads"] if threads else []), "compared with", "result", "target"]
        cells = [
            [
                row["work"],
                *([str(row.get("threads", 1))] if threads else []),
                row["peer"],
                _ratio(row),
                _target(row),
            ]
            for row in rows
        ]
        return [_table(header, cells, stacked=True), _command(self.arguments[0])]


class BenchmarkQuality(Directive):
    """The table of PSNR or SSIM."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        kind = self.arguments[0]
        digits = 2 if kind == "psnr" else 3
        names = ("noisy", *PEERS, *OURS)
        rows = [
            [row["clip"], str(row["noise"]), *(f"{row[name]:.{digits}f}" for name in names)]
            for row in DATA["denoise_quality"][kind]
        ]
        header = ["clip", "noise", *(f"`{name}`" if name in OURS else name for name in names)]
        return [_table(header, rows, len(names)), _command("denoise_quality")]


class BenchmarkStreaming(Directive):
    """Times in units of the streaming pass."""

    def run(self) -> list[nodes.Node]:
        rows = [
            [name, f"1e-{round(-log10(tolerance))}", *(f"{ratio:g}" for ratio in ratios)]
            for name, tolerance, *ratios in DATA["streaming"]["rows"]
        ]
        header = ["frames", "`tolerance`", "sigma 2", "sigma 10", "sigma 20"]
        return [_table(header, rows, 4), _command("streaming")]


class BenchmarkRealNoise(Directive):
    """What is left of a camera's noise."""

    def run(self) -> list[nodes.Node]:
        rows = [
            [f"`{preset}`", *(f"{row[key]} %" for key in ("flat", "dark", "settled_flat", "settled_dark"))]
            for preset, row in DATA["real_noise"]["rows"].items()
        ]
        header = ["preset", "flat", "dark and flat", "flat, from frame 20", "dark and flat, from frame 20"]
        return [_table(header, rows, 4), _command("real_noise")]


class BenchmarkRealistic(Directive):
    """Kinds of noise as footage has them."""

    def run(self) -> list[nodes.Node]:
        rows = [
            [row["kind"], *(f"{row[name]:.2f}" for name in ("noisy", *OURS))]
            + [f"{row[name]:+.2f}" for name in ("over_fixed", "over_peers")]
            for row in DATA["realistic"]["rows"]
        ]
        header = ["noise", "noisy", *(f"`{name}`" for name in OURS), "over fixed strengths", "over FFmpeg"]
        return [_table(header, rows, len(header) - 1), _command("realistic")]


def _command(section: str) -> nodes.paragraph:
    paragraph = nodes.paragraph(classes=["benchmark-command"])
    paragraph += [nodes.Text("Reproduce: "), nodes.literal(text=DATA[section]["command"])]
    return paragraph


def _figure_role(name: str, raw: str, text: str, *_: Any, **__: Any) -> tuple[list[nodes.Node], list[Any]]:
    return [nodes.Text(value(text))], []


def draw(app: Sphinx) -> None:
    """Draw the charts."""
    from matplotlib.figure import Figure

    folder = Path(app.srcdir) / "_generated"
    folder.mkdir(exist_ok=True)
    width_of_a_phone = 4.6  # inches: text is as large as on the page there, and larger elsewhere

    rows = DATA["denoise_quality"]["psnr"]
    figure = Figure(figsize=(width_of_a_phone, 3.6), layout="constrained")
    axes = figure.add_subplot()
    levels = sorted({row["noise"] for row in rows})
    colours = ["#b9c4c9", "#a3b0b6", "#8d9ba2", "#77868e", "#61717a", "#4b5c66", "#3aa6ad", "#0b6e75"]
    names = (*PEERS, *OURS)
    width = 0.8 / len(names)
    for index, (name, colour) in enumerate(zip(names, colours, strict=True)):
        heights = [
            mean(row[name] - row["noisy"] for row in rows if row["noise"] == level) for level in levels
        ]
        places = [place + (index - (len(names) - 1) / 2) * width for place in range(len(levels))]
        axes.bar(places, heights, width * 0.92, color=colour, label=name)
    axes.set_xticks(range(len(levels)), [f"noise {level}" for level in levels])
    axes.set_ylabel("gain in PSNR (dB)")
    axes.spines[["top", "right"]].set_visible(False)
    figure.legend(loc="outside lower center", ncols=3, fontsize=9, frameon=False)
    figure.savefig(folder / "quality.svg")

    figure = Figure(figsize=(width_of_a_phone, 3.0), layout="constrained")
    axes = figure.add_subplot()
    sigmas = (2, 10, 20)
    series = [("OpenCV", "opencv_u8", "#61717a"), ("SciPy", "scipy_u8", "#b9c4c9")]
    for index, (name, key, colour) in enumerate(series):
        heights = [DATA["diffuse"]["rows"][f"{key}_{sigma}"]["faster"] for sigma in sigmas]
        places = [place + (index - 0.5) * 0.36 for place in range(len(sigmas))]
        bars = axes.bar(places, heights, 0.34, color=colour, label=f"over {name}")
        axes.bar_label(bars, [f"{height:g} x" for height in heights], fontsize=9)
    axes.set_xticks(range(len(sigmas)), [f"sigma {sigma}" for sigma in sigmas])
    axes.set_yscale("log")
    axes.set_ylabel("times faster")
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, loc="upper left")
    axes.margins(y=0.15)
    figure.savefig(folder / "speed.svg")


def setup(app: Sphinx) -> dict[str, Any]:
    app.add_role("fig", _figure_role)
    app.add_directive("benchmark", Benchmark)
    app.add_directive("benchmark-quality", BenchmarkQuality)
    app.add_directive("benchmark-streaming", BenchmarkStreaming)
    app.add_directive("benchmark-real-noise", BenchmarkRealNoise)
    app.add_directive("benchmark-realistic", BenchmarkRealistic)
    app.connect("builder-inited", draw)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
