/* SPDX-License-Identifier: Apache-2.0 */
/* The kernels of the bilateral filter for AVX-512. */
#include "kernels/bilateral.h"

#if defined(__x86_64__) || defined(_M_X64)
#if defined(__clang__)
#define VD_TARGET __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl")))
#elif defined(__GNUC__)
#define VD_TARGET __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,prefer-vector-width=512")))
#else
#define VD_TARGET
#endif
#include "kernels/bilateral_table.h"

const vd_bilateral_kernels *vd_bilateral_kernels_avx512(void) { return &table; }
#else
const vd_bilateral_kernels *vd_bilateral_kernels_avx512(void) { return NULL; }
#endif
