# SPDX-License-Identifier: Apache-2.0
"""The command ``vdcore`` and its subcommands.

Exit codes: 0 success, 1 failure, 2 wrong usage, 130 interrupted.
"""

import warnings

import click

import vdcore

from .compare import compare
from .demo import demo
from .denoise import denoise
from .errors import USER_ERRORS, one_line, show_warning
from .fit import fit
from .info import info
from .run import run

INTERRUPTED = 130


class Commands(click.Group):
    """Commands, most common first."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.commands)


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(vdcore.__version__, prog_name="vdcore")
def commands() -> None:
    """Remove noise from videos, or filter them by spatio-temporal diffusion."""


for command in (denoise, run, fit, compare, info, demo):
    commands.add_command(command)


def main(arguments: list[str] | None = None) -> int:
    """Run the command line and return its exit code; every error is one line on stderr."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("default", UserWarning)
            warnings.showwarning = show_warning
            return commands.main(arguments, prog_name="vdcore", standalone_mode=False) or 0
    except click.ClickException as error:
        text = error.format_message()
        click.echo(text if "\n" in text else f"Error: {text}", err=True)  # the help, if no command was given
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        click.echo("Interrupted", err=True)
        return INTERRUPTED
    except USER_ERRORS as error:
        click.echo(f"Error: {one_line(error)}", err=True)
        return 1
