# SPDX-License-Identifier: Apache-2.0
"""Which encoder of FFmpeg writes a video, with which settings."""

import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import av
import av.codec

from vdcore.video.info import Encoding

from .pixel_formats import keeps, nearest


@dataclass(frozen=True)
class Family:
    """Encoders of one family, the first for most pictures.

    Attributes
    ----------
    encoders : tuple of str
        FFmpeg's names, in the order in which they are tried.
    option : str
        The option that `quality` sets, "" if there is none.
    usual : int or None
        Default of `quality`.
    qualities : (int, int)
        The best and the worst quality.
    lossless : mapping or None
        Options for lossless encoding; empty if the encoder is always lossless, None if it never is.
    options : mapping
        Others.
    presets : str
        The option that `encoder_preset` sets, "" if there is none.
    """

    encoders: tuple[str, ...]
    option: str = ""
    usual: int | None = None
    qualities: tuple[int, int] = (0, 51)
    lossless: Mapping[str, str] | None = None
    options: Mapping[str, str] = field(default_factory=dict)
    presets: str = ""


_EXACT: Mapping[str, str] = {}
_LOSSLESS = ("ffv1", "h264", "png", "ffvhuff", "vp9")  # what codec="lossless" tries

FAMILIES: Mapping[str, Family] = {
    "h264": Family(("libx264", "libx264rgb"), "crf", 18, (0, 51), {"qp": "0"}, {}, "preset"),
    "hevc": Family(
        ("libx265",),
        "crf",
        20,
        (0, 51),
        {"x265-params": "log-level=none:lossless=1"},
        {"x265-params": "log-level=none"},
        "preset",
    ),
    "av1": Family(("libsvtav1", "libaom-av1"), "crf", 24, (0, 63), None, {}, "preset"),
    "vp9": Family(
        ("libvpx-vp9",), "crf", 24, (0, 63), {"lossless": "1"}, {"b": "0", "row-mt": "1"}, "deadline"
    ),
    "vp8": Family(("libvpx",), "crf", 8, (4, 63), None, {"b": "20M"}, "deadline"),
    "mpeg4": Family(("mpeg4",), "qscale", 2, (1, 31)),
    "mpeg2video": Family(("mpeg2video",), "qscale", 2, (1, 31)),
    "mpeg1video": Family(("mpeg1video",), "qscale", 2, (1, 31)),
    "msmpeg4v2": Family(("msmpeg4v2",), "qscale", 2, (1, 31)),
    "msmpeg4v3": Family(("msmpeg4",), "qscale", 2, (1, 31)),
    "wmv1": Family(("wmv1",), "qscale", 2, (1, 31)),
    "wmv2": Family(("wmv2",), "qscale", 2, (1, 31)),
    "h263": Family(("h263p", "h263"), "qscale", 2, (1, 31)),
    "flv1": Family(("flv",), "qscale", 2, (1, 31)),
    "mjpeg": Family(("mjpeg",), "qscale", 2, (1, 31)),
    "prores": Family(("prores_ks",)),
    "dnxhd": Family(("dnxhd",)),
    "ffv1": Family(("ffv1",), lossless=_EXACT, options={"level": "3"}),
    "ffvhuff": Family(("ffvhuff",), lossless=_EXACT),
    "huffyuv": Family(("huffyuv", "ffvhuff"), lossless=_EXACT),
    "utvideo": Family(("utvideo",), lossless=_EXACT),
    "rawvideo": Family(("rawvideo",), lossless=_EXACT),
    "png": Family(("png",), lossless=_EXACT),
    "tiff": Family(("tiff",), lossless=_EXACT, options={"compression_algo": "deflate"}),
    "bmp": Family(("bmp",), lossless=_EXACT),
    "dpx": Family(("dpx",), lossless=_EXACT),
    "qtrle": Family(("qtrle",), lossless=_EXACT),
    "gif": Family(("gif",)),
    "wrapped_avframe": Family(("wrapped_avframe",), lossless=_EXACT),
}
"""Families of codecs that are written, by FFmpeg's names."""

_Y4M = (
    *("gray", "gray9le", "gray10le", "gray12le", "gray16le", "yuv411p", "yuvj420p", "yuvj422p", "yuvj444p"),
    *(
        f"yuv{sampling}p{depth}"
        for sampling in (420, 422, 444)
        for depth in ("", "9le", "10le", "12le", "14le", "16le")
    ),
)
"""Pixel formats of YUV4MPEG."""

_PICTURES = {
    ".png": "png",
    ".jpg": "mjpeg",
    ".jpeg": "mjpeg",
    ".tif": "tiff",
    ".tiff": "tiff",
    ".bmp": "bmp",
    ".dpx": "dpx",
}
"""Codecs of numbered pictures."""

_TRANSPORT = frozenset(("libx264", "libx265", "mpeg1video", "mpeg2video", "mpeg4"))
_PROGRAM = frozenset(("mpeg1video", "mpeg2video", "libx264"))
_UNTOLD: Mapping[str, frozenset[str]] = {
    "mpegts": _TRANSPORT,
    **dict.fromkeys(("mpeg", "vob", "svcd", "vcd", "dvd"), _PROGRAM),
    "mxf": frozenset(("mpeg2video", "prores_ks", "dnxhd")),
}
"""Encoders for containers whose codecs FFmpeg does not list."""

_DNXHR = {"yuv422p": "dnxhr_hq", "yuv422p10le": "dnxhr_hqx"}

_OTHER_NAMES = {
    "h265": "hevc", "x264": "h264", "x265": "hevc", "avc1": "h264", "hvc1": "hevc", "hev1": "hevc",
    "av01": "av1",
    "vp90": "vp9", "vp80": "vp8", "xvid": "mpeg4", "divx": "mpeg4", "mp4v": "mpeg4", "fmp4": "mpeg4",
    "mjpg": "mjpeg", "hfyu": "huffyuv", "ffvh": "ffvhuff", "png ": "png", "raw": "rawvideo", "apcn": "prores",
}  # fmt: skip


_REFUSED = {"libvpx-vp9": ("gbrap", "yuva422p", "yuva444p"), "libx265": ("yuva420p", "yuva420p10le")}
"""Pixel formats that encoders list, but do not take."""


@dataclass(frozen=True)
class Encoder:
    """An encoder and its settings.

    Attributes
    ----------
    name, family : str
    pixel_format : str
    options : dict of str to str
    bitrate : int or None
    """

    name: str
    family: str
    pixel_format: str
    options: dict[str, str]
    bitrate: int | None


def choose_encoder(
    encoding: Encoding,
    source_codec: str,
    source_format: str,
    container: Any,
    suffix: str,
    usual_format: str | None = None,
) -> Encoder:
    """Return the encoder for a container.

    Parameters
    ----------
    encoding : Encoding
    source_codec, source_format : str
        Codec and pixel format of the input.
    container : av.container.OutputContainer
    suffix : str
        What the container is called in messages.
    usual_format : str, optional
        The pixel format for H.264 and VP9, unless a codec or lossless encoding is requested.

    Raises
    ------
    ValueError
        The codec or an option is unknown, or the container cannot hold the codec.
    """
    able = container.supported_codecs | _UNTOLD.get(container.format.name, frozenset())
    wanted = encoding.codec
    if wanted is not None and not isinstance(wanted, str):
        raise ValueError(f"codec must be a name, got {wanted!r}")
    if container.format.name == "image2":
        if suffix.lower() not in _PICTURES:
            raise ValueError(f"out must end in one of {', '.join(_PICTURES)} for pictures, got {suffix!r}")
        wanted = wanted or _PICTURES[suffix.lower()]
    if wanted is None:
        if source_codec == "rawvideo" and container.format.name == "matroska":  # which takes little of it
            source_codec = "ffv1"
        exact = source_codec in FAMILIES and FAMILIES[source_codec].lossless is _EXACT
        if exact and container.format.name in ("mp4", "ipod", "3gp"):  # where players do not expect it
            source_codec = "h264"
        choices = [source_codec, "h264", container.default_video_codec]
        if encoding.quality == "lossless":
            choices = [c for c in choices if c in FAMILIES and FAMILIES[c].lossless is not None] + [
                "ffv1",
                "vp9",
            ]
        found = next((e for name in choices if (e := _in(name, source_format, able))), None)
        if found is None:
            raise ValueError(f"codec must be given for {suffix}, which has no default")
    elif wanted.lower() == "lossless":
        found = next(
            (
                choice
                for family in _LOSSLESS
                if (choice := _in(family, source_format, able)) and _keeps(choice[0], source_format)
            ),
            None,
        )
        if found is None:
            raise ValueError(f"codec='lossless': no lossless codec in {suffix} supports {source_format}")
        encoding = Encoding(None, "lossless", encoding.encoder_preset)
    else:
        family = _family_of(wanted)
        found = _in(family, source_format, able, wanted)
        if found is None:
            raise ValueError(f"codec={wanted!r} cannot be written into {suffix}")
    name, family = found
    if usual_format and family in ("h264", "vp9") and not wanted and encoding.quality != "lossless":
        name, source_format = FAMILIES[family].encoders[0], usual_format
    formats = _formats(name)
    if formats:  # never a conversion target
        formats = [f for f in formats if f == source_format or f not in ("grayf16le", "yaf16le")]
    if family == "mjpeg":  # others only against the standard
        formats = [f for f in formats if f.startswith("yuvj")]
    if container.format.name == "yuv4mpegpipe":
        formats = [f for f in _Y4M if f == source_format or not f.startswith("yuvj")]
    pixel_format = nearest(source_format, formats) if formats else source_format
    settings = _settings(encoding, name, FAMILIES[family], suffix)
    if family == "dnxhd":
        settings[0]["profile"] = _DNXHR.get(pixel_format, "dnxhr_444")
    if family == "ffv1" and pixel_format.endswith(("f16le", "f32le")):
        settings[0].update(level="4", strict="experimental")  # the version that knows floats
    return Encoder(name, family, pixel_format, *settings)


def _formats(name: str) -> list[str]:
    """The pixel formats that an encoder takes; empty if it lists none."""
    formats = [f.name for f in av.Codec(name, "w").video_formats or []]
    return [f for f in formats if f not in _REFUSED.get(name, ())]


def _keeps(name: str, source_format: str) -> bool:
    """Whether one of an encoder's formats holds frames of this format without loss."""
    formats = _formats(name)
    return not formats or keeps(source_format, nearest(source_format, formats))


def _family_of(wanted: str) -> str:
    lower = wanted.lower()
    lower = _OTHER_NAMES.get(lower, lower)
    for family, described in FAMILIES.items():
        if lower == family or lower in described.encoders:
            return family
    raise ValueError(
        f"codec must be 'lossless', one of {', '.join(FAMILIES)}, an encoder's name or a four-character code,"
        f" got {wanted!r}"
    )


def _in(family: str, source_format: str, able: set[str], wanted: str = "") -> tuple[str, str] | None:
    """The encoder of a family that takes the format best, if it is built in and the container takes it."""
    if family not in FAMILIES:
        return None
    names = [n for n in FAMILIES[family].encoders if n in av.codecs_available and n in able]
    if wanted in names:
        return wanted, family
    is_rgb = av.VideoFormat(source_format, 64, 64).is_rgb
    for name in names:
        formats = av.Codec(name, "w").video_formats
        if not formats or any(f.is_rgb == is_rgb for f in formats):
            return name, family
    return (names[0], family) if names else None


def _settings(
    encoding: Encoding, name: str, family: Family, suffix: str
) -> tuple[dict[str, str], int | None]:
    """Options and bit rate."""
    options = dict(family.options)
    quality = encoding.quality
    if encoding.encoder_preset is not None:
        if not family.presets:
            raise ValueError(
                f"encoder_preset is not supported by the encoder {name}, got {encoding.encoder_preset!r}"
            )
        options[family.presets] = str(encoding.encoder_preset)
    if encoding.bitrate is not None:
        if quality is not None:
            raise ValueError(f"bitrate={encoding.bitrate!r} and quality={quality!r} are mutually exclusive")
        if type(encoding.bitrate) is not int or encoding.bitrate <= 0:
            raise ValueError(
                f"bitrate must be a whole number of bits per second > 0, got {encoding.bitrate!r}"
            )
        options.pop("b", None)
        return options, encoding.bitrate
    if quality == "lossless":
        if family.lossless is None:
            raise ValueError(f"quality='lossless' is not supported by the encoder {name}")
        options.pop("b", None)
        return {**options, **family.lossless}, None
    if quality is None:
        quality = family.usual
    elif not family.option:
        raise ValueError(f"quality cannot be set for the encoder {name}, got {quality!r}")
    else:
        best, worst = family.qualities
        if type(quality) is not int or not best <= quality <= worst:
            raise ValueError(
                f"quality must be a whole number from {best} (best) to {worst}, or 'lossless', with {name},"
                f" got {quality!r}"
            )
    if family.option == "qscale":
        options.update(qmin=str(quality), qmax=str(quality), lmin="118")  # of quantizer 1
    elif family.option:
        options[family.option] = str(quality)
    return options, None


def hdr_options(name: str, side_data: Mapping[str, bytes]) -> dict[str, str]:
    """The options that write mastering display and light level into the stream of encoders that know them.

    Parameters
    ----------
    name : str
        Encoder.
    side_data : mapping of str to bytes
        FFmpeg's structures AVMasteringDisplayMetadata and AVContentLightMetadata of the first frame.
    """
    entries = {}
    mastering, light = side_data.get("MASTERING_DISPLAY_METADATA"), side_data.get("CONTENT_LIGHT_LEVEL")
    if mastering is not None:
        numbers = struct.unpack_from("<20i2i", mastering)
        values = [
            Fraction(n, d) if d else Fraction(0)
            for n, d in zip(numbers[0:20:2], numbers[1:20:2], strict=True)
        ]
        red, green, blue, white = ((values[i], values[i + 1]) for i in (0, 2, 4, 6))
        places = "".join(
            f"{letter}({round(x * 50000)},{round(y * 50000)})"
            for letter, (x, y) in (("G", green), ("B", blue), ("R", red), ("WP", white))
        )
        if numbers[20] and numbers[21]:
            entries["display"] = f"{places}L({round(values[9] * 10000)},{round(values[8] * 10000)})"
    if light is not None:
        entries["light"] = ",".join(map(str, struct.unpack_from("<2I", light)))
    if not entries:
        return {}
    if name == "libx265":
        names = {"display": "master-display", "light": "max-cll"}
        return {"x265-params": ":".join(f"{names[key]}={value}" for key, value in entries.items())}
    if name == "libx264":
        names = {"display": "mastering-display", "light": "cll"}
        return {"x264-params": ":".join(f"{names[key]}={value}" for key, value in entries.items())}
    return {}
