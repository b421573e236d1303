# SPDX-License-Identifier: Apache-2.0
"""The stream object `Denoiser`: noise level, motion and priors of every frame."""

from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock
from typing import Any

import numpy as np
import numpy.typing as npt

from vdcore._arrays import Array, as_frame, as_output
from vdcore.motion import Flow, Motion, checked_flow
from vdcore.noise import BLOCK, Estimator, NoiseEstimate

from .layers import Layer, QueuedFrame
from .parameters import DenoiserInfo, Preset, Strength, denoiser_parameters
from .samples import (
    MAX_CHANNELS,
    channel_count,
    check_samples,
    colour_count,
    converted,
    layer_channels,
    with_channel_axis,
)
from .tracking import fixed_noise

_SAME = 0.05  # of a standard deviation: estimates that differ by less are not worth a new start


class Denoiser:
    """Denoiser of a stream of frames: frame by frame, with bounded memory.

    A Kalman filter [1]_ follows the spectrum of every small patch along the optical flow [3]_, so that what
    stays or moves evenly is averaged over many frames. Where a frame does not go with the past, the variance
    of the difference, which is measured, says so, and the past counts less or not at all: nothing trails
    behind, and a cut needs no detector. A Wiener filter in space [2]_ then takes what noise is left.

    Parameters
    ----------
    strength : "auto", float or NoiseEstimate, optional
        The noise: its standard deviation in sample units, >= 0, before samples were clipped to their range;
        or what `vdcore.estimate_noise` returns, which may depend on brightness. 0: frames pass unchanged, bit
        for bit. "auto": it is estimated from the stream, see Notes.
    preset : {"balanced", "fast"}, optional
        "balanced" has a second step in space and a finer flow; "fast" takes about half of the time.
    motion : {"flow", None} or callable, optional
        "flow": optical flow by OpenCV. None: nothing moves. A callable ``motion(frame, other)`` is given the
        frame and the last result (with `lookahead` also frames to come), both of the stream's shape and
        dtype, and returns the flow, (H, W, 2), float32 or float64: (dx, dy) in pixels such that
        ``other[y + dy, x + dx]`` shows what ``frame[y, x]`` shows. Where it is not finite the past does not
        count.
    lookahead : int, optional
        Future frames, up to 31, that a frame is compared with too. Output comes that much later.
    threads : int or None, optional
        Threads to use, >= 1. None takes VDCORE_NUM_THREADS, then OMP_NUM_THREADS, then the processors that
        this process may use. The result does not depend on it. OpenCV has threads of its own.

    Attributes
    ----------
    parameters : DenoiserParameters
        The parameters, checked.
    info : DenoiserInfo
        What the denoiser found and holds.

    Notes
    -----
    Channels: (H, W) and (H, W, 1) are grey, (H, W, 3) is a colour in the order red, green, blue or the
    reverse, which gives the same result. The fourth channel of (H, W, 4) is alpha and copied bit for bit. The
    two of (H, W, 2) are two grey videos, each with its own noise and motion. All samples but alpha must be
    finite.

    With ``strength="auto"`` the first answer comes at once, from the noise of the first frame alone, in which
    texture may pass for noise. Pairs of successive frames tell more: there is a new estimate after 1, 2, 4, 8
    and 16 pairs, from then on of pairs spread evenly over all of the stream, at ever longer intervals. If it
    differs by more than 5 %, the filter starts anew with it, but with the last result as its past, so that
    nothing jumps. Frames smaller than 8 x 8 pixels tell nothing and pass unchanged. The same frames always
    give the same results.

    A denoiser serves one thread at a time: a call that arrives while another is running raises RuntimeError.
    A frame that is refused leaves no trace.

    References
    ----------
    .. [1] P. Arias and J.-M. Morel, "Kalman filtering of patches for frame-recursive video denoising", CVPR
       Workshops 2019.
    .. [2] K. Dabov, A. Foi, V. Katkovnik and K. Egiazarian, "Image denoising by sparse 3-D transform-domain
       collaborative filtering", IEEE Transactions on Image Processing 16, 2007.
    .. [3] T. Kroeger, R. Timofte, D. Dai and L. Van Gool, "Fast optical flow using dense inverse search",
       ECCV 2016.

    Examples
    --------
    >>> denoiser = vdcore.Denoiser()
    >>> for frame in camera:
    ...     show(denoiser(frame))
    """

    def __init__(
        self,
        strength: Strength = "auto",
        *,
        preset: Preset = "balanced",
        motion: Motion | None = "flow",
        lookahead: int = 0,
        threads: int | None = None,
    ) -> None:
        self.parameters = denoiser_parameters(strength, preset, motion, lookahead, threads)
        self._busy = Lock()
        self._forget()

    def _forget(self) -> None:
        self._frames = 0
        self._shape: tuple[int, ...] = ()  # of the stream, () before the first frame
        self._dtype = np.dtype(np.uint8)
        self._noise: NoiseEstimate | None = None
        self._estimator = Estimator()
        self._layers: list[Layer] = []
        self._last: Array | None = None  # the last result, for a callable
        self._queue: deque[QueuedFrame] = deque()

    def __call__(self, frame: object, *, out: Any = None, dtype: npt.DTypeLike | None = None) -> Array | None:
        """Take one frame and return one.

        Parameters
        ----------
        frame : array_like, shape (H, W) or (H, W, C), C from 1 to 4
            uint8, uint16, float32 or float64, finite; the same shape and dtype in every call.
        out : array, optional
            Where to write the result, of the frame's shape; dtype as below. It may be the frame itself or
            share memory with it in any way.
        dtype : dtype, optional
            That of the frame by default; or float32 or float64.

        Returns
        -------
        ndarray or None
            The frame's shape; `out` itself if it was given. With lookahead, the frame `lookahead` calls ago,
            and None while there is none.

        Raises
        ------
        ValueError, TypeError
            An argument is wrong, or what `motion` returned. The denoiser and `out` are then as before.
        ImportError
            OpenCV is missing, which ``motion="flow"`` needs.
        RuntimeError
            Another thread is using this denoiser.
        """
        with self._alone():
            samples = as_frame(frame)
            self._check(samples)
            result = as_output(out, dtype, samples.shape, samples.dtype, True)
            if not self._take(samples, result):
                return None
            return result if out is None else out

    def flush(self, out: Any = None, *, dtype: npt.DTypeLike | None = None) -> Iterator[Array]:
        """Yield the frames still in the lookahead queue, one by one.

        Parameters
        ----------
        out : array, optional
            Where to write each of them in turn.
        dtype : dtype, optional
            As in a call.

        Yields
        ------
        ndarray
            The next frame; `out` itself if it was given.
        """
        while self._queue:
            with self._alone():
                result = as_output(out, dtype, self._shape, self._dtype, True)
                self._finish(self._flows_ahead(), result)
            yield result if out is None else out

    def reset(self) -> None:
        """Forget every frame, the shape, the dtype and the noise; keep the parameters."""
        with self._alone():
            self._forget()

    @property
    def info(self) -> DenoiserInfo:
        """What the denoiser found and holds."""
        height, width, *channels = self._shape or (0, 0, 0)
        return DenoiserInfo(
            noise=self._noise,
            frames=self._frames,
            pending=len(self._queue),
            state_bytes=sum(layer.nbytes for layer in self._layers) + sum(m.nbytes for m in self._queue),
            height=height,
            width=width,
            channels=channels[0] if channels else 1,
            dtype=self._dtype.name if self._shape else None,
        )

    def __repr__(self) -> str:
        values = vars(self.parameters).items()
        return f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in values)})"

    @contextmanager
    def _alone(self) -> Iterator[None]:
        if not self._busy.acquire(blocking=False):
            raise RuntimeError("another call is using this denoiser")
        try:
            yield
        finally:
            self._busy.release()

    def _check(self, samples: Array) -> None:
        """Refuse a frame that does not belong to the stream."""
        if self._shape and (samples.shape != self._shape or samples.dtype != self._dtype):
            raise (ValueError if samples.shape != self._shape else TypeError)(
                f"frame must be {self._shape} {self._dtype} like the frames before it,"
                f" got {samples.shape} {samples.dtype}"
            )
        check_samples(samples, "frame")
        strength, colours = self.parameters.strength, colour_count(samples.shape)
        if isinstance(strength, NoiseEstimate) and strength.sigma.size not in (1, colours):
            raise ValueError(
                f"strength must be a NoiseEstimate of 1 or {colours} channels for frames of"
                f" shape {samples.shape}, got {strength.sigma.size}"
            )

    # ---- one frame

    def _take(self, samples: Array, result: Array) -> bool:
        """Take a frame; whether result was written."""
        if not self._frames:
            self._estimator = Estimator()
            self._layers = [
                Layer(part, self.parameters.preset, self.parameters.threads)
                for part in layer_channels(samples.shape)
            ]
        noise = self._noise_now(samples)
        ahead, motion = self.parameters.lookahead, self.parameters.motion
        flows = self._flows(samples)
        ready = len(self._queue) == ahead
        flows_ahead = self._flows_ahead(samples) if ready else []  # before anything changes: motion may raise
        for layer in self._layers:
            layer.noise = layer.noise_of(noise)
        self._noise = noise

        whole = len(self._layers) == 1 and colour_count(samples.shape) == channel_count(samples.shape)
        if ahead or (not whole and np.may_share_memory(samples, result)):
            samples = samples.copy()
        causal = np.empty_like(samples) if ahead else result
        priors = [layer.result() for layer in self._layers] if ahead else []
        for layer, flow in zip(self._layers, flows, strict=True):
            layer.push(samples, causal, flow)
        if not whole and channel_count(samples.shape) == MAX_CHANNELS:
            causal[..., 3] = samples[..., 3]
        if callable(motion):
            self._last = converted(causal, samples.dtype)
        self._shape, self._dtype = samples.shape, samples.dtype
        self._frames += 1
        if not ahead:
            return True
        self._queue.append(QueuedFrame(samples, priors, flows))
        if ready:
            self._finish(flows_ahead, result)
        return ready

    def _noise_now(self, samples: Array) -> NoiseEstimate:
        """The noise to go by from this frame on."""
        strength, colours = self.parameters.strength, colour_count(samples.shape)
        if isinstance(strength, NoiseEstimate):
            return strength
        if strength != "auto":
            return fixed_noise(np.full(colours, strength))
        if min(samples.shape[:2]) < BLOCK:
            return fixed_noise(np.zeros(colours))
        told = self._estimator.add(with_channel_axis(samples)[..., :colours])
        pairs = self._estimator.pairs
        due = told and pairs & (pairs - 1) == 0  # 1, 2, 4, ...
        if self._noise is not None and not due:
            return self._noise
        estimate = self._estimator.estimate()
        if self._noise is not None:
            before, now = (
                np.array([layer.noise_of(noise)[0] for layer in self._layers])
                for noise in (self._noise, estimate)
            )
            if (np.abs(now - before) <= _SAME * np.maximum(now, before)).all():
                return self._noise
        return estimate

    def _flows(self, samples: Array, other: Array | None = None) -> list[Flow | None]:
        """From a frame to another one, or the last result, for each layer; None where nothing moves."""
        motion, layers = self.parameters.motion, self._layers
        if motion is None or not any(layer.has_result for layer in layers):
            return [None] * len(layers)
        if motion == "flow":
            return [layer.flow(samples, other) for layer in layers]
        assert callable(motion)
        there = self._last if other is None else other
        assert there is not None
        return [checked_flow(motion(samples, there), samples.shape[:2])] * len(layers)

    def _flows_ahead(self, *more: Array) -> list[list[Flow | None]]:
        """From the oldest frame of the queue to each of the others, and to `more`."""
        frames = [*(moment.samples for moment in self._queue), *more]
        return [self._flows(frames[0], other) for other in frames[1:]]

    def _finish(self, flows: list[list[Flow | None]], result: Array) -> None:
        """Filter the oldest frame of the queue, with what the others know of it."""
        now, *later = self._queue
        for i, layer in enumerate(self._layers):
            priors = [(now.priors[i], now.flows[i], 0.0)]
            priors += [
                (layer.channels_of(moment.samples), ahead[i], 1.0)
                for moment, ahead in zip(later, flows, strict=True)
            ]
            layer.push_late(now.samples, result, priors, 1 + self.parameters.lookahead)
        if channel_count(now.samples.shape) == MAX_CHANNELS:
            result[..., 3] = now.samples[..., 3]
        self._queue.popleft()
