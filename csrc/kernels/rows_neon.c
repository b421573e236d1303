/* SPDX-License-Identifier: Apache-2.0 */
/* The row kernels for NEON. */
#include "kernels/kernels.h"

#if defined(__aarch64__) || defined(_M_ARM64)
#include <string.h>

#include "kernels/simd_neon.h"
#define TABLE_NAME "neon"
#include "kernels/rows_template.h"

const vd_kernels *vd_kernels_neon(void) { return &table; }
#else
const vd_kernels *vd_kernels_neon(void) { return NULL; }
#endif
