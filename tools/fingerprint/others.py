# SPDX-License-Identifier: Apache-2.0
"""The denoiser, scattered sources, noise estimation and fitting on arrays."""

import dataclasses
import itertools
from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np
from cases import Case
from inputs import LARGE, PEAKS, SMALL, confidence, generator, shapes, shift, video


def denoising(vdcore: Any) -> Iterator[Case]:
    estimate = vdcore.NoiseEstimate(np.array([0.05]), np.array([0.003]), np.array([0.001]))
    for dtype, (channels, preset) in itertools.product(
        PEAKS, itertools.product((0, 1, 2, 3, 4), ("fast", "balanced"))
    ):
        shape = (*SMALL, channels) if channels else SMALL
        frames, peak = video(shape, dtype, 0.03), PEAKS[dtype]
        scaled = dataclasses.replace(
            estimate,
            sigma=estimate.sigma * peak,
            gain=estimate.gain * peak,
            offset=estimate.offset * peak**2,
        )
        settings: dict[str, dict[str, Any]] = {
            "auto": {},
            "strength": {"strength": 0.04 * peak},
            "estimate": {"strength": scaled},
            "lookahead": {"strength": 0.04 * peak, "lookahead": 2},
            "still": {"motion": None, "lookahead": 1},
            "callable": {"motion": shift, "strength": 0.04 * peak},
            "float32": {"dtype": "float32"},
        }
        for text, setting in settings.items():
            yield (
                f"denoise/{dtype}/{channels}/{preset}/{text}",
                partial(
                    vdcore.denoise, frames, preset=preset, channel_axis=-1 if channels else None, **setting
                ),
            )
    for preset, dtype in itertools.product(("fast", "balanced"), ("uint8", "float32")):
        large = video((*LARGE, 3), dtype)
        yield (
            f"denoise/large/{dtype}/{preset}",
            partial(vdcore.denoise, large, preset=preset),
        )
        yield f"Denoiser/{dtype}/{preset}", partial(denoiser_stream, vdcore, large, preset)


def denoiser_stream(vdcore: Any, frames: np.ndarray, preset: str) -> Any:
    denoiser = vdcore.Denoiser(preset=preset, lookahead=1)
    results = [denoiser(frame) for frame in frames] + list(denoiser.flush())
    return results, denoiser.info.noise


def sources(vdcore: Any) -> Iterator[Case]:
    rng, count, size = generator("sources"), 300, (41, 67)
    positions = rng.random((count, 2)) * (45, 72) - 2
    times, values = rng.random(count) * 6, rng.standard_normal((count, 2))
    widths, memories = 0.3 + 2 * rng.random(count), 0.2 + rng.random(count)
    settings: dict[str, dict[str, Any]] = {
        "plain": {"sigma": 1.7, "tau": 2},
        "moments": {"sigma": 1.7, "tau": 2, "at": [1, 3.5, 2, 7]},
        "sigma=0": {"sigma": 0, "tau": 2},
        "sigma=0.1": {"sigma": 0.1, "tau": 2},
        "pair": {"sigma": (3.0, 0.6), "tau": np.inf},
        "own_sigma": {"sigma": widths, "tau": 2},
        "own_sigma_pairs": {"sigma": np.stack([widths, widths[::-1]], 1), "tau": 2},
        "own_tau": {"sigma": 1.7, "tau": memories, "at": [3, 6]},
        "normalize": {"sigma": 1.7, "tau": 2, "normalize": True, "fill": 0.5},
        "float32": {"sigma": 1.7, "tau": 2, "dtype": "float32"},
        "eps": {"sigma": 1.7, "tau": 2, "eps": 1e-12},
    }
    for (text, setting), (kind, coefficients) in itertools.product(
        settings.items(), (("grey", values[:, 0]), ("two", values))
    ):
        yield (
            f"diffuse_sources/{kind}/{text}",
            partial(vdcore.diffuse_sources, positions, times, coefficients, shape=size, **setting),
        )
    order = np.argsort(times)
    for text, setting in {
        "plain": {"sigma": 1.7},
        "sigma=0": {"sigma": 0},
        "normalize": {"sigma": 1.2, "normalize": True},
        "float32": {"sigma": 1.2, "dtype": "float32"},
    }.items():
        yield (
            f"SourceDiffuser/{text}",
            partial(
                source_stream, vdcore, (*size, 2), positions[order], times[order], values[order], **setting
            ),
        )

    for channels in (None, 2):
        operator = partial(
            vdcore.source_operator,
            positions,
            times,
            shape=size,
            sigma=1.7,
            tau=2,
            at=[3, 6],
            channels=channels,
        )
        yield (
            f"source_operator/{channels}",
            partial(both_ways, operator, values.ravel()[: count * (channels or 1)]),
        )
    few = rng.random((24, 2)) * size
    observed = rng.random(size)
    for text, setting in {
        "plain": {},
        "ridge": {"ridge": 0.1},
        "nonnegative": {"nonnegative": True},
        "mask": {"confidence": confidence(size)},
    }.items():
        known = {"times": np.zeros(24), "sigma": 2.5, "tau": 1}
        yield f"fit_sources/{text}", partial(vdcore.fit_sources, observed, few, **known, **setting)


def source_stream(
    vdcore: Any,
    shape: tuple[int, ...],
    positions: np.ndarray,
    times: np.ndarray,
    values: np.ndarray,
    **setting: Any,
) -> Any:
    diffuser = vdcore.SourceDiffuser(shape, tau=0.5, **setting)
    fields = []
    for part in np.array_split(np.arange(len(times)), 5):
        diffuser.add(positions[part], times[part], values[part])
        fields.append(diffuser.field())
    return fields, diffuser.field(at=30.0), diffuser.count


def both_ways(make_operator: Any, coefficients: np.ndarray) -> Any:
    operator = make_operator()
    field = operator.matvec(coefficients)
    return field, operator.rmatvec(field)


def estimation(vdcore: Any) -> Iterator[Case]:
    for dtype, (kind, shape) in itertools.product(PEAKS, shapes((6, 90, 120))):
        frames = video(shape, dtype, 0.05)
        yield f"estimate_noise/{dtype}/{kind}", partial(vdcore.estimate_noise, frames)
        yield f"estimate_noise/{dtype}/{kind}/one", partial(vdcore.estimate_noise, frames[:1])
    for dtype in ("uint8", "float32"):
        noisy, clean = video((6, 48, 64), dtype, 0.08), video((6, 48, 64), dtype, 0)
        for text, setting in {
            "estimated": {},
            "reference": {"reference": clean},
            "bilateral": {"reference": clean, "model": "bilateral:range_sigma=0.2", "tau": 1},
            "lookahead": {"reference": clean, "lookahead": 1, "sigma": 1},
        }.items():
            yield f"fit/{dtype}/{text}", partial(fitted, vdcore, noisy, max_evaluations=12, **setting)


def fitted(vdcore: Any, frames: np.ndarray, **setting: Any) -> Any:
    trials = vdcore.fit(frames, **setting).trials
    return [(trial.sigma, trial.tau, repr(trial.model), trial.error) for trial in trials]
