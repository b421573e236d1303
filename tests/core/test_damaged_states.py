# SPDX-License-Identifier: Apache-2.0
"""Damaged and forged states of a `Diffuser` are refused or at least harmless."""

import json
import math
import struct
import sys
from dataclasses import fields

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import vdcore
from helpers.states import MODES, extras, forged, make, part, sealed
from helpers.support import DTYPES, noise, push_all
from vdcore.models import Laplacian
from vdcore.noise import noise_values, white_noise


@pytest.mark.parametrize("damage", ["empty", "cut", "longer", "noise", "version", "not bytes"])
def test_damaged_state_is_refused(damage):
    diffuser = vdcore.Diffuser(1, 3)
    frame = noise("uint8", (6, 7))
    diffuser(frame)
    good = diffuser.state()
    bad = {
        "empty": b"",
        "cut": good[:-3],
        "longer": good + b"\0",
        "noise": np.random.default_rng(1).bytes(len(good)),
        "version": bytes([good[0] ^ 255]) + good[1:],
        "not bytes": 17,
    }[damage]
    with pytest.raises(TypeError if damage == "not bytes" else ValueError):
        vdcore.Diffuser.from_state(bad)
    with pytest.raises(TypeError if damage == "not bytes" else ValueError):
        diffuser.restore(bad)
    assert diffuser.state() == good


def fed(mode, dtype="uint8", **keywords):
    """Return a diffuser of a mode after a few small frames."""
    diffuser = vdcore.Diffuser(1.0, 3.0, **keywords) if mode is None else make(mode)
    frames = noise(dtype, (4, 4, 5))
    push_all(diffuser, frames, **({} if mode is None else part(extras(mode, frames), 0, 4)))
    return diffuser


RECURSION = {"gate": 0.1}


MAP = {"model": Laplacian(np.ones((4, 5)))}


@pytest.mark.parametrize("mode", ["lookahead", "masked", RECURSION, MAP], ids=str)
def test_a_change_of_any_byte_is_refused(mode):
    diffuser = fed(mode) if isinstance(mode, str) else fed(None, **mode)
    good = diffuser.state()
    for position in range(len(good)):
        bad = good[:position] + bytes([good[position] ^ (1 << position % 8)]) + good[position + 1 :]
        with pytest.raises(ValueError, match="state is damaged"):
            vdcore.Diffuser.from_state(bad)
        if position % 7 == 0:
            with pytest.raises(ValueError, match="state (is|must)"):
                vdcore.Diffuser.from_state(good[:position])
    assert diffuser.state() == good


@given(data=st.data(), mode=st.sampled_from(list(MODES)), dtype=st.sampled_from(DTYPES))
@settings(max_examples=100, deadline=None)
def test_damage_of_any_extent_is_refused(data, mode, dtype):
    diffuser = fed(mode, dtype)
    good = diffuser.state()
    start = data.draw(st.integers(0, len(good)))
    stop = data.draw(st.integers(start, len(good)))
    bad = good[:start] + data.draw(st.binary(max_size=24)) + good[stop:]
    if bad != good:
        with pytest.raises(ValueError, match="state (is|must)"):
            diffuser.restore(bad)
    assert diffuser.state() == good


def survives(state, dtype):
    """Load and use a forged state; an error is right, a crash is not."""
    try:
        loaded = vdcore.Diffuser.from_state(state, threads=1)
    except (ValueError, MemoryError):
        return
    for frame in noise(dtype, (2, 4, 5)):
        try:
            loaded(frame, 1.0)
        except (ValueError, TypeError, MemoryError):
            loaded.reset()
    assert type(repr(loaded)) is str
    loaded.copy()
    vdcore.Diffuser.from_state(loaded.state())


def test_a_forgery_without_changes_is_taken():
    state = fed("lookahead").state()
    core = state[state.index(b"vddiffus") :]
    assert sealed(core) == core
    assert forged(state) == state


NUMBERS = st.sampled_from(
    [0, 1, -1, 2, 3, 4, 5, 255, 256, 2**20, 2**31 - 1, -(2**31), 2**40, 2**61, 2**63 - 1]
)


REALS = st.sampled_from([0.0, 0.5, 1.0, -1.0, 1e-300, 5e-324, 1e300, math.inf, -math.inf, math.nan])


EDITS = st.lists(
    st.tuples(
        st.integers(0, 10_000),
        st.one_of(
            st.binary(min_size=1, max_size=1),
            NUMBERS.map(lambda n: n.to_bytes(8, sys.byteorder, signed=True)),
            NUMBERS.map(lambda n: n.to_bytes(8, sys.byteorder, signed=True)[:4]),
            REALS.map(lambda x: struct.pack("=d", x)),
        ),
    ),
    min_size=1,
    max_size=3,
)


@given(edits=EDITS, mode=st.sampled_from(list(MODES)), dtype=st.sampled_from(DTYPES))
@settings(max_examples=200, deadline=None)
def test_a_forged_core_is_survived(edits, mode, dtype):
    def edit(core):
        core = bytearray(core)
        for place, value in edits:
            at = 32 + place % (len(core) - 32) // 4 * 4
            core[at : at + len(value)] = value
        return core

    survives(forged(fed(mode, dtype).state(), edit_core=edit), dtype)


JUNK = st.one_of(
    st.none(),
    st.booleans(),
    NUMBERS,
    REALS,
    st.text(max_size=5),
    st.lists(st.one_of(REALS, st.text(max_size=2)), max_size=3),
    st.dictionaries(st.sampled_from(["name", "gain", "offset", "sigma"]), REALS, max_size=3),
)


NAMES = [field.name for field in fields(vdcore.Diffuser(1, 1).parameters)] + ["ndim", "nonsense"]


@given(
    edits=st.dictionaries(st.sampled_from(NAMES), JUNK, min_size=1, max_size=3),
    drop=st.sets(st.sampled_from(NAMES), max_size=1),
    mode=st.sampled_from([None, "lookahead", "raw"]),
)
@settings(max_examples=200, deadline=None)
def test_forged_parameters_are_survived(edits, drop, mode):
    def edit(text):
        values = {**json.loads(text), **edits}
        return json.dumps({key: value for key, value in values.items() if key not in drop}).encode()

    diffuser = fed(None, **RECURSION) if mode is None else fed(mode)
    survives(forged(diffuser.state(), edit), "uint8")


TEXTS = {
    "empty": b"",
    "cut": b"{",
    "list": b"[]",
    "null": b"null",
    "deep": b"[" * 100_000,
    "not text": b"\xff",
    "too little": b'{"ndim": 2}',
}


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_forged_text_is_refused(text):
    with pytest.raises(ValueError, match="state cannot come from"):
        vdcore.Diffuser.from_state(forged(fed("plain").state(), lambda _: text))


@pytest.mark.parametrize(
    ("edits", "words"),
    [
        ({"lookahead": -1}, "lookahead"),
        ({"threads": "many"}, None),
        ({"sigma": [1.0, -1.0]}, "sigma"),
        ({"sigma": "wide"}, "sigma"),
        ({"model": {"name": "nonsense"}}, "nonsense"),
        ({"gate": {"gain": 1}}, "sigma"),
        ({"gate": noise_values(white_noise([1.0])) | {"sigma": [-1.0]}}, "noise"),
    ],
    ids=str,
)
def test_forged_parameters_are_checked_as_from_a_caller(edits, words):
    bad = forged(fed("plain").state(), lambda text: json.dumps(json.loads(text) | edits).encode())
    if words is None:  # the caller's count anyway
        assert vdcore.Diffuser.from_state(bad).parameters.threads is None
        return
    with pytest.raises(ValueError, match=words):
        vdcore.Diffuser.from_state(bad)
