/* SPDX-License-Identifier: Apache-2.0 */
/* The kernels between rows of samples and planes for any processor. */
#include "kernels/planes.h"

#define VD_TARGET
#define TABLE_NAME "scalar"
#include "kernels/planes_template.h"

const vd_planes_kernels *vd_planes_kernels_scalar(void) { return &table; }
