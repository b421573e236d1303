/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Template: the row kernels in vectors. The instruction set's file defines first
 *
 *     VD_TARGET         the function attribute that allows the instruction set
 *     NH, NF, ND        lanes of vh (uint16_t), vf (float), vd (double)
 *     load_x, store_x, set_x, add_x, sub_x, mul_x for x = h, f, d; no alignment
 *     mean_h            (a + b + 1) >> 1;  multiply_high_h  a b >> 16;  add_saturated_h;  high_byte_h  a >> 8;  odd_bit_h  a & 1
 *     load_bytes_high   2 NH bytes, each times 256, in two vectors in any order that store_pair puts right again
 *     store_bytes       2 NH values below 256, in order, as bytes
 *     update_h          see fixed_update
 *     clip_f            to [0, high], NaN to 0;  store_f_u8, store_f_u16  rint of values in range
 *     load_f_u8, load_f_u16, load_d_f32, store_d_f32  conversions
 *     not_finite_f, not_finite_d  whether any lane is infinite or NaN
 *     load_h_u8         NH bytes as they are;  multiply_low_h  a b mod 2^16
 *
 * What is left of a row after whole vectors goes to the scalar kernels. The order of operations is that of rows_scalar.c.
 */
#include "kernels/rows.h"

VD_TARGET static void fixed_vertical(uint16_t *out, const uint8_t *const *rows, const uint16_t *weights, int radius,
                                     uint16_t bias, size_t begin, size_t end)
{
    size_t i = begin;
    for (; i + 2 * NH <= end; i += 2 * NH) {
        vh a, b, w = set_h(weights[0]);
        load_bytes_high(rows[radius] + i, &a, &b);
        vh sum_a = add_h(set_h(bias), multiply_high_h(a, w)), sum_b = add_h(set_h(bias), multiply_high_h(b, w));
        for (int j = 1; j <= radius; j++) {
            vh a2, b2;
            w = set_h(weights[j]);
            load_bytes_high(rows[radius - j] + i, &a, &b);
            load_bytes_high(rows[radius + j] + i, &a2, &b2);
            sum_a = add_h(sum_a, multiply_high_h(mean_h(a, a2), w));
            sum_b = add_h(sum_b, multiply_high_h(mean_h(b, b2), w));
        }
        store_pair(out + i, sum_a, sum_b);
    }
    vd_rows_scalar.fixed_vertical(out, rows, weights, radius, bias, i, end);
}

VD_TARGET static void fixed_vertical_pair(uint16_t *out, uint16_t *next, const uint8_t *const *rows,
                                          const uint16_t *weights, int radius, uint16_t bias, size_t begin, size_t end)
{
    size_t i = begin;
    for (; i + 2 * NH <= end; i += 2 * NH) {
        /* up: the row above the first pair's last, down: the row below the second pair's last */
        vh up_a, up_b, down_a, down_b, w = set_h(weights[0]);
        load_bytes_high(rows[radius] + i, &up_a, &up_b);
        load_bytes_high(rows[radius + 1] + i, &down_a, &down_b);
        vh sum_a = add_h(set_h(bias), multiply_high_h(up_a, w)), sum_b = add_h(set_h(bias), multiply_high_h(up_b, w));
        vh next_a = add_h(set_h(bias), multiply_high_h(down_a, w)),
           next_b = add_h(set_h(bias), multiply_high_h(down_b, w));
        for (int j = 1; j <= radius; j++) {
            vh above_a, above_b, below_a, below_b;
            w = set_h(weights[j]);
            load_bytes_high(rows[radius - j] + i, &above_a, &above_b);
            load_bytes_high(rows[radius + 1 + j] + i, &below_a, &below_b);
            sum_a = add_h(sum_a, multiply_high_h(mean_h(above_a, down_a), w));
            sum_b = add_h(sum_b, multiply_high_h(mean_h(above_b, down_b), w));
            next_a = add_h(next_a, multiply_high_h(mean_h(up_a, below_a), w));
            next_b = add_h(next_b, multiply_high_h(mean_h(up_b, below_b), w));
            up_a = above_a;
            up_b = above_b;
            down_a = below_a;
            down_b = below_b;
        }
        store_pair(out + i, sum_a, sum_b);
        store_pair(next + i, next_a, next_b);
    }
    vd_rows_scalar.fixed_vertical_pair(out, next, rows, weights, radius, bias, i, end);
}

VD_TARGET static void fixed_horizontal(uint16_t *out, const uint16_t *row, size_t step, const uint16_t *weights,
                                       int radius, uint16_t bias, size_t n)
{
    size_t i = 0;
    for (; i + 2 * NH <= n; i += 2 * NH) {
        const uint16_t *centre = row + i;
        vh w = set_h(weights[0]);
        vh sum_a = add_h(set_h(bias), multiply_high_h(load_h(centre), w));
        vh sum_b = add_h(set_h(bias), multiply_high_h(load_h(centre + NH), w));
        for (int j = 1; j <= radius; j++) {
            const uint16_t *left = centre - (size_t)j * step, *right = centre + (size_t)j * step;
            w = set_h(weights[j]);
            sum_a = add_h(sum_a, multiply_high_h(mean_h(load_h(left), load_h(right)), w));
            sum_b = add_h(sum_b, multiply_high_h(mean_h(load_h(left + NH), load_h(right + NH)), w));
        }
        store_h(out + i, sum_a);
        store_h(out + i + NH, sum_b);
    }
    vd_rows_scalar.fixed_horizontal(out + i, row + i, step, weights, radius, bias, n - i);
}

VD_TARGET static void fixed_update(uint16_t *state, const uint16_t *value, int gain, size_t n)
{
    size_t i = 0;
    for (; i + NH <= n; i += NH)
        store_h(state + i, update_h(load_h(state + i), load_h(value + i), 32768 - gain, gain));
    vd_rows_scalar.fixed_update(state + i, value + i, gain, n - i);
}

VD_OP vh rounded_byte(vh x) { return high_byte_h(add_saturated_h(add_h(odd_bit_h(high_byte_h(x)), set_h(127)), x)); }

VD_TARGET static void fixed_to_u8(uint8_t *out, const uint16_t *row, size_t n)
{
    size_t i = 0;
    for (; i + 2 * NH <= n; i += 2 * NH)
        store_bytes(out + i, rounded_byte(load_h(row + i)), rounded_byte(load_h(row + i + NH)));
    vd_rows_scalar.fixed_to_u8(out + i, row + i, n - i);
}

VD_OP vh raised_byte(const uint16_t *row, const uint16_t *threshold)
{
    return high_byte_h(add_saturated_h(load_h(row), load_h(threshold)));
}

VD_TARGET static void fixed_to_u8_dither(uint8_t *out, const uint16_t *row, const uint16_t *threshold, size_t n)
{
    size_t i = 0;
    for (; i + 2 * NH <= n; i += 2 * NH)
        store_bytes(out + i, raised_byte(row + i, threshold + i), raised_byte(row + i + NH, threshold + i + NH));
    vd_rows_scalar.fixed_to_u8_dither(out + i, row + i, threshold + i, n - i);
}

VD_TARGET static void fixed_to_f32(float *out, const uint16_t *row, size_t n)
{
    size_t i = 0;
    for (; i + NF <= n; i += NF)
        store_f(out + i, mul_f(load_f_u16(row + i), set_f(1.0f / 256)));
    vd_rows_scalar.fixed_to_f32(out + i, row + i, n - i);
}

#define REAL_KERNELS(T, S, V, N, x, WIDE, NARROW)                                                                      \
    VD_TARGET static void vertical_##S(T *out, const T *const *rows, const T *weights, int radius,                     \
                                       const T *correction, size_t begin, size_t end)                                  \
    {                                                                                                                  \
        size_t i = begin;                                                                                              \
        for (; i + 2 * N <= end; i += 2 * N) {                                                                         \
            V sum_a = set_##x(0), sum_b = sum_a;                                                                       \
            for (int j = radius; j >= 1;) {                                                                            \
                V block_a = set_##x(0), block_b = block_a;                                                             \
                for (int last = (j - 1) / VD_BLOCK * VD_BLOCK; j > last; j--) {                                        \
                    const T *above = rows[radius - j] + i, *below = rows[radius + j] + i;                              \
                    V w = set_##x(weights[j]);                                                                         \
                    block_a = add_##x(block_a, mul_##x(w, add_##x(load_##x(above), load_##x(below))));                 \
                    block_b = add_##x(block_b, mul_##x(w, add_##x(load_##x(above + N), load_##x(below + N))));         \
                }                                                                                                      \
                sum_a = add_##x(sum_a, block_a);                                                                       \
                sum_b = add_##x(sum_b, block_b);                                                                       \
            }                                                                                                          \
            const T *centre = rows[radius] + i;                                                                        \
            V w = set_##x(weights[0]);                                                                                 \
            sum_a = add_##x(sum_a, mul_##x(w, load_##x(centre)));                                                      \
            sum_b = add_##x(sum_b, mul_##x(w, load_##x(centre + N)));                                                  \
            store_##x(out + i, sub_##x(sum_a, load_##x(correction + i)));                                              \
            store_##x(out + i + N, sub_##x(sum_b, load_##x(correction + i + N)));                                      \
        }                                                                                                              \
        vd_rows_scalar.vertical_##S(out, rows, weights, radius, correction, i, end);                                   \
    }                                                                                                                  \
                                                                                                                       \
    VD_TARGET static void vertical_pair_##S(T *out, T *next, const T *const *rows, const T *weights, int radius,       \
                                            const T *correction, size_t begin, size_t end)                             \
    {                                                                                                                  \
        size_t i = begin;                                                                                              \
        for (; i + 2 * N <= end; i += 2 * N) {                                                                         \
            V sum_a = set_##x(0), sum_b = sum_a, next_a = sum_a, next_b = sum_a;                                       \
            V above_a = load_##x(rows[0] + i), above_b = load_##x(rows[0] + i + N);                                    \
            V below_a = load_##x(rows[2 * radius + 1] + i), below_b = load_##x(rows[2 * radius + 1] + i + N);          \
            for (int j = radius; j >= 1;) {                                                                            \
                V block_a = set_##x(0), block_b = block_a, block_c = block_a, block_d = block_a;                       \
                for (int last = (j - 1) / VD_BLOCK * VD_BLOCK; j > last; j--) {                                        \
                    const T *up = rows[radius + 1 - j] + i, *down = rows[radius + j] + i;                              \
                    V up_a = load_##x(up), up_b = load_##x(up + N), w = set_##x(weights[j]);                           \
                    V down_a = load_##x(down), down_b = load_##x(down + N);                                            \
                    block_a = add_##x(block_a, mul_##x(w, add_##x(above_a, down_a)));                                  \
                    block_b = add_##x(block_b, mul_##x(w, add_##x(above_b, down_b)));                                  \
                    block_c = add_##x(block_c, mul_##x(w, add_##x(up_a, below_a)));                                    \
                    block_d = add_##x(block_d, mul_##x(w, add_##x(up_b, below_b)));                                    \
                    above_a = up_a;                                                                                    \
                    above_b = up_b;                                                                                    \
                    below_a = down_a;                                                                                  \
                    below_b = down_b;                                                                                  \
                }                                                                                                      \
                sum_a = add_##x(sum_a, block_a);                                                                       \
                sum_b = add_##x(sum_b, block_b);                                                                       \
                next_a = add_##x(next_a, block_c);                                                                     \
                next_b = add_##x(next_b, block_d);                                                                     \
            }                                                                                                          \
            /* above is rows[radius], below is rows[radius + 1] */                                                     \
            V w = set_##x(weights[0]), error_a = load_##x(correction + i), error_b = load_##x(correction + i + N);     \
            store_##x(out + i, sub_##x(add_##x(sum_a, mul_##x(w, above_a)), error_a));                                 \
            store_##x(out + i + N, sub_##x(add_##x(sum_b, mul_##x(w, above_b)), error_b));                             \
            store_##x(next + i, sub_##x(add_##x(next_a, mul_##x(w, below_a)), error_a));                               \
            store_##x(next + i + N, sub_##x(add_##x(next_b, mul_##x(w, below_b)), error_b));                           \
        }                                                                                                              \
        vd_rows_scalar.vertical_pair_##S(out, next, rows, weights, radius, correction, i, end);                        \
    }                                                                                                                  \
                                                                                                                       \
    VD_TARGET static void horizontal_##S(T *out, const T *row, size_t step, const T *weights, int radius,              \
                                         const T *correction, size_t n)                                                \
    {                                                                                                                  \
        size_t i = 0;                                                                                                  \
        for (; i + 2 * N <= n; i += 2 * N) {                                                                           \
            V sum_a = set_##x(0), sum_b = sum_a;                                                                       \
            const T *centre = row + i;                                                                                 \
            for (int j = radius; j >= 1;) {                                                                            \
                V block_a = set_##x(0), block_b = block_a;                                                             \
                for (int last = (j - 1) / VD_BLOCK * VD_BLOCK; j > last; j--) {                                        \
                    const T *left = centre - (size_t)j * step, *right = centre + (size_t)j * step;                     \
                    V w = set_##x(weights[j]);                                                                         \
                    block_a = add_##x(block_a, mul_##x(w, add_##x(load_##x(left), load_##x(right))));                  \
                    block_b = add_##x(block_b, mul_##x(w, add_##x(load_##x(left + N), load_##x(right + N))));          \
                }                                                                                                      \
                sum_a = add_##x(sum_a, block_a);                                                                       \
                sum_b = add_##x(sum_b, block_b);                                                                       \
            }                                                                                                          \
            V w = set_##x(weights[0]);                                                                                 \
            sum_a = add_##x(sum_a, mul_##x(w, load_##x(centre)));                                                      \
            sum_b = add_##x(sum_b, mul_##x(w, load_##x(centre + N)));                                                  \
            store_##x(out + i, sub_##x(sum_a, load_##x(correction + i)));                                              \
            store_##x(out + i + N, sub_##x(sum_b, load_##x(correction + i + N)));                                      \
        }                                                                                                              \
        vd_rows_scalar.horizontal_##S(out + i, row + i, step, weights, radius, correction + i, n - i);                 \
    }                                                                                                                  \
                                                                                                                       \
    VD_TARGET static void update_##S(T *out, T *state, const T *value, T gain, size_t n)                               \
    {                                                                                                                  \
        size_t i = 0;                                                                                                  \
        for (; i + N <= n; i += N) {                                                                                   \
            V s = load_##x(state + i);                                                                                 \
            V u = add_##x(s, mul_##x(sub_##x(load_##x(value + i), s), set_##x(gain)));                                 \
            store_##x(state + i, u);                                                                                   \
            store_##x(out + i, u);                                                                                     \
        }                                                                                                              \
        vd_rows_scalar.update_##S(out + i, state + i, value + i, gain, n - i);                                         \
    }                                                                                                                  \
                                                                                                                       \
    VD_TARGET static int scan_##S(const T *row, size_t n)                                                              \
    {                                                                                                                  \
        size_t i = 0;                                                                                                  \
        int found = VD_SCAN_FINITE;                                                                                    \
        for (; i + N <= n; i += N)                                                                                     \
            if (not_finite_##x(load_##x(row + i)))                                                                     \
                found |= vd_rows_scalar.scan_##S(row + i, N);                                                          \
        return found | vd_rows_scalar.scan_##S(row + i, n - i);                                                        \
    }                                                                                                                  \
                                                                                                                       \
    /* One to four vectors of each row, the row's factors in registers. */                                             \
    VD_OP void add_##S(T *field, ptrdiff_t pitch, const T *column, const T *row, size_t rows, size_t vectors)          \
    {                                                                                                                  \
        V factors[4];                                                                                                  \
        for (size_t v = 0; v < vectors; v++)                                                                           \
            factors[v] = load_##x(row + v * N);                                                                        \
        for (size_t r = 0; r < rows; r++, field += pitch) {                                                            \
            V weight = set_##x(column[r]);                                                                             \
            for (size_t v = 0; v < vectors; v++)                                                                       \
                store_##x(field + v * N, add_##x(load_##x(field + v * N), mul_##x(weight, factors[v])));               \
        }                                                                                                              \
    }                                                                                                                  \
                                                                                                                       \
    VD_TARGET static void patch_add_##S(T *field, ptrdiff_t pitch, const T *column, const T *row, size_t rows,         \
                                        size_t n)                                                                      \
    {                                                                                                                  \
        size_t i = 0;                                                                                                  \
        for (; i + 4 * N <= n; i += 4 * N)                                                                             \
            add_##S(field + i, pitch, column, row + i, rows, 4);                                                       \
        switch ((n - i) / N) {                                                                                         \
        case 3: add_##S(field + i, pitch, column, row + i, rows, 3); break;                                            \
        case 2: add_##S(field + i, pitch, column, row + i, rows, 2); break;                                            \
        case 1: add_##S(field + i, pitch, column, row + i, rows, 1); break;                                            \
        default: break;                                                                                                \
        }                                                                                                              \
        i = n / N * N;                                                                                                 \
        if (i < n)                                                                                                     \
            vd_rows_scalar.patch_add_##S(field + i, pitch, column, row + i, rows, n - i);                              \
    }                                                                                                                  \
    VD_OP void add_pair_##S(T *field, ptrdiff_t pitch, const T *const column[2], const T *a, const T *b, size_t rows,  \
                            size_t vectors)                                                                            \
    {                                                                                                                  \
        V first[4], second[4];                                                                                         \
        for (size_t v = 0; v < vectors; v++) {                                                                         \
            first[v] = load_##x(a + v * N);                                                                            \
            second[v] = load_##x(b + v * N);                                                                           \
        }                                                                                                              \
        for (size_t r = 0; r < rows; r++, field += pitch) {                                                            \
            V one = set_##x(column[0][r]), other = set_##x(column[1][r]);                                              \
            for (size_t v = 0; v < vectors; v++) {                                                                     \
                V sum = add_##x(load_##x(field + v * N), mul_##x(one, first[v]));                                      \
                store_##x(field + v * N, add_##x(sum, mul_##x(other, second[v])));                                     \
            }                                                                                                          \
        }                                                                                                              \
    }                                                                                                                  \
                                                                                                                       \
    VD_TARGET static void patch_add_pair_##S(T *field, ptrdiff_t pitch, const T *const column[2],                      \
                                             const T *const row[2], size_t rows, size_t n)                             \
    {                                                                                                                  \
        const T *a = row[0], *b = row[1];                                                                              \
        size_t i = 0;                                                                                                  \
        for (; i + 4 * N <= n; i += 4 * N)                                                                             \
            add_pair_##S(field + i, pitch, column, a + i, b + i, rows, 4);                                             \
        switch ((n - i) / N) {                                                                                         \
        case 3: add_pair_##S(field + i, pitch, column, a + i, b + i, rows, 3); break;                                  \
        case 2: add_pair_##S(field + i, pitch, column, a + i, b + i, rows, 2); break;                                  \
        case 1: add_pair_##S(field + i, pitch, column, a + i, b + i, rows, 1); break;                                  \
        default: break;                                                                                                \
        }                                                                                                              \
        i = n / N * N;                                                                                                 \
        if (i < n) {                                                                                                   \
            const T *const rest[2] = {a + i, b + i};                                                                   \
            vd_rows_scalar.patch_add_pair_##S(field + i, pitch, column, rest, rows, n - i);                            \
        }                                                                                                              \
    }                                                                                                                  \
                                                                                                                       \
    VD_TARGET static void geometric_##S(T *out, const double *table, double first, double ratio, size_t n)             \
    {                                                                                                                  \
        double powers[VD_LANES + 1];                                                                                   \
        vd lanes[VD_LANES / ND], step;                                                                                 \
        size_t i = 0;                                                                                                  \
        vd_powers(powers, ratio);                                                                                      \
        step = set_d(powers[VD_LANES]);                                                                                \
        for (int v = 0; v < VD_LANES / ND; v++)                                                                        \
            lanes[v] = load_d(powers + v * ND);                                                                        \
        for (; i + VD_LANES <= n; i += VD_LANES)                                                                       \
            for (int v = 0; v < VD_LANES / ND; v++) {                                                                  \
                NARROW(out + i + v * ND, mul_d(mul_d(set_d(first), load_d(table + i + v * ND)), lanes[v]));            \
                lanes[v] = mul_d(lanes[v], step);                                                                      \
            }                                                                                                          \
        for (int v = 0; v < VD_LANES / ND; v++)                                                                        \
            store_d(powers + v * ND, lanes[v]);                                                                        \
        for (size_t k = i; k < n; k++)                                                                                 \
            out[k] = (T)(first * table[k] * powers[k - i]);                                                            \
    }                                                                                                                  \
    VD_OP void fold_##S(double *out, const T *field, ptrdiff_t pitch, const double *column, size_t rows,               \
                        size_t vectors)                                                                                \
    {                                                                                                                  \
        vd sums[4] = {set_d(0), set_d(0), set_d(0), set_d(0)};                                                         \
        for (size_t r = 0; r < rows; r++, field += pitch)                                                              \
            for (size_t v = 0; v < vectors; v++)                                                                       \
                sums[v] = add_d(sums[v], mul_d(set_d(column[r]), WIDE(field + v * ND)));                               \
        for (size_t v = 0; v < vectors; v++)                                                                           \
            store_d(out + v * ND, sums[v]);                                                                            \
    }                                                                                                                  \
                                                                                                                       \
    VD_TARGET static void patch_fold_##S(double *out, const T *field, ptrdiff_t pitch, const double *column,           \
                                         size_t rows, size_t n)                                                        \
    {                                                                                                                  \
        size_t i = 0;                                                                                                  \
        for (; i + 4 * ND <= n; i += 4 * ND)                                                                           \
            fold_##S(out + i, field + i, pitch, column, rows, 4);                                                      \
        for (; i + ND <= n; i += ND)                                                                                   \
            fold_##S(out + i, field + i, pitch, column, rows, 1);                                                      \
        if (i < n)                                                                                                     \
            vd_rows_scalar.patch_fold_##S(out + i, field + i, pitch, column, rows, n - i);                             \
    }

REAL_KERNELS(float, f32, vf, NF, f, load_d_f32, store_d_f32)
REAL_KERNELS(double, f64, vd, ND, d, load_d, store_d)

VD_TARGET static void update_wide(float *out, double *state, const float *value, double gain, size_t n)
{
    size_t i = 0;
    for (; i + ND <= n; i += ND) {
        vd s = load_d(state + i);
        vd u = add_d(s, mul_d(sub_d(load_d_f32(value + i), s), set_d(gain)));
        store_d(state + i, u);
        store_d_f32(out + i, u);
    }
    vd_rows_scalar.update_wide(out + i, state + i, value + i, gain, n - i);
}

VD_TARGET static void u8_to_f32(float *out, const uint8_t *row, size_t n)
{
    size_t i = 0;
    for (; i + NF <= n; i += NF)
        store_f(out + i, load_f_u8(row + i));
    vd_rows_scalar.u8_to_f32(out + i, row + i, n - i);
}

VD_TARGET static void u16_to_f32(float *out, const uint16_t *row, size_t n)
{
    size_t i = 0;
    for (; i + NF <= n; i += NF)
        store_f(out + i, load_f_u16(row + i));
    vd_rows_scalar.u16_to_f32(out + i, row + i, n - i);
}

VD_TARGET static void f32_to_u8(uint8_t *out, const float *row, size_t n)
{
    size_t i = 0;
    for (; i + NF <= n; i += NF)
        store_f_u8(out + i, clip_f(load_f(row + i), 255));
    vd_rows_scalar.f32_to_u8(out + i, row + i, n - i);
}

VD_TARGET static void f32_to_u16(uint16_t *out, const float *row, size_t n)
{
    size_t i = 0;
    for (; i + NF <= n; i += NF)
        store_f_u16(out + i, clip_f(load_f(row + i), 65535));
    vd_rows_scalar.f32_to_u16(out + i, row + i, n - i);
}

VD_TARGET static void reduce_vertical(uint16_t *out, const uint8_t *const *rows, const uint16_t *weights, int radius,
                                      size_t n)
{
    const uint8_t *rest[13];
    size_t i = 0;
    for (; i + 2 * NH <= n; i += 2 * NH) {
        vh w = set_h(weights[0]);
        vh sum_a = multiply_low_h(load_h_u8(rows[radius] + i), w),
           sum_b = multiply_low_h(load_h_u8(rows[radius] + i + NH), w);
        for (int j = 1; j <= radius; j++) {
            const uint8_t *above = rows[radius - j] + i, *below = rows[radius + j] + i;
            w = set_h(weights[j]);
            sum_a = add_h(sum_a, multiply_low_h(add_h(load_h_u8(above), load_h_u8(below)), w));
            sum_b = add_h(sum_b, multiply_low_h(add_h(load_h_u8(above + NH), load_h_u8(below + NH)), w));
        }
        store_h(out + i, sum_a);
        store_h(out + i + NH, sum_b);
    }
    for (int j = 0; j <= 2 * radius; j++)
        rest[j] = rows[j] + i;
    vd_rows_scalar.reduce_vertical(out + i, rest, weights, radius, n - i);
}

VD_TARGET static void reduce_horizontal(float *out, const float *even, const float *odd, size_t step, size_t n)
{
    size_t i = 0;
    for (; i + NF <= n; i += NF) {
        vf outer = add_f(load_f(even + i - step), load_f(even + i + step));
        vf inner = add_f(load_f(odd + i - step), load_f(odd + i));
        vf sum = add_f(add_f(outer, mul_f(set_f(4), inner)), mul_f(set_f(6), load_f(even + i)));
        store_f(out + i, mul_f(sum, set_f(0.0625f)));
    }
    vd_rows_scalar.reduce_horizontal(out + i, even + i, odd + i, step, n - i);
}

VD_TARGET static void expand_horizontal(float *even, float *odd, const float *row, size_t step, size_t n)
{
    size_t i = 0;
    for (; i + NF <= n; i += NF) {
        vf centre = load_f(row + i), right = load_f(row + i + step);
        vf sum = add_f(add_f(load_f(row + i - step), right), mul_f(set_f(6), centre));
        store_f(even + i, mul_f(sum, set_f(0.125f)));
        store_f(odd + i, mul_f(add_f(centre, right), set_f(0.5f)));
    }
    vd_rows_scalar.expand_horizontal(even + i, odd + i, row + i, step, n - i);
}

VD_OP vf expanded_vector(const float *const *rows, const float *w, size_t i)
{
    vf first = add_f(mul_f(set_f(w[0]), load_f(rows[0] + i)), mul_f(set_f(w[1]), load_f(rows[1] + i)));
    vf second = add_f(mul_f(set_f(w[2]), load_f(rows[2] + i)), mul_f(set_f(w[3]), load_f(rows[3] + i)));
    return add_f(first, second);
}

VD_TARGET static void expand_vertical(float *out, const float *const *rows, const float *weights, size_t n)
{
    size_t i = 0;
    for (; i + NF <= n; i += NF)
        store_f(out + i, expanded_vector(rows, weights, i));
    const float *rest[4] = {rows[0] + i, rows[1] + i, rows[2] + i, rows[3] + i};
    vd_rows_scalar.expand_vertical(out + i, rest, weights, n - i);
}

VD_TARGET static void expand_vertical_fixed(uint16_t *out, const float *const *rows, const float *weights, size_t n)
{
    size_t i = 0;
    for (; i + NF <= n; i += NF)
        store_f_u16(out + i, clip_f(mul_f(expanded_vector(rows, weights, i), set_f(256)), 65280));
    const float *rest[4] = {rows[0] + i, rows[1] + i, rows[2] + i, rows[3] + i};
    vd_rows_scalar.expand_vertical_fixed(out + i, rest, weights, n - i);
}

#define FILL(NAME) k->NAME = NAME;

static void fill_rows(vd_rows_kernels *k) { VD_ROWS(FILL) }

#undef FILL
#undef REAL_KERNELS
