# SPDX-License-Identifier: Apache-2.0
# Streams of the denoiser.

@cython.final
cdef class Denoiser:
    """A vd_denoiser. The pointer stays the same from construction to deallocation."""
    cdef vd_denoiser *handle
    cdef int32_t priors

    def __cinit__(self, noise=None, *, double gain=0, double offset=0, str preset="balanced",
                  int32_t priors=1, fill=None, bint outliers=False, threads=None):
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
        params.fill = VD_FILL_PASS if fill is None else VD_FILL_VALUE
        params.fill_value = 0 if fill is None else fill
        params.outliers = outliers
        self.priors = priors
        _check(vd_denoiser_create(&self.handle, &params))

    def __dealloc__(self):
        vd_denoiser_destroy(self.handle)

    def push(self, frame, out, priors=((None, None),), confidence=None, outliers=None):
        """Take one frame and write its result.

        Priors are (picture or None, flow or None, noise, confidence or None) without what ends it.
        """
        cdef View frame_view = View(frame)
        cdef View out_view = View(out, True)
        cdef View confidence_view = _optional(confidence)
        cdef View outliers_view = _optional(outliers)
        cdef const vd_image *weights = NULL if confidence_view is None else &confidence_view.image
        cdef const vd_image *repaired = NULL if outliers_view is None else &outliers_view.image
        cdef View picture, flow, known
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
                known = _optional(priors[i][3]) if len(priors[i]) > 3 else None
                views.append((picture, flow, known))
                items[i].picture = NULL if picture is None else &picture.image
                items[i].flow = NULL if flow is None else &flow.image
                items[i].confidence = NULL if known is None else &known.image
                items[i].noise = priors[i][2] if len(priors[i]) > 2 else 0
            with nogil:
                status = vd_denoiser_push(
                    self.handle, &frame_view.image, weights, repaired, items, count, &out_view.image)
        finally:
            PyMem_Free(items)
        if status == VD_ERROR_INFINITE:
            with np.errstate(over="ignore"):
                place = tuple(np.argwhere(np.isinf(np.float32(frame)))[0].tolist())
            _check(status, f"; frame{list(place)} is {frame[place]}")
        _check(status, f"; frame is {frame.shape} {frame.dtype}, out {out.shape} {out.dtype}")

    def result(self, out):
        """The last result as the next frame will be compared with it, float32 or float64."""
        cdef View out_view = View(out, True)
        cdef vd_status status
        with nogil:
            status = vd_denoiser_result(self.handle, &out_view.image)
        _check(status, f"; out is {out.shape} {out.dtype}")

    def known(self, out):
        """Where anything is known of the last result, uint8: 255, or 0."""
        cdef View out_view = View(out, True)
        cdef vd_status status
        with nogil:
            status = vd_denoiser_known(self.handle, &out_view.image)
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

    def set_noise(self, double sd, double gain, double offset, const float[:, ::1] spectrum=None,
                  double correlation=0):
        """The noise from the next frame on; spectrum: (channels, 64), horizontal frequency first, or None."""
        cdef vd_denoiser_noise noise
        cdef vd_status status
        noise.struct_size = sizeof(vd_denoiser_noise)
        noise.sd, noise.gain, noise.offset, noise.correlation = sd, gain, offset, correlation
        noise.spectrum, noise.channels = NULL, 0
        if spectrum is not None:
            if spectrum.shape[0] == 0 or spectrum.shape[1] != 64:
                shape = spectrum.shape[0], spectrum.shape[1]
                raise ValueError(f"spectrum must have shape (channels, 64), got {shape}")
            noise.spectrum, noise.channels = &spectrum[0, 0], spectrum.shape[0]
        with nogil:
            status = vd_denoiser_set_noise(self.handle, &noise)
        _check(status)

    def set_range(self, double low, double high):
        """What samples were clipped to from the next frame on; infinite: not clipped there."""
        cdef vd_status status
        with nogil:
            status = vd_denoiser_set_range(self.handle, low, high)
        _check(status, f"; low {low}, high {high}")

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


def fill_missing(image, confidence, out, threads=None):
    """Interpolate the missing samples of a picture (H, W) or (H, W, C): NaN, and where confidence is 0."""
    cdef View image_view = View(image)
    cdef View confidence_view = _optional(confidence)
    cdef View out_view = View(out, True)
    cdef const vd_image *weights = NULL if confidence_view is None else &confidence_view.image
    cdef int32_t thread_count = _threads(threads)
    cdef vd_status status
    with nogil:
        status = vd_fill_missing(&image_view.image, weights, &out_view.image, thread_count)
    _check(status, f"; image is {image.shape} {image.dtype}, out {out.shape} {out.dtype}")
