# SPDX-License-Identifier: Apache-2.0
"""Values fitted from data: `fit` for sigma and tau, `fit_sources` for coefficients of scattered sources."""

from .coefficients import SourceFit, fit_sources
from .parameters import fit
from .result import Fit, Trial

__all__ = ["Fit", "SourceFit", "Trial", "fit", "fit_sources"]
