# SPDX-License-Identifier: Apache-2.0
"""Does `fit` find the best sigma and tau, with and without a clean reference?"""

from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import cv2
import numpy as np

import vdcore
from vdcore.fitting import fit
from vdcore.video import read_frames

from .clips import make_clip
from .timing import Row

CLIPS = Path(__file__).parents[2] / "shared" / "clips"
CUTS = {  # file, frames, rows, columns
    "foreman": ("foreman_cif_10f.y4m", 10, slice(None), slice(None)),
    "mobile": ("mobile_cif_30f.ffv1.mkv", 20, slice(None), slice(None)),
    "flower": ("flower_720p_300f.264", 20, slice(180, 540), slice(320, 960)),
    "vtest": ("vtest_200f.avi", 16, slice(100, 460), slice(64, 704)),
    "shaky": ("shaky_seattle_640x360.avi", 16, slice(None), slice(None)),
    "nasa": ("nasa_13013.mp4", 40, slice(None), slice(None)),
    "visp": ("visp_mire2_120f_gray.ffv1.mkv", 40, slice(None), slice(None)),
}
SIGMAS = (0, *np.geomspace(0.3, 3, 18))
TAUS = (0, *np.geomspace(0.2, 8, 18))


@dataclass(frozen=True)
class Case:
    """A clean clip, and how much worse the fitted filters are than the best, in dB."""

    name: str
    with_reference: float
    without_reference: float
    evaluations: int


def psnr(frames: np.ndarray, clean: np.ndarray) -> float:
    """Mean over the frames of the PSNR in dB, peak 255."""
    return float(np.mean([cv2.PSNR(frame, other) for frame, other in zip(frames, clean, strict=True)]))


def measure(name: str, clean: np.ndarray, noise: float, sigmas: tuple, taus: tuple) -> Case:
    """Add noise to a clip, and fit its filter."""
    noisy = clean + np.random.default_rng(1).normal(0, noise, clean.shape)
    noisy = np.clip(noisy, 0, 255).round().astype(np.uint8)
    out = np.empty_like(noisy)

    def reached(**parameters: object) -> float:
        return psnr(vdcore.diffuse(noisy, out=out, **parameters), clean)

    best = max(reached(sigma=float(sigma), tau=float(tau)) for sigma in sigmas for tau in taus)
    fits = fit(noisy, clean), fit(noisy)
    measured, estimated = (reached(**each.parameters()) for each in fits)
    name = f"{name} {noise:g}"
    print(
        f"{name}: grid {best:.3f} dB, fitted {measured:.3f}, without reference {estimated:.3f}; {fits[1]!r}"
    )
    return Case(name, best - measured, measured - estimated, max(len(each.trials) for each in fits))


def run(tiny: bool, folder: Path) -> list[Row]:
    work = "sigma and tau fitted"
    if tiny:
        clips = {"made": np.stack(list(read_frames(make_clip(folder / "fit.avi", (48, 64), 6))))}
    elif not CLIPS.is_dir():
        return [Row(work, "a fine grid search", "", "no clips found", "at most 0.05 dB")]
    else:
        clips = {
            name: np.stack([frame[rows, columns] for frame in islice(read_frames(CLIPS / file), count)])
            for name, (file, count, rows, columns) in CUTS.items()
        }
    grid = (SIGMAS[::6], TAUS[::6]) if tiny else (SIGMAS, TAUS)
    cases = [measure(name, clip, noise, *grid) for noise in (10, 20, 40) for name, clip in clips.items()]
    rows = []
    for against, wanted, attribute in (
        ("a fine grid search", 0.05, "with_reference"),
        ("with the clean reference", 0.2, "without_reference"),
    ):
        worst = max(cases, key=lambda case: getattr(case, attribute))
        gap = getattr(worst, attribute)
        how = "measured error" if attribute == "with_reference" else "estimated error"
        reached = f"{gap:.3f} dB less ({worst.name} worst of {len(cases)})"
        rows.append(
            Row(f"{work}, {how}", against, "all processors", reached, f"at most {wanted:g} dB", gap <= wanted)
        )
    most = max(case.evaluations for case in cases)
    rows.append(Row(f"{work}, evaluations", "", "", f"{most}", "at most 40", most <= 40))
    return rows
