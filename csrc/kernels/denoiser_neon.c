/* SPDX-License-Identifier: Apache-2.0 */
/* The kernels of the video denoiser for NEON. */
#include "kernels/denoiser.h"

#if defined(__aarch64__) || defined(_M_ARM64)
#include <stdint.h>
#include <string.h>

#include "kernels/simd_neon.h"
#define TABLE_NAME "neon"
#include "kernels/denoiser_template.h"

const vd_denoiser_kernels *vd_denoiser_kernels_neon(void) { return &table; }
#else
const vd_denoiser_kernels *vd_denoiser_kernels_neon(void) { return NULL; }
#endif
