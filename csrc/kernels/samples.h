/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rows of samples of any type, one table per instruction set: to double and back, shares in [0, 1], blending. Arrays of
 * functions are indexed by vd_dtype. Contract as in kernels.h: the same bits in every table.
 */
#ifndef VD_KERNELS_SAMPLES_H
#define VD_KERNELS_SAMPLES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/strict_math.h"
#include "vdcore/vdcore.h"

enum { VD_DTYPES = VD_F64 + 1 };

typedef struct vd_samples_kernels {
    void (*to_f64[VD_DTYPES])(double *out, const void *row, ptrdiff_t n);
    /* Integers are rounded, ties to even, and clipped; NaN becomes 0. */
    void (*from_f64[VD_DTYPES])(void *out, const double *row, ptrdiff_t n);
    /* Shares as double: VD_U8 is 255 times the share; none for VD_U16. */
    void (*to_share[VD_DTYPES])(double *out, const void *row, ptrdiff_t n);
    /* out = frame + share (out - frame) in double, converted back; the bits of frame for share 0 and of out for share 1 */
    void (*blend[VD_DTYPES])(void *out, const void *frame, const double *share, ptrdiff_t n);

    /* Whether a value is not in [0, 1]. */
    bool (*outside_unit)(const double *row, ptrdiff_t n);
    /* In place: from one value per pixel to one per sample. */
    void (*spread)(double *row, ptrdiff_t pixels, ptrdiff_t channels);
    /* row / 256 */
    void (*fixed_to_f64)(double *out, const uint16_t *row, ptrdiff_t n);
    /* 256 row */
    void (*u8_to_fixed)(uint16_t *out, const uint8_t *row, ptrdiff_t n);
    /* row += by */
    void (*add_f32)(float *row, const float *by, ptrdiff_t n);
    /* row += threshold / 256 - 1/2 */
    void (*dither_f32)(float *row, const uint16_t *threshold, ptrdiff_t n);
    void (*dither_f64)(double *row, const uint16_t *threshold, ptrdiff_t n);
} vd_samples_kernels;

#endif
