# SPDX-License-Identifier: Apache-2.0
# From a status of the library to an exception that names the values.

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
