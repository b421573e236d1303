/* SPDX-License-Identifier: Apache-2.0 */
/* The loops of non-local means for AVX2. */
#include "kernels/nonlocal_means.h"

#if defined(__x86_64__) || defined(_M_X64)
#if defined(__GNUC__) || defined(__clang__)
#define VD_TARGET __attribute__((target("avx2")))
#else
#define VD_TARGET
#endif
#include "kernels/nonlocal_means_table.h"

const vd_nlm_kernels *vd_nlm_kernels_avx2(void) { return &table; }
#else
const vd_nlm_kernels *vd_nlm_kernels_avx2(void) { return NULL; }
#endif
