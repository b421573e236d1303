/* SPDX-License-Identifier: Apache-2.0 */
/* Plain C for the baseline of the compiler's target: every family; instruction sets overwrite some of them. */
#include "kernels/kernels.h"

#define VD_TARGET
#define VD_TARGET_WIDE
#include "kernels/families_template.h"

bool vd_kernels_scalar(vd_kernels *k, unsigned flags)
{
    (void)flags;
    k->name = "scalar";
    k->rows = vd_rows_scalar;
    k->bilateral_bytes.sums = vd_bilateral_bytes_sums;
    fill_families(k);
    return true;
}
