/* SPDX-License-Identifier: Apache-2.0 */
/* The kernels of the bilateral filter for NEON, which is part of the base instruction set of AArch64. */
#include "kernels/bilateral.h"

#if defined(__aarch64__) || defined(_M_ARM64)
#define VD_TARGET
#include "kernels/bilateral_table.h"

const vd_bilateral_kernels *vd_bilateral_kernels_neon(void) { return &table; }
#else
const vd_bilateral_kernels *vd_bilateral_kernels_neon(void) { return NULL; }
#endif
