# SPDX-License-Identifier: Apache-2.0
"""Does `fit` find the best sigma and tau, with and without a clean reference?"""

from dataclasses import dataclass
from itertools import islice

import cv2
import numpy as np

import vdcore
from vdcore.video import read_frames

from ..common.clips import CLIPS, make_clip
from ..common.results import Answer, Options, Row

CUTS = {  # file, frames, rows, columns
    "foreman": ("foreman_cif_10f.y4m", 10, slice(None), slice(None)),
    "mobile": ("mobile_cif_30f.ffv1.mkv", 20, slice(None), slice(None)),
    "flower": ("flower_720p_300f.264", 20, slice(180, 540), slice(320, 960)),
    "vtest": ("vtest_200f.avi", 16, slice(100, 460), slice(64, 704)),
}
OTHERS = {  # without a target
    "shaky": ("shaky_seattle_640x360.avi", 16, slice(None), slice(None)),
    "nasa": ("nasa_13013.mp4", 40, slice(None), slice(None)),
    "visp": ("visp_mire2_120f_gray.ffv1.mkv", 40, slice(None), slice(None)),
}
MAX_EVALUATIONS = 40
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
    """Return the mean over the frames of the PSNR in dB, peak 255."""
    return float(np.mean([cv2.PSNR(frame, other) for frame, other in zip(frames, clean, strict=True)]))


def measure(name: str, clean: np.ndarray, noise: float, sigmas: tuple, taus: tuple) -> Case:
    """Add noise to a clip and fit the filter."""
    noisy = clean + np.random.default_rng(1).normal(0, noise, clean.shape)
    noisy = np.clip(noisy, 0, 255).round().astype(np.uint8)
    out = np.empty_like(noisy)

    def reached(**parameters: object) -> float:
        return psnr(vdcore.diffuse(noisy, out=out, threads=1, **parameters), clean)

    best = max(reached(sigma=float(sigma), tau=float(tau)) for sigma in sigmas for tau in taus)
    fits = vdcore.fit(noisy, reference=clean, threads=1), vdcore.fit(noisy, threads=1)
    measured, estimated = (reached(**each.parameters()) for each in fits)
    name = f"{name} {noise:g}"
    print(
        f"{name}: grid {best:.3f} dB, fitted {measured:.3f}, without reference {estimated:.3f}; {fits[1]!r}",
        flush=True,
    )
    return Case(name, best - measured, measured - estimated, max(len(each.trials) for each in fits))


def read_cuts(cuts: dict[str, tuple]) -> dict[str, np.ndarray]:
    """Return the clips by name, shape (T, H, W[, 3])."""
    return {
        name: np.stack([frame[rows, columns] for frame in islice(read_frames(CLIPS / file), count)])
        for name, (file, count, rows, columns) in cuts.items()
    }


def rows_of(work: str, cases: list[Case], targets: bool) -> tuple[list[Row], dict[str, float]]:
    """The worst of the cases, with a reference and without."""
    rows, figures = [], {}
    for peer, target, name, place in (
        ("the best of a fine grid", 0.05, "with_reference", "estimation.fit_grid_db"),
        ("fitted with a clean reference", 0.2, "without_reference", "estimation.fit_unsupervised_db"),
    ):
        worst = max(cases, key=lambda case: getattr(case, name))
        loss = getattr(worst, name)
        result = f"{loss:.3f} dB lower ({worst.name}, the worst of {len(cases)})"
        limit, met = (f"at most {target:g} dB", loss <= target) if targets else ("", None)
        rows.append(Row(f"{work}, {name.replace('_', ' ')}", peer, "one thread", result, limit, met))
        figures[place] = round(loss, 3)
    return rows, figures


def run(options: Options) -> Answer:
    work = "sigma and tau fitted"
    if options.tiny:
        clip = make_clip(options.folder / "fit.avi", (48, 64), 6)
        groups = {work: {"synthetic": np.stack(list(read_frames(clip)))}}
    elif not CLIPS.is_dir():
        return Answer([Row(work, "the best of a fine grid", "", "no clips found", "at most 0.05 dB")])
    else:
        groups = {work: read_cuts(CUTS), f"{work}, other clips": read_cuts(OTHERS)}
    grid = (SIGMAS[::6], TAUS[::6]) if options.tiny else (SIGMAS, TAUS)
    rows, figures, evaluations = [], {}, 0
    for group, clips in groups.items():
        cases = [measure(name, clip, noise, *grid) for noise in (10, 20, 40) for name, clip in clips.items()]
        more, measured = rows_of(group, cases, targets=group == work)
        rows += more
        figures |= measured if group == work else {}
        evaluations = max(evaluations, *(case.evaluations for case in cases))
    limit = MAX_EVALUATIONS
    rows.append(
        Row(f"{work}, evaluations", "", "", f"{evaluations}", f"at most {limit}", evaluations <= limit)
    )
    return Answer(rows, figures=figures | {"estimation.evaluations": evaluations})
