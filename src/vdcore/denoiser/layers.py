# SPDX-License-Identifier: Apache-2.0
"""Channels of a stream that are filtered together, by one filter of the C library (csrc/denoiser)."""

from dataclasses import dataclass, field, replace
from math import sqrt

import numpy as np

from vdcore import _core
from vdcore._arrays import Array
from vdcore.flow import Flow, optical_flow, resized_flow
from vdcore.noise import NoiseEstimate, colour_is_subsampled
from vdcore.noise.clipping import RangeMeter

from .parameters import MIN_NOISE, HotPixels, Preset
from .samples import with_channel_axis

_MAX_CORRELATION = 0.99  # that the C library takes
_COMPRESSED = 1.1  # variance assumed, over the geometric mean of those

# picture, flow, variance of its noise over the frame's, where something is known of it
Prior = tuple[Array | None, Flow | None, float, Array | None]


@dataclass(frozen=True)
class Noise:
    """The noise of a layer as the C library takes it."""

    sigma: float = 0.0
    gain: float = 0.0
    offset: float = 0.0
    spectrum: tuple[float, ...] | None = None  # of all channels, horizontal frequency first
    correlation: float = 0.0  # from frame to frame

    @property
    def line(self) -> tuple[float, float, float]:
        """Standard deviation, gain and offset."""
        return self.sigma, self.gain, self.offset

    def give(self, core: _core.Denoiser) -> None:
        """Let a filter assume it from the next frame on."""
        spectrum = self.spectrum
        core.set_noise(
            self.sigma,
            self.gain,
            self.offset,
            None if spectrum is None else np.array(spectrum, np.float32).reshape(-1, 64),
            min(self.correlation, _MAX_CORRELATION),
        )


@dataclass
class Filter:
    """A filter of the C library, the noise that it assumes and the range of its samples."""

    core: _core.Denoiser
    noise: Noise | None  # None: not known
    limits: tuple[float, float] | None = None  # as the filter was told last

    def copy(self) -> "Filter":
        """Return an independent filter with the same state."""
        return Filter(self.core.copy(), self.noise, self.limits)

    def set_limits(self, limits: tuple[float, float]) -> None:
        """Set what samples were clipped to."""
        if self.limits != limits:
            self.core.set_range(*limits)
            self.limits = limits


@dataclass
class Layer:
    """Channels of the stream that are filtered together: a grey or a colour video.

    Attributes
    ----------
    part : slice
        The channels.
    preset, fill, hot_pixels, threads
        See `Denoiser`.
    noise : Noise
        Of the layer's channels now.
    meter : RangeMeter
        What the samples were clipped to.
    causal, late : Filter or None
        The filter of each frame as it comes, and with lookahead that of the frames which are returned. None:
        frames pass unchanged, or there was none yet.
    gaps : bool
        Whether samples were missing, so that frames are remembered even if they have no noise.
    shape : tuple of int
        (H, W, C) of the last frame.
    """

    part: slice
    preset: Preset
    fill: float | None
    hot_pixels: HotPixels
    threads: int | None
    noise: Noise = field(default_factory=Noise)
    meter: RangeMeter = field(default_factory=RangeMeter)
    causal: Filter | None = None
    late: Filter | None = None
    gaps: bool = False
    shape: tuple[int, ...] = ()

    def copy(self) -> "Layer":
        """Return an independent layer with the same state."""
        causal, late = (None if f is None else f.copy() for f in (self.causal, self.late))
        return replace(self, causal=causal, late=late, meter=self.meter.copy())

    def noise_of(self, noise: NoiseEstimate) -> Noise:
        """What an estimate says of the layer's channels."""
        sigma, gain, offset = (
            values if values.size == 1 else values[self.part]
            for values in (noise.sigma, noise.gain, noise.offset)
        )
        level = sqrt(np.mean(np.square(sigma)))
        if level < MIN_NOISE:
            return Noise()
        if noise.spectrum is None:
            return Noise(level, float(np.mean(gain)), float(np.mean(offset)), None, noise.correlation)
        channels = self.part.stop - self.part.start
        spectrum = noise.spectrum
        spectrum = np.repeat(spectrum, channels, axis=0) if len(spectrum) == 1 else spectrum[self.part]
        assumed = _assumed_spectrum(spectrum, noise.compressed)
        factor = float(assumed.mean())
        return Noise(
            level * sqrt(factor),
            float(np.mean(gain)) * factor,
            float(np.mean(offset)) * factor,
            tuple((assumed / factor).swapaxes(1, 2).ravel().tolist()),
            noise.correlation,
        )

    @property
    def has_result(self) -> bool:
        """Whether there is a last result that is not the frame itself."""
        return self.causal is not None

    @property
    def nbytes(self) -> int:
        return sum(f.core.info()["state_bytes"] for f in (self.causal, self.late) if f is not None)

    def result(self) -> Array | None:
        """The last result as the next frame is compared with it, float32; None where there is none."""
        if self.causal is None:
            return None
        result = np.empty(self.shape, np.float32)
        self.causal.core.result(result)
        return result

    def known(self) -> Array | None:
        """Where something is known of the last result, uint8 (H, W) of 255 and 0; None everywhere."""
        if self.causal is None or not self.gaps:
            return None
        known = np.empty(self.shape[:2], np.uint8)
        self.causal.core.known(known)
        return None if known.all() else known

    def channels_of(self, samples: Array) -> Array:
        """A view of the layer's channels, shape (H, W, C)."""
        return with_channel_axis(samples)[..., self.part]

    def flow(self, samples: Array, other: Array | None) -> Flow | None:
        """From a frame to another one, or the last result; None where there is none, or nothing to follow."""
        if self.causal is None:
            return None
        frame = self.channels_of(samples)
        low, high = (0.0, 255.0) if frame.dtype == np.uint8 else _usual_range(frame)
        if not low < high:
            return None
        height, width = frame.shape[:2]
        half = self.preset == "fast"
        guides = np.empty((2, (height + 1) // 2, (width + 1) // 2) if half else (2, height, width), np.uint8)
        self.causal.core.guide(frame, low, high, guides[0])
        self.causal.core.guide(None if other is None else self.channels_of(other), low, high, guides[1])
        flow = optical_flow(guides[0], guides[1], self.preset)
        return resized_flow(flow, (height, width)) if half else flow

    def push(self, samples: Array, out: Array, flow: Flow | None, weights: Array | None) -> None:
        """Take the next frame, with the confidence of its pixels, and write its result into out."""
        frame, target = self.channels_of(samples), self.channels_of(out)
        self.shape = frame.shape
        if self._is_passing:
            self.causal = self.late = None
            np.copyto(target, frame, casting="same_kind")
            return
        meter = self.meter.copy()
        meter.add(frame, self.noise.line, weights)
        self.causal = self._renewed(self.causal, 1, meter)
        self.causal.set_limits(meter.limits())
        self.causal.core.push(frame, target, ((None, flow, 0.0, None),), weights)
        self.meter = meter

    def push_late(
        self, samples: Array, out: Array, priors: list[Prior], max_priors: int, weights: Array | None
    ) -> None:
        """Take the next frame, its last result and frames of its future; write its result into out."""
        frame, target = self.channels_of(samples), self.channels_of(out)
        if self._is_passing:
            np.copyto(target, frame, casting="same_kind")
            return
        self.late = self._renewed(self.late, max_priors, self.meter)
        self.late.set_limits(self.meter.limits())
        self.late.core.push(frame, target, priors, weights)

    @property
    def _is_passing(self) -> bool:
        return self.noise.sigma == 0 and not self.gaps

    def _renewed(self, held: Filter | None, priors: int, meter: RangeMeter) -> Filter:
        """The filter, or a new one, with the noise of now.

        In counts of few photons single bright samples are no outliers.
        """
        if held is None:
            core = _core.Denoiser(
                0.0,
                preset=self.preset,
                priors=priors,
                fill=self.fill,
                outliers=self.hot_pixels == "auto" and not meter.low.counts,
                threads=self.threads,
            )
            held = Filter(core, None)
        if held.noise != self.noise:
            self.noise.give(held.core)
            held.noise = self.noise
        return held


def _assumed_spectrum(spectrum: Array, compressed: bool) -> Array:
    """The spectrum that the filter removes, shape (C, 8, 8).

    What a codec has left is rare and large: coefficients from which it mostly takes the noise still hold it
    at times, and what it has done to the picture itself is wrong by as much. White noise, between the mean
    and the strongest coefficients of the strongest channel, is then the better model by 0.5 to 2 dB. Colour
    at half the resolution likewise holds more at high frequencies than its mean square says. Elsewhere a
    small part of the strongest coefficients keeps division and rounding in bounds.
    """
    flat = spectrum.reshape(len(spectrum), -1)
    strongest = np.median(np.sort(flat, axis=1)[:, -12:], axis=1)
    if compressed:
        return np.full(spectrum.shape, _COMPRESSED * sqrt(flat.mean(axis=1).max() * strongest.max()))
    least = (0.9 if colour_is_subsampled(spectrum) else 0.01) * strongest
    least = np.maximum(least, 1e-3 * flat.max())
    assumed: Array = np.maximum(flat, least[:, None]).reshape(spectrum.shape)
    return assumed


def _usual_range(frame: Array) -> tuple[float, float]:
    """What nearly all samples of a frame lie in, whatever its dead pixels say; all, if those are equal."""
    step = max(1, int(sqrt(frame.size / 2**16)))
    some = frame[::step, ::step].ravel()
    few = some.size // 1000
    ordered = np.partition(some, (few, some.size - 1 - few))
    low, high = float(ordered[few]), float(ordered[-1 - few])
    return (low, high) if low < high else (float(frame.min()), float(frame.max()))
