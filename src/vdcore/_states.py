# SPDX-License-Identifier: Apache-2.0
"""Saved states of streams as bytes: values that JSON has, then the state of the C library.

A state is 8 bytes of magic, the CRC-32 of everything after it, the length of the JSON (both 32 bits, little
endian), the JSON, and the bytes of the C library, which have a checksum of their own.
"""

import json
import struct
import zlib
from abc import ABC, abstractmethod
from functools import partial
from typing import Any, Self

_HEAD = struct.Struct("<8sII")
_CHECKED_FROM = 12  # what the checksum covers


def pack(magic: bytes, values: dict[str, Any], core: bytes) -> bytes:
    """Return the values and the state of the core as one state; `magic` is 8 bytes."""
    text = json.dumps(values).encode()
    rest = len(text).to_bytes(4, "little") + text + core
    return magic + zlib.crc32(rest).to_bytes(4, "little") + rest


def unpack(magic: bytes, state: object, source: str) -> tuple[dict[str, Any], bytes]:
    """Return the values and the state of the core.

    They may be forged: the checksum only detects damage. Raises ValueError if there is any, naming the
    `source` that writes such states.
    """
    data = memoryview(state).tobytes()  # type: ignore[arg-type]
    if len(data) < _HEAD.size:
        raise ValueError(f"state must be the result of {source}, got {len(data)} bytes")
    found, checksum, length = _HEAD.unpack_from(data)
    if found != magic or zlib.crc32(memoryview(data)[_CHECKED_FROM:]) != checksum:
        raise ValueError(f"state is damaged, cut short, or not from {source} of this version")
    try:
        values = json.loads(data[_HEAD.size : _HEAD.size + length])
    except (ValueError, RecursionError) as error:
        raise ValueError(f"state cannot come from {source}: {error}") from error
    if not isinstance(values, dict):
        raise ValueError(f"state cannot come from {source}: its values are a {type(values).__name__}")
    return values, data[_HEAD.size + length :]


class Resumable(ABC):
    """A stream that can be copied, and pickled through its saved state.

    A subclass has ``parameters`` with `threads` and `motion`, and a class method ``from_state``.
    """

    parameters: Any
    from_state: Any

    @abstractmethod
    def state(self) -> bytes: ...

    @abstractmethod
    def copy(self) -> Self: ...

    def __copy__(self) -> Self:
        return self.copy()

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return self.copy()

    def __reduce__(self) -> tuple[Any, ...]:
        resume = partial(
            type(self).from_state, threads=self.parameters.threads, motion=self.parameters.motion
        )
        return resume, (self.state(),)
