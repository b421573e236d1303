# SPDX-License-Identifier: Apache-2.0
"""Reader and writer over PyAV."""

from .reader import PyAVReader
from .writer import PyAVWriter

__all__ = ["PyAVReader", "PyAVWriter"]
