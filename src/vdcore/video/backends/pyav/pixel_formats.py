# SPDX-License-Identifier: Apache-2.0
"""FFmpeg's pixel formats as planes that can be filtered, and back.

Every format whose components are planar, or packed in equal numbers of bytes, is filtered as it is: 8 to 16
bits and floats, grey, planar YCbCr with any subsampling, planar and packed RGB, with or without alpha, which
is left alone. Samples of 9 to 15 bits are shifted up to fill 16, so that the filter is as accurate as the
file is deep, and back with rounding. The few others (palettes, packed YCbCr, less than 8 bits) are converted
to the nearest of these first.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, cast

import av
import av.codec
import numpy as np
import numpy.typing as npt

from vdcore.video.frame import Plane

Array = npt.NDArray[Any]

# Packed formats: channels in a pixel, and where the colours are.
_PACKED = {
    **dict.fromkeys(("rgb24", "bgr24", "rgb48", "bgr48", "rgbf16", "rgbf32"), (3, 0)),
    **dict.fromkeys(("rgb0", "bgr0", "rgba", "bgra", "rgba64", "bgra64", "rgbaf16", "rgbaf32"), (4, 0)),
    **dict.fromkeys(("0rgb", "0bgr", "argb", "abgr"), (4, 1)),
}
_GREY_WITH_ALPHA = ("ya8", "ya16", "yaf16", "yaf32")
_FULL_RANGE = 2  # AVCOL_RANGE_JPEG
_FALLBACKS = (
    "gray", "gray16le", "ya8", "ya16le", "yuv420p", "yuv422p", "yuv444p", "yuv411p", "yuv410p", "yuv440p",
    "yuva420p", "yuva444p", "yuv420p10le", "yuv422p10le", "yuv444p10le", "yuv420p12le", "yuv422p12le",
    "yuv444p12le", "yuv420p16le", "yuv422p16le", "yuv444p16le", "yuva444p10le", "yuva444p16le", "rgb24",
    "rgba", "rgb48le", "rgba64le", "gbrp", "gbrp10le", "gbrp12le", "gbrp16le", "gbrap",
)  # fmt: skip


@dataclass(frozen=True)
class _Part:
    """Where a plane's samples are: FFmpeg's plane, its channels, and which of them are used."""

    index: int
    channels: int = 1
    first: int = 0
    used: int = 1


class PixelFormat:
    """The planes of frames of one pixel format and size.

    Parameters
    ----------
    name : str
        A format for which `is_filterable` is true.
    width, height : int
        Size as stored.
    color_range : int
        FFmpeg's number of the range; unspecified is limited for YCbCr and full for grey and RGB.

    Attributes
    ----------
    name : str
    bits : int
        Significant bits of a sample.
    planes : tuple of Plane
        Luma or colour first.
    copied : bool
        Whether `load` returns copies, so that changes must be stored.
    """

    def __init__(self, name: str, width: int, height: int, color_range: int = 0) -> None:
        described = av.VideoFormat(name, width, height)
        self.name = name
        self.width, self.height = width, height
        self.bits = described.components[0].bits
        base = name.removesuffix("le").removesuffix("be")
        size = (self.bits + 7) // 8
        self._stored = np.dtype(
            f"{'>' if name.endswith('be') else '<'}{'f' if _is_float(base) else 'u'}{size}"
        )
        self._shift = 0 if _is_float(base) else 8 * size - self.bits
        dtype = np.dtype(np.float32) if _is_float(base) else np.dtype(f"u{size}")
        self.planes: tuple[Plane, ...]
        colour = [c for c in described.components if not c.is_alpha]
        if base in _PACKED:
            channels, first = _PACKED[base]
            self._parts: tuple[tuple[_Part, ...], ...] = ((_Part(0, channels, first, 3),),)
            self.planes = (Plane("colour", (height, width, 3), dtype, channel_order=_order(base)),)
        elif described.is_rgb:  # planar: gathered in the order red, green, blue
            self._parts = (tuple(_Part(c.plane) for c in colour),)
            self.planes = (Plane("colour", (height, width, 3), dtype),)
        elif base in _GREY_WITH_ALPHA:
            self._parts = ((_Part(0, 2),),)
            self.planes = (Plane("luma", (height, width), dtype),)
        else:
            limited = len(colour) > 1 and color_range != _FULL_RANGE and not base.startswith("yuvj")
            self._parts = tuple((_Part(c.plane),) for c in colour)
            self.planes = tuple(
                Plane(
                    "luma" if i == 0 else "chroma",
                    (c.height, c.width),
                    dtype,
                    (_ratio(height, c.height), _ratio(width, c.width)),
                    limited=limited,
                )
                for i, c in enumerate(colour)
            )
        self.copied = self._shift > 0 or self._stored != dtype or len(self._parts[0]) > 1

    def load(self, frame: av.VideoFrame) -> tuple[Array, ...]:
        """The planes of a frame: views of its memory unless `copied`."""
        return tuple(
            self._loaded([self._view(frame, part) for part in parts], plane)
            for parts, plane in zip(self._parts, self.planes, strict=True)
        )

    def store(self, planes: Sequence[Array], frame: av.VideoFrame) -> None:
        """Write the planes, arrays of any layout, into the frame."""
        for samples, parts in zip(planes, self._parts, strict=True):
            for i, part in enumerate(parts):
                one = samples[..., i] if len(parts) > 1 else samples
                np.copyto(self._view(frame, part), self._rounded(one), casting="same_kind")

    def _view(self, frame: av.VideoFrame, part: _Part) -> Array:
        plane = frame.planes[part.index]
        rows: Array = np.frombuffer(cast(Any, plane), np.uint8).reshape(plane.height, abs(plane.line_size))
        if plane.line_size < 0:  # stored from the last row to the first
            rows = rows[::-1]
        samples: Array = rows[:, : plane.width * part.channels * self._stored.itemsize].view(self._stored)
        if part.channels == 1:
            return samples
        pixels = samples.reshape(plane.height, plane.width, part.channels)
        used: Array = pixels[..., part.first : part.first + part.used]
        return used[..., 0] if part.used == 1 else used

    def _loaded(self, views: list[Array], plane: Plane) -> Array:
        if not self.copied:
            return views[0]
        samples = np.empty(plane.shape, plane.dtype)
        for i, view in enumerate(views):
            target = samples[..., i] if len(views) > 1 else samples
            if self._shift:
                np.left_shift(view, self._shift, out=target, casting="unsafe")
            else:
                np.copyto(target, view)
        return samples

    def _rounded(self, samples: Array) -> Array:
        """Back to the bits of the file, half up."""
        if not self._shift:
            return samples
        kept: Array = samples >> self._shift
        kept += (samples >> (self._shift - 1)) & 1
        np.minimum(kept, (1 << self.bits) - 1, out=kept)
        return kept


@lru_cache
def is_filterable(name: str) -> bool:
    """Whether frames of this format can be filtered as they are."""
    described = av.VideoFormat(name, 64, 64)
    base = name.removesuffix("le").removesuffix("be")
    bits = {c.bits for c in described.components}
    whole = len(bits) == 1 and (8 <= min(bits) <= 16 or min(bits) == 32 and _is_float(base))
    if base in _PACKED or base in _GREY_WITH_ALPHA:
        return whole
    if described.has_palette or described.is_bit_stream or described.is_bayer or base.startswith("xyz"):
        return False
    planar = len({c.plane for c in described.components}) == len(described.components)
    packed_high = base.startswith(("p0", "p2", "p4")) or "msb" in base  # samples in the upper bits
    return whole and planar and not packed_high


def filterable(name: str) -> str:
    """The format itself if it can be filtered, else the one that preserves most of it."""
    return name if is_filterable(name) else nearest(name, _FALLBACKS)


def nearest(name: str, among: Sequence[str]) -> str:
    """The format among these that preserves most of this one: itself if it is among them."""
    if name in among:
        return name
    described = av.VideoFormat(name, 64, 64)
    has_alpha = described.has_palette or any(c.is_alpha for c in described.components)
    best, _ = av.codec.find_best_pix_fmt_of_list(list(among), name, has_alpha)
    assert best is not None  # there is always one
    return best.name


def keeps(name: str, other: str) -> bool:
    """Whether the other format holds frames of this one without loss."""
    return name == other or not av.codec.find_best_pix_fmt_of_list([other], name, True)[1]


def picture_format(name: str, alpha: bool = False) -> str:
    """The packed RGB or grey format in which pictures of this format are returned to users."""
    described = av.VideoFormat(name, 64, 64)
    deep = described.components[0].bits > 8
    transparent = alpha and (described.has_palette or any(c.is_alpha for c in described.components))
    if transparent:
        return "rgba64le" if deep else "rgba"
    colours = [c for c in described.components if not c.is_alpha]
    if len(colours) == 1 and not described.has_palette and not described.is_bayer:
        return "gray16le" if deep else "gray"
    return "rgb48le" if deep else "rgb24"


def _is_float(base: str) -> bool:
    return base.endswith(("f16", "f32"))


def _order(base: str) -> Any:
    return "bgr" if "bgr" in base else "rgb"


def _ratio(whole: int, part: int) -> int:
    """1, 2 or 4: what the size was divided by, rounded up."""
    return next(ratio for ratio in (1, 2, 4, 8) if -(-whole // ratio) == part)
