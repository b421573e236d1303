/* SPDX-License-Identifier: Apache-2.0 */
/* The row kernels of the diffusion equations for AVX-512. */
#include "kernels/diffusion.h"

#if defined(__x86_64__) || defined(_M_X64)
#include <stdint.h>
#include <string.h>

#include "kernels/simd_avx512.h"
#define TABLE_NAME "avx512"
#include "kernels/diffusion_template.h"

const vd_diffusion_kernels *vd_diffusion_kernels_avx512(void) { return &table; }
#else
const vd_diffusion_kernels *vd_diffusion_kernels_avx512(void) { return NULL; }
#endif
