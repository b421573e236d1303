# SPDX-License-Identifier: Apache-2.0
"""Output files, which appear under their name when they are complete."""

import os
import re
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from vdcore._files import StrPath, resolved_target, temporary_file

PATTERN = re.compile(r"%0?\d*d")
STANDARD = "-"  # standard input or output


class Target:
    """An output, as `open_target` makes it."""

    def __init__(self, path: Path | str, name: str) -> None:
        self.path = path  # the file to write
        self.name = name

    def commit(self) -> None:
        """Move what was written to its place."""


class _Replaced(Target):
    """A file that replaces another one when it is complete."""

    def __init__(self, path: Path, place: Path) -> None:
        super().__init__(path, str(place))
        self._place = place

    def commit(self) -> None:
        assert isinstance(self.path, Path)
        os.replace(self.path, self._place)


class PictureTarget(Target):
    """Numbered pictures, in a folder of their own until they are complete."""

    def __init__(self, folder: Path, pattern: Path) -> None:
        super().__init__(str(folder / pattern.name), str(pattern))
        self._folder, self._parent = folder, pattern.parent

    def commit(self) -> None:
        for picture in sorted(self._folder.iterdir()):
            os.replace(picture, self._parent / picture.name)


@contextmanager
def open_target(out: StrPath) -> Iterator[Target]:
    """Yield a temporary target next to the output, which is deleted at the end unless committed.

    Raises
    ------
    OSError
        The output cannot be written.
    """
    text = os.fspath(out)
    if text == STANDARD:
        yield Target(STANDARD, "standard output")
        return
    target = resolved_target(out, "out")
    if PATTERN.search(target.name):
        folder = target.with_name(f".{PATTERN.sub('', target.stem)}-{secrets.token_hex(4)}")
        folder.mkdir()
        try:
            yield PictureTarget(folder, target)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        return
    with temporary_file(target) as path:
        yield _Replaced(path, target)
