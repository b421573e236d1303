# SPDX-License-Identifier: Apache-2.0
"""The public functions: a video file in, a video file out."""

import os
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import replace
from typing import Any, TypedDict, Unpack

import numpy.typing as npt

from vdcore._checks import choice, number
from vdcore._core import build_info
from vdcore._files import StrPath
from vdcore._options import accepts
from vdcore._regions import FrameRange, Region, RegionProvider, frame_range, resolve_region
from vdcore.denoiser import HotPixels, Preset, Strength, check_strength, denoiser_parameters
from vdcore.diffuser.parameters import FilterOptions, Sigma, TimeUnit, filter_parameters
from vdcore.flow import Motion
from vdcore.noise import NoiseEstimate

from .engine import FileOptions, VideoReport, filter_video, quiet_backend
from .filters.denoising import DenoisingFilter, noise_of_planes
from .filters.diffusion import DiffusionFilter
from .filters.regions import PlaneRegions
from .frame import Frame
from .info import Quality, VideoInfo
from .messages import hint_of_noise
from .opening import Source, is_rewindable, open_reader, resolve_backend
from .pipeline import Filter, PassThrough, Reader


def read_info(path: Source, *, backend: str = "auto") -> VideoInfo:
    """Describe a video.

    Parameters
    ----------
    path : str or os.PathLike
        See `diffuse_video`.
    backend : {"auto", "opencv", "pyav"}, optional
        Decoder.

    Returns
    -------
    VideoInfo

    Raises
    ------
    FileNotFoundError, IsADirectoryError, PermissionError
        There is no such file, or it cannot be read.
    ValueError
        The file is empty or holds no video that can be decoded.
    """
    with closing(open_reader(path, backend)) as reader:
        return reader.info


def read_frames(path: Source, *, backend: str = "auto") -> Iterator[npt.NDArray[Any]]:
    """Decode a video frame by frame.

    Parameters
    ----------
    path : str or os.PathLike
        See `diffuse_video`.
    backend : {"auto", "opencv", "pyav"}, optional
        Decoder.

    Yields
    ------
    ndarray of shape (H, W) of grey video, else (H, W, 3) in the order red, green, blue
        A new array for every frame that can be decoded, upright. uint8, or uint16 over its full range where
        PyAV decodes more than 8 bits.

    Raises
    ------
    OSError, ValueError
        With the first frame: see `read_info`.
    """
    with quiet_backend(resolve_backend(backend)), closing(open_reader(path, backend)) as reader:
        for frame in iter(reader.read, None):
            yield reader.picture(frame)


class DiffusionOptions(FilterOptions, FileOptions, total=False):
    """Keyword options of `diffuse_video`."""


class WritingOptions(TypedDict, total=False):
    """Keyword options of `write_frames`."""

    backend: str
    codec: str | None
    quality: Quality | None
    encoder_preset: str | None
    bitrate: int | None
    progress: bool


@accepts(DiffusionOptions, filter_parameters, filter_video)
def diffuse_video(
    path: Source,
    out: StrPath,
    sigma: Sigma,
    tau: float,
    *,
    region: Region = None,
    confidence: Region = None,
    start: float | None = None,
    stop: float | None = None,
    gain: float | None = None,
    **options: Unpack[DiffusionOptions],
) -> VideoReport:
    r"""Filter a video file by spatio-temporal diffusion.

    Every sample spreads over its neighbours in space and over the frames that follow it; the result is the
    weighted mean of what arrives, see `vdcore.diffuse`. Frames are decoded, filtered and encoded at the same
    time, a few of them in memory at once.

    Parameters
    ----------
    path : str, os.PathLike, int or iterable of arrays
        The video to read: a file (also .npy, (T, H, W) or (T, H, W, C), and .tif with many pages), the number
        of a camera, or any iterable of frames (H, W) or (H, W, 3 or 4), uint8, uint16, float32 or float64.
        Through PyAV also "-" (YUV4MPEG on standard input), the address of a live stream (``rtsp://...``), or
        a pattern of numbered pictures (``frame_%04d.png``). A live stream ends at `stop`, or with Ctrl-C.
    out : str or os.PathLike
        The video to write. Its suffix names the container: .avi, .mkv, .mov, .mp4 or .webm; also .npy and
        .tif. Through PyAV any that FFmpeg writes, "-" (YUV4MPEG on standard output), or a pattern of
        pictures. It replaces an existing file when it is complete; after an error no partial file
        is left.
    sigma : float or (float, float)
        Spatial standard deviation in pixels, or (sigma_y, sigma_x). 0 = no spreading.
    tau : float
        Time constant in `time_unit`. 0 = no memory, inf = running mean.
    model, normalize, boundary, cval, truncate, fill, lookahead, tolerance, dither, motion, gate
        See `vdcore.Diffuser`. Values in sample units are in 8-bit units, 0 to 255, at any depth. Through
        PyAV, luma and chroma are filtered separately, chroma with the sigma of its coarser grid; a callable
        `motion` receives the luma (RGB where the file is RGB).
    threads : int or None, optional
        Threads of the filter, >= 1. None takes VDCORE_NUM_THREADS, then OMP_NUM_THREADS, then the processors
        that decoding and encoding, one thread each, leave free. The result does not depend on it.
    time_unit : {"frames", "seconds"}, optional
        Unit of `tau`, `start` and `stop`. Seconds count from the first frame, by the time stamps of the file;
        with OpenCV, frames are 1 / fps seconds apart.
    region : (x, y, width, height), array, callable or iterable, optional
        Where the output is changed; elsewhere the frames pass through untouched. A rectangle in pixels; a
        mask of shape (H, W): bool, float in [0, 1] or uint8 where 255 is 1, blended at soft edges; a callable
        of (index, seconds) that returns one of those, or None for everywhere; or an iterable that gives one
        per frame.
    confidence : the same forms, optional
        The weight of each pixel as a source, in [0, 1]; 0 = missing, filled in from its neighbours.
    start, stop : float, optional
        Only frames with start <= t < stop are filtered, in `time_unit`. The others pass through untouched and
        do not enter the state.
    gain : float, optional
        Required with ``normalize=False``: the factor that turns the sums into samples.
    backend : {"auto", "opencv", "pyav"}, optional
        Decoder and encoder. "auto" is PyAV (``pip install "vdcore[av]"``) where it is installed. It
        keeps sound, subtitles, time stamps, depth, colour and rotation; OpenCV does not, see Notes.
    codec : str, optional
        PyAV: a family such as "h264", "hevc", "av1", "vp9", "ffv1" or "prores", an encoder of FFmpeg, or
        "lossless". By default the family of the input, if it can be written into the container, else H.264.
        OpenCV: a four-character code; by default XVID for .avi, FFV1 (lossless) for .mkv, mp4v for .mp4 and
        .mov, VP90 for .webm.
    quality : int or "lossless", optional
        PyAV, on the encoder's scale: CRF of H.264 (0 to 51, 18 by default), HEVC (20), AV1 and VP9 (0 to 63,
        24); quantizer of MPEG-4 and MJPEG (1 to 31, 2). Lower is better. OpenCV: 1 to 100, only for
        ``codec="MJPG"`` in .avi at an integer frame rate; higher is better.
    encoder_preset : str, optional
        PyAV: the encoder's own speed preset, such as "slow" for H.264 or "8" for AV1.
    bitrate : int, optional
        PyAV: bits per second, instead of a quality.
    fps : float, optional
        Frame rate of inputs without one: frames, pictures, .npy, .tif and raw streams. By default 25, or
        PyAV's guess.
    progress : bool, optional
        Show a progress bar on stderr.

    Returns
    -------
    VideoReport

    Raises
    ------
    ValueError, TypeError
        An argument is invalid, the input is not a video or changes its frame size, or the codec is unknown.
    OSError
        The input cannot be read, the output cannot be written, or its disk is full.

    Warns
    -----
    UserWarning
        Once, naming everything in the input that the output cannot keep. Once more at the end if the input
        ended early or could not be decoded everywhere.

    Notes
    -----
    With PyAV the samples of the file itself are filtered, at their own depth and without conversion to RGB;
    with ``sigma=0, tau=0`` and a lossless codec every bit is preserved. Everything else is copied: see the
    page "Files" of the documentation for what each backend keeps. Packets that cannot be decoded are skipped;
    time stamps are kept, so that sound and picture stay in sync.

    With OpenCV frames have 8 bits and a constant rate, stored as a short decimal within 0.001: 30000/1001
    becomes 29.97. Frames whose size changes within a file are scaled to the size of the first.

    Examples
    --------
    >>> report = vdcore.diffuse_video("in.mp4", "out.mp4", sigma=1.5, tau=3)
    >>> print(report.frames, report.seconds)
    """
    filter_options: Any = {n: v for n, v in options.items() if n in FilterOptions.__optional_keys__}
    file_options: Any = {n: v for n, v in options.items() if n not in filter_options}
    if filter_options.get("threads") is None:
        filter_options["threads"] = _free_threads()
    checked = filter_parameters(sigma, tau, **filter_options)
    frames = frame_range(start, stop, checked.time_unit)
    if gain is not None:
        gain = number(gain, "gain")
    if checked.normalize and gain is not None:
        raise ValueError(f"gain is for normalize=False only, got gain={gain!r} with normalize=True")
    if not checked.normalize and gain is None:
        raise ValueError("normalize=False makes sums of any size: give gain= to write them to a video")

    def make_filter(info: VideoInfo) -> Filter:
        _check_channels(checked.gate, "gate", info)
        return DiffusionFilter(
            vars(checked),
            info.planes,
            info.orientation,
            _regions(region, info),
            _regions(confidence, info, "confidence"),
            frames,
            gain,
        )

    return filter_video(path, out, make_filter, until=frames, **file_options)


def _check_channels(noise: object, name: str, info: VideoInfo) -> None:
    """Refuse an estimate of other channels than those of the picture."""
    if isinstance(noise, NoiseEstimate) and noise.sigma.size not in (1, info.channels):
        allowed = "1 channel" if info.channels == 1 else f"1 or {info.channels} channels"
        raise ValueError(
            f"{name} must be a NoiseEstimate of {allowed} for {info.path}, got {noise.sigma.size}"
        )


def _regions(region: Region, info: VideoInfo, name: str = "region") -> PlaneRegions | None:
    """A region of the picture for each plane; None is everywhere."""
    if region is None:
        return None
    provider: RegionProvider = resolve_region(region, info.height, info.width, name)
    return PlaneRegions(provider, info.planes, info.orientation)


@accepts(WritingOptions, filter_video)
def write_frames(
    out: StrPath,
    frames: Iterable[Any],
    fps: float,
    **options: Unpack[WritingOptions],
) -> VideoReport:
    """Write frames to a video file; the counterpart of `read_frames`.

    Parameters
    ----------
    out : str or os.PathLike
        See `diffuse_video`.
    frames : iterable of array_like, shape (H, W), (H, W, 3) or (H, W, 4)
        Grey, or red, green, blue and alpha. uint8; through PyAV uint16 too, over its full range.
    fps : float
        Frames per second.
    backend, codec, quality, encoder_preset, bitrate, progress
        See `diffuse_video`.

    Returns
    -------
    VideoReport

    Raises
    ------
    ValueError, TypeError, OSError
        See `diffuse_video`.
    """
    return filter_video(frames, out, lambda info: PassThrough(), fps=fps, **options)


@accepts(FileOptions, filter_video)
def denoise_video(
    path: Source,
    out: StrPath,
    strength: Strength = "auto",
    *,
    preset: Preset = "balanced",
    motion: Motion | None = "flow",
    lookahead: int = 0,
    fill: float | None = None,
    hot_pixels: HotPixels = "auto",
    time_unit: TimeUnit = "frames",
    threads: int | None = None,
    region: Region = None,
    confidence: Region = None,
    start: float | None = None,
    stop: float | None = None,
    **options: Unpack[FileOptions],
) -> VideoReport:
    """Remove the noise from a video file; no parameters are needed.

    A Kalman filter on the spectra of small patches follows the optical flow, see `vdcore.Denoiser`. Frames
    are decoded, filtered and encoded at the same time, a few of them in memory at once.

    Parameters
    ----------
    path, out : str or os.PathLike
        See `diffuse_video`. A lossless codec keeps the result exactly.
    strength : "auto", "light", "strong", float or NoiseEstimate, optional
        The noise: its standard deviation in 8-bit units (0 to 255) for files of every bit depth, from 0 (no
        change) to 63.75, of luma and chroma or of red, green and blue, as the file stores them; or what
        `vdcore.estimate_noise` returns for the file. "auto": it is estimated from pairs of frames, spread
        over all that are filtered, for which the file is decoded twice; for a pipe or a live stream, from
        the frames so far. "light" assumes 0.7 times the standard deviation that was estimated, "strong"
        1.4 times.
    preset, motion, lookahead
        See `vdcore.Denoiser`. A callable `motion` receives the same pictures as in `diffuse_video`.
    fill : float, optional
        As in `vdcore.Denoiser`, in 8-bit units.
    hot_pixels : {"auto", "off"}, optional
        As in `vdcore.Denoiser`.
    confidence : the forms of `region`, optional
        What is known of each pixel, from 0, missing, to 1; see `vdcore.Denoiser`. An iterator is drawn once:
        with it "auto" goes by the frames so far.
    time_unit, threads, region, start, stop, backend, codec, quality, encoder_preset, bitrate, fps, progress
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
    >>> print(report.noise.describe())
    """
    parameters = denoiser_parameters(
        strength,
        preset,
        motion,
        lookahead,
        fill,
        hot_pixels,
        _free_threads() if threads is None else threads,
    )
    check_strength(parameters.strength, 255, "8-bit units (0 to 255) for files of every bit depth")
    frames = frame_range(start, stop, choice(time_unit, "time_unit", ("frames", "seconds")))
    made: list[DenoisingFilter] = []
    infos: list[VideoInfo] = []

    def make_filter(info: VideoInfo) -> Filter:
        _check_channels(parameters.strength, "strength", info)
        regions = _regions(region, info)
        noise = None
        twice = is_rewindable(path, info) and not isinstance(confidence, Iterator)
        if isinstance(parameters.strength, str) and twice:
            with closing(open_reader(path, options.get("backend", "auto"), options.get("fps"))) as reader:
                noise = noise_of_planes(
                    _within(frames, reader), info.planes, _regions(confidence, info, "confidence")
                )
        infos.append(info)
        weights = _regions(confidence, info, "confidence")
        made.append(
            DenoisingFilter(parameters, noise, info.planes, info.orientation, regions, weights, frames)
        )
        return made[0]

    report = filter_video(path, out, make_filter, until=frames, **options)
    report = replace(report, noise=made[0].noise, preset=preset)
    if not isinstance(parameters.strength, str):
        return report
    report = replace(report, strength=parameters.strength)
    if report.noise is None or report.strength == "strong":
        return report
    return replace(report, hint=hint_of_noise(infos[0], report.noise))


def _within(frames: FrameRange, reader: Reader) -> Iterable[Frame]:
    """Decode the frames that are in the range."""
    begun = False
    for frame in iter(reader.read, None):
        if frames.contains(frame.index, frame.seconds):
            begun = True
            yield frame
        elif begun:
            return


def _free_threads() -> int | None:
    """Threads for a filter while two others decode and encode; None where the environment sets them."""
    if any(name in os.environ for name in ("VDCORE_NUM_THREADS", "OMP_NUM_THREADS")):
        return None
    processors: int = build_info()["threads"]
    return max(1, processors - 2)
