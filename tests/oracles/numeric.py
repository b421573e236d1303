# SPDX-License-Identifier: Apache-2.0
"""Sample types: range, default tolerance, rounding."""

import numpy as np

RANGE = {"uint8": 255.0, "uint16": 65535.0, "float32": 1.0, "float64": 1.0}
TOLERANCE = {"uint8": 1e-3, "uint16": 1e-5, "float32": 1e-5, "float64": 1e-12}


def rounded(values, dtype):
    """float64 values as samples of dtype: rint, ties to even, clipped to the range of integers."""
    dtype = np.dtype(dtype)
    if dtype.kind == "f":
        return np.asarray(values).astype(dtype)
    return np.rint(values).clip(0, np.iinfo(dtype).max).astype(dtype)


def away_from_ties(values, margin=1e-3):
    """True where no tie (k + 1/2) lies within margin of the value."""
    return np.abs(values - np.floor(values) - 0.5) > margin
