# SPDX-License-Identifier: Apache-2.0
"""Slow, readable float64 references: one module per model, each written from its formula."""

from oracles.linear import Recursion, diffuse, line_operator, spread
from oracles.numeric import RANGE, TOLERANCE, away_from_ties, rounded
from oracles.sources import mean_of_sources, source_mass, source_matrix, sum_of_sources
from oracles.video_denoiser import VideoDenoiser

__all__ = [
    "RANGE",
    "TOLERANCE",
    "Recursion",
    "VideoDenoiser",
    "away_from_ties",
    "diffuse",
    "line_operator",
    "mean_of_sources",
    "rounded",
    "source_mass",
    "source_matrix",
    "spread",
    "sum_of_sources",
]
