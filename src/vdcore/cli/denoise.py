# SPDX-License-Identifier: Apache-2.0
"""``vdcore denoise``: noise removal on files."""

from typing import Any

import click

import vdcore

from .errors import Command
from .options import file_options, frame_options, parse_region, parse_strength
from .process import process


@click.command(cls=Command)
@click.option(
    "--strength",
    default="auto",
    show_default=True,
    callback=parse_strength,
    metavar="light|auto|strong|S",
    help="auto estimates the noise; light and strong assume 0.7 and 1.4 times the estimate. A number is its"
    " standard deviation in 8-bit units (0 to 255) for every bit depth; 0 = no change.",
)
@click.option(
    "--preset",
    type=click.Choice(["fast", "balanced"]),
    default="balanced",
    show_default=True,
    help="Speed or quality.",
)
@click.option(
    "--motion",
    type=click.Choice(["flow", "none"]),
    default="flow",
    show_default=True,
    help="Follow the optical flow, or assume a static scene.",
)
@frame_options
@click.option(
    "--confidence",
    callback=parse_region,
    metavar="X,Y,W,H|PICTURE",
    help="What is known of each pixel, in the forms of --region; black = missing.",
)
@click.option(
    "--fill",
    type=float,
    help="Value, 0 to 255, of missing pixels that were never known; by default the frame's own.",
)
@click.option(
    "--hot-pixels",
    type=click.Choice(["auto", "off"]),
    default="auto",
    show_default=True,
    help="Replace impulses and dead pixels, or leave them.",
)
@file_options
def denoise(motion: str, **options: Any) -> int:
    """Remove noise from the video IN and write the result to OUT, or from many into a folder.

    IN and OUT are described in `vdcore run --help`.

    \b
    Examples:
      vdcore denoise in.mp4 out.mp4
      vdcore denoise in.mp4 out.mp4 --strength strong
      vdcore denoise in.mp4 out.mkv --preset fast --lookahead 2 --codec lossless
      vdcore denoise holiday/ --out-dir clean/ --suffix .mkv
    """  # fmt: skip
    return process(vdcore.denoise_video, motion=None if motion == "none" else motion, **options)
