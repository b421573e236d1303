# SPDX-License-Identifier: Apache-2.0
"""Regions, noise and motion of the picture as it is shown, for each plane as it is stored."""

from dataclasses import replace

import numpy as np

from vdcore._arrays import Array
from vdcore._pictures import resize_area
from vdcore._regions import RegionProvider
from vdcore.noise import NoiseEstimate, white_noise
from vdcore.video.frame import UPRIGHT, Orientation, Plane


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
            self._last = mask, tuple(_reduced(stored, plane.size) for plane in self._planes)
        return self._last[1]


def _reduced(mask: Array, shape: tuple[int, int]) -> Array:
    """A mask on a coarser grid: the mean over the pixels of each sample."""
    if mask.shape == shape:
        return mask
    weights = mask.astype(np.float32) / (255 if mask.dtype == np.uint8 else 1)
    return np.clip(resize_area(weights, shape), 0, 1)


_LUMA = np.array((0.299, 0.587, 0.114))  # weights of red, green and blue, ITU-R BT.601
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
        ordered = {name: getattr(noise, name)[order] for name in ("sigma", "gain", "offset")}
        return replace(noise, **ordered).scaled(unit)
    red, blue = np.array((1.0, 0, 0)) - _LUMA, np.array((0, 0, 1.0)) - _LUMA
    rows = np.stack((_LUMA, blue / (2 * blue[2]), red / (2 * red[0])))
    if plane.limited:
        rows *= _LIMITED[:, None]
    variance = np.square(rows[number]) @ np.square(noise.sigma) * unit**2
    spectrum = None if noise.spectrum is None else noise.spectrum[number : number + 1]
    if spectrum is not None and plane.subsampling != (1, 1):  # a block of the plane shows lower frequencies
        y, x = (np.arange(8) // step for step in plane.subsampling)
        spectrum = spectrum[:, y][:, :, x] / spectrum[:, y][:, :, x].mean()
    return replace(white_noise(np.sqrt([variance])), spectrum=spectrum, compressed=noise.compressed)
