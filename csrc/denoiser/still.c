/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What stays put: beside the filtered result the denoiser keeps M, the mean over time of the frames as they came, which has
 * lost nothing in space, and a count m of the frames in it. All of it is kept for cells of S x S samples, S the spacing of the
 * patches, so that a patch is covered by few cells. For the frame f, the prior P and the variance of the noise s^2, over the
 * 3 x 3 cells around each and its n samples in C channels:
 *
 *     G = mean of ((f - M)^2 - (f - P)^2) / s^2 - 1 / m              how much worse M predicts the frame than P
 *     A = mean of (f - M)^2 / s^2 - 1 - 1 / m                        more than noise
 *     b = sum over the cell of f - M, over its standard deviation,   B = mean of b'^2 - 1 / min(m, 7) - 1 / m
 *     L = mean of (b^2 - the same of P) - 1 / m                      G for low frequencies, which motion of smooth content shows in
 *
 * where M is the mean of something that stays, each is 0 or below but for chance. G, L, b and the flow F have a memory:
 * x' <- x' + max(1 / 4, 1 / m) (x - x') for b, 1 / 4 for G and L, max(1 / 16, 1 / m) for F. Then
 *
 *     v = max(0, G' - 4 sqrt((1 / m + 0.05) / n C), the same of L', A - 4.5 deviations, B - 5 deviations)
 *     trust = clip(2 - 2 v m) clip((m - 2) / 3) clip(2 - |F'| / 0.35),  clip to [0, 1]
 *     P <- P + trust (M - P)
 *     m <- min(m, 1 / v),  M <- M + (f - M) / (m + 1),  m <- m + 1
 *
 * and for patches, of which each takes the least m and trust of its cells, the prior is worth m frames; see the kernel
 * `expect`. The variance of an error of M is then estimated by v, so that M forgets as fast as it must.
 *
 * m ends at 400: longer means do not show in 16 bits, and light that drifts is followed. Where a prior does not count,
 * or there is none, the mean starts again.
 *
 * Tried: a recursion of the filtered result alone, which stays at ten frames' worth; an unfiltered state moved along the flow
 * (interpolation blurs it more than time helps); trust without F' (smooth content that moves slowly loses 1.5 dB).
 */
#include <math.h>

#include "base/integers.h"
#include "base/parallel.h"
#include "denoiser/denoiser.h"

/* Rows [first, end) of the picture that row j of cells has; none in the border. */
static int64_t first_row(const vd_denoiser *d, int64_t j) { return vd_max(j * d->method.step - VD_PATCH, 0); }

static int64_t end_row(const vd_denoiser *d, int64_t j)
{
    return vd_min((j + 1) * d->method.step - VD_PATCH, d->height);
}

static int64_t rows_of(const vd_denoiser *d, int64_t j)
{
    return j < 0 || j > d->rows ? 0 : vd_max(end_row(d, j) - first_row(d, j), 0);
}

enum { TABLES = 4 };

static size_t floats_of_mean(const vd_denoiser *d) { return (size_t)(d->height * vd_phase_row(d)); }

size_t vd_still_floats(const vd_denoiser *d)
{
    int64_t rows = (d->rows + 1) * (d->channels + VD_CELL_PLANES) + TABLES;
    return floats_of_mean(d) + (size_t)(rows * d->phase_pitch);
}

void vd_still_start(vd_denoiser *d)
{
    vd_still *s = &d->still;
    int step = d->method.step;
    ptrdiff_t row = d->phase_pitch, cells = (d->rows + 1) * row;
    float **tables[TABLES] = {&s->samples, &s->share, &s->share_cells, &s->zero}, *next = s->mean + floats_of_mean(d);
    s->bias = next;
    next += cells * d->channels;
    for (int i = 0; i < VD_CELL_PLANES; i++, next += cells)
        s->cells[i] = next;
    for (int i = 0; i < TABLES; i++, next += row)
        *tables[i] = next;
    for (int64_t i = 0; i <= d->columns; i++)
        s->samples[i] = (float)vd_min(step, (d->columns - 1) * step + VD_PATCH - i * step);
    for (int64_t i = 0; i <= d->columns; i++) {
        int64_t cells = 1 + (i > 0) + (i < d->columns);
        s->share[i] = 1 / (float)d->channels / (s->samples[i - 1] + s->samples[i] + s->samples[i + 1]);
        s->share_cells[i] = 1 / (float)cells;
    }
}

typedef struct job {
    vd_denoiser *d;
    const vd_prior_state *prior;
    const vd_image *flow;
    float all, low[VD_MAX_CHANNELS]; /* 1 / variance of the noise, over all and over low frequencies */
    bool fresh;                      /* everywhere */
} job;

static float *cells(const vd_denoiser *d, int plane, int64_t j) { return d->still.cells[plane] + j * d->phase_pitch; }

/* r of row j of cells, from M. */
static void find_brightness(const vd_denoiser *d, int64_t j, float *r, float *light)
{
    ptrdiff_t n = d->phase_pitch;
    const float *zero = d->still.zero;
    double variance = d->params.noise * d->params.noise, rows = (double)rows_of(d, j);
    double gain = d->params.gain / variance / (d->opponent ? sqrt(3) : (double)d->channels) / rows;
    int64_t channels = d->opponent ? 1 : d->channels;
    memset(light, 0, (size_t)n * sizeof *light);
    for (int64_t y = first_row(d, j); d->params.gain != 0 && y < end_row(d, j); y++)
        for (int64_t p = 0; p < channels * d->method.step; p++)
            d->kernels->add_scaled(light, d->still.mean + y * vd_phase_row(d) + p * n, 1, n);
    for (ptrdiff_t i = 0; i <= d->columns; i++)
        light[i] /= d->still.samples[i];
    d->kernels->brightness(r, light, light, zero, n, d->params.gain != 0, (float)gain,
                           (float)(d->params.offset / variance), n);
}

/* The sums over the cells of rows [begin, end). */
static void measure_rows(void *context, int64_t begin, int64_t end, int thread)
{
    const job *k = context;
    vd_denoiser *d = k->d;
    int step = d->method.step;
    ptrdiff_t n = d->phase_pitch;
    size_t row = (size_t)n * sizeof(float);
    float *sum = vd_scratch(d, thread), *sum_prior = sum + n, *r = sum_prior + n, *light = r + n;
    for (int64_t j = begin; j < end; j++) {
        for (int plane = VD_FIRST_SUM; plane < VD_CELL_PLANES; plane++)
            memset(cells(d, plane, j), 0, row);
        if (rows_of(d, j) == 0)
            continue;
        find_brightness(d, j, r, light);
        float *gain = cells(d, VD_GAIN_NOW, j), *squares = cells(d, VD_SQUARES, j);
        for (int64_t c = 0; c < d->channels; c++) {
            memset(sum, 0, row);
            memset(sum_prior, 0, row);
            for (int64_t y = first_row(d, j); y < end_row(d, j); y++)
                for (int p = 0; p < step; p++) {
                    ptrdiff_t at = y * vd_phase_row(d) + (c * step + p) * n;
                    d->kernels->misfit(gain, squares, sum, sum_prior, d->frame + at, d->still.mean + at,
                                       k->prior->planes + at, n);
                }
            d->kernels->drift(d->still.bias + (j * d->channels + c) * n, cells(d, VD_BIAS, j), cells(d, VD_LOW_NOW, j),
                              sum, sum_prior, r, cells(d, VD_AGE, j), d->still.samples,
                              k->low[c] / (float)rows_of(d, j), n);
        }
        d->kernels->divide(gain, r, k->all, n);
        d->kernels->divide(squares, r, k->all, n);
        for (ptrdiff_t i = 0; i <= d->columns && k->flow != NULL; i++) {
            float vector[2];
            vd_flow_at(k->flow, vd_min(first_row(d, j) + step / 2, d->height - 1),
                       vd_max(0, vd_min(i * step - VD_PATCH + step / 2, d->width - 1)), vector);
            cells(d, VD_FLOW_X, j)[i] = vector[0];
            cells(d, VD_FLOW_Y, j)[i] = vector[1];
        }
    }
}

/* m and trust of the cells of rows [begin, end), and M in them. */
static void update_rows(void *context, int64_t begin, int64_t end, int thread)
{
    const job *k = context;
    vd_denoiser *d = k->d;
    ptrdiff_t n = d->phase_pitch;
    float *rate = vd_scratch(d, thread), *fresh = rate + n;
    for (int64_t j = begin; j < end; j++) {
        int64_t rows = rows_of(d, j), count = rows_of(d, j - 1) + rows + rows_of(d, j + 1);
        if (rows == 0)
            continue;
        for (ptrdiff_t i = 0; i < n; i++)
            fresh[i] = k->fresh;
        for (int64_t row = vd_max(j - 1, 0); row <= vd_min(j, d->rows - 1); row++)
            for (ptrdiff_t i = 0; i < d->columns; i++) {
                float lost = k->prior->fresh[row * d->lanes + i];
                fresh[i] += lost;
                fresh[i + 1] += lost;
            }
        vd_cell_rows s = {.fresh = fresh, .share = d->still.share, .share_cells = d->still.share_cells};
        s.rows = 1 / (float)count;
        s.rows_of_cells = 1 / (float)((rows_of(d, j - 1) > 0) + 1 + (rows_of(d, j + 1) > 0));
        s.channels = (float)d->channels;
        for (int plane = 0; plane < VD_CELL_PLANES; plane++) {
            s.here[plane] = cells(d, plane, j);
            s.above[plane] = j > 0 ? cells(d, plane, j - 1) : d->still.zero;
            s.below[plane] = j < d->rows ? cells(d, plane, j + 1) : d->still.zero;
        }
        d->kernels->judge_cells(rate, &s, n);
        for (int64_t y = first_row(d, j); y < end_row(d, j); y++)
            for (int64_t p = 0; p < d->channels * d->method.step; p++) {
                ptrdiff_t at = y * vd_phase_row(d) + p * n;
                d->kernels->accumulate(k->prior->planes + at, d->still.mean + at, d->frame + at, cells(d, VD_TRUST, j),
                                       rate, n);
            }
    }
}

/* Patches in the border see the nearest cells of the picture. */
static void extend(const vd_denoiser *d, int plane)
{
    int64_t first = VD_PATCH / d->method.step, last = first;
    while (rows_of(d, last + 1) > 0)
        last++;
    for (int64_t j = 0; j <= d->rows; j++)
        if (j < first || j > last)
            memcpy(cells(d, plane, j), cells(d, plane, j < first ? first : last),
                   (size_t)d->phase_pitch * sizeof(float));
}

void vd_still_update(vd_denoiser *d, const vd_prior_state *prior, const vd_image *flow)
{
    job k = {.d = d, .prior = prior, .flow = flow, .fresh = d->frames == 0 || prior->seen != d->frames};
    double variance = d->params.noise * d->params.noise, all = 0;
    for (int64_t c = 0; c < d->channels; c++) {
        const float *t = d->spectrum + c * VD_COEFFICIENTS;
        for (int64_t i = 0; i < VD_COEFFICIENTS; i++)
            all += t[i];
        k.low[c] = (float)(4 / variance / ((t[0] + t[1]) + (t[VD_PATCH] + t[VD_PATCH + 1])));
    }
    k.all = (float)((double)d->coefficients / variance / all);
    vd_parallel_blocks(d->threads, d->rows + 1, measure_rows, &k);
    vd_parallel_blocks(d->threads, d->rows + 1, update_rows, &k);
    extend(d, VD_AGE);
    extend(d, VD_TRUST);
}
