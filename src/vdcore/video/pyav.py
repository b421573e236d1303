# SPDX-License-Identifier: Apache-2.0
"""Reader and writer over PyAV: every depth, the planes as they are, and everything else that the file holds.

The decoded frame itself goes through the pipeline: filters change its samples, and what else it carries (time
stamp, colour description, HDR metadata, captions) reaches the encoder untouched. The packets of all other
streams are copied.
"""

import errno
import io
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import IO, Any, TypeAlias, cast

import av
import av.error
import numpy as np
import numpy.typing as npt
from av.container import InputContainer
from av.packet import Packet
from av.stream import AttachmentStream, Disposition, Stream
from av.video.stream import VideoStream

from .encoding import Encoder, choose_encoder, hdr_options
from .info import Encoding, VideoInfo, readable
from .pipeline import Frame
from .pixel_formats import PixelFormat, filterable, keeps, picture_format
from .planes import Orientation

Array = npt.NDArray[Any]
_Packet: TypeAlias = "Packet[Any]"

_USUAL_RATE = Fraction(25)  # of streams that say nothing, as in FFmpeg
_OUTPUT_CORRUPT = 1 << 3  # AV_CODEC_FLAG_OUTPUT_CORRUPT: damaged frames are better than none
_FRAME_DURATION = 1 << 8  # AV_CODEC_FLAG_FRAME_DURATION: frames say how long they last
_MOST_ERRORS = 64  # of the container, one after the other, before it is given up
_TIMEOUT = (10.0, 10.0)  # seconds that a live stream may keep us waiting, opening and reading
_HDR = ("MASTERING_DISPLAY_METADATA", "CONTENT_LIGHT_LEVEL")
_FULL_RANGE = 2  # AVCOL_RANGE_JPEG
_BT709 = 1  # AVCOL_SPC_BT709, AVCOL_PRI_BT709
_BT601 = 5  # AVCOL_SPC_BT470BG, of JPEG
_ONE = 1  # thread: more of them, FFmpeg's default, overwrite each other's samples in narrow pictures
_UNSPECIFIED = 2  # AVCOL_PRI_UNSPECIFIED and the like
_MATRIX = "DISPLAYMATRIX"
_UNFAITHFUL = ("grayf16le", "yaf16le")  # formats that FFmpeg 8.1 does not read back from FFV1 as they were
_UNTIMED = ("yuv4mpegpipe", "image2", "rawvideo", "mxf")  # containers without time stamps
_EVEN_RATE = (*_UNTIMED, "avi", "gif")  # containers of frames at an even distance, which AVI may leave out
_EVEN_CODECS = ("mpeg1video", "mpeg2video")
_OWN_ASPECT = ("h264", "hevc", "mpeg4", "mpeg1video", "mpeg2video")  # in the stream itself
_OWN_METADATA = ("major_brand", "minor_version", "compatible_brands", "encoder")

av.logging.set_level(None)  # any other level takes the GIL in the threads of decoders, and may deadlock
os.environ.setdefault("SVT_LOG", "1")  # the encoder of AV1 is to report errors only


@contextmanager
def _plain_errors(name: object) -> Iterator[None]:
    """Raise OSError and ValueError, with the name of the file, instead of PyAV's errors."""
    try:
        yield
    except av.error.FFmpegError as error:
        if isinstance(error, OSError) and error.errno is not None and 0 < error.errno < 200:
            raise OSError(error.errno, os.strerror(error.errno), str(name)) from error
        raise ValueError(f"{name}: {error.strerror or error}") from error


class Carrier:
    """A decoded frame, and the packets of other streams that come before it in the file."""

    __slots__ = ("av_frame", "packets")

    def __init__(self, av_frame: av.VideoFrame, packets: list[_Packet]) -> None:
        self.av_frame = av_frame
        self.packets = packets


class PyAVReader:
    """Decodes the default video stream of a file, a pipe or a live stream, one frame after the other.

    Parameters
    ----------
    source : pathlib.Path, str or binary file
        A file, the address of a stream, a pattern of pictures such as frame_%04d.png, or an open file.
    container : str, optional
        FFmpeg's name of the format, where it cannot be told from the beginning.
    options : dict, optional
        Of FFmpeg's demuxer.
    name : str, optional
        What `source` is called in messages.
    fps : float, optional
        Frames per second, if the file has no time stamps.
    live : bool, optional
        Whether it may go on until it is stopped.

    Attributes
    ----------
    info : VideoInfo
    planes : tuple of Plane
    errors : int
        Packets that could not be decoded.
    repaired : int
        Frames with damage that the decoder has covered up.
    """

    def __init__(
        self,
        source: Path | str | IO[bytes],
        *,
        container: str | None = None,
        options: dict[str, str] | None = None,
        name: str | None = None,
        fps: float | None = None,
        live: bool = False,
    ) -> None:
        self._given_rate = None if fps is None else Fraction(fps).limit_denominator(1_001_000)
        self._live, self._stopped = live, False
        if isinstance(source, Path):
            self.name = str(readable(source))
            where: Any = f"file:{self.name}"  # so that FFmpeg takes no part of it for a protocol
        else:
            where, self.name = source, name or str(source)
        with _plain_errors(self.name):
            try:
                self.container: InputContainer = av.open(
                    where,
                    "r",
                    format=container,
                    options=options or {},
                    metadata_errors="replace",
                    timeout=_TIMEOUT if live else None,
                )
            except (av.error.InvalidDataError, av.error.EOFError):
                raise ValueError(
                    f"{self.name}: not a video that can be read, or cut off before its index"
                ) from None
        self.errors = self.repaired = 0
        self._scaled = 0
        self._decoded = 0
        self._packets: list[_Packet] = []
        self._frames: list[av.VideoFrame] = []
        self._last_pts: int | None = None
        self._first_pts: int | None = None
        try:
            self.stream = self._default_stream()
            context = self.stream.codec_context
            context.thread_type = "AUTO"
            context.flags |= _OUTPUT_CORRUPT
            # The container's word, which the decoder replaces by that of the frames.
            self._told = context.color_primaries, context.color_trc, context.colorspace, context.color_range
            self._demuxed: Iterator[_Packet] | None = iter(self.container.demux())
            first = self._decode()
            if first is None:
                raise ValueError(f"{self.name}: no frame of it can be decoded")
            self._frames.append(first)
            self._describe(first)
        except BaseException:
            self.container.close()
            raise

    def _default_stream(self) -> VideoStream:
        """The first video stream that is marked as default, else the first; cover art is none."""
        streams = [s for s in self.container.streams.video if not s.disposition & Disposition.attached_pic]
        if not streams:
            raise ValueError(f"{self.name}: has no video")
        return next((s for s in streams if s.disposition & Disposition.default), streams[0])

    def _describe(self, first: av.VideoFrame) -> None:
        """Find out what there is to know, from the container and the first frame."""
        stream, context = self.stream, self.stream.codec_context
        self.format = PixelFormat(filterable(first.format.name), first.width, first.height, first.color_range)
        self.source_format = first.format.name
        self.planes = self.format.planes
        self.timed = first.pts is not None
        self.rate = _exact(stream.guessed_rate or stream.average_rate or _USUAL_RATE)
        if self._given_rate and not self.timed:
            self.rate = self._given_rate
        self.time_base = stream.time_base if self.timed and stream.time_base else 1 / self.rate
        primaries, transfer, matrix, color_range = self._told
        self.color = (
            _said(first.color_primaries, primaries),
            _said(first.color_trc, transfer),
            _said(first.colorspace, matrix),
            first.color_range or color_range,
        )
        self.side_data = _side_data(first)
        self.orientation = Orientation(round(first.rotation / 90) % 4)
        height, width = self.orientation.size(first.height, first.width)
        kinds = Counter(other.type for other in self.container.streams if other.index != stream.index)
        luma = self.planes[0]
        self.info = VideoInfo(
            path=Path(self.name),
            width=width,
            height=height,
            channels=3 if len(self.planes) > 1 or luma.kind == "colour" else 1,
            fps=float(self.rate),
            frames=self._announced_frames(),
            codec=context.codec.canonical_name,
            bits=av.VideoFormat(first.format.name).components[0].bits,
            rotation=-first.rotation % 360,  # clockwise
            variable_frame_rate=self._varies(),
            timed=self.timed,
            other_streams={kind: kinds[kind] for kind in sorted(kinds)},
            pixel_format=first.format.name,
            planes=self.planes,
            orientation=self.orientation,
            backend="pyav",
            live=self._live and not self.container.duration,
        )

    def _announced_frames(self) -> int | None:
        """How many the container says; what an edit list leaves out does not count."""
        stream = self.stream
        begin = (stream.start_time or 0) * (stream.time_base or 0)
        seconds: Fraction | None = None
        if "DURATION" in stream.metadata:  # of Matroska: where the stream ends
            seconds = _seconds(stream.metadata["DURATION"]) - begin
        elif stream.duration and stream.time_base:
            seconds = stream.duration * stream.time_base
        elif self.container.duration and len(self.container.streams) == 1:
            start = Fraction(self.container.start_time or 0, av.time_base)
            seconds = Fraction(self.container.duration, av.time_base) - (begin - start)
        rate = stream.average_rate or self.rate
        counted = None if seconds is None or seconds <= 0 or self._varies() else round(seconds * rate)
        return min(stream.frames, counted) if stream.frames and counted else stream.frames or counted

    def _varies(self) -> bool:
        """Whether the container's two ideas of the rate are apart; a raw stream has but guesses."""
        average, base = self.stream.average_rate, self.stream.base_rate
        if not (self.timed and average and base):
            return False
        return bool(abs(average / base - 1) > 0.01 and abs(2 * average / base - 1) > 0.01)

    def read(self) -> Frame | None:
        """Decode the next frame, or return None at the end.

        Packets that cannot be decoded are left out and counted; the frames around them keep their times.
        """
        decoded = self._frames.pop() if self._frames else self._decode()
        if decoded is None:
            return None
        decoded = self._in_format(decoded)
        pts = self._time_of(decoded)
        packets, self._packets = self._packets, []
        index = self._decoded
        self._decoded += 1
        assert self._first_pts is not None
        seconds = float((pts - self._first_pts) * self.time_base)
        return Frame(self.format.load(decoded), index, seconds, Carrier(decoded, packets))

    def _decode(self) -> av.VideoFrame | None:
        """The next frame that the decoder gives; packets of other streams are kept for the writer."""
        while not self._frames:
            packet = self._next_packet()
            if packet is None:
                return None
            if packet.stream is not self.stream:  # the index of the packet itself means nothing at the end
                if packet.size:
                    self._packets.append(packet)
                continue
            try:
                self._frames = self.stream.decode(packet)[::-1]
            except av.error.FFmpegError:
                self.errors += 1
        frame = self._frames.pop()
        self.repaired += frame.is_corrupt
        return frame

    def _next_packet(self) -> "_Packet | None":
        """The next packet of any stream; errors of the container are skipped as long as it goes on."""
        misses = 0
        most = 1 if self._live else _MOST_ERRORS
        while self._demuxed is not None and not self._stopped and misses < most:
            try:
                return next(self._demuxed)
            except StopIteration:
                self._demuxed = None
            except av.error.FFmpegError:
                self.errors += 1
                misses += 1
                self._demuxed = iter(self.container.demux())
        return None

    def _in_format(self, frame: av.VideoFrame) -> av.VideoFrame:
        """A frame that may be written to, of the stream's size and format."""
        size = self.format.width, self.format.height
        if (frame.width, frame.height) != size:
            self._scaled += 1
        if (frame.width, frame.height) != size or frame.format.name != self.format.name:
            changed = frame.reformat(*size, self.format.name, threads=_ONE)
            changed.pts, changed.time_base, changed.duration = frame.pts, frame.time_base, frame.duration
            return changed
        frame.make_writable()
        return frame

    def _time_of(self, frame: av.VideoFrame) -> int:
        """The time stamp of a frame, later than the last one: what has none follows at the usual distance."""
        step = max(1, round(1 / (self.rate * self.time_base)))
        pts = frame.pts if self.timed else None
        if self._last_pts is None:
            pts = self._first_pts = 0 if pts is None else pts
        elif pts is None or pts <= self._last_pts:
            pts = self._last_pts + (step if pts is None else 1)
        self._last_pts = frame.pts = pts
        if not self.timed:  # what it has is in the stream's time base
            frame.duration = step
        frame.time_base = self.time_base
        return pts

    def stop(self) -> None:
        """No further frames but those that are under way."""
        self._stopped = True

    def rest(self) -> list[_Packet]:
        """The packets of other streams after the last frame."""
        packets, self._packets = self._packets, []
        return packets

    def cover(self, stream: Stream) -> bytes | None:
        """The picture of a stream of cover art, which comes before all other packets."""
        if not stream.disposition & Disposition.attached_pic:
            return None
        return next((bytes(p) for p in self._packets if p.stream_index == stream.index), None)

    def picture(self, frame: Frame, alpha: bool = False) -> Array:
        """A frame as it is shown: grey or red, green, blue and alpha; uint16 if it has more than 8 bits."""
        self.store(frame)
        shown = picture_format(self.source_format, alpha)
        array = frame.carrier.av_frame.reformat(format=shown, threads=_ONE).to_ndarray()
        return np.ascontiguousarray(self.orientation.shown(array))

    def store(self, frame: Frame) -> av.VideoFrame:
        """Write the planes back into the frame they came from, and return it."""
        decoded: av.VideoFrame = frame.carrier.av_frame
        if self.format.copied:
            self.format.store(frame.planes, decoded)
        return decoded

    def losses(self) -> list[str]:
        """Name what only decoding shows."""
        names = []
        if not self.timed:
            names.append(
                f"timing (a raw stream has no time stamps: {float(self.rate):.6g} frames per second assumed)"
            )
        if not keeps(self.source_format, self.format.name):
            names.append(f"pixel format {self.source_format} (filtered as {self.format.name})")
        if self._scaled:
            names.append(
                f"size of {self._scaled} frames (scaled to {self.format.width}x{self.format.height})"
            )
        return names

    def close(self) -> None:
        self.container.close()


def _exact(rate: Fraction) -> Fraction:
    """The rate that whole nanoseconds of Matroska stand for: 60000/1001 is read as 19001/317."""
    near = Fraction(round(rate * 1001 / 1000) * 1000, 1001)
    return near if abs(near / rate - 1) < 1e-7 else rate


class PyAVWriter:
    """Encodes frames into a file or a pipe, and copies everything else that the input held.

    Parameters
    ----------
    target : pathlib.Path, str or binary file
        Where to write; the suffix names the container. A pattern such as frame_%04d.png makes pictures.
    reader : PyAVReader or None
        What the frames come from; None for arrays.
    info : VideoInfo
        What is written.
    encoding : Encoding
    container : str, optional
        FFmpeg's name of the format, where there is no suffix.
    name : str, optional
        What `target` is called in messages.

    Attributes
    ----------
    width, height : int
        Size of the frames as they are stored.
    codec : str
        The encoder.

    Raises
    ------
    ValueError
        The container is not known, or cannot hold what is asked for.
    OSError
        The file cannot be written.
    """

    def __init__(
        self,
        target: Path | str | IO[bytes],
        reader: PyAVReader | None,
        info: VideoInfo,
        encoding: Encoding,
        *,
        container: str | None = None,
        name: str | None = None,
    ) -> None:
        self._name = name or (str(target) if isinstance(target, Path | str) else "-")
        self._reader = reader
        self._losses: list[str] = []
        self._unwritten: Counter[int] = Counter()
        self._done = False
        path: Any = f"file:{target}" if isinstance(target, Path) else target
        self._file: IO[bytes] | None = None
        aspect = reader.stream.sample_aspect_ratio if reader else None
        if aspect and (container == "yuv4mpegpipe" or self._name.endswith(".y4m")):
            if isinstance(target, Path | str):
                self._file = open(target, "wb")
            path, container = _Y4MWithAspect(self._file or target, aspect), "yuv4mpegpipe"
        suffix = Path(self._name).suffix if isinstance(target, Path | str) else f"a {container} stream"
        source_format = reader.format.name if reader else info.pixel_format
        self._format = (
            PixelFormat(source_format, *_stored_size(info)[::-1], 0) if reader is None else reader.format
        )
        y4m = container == "yuv4mpegpipe" or suffix.lower() == ".y4m"
        options = {"strict": "experimental"} if y4m else {}  # for more than 8 bits
        with _plain_errors(self._name):
            try:
                self.container = av.open(
                    path, "w", format=container, options=options, metadata_encoding="utf-8"
                )
            except ValueError:
                raise ValueError(
                    f"out must have the suffix of a video file such as .mp4, .mkv or .mov, got {self._name}"
                ) from None
            try:
                if self.container.format.name == "image2" and isinstance(target, Path):
                    raise ValueError(
                        f"out must be a pattern such as frame_%04d{suffix} for pictures, got {self._name}"
                    )
                source_codec = reader.info.codec if reader else "h264"
                usual = None if reader else _playable(info)
                encoder = choose_encoder(encoding, source_codec, source_format, self.container, suffix, usual)
                self._open(encoder, info)
            except BaseException as error:
                self._abandon()
                if isinstance(error, av.error.FFmpegError) and not isinstance(error, OSError):
                    raise ValueError(_refusal(encoder, encoding, suffix, error)) from error
                raise
        self.codec = encoder.name
        self.height, self.width = self._format.height, self._format.width

    # ---- streams

    def _open(self, encoder: Encoder, info: VideoInfo) -> None:
        reader = self._reader
        self._copies: dict[int, Stream] = {}
        streams = list(reader.container.streams) if reader else [None]
        for stream in streams:
            if reader is None or stream is reader.stream:
                self._video = self._add_video(encoder, info)
            elif stream is not None:
                self._add_copy(stream)
        if reader is not None:
            self._copy_metadata(reader)
        self._reformat = None if self._format.name == encoder.pixel_format else encoder.pixel_format
        self._from_rgb = _is_rgb(self._format.name) and not _is_rgb(encoder.pixel_format)
        if self._reformat and not keeps(self._format.name, encoder.pixel_format):
            self._losses.append(
                f"pixel format {self._format.name} ({encoder.name} writes {encoder.pixel_format})"
            )
        if encoder.family == "ffv1" and encoder.pixel_format in _UNFAITHFUL:
            self._losses.append(f"samples of {encoder.pixel_format} (FFmpeg's FFV1 changes them)")
        self.container.start_encoding()

    def _add_video(self, encoder: Encoder, info: VideoInfo) -> VideoStream:
        reader = self._reader
        rate = reader.rate if reader else Fraction(info.fps).limit_denominator(100_000)
        even = self.container.format.name in _EVEN_RATE or encoder.family in _EVEN_CODECS
        time_base = reader.time_base if reader and not even else 1 / rate
        if encoder.family == "mpeg4" and time_base.denominator > 65535:  # a limit of the standard
            time_base = 1 / rate if reader is None or not info.variable_frame_rate else Fraction(1, 60_000)
        self._time_base, self._even, self._last_place = time_base, even, -1
        self._rate = rate
        options = dict(encoder.options)
        side_data = reader.side_data if reader else {}
        hdr = hdr_options(encoder.name, side_data)
        if not hdr and any(name in side_data for name in _HDR):
            self._losses.append(f"HDR metadata (mastering display, light level: not through {encoder.name})")
        for key, value in hdr.items():
            options[key] = f"{options[key]}:{value}" if key in options else value
        if encoder.family == "h264" and self.container.format.name == "avi":
            options["bf"] = "0"  # there are no time stamps to put frames in order by
        stream: VideoStream = cast(Any, self.container).add_stream(encoder.name, rate=rate, options=options)
        context = stream.codec_context
        context.width, context.height = self._format.width, self._format.height
        context.pix_fmt = encoder.pixel_format
        context.time_base = stream.time_base = time_base
        context.thread_type = "AUTO"
        context.flags |= _FRAME_DURATION
        if encoder.family in _EVEN_CODECS:
            context.framerate = rate
        if encoder.bitrate is not None:
            context.bit_rate = encoder.bitrate
        if reader is not None:
            source = reader.stream
            context.color_primaries, context.color_trc, context.colorspace, context.color_range = reader.color
            if encoder.pixel_format.startswith("yuvj"):
                context.color_range = _FULL_RANGE
            context.field_order = source.codec_context.field_order
            aspect = source.sample_aspect_ratio
            if aspect:
                context.sample_aspect_ratio = aspect
            if (
                aspect not in (None, 0, 1)
                and self.container.format.name in ("matroska", "webm", "avi")
                and encoder.family not in _OWN_ASPECT
            ):
                name = self.container.format.name
                self._losses.append(f"pixel aspect ratio {aspect} (PyAV does not write it into {name})")
            matrix = reader.side_data.get(_MATRIX)
            if matrix is not None:
                if self.container.format.name in ("avi", "yuv4mpegpipe", "image2"):
                    self._losses.append(
                        f"rotation ({info.rotation} degrees: {self.container.format.name} has none)"
                    )
                else:
                    stream.set_display_matrix(np.frombuffer(matrix, "<i4").tolist())
            stream.metadata.update(_kept(source.metadata))
            stream.disposition = source.disposition
            if source.codec_context.codec_tag in ("hvc1", "hev1") and encoder.family == "hevc":
                context.codec_tag = source.codec_context.codec_tag
        if _is_rgb(self._format.name) and not _is_rgb(encoder.pixel_format):
            context.colorspace = _BT601 if self._old_matrix(encoder.pixel_format) else _BT709
            context.color_primaries = context.color_primaries or _BT709
        alone = reader is None or len(reader.container.streams.video) == 1
        if alone and time_base.numerator == 1 and self.container.format.name in ("mp4", "mov", "ipod", "3gp"):
            self.container.options["video_track_timescale"] = str(time_base.denominator)
        if even and info.variable_frame_rate:
            self._losses.append(
                f"variable frame rate ({self.container.format.name} has none:"
                f" {float(rate):.6g} frames per second)"
            )
        return stream

    def _old_matrix(self, pixel_format: str) -> bool:
        """Whether RGB becomes YCbCr by BT.601: in JPEG, and where no tag can say otherwise."""
        return pixel_format.startswith("yuvj") or self.container.format.name == "yuv4mpegpipe"

    def _add_copy(self, stream: Stream) -> None:
        """A stream whose packets are copied, if the container takes its codec."""
        assert self._reader is not None
        codec = stream.codec_context.name if stream.codec_context else "unknown codec"
        name = self.container.format.name
        cover = self._reader.cover(stream) if name == "matroska" else None
        if stream.type == "data" and stream.name == "bin_data" and self._reader.container.chapters():
            return  # their titles, in MP4 a stream of its own, which is written anew
        timecode = stream.metadata.get("timecode") if stream.type == "data" else None
        if (
            timecode
            and name in ("mov", "matroska")
            and self._reader.stream.metadata.get("timecode") == timecode
        ):
            return  # which the video stream says too
        if cover is not None:
            suffix = "jpg" if codec == "mjpeg" else codec
            title = stream.metadata.get("filename", f"cover.{suffix}")
            self.container.add_attachment(title, f"image/{codec.replace('mjpeg', 'jpeg')}", cover)
            return
        if not _holds(name, stream):
            self._losses.append(f"{stream.type} (stream {stream.index}, {codec}: {name} cannot hold it)")
            return
        if isinstance(stream, AttachmentStream):
            copy: Stream = self.container.add_attachment(
                stream.name or "attachment", stream.mimetype or "application/octet-stream", stream.data
            )
        else:
            copy = self.container.add_stream_from_template(stream, opaque=True)
        if stream.time_base:
            copy.time_base = stream.time_base
        copy.metadata.update(_kept(stream.metadata))
        copy.disposition = stream.disposition
        self._copies[stream.index] = copy

    def _copy_metadata(self, reader: PyAVReader) -> None:
        self.container.metadata.update(_kept(reader.container.metadata))
        chapters = reader.container.chapters()
        if chapters:
            self.container.set_chapters(chapters)

    def losses(self) -> list[str]:
        """Name what the output cannot hold."""
        unwritten = [f"{n} packets of stream {i}" for i, n in sorted(self._unwritten.items())]
        return self._losses + unwritten

    # ---- frames

    def write(self, frame: Frame) -> None:
        """Encode the next frame, after the packets of other streams that came before it.

        Raises
        ------
        OSError
            The file cannot be written.
        """
        with _plain_errors(self._name):
            if self._reader is not None:
                decoded = self._reader.store(frame)
                self._copy(frame.carrier.packets)
            else:
                array = frame.planes[0] if frame.carrier is None else frame.carrier
                decoded = av.VideoFrame.from_ndarray(np.ascontiguousarray(array), self._format.name)
                decoded.pts, decoded.time_base = frame.index, 1 / self._rate
            if self._even:
                decoded.pts, decoded.time_base = self._place(frame, decoded), self._time_base
            decoded.pict_type = 0
            if self._reformat is not None:
                matrix = None
                if self._from_rgb:
                    matrix = "ITU601" if self._old_matrix(self._reformat) else "ITU709"
                changed = decoded.reformat(format=self._reformat, dst_colorspace=matrix, threads=_ONE)
                changed.pts, changed.time_base = decoded.pts, decoded.time_base
                changed.duration = decoded.duration
                if self._reformat.startswith("yuvj"):
                    changed.color_range = _FULL_RANGE
                decoded = changed
            self.container.mux(self._video.encode(decoded))

    def _place(self, frame: Frame, decoded: av.VideoFrame) -> int:
        """The number of a frame where they are at an even distance, with room for those that are missing."""
        if self._reader is None or self.container.format.name in _UNTIMED:
            return frame.index
        seconds = Fraction(decoded.pts or 0) * (decoded.time_base or 1)
        if self.container.format.name in _EVEN_RATE:  # which begin at 0
            seconds -= Fraction(self._reader.container.start_time or 0, av.time_base)
        self._last_place = max(round(seconds * self._rate), self._last_place + 1)
        return self._last_place

    def _copy(self, packets: Sequence[_Packet]) -> None:
        for packet in packets:
            copy = self._copies.get(packet.stream_index)
            if copy is None:
                continue
            index = packet.stream_index
            packet.stream = copy
            try:
                self.container.mux_one(packet)
            except av.error.FFmpegError as error:
                if isinstance(error, OSError) and error.errno == errno.ENOSPC:
                    raise
                self._unwritten[index] += 1

    def finish(self) -> None:
        """Write what the encoder still has and what other streams have left, and close the file."""
        with _plain_errors(self._name):
            self.container.mux(self._video.encode(None))
            if self._reader is not None:
                self._copy(self._reader.rest())
            self._done = True
            self.container.close()
        if self._file is not None:
            self._file.close()

    def close(self) -> None:
        if not self._done:
            self._abandon()

    def _abandon(self) -> None:
        self._done = True
        try:
            self.container.close()
        except (av.error.FFmpegError, ValueError, OSError):
            pass
        if self._file is not None:
            self._file.close()


class _Y4MWithAspect:
    """A file of YUV4MPEG: the pixel aspect ratio, which PyAV cannot set, enters the header on the way."""

    def __init__(self, file: Any, aspect: Fraction) -> None:
        self._file = file
        self._aspect = f" A{aspect.numerator}:{aspect.denominator} ".encode()

    def write(self, data: bytes) -> int:
        written = len(data)
        if self._aspect and b" A0:0 " in data[:128]:
            data = bytes(data).replace(b" A0:0 ", self._aspect, 1)
        self._aspect = b""
        self._file.write(data)
        return written

    def flush(self) -> None:
        self._file.flush()


def _stored_size(info: VideoInfo) -> tuple[int, int]:
    return info.orientation.size(info.height, info.width)


def _refusal(encoder: Encoder, encoding: Encoding, suffix: str, error: av.error.FFmpegError) -> str:
    """What to say of settings that an encoder or a container does not take."""
    given = ", ".join(f"{name}={value!r}" for name, value in vars(encoding).items() if value is not None)
    return f"{given or 'codec'}: {encoder.name} in {suffix} refuses {encoder.pixel_format}: {error.strerror}"


def _is_rgb(pixel_format: str) -> bool:
    return av.VideoFormat(pixel_format).is_rgb


def _playable(info: VideoInfo) -> str:
    """The pixel format of H.264 that every player knows, for arrays; 4:2:0 has whole pairs of pixels only."""
    sampling = "420" if info.width % 2 == info.height % 2 == 0 else "444"
    return f"yuv{sampling}p" if info.bits == 8 else f"yuv{sampling}p10le"


def _holds(container: str, stream: Stream) -> bool:
    """Whether a container takes the packets of a stream, which only writing its header tells."""
    if stream.type == "attachment" or container == "image2":
        return container in ("matroska", "webm")
    try:
        with av.open(io.BytesIO(), "w", format=container) as trial:
            trial.add_stream_from_template(stream, opaque=True)
            trial.start_encoding()
    except (ValueError, av.error.FFmpegError):
        return False
    return True


def _side_data(frame: av.VideoFrame) -> dict[str, bytes]:
    """What comes with a frame, by FFmpeg's names."""
    try:
        return {data.type.name: bytes(data) for data in cast(Any, frame.side_data)}
    except ValueError:  # one that PyAV does not know, such as EXIF, hides all the others
        cosine, sine = ((1, 0), (0, 1), (-1, 0), (0, -1))[round(frame.rotation / 90) % 4]
        matrix = np.array((cosine, -sine, 0, sine, cosine, 0, 0, 0, 1 << 14), "<i4") << 16
        return {_MATRIX: matrix.tobytes()} if frame.rotation else {}


def _said(value: int, other: int) -> int:
    """A value of a colour description, or what the container says where the frames do not."""
    return other if value == _UNSPECIFIED else value


def _seconds(text: str) -> Fraction:
    """Of hours, minutes and seconds, as in 00:01:02.500000000; 0 if it is something else."""
    try:
        hours, minutes, seconds = map(Fraction, text.split(":"))
    except ValueError:
        return Fraction(0)
    return 3600 * hours + 60 * minutes + seconds


def _kept(metadata: dict[str, str]) -> dict[str, str]:
    return {key: value for key, value in metadata.items() if key.lower() not in _OWN_METADATA}
