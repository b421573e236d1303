# SPDX-License-Identifier: Apache-2.0
# Streams of the diffuser, the flow they ask for, and blending.

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
            if (view.image.column_stride == flow.column_stride
                    and view.image.channel_stride == flow.channel_stride):
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
        """A diffuser that resumes from a saved state."""
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
