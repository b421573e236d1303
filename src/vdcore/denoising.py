# SPDX-License-Identifier: Apache-2.0
"""Noise removal that needs no tuning: the stream object `Denoiser`, and `denoise` for arrays.

The filter is the C library's (csrc/denoiser.c). Here is what it is told: how much noise there is, where
things have moved, and which frames are compared with which.
"""

from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from math import sqrt
from numbers import Real
from threading import Lock
from typing import Any, Literal, cast

import numpy as np
import numpy.typing as npt

from vdcore import _core
from vdcore._arrays import Array, as_frame, as_frames, as_output, as_video, channels_last, is_in_place
from vdcore._checks import MAX_THREADS, choice, integer, number
from vdcore.motion import Flow, Motion, checked_flow, optical_flow, resized_flow
from vdcore.noise import BLOCK, Estimator, NoiseEstimate

__all__ = ["Denoiser", "DenoiserInfo", "DenoiserParameters", "NoiseMeter", "denoise", "denoiser_parameters"]

Preset = Literal["fast", "balanced"]
Strength = Literal["auto"] | float | NoiseEstimate

MAX_LOOKAHEAD = 31  # the C library takes 32 priors
_MOST_CHANNELS = 4
_LEAST_NOISE, _MOST_NOISE = 1e-15, 1e15  # of a standard deviation in the C library; below is none
_SAME = 0.05  # of a standard deviation: estimates that differ by less are not worth a new start


@dataclass(frozen=True)
class DenoiserParameters:
    """Valid parameters, as `denoiser_parameters` makes them."""

    strength: Strength
    preset: Preset
    motion: Motion | None
    lookahead: int
    threads: int | None


def denoiser_parameters(
    strength: Strength,
    preset: Preset,
    motion: Motion | None,
    lookahead: int,
    threads: int | None,
) -> DenoiserParameters:
    """Return the parameters, checked; see `Denoiser` for what they mean.

    Raises
    ------
    ValueError, TypeError
        The message names the argument, its value and what is allowed.
    """
    if not (motion is None or callable(motion) or isinstance(motion, str) and motion == "flow"):
        raise ValueError(f"motion must be None, 'flow' or a callable, got {motion!r}")
    return DenoiserParameters(
        strength=_strength(strength),
        preset=cast(Preset, choice(preset, "preset", tuple(_core.DENOISERS))),
        motion=motion,
        lookahead=integer(lookahead, "lookahead", 0, MAX_LOOKAHEAD),
        threads=None if threads is None else integer(threads, "threads", 1, MAX_THREADS),
    )


def _strength(strength: object) -> Strength:
    if isinstance(strength, NoiseEstimate):
        pair = strength.gain, strength.offset
        within = (strength.sigma >= 0) & (strength.sigma <= _MOST_NOISE)
        if not (within.all() and np.isfinite(pair).all()):
            raise ValueError(
                f"strength needs a sigma from 0 to {_MOST_NOISE:g}, finite gain and offset, got {strength!r}"
            )
        return strength
    if isinstance(strength, Real):
        if (value := number(strength, "strength", 0)) > _MOST_NOISE:
            raise ValueError(f"strength must be at most {_MOST_NOISE:g}, got {strength!r}")
        return value
    if isinstance(strength, str) and strength == "auto":
        return "auto"
    raise ValueError(
        f"strength must be 'auto', a standard deviation >= 0 or a NoiseEstimate, got {strength!r}"
    )


@dataclass(frozen=True)
class DenoiserInfo:
    """What a `Denoiser` found and holds.

    Attributes
    ----------
    noise : NoiseEstimate or None
        What the filter goes by, of each channel but alpha; None before the first frame. Where sigma is 0,
        frames pass unchanged.
    frames : int
        Frames taken since creation or reset.
    pending : int
        Frames in the lookahead queue.
    state_bytes : int
        Memory held by the state and the queue.
    height, width, channels : int
        Shape of the stream, 0 before the first frame.
    dtype : str or None
        dtype of the stream, None before the first frame.
    """

    noise: NoiseEstimate | None
    frames: int
    pending: int
    state_bytes: int
    height: int
    width: int
    channels: int
    dtype: str | None


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
        self._layers: list[_Layer] = []
        self._last: Array | None = None  # the last result, for a callable
        self._queue: deque[_Moment] = deque()

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
        _check_samples(samples, "frame")
        strength = self.parameters.strength
        if isinstance(strength, NoiseEstimate) and strength.sigma.size not in (1, _colours(samples.shape)):
            raise ValueError(
                f"strength must be a NoiseEstimate of 1 or {_colours(samples.shape)} channels for frames of"
                f" shape {samples.shape}, got {strength.sigma.size}"
            )

    # ---- one frame

    def _take(self, samples: Array, result: Array) -> bool:
        """Take a frame; whether result was written."""
        if not self._frames:
            self._estimator = Estimator()
            self._layers = [
                _Layer(part, self.parameters.preset, self.parameters.threads)
                for part in _parts(samples.shape)
            ]
        noise = self._noise_now(samples)
        ahead, motion = self.parameters.lookahead, self.parameters.motion
        flows = self._flows(samples)
        ready = len(self._queue) == ahead
        flows_ahead = self._flows_ahead(samples) if ready else []  # before anything changes: motion may raise
        for layer in self._layers:
            layer.noise = layer.noise_of(noise)
        self._noise = noise

        whole = len(self._layers) == 1 and _colours(samples.shape) == _channels(samples.shape)
        if ahead or (not whole and np.may_share_memory(samples, result)):
            samples = samples.copy()
        causal = np.empty_like(samples) if ahead else result
        priors = [layer.result() for layer in self._layers] if ahead else []
        for layer, flow in zip(self._layers, flows, strict=True):
            layer.push(samples, causal, flow)
        if not whole and _channels(samples.shape) == _MOST_CHANNELS:
            causal[..., 3] = samples[..., 3]
        if callable(motion):
            self._last = _as_dtype(causal, samples.dtype)
        self._shape, self._dtype = samples.shape, samples.dtype
        self._frames += 1
        if not ahead:
            return True
        self._queue.append(_Moment(samples, priors, flows))
        if ready:
            self._finish(flows_ahead, result)
        return ready

    def _noise_now(self, samples: Array) -> NoiseEstimate:
        """The noise to go by from this frame on."""
        strength, colours = self.parameters.strength, _colours(samples.shape)
        if isinstance(strength, NoiseEstimate):
            return strength
        if strength != "auto":
            return _noise(np.full(colours, strength))
        if min(samples.shape[:2]) < BLOCK:
            return _noise(np.zeros(colours))
        told = self._estimator.add(_planes(samples)[..., :colours])
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
        if _channels(now.samples.shape) == _MOST_CHANNELS:
            result[..., 3] = now.samples[..., 3]
        self._queue.popleft()


Prior = tuple[Array | None, Flow | None, float]  # picture, flow, variance of its noise over the frame's


@dataclass
class _Moment:
    """A frame that waits for its future; for each layer the result before it, and the flow there."""

    samples: Array
    priors: list[Array | None]
    flows: list[Flow | None]

    @property
    def nbytes(self) -> int:
        return sum(part.nbytes for part in (self.samples, *self.priors, *self.flows) if part is not None)


@dataclass
class _Layer:
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
        if level < _LEAST_NOISE:
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
        return _planes(samples)[..., self.part]

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


# ---- shapes and samples


def _channels(shape: tuple[int, ...]) -> int:
    return shape[2] if len(shape) == 3 else 1


def _colours(shape: tuple[int, ...]) -> int:
    """Channels without alpha."""
    return min(_channels(shape), 3)


def _parts(shape: tuple[int, ...]) -> list[slice]:
    """The channels of each layer: three are one colour, one or two are grey."""
    colours = _colours(shape)
    return [slice(0, 3)] if colours == 3 else [slice(c, c + 1) for c in range(colours)]


def _planes(samples: Array) -> Array:
    """A view of shape (H, W, C)."""
    return samples if samples.ndim == 3 else samples[:, :, None]


def _as_dtype(samples: Array, dtype: np.dtype[Any]) -> Array:
    """A copy as samples of `dtype`, rounded and clipped if those are integers."""
    if samples.dtype != dtype and dtype.kind == "u":
        samples = np.rint(samples).clip(0, np.iinfo(dtype).max)
    return samples.astype(dtype)


def _check_samples(samples: Array, name: str) -> None:
    """Refuse samples that the filter does not take, naming the place."""
    if _channels(samples.shape) > _MOST_CHANNELS:
        raise ValueError(f"{name} must have 1 to {_MOST_CHANNELS} channels, got shape {samples.shape}")
    if samples.dtype.kind != "f":
        return
    with np.errstate(over="ignore"):  # the filter has single precision
        finite = np.isfinite(_planes(samples)[..., :3].astype(np.float32, copy=False))
    if not finite.all():
        place = tuple(np.argwhere(~finite)[0].tolist())
        value = _planes(samples)[place]
        raise ValueError(f"{name} must be finite in single precision, got {value} at {place[: samples.ndim]}")


def _noise(sigma: npt.NDArray[Any]) -> NoiseEstimate:
    sigma = sigma.astype(np.float64)
    return NoiseEstimate(sigma, np.zeros_like(sigma), sigma**2)


class NoiseMeter:
    """The noise of frames (H, W) or (H, W, C), alpha left out; 0 where they tell nothing."""

    def __init__(self) -> None:
        self._estimator = Estimator()
        self._colours = 1
        self._told = False

    def add(self, frame: Array) -> None:
        """Take the next frame."""
        self._colours = _colours(frame.shape)
        if min(frame.shape[:2]) >= BLOCK:
            self._estimator.add(_planes(frame)[..., : self._colours])
            self._told = True

    def estimate(self) -> NoiseEstimate:
        """Return what is known by now."""
        return self._estimator.estimate() if self._told else _noise(np.zeros(self._colours))


# ---- arrays


def denoise(
    frames: object,
    strength: Strength = "auto",
    preset: Preset = "balanced",
    *,
    motion: Motion | None = "flow",
    lookahead: int = 0,
    channel_axis: int | None = None,
    threads: int | None = None,
    dtype: npt.DTypeLike | None = None,
    out: Any = None,
) -> Array:
    """Remove the noise of a video in memory.

    Parameters
    ----------
    frames : array_like, shape (T, H, W) or (T, H, W, C), or iterable of frames
        C from 1 to 4. uint8, uint16, float32 or float64, finite.
    strength : "auto", float or NoiseEstimate, optional
        The noise: its standard deviation in sample units, >= 0; or what `vdcore.estimate_noise` returns. 0 is
        no change, bit for bit. "auto": it is estimated from pairs of frames, spread over the video.
    preset, motion, lookahead, threads
        See `Denoiser`, also for what channels mean.
    channel_axis : int, optional
        Which axis holds the channels. By default the last of four axes. Three axes are then one colour
        picture; without it they are a grey video, and refused where the last is 3 or 4 long.
    dtype : dtype, optional
        That of the frames by default; or float32 or float64.
    out : array, optional
        Where to write, of the shape of `frames`: an array apart from `frames`, or `frames` itself.

    Returns
    -------
    ndarray
        Shape of `frames`; `out` itself if it was given.

    Raises
    ------
    ValueError, TypeError
        The message names the argument, its value and what is allowed. `out` is then as before, unless it is
        `motion` that returned something wrong.
    ImportError
        OpenCV is missing, which ``motion="flow"`` needs.

    See Also
    --------
    Denoiser : the same, frame by frame.
    denoise_video : the same, from file to file.

    References
    ----------
    .. [1] P. Arias and J.-M. Morel, "Kalman filtering of patches for frame-recursive video denoising", CVPR
       Workshops 2019.

    Examples
    --------
    >>> clean = vdcore.denoise(video)
    """
    parameters = denoiser_parameters(strength, preset, motion, lookahead, threads)
    given = as_frames(frames)
    axis = channels_last(given, channel_axis)
    result = as_output(out, dtype, given.shape, given.dtype, True)
    source, target = as_video(given, axis), as_video(result, axis)
    is_in_place(source, target)
    for index, frame in enumerate(source):
        _check_samples(frame, f"frames[{index}]")
    if parameters.strength == "auto":
        meter = NoiseMeter()
        for frame in source:
            meter.add(frame)
        parameters = replace(parameters, strength=meter.estimate())
    denoiser = Denoiser(**vars(parameters))
    ready = 0
    for frame in source:
        ready += denoiser(frame, out=target[ready]) is not None
    for rest in denoiser.flush(dtype=target.dtype):
        target[ready] = rest
        ready += 1
    return result if out is None else out
