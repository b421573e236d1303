/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The row kernels of non-local means (models/nonlocal_means.c), one table per instruction set.
 *
 * n is rounded up to a multiple of VD_NLM_STEP: every row has initialized memory up to there, rows of samples and of column
 * sums VD_NLM_STEP further. The same bits in every table: plain loops in a fixed order, which the compiler vectorizes. Only
 * the float kernels written for AVX-512 give other bits, see nonlocal_means_avx512.h.
 */
#ifndef VD_KERNELS_NONLOCAL_MEANS_H
#define VD_KERNELS_NONLOCAL_MEANS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/strict_math.h"

enum {
    VD_NLM_STEP = 16,
    VD_NLM_PAIRS = 6 /* shifts that are added up together */
};

#define VD_NLM_COARSE 1e-4

#define VD_NLM_KERNELS(T, S)                                                                                                \
    /* over the pairs g: out[g] = sum of (a - b[g])^2 over channels, which are `plane` apart, b[g] = b moved by g;        \
     * 0 where not present, unless NULL. With `running`, running[g] += the change of out[g] */ \
    void (*difference_##S)(T *const out[VD_NLM_PAIRS], T *const running[VD_NLM_PAIRS], const T *a, const T *b,              \
                           size_t plane, size_t channels, const T *present_a, const T *present_b, size_t pairs,             \
                           size_t n);                                                                                       \
    /* out = sum of a[r pitch] b[r pitch] over r < count */                                                                 \
    void (*products_##S)(T * out, const T *a, const T *b, size_t pitch, size_t count, size_t n);                            \
    /* samples = 0 where not present, values = confidence samples; n as it is */                                            \
    void (*mask_##S)(T * samples, T * values, const T *confidence, const T *present, size_t n);                             \
    /* out = factor / count, 0 where the count is 0; n as it is */                                                          \
    void (*scales_##S)(T * out, const T *count, T factor, size_t n);                                                        \
    /* out = sum of rows[r pitch] over r < count, odd; with pitch 1 the sum of neighbours */                                \
    void (*sum_##S)(T * out, const T *rows, size_t pitch, size_t count, size_t n);                                          \
    /* out[i] = gain 2^-max(0, scale[i] d[i] - offset), d[i] = the sum of row[i .. i + size - 1]. alike: every scale is  \
     * scale[0]; coarse: a relative error of VD_NLM_COARSE is acceptable */  \
    void (*weights_##S)(T * out, const T *row, size_t size, const T *scale, bool alike, T offset, T gain, bool coarse,      \
                        T *scratch, size_t n);                                                                              \
    /* over the pairs g: sums[c plane] += weights[g] values[c value_plane + g step] for c < channels, step 1 or -1;     \
     * total += weights[g], unless NULL. weights[g] are zeros from g = pairs on */   \
    void (*accumulate_##S)(T * sums, size_t plane, T *total, const T *const weights[VD_NLM_PAIRS], const T *values,         \
                           size_t value_plane, ptrdiff_t step, size_t pairs, size_t channels, size_t n);

typedef struct vd_nonlocal_means_kernels {
    VD_NLM_KERNELS(float, f32)
    VD_NLM_KERNELS(double, f64)
} vd_nonlocal_means_kernels;

#endif
