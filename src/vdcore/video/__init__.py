# SPDX-License-Identifier: Apache-2.0
"""From video file to video file.

`diffuse_video` reads a video, filters it and writes the result; `denoise_video` removes its noise.
`filter_video` does the same with any `Filter`. `read_info` describes a file, `read_frames` decodes it.
Decoding and encoding are PyAV's where it is installed, else OpenCV's; another backend is another pair of a
`Reader` and a `Writer`.
"""

from .api import denoise_video, diffuse_video, read_frames, read_info, write_frames
from .engine import VideoReport, filter_video
from .files.truncation import is_cut_short
from .frame import Frame, Orientation, Plane
from .info import VideoInfo
from .pipeline import Filter, PassThrough, Reader, Writer

__all__ = [
    "Filter",
    "Frame",
    "Orientation",
    "PassThrough",
    "Plane",
    "Reader",
    "VideoInfo",
    "VideoReport",
    "Writer",
    "denoise_video",
    "diffuse_video",
    "filter_video",
    "is_cut_short",
    "read_frames",
    "read_info",
    "write_frames",
]
