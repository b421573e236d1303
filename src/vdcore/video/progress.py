# SPDX-License-Identifier: Apache-2.0
"""A progress bar over the frames of a video."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def progress_bar(shown: bool, frames: int | None) -> Iterator[Callable[[], object]]:
    """Yield a function to call after every frame; it advances a bar on stderr if `shown`."""
    if not shown:
        yield lambda: None
        return
    from tqdm.auto import tqdm

    with tqdm(total=frames, unit="frame") as bar:
        yield bar.update
