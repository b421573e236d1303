/* SPDX-License-Identifier: Apache-2.0 */
/* Template: the table of the bilateral kernels for one instruction set. Takes VD_TARGET, its function attribute. */
#define REAL float
#define NAME(x) x##_f32
#include "kernels/bilateral_template.h"
#define REAL double
#define NAME(x) x##_f64
#include "kernels/bilateral_template.h"

#define ENTRIES(S)                                                                                                     \
    .pairs_##S = pairs_##S, .pairs_two_##S = pairs_two_##S, .distance_##S = distance_##S, .weights_##S = weights_##S,  \
    .weights_masked_##S = weights_masked_##S, .add_##S = add_##S, .move_##S = move_##S, .finish_##S = finish_##S

static const vd_bilateral_kernels table = {ENTRIES(f32), ENTRIES(f64)};

#undef ENTRIES
