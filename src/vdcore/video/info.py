# SPDX-License-Identifier: Apache-2.0
"""Description of a video, and of how to encode one."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from .frame import UPRIGHT, Orientation, Plane

Quality = int | Literal["lossless"]


@dataclass(frozen=True)
class Encoding:
    """How to encode a video.

    Attributes
    ----------
    codec : str or None
        Name of a family ("h264"), of an encoder ("libx264"), or a four-character code ("XVID"); "lossless";
        None is the family of the source.
    quality : int, "lossless" or None
        On the encoder's own scale, see `FAMILIES` in ``backends/pyav/encoding.py``.
    encoder_preset : str or None
        The encoder's own speed preset.
    bitrate : int or None
        Bits per second, instead of a quality.
    """

    codec: str | None = None
    quality: Quality | None = None
    encoder_preset: str | None = None
    bitrate: int | None = None


@dataclass(frozen=True)
class VideoInfo:
    """Description of a video.

    Attributes
    ----------
    path : pathlib.Path
    width, height : int
        Size in pixels of the frames as they are shown: upright, if the file asks for a rotation.
    channels : int
        1 for grey, 3 for colour.
    fps : float
        Frames per second; 0 if unknown.
    frames : int or None
        Number of frames that the container announces: often exact, sometimes estimated from the duration.
    codec : str
        FFmpeg's name of the codec, or its four-character code with OpenCV; "" if there is none.
    bits : int
        Bits per sample in the file.
    rotation : int
        Degrees by which the file asks players to turn the frames, clockwise.
    variable_frame_rate : bool
        Whether the first frames are unevenly spaced.
    timed : bool
        Whether frames carry time stamps; raw H.264 streams have none, and their rate is a guess.
    other_streams : dict of str to int, or None
        Number of streams besides the decoded one, by kind: "audio", "subtitle", "video", "data".
        None if neither PyAV nor ffprobe is installed.
    pixel_format : str
        FFmpeg's name, "" if it is not known.
    planes : tuple of Plane
        The planes that filters receive.
    orientation : Orientation
        How the stored frames are shown.
    backend : str
        Decoder.
    live : bool
        Whether it runs until it is stopped.
    """

    path: Path
    width: int
    height: int
    channels: int
    fps: float
    frames: int | None
    codec: str
    bits: int
    rotation: int
    variable_frame_rate: bool
    timed: bool
    other_streams: dict[str, int] | None
    pixel_format: str = ""
    planes: tuple[Plane, ...] = ()
    orientation: Orientation = UPRIGHT
    backend: str = "opencv"
    live: bool = False
