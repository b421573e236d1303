# SPDX-License-Identifier: Apache-2.0
"""Warnings about a video: what the output cannot keep, what was damaged, whether it ended early."""

import math
import sys
import warnings

from vdcore.noise import NoiseEstimate

from .files.truncation import is_cut_short
from .info import VideoInfo

_LOSSY = frozenset(
    "av01 av1 avc1 cinepak dnxhd dvvideo dx50 flv1 h261 h263 h264 hev1 hevc hvc1 mjpeg mjpg mp4v mpeg1video"
    " mpeg2video mpeg4 msmpeg4v3 prores rv40 theora vc1 vp6f vp8 vp80 vp9 vp90 wmv2 wmv3 xvid".split()
)  # codecs, by FFmpeg's names and by the four characters that OpenCV gives
_LITTLE = 1.0  # standard deviation, 8-bit units
_USUAL = 4  # what to try in its place


def damage_text(errors: int, repaired: int) -> str:
    """A description of what could not be decoded."""
    parts = [f"{errors} parts could not be decoded"] if errors else []
    parts += [f"{repaired} damaged frames were repaired by the decoder"] if repaired else []
    return ", ".join(parts)


def warn_of_losses(
    info: VideoInfo, not_kept: list[str], ended_after: int | None = None, damage: str = ""
) -> list[str]:
    """Issue one warning that names all losses; return it if there is one."""
    parts = []
    if not_kept:
        parts.append(f"not kept: {'; '.join(not_kept)}")
    if damage:
        parts.append(f"damaged: {damage}")
    if ended_after is not None:
        announced = f" of {info.frames}" if info.frames and info.frames > ended_after else ""
        parts.append(f"ended early, after {ended_after}{announced} frames")
    if not parts:
        return []
    message = f"{info.path.name}: {'. '.join(parts)}"
    warnings.warn(message, UserWarning, stacklevel=_caller_level())
    return [message]


def has_ended_early(info: VideoInfo, frames: int) -> bool:
    """Whether the file is cut off, or clearly has fewer frames than it announces."""
    cut = info.codec != "arrays" and info.path.is_file() and is_cut_short(info.path)
    return cut or _is_short(frames, info.frames)


def hint_of_noise(info: VideoInfo, noise: NoiseEstimate) -> str:
    """What to try where little noise was found, in 8-bit units, in a file that a codec has made; else ""."""
    lossy = noise.compressed or info.codec.lower() in _LOSSY
    if not lossy or (noise.sigma >= _LITTLE).any():
        return ""
    return (
        "little noise was found; compression may hide it:"
        f" try strength='strong', or a number such as strength={_USUAL}"
    )


def _caller_level() -> int:
    """Return the `stacklevel` with which the function above warns at the first caller outside the package."""
    frame, level = sys._getframe(1), 1
    while frame.f_back is not None and frame.f_globals.get("__name__", "").partition(".")[0] == "vdcore":
        frame, level = frame.f_back, level + 1
    return level


def _is_short(frames: int, announced: int | None) -> bool:
    """Clearly fewer frames than announced: that number is often rounded, or derived from longer sound."""
    return announced is not None and frames < math.floor(0.95 * announced) - 1
