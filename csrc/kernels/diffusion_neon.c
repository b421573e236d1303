/* SPDX-License-Identifier: Apache-2.0 */
/* The row kernels of the diffusion equations for NEON. */
#include "kernels/diffusion.h"

#if defined(__aarch64__) || defined(_M_ARM64)
#include <stdint.h>
#include <string.h>

#include "kernels/simd_neon.h"
#define TABLE_NAME "neon"
#include "kernels/diffusion_template.h"

const vd_diffusion_kernels *vd_diffusion_kernels_neon(void) { return &table; }
#else
const vd_diffusion_kernels *vd_diffusion_kernels_neon(void) { return NULL; }
#endif
