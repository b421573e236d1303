# SPDX-License-Identifier: Apache-2.0
"""The contact sheet of a comparison: rows of pictures, pixel for pixel, above a plot of PSNR and SSIM."""

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from vdcore._arrays import Array

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from .compare import Comparison

_COLUMN = 300  # pixels, minimum width of a column
_SMALL = 200  # pixels: pictures with a longer side below are enlarged by a whole factor
_MARGIN, _GAP, _LINE, _PLOT = (
    24,
    12,
    24,
    260,
)  # pixels at 100 dpi: around all, between pictures, of text, the plot
_CHARACTER = 7.5  # pixels at 100 dpi, about the width of one
_WIDTH = 1300  # pixels: text on wider sheets grows with them
_BLUE, _ORANGE = "tab:blue", "tab:orange"


def draw_sheet(
    path: Path,
    result: "Comparison",
    names: Sequence[str],
    rows: Sequence[Sequence[Array]],
    fps: float | None,
) -> None:
    """Write the sheet as PNG.

    Parameters
    ----------
    path : pathlib.Path
    result : Comparison
        `shown` names the frames of the rows.
    names : sequence of str
        One for each column.
    rows : sequence of sequence of ndarray, shape (H, W) or (H, W, 3), uint8
        Pictures of one size.
    fps : float or None
        Frames per second, if known, for the captions.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    tall, wide = rows[0][0].shape[:2]
    factor = max(1, _SMALL // max(tall, wide))
    tall, wide = factor * tall, factor * wide
    column = max(wide, _COLUMN)
    scale = max(1, len(names) * column / _WIDTH)
    margin, gap, line, plot = (round(scale * length) for length in (_MARGIN, _GAP, _LINE, _PLOT))
    width = 2 * margin + len(names) * column + (len(names) - 1) * gap
    height = 2 * margin + 2 * line + len(rows) * (line + tall + gap) + plot
    dpi = 100 * scale
    figure = Figure(figsize=(width / dpi, height / dpi), dpi=dpi, facecolor="white")
    FigureCanvasAgg(figure)
    lefts = [margin + i * (column + gap) for i in range(len(names))]

    def write(left: float, top: float, text: str, **style: Any) -> None:
        figure.text(left / width, 1 - top / height, text, va="top", fontsize=10, parse_math=False, **style)

    write(margin, margin, result.summary(), weight="bold", color="black")
    for left, name in zip(lefts, names, strict=True):
        write(left, margin + line, _shortened(name, int(column / (scale * _CHARACTER))), color="black")
    top = margin + 2 * line
    for index, pictures in zip(result.shown, rows, strict=True):
        write(margin, top + 4 * scale, _caption(result, index, fps), color="0.3")
        top += line
        for left, picture in zip(lefts, pictures, strict=True):
            place = (left / width, 1 - (top + tall) / height, wide / width, tall / height)
            axes = figure.add_axes(place)
            axes.imshow(picture, cmap="gray", vmin=0, vmax=255, interpolation="nearest", aspect="auto")
            axes.set_axis_off()
        top += tall + gap
    left, bottom, right = margin + 50 * scale, margin + 45 * scale, width - margin - 60 * scale
    place = left / width, bottom / height, (right - left) / width, (plot - 70 * scale) / height
    _draw_curves(figure.add_axes(place), result)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph")  # file names in any script
        figure.savefig(path, format="png", dpi=dpi)


def _caption(result: "Comparison", index: int, fps: float | None) -> str:
    time = f", {index / fps:.2f} s" if fps else ""
    worst = ", the worst" if index == result.worst and result.frames > 1 else ""
    return f"frame {index}{time}: {result.text_of(index)}{worst}"


def _shortened(text: str, length: int) -> str:
    """The text, its middle left out if it has more than `length` characters."""
    half = (length - 1) // 2
    return text if len(text) <= length else f"{text[:half]}…{text[-half:]}"


def _draw_curves(axes: "Axes", result: "Comparison") -> None:
    """PSNR and SSIM over the frames; grey lines where the rows are."""
    from matplotlib.ticker import MaxNLocator

    frames, marker = np.arange(result.frames), "." if result.frames < 60 else ""
    levels = np.where(np.isfinite(result.psnr), result.psnr, np.nan)
    for index in result.shown:
        axes.axvline(index, color="0.85", linewidth=1, zorder=0)
    axes.plot(frames, levels, color=_BLUE, marker=marker, linewidth=1.2)
    axes.set_xlim(-0.5, result.frames - 0.5)
    axes.set_xlabel("frame (gaps in PSNR: identical)" if np.isnan(levels).any() else "frame")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    axes.set_ylabel("PSNR in dB", color=_BLUE)
    other = axes.twinx()
    other.plot(frames, result.ssim, color=_ORANGE, marker=marker, linewidth=1.2)
    other.set_ylabel("SSIM", color=_ORANGE)
    for each, color, min_span in ((axes, _BLUE, 0.5), (other, _ORANGE, 0.002)):
        low, high = each.get_ylim()
        if high - low < min_span:  # tiny differences are not magnified
            each.set_ylim((low + high - min_span) / 2, (low + high + min_span) / 2)
        each.tick_params(axis="y", colors=color)
        each.ticklabel_format(axis="y", useOffset=False)
        each.spines["top"].set_visible(False)
