# SPDX-License-Identifier: Apache-2.0
"""``vdcore run``: the diffusion filter on files."""

from typing import Any

import click

import vdcore

from .errors import Command
from .options import file_options, frame_options, parse_region, parse_sigma
from .process import process


@click.command(cls=Command)
@click.option(
    "--sigma",
    required=True,
    callback=parse_sigma,
    metavar="S|SY,SX",
    help="Spatial standard deviation in pixels; 0 = no spreading.",
)
@click.option(
    "--tau",
    type=float,
    required=True,
    help="Time constant in --time-unit; 0 = no memory, inf = running mean.",
)
@click.option(
    "--model",
    default="gaussian",
    show_default=True,
    metavar="NAME[:KEY=VALUE,...]",
    help=f"Coefficient model: {', '.join(vdcore.models.MODELS)}. Values in sample units are in"
    " 8-bit units, 0 to 255.",
)
@frame_options
@click.option(
    "--confidence",
    callback=parse_region,
    metavar="X,Y,W,H|PICTURE",
    help="Weight of each pixel as a source, in the forms of --region; black = missing.",
)
@click.option(
    "--boundary",
    type=click.Choice(["renormalize", "reflect", "nearest", "constant"]),
    default="renormalize",
    show_default=True,
    help="How the picture continues beyond its edges.",
)
@click.option(
    "--cval", type=float, default=0.0, show_default=True, help="Value for --boundary constant, 0 to 255."
)
@click.option(
    "--truncate", type=float, default=4.0, show_default=True, help="Radius of the kernel in sigmas."
)
@click.option(
    "--fill", type=float, help="Value, 0 to 255, where no source reaches; by default the frame's own."
)
@click.option("--tolerance", type=float, help="Allowed error before rounding, as a fraction of the range.")
@click.option("--dither", type=click.Choice(["ordered"]), help="Dither the output to avoid banding.")
@click.option("--motion", type=click.Choice(["flow"]), help="Follow the optical flow.")
@click.option(
    "--gate",
    type=float,
    metavar="NOISE",
    help="Standard deviation of the noise, 0 to 255; the past loses weight where it differs by more.",
)
@click.option(
    "--raw", is_flag=True, help="Output the weighted sum instead of the weighted mean; needs --gain."
)
@click.option("--gain", type=float, help="Factor for the sums of --raw.")
@file_options
def run(raw: bool, gain: float | None, **options: Any) -> int:
    """Filter the video IN and write the result to OUT, or many into a folder.

    IN is a file, "-" (YUV4MPEG), rtsp://..., frame_%04d.png, a camera's number, .npy or .tif. OUT is a file,
    whose suffix selects the container, "-" or frame_%04d.png. With --out-dir, a folder among IN stands for
    the videos in it; a file that fails does not stop the others.

    \b
    Examples:
      vdcore run in.mp4 out.mp4 --sigma 1.5 --tau 3
      vdcore run in.mov out.mkv --sigma 1 --tau 0.1 --time-unit seconds --codec lossless
      vdcore run *.mp4 --out-dir filtered/ --sigma 1 --tau 2
      ffmpeg -i in.mp4 -f yuv4mpegpipe - | vdcore run - - --sigma 1 --tau 2 | ffmpeg -i - out.mp4
    """  # fmt: skip
    if raw and gain is None:
        raise click.UsageError("--raw needs --gain")
    if gain is not None and not raw:
        raise click.UsageError("--gain needs --raw")
    return process(vdcore.diffuse_video, normalize=not raw, gain=gain, **options)
