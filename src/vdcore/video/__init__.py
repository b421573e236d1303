# SPDX-License-Identifier: Apache-2.0
"""From video file to video file.

`diffuse_video` reads a video, filters it and writes the result; `denoise_video` removes its noise.
`filter_video` does the same with any `Filter`. `read_info` says what a file holds, `read_frames` gives its
frames. Decoding and encoding are OpenCV's; another backend is another pair of a `Reader` and a `Writer`.
"""

import errno
import math
import os
import secrets
import warnings
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import numpy.typing as npt

from vdcore import models
from vdcore._arguments import FrameRange, Region, choice, frame_range, number, resolve_region
from vdcore._core import build_info
from vdcore.denoising import Denoiser, Preset, Strength, denoiser_parameters, noise_of
from vdcore.filter import Boundary, Diffuser, Dither, Sigma, TimeUnit
from vdcore.motion import Motion
from vdcore.noise import NoiseEstimate

from .container import is_cut_short
from .denoising import DenoisingFilter
from .diffusion import DiffusionFilter
from .info import StrPath, VideoInfo, quiet_log, read_info
from .opencv import CODECS, OpenCVReader, OpenCVWriter, check_quality, choose_codec
from .pipeline import Buffers, Filter, Frame, PassThrough, Reader, Writer, run

__all__ = [
    "CODECS",
    "Buffers",
    "Filter",
    "Frame",
    "PassThrough",
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
]

_BACKENDS = ("auto", "opencv")


def read_frames(path: StrPath) -> Iterator[npt.NDArray[Any]]:
    """Decode a video file frame by frame.

    Parameters
    ----------
    path : str or os.PathLike

    Yields
    ------
    ndarray of uint8, shape (H, W) of grey video, else (H, W, 3) in the order red, green, blue
        A new array for every frame that can be decoded, upright.

    Raises
    ------
    OSError, ValueError
        With the first frame: see `read_info`.
    """
    info = read_info(path)
    with quiet_log(), closing(OpenCVReader(replace(info, fps=info.fps or 1.0))) as reader:
        while (frame := reader.read(np.empty(reader.shape, reader.dtype))) is not None:
            yield frame.image if info.channels == 1 else frame.image[..., ::-1]


@dataclass(frozen=True)
class VideoReport:
    """What was done to a video.

    Attributes
    ----------
    path : pathlib.Path
        The file that was written.
    frames : int
        Frames in it, as many as could be decoded.
    announced_frames : int or None
        Frames that the input's container announces, None if it does not.
    ended_early : bool
        Whether the input is cut off or clearly fewer frames could be decoded than it announces.
    width, height : int
        Size of the frames that were written, in pixels.
    channels : int
        1 for grey, 3 for colour.
    fps : float
        Frames per second.
    codec : str
        Four-character code that was written with.
    decode_seconds, filter_seconds, encode_seconds : float
        Time spent in each stage; they work at the same time.
    seconds : float
        Time from opening the input to the finished output.
    warnings : tuple of str
        What was warned about.
    noise : NoiseEstimate or None
        Of `denoise_video`: the noise that it went by, in the order red, green, blue. Where sigma is 0, the
        frames are as they were.
    preset : str or None
        Of `denoise_video`.
    """

    path: Path
    frames: int
    announced_frames: int | None
    ended_early: bool
    width: int
    height: int
    channels: int
    fps: float
    codec: str
    decode_seconds: float
    filter_seconds: float
    encode_seconds: float
    seconds: float
    warnings: tuple[str, ...]
    noise: NoiseEstimate | None = None
    preset: str | None = None


def diffuse_video(
    path: StrPath,
    out: StrPath,
    sigma: Sigma,
    tau: float,
    *,
    model: str | models.Model = "gaussian",
    normalize: bool = True,
    boundary: Boundary = "renormalize",
    cval: float = 0.0,
    truncate: float = 4.0,
    fill: float | None = None,
    lookahead: int = 0,
    tolerance: float | None = None,
    time_unit: TimeUnit = "frames",
    threads: int | None = None,
    dither: Dither | None = None,
    motion: Motion | None = None,
    gate: float | NoiseEstimate | None = None,
    region: Region = None,
    sources: Region = None,
    start: float | None = None,
    stop: float | None = None,
    gain: float | None = None,
    backend: str = "auto",
    codec: str | None = None,
    quality: int | None = None,
    progress: bool = False,
) -> VideoReport:
    r"""Filter a video file by spatio-temporal diffusion.

    Every sample spreads over its neighbours in space and over the frames that follow it; the result is the
    weighted mean of what arrives, see `vdcore.diffuse`. Frames are decoded, filtered and encoded at the same
    time, a few of them in memory at once.

    Parameters
    ----------
    path : str or os.PathLike
        The video to read.
    out : str or os.PathLike
        The video to write. Its suffix names the container: .avi, .mkv, .mov, .mp4 or .webm. It appears when
        it is complete, replacing any file of that name; after an error nothing is left.
    sigma : float or (float, float)
        Spatial standard deviation in pixels, or (sigma_y, sigma_x). 0 = no spreading.
    tau : float
        Time constant in `time_unit`. 0 = no memory, inf = running mean.
    model, normalize, boundary, cval, truncate, fill, lookahead, tolerance, dither, motion, gate
        See `vdcore.Diffuser`. Samples have 8 bits, 0 to 255; channels are red, green, blue.
    threads : int or None, optional
        Threads of the filter, >= 1. None takes VDCORE_NUM_THREADS, then OMP_NUM_THREADS, then the processors
        that decoding and encoding, one thread each, leave free. The result does not depend on it.
    time_unit : {"frames", "seconds"}, optional
        Unit of `tau`, `start` and `stop`; frames of a file are 1 / fps seconds apart.
    region : (x, y, width, height), array, callable or iterable, optional
        Where the output is changed; elsewhere the frames pass through untouched. A rectangle in pixels; a
        mask of shape (H, W): bool, float in [0, 1] or uint8 where 255 is 1, blended at soft edges; a callable
        of (index, seconds) that returns one of those, or None for everywhere; or an iterable that gives one
        per frame.
    sources : the same forms, optional
        Which samples send out information, and how much they count.
    start, stop : float, optional
        Only frames with start <= t < stop are filtered, in `time_unit`. The others pass through untouched and
        do not enter the state.
    gain : float, optional
        With ``normalize=False``, and then required: what the sums are multiplied by to become samples.
    backend : {"auto", "opencv"}, optional
        What decodes and encodes.
    codec : str, optional
        Four-character code. By default XVID for .avi, FFV1 (lossless) for .mkv, mp4v for .mp4 and .mov, VP90
        for .webm.
    quality : int, optional
        From 1 to 100, for ``codec="MJPG"`` in .avi at a whole frame rate: OpenCV lets nothing else be set.
    progress : bool, optional
        Show a progress bar on stderr.

    Returns
    -------
    VideoReport

    Raises
    ------
    ValueError, TypeError
        An argument is wrong, the input is not a video or changes its frame size, or the codec is not known.
    OSError
        The input cannot be read, the output cannot be written, or its disk is full.

    Warns
    -----
    UserWarning
        Once, naming everything in the input that the output cannot keep: sound and other streams, rotation
        metadata, depth beyond 8 bits, variable frame rate. Once more at the end if the input ended early.

    Notes
    -----
    Frame rates are those that OpenCV gives and takes: it stores a short decimal within 0.001 of the rate, so
    that 30000/1001 becomes 29.97. Where the frames of a file change their size, OpenCV scales them to that of
    the first.

    Examples
    --------
    >>> report = vdcore.diffuse_video("in.mp4", "out.mp4", sigma=1.5, tau=3)
    >>> print(report.frames, report.seconds)
    """
    diffuser = Diffuser(
        sigma,
        tau,
        model=model,
        normalize=normalize,
        boundary=boundary,
        cval=cval,
        truncate=truncate,
        fill=fill,
        lookahead=lookahead,
        tolerance=tolerance,
        time_unit=time_unit,
        threads=_free_threads() if threads is None else threads,
        dither=dither,
        motion=_in_rgb(motion),
        gate=_in_bgr(gate),
    )
    frames = frame_range(start, stop, time_unit)
    if gain is not None:
        gain = number(gain, "gain")
    if normalize and gain is not None:
        raise ValueError(f"gain is for normalize=False only, got gain={gain!r} with normalize=True")
    if not normalize and gain is None:
        raise ValueError("normalize=False makes sums of any size: give gain= to write them to a video")

    def make_filter(info: VideoInfo) -> Filter:
        size = info.height, info.width
        models.check_shape(diffuser.parameters.model, size)
        return DiffusionFilter(
            diffuser,
            None if region is None else resolve_region(region, *size),
            None if sources is None else resolve_region(sources, *size, "sources"),
            frames,
            gain,
            1 / info.fps,
        )

    return filter_video(
        path, out, make_filter, backend=backend, codec=codec, quality=quality, progress=progress
    )


def _in_rgb(motion: Motion | None) -> Motion | None:
    """Frames are decoded as blue, green, red."""
    if not callable(motion):
        return motion
    return lambda frame, other: motion(*(f[..., ::-1] if f.ndim == 3 else f for f in (frame, other)))


def _in_bgr(gate: Any) -> Any:
    if not isinstance(gate, NoiseEstimate):
        return gate
    return NoiseEstimate(gate.sigma[::-1], gate.gain[::-1], gate.offset[::-1])


def denoise_video(
    path: StrPath,
    out: StrPath,
    strength: Strength = "auto",
    *,
    preset: Preset = "balanced",
    motion: Motion | None = "flow",
    lookahead: int = 0,
    time_unit: TimeUnit = "frames",
    threads: int | None = None,
    region: Region = None,
    start: float | None = None,
    stop: float | None = None,
    backend: str = "auto",
    codec: str | None = None,
    quality: int | None = None,
    progress: bool = False,
) -> VideoReport:
    """Remove the noise of a video file; nothing needs to be set.

    A Kalman filter on the spectra of small patches follows the optical flow, see `vdcore.Denoiser`. Frames
    are decoded, filtered and encoded at the same time, a few of them in memory at once.

    Parameters
    ----------
    path, out : str or os.PathLike
        See `diffuse_video`. A codec without loss, such as that of .mkv, keeps what the filter gives.
    strength : "auto", float or NoiseEstimate, optional
        The noise: its standard deviation in samples of 8 bits, >= 0; or what `vdcore.estimate_noise` returns.
        0 is no change. "auto": it is estimated from pairs of frames, spread over all that are filtered, for
        which the file is decoded once more.
    preset, motion, lookahead
        See `vdcore.Denoiser`. What a callable is given has channels in the order red, green, blue.
    time_unit, threads, region, start, stop, backend, codec, quality, progress
        See `diffuse_video`. `time_unit` is that of `start` and `stop`.

    Returns
    -------
    VideoReport

    Raises
    ------
    ValueError, TypeError, OSError
        See `diffuse_video`.

    Warns
    -----
    UserWarning
        See `diffuse_video`.

    References
    ----------
    .. [1] P. Arias and J.-M. Morel, "Kalman filtering of patches for frame-recursive video denoising", CVPR
       Workshops 2019.

    Examples
    --------
    >>> report = vdcore.denoise_video("in.mp4", "out.mkv")
    >>> print(report.noise.sigma)
    """
    parameters = denoiser_parameters(
        strength, preset, _in_rgb(motion), lookahead, _free_threads() if threads is None else threads
    )
    frames = frame_range(start, stop, choice(time_unit, "time_unit", ("frames", "seconds")))
    denoiser = Denoiser(**vars(parameters))

    def make_filter(info: VideoInfo) -> Filter:
        nonlocal denoiser
        region_at = None if region is None else resolve_region(region, info.height, info.width)
        if parameters.strength == "auto":
            noise = noise_of(_frames_within(frames, info))
            denoiser = Denoiser(**vars(replace(parameters, strength=noise)))
        return DenoisingFilter(denoiser, region_at, frames)

    report = filter_video(
        path, out, make_filter, backend=backend, codec=codec, quality=quality, progress=progress
    )
    return replace(report, noise=denoiser.info.noise, preset=preset)


def _frames_within(frames: FrameRange, info: VideoInfo) -> Iterator[npt.NDArray[Any]]:
    """Decode the frames of a file that are in the range."""
    begun = False
    for index, frame in enumerate(read_frames(info.path)):
        if frames.contains(index, index / info.fps):
            begun = True
            yield frame
        elif begun:
            return


def _free_threads() -> int | None:
    """Threads for a filter while two others decode and encode; None where the environment says."""
    if any(name in os.environ for name in ("VDCORE_NUM_THREADS", "OMP_NUM_THREADS")):
        return None
    processors: int = build_info()["threads"]
    return max(1, processors - 2)


def filter_video(
    path: StrPath,
    out: StrPath,
    make_filter: Callable[[VideoInfo], Filter],
    *,
    backend: str = "auto",
    codec: str | None = None,
    quality: int | None = None,
    progress: bool = False,
) -> VideoReport:
    """Send a video file through any filter; `diffuse_video` is this with the diffusion filter.

    Parameters
    ----------
    path, out, backend, codec, quality, progress
        See `diffuse_video`.
    make_filter : callable
        Given the `VideoInfo` of the input, returns the `Filter` for its frames.

    Returns
    -------
    VideoReport

    Raises
    ------
    ValueError, TypeError, OSError
        See `diffuse_video`; and what the filter raises.

    Warns
    -----
    UserWarning
        See `diffuse_video`.
    """
    begin = perf_counter()
    if backend not in _BACKENDS:
        raise ValueError(f"backend must be one of {', '.join(map(repr, _BACKENDS))}, got {backend!r}")
    target = Path(os.path.realpath(out))  # a link stays, and what it points to is replaced
    chosen = choose_codec(target, codec)
    info = read_info(path)
    if target.exists() and target.samefile(info.path):
        raise ValueError(f"out must be another file than the input, got {out} for both")
    if not info.fps:
        raise ValueError(f"{path}: nothing says how many frames per second it has")
    check_quality(target, chosen, info.fps, quality)
    frame_filter = make_filter(info)

    with quiet_log(), _temporary(target) as temporary, closing(OpenCVReader(info)) as reader:
        with closing(OpenCVWriter(temporary, reader.shape, info.fps, chosen, quality)) as writer:
            messages = _warn(info, not_kept=info.losses() + writer.losses())
            with _progress_bar(progress, info) as advance:
                count, clocks = run(reader, frame_filter, writer, advance)
        if not count:
            raise ValueError(f"{path}: no frame of it can be decoded")
        ended_early = is_cut_short(info.path) or _is_short(count, info.frames)
        messages += _warn(info, not_kept=reader.losses(), ended_after=count if ended_early else None)
        os.replace(temporary, target)
    return VideoReport(
        path=Path(out),
        frames=count,
        announced_frames=info.frames,
        ended_early=ended_early,
        width=writer.width,
        height=writer.height,
        channels=info.channels,
        fps=info.fps,
        codec=chosen,
        decode_seconds=clocks.decode.seconds,
        filter_seconds=clocks.filter.seconds,
        encode_seconds=clocks.encode.seconds,
        seconds=perf_counter() - begin,
        warnings=tuple(messages),
    )


def _warn(info: VideoInfo, not_kept: list[str], ended_after: int | None = None) -> list[str]:
    """Warn, in one warning, about what is lost; return the warning if there is one."""
    parts = []
    if not_kept:
        parts.append(f"not kept: {'; '.join(not_kept)}")
    if ended_after is not None:
        announced = f" of {info.frames}" if info.frames and info.frames > ended_after else ""
        parts.append(f"ended early, after {ended_after}{announced} frames")
    if not parts:
        return []
    message = f"{info.path.name}: {'. '.join(parts)}"
    warnings.warn(message, UserWarning, stacklevel=4)
    return [message]


def _is_short(frames: int, announced: int | None) -> bool:
    """Clearly fewer frames than announced: the number is often rounded or the duration of longer sound."""
    return announced is not None and frames < math.floor(0.95 * announced) - 1


@contextmanager
def _temporary(target: Path) -> Iterator[Path]:
    """A new file beside target, with its suffix, that is gone at the end unless it was renamed."""
    if target.is_dir():
        raise IsADirectoryError(f"out must be a file, got the folder {target}")
    if not target.parent.is_dir():
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(target.parent))
    path = target.with_name(f".{target.stem}-{secrets.token_hex(4)}{target.suffix}")
    open(path, "xb").close()  # tells what is wrong, which OpenCV does not
    try:
        yield path
    finally:
        path.unlink(missing_ok=True)


@contextmanager
def _progress_bar(shown: bool, info: VideoInfo) -> Iterator[Callable[[], object]]:
    if not shown:
        yield lambda: None
        return
    from tqdm import tqdm

    with tqdm(total=info.frames, unit="frame") as bar:
        yield bar.update
