# SPDX-License-Identifier: Apache-2.0
"""What type checkers know of the public calls; test_typing.py has this file checked."""

from typing import Any, assert_type

import numpy as np
import numpy.typing as npt

import vdcore

Array = npt.NDArray[Any]


class OwnDenoiser(vdcore.Denoiser):
    """Subclasses need no type argument."""


def of_denoisers(frame: Array, lookahead: int) -> None:
    assert_type(vdcore.Denoiser()(frame), Array)
    assert vdcore.Denoiser()(frame).shape == frame.shape
    assert vdcore.Denoiser(5, preset="fast", lookahead=0)(frame).shape == frame.shape
    assert_type(vdcore.Denoiser(lookahead=2)(frame), Array | None)
    assert_type(vdcore.Denoiser(lookahead=lookahead)(frame), Array | None)
    assert_type(vdcore.Denoiser().copy()(frame), Array)
    vdcore.Denoiser().set_strength("light")
    vdcore.Denoiser().set_strength(vdcore.estimate_noise(frame))
    assert_type(vdcore.Denoiser.from_state(b"")(frame), Array | None)
    assert_type(OwnDenoiser()(frame), Array | None)
    assert_type(vdcore.denoise(frame), Array)


def of_diffusers(frame: Array, lookahead: int) -> None:
    assert_type(vdcore.Diffuser(1, 2)(frame), Array)
    assert vdcore.Diffuser((1, 2), np.inf, normalize=False)(frame).shape == frame.shape
    assert_type(vdcore.Diffuser(1, 2, lookahead=2)(frame), Array | None)
    assert_type(vdcore.Diffuser(1, 2, lookahead=lookahead, gate=3.0)(frame), Array | None)
    assert_type(vdcore.Diffuser(1, 2).copy()(frame), Array)


def takes_any(denoiser: vdcore.Denoiser, diffuser: vdcore.Diffuser) -> None:
    """Annotations need no type argument, and fit with lookahead and without."""


def of_annotations() -> None:
    takes_any(vdcore.Denoiser(), vdcore.Diffuser(1, 2))
    takes_any(vdcore.Denoiser(lookahead=1), vdcore.Diffuser(1, 2, lookahead=1))


def of_errors(frame: Array) -> None:
    print(vdcore.Denoiser(lookahead=1)(frame).shape)  # type: ignore[union-attr]
    print(vdcore.Diffuser(1, 2, lookahead=1)(frame).shape)  # type: ignore[union-attr]
    vdcore.Denoiser(preset="best")  # type: ignore[call-overload]
    vdcore.Denoiser().set_strength("best")  # type: ignore[arg-type]
    vdcore.Diffuser(1, 2, truncated=3)  # type: ignore[call-overload]
