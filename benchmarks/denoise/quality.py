# SPDX-License-Identifier: Apache-2.0
"""How near do the results come to the clean clip, beside those of others?"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from ..noise_estimation import add_noise
from ..timing import Row
from .footage import Clip
from .measures import psnr, ssim
from .ours import PRESETS, denoised
from .peers import Peer
from .tables import markdown

SIMPLE = ("hqdn3d", "atadenoise")
WORK = "PSNR, one automatic setting"


@dataclass(frozen=True)
class Result:
    """What one denoiser made of one clip."""

    frames: np.ndarray
    psnr: float
    ssim: float
    setting: tuple[float | str, ...] = ()


@dataclass(frozen=True)
class Case:
    """One clip with one noise: the results by name, the noisy clip itself among them."""

    clip: Clip
    noise: int
    results: dict[str, Result] = field(default_factory=dict)

    def best_peer(self, among: Sequence[str] = ()) -> str:
        """The name with the highest PSNR of these, or of all peers; "" if there are none."""
        names = [
            name for name in self.results if name not in (*PRESETS, "noisy") and (not among or name in among)
        ]
        return max(names, key=lambda name: self.results[name].psnr, default="")

    def gain(self, name: str, over: str) -> float | None:
        """Difference in dB, None without a peer."""
        return self.results[name].psnr - self.results[over].psnr if over else None


def best_of(peer: Peer, clean: np.ndarray, noisy: np.ndarray, noise: int, tries: int | None) -> Result:
    """The result with the highest PSNR over the first so many settings."""
    best: tuple[float, np.ndarray, tuple[float | str, ...]] | None = None
    for setting in peer.settings[:tries]:
        frames = peer.denoise(noisy, noise, setting)
        reached = psnr(clean, frames)
        if best is None or reached > best[0]:
            best = reached, frames, setting
    assert best is not None
    return Result(best[1], best[0], ssim(clean, best[1]), best[2])


def compare(clip: Clip, noise: int, peers: Sequence[Peer], tries: int | None) -> Case:
    """Add noise, denoise with everything."""
    clean = clip.frames
    noisy = add_noise(clean, noise)
    case = Case(clip, noise, {"noisy": Result(noisy, psnr(clean, noisy), ssim(clean, noisy))})
    for peer in peers:
        case.results[peer.name] = best_of(peer, clean, noisy, noise, tries)
    for preset in PRESETS:
        frames = denoised(noisy, preset)
        case.results[preset] = Result(frames, psnr(clean, frames), ssim(clean, frames))
    return case


def to_tables(cases: Sequence[Case]) -> str:
    """PSNR with the gains, SSIM, and the settings that were best."""
    names = list(cases[0].results)
    levels, similar, settings = [], [], []
    for case in cases:
        what = [case.clip.name, f"{case.noise}"]
        best, simple = case.best_peer(), case.best_peer(SIMPLE)
        reached = [f"{result.psnr:.2f}" for result in case.results.values()]
        marked = [f"**{text}**" if name == best else text for name, text in zip(names, reached, strict=True)]
        differences = case.gain("balanced", best), case.gain("fast", simple)
        gains = ["" if gain is None else f"{gain:+.2f}" for gain in differences]
        levels.append([*what, *marked, *gains])
        similar.append([*what, *(f"{result.ssim:.3f}" for result in case.results.values())])
        chosen = [", ".join(map(str, result.setting)) for result in case.results.values() if result.setting]
        settings.append([*what, *chosen])
    tried = [name for name, result in cases[0].results.items() if result.setting]
    gains = ["`balanced` over the best peer", "`fast` over the better of hqdn3d and atadenoise"]
    return "\n".join(
        (
            "PSNR in dB, RGB, mean over the frames; the best peer in bold.\n",
            markdown(["clip", "noise", *names, *gains], levels),
            "SSIM, mean over channels and frames.\n",
            markdown(["clip", "noise", *names], similar),
            "The peers' best settings, of the grids in `benchmarks/denoise/peers.py`.\n",
            markdown(["clip", "noise", *tried], settings),
        )
    )


def verdicts(cases: Sequence[Case], *, tiny: bool) -> list[Row]:
    """Minimum and mean gain of `balanced`, minimum of `fast`."""
    runs_on = f"{len(cases)} clips x noises"

    def row(preset: str, peers: str, how: str, gains: Sequence[float], least: float) -> Row:
        wanted = f"{how} at least {least:+.1f} dB"
        if not gains:
            return Row(f"{WORK}, `{preset}`", peers, runs_on, "no peer installed", wanted)
        gain = min(gains) if how == "minimum" else float(np.mean(gains))
        met = None if tiny else gain >= least
        return Row(f"{WORK}, `{preset}`", peers, runs_on, f"{how} {gain:+.2f} dB", wanted, met)

    balanced = [gain for case in cases if (gain := case.gain("balanced", case.best_peer())) is not None]
    fast = [gain for case in cases if (gain := case.gain("fast", case.best_peer(SIMPLE))) is not None]
    best, simple = "the best peer, tuned with the truth", "the better of hqdn3d and atadenoise, so tuned"
    return [
        row("balanced", best, "minimum", balanced, -0.2),
        row("balanced", best, "mean", balanced, 1.2),
        row("fast", simple, "minimum", fast, 0.0),
    ]
