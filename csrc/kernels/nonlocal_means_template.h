/* SPDX-License-Identifier: Apache-2.0 */
/* Template: the kernels of nonlocal_means.h. Takes VD_TARGET, the function attribute. */
#include <stdint.h>
#include <string.h>

#include "kernels/exponential.h"
#include "kernels/nonlocal_means.h"

#define REAL float
#define SUFFIX f32
#define INTEGER int32_t
#include "kernels/nonlocal_means_real_template.h"
#define REAL double
#define SUFFIX f64
#define INTEGER int64_t
#include "kernels/nonlocal_means_real_template.h"

#define FILL(S)                                                                                                        \
    k->difference_##S = nlm_difference_##S, k->products_##S = nlm_products_##S, k->sum_##S = nlm_sum_##S,              \
    k->mask_##S = nlm_mask_##S, k->scales_##S = nlm_scales_##S, k->weights_##S = nlm_weights_##S,                      \
    k->accumulate_##S = nlm_accumulate_##S

static void fill_nonlocal_means(vd_nonlocal_means_kernels *k)
{
    FILL(f32);
    FILL(f64);
}

#undef FILL
