/* SPDX-License-Identifier: Apache-2.0 */
/* The kernels of the video denoiser for any processor. */
#include "kernels/denoiser.h"

#define VD_TARGET
#define TABLE_NAME "scalar"
#include "kernels/denoiser_template.h"

const vd_denoiser_kernels *vd_denoiser_kernels_scalar(void) { return &table; }
