# SPDX-License-Identifier: Apache-2.0
from collections.abc import Callable, Sequence
from typing import Any, Self, final

import numpy.typing as npt

_Array = npt.NDArray[Any]

_C_API: object
BOUNDARIES: dict[str, int]
MODELS: dict[str, int]
DENOISERS: dict[str, int]
DITHERS: dict[str | None, int]

@final
class Diffuser:
    def __new__(
        cls,
        sigma: tuple[float, float],
        tau: float = 0,
        *,
        model: str = "gaussian",
        model_parameters: dict[str, Any] | None = None,
        normalize: bool = True,
        boundary: str = "renormalize",
        cval: float = 0,
        truncate: float = 4,
        fill: float | None = None,
        lookahead: int = 0,
        tolerance: float | None = None,
        dt: float = 1,
        threads: int | None = None,
        dither: str | None = None,
        gate: tuple[_Array, _Array, float] | None = None,
        flow: Callable[[_Array, _Array], _Array] | None = None,
        from_guides: bool = False,
    ) -> Self: ...
    def set_flow(
        self, flow: Callable[[_Array, _Array], _Array], from_guides: bool = False, ndim: int | None = None
    ) -> None: ...
    def push(
        self,
        frame: _Array,
        out: _Array,
        dt: float,
        confidence: _Array | None = None,
        coefficients: _Array | None = None,
    ) -> bool: ...
    def push_many(
        self,
        frames: Sequence[_Array] | _Array,
        outs: Sequence[_Array] | _Array,
        dts: Sequence[float] | _Array,
        confidences: Sequence[_Array | None] | _Array | None = None,
        coefficients: Sequence[_Array | None] | _Array | None = None,
    ) -> int: ...
    def flush(self, out: _Array) -> bool: ...
    def reset(self) -> None: ...
    def copy(self) -> Diffuser: ...
    def save(self) -> bytes: ...
    @staticmethod
    def load(state: bytes, threads: int | None = None) -> Diffuser: ...
    def info(self) -> dict[str, Any]: ...

class Denoiser:
    def __new__(
        cls,
        noise: float,
        *,
        gain: float = 0,
        offset: float = 0,
        preset: str = "balanced",
        priors: int = 1,
        fill: float | None = None,
        outliers: bool = False,
        threads: int | None = None,
    ) -> Self: ...
    def push(
        self,
        frame: _Array,
        out: _Array,
        priors: Sequence[tuple[Any, ...]] = ...,
        confidence: _Array | None = None,
        outliers: _Array | None = None,
    ) -> None: ...
    def known(self, out: _Array) -> None: ...
    def result(self, out: _Array) -> None: ...
    def guide(self, picture: _Array | None, low: float, high: float, out: _Array) -> None: ...
    def set_noise(
        self,
        sd: float,
        gain: float,
        offset: float,
        spectrum: _Array | None = None,
        correlation: float = 0,
    ) -> None: ...
    def set_range(self, low: float, high: float) -> None: ...
    def reset(self) -> None: ...
    def copy(self) -> Denoiser: ...
    def save(self) -> bytes: ...
    @staticmethod
    def load(state: bytes, threads: int | None = None) -> Denoiser: ...
    def info(self) -> dict[str, Any]: ...

def blend(frame: _Array, region: _Array, out: _Array, threads: int | None = None) -> None: ...
def scatter(
    positions: _Array,
    coefficients: _Array,
    field: _Array,
    sigma: tuple[float, float] | _Array,
    eps: float,
    threads: int | None = None,
) -> None: ...
def gather(
    positions: _Array,
    field: _Array,
    sigma: tuple[float, float] | _Array,
    eps: float,
    threads: int | None = None,
) -> _Array: ...
def fill_missing(
    image: _Array, confidence: _Array | None, out: _Array, threads: int | None = None
) -> None: ...
def flow_guides(
    frame: _Array,
    other: _Array,
    blur: float,
    frame_guide: _Array,
    other_guide: _Array,
    threads: int | None = None,
) -> None: ...
def version() -> str: ...
def build_info() -> dict[str, Any]: ...
