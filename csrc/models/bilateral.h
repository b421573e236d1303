/* SPDX-License-Identifier: Apache-2.0 */
/* Shared by the two files of the bilateral filter. */
#ifndef VD_BILATERAL_H
#define VD_BILATERAL_H

#include <stdbool.h>
#include <stdint.h>

#include "models/models.h"

/* The filter in integers (bilateral_bytes.c), with *status VD_OK or VD_ERROR_MEMORY; false, and nothing done, where the
 * frame is not one of 8 bits, or where the error would exceed the tolerance. */
bool vd_bilateral_bytes_try(const vd_model_frame *frame, int64_t radius_y, int64_t radius_x, vd_status *status);

#endif
