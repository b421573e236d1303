# SPDX-License-Identifier: Apache-2.0
"""Optical flow: where the content of one frame is in another.

A flow of shape (H, W, 2) holds (dx, dy) in pixels such that ``other[y + dy, x + dx]`` shows what
``frame[y, x]`` shows. It is estimated by OpenCV's dense inverse search (Kroeger et al., "Fast optical flow
using dense inverse search", ECCV 2016); OpenCV is imported when it is needed.
"""

from collections.abc import Callable
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from vdcore import _core
from vdcore._arrays import FACTOR_DTYPES, Array, as_samples

__all__ = ["Flow", "Motion", "checked_flow", "guides", "optical_flow", "resized_flow"]

Flow = npt.NDArray[np.float32]
Motion = Literal["flow"] | Callable[[Array, Array], object]
Preset = Literal["fast", "balanced"]

_MIN_SIDE = 16  # pixels of the shorter side below which there is nothing to follow
_SAFE_SIDE = 32  # pixels of a side that the search needs: OpenCV 5.0 crashes on some narrower pictures


def optical_flow(frame: Array, other: Array, preset: Preset = "balanced") -> Flow:
    """Estimate the optical flow between two grey pictures.

    Parameters
    ----------
    frame, other : ndarray of uint8, shape (H, W)
        Lightly smoothed, see `guides`.
    preset : {"fast", "balanced"}, optional
        "fast" is coarse (blocks of four pixels) and made for pictures of half size, see `resized_flow`.

    Returns
    -------
    ndarray of float32, shape (H, W, 2)
        (dx, dy) in pixels, finite. Zero where the shorter side is below 16 pixels.

    Raises
    ------
    ImportError
        OpenCV is missing.
    TypeError, ValueError
        The pictures are not uint8 or differ in shape, or the preset is unknown.
    """
    if preset not in ("fast", "balanced"):
        raise ValueError(f"preset must be 'fast' or 'balanced', got {preset!r}")
    for name, picture in (("frame", frame), ("other", other)):
        if picture.dtype != np.uint8:
            raise TypeError(f"{name} must have dtype uint8, got {picture.dtype}")
        if picture.ndim != 2 or picture.shape != frame.shape:
            raise ValueError(f"{name} must have one shape (H, W), got {frame.shape} and {picture.shape}")
    height, width = frame.shape
    if min(height, width) < _MIN_SIDE:
        return np.zeros((height, width, 2), np.float32)
    cv2 = _opencv()
    search = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_FAST)
    if preset == "balanced":
        search.setFinestScale(1)
        search.setGradientDescentIterations(12)
        search.setVariationalRefinementIterations(0)
    here, there = (np.ascontiguousarray(picture) for picture in (frame, other))
    if min(height, width) < _SAFE_SIDE:
        margin = [(0, max(0, _SAFE_SIDE - height)), (0, max(0, _SAFE_SIDE - width))]
        here, there = np.pad(here, margin, "edge"), np.pad(there, margin, "edge")
    flow: Flow = search.calc(here, there, None)
    return flow[:height, :width]


def resized_flow(flow: Flow, shape: tuple[int, int]) -> Flow:
    """Return the flow of pictures twice as large.

    Parameters
    ----------
    flow : ndarray of float32, shape (ceil(H / 2), ceil(W / 2), 2)
        Of pictures whose samples are the means of 2 x 2 samples.
    shape : (int, int)
        (H, W).

    Returns
    -------
    ndarray of float32, shape (H, W, 2)
        Twice the flow, linear between the pixels' centres.
    """
    height, width = shape
    rows, columns = (height + 1) // 2, (width + 1) // 2
    if flow.shape != (rows, columns, 2):
        raise ValueError(f"flow must have shape {(rows, columns, 2)} for {shape}, got {flow.shape}")
    cv2 = _opencv()
    larger: Flow = cv2.resize(2 * flow, (2 * columns, 2 * rows), interpolation=cv2.INTER_LINEAR)
    return larger[:height, :width]


def guides(frame: Array, other: Array, blur: float = 1.0) -> tuple[Array, Array]:
    """Return the pictures that flow is estimated from: two frames, grey, smoothed and on one scale.

    Parameters
    ----------
    frame, other : ndarray of uint8, uint16, float32 or float64, shape (H, W) or (H, W, C)
        NaN is a missing sample.
    blur : float, optional
        Standard deviation in pixels of the Gaussian that smooths them, > 0 and at most 2.

    Returns
    -------
    tuple of ndarray of uint8, shape (H, W)
        The means over the channels: those of uint8 frames as they are, others stretched together so
        that the smallest and the largest value of both become 0 and 255.
    """
    if frame.shape != other.shape:
        raise ValueError(f"frame and other must have one shape, got {frame.shape} and {other.shape}")
    here, there = np.empty((2, *frame.shape[:2]), np.uint8)
    _core.flow_guides(frame, other, blur, here, there)
    return here, there


def checked_flow(flow: object, shape: tuple[int, int], name: str = "what motion returns") -> Flow:
    """Return `flow` as a flow for frames of `shape`.

    Parameters
    ----------
    flow : array_like, shape (H, W, 2)
        float32 or float64, (dx, dy) in pixels; not finite where the motion is unknown.
    shape : (int, int)
        (H, W).
    name : str, optional
        What the flow is called in messages.

    Returns
    -------
    ndarray of float32, shape (H, W, 2)

    Raises
    ------
    TypeError, ValueError
        The dtype or the shape is wrong.
    """
    array = as_samples(flow, name, FACTOR_DTYPES)
    if array.shape != (*shape, 2):
        raise ValueError(f"{name} must have shape {(*shape, 2)}, got {array.shape}")
    with np.errstate(over="ignore"):
        return array.astype(np.float32, copy=False)


def _opencv() -> Any:
    try:
        import cv2
    except ImportError as error:
        raise ImportError(
            "optical flow needs OpenCV, which cannot be imported: install opencv-python, or give a callable"
        ) from error
    return cv2
