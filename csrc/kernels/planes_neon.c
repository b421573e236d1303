/* SPDX-License-Identifier: Apache-2.0 */
/* The kernels between rows of samples and planes for NEON. */
#include "kernels/planes.h"

#if defined(__aarch64__) || defined(_M_ARM64)
#include <stdint.h>
#include <string.h>

#include "kernels/simd_neon.h"
#define TABLE_NAME "neon"
#include "kernels/planes_template.h"

const vd_planes_kernels *vd_planes_kernels_neon(void) { return &table; }
#else
const vd_planes_kernels *vd_planes_kernels_neon(void) { return NULL; }
#endif
