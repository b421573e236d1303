/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Template: the kernels of denoiser.h as plain loops, each compiled for one instruction set. Takes VD_TARGET, the
 * function attribute.
 *
 * The transform splits into even and odd halves: 22 products and 28 sums. Factorisations with 11 products (Loeffler et
 * al. 1989) have as many operations in a row and round more often.
 */
#include <float.h>
#include <math.h>
#include <string.h>

#include "kernels/denoiser.h"

/* Before a loop over lanes: no lane reads what another writes. */
#if defined(__clang__)
#define INDEPENDENT_LANES _Pragma("clang loop vectorize(assume_safety)")
#elif defined(__GNUC__)
#define INDEPENDENT_LANES _Pragma("GCC ivdep")
#else
#define INDEPENDENT_LANES
#endif

#define INLINE static inline VD_TARGET
#define WHOLE_STEPS(n) ((n) & ~(ptrdiff_t)(VD_LANE_STEP - 1)) /* tells the compiler that no lanes are left over */

/* cos(k pi / 16) / 2, and cos(pi / 4) / 2 */
#define C1 0.490392640201615225f
#define C2 0.461939766255643378f
#define C3 0.415734806151272619f
#define C4 0.353553390593273762f
#define C5 0.277785116509801112f
#define C6 0.191341716182544886f
#define C7 0.097545161008064134f

static VD_TARGET void forward(float *restrict out, ptrdiff_t pitch, const float *const *in, ptrdiff_t n)
{
    const float *restrict x0 = in[0], *restrict x1 = in[1], *restrict x2 = in[2], *restrict x3 = in[3];
    const float *restrict x4 = in[4], *restrict x5 = in[5], *restrict x6 = in[6], *restrict x7 = in[7];
    n = WHOLE_STEPS(n);
    INDEPENDENT_LANES
    for (ptrdiff_t i = 0; i < n; i++) {
        float s0 = x0[i] + x7[i], s1 = x1[i] + x6[i], s2 = x2[i] + x5[i], s3 = x3[i] + x4[i];
        float d0 = x0[i] - x7[i], d1 = x1[i] - x6[i], d2 = x2[i] - x5[i], d3 = x3[i] - x4[i];
        float a = s0 + s3, b = s1 + s2, c = s0 - s3, d = s1 - s2;
        out[0 * pitch + i] = C4 * (a + b);
        out[4 * pitch + i] = C4 * (a - b);
        out[2 * pitch + i] = C2 * c + C6 * d;
        out[6 * pitch + i] = C6 * c - C2 * d;
        out[1 * pitch + i] = (C1 * d0 + C3 * d1) + (C5 * d2 + C7 * d3);
        out[3 * pitch + i] = (C3 * d0 - C7 * d1) - (C1 * d2 + C5 * d3);
        out[5 * pitch + i] = (C5 * d0 - C1 * d1) + (C7 * d2 + C3 * d3);
        out[7 * pitch + i] = (C7 * d0 - C5 * d1) + (C3 * d2 - C1 * d3);
    }
}

/* value[0 .. 7] of lane i from the coefficients k[0 .. 7] */
#define INVERSE(value, k)                                                                                              \
    float even_a = C4 * ((k)[0] + (k)[4]), even_b = C4 * ((k)[0] - (k)[4]);                                            \
    float even_c = C2 * (k)[2] + C6 * (k)[6], even_d = C6 * (k)[2] - C2 * (k)[6];                                      \
    float e0 = even_a + even_c, e1 = even_b + even_d, e2 = even_b - even_d, e3 = even_a - even_c;                      \
    float o0 = (C1 * (k)[1] + C3 * (k)[3]) + (C5 * (k)[5] + C7 * (k)[7]);                                              \
    float o1 = (C3 * (k)[1] - C7 * (k)[3]) - (C1 * (k)[5] + C5 * (k)[7]);                                              \
    float o2 = (C5 * (k)[1] - C1 * (k)[3]) + (C7 * (k)[5] + C3 * (k)[7]);                                              \
    float o3 = (C7 * (k)[1] - C5 * (k)[3]) + (C3 * (k)[5] - C1 * (k)[7]);                                              \
    float value[VD_PATCH] = {e0 + o0, e1 + o1, e2 + o2, e3 + o3, e3 - o3, e2 - o2, e1 - o1, e0 - o0};

static VD_TARGET void inverse(float *restrict out, const float *restrict in, ptrdiff_t pitch, ptrdiff_t n)
{
    n = WHOLE_STEPS(n);
    INDEPENDENT_LANES
    for (ptrdiff_t i = 0; i < n; i++) {
        float k[VD_PATCH] = {in[i],
                             in[pitch + i],
                             in[2 * pitch + i],
                             in[3 * pitch + i],
                             in[4 * pitch + i],
                             in[5 * pitch + i],
                             in[6 * pitch + i],
                             in[7 * pitch + i]};
        INVERSE(value, k)
        out[i] = value[0];
        out[pitch + i] = value[1];
        out[2 * pitch + i] = value[2];
        out[3 * pitch + i] = value[3];
        out[4 * pitch + i] = value[4];
        out[5 * pitch + i] = value[5];
        out[6 * pitch + i] = value[6];
        out[7 * pitch + i] = value[7];
    }
}

static VD_TARGET void inverse_add(float *const *out, const float *restrict in, ptrdiff_t pitch,
                                  const float *restrict weight, const float *restrict window, ptrdiff_t n)
{
    float *restrict x0 = out[0], *restrict x1 = out[1], *restrict x2 = out[2], *restrict x3 = out[3];
    float *restrict x4 = out[4], *restrict x5 = out[5], *restrict x6 = out[6], *restrict x7 = out[7];
    const float h0 = window[0], h1 = window[1], h2 = window[2], h3 = window[3];
    const float h4 = window[4], h5 = window[5], h6 = window[6], h7 = window[7];
    n = WHOLE_STEPS(n);
    INDEPENDENT_LANES
    for (ptrdiff_t i = 0; i < n; i++) {
        float w = weight[i];
        float k[VD_PATCH] = {w * in[i],
                             w * in[pitch + i],
                             w * in[2 * pitch + i],
                             w * in[3 * pitch + i],
                             w * in[4 * pitch + i],
                             w * in[5 * pitch + i],
                             w * in[6 * pitch + i],
                             w * in[7 * pitch + i]};
        INVERSE(value, k)
        x0[i] += h0 * value[0];
        x1[i] += h1 * value[1];
        x2[i] += h2 * value[2];
        x3[i] += h3 * value[3];
        x4[i] += h4 * value[4];
        x5[i] += h5 * value[5];
        x6[i] += h6 * value[6];
        x7[i] += h7 * value[7];
    }
}

static VD_TARGET void innovation(float *restrict e, float *restrict relative, const float *restrict q,
                                 const float *restrict p, float scale, ptrdiff_t n)
{
    n = WHOLE_STEPS(n);
    for (ptrdiff_t i = 0; i < n; i++) {
        float d = q[i] - p[i];
        e[i] = d;
        relative[i] += d * d * scale;
    }
}

static VD_TARGET void brightness(float *restrict r, const float *q, const float *e, const float *keep,
                                 ptrdiff_t channel_pitch, int64_t channels, float gain, float offset, ptrdiff_t n)
{
    const float *restrict kept = keep != NULL ? keep : q;
    const int all = keep == NULL;
    n = WHOLE_STEPS(n);
    for (ptrdiff_t i = 0; i < n; i++) {
        float sum = 0, share = 0.75f * (all ? 1 : kept[i]);
        for (int64_t c = 0; c < channels; c++)
            sum += q[c * channel_pitch + i] - share * e[c * channel_pitch + i];
        float value = gain * sum + offset;
        r[i] = channels == 0 ? 1 : value > 0.01f ? value : 0.01f;
    }
}

static VD_TARGET void judge(float *restrict keep, const float *const zones[VD_ZONES], const float limits[VD_TESTS],
                            const float *restrict brightness, const float *restrict fresh, ptrdiff_t n)
{
    const float *restrict z0 = zones[0], *restrict z1 = zones[1], *restrict z2 = zones[2], *restrict z3 = zones[3];
    const float *restrict z4 = zones[4], *restrict z5 = zones[5], *restrict z6 = zones[6], *restrict z7 = zones[7];
    const float *restrict z8 = zones[8], *restrict z9 = zones[9];
    const float limit0 = limits[0], limit1 = limits[1], limit2 = limits[2], limit3 = limits[3], limit4 = limits[4];
    n = WHOLE_STEPS(n);
    for (ptrdiff_t i = 0; i < n; i++) {
        float low = (z0[i] + z1[i]) + (z2[i] + z3[i]);
        float middle = low + ((z4[i] + z5[i]) + z6[i]);
        float all = middle + ((z7[i] + z8[i]) + z9[i]);
        float column = (z0[i] + z1[i]) + (z4[i] + z7[i]);
        float row = (z0[i] + z2[i]) + (z5[i] + z8[i]);
        float fits = low <= limit0 * brightness[i] ? 1 - fresh[i] : 0;
        fits = middle <= limit1 * brightness[i] ? fits : 0;
        fits = all <= limit2 * brightness[i] ? fits : 0;
        fits = column <= limit3 * brightness[i] ? fits : 0;
        keep[i] = row <= limit4 * brightness[i] ? fits : 0;
    }
}

static VD_TARGET void squares_3(float *restrict out, const float *restrict a, ptrdiff_t n)
{
    n = WHOLE_STEPS(n);
    for (ptrdiff_t i = 0; i < n; i++)
        out[i] = (a[i - 1] * a[i - 1] + a[i + 1] * a[i + 1]) + a[i] * a[i];
}

static VD_TARGET void squares_5(float *restrict out, const float *restrict a, ptrdiff_t n)
{
    n = WHOLE_STEPS(n);
    for (ptrdiff_t i = 0; i < n; i++)
        out[i] =
            ((a[i - 2] * a[i - 2] + a[i + 2] * a[i + 2]) + (a[i - 1] * a[i - 1] + a[i + 1] * a[i + 1])) + a[i] * a[i];
}

static VD_TARGET void weigh(float *variance, float *restrict weights, float *restrict moments, const float *last,
                            const float *restrict e, const float *const *rows, const vd_patch_rows *patches,
                            const float *restrict fresh, float noise, ptrdiff_t n)
{
    const float *restrict above = rows[0], *restrict here = rows[1], *restrict below = rows[2];
    const float *restrict brightness = patches->brightness, *restrict keep = patches->keep;
    const float *restrict share = patches->share;
    const float *restrict slack = patches->slack, *restrict min_ratio = patches->min_ratio;
    n = WHOLE_STEPS(n);
    INDEPENDENT_LANES
    for (ptrdiff_t i = 0; i < n; i++) {
        float s2 = noise * brightness[i];
        float now = 0.7f * (e[i] * e[i]) + 0.3f * ((above[i] + below[i] + here[i]) * share[i]);
        float measured = 0.5f * last[i] + 0.5f * now;
        measured = fresh[i] != 0 ? 2 * s2 : measured;
        float excess = measured - slack[i] * s2, floor = min_ratio[i] * s2;
        float w = keep[i] * (s2 / (excess > floor ? excess : floor));
        variance[i] = measured;
        weights[i] += w;
        moments[i] += w * e[i];
    }
}

static VD_TARGET void combine(float *restrict x, float *restrict v, const float *restrict q,
                              const float *restrict weights, const float *restrict moments,
                              const float *restrict brightness, float noise, float lasting, ptrdiff_t n)
{
    n = WHOLE_STEPS(n);
    for (ptrdiff_t i = 0; i < n; i++) {
        float k = 1 / (1 + weights[i]);
        x[i] = q[i] - k * moments[i];
        float left = k * lasting;
        v[i] = (left < 1 ? left : 1) * (noise * brightness[i]);
    }
}

static VD_TARGET void wiener(float *restrict out, float *restrict sum, const float *restrict x, const float *restrict v,
                             const float *const *rows, const float *restrict share, int mean, ptrdiff_t n)
{
    const float *restrict r0 = rows[0], *restrict r1 = rows[1], *restrict r2 = rows[2], *restrict r3 = rows[3];
    const float *restrict r4 = rows[4];
    const float certain = mean ? 1 : 0;
    n = WHOLE_STEPS(n);
    for (ptrdiff_t i = 0; i < n; i++) {
        float power = 0.1f * (x[i] * x[i]) + 0.9f * (((r0[i] + r4[i]) + (r1[i] + r3[i]) + r2[i]) * share[i]);
        float a = power - 1.1f * v[i], own = x[i] * x[i] - 14 * v[i];
        a = a > own ? a : own;
        a = a > 0 ? a : 0;
        float g = a / (a + v[i]);
        g = g > certain ? g : certain;
        sum[i] += g * g * v[i];
        out[i] = g * x[i];
    }
}

static VD_TARGET void wiener_again(float *restrict out, float *restrict sum, const float *restrict x,
                                   const float *restrict v, const float *restrict pilot, int mean, ptrdiff_t n)
{
    const float certain = mean ? 1 : 0;
    n = WHOLE_STEPS(n);
    for (ptrdiff_t i = 0; i < n; i++) {
        float a = pilot[i] * pilot[i];
        float g = a / (a + v[i]);
        g = g > certain ? g : certain;
        sum[i] += g * g * v[i];
        out[i] = g * x[i];
    }
}

static VD_TARGET void overlap(float *restrict out, const float *restrict a, const float *restrict b,
                              const float *restrict w, float first, float second, ptrdiff_t n)
{
    n = WHOLE_STEPS(n);
    for (ptrdiff_t i = 0; i < n; i++) {
        float above = first * a[i] + second * b[i - 1], below = first * w[i] + second * w[i - 1];
        out[i] = below > 0 ? above / below : 0;
    }
}

static VD_TARGET void pick(float *restrict out, const float *restrict in, const int32_t *restrict place, ptrdiff_t n)
{
    for (ptrdiff_t i = 0; i < n; i++)
        out[i] = in[place[i]];
}

static VD_TARGET void take(float *restrict out, const float *restrict in, const int32_t *restrict place,
                           const uint8_t *restrict whole, ptrdiff_t n)
{
    for (ptrdiff_t i = 0; i < n; i += VD_LANE_STEP)
        if (whole[i / VD_LANE_STEP])
            memcpy(out + i, in + place[i], VD_LANE_STEP * sizeof *out);
        else
            pick(out + i, in, place + i, VD_LANE_STEP);
}

static VD_TARGET void opponents(float *const *planes, const float *restrict samples, ptrdiff_t pixels)
{
    const float third = 0.577350269189625765f, half = 0.707106781186547524f, sixth = 0.408248290463863017f;
    float *restrict p0 = planes[0], *restrict p1 = planes[1], *restrict p2 = planes[2];
    for (ptrdiff_t i = 0; i < pixels; i++) {
        float a = samples[3 * i], b = samples[3 * i + 1], c = samples[3 * i + 2];
        p0[i] = third * (a + b + c);
        p1[i] = half * (a - c);
        p2[i] = sixth * (a + c - 2 * b);
    }
}

static VD_TARGET void colours(float *restrict samples, const float *const *planes, ptrdiff_t pixels)
{
    const float third = 0.577350269189625765f, half = 0.707106781186547524f, sixth = 0.408248290463863017f;
    const float *restrict p0 = planes[0], *restrict p1 = planes[1], *restrict p2 = planes[2];
    for (ptrdiff_t i = 0; i < pixels; i++) {
        float mean = third * p0[i], difference = half * p1[i], middle = sixth * p2[i];
        samples[3 * i] = mean + middle + difference;
        samples[3 * i + 1] = mean - 2 * middle;
        samples[3 * i + 2] = mean + middle - difference;
    }
}

static VD_TARGET void invert(float *restrict w, const float *restrict sum, float variance, int64_t columns, ptrdiff_t n)
{
    for (ptrdiff_t i = 0; i < columns; i++)
        w[i] = 1 / (sum[i] + variance);
    for (ptrdiff_t i = columns; i < n; i++)
        w[i] = 0;
}

static VD_TARGET void add_scaled(float *restrict out, const float *restrict w, float share, ptrdiff_t n)
{
    n = WHOLE_STEPS(n);
    for (ptrdiff_t i = 0; i < n; i++)
        out[i] += share * w[i];
}

static VD_TARGET void mean_of_opponents(float *restrict out, const float *restrict row, ptrdiff_t step,
                                        ptrdiff_t pixels)
{
    const float third = 0.577350269189625765f;
    if (step == 1)
        for (ptrdiff_t i = 0; i < pixels; i++)
            out[i] = row[i] * third;
    else
        for (ptrdiff_t i = 0; i < pixels; i++)
            out[i] = row[i * step] * third;
}

static VD_TARGET void halve(float *restrict out, const float *restrict above, const float *restrict below,
                            ptrdiff_t samples)
{
    ptrdiff_t pairs = samples / 2;
    for (ptrdiff_t i = 0; i < pairs; i++)
        out[i] = ((above[2 * i] + below[2 * i]) + (above[2 * i + 1] + below[2 * i + 1])) * 0.25f;
    if (samples % 2 != 0) {
        float last = above[samples - 1] + below[samples - 1];
        out[pairs] = (last + last) * 0.25f;
    }
}

static VD_TARGET void mark_lost(float *restrict fresh, const uint8_t *const *lost, const int32_t *const *places,
                                ptrdiff_t n)
{
    for (int y = 0; y < VD_PATCH; y++)
        for (int x = 0; x < VD_PATCH; x++) {
            const uint8_t *restrict row = lost[y];
            const int32_t *restrict place = places[x];
            for (ptrdiff_t i = 0; i < n; i++)
                fresh[i] = row[place[i]] != 0 ? 1 : fresh[i];
        }
}

INLINE void look_up_some(float *restrict row, const vd_unclipping *u, ptrdiff_t n)
{
    const float *restrict table = u->table[0];
    const float origin0 = u->origin[0], origin1 = u->origin[1], scale0 = u->scale[0], scale1 = u->scale[1];
    const float last = VD_UNCLIPPING_STEPS;
    for (ptrdiff_t i = 0; i < n; i++) {
        float low = (row[i] - origin0) * scale0, high = (row[i] - origin1) * scale1;
        float place = low < last ? low : high;
        int32_t begin = low < last ? 0 : VD_UNCLIPPING_STEPS + 2;
        float within = place > 0 ? place : 0;
        within = within < last ? within : last;
        int32_t below = (int32_t)within;
        float part = within - (float)below;
        float value = table[begin + below] + part * (table[begin + below + 1] - table[begin + below]);
        row[i] = place < last ? value : row[i];
    }
}

static VD_TARGET void unclip(float *row, const vd_unclipping *u, ptrdiff_t samples)
{
    enum { BLOCK = 64 };
    const float last = VD_UNCLIPPING_STEPS;
    ptrdiff_t i = 0;
    for (; i + BLOCK <= samples; i += BLOCK) {
        int any = 0;
        for (int j = 0; j < BLOCK; j++)
            any |=
                ((row[i + j] - u->origin[0]) * u->scale[0] < last) | ((row[i + j] - u->origin[1]) * u->scale[1] < last);
        if (any)
            look_up_some(row + i, u, BLOCK);
    }
    look_up_some(row + i, u, samples - i);
}

#include "kernels/denoiser_still_template.h"

static void fill_denoiser(vd_denoiser_kernels *k)
{
    k->forward = forward;
    k->inverse = inverse;
    k->inverse_add = inverse_add;
    k->innovation = innovation;
    k->brightness = brightness;
    k->judge = judge;
    k->squares_3 = squares_3;
    k->squares_5 = squares_5;
    k->weigh = weigh;
    k->misfit = misfit;
    k->drift = drift;
    k->divide = divide;
    k->judge_cells = judge_cells;
    k->accumulate = accumulate;
    k->expect = expect;
    k->combine = combine;
    k->wiener = wiener;
    k->wiener_again = wiener_again;
    k->overlap = overlap;
    k->take = take;
    k->pick = pick;
    k->opponents = opponents;
    k->colours = colours;
    k->invert = invert;
    k->add_scaled = add_scaled;
    k->mean_of_opponents = mean_of_opponents;
    k->halve = halve;
    k->mark_lost = mark_lost;
    k->unclip = unclip;
}

#undef INVERSE
#undef WHOLE_STEPS
#undef INLINE
#undef INDEPENDENT_LANES
