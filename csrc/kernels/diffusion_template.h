/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Template: the row kernels of diffusion.h as plain loops, each compiled for one instruction set. Takes VD_TARGET, the
 * function attribute.
 */
#include "kernels/diffusion.h"
#include "kernels/exponential.h"

/* A quarter of the squared differences around x. */
#define SQUARES(up, mid, down, x)                                                                                      \
    ((mid[x + 1] - mid[x - 1]) * (mid[x + 1] - mid[x - 1]) + (down[x] - up[x]) * (down[x] - up[x]))

#define KERNELS(T, S)                                                                                                  \
    static VD_TARGET void columns_##S(T *restrict one, T *restrict two, const T *restrict a, const T *restrict b,      \
                                      const T *restrict c, const T *restrict d, ptrdiff_t n)                           \
    {                                                                                                                  \
        for (ptrdiff_t x = -1; x <= n; x++) {                                                                          \
            one[x] = (a[x] + c[x]) + 2 * b[x];                                                                         \
            two[x] = (b[x] + d[x]) + 2 * c[x];                                                                         \
        }                                                                                                              \
    }                                                                                                                  \
                                                                                                                       \
    static VD_TARGET void along_##S(T *restrict out, const T *restrict column, ptrdiff_t n)                            \
    {                                                                                                                  \
        for (ptrdiff_t x = 0; x < n; x++)                                                                              \
            out[x] = ((column[x - 1] + column[x + 1]) + 2 * column[x]) * (T)0.0625;                                    \
    }                                                                                                                  \
                                                                                                                       \
    static VD_TARGET void smooth_##S(T *const outs[2], T *const columns[2], const T *const rows[4], ptrdiff_t n)       \
    {                                                                                                                  \
        columns_##S(columns[0], columns[1], rows[0], rows[1], rows[2], rows[3], n);                                    \
        for (int j = 0; j < 2; j++)                                                                                    \
            along_##S(outs[j], columns[j], n);                                                                         \
    }                                                                                                                  \
                                                                                                                       \
    static VD_TARGET void gradient_first_##S(T *restrict one, T *restrict two, const T *restrict a,                    \
                                             const T *restrict b, const T *restrict c, const T *restrict d,            \
                                             ptrdiff_t n)                                                              \
    {                                                                                                                  \
        for (ptrdiff_t x = 0; x < n; x++) {                                                                            \
            one[x] = SQUARES(a, b, c, x) * (T)0.25;                                                                    \
            two[x] = SQUARES(b, c, d, x) * (T)0.25;                                                                    \
        }                                                                                                              \
    }                                                                                                                  \
                                                                                                                       \
    static VD_TARGET void gradient_more_##S(T *restrict one, T *restrict two, const T *restrict a,                     \
                                            const T *restrict b, const T *restrict c, const T *restrict d,             \
                                            ptrdiff_t n)                                                               \
    {                                                                                                                  \
        for (ptrdiff_t x = 0; x < n; x++) {                                                                            \
            one[x] += SQUARES(a, b, c, x) * (T)0.25;                                                                   \
            two[x] += SQUARES(b, c, d, x) * (T)0.25;                                                                   \
        }                                                                                                              \
    }                                                                                                                  \
                                                                                                                       \
    static VD_TARGET void gradient_##S(T *const sums[2], const T *const rows[4], bool more, ptrdiff_t n)               \
    {                                                                                                                  \
        (more ? gradient_more_##S : gradient_first_##S)(sums[0], sums[1], rows[0], rows[1], rows[2], rows[3], n);      \
    }                                                                                                                  \
                                                                                                                       \
    static VD_TARGET void gradient_known_##S(T *const sums[2], const T *const rows[4], const T *const weights[4],      \
                                             T min, bool more, ptrdiff_t n)                                            \
    {                                                                                                                  \
        for (int j = 0; j < 2; j++) {                                                                                  \
            T *restrict sum = sums[j];                                                                                 \
            const T *restrict up = rows[j], *restrict mid = rows[1 + j], *restrict down = rows[2 + j];                 \
            const T *restrict weight_up = weights[j], *restrict weight_mid = weights[1 + j];                           \
            const T *restrict weight_down = weights[2 + j];                                                            \
            for (ptrdiff_t x = 0; x < n; x++) {                                                                        \
                T left = weight_mid[x - 1] >= min ? (T)0.25 : 0, above = weight_up[x] >= min ? (T)0.25 : 0;            \
                T in_x = weight_mid[x + 1] >= min ? left : 0, in_y = weight_down[x] >= min ? above : 0;                \
                T dx = mid[x + 1] - mid[x - 1], dy = down[x] - up[x];                                                  \
                sum[x] = (more ? sum[x] : 0) + (dx * dx * in_x + dy * dy * in_y);                                      \
            }                                                                                                          \
        }                                                                                                              \
    }                                                                                                                  \
                                                                                                                       \
    static VD_TARGET void divide_##S(T *restrict row, const T *restrict weight, T min, ptrdiff_t n)                    \
    {                                                                                                                  \
        for (ptrdiff_t x = 0; x < n; x++) {                                                                            \
            T below = weight[x] >= min ? weight[x] : 1, value = row[x] / below;                                        \
            row[x] = weight[x] >= min ? value : 0;                                                                     \
        }                                                                                                              \
    }                                                                                                                  \
                                                                                                                       \
    static VD_TARGET void multiply_##S(T *restrict out, const T *restrict a, const T *restrict b, ptrdiff_t n)         \
    {                                                                                                                  \
        for (ptrdiff_t x = 0; x < n; x++)                                                                              \
            out[x] = a[x] * b[x];                                                                                      \
    }                                                                                                                  \
                                                                                                                       \
    static VD_TARGET void clear_##S(T *row, const T *weight, T min, ptrdiff_t n)                                       \
    {                                                                                                                  \
        for (ptrdiff_t x = 0; x < n; x++)                                                                              \
            row[x] = weight[x] < min ? 0 : row[x];                                                                     \
    }                                                                                                                  \
                                                                                                                       \
    static VD_TARGET void exponential_##S(T *restrict row, T scale, ptrdiff_t n)                                       \
    {                                                                                                                  \
        for (ptrdiff_t x = 0; x < n; x++)                                                                              \
            row[x] = vd_exp_##S(-row[x] * scale);                                                                      \
    }                                                                                                                  \
                                                                                                                       \
    static VD_TARGET void rational_##S(T *restrict row, T scale, ptrdiff_t n)                                          \
    {                                                                                                                  \
        for (ptrdiff_t x = 0; x < n; x++)                                                                              \
            row[x] = 1 / (1 + row[x] * scale);                                                                         \
    }                                                                                                                  \
                                                                                                                       \
    static VD_TARGET void faces_##S(T *restrict right, T *restrict below, const T *restrict mid,                       \
                                    const T *restrict down, T half_y, T half_x, ptrdiff_t n)                           \
    {                                                                                                                  \
        right[-1] = half_x * (mid[-1] + mid[0]);                                                                       \
        for (ptrdiff_t x = 0; x < n; x++) {                                                                            \
            right[x] = half_x * (mid[x] + mid[x + 1]);                                                                 \
            below[x] = half_y * (mid[x] + down[x]);                                                                    \
        }                                                                                                              \
    }                                                                                                                  \
                                                                                                                       \
    static VD_TARGET void steps_##S(T *restrict one, T *restrict two, const T *restrict a, const T *restrict b,        \
                                    const T *restrict c, const T *restrict d, const T *restrict right_b,               \
                                    const T *restrict right_c, const T *restrict below_a, const T *restrict below_b,   \
                                    const T *restrict below_c, T tau, ptrdiff_t n)                                     \
    {                                                                                                                  \
        for (ptrdiff_t x = 0; x < n; x++) {                                                                            \
            T between = below_b[x] * (c[x] - b[x]);                                                                    \
            T in_b = right_b[x] * (b[x + 1] - b[x]) - right_b[x - 1] * (b[x] - b[x - 1]);                              \
            T in_c = right_c[x] * (c[x + 1] - c[x]) - right_c[x - 1] * (c[x] - c[x - 1]);                              \
            one[x] = b[x] + tau * (in_b + (between - below_a[x] * (b[x] - a[x])));                                     \
            two[x] = c[x] + tau * (in_c + (below_c[x] * (d[x] - c[x]) - between));                                     \
        }                                                                                                              \
    }                                                                                                                  \
                                                                                                                       \
    static VD_TARGET void step_##S(T *const outs[2], const T *const rows[4], const T *const rights[2],                 \
                                   const T *const belows[3], T tau, ptrdiff_t n)                                       \
    {                                                                                                                  \
        steps_##S(outs[0], outs[1], rows[0], rows[1], rows[2], rows[3], rights[0], rights[1], belows[0], belows[1],    \
                  belows[2], tau, n);                                                                                  \
    }                                                                                                                  \
                                                                                                                       \
    static VD_TARGET void weigh_##S(double *restrict out, const T *restrict samples, const T *restrict confidence,     \
                                    ptrdiff_t n)                                                                       \
    {                                                                                                                  \
        for (ptrdiff_t x = 0; x < n; x++)                                                                              \
            out[x] = (samples != NULL ? (double)samples[x] : 1) * (confidence != NULL ? (double)confidence[x] : 1);    \
    }                                                                                                                  \
                                                                                                                       \
    static VD_TARGET void release_##S(double *restrict free, const T *restrict confidence, int hold, ptrdiff_t n)      \
    {                                                                                                                  \
        for (ptrdiff_t x = 0; x < n; x++)                                                                              \
            free[x] = hold && (confidence == NULL || confidence[x] == 1) ? 0 : 1;                                      \
    }                                                                                                                  \
                                                                                                                       \
    static VD_TARGET void end_weights_##S(T *restrict out, const double *restrict weight, const double *restrict free, \
                                          double min, double most, ptrdiff_t n)                                        \
    {                                                                                                                  \
        for (ptrdiff_t x = 0; x < n; x++) {                                                                            \
            double value = weight[x] < min ? 0 : weight[x];                                                            \
            out[x] = (T)(free[x] == 1 && value > most ? most : value);                                                 \
        }                                                                                                              \
    }                                                                                                                  \
                                                                                                                       \
    static VD_TARGET void end_sums_##S(T *restrict out, const double *restrict sum, const T *restrict weight,          \
                                       ptrdiff_t n)                                                                    \
    {                                                                                                                  \
        for (ptrdiff_t x = 0; x < n; x++)                                                                              \
            out[x] = weight != NULL && weight[x] == 0 ? 0 : (T)sum[x];                                                 \
    }

KERNELS(float, f32)
KERNELS(double, f64)
#undef KERNELS
#undef SQUARES

static inline VD_TARGET double harmonic_mean(double a, double b) { return 2 / (1 / a + 1 / b); }

static VD_TARGET void couple(double *restrict right, double *restrict below, const double *restrict here,
                             const double *restrict next, double half_y, double half_x, ptrdiff_t n)
{
    for (ptrdiff_t x = 0; x + 1 < n; x++)
        right[x] = half_x * harmonic_mean(here[x], here[x + 1]);
    right[n - 1] = 0;
    for (ptrdiff_t x = 0; x < n; x++)
        below[x] = next != NULL ? half_y * harmonic_mean(here[x], next[x]) : 0;
}

static VD_TARGET double bound(const double *restrict right, const double *restrict above, const double *restrict below,
                              ptrdiff_t n)
{
    double max = 0;
    for (ptrdiff_t x = 0; x < n; x++) {
        double all = right[x - 1] + right[x] + above[x] + below[x];
        max = max > all ? max : all;
    }
    return max;
}

static VD_TARGET void chebyshev(double *restrict last, double *restrict sum, const double *restrict start,
                                const double *restrict up, const double *restrict mid, const double *restrict down,
                                const double *restrict right, const double *restrict above,
                                const double *restrict below, const double *restrict free, double scale, double share,
                                int first, ptrdiff_t n)
{
    double twice = first ? 1 : 2, back = first ? 0 : 1;
    for (ptrdiff_t x = 0; x < n; x++) {
        double in_x = right[x] * (mid[x + 1] - mid[x]) - right[x - 1] * (mid[x] - mid[x - 1]);
        double in_y = below[x] * (down[x] - mid[x]) - above[x] * (mid[x] - up[x]);
        last[x] = twice * (mid[x] + scale * free[x] * (in_x + in_y)) - back * last[x];
        sum[x] += share * (last[x] - start[x]);
    }
}

#define FILL(S)                                                                                                        \
    k->smooth_##S = smooth_##S, k->gradient_##S = gradient_##S, k->gradient_known_##S = gradient_known_##S,            \
    k->divide_##S = divide_##S, k->multiply_##S = multiply_##S, k->clear_##S = clear_##S,                              \
    k->exponential_##S = exponential_##S, k->rational_##S = rational_##S, k->faces_##S = faces_##S,                    \
    k->step_##S = step_##S, k->weigh_##S = weigh_##S, k->release_##S = release_##S,                                    \
    k->end_weights_##S = end_weights_##S, k->end_sums_##S = end_sums_##S

static void fill_diffusion(vd_diffusion_kernels *k)
{
    FILL(f32);
    FILL(f64);
    k->couple = couple;
    k->bound = bound;
    k->chebyshev = chebyshev;
}

#undef FILL
