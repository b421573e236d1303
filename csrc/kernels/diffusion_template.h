/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Template: the row kernels of diffusion.h as plain loops, each compiled for one instruction set. Takes VD_TARGET (the
 * function attribute) and TABLE_NAME (a string).
 */
#if !defined(VD_TARGET) || !defined(TABLE_NAME)
#error "define VD_TARGET and TABLE_NAME before including diffusion_template.h"
#endif

#include "exponential.h"

#define KERNELS(T, S)                                                                                                  \
    static VD_TARGET void smooth_##S(T *restrict out, T *restrict column, const T *restrict up, const T *restrict mid, \
                                     const T *restrict down, ptrdiff_t n)                                              \
    {                                                                                                                  \
        for (ptrdiff_t x = -1; x <= n; x++)                                                                            \
            column[x] = (up[x] + down[x]) + 2 * mid[x];                                                                \
        for (ptrdiff_t x = -1; x < n; x++)                                                                             \
            column[x] += column[x + 1];                                                                                \
        for (ptrdiff_t x = 0; x < n; x++)                                                                              \
            out[x] = (column[x - 1] + column[x]) * (T)0.0625;                                                          \
    }                                                                                                                  \
                                                                                                                       \
    static VD_TARGET void gradient_##S(T *restrict sum, const T *restrict up, const T *restrict mid,                   \
                                       const T *restrict down, ptrdiff_t n)                                            \
    {                                                                                                                  \
        for (ptrdiff_t x = 0; x < n; x++) {                                                                            \
            T dx = mid[x + 1] - mid[x - 1], dy = down[x] - up[x];                                                      \
            sum[x] += (dx * dx + dy * dy) * (T)0.25;                                                                   \
        }                                                                                                              \
    }                                                                                                                  \
                                                                                                                       \
    static VD_TARGET void divide_##S(T *restrict row, const T *restrict mass, T least, ptrdiff_t n)                    \
    {                                                                                                                  \
        for (ptrdiff_t x = 0; x < n; x++) {                                                                            \
            T below = mass[x] >= least ? mass[x] : 1, value = row[x] / below;                                          \
            row[x] = mass[x] >= least ? value : 0;                                                                     \
        }                                                                                                              \
    }                                                                                                                  \
                                                                                                                       \
    static VD_TARGET void gradient_known_##S(                                                                          \
        T *restrict sum, const T *restrict up, const T *restrict mid, const T *restrict down,                          \
        const T *restrict mass_up, const T *restrict mass_mid, const T *restrict mass_down, T least, ptrdiff_t n)      \
    {                                                                                                                  \
        for (ptrdiff_t x = 0; x < n; x++) {                                                                            \
            T left = mass_mid[x - 1] >= least ? (T)0.25 : 0, above = mass_up[x] >= least ? (T)0.25 : 0;                \
            T in_x = mass_mid[x + 1] >= least ? left : 0, in_y = mass_down[x] >= least ? above : 0;                    \
            T dx = mid[x + 1] - mid[x - 1], dy = down[x] - up[x];                                                      \
            sum[x] += dx * dx * in_x + dy * dy * in_y;                                                                 \
        }                                                                                                              \
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
    static VD_TARGET void step_##S(T *restrict out, const T *restrict up, const T *restrict mid,                       \
                                   const T *restrict down, const T *restrict right, const T *restrict above,           \
                                   const T *restrict below, T tau, ptrdiff_t n)                                        \
    {                                                                                                                  \
        for (ptrdiff_t x = 0; x < n; x++) {                                                                            \
            T in_x = right[x] * (mid[x + 1] - mid[x]) - right[x - 1] * (mid[x] - mid[x - 1]);                          \
            T in_y = below[x] * (down[x] - mid[x]) - above[x] * (mid[x] - up[x]);                                      \
            out[x] = mid[x] + tau * (in_x + in_y);                                                                     \
        }                                                                                                              \
    }

KERNELS(float, f32)
KERNELS(double, f64)
#undef KERNELS

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

#define ENTRIES(S)                                                                                                     \
    .smooth_##S = smooth_##S, .gradient_##S = gradient_##S, .divide_##S = divide_##S,                                  \
    .gradient_known_##S = gradient_known_##S, .exponential_##S = exponential_##S, .rational_##S = rational_##S,        \
    .faces_##S = faces_##S, .step_##S = step_##S

static const vd_diffusion_kernels table = {
    .name = TABLE_NAME,
    ENTRIES(f32),
    ENTRIES(f64),
    .chebyshev = chebyshev,
};

#undef ENTRIES
