# SPDX-License-Identifier: Apache-2.0
"""Writer over PyAV: the frames' own format where the encoder has it, and the packets of all other streams."""

import errno
import io
from collections import Counter
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import IO, Any, cast

import av
import av.error
import numpy as np
from av.stream import AttachmentStream, Stream
from av.video.stream import VideoStream

from vdcore.video.frame import Frame
from vdcore.video.info import Encoding, VideoInfo

from .common import MATRIX, ONE_THREAD, AnyPacket, plain_errors
from .encoding import Encoder, choose_encoder, hdr_options
from .pixel_formats import PixelFormat, keeps
from .reader import PyAVReader

_FRAME_DURATION = 1 << 8  # AV_CODEC_FLAG_FRAME_DURATION: frames carry durations
_HDR = ("MASTERING_DISPLAY_METADATA", "CONTENT_LIGHT_LEVEL")
_FULL_RANGE = 2  # AVCOL_RANGE_JPEG
_BT709 = 1  # AVCOL_SPC_BT709, AVCOL_PRI_BT709
_BT601 = 5  # AVCOL_SPC_BT470BG, of JPEG
_UNFAITHFUL = ("grayf16le", "yaf16le")  # formats that FFmpeg 8.1 does not read back from FFV1 as they were
_UNTIMED = ("yuv4mpegpipe", "image2", "rawvideo", "mxf")  # containers without time stamps
_EVEN_RATE = (*_UNTIMED, "avi", "gif")  # containers of frames at an even distance, which AVI may leave out
_EVEN_CODECS = ("mpeg1video", "mpeg2video")
_OWN_ASPECT = ("h264", "hevc", "mpeg4", "mpeg1video", "mpeg2video")  # in the stream itself
_OWN_METADATA = ("major_brand", "minor_version", "compatible_brands", "encoder")


class PyAVWriter:
    """Encodes frames into a file or a pipe, and copies everything else that the input held.

    Parameters
    ----------
    target : pathlib.Path, str or binary file
        Where to write; the suffix names the container. A pattern such as frame_%04d.png makes pictures.
    reader : PyAVReader or None
        The source of the frames; None for arrays.
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
        with plain_errors(self._name):
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
            matrix = reader.side_data.get(MATRIX)
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
        """Whether RGB is converted by BT.601: in JPEG, and where no tag can name another matrix."""
        return pixel_format.startswith("yuvj") or self.container.format.name == "yuv4mpegpipe"

    def _add_copy(self, stream: Stream) -> None:
        """A stream whose packets are copied, if the container takes its codec."""
        assert self._reader is not None
        codec = stream.codec_context.name if stream.codec_context else "unknown codec"
        name = self.container.format.name
        cover = self._reader.cover(stream) if name == "matroska" else None
        if stream.type == "data" and stream.name == "bin_data" and self._reader.container.chapters():
            return  # chapter titles, in MP4 a separate stream, which is rewritten
        timecode = stream.metadata.get("timecode") if stream.type == "data" else None
        if (
            timecode
            and name in ("mov", "matroska")
            and self._reader.stream.metadata.get("timecode") == timecode
        ):
            return  # which the video stream carries too
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
        """Name everything that the output cannot hold."""
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
        with plain_errors(self._name):
            if self._reader is not None:
                decoded = self._reader.store(frame)
                self._copy(frame.carrier.packets)
            else:
                array = frame.planes[0] if frame.carrier is None else frame.carrier
                if array.dtype == np.float64:  # FFmpeg has single precision
                    array = array.astype(np.float32)
                decoded = av.VideoFrame.from_ndarray(np.ascontiguousarray(array), self._format.name)
                decoded.pts, decoded.time_base = frame.index, 1 / self._rate
            if self._even:
                decoded.pts, decoded.time_base = self._place(frame, decoded), self._time_base
            decoded.pict_type = 0
            if self._reformat is not None:
                matrix = None
                if self._from_rgb:
                    matrix = "ITU601" if self._old_matrix(self._reformat) else "ITU709"
                changed = decoded.reformat(format=self._reformat, dst_colorspace=matrix, threads=ONE_THREAD)
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

    def _copy(self, packets: Sequence[AnyPacket]) -> None:
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
        """Flush the encoder and the other streams, and close the file."""
        with plain_errors(self._name):
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
    """A YUV4MPEG file that gets its pixel aspect ratio, which PyAV cannot set, in passing."""

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
    """The error for settings that an encoder or a container refuses."""
    given = ", ".join(f"{name}={value!r}" for name, value in vars(encoding).items() if value is not None)
    return f"{given or 'codec'}: {encoder.name} in {suffix} refuses {encoder.pixel_format}: {error.strerror}"


def _is_rgb(pixel_format: str) -> bool:
    return av.VideoFormat(pixel_format).is_rgb


def _playable(info: VideoInfo) -> str:
    """The H.264 pixel format that every player supports, for arrays; 4:2:0 needs even sizes."""
    sampling = "420" if info.width % 2 == info.height % 2 == 0 else "444"
    return f"yuv{sampling}p" if info.bits == 8 else f"yuv{sampling}p10le"


def _holds(container: str, stream: Stream) -> bool:
    """Whether a container takes the packets of a stream, found by writing a trial header."""
    if stream.type == "attachment" or container == "image2":
        return container in ("matroska", "webm")
    try:
        with av.open(io.BytesIO(), "w", format=container) as trial:
            trial.add_stream_from_template(stream, opaque=True)
            trial.start_encoding()
    except (ValueError, av.error.FFmpegError):
        return False
    return True


def _kept(metadata: dict[str, str]) -> dict[str, str]:
    return {key: value for key, value in metadata.items() if key.lower() not in _OWN_METADATA}
