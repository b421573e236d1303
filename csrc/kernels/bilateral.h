/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The row kernels of the bilateral filter, one table per instruction set, with the same bits in all of them. A pair is
 * a pixel a[i] and another one b[i] of the window; D is a sum of weighted differences, W one of weights. Rows do not
 * overlap, except that a and b may.
 */
#ifndef VD_BILATERAL_KERNELS_H
#define VD_BILATERAL_KERNELS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/strict_math.h"

#define VD_BILATERAL_KERNELS(T, S)                                                                                     \
    /* One channel: w = gain 2^-(scale (b - a))^2; Wa += w, Wb += w, Da += w (b - a), Db -= w (b - a) */               \
    void (*pairs_##S)(T * Wa, T * Da, T * Wb, T * Db, const T *a, const T *b, T scale, T gain, size_t n);              \
    /* the same for two rows b at once, first that of b[0] */                                                          \
    void (*pairs_two_##S)(T * Wa, T * Da, T *const Wb[2], T *const Db[2], const T *a, const T *const b[2], T scale,    \
                          const T gain[2], size_t n);                                                                  \
    /* z = (scale (b - a))^2, or z += that if `more` */                                                                \
    void (*distance_##S)(T * z, const T *a, const T *b, T scale, bool more, size_t n);                                 \
    /* w = gain 2^-w */                                                                                                \
    void (*weights_##S)(T * w, T gain, size_t n);                                                                      \
    /* the same, but gain alone where ma or mb is 0; then wa = w mb, wb = w ma; wa may be w */                         \
    void (*weights_masked_##S)(T * wa, T * wb, T gain, const T *ma, const T *mb, size_t n);                            \
    void (*add_##S)(T * W, const T *w, size_t n);                                                                      \
    /* D += w (b - a) */                                                                                               \
    void (*move_##S)(T * D, const T *w, const T *a, const T *b, size_t n);                                             \
    /* sum = D + W f */                                                                                                \
    void (*finish_##S)(T * sum, const T *D, const T *W, const T *f, size_t n);

typedef struct vd_bilateral_kernels {
    VD_BILATERAL_KERNELS(float, f32)
    VD_BILATERAL_KERNELS(double, f64)
    /* Around the sums in integers of bilateral_bytes.h: out = row + zero, which are integers that fit; */
    void (*to_bytes)(int8_t *out, const float *row, float zero, size_t n);
    /* W = (whole_W + own) unit, sum = f W + whole_D unit */
    void (*from_whole)(float *sum, float *W, const float *f, const int32_t *whole_W, const int32_t *whole_D,
                       int32_t own, float unit, size_t n);
} vd_bilateral_kernels;

#undef VD_BILATERAL_KERNELS

#endif
