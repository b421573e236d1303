/* SPDX-License-Identifier: Apache-2.0 */
/* The kernels of the bilateral filter for the baseline of the compiler's target. */
#include "kernels/bilateral.h"

#define VD_TARGET
#include "kernels/bilateral_table.h"

const vd_bilateral_kernels *vd_bilateral_kernels_scalar(void) { return &table; }
