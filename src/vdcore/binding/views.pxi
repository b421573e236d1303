# SPDX-License-Identifier: Apache-2.0
# Arrays as images of the library, which are held while they are used.

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


cdef int32_t _threads(threads) except? -1:
    return VD_THREADS_AUTO if threads is None else threads
