# SPDX-License-Identifier: Apache-2.0
"""Fitting: `fit` for sigma and tau, `fit_sources` for the coefficients of scattered sources."""

from .coefficients import SourceFit, fit_sources
from .parameters import fit
from .result import Fit, Trial

__all__ = ["Fit", "SourceFit", "Trial", "fit", "fit_sources"]
