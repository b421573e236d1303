# SPDX-License-Identifier: Apache-2.0
"""``vdcore denoise``: noise removal on files."""

from typing import Any

import click

import vdcore

from .errors import Command
from .options import file_options, frame_options, parse_strength
from .process import process


@click.command(cls=Command)
@click.option(
    "--strength",
    default="auto",
    show_default=True,
    callback=parse_strength,
    metavar="auto|S",
    help="Standard deviation of the noise in 8-bit units, 0 to 255, at any depth; 0 = no change.",
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
    help="Follow the motion along the optical flow, or assume a still picture.",
)
@frame_options
@file_options
def denoise(motion: str, **options: Any) -> int:
    """Remove the noise from the video IN and write it to OUT, or from many into a folder.

    IN and OUT are those of `vdcore run`.

    \b
    Examples:
      vdcore denoise in.mp4 out.mp4
      vdcore denoise in.mp4 out.mkv --preset fast --lookahead 2 --codec lossless
      vdcore denoise holiday/ --out-dir clean/ --suffix .mkv
    """  # fmt: skip
    return process(vdcore.denoise_video, motion=None if motion == "none" else motion, **options)
