/* SPDX-License-Identifier: Apache-2.0 */
/* The row kernels of the diffusion equations for any processor. */
#include "kernels/diffusion.h"

#define VD_TARGET
#define TABLE_NAME "scalar"
#include "kernels/diffusion_template.h"

const vd_diffusion_kernels *vd_diffusion_kernels_scalar(void) { return &table; }
