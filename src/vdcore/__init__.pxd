# SPDX-License-Identifier: Apache-2.0
"""The C interface for Cython: `from vdcore cimport vdcore_import, vd_diffuser_push, ...`.

Call `vdcore_import()` once at module level, before the first use. See vdcore/vdcore_capi.h.
"""

from vdcore._core cimport *


cdef extern from "vdcore/vdcore_capi.h":
    int vdcore_import() except -1
