# SPDX-License-Identifier: Apache-2.0
"""Saved states of a `Diffuser`: the parameters as JSON, and the state of the C library."""

from dataclasses import asdict

from vdcore import models
from vdcore._checks import MAX_THREADS, integer
from vdcore._states import pack, unpack
from vdcore.flow import Motion
from vdcore.noise import estimate_from, noise_values

from .parameters import FilterParameters, filter_parameters

_MAGIC = b"vdcore\x00\x03"
_SOURCE = "Diffuser.state()"


def write_state(parameters: FilterParameters, ndim: int | None, core: bytes) -> bytes:
    """Return the state of a diffuser whose last frame had `ndim` dimensions."""
    values = asdict(parameters) | {"ndim": ndim}
    values["model"] = models.values_of(parameters.model)
    values["motion"] = parameters.motion if parameters.motion in (None, "flow") else "callable"
    if parameters.gate is not None and not isinstance(parameters.gate, float):
        values["gate"] = noise_values(parameters.gate)
    return pack(_MAGIC, values, core)


def read_state(
    state: object, threads: int | None, motion: Motion | None
) -> tuple[FilterParameters, int | None, bytes]:
    """Return the parameters, the dimensions and the core's state; ValueError if a caller could not give them.

    `motion` takes the place of a callable that the saved diffuser had.
    """
    values, core = unpack(_MAGIC, state, _SOURCE)
    threads = None if threads is None else integer(threads, "threads", 1, MAX_THREADS)
    if values.get("motion") == "callable":
        if not callable(motion):
            raise ValueError(f"motion must be the callable that the saved diffuser had, got {motion!r}")
        values["motion"] = motion
    try:
        ndim = values.pop("ndim")
        values["model"] = models.from_values(values["model"])
        if isinstance(values["gate"], dict):
            values["gate"] = estimate_from(values["gate"])
        parameters = filter_parameters(**(values | {"threads": threads}))
    except (ValueError, TypeError, KeyError, AttributeError, ArithmeticError) as error:
        raise ValueError(f"state cannot come from {_SOURCE}: {error}") from error
    return parameters, ndim, core
