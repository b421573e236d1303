/* SPDX-License-Identifier: Apache-2.0 */
/* The loops of non-local means for AVX-512. */
#include "nonlocal_means.h"

#if defined(__x86_64__) || defined(_M_X64)
#if defined(__GNUC__) || defined(__clang__)
#define VD_TARGET __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl")))
#else
#define VD_TARGET
#endif
#include "nonlocal_means_table.h"

const vd_nlm_kernels *vd_nlm_kernels_avx512(void) { return &table; }
#else
const vd_nlm_kernels *vd_nlm_kernels_avx512(void) { return NULL; }
#endif
