# SPDX-License-Identifier: Apache-2.0
"""Recursion in time with a coefficient per pixel, and any spatial model after it.

`Recursion` stands in for `vdcore._core.Diffuser` where motion or a gate is asked for: it brings what earlier
frames say of the present one together, pixel by pixel (csrc/motion), and gives the result to a diffuser
without memory.
"""

import io
import math
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from vdcore import _core
from vdcore._arrays import Array
from vdcore.motion import Flow, Motion, checked_flow, guides, optical_flow

if TYPE_CHECKING:
    from collections.abc import Callable

    from vdcore.noise import NoiseEstimate

    MakeSpatial = Callable[[float | None, "np.dtype[Any] | None"], _core.Diffuser]

_LEAST = 0.05  # of the mean variance: what signal-dependent noise has at least, before clipping


@dataclass
class _Waiting:
    """A frame whose future is still to come."""

    forward: Array  # the estimate of all frames up to it
    frame: Array
    estimate: Array  # of it alone
    time: float


class Recursion:
    """A stream of frames through the recursion and a spatial model; methods as of `vdcore._core.Diffuser`.

    Parameters
    ----------
    make_spatial : callable
        Given the standard deviation of the noise that is left, or None if it is not known, and the dtype of
        the stream, None before the first frame, a diffuser without memory for floats in the stream's unit.
    adaptive : bool
        Whether the spatial model depends on that noise, so that each frame gets a new one.
    tau : float
        Time constant in the unit of the time steps.
    lookahead : int
        Frames of the future that count too.
    motion : None, "flow" or callable
    gate : None, float or NoiseEstimate
        As for `vdcore.Diffuser`.
    threads : int or None
    """

    def __init__(
        self,
        make_spatial: "MakeSpatial",
        adaptive: bool,
        tau: float,
        lookahead: int,
        motion: Motion | None,
        gate: "float | NoiseEstimate | None",
        threads: int | None,
    ) -> None:
        self._arguments = make_spatial, adaptive, tau, lookahead, motion, gate, threads
        self._make_spatial, self._adaptive, self._tau, self._lookahead = (
            make_spatial,
            adaptive,
            tau,
            lookahead,
        )
        self._motion, self._gate, self._threads = motion, gate, threads
        self._lock = Lock()
        self._clear()

    def _clear(self) -> None:
        self._spatial = self._make_spatial(None, None)
        self._shape: tuple[int, ...] | None = None  # of the frames, and their dtype
        self._dtype = np.dtype(np.uint8)
        self._estimate: Array | None = None  # of all frames so far
        self._last: Array | None = None  # the picture that shows it, which guides the flow
        self._waiting: list[_Waiting] = []
        self._time = 0.0
        self._frames = 0

    @contextmanager
    def _alone(self) -> Iterator[None]:
        if not self._lock.acquire(blocking=False):
            raise RuntimeError("another call is using this diffuser")
        try:
            yield
        finally:
            self._lock.release()

    # ---- what _core.Diffuser does

    def push(
        self,
        frame: Array,
        out: Array,
        dt: float,
        confidence: Array | None = None,
        coefficients: Array | None = None,
    ) -> bool:
        """Take one frame; True if out was written."""
        with self._alone():
            return self._push(frame, out, dt, confidence, coefficients)

    def push_many(
        self,
        frames: Sequence[Array] | Array,
        outs: Sequence[Array] | Array,
        dts: Sequence[float] | Array,
        confidences: Sequence[Array | None] | Array | None = None,
        coefficients: Sequence[Array | None] | Array | None = None,
    ) -> int:
        """The same as that many pushes; the number of outs written."""
        written = 0
        nothing = [None] * len(frames)
        with self._alone():
            for frame, dt, weights, factors in zip(
                frames,
                dts,
                nothing if confidences is None else confidences,
                nothing if coefficients is None else coefficients,
                strict=True,
            ):
                written += self._push(frame, outs[written], dt, weights, factors)
        return written

    def flush(self, out: Array) -> bool:
        """Write the next frame of the lookahead queue; False when none is left."""
        with self._alone():
            if not self._waiting:
                return False
            self._answer(self._waiting, out)
            del self._waiting[0]
            return True

    def reset(self) -> None:
        """Forget every frame, the shape and the dtype."""
        with self._alone():
            self._clear()

    def copy(self) -> Self:
        """Return an independent stream with the same state: arrays of the state are never written again."""
        with self._alone():
            twin = type(self)(*self._arguments)
            for name in ("_shape", "_dtype", "_estimate", "_last", "_time", "_frames"):
                setattr(twin, name, getattr(self, name))
            twin._waiting = list(self._waiting)
            twin._spatial = self._spatial.copy()
            return twin

    def save(self) -> bytes:
        """Return the state as bytes, for `load`."""
        with self._alone():
            arrays: dict[str, Array] = {
                "stream": np.array([self._time, self._frames, len(self._waiting)], np.float64)
            }
            if self._shape is not None and self._estimate is not None and self._last is not None:
                arrays |= {"estimate": self._estimate, "last": self._last}
                arrays["like"] = np.empty((0, *self._shape), self._dtype)
            for i, waiting in enumerate(self._waiting):
                for name in ("forward", "frame", "estimate", "time"):
                    arrays[f"{name}{i}"] = np.asarray(getattr(waiting, name))
            buffer = io.BytesIO()
            np.savez(buffer, allow_pickle=False, **arrays)
            return buffer.getvalue()

    def load(self, state: bytes) -> Self:
        """Go on where the stream that gave `state` stood; ValueError if it is damaged."""
        try:
            with np.load(io.BytesIO(state), allow_pickle=False) as arrays:
                self._time, frames, count = map(float, arrays["stream"])
                self._frames = int(frames)
                if "like" in arrays:
                    self._shape, self._dtype = arrays["like"].shape[1:], arrays["like"].dtype
                    self._estimate, self._last = arrays["estimate"], arrays["last"]
                self._waiting = [
                    _Waiting(
                        arrays[f"forward{i}"],
                        arrays[f"frame{i}"],
                        arrays[f"estimate{i}"],
                        float(arrays[f"time{i}"]),
                    )
                    for i in range(int(count))
                ]
        except (ValueError, KeyError, TypeError, OSError, EOFError, zipfile.BadZipFile) as error:
            raise ValueError(
                "state is damaged, cut short, or not what this version's Diffuser.state() returns"
            ) from error
        return self

    def info(self) -> dict[str, Any]:
        """The spatial model's, with what is the recursion's own."""
        with self._alone():
            kept = [self._estimate, self._last]
            for waiting in self._waiting:
                kept += [waiting.forward, waiting.frame, waiting.estimate]
            info = self._spatial.info()
            info["pending"] = len(self._waiting)
            info["frames"] = self._frames
            info["weight"] = (
                0.0 if self._estimate is None else float(self._estimate[..., -2].mean(dtype=float))
            )
            info["state_bytes"] += sum(array.nbytes for array in kept if array is not None)
            if self._shape is not None:
                info["height"], info["width"], info["channels"] = (*self._shape, 1)[:3]
                info["dtype"] = str(self._dtype)
            return info

    # ---- the work

    def _push(
        self, frame: Array, out: Array, dt: float, confidence: Array | None, coefficients: Array | None
    ) -> bool:
        if coefficients is not None:
            raise ValueError("coefficients are for normalize=False, which allows neither motion nor gate")
        if self._shape is not None and frame.shape != self._shape:
            raise ValueError(f"frame must have the stream's shape {self._shape}, got {frame.shape}")
        if self._shape is not None and frame.dtype != self._dtype:
            raise TypeError(f"frame must have the stream's dtype {self._dtype}, got {frame.dtype}")
        estimate = self._measured(frame, confidence)
        forward, time = estimate, 0.0
        if self._estimate is not None and self._last is not None:
            flow = self._flow(frame, self._last)
            decay = _decay(dt, self._tau)
            forward = self._merged(estimate, self._estimate, flow, decay)
            time = self._time + dt

        ready = True
        if self._lookahead == 0:
            kept: list[_Waiting] = []
            last = self._finished(forward, frame.dtype, out)
        else:
            kept = [*self._waiting, _Waiting(forward, frame.copy(), estimate, time)]
            ready = len(kept) > self._lookahead
            if ready:
                self._answer(kept, out)
                del kept[0]
            last = _picture(forward, frame)
        self._shape, self._dtype = frame.shape, frame.dtype
        self._estimate, self._last, self._time, self._waiting = forward, last, time, kept
        self._frames += 1
        return ready

    def _measured(self, frame: Array, confidence: Array | None) -> Array:
        """The estimate that a frame is by itself."""
        channels = frame.shape[2] if frame.ndim == 3 else 1
        dtype = np.float64 if frame.dtype == np.float64 else np.float32
        estimate = np.empty((*frame.shape[:2], channels + 2), dtype)
        gain, offset, least = _noise(self._gate, channels)
        _core.estimate_frame(frame, confidence, gain, offset, least, estimate, self._threads)
        return estimate

    def _merged(self, a: Array, b: Array, flow: Flow | None, decay: float) -> Array:
        out = np.empty_like(a)
        _core.estimate_merge(a, b, flow, decay, self._gate is not None, out, self._threads)
        return out

    def _flow(self, frame: Array, other: Array) -> Flow | None:
        if self._motion is None:
            return None
        if self._motion == "flow":
            return optical_flow(*guides(frame, other))
        return checked_flow(self._motion(frame, other), frame.shape[:2])

    def _answer(self, waiting: list[_Waiting], out: Array) -> None:
        """Write the first of the frames that wait, with what those after it say."""
        first, *future = waiting
        estimate = first.forward
        picture = _picture(estimate, first.frame)
        for later in future:
            flow = self._flow(picture, later.frame)
            decay = _decay(later.time - first.time, self._tau)
            estimate = self._merged(estimate, later.estimate, flow, decay)
        self._finished(estimate, first.frame.dtype, out)

    def _finished(self, estimate: Array, dtype: np.dtype[Any], out: Array) -> Array:
        """Run the spatial model on an estimate and write out; return the result in the stream's dtype."""
        values = estimate[..., :-2].reshape(out.shape)
        weights = np.minimum(estimate[..., -2], 1)
        spatial = self._spatial
        if self._adaptive:
            known = estimate[..., -2] > 0
            mean = float(estimate[..., -1][known].mean(dtype=float)) if known.any() else 0.0
            spatial = self._make_spatial(math.sqrt(mean), dtype)
        elif spatial.info()["frames"] == 0:
            spatial = self._make_spatial(None, dtype)
        result = np.empty(out.shape, estimate.dtype)
        spatial.push(values, result, 0.0, weights)
        np.copyto(out, _rounded(result, out.dtype))
        self._spatial = spatial
        return _rounded(result, dtype)


def _decay(dt: float, tau: float) -> float:
    if tau == 0:
        return 0.0
    return math.exp(-dt / tau)


def _noise(gate: "float | NoiseEstimate | None", channels: int) -> tuple[Array | None, Array | None, float]:
    """Gain and offset of the variance for each channel, and the least variance."""
    if gate is None:
        return None, None, 0.0
    if isinstance(gate, float):
        return np.zeros((1, channels)), np.full((1, channels), gate**2), 0.0
    if len(gate.gain) not in (1, channels):
        raise ValueError(f"gate has the noise of {len(gate.gain)} channels, the frames have {channels}")
    gain, offset = (np.array(np.broadcast_to(values, (1, channels))) for values in (gate.gain, gate.offset))
    return gain, offset, _LEAST * float(np.mean(np.square(gate.sigma)))


def _picture(estimate: Array, frame: Array) -> Array:
    """The values of an estimate as a picture like `frame`."""
    return _rounded(estimate[..., :-2].reshape(frame.shape), frame.dtype)


def _rounded(values: Array, dtype: np.dtype[Any]) -> Array:
    """The values as samples; integers are rounded, ties to even, and clipped."""
    if dtype.kind == "f":
        return values.astype(dtype)
    limit = np.iinfo(dtype).max
    result: Array = np.rint(values).clip(0, limit).astype(dtype)
    return result
