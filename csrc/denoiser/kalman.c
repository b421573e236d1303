/* SPDX-License-Identifier: Apache-2.0 */
/* Samples to spectra, comparison with the priors, and the Kalman filter over them; sweep.c says what is computed. */
#include "denoiser/sweep.h"

#include <math.h>
#include <string.h>

void vd_transform_row(const vd_denoiser *d, vd_transformed_rows *rows, int64_t y, const float *phases)
{
    int step = d->method.step;
    for (int64_t c = 0; c < d->channels; c++) {
        const float *in[VD_PATCH];
        for (int x = 0; x < VD_PATCH; x++)
            in[x] = phases + (c * step + x % step) * d->phase_pitch + x / step;
        float *out = vd_slot_of(d, rows->data, c, y);
        d->kernels->forward(out, d->pitch, in, d->lanes);
        for (int k = 0; k < VD_PATCH; k++) /* the lane behind the last patch has seen its samples */
            memset(out + k * d->pitch + d->columns, 0, (size_t)(d->lanes - d->columns) * sizeof *out);
    }
    rows->ready = y + 1;
}

/* Computes the rows of patches j that are missing. */
void vd_transform_rows(const vd_denoiser *d, vd_transformed_rows *rows, const float *picture, int64_t j)
{
    int64_t end = j * d->method.step + VD_PATCH;
    for (int64_t y = vd_max(rows->ready, end - VD_PATCH); y < end; y++)
        vd_transform_row(d, rows, y, picture + d->source_row[y] * vd_phase_row(d));
}

/* The spectra of patches j at one channel and kx: VD_PATCH rows. */
void vd_transform_patches(const vd_denoiser *d, const vd_transformed_rows *rows, int64_t j, int64_t c, int kx,
                          float *out)
{
    const float *in[VD_PATCH];
    for (int y = 0; y < VD_PATCH; y++)
        in[y] = vd_slot_of(d, rows->data, c, j * d->method.step + y) + kx * d->pitch;
    d->kernels->forward(out, d->pitch, in, d->lanes);
}

/* ---- the Kalman filter ---- */

/* Frequencies fall into zones of which every test of `judge` is over some. */
static int zone_of(int kx, int ky)
{
    int larger = kx > ky ? kx : ky;
    if (larger == 0)
        return 0;
    return 1 + 3 * (larger < 2 ? 0 : larger < 4 ? 1 : 2) + (kx == 0 ? 0 : ky == 0 ? 1 : 2);
}

/* Whether prior l of patches j fits: keep is 1, or 0. */
static void judge(const vd_sweep_state *s, int l, int64_t j, float *keep)
{
    const vd_denoiser *d = s->d;
    const float *zones = s->zones + (ptrdiff_t)l * VD_ZONES * d->pitch;
    static const int coefficients[VD_TESTS] = {4, 16, 64, 8, 8}, deviations[VD_TESTS] = {10, 10, 10, 6, 6};
    float limit[VD_TESTS], variance = vd_noise_variance(d);
    for (int z = 0; z < VD_TESTS; z++) {
        float terms = (float)(d->channels * coefficients[z]);
        limit[z] = (1 + d->priors[l].noise) * (1 + (float)deviations[z] * sqrtf(2 / terms)) * terms * variance;
    }
    const float *zone[VD_ZONES];
    for (int z = 0; z < VD_ZONES; z++)
        zone[z] = zones + z * d->pitch;
    d->kernels->judge(keep, zone, limit, s->brightness[j % 2], d->priors[l].fresh + j * d->lanes, d->lanes);
}

/* r of patches j, with prior 0 where `keep` is 1, or everywhere if that is NULL. */
static void find_brightness(const vd_sweep_state *s, int64_t j, const float *keep)
{
    const vd_denoiser *d = s->d;
    const float *q = s->q[j % 2], *e = s->count > 0 ? s->e[j % 2] : q;
    double variance = d->params.noise * d->params.noise;
    /* a mean coefficient is VD_PATCH times the mean of the samples */
    double scale = d->params.gain / variance / VD_PATCH / (d->opponent ? sqrt(3) : (double)d->channels);
    float gain = (float)scale, offset = (float)(d->params.offset / variance);
    int64_t channels = d->params.gain == 0 ? 0 : d->opponent ? 1 : d->channels;
    d->kernels->brightness(s->brightness[j % 2], q, e, s->count > 0 ? keep : s->zero, VD_COEFFICIENTS * d->pitch,
                           channels, gain, offset, d->lanes);
    if (d->gaps.here && d->gaps.partial)
        d->set.holes.divide_by(s->brightness[j % 2], d->gaps.level + j * d->lanes, d->lanes);
}

/* The zones of patches in which samples are missing, see missing.c. */
static void allow_for_missing(const vd_sweep_state *s, int64_t j)
{
    const vd_denoiser *d = s->d;
    const float *gain = d->gaps.gain + j * d->lanes;
    for (int z = 0; z < s->count * VD_ZONES; z++)
        for (int twice = 0; twice < 2; twice++)
            d->set.holes.multiply_by(s->zones + z * d->pitch, gain, d->lanes);
}

/* The spectra of frame and priors, and their innovations. */
void vd_sweep_compare(vd_sweep_state *s, int64_t j)
{
    vd_denoiser *d = s->d;
    ptrdiff_t pitch = d->pitch;
    memset(s->zones, 0, (size_t)(s->count * VD_ZONES * pitch) * sizeof(float));
    vd_transform_rows(d, &s->frame, d->frame, j);
    for (int l = 0; l < s->count; l++)
        if (!d->priors[l].absent)
            vd_transform_rows(d, &s->priors[l], d->priors[l].planes, j);
    for (int64_t c = 0; c < d->channels; c++)
        for (int kx = 0; kx < VD_PATCH; kx++) {
            int64_t number = (c * VD_PATCH + kx) * VD_PATCH;
            float *q = s->q[j % 2] + number * pitch;
            vd_transform_patches(d, &s->frame, j, c, kx, q);
            for (int l = 0; l < s->count; l++) {
                const float *p = q;
                if (!d->priors[l].absent) {
                    vd_transform_patches(d, &s->priors[l], j, c, kx, s->eight);
                    p = s->eight;
                }
                float *e = s->e[2 * l + j % 2] + number * pitch, *near = s->near[3 * l + j % 3] + number * pitch;
                for (int ky = 0; ky < VD_PATCH; ky++) {
                    ptrdiff_t at = ky * pitch;
                    float *zone = s->zones + (ptrdiff_t)(l * VD_ZONES + zone_of(kx, ky)) * pitch;
                    d->kernels->innovation(e + at, zone, q + at, p + at, 1 / d->spectrum[number + ky], d->lanes);
                    if (d->gaps.here)
                        d->set.holes.multiply_by(e + at, d->gaps.gain + j * d->lanes, d->lanes);
                    d->kernels->squares_3(near + at, e + at, d->lanes);
                }
            }
        }
    if (d->gaps.here)
        allow_for_missing(s, j);
    find_brightness(s, j, NULL);
    for (int l = 0; l < s->count; l++) {
        judge(s, l, j, s->keep[2 * l + j % 2]);
        if (l == 0)
            find_brightness(s, j, s->keep[j % 2]);
    }
}

/* X and V of patches j; E, where the row is this band's. */
void vd_sweep_estimate(vd_sweep_state *s, int64_t j)
{
    vd_denoiser *d = s->d;
    ptrdiff_t pitch = d->pitch, lanes = d->lanes;
    bool own = j >= s->begin && j < s->end;
    int existing = 1 + (j > 0) + (j + 1 < d->rows);
    float *weights = s->line[0], *moments = s->line[1], *last = s->line[2], *unused = s->line[3];
    for (int l = 0; l < s->count; l++) {
        const float *age[2], *trust[2];
        for (int i = 0; i < 2; i++) {
            age[i] = l > 0 ? s->zero : d->still.cells[VD_AGE] + (j + i) * d->phase_pitch;
            trust[i] = l > 0 ? s->zero : d->still.cells[VD_TRUST] + (j + i) * d->phase_pitch;
        }
        d->kernels->expect(s->slack + l * pitch, s->min_ratio + l * pitch, age, trust,
                           fmaxf(d->priors[l].noise, 1 / VD_LARGEST_WEIGHT), lanes);
    }
    for (int64_t k = 0; k < d->coefficients; k++) {
        float noise = vd_noise_variance(d) * d->spectrum[k];
        ptrdiff_t at = k * pitch;
        memset(weights, 0, (size_t)lanes * sizeof *weights);
        memset(moments, 0, (size_t)lanes * sizeof *moments);
        for (int l = 0; l < s->count; l++) {
            vd_prior_state *prior = &d->priors[l];
            const float *rows[3];
            for (int i = -1; i <= 1; i++)
                rows[i + 1] = j + i >= 0 && j + i < d->rows ? s->near[3 * l + (j + i) % 3] + at : s->zero;
            vd_patch_rows patches = {s->brightness[j % 2], s->keep[2 * l + j % 2], d->share_3 + (existing - 1) * lanes,
                                     s->slack + l * pitch, s->min_ratio + l * pitch};
            d->kernels->take(last, prior->variance[0] + k * lanes, prior->place + j * lanes,
                             prior->whole + j * lanes / VD_LANE_STEP, lanes);
            float *variance = own ? prior->variance[1] + (j * d->coefficients + k) * lanes : unused;
            d->kernels->weigh(variance, weights, moments, last, s->e[2 * l + j % 2] + at, rows, &patches,
                              prior->fresh + j * lanes, noise, lanes);
        }
        if (d->gaps.here)
            d->set.holes.multiply_by(moments, d->gaps.share + j * lanes, lanes);
        float *x = s->x[j % VD_KEPT] + at;
        d->kernels->combine(x, s->v[j % VD_KEPT] + at, s->q[j % 2] + at, weights, moments, s->brightness[j % 2], noise,
                            d->lasting, lanes);
        d->kernels->squares_5(s->squares[j % VD_POOLED] + at, x, lanes);
    }
}

/* ---- the Wiener filter, and back to samples ---- */
