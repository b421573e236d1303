# SPDX-License-Identifier: Apache-2.0
"""`compare`: two videos, frame by frame: PSNR, SSIM, a contact sheet, a split-screen clip."""

import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from math import inf
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from vdcore._arrays import Array
from vdcore._checks import flag, integer, number
from vdcore._files import StrPath, new_file
from vdcore._pictures import resize_area
from vdcore.video.progress import progress_bar

from .frames import Source, Thinning, pairs, warn_of_lengths
from .metrics import Floats, channel_pairs, decibels, fractions, squared_error, ssim, to_8_bits

FPS = 25.0  # of a clip made from frames without a frame rate
_MAX_ROWS = 32
_PANEL = 640  # pixels, the longer side of a picture on the sheet


@dataclass(frozen=True, eq=False)
class Comparison:
    """The differences of two videos, frame by frame.

    Attributes
    ----------
    psnr : ndarray of float64, shape (T,)
        Peak signal-to-noise ratio of each frame in dB; inf where the frames are identical.
    ssim : ndarray of float64, shape (T,)
        Structural similarity of each frame, at most 1.
    mean_psnr : float
        PSNR of the squared error averaged over all frames, in dB: inf only if all are identical.
    mean_ssim : float
        Mean over the frames.
    frames : int
        T, the number of frames compared.
    frames_a, frames_b : int or None
        Number of frames of each video; None for an iterable of unknown length that did not end.
    shown : tuple of int
        The frames of the sheet, `worst` among them.
    """

    psnr: Floats
    ssim: Floats
    mean_psnr: float
    mean_ssim: float
    frames: int
    frames_a: int | None
    frames_b: int | None
    shown: tuple[int, ...]

    @property
    def worst(self) -> int:
        """The frame with the lowest PSNR, counted from 0; the first of several."""
        return int(np.argmin(self.psnr))

    def summary(self) -> str:
        """Return a one-line summary."""
        frames = f"{self.frames} frame{'s' if self.frames > 1 else ''}"
        if self.mean_psnr == inf:
            return f"{frames}: identical"
        mean = f"PSNR {_text(self.mean_psnr)}, SSIM {self.mean_ssim:.4f}"
        return f"{frames}: {mean}; worst frame {self.worst}: {self.text_of(self.worst)}"

    def text_of(self, index: int) -> str:
        """Return the PSNR and SSIM of one frame as text."""
        return f"PSNR {_text(float(self.psnr[index]))}, SSIM {self.ssim[index]:.4f}"

    def to_dict(self) -> dict[str, Any]:
        """Return the attributes in JSON types: lists for arrays, None for an infinite PSNR."""
        return {
            "frames": self.frames,
            "frames_a": self.frames_a,
            "frames_b": self.frames_b,
            "mean_psnr": self.mean_psnr if self.mean_psnr < inf else None,
            "mean_ssim": self.mean_ssim,
            "worst": self.worst,
            "shown": list(self.shown),
            "psnr": [level if level < inf else None for level in self.psnr.tolist()],
            "ssim": self.ssim.tolist(),
        }

    def __repr__(self) -> str:
        return (
            f"Comparison(frames={self.frames}, mean_psnr={self.mean_psnr:.2f},"
            f" mean_ssim={self.mean_ssim:.4f}, worst={self.worst})"
        )


def compare(
    a: object,
    b: object,
    *,
    out: StrPath | None = None,
    video: StrPath | None = None,
    rows: int = 4,
    difference_gain: float = 8,
    progress: bool = False,
) -> Comparison:
    """Compare two videos frame by frame: PSNR, SSIM, a contact sheet, a split-screen clip.

    Frames are read one pair at a time; only the pictures of the sheet are kept, scaled down.

    Parameters
    ----------
    a, b : str or os.PathLike, array_like or iterable
        Before and after: the path of a video file; an array (T, H, W) or (T, H, W, C) with C = 1 or 3; or an
        iterable of frames (H, W) or (H, W, C), read on demand. uint8 (range 0 to 255), uint16 (0 to 65535),
        float32 or float64 (range 1). Different dtypes are compared as fractions of their ranges, and a grey
        frame with a colour one as three equal channels.
    out : str or os.PathLike, optional
        A .png file to write: before, after and the difference around grey of a few frames, with their PSNR
        and SSIM, and both over all frames. It needs the extra `plot`.
    video : str or os.PathLike, optional
        A video to write (.avi, .mkv, .mov, .mp4 or .webm): the left half of `a` and the right half of `b`, in
        8 bits, at the frame rate of `a`, or that of `b`, or 25.
    rows : int, optional
        Frames on the sheet, 1 to 32: evenly spaced, the one with the lowest PSNR always included.
    difference_gain : float, optional
        Factor by which the difference after - before is scaled on the sheet, > 0.
    progress : bool, optional
        Show a progress bar on stderr.

    Returns
    -------
    Comparison

    Raises
    ------
    ValueError, TypeError
        An argument is invalid, a file is not a video, a video has no frames, or the two have different sizes.
    OSError
        A file cannot be read, or one cannot be written. After an error no partial output is left.
    ImportError
        `out` without matplotlib: ``pip install "vdcore[plot]"``.

    Warns
    -----
    UserWarning
        If one video is longer: the frames that both have are compared. If `video` cannot hold the last row or
        column.

    Notes
    -----
    SSIM is that of [1]_ with a Gaussian window of 11 x 11 pixels and a standard deviation of 1.5, K1 = 0.01
    and K2 = 0.03: the mean over the channels and over all places where the window fits into the frame.

    References
    ----------
    .. [1] Z. Wang, A. C. Bovik, H. R. Sheikh and E. P. Simoncelli, "Image quality assessment: from error
       visibility to structural similarity", IEEE Transactions on Image Processing 13(4), 2004.

    Examples
    --------
    >>> result = vdcore.compare("in.mp4", "out.mkv", out="sheet.png")
    >>> print(result.mean_psnr, result.worst)
    """
    rows = integer(rows, "rows", 1, _MAX_ROWS)
    gain = number(difference_gain, "difference_gain", 0, strict=True)
    flag(progress, "progress")
    if out is not None:
        _require_matplotlib()
    before, after = Source(a, "a"), Source(b, "b")
    fps = before.fps or after.fps
    announced = min((s.announced for s in (before, after) if s.announced), default=None)
    inputs = [source.path for source in (before, after) if source.path is not None]

    not_kept: list[str] = []
    errors: list[float] = []
    levels: list[float] = []
    similarities: list[float] = []
    chosen: Thinning[Any] = Thinning(4 * rows)
    wanted = set(_evenly(announced, rows)) if announced else set()
    exact: dict[int, Any] = {}
    worst: tuple[float, int, Any] = (inf, 0, None)
    with ExitStack() as stack:
        sheet = None if out is None else stack.enter_context(new_file(out, "out", (".png",), inputs))
        write = None
        if video is not None:
            from vdcore.video.backends.opencv import CODECS

            path = stack.enter_context(new_file(video, "video", CODECS, inputs))
            write = stack.enter_context(_encoder(path, fps or FPS, not_kept))
        advance = stack.enter_context(progress_bar(progress, announced))
        for index, (one, other) in enumerate(pairs(before, after)):
            errors.append(squared_error(one, other))
            levels.append(decibels(errors[-1]))
            similarities.append(ssim(one, other))
            if write is not None:
                write(_split_screen(one, other))
            is_worst, is_wanted = index == 0 or levels[-1] < worst[0], chosen.wants(index)
            if is_worst or is_wanted or index in wanted:
                pictures = None if sheet is None else _pictures(one, other, gain)
                if is_worst:
                    worst = levels[-1], index, pictures
                if is_wanted:
                    chosen.add(index, pictures)
                if index in wanted:
                    exact[index] = pictures
            advance()

        kept = {**chosen.kept, **exact, worst[1]: worst[2]}
        shown = _spread(list(kept), _evenly(len(errors), rows), worst[1])
        result = Comparison(
            psnr=np.array(levels),
            ssim=np.array(similarities),
            mean_psnr=decibels(float(np.mean(errors))),
            mean_ssim=float(np.mean(similarities)),
            frames=len(errors),
            frames_a=before.total(),
            frames_b=after.total(),
            shown=shown,
        )
        if sheet is not None:
            from .sheet import draw_sheet

            names = before.title("before"), after.title("after"), f"difference × {gain:g}"
            draw_sheet(sheet, result, names, [kept[index] for index in shown], fps)
    if not_kept:
        warnings.warn(f"video: not kept: {'; '.join(not_kept)}", UserWarning, stacklevel=2)
    warn_of_lengths(before, after, result.frames, stacklevel=2)
    return result


def _text(level: float) -> str:
    return f"{level:.2f} dB" if level < inf else "infinite (identical)"


def _evenly(count: int, number: int) -> list[int]:
    """At most `number` indices below `count`, the first and the last among them."""
    return sorted(set(np.linspace(0, count - 1, min(count, number)).round().astype(int).tolist()))


def _spread(kept: list[int], ideal: list[int], needed: int) -> tuple[int, ...]:
    """The indices among those kept that are closest to the ideal ones; `needed` in place of one of them."""
    chosen = {min(kept, key=lambda index: abs(index - place)) for place in ideal}
    if needed not in chosen:
        inner = chosen - {ideal[0], ideal[-1]} or chosen
        chosen.remove(min(inner, key=lambda index: abs(index - needed)))
    return tuple(sorted(chosen | {needed}))


def scaled_down(frame: Array, side: int) -> Array:
    """Return the frame with its longer side at most `side` pixels, averaged over areas; never a view."""
    height, width = frame.shape[:2]
    scale = min(1.0, side / max(height, width))
    if scale == 1:
        return frame.copy()
    return resize_area(frame, (max(1, round(scale * height)), max(1, round(scale * width))))


def _pictures(a: Array, b: Array, gain: float) -> tuple[Array, Array, Array]:
    """Before, after and their difference around grey, uint8, as large as they are drawn."""
    changes = (fractions(other) - fractions(one) for one, other in channel_pairs(a, b))
    channels = [255 * (0.5 + gain * change) for change in changes]
    difference = np.clip(np.rint(channels), 0, 255).astype(np.uint8)
    difference = difference[0] if len(channels) == 1 else np.moveaxis(difference, 0, -1)
    one, other, change = (scaled_down(frame, _PANEL) for frame in (to_8_bits(a), to_8_bits(b), difference))
    return one, other, change


def _split_screen(a: Array, b: Array) -> npt.NDArray[np.uint8]:
    """The left half of a, the right half of b and a line between, uint8."""
    one, other = to_8_bits(a), to_8_bits(b)
    if one.ndim != other.ndim:
        one, other = (frame if frame.ndim == 3 else np.dstack([frame] * 3) for frame in (one, other))
    width = one.shape[1]
    line = max(1, width // 400)
    left = (width - line) // 2
    result = one.copy()
    result[:, width // 2 :] = other[:, width // 2 :]
    result[:, left : left + line] = 255
    return result


@contextmanager
def _encoder(path: Path, fps: float, not_kept: list[str]) -> Iterator[Callable[[Array], None]]:
    """Yield a function that encodes grey or RGB frames of 8 bits into a file.

    At the end, everything in the frames that the file does not hold is named in `not_kept`.
    """
    from vdcore.video import Frame, Writer
    from vdcore.video.backends.arrays import ArrayReader
    from vdcore.video.files.targets import Target
    from vdcore.video.info import Encoding
    from vdcore.video.opening import open_writer, resolve_backend

    writer: Writer | None = None
    index = 0

    def write(frame: Array) -> None:
        nonlocal writer, index
        if writer is None:
            reader, target = ArrayReader([frame], fps), Target(path, str(path))
            codec = "FFV1" if path.suffix.lower() == ".mkv" else None
            writer = open_writer(target, reader, Encoding(codec), resolve_backend("auto"))
        writer.write(Frame((frame,), index, index / fps))
        index += 1

    try:
        yield write
        if writer is not None:
            writer.finish()
            not_kept += writer.losses()
    finally:
        if writer is not None:
            writer.close()


def _require_matplotlib() -> None:
    try:
        import matplotlib.figure  # noqa: F401
    except ImportError as error:
        raise ImportError('the sheet needs matplotlib: pip install "vdcore[plot]"') from error
