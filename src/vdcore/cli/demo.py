# SPDX-License-Identifier: Apache-2.0
"""``vdcore demo``: a first result in a minute."""

from pathlib import Path

import click

from .errors import Command


@click.command(cls=Command)
@click.argument("folder", default="vdcore-demo", type=click.Path(path_type=Path))
def demo(folder: Path) -> None:
    """Make a noisy clip in FOLDER, filter it, and measure the gain."""
    from vdcore.tools.demo import run_demo

    result = run_demo(folder)
    click.echo(f"{result.noisy}: PSNR {result.psnr_before:.2f} dB")
    click.echo(f"{result.filtered}: PSNR {result.psnr_after:.2f} dB")
    click.echo(f"{result.picture}: before | after | difference")
