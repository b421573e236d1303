# SPDX-License-Identifier: Apache-2.0
"""How good is the automatic setting on noise as footage has it, and on footage without noise?

Four parts: "noise", PSNR on ten kinds of noise, compared with fixed strengths and with FFmpeg's filters,
which are tuned on the clean clip; "estimate", the estimate of the noise on each kind; "cases", what else
the automatic setting must get right; "endurance", a long stream.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from ..common.results import Answer, Options, Row, markdown
from . import cases, endurance, estimates
from .footage import CROPS, Clip, clean_clips
from .kinds import KINDS, add_kind
from .measures import psnr
from .ours import PRESETS, denoised
from .reference import BY_HAND, PEERS, Best, Reference

PARTS = ("noise", "estimate", "cases", "endurance")
AUTO = "balanced"
GAINS = ("over_fixed", "over_peers")  # names of the figures, in the order of TARGETS
TARGETS = {  # over what: names, mean gain, least gain in dB
    "the best fixed strength": ((BY_HAND,), 0.5, -0.2),
    "nlmeans and hqdn3d, tuned on the clean clip": (PEERS, 1.5, 0.0),
}


@dataclass(frozen=True)
class Case:
    """PSNR on one clip with one kind of noise, in dB."""

    kind: str
    clip: str
    noisy: float
    ours: dict[str, float]
    best: dict[str, Best]

    def gain(self, names: Sequence[str]) -> float | None:
        """Return the gain of the automatic setting over the best of these, None if none is known."""
        others = [self.best[name].psnr for name in names if name in self.best]
        return self.ours[AUTO] - max(others) if others else None


def measure(clips: Sequence[Clip], kinds: Sequence[str], reference: Reference) -> list[Case]:
    """Denoise every clip with every kind of noise."""
    found = []
    for kind in kinds:
        for clip in clips:
            noisy, _ = add_kind(kind, clip.frames)
            ours = {preset: psnr(clip.frames, denoised(noisy, preset)) for preset in PRESETS}
            best = reference.best(kind, clip, noisy)
            found.append(Case(kind, clip.name, psnr(clip.frames, noisy), ours, best))
        print(f"noise: {kind}", flush=True)
    return found


@dataclass(frozen=True)
class KindMean:
    """The means over the clips of one kind of noise, in dB; a gain is None where one of them is not known."""

    kind: str
    noisy: float
    ours: dict[str, float]
    gains: list[float | None]


def kind_means(found: Sequence[Case]) -> list[KindMean]:
    """Return the means of each kind, in the order in which they come."""
    means = []
    for kind in dict.fromkeys(case.kind for case in found):
        same = [case for case in found if case.kind == kind]
        gains: list[float | None] = []
        for names, _, _ in TARGETS.values():
            known = [gain for case in same if (gain := case.gain(names)) is not None]
            gains.append(float(np.mean(known)) if len(known) == len(same) else None)
        ours = {preset: float(np.mean([case.ours[preset] for case in same])) for preset in PRESETS}
        means.append(KindMean(kind, float(np.mean([case.noisy for case in same])), ours, gains))
    return means


def table(found: Sequence[Case]) -> str:
    """Return a line for each kind and clip, and the means over the clips."""
    others = (BY_HAND, *PEERS)
    lines = []
    for case in found:
        best = [case.best.get(name) for name in others]
        lines.append(
            [
                case.kind,
                case.clip,
                f"{case.noisy:.2f}",
                *(f"{case.ours[preset]:.2f}" for preset in (AUTO, "fast")),
                *(f"{b.psnr:.2f} ({', '.join(f'{s:g}' for s in b.setting)})" if b else "" for b in best),
                *(signed(case.gain(names)) for names, _, _ in TARGETS.values()),
            ]
        )
    header = ["kind", "clip", "noisy", f"`{AUTO}`", "`fast`", *others, "over by hand", "over the peers"]
    means = [
        [mean.kind, f"{mean.ours[AUTO]:.2f}", *(signed(gain) for gain in mean.gains)]
        for mean in kind_means(found)
    ]
    means_header = ["kind, mean over the clips", f"`{AUTO}`", "over by hand", "over the peers"]
    return f"{markdown(header, lines)}\n{markdown(means_header, means)}"


def signed(gain: float | None) -> str:
    return "" if gain is None else f"{gain:+.2f}"


def verdicts(found: Sequence[Case]) -> list[Row]:
    """Mean and least gain over each of the others."""
    rows = []
    for others, (names, mean, least) in TARGETS.items():
        gains = [gain for case in found if (gain := case.gain(names)) is not None]
        if not gains:
            rows.append(Row("PSNR, realistic noise", others, "", "unknown", f"mean at least {mean:+.1f} dB"))
            continue
        for which, gain, target in ("mean", float(np.mean(gains)), mean), ("minimum", min(gains), least):
            result, wanted = f"{which} {gain:+.2f} dB", f"{which} at least {target:+.1f} dB"
            rows.append(
                Row("PSNR, realistic noise", others, f"{len(gains)} cases", result, wanted, gain >= target)
            )
    return rows


def published(found: Sequence[Case]) -> dict[str, object]:
    """Return the means of each kind for the documentation, where all kinds were compared."""
    rows = [
        {"kind": mean.kind, "noisy": round(mean.noisy, 2)}
        | {preset: round(mean.ours[preset], 2) for preset in PRESETS}
        | {name: round(gain, 2) for name, gain in zip(GAINS, mean.gains, strict=True) if gain is not None}
        for mean in kind_means(found)
    ]
    complete = len(rows) == len(KINDS) and all(name in row for row in rows for name in GAINS)
    return {"realistic.rows": rows} if complete else {}


def run(options: Options) -> Answer:
    clips = clean_clips(options.clips, tiny=options.tiny, usual=CROPS)
    kinds = options.kinds or tuple(KINDS)

    def noise() -> Answer:
        reference = Reference(options.reference, options.write_reference, tiny=options.tiny)
        found = measure(clips, kinds, reference)
        text = f"PSNR in dB; in brackets the best setting.\n\n{table(found)}"
        return Answer(verdicts(found), text, published(found))

    def estimate() -> Answer:
        made = [(kind, clip, add_kind(kind, clip.frames)) for kind in kinds for clip in clips]
        found = [estimates.compare(kind, clip.name, *samples) for kind, clip, samples in made]
        return Answer(estimates.rows(found), estimates.table(found))

    parts: dict[str, Callable[[], Answer]] = {
        "noise": noise,
        "estimate": estimate,
        "cases": lambda: Answer(cases.rows(clips, tiny=options.tiny)),
        "endurance": lambda: Answer(endurance.rows(tiny=options.tiny)),
    }
    answers = [parts[part]() for part in options.parts or PARTS]
    rows = [row for answer in answers for row in answer.rows]
    figures = {place: figure for answer in answers for place, figure in answer.figures.items()}
    return Answer(rows, "\n".join(answer.text for answer in answers if answer.text), figures)
