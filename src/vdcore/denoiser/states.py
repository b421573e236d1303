# SPDX-License-Identifier: Apache-2.0
"""Saved states of a `Denoiser`: values as JSON, followed by arrays and states of the C library."""

import sys
from collections import deque
from collections.abc import Sequence
from math import isfinite, prod
from typing import Any

import numpy as np

from vdcore import _core
from vdcore._arrays import SAMPLE_DTYPES, Array, check_unit_interval
from vdcore._checks import MAX_THREADS, choice, flag, integer
from vdcore._states import pack, unpack
from vdcore.flow import Motion
from vdcore.noise import (
    BLOCK,
    MAX_PAIRS,
    Blocks,
    Estimator,
    NoiseEstimate,
    estimate_from,
    noise_values,
)
from vdcore.noise.clipping import RangeMeter

from .layers import Filter, Layer
from .parameters import DenoiserParameters, denoiser_parameters
from .process import Process, QueuedFrame, new_layers, new_process
from .samples import MAX_CHANNELS, channel_count, colour_count

_MAGIC = b"vdcoreD\x02"
_SOURCE = "Denoiser.state()"
_MAX_COUNT = 2**62
_NUMBERS = (
    "stride",
    "index",
    "start",
    "next",
    "earlier_index",
    "suspect_index",
    "last_index",
    "still",
    "fresh",
)
_BLOCK_ARRAYS = {  # shape without the number of blocks, C for channels; dtype
    "mean": ("C", np.float64),
    "texture": ("C", np.float64),
    "smooth": ("C", np.float64),
    "energy": ("C", np.float64),
    "still": ("C", np.float64),
    "lowest": ("C", np.float64),
    "greatest": ("C", np.float64),
    "difference": ("CK", np.float16),
    "total": ("CK", np.float16),
    "far": ("", np.float64),
}
_BLOCK_COUNTS = ("lag", "count", "changed", "all")


def write_state(process: Process) -> bytes:
    """Return the state of a denoiser."""
    parts = _Writer()
    parameters = process.parameters
    strength = parameters.strength
    values: dict[str, Any] = {
        "byteorder": sys.byteorder,
        "strength": noise_values(strength) if isinstance(strength, NoiseEstimate) else strength,
        "preset": parameters.preset,
        "motion": parameters.motion if parameters.motion in (None, "flow") else "callable",
        "lookahead": parameters.lookahead,
        "fill": parameters.fill,
        "hot_pixels": parameters.hot_pixels,
        "frames": process.frames,
    }
    if process.frames:
        estimator, noise = process.tracker.estimator, process.tracker.noise
        assert noise is not None
        values |= {
            "shape": process.shape,
            "dtype": process.dtype.name,
            "noise": noise_values(noise),
            "new_pairs": process.tracker.new_pairs,
            "estimator": {name: getattr(estimator, name) for name in _NUMBERS}
            | {
                "first": parts.array(estimator.first),
                "dtypes": [
                    estimator.dtype.name if estimator.index >= 0 else None,
                    *(
                        None if frame is None else frame.dtype.name
                        for frame in (estimator.first, estimator.earlier)
                    ),
                ],
                "earlier": parts.array(estimator.earlier),
                "pairs": [parts.blocks(pair) for pair in estimator.pairs],
                "suspects": [parts.blocks(pair) for pair in estimator.suspects],
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
        strength if not isinstance(strength, dict) else estimate_from(strength),
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
    noise = estimate_from(values["noise"])
    _require(noise.sigma.size in (1, colour_count(shape)), "noise")
    process.tracker.noise = noise
    process.tracker.new_pairs = integer(values["new_pairs"], "new_pairs", 0, _MAX_COUNT)
    process.tracker.estimator = _estimator(values["estimator"], parts, parameters, shape, dtype)

    process.layers = new_layers(parameters, shape)
    entries = values["layers"]
    for layer, entry in zip(process.layers, entries, strict=True):
        layer.shape = (*shape[:2], layer.part.stop - layer.part.start)
        layer.meter = RangeMeter.of_values(entry["meter"])
        layer.causal = parts.filter(entry["causal"], layer, dtype, 1)
        layer.gaps = flag(entry["gaps"], "gaps")
        layer.late = parts.filter(entry["late"], layer, dtype, 1 + parameters.lookahead)
    process.assume()
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
    frame = (*shape[:2], colours)
    # integers without gaps, or as floats with them
    allowed = {dtype.name: dtype, **({"float32": np.dtype(np.float32)} if dtype.kind == "u" else {})}
    last, first, earlier = (dtype if name is None else allowed[name] for name in entry["dtypes"])
    numbers: dict[str, Any] = {name: integer(entry[name], name, -1, _MAX_COUNT) for name in _NUMBERS}
    estimator = Estimator(
        **numbers,
        first=parts.array(entry["first"], frame, first),
        earlier=parts.array(entry["earlier"], frame, earlier),
        pairs=[parts.blocks(pair, colours) for pair in entry["pairs"]],
        suspects=[parts.blocks(pair, colours) for pair in entry["suspects"]],
    )
    if estimator.index >= 0:
        estimator.dtype = last
    strength = parameters.strength
    used = not isinstance(strength, NoiseEstimate) and strength != 0 and min(shape[:2]) >= BLOCK
    empty = estimator.first is None and estimator.earlier is None and not estimator.pairs
    _require(
        estimator.stride >= 1 and max(len(estimator.pairs), len(estimator.suspects)) <= MAX_PAIRS, "pairs"
    )
    _require(not used or (estimator.index >= 0 and not empty), "estimator")
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


class _Writer:
    """Collects arrays and filters; what stands for them among the values is returned."""

    def __init__(self) -> None:
        self.chunks: list[bytes] = []

    def array(self, array: Array | None) -> list[int] | None:
        if array is None:
            return None
        self.chunks.append(array.tobytes())
        return list(array.shape)

    def blocks(self, blocks: Blocks) -> dict[str, Any]:
        entry = {name: self.array(getattr(blocks, name)) for name in _BLOCK_ARRAYS if len(blocks.mean)}
        return entry | {name: getattr(blocks, name) for name in (*_BLOCK_COUNTS, "unit", "step")}

    def filter(self, held: Filter | None) -> int | None:
        if held is None:
            return None
        core = held.core.save()
        self.chunks.append(core)
        return len(core)


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

    def blocks(self, entry: dict[str, Any], colours: int) -> Blocks:
        lengths = {"C": colours, "K": BLOCK**2}
        arrays: dict[str, Any] = {}
        count: int | None = None
        for name, (axes, kind) in _BLOCK_ARRAYS.items():
            shape = tuple(lengths[axis] for axis in axes)
            if "mean" not in entry:
                arrays[name] = np.zeros((0, *shape), kind)
                continue
            arrays[name] = self.present(entry[name], (count, *shape), np.dtype(kind))
            count = len(arrays[name])
            _require(bool(np.isfinite(arrays[name]).all()), name)
        counts: dict[str, Any] = {name: integer(entry[name], name, 0, _MAX_COUNT) for name in _BLOCK_COUNTS}
        unit, step = float(entry["unit"]), float(entry["step"])
        _require(isfinite(unit) and unit > 0 and isfinite(step) and step >= 0, "unit")
        return Blocks(**arrays, **counts, unit=unit, step=step)

    def filter(self, entry: object, layer: Layer, dtype: np.dtype[Any], priors: int) -> Filter | None:
        if entry is None:
            return None
        size = integer(entry, "size", 0, _MAX_COUNT)
        core = _core.Denoiser.load(bytes(self._take(size)), layer.threads)
        info = core.info()
        found = (info["height"], info["width"], info["channels"])
        _require((found, info["dtype"], info["priors"]) == (layer.shape, dtype.name, priors), "filter")
        return Filter(core, None)
