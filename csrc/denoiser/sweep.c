/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The filter of the video denoiser, for the patches n, channels c and frequencies k of one frame. With Q, P the spectra
 * (orthonormal 8 x 8 DCT-II) of the frame and of a prior, s^2 = noise^2 r(n) t(c, k) the variance of the noise:
 *
 *     e = Q - P                                                        innovation
 *     E = 0.5 E' + 0.5 (0.7 e^2 + 0.3 mean of e^2 over 3 x 3 patches)    its variance; E' of the last frame, moved
 *     w = s^2 / max(E - 1.1 s^2, max(b, 1 / 49) s^2)                   what the prior is worth; 0 if it does not fit
 *     K = 1 / (1 + sum w),  X = Q - K sum w e,  V = K s^2              Kalman filter over all priors, and its noise
 *     A = max(0, 0.1 X^2 + 0.9 mean of X^2 over 5 x 5 patches - 1.1 V)   power of the signal
 *     g = A / (A + V), 1 for k = 0                                     Wiener filter; picture y1 from g X
 *     g = B^2 / (B^2 + V), B the spectra of y1                         once more (`again`); picture y from g X
 *
 * A picture is the weighted mean of the patches that cover a sample, weights h(y) h(x) / (sum over k of g^2 V + 0.1 or
 * 0.02 noise^2), h a Kaiser window. A prior does not fit a patch (restart) if, over the zones max(kx, ky) < 2, 4 or 8 and
 * all channels, the mean of its e^2 / s^2 is above (1 + b) (1 + 10 sqrt(2 / terms)). b is the least variance of the noise in
 * the prior over s^2, 0 for a result and 1 for another frame: without it those coefficients of a frame to come whose noise
 * happens to agree would pass for exact, which loses 2 dB at noise 40. E' of a prior that was not there in the last frame is
 * 2 noise^2.
 *
 * Source: P. Arias and J.-M. Morel, "Kalman filtering of patches for frame-recursive video denoising", CVPR Workshops 2019;
 * the two Wiener steps are those of K. Dabov et al., "Image denoising by sparse 3-D transform-domain collaborative
 * filtering", IEEE TIP 2007, without groups. Constants: docs/adr/0014-video-denoiser.md.
 *
 * One sweep over the rows of patches, each step some rows behind the one before it, in rings of rows that stay in the
 * cache. A band of rows is swept by one thread, which works out again what it needs of its neighbours' rows: nothing
 * depends on where bands end. Along a row of patches one vector holds one coefficient of as many patches. The horizontal
 * half of a transform is done once for each row of samples, whatever the number of patches over it, and undone once too,
 * since weights differ from patch to patch but not along a row of one.
 *
 * Limits: single precision; the relative error of a result is some 1e-6 of the largest sample.
 *
 * Not done: whole frames of spectra between the steps (12 floats a pixel each in colour: more than caches hold); a running
 * sum for the 5 x 5 mean (its rounding would depend on where a band begins).
 */
#include "denoiser/denoiser.h"

#include <math.h>

#include "base/parallel.h"

enum { ZONES = 10, KEPT = 4, POOLED = 5, ROWS_PER_BAND = 8 };

/* Rows y of samples, as patches see them: y % VD_PATCH is the slot. */
typedef struct transformed_rows {
    float *data;   /* [channels][VD_PATCH slots][VD_PATCH kx][pitch] */
    int64_t ready; /* rows below are there, or were */
} transformed_rows;

/* Patches on their way back to samples. */
typedef struct aggregate {
    float *sums;    /* [channels][VD_PATCH slots][VD_PATCH kx][pitch] */
    float *weights; /* [channels][VD_PATCH slots][pitch] */
} aggregate;

/* What one thread works with. A row of spectra is [coefficients][pitch]; ring position of row j is j % length. */
typedef struct sweep {
    vd_denoiser *d;
    const vd_image *out;
    int count;          /* priors */
    int64_t begin, end; /* rows of patches whose samples are this band's */
    transformed_rows frame, *priors, pilot;
    aggregate first, second;
    float *q[2], *x[KEPT], *v[KEPT], *squares[POOLED];
    float *brightness[2];
    float **e, **near, **keep; /* [count][2], [count][3], [count][2] */
    float *spectra;            /* one row of 64 coefficients */
    float *eight, *eight_more; /* 8 rows of lanes */
    float *zones;              /* [count][ZONES][pitch] */
    float *line[5];            /* rows of lanes */
    float *zero;               /* a row of zeros */
    float *phases;             /* one row of a picture */
    float *pictures;           /* scratch of denoiser_pictures.c */
} sweep;

static ptrdiff_t round_up(ptrdiff_t n, ptrdiff_t step) { return (n + step - 1) / step * step; }

/* The next `floats` of the memory, on a line of the cache; only counts where there is none yet. */
static float *cut(float *memory, size_t *used, size_t floats)
{
    float *piece = memory != NULL ? memory + *used : NULL;
    *used += (size_t)round_up((ptrdiff_t)floats, VD_LANE_STEP);
    return piece;
}

/* Lays out the memory of a thread; returns the floats it takes. It is all zero at first, and what lies between rows of
 * lanes stays so. */
static size_t lay_out(sweep *s, const vd_denoiser *d, float *memory, float **pointers, transformed_rows *rows)
{
    size_t used = VD_LANE_STEP, pitch = (size_t)d->pitch, row = (size_t)d->coefficients * pitch;
    size_t ring = (size_t)d->channels * VD_PATCH * VD_PATCH * pitch;
    int priors = d->params.priors;
    for (int i = 0; i < 2; i++) {
        s->q[i] = cut(memory, &used, row);
        s->brightness[i] = cut(memory, &used, pitch);
    }
    for (int i = 0; i < KEPT; i++) {
        s->x[i] = cut(memory, &used, row);
        s->v[i] = cut(memory, &used, row);
    }
    for (int i = 0; i < POOLED; i++) {
        s->squares[i] = cut(memory, &used, row);
        s->line[i] = cut(memory, &used, pitch);
    }
    if (memory != NULL) {
        s->e = pointers;
        s->near = pointers + 2 * priors;
        s->keep = pointers + 5 * priors;
    }
    s->priors = rows;
    for (int l = 0; l < priors; l++) {
        for (int i = 0; i < 2; i++) {
            float *e = cut(memory, &used, row), *keep = cut(memory, &used, pitch);
            if (memory != NULL) {
                s->e[2 * l + i] = e;
                s->keep[2 * l + i] = keep;
            }
        }
        for (int i = 0; i < 3; i++) {
            float *near = cut(memory, &used, row);
            if (memory != NULL)
                s->near[3 * l + i] = near;
        }
        float *data = cut(memory, &used, ring);
        if (memory != NULL)
            s->priors[l].data = data;
    }
    s->frame.data = cut(memory, &used, ring);
    s->first.sums = cut(memory, &used, ring);
    s->first.weights = cut(memory, &used, ring / VD_PATCH);
    if (d->way.again) {
        s->pilot.data = cut(memory, &used, ring);
        s->second.sums = cut(memory, &used, ring);
        s->second.weights = cut(memory, &used, ring / VD_PATCH);
    }
    s->spectra = cut(memory, &used, VD_COEFFICIENTS * pitch);
    s->eight = cut(memory, &used, VD_PATCH * pitch);
    s->eight_more = cut(memory, &used, VD_PATCH * pitch);
    s->zones = cut(memory, &used, (size_t)priors * ZONES * pitch);
    s->zero = cut(memory, &used, pitch);
    s->phases = cut(memory, &used, (size_t)vd_phase_row(d));
    s->pictures = cut(memory, &used, vd_pictures_scratch(d) / sizeof(float) + 1);
    return used;
}

enum { POINTERS_PER_PRIOR = 7 };

size_t vd_sweep_scratch(const vd_denoiser *d)
{
    sweep s;
    size_t priors = (size_t)d->params.priors;
    size_t floats = lay_out(&s, d, NULL, NULL, NULL);
    return (floats + VD_LANE_STEP) * sizeof(float) +
           priors * (POINTERS_PER_PRIOR * sizeof(float *) + sizeof(transformed_rows));
}

static int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }
static int64_t most(int64_t a, int64_t b) { return a > b ? a : b; }

/* ---- samples to spectra ---- */

/* The slot of row y of samples: VD_PATCH rows of lanes. */
static float *slot(const vd_denoiser *d, float *ring, int64_t channel, int64_t y)
{
    return ring + (channel * VD_PATCH + y % VD_PATCH) * VD_PATCH * d->pitch;
}

/* Horizontal transform of row y, given as phases. */
static void transform_row(const vd_denoiser *d, transformed_rows *rows, int64_t y, const float *phases)
{
    int step = d->way.step;
    for (int64_t c = 0; c < d->channels; c++) {
        const float *in[VD_PATCH];
        for (int x = 0; x < VD_PATCH; x++)
            in[x] = phases + (c * step + x % step) * d->phase_pitch + x / step;
        float *out = slot(d, rows->data, c, y);
        d->kernels->forward(out, d->pitch, in, d->lanes);
        for (int k = 0; k < VD_PATCH; k++) /* the lane behind the last patch has seen its samples */
            memset(out + k * d->pitch + d->columns, 0, (size_t)(d->lanes - d->columns) * sizeof *out);
    }
    rows->ready = y + 1;
}

/* Makes sure that the rows of patches j are there. */
static void transform_rows(const vd_denoiser *d, transformed_rows *rows, const float *picture, int64_t j)
{
    int64_t end = j * d->way.step + VD_PATCH;
    for (int64_t y = most(rows->ready, end - VD_PATCH); y < end; y++)
        transform_row(d, rows, y, picture + d->source_row[y] * vd_phase_row(d));
}

/* The spectra of patches j at one channel and kx: VD_PATCH rows. */
static void transform_patches(const vd_denoiser *d, const transformed_rows *rows, int64_t j, int64_t c, int kx,
                              float *out)
{
    const float *in[VD_PATCH];
    for (int y = 0; y < VD_PATCH; y++)
        in[y] = slot(d, rows->data, c, j * d->way.step + y) + kx * d->pitch;
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
static void judge(const sweep *s, int l, int64_t j, float *keep)
{
    const vd_denoiser *d = s->d;
    const float *brightness = s->brightness[j % 2], *fresh = d->priors[l].fresh + j * d->lanes;
    const float *zones = s->zones + (ptrdiff_t)l * ZONES * d->pitch;
    enum { TESTS = 5 };
    static const int coefficients[TESTS] = {4, 16, 64, 8, 8}, deviations[TESTS] = {10, 10, 10, 6, 6};
    float limit[TESTS], variance = vd_noise_variance(d);
    for (int z = 0; z < TESTS; z++) {
        float terms = (float)(d->channels * coefficients[z]);
        limit[z] = (1 + d->priors[l].noise) * (1 + (float)deviations[z] * sqrtf(2 / terms)) * terms * variance;
    }
    const float *zone[ZONES];
    for (int z = 0; z < ZONES; z++)
        zone[z] = zones + z * d->pitch;
    for (ptrdiff_t i = 0; i < d->lanes; i++) {
        float low = (zone[0][i] + zone[1][i]) + (zone[2][i] + zone[3][i]);
        float middle = low + ((zone[4][i] + zone[5][i]) + zone[6][i]);
        float all = middle + ((zone[7][i] + zone[8][i]) + zone[9][i]);
        float column = (zone[0][i] + zone[1][i]) + (zone[4][i] + zone[7][i]);
        float row = (zone[0][i] + zone[2][i]) + (zone[5][i] + zone[8][i]);
        float fits = low <= limit[0] * brightness[i] ? 1 - fresh[i] : 0;
        fits = middle <= limit[1] * brightness[i] ? fits : 0;
        fits = all <= limit[2] * brightness[i] ? fits : 0;
        fits = column <= limit[3] * brightness[i] ? fits : 0;
        keep[i] = row <= limit[4] * brightness[i] ? fits : 0;
    }
}

/* r of patches j from their means. */
static void find_brightness(const sweep *s, int64_t j, float *brightness)
{
    const vd_denoiser *d = s->d;
    const float *q = s->q[j % 2];
    double variance = d->params.noise * d->params.noise;
    /* a mean coefficient is VD_PATCH times the mean of the samples */
    double scale = d->params.gain / variance / VD_PATCH / (d->opponent ? sqrt(3) : (double)d->channels);
    float gain = (float)scale, offset = (float)(d->params.offset / variance);
    int64_t channels = d->opponent ? 1 : d->channels;
    for (ptrdiff_t i = 0; i < d->lanes; i++) {
        float sum = 0;
        for (int64_t c = 0; c < channels; c++)
            sum += q[c * VD_COEFFICIENTS * d->pitch + i];
        float r = gain * sum + offset;
        brightness[i] = d->params.gain == 0 ? 1 : r > 0.05f ? r : 0.05f;
    }
}

/* The spectra of frame and priors, and their innovations. */
static void compare(sweep *s, int64_t j)
{
    vd_denoiser *d = s->d;
    ptrdiff_t pitch = d->pitch;
    memset(s->zones, 0, (size_t)(s->count * ZONES * pitch) * sizeof(float));
    transform_rows(d, &s->frame, d->frame, j);
    for (int l = 0; l < s->count; l++)
        if (!d->priors[l].absent)
            transform_rows(d, &s->priors[l], d->priors[l].planes, j);
    for (int64_t c = 0; c < d->channels; c++)
        for (int kx = 0; kx < VD_PATCH; kx++) {
            int64_t number = (c * VD_PATCH + kx) * VD_PATCH;
            float *q = s->q[j % 2] + number * pitch;
            transform_patches(d, &s->frame, j, c, kx, q);
            for (int l = 0; l < s->count; l++) {
                const float *p = q;
                if (!d->priors[l].absent) {
                    transform_patches(d, &s->priors[l], j, c, kx, s->eight);
                    p = s->eight;
                }
                float *e = s->e[2 * l + j % 2] + number * pitch, *near = s->near[3 * l + j % 3] + number * pitch;
                for (int ky = 0; ky < VD_PATCH; ky++) {
                    ptrdiff_t at = ky * pitch;
                    float *zone = s->zones + (ptrdiff_t)(l * ZONES + zone_of(kx, ky)) * pitch;
                    d->kernels->innovation(e + at, zone, q + at, p + at, 1 / d->spectrum[number + ky], d->lanes);
                    d->kernels->squares_3(near + at, e + at, d->lanes);
                }
            }
        }
    find_brightness(s, j, s->brightness[j % 2]);
    for (int l = 0; l < s->count; l++)
        judge(s, l, j, s->keep[2 * l + j % 2]);
}

/* Keeps what the spectrum of the noise is learnt from; the prior is number 0. */
static void sample(const sweep *s, int64_t j)
{
    vd_spectrum_samples *samples = &s->d->samples;
    const vd_denoiser *d = s->d;
    const float *e = s->e[j % 2], *q = s->q[j % 2], *brightness = s->brightness[j % 2];
    int64_t first = j * d->columns, number = (first + samples->every - 1) / samples->every;
    for (; number < samples->count; number++) {
        int64_t i = number * samples->every - first;
        if (i >= d->columns)
            break;
        float *squares = samples->squares + number * d->coefficients, energy = 0, scale = 1 / brightness[i];
        for (int64_t k = 0; k < d->coefficients; k++) {
            float innovation = e[k * d->pitch + i], prior = q[k * d->pitch + i] - innovation;
            squares[k] = innovation * innovation * scale;
            if (k % VD_COEFFICIENTS != 0)
                energy += prior * prior;
        }
        samples->energy[number] = energy;
    }
}

/* X and V of patches j; E, where the row is this band's. */
static void estimate(sweep *s, int64_t j)
{
    vd_denoiser *d = s->d;
    ptrdiff_t pitch = d->pitch, lanes = d->lanes;
    bool own = j >= s->begin && j < s->end;
    int existing = 1 + (j > 0) + (j + 1 < d->rows);
    float *weights = s->line[0], *moments = s->line[1], *last = s->line[2], *unused = s->line[3];
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
                                     fmaxf(prior->noise, 1 / VD_LARGEST_WEIGHT)};
            d->kernels->take(last, prior->variance[0] + k * lanes, prior->place + j * lanes,
                             prior->whole + j * lanes / VD_LANE_STEP, lanes);
            float *variance = own ? prior->variance[1] + (j * d->coefficients + k) * lanes : unused;
            d->kernels->weigh(variance, weights, moments, last, s->e[2 * l + j % 2] + at, rows, &patches,
                              prior->fresh + j * lanes, noise, lanes);
        }
        float *x = s->x[j % KEPT] + at;
        d->kernels->combine(x, s->v[j % KEPT] + at, s->q[j % 2] + at, weights, moments, s->brightness[j % 2], noise,
                            lanes);
        d->kernels->squares_5(s->squares[j % POOLED] + at, x, lanes);
    }
    if (own && s->count > 0)
        sample(s, j);
}

/* ---- the Wiener filter, and back to samples ---- */

/* Patches j of channel c, whose filtered spectra are s->spectra and whose remaining noise is the sum in line[0]. */
static void add_patches(sweep *s, aggregate *to, int64_t j, int64_t c, float floor)
{
    const vd_denoiser *d = s->d;
    ptrdiff_t pitch = d->pitch;
    const float *sum = s->line[0];
    float *weight = s->line[1], variance = floor * vd_noise_variance(d);
    for (ptrdiff_t i = 0; i < d->lanes; i++)
        weight[i] = i < d->columns ? 1 / (sum[i] + variance) : 0;
    int64_t y = j * d->way.step;
    for (int k = 0; k < VD_PATCH; k++) {
        float *out[VD_PATCH];
        for (int i = 0; i < VD_PATCH; i++)
            out[i] = slot(d, to->sums, c, y + i) + k * pitch;
        d->kernels->inverse_add(out, s->spectra + k * VD_PATCH * pitch, pitch, weight, d->window, d->lanes);
    }
    for (int i = 0; i < VD_PATCH; i++) {
        float *weights = to->weights + (c * VD_PATCH + (y + i) % VD_PATCH) * pitch, share = d->window[i];
        for (ptrdiff_t m = 0; m < d->lanes; m++)
            weights[m] += share * weight[m];
    }
}

/* Row y, all of whose patches have been added, as phases; its slot is empty again. */
static void finish_row(sweep *s, aggregate *from, int64_t y, float *phases)
{
    const vd_denoiser *d = s->d;
    int step = d->way.step;
    ptrdiff_t pitch = d->pitch, n = round_up((ptrdiff_t)d->columns + 1, VD_LANE_STEP);
    for (int64_t c = 0; c < d->channels; c++) {
        float *sums = slot(d, from->sums, c, y), *weights = from->weights + (c * VD_PATCH + y % VD_PATCH) * pitch;
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

static void clear(const vd_denoiser *d, aggregate *a)
{
    size_t rows = (size_t)(d->channels * VD_PATCH * d->pitch);
    memset(a->sums, 0, rows * VD_PATCH * sizeof *a->sums);
    memset(a->weights, 0, rows * sizeof *a->weights);
}

static void first_step(sweep *s, int64_t j)
{
    const vd_denoiser *d = s->d;
    ptrdiff_t pitch = d->pitch;
    int existing = (int)(least(j, 2) + least(d->rows - 1 - j, 2)) + 1;
    for (int64_t c = 0; c < d->channels; c++) {
        memset(s->line[0], 0, (size_t)d->lanes * sizeof(float));
        for (int k = 0; k < VD_COEFFICIENTS; k++) {
            ptrdiff_t at = (c * VD_COEFFICIENTS + k) * pitch;
            const float *rows[POOLED];
            for (int i = -2; i <= 2; i++)
                rows[i + 2] = j + i >= 0 && j + i < d->rows ? s->squares[(j + i) % POOLED] + at : s->zero;
            d->kernels->wiener(s->spectra + k * pitch, s->line[0], s->x[j % KEPT] + at, s->v[j % KEPT] + at, rows,
                               d->share_5 + (existing - 1) * d->lanes, k == 0, d->lanes);
        }
        add_patches(s, &s->first, j, c, 0.1f);
    }
}

static void second_step(sweep *s, int64_t j)
{
    const vd_denoiser *d = s->d;
    ptrdiff_t pitch = d->pitch;
    for (int64_t c = 0; c < d->channels; c++) {
        memset(s->line[0], 0, (size_t)d->lanes * sizeof(float));
        for (int kx = 0; kx < VD_PATCH; kx++) {
            transform_patches(d, &s->pilot, j, c, kx, s->eight_more);
            for (int ky = 0; ky < VD_PATCH; ky++) {
                int k = kx * VD_PATCH + ky;
                ptrdiff_t at = (c * VD_COEFFICIENTS + k) * pitch;
                d->kernels->wiener_again(s->spectra + k * pitch, s->line[0], s->x[j % KEPT] + at, s->v[j % KEPT] + at,
                                         s->eight_more + ky * pitch, k == 0, d->lanes);
            }
        }
        add_patches(s, &s->second, j, c, 0.02f);
    }
}

/* Samples of the last step below row `end`, which is complete, to the picture. */
static void emit_rows(sweep *s, aggregate *from, int64_t begin, int64_t end)
{
    vd_denoiser *d = s->d;
    for (int64_t y = begin; y < end; y++) {
        finish_row(s, from, y, s->phases);
        int64_t row = y - VD_PATCH;
        if (y >= s->begin * d->way.step && row >= 0 && row < d->height)
            vd_put_row(d, s->out, row, s->phases, s->pictures);
    }
}

/* ---- bands ---- */

typedef struct range {
    int64_t begin, end;
} range;

static range widened(const vd_denoiser *d, range r, int64_t by)
{
    range wide = {most(r.begin - by, 0), least(r.end + by, d->rows)};
    return wide;
}

static bool within(range r, int64_t j) { return j >= r.begin && j < r.end; }

/* Rows of samples that no patch after j covers begin here. */
static int64_t complete_rows(const vd_denoiser *d, int64_t j)
{
    return j + 1 < d->rows ? (j + 1) * d->way.step : vd_padded_height(d);
}

static void sweep_band(sweep *s)
{
    vd_denoiser *d = s->d;
    range own = {s->begin, s->end};
    range last = {most(own.begin - 1, 0), own.end}; /* patches over the band's samples */
    range first = d->way.again ? widened(d, last, 1) : last;
    range estimated = widened(d, first, 2), compared = widened(d, estimated, 1);
    int64_t emitted = last.begin * d->way.step, piloted = first.begin * d->way.step;
    for (int64_t j = compared.begin; j < last.end + 4; j++) {
        if (within(compared, j))
            compare(s, j);
        if (within(estimated, j - 1))
            estimate(s, j - 1);
        int64_t at = j - 3;
        if (within(first, at))
            first_step(s, at);
        if (!d->way.again) {
            if (within(last, at)) {
                emit_rows(s, &s->first, emitted, complete_rows(d, at));
                emitted = complete_rows(d, at);
            }
            continue;
        }
        /* the rest of the last patches' samples waits until the row before has let go of its slots */
        int64_t complete = within(first, at) ? (at + 1) * d->way.step : at == d->rows ? vd_padded_height(d) : 0;
        for (; piloted < complete; piloted++) {
            finish_row(s, &s->first, piloted, s->phases);
            transform_row(d, &s->pilot, piloted, s->phases);
        }
        if (within(last, at - 1)) {
            second_step(s, at - 1);
            emit_rows(s, &s->second, emitted, complete_rows(d, at - 1));
            emitted = complete_rows(d, at - 1);
        }
    }
}

typedef struct job {
    vd_denoiser *d;
    const vd_image *out;
    int count;
} job;

static void sweep_rows(void *context, int64_t begin, int64_t end, int thread)
{
    const job *j = context;
    vd_denoiser *d = j->d;
    sweep s = {.d = d, .out = j->out, .count = j->count, .begin = begin, .end = end};
    char *scratch = (char *)vd_scratch(d, thread);
    size_t priors = (size_t)d->params.priors;
    float **pointers = (float **)scratch;
    transformed_rows *rows = (transformed_rows *)(pointers + priors * POINTERS_PER_PRIOR);
    size_t head = (size_t)round_up((ptrdiff_t)((char *)(rows + priors) - scratch), VD_LANE_STEP * sizeof(float));
    lay_out(&s, d, (float *)(scratch + head), pointers, rows);
    for (int l = 0; l < s.count; l++)
        s.priors[l].ready = 0;
    clear(d, &s.first);
    if (d->way.again)
        clear(d, &s.second);
    sweep_band(&s);
}

void vd_sweep(vd_denoiser *d, size_t count, const vd_image *out)
{
    job j = {d, out, (int)count};
    int64_t bands = d->rows / ROWS_PER_BAND;
    int threads = (int)least(d->threads, most(bands, 1));
    vd_parallel_blocks(threads, d->rows, sweep_rows, &j);
}
