/* SPDX-License-Identifier: Apache-2.0 */
/* The Wiener filter in space, and spectra back to samples; sweep.c says what is computed. */
#include "denoiser/sweep.h"

#include <math.h>
#include <string.h>

/* Patches j of channel c, whose filtered spectra are s->spectra and whose remaining noise is the sum in line[0]. */
static void add_patches(vd_sweep_state *s, vd_aggregate *to, int64_t j, int64_t c, float floor)
{
    const vd_denoiser *d = s->d;
    ptrdiff_t pitch = d->pitch;
    const float *sum = s->line[0];
    float *weight = s->line[1], variance = floor * vd_noise_variance(d);
    d->kernels->invert(weight, sum, variance, d->columns, d->lanes);
    int64_t y = j * d->method.step;
    for (int k = 0; k < VD_PATCH; k++) {
        float *out[VD_PATCH];
        for (int i = 0; i < VD_PATCH; i++)
            out[i] = vd_slot_of(d, to->sums, c, y + i) + k * pitch;
        d->kernels->inverse_add(out, s->spectra + k * VD_PATCH * pitch, pitch, weight, d->window, d->lanes);
    }
    for (int i = 0; i < VD_PATCH; i++) {
        float *weights = to->weights + (c * VD_PATCH + (y + i) % VD_PATCH) * pitch, share = d->window[i];
        d->kernels->add_scaled(weights, weight, share, d->lanes);
    }
}

/* Row y, all of whose patches have been added, as phases; its slot is empty again. */
void vd_sweep_finish_row(vd_sweep_state *s, vd_aggregate *from, int64_t y, float *phases)
{
    const vd_denoiser *d = s->d;
    int step = d->method.step;
    ptrdiff_t pitch = d->pitch, n = vd_round_up((ptrdiff_t)d->columns + 1, VD_LANE_STEP);
    for (int64_t c = 0; c < d->channels; c++) {
        float *sums = vd_slot_of(d, from->sums, c, y), *weights = from->weights + (c * VD_PATCH + y % VD_PATCH) * pitch;
        d->kernels->inverse(s->eight, sums, pitch, d->lanes);
        for (int p = 0; p < step; p++) {
            bool twice = p + step < VD_PATCH;
            d->kernels->overlap(phases + (c * step + p) * d->phase_pitch, s->eight + p * pitch,
                                s->eight + (twice ? p + step : p) * pitch, weights, d->window[p],
                                twice ? d->window[p + step] : 0, n);
        }
        memset(sums, 0, (size_t)(VD_PATCH * pitch) * sizeof *sums);
        memset(weights, 0, (size_t)pitch * sizeof *weights);
    }
}

void vd_clear_aggregate(const vd_denoiser *d, vd_aggregate *a)
{
    size_t rows = (size_t)(d->channels * VD_PATCH * d->pitch);
    memset(a->sums, 0, rows * VD_PATCH * sizeof *a->sums);
    memset(a->weights, 0, rows * sizeof *a->weights);
}

void vd_sweep_first_step(vd_sweep_state *s, int64_t j)
{
    const vd_denoiser *d = s->d;
    ptrdiff_t pitch = d->pitch;
    int existing = (int)(vd_min(j, 2) + vd_min(d->rows - 1 - j, 2)) + 1;
    for (int64_t c = 0; c < d->channels; c++) {
        memset(s->line[0], 0, (size_t)d->lanes * sizeof(float));
        for (int k = 0; k < VD_COEFFICIENTS; k++) {
            ptrdiff_t at = (c * VD_COEFFICIENTS + k) * pitch;
            const float *rows[VD_POOLED];
            for (int i = -2; i <= 2; i++)
                rows[i + 2] = j + i >= 0 && j + i < d->rows ? s->squares[(j + i) % VD_POOLED] + at : s->zero;
            d->kernels->wiener(s->spectra + k * pitch, s->line[0], s->x[j % VD_KEPT] + at, s->v[j % VD_KEPT] + at, rows,
                               d->share_5 + (existing - 1) * d->lanes, k == 0, d->lanes);
        }
        add_patches(s, &s->first, j, c, 0.1f);
    }
}

void vd_sweep_second_step(vd_sweep_state *s, int64_t j)
{
    const vd_denoiser *d = s->d;
    ptrdiff_t pitch = d->pitch;
    for (int64_t c = 0; c < d->channels; c++) {
        memset(s->line[0], 0, (size_t)d->lanes * sizeof(float));
        for (int kx = 0; kx < VD_PATCH; kx++) {
            vd_transform_patches(d, &s->pilot, j, c, kx, s->eight_more);
            for (int ky = 0; ky < VD_PATCH; ky++) {
                int k = kx * VD_PATCH + ky;
                ptrdiff_t at = (c * VD_COEFFICIENTS + k) * pitch;
                d->kernels->wiener_again(s->spectra + k * pitch, s->line[0], s->x[j % VD_KEPT] + at,
                                         s->v[j % VD_KEPT] + at, s->eight_more + ky * pitch, k == 0, d->lanes);
            }
        }
        add_patches(s, &s->second, j, c, 0.02f);
    }
}

/* Samples of the last step below row `end`, which is complete, to the picture. */
void vd_sweep_emit_rows(vd_sweep_state *s, vd_aggregate *from, int64_t begin, int64_t end)
{
    vd_denoiser *d = s->d;
    for (int64_t y = begin; y < end; y++) {
        vd_sweep_finish_row(s, from, y, s->phases);
        int64_t row = y - VD_PATCH;
        if (y >= s->begin * d->method.step && row >= 0 && row < d->height)
            vd_put_row(d, s->out, row, s->phases, s->pictures);
    }
}
