/* SPDX-License-Identifier: Apache-2.0 */
/* The kernels of the video denoiser for AVX-512. */
#include "kernels/denoiser.h"

#if defined(__x86_64__) || defined(_M_X64)
#include <stdint.h>
#include <string.h>

#include "kernels/simd_avx512.h"

#define TABLE_NAME "avx512"
#include "kernels/denoiser_template.h"

const vd_denoiser_kernels *vd_denoiser_kernels_avx512(void) { return &table; }
#else
const vd_denoiser_kernels *vd_denoiser_kernels_avx512(void) { return NULL; }
#endif
