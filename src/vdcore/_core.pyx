# SPDX-License-Identifier: Apache-2.0
"""The C library for Python: buffer -> view, call without the GIL, status -> exception.

What arguments mean is settled above (vdcore.filter, vdcore._arguments); arrays arrive here as NumPy arrays
of any strides, with the right number of dimensions.
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

cdef dict _EXCEPTIONS = {
    VD_ERROR_DTYPE: TypeError,
    VD_ERROR_OVERFLOW: OverflowError,
    VD_ERROR_MEMORY: MemoryError,
    VD_ERROR_BUSY: RuntimeError,
    VD_ERROR_FORKED: RuntimeError,
}


cdef int _check(vd_status status, str detail="") except -1:
    """Raise what a status other than VD_OK stands for."""
    if status == VD_OK:
        return 0
    raise _EXCEPTIONS.get(status, ValueError)(vd_status_text(status).decode() + detail)


cdef str _values(str name, array):
    return f"; {name} runs from {array.min()} to {array.max()}"


cdef int _check_push(vd_status status, Diffuser diffuser, frame, confidence, coefficients) except -1:
    """The same for a push, with the values that are wrong."""
    cdef vd_info info
    cdef str detail = ""
    if status == VD_OK:
        return 0
    if status == VD_ERROR_FLOW:
        error = diffuser.take_error()
        if error is not None:
            raise error
    if status in (VD_ERROR_SHAPE, VD_ERROR_DTYPE):
        info.struct_size = sizeof(vd_info)
        if vd_diffuser_info(diffuser.handle, &info) == VD_OK and info.height:
            detail = (f"; frame is {frame.shape} {frame.dtype}, the stream is (height {info.height}, "
                      f"width {info.width}, channels {info.channels}) {_DTYPES[info.dtype]}")
    elif status == VD_ERROR_INFINITE:
        place = tuple(np.argwhere(np.isinf(frame))[0].tolist())
        detail = f"; frame{list(place)} is {frame[place]}"
    elif status == VD_ERROR_CONFIDENCE:
        detail = _values("confidence", confidence)
    elif status == VD_ERROR_COEFFICIENT and coefficients is not None:
        detail = _values("coefficients", coefficients)
    return _check(status, detail)


@cython.final
@cython.internal
cdef class View:
    """An array of shape (H, W) or (H, W, C) as a vd_image; the buffer is held while the object lives."""
    cdef Py_buffer buffer
    cdef vd_image image

    def __cinit__(self, array, bint writable=False):
        PyObject_GetBuffer(array, &self.buffer, PyBUF_RECORDS if writable else PyBUF_RECORDS_RO)
        if not 2 <= self.buffer.ndim <= 3:
            raise ValueError(f"an image has 2 or 3 dimensions, got {self.buffer.ndim}")
        cdef const Py_ssize_t *shape = self.buffer.shape
        cdef const Py_ssize_t *strides = self.buffer.strides
        self.image.data = self.buffer.buf
        self.image.dtype = _dtype(self.buffer.format)
        self.image.height = shape[0]
        self.image.width = shape[1]
        self.image.row_stride = strides[0]
        self.image.column_stride = strides[1]
        self.image.channels = shape[2] if self.buffer.ndim == 3 else 1
        self.image.channel_stride = strides[2] if self.buffer.ndim == 3 else self.buffer.itemsize

    def __dealloc__(self):
        PyBuffer_Release(&self.buffer)  # does nothing where no buffer was got


cdef int32_t _dtype(const char *format) except -1:
    """The vd_dtype of a buffer in native byte order; "=" marks samples that are not aligned."""
    cdef const char *code = format + 1 if format[0] in b"@=" else format
    if code[0] != 0 and code[1] == 0:
        if code[0] == b"B":
            return VD_U8
        if code[0] == b"H":
            return VD_U16
        if code[0] == b"f":
            return VD_F32
        if code[0] == b"d":
            return VD_F64
    raise TypeError(f"samples must be uint8, uint16, float32 or float64, got format {format.decode()!r}")


cdef View _optional(array):
    return None if array is None else View(array)


cdef void _fill(vd_frame *item, View frame, double dt, View confidence, View coefficients) noexcept:
    item.struct_size = sizeof(vd_frame)
    item.image = frame.image
    item.dt = dt
    item.confidence = NULL if confidence is None else &confidence.image
    item.coefficients = NULL if coefficients is None else &coefficients.image


cdef object _copy_of(const vd_image *image, int ndim):
    """An image as a new array."""
    array = np.empty([image.height, image.width, image.channels][:ndim], _DTYPES[image.dtype])
    cdef View view = View(array, True)
    cdef int64_t y
    for y in range(image.height):
        vd_image_gather_row(image, y, <char *>view.image.data + y * view.image.row_stride)
    return array


cdef int _write_guides(
    const vd_image *frame, const vd_image *other, View here, View there, int32_t threads
) except -1:
    cdef vd_status status
    with nogil:
        status = vd_flow_guides(frame, other, 1, &here.image, &there.image, threads)
    return _check(status)


cdef vd_status _find_flow(
    void *context, const vd_image *frame, const vd_image *other, const vd_image *flow
) noexcept with gil:
    cdef Diffuser diffuser = <Diffuser>context
    try:
        diffuser.write_flow(frame, other, flow)
    except BaseException as error:  # it is raised again where the push returns
        diffuser.error = error
        return VD_ERROR_FLOW
    return VD_OK


cdef int32_t _threads(threads) except? -1:
    return VD_THREADS_AUTO if threads is None else threads


@cython.final
cdef class Diffuser:
    """A vd_diffuser. The pointer stays the same from construction to deallocation.

    gate is the gain and the offset of the noise, contiguous float64 of shape (1, C), and its smallest
    variance. flow is given two frames, or with from_guides their guides, and returns float32 (H, W, 2).
    """
    cdef vd_diffuser *handle
    cdef object flow
    cdef bint from_guides
    cdef int32_t threads
    cdef int ndim  # of the frames
    cdef object error  # what flow raised

    def __cinit__(self, sigma=None, double tau=0, *, str model="gaussian", model_parameters=None,
                  bint normalize=True, str boundary="renormalize", double cval=0, double truncate=4,
                  fill=None, int32_t lookahead=0, tolerance=None, double dt=1, threads=None, dither=None,
                  gate=None, flow=None, bint from_guides=False):
        cdef vd_params params
        cdef vd_noise noise
        cdef View gain, offset
        if sigma is None:  # copy and load bring a handle of their own
            return
        _check(vd_params_init(&params, sizeof(vd_params)))
        params.sigma_y, params.sigma_x = sigma
        params.tau = tau
        params.model = MODELS[model]
        own = model_parameters or {}
        params.range_sigma = own.get("range_sigma", params.range_sigma)
        params.strength = own.get("strength", params.strength)
        params.noise = own.get("noise", params.noise)
        params.patch = own.get("patch", params.patch)
        params.search = own.get("search", params.search)
        params.contrast = own.get("contrast", params.contrast)
        cdef View diffusivity = None
        if params.model == VD_MODEL_LAPLACIAN:
            value = own.get("diffusivity", params.diffusivity)
            if isinstance(value, np.ndarray):
                diffusivity = View(value)
            else:
                params.diffusivity = value
        elif params.model == VD_MODEL_PERONA_MALIK:
            params.diffusivity_function = DIFFUSIVITIES[own.get("diffusivity", "exponential")]
        params.normalize = normalize
        params.boundary = BOUNDARIES[boundary]
        params.cval = cval
        params.truncate = truncate
        params.fill = VD_FILL_PASS if fill is None else VD_FILL_VALUE
        params.fill_value = 0 if fill is None else fill
        params.lookahead = lookahead
        params.tolerance = VD_TOLERANCE_DEFAULT if tolerance is None else tolerance
        params.dt = dt
        params.threads = self.threads = _threads(threads)
        params.dither = DITHERS[dither]
        _check(vd_diffuser_create(&self.handle, &params))
        if diffusivity is not None:
            _check(vd_diffuser_set_diffusivity(self.handle, &diffusivity.image))
        if gate is not None:
            gain, offset = View(gate[0]), View(gate[1])
            noise.struct_size = sizeof(vd_noise)
            noise.channels = gain.image.width
            noise.gain = _table(gain, 1, noise.channels)
            noise.offset = _table(offset, 1, noise.channels)
            noise.min_variance = gate[2]
            _check(vd_diffuser_set_gate(self.handle, &noise))
        if flow is not None:
            self.set_flow(flow, from_guides)

    def __dealloc__(self):
        vd_diffuser_destroy(self.handle)

    def set_flow(self, flow, bint from_guides=False, ndim=None):
        """Find the motion with flow; ndim is that of the stream's frames, if it has begun."""
        self.flow = flow
        self.from_guides = from_guides
        self.ndim = ndim or 0
        _check(vd_diffuser_set_flow(self.handle, _find_flow, <void *>self))

    cdef int write_flow(self, const vd_image *frame, const vd_image *other, const vd_image *flow) except -1:
        """Have self.flow find where the content of frame is in other."""
        cdef View view
        cdef int64_t y
        cdef char *row
        if self.from_guides:
            guides = np.empty((2, frame.height, frame.width), np.uint8)
            _write_guides(frame, other, View(guides[0], True), View(guides[1], True), self.threads)
            found = self.flow(guides[0], guides[1])
        else:
            found = self.flow(_copy_of(frame, self.ndim), _copy_of(other, self.ndim))
        view = View(found)
        if (view.image.dtype, view.image.height, view.image.width, view.image.channels) != (
                VD_F32, flow.height, flow.width, 2):
            raise ValueError(f"a flow must be float32 of shape {(flow.height, flow.width, 2)}")
        for y in range(flow.height):
            row = <char *>flow.data + y * flow.row_stride
            if view.image.column_stride == flow.column_stride and view.image.channel_stride == flow.channel_stride:
                memcpy(row, <char *>view.image.data + y * view.image.row_stride, flow.row_stride)
            else:
                vd_image_gather_row(&view.image, y, row)
        return 0

    cdef object take_error(self):
        """What flow raised in the last call."""
        error, self.error = self.error, None
        return error

    def push(self, frame, out, double dt, confidence=None, coefficients=None):
        """Take one frame; True if out was written, False while the lookahead queue is filling."""
        cdef View frame_view = View(frame)
        cdef View confidence_view = _optional(confidence)
        cdef View coefficients_view = _optional(coefficients)
        cdef View out_view = View(out, True)
        cdef vd_frame item
        cdef int32_t ready = 0
        cdef vd_status status
        _fill(&item, frame_view, dt, confidence_view, coefficients_view)
        self.ndim = frame_view.buffer.ndim
        with nogil:
            status = vd_diffuser_push(self.handle, &item, &out_view.image, &ready)
        _check_push(status, self, frame, confidence, coefficients)
        return ready != 0

    def push_many(self, frames, outs, dts, confidences=None, coefficients=None):
        """The same as that many pushes; the number of outs written.

        frames, outs, dts and, unless None, confidences and coefficients are sequences of one length; an
        entry of the last two may be None.
        """
        cdef Py_ssize_t count = len(frames)
        cdef Py_ssize_t i
        cdef size_t written = 0
        cdef size_t taken = 0
        cdef vd_status status
        cdef View frame_view, out_view, confidence_view, coefficients_view
        if not count == len(outs) == len(dts):
            raise ValueError(f"{count} frames, {len(outs)} outs and {len(dts)} dts")
        confidences = [None] * count if confidences is None else confidences
        coefficients = [None] * count if coefficients is None else coefficients
        cdef list views = []
        cdef vd_frame *items = <vd_frame *>PyMem_Calloc(count, sizeof(vd_frame))
        cdef vd_image *images = <vd_image *>PyMem_Calloc(count, sizeof(vd_image))
        try:
            if items == NULL or images == NULL:
                raise MemoryError
            for i in range(count):
                frame_view = View(frames[i])
                out_view = View(outs[i], True)
                confidence_view = _optional(confidences[i])
                coefficients_view = _optional(coefficients[i])
                views.append((frame_view, out_view, confidence_view, coefficients_view))
                _fill(&items[i], frame_view, dts[i], confidence_view, coefficients_view)
                images[i] = out_view.image
                self.ndim = frame_view.buffer.ndim
            with nogil:
                status = vd_diffuser_push_many(self.handle, count, items, images, &written, &taken)
            if status != VD_OK:
                i = min(<Py_ssize_t>taken, count - 1)
                _check_push(status, self, frames[i], confidences[i], coefficients[i])
        finally:
            PyMem_Free(items)
            PyMem_Free(images)
        return written

    def flush(self, out):
        """Write the next frame of the lookahead queue; False when none is left."""
        cdef View out_view = View(out, True)
        cdef int32_t ready = 0
        cdef vd_status status
        with nogil:
            status = vd_diffuser_flush(self.handle, &out_view.image, &ready)
        if status == VD_ERROR_FLOW:
            _check_push(status, self, out, None, None)
        _check(status, f"; out is {out.shape} {out.dtype}")
        return ready != 0

    def reset(self):
        """Forget every frame, the shape and the dtype."""
        cdef vd_status status
        with nogil:
            status = vd_diffuser_reset(self.handle)
        _check(status)

    def copy(self):
        """An independent diffuser with the same state."""
        cdef Diffuser twin = Diffuser.__new__(Diffuser)
        cdef vd_status status
        with nogil:
            status = vd_diffuser_copy(&twin.handle, self.handle)
        _check(status)
        twin.threads = self.threads
        if self.flow is not None:
            twin.set_flow(self.flow, self.from_guides, self.ndim)
        return twin

    def save(self):
        """The state as bytes."""
        cdef size_t room = 0
        cdef size_t size
        cdef vd_status status
        cdef bytes state
        cdef char *buffer = NULL
        while True:  # another thread may push between the calls, and the state may grow
            size = room
            with nogil:
                status = vd_diffuser_save(self.handle, buffer, &size)
            if buffer != NULL and status == VD_OK:
                return state if size == room else state[:size]
            if status != VD_ERROR_OVERFLOW:
                _check(status)
            room = size
            state = PyBytes_FromStringAndSize(NULL, <Py_ssize_t>room)
            buffer = PyBytes_AsString(state)

    @staticmethod
    def load(bytes state not None, threads=None):
        """A diffuser that goes on where the saved one stood."""
        cdef Diffuser diffuser = Diffuser.__new__(Diffuser)
        cdef const char *buffer = PyBytes_AsString(state)
        cdef size_t size = len(state)
        cdef int32_t thread_count = _threads(threads)
        cdef vd_status status
        with nogil:
            status = vd_diffuser_load(&diffuser.handle, buffer, size, thread_count)
        _check(status)
        diffuser.threads = thread_count
        return diffuser

    def info(self):
        """vd_info as a dict."""
        cdef vd_info info
        info.struct_size = sizeof(vd_info)
        _check(vd_diffuser_info(self.handle, &info))
        return {
            "instruction_set": info.instruction_set.decode(),
            "method": info.method.decode(),
            "threads": info.threads,
            "levels": info.levels,
            "masked": info.masked != 0,
            "pending": info.pending,
            "frames": info.frames,
            "spatial_bound": info.spatial_bound,
            "weight": info.weight,
            "state_bytes": info.state_bytes,
            "height": info.height,
            "width": info.width,
            "channels": info.channels,
            "dtype": _DTYPES.get(info.dtype),
        }


def blend(frame, region, out, threads=None):
    """out = frame + region * (out - frame), in place; frame and out have one shape and dtype."""
    cdef View frame_view = View(frame)
    cdef View region_view = View(region)
    cdef View out_view = View(out, True)
    cdef int32_t thread_count = _threads(threads)
    cdef vd_status status
    with nogil:
        status = vd_blend(&frame_view.image, &region_view.image, &out_view.image, thread_count)
    if status == VD_ERROR_CONFIDENCE:
        _check(status, _values("region", region))
    _check(status)


@cython.final
cdef class Denoiser:
    """A vd_denoiser. The pointer stays the same from construction to deallocation."""
    cdef vd_denoiser *handle
    cdef int32_t priors

    def __cinit__(self, noise=None, *, double gain=0, double offset=0, str preset="balanced",
                  int32_t priors=1, threads=None):
        cdef vd_denoiser_params params
        if noise is None:  # copy and load bring a handle of their own
            return
        _check(vd_denoiser_params_init(&params, sizeof(vd_denoiser_params)))
        params.noise = noise
        params.gain = gain
        params.offset = offset
        params.preset = DENOISERS[preset]
        params.priors = priors
        params.threads = _threads(threads)
        self.priors = priors
        _check(vd_denoiser_create(&self.handle, &params))

    def __dealloc__(self):
        vd_denoiser_destroy(self.handle)

    def push(self, frame, out, priors=((None, None),)):
        """Take one frame and write its result; priors are (picture or None, flow or None[, noise])."""
        cdef View frame_view = View(frame)
        cdef View out_view = View(out, True)
        cdef View picture, flow
        cdef Py_ssize_t count = len(priors)
        cdef Py_ssize_t i
        cdef vd_status status
        if count > self.priors:
            raise ValueError(f"{count} priors, at most {self.priors} are allowed")
        cdef list views = []
        cdef vd_prior *items = <vd_prior *>PyMem_Calloc(max(count, 1), sizeof(vd_prior))
        if items == NULL:
            raise MemoryError
        try:
            for i in range(count):
                picture = _optional(priors[i][0])
                flow = _optional(priors[i][1])
                views.append((picture, flow))
                items[i].picture = NULL if picture is None else &picture.image
                items[i].flow = NULL if flow is None else &flow.image
                items[i].noise = priors[i][2] if len(priors[i]) > 2 else 0
            with nogil:
                status = vd_denoiser_push(self.handle, &frame_view.image, items, count, &out_view.image)
        finally:
            PyMem_Free(items)
        if status in (VD_ERROR_INFINITE, VD_ERROR_MISSING):
            place = tuple(np.argwhere(~np.isfinite(frame))[0].tolist())
            _check(status, f"; frame{list(place)} is {frame[place]}")
        _check(status, f"; frame is {frame.shape} {frame.dtype}, out {out.shape} {out.dtype}")

    def result(self, out):
        """The last result as the next frame will be compared with it, float32 or float64."""
        cdef View out_view = View(out, True)
        cdef vd_status status
        with nogil:
            status = vd_denoiser_result(self.handle, &out_view.image)
        _check(status, f"; out is {out.shape} {out.dtype}")

    def guide(self, picture, double low, double high, out):
        """The picture to estimate motion from, uint8; of the last result where picture is None."""
        cdef View picture_view = _optional(picture)
        cdef View out_view = View(out, True)
        cdef const vd_image *image = NULL if picture_view is None else &picture_view.image
        cdef vd_status status
        with nogil:
            status = vd_denoiser_guide(self.handle, image, low, high, &out_view.image)
        _check(status, f"; out is {out.shape} {out.dtype}, low {low}, high {high}")

    def reset(self):
        """Forget every frame, the shape and the dtype."""
        cdef vd_status status
        with nogil:
            status = vd_denoiser_reset(self.handle)
        _check(status)

    def copy(self):
        """An independent denoiser with the same state."""
        cdef Denoiser twin = Denoiser.__new__(Denoiser)
        cdef vd_status status
        with nogil:
            status = vd_denoiser_copy(&twin.handle, self.handle)
        _check(status)
        twin.priors = self.priors
        return twin

    def save(self):
        """The state as bytes."""
        cdef size_t size = 0
        cdef vd_status status
        _check(vd_denoiser_save(self.handle, NULL, &size))
        cdef bytes state = PyBytes_FromStringAndSize(NULL, <Py_ssize_t>size)
        cdef char *buffer = PyBytes_AsString(state)
        with nogil:
            status = vd_denoiser_save(self.handle, buffer, &size)
        _check(status)
        return state[:size]

    @staticmethod
    def load(bytes state not None, threads=None):
        """A denoiser that resumes from a saved state."""
        cdef Denoiser denoiser = Denoiser.__new__(Denoiser)
        cdef const char *buffer = PyBytes_AsString(state)
        cdef size_t size = len(state)
        cdef int32_t thread_count = _threads(threads)
        cdef vd_status status
        with nogil:
            status = vd_denoiser_load(&denoiser.handle, buffer, size, thread_count)
        _check(status)
        denoiser.priors = denoiser.info()["priors"]
        return denoiser

    def info(self):
        """vd_denoiser_info as a dict."""
        cdef vd_denoiser_info info
        info.struct_size = sizeof(vd_denoiser_info)
        _check(vd_denoiser_get_info(self.handle, &info))
        return {
            "instruction_set": info.instruction_set.decode(),
            "threads": info.threads,
            "priors": info.priors,
            "frames": info.frames,
            "state_bytes": info.state_bytes,
            "height": info.height,
            "width": info.width,
            "channels": info.channels,
            "dtype": _DTYPES.get(info.dtype),
        }


cdef const double *_table(View view, Py_ssize_t rows, Py_ssize_t columns) except? NULL:
    """The memory of a contiguous float64 array of shape (rows, columns)."""
    cdef const vd_image *image = &view.image
    if image.dtype != VD_F64 or (image.height, image.width, image.channels) != (rows, columns, 1) or (
        rows and columns and (image.column_stride, image.row_stride) != (8, 8 * columns)
    ):
        raise ValueError(f"a contiguous float64 array of shape {(rows, columns)} is wanted")
    return <const double *>image.data


@cython.final
@cython.internal
cdef class Sources:
    """A vd_sources over arrays that are held while the object lives."""
    cdef vd_sources sources
    cdef View positions, sigmas

    def __cinit__(self, positions, sigma, double eps, threads):
        cdef Py_ssize_t count = len(positions)
        _check(vd_sources_init(&self.sources, sizeof(vd_sources)))
        self.positions = View(positions)
        self.sources.count = count
        self.sources.positions = _table(self.positions, count, 2)
        if isinstance(sigma, tuple):
            self.sources.sigma_y, self.sources.sigma_x = sigma
        else:
            self.sigmas = View(sigma)
            self.sources.sigmas = _table(self.sigmas, count, 2)
        self.sources.eps = eps
        self.sources.threads = _threads(threads)


def scatter(positions, coefficients, field, sigma, double eps, threads=None):
    """field += the sum of the sources' kernels times their coefficients.

    positions is (N, 2), coefficients (N, channels), sigma (sigma_y, sigma_x) or (N, 2), all contiguous
    float64; field is float32 or float64.
    """
    cdef Sources sources = Sources(positions, sigma, eps, threads)
    cdef View coefficients_view = View(coefficients)
    cdef View field_view = View(field, True)
    cdef const double *values = _table(coefficients_view, len(positions), field_view.image.channels)
    cdef vd_status status
    with nogil:
        status = vd_sources_scatter(&sources.sources, values, &field_view.image)
    _check(status)


def gather(positions, field, sigma, double eps, threads=None):
    """The inner product of each source's kernel with the field, (N, channels) float64; see scatter."""
    cdef Sources sources = Sources(positions, sigma, eps, threads)
    cdef View field_view = View(field)
    products = np.empty((len(positions), field_view.image.channels))
    cdef View products_view = View(products, True)
    cdef double *values = <double *>products_view.image.data
    cdef vd_status status
    with nogil:
        status = vd_sources_gather(&sources.sources, &field_view.image, values)
    _check(status)
    return products


def flow_guides(frame, other, double blur, frame_guide, other_guide, threads=None):
    """Write the pictures, uint8 (H, W), to estimate the flow between two frames from."""
    cdef View frame_view = View(frame)
    cdef View other_view = View(other)
    cdef View frame_guide_view = View(frame_guide, True)
    cdef View other_guide_view = View(other_guide, True)
    cdef int32_t thread_count = _threads(threads)
    cdef vd_status status
    with nogil:
        status = vd_flow_guides(
            &frame_view.image, &other_view.image, blur, &frame_guide_view.image, &other_guide_view.image,
            thread_count)
    _check(status, f"; frame is {frame.shape} {frame.dtype}, other {other.shape} {other.dtype}, blur {blur}")


def version():
    """The version of the library, such as "0.1.0"."""
    return vd_version().decode()


def build_info():
    """How the library was built and what it finds here."""
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
