# SPDX-License-Identifier: Apache-2.0
"""From checked parameters and saved states to diffusers of the C library."""

from dataclasses import asdict
from typing import Any

import numpy as np

from vdcore import _core
from vdcore._arrays import Array
from vdcore.flow import Flow, Motion, checked_flow, optical_flow
from vdcore.noise import NoiseEstimate

from .parameters import USUAL_STEP, FilterParameters
from .states import read_state

_MIN_VARIANCE = 0.05  # of the mean variance: what signal-dependent noise has at least, before clipping


def new_core(parameters: FilterParameters) -> _core.Diffuser:
    """Return a diffuser of the C library."""
    values = asdict(parameters)
    own = values.pop("model")
    motion, gate = values.pop("motion"), parameters.gate
    del values["gate"]
    dt = USUAL_STEP[values.pop("time_unit")]
    return _core.Diffuser(
        dt=dt,
        model=parameters.model.name,
        model_parameters=own,
        gate=None if gate is None else _noise(gate),
        **_flow_arguments(motion),
        **values,
    )


def _noise(gate: float | NoiseEstimate) -> tuple[Array, Array, float]:
    """Gain and offset of the variance for each channel, shape (1, C), and the smallest variance."""
    if isinstance(gate, float):
        return np.zeros((1, 1)), np.full((1, 1), gate**2), 0.0
    gain, offset = (
        np.array(values, np.float64, ndmin=2, copy=True, order="C") for values in (gate.gain, gate.offset)
    )
    return gain, offset, _MIN_VARIANCE * float(np.mean(np.square(gate.sigma)))


def _flow_arguments(motion: Motion | None) -> dict[str, Any]:
    """How the C library finds the flow."""
    if motion is None:
        return {}
    if not callable(motion):
        return {"flow": optical_flow, "from_guides": True}
    find = motion

    def flow(frame: Array, other: Array) -> Flow:
        return checked_flow(find(frame, other), frame.shape[:2])

    return {"flow": flow}


def check_gate(gate: float | NoiseEstimate | None, shape: tuple[int, ...]) -> None:
    """Raise ValueError if the gate has the noise of other channels than frames (H, W) or (H, W, C) have."""
    channels = shape[2] if len(shape) == 3 else 1
    if gate is not None and not isinstance(gate, float) and len(gate.gain) not in (1, channels):
        raise ValueError(f"gate has the noise of {len(gate.gain)} channels, the frames have {channels}")


def resumed_core(
    state: bytes, threads: int | None, motion: Motion | None
) -> tuple[FilterParameters, _core.Diffuser, int | None]:
    """Return the contents of a saved state: the parameters, the core, the dimensions of a frame."""
    parameters, ndim, saved = read_state(state, threads, motion)
    core = _core.Diffuser.load(saved, threads)
    info = core.info()
    ndim = None if not info["height"] else 3 if ndim == 3 or info["channels"] > 1 else 2
    if parameters.motion is not None:
        core.set_flow(**_flow_arguments(parameters.motion), ndim=ndim)
    return parameters, core, ndim
