# SPDX-License-Identifier: Apache-2.0
"""Errors and warnings as one line on stderr, phrased in command-line options."""

import os
import re
from typing import Any

import click

USER_ERRORS = (OSError, ValueError, OverflowError, MemoryError, ImportError)


class Command(click.Command):
    """A command whose errors are one line, phrased in its options."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except USER_ERRORS as error:
            raise click.ClickException(one_line(error)) from error


def one_line(error: BaseException) -> str:
    """Return the message of an error, its arguments named as options of the command that is running."""
    if isinstance(error, OSError) and error.strerror and error.filename is not None:
        return f"{os.fsdecode(error.filename)}: {error.strerror}"
    return in_options(" ".join(str(error).split())) or type(error).__name__


def in_options(message: str) -> str:
    """Return a message of the Python interface with its arguments as options of the running command."""
    context = click.get_current_context(silent=True)
    for parameter in context.command.params if context else ():
        option = next((option for option in parameter.opts if option.startswith("--")), None)
        if parameter.name is None or option is None:
            continue
        value = r"(?:'([^']*)'|\"([^\"]*)\"|([^\s,;:]+))"
        message = re.sub(rf"(?<![\w-]){parameter.name}={value}", rf"{option} \1\2\3", message)
        message = re.sub(rf"^{parameter.name}(?=[ :,])", option, message)
    return message


def show_warning(message: Warning | str, *_: Any, **__: Any) -> None:
    click.echo(f"Warning: {message}", err=True)
