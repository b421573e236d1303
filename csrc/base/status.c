/* SPDX-License-Identifier: Apache-2.0 */
/* Status texts and versions. */
#include "vdcore/vdcore.h"

const char *vd_status_text(vd_status status)
{
    switch (status) {
    case VD_OK: return "no error";
    case VD_ERROR_NULL: return "a required pointer is NULL";
    case VD_ERROR_STRUCT_SIZE: return "struct_size is not one this library knows";
    case VD_ERROR_PARAMETER: return "a parameter is outside its range";
    case VD_ERROR_SHAPE: return "an image is empty or its shape is not that of the stream";
    case VD_ERROR_DTYPE: return "an image has an unsupported sample type";
    case VD_ERROR_INFINITE: return "the frame holds an infinite sample";
    case VD_ERROR_CONFIDENCE: return "a confidence or region value is outside [0, 1]";
    case VD_ERROR_COEFFICIENT: return "a coefficient is not finite, or coefficients were given in normalized mode";
    case VD_ERROR_OVERFLOW: return "a size does not fit the address space";
    case VD_ERROR_MEMORY: return "out of memory";
    case VD_ERROR_BUSY: return "another call is using this diffuser";
    case VD_ERROR_STATE: return "the saved state is damaged or of another version";
    case VD_ERROR_TIME: return "a time step is negative or not finite";
    case VD_ERROR_MISSING: return "the frame holds a NaN, which is not allowed here";
    case VD_ERROR_FORKED: return "another thread was in a call when this process was forked; reset first";
    case VD_ERROR_FLOW: return "the flow function failed, or a loaded stream with motion has none";
    case VD_STATUS_COUNT: break;
    }
    return "unknown status";
}

const char *vd_version(void) { return VD_VERSION_STRING; }

uint32_t vd_abi_version(void) { return (uint32_t)VD_ABI_MAJOR << 16 | VD_ABI_MINOR; }
