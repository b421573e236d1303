/* SPDX-License-Identifier: Apache-2.0 */
/* Template: the table of one instruction set, for VD_TARGET, the attribute that selects it. */
#if !defined(VD_TARGET)
#error "define VD_TARGET before including nonlocal_means_table.h"
#endif
#include <stdint.h>
#include <string.h>

#include "kernels/exponential.h"

#define REAL float
#define SUFFIX f32
#define INTEGER int32_t
#include "kernels/nonlocal_means_template.h"
#define REAL double
#define SUFFIX f64
#define INTEGER int64_t
#include "kernels/nonlocal_means_template.h"

static const vd_nlm_kernels table = {
    .difference_f32 = difference_f32,
    .products_f32 = products_f32,
    .sum_f32 = sum_f32,
    .weights_f32 = weights_f32,
    .accumulate_f32 = accumulate_f32,
    .difference_f64 = difference_f64,
    .products_f64 = products_f64,
    .sum_f64 = sum_f64,
    .weights_f64 = weights_f64,
    .accumulate_f64 = accumulate_f64,
};
