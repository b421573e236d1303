# SPDX-License-Identifier: Apache-2.0
"""The report of a `Diffuser`."""

from dataclasses import dataclass


@dataclass(frozen=True)
class DiffuserInfo:
    """The methods that a `Diffuser` chose, and the memory it holds.

    Attributes
    ----------
    instruction_set : str
        "scalar", "avx2", "avx512" or "neon".
    method : str
        "none" before the first frame, then "fixed", "float", "double" or "pyramid".
    threads : int
        Threads that share a large frame.
    levels : int
        Halvings of the resolution that the pyramid uses, else 0.
    masked : bool
        Whether a confidence or NaN was seen.
    pending : int
        Frames in the lookahead queue.
    frames : int
        Frames taken since creation or reset.
    spatial_bound : float
        Proved bound of the spatial method's error, as a fraction of the range.
    weight : float
        Accumulated weight D away from masks.
    state_bytes : int
        Memory held by the state and the queue.
    height, width, channels : int
        Shape of the stream, 0 before the first frame.
    dtype : str or None
        dtype of the stream, None before the first frame.
    """

    instruction_set: str
    method: str
    threads: int
    levels: int
    masked: bool
    pending: int
    frames: int
    spatial_bound: float
    weight: float
    state_bytes: int
    height: int
    width: int
    channels: int
    dtype: str | None
