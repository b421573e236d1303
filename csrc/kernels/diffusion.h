/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The row kernels of the diffusion equations, one table per instruction set. Contract as in kernels.h: the same bits in
 * every table. Rows that are read next to x have one valid sample beyond either end; results do not overlap
 * what is read.
 */
#ifndef VD_KERNELS_DIFFUSION_H
#define VD_KERNELS_DIFFUSION_H

#include <stdbool.h>
#include <stddef.h>

#include "base/strict_math.h"

#define VD_DIFFUSION_KERNELS(T, S)                                                                                       \
    /* outs[j] = (1 2 1) x (1 2 1) / 16 around rows[1 + j]; columns are room for two such rows */                        \
    void (*smooth_##S)(T *const outs[2], T *const columns[2], const T *const rows[4], ptrdiff_t n);                      \
    /* sums[j][x] = |grad rows[1 + j]|^2 by central differences, or += that if `more` */                                 \
    void (*gradient_##S)(T *const sums[2], const T *const rows[4], bool more, ptrdiff_t n);                              \
    /* the same, with a difference counted as 0 where a weight on either side is below min */                            \
    void (*gradient_known_##S)(T *const sums[2], const T *const rows[4], const T *const weights[4], T min, bool more,    \
                               ptrdiff_t n);                                                                             \
    /* out = a b */                                                                                                      \
    void (*multiply_##S)(T * out, const T *a, const T *b, ptrdiff_t n);                                                  \
    /* row[x] = 0 where weight[x] < min; weight may be row */                                                            \
    void (*clear_##S)(T * row, const T *weight, T min, ptrdiff_t n);                                                     \
    /* row[x] /= weight[x], or 0 where weight[x] < min */                                                                \
    void (*divide_##S)(T * row, const T *weight, T min, ptrdiff_t n);                                                    \
    /* row = exp(-row scale), or 1 / (1 + row scale) */                                                                  \
    void (*exponential_##S)(T * row, T scale, ptrdiff_t n);                                                              \
    void (*rational_##S)(T * row, T scale, ptrdiff_t n);                                                                 \
    /* right[x] = half_x (mid[x] + mid[x + 1]) for -1 <= x < n, below[x] = half_y (mid[x] + down[x]) */                  \
    void (*faces_##S)(T * right, T * below, const T *mid, const T *down, T half_y, T half_x, ptrdiff_t n);               \
    /* outs[j] = mid + tau (rights[j][x] (mid[x + 1] - mid) - rights[j][x - 1] (mid - mid[x - 1])                      \
     *                      + belows[1 + j] (down - mid) - belows[j] (mid - up)) for the mid row 1 + j */ \
    void (*step_##S)(T *const outs[2], const T *const rows[4], const T *const rights[2], const T *const belows[3],       \
                     T tau, ptrdiff_t n);                                                                                \
    /* out = samples confidence; each is 1 where it is NULL */                                                           \
    void (*weigh_##S)(double *out, const T *samples, const T *confidence, ptrdiff_t n);                                  \
    /* free[x] = 0 where hold and the confidence is 1 (NULL: 1), else 1 */                                               \
    void (*release_##S)(double *free, const T *confidence, int hold, ptrdiff_t n);                                       \
    /* out = weight, 0 below min, at most `most` where free is 1 */                                                      \
    void (*end_weights_##S)(T * out, const double *weight, const double *free, double min, double most, ptrdiff_t n);    \
    /* out = sum, 0 where the weight is 0 (NULL: nowhere) */                                                             \
    void (*end_sums_##S)(T * out, const double *sum, const T *weight, ptrdiff_t n);

typedef struct vd_diffusion_kernels {
    VD_DIFFUSION_KERNELS(float, f32)
    VD_DIFFUSION_KERNELS(double, f64)
    /* right[x] = half_x h(here[x], here[x + 1]), 0 for the last, below[x] = half_y h(here[x], next[x]), 0 where next is NULL,
     * with the harmonic mean h */
    void (*couple)(double *right, double *below, const double *here, const double *next, double half_y, double half_x,
                   ptrdiff_t n);
    /* The maximum, at least 0, of right[x - 1] + right[x] + above[x] + below[x]. */
    double (*bound)(const double *right, const double *above, const double *below, ptrdiff_t n);
    /* Chebyshev recurrence with X u = u + scale L u, L u the divergence as in step, 0 where free is 0:
     * last = 2 X mid - last, or X mid if first; sum += share (last - start) */
    void (*chebyshev)(double *last, double *sum, const double *start, const double *up, const double *mid,
                      const double *down, const double *right, const double *above, const double *below,
                      const double *free, double scale, double share, int first, ptrdiff_t n);
} vd_diffusion_kernels;

#endif
