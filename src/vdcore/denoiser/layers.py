# SPDX-License-Identifier: Apache-2.0
"""Channels of a stream that are filtered together, by one filter of the C library (csrc/denoiser)."""

from dataclasses import dataclass, field
from math import sqrt

import numpy as np

from vdcore import _core
from vdcore._arrays import Array
from vdcore.motion import Flow, optical_flow, resized_flow
from vdcore.noise import NoiseEstimate

from .parameters import MIN_NOISE, Preset
from .samples import with_channel_axis

Prior = tuple[Array | None, Flow | None, float]  # picture, flow, variance of its noise over the frame's


@dataclass
class QueuedFrame:
    """A frame that waits for its future; for each layer the result before it, and the flow there."""

    samples: Array
    priors: list[Array | None]
    flows: list[Flow | None]

    @property
    def nbytes(self) -> int:
        return sum(part.nbytes for part in (self.samples, *self.priors, *self.flows) if part is not None)


@dataclass
class Layer:
    """Channels of the stream that are filtered together: a grey or a colour video, and its state.

    `noise` is its standard deviation, gain and offset. The filter of the C library has these fixed: with
    others a new one takes over, and starts from the last result.
    """

    part: slice
    preset: Preset
    threads: int | None
    noise: tuple[float, float, float] = (0.0, 0.0, 0.0)
    _causal: _core.Denoiser | None = None
    _late: _core.Denoiser | None = None
    _causal_noise: tuple[float, float, float] | None = None
    _late_noise: tuple[float, float, float] | None = None
    _shape: tuple[int, ...] = field(default=())

    def noise_of(self, noise: NoiseEstimate) -> tuple[float, float, float]:
        """Standard deviation, gain and offset, means over the layer's channels."""
        sigma, gain, offset = (
            values if values.size == 1 else values[self.part]
            for values in (noise.sigma, noise.gain, noise.offset)
        )
        level = sqrt(np.mean(np.square(sigma)))
        if level < MIN_NOISE:
            return 0.0, 0.0, 0.0
        return level, float(np.mean(gain)), float(np.mean(offset))

    @property
    def has_result(self) -> bool:
        """Whether there is a last result that is not the frame itself."""
        return self._causal is not None

    @property
    def nbytes(self) -> int:
        return sum(core.info()["state_bytes"] for core in (self._causal, self._late) if core is not None)

    def result(self) -> Array | None:
        """The last result as the next frame is compared with it, float32; None where there is none."""
        if self._causal is None:
            return None
        result = np.empty(self._shape, np.float32)
        self._causal.result(result)
        return result

    def channels_of(self, samples: Array) -> Array:
        """A view of the layer's channels, shape (H, W, C)."""
        return with_channel_axis(samples)[..., self.part]

    def flow(self, samples: Array, other: Array | None) -> Flow | None:
        """From a frame to another one, or the last result; None where there is none, or nothing to follow."""
        if self._causal is None:
            return None
        frame = self.channels_of(samples)
        low, high = (0.0, 255.0) if frame.dtype == np.uint8 else (float(frame.min()), float(frame.max()))
        if not low < high:
            return None
        height, width = frame.shape[:2]
        half = self.preset == "fast"
        guides = np.empty((2, (height + 1) // 2, (width + 1) // 2) if half else (2, height, width), np.uint8)
        self._causal.guide(frame, low, high, guides[0])
        self._causal.guide(None if other is None else self.channels_of(other), low, high, guides[1])
        flow = optical_flow(guides[0], guides[1], self.preset)
        return resized_flow(flow, (height, width)) if half else flow

    def push(self, samples: Array, out: Array, flow: Flow | None) -> None:
        """Take the next frame and write its result into out."""
        frame, target = self.channels_of(samples), self.channels_of(out)
        self._shape = frame.shape
        if self.noise[0] == 0:
            self._causal = self._late = None
            np.copyto(target, frame, casting="same_kind")
            return
        prior: Prior = (None, flow, 0.0)
        if self._causal is None or self._causal_noise != self.noise:
            prior = (self.result(), flow, 0.0)
            self._causal, self._causal_noise = self._new(1), self.noise
        self._causal.push(frame, target, (prior,))

    def push_late(self, samples: Array, out: Array, priors: list[Prior], most: int) -> None:
        """Take the next frame, its last result and frames of its future; write its result into out."""
        frame, target = self.channels_of(samples), self.channels_of(out)
        if self.noise[0] == 0:
            np.copyto(target, frame, casting="same_kind")
            return
        if self._late is None or self._late_noise != self.noise:
            self._late, self._late_noise = self._new(most), self.noise
        self._late.push(frame, target, priors)

    def _new(self, priors: int) -> _core.Denoiser:
        sigma, gain, offset = self.noise
        return _core.Denoiser(
            sigma, gain=gain, offset=offset, preset=self.preset, priors=priors, threads=self.threads
        )
