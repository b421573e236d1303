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

/* `at` is where the row's first pixel lies in the planes.
 *
 * join    out[x channels + c] = zero[c] + sum / weights[x], or zero[c] + sum where weights is NULL, of sums[c][at + x]
 * mark    confidences[x] = the minimum of 1 and the confidences of the pixel's samples (NULL: 1), 0 where a sample is NaN,
 *         which becomes 0; returns whether all are 1
 * recall  where confidences[x] is below 1 and below decay weight_sum[x channels], it becomes that, at most `most`, and the
 *         samples become u - reference
 * widen   out[x channels + c] = sums[c][at + x], out_weights[x channels + c] = weights[x], or 1 where that is NULL */
#define VD_PLANES_KERNELS(T, S)                                                                                        \
    void (*join_##S)(T * out, void *const *sums, ptrdiff_t at, const T *weights, const double *zero,                   \
                     ptrdiff_t channels, ptrdiff_t n);                                                                 \
    bool (*mark_##S)(T * confidences, const void *const *planes, ptrdiff_t at, const double *confidence,               \
                     ptrdiff_t channels, ptrdiff_t n);                                                                 \
    void (*recall_##S)(T * confidences, const void *const *planes, ptrdiff_t at, const double *u,                      \
                       const double *weight_sum, double decay, double most, const double *reference,                   \
                       ptrdiff_t channels, ptrdiff_t n);                                                               \
    void (*widen_##S)(double *out, double *out_weights, void *const *sums, ptrdiff_t at, const T *weights,             \
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
