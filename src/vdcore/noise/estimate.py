# SPDX-License-Identifier: Apache-2.0
"""What is known of the noise of a video: `NoiseEstimate`."""

import json
import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

BLOCK = 8  # samples on a side of the cosine transform
FREQUENCY = np.add.outer(np.arange(BLOCK), np.arange(BLOCK)).ravel()  # y + x
LOW = (FREQUENCY > 0) & (FREQUENCY <= 8)
HIGH = FREQUENCY > 8

_SMOOTH, _COARSE = 1.6, 0.6  # energy in low over energy in high frequencies: above, below
_EVEN = 1.25  # ratio of standard deviations that is not worth a word
_SUBSAMPLED = 0.08  # high over all frequencies of colour
_LASTING = 0.3  # correlation from frame to frame worth a word


@dataclass(frozen=True)
class NoiseEstimate:
    """The noise of a video, in the units of its samples.

    Attributes
    ----------
    sigma : ndarray of float64, shape (C,)
        Standard deviation in every channel, C = 1 for grey, before the samples were clipped to their range:
        the root of the mean variance over the picture. 0: no noise was found.
    gain, offset : ndarray of float64, shape (C,)
        The Poisson-Gaussian pair [1]_: the variance at the expected value v is gain * v + offset. The gain is
        0 where the variance does not clearly depend on the value, and may be negative, as after gamma
        correction.
    spectrum : ndarray of float64, shape (C, 8, 8), or None
        How the variance is spread over the frequencies of the orthonormal 8 x 8 cosine transform, vertical
        frequency first, relative to the mean over all of them. Three channels are taken as opponent colours:
        (r + g + b) / sqrt 3, (r - b) / sqrt 2, (r - 2 g + b) / sqrt 6. None: white, 1 everywhere.
    correlation : float
        Correlation of the noise from one frame to the next, in [0, 1).
    compressed : bool
        Whether the noise has gone through a codec, which leaves few large coefficients.

    References
    ----------
    .. [1] A. Foi, M. Trimeche, V. Katkovnik and K. Egiazarian, "Practical Poissonian-Gaussian noise modeling
       and fitting for single-image raw-data", IEEE Transactions on Image Processing 17, 2008.
    """

    sigma: Floats
    gain: Floats
    offset: Floats
    spectrum: Floats | None = None
    correlation: float = 0.0
    compressed: bool = False

    def variance(self, values: npt.ArrayLike) -> Floats:
        """Return the variance of the noise on samples with these expected values, never negative.

        Parameters
        ----------
        values : array_like, shape (..., C), or any shape for one channel
            In sample units.

        Returns
        -------
        ndarray of float64, shape of `values`
        """
        return np.maximum(self.gain * np.asarray(values, np.float64) + self.offset, 0.0)

    def scaled(self, factor: float) -> "NoiseEstimate":
        """Return the noise of the same video with its samples multiplied by `factor`."""
        if factor == 1:
            return self
        return replace(
            self, sigma=self.sigma * factor, gain=self.gain * factor, offset=self.offset * factor**2
        )

    def multiplied(self, factor: float) -> "NoiseEstimate":
        """Return noise `factor` times as strong in the same video."""
        if factor == 1:
            return self
        return replace(
            self,
            sigma=self.sigma * factor,
            gain=self.gain * factor**2,
            offset=self.offset * factor**2,
        )

    def describe(self) -> str:
        """Return the estimate in plain words, such as "noise 9.8, smooth, chroma stronger, from a codec"."""
        level = math.sqrt(np.mean(np.square(self.sigma)))
        if level == 0:
            return "no noise found"
        words = [f"noise {level:.3g}", *self._shape(), *self._brightness()]
        if self.correlation > _LASTING:
            words.append("lasting over frames")
        if self.compressed:
            words.append("from a codec")
        return ", ".join(words)

    def _shape(self) -> list[str]:
        """How the noise looks: its grain, rows or columns, colours."""
        if self.spectrum is None:
            return []
        luma, *chroma = self.spectrum
        words = []
        frequency = FREQUENCY.reshape(BLOCK, BLOCK)
        inner = luma[1:, 1:]  # rows and columns are told separately
        low = inner[frequency[1:, 1:] <= 6].mean()
        high = inner[frequency[1:, 1:] > 8].mean()
        if low > _SMOOTH**2 * high:
            centroid = float(np.average(frequency, weights=luma))  # 7 for white noise
            words.append(f"smooth (about {7 / max(centroid, 0.5):.1f} px)")
        elif low < _COARSE**2 * high:
            words.append("sharpened")
        rows, columns = luma[3:, 0].mean(), luma[0, 3:].mean()
        for along, across, word in (rows, columns, "rows"), (columns, rows, "columns"):
            if along > 2 * max(across, luma[3:, 1:3].mean()):
                words.append(f"strong in {word}")
        if chroma and np.mean(chroma) > _EVEN**2 * luma.mean():
            words.append("chroma stronger")
        elif chroma and np.mean(chroma) * _EVEN**2 < luma.mean():
            words.append("chroma weaker")
        if colour_is_subsampled(self.spectrum):
            words.append("colour at half resolution")
        return words

    def _brightness(self) -> list[str]:
        """Where the noise is stronger."""
        level = np.mean(np.square(self.sigma))
        slope = float(np.mean(self.gain))
        share = slope * abs(level - np.mean(self.offset)) / max(abs(slope), 1e-300) / level
        if share > 0.5:
            return ["stronger in bright areas"]
        return ["stronger in dark areas"] if share < -0.5 else []

    def to_json(self) -> str:
        """Return the estimate as JSON text, for `from_json`."""
        return json.dumps(noise_values(self))

    @classmethod
    def from_json(cls, text: str) -> "NoiseEstimate":
        """Return the estimate that `to_json` wrote.

        Raises
        ------
        ValueError
            The text is no estimate.
        """
        try:
            return estimate_from(json.loads(text))
        except (TypeError, KeyError, AttributeError) as error:
            raise ValueError(f"text must come from NoiseEstimate.to_json: {error}") from error


def colour_is_subsampled(spectrum: Floats) -> bool:
    """Whether the colour of a spectrum, (C, 8, 8), has half the resolution: no high frequencies."""
    if len(spectrum) != 3:
        return False
    colour = spectrum[1:].reshape(2, -1)
    return bool(colour[:, HIGH].mean() < _SUBSAMPLED * colour.mean())


def white_noise(sigma: npt.ArrayLike) -> NoiseEstimate:
    """White noise of a standard deviation for each channel, whatever the brightness."""
    sigma = np.array(sigma, np.float64)
    return NoiseEstimate(sigma, np.zeros_like(sigma), sigma**2)


def noise_values(estimate: NoiseEstimate) -> dict[str, Any]:
    """Return the attributes as JSON takes them, for `estimate_from`."""
    pairs = vars(estimate).items()
    return {name: value.tolist() if isinstance(value, np.ndarray) else value for name, value in pairs}


def estimate_from(values: dict[str, Any]) -> NoiseEstimate:
    """Return the estimate with these attributes, checked."""
    sigma, gain, offset = (np.array(values[name], np.float64) for name in ("sigma", "gain", "offset"))
    spectrum = values["spectrum"]
    spectrum = None if spectrum is None else np.array(spectrum, np.float64)
    correlation = float(values["correlation"])
    sound = sigma.ndim == 1 and sigma.size > 0 and sigma.shape == gain.shape == offset.shape
    sound = sound and bool(np.isfinite([sigma, gain, offset]).all() and (sigma >= 0).all())
    sound = sound and 0 <= correlation < 1 and isinstance(values["compressed"], bool)
    if spectrum is not None:
        sound = (
            sound
            and spectrum.ndim == 3
            and spectrum.shape[1:] == (BLOCK, BLOCK)
            and len(spectrum) == sigma.size
        )
        sound = sound and bool(np.isfinite(spectrum).all() and (spectrum >= 0).all() and spectrum.any())
    if not sound:
        raise ValueError("noise")
    return NoiseEstimate(sigma, gain, offset, spectrum, correlation, values["compressed"])
