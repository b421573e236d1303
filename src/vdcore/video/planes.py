# SPDX-License-Identifier: Apache-2.0
"""What the arrays of a frame are: luma, chroma or colour, perhaps coarser than the picture, perhaps turned.

Filters see the planes of a frame as arrays over the full range of their dtype; alpha and padding are not
among them. Numbers that users give count in the picture as it is shown, and in samples of 8 bits.
"""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from vdcore._arguments import RegionProvider
from vdcore.noise import NoiseEstimate

Array = npt.NDArray[Any]

_UNITS = {"uint8": 1.0, "uint16": 256.0, "float32": 1 / 255}
_BLACK, _WHITE, _MIDDLE = 16, 235, 128  # of limited range, and of chroma, in 8 bits


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
        uint8, uint16 (full range, also where the file has 10 or 12 bits) or float32 (0 to 1).
    subsampling : (int, int)
        Pixels of the picture for one sample, along y and x.
    channel_order : {"rgb", "bgr"}
        Of "colour".
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
    def unit(self) -> float:
        """What a step of 8 bits is in samples of this plane."""
        return _UNITS[self.dtype.name]

    def level(self, grey: float) -> float:
        """The sample of this plane that a grey of 0 to 255 has."""
        if self.kind == "chroma":
            return _MIDDLE * self.unit
        if self.limited:
            return (_BLACK + grey * (_WHITE - _BLACK) / 255) * self.unit
        return grey * self.unit


@dataclass(frozen=True)
class Orientation:
    """How the stored picture is shown: turned counter-clockwise by so many quarters."""

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
        for _ in range(self.quarters % 4):  # undo a quarter: what goes right when shown goes down when stored
            dx, dy = -dy, dx
        return np.stack((dx, dy), axis=-1)

    def size(self, height: int, width: int) -> tuple[int, int]:
        """Height and width the other way round where the turn is an odd number of quarters."""
        return (width, height) if self.quarters % 2 else (height, width)


UPRIGHT = Orientation()


class PlaneRegions:
    """A region of the picture as it is shown, as masks for each plane.

    Parameters
    ----------
    region : RegionProvider
        Masks of the shown picture.
    planes : tuple of Plane
    orientation : Orientation
    """

    def __init__(
        self, region: RegionProvider, planes: tuple[Plane, ...], orientation: Orientation = UPRIGHT
    ) -> None:
        self._region = region
        self._planes = planes
        self._orientation = orientation
        self._last: tuple[Array, tuple[Array, ...]] | None = None  # masks are often the same array again

    def __call__(self, index: int, seconds: float) -> tuple[Array, ...] | None:
        """One mask of (H, W) for each plane; None is everywhere."""
        mask = self._region(index, seconds)
        if mask is None:
            return None
        if self._last is None or self._last[0] is not mask:
            stored = np.ascontiguousarray(self._orientation.stored(mask))
            self._last = mask, tuple(_reduced(stored, plane.shape[:2]) for plane in self._planes)
        return self._last[1]


def _reduced(mask: Array, shape: tuple[int, ...]) -> Array:
    """A mask on a coarser grid: the mean over the pixels of each sample."""
    if mask.shape == shape:
        return mask
    import cv2

    weights = mask.astype(np.float32) / (255 if mask.dtype == np.uint8 else 1)
    reduced: Array = cv2.resize(weights, (shape[1], shape[0]), interpolation=cv2.INTER_AREA)
    return np.clip(reduced, 0, 1)


_LUMA = np.array((0.299, 0.587, 0.114))  # how much red, green and blue count, ITU-R BT.601
_LIMITED = np.array((219, 224, 224)) / 255


def in_plane(noise: NoiseEstimate, plane: Plane, number: int) -> NoiseEstimate:
    """What noise of red, green and blue in samples of 8 bits is in one plane of a picture.

    Noise of one channel is that of the plane itself. Of three channels, independent of each other, luma and
    chroma have what the sums and differences leave, at the noise's mean brightness.

    Parameters
    ----------
    noise : NoiseEstimate
        1 channel, or 3 in the order red, green, blue.
    plane : Plane
    number : int
        Its place among the planes of a frame: 0, 1 or 2.
    """
    unit = plane.unit
    if noise.sigma.size == 1 or plane.kind == "colour":
        order = slice(None, None, -1 if plane.channel_order == "bgr" else 1)
        sigma, gain, offset = noise.sigma[order], noise.gain[order], noise.offset[order]
        return NoiseEstimate(sigma * unit, gain * unit, offset * unit**2)
    red, blue = np.array((1.0, 0, 0)) - _LUMA, np.array((0, 0, 1.0)) - _LUMA
    rows = np.stack((_LUMA, blue / (2 * blue[2]), red / (2 * red[0])))
    if plane.limited:
        rows *= _LIMITED[:, None]
    variance = np.square(rows[number]) @ np.square(noise.sigma) * unit**2
    return NoiseEstimate(np.sqrt([variance]), np.zeros(1), np.array([variance]))
