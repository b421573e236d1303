# SPDX-License-Identifier: Apache-2.0
"""A bounded subset of a video of any length, collected in one pass, for fitting parameters.

A video within the limit is kept whole. Of a larger one, tiles spread over the frame are kept, in different
places for each run of consecutive frames; of a longer one, every second run, every fourth and so on.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from vdcore._arrays import Array

WARM_UP, COUNTED = 16, 16  # frames of a run
TILE, MARGIN = 32, 4  # pixels: side of a tile, and its rim, which is filtered but not evaluated
_GOLDEN = 1.3247179572447460  # x^3 = x + 1


@dataclass(frozen=True)
class Piece:
    """Consecutive frames: whole ones, or tiles of them side by side.

    Attributes
    ----------
    images : ndarray, shape (T, N, H, W, C)
        N videos that belong together: the frames, and the reference if there is one.
    times : ndarray of float64, shape (T,)
    start, stop : int
        Frames from start to stop are evaluated; those before let the filter settle, those after serve its
        lookahead.
    corners : sequence of (int, int)
        (y, x) of the tiles, none for whole frames.
    """

    images: Array
    times: npt.NDArray[np.float64]
    start: int
    stop: int
    corners: Sequence[tuple[int, int]]

    @property
    def tiles(self) -> int:
        """Number of tiles, 0 for whole frames."""
        return len(self.corners)

    def part(self, picture: Array) -> Array:
        """Return the part of a picture of shape (H, W) that the piece covers."""
        if not self.corners:
            return picture
        return np.concatenate([picture[y : y + TILE, x : x + TILE] for y, x in self.corners], axis=1)

    def counted(self, values: Array) -> Array:
        """Return the evaluated part of `values` of shape (T, ..., H, W, C), perhaps in another shape."""
        values = values[self.start : self.stop]
        if not self.tiles:
            return values
        split = values.reshape(*values.shape[:-2], self.tiles, -1, values.shape[-1])
        return split[..., MARGIN:-MARGIN, :, MARGIN:-MARGIN, :]


class Subset:
    """Takes frame after frame and keeps `max_samples` samples of each video, or one tile if that is more.

    Parameters
    ----------
    max_samples : int
    lookahead : int
        Frames to keep after the evaluated ones of a run.
    rng : numpy.random.Generator
        Chooses the tiles.
    """

    def __init__(self, max_samples: int, lookahead: int, rng: np.random.Generator) -> None:
        self._max_samples = max_samples
        self._ahead = min(lookahead, WARM_UP)
        self._length = WARM_UP + COUNTED + self._ahead
        self._rng = rng
        self._runs: dict[int, list[Array]] = {}  # frames of shape (N, H, W, C), by number of the run
        self._corners: dict[int, list[tuple[int, int]]] = {}  # (y, x) of the tiles of a run
        self._tiles = 0  # in every run; 0 = whole frames
        self._spacing = 1  # of the runs that are kept
        self._kept = 0  # samples of one of the videos
        self._times: list[float] = []

    @property
    def frames(self) -> int:
        """Number of frames seen."""
        return len(self._times)

    def add(self, images: Array, time: float) -> None:
        """Take the next frame of all videos, shape (N, H, W, C)."""
        run = self.frames // self._length
        self._times.append(time)
        if run % self._spacing:
            return
        if run not in self._runs:
            self._runs[run] = []
            self._corners[run] = self._choose(images.shape[1:3])
        self._runs[run].append(self._cut(images, run) if self._tiles else images.copy())
        self._kept += self._runs[run][-1][0].size
        while self._kept > self._max_samples and self._reduce(images.shape[1:3]):
            self._kept = sum(frame[0].size for frames in self._runs.values() for frame in frames)

    def _choose(self, shape: tuple[int, ...]) -> list[tuple[int, int]]:
        """Return the corners of as many tiles as cover a frame, any first few of them evenly spread.

        They follow M. Roberts' R2 sequence from a random start.
        """
        steps = np.arange(1 + shape[0] * shape[1] // TILE**2)[:, None] / (_GOLDEN, _GOLDEN**2)
        room = np.maximum(1, np.array(shape) - TILE + 1)
        corners = (self._rng.random(2) + steps) % 1 * room
        return [(int(y), int(x)) for y, x in corners]

    def _cut(self, images: Array, run: int) -> Array:
        """Return the tiles of this run side by side."""
        corners = self._corners[run][: self._tiles]
        return np.concatenate([images[:, y : y + TILE, x : x + TILE] for y, x in corners], axis=2)

    def _reduce(self, shape: tuple[int, ...]) -> bool:
        """Go over to tiles, then halve the tiles or the runs, whichever are more; False if there is one."""
        if not self._tiles and min(shape) >= TILE and max(shape) > TILE:
            self._tiles = len(self._corners[0])
            for run, frames in self._runs.items():
                self._runs[run] = [self._cut(frame, run) for frame in frames]
        elif self._tiles > 1 and self._tiles >= len(self._runs):
            self._tiles //= 2
            for run, frames in self._runs.items():
                self._runs[run] = [frame[:, :, : self._tiles * TILE].copy() for frame in frames]
        elif len(self._runs) > 1:
            self._spacing *= 2
            self._runs = {run: self._runs[run] for run in self._runs if run % self._spacing == 0}
        else:
            return False
        return True

    def pieces(self) -> Iterator[Piece]:
        """Yield the pieces kept."""
        if not self._tiles and self._spacing == 1:
            images = np.stack([frame for frames in self._runs.values() for frame in frames])
            yield Piece(images, np.array(self._times), 0, len(images), ())
            return
        for run, frames in self._runs.items():
            first = run * self._length
            last = first + len(frames)
            start = WARM_UP if run else 0
            stop = len(frames) - (self._ahead if last < self.frames else 0)
            if start < stop:
                corners = self._corners[run][: self._tiles]
                yield Piece(np.stack(frames), np.array(self._times[first:last]), start, stop, corners)
