# SPDX-License-Identifier: Apache-2.0
"""``vdcore info``: how vdcore was built, and the contents of a video."""

from contextlib import closing
from pathlib import Path

import click

import vdcore

from .errors import Command

_SHOWN = "width height channels fps frames codec pixel_format bits rotation backend".split()


@click.command(cls=Command)
@click.argument("file", required=False, type=click.Path(path_type=Path))
def info(file: Path | None) -> None:
    """Show how vdcore was built or, with FILE, the contents of a video."""
    if file is None:
        for name, value in vdcore.build_info().items():
            click.echo(f"{name}: {', '.join(value) if isinstance(value, tuple) else value}")
        return
    from vdcore.video import is_cut_short
    from vdcore.video.opening import open_reader

    with closing(open_reader(file)) as reader:
        video, losses = reader.info, reader.losses()
    for name in _SHOWN:
        value = getattr(video, name)
        click.echo(f"{name}: {'unknown' if value in (None, '') else value}")
    for kind, count in (video.other_streams or {}).items():
        click.echo(f"{kind} streams: {count}")
    click.echo(f"cut short: {'yes' if is_cut_short(video.path) else 'no'}")
    for loss in losses:
        click.echo(f"not kept: {loss}")
