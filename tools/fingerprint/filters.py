# SPDX-License-Identifier: Apache-2.0
"""The diffusion filter on arrays: every dtype, parameter and model."""

import itertools
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np
from cases import Case
from inputs import LARGE, PEAKS, SMALL, confidence, generator, noise, shapes, shift, video


def linear(vdcore: Any) -> Iterator[Case]:
    taus = (0, 3, np.inf)
    sigmas = {"0": 0, "0.7": 0.7, "3": 3, "20": 20, "0.8x5": (0.8, 5)}
    for dtype, (kind, shape) in itertools.product(PEAKS, shapes(SMALL)):
        frames, axis = noise(shape, dtype), None if kind == "grey" else -1
        for (text, sigma), tau in itertools.product(sigmas.items(), taus):
            yield (
                f"diffuse/{dtype}/{kind}/sigma={text}/tau={tau}",
                partial(vdcore.diffuse, frames, sigma=sigma, tau=tau),
            )
        settings: dict[str, dict[str, Any]] = {
            f"boundary={boundary},sigma={sigma}": {"sigma": sigma, "boundary": boundary}
            for boundary in ("renormalize", "reflect", "nearest", "constant")
            for sigma in (2, 12)
        }
        peak = PEAKS[dtype]
        mask, factors = confidence(SMALL), generator("factors").standard_normal(SMALL)
        settings |= {
            "cval": {"sigma": 2, "boundary": "constant", "cval": 0.7 * peak},
            "cval_beyond_range": {"sigma": 2, "boundary": "constant", "cval": -1.5 * peak},
            "truncate": {"truncate": 2.5},
            "lookahead": {"lookahead": 2},
            "lookahead,tau=inf": {"lookahead": 2, "tau": np.inf},
            "tolerance": {"tolerance": 1e-3, "sigma": 9},
            "dither": {"dither": "ordered"},
            "dtype=float64": {"dtype": "float64"},
            "dtype=float32": {"dtype": "float32"},
            "raw": {"normalize": False},
            "raw,coefficients": {"normalize": False, "coefficients": factors},
            "raw,coefficients,lookahead": {"normalize": False, "coefficients": factors, "lookahead": 1},
            "confidence": {"confidence": mask},
            "confidence,fill": {"confidence": mask, "fill": 0.4 * peak, "sigma": 1},
            "confidence,constant": {"confidence": mask, "boundary": "constant", "cval": 0.2 * peak},
            "confidence,reflect,tau=inf": {"confidence": mask[0], "boundary": "reflect", "tau": np.inf},
            "confidence,lookahead": {"confidence": mask, "lookahead": 2},
            "confidence,rectangle": {"confidence": (7, 5, 20, 19)},
            "region": {"region": mask},
            "region,rectangle": {"region": (7, 5, 20, 19)},
            "region,confidence": {"region": mask[0], "confidence": mask},
            "start,stop": {"start": 1, "stop": 4},
            "times": {"times": [0, 1, 1, 4.5, 5]},
            "seconds": {"times": [0, 0.04, 0.1, 0.11, 0.5], "time_unit": "seconds", "tau": 0.1},
        }
        for text, setting in settings.items():
            yield (
                f"diffuse/{dtype}/{kind}/{text}",
                partial(vdcore.diffuse, frames, **{"sigma": 1.5, "tau": 3} | setting),
            )
        yield (
            f"diffuse_frame/{dtype}/{kind}",
            partial(vdcore.diffuse_frame, frames[0], sigma=1.7, channel_axis=axis),
        )
        yield (
            f"diffuse_frame/{dtype}/{kind}/confidence",
            partial(vdcore.diffuse_frame, frames[0], sigma=1.7, confidence=mask[0], channel_axis=axis),
        )
        if dtype.startswith("float"):
            holes = frames.copy()
            holes[generator("holes").random(frames.shape) < 0.4] = np.nan
            for text, setting in {
                "NaN": {},
                "NaN,fill=NaN": {"fill": np.nan, "sigma": 0},
                "NaN,raw": {"normalize": False},
            }.items():
                yield (
                    f"diffuse/{dtype}/{kind}/{text}",
                    partial(vdcore.diffuse, holes, **{"sigma": 1.5, "tau": 3} | setting),
                )
        large = noise((*LARGE, 3) if kind == "colour" else LARGE, dtype)
        for sigma, tolerance in itertools.product((0.7, 3, 20), (None, 1e-3)):
            yield (
                f"diffuse/large/{dtype}/{kind}/sigma={sigma}/tolerance={tolerance}",
                partial(vdcore.diffuse, large, sigma=sigma, tau=3, tolerance=tolerance),
            )
        yield f"Diffuser/{dtype}/{kind}", partial(stream, vdcore, large, peak)


def stream(vdcore: Any, frames: np.ndarray, peak: float) -> Any:
    """Return what a stream gives that is saved, restored, given steps in time, in place, and flushed."""
    diffuser = vdcore.Diffuser(2, 2.5, lookahead=1, cval=0.3 * peak, boundary="constant")
    results = [diffuser(frames[0]), diffuser(frames[1].copy(), 0.5)]
    restored = vdcore.Diffuser.from_state(diffuser.state())
    copied = restored.copy()
    for each in (diffuser, restored, copied):
        results += [each(frames[2], confidence=confidence(frames.shape[1:3])), *each.flush()]
    own = frames[3].copy()
    diffuser.reset()
    diffuser(own, out=own)
    results += [*diffuser.flush(out=own)]
    info = diffuser.info
    return results, info.method, info.levels, info.spatial_bound, info.weight, info.masked, info.frames


def models(vdcore: Any) -> Iterator[Case]:
    each: dict[str, Callable[[float], Any]] = {
        "gaussian": lambda p: vdcore.models.Gaussian(),
        "bilateral": lambda p: vdcore.models.Bilateral(0.08 * p),
        "nonlocal_means": lambda p: vdcore.models.NonLocalMeans(0.06 * p, noise=0.04 * p, patch=1, search=3),
        "laplacian": lambda p: vdcore.models.Laplacian(),
        "laplacian_map": lambda p: vdcore.models.Laplacian(generator("map").random(SMALL[1:])),
        "perona_malik": lambda p: vdcore.models.PeronaMalik(0.05 * p),
        "perona_malik_rational": lambda p: vdcore.models.PeronaMalik(0.05 * p, "rational"),
    }
    for (name, make), dtype, (kind, shape) in itertools.product(each.items(), PEAKS, shapes(SMALL)):
        frames, peak = video(shape, dtype), PEAKS[dtype]
        model = make(peak)
        settings: dict[str, dict[str, Any]] = {
            "plain": {},
            "sigma=0": {"sigma": 0},
            "sigma=2.5x1": {"sigma": (2.5, 1), "tau": np.inf},
            "reflect": {"boundary": "reflect", "tau": 0},
            "constant": {"boundary": "constant", "cval": 0.3 * peak},
            "confidence": {"confidence": confidence(SMALL)},
            "lookahead": {"lookahead": 1},
            "gate": {"gate": 0.04 * peak},
            "gate,lookahead": {"gate": 0.04 * peak, "lookahead": 2},
            "gate,confidence": {"gate": 0.04 * peak, "confidence": confidence(SMALL)},
            "motion": {"motion": shift},
            "motion,gate,lookahead": {"motion": shift, "gate": 0.04 * peak, "lookahead": 2, "tau": np.inf},
            "seconds,gate": {
                "times": [0, 0.04, 0.1, 0.11, 0.5],
                "time_unit": "seconds",
                "tau": 0.1,
                "gate": 0.05 * peak,
            },
        }
        if name == "gaussian":
            settings = {key: value for key, value in settings.items() if "gate" in key or "motion" in key}
        for text, setting in settings.items():
            yield (
                f"models/{name}/{dtype}/{kind}/{text}",
                partial(vdcore.diffuse, frames, model=model, **{"sigma": 1.2, "tau": 3} | setting),
            )
        if dtype.startswith("float"):
            holes = frames.copy()
            holes[generator("holes").random(frames.shape) < 0.3] = np.nan
            for text, setting in {"NaN": {}, "NaN,gate": {"gate": 0.04}}.items():
                yield (
                    f"models/{name}/{dtype}/{kind}/{text}",
                    partial(vdcore.diffuse, holes, model=model, sigma=1.2, tau=3, **setting),
                )
        if kind == "colour" and name != "laplacian_map":
            large = video((*LARGE, 3), dtype)
            for text, setting in {"plain": {}, "motion,gate": {"motion": shift, "gate": 0.04 * peak}}.items():
                yield (
                    f"models/large/{name}/{dtype}/{text}",
                    partial(vdcore.diffuse, large, model=model, sigma=1.2, tau=3, **setting),
                )
