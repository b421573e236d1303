# SPDX-License-Identifier: Apache-2.0
"""How close to the clean clip are the results, compared with those of other denoisers?

The other denoisers are tuned on the clean clip: the best of a grid of settings for every clip and noise
level. vdcore uses its automatic setting and does not know the noise.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from ..common.clips import add_noise
from ..common.results import Answer, Options, Row, markdown
from .footage import Clip, clean_clips
from .measures import psnr, ssim
from .ours import PRESETS, denoised
from .peers import Peer, installed_peers
from .pictures import crops, save_crops

SIMPLE = ("hqdn3d", "atadenoise")
WORK = "PSNR, automatic setting"
QUICK = 2  # settings of each peer
TARGETS = (  # preset, peers, which gain, dB
    ("balanced", "the best peer, tuned on the clean clip", "minimum", -0.2),
    ("balanced", "the best peer, tuned on the clean clip", "mean", 1.2),
    ("fast", "the better of hqdn3d and atadenoise, tuned likewise", "minimum", 0.0),
)


@dataclass(frozen=True)
class Result:
    """What one denoiser makes of one clip."""

    frames: np.ndarray
    psnr: float
    ssim: float
    setting: tuple[float | str, ...] = ()


@dataclass(frozen=True)
class Case:
    """One clip with one noise level: the results by name, and the noisy clip itself."""

    clip: Clip
    noise: int
    results: dict[str, Result] = field(default_factory=dict)

    def best_peer(self, among: Sequence[str] = ()) -> str:
        """Return the name with the highest PSNR of these, or of all peers; "" if there are none."""
        names = [
            name for name in self.results if name not in (*PRESETS, "noisy") and (not among or name in among)
        ]
        return max(names, key=lambda name: self.results[name].psnr, default="")

    def gain(self, name: str, over: str) -> float | None:
        """Return the difference in dB, None without a peer."""
        return self.results[name].psnr - self.results[over].psnr if over else None


def best_of(peer: Peer, clean: np.ndarray, noisy: np.ndarray, noise: int, tries: int | None) -> Result:
    """Return the result with the highest PSNR over the first `tries` settings, over all if None."""
    best: tuple[float, np.ndarray, tuple[float | str, ...]] | None = None
    for setting in peer.settings[:tries]:
        frames = peer.denoise(noisy, noise, setting)
        reached = psnr(clean, frames)
        if best is None or reached > best[0]:
            best = reached, frames, setting
    assert best is not None
    return Result(best[1], best[0], ssim(clean, best[1]), best[2])


def compare(clip: Clip, noise: int, peers: Sequence[Peer], tries: int | None) -> Case:
    """Add noise; denoise with every peer and preset."""
    clean = clip.frames
    noisy = add_noise(clean, noise)
    case = Case(clip, noise, {"noisy": Result(noisy, psnr(clean, noisy), ssim(clean, noisy))})
    for peer in peers:
        case.results[peer.name] = best_of(peer, clean, noisy, noise, tries)
    for preset in PRESETS:
        frames = denoised(noisy, preset)
        case.results[preset] = Result(frames, psnr(clean, frames), ssim(clean, frames))
    return case


def tables(cases: Sequence[Case]) -> str:
    """Return PSNR with the gains, SSIM, and the best settings."""
    names = list(cases[0].results)
    levels, similarities, settings = [], [], []
    for case in cases:
        label = [case.clip.name, f"{case.noise}"]
        best, simple = case.best_peer(), case.best_peer(SIMPLE)
        texts = {name: f"{result.psnr:.2f}" for name, result in case.results.items()}
        marked = [f"**{text}**" if name == best else text for name, text in texts.items()]
        differences = case.gain("balanced", best), case.gain("fast", simple)
        gains = ["" if gain is None else f"{gain:+.2f}" for gain in differences]
        levels.append([*label, *marked, *gains])
        similarities.append([*label, *(f"{result.ssim:.3f}" for result in case.results.values())])
        chosen = [", ".join(map(str, result.setting)) for result in case.results.values() if result.setting]
        settings.append([*label, *chosen])
    tried = [name for name, result in cases[0].results.items() if result.setting]
    gains = ["`balanced` over the best peer", "`fast` over the better of hqdn3d and atadenoise"]
    return "\n".join(
        (
            "PSNR in dB, RGB, mean over the frames; the best peer in bold.\n",
            markdown(["clip", "noise", *names, *gains], levels),
            "SSIM, mean over channels and frames.\n",
            markdown(["clip", "noise", *names], similarities),
            "The best settings of the peers, from the grids in `benchmarks/denoise/peers.py`.\n",
            markdown(["clip", "noise", *tried], settings),
        )
    )


def verdicts(cases: Sequence[Case]) -> list[Row]:
    """Minimum and mean gain of `balanced`, minimum of `fast`."""
    rows = []
    for preset, peers, which, least in TARGETS:
        among = SIMPLE if preset == "fast" else ()
        gains = [gain for c in cases if (gain := c.gain(preset, c.best_peer(among))) is not None]
        target, runs_on = f"{which} at least {least:+.1f} dB", f"{len(cases)} clips x noise levels"
        if gains:
            gain = min(gains) if which == "minimum" else float(np.mean(gains))
            result, met = f"{which} {gain:+.2f} dB", gain >= least
        else:
            result, met = "no peer installed", None
        rows.append(Row(f"{WORK}, `{preset}`", peers, runs_on, result, target, met))
    return rows


def run(options: Options) -> Answer:
    peers = installed_peers()
    tries = QUICK if options.quick or options.tiny else None
    cases = []
    for clip in clean_clips(options.clips, tiny=options.tiny):
        for noise in options.noises:
            cases.append(compare(clip, noise, peers, tries))
            print(f"{clip.name}, noise {noise}", flush=True)
    middle = sorted(options.noises)[len(options.noises) // 2]
    shown = {f"{case.clip.name}, noise {middle}": crops(case) for case in cases if case.noise == middle}
    save_crops(options.folder / "denoise_crops.png", shown)

    def figures(measure: str, digits: int) -> list[dict[str, object]]:
        return [
            {"clip": case.clip.name, "noise": case.noise}
            | {name: round(getattr(result, measure), digits) for name, result in case.results.items()}
            for case in cases
        ]

    measured = {"denoise_quality.psnr": figures("psnr", 2), "denoise_quality.ssim": figures("ssim", 3)}
    return Answer(verdicts(cases), tables(cases), measured)
