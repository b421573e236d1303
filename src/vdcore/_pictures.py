# SPDX-License-Identifier: Apache-2.0
"""Single pictures through OpenCV, imported on demand: resize, blur, read and encode."""

from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from vdcore._arrays import Array

_JPEG_QUALITY = 95


def resize_area(picture: Array, shape: tuple[int, int]) -> Array:
    """Return a picture (H, W) or (H, W, C) at another (height, width), averaged over areas."""
    import cv2

    height, width = shape
    result: Array = cv2.resize(np.ascontiguousarray(picture), (width, height), interpolation=cv2.INTER_AREA)
    return result


def blur(picture: Array, window: int, sigma: float) -> Array:
    """Return a picture smoothed by a Gaussian in a window of `window` pixels, reflected at its edges."""
    import cv2

    result: Array = cv2.GaussianBlur(picture, (window, window), sigma, borderType=cv2.BORDER_REFLECT)
    return result


def read_grey(path: Path) -> npt.NDArray[np.uint8] | None:
    """Return the picture in a file as (H, W) of uint8; None if OpenCV cannot read it."""
    import cv2

    data = np.fromfile(path, np.uint8)  # cv2.imread prints to stderr, and fails on some paths on Windows
    if not data.size:
        return None
    picture = cv2.imdecode(data, cv2.IMREAD_GRAYSCALE)
    return None if picture is None else picture.astype(np.uint8, copy=False)


def encode(picture: npt.NDArray[np.uint8], kind: Literal["png", "jpeg"]) -> bytes:
    """Return a picture, (H, W) of grey or (H, W, 3) of red, green, blue, as a PNG or JPEG file."""
    import cv2

    samples: Any = picture[..., ::-1] if picture.ndim == 3 else picture
    settings: list[int] = []
    if kind == "jpeg":
        settings += [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY]
        settings += [cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444]
    return cv2.imencode(f".{kind}", samples, settings)[1].tobytes()
