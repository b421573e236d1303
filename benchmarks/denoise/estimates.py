# SPDX-License-Identifier: Apache-2.0
"""What `estimate_noise` says of each kind of noise, and what was added: total and low frequencies."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.fft import dctn

import vdcore
from vdcore import NoiseEstimate

from ..common.results import Row, markdown
from .measures import in_blocks

SIDE = 8  # pixels of a block
LOW = SIDE // 2  # frequencies below, in each direction: a quarter of white noise
TARGETS = {"median": 5, "worst": 20}  # percent
WHITE = (LOW / SIDE) ** 2


@dataclass(frozen=True)
class Comparison:
    """Total standard deviation and share of low frequencies, of what was added and as estimated."""

    kind: str
    clip: str
    total: tuple[float, float]
    low: tuple[float, float]

    @property
    def errors(self) -> tuple[float, float]:
        """Percent off: of the standard deviation, and percent of the power at the wrong frequencies."""
        return 100 * abs(self.total[1] / self.total[0] - 1), 100 * abs(self.low[1] - self.low[0])


def total(noise: np.ndarray) -> float:
    """Return the root of the mean square of noise (T, H, W, C), the mean of each channel taken off."""
    return float(np.sqrt((noise - noise.mean((0, 1, 2))).var()))


def low_share(noise: np.ndarray) -> float:
    """Return the share of the power of noise (T, H, W, C) below half the Nyquist frequency in y and in x."""
    planes = np.moveaxis(noise, 3, 0).reshape(-1, *noise.shape[1:3])
    blocks = in_blocks(planes - planes.mean((1, 2), keepdims=True), SIDE)
    power = np.square(dctn(blocks, axes=(3, 4), norm="ortho")).mean((0, 1, 2))
    return float(power[:LOW, :LOW].sum() / power.sum())


def estimated(estimate: NoiseEstimate) -> tuple[float, float]:
    """Return the total and the share of low frequencies of an estimate."""
    spectrum = estimate.spectrum
    low = WHITE if spectrum is None else float(spectrum[:, :LOW, :LOW].sum() / spectrum.sum())
    return float(np.sqrt(np.square(estimate.sigma).mean())), low


def compare(kind: str, clip: str, noisy: np.ndarray, noise: np.ndarray) -> Comparison:
    """Estimate the noise of `noisy`; `noise` is what was added."""
    said = estimated(vdcore.estimate_noise(noisy))
    return Comparison(kind, clip, (total(noise), said[0]), (low_share(noise), said[1]))


def rows(comparisons: Sequence[Comparison]) -> list[Row]:
    """Median and worst error against their targets."""
    found = []
    for index, what in enumerate(("total standard deviation", "share of low frequencies")):
        errors = [each.errors[index] for each in comparisons]
        for name, off in ("median", float(np.median(errors))), ("worst", max(errors)):
            target = TARGETS[name]
            work, result = f"estimate of the noise, {what}", f"{name} {off:.2g} % off"
            found.append(Row(work, "what was added", "", result, f"at most {target} %", off <= target))
    return found


def table(comparisons: Sequence[Comparison]) -> str:
    """Return a line for each kind and clip."""
    lines = [
        [
            each.kind,
            each.clip,
            *(f"{value:.2f}" for value in (*each.total, *each.low)),
            *(f"{error:.0f} %" for error in each.errors),
        ]
        for each in comparisons
    ]
    header = ["kind", "clip", "total", "estimated", "low share", "estimated", "total off", "low share off"]
    return markdown(header, lines)
