# SPDX-License-Identifier: Apache-2.0
"""Reader over PyAV: every depth, planes as they are stored, and the packets of all other streams.

The decoded frame itself goes through the pipeline: filters change its samples, and what else it carries (time
stamp, colour description, HDR metadata, captions) reaches the encoder untouched.
"""

from collections import Counter
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import IO, Any, cast

import av
import av.error
import numpy as np
from av.container import InputContainer
from av.stream import Disposition, Stream
from av.video.stream import VideoStream

from vdcore._arrays import Array
from vdcore.video.files.reading import readable
from vdcore.video.frame import Frame, Orientation
from vdcore.video.info import VideoInfo

from .common import MATRIX, ONE_THREAD, AnyPacket, Carrier, plain_errors
from .pixel_formats import PixelFormat, filterable, keeps, picture_format

_USUAL_RATE = Fraction(25)  # of streams without a rate, as in FFmpeg
_OUTPUT_CORRUPT = 1 << 3  # AV_CODEC_FLAG_OUTPUT_CORRUPT: damaged frames are better than none
_MAX_ERRORS = 64  # consecutive errors of the container before reading is given up
_TIMEOUT = (10.0, 10.0)  # seconds to wait for a live stream, opening and reading
_UNSPECIFIED = 2  # AVCOL_PRI_UNSPECIFIED and the like


class PyAVReader:
    """Decodes the default video stream of a file, a pipe or a live stream, one frame after the other.

    Parameters
    ----------
    source : pathlib.Path, str or binary file
        A file, the address of a stream, a pattern of pictures such as frame_%04d.png, or an open file.
    container : str, optional
        FFmpeg's name of the format, where it cannot be detected from the first bytes.
    options : dict, optional
        Of FFmpeg's demuxer.
    name : str, optional
        What `source` is called in messages.
    fps : float, optional
        Frames per second, if the file has no time stamps.
    live : bool, optional
        Whether it may run until it is stopped.

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
        with plain_errors(self.name):
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
        self._packets: list[AnyPacket] = []
        self._frames: list[av.VideoFrame] = []
        self._last_pts: int | None = None
        self._first_pts: int | None = None
        try:
            self.stream = self._default_stream()
            context = self.stream.codec_context
            context.thread_type = "AUTO"
            context.flags |= _OUTPUT_CORRUPT
            # The container's word, which the decoder replaces by that of the frames.
            self._container_color = (
                context.color_primaries,
                context.color_trc,
                context.colorspace,
                context.color_range,
            )
            self._demuxed: Iterator[AnyPacket] | None = iter(self.container.demux())
            first = self._decode()
            if first is None:
                raise ValueError(f"{self.name}: no frame can be decoded")
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
        """Describe the stream, from the container and the first frame."""
        stream, context = self.stream, self.stream.codec_context
        self.format = PixelFormat(filterable(first.format.name), first.width, first.height, first.color_range)
        self.source_format = first.format.name
        self.planes = self.format.planes
        self.timed = first.pts is not None
        self.rate = _exact(stream.guessed_rate or stream.average_rate or _USUAL_RATE)
        if self._given_rate and not self.timed:
            self.rate = self._given_rate
        self.time_base = stream.time_base if self.timed and stream.time_base else 1 / self.rate
        primaries, transfer, matrix, color_range = self._container_color
        self.color = (
            _specified(first.color_primaries, primaries),
            _specified(first.color_trc, transfer),
            _specified(first.colorspace, matrix),
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
        """How many frames the container announces, without those that an edit list skips."""
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
        """Whether the container's average and base rate differ; raw streams have only guesses."""
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
            if packet.stream is not self.stream:  # the packet's own index is undefined at the end
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

    def _next_packet(self) -> "AnyPacket | None":
        """The next packet of any stream; errors of the container are skipped while packets follow."""
        misses = 0
        allowed = 1 if self._live else _MAX_ERRORS
        while self._demuxed is not None and not self._stopped and misses < allowed:
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
            changed = frame.reformat(*size, self.format.name, threads=ONE_THREAD)
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
        if not self.timed:  # its own is in the stream's time base
            frame.duration = step
        frame.time_base = self.time_base
        return pts

    def stop(self) -> None:
        """End the stream after the frames in flight."""
        self._stopped = True

    def rest(self) -> list[AnyPacket]:
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
        array = frame.carrier.av_frame.reformat(format=shown, threads=ONE_THREAD).to_ndarray()
        return np.ascontiguousarray(self.orientation.shown(array))

    def store(self, frame: Frame) -> av.VideoFrame:
        """Write the planes back into the frame they came from, and return it."""
        decoded: av.VideoFrame = frame.carrier.av_frame
        if self.format.copied:
            self.format.store(frame.planes, decoded)
        return decoded

    def losses(self) -> list[str]:
        """Name losses that only decoding reveals."""
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
    """Undo the rounding of Matroska's nanoseconds, which reads 60000/1001 as 19001/317."""
    near = Fraction(round(rate * 1001 / 1000) * 1000, 1001)
    return near if abs(near / rate - 1) < 1e-7 else rate


def _side_data(frame: av.VideoFrame) -> dict[str, bytes]:
    """The side data of a frame, by FFmpeg's names."""
    try:
        return {data.type.name: bytes(data) for data in cast(Any, frame.side_data)}
    except ValueError:  # one that PyAV does not know, such as EXIF, hides all the others
        cosine, sine = ((1, 0), (0, 1), (-1, 0), (0, -1))[round(frame.rotation / 90) % 4]
        matrix = np.array((cosine, -sine, 0, sine, cosine, 0, 0, 0, 1 << 14), "<i4") << 16
        return {MATRIX: matrix.tobytes()} if frame.rotation else {}


def _specified(value: int, other: int) -> int:
    """A value of the frames' colour description, or the container's where it is unspecified."""
    return other if value == _UNSPECIFIED else value


def _seconds(text: str) -> Fraction:
    """Of hours, minutes and seconds, as in 00:01:02.500000000; 0 if it is something else."""
    try:
        hours, minutes, seconds = map(Fraction, text.split(":"))
    except ValueError:
        return Fraction(0)
    return 3600 * hours + 60 * minutes + seconds
