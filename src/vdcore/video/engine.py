# SPDX-License-Identifier: Apache-2.0
"""From reader to writer through a filter, with a progress bar, Ctrl-C and a report."""

import signal
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import current_thread, main_thread
from time import perf_counter
from typing import TypedDict

from vdcore._files import StrPath
from vdcore._regions import FrameRange
from vdcore.denoiser import Automatic
from vdcore.noise import NoiseEstimate

from .files.targets import open_target
from .frame import Frame
from .info import Encoding, Quality, VideoInfo
from .messages import damage_text, has_ended_early, warn_of_losses
from .opening import Source, check_encoding, open_reader, open_writer, resolve_backend
from .pipeline import Filter, Reader, run
from .progress import progress_bar


@dataclass(frozen=True)
class VideoReport:
    """The result of filtering a video.

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
        The encoder used, or with OpenCV the four-character code.
    decode_seconds, filter_seconds, encode_seconds : float
        Time spent in each stage; they work at the same time.
    seconds : float
        Time from opening the input to the finished output.
    warnings : tuple of str
        The warnings that were issued.
    backend : str
        Decoder and encoder: "pyav" or "opencv".
    pixel_format : str
        FFmpeg's name for the pixel format of the input; "" with OpenCV.
    decode_errors : int
        Parts of the input that could not be decoded; the frames around them keep their times.
    repaired_frames : int
        Frames with damage that the decoder covered up.
    noise : NoiseEstimate or None
        Of `denoise_video`: the noise that was found or given, in 8-bit units, of red, green and blue or of
        the planes of luma and chroma. ``noise.describe()`` says it in words. Where sigma is 0, the frames are
        unchanged.
    strength : "light", "auto", "strong" or None
        Of `denoise_video`: how much of the noise was removed; None where the noise was given.
    preset : str or None
        Of `denoise_video`.
    hint : str
        What to try where the result may disappoint, such as a compressed file in which little noise was
        found; otherwise empty.
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
    backend: str = "opencv"
    pixel_format: str = ""
    decode_errors: int = 0
    repaired_frames: int = 0
    noise: NoiseEstimate | None = None
    strength: Automatic | None = None
    preset: str | None = None
    hint: str = ""


class FileOptions(TypedDict, total=False):
    """Keyword options of everything that writes a video file, see `vdcore.diffuse_video`."""

    backend: str
    codec: str | None
    quality: Quality | None
    encoder_preset: str | None
    bitrate: int | None
    fps: float | None
    progress: bool


def filter_video(
    path: Source,
    out: StrPath,
    make_filter: Callable[[VideoInfo], Filter],
    *,
    backend: str = "auto",
    codec: str | None = None,
    quality: Quality | None = None,
    encoder_preset: str | None = None,
    bitrate: int | None = None,
    fps: float | None = None,
    progress: bool = False,
    until: FrameRange | None = None,
) -> VideoReport:
    """Run any filter on a video file; `diffuse_video` does this with the diffusion filter.

    Parameters
    ----------
    path, out, backend, codec, quality, encoder_preset, bitrate, fps, progress
        See `diffuse_video`.
    make_filter : callable
        Given the `VideoInfo` of the input, returns the `Filter` for its frames.
    until : FrameRange, optional
        The range of frames at whose end a live stream stops.

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
    chosen = resolve_backend(backend)
    encoding = Encoding(codec, quality, encoder_preset, bitrate)
    with quiet_backend(chosen), closing(open_reader(path, chosen, fps)) as reader, open_target(out) as target:
        info = reader.info
        place = Path(out)
        if place.exists() and info.path.exists() and place.samefile(info.path):
            raise ValueError(f"out must differ from the input, got {out} for both")
        if not info.fps:
            raise ValueError(f"{path}: its frame rate is unknown")
        check_encoding(out, chosen, encoding, info)
        frame_filter = make_filter(info)
        with closing(open_writer(target, reader, encoding, chosen)) as writer:
            known = reader.losses() + writer.losses()
            messages = warn_of_losses(info, not_kept=known)
            ends = _end_of(until) if info.live and until is not None else lambda frame: False
            with progress_bar(progress, info.frames) as advance, _stopped_by_interrupt(reader):
                count, clocks = run(reader, frame_filter, writer, advance, ends)
        if not count:
            raise ValueError(f"{path}: no frame can be decoded")
        errors, repaired = getattr(reader, "errors", 0), getattr(reader, "repaired", 0)
        ended_early = has_ended_early(info, count)
        messages += warn_of_losses(
            info,
            not_kept=[loss for loss in reader.losses() + writer.losses() if loss not in known],
            ended_after=count if ended_early else None,
            damage=damage_text(errors, repaired),
        )
        target.commit()
    return VideoReport(
        path=Path(out),
        frames=count,
        announced_frames=info.frames,
        ended_early=ended_early,
        width=writer.width,
        height=writer.height,
        channels=info.channels,
        fps=info.fps,
        codec=writer.codec,
        decode_seconds=clocks.decode.seconds,
        filter_seconds=clocks.filter.seconds,
        encode_seconds=clocks.encode.seconds,
        seconds=perf_counter() - begin,
        warnings=tuple(messages),
        backend=info.backend,
        pixel_format=info.pixel_format,
        decode_errors=errors,
        repaired_frames=repaired,
    )


@contextmanager
def quiet_backend(backend: str) -> Iterator[None]:
    """Silence OpenCV's log; the user gets errors and warnings instead."""
    if backend != "opencv":
        yield
        return
    from .backends.opencv import quiet_log

    with quiet_log():
        yield


def _end_of(frames: FrameRange) -> Callable[[Frame], bool]:
    """Whether a frame comes after the range."""
    return lambda frame: (frame.seconds if frames.time_unit == "seconds" else frame.index) >= frames.stop


@contextmanager
def _stopped_by_interrupt(reader: Reader) -> Iterator[None]:
    """End a live stream at Ctrl-C as if it had ended by itself; a second Ctrl-C interrupts."""
    stop = getattr(reader, "stop", None)
    if stop is None or not reader.info.live or current_thread() is not main_thread():
        yield
        return

    def handle(number: int, frame: object) -> None:
        signal.signal(signal.SIGINT, before)
        stop()

    before = signal.signal(signal.SIGINT, handle)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
