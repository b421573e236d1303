# SPDX-License-Identifier: Apache-2.0
"""Pairwise selection: of a product of parameters, the cases in which every pair of values occurs.

A test with parameters A x B x C runs in all their combinations under `--full`. By default it runs in a few of
them that hold every value of A with every value of B, of B with every value of C, and of A with every value
of C: a defect that depends on one or two of the parameters shows there, at a fraction of the cost.
"""

import random
from itertools import combinations


def pairwise(rows, seed=""):
    """Return the indices of the rows to keep, in order.

    Each row holds a value for each parameter; the same rows and seed give the same selection. Greedy: the row
    with the most pairs that no chosen row has comes next, ties in the order of a shuffle.
    """
    order = list(range(len(rows)))
    random.Random(seed).shuffle(order)
    pairs = {i: set(combinations(enumerate(rows[i]), 2)) for i in order}
    missing = set().union(*pairs.values())
    chosen = []
    while missing:
        best = max(order, key=lambda i: len(pairs[i] & missing))
        chosen.append(best)
        missing -= pairs[best]
    return sorted(chosen)


def split(items):
    """Return (kept, left out): the cases of each test function reduced to the pairs of its parameters.

    Functions marked `every_case` and those with fewer than three parameters stay whole.
    """
    functions = {}
    for item in items:
        if hasattr(item, "callspec") and not item.get_closest_marker("every_case"):
            functions.setdefault((item.path, item.originalname), []).append(item)
    left_out = set()
    for (path, name), cases in functions.items():
        rows = [_values(item) for item in cases]
        if len(rows[0]) > 2:
            kept = set(pairwise(rows, f"{path.name}::{name}"))
            left_out.update(item for i, item in enumerate(cases) if i not in kept)
    return [item for item in items if item not in left_out], [item for item in items if item in left_out]


def _values(item):
    """Each independent parameter of a case as a key, equal where the values are the same objects."""
    axes = {name: (name,) for name in item.callspec.params}
    for mark in item.iter_markers("parametrize"):
        names = mark.args[0]
        names = [name.strip() for name in names.split(",")] if isinstance(names, str) else names
        axes.update((name, tuple(names)) for name in names)
    return tuple(
        tuple(id(item.callspec.params[name]) for name in axis) for axis in dict.fromkeys(axes.values())
    )
