# SPDX-License-Identifier: Apache-2.0
"""Saved states of a `Denoiser`: values as JSON, followed by arrays and states of the C library."""

import sys
from collections import deque
from collections.abc import Sequence
from dataclasses import asdict
from math import isfinite, prod
from typing import Any

import numpy as np

from vdcore import _core
from vdcore._arrays import SAMPLE_DTYPES, Array, check_unit_interval
from vdcore._checks import MAX_THREADS, choice, flag, integer
from vdcore._states import pack, unpack
from vdcore.flow import Motion
from vdcore.noise import BLOCK, MAX_PAIRS, Estimator, NoiseEstimate

from .clipping import Noise, RangeMeter
from .layers import Filter, Layer
from .parameters import DenoiserParameters, denoiser_parameters
from .process import Process, QueuedFrame, new_layers, new_process
from .samples import MAX_CHANNELS, channel_count, colour_count

_MAGIC = b"vdcoreD\x02"
_SOURCE = "Denoiser.state()"
_MAX_COUNT = 2**62


def write_state(process: Process) -> bytes:
    """Return the state of a denoiser."""
    parts = _Writer()
    parameters = process.parameters
    values = {
        "byteorder": sys.byteorder,
        "strength": _noise_values(parameters.strength),
        "preset": parameters.preset,
        "motion": parameters.motion if parameters.motion in (None, "flow") else "callable",
        "lookahead": parameters.lookahead,
        "fill": parameters.fill,
        "hot_pixels": parameters.hot_pixels,
        "frames": process.frames,
    }
    if process.frames:
        estimator = process.tracker.estimator
        values |= {
            "shape": process.shape,
            "dtype": process.dtype.name,
            "noise": _noise_values(process.tracker.noise),
            "estimator": {
                "stride": estimator.stride,
                "index": estimator.index,
                "first": parts.array(estimator.first),
                "dtypes": [
                    estimator.dtype.name if estimator.index >= 0 else None,
                    None if estimator.first is None else estimator.first.dtype.name,
                ],
                "measured": [parts.array(pair) for pair in estimator.measured],
            },
            "layers": [
                {
                    "causal": parts.filter(layer.causal),
                    "late": parts.filter(layer.late),
                    "gaps": layer.gaps,
                    "meter": layer.meter.values(),
                }
                for layer in process.layers
            ],
            "last": parts.array(process.last),
            "queue": [
                {
                    "samples": parts.array(queued.samples),
                    "confidence": parts.array(queued.confidence),
                    "filled": parts.array(None if queued.filled is queued.samples else queued.filled),
                    "priors": [parts.array(prior) for prior in queued.priors],
                    "known": [parts.array(known) for known in queued.known],
                    "flows": [parts.array(flow) for flow in queued.flows],
                }
                for queued in process.queue
            ],
        }
    return pack(_MAGIC, values, b"".join(parts.chunks))


def read_state(state: object, threads: int | None, motion: Motion | None) -> Process:
    """Return the process that a state describes; ValueError if no denoiser can have left it.

    `motion` takes the place of a callable that the saved denoiser had.
    """
    values, data = unpack(_MAGIC, state, _SOURCE)
    threads = None if threads is None else integer(threads, "threads", 1, MAX_THREADS)
    if values.get("motion") == "callable":
        if not callable(motion):
            raise ValueError(f"motion must be the callable that the saved denoiser had, got {motion!r}")
        values["motion"] = motion
    try:
        return _process(values, _Reader(data), threads)
    except (ValueError, TypeError, KeyError, IndexError, AttributeError, ArithmeticError) as error:
        raise ValueError(f"state cannot come from {_SOURCE}: {error}") from error


def _process(values: dict[str, Any], parts: "_Reader", threads: int | None) -> Process:
    _require(values["byteorder"] == sys.byteorder, "byteorder")
    strength = values["strength"]
    parameters = denoiser_parameters(
        strength if not isinstance(strength, dict) else _noise(strength),
        values["preset"],
        values["motion"],
        values["lookahead"],
        values["fill"],
        values["hot_pixels"],
        threads,
    )
    process = new_process(parameters)
    process.frames = integer(values["frames"], "frames", 0, _MAX_COUNT)
    if process.frames:
        _read_stream(process, values, parts)
    _require(parts.at == len(parts.data), "length")
    return process


def _read_stream(process: Process, values: dict[str, Any], parts: "_Reader") -> None:
    parameters = process.parameters
    shape = _shape(values["shape"])
    dtype = np.dtype(choice(values["dtype"], "dtype", tuple(dtype.name for dtype in SAMPLE_DTYPES)))
    process.shape, process.dtype = shape, dtype
    noise = _noise(values["noise"])
    _require(noise.sigma.size in (1, colour_count(shape)), "noise")
    process.tracker.noise = noise
    process.tracker.estimator = _estimator(values["estimator"], parts, parameters, shape, dtype)

    process.layers = new_layers(parameters, shape)
    entries = values["layers"]
    for layer, entry in zip(process.layers, entries, strict=True):
        layer.noise = layer.noise_of(noise)
        layer.shape = (*shape[:2], layer.part.stop - layer.part.start)
        layer.meter = RangeMeter.of_values(entry["meter"])
        layer.causal = parts.filter(entry["causal"], layer, dtype, 1)
        layer.gaps = flag(entry["gaps"], "gaps")
        layer.late = parts.filter(entry["late"], layer, dtype, 1 + parameters.lookahead)
    process.last = parts.array(values["last"], shape, dtype)
    _require((process.last is not None) == callable(parameters.motion), "last")

    _require(len(values["queue"]) <= min(parameters.lookahead, process.frames), "queue")
    process.queue = deque(_queued_frame(entry, parts, process) for entry in values["queue"])


def _estimator(
    entry: dict[str, Any],
    parts: "_Reader",
    parameters: DenoiserParameters,
    shape: tuple[int, ...],
    dtype: np.dtype[Any],
) -> Estimator:
    colours = colour_count(shape)
    # integers without gaps, or as floats with them
    allowed = {dtype.name: dtype, **({"float32": np.dtype(np.float32)} if dtype.kind == "u" else {})}
    last, first = (dtype if name is None else allowed[name] for name in entry["dtypes"])
    estimator = Estimator(
        stride=integer(entry["stride"], "stride", 1, _MAX_COUNT),
        index=integer(entry["index"], "index", -1, _MAX_COUNT),
        first=parts.array(entry["first"], (*shape[:2], colours), first),
        measured=[
            parts.present(pair, (5, None, colours), np.dtype(np.float64)) for pair in entry["measured"]
        ],
    )
    if estimator.index >= 0:
        estimator.dtype = last
    used = isinstance(parameters.strength, str) and min(shape[:2]) >= BLOCK
    _require(used == (estimator.index >= 0) and len(estimator.measured) <= MAX_PAIRS, "estimator")
    _require(used or (estimator.first is None and not estimator.measured), "estimator")
    return estimator


def _queued_frame(entry: dict[str, Any], parts: "_Reader", process: Process) -> QueuedFrame:
    shape, single = process.shape, np.dtype(np.float32)
    samples = parts.present(entry["samples"], shape, process.dtype)
    confidence = entry["confidence"]
    if confidence is not None:
        _require(len(confidence) in (2, len(shape)), "confidence")
        given = shape[:2] if len(confidence) == 2 else (*shape[:2], confidence[2])
        _require(given[2:] in ((), (1,), shape[2:]), "confidence")
        confidence = parts.present(confidence, given, single)
        check_unit_interval(confidence, "confidence")
    filled = parts.array(entry["filled"], shape, process.dtype)
    priors = [
        parts.array(prior, layer.shape, single)
        for prior, layer in zip(entry["priors"], process.layers, strict=True)
    ]
    known = [
        parts.array(mask, shape[:2], np.dtype(np.uint8))
        for mask, _ in zip(entry["known"], process.layers, strict=True)
    ]
    flows = [
        parts.array(flow, (*shape[:2], 2), single)
        for flow, _ in zip(entry["flows"], process.layers, strict=True)
    ]
    filled = samples if filled is None else filled
    return QueuedFrame(samples, confidence, filled, priors, known, flows)


def _require(condition: bool, what: str) -> None:
    if not condition:
        raise ValueError(what)


def _shape(value: Sequence[object]) -> tuple[int, ...]:
    shape = tuple(integer(length, "shape", 1, 2**31 - 1) for length in value)
    _require(len(shape) in (2, 3) and channel_count(shape) <= MAX_CHANNELS, "shape")
    return shape


def _noise_values(noise: object) -> object:
    if not isinstance(noise, NoiseEstimate):
        return noise
    return {name: values.tolist() for name, values in asdict(noise).items()}


def _noise(values: dict[str, Any]) -> NoiseEstimate:
    sigma, gain, offset = (np.array(values[name], np.float64) for name in ("sigma", "gain", "offset"))
    _require(sigma.ndim == 1 and sigma.shape == gain.shape == offset.shape, "noise")
    _require(bool(np.isfinite([sigma, gain, offset]).all() and (sigma >= 0).all()), "noise")
    return NoiseEstimate(sigma, gain, offset)


class _Writer:
    """Collects arrays and filters; what stands for them among the values is returned."""

    def __init__(self) -> None:
        self.chunks: list[bytes] = []

    def array(self, array: Array | None) -> list[int] | None:
        if array is None:
            return None
        self.chunks.append(array.tobytes())
        return list(array.shape)

    def filter(self, held: Filter | None) -> dict[str, Any] | None:
        if held is None:
            return None
        core = held.core.save()
        self.chunks.append(core)
        return {"noise": held.noise, "size": len(core)}


class _Reader:
    """Gives arrays and filters back, in the order in which they were written."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0

    def _take(self, size: int) -> memoryview:
        _require(0 <= size <= len(self.data) - self.at, "length")
        begin, self.at = self.at, self.at + size
        return memoryview(self.data)[begin : self.at]

    def array(self, entry: object, shape: tuple[int | None, ...], dtype: np.dtype[Any]) -> Array | None:
        """Return an array of this dtype and shape, in which None is any length; None if there is none."""
        return None if entry is None else self.present(entry, shape, dtype)

    def present(self, entry: object, shape: tuple[int | None, ...], dtype: np.dtype[Any]) -> Array:
        _require(isinstance(entry, list), "array")
        assert isinstance(entry, list)
        found = tuple(integer(length, "length", 1, _MAX_COUNT) for length in entry)
        pairs = zip(found, shape, strict=True)
        _require(all(expected in (None, length) for length, expected in pairs), "shape")
        samples = np.frombuffer(self._take(prod(found) * dtype.itemsize), dtype)
        return samples.reshape(found).copy()

    def filter(
        self, entry: dict[str, Any] | None, layer: Layer, dtype: np.dtype[Any], priors: int
    ) -> Filter | None:
        if entry is None:
            return None
        sigma, gain, offset = (float(value) for value in entry["noise"])
        noise: Noise = sigma, gain, offset
        _require(all(isfinite(value) for value in noise), "noise")
        size = integer(entry["size"], "size", 0, _MAX_COUNT)
        core = _core.Denoiser.load(bytes(self._take(size)), layer.threads)
        info = core.info()
        found = (info["height"], info["width"], info["channels"])
        _require((found, info["dtype"], info["priors"]) == (layer.shape, dtype.name, priors), "filter")
        return Filter(core, noise)
