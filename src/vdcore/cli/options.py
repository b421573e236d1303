# SPDX-License-Identifier: Apache-2.0
"""Options that several commands share, and how their values are read."""

from pathlib import Path
from typing import Any

import click
import numpy.typing as npt

from vdcore._pictures import read_grey
from vdcore.denoiser import FACTORS


def parse_sigma(_: click.Context, __: click.Parameter, text: str | None) -> float | tuple[float, ...] | None:
    if text is None:
        return None
    try:
        numbers = tuple(map(float, text.split(",")))
    except ValueError:
        raise click.BadParameter(f"{text!r} is neither a number nor two with a comma between.") from None
    return numbers[0] if len(numbers) == 1 else numbers


def parse_strength(_: click.Context, __: click.Parameter, text: str) -> float | str:
    if text in FACTORS:
        return text
    try:
        return float(text)
    except ValueError:
        raise click.BadParameter(f"{text!r} is neither a number nor one of {', '.join(FACTORS)}.") from None


def parse_region(
    _: click.Context, __: click.Parameter, text: str | None
) -> tuple[int, ...] | npt.NDArray[Any] | None:
    if text is None:
        return None
    try:
        numbers = tuple(map(int, text.split(",")))
    except ValueError:
        return _read_mask(Path(text))
    if len(numbers) != 4:
        raise click.BadParameter(f"{text!r} is not x,y,width,height.")
    return numbers


def _read_mask(path: Path) -> npt.NDArray[Any]:
    if not path.is_file():
        raise click.BadParameter(f"{str(path)!r} is neither x,y,width,height nor a picture file.")
    mask = read_grey(path)
    if mask is None:
        raise click.BadParameter(f"{str(path)!r} is not a picture that OpenCV can read.")
    return mask


def parse_quality(_: click.Context, __: click.Parameter, text: str | None) -> int | str | None:
    if text is None or text == "lossless":
        return text
    try:
        return int(text)
    except ValueError:
        raise click.BadParameter(f"{text!r} is neither a whole number nor lossless.") from None


def _decorate(command: Any, options: tuple[Any, ...]) -> Any:
    """Add options to a command, in the order in which its help lists them."""
    for option in reversed(options):
        command = option(command)
    return command


def frame_options(command: Any) -> Any:
    """Add the options that select the frames, and the part of them, to filter."""
    return _decorate(command, (
        click.option("--lookahead", type=int, default=0, show_default=True,
                     help="Future frames to use; output is delayed by as many."),
        click.option("--region", callback=parse_region, metavar="X,Y,W,H|PICTURE",
                     help="Where frames are changed: a rectangle, or a mask (white = fully)."),
        click.option("--start", type=float, help="Filter from this frame or second on."),
        click.option("--stop", type=float, help="Filter up to this frame or second, exclusive."),
        click.option("--time-unit", type=click.Choice(["frames", "seconds"]), default="frames",
                     show_default=True, help="Unit of times."),
    ))  # fmt: skip


def file_options(command: Any) -> Any:
    """Add the arguments and options of every command that writes videos."""
    return _decorate(command, (
        click.argument("paths", nargs=-1, required=True, metavar="IN... [OUT]"),
        click.option("--out-dir", metavar="FOLDER", type=click.Path(path_type=Path),
                     help="Write the result of every IN into this folder, under the same name."),
        click.option("--suffix", metavar=".SUFFIX", help="With --out-dir: suffix of the results."),
        click.option("--codec", metavar="NAME",
                     help="h264, hevc, av1, vp9, prores, ffv1, lossless, ...; by default that of IN if it"
                          " can be encoded. With OpenCV a four-character code; the default depends on"
                          " the suffix of OUT."),
        click.option("--quality", metavar="Q|lossless", callback=parse_quality,
                     help="CRF of h264 (18 by default), hevc, av1, vp9; quantizer of mpeg4, mjpeg; lower is"
                          " better. With OpenCV 1 to 100, only for --codec MJPG; higher is better."),
        click.option("--encoder-preset", metavar="NAME", help="The encoder's own speed preset."),
        click.option("--bitrate", type=int, metavar="BITS", help="Bits per second, in place of --quality."),
        click.option("--fps", type=float,
                     help="Frame rate of inputs that have none: pictures, .npy and .tif."),
        click.option("--backend", type=click.Choice(["auto", "opencv", "pyav"]), default="auto",
                     show_default=True, help="Decoder and encoder; auto is PyAV if installed."),
        click.option("--threads", type=int,
                     help="Threads of the filter; by default all but those used by the codecs."),
        click.option("--progress/--no-progress", default=None,
                     help="Show a progress bar; by default only on a terminal."),
        click.option("--quiet", is_flag=True, help="Print errors only."),
        click.option("--json", "as_json", is_flag=True, help="Print the report as JSON."),
    ))  # fmt: skip
