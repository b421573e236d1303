# SPDX-License-Identifier: Apache-2.0
"""Files with everything that PyAV can write: sound, subtitles, chapters, colour, HDR metadata."""

from fractions import Fraction

import av
import numpy as np

from helpers.media import (
    from_samples,
    probe,
    random_frame,
    smooth_frames,
    stacks,
)

QUICK = {"preset": "ultrafast", "qp": "0"}  # of libx264, without loss


def random_frames(name, count=3, width=37, height=23):
    """Over most of the range, where floats are kept and the least and the most are among the samples."""
    rng = np.random.default_rng(1)
    return [random_frame(name, width, height, rng) for _ in range(count)]


def constant(name, levels, count=4, width=32, height=24):
    described = av.VideoFormat(name, width, height)
    planes = [
        np.full((c.height, c.width), level) for c, level in zip(described.components, levels, strict=True)
    ]
    return [from_samples(planes, name) for _ in range(count)]


def add_sound(container, codec="pcm_s16le", rate=16000, seconds=1.0, pitch=440):
    """A stream with a tone; the function that writes its packets."""
    stream = container.add_stream(codec, rate=rate)
    stream.layout = "mono"
    count = int(rate * seconds)
    tone = (8000 * np.sin(np.arange(count) * 2 * np.pi * pitch / rate)).astype(np.int16)

    def fill():
        for begin in range(0, count, 1000):
            frame = av.AudioFrame.from_ndarray(tone[None, begin : begin + 1000], "s16", "mono")
            frame.sample_rate, frame.pts, frame.time_base = rate, begin, Fraction(1, rate)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))

    return fill


def write_with_sound(path, codec="libx264", sounds=("aac", "aac"), offset=0, name="yuv420p", count=25):
    """Video of a second that begins `offset` frames after the sounds."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=25, options=QUICK if codec == "libx264" else {})
        frames = smooth_frames(name, count)
        stream.width, stream.height, stream.pix_fmt = frames[0].width, frames[0].height, name
        fills = [add_sound(container, sound, pitch=440 * (i + 1)) for i, sound in enumerate(sounds)]
        for i, frame in enumerate(frames):
            frame.pts, frame.time_base = i + offset, Fraction(1, 25)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
        for fill in fills:
            fill()
    return path


def described(path):
    """What ffprobe says that is to stay, without what names the program that wrote it."""
    own = (
        "encoder",
        "major_brand",
        "minor_version",
        "compatible_brands",
        "creation_time",
        "handler_name",
        "vendor_id",
    )
    found = probe(path)

    def tags(thing):
        kept = {key.lower(): value for key, value in thing.get("tags", {}).items()}
        return {key: value for key, value in kept.items() if key not in (*own, "duration")}

    streams = []
    for stream in found["streams"]:
        keys = ["codec_type", "disposition", "start_time", "r_frame_rate", "avg_frame_rate", "time_base"]
        keys += [
            "sample_aspect_ratio",
            "pix_fmt",
            "color_range",
            "color_space",
            "color_transfer",
            "color_primaries",
        ]
        keys += [
            "chroma_location",
            "width",
            "height",
            "codec_name",
            "sample_rate",
            "channel_layout",
            "nb_frames",
        ]
        streams.append({key: stream.get(key) for key in keys} | {"tags": tags(stream)})
    chapters = [(c["start_time"], c["end_time"], tags(c)) for c in found["chapters"]]
    return streams, chapters, tags(found["format"])


def spots(name="yuv420p", count=4, width=48, height=32):
    return smooth_frames(name, count, width, height, noise=0.05)


def upright(path, quarters):
    """The planes of a file as they are shown, each (T, H, W)."""
    return [np.rot90(plane, quarters, axes=(1, 2)) for plane in stacks(path)]


def decoded_anyhow(path):
    frames = []
    with av.open(str(path)) as container:
        for packet in container.demux(video=0):
            try:
                frames += packet.decode()
            except av.error.FFmpegError:
                pass
    return frames
