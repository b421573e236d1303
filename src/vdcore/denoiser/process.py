# SPDX-License-Identifier: Apache-2.0
"""The stream of a denoiser: what happens to a checked frame, and what is remembered of it."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from vdcore._arrays import Array
from vdcore.flow import Flow, checked_flow
from vdcore.noise import NoiseEstimate

from .layers import Layer, Prior
from .parameters import DenoiserParameters
from .samples import (
    MAX_CHANNELS,
    channel_count,
    colour_count,
    converted,
    layer_channels,
    pixel_weights,
    without_gaps,
)
from .tracking import NoiseTracker


@dataclass(frozen=True)
class QueuedFrame:
    """A frame that waits for later ones.

    Attributes
    ----------
    samples : ndarray
    confidence : ndarray or None
        Of its pixels or samples.
    filled : ndarray
        The samples without gaps.
    priors, known, flows : list of (ndarray or None)
        For each layer the result before it, where something is known of that, and the flow there.
    """

    samples: Array
    confidence: Array | None
    filled: Array
    priors: list[Array | None]
    known: list[Array | None]
    flows: list[Flow | None]

    @property
    def nbytes(self) -> int:
        filled = None if self.filled is self.samples else self.filled
        parts = (self.samples, self.confidence, filled, *self.priors, *self.known, *self.flows)
        return sum(part.nbytes for part in parts if part is not None)


@dataclass
class Process:
    """The stream of a denoiser, all that changes from frame to frame.

    Attributes
    ----------
    parameters : DenoiserParameters
    tracker : NoiseTracker
        The noise.
    layers : list of Layer
        The filters.
    frames : int
        Frames taken.
    shape : tuple of int
        Shape of the frames, () before the first one.
    dtype : numpy.dtype
        Of the frames.
    last : ndarray or None
        The last result in the frames' dtype, where `motion` is a callable.
    assumed : NoiseEstimate or None
        The noise that the layers know of.
    queue : deque of QueuedFrame
        The frames to return, oldest first.
    """

    parameters: DenoiserParameters
    tracker: NoiseTracker
    layers: list[Layer] = field(default_factory=list)
    frames: int = 0
    shape: tuple[int, ...] = ()
    dtype: np.dtype[Any] = field(default_factory=lambda: np.dtype(np.uint8))
    last: Array | None = None
    assumed: NoiseEstimate | None = None
    queue: deque[QueuedFrame] = field(default_factory=deque)

    @property
    def nbytes(self) -> int:
        return sum(layer.nbytes for layer in self.layers) + sum(queued.nbytes for queued in self.queue)

    def copy(self) -> "Process":
        """Return an independent process of the same stream; arrays that never change are shared."""
        return replace(
            self,
            tracker=self.tracker.copy(),
            layers=[layer.copy() for layer in self.layers],
            queue=deque(self.queue),
        )

    def take(
        self, samples: Array, confidence: Array | None, gaps: bool, result: Array, given: list[Flow | None]
    ) -> bool:
        """Take a frame, with flows as in `find_flows`; whether result was written."""
        lookahead = self.parameters.lookahead
        if lookahead:  # the caller may reuse the arrays
            given = [None if flow is None else flow.copy() for flow in given]
        if not self.frames:
            self.tracker = NoiseTracker(self.parameters.strength)
            self.layers = new_layers(self.parameters, samples.shape)
            self.assumed = None
        filled = without_gaps(samples, confidence) if gaps and self._needs_filled(given) else samples
        # before anything changes: motion may raise
        flows, *future_flows = self.find_flows(samples, given, filled)
        self.tracker.update(samples, confidence)
        self.assume()
        for layer in self.layers:
            layer.gaps = layer.gaps or gaps

        whole = len(self.layers) == 1 and colour_count(samples.shape) == channel_count(samples.shape)
        if lookahead or (not whole and np.may_share_memory(samples, result)):
            filled = samples.copy() if filled is samples else filled
            samples = filled if not gaps else samples.copy()
            confidence = None if confidence is None else confidence.copy()
        causal = np.empty_like(samples) if lookahead else result
        priors = [layer.result() for layer in self.layers] if lookahead else []
        known = [layer.known() for layer in self.layers] if lookahead else []
        for layer, layer_flow in zip(self.layers, flows, strict=True):
            weights = None if confidence is None else pixel_weights(confidence, layer.part)
            layer.push(samples, causal, layer_flow, weights)
        if not whole and channel_count(samples.shape) == MAX_CHANNELS:
            causal[..., 3] = samples[..., 3]
        if callable(self.parameters.motion):
            self.last = converted(causal, samples.dtype)
        self.shape, self.dtype = samples.shape, samples.dtype
        self.frames += 1
        if not lookahead:
            return True
        ready = len(self.queue) == lookahead
        self.queue.append(QueuedFrame(samples, confidence, filled, priors, known, flows))
        if ready:
            self.finish(future_flows, result)
        return ready

    def assume(self) -> None:
        """Let the layers know the noise of now."""
        noise = self.tracker.noise
        if noise is not None and noise is not self.assumed:
            for layer in self.layers:
                layer.noise = layer.noise_of(noise)
            self.assumed = noise

    def _needs_filled(self, given: Sequence[Flow | None]) -> bool:
        """Whether the next frame is looked at without gaps: for its flow, or by earlier frames."""
        return bool(self.parameters.lookahead) or self.parameters.motion == "flow" and None in given

    @property
    def flow_count(self) -> int:
        """Flows that the next call follows."""
        lookahead = self.parameters.lookahead
        return 1 + (lookahead if len(self.queue) == lookahead else 0)

    def find_flows(
        self, samples: Array, given: Sequence[Flow | None], filled: Array
    ) -> list[list[Flow | None]]:
        """From a frame to the last result, then from the oldest frame of the queue, if it is full, to each
        later one up to this; for each layer. What is given is not searched for."""
        flows = [self._flows((samples, filled), None, given[0])]
        return flows if len(given) == 1 else flows + self.find_future_flows(given[1:], (samples, filled))

    def find_future_flows(
        self, given: Sequence[Flow | None], *more: tuple[Array, Array]
    ) -> list[list[Flow | None]]:
        """From the oldest frame of the queue to each later one, and to `more`; for each layer."""
        frames = [*((queued.samples, queued.filled) for queued in self.queue), *more]
        return [self._flows(frames[0], other, flow) for other, flow in zip(frames[1:], given, strict=True)]

    def _flows(
        self, frame: tuple[Array, Array], other: tuple[Array, Array] | None, given: Flow | None
    ) -> list[Flow | None]:
        """From a frame to another one, None for the last result; for each layer, None where nothing moves.

        Frames are given as they are, for a callable `motion`, and without gaps.
        """
        motion, layers = self.parameters.motion, self.layers
        if given is not None:
            return [given] * len(layers)
        if motion is None or not any(layer.has_result for layer in layers):
            return [None] * len(layers)
        if motion == "flow":
            return [layer.flow(frame[1], None if other is None else other[1]) for layer in layers]
        assert callable(motion)
        target = self.last if other is None else other[0]
        assert target is not None
        flow = checked_flow(motion(frame[0], target), frame[0].shape[:2])
        if self.parameters.lookahead:  # the callable may reuse its array
            flow = flow.copy()
        return [flow] * len(layers)

    def finish(self, flows: list[list[Flow | None]], result: Array) -> None:
        """Filter the oldest frame of the queue, together with the later ones."""
        queued, *later = self.queue
        for i, layer in enumerate(self.layers):
            priors: list[Prior] = [(queued.priors[i], queued.flows[i], 0.0, queued.known[i])]
            priors += [
                (layer.channels_of(future.filled), future_flows[i], 1.0, None)
                for future, future_flows in zip(later, flows, strict=True)
            ]
            weights = None if queued.confidence is None else pixel_weights(queued.confidence, layer.part)
            layer.push_late(queued.samples, result, priors, 1 + self.parameters.lookahead, weights)
        if channel_count(queued.samples.shape) == MAX_CHANNELS:
            result[..., 3] = queued.samples[..., 3]
        self.queue.popleft()


def new_process(parameters: DenoiserParameters) -> Process:
    """Return a process before its first frame."""
    return Process(parameters, NoiseTracker(parameters.strength))


def new_layers(parameters: DenoiserParameters, shape: tuple[int, ...]) -> list[Layer]:
    """Return the layers of a stream of frames of `shape`, without a frame yet."""
    return [
        Layer(part, parameters.preset, parameters.fill, parameters.hot_pixels, parameters.threads)
        for part in layer_channels(shape)
    ]


def given_flows(flow: object, count: int, shape: tuple[int, ...]) -> list[Flow | None]:
    """The argument `flow`, checked, as a list of `count` flows; None for what is not given."""
    if flow is None:
        return [None] * count
    if not isinstance(flow, list | tuple):
        flow = [flow, *[None] * (count - 1)]
    if len(flow) != count:
        raise ValueError(f"flow must be an array or a list of {count} (see find_flows), got {len(flow)}")
    return [
        None if item is None else checked_flow(item, (shape[0], shape[1]), f"flow[{i}]")
        for i, item in enumerate(flow)
    ]
