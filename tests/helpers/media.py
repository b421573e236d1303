# SPDX-License-Identifier: Apache-2.0
"""Small synthesised media of every kind, and judges that know nothing of vdcore: PyAV, ffmpeg and ffprobe."""

import json
import shutil
import subprocess
import warnings
from fractions import Fraction

import av
import numpy as np
import pytest

import vdcore

needs_ffmpeg = pytest.mark.skipif(
    not (shutil.which("ffmpeg") and shutil.which("ffprobe")), reason="needs the programs ffmpeg and ffprobe"
)


# ---- frames as bytes, every pixel format: FFmpeg's own codec "rawvideo" knows them all


def raw(frame):
    """The samples of a frame without padding, as FFmpeg writes them."""
    context = av.CodecContext.create("rawvideo", "w")
    context.width, context.height, context.pix_fmt = frame.width, frame.height, frame.format.name
    context.time_base = Fraction(1, 25)
    pts, frame.pts = frame.pts, None  # which is not the encoder's business, and may be in another time base
    try:
        return b"".join(bytes(packet) for packet in context.encode(frame))
    finally:
        frame.pts = pts


def from_raw(data, name, width, height):
    """A frame with these samples."""
    context = av.CodecContext.create("rawvideo", "r")
    context.width, context.height, context.pix_fmt = width, height, name
    (frame,) = context.decode(av.packet.Packet(data))
    frame.make_writable()
    return frame


def sample_dtype(name):
    """How FFmpeg stores the samples of a format, and how many bits of them count."""
    bits = max(component.bits for component in av.VideoFormat(name, 64, 64).components)
    if name.endswith(("f16le", "f32le", "f16be", "f32be")):
        return np.dtype(f"{'>' if name.endswith('be') else '<'}f{bits // 8}"), bits
    return np.dtype(f"{'>' if name.endswith('be') else '<'}u{(bits + 7) // 8}"), bits


def random_frame(name, width, height, rng, low=0.0, high=1.0):
    """A frame with random samples between two parts of the range."""
    size = len(raw(av.VideoFrame(width, height, name)))
    dtype, bits = sample_dtype(name)
    values = rng.uniform(low, high, size // dtype.itemsize)
    if dtype.kind == "u":
        values = np.rint(values * ((1 << bits) - 1))
        if name.startswith(("p0", "p2", "p4", "y2")) and bits < 16:  # in the upper bits
            values *= 1 << (16 - bits)
    return from_raw(values.astype(dtype).tobytes(), name, width, height)


def samples(frame):
    """The planes of a frame of a planar or grey format, as arrays, read from its bytes."""
    dtype, _ = sample_dtype(frame.format.name)
    flat, planes = np.frombuffer(raw(frame), dtype), []
    for plane in frame.planes:
        size = plane.width * plane.height
        planes.append(flat[:size].reshape(plane.height, plane.width))
        flat = flat[size:]
    assert not flat.size
    return planes


def from_samples(planes, name):
    height, width = planes[0].shape
    dtype, _ = sample_dtype(name)
    return from_raw(b"".join(plane.astype(dtype).tobytes() for plane in planes), name, width, height)


def smooth_frames(name, count=6, width=64, height=48, seed=1, noise=0.02):
    """Frames of a planar format: a drifting pattern with some noise, other in every plane."""
    rng = np.random.default_rng(seed)
    _, bits = sample_dtype(name)
    described = av.VideoFormat(name, width, height)
    frames = []
    for t in range(count):
        planes = []
        for i, component in enumerate(described.components):
            y, x = np.mgrid[: component.height, : component.width]
            scale = width / component.width
            wave = np.sin((x * scale - 2 * t) / (5 + i)) * np.cos(y * scale / (7 + i))
            value = 0.5 + 0.3 * wave + rng.normal(0, noise, x.shape)
            planes.append(np.rint(np.clip(value, 0.02, 0.98) * ((1 << bits) - 1)))
        frames.append(from_samples(planes, name))
    return frames


# ---- files


def write(
    path, frames, codec="ffv1", rate=25, pts=None, time_base=None, matrix=None, prepare=None, **options
):
    """Encode frames with PyAV, all packets of them; `prepare` may change the stream before that."""
    rate = Fraction(rate)
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=rate, options=options)
        first = frames[0]
        stream.width, stream.height, stream.pix_fmt = first.width, first.height, first.format.name
        stream.codec_context.time_base = stream.time_base = time_base or 1 / rate
        if matrix is not None:
            stream.set_display_matrix(matrix)
        if prepare is not None:
            prepare(container, stream)
        for i, frame in enumerate(frames):
            frame.pts, frame.time_base = i if pts is None else pts[i], time_base or 1 / rate
            frame.pict_type = 0
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def decoded(path, index=0):
    """All frames of one video stream, by PyAV itself."""
    with av.open(str(path)) as container:
        return list(container.decode(container.streams.video[index]))


def raws(path, index=0):
    """All frames of one video stream as bytes."""
    return [raw(frame) for frame in decoded(path, index)]


def stacks(path):
    """Each plane of all frames of a planar file: (T, H, W) each."""
    return [np.stack(planes) for planes in zip(*(samples(frame) for frame in decoded(path)), strict=True)]


def times(path):
    """Seconds of all frames, as fractions."""
    return [frame.pts * frame.time_base for frame in decoded(path)]


def packets(path, index):
    """(pts, dts, duration in seconds, bytes) of all packets of a stream."""
    with av.open(str(path)) as container:
        stream = container.streams[index]
        return [
            (p.pts * p.time_base, p.dts * p.time_base, p.duration * p.time_base, bytes(p))
            for p in container.demux(stream)
            if p.size
        ]


def turned(quarters):
    """A display matrix that shows the picture turned counter-clockwise by so many quarters."""
    cosine, sine = (1, 0, -1, 0)[quarters % 4], (0, 1, 0, -1)[quarters % 4]
    one = 1 << 16
    return [cosine * one, -sine * one, 0, sine * one, cosine * one, 0, 0, 0, 1 << 30]


# ---- the programs


def ffmpeg(*arguments):
    """Run ffmpeg; what it writes on standard output."""
    command = ["ffmpeg", "-v", "error", "-nostdin", "-y", "-threads", "1", *map(str, arguments)]
    result = subprocess.run(command, capture_output=True)
    assert result.returncode == 0, result.stderr.decode()
    return result.stdout


def probe(path, *entries):
    """What ffprobe says of streams, chapters and the whole file; "-show_frames" and the like add to it."""
    command = ["ffprobe", "-v", "quiet", "-of", "json", "-show_streams", "-show_format", "-show_chapters"]
    return json.loads(subprocess.run([*command, *entries, str(path)], capture_output=True, check=True).stdout)


def stream_packets(path, stream):
    """What ffprobe says of the packets of a stream, with a hash of their data."""
    entries = "-select_streams", stream, "-show_packets", "-show_data_hash", "md5"
    keys = "pts_time", "dts_time", "duration_time", "size", "data_hash"
    return [tuple(p.get(key) for key in keys) for p in probe(path, *entries)["packets"]]


def frame_hashes(path, stream="v:0"):
    """MD5 of every decoded frame, by ffmpeg, as they are stored."""
    arguments = (
        "-noautorotate",
        "-i",
        path,
        "-map",
        f"0:{stream}",
        "-fps_mode",
        "passthrough",
        "-f",
        "framemd5",
    )
    lines = ffmpeg(*arguments, "-").decode().splitlines()
    return [line.split(",")[-1].strip() for line in lines if not line.startswith("#")]


def frame_times(path, stream="v:0"):
    """The time of every frame, by ffprobe."""
    frames = probe(path, "-select_streams", stream, "-show_frames")["frames"]
    return [float(frame.get("pts_time", frame.get("best_effort_timestamp_time"))) for frame in frames]


# ---- vdcore


def diffuse(path, out, sigma=0, tau=0, **keywords):
    """diffuse_video through PyAV, its warnings in the report only."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        return vdcore.diffuse_video(path, out, sigma, tau, backend="pyav", **keywords)


def by_plane(planes, sigma, tau, bits=8, **keywords):
    """The filter as it is meant: each plane by itself, (T, H, W), on its own grid, 9 to 15 bits moved up."""
    results = []
    for i, plane in enumerate(planes):
        down = 1 if i == 0 else round(planes[0].shape[1] / plane.shape[1])
        across = 1 if i == 0 else round(planes[0].shape[2] / plane.shape[2])
        shift = 16 - bits if 8 < bits < 16 else 0
        moved = np.ascontiguousarray(plane << shift)
        result = vdcore.diffuse(moved, (sigma / down, sigma / across), tau, **keywords).astype(np.int64)
        if shift:
            result = np.minimum((result + (1 << (shift - 1))) >> shift, (1 << bits) - 1)
        results.append(result)
    return results
