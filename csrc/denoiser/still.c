/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/integers.h"
#include "base/parallel.h"
#include "denoiser/denoiser.h"

/* Rows of the picture in row j of cells. */
static int64_t first_row(const vd_denoiser *d, int64_t j) { return vd_max(j * d->method.step - VD_PATCH, 0); }
static int64_t end_row(const vd_denoiser *d, int64_t j)
{
    return vd_max(vd_min((j + 1) * d->method.step - VD_PATCH, d->height), 0);
}

extern float VDP[16];
float VDP[16] = {4, 3.5f, 5, 0.25f, 1, 3, 4, .0625f, .4f, .25f, 14, .05f,0,0,0,0};

typedef struct job {
    vd_denoiser *d;
    const vd_prior_state *prior;
    const vd_image *flow;
    float low_scale[VD_MOST_CHANNELS], scale;
} job;

static ptrdiff_t room(const vd_denoiser *d) { return (d->rows + 1) * d->phase_pitch; }

static void measure_rows(void *context, int64_t begin, int64_t end, int thread)
{
    const job *k = context;
    vd_denoiser *d = k->d;
    int step = d->method.step;
    ptrdiff_t n = d->phase_pitch;
    float *sum = vd_scratch(d, thread), *light = sum + n, *sum_prior = light + n, *sums[VD_MOST_CHANNELS];
    for (int c = 0; c < VD_MOST_CHANNELS; c++)
        sums[c] = sum_prior + (c + 1) * n;
    double variance = d->params.noise * d->params.noise;
    float gain_r = (float)(d->params.gain / variance / (d->opponent ? sqrt(3) : (double)d->channels));
    float offset_r = (float)(d->params.offset / variance);
    for (int64_t j = begin; j < end; j++) {
        int64_t first = first_row(d, j), last = end_row(d, j);
        float *gain = d->still.gain + j * n, *squares = d->still.squares + j * n, *low = d->still.low + j * n, *gain_low = d->still.gain_low + j * n;
        float *fx = d->still.flow_x + j * n, *fy = d->still.flow_y + j * n;
        memset(gain, 0, (size_t)n * sizeof *gain);
        memset(squares, 0, (size_t)n * sizeof *gain);
        memset(low, 0, (size_t)n * sizeof *gain);
        memset(gain_low, 0, (size_t)n * sizeof *gain);
        memset(fx, 0, (size_t)n * sizeof *gain);
        memset(fy, 0, (size_t)n * sizeof *gain);
        if (last <= first)
            continue;
        if (k->flow != NULL)
            for (ptrdiff_t i = 0; i <= d->columns; i++) {
                float vector[2];
                int64_t y = vd_min(first + step / 2, d->height - 1), x = vd_max(0, vd_min(i * step - VD_PATCH + step / 2, d->width - 1));
                vd_flow_at(k->flow, y, x, vector);
                fx[i] = vector[0];
                fy[i] = vector[1];
            }
        memset(light, 0, (size_t)n * sizeof *gain);
        for (int64_t c = 0; c < d->channels; c++) {
            memset(sum, 0, (size_t)n * sizeof *sum);
            memset(sum_prior, 0, (size_t)n * sizeof *sum);
            for (int64_t y = first; y < last; y++)
                for (int p = 0; p < step; p++) {
                    ptrdiff_t at = y * vd_phase_row(d) + (c * step + p) * n;
                    d->kernels->misfit(gain, squares, sum, sum_prior, d->frame + at, d->still.mean + at, k->prior->planes + at, n);
                    if (d->params.gain != 0 && (c == 0 || !d->opponent))
                        for (ptrdiff_t i = 0; i < n; i++)
                            light[i] += d->frame[at + i];
                }
            for (ptrdiff_t i = 0; i < n; i++) {
                sums[c][i] = sum[i];
                gain_low[i] += (sum[i] * sum[i] - sum_prior[i] * sum_prior[i]) * k->low_scale[c];
            }
        }
        for (ptrdiff_t i = 0; i < n; i++) {
            float samples = d->still.samples[i] * (float)(last - first), unit = 1;
            if (samples == 0)
                continue;
            if (d->params.gain != 0) {
                float r = gain_r * light[i] / samples + offset_r;
                unit = 1 / (r > 0.05f ? r : 0.05f);
            }
            gain[i] *= k->scale * unit;
            squares[i] *= k->scale * unit;
            gain_low[i] *= unit / samples;
            float age = d->still.age[j * n + i], rate = 1 / (age < 1 ? 1 : age);
            rate = rate > VDP[9] ? rate : VDP[9];
            for (int64_t c = 0; c < d->channels; c++) {
                float *bias = d->still.bias + (j * d->channels + c) * n + i;
                float b = sums[c][i] * sqrtf(unit / samples * k->low_scale[c]);
                *bias += rate * (b - *bias);
                low[i] += *bias * *bias;
            }
        }
    }
}

static float sum_3(const float *a, ptrdiff_t i) { return (a[i - 1] + a[i + 1]) + a[i]; }

static void judge_rows(void *context, int64_t begin, int64_t end, int thread)
{
    const job *k = context;
    vd_denoiser *d = k->d;
    (void)thread;
    ptrdiff_t n = d->phase_pitch;
    for (int64_t j = begin; j < end; j++) {
        float *age = d->still.age + j * n, *trust = d->still.trust + j * n, *drift = d->still.drift + j * n;
        for (ptrdiff_t i = 0; i <= d->columns; i++) {
            float gain = 0, squares = 0, low = 0, gain_low = 0, fx = 0, fy = 0, flows = 0, count = 0, cells = 0;
            float wide = sum_3(d->still.samples, i), existing = 1 + (i > 0) + (i < d->columns);
            for (int64_t r = vd_max(j - 1, 0); r <= vd_min(j + 1, d->rows); r++) {
                int64_t height = end_row(d, r) - first_row(d, r);
                if (height <= 0)
                    continue;
                gain += sum_3(d->still.gain + r * n, i);
                squares += sum_3(d->still.squares + r * n, i);
                low += sum_3(d->still.low + r * n, i);
                gain_low += sum_3(d->still.gain_low + r * n, i);
                fx += sum_3(d->still.flow_x + r * n, i);
                fy += sum_3(d->still.flow_y + r * n, i);
                flows += existing;
                count += (float)height * wide * (float)d->channels;
                cells += existing * (float)d->channels;
            }
            bool fresh = k->prior->absent;
            for (int64_t r = vd_max(j - 1, 0); r <= vd_min(j, d->rows - 1); r++)
                for (ptrdiff_t c = i > 0 ? i - 1 : 0; c <= i && c < d->columns; c++)
                    fresh = fresh || k->prior->fresh[r * d->lanes + c] != 0;
            if (count == 0 || fresh || age[i] == 0) {
                age[i] = trust[i] = drift[i] = d->still.drift_low[j * n + i] = d->still.moved_x[j * n + i] = d->still.moved_y[j * n + i] = 0;
                continue;
            }
            float m = age[i], ideal = 1 / m;
            gain = gain / count - ideal;
            squares = squares / count - 1 - ideal;
            float spread = ideal > VDP[9] / (2 - VDP[9]) ? ideal : VDP[9] / (2 - VDP[9]);
            spread += ideal;
            low = low / cells - spread;
            float g = drift[i] + VDP[3] * (gain - drift[i]);
            g = g > 1 ? 1 : g;
            drift[i] = g;
            float *ml = d->still.drift_low + j * n, *mx = d->still.moved_x + j * n, *my = d->still.moved_y + j * n;
            float h = ml[i] + VDP[3] * (gain_low / cells - ideal - ml[i]);
            h = h > 4 ? 4 : h;
            ml[i] = h;
            float rate = ideal > VDP[7] ? ideal : VDP[7];
            mx[i] += rate * (fx / flows - mx[i]);
            my[i] += rate * (fy / flows - my[i]);
            float speed = sqrtf(mx[i] * mx[i] + my[i] * my[i]);
            float still = 2 - speed / VDP[8];
            still = still < 0 ? 0 : still > 1 ? 1 : still;
            if (still == 0)
                m = m > 2 ? 2 : m;
            float v = g - VDP[0] * sqrtf((ideal + VDP[11]) / count);
            float a = squares - VDP[1] * (1 + ideal) * sqrtf(2 / count), b = low - VDP[2] * spread * sqrtf(2 / cells);
            h -= VDP[0] * sqrtf((ideal + VDP[11]) / cells);
            v = h > v ? h : v;
            v = a > v ? a : v;
            v = b > v ? b : v;
            v = v > 0 ? v : 0;
            float worth = 2 - 2 * v * m, old = (m - VDP[4]) / VDP[5];
            worth = worth < 0 ? 0 : worth > 1 ? 1 : worth;
            old = old < 0 ? 0 : old > 1 ? 1 : old;
            trust[i] = worth * old * still;
            age[i] = v * m > 1 ? 1 / v : m;
        }
    }
}

static void blend_rows(void *context, int64_t begin, int64_t end, int thread)
{
    const job *k = context;
    vd_denoiser *d = k->d;
    int step = d->method.step;
    ptrdiff_t n = d->phase_pitch;
    float *rate = vd_scratch(d, thread);
    for (int64_t j = begin; j < end; j++) {
        const float *age = d->still.age + j * n, *trust = d->still.trust + j * n;
        for (ptrdiff_t i = 0; i < n; i++)
            rate[i] = 1 / (age[i] + 1);
        for (int64_t y = first_row(d, j); y < end_row(d, j); y++)
            for (int p = 0; p < d->channels * step; p++) {
                ptrdiff_t at = y * vd_phase_row(d) + p * n;
                d->kernels->accumulate(k->prior->planes + at, d->still.mean + at, d->frame + at, trust, rate, n);
            }
    }
}

/* Patches in the border see the nearest cells of the picture. */
static void extend(const vd_denoiser *d, float *cells)
{
    ptrdiff_t n = d->phase_pitch;
    int64_t first = 0, last = d->rows;
    while (end_row(d, first) <= first_row(d, first))
        first++;
    while (end_row(d, last) <= first_row(d, last))
        last--;
    for (int64_t j = 0; j <= d->rows; j++)
        if (j < first || j > last)
            memcpy(cells + j * n, cells + (j < first ? first : last) * n, (size_t)n * sizeof *cells);
}

void vd_still_start(vd_denoiser *d)
{
    for (int64_t x = 0; x < (d->columns - 1) * d->method.step + VD_PATCH; x++)
        d->still.samples[x / d->method.step]++;
}

void vd_still_prior(vd_denoiser *d, const vd_prior_state *prior, const vd_image *flow)
{
    job k = {.d = d, .prior = prior, .flow = flow};
    double all = 0;
    for (int64_t c = 0; c < d->channels; c++) {
        double low = 0;
        for (int64_t i = 0; i < VD_COEFFICIENTS; i++) {
            double t = d->spectrum[c * VD_COEFFICIENTS + i];
            all += t / (double)d->coefficients;
            if (i % VD_PATCH < 2 && i / VD_PATCH < 2)
                low += t / 4;
        }
        k.low_scale[c] = (float)(1 / (low * d->params.noise * d->params.noise));
    }
    k.scale = (float)(1 / (all * d->params.noise * d->params.noise));
    vd_parallel_blocks(d->threads, d->rows + 1, measure_rows, &k);
    vd_parallel_blocks(d->threads, d->rows + 1, judge_rows, &k);
    vd_parallel_blocks(d->threads, d->rows + 1, blend_rows, &k);
    extend(d, d->still.age);
    extend(d, d->still.trust);
}

/* After the frame: one more in every mean. */
void vd_still_end(vd_denoiser *d)
{
    enum { MOST = 400 };
    if (getenv("AGES") && d->frames % 10 == 9) {
        double a = 0, t = 0, n = 0, c = 0, ca = 0;
        for (int64_t j = 2; j < d->rows - 2; j++)
            for (ptrdiff_t i = 2; i < d->columns - 2; i++) {
                a += 1 / (1 + d->still.age[j * d->phase_pitch + i]);
                t += d->still.trust[j * d->phase_pitch + i];
                n++;
            }
        (void)c; (void)ca;
        int64_t m = d->rows / 2 * d->phase_pitch + d->columns / 2;
        fprintf(stderr, "frame %d effective age %.1f trust %.2f; middle %.1f %.2f\n", (int)d->frames, n / a, t / n, d->still.age[m], d->still.trust[m]);
    }
    for (ptrdiff_t i = 0; i < room(d); i++) {
        float m = d->still.age[i] + 1;
        d->still.age[i] = m < MOST ? m : MOST;
    }
}
