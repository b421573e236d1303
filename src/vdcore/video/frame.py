# SPDX-License-Identifier: Apache-2.0
"""Frames, their planes and their orientation.

A plane is luma, chroma or colour, perhaps coarser than the picture, perhaps rotated. Filters see the planes
of a frame as arrays over the full range of their dtype; alpha and padding are not among them. Numbers that
users give refer to the picture as it is shown, and to samples of 8 bits.
"""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

_UNITS = {"uint8": 1.0, "uint16": 256.0, "float32": 1 / 255, "float64": 1 / 255}
_BLACK, _WHITE, _MIDDLE = 16, 235, 128  # of limited range, and of chroma, in 8 bits


def sample_unit(dtype: np.dtype[Any]) -> float:
    """Return one 8-bit step in samples of a dtype: 1, 256 or 1 / 255."""
    return _UNITS[dtype.name]


@dataclass(slots=True)
class Frame:
    """A decoded frame.

    Attributes
    ----------
    planes : tuple of ndarray
        The samples, which filters change in place; `VideoInfo.planes` describes them.
    index : int
        Number of the frame, from 0.
    seconds : float
        Time since the first frame.
    carrier : object
        Data that the reader attaches to the frame.
    """

    planes: tuple[Array, ...]
    index: int
    seconds: float
    carrier: Any = None


@dataclass(frozen=True)
class Plane:
    """One array of a frame, the same in every frame of a stream.

    Attributes
    ----------
    kind : {"luma", "chroma", "colour"}
        Grey is luma.
    shape : tuple of int
        (H, W), or (H, W, C) where channels are filtered together.
    dtype : numpy.dtype
        uint8, uint16 (full range, also where the file has 10 or 12 bits), float32
        or float64 (0 to 1).
    subsampling : (int, int)
        Pixels of the picture for one sample, along y and x.
    channel_order : {"rgb", "bgr"}
        Order of the channels, for "colour".
    limited : bool
        Whether black and white are 16 and 235 of 255, as usual with luma.
    """

    kind: Literal["luma", "chroma", "colour"]
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    subsampling: tuple[int, int] = (1, 1)
    channel_order: Literal["rgb", "bgr"] = "rgb"
    limited: bool = False

    @property
    def size(self) -> tuple[int, int]:
        """(H, W)."""
        return self.shape[0], self.shape[1]

    @property
    def unit(self) -> float:
        """One 8-bit step in samples of this plane."""
        return sample_unit(self.dtype)

    def level(self, grey: float) -> float:
        """The sample of this plane that a grey of 0 to 255 has."""
        if self.kind == "chroma":
            return _MIDDLE * self.unit
        if self.limited:
            return (_BLACK + grey * (_WHITE - _BLACK) / 255) * self.unit
        return grey * self.unit


@dataclass(frozen=True)
class Orientation:
    """How the stored picture is shown: rotated counter-clockwise by a number of quarters."""

    quarters: int = 0

    def shown(self, picture: Array) -> Array:
        """A view of a stored picture (H, W[, C]) as it is shown."""
        return np.rot90(picture, self.quarters)

    def stored(self, picture: Array) -> Array:
        """A view of a picture as it is shown, as it is stored."""
        return np.rot90(picture, -self.quarters)

    def stored_flow(self, flow: Array) -> Array:
        """The motion (dx, dy) of the picture that is shown, as that of the stored one."""
        dx, dy = self.stored(flow)[..., 0], self.stored(flow)[..., 1]
        for _ in range(self.quarters % 4):  # undo a quarter turn: right as shown is down as stored
            dx, dy = -dy, dx
        return np.stack((dx, dy), axis=-1)

    def size(self, height: int, width: int) -> tuple[int, int]:
        """Height and width, swapped if the rotation is an odd number of quarters."""
        return (width, height) if self.quarters % 2 else (height, width)


UPRIGHT = Orientation()
