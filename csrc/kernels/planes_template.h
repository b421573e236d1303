/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Template: the kernels of planes.h as plain loops, each compiled for one instruction set. Takes VD_TARGET, the
 * function attribute.
 *
 * Compilers vectorize such loops if the number of channels is known, so one and three channels have loops of their own;
 * any other number takes a scalar loop.
 */
#include "kernels/planes.h"

#define SPLIT(FROM, T, S)                                                                                              \
    static inline VD_TARGET bool split_known_##S(T *restrict out, const FROM *restrict row, T zero,                    \
                                                 ptrdiff_t channels, ptrdiff_t n)                                      \
    {                                                                                                                  \
        int bad = 0;                                                                                                   \
        for (ptrdiff_t x = 0; x < n; x++) {                                                                            \
            T value = (T)row[x * channels] - zero;                                                                     \
            bad |= value != value;                                                                                     \
            out[x] = value;                                                                                            \
        }                                                                                                              \
        return bad;                                                                                                    \
    }                                                                                                                  \
                                                                                                                       \
    static VD_TARGET bool split_##S(T *out, const FROM *row, T zero, ptrdiff_t channels, ptrdiff_t n)                  \
    {                                                                                                                  \
        return channels == 1   ? split_known_##S(out, row, zero, 1, n)                                                 \
               : channels == 3 ? split_known_##S(out, row, zero, 3, n)                                                 \
                               : split_known_##S(out, row, zero, channels, n);                                         \
    }

SPLIT(uint8_t, float, u8)
SPLIT(uint16_t, float, u16)
SPLIT(float, float, f32)
SPLIT(double, double, f64)
#undef SPLIT

#define JOIN(T, S)                                                                                                     \
    static VD_TARGET void join_one_##S(T *restrict out, const T *restrict sum, const T *restrict weights, T zero,      \
                                       ptrdiff_t channels, ptrdiff_t n)                                                \
    {                                                                                                                  \
        for (ptrdiff_t x = 0; x < n; x++)                                                                              \
            out[x * channels] = zero + (weights != NULL ? sum[x] / weights[x] : sum[x]);                               \
    }                                                                                                                  \
                                                                                                                       \
    static VD_TARGET void join_three_##S(T *restrict out, const T *restrict a, const T *restrict b,                    \
                                         const T *restrict c, const T *restrict weights, const double *zero,           \
                                         ptrdiff_t n)                                                                  \
    {                                                                                                                  \
        T zero_a = (T)zero[0], zero_b = (T)zero[1], zero_c = (T)zero[2];                                               \
        for (ptrdiff_t x = 0; x < n; x++) {                                                                            \
            out[3 * x] = zero_a + (weights != NULL ? a[x] / weights[x] : a[x]);                                        \
            out[3 * x + 1] = zero_b + (weights != NULL ? b[x] / weights[x] : b[x]);                                    \
            out[3 * x + 2] = zero_c + (weights != NULL ? c[x] / weights[x] : c[x]);                                    \
        }                                                                                                              \
    }                                                                                                                  \
                                                                                                                       \
    static VD_TARGET void join_##S(T *out, void *const *sums, ptrdiff_t at, const T *weights, const double *zero,      \
                                   ptrdiff_t channels, ptrdiff_t n)                                                    \
    {                                                                                                                  \
        if (channels == 3)                                                                                             \
            join_three_##S(out, (const T *)sums[0] + at, (const T *)sums[1] + at, (const T *)sums[2] + at, weights,    \
                           zero, n);                                                                                   \
        else if (channels == 1)                                                                                        \
            join_one_##S(out, (const T *)sums[0] + at, weights, (T)zero[0], 1, n);                                     \
        else                                                                                                           \
            for (ptrdiff_t c = 0; c < channels; c++)                                                                   \
                join_one_##S(out + c, (const T *)sums[c] + at, weights, (T)zero[c], channels, n);                      \
    }

#define CONFIDENCES(T, S)                                                                                              \
    static VD_TARGET bool mark_##S(T *restrict confidences, const void *const *planes, ptrdiff_t at,                   \
                                   const double *restrict confidence, ptrdiff_t channels, ptrdiff_t n)                 \
    {                                                                                                                  \
        T min = 1;                                                                                                     \
        for (ptrdiff_t x = 0; x < n; x++)                                                                              \
            confidences[x] = 1;                                                                                        \
        for (ptrdiff_t c = 0; c < channels; c++) {                                                                     \
            T *restrict plane = (T *)planes[c] + at;                                                                   \
            for (ptrdiff_t x = 0, i = c; confidence != NULL && x < n; x++, i += channels)                              \
                confidences[x] = (T)confidence[i] < confidences[x] ? (T)confidence[i] : confidences[x];                \
            for (ptrdiff_t x = 0; x < n; x++) {                                                                        \
                bool missing = plane[x] != plane[x];                                                                   \
                confidences[x] = missing ? 0 : confidences[x];                                                         \
                plane[x] = missing ? 0 : plane[x];                                                                     \
            }                                                                                                          \
        }                                                                                                              \
        for (ptrdiff_t x = 0; x < n; x++)                                                                              \
            min = confidences[x] < min ? confidences[x] : min;                                                         \
        return min == 1;                                                                                               \
    }                                                                                                                  \
                                                                                                                       \
    static VD_TARGET void recall_##S(T *restrict confidences, const void *const *planes, ptrdiff_t at,                 \
                                     const double *restrict u, const double *restrict weight_sum, double decay,        \
                                     double most, const double *restrict reference, ptrdiff_t channels, ptrdiff_t n)   \
    {                                                                                                                  \
        for (ptrdiff_t x = 0; x < n; x++) {                                                                            \
            double kept = decay * weight_sum[x * channels];                                                            \
            if (!(confidences[x] < 1) || !(kept > (double)confidences[x]))                                             \
                continue;                                                                                              \
            confidences[x] = (T)(kept < most ? kept : most);                                                           \
            for (ptrdiff_t c = 0; c < channels; c++)                                                                   \
                ((T *)planes[c])[at + x] = (T)(u[x * channels + c] - reference[c]);                                    \
        }                                                                                                              \
    }                                                                                                                  \
                                                                                                                       \
    static VD_TARGET void widen_##S(double *restrict out, double *restrict out_weights, void *const *sums,             \
                                    ptrdiff_t at, const T *restrict weights, ptrdiff_t channels, ptrdiff_t n)          \
    {                                                                                                                  \
        for (ptrdiff_t c = 0; c < channels; c++) {                                                                     \
            const T *restrict sum = (const T *)sums[c] + at;                                                           \
            for (ptrdiff_t x = 0, i = c; x < n; x++, i += channels) {                                                  \
                out[i] = (double)sum[x];                                                                               \
                out_weights[i] = weights != NULL ? (double)weights[x] : 1;                                             \
            }                                                                                                          \
        }                                                                                                              \
    }

CONFIDENCES(float, f32)
CONFIDENCES(double, f64)
#undef CONFIDENCES

JOIN(float, f32)
JOIN(double, f64)
#undef JOIN

static void fill_planes(vd_planes_kernels *k)
{
    k->split_u8 = split_u8;
    k->split_u16 = split_u16;
    k->split_f32 = split_f32;
    k->split_f64 = split_f64;
    k->join_f32 = join_f32;
    k->join_f64 = join_f64;
    k->mark_f32 = mark_f32;
    k->mark_f64 = mark_f64;
    k->recall_f32 = recall_f32;
    k->recall_f64 = recall_f64;
    k->widen_f32 = widen_f32;
    k->widen_f64 = widen_f64;
}
