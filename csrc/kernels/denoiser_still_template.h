/* SPDX-License-Identifier: Apache-2.0 */
/* Template: the kernels of denoiser.h for what stays put, included by denoiser_template.h; denoiser/still.c has the formulas. */

static VD_TARGET void misfit(float *restrict gain, float *restrict squares, float *restrict sum,
                             float *restrict sum_prior, const float *restrict f, const float *restrict mean,
                             const float *restrict prior, ptrdiff_t n)
{
    n = WHOLE_STEPS(n);
    for (ptrdiff_t i = 0; i < n; i++) {
        float a = f[i] - mean[i], b = f[i] - prior[i], aa = a * a;
        sum[i] += a;
        sum_prior[i] += b;
        squares[i] += aa;
        gain[i] += aa - b * b;
    }
}

static VD_TARGET void drift(float *restrict bias, float *restrict squares, float *restrict gain,
                            const float *restrict sum, const float *restrict sum_prior, const float *restrict r,
                            const float *restrict age, const float *restrict samples, float scale, ptrdiff_t n)
{
    n = WHOLE_STEPS(n);
    for (ptrdiff_t i = 0; i < n; i++) {
        float unit = scale / (r[i] * (samples[i] > 1 ? samples[i] : 1));
        float b = sum[i] * sqrtf(unit), rate = 1 / (age[i] + 1);
        rate = rate > 0.25f ? rate : 0.25f;
        bias[i] += rate * (b - bias[i]);
        squares[i] += bias[i] * bias[i];
        gain[i] += unit * (sum[i] * sum[i] - sum_prior[i] * sum_prior[i]);
    }
}

static VD_TARGET void divide(float *restrict a, const float *restrict b, float scale, ptrdiff_t n)
{
    n = WHOLE_STEPS(n);
    for (ptrdiff_t i = 0; i < n; i++)
        a[i] = a[i] * scale / b[i];
}

INLINE float clip_1(float x)
{
    x = x > 0 ? x : 0;
    return x < 1 ? x : 1;
}

/* The sum of a plane over 3 x 3 cells. */
#define AROUND(plane)                                                                                                  \
    (((above[plane][i - 1] + above[plane][i + 1]) + above[plane][i]) +                                                 \
     ((here[plane][i - 1] + here[plane][i + 1]) + here[plane][i]) +                                                    \
     ((below[plane][i - 1] + below[plane][i + 1]) + below[plane][i]))

static VD_TARGET void judge_cells(float *restrict rate, const vd_cell_rows *rows, ptrdiff_t n)
{
    float *const *here = rows->here;
    const float *const *above = rows->above, *const *below = rows->below;
    n = WHOLE_STEPS(n);
    INDEPENDENT_LANES
    for (ptrdiff_t i = 0; i < n; i++) {
        float m = here[VD_AGE][i] + 1;
        m = m < VD_MAX_FRAMES ? m : VD_MAX_FRAMES;
        float share = rows->share[i] * rows->rows, all_cells = rows->share_cells[i] * rows->rows_of_cells;
        float low_share = all_cells / rows->channels, one = 1 / m;
        float gain = AROUND(VD_GAIN_NOW) * share - one, low = AROUND(VD_LOW_NOW) * low_share - one;
        float spread = one > 1 / 7.0f ? one : 1 / 7.0f;
        spread += one;
        float squares = AROUND(VD_SQUARES) * share - 1 - one, bias = AROUND(VD_BIAS) * low_share - spread;
        gain = here[VD_GAIN][i] + 0.25f * (gain - here[VD_GAIN][i]);
        gain = gain < 1 ? gain : 1;
        low = here[VD_LOW][i] + 0.25f * (low - here[VD_LOW][i]);
        low = low < 4 ? low : 4;
        float slow = one > 0.0625f ? one : 0.0625f;
        float x = here[VD_MOVED_X][i] + slow * (AROUND(VD_FLOW_X) * all_cells - here[VD_MOVED_X][i]);
        float y = here[VD_MOVED_Y][i] + slow * (AROUND(VD_FLOW_Y) * all_cells - here[VD_MOVED_Y][i]);

        float v = gain - 4 * sqrtf((one + 0.05f) * share), more = low - 4 * sqrtf((one + 0.05f) * low_share);
        v = v > more ? v : more;
        more = squares - 4.5f * (1 + one) * sqrtf(2 * share);
        v = v > more ? v : more;
        more = bias - 5 * spread * sqrtf(2 * low_share);
        v = v > more ? v : more;
        v = v > 0 ? v : 0;
        float misfit = v * m, known = rows->fresh[i] == 0 ? 1 : 0;
        float moves = 2 - sqrtf(x * x + y * y) * (1 / 0.35f);
        float trust = clip_1(2 - 2 * misfit) * clip_1((m - 2) * (1 / 3.0f)) * clip_1(moves);
        float age = misfit > 1 ? 1 / v : m;
        here[VD_TRUST][i] = known * trust;
        here[VD_AGE][i] = known * age;
        here[VD_GAIN][i] = known * gain;
        here[VD_LOW][i] = known * low;
        here[VD_MOVED_X][i] = known * x;
        here[VD_MOVED_Y][i] = known * y;
        rate[i] = 1 / (known * age + 1);
    }
}

#undef AROUND

static VD_TARGET void accumulate(float *restrict prior, float *restrict mean, const float *restrict f,
                                 const float *restrict trust, const float *restrict rate, ptrdiff_t n)
{
    n = WHOLE_STEPS(n);
    for (ptrdiff_t i = 0; i < n; i++) {
        float m = mean[i];
        prior[i] += trust[i] * (m - prior[i]);
        mean[i] = m + rate[i] * (f[i] - m);
    }
}

INLINE float least(float a, float b) { return a < b ? a : b; }

static VD_TARGET void expect(float *restrict slack, float *restrict min_ratio, const float *const *age,
                             const float *const *trust, float ratio, ptrdiff_t n)
{
    const float *restrict age0 = age[0], *restrict age1 = age[1];
    const float *restrict trust0 = trust[0], *restrict trust1 = trust[1];
    n = WHOLE_STEPS(n);
    for (ptrdiff_t i = 0; i < n; i++) {
        float m = least(least(age0[i], age0[i + 1]), least(age1[i], age1[i + 1]));
        float t = least(least(trust0[i], trust0[i + 1]), least(trust1[i], trust1[i + 1]));
        slack[i] = 1.1f + 4 * t;
        min_ratio[i] = ratio + t * (1 / (m > 1 ? m : 1) - ratio);
    }
}
