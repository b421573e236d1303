/* SPDX-License-Identifier: Apache-2.0 */
/* The kernels of the video denoiser for AVX2. */
#include "kernels/denoiser.h"

#if defined(__x86_64__) || defined(_M_X64)
#include <stdint.h>
#include <string.h>

#include "kernels/simd_avx2.h"
#define TABLE_NAME "avx2"
#include "kernels/denoiser_template.h"

const vd_denoiser_kernels *vd_denoiser_kernels_avx2(void) { return &table; }
#else
const vd_denoiser_kernels *vd_denoiser_kernels_avx2(void) { return NULL; }
#endif
