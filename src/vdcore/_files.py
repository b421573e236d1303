# SPDX-License-Identifier: Apache-2.0
"""Files that appear under their name only when they are complete."""

import errno
import os
import secrets
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

StrPath = str | os.PathLike[str]


def resolved_target(out: StrPath, name: str) -> Path:
    """Return the file to write: where `out` is a link, its target.

    Raises
    ------
    OSError
        It is a folder, or its folder does not exist.
    """
    target = Path(os.path.realpath(out))
    if target.is_dir():
        raise IsADirectoryError(f"{name} must be a file, got the folder {target}")
    if not target.parent.is_dir():
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(target.parent))
    return target


@contextmanager
def temporary_file(target: Path) -> Iterator[Path]:
    """Yield a temporary file next to `target`, with its suffix; it is deleted at the end unless renamed.

    Raises
    ------
    OSError
        The folder cannot be written to.
    """
    path = target.with_name(f".{target.stem}-{secrets.token_hex(4)}{target.suffix}")
    open(path, "xb").close()  # fails now rather than at the end
    try:
        yield path
    finally:
        path.unlink(missing_ok=True)


@contextmanager
def new_file(
    out: StrPath, name: str, suffixes: Collection[str], inputs: Iterable[Path] = ()
) -> Iterator[Path]:
    """Yield a temporary file next to `out`, which replaces it at the end; after an error it is deleted.

    Parameters
    ----------
    out : str or os.PathLike
        The file to write; where it is a link, its target.
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
        `out` is a folder, or its folder does not exist or cannot be written to.
    """
    target = Path(os.path.realpath(out))
    if target.suffix.lower() not in suffixes:
        raise ValueError(f"{name} must end in {' or '.join(suffixes)}, got {os.fspath(out)}")
    target = resolved_target(out, name)
    if target.exists() and any(target.samefile(path) for path in inputs):
        raise ValueError(f"{name} must differ from the inputs, got {os.fspath(out)} for both")
    with temporary_file(target) as path:
        yield path
        os.replace(path, target)
