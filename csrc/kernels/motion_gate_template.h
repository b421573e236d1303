/* SPDX-License-Identifier: Apache-2.0 */
/* Template: a part of motion_template.h, which includes it: how two estimates differ, and their merging. */
#if !defined(REAL) || !defined(NAME)
#error "motion_gate_template.h is a part of motion_template.h"
#endif

/* ---- gate ---- */

static VD_TARGET void NAME(differ)(void *out_, ptrdiff_t out_pitch, const void *a_, const void *b_,
                                   ptrdiff_t plane_pitch, int64_t channels, int64_t pixels)
{
    REAL *out = out_;
    const REAL *a = a_, *b = b_;
    const REAL *restrict weight_a = a + channels * plane_pitch, *restrict weight_b = b + channels * plane_pitch;
    const REAL *restrict noise_a = weight_a + plane_pitch, *restrict noise_b = weight_b + plane_pitch;
    REAL *restrict count = out + VD_DIFFERENCE_COUNT * out_pitch, *restrict noise =
                                                                      out + VD_DIFFERENCE_NOISE * out_pitch;
    REAL *restrict energy = out + VD_DIFFERENCE_ENERGY * out_pitch;
    const REAL number = (REAL)channels;
    for (int64_t x = 0; x < pixels; x++) {
        REAL both = ((weight_a[x] > 0) & (weight_b[x] > 0)) ? (REAL)1 : (REAL)0, sum = noise_a[x] + noise_b[x];
        count[x] = both;
        noise[x] = both > 0 ? sum : 0;
        energy[x] = 0;
    }
    for (int64_t c = 0; c < channels; c++) {
        const REAL *restrict values_a = a + c * plane_pitch, *restrict values_b = b + c * plane_pitch;
        REAL *restrict values = out + (VD_DIFFERENCE_VALUES + c) * out_pitch;
        for (int64_t x = 0; x < pixels; x++) {
            REAL difference = values_a[x] - values_b[x];
            difference = count[x] > 0 ? difference : 0;
            values[x] = difference;
            energy[x] += difference * difference;
        }
    }
    for (int64_t x = 0; x < pixels; x++)
        energy[x] = energy[x] / number;
}

static VD_TARGET void NAME(sum_along)(void *sums_, const void *values_, int radius, int64_t pixels)
{
    REAL *restrict sums = sums_;
    const REAL *restrict v = values_;
    if (radius == 2) {
        for (int64_t x = 0; x < pixels; x++)
            sums[x] = (((v[x] + v[x - 1]) + v[x + 1]) + v[x - 2]) + v[x + 2];
    } else if (radius == 4) {
        for (int64_t x = 0; x < pixels; x++)
            sums[x] = (((((((v[x] + v[x - 1]) + v[x + 1]) + v[x - 2]) + v[x + 2]) + v[x - 3]) + v[x + 3]) + v[x - 4]) +
                      v[x + 4];
    }
}

static VD_TARGET void NAME(add_rows)(void *out_, const void *const *rows_, int count, int64_t n)
{
    REAL *restrict out = out_;
    const REAL *const *rows = (const REAL *const *)rows_;
    if (count == 9) {
        const REAL *restrict r0 = rows[0], *restrict r1 = rows[1], *restrict r2 = rows[2], *restrict r3 = rows[3];
        const REAL *restrict r4 = rows[4], *restrict r5 = rows[5], *restrict r6 = rows[6], *restrict r7 = rows[7];
        const REAL *restrict r8 = rows[8];
        for (int64_t i = 0; i < n; i++)
            out[i] = (((((((r0[i] + r1[i]) + r2[i]) + r3[i]) + r4[i]) + r5[i]) + r6[i]) + r7[i]) + r8[i];
    } else if (count == 5) {
        const REAL *restrict r0 = rows[0], *restrict r1 = rows[1], *restrict r2 = rows[2], *restrict r3 = rows[3];
        const REAL *restrict r4 = rows[4];
        for (int64_t i = 0; i < n; i++)
            out[i] = (((r0[i] + r1[i]) + r2[i]) + r3[i]) + r4[i];
    } else {
        memcpy(out, rows[0], (size_t)n * sizeof *out);
        for (int k = 1; k < count; k++) {
            const REAL *restrict row = rows[k];
            for (int64_t i = 0; i < n; i++)
                out[i] += row[i];
        }
    }
}

/* (r - limit) / scale where that is above 0, of r = value / noise; without noise, any value above 0 exceeds the limit.
 * */
INLINE double NAME(excess)(double value, double noise, double limit, double scale)
{
    double beyond = value / noise - limit, some = beyond / scale;
    some = beyond > 0 ? some : 0;
    double none = value > 0 ? INFINITY : 0;
    return noise > 0 ? some : none;
}

/* Noise explains most pixels, which a product shows without a division: a block of them is tested at once, with a
 * margin for rounding. The statistic of the near window is compared with the limit for a full window, the lowest. */
#define BLOCK 16

static VD_TARGET void NAME(coefficients)(double *restrict out, const void *window_, ptrdiff_t plane_pitch,
                                         const vd_gate *gate, int64_t channels, int64_t pixels)
{
    const REAL *window = window_;
    const REAL *restrict count = window + VD_WINDOW_COUNT * plane_pitch;
    const REAL *restrict energy = window + VD_WINDOW_ENERGY * plane_pitch;
    const REAL *restrict near_noise = window + VD_WINDOW_NEAR_NOISE * plane_pitch;
    const REAL *restrict far_noise = window + VD_WINDOW_FAR_NOISE * plane_pitch;
    const double number = (double)channels, margin = 1 - 1e-12;
    const double near_limit = margin * gate->near_limit[VD_GATE_NEAR_PIXELS],
                 far_limit = margin * number * gate->far_limit;
    for (int64_t begin = 0; begin < pixels; begin += BLOCK) {
        int64_t end = begin + BLOCK < pixels ? begin + BLOCK : pixels;
        double squares[BLOCK] = {0};
        int32_t unexplained[BLOCK], any = 0;
        for (int64_t c = 0; c < channels; c++) {
            const REAL *restrict values = window + (VD_WINDOW_VALUES + c) * plane_pitch + begin;
            for (int i = 0; i < BLOCK; i++)
                squares[i] += (double)values[i] * (double)values[i];
        }
        for (int i = 0; i < BLOCK; i++) {
            unexplained[i] = !(squares[i] <= far_limit * (double)far_noise[begin + i]) |
                             !((double)energy[begin + i] <= near_limit * (double)near_noise[begin + i]);
            any |= unexplained[i];
        }
        for (int64_t x = begin; x < end; x++)
            out[x] = 1;
        for (int64_t x = begin; any && x < end; x++) {
            if (!unexplained[x - begin])
                continue;
            int known = (int)count[x];
            double exponent = NAME(excess)(squares[x - begin] / number, far_noise[x], gate->far_limit, gate->far_scale);
            if (known > 0)
                exponent += NAME(excess)(energy[x], near_noise[x], gate->near_limit[known], gate->near_scale[known]);
            if (exponent > 0)
                out[x] = exp(-exponent);
        }
    }
}

#undef BLOCK

/* ---- merge ---- */

static VD_TARGET int NAME(merge)(void *out_, const void *a_, const void *b_, ptrdiff_t plane_pitch,
                                 const double *restrict coefficients, double decay, int64_t channels, int64_t pixels,
                                 double *restrict shares)
{
    REAL *out = out_;
    const REAL *a = a_, *b = b_;
    const REAL *restrict weight_a = a + channels * plane_pitch, *restrict weight_b = b + channels * plane_pitch;
    const REAL *restrict noise_a = weight_a + plane_pitch, *restrict noise_b = weight_b + plane_pitch;
    REAL *restrict weight = out + channels * plane_pitch, *restrict noise = weight + plane_pitch;
    int32_t missing = 0;
    /* share: the weight of a; 0 for b alone, -1 for a alone */
    for (int64_t x = 0; x < pixels; x++) {
        double own = weight_a[x], other = decay * (double)weight_b[x];
        if (coefficients != NULL)
            other *= coefficients[x];
        double sum = own + other, share = own / sum, rest = other / sum;
        double variance = rest * rest * (double)noise_b[x];
        double both = variance + share * share * (double)noise_a[x];
        share = own > 0 ? share : 0;
        variance = own > 0 ? both : variance;
        int32_t counts = other >= VD_MIN_WEIGHT;
        shares[x] = counts ? share : -1;
        weight[x] = counts ? (REAL)sum : weight_a[x];
        noise[x] = counts ? (REAL)variance : noise_a[x];
        missing |= !(weight[x] > 0);
    }
    for (int64_t c = 0; c < channels; c++) {
        const REAL *restrict values_a = a + c * plane_pitch, *restrict values_b = b + c * plane_pitch;
        REAL *restrict values = out + c * plane_pitch;
        for (int64_t x = 0; x < pixels; x++) {
            double share = shares[x];
            REAL mixed = values_b[x] + (REAL)(share * (double)(values_a[x] - values_b[x]));
            mixed = share > 0 ? mixed : values_b[x];
            values[x] = share < 0 ? values_a[x] : mixed;
        }
    }
    return missing != 0;
}
