# SPDX-License-Identifier: Apache-2.0
"""Pairwise selection keeps every pair of values, keeps few cases, and is the same each time."""

from itertools import combinations, product

from helpers.pairwise import pairwise

ROWS = [row for row in product("abcd", range(4), (0, 1), "xyz") if row[:2] != ("a", 0)]


def test_every_pair_of_values_is_kept():
    kept = [ROWS[i] for i in pairwise(ROWS)]
    assert len(kept) < len(ROWS) / 4
    for a, b in combinations(range(4), 2):
        assert {(row[a], row[b]) for row in kept} == {(row[a], row[b]) for row in ROWS}


def test_the_selection_depends_on_the_seed_alone():
    assert pairwise(ROWS, "one") == pairwise(ROWS, "one") != pairwise(ROWS, "two")
