/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The reference of every row kernel: plain loops, which the compiler vectorises for the baseline of its
 * target (SSE2 on x86-64). The other tables must give the same bits; they also call these functions for
 * the last few samples of a row. See kernels.h for the contracts.
 */
#include "kernels/rows.h"

#include <string.h>

static inline uint16_t mean_u16(uint16_t a, uint16_t b) { return (uint16_t)(((uint32_t)a + b + 1) >> 1); }

static inline uint16_t multiply_high(uint16_t a, uint16_t b) { return (uint16_t)(((uint32_t)a * b) >> 16); }

/* Rows are done in chunks, so that the sums stay in the first-level cache while the taps are added. */
enum { CHUNK = 512 };

static void fixed_vertical(uint16_t *out, const uint8_t *const *rows, const uint16_t *weights, int radius,
                           uint16_t bias, size_t begin, size_t end)
{
    for (size_t start = begin; start < end; start += CHUNK) {
        size_t n = end - start < CHUNK ? end - start : CHUNK;
        uint16_t *sum = out + start;
        const uint8_t *centre = rows[radius] + start;
        for (size_t i = 0; i < n; i++)
            sum[i] = (uint16_t)(bias + multiply_high((uint16_t)(centre[i] << 8), weights[0]));
        for (int j = 1; j <= radius; j++) {
            const uint8_t *above = rows[radius - j] + start, *below = rows[radius + j] + start;
            for (size_t i = 0; i < n; i++)
                sum[i] = (uint16_t)(sum[i] + multiply_high((uint16_t)((above[i] + below[i]) << 7), weights[j]));
        }
    }
}

static void fixed_vertical_pair(uint16_t *out, uint16_t *next, const uint8_t *const *rows, const uint16_t *weights,
                                int radius, uint16_t bias, size_t begin, size_t end)
{
    fixed_vertical(out, rows, weights, radius, bias, begin, end);
    fixed_vertical(next, rows + 1, weights, radius, bias, begin, end);
}

static void fixed_horizontal(uint16_t *out, const uint16_t *row, size_t step, const uint16_t *weights, int radius,
                             uint16_t bias, size_t n)
{
    for (size_t start = 0; start < n; start += CHUNK) {
        size_t length = n - start < CHUNK ? n - start : CHUNK;
        uint16_t *sum = out + start;
        const uint16_t *centre = row + start;
        for (size_t i = 0; i < length; i++)
            sum[i] = (uint16_t)(bias + multiply_high(centre[i], weights[0]));
        for (int j = 1; j <= radius; j++) {
            const uint16_t *left = centre - (size_t)j * step, *right = centre + (size_t)j * step;
            for (size_t i = 0; i < length; i++)
                sum[i] = (uint16_t)(sum[i] + multiply_high(mean_u16(left[i], right[i]), weights[j]));
        }
    }
}

static void fixed_update(uint16_t *state, const uint16_t *value, int gain, size_t n)
{
    int32_t keep = 32768 - gain;
    for (size_t i = 0; i < n; i++) {
        int32_t s = (int32_t)state[i] - 32768, v = (int32_t)value[i] - 32768;
        state[i] = (uint16_t)(((s * keep + v * gain + 16384) >> 15) + 32768);
    }
}

static void fixed_to_u8(uint8_t *out, const uint16_t *row, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        uint32_t rounded = (row[i] + 127u + ((row[i] >> 8) & 1u)) >> 8;
        out[i] = (uint8_t)(rounded > 255 ? 255 : rounded);
    }
}

static void fixed_to_u8_dither(uint8_t *out, const uint16_t *row, const uint16_t *threshold, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        uint32_t rounded = ((uint32_t)row[i] + threshold[i]) >> 8;
        out[i] = (uint8_t)(rounded > 255 ? 255 : rounded);
    }
}

static void fixed_to_f32(float *out, const uint16_t *row, size_t n)
{
    for (size_t i = 0; i < n; i++)
        out[i] = (float)row[i] * (1.0f / 256);
}

/* For 0 <= x <= 2^22: adding 1.5 * 2^23 rounds to an integer, ties to even, in the default rounding mode. */
static inline int32_t round_to_int(float x)
{
    float shifted = x + 12582912.0f;
    int32_t bits;
    memcpy(&bits, &shifted, sizeof bits);
    return bits - 0x4B400000;
}

static inline float clip(float x, float high)
{
    x = x > 0.0f ? x : 0.0f;
    return x < high ? x : high;
}

static inline uint16_t fixed_of(float x) { return (uint16_t)round_to_int(clip(x * 256.0f, 65280.0f)); }

#define REAL_KERNELS(T, S, BITS, MAGNITUDE, INFINITE)                                                                  \
    /* block += weight * (lower + upper) */                                                                            \
    static void add_tap_##S(T *block, const T *lower, const T *upper, T weight, size_t n)                              \
    {                                                                                                                  \
        for (size_t i = 0; i < n; i++)                                                                                 \
            block[i] = block[i] + weight * (lower[i] + upper[i]);                                                      \
    }                                                                                                                  \
                                                                                                                       \
    /* At the end of a block of taps: sum += block, block = 0. */                                                      \
    static void end_block_##S(T *sum, T *block, size_t n)                                                              \
    {                                                                                                                  \
        for (size_t i = 0; i < n; i++) {                                                                               \
            sum[i] = sum[i] + block[i];                                                                                \
            block[i] = 0;                                                                                              \
        }                                                                                                              \
    }                                                                                                                  \
                                                                                                                       \
    static void vertical_##S(T *out, const T *const *rows, const T *weights, int radius, const T *correction,          \
                             size_t begin, size_t end)                                                                 \
    {                                                                                                                  \
        T block[CHUNK] = {0};                                                                                          \
        for (size_t start = begin; start < end; start += CHUNK) {                                                      \
            size_t n = end - start < CHUNK ? end - start : CHUNK;                                                      \
            T *sum = out + start;                                                                                      \
            const T *centre = rows[radius] + start;                                                                    \
            memset(sum, 0, n * sizeof(T));                                                                             \
            for (int j = radius; j >= 1; j--) {                                                                        \
                add_tap_##S(block, rows[radius - j] + start, rows[radius + j] + start, weights[j], n);                 \
                if (j % VD_BLOCK == 1)                                                                                 \
                    end_block_##S(sum, block, n);                                                                      \
            }                                                                                                          \
            for (size_t i = 0; i < n; i++)                                                                             \
                sum[i] = (sum[i] + weights[0] * centre[i]) - correction[start + i];                                    \
        }                                                                                                              \
    }                                                                                                                  \
                                                                                                                       \
    static void vertical_pair_##S(T *out, T *next, const T *const *rows, const T *weights, int radius,                 \
                                  const T *correction, size_t begin, size_t end)                                       \
    {                                                                                                                  \
        vertical_##S(out, rows, weights, radius, correction, begin, end);                                              \
        vertical_##S(next, rows + 1, weights, radius, correction, begin, end);                                         \
    }                                                                                                                  \
                                                                                                                       \
    static void horizontal_##S(T *out, const T *row, size_t step, const T *weights, int radius, const T *correction,   \
                               size_t n)                                                                               \
    {                                                                                                                  \
        T block[CHUNK] = {0};                                                                                          \
        for (size_t start = 0; start < n; start += CHUNK) {                                                            \
            size_t length = n - start < CHUNK ? n - start : CHUNK;                                                     \
            T *sum = out + start;                                                                                      \
            const T *centre = row + start;                                                                             \
            memset(sum, 0, length * sizeof(T));                                                                        \
            for (int j = radius; j >= 1; j--) {                                                                        \
                add_tap_##S(block, centre - (size_t)j * step, centre + (size_t)j * step, weights[j], length);          \
                if (j % VD_BLOCK == 1)                                                                                 \
                    end_block_##S(sum, block, length);                                                                 \
            }                                                                                                          \
            for (size_t i = 0; i < length; i++)                                                                        \
                sum[i] = (sum[i] + weights[0] * centre[i]) - correction[start + i];                                    \
        }                                                                                                              \
    }                                                                                                                  \
                                                                                                                       \
    static void update_##S(T *out, T *state, const T *value, T gain, size_t n)                                         \
    {                                                                                                                  \
        for (size_t i = 0; i < n; i++) {                                                                               \
            T u = state[i] + (value[i] - state[i]) * gain;                                                             \
            state[i] = u;                                                                                              \
            out[i] = u;                                                                                                \
        }                                                                                                              \
    }                                                                                                                  \
                                                                                                                       \
    static int scan_##S(const T *row, size_t n)                                                                        \
    {                                                                                                                  \
        int found = VD_SCAN_FINITE;                                                                                    \
        for (size_t i = 0; i < n; i++) {                                                                               \
            BITS bits;                                                                                                 \
            memcpy(&bits, row + i, sizeof bits);                                                                       \
            bits &= MAGNITUDE;                                                                                         \
            if (bits >= INFINITE)                                                                                      \
                found |= bits == INFINITE ? VD_SCAN_INFINITE : VD_SCAN_NAN;                                            \
        }                                                                                                              \
        return found;                                                                                                  \
    }                                                                                                                  \
                                                                                                                       \
    static void patch_add_##S(T *field, ptrdiff_t pitch, const T *column, const T *row, size_t rows, size_t n)         \
    {                                                                                                                  \
        for (size_t r = 0; r < rows; r++, field += pitch)                                                              \
            for (size_t i = 0; i < n; i++)                                                                             \
                field[i] += column[r] * row[i];                                                                        \
    }                                                                                                                  \
                                                                                                                       \
    static void patch_add_pair_##S(T *field, ptrdiff_t pitch, const T *const column[2], const T *const row[2],         \
                                   size_t rows, size_t n)                                                              \
    {                                                                                                                  \
        for (size_t r = 0; r < rows; r++, field += pitch)                                                              \
            for (size_t i = 0; i < n; i++)                                                                             \
                field[i] = (field[i] + column[0][r] * row[0][i]) + column[1][r] * row[1][i];                           \
    }                                                                                                                  \
    static void geometric_##S(T *out, const double *table, double first, double ratio, size_t n)                       \
    {                                                                                                                  \
        double powers[VD_LANES + 1];                                                                                   \
        vd_powers(powers, ratio);                                                                                      \
        for (size_t i = 0; i < n; i++) {                                                                               \
            out[i] = (T)(first * table[i] * powers[i % VD_LANES]);                                                     \
            powers[i % VD_LANES] *= powers[VD_LANES];                                                                  \
        }                                                                                                              \
    }                                                                                                                  \
                                                                                                                       \
    static void patch_fold_##S(double *out, const T *field, ptrdiff_t pitch, const double *column, size_t rows,        \
                               size_t n)                                                                               \
    {                                                                                                                  \
        for (size_t i = 0; i < n; i++)                                                                                 \
            out[i] = 0;                                                                                                \
        for (size_t r = 0; r < rows; r++, field += pitch)                                                              \
            for (size_t i = 0; i < n; i++)                                                                             \
                out[i] += column[r] * (double)field[i];                                                                \
    }

REAL_KERNELS(float, f32, uint32_t, UINT32_C(0x7FFFFFFF), UINT32_C(0x7F800000))
REAL_KERNELS(double, f64, uint64_t, UINT64_C(0x7FFFFFFFFFFFFFFF), UINT64_C(0x7FF0000000000000))

static void update_wide(float *out, double *state, const float *value, double gain, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        double u = state[i] + ((double)value[i] - state[i]) * gain;
        state[i] = u;
        out[i] = (float)u;
    }
}

static void u8_to_f32(float *out, const uint8_t *row, size_t n)
{
    for (size_t i = 0; i < n; i++)
        out[i] = (float)row[i];
}

static void u16_to_f32(float *out, const uint16_t *row, size_t n)
{
    for (size_t i = 0; i < n; i++)
        out[i] = (float)row[i];
}

static void f32_to_u8(uint8_t *out, const float *row, size_t n)
{
    for (size_t i = 0; i < n; i++)
        out[i] = (uint8_t)round_to_int(clip(row[i], 255.0f));
}

static void f32_to_u16(uint16_t *out, const float *row, size_t n)
{
    for (size_t i = 0; i < n; i++)
        out[i] = (uint16_t)round_to_int(clip(row[i], 65535.0f));
}

static void reduce_vertical(uint16_t *out, const uint8_t *const *rows, const uint16_t *weights, int radius, size_t n)
{
    for (size_t i = 0; i < n; i++)
        out[i] = (uint16_t)(weights[0] * rows[radius][i]);
    for (int j = 1; j <= radius; j++) {
        const uint8_t *above = rows[radius - j], *below = rows[radius + j];
        for (size_t i = 0; i < n; i++)
            out[i] = (uint16_t)(out[i] + weights[j] * (above[i] + below[i]));
    }
}

static void reduce_horizontal(float *out, const float *even, const float *odd, size_t step, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        float outer = (even - step)[i] + even[i + step], inner = (odd - step)[i] + odd[i];
        out[i] = ((outer + 4.0f * inner) + 6.0f * even[i]) * 0.0625f;
    }
}

static void expand_horizontal(float *even, float *odd, const float *row, size_t step, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        even[i] = (((row - step)[i] + row[i + step]) + 6.0f * row[i]) * 0.125f;
        odd[i] = (row[i] + row[i + step]) * 0.5f;
    }
}

static inline float expanded(const float *const *rows, const float *w, size_t i)
{
    return (w[0] * rows[0][i] + w[1] * rows[1][i]) + (w[2] * rows[2][i] + w[3] * rows[3][i]);
}

static void expand_vertical(float *out, const float *const *rows, const float *weights, size_t n)
{
    for (size_t i = 0; i < n; i++)
        out[i] = expanded(rows, weights, i);
}

static void expand_vertical_fixed(uint16_t *out, const float *const *rows, const float *weights, size_t n)
{
    for (size_t i = 0; i < n; i++)
        out[i] = fixed_of(expanded(rows, weights, i));
}

#define ENTRY(NAME) .NAME = NAME,

const vd_rows_kernels vd_rows_scalar = {VD_ROWS(ENTRY)};
