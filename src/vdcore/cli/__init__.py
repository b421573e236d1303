# SPDX-License-Identifier: Apache-2.0
"""The command ``vdcore``."""

from .app import main

__all__ = ["main"]
