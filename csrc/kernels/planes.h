/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rows of interleaved samples to rows of planes and back, one table per instruction set. Contract as in kernels.h: the
 * same bits in every table.
 */
#ifndef VD_KERNELS_PLANES_H
#define VD_KERNELS_PLANES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/strict_math.h"

#define VD_PLANES_KERNELS(T, S)                                                                                           \
    /* out[x channels + c] = zero[c] + sum / weights[x], or zero[c] + sum where weights is NULL; the sum is T number    \
     * at + x of sums[c] */ \
    void (*join_##S)(T * out, void *const *sums, ptrdiff_t at, const T *weights, const double *zero,                      \
                     ptrdiff_t channels, ptrdiff_t n);

typedef struct vd_planes_kernels {
    /* out[x] = row[x channels] - zero; returns whether any is NaN. The zero is a value of the row's type. */
    bool (*split_u8)(float *out, const uint8_t *row, float zero, ptrdiff_t channels, ptrdiff_t n);
    bool (*split_u16)(float *out, const uint16_t *row, float zero, ptrdiff_t channels, ptrdiff_t n);
    bool (*split_f32)(float *out, const float *row, float zero, ptrdiff_t channels, ptrdiff_t n);
    bool (*split_f64)(double *out, const double *row, double zero, ptrdiff_t channels, ptrdiff_t n);
    VD_PLANES_KERNELS(float, f32)
    VD_PLANES_KERNELS(double, f64)
} vd_planes_kernels;

#undef VD_PLANES_KERNELS

#endif
