# SPDX-License-Identifier: Apache-2.0
"""Frames shown in a notebook or a browser: one slider for the frame, another between before and after."""

import html
import json
import secrets
from base64 import b64encode
from collections.abc import Iterable, Iterator
from math import inf
from typing import Literal

from vdcore._arrays import Array
from vdcore._checks import integer
from vdcore._files import StrPath, new_file
from vdcore._pictures import encode

from .compare import scaled_down
from .frames import Source, Thinning, pairs, warn_of_lengths
from .metrics import psnr, to_8_bits

__all__ = ["FrameViewer", "show"]

MAX_FRAMES = 40
_WIDTH = 800  # pixels, default maximum
_SMALL = 320  # pixels: narrower frames are enlarged by a whole factor
_LOSSLESS = 1 << 14  # pixels: frames up to here are PNG, larger ones JPEG


def show(
    a: object,
    b: object | None = None,
    *,
    names: tuple[str, str] = ("before", "after"),
    width: int | None = None,
) -> "FrameViewer":
    """Show the frames of a video, or of two on top of each other, in a notebook.

    One slider chooses the frame. With two videos a second one, or the pointer on the picture, moves the line
    between `a` on the left and `b` on the right. It needs no packages in the notebook and no
    network access, and is kept in exported HTML.

    Parameters
    ----------
    a, b : str or os.PathLike, array_like or iterable
        The path of a video file; an array (T, H, W) or (T, H, W, C) with C = 1 or 3; or an iterable of
        frames. uint8, uint16 or floats of range 1, shown in 8 bits. At most 40 frames are kept, evenly
        spaced, as the caption says.
    names : (str, str), optional
        Written above the picture where there are two videos.
    width : int, optional
        Width of the picture in CSS pixels, 16 to 4096; by default that of the frames, at most 800, or a
        multiple of it below 320. Wider frames are scaled down; those of more than 128 x 128 pixels are
        stored as JPEG of quality 95, smaller ones without loss.

    Returns
    -------
    FrameViewer
        Displayed by a notebook if it is the last value of a cell; `save` writes a page.

    Raises
    ------
    ValueError, TypeError, OSError
        An argument is invalid or cannot be read, there are no frames, or the two have different sizes.

    Warns
    -----
    UserWarning
        If one video is longer: the frames that both have are shown.

    Examples
    --------
    >>> vdcore.show("in.mp4", "out.mkv")
    >>> vdcore.show(video, vdcore.denoise(video)).save("compare.html")
    """
    if isinstance(names, str) or len(names) != 2 or not all(isinstance(name, str) for name in names):
        raise TypeError(f"names must be two strings, got {names!r}")
    if width is not None:
        width = integer(width, "width", 16, 4096)
    one = Source(a, "a")
    other = None if b is None else Source(b, "b")
    announced = min((s.announced for s in (one, other) if s and s.announced), default=None)
    thinning: Thinning[tuple[list[str], float | None]] = Thinning(MAX_FRAMES, announced)
    count, native = 0, 0
    for count, frames in enumerate(_frames(one, other), 1):
        if not thinning.wants(count - 1):
            continue
        native = frames[0].shape[1]
        level = psnr(*frames) if other else None
        thinning.add(count - 1, ([_data_url(frame, width or _WIDTH) for frame in frames], level))
    if other is not None:
        warn_of_lengths(one, other, count, stacklevel=2)
    return FrameViewer(
        tuple(thinning.kept),
        tuple(level for _, level in thinning.kept.values() if level is not None),
        count,
        names if other else (),
        width or min(native, _WIDTH) * max(1, _SMALL // native),
        [images for images, _ in thinning.kept.values()],
    )


class FrameViewer:
    """Frames as HTML, for notebooks and browsers; made by `show`.

    Attributes
    ----------
    shown : tuple of int
        The frames that can be chosen, counted from 0.
    psnr : tuple of float
        Peak signal-to-noise ratio of these frames in dB, inf for identical ones; empty for one video.
    frames : int
        Number of frames.
    """

    def __init__(
        self,
        shown: tuple[int, ...],
        levels: tuple[float, ...],
        frames: int,
        names: Iterable[str],
        width: int,
        images: list[list[str]],
    ) -> None:
        self.shown = shown
        self.psnr = levels
        self.frames = frames
        self._names = tuple(names)
        self._width = width
        self._images = images

    def save(self, path: StrPath) -> None:
        """Write a page that shows the same and needs no other file.

        Parameters
        ----------
        path : str or os.PathLike
            Ends in .html or .htm; a file of that name is replaced.

        Raises
        ------
        ValueError, OSError
            The suffix is wrong, or the file cannot be written.
        """
        page = _fill(
            _PAGE, {"TITLE": html.escape(" | ".join(self._names) or "vdcore"), "BODY": self._repr_html_()}
        )
        with new_file(path, "path", (".html", ".htm")) as temporary:
            temporary.write_text(page, "utf-8")

    def _repr_html_(self) -> str:
        """The element for a notebook, with a new id each time."""
        both = bool(self._names)
        captions = self._captions()
        texts = {
            "ID": f"vdcore-{secrets.token_hex(8)}",
            "WIDTH": str(self._width),
            "LAST": str(len(self.shown) - 1),
            "NAMES": "".join(f"<span>{html.escape(name)}</span>" for name in self._names),
            "IMAGES": "".join(f'<img alt="" draggable="false" src="{url}">' for url in self._images[0]),
            "SEAM": '<div class="seam"></div>' if both else "",
            "WIPE": _WIPE if both else "",
            "CAPTION": html.escape(captions[0]),
            "DATA": json.dumps({"images": self._images, "captions": captions}),
        }
        return _fill(_ELEMENT, texts)

    def _captions(self) -> list[str]:
        thinned = f" ({len(self.shown)} of {self.frames} frames)" if len(self.shown) < self.frames else ""
        levels = [f", PSNR {'infinite' if level == inf else f'{level:.2f} dB'}" for level in self.psnr]
        return [
            f"frame {index}{level}{thinned}"
            for index, level in zip(self.shown, levels or [""] * len(self.shown), strict=True)
        ]

    def __repr__(self) -> str:
        return f"FrameViewer({len(self.shown)} of {self.frames} frames; save(path) writes a page)"


def _frames(a: Source, b: Source | None) -> Iterator[tuple[Array, ...]]:
    if b is not None:
        yield from pairs(a, b)
        return
    while (frame := a.read()) is not None:
        yield (frame,)


def _data_url(frame: Array, width: int) -> str:
    """A frame, at most `width` pixels wide, as the URL of an image."""
    height, columns = frame.shape[:2]
    image = scaled_down(to_8_bits(frame), max(1, round(max(height, columns) * min(1, width / columns))))
    kind: Literal["png", "jpeg"] = "png" if height * columns <= _LOSSLESS else "jpeg"
    return f"data:image/{kind};base64,{b64encode(encode(image, kind)).decode()}"


def _fill(template: str, texts: dict[str, str]) -> str:
    """The template with each @NAME@ replaced; the replacements are not expanded again."""
    return "".join(texts.get(piece, piece) for piece in template.split("@"))


_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>@TITLE@</title>
<style>body { margin: 1.5em; font-family: sans-serif; color-scheme: light dark; }</style>
</head>
<body>
@BODY@
</body>
</html>
"""

_WIPE = """<label>wipe <input class="wipe" type="range" min="0" max="1000" value="500"></label>"""

_ELEMENT = """<div id="@ID@">
<style>
#@ID@ { width: @WIDTH@px; max-width: 100%; font-size: 14px; line-height: 1.5; }
#@ID@ .names { display: flex; justify-content: space-between; }
#@ID@ .stage { position: relative; overflow: hidden; touch-action: pan-y; user-select: none; }
#@ID@ img { display: block; width: 100%; max-width: none; margin: 0; image-rendering: auto; }
#@ID@ img.coarse { image-rendering: pixelated; }
#@ID@ img + img { position: absolute; left: 0; top: 0; height: 100%; clip-path: inset(0 0 0 50%); }
#@ID@ .seam { position: absolute; top: 0; bottom: 0; left: 50%; width: 2px; margin-left: -1px;
  background: white; box-shadow: 0 0 2px black; cursor: ew-resize; }
#@ID@ label { display: flex; gap: 0.7em; align-items: center; }
#@ID@ input { flex: 1; min-width: 0; margin: 0.3em 0; }
</style>
<div class="names">@NAMES@</div>
<div class="stage">@IMAGES@@SEAM@</div>
<label>frame <input class="frame" type="range" min="0" max="@LAST@" value="0"></label>
@WIPE@
<div class="caption" role="status">@CAPTION@</div>
<script>
(() => {
  const root = document.getElementById("@ID@");
  const data = @DATA@;
  const find = (selector) => root.querySelector(selector);
  const images = root.querySelectorAll("img"), frame = find(".frame"), wipe = find(".wipe");
  const stage = find(".stage"), seam = find(".seam"), caption = find(".caption");
  images.forEach((image) => {
    image.onload = () => image.classList.toggle("coarse", image.clientWidth >= 2 * image.naturalWidth);
    image.onload();
  });
  frame.oninput = () => {
    images.forEach((image, i) => { image.src = data.images[frame.value][i]; });
    caption.textContent = data.captions[frame.value];
  };
  if (!wipe) return;
  wipe.oninput = () => {
    const place = wipe.value / 10 + "%";
    images[1].style.clipPath = `inset(0 0 0 ${place})`;
    seam.style.left = place;
  };
  stage.onpointerdown = (event) => { stage.setPointerCapture(event.pointerId); follow(event); };
  stage.onpointermove = (event) => { if (event.buttons) follow(event); };
  function follow(event) {
    const box = stage.getBoundingClientRect();
    wipe.value = 1000 * (event.clientX - box.left) / box.width;
    wipe.oninput();
  }
})();
</script>
</div>
"""
