# SPDX-License-Identifier: Apache-2.0
"""What the automatic setting is compared with: fixed strengths and FFmpeg's filters, tuned on the clean clip.

These figures do not depend on the noise estimate and take longer than all the rest. So they can be computed
once, also by another version of vdcore, and kept in a JSON file. A figure is used only for the same samples.
"""

import json
import zlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from shutil import which

import numpy as np

from .footage import Clip
from .measures import psnr
from .ours import denoised
from .peers import with_ffmpeg

BY_HAND = "by hand"
STRENGTHS = (3, 4, 5, 6, 7, 8, 10, 12, 14, 17, 20, 24, 28)
NLMEANS = tuple(product((1.5, 2.2, 3.2, 4.5, 6.5, 9.5, 14, 20, 30), (5, 9)))  # strength, patch
HQDN3D = tuple(product((4, 8, 15, 25, 40), (4, 8, 15, 25)))  # in space, in time
TRIED = 2  # of each grid in a tiny run

Setting = tuple[float, ...]


@dataclass(frozen=True)
class Best:
    """The highest PSNR in dB over a grid of settings, and the setting that reached it."""

    psnr: float
    setting: Setting


def by_hand(frames: np.ndarray, setting: Setting) -> np.ndarray:
    return denoised(frames, "balanced", float(setting[0]))


def nlmeans(frames: np.ndarray, setting: Setting) -> np.ndarray:
    strength, patch = setting
    return with_ffmpeg("ffmpeg", frames, f"nlmeans=s={strength}:p={patch}:r=11")


def hqdn3d(frames: np.ndarray, setting: Setting) -> np.ndarray:
    space, time = setting
    return with_ffmpeg("ffmpeg", frames, f"hqdn3d={space}:{space}:{time}:{time}")


Denoiser = Callable[[np.ndarray, Setting], np.ndarray]
OTHERS: dict[str, tuple[Denoiser, Iterable[Setting]]] = {
    BY_HAND: (by_hand, [(strength,) for strength in STRENGTHS]),
    "nlmeans": (nlmeans, NLMEANS),
    "hqdn3d": (hqdn3d, HQDN3D),
}
PEERS = ("nlmeans", "hqdn3d")


def installed() -> list[str]:
    """Return the names of what can be computed: FFmpeg's filters need its program."""
    return list(OTHERS) if which("ffmpeg") else [BY_HAND]


def compute(name: str, clean: np.ndarray, noisy: np.ndarray, *, tiny: bool) -> Best:
    """Return the best of the grid of settings, of its first ones if tiny."""
    denoise, settings = OTHERS[name]
    tried = list(settings)[: TRIED if tiny else None]
    results = [Best(psnr(clean, denoise(noisy, setting)), setting) for setting in tried]
    return max(results, key=lambda result: result.psnr)


def key(clip: Clip, noisy: np.ndarray) -> str:
    """Return a name for these samples."""
    count, height, width = noisy.shape[:3]
    checksum = zlib.crc32(noisy.tobytes(), zlib.crc32(clip.frames.tobytes()))
    return f"{clip.name} {width}x{height}x{count} {checksum:08x}"


class Reference:
    """The best results by kind of noise and clip, from a file, to a file, or computed when asked for.

    Parameters
    ----------
    read, write : Path, optional
        With `read`, what the file lacks is unknown. With `write`, it is computed and added to the file.
    tiny : bool
        Try few settings.
    """

    def __init__(self, read: Path | None = None, write: Path | None = None, *, tiny: bool = False) -> None:
        self._write, self._tiny = write, tiny
        self._compute = read is None
        known = write if write is not None and write.exists() else read
        self._results = json.loads(known.read_text("utf-8")) if known is not None else {}

    def best(self, kind: str, clip: Clip, noisy: np.ndarray) -> dict[str, Best]:
        """Return the best results by name, none if they are not known."""
        results = self._results.setdefault(kind, {}).setdefault(key(clip, noisy), {})
        missing = [name for name in installed() if name not in results] if self._compute else []
        for name in missing:
            best = compute(name, clip.frames, noisy, tiny=self._tiny)
            results[name] = [round(best.psnr, 3), list(best.setting)]
        if missing and self._write is not None:
            self._write.write_text(json.dumps(self._results, indent=1) + "\n", "utf-8")
        return {name: Best(level, tuple(setting)) for name, (level, setting) in results.items()}
