# SPDX-License-Identifier: Apache-2.0
"""A camera of this machine, through OpenCV."""

import math
from pathlib import Path
from time import perf_counter
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from vdcore.video.frame import Frame, Plane
from vdcore.video.info import VideoInfo

from .opencv import quiet_stderr

Array = npt.NDArray[Any]

_USUAL_RATE = 30.0  # of cameras that report none


class CameraReader:
    """Reads frames from a camera until it is stopped.

    Parameters
    ----------
    index : int
        Number of the camera, from 0.

    Raises
    ------
    OSError
        There is no such camera, or it delivers no picture.
    """

    def __init__(self, index: int) -> None:
        with quiet_stderr():
            self._capture = cv2.VideoCapture(index)
        first = self._capture.read()[1] if self._capture.isOpened() else None
        if first is None:
            self._capture.release()
            raise OSError(f"camera {index} cannot be opened or delivers no picture")
        self._first: Array | None = first
        self._start = perf_counter()
        self._index = 0
        self._stopped = False
        fps = self._capture.get(cv2.CAP_PROP_FPS)
        height, width = first.shape[:2]
        self.info = VideoInfo(
            path=Path(f"camera {index}"),
            width=width,
            height=height,
            channels=3,
            fps=fps if math.isfinite(fps) and fps > 0 else _USUAL_RATE,
            frames=None,
            codec="camera",
            bits=8,
            rotation=0,
            variable_frame_rate=False,
            timed=True,
            other_streams={},
            planes=(Plane("colour", (height, width, 3), np.dtype(np.uint8), channel_order="bgr"),),
            pixel_format="bgr24",
            backend="camera",
            live=True,
        )

    def read(self) -> Frame | None:
        """Return the next frame with its arrival time; None when the camera is stopped or unplugged."""
        if self._stopped:
            return None
        if self._first is not None:
            image: Array | None = self._first
            self._first = None
        else:
            image = self._capture.read()[1]
        if image is None:
            return None
        index = self._index
        self._index += 1
        return Frame((image,), index, perf_counter() - self._start if index else 0.0)

    def picture(self, frame: Frame, alpha: bool = False) -> Array:
        """(H, W, 3) of red, green, blue, uint8."""
        return frame.planes[0][..., ::-1]

    def losses(self) -> list[str]:
        return []

    def stop(self) -> None:
        """End the stream."""
        self._stopped = True

    def close(self) -> None:
        self._capture.release()
