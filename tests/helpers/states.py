# SPDX-License-Identifier: Apache-2.0
"""Streams whose states are saved, and forged states: edited ones whose checksums fit."""

import math
import sys
import zlib

import numpy as np

import vdcore

_WORD = 2**64 - 1
_P1, _P2, _P3 = 0x9E3779B185EBCA87, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9
_P4, _P5 = 0x85EBCA77C2B2AE63, 0x27D4EB2F165667C5


def _rotate(x, bits):
    return (x << bits | x >> (64 - bits)) & _WORD


def _mix(accumulator, word):
    return _rotate((accumulator + word * _P2) & _WORD, 31) * _P1 & _WORD


def xxh64(data, seed=0):
    """XXH64 of bytes, words in the byte order of the machine."""

    def word(at, size=8):
        return int.from_bytes(data[at : at + size], sys.byteorder)

    at, size = 0, len(data)
    value = (seed + _P5) & _WORD
    if size >= 32:
        lanes = [(seed + n) & _WORD for n in (_P1 + _P2, _P2, 0, -_P1)]
        while size - at >= 32:
            lanes = [_mix(lane, word(at + 8 * i)) for i, lane in enumerate(lanes)]
            at += 32
        value = sum(_rotate(lane, bits) for lane, bits in zip(lanes, (1, 7, 12, 18), strict=True)) & _WORD
        for lane in lanes:
            value = ((value ^ _mix(0, lane)) * _P1 + _P4) & _WORD
    value = (value + size) & _WORD
    while size - at >= 8:
        value = (_rotate(value ^ _mix(0, word(at)), 27) * _P1 + _P4) & _WORD
        at += 8
    if size - at >= 4:
        value = (_rotate(value ^ word(at, 4) * _P1 & _WORD, 23) * _P2 + _P3) & _WORD
        at += 4
    for byte in data[at:]:
        value = _rotate(value ^ byte * _P5 & _WORD, 11) * _P1 & _WORD
    value = (value ^ value >> 33) * _P2 & _WORD
    value = (value ^ value >> 29) * _P3 & _WORD
    return value ^ value >> 32


def sealed(core):
    """Return a state of the C library with the size and the checksum that fit its bytes."""
    core = bytearray(core)
    core[16:24] = len(core).to_bytes(8, sys.byteorder)
    core[24:32] = xxh64(core[32:], xxh64(core[:24])).to_bytes(8, sys.byteorder)
    return bytes(core)


def forged(state, edit_values=lambda text: text, edit_core=lambda core: core):
    """Return a state of Python with its JSON and its core edited, and checksums that fit.

    A core that is edited must be one of the C library.
    """
    size = int.from_bytes(state[12:16], "little")
    text, core = edit_values(state[16 : 16 + size]), state[16 + size :]
    edited = edit_core(core)
    rest = len(text).to_bytes(4, "little") + text + (core if edited == core else sealed(edited))
    return state[:8] + zlib.crc32(rest).to_bytes(4, "little") + rest


MODES = {
    "plain": {},
    "running mean": {"tau": math.inf},
    "wide": {"sigma": 12.0, "tolerance": 1e-3},
    "lookahead": {"lookahead": 3},
    "raw": {"normalize": False},
    "reflect": {"boundary": "reflect"},
    "fill": {"fill": 0.5},
    "seconds": {"time_unit": "seconds", "tau": 0.1},
    "short steps": {},
    "dither": {"dither": "ordered"},
    "masked": {},
}


def make(mode):
    keywords = dict(MODES[mode])
    return vdcore.Diffuser(keywords.pop("sigma", 1.1), keywords.pop("tau", 4.0), **keywords)


def extras(mode, frames):
    """times and confidence for a mode."""
    rng = np.random.default_rng(1)
    masks = rng.uniform(size=frames.shape[:3]).round(1).astype(np.float32)
    return {
        "times": np.arange(len(frames)) * 0.04 if mode in ("seconds", "short steps") else None,
        "confidence": masks if mode in ("masked", "fill") else None,
    }


def part(extra, start, stop):
    return {name: None if value is None else value[start:stop] for name, value in extra.items()}
