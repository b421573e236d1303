/* SPDX-License-Identifier: Apache-2.0 */
/* The loops of non-local means for any processor. */
#include "kernels/nonlocal_means.h"

#define VD_TARGET
#include "kernels/nonlocal_means_table.h"

const vd_nlm_kernels *vd_nlm_kernels_scalar(void) { return &table; }
