/* SPDX-License-Identifier: Apache-2.0 */
/* The kernels of the bilateral filter for AVX2. */
#include "kernels/bilateral.h"

#if defined(__x86_64__) || defined(_M_X64)
#if defined(__GNUC__) || defined(__clang__)
#define VD_TARGET __attribute__((target("avx2")))
#else
#define VD_TARGET
#endif
#include "kernels/bilateral_table.h"

const vd_bilateral_kernels *vd_bilateral_kernels_avx2(void) { return &table; }
#else
const vd_bilateral_kernels *vd_bilateral_kernels_avx2(void) { return NULL; }
#endif
