/* SPDX-License-Identifier: Apache-2.0 */
/* The row kernels for AVX-512. */
#include "kernels/kernels.h"

#if defined(__x86_64__) || defined(_M_X64)
#include <string.h>

#include "kernels/simd_avx512.h"
#define TABLE_NAME "avx512"
#include "kernels/rows_template.h"

const vd_kernels *vd_kernels_avx512(void) { return &table; }
#else
const vd_kernels *vd_kernels_avx512(void) { return NULL; }
#endif
