# SPDX-License-Identifier: Apache-2.0
"""The diffusion filter: its parameters, streams of frames, arrays."""

from .arrays import diffuse, diffuse_frame
from .info import DiffuserInfo
from .parameters import FilterParameters, filter_parameters
from .stream import Diffuser

__all__ = ["Diffuser", "DiffuserInfo", "FilterParameters", "diffuse", "diffuse_frame", "filter_parameters"]
