# SPDX-License-Identifier: Apache-2.0
"""Sources scattered in space and time: their field, as a stream, and as a linear operator."""

from .field import diffuse_sources
from .operator import source_operator
from .stream import SourceDiffuser

__all__ = ["SourceDiffuser", "diffuse_sources", "source_operator"]
