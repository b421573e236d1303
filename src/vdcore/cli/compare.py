# SPDX-License-Identifier: Apache-2.0
"""``vdcore compare``: two videos, before and after."""

import json
import sys
from pathlib import Path

import click

import vdcore

from .errors import Command


@click.command(cls=Command)
@click.argument("a", metavar="A", type=click.Path(path_type=Path))
@click.argument("b", metavar="B", type=click.Path(path_type=Path))
@click.option("--out", metavar="PNG", type=click.Path(path_type=Path),
              help="Write a contact sheet: before, after, difference; PSNR and SSIM over time.")  # fmt: skip
@click.option("--video", metavar="FILE", type=click.Path(path_type=Path),
              help="Write a split-screen clip: left half A, right half B.")  # fmt: skip
@click.option("--rows", type=int, default=4, show_default=True, help="Frames on the sheet, 1 to 32.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, with one value per frame.")
@click.option("--quiet", is_flag=True, help="Print no summary and show no progress bar.")
def compare(
    a: Path, b: Path, out: Path | None, video: Path | None, rows: int, as_json: bool, quiet: bool
) -> None:
    """Compare the videos A (before) and B (after) frame by frame: PSNR and SSIM.

    \b
    vdcore compare in.mp4 out.mkv
    vdcore compare in.mp4 out.mkv --out sheet.png --rows 6
    vdcore compare in.mp4 out.mkv --video split.mp4
    vdcore compare in.mp4 out.mkv --json > frames.json

    In JSON, the infinite PSNR of identical frames is null.
    """
    progress = not quiet and sys.stderr.isatty()
    result = vdcore.compare(a, b, out=out, video=video, rows=rows, progress=progress)
    if as_json:
        click.echo(json.dumps({"a": str(a), "b": str(b), **result.to_dict()}, allow_nan=False))
    elif not quiet:
        click.echo(result.summary())
        for path, what in ((out, "contact sheet"), (video, "split screen")):
            if path is not None:
                click.echo(f"{path}: {what}")
