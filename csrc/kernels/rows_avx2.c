/* SPDX-License-Identifier: Apache-2.0 */
/* The row kernels for AVX2. */
#include "kernels/kernels.h"

#if defined(__x86_64__) || defined(_M_X64)
#include <string.h>

#include "kernels/simd_avx2.h"
#define TABLE_NAME "avx2"
#include "kernels/rows_template.h"

const vd_kernels *vd_kernels_avx2(void) { return &table; }
#else
const vd_kernels *vd_kernels_avx2(void) { return NULL; }
#endif
