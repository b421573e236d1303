# SPDX-License-Identifier: Apache-2.0
"""Where the output goes: it appears under its name when it is complete."""

import os
import re
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from vdcore._files import StrPath, beside, checked_place

PATTERN = re.compile(r"%0?\d*d")
STANDARD = "-"  # standard input or output


class Target:
    """Where the output goes, as `open_target` makes it."""

    def __init__(self, path: Path | str, name: str) -> None:
        self.path = path  # what is written to
        self.name = name

    def commit(self) -> None:
        """Put what was written in its place."""


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
    """A place to write to beside the output, that is gone at the end unless it was committed.

    Raises
    ------
    OSError
        The output cannot be written.
    """
    text = os.fspath(out)
    if text == STANDARD:
        yield Target(STANDARD, "standard output")
        return
    target = checked_place(out, "out")
    if PATTERN.search(target.name):
        folder = target.with_name(f".{PATTERN.sub('', target.stem)}-{secrets.token_hex(4)}")
        folder.mkdir()
        try:
            yield PictureTarget(folder, target)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        return
    with beside(target) as path:
        yield _Replaced(path, target)
