# SPDX-License-Identifier: Apache-2.0
"""Fitting: sigma and tau from a noisy video, with and without the clean one, and coefficients of sources.

    python fitting.py [FOLDER]

prints the fitted values, what each of them brings, and writes fitting.png (what was tried) into FOLDER.
"""

import sys
from pathlib import Path

import numpy as np

import vdcore
from vdcore.tools.demo import clean_scene

WIDTH, HEIGHT, FRAMES, NOISE = 240, 136, 16, 20


def fit_a_video(folder: Path) -> tuple[float, float]:
    clean = np.stack(list(clean_scene(WIDTH, HEIGHT, FRAMES)))
    noise = np.random.default_rng(1).normal(0, NOISE, clean.shape)
    noisy = np.clip(clean + noise, 0, 255).round().astype(np.uint8)

    estimate = vdcore.estimate_noise(noisy)
    print("standard deviation of the noise, by channel:", np.round(estimate.sigma, 1), f"(added: {NOISE})")

    supervised = vdcore.fit(noisy, clean)  # with the clean original
    alone = vdcore.fit(noisy)  # from the noisy video alone
    print(alone.table())
    alone.plot(folder / "fitting.png")
    results = []
    for name, fit in (("with the original", supervised), ("without it", alone)):
        filtered = vdcore.diffuse(noisy, **fit.parameters())
        error = np.mean((filtered.astype(float) - clean) ** 2)
        results.append(float(10 * np.log10(255**2 / error)))
        print(f"{name}: sigma {fit.sigma:.2f}, tau {fit.tau:.2f}: {results[-1]:.2f} dB")
    print("the same from file to file:", alone.command("noisy.mkv", "filtered.mp4"))
    return results[0], results[1]


def fit_charges() -> float:
    """Charges at known places, each spreading and decaying, found from two noisy pictures of their field."""
    rng = np.random.default_rng(1)
    positions = np.stack(np.mgrid[6:60:9, 6:80:9], axis=-1).reshape(-1, 2) + rng.uniform(-1, 1, (54, 2))
    times = rng.uniform(0, 2, len(positions))
    charges = rng.normal(0, 10, len(positions))
    at = [2.0, 4.0]
    field = vdcore.diffuse_sources(positions, times, charges, (64, 84), sigma=4, tau=3, at=at)
    seen = field + rng.normal(0, 0.1, field.shape)

    fit = vdcore.fit_sources(seen, positions, times, sigma=4, tau=3, at=at)
    error = float(np.abs(fit.coefficients - charges).max())
    print(f"{len(charges)} charges of size 10, noise 0.1: found to {error:.3f}", end="; ")
    print(f"condition number {fit.condition:.1f}, {fit.iterations} iterations, residual {fit.residual:.2f}")
    return error


def main(folder: Path) -> tuple[float, float, float]:
    folder.mkdir(parents=True, exist_ok=True)
    return *fit_a_video(folder), fit_charges()


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "fitting"))
