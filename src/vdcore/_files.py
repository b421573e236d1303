# SPDX-License-Identifier: Apache-2.0
"""Files that appear under their name only when they are complete."""

import errno
import os
import secrets
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

StrPath = str | os.PathLike[str]


def checked_place(out: StrPath, name: str) -> Path:
    """Where a file is to be written: a link stays, and what it points to is replaced.

    Raises
    ------
    OSError
        It is a folder, or the folder that it is in is not there.
    """
    target = Path(os.path.realpath(out))
    if target.is_dir():
        raise IsADirectoryError(f"{name} must be a file, got the folder {target}")
    if not target.parent.is_dir():
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(target.parent))
    return target


@contextmanager
def beside(target: Path) -> Iterator[Path]:
    """A new file beside `target`, with its suffix, that is gone at the end unless it was renamed.

    Raises
    ------
    OSError
        The folder cannot be written to.
    """
    path = target.with_name(f".{target.stem}-{secrets.token_hex(4)}{target.suffix}")
    open(path, "xb").close()  # tells at once what is wrong
    try:
        yield path
    finally:
        path.unlink(missing_ok=True)


@contextmanager
def new_file(
    out: StrPath, name: str, suffixes: Collection[str], inputs: Iterable[Path] = ()
) -> Iterator[Path]:
    """A new file beside `out`, with its suffix, that takes its place at the end; after an error it is gone.

    Parameters
    ----------
    out : str or os.PathLike
        Where a link stays, and what it points to is replaced.
    name : str
        What the argument is called in errors.
    suffixes : collection of str
        Those that are allowed, in lower case.
    inputs : iterable of pathlib.Path
        Files that `out` must not be.

    Raises
    ------
    ValueError
        `out` has another suffix or is one of the inputs.
    OSError
        `out` is a folder, or the folder that it is in is not there or cannot be written to.
    """
    target = Path(os.path.realpath(out))
    if target.suffix.lower() not in suffixes:
        raise ValueError(f"{name} must end in {' or '.join(suffixes)}, got {os.fspath(out)}")
    target = checked_place(out, name)
    if target.exists() and any(target.samefile(path) for path in inputs):
        raise ValueError(f"{name} must be another file than the inputs, got {os.fspath(out)} for both")
    with beside(target) as path:
        yield path
        os.replace(path, target)
