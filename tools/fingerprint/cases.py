# SPDX-License-Identifier: Apache-2.0
"""A case is a name and a function; a digest is that of what the function returns."""

import dataclasses
import hashlib
from collections.abc import Callable
from typing import Any

import numpy as np

Case = tuple[str, Callable[[], Any]]


def digest(value: Any) -> str:
    """Return the digest of arrays, numbers, texts, and of tuples, dictionaries and data classes of them."""
    state = hashlib.sha256()
    _feed(state, value)
    return state.hexdigest()[:24]


def _feed(state: Any, value: Any) -> None:
    if isinstance(value, np.ndarray):
        state.update(f"{value.dtype.str}{value.shape}".encode())
        state.update(np.ascontiguousarray(value).tobytes())
    elif dataclasses.is_dataclass(value):
        _feed(state, {field.name: getattr(value, field.name) for field in dataclasses.fields(value)})
    elif isinstance(value, dict):
        for key in sorted(value):
            _feed(state, (key, value[key]))
    elif isinstance(value, list | tuple):
        state.update(f"({len(value)}".encode())
        for item in value:
            _feed(state, item)
    else:
        value = value.item() if isinstance(value, np.generic) else value
        state.update(f"{type(value).__name__}:{value!r};".encode())
