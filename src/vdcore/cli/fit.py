# SPDX-License-Identifier: Apache-2.0
"""``vdcore fit``: the best sigma and tau for a video."""

from pathlib import Path
from typing import Any

import click

from .errors import Command
from .options import parse_sigma


@click.command(cls=Command)
@click.argument("source", metavar="IN", type=click.Path(path_type=Path))
@click.option(
    "--reference",
    metavar="CLEAN",
    type=click.Path(path_type=Path),
    help="The same video without noise; if omitted, the error is estimated.",
)
@click.option(
    "--out",
    metavar="OUT",
    type=click.Path(path_type=Path),
    default="out.mp4",
    show_default=True,
    help="Output file of the printed command.",
)
@click.option("--sigma", callback=parse_sigma, metavar="S|SY,SX", help="Keep sigma fixed at this value.")
@click.option("--tau", type=float, help="Keep tau fixed at this value.")
@click.option(
    "--noise",
    type=float,
    help="Standard deviation of the noise in 8-bit units (0 to 255); by default estimated.",
)
@click.option(
    "--time-unit",
    type=click.Choice(["frames", "seconds"]),
    default="frames",
    show_default=True,
    help="Unit of tau.",
)
@click.option("--lookahead", type=int, default=0, show_default=True, help="Future frames to use.")
@click.option(
    "--max-evaluations", type=int, default=40, show_default=True, help="Maximum number of settings to try."
)
@click.option("--seed", type=int, default=0, show_default=True, help="Seed of the random probe.")
@click.option("--threads", type=int, help="Threads of the filter.")
@click.option(
    "--plot", metavar="FILE", type=click.Path(path_type=Path), help="Plot the error of the settings tried."
)
@click.option("--table", is_flag=True, help="List the settings tried.")
def fit(source: Path, out: Path, plot: Path | None, table: bool, **options: Any) -> None:
    """Find the best sigma and tau for the video IN, and print the command that uses them."""  # fmt: skip
    from vdcore.tools.fitting import fit as fit_parameters

    result = fit_parameters(source, **options)
    if table:
        click.echo(result.table())
    if result.noise is not None:
        levels = ", ".join(f"{level:.3g}" for level in result.noise.sigma)
        click.echo(f"noise: {levels} (standard deviation, 8-bit units)")
    sigma = result.sigma if isinstance(result.sigma, tuple) else (result.sigma,)
    click.echo(f"sigma: {', '.join(f'{part:.4g}' for part in sigma)} pixels")
    click.echo(f"tau: {result.tau:.4g} {result.time_unit}")
    how = f"{'estimated' if options['reference'] is None else 'measured'} over {result.frames} frames"
    click.echo(f"mean squared error: {result.error:.4g} (8-bit units), PSNR {result.psnr:.2f} dB ({how})")
    if plot is not None:
        result.plot(plot)
        click.echo(f"{plot}: plot")
    click.echo(result.command(source, out))
