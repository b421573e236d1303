/* SPDX-License-Identifier: Apache-2.0 */
/* The row kernels of the diffusion equations for AVX2. */
#include "kernels/diffusion.h"

#if defined(__x86_64__) || defined(_M_X64)
#include <stdint.h>
#include <string.h>

#include "kernels/simd_avx2.h"
#define TABLE_NAME "avx2"
#include "kernels/diffusion_template.h"

const vd_diffusion_kernels *vd_diffusion_kernels_avx2(void) { return &table; }
#else
const vd_diffusion_kernels *vd_diffusion_kernels_avx2(void) { return NULL; }
#endif
