# SPDX-License-Identifier: Apache-2.0
"""The C library for Python: buffer -> view, call without the GIL, status -> exception.

The layers above check what arguments mean; arrays arrive here as NumPy arrays of any strides, with the right
number of dimensions. Each part of the library is bound in a file of its own, in ``binding``.
"""

cimport cython
from libc.string cimport memcpy
from cpython.buffer cimport PyBUF_RECORDS, PyBUF_RECORDS_RO, PyBuffer_Release, PyObject_GetBuffer
from cpython.bytes cimport PyBytes_AsString, PyBytes_FromStringAndSize
from cpython.mem cimport PyMem_Calloc, PyMem_Free
from cpython.pycapsule cimport PyCapsule_New

import numpy as np


cdef extern from "base/image.h" nogil:
    void vd_image_gather_row(const vd_image *image, int64_t y, void *row) noexcept


cdef extern from *:
    """
    #define VDCORE_CAPI_PROVIDER
    #include "vdcore/vdcore_capi.h"

    #define VDCORE_TEXT_OF(x) #x
    #define VDCORE_TEXT(x) VDCORE_TEXT_OF(x)
    #if defined(__clang__)
    #define VDCORE_COMPILER "clang " __clang_version__
    #elif defined(__GNUC__)
    #define VDCORE_COMPILER "gcc " __VERSION__
    #elif defined(_MSC_VER)
    #define VDCORE_COMPILER "msvc " VDCORE_TEXT(_MSC_VER)
    #else
    #define VDCORE_COMPILER "unknown"
    #endif

    #ifdef Py_LIMITED_API
    #define VDCORE_LIMITED_API 1
    #else
    #define VDCORE_LIMITED_API 0
    #endif
    """
    ctypedef struct vd_api:
        pass
    const vd_api vdcore_api
    const char *VDCORE_CAPSULE_NAME
    const char *VDCORE_COMPILER
    const int VDCORE_LIMITED_API


_C_API = PyCapsule_New(<void *>&vdcore_api, VDCORE_CAPSULE_NAME, NULL)

BOUNDARIES = {
    "renormalize": VD_BOUNDARY_RENORMALIZE,
    "reflect": VD_BOUNDARY_REFLECT,
    "nearest": VD_BOUNDARY_NEAREST,
    "constant": VD_BOUNDARY_CONSTANT,
}
MODELS = {
    "gaussian": VD_MODEL_GAUSSIAN,
    "bilateral": VD_MODEL_BILATERAL,
    "nonlocal_means": VD_MODEL_NONLOCAL_MEANS,
    "laplacian": VD_MODEL_LAPLACIAN,
    "perona_malik": VD_MODEL_PERONA_MALIK,
}
DIFFUSIVITIES = {"exponential": VD_DIFFUSIVITY_EXPONENTIAL, "rational": VD_DIFFUSIVITY_RATIONAL}
DENOISERS = {"fast": VD_DENOISER_FAST, "balanced": VD_DENOISER_BALANCED}
DITHERS = {None: VD_DITHER_OFF, "ordered": VD_DITHER_ORDERED}

cdef dict _DTYPES = {VD_U8: "uint8", VD_U16: "uint16", VD_F32: "float32", VD_F64: "float64"}

include "binding/statuses.pxi"
include "binding/views.pxi"
include "binding/diffuser.pxi"
include "binding/denoiser.pxi"
include "binding/sources.pxi"
include "binding/motion.pxi"


def version():
    """The version of the library, such as "0.1.0"."""
    return vd_version().decode()


def build_info():
    """Return how the library was built and what it uses on this machine.

    Returns
    -------
    dict
        "version" and "abi" (str), "compiler" (str), "limited_api" and "openmp" (bool), "threads" (int, the
        default number), "instruction_sets" (tuple of str, those supported here, best last), and
        "instruction_set" (str, the one in use).
    """
    cdef const char *names[16]
    cdef int32_t count = vd_instruction_sets(names, 16)
    return {
        "version": version(),
        "abi": f"{vd_abi_version() >> 16}.{vd_abi_version() & 0xFFFF}",
        "compiler": VDCORE_COMPILER.decode(),
        "limited_api": VDCORE_LIMITED_API != 0,
        "openmp": vd_has_openmp() != 0,
        "threads": vd_thread_count(VD_THREADS_AUTO),
        "instruction_sets": tuple([names[i].decode() for i in range(count)]),
        "instruction_set": Diffuser((0, 0)).info()["instruction_set"],
    }
