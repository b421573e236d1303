# SPDX-License-Identifier: Apache-2.0
"""Noise as footage has it, made by code from a clean clip.

A kind takes clean frames (T, H, W, 3), float64 in 8-bit units, and a random generator, and returns the noisy
frames, not clipped unless what makes them clips. Codecs take frames that were clipped and rounded, and what
they return counts as it is: noise and errors of the codec cannot be told apart.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Bytes = npt.NDArray[np.uint8]
Kind = Callable[[Floats, np.random.Generator], Floats]

PHOTONS = 20  # at white


def to_bytes(frames: npt.NDArray[Any]) -> Bytes:
    """Clip and round to 8 bits."""
    return np.clip(frames, 0, 255).round().astype(np.uint8)


def white(clean: Floats, rng: np.random.Generator, sigma: float) -> Floats:
    """White Gaussian noise."""
    return clean + rng.normal(0, sigma, clean.shape)


def blurred(clean: Floats, rng: np.random.Generator, sigma: float, blur: float) -> Floats:
    """White noise after a Gaussian of `blur` pixels, of standard deviation `sigma` then."""
    noise = np.stack([cv2.GaussianBlur(frame, (0, 0), blur) for frame in rng.normal(0, 1, clean.shape)])
    return clean + sigma / noise.std() * noise


def bayer(clean: Floats, rng: np.random.Generator, sigma: float) -> Floats:
    """White noise on the samples of a Bayer mosaic, as bilinear demosaicking leaves it.

    What demosaicking makes of the clean clip is left out: no denoiser could undo that.
    """
    middle, scale = 2**15, 200  # in 16 bits, so that rounding does not count
    mosaic = np.rint(middle + scale * rng.normal(0, sigma, clean.shape[:3])).astype(np.uint16)
    colours = np.stack([cv2.cvtColor(frame, cv2.COLOR_BayerRGGB2RGB) for frame in mosaic])
    return clean + (colours.astype(np.float64) - middle) / scale


def jpeg(clean: Floats, rng: np.random.Generator, sigma: float, quality: int) -> Floats:
    """White noise, then every frame a JPEG picture (4:2:0)."""
    noisy = to_bytes(white(clean, rng, sigma))
    coded = [cv2.imencode(".jpg", f[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])[1] for f in noisy]
    return np.stack([cv2.imdecode(f, cv2.IMREAD_COLOR_RGB) for f in coded]).astype(np.float64)


def lasting(clean: Floats, rng: np.random.Generator, sigma: float, correlation: float) -> Floats:
    """Noise white in space and correlated in time: a first-order autoregression."""
    noise = rng.normal(0, sigma, clean.shape)
    innovation = np.sqrt(1 - correlation**2)
    for before, now in zip(noise, noise[1:], strict=False):
        now *= innovation
        now += correlation * before
    return clean + noise


def rows(clean: Floats, rng: np.random.Generator, sigma: float, of_rows: float) -> Floats:
    """White noise, and an offset of every row that all its samples share, new in every frame."""
    count, height = clean.shape[:2]
    return white(clean, rng, sigma) + rng.normal(0, of_rows, (count, height, 1, 1))


def poisson(clean: Floats, rng: np.random.Generator, photons: float) -> Floats:
    """Photon noise: so many photons at white."""
    return rng.poisson(np.maximum(clean, 0) * (photons / 255)) * (255 / photons)


def h264(clean: Floats, rng: np.random.Generator, sigma: float, crf: int) -> Floats:
    """White noise, then H.264 in 4:2:0 by x264 at this constant rate factor, decoded to RGB."""
    planes = to_planes(to_bytes(white(clean, rng, sigma)))
    return from_planes(coded(planes, crf)).astype(np.float64)


def planar(clean: Floats, rng: np.random.Generator, sigma: float) -> Floats:
    """White noise on the planes of 4:2:0, in RGB."""
    planes = to_bytes(white(to_planes(to_bytes(clean)).astype(np.float64), rng, sigma))
    return from_planes(planes).astype(np.float64)


def to_planes(frames: Bytes) -> Bytes:
    """Return RGB frames in 4:2:0: luma and, below it, both chroma planes, (T, 3 H / 2, W)."""
    return np.stack([converted(frame, "rgb24", "yuv420p").to_ndarray() for frame in frames])


def from_planes(planes: Bytes) -> Bytes:
    """Return the RGB frames of what `to_planes` returns."""
    return np.stack([converted(frame, "yuv420p", "rgb24").to_ndarray() for frame in planes])


def converted(frame: Bytes, before: str, after: str) -> Any:
    """Return a PyAV frame, rounded correctly: FFmpeg's default is darker by one level."""
    import av
    from av.video.reformatter import Interpolation as How

    how = How.BILINEAR | How.ACCURATE_RND | How.FULL_CHR_H_INT
    return av.VideoFrame.from_ndarray(frame, format=before).reformat(format=after, interpolation=how)


def coded(planes: Bytes, crf: int) -> Bytes:
    """Return 4:2:0 frames after x264 (medium, one thread)."""
    import av

    encoder: Any = av.CodecContext.create("libx264", "w")
    encoder.width, encoder.height, encoder.pix_fmt = planes.shape[2], planes.shape[1] * 2 // 3, "yuv420p"
    encoder.framerate = 30
    # the assembly of x264 does not make the same bits each time
    encoder.options = {"crf": f"{crf}", "threads": "1", "x264-params": "no-asm=1"}
    packets = []
    for index, frame in enumerate(planes):
        picture = av.VideoFrame.from_ndarray(frame, format="yuv420p")
        picture.pts = index
        packets += encoder.encode(picture)
    packets += encoder.encode(None)
    decoder: Any = av.CodecContext.create("h264", "r")
    pictures = [picture for packet in [*packets, None] for picture in decoder.decode(packet)]
    return np.stack([picture.to_ndarray() for picture in pictures])


KINDS: dict[str, Kind] = {
    "white": partial(white, sigma=20),
    "blurred": partial(blurred, sigma=10, blur=0.7),
    "bayer": partial(bayer, sigma=14),
    "jpeg": partial(jpeg, sigma=10, quality=50),
    "lasting": partial(lasting, sigma=10, correlation=0.8),
    "rows": partial(rows, sigma=8, of_rows=8),
    "h264-18": partial(h264, sigma=16, crf=18),
    "h264-23": partial(h264, sigma=16, crf=23),
    "h264-28": partial(h264, sigma=16, crf=28),
    "poisson": partial(poisson, photons=PHOTONS),
}
MORE: dict[str, Kind] = {"white-10": partial(white, sigma=10), "planar": partial(planar, sigma=8)}


def add_kind(kind: str, clean: Bytes, seed: int = 1) -> tuple[Bytes, Floats]:
    """Return the noisy frames in 8 bits, and the noise as it was before they were clipped and rounded.

    Parameters
    ----------
    kind : str
        A name in `KINDS` or `MORE`.
    clean : ndarray of uint8, shape (T, H, W, 3)
        Height and width are even.
    seed : int
    """
    frames = clean.astype(np.float64)
    noisy = (KINDS | MORE)[kind](frames, np.random.default_rng(seed))
    return to_bytes(noisy), noisy - frames
