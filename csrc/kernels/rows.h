/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Kernels for plain rows of interleaved samples: filter passes, updates of the state, conversions, the binomial pyramid,
 * patches of scattered sources. `step` is the distance in samples between horizontal neighbours, that is the number of
 * channels. The reference is rows_scalar.c. The contract of every kernel is in kernels.h.
 *
 * Fixed point: a sample v in [0, 255] is held as the 16-bit number 256 v. A filter pass multiplies by
 * 16-bit weights (65536 = 1) and keeps the high half of each product, which loses 0 to 1 units; `bias` adds
 * back the expected loss. All sums stay below 2^16 because the weights add up to at most 1.
 */
#ifndef VD_ROWS_H
#define VD_ROWS_H

#include <stddef.h>
#include <stdint.h>

#include "base/strict_math.h"

/* What a scan for non-finite values found. */
enum { VD_SCAN_FINITE = 0, VD_SCAN_NAN = 1, VD_SCAN_INFINITE = 2 };

/* One pass of a symmetric filter, for one real type: for the 2 radius + 1 rows around rows[radius], i in [begin, end),
 *
 *     out[i] = (sum_{j = radius..1} weights[j] (rows[radius - j][i] + rows[radius + j][i])
 *               + weights[0] rows[radius][i]) - correction[i]
 *
 * Taps are summed in blocks, which end where j = 1 modulo VD_BLOCK, and then the blocks are summed, so that rounding errors
 * stay small for any radius. The horizontal kernels do the same with rows[radius + j] = row + j step. The correction makes
 * constants exact: it is the rounding error of the same kernel on a constant row. */
#define VD_BLOCK 16

/* ratio^0 to ratio^8, from which the geometric kernels start. */
#define VD_LANES 8
static inline void vd_powers(double powers[VD_LANES + 1], double ratio)
{
    powers[0] = 1;
    powers[1] = ratio;
    for (int i = 2; i <= VD_LANES; i++)
        powers[i] = powers[i / 2] * powers[i - i / 2];
}

#define VD_REAL_KERNELS(T, S)                                                                                          \
    void (*vertical_##S)(T * out, const T *const *rows, const T *weights, int radius, const T *correction,             \
                         size_t begin, size_t end);                                                                    \
    /* The same for the rows around rows[radius] and rows[radius + 1] at once, of 2 radius + 2 rows. */                \
    void (*vertical_pair_##S)(T * out, T * next, const T *const *rows, const T *weights, int radius,                   \
                              const T *correction, size_t begin, size_t end);                                          \
    void (*horizontal_##S)(T * out, const T *row, size_t step, const T *weights, int radius, const T *correction,      \
                           size_t n);                                                                                  \
    /* state += (value - state) * gain; out = state. out may be value. */                                              \
    void (*update_##S)(T * out, T * state, const T *value, T gain, size_t n);                                          \
    int (*scan_##S)(const T *row, size_t n);                                                                           \
    /* field[r pitch + i] += column[r] row[i], for r < rows and i < n; the pitch may have any sign */                  \
    void (*patch_add_##S)(T * field, ptrdiff_t pitch, const T *column, const T *row, size_t rows, size_t n);           \
    /* the same twice, fused: first column[0] and row[0], then column[1] and row[1] */                                 \
    void (*patch_add_pair_##S)(T * field, ptrdiff_t pitch, const T *const column[2], const T *const row[2],            \
                               size_t rows, size_t n);                                                                 \
    /* out[i] = first table[i] ratio^i; powers in eight lanes, each times ratio^8 from one to the next */              \
    void (*geometric_##S)(T * out, const double *table, double first, double ratio, size_t n);                         \
    /* out[i] = sum over r, in order, of column[r] field[r pitch + i] */                                               \
    void (*patch_fold_##S)(double *out, const T *field, ptrdiff_t pitch, const double *column, size_t rows, size_t n);

typedef struct vd_rows_kernels {
    /* 8-bit rows -> fixed point; weights[0] belongs to the centre, weights[j] to the mean of a pair. */
    void (*fixed_vertical)(uint16_t *out, const uint8_t *const *rows, const uint16_t *weights, int radius,
                           uint16_t bias, size_t begin, size_t end);
    /* The same for two neighbouring rows at once, of 2 radius + 2 rows. */
    void (*fixed_vertical_pair)(uint16_t *out, uint16_t *next, const uint8_t *const *rows, const uint16_t *weights,
                                int radius, uint16_t bias, size_t begin, size_t end);
    void (*fixed_horizontal)(uint16_t *out, const uint16_t *row, size_t step, const uint16_t *weights, int radius,
                             uint16_t bias, size_t n);
    /* state = round((state (32768 - gain) + value gain) / 32768), 0 < gain < 32768 */
    void (*fixed_update)(uint16_t *state, const uint16_t *value, int gain, size_t n);
    /* out = rint(row / 256), ties to even, at most 255 */
    void (*fixed_to_u8)(uint8_t *out, const uint16_t *row, size_t n);
    /* out = floor((row + threshold) / 256), at most 255, threshold in [0, 255] */
    void (*fixed_to_u8_dither)(uint8_t *out, const uint16_t *row, const uint16_t *threshold, size_t n);
    void (*fixed_to_f32)(float *out, const uint16_t *row, size_t n);

    VD_REAL_KERNELS(float, f32)
    VD_REAL_KERNELS(double, f64)
    /* the same update with the state kept in double */
    void (*update_wide)(float *out, double *state, const float *value, double gain, size_t n);
    void (*u8_to_f32)(float *out, const uint8_t *row, size_t n);
    void (*u16_to_f32)(float *out, const uint16_t *row, size_t n);
    /* rint, ties to even, clipped to the type's range */
    void (*f32_to_u8)(uint8_t *out, const float *row, size_t n);
    void (*f32_to_u16)(uint16_t *out, const float *row, size_t n);

    /* The binomial pyramid, weights 1 4 6 4 1. */
    /* sum of weights[|j|] rows[radius + j], exact: the weights of all rows add up to at most 256; radius <= 6 */
    void (*reduce_vertical)(uint16_t *out, const uint8_t *const *rows, const uint16_t *weights, int radius, size_t n);
    /* out[k] = (even[k - 1] + 4 odd[k - 1] + 6 even[k] + 4 odd[k] + even[k + 1]) / 16, in pixels of step samples */
    void (*reduce_horizontal)(float *out, const float *even, const float *odd, size_t step, size_t n);
    /* even[k] = (row[k - 1] + 6 row[k] + row[k + 1]) / 8, odd[k] = (row[k] + row[k + 1]) / 2 */
    void (*expand_horizontal)(float *even, float *odd, const float *row, size_t step, size_t n);
    /* (w0 r0 + w1 r1) + (w2 r2 + w3 r3) */
    void (*expand_vertical)(float *out, const float *const *rows, const float *weights, size_t n);
    /* the same as fixed point: min(65280, rint(256 max(0, sum))) */
    void (*expand_vertical_fixed)(uint16_t *out, const float *const *rows, const float *weights, size_t n);
} vd_rows_kernels;

#undef VD_REAL_KERNELS

/* F(name) for each of them. */
/* clang-format off */
#define VD_ROWS_REAL(F, S)                                                                                             \
    F(vertical_##S) F(vertical_pair_##S) F(horizontal_##S) F(update_##S) F(scan_##S)                                   \
    F(patch_add_##S) F(patch_add_pair_##S) F(geometric_##S) F(patch_fold_##S)
#define VD_ROWS(F)                                                                                                     \
    F(fixed_vertical) F(fixed_vertical_pair) F(fixed_horizontal) F(fixed_update)                                       \
    F(fixed_to_u8) F(fixed_to_u8_dither) F(fixed_to_f32)                                                               \
    VD_ROWS_REAL(F, f32) VD_ROWS_REAL(F, f64)                                                                          \
    F(update_wide) F(u8_to_f32) F(u16_to_f32) F(f32_to_u8) F(f32_to_u16)                                               \
    F(reduce_vertical) F(reduce_horizontal) F(expand_horizontal) F(expand_vertical) F(expand_vertical_fixed)
/* clang-format on */

/* The reference, which also handles the rest of a row after whole vectors. */
extern const vd_rows_kernels vd_rows_scalar;

#endif
