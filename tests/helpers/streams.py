# SPDX-License-Identifier: Apache-2.0
"""One stream of the linear model through the library and through the oracle; layouts of frames in memory."""

import numpy as np

import oracles
from helpers.support import (
    assert_near,
    stream,
)


def _memory_order(frames, *order):
    """The same frames, with the axes of (T, H, W, C) lying in memory in this order."""
    return np.ascontiguousarray(frames.transpose(order)).transpose(np.argsort(order))


def _unaligned(frames):
    buffer = np.empty(frames.nbytes + 1, np.uint8)
    view = buffer[1:].view(frames.dtype).reshape(frames.shape)
    view[...] = frames
    return view


LAYOUTS = {
    "contiguous": lambda frames: frames,
    "strided": lambda frames: frames.repeat(2, axis=1).repeat(3, axis=2)[:, ::2, ::3],
    "negative": lambda frames: frames[:, ::-1, ::-1].copy()[:, ::-1, ::-1],
    "negative channels": lambda frames: frames[..., ::-1].copy()[..., ::-1],
    "fortran": lambda frames: _memory_order(frames, 0, 3, 2, 1),
    "planar": lambda frames: _memory_order(frames, 0, 3, 1, 2),
    "time last": lambda frames: _memory_order(frames, 1, 2, 3, 0),
    "unaligned": _unaligned,
    "broadcast": lambda frames: np.broadcast_to(frames[:, :1, :1], frames.shape),
}


def compare(frames, sigma, tau, *, tolerance=None, threads=1, times=None, gain=1.0, **keywords):
    """One stream through the library and through the oracle."""
    pushed = {k: keywords[k] for k in ("confidence", "coefficients") if k in keywords}
    filtered = {k: v for k, v in keywords.items() if k not in pushed}
    got = stream(frames, sigma, tau, times=times, tolerance=tolerance, threads=threads, **keywords)
    expected = oracles.diffuse(frames, sigma, tau, times=times, **pushed, **filtered)
    assert_near(got, expected, frames, tolerance, gain)
    return got
