# SPDX-License-Identifier: Apache-2.0
"""One kind of plot: lines over logarithmic axes."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")
from matplotlib import pyplot as plt  # noqa: E402


def plot_lines(
    path: Path,
    labels: tuple[str, str, str],
    x: Sequence[float],
    lines: Mapping[str, Sequence[float]],
    *,
    ticks: Sequence[str] | None = None,
    scale: str = "log",
) -> None:
    """Write a PNG with one line per entry of `lines`; a name in brackets is a reference, drawn dashed.

    Parameters
    ----------
    path : Path
    labels : (title, x label, y label)
    x : sequence of float
        Shared by all lines, and the places of the ticks.
    lines : mapping of name to values
    ticks : sequence of str, optional
        What to write at `x` in place of the numbers.
    scale : {"log", "linear"}
        Of both axes.
    """
    title, x_label, y_label = labels
    figure, axes = plt.subplots(figsize=(8, 5), layout="constrained")
    for name, values in lines.items():
        reference = name.startswith("[")
        style: dict[str, Any] = {"linestyle": "--", "color": "grey"} if reference else {"marker": "o"}
        axes.plot(x, values, label=name.strip("[]"), **style)
    axes.set(title=title, xlabel=x_label, ylabel=y_label, xscale=scale, yscale=scale)
    axes.set_xticks(x, ticks or [f"{value:g}" for value in x])
    axes.minorticks_off()
    if scale == "log":
        axes.yaxis.set_major_locator(matplotlib.ticker.LogLocator(subs=(1, 2, 5)))
        axes.yaxis.set_major_formatter(matplotlib.ticker.StrMethodFormatter("{x:g}"))
    axes.grid(alpha=0.3)
    axes.legend(frameon=False)
    figure.savefig(path, dpi=120)
    plt.close(figure)
