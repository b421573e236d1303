/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The filter of the video denoiser, for the patches n, channels c and frequencies k of one frame. With Q, P the spectra
 * (orthonormal 8 x 8 DCT-II) of the frame and of a prior, s^2 = noise^2 r(n) t(c, k) the variance of the noise:
 *
 *     e = Q - P                                                        innovation
 *     E = 0.5 E' + 0.5 (0.7 e^2 + 0.3 mean of e^2 over 3 x 3 patches)    its variance; E' of the last frame, moved
 *     w = s^2 / max(E - (1.1 + 4 T) s^2, ((1 - T) max(b, 1 / 49) + T / m) s^2)
 *                                                                      what the prior is worth; 0 if it does not fit
 *     K = 1 / (1 + sum w),  X = Q - K sum w e                         Kalman filter over all priors
 *     V = min(1, K (1 + c) / (1 - c)) s^2                             its noise, c the noise's correlation over time
 *     A = max(0, 0.1 X^2 + 0.9 mean of X^2 over 5 x 5 patches - 1.1 V, X^2 - 14 V)   power of the signal
 *     g = A / (A + V), 1 for k = 0                                     Wiener filter; picture y1 from g X
 *     g = B^2 / (B^2 + V), B the spectra of y1                         once more (`again`); picture y from g X
 *
 * A picture is the weighted mean of the patches that cover a sample, weights h(y) h(x) / (sum over k of g^2 V + 0.1 or
 * 0.02 noise^2), h a Kaiser window. A prior does not fit a patch (restart) if, over the zones max(kx, ky) < 2, 4 or 8 and
 * all channels, the mean of its e^2 / s^2 is above (1 + b) (1 + 10 sqrt(2 / terms)). b is the minimum variance of the noise in
 * the prior over s^2, 0 for a result and 1 for another frame: without it those coefficients of a frame to come whose noise
 * happens to agree would pass for exact, which loses 2 dB at noise 40. E' of a prior that was not there in the last frame is
 * 2 noise^2 t(c, k). T is the trust that prior 0 is the mean of m frames of something that stays put (still.c), 0 for others.
 *
 * r = max(0.01, (gain m + offset) / noise^2) is taken at the brightness m = (3 m' + mean of the frame's patch) / 4, m' the mean
 * of prior 0; at the frame's where that prior does not fit. Noise in r biases the means: too dark a frame would get too small an
 * s^2 and too large a K, while E, too, is larger for the bright ones of skewed noise. For Poisson noise the two cancel
 * with this quarter: with the frame's mean alone the result is 6 % too dark at 0.3 photons, with the prior's 2 % too bright.
 *
 * Source: P. Arias and J.-M. Morel, "Kalman filtering of patches for frame-recursive video denoising", CVPR Workshops 2019;
 * the two Wiener steps are those of K. Dabov et al., "Image denoising by sparse 3-D transform-domain collaborative
 * filtering", IEEE TIP 2007, without groups. Constants: docs/adr/0014-video-denoiser.md.
 *
 * One sweep over the rows of patches, each step some rows behind the one before it, in rings of rows that stay in the
 * cache. A band of rows is swept by one thread, which recomputes what it needs of its neighbours' rows: nothing
 * depends on where bands end. Along a row of patches one vector holds one coefficient of as many patches. The horizontal
 * half of a transform is done once for each row of samples, whatever the number of patches over it, and undone once too,
 * since weights differ from patch to patch but not along a row of one.
 *
 * Limits: single precision; the relative error of a result is some 1e-6 of the largest sample.
 *
 * Not done: whole frames of spectra between the steps (12 floats a pixel each in colour: more than caches hold); a running
 * sum for the 5 x 5 mean (its rounding would depend on where a band begins).
 */
#include "denoiser/sweep.h"

#include <string.h>

#include "base/parallel.h"

enum { ROWS_PER_BAND = 8 };

/* The next `floats` of the memory, on a line of the cache; only counts where there is none yet. */
static float *cut(float *memory, size_t *used, size_t floats)
{
    float *piece = memory != NULL ? memory + *used : NULL;
    *used += (size_t)vd_round_up((ptrdiff_t)floats, VD_LANE_STEP);
    return piece;
}

/* Lays out the memory of a thread; returns the floats it takes. It is all zero at first, and what lies between rows of
 * lanes stays so. */
static size_t lay_out(vd_sweep_state *s, const vd_denoiser *d, float *memory, float **pointers,
                      vd_transformed_rows *rows)
{
    size_t used = VD_LANE_STEP, pitch = (size_t)d->pitch, row = (size_t)d->coefficients * pitch;
    size_t ring = (size_t)d->channels * VD_PATCH * VD_PATCH * pitch;
    int priors = d->params.priors;
    for (int i = 0; i < 2; i++) {
        s->q[i] = cut(memory, &used, row);
        s->brightness[i] = cut(memory, &used, pitch);
    }
    for (int i = 0; i < VD_KEPT; i++) {
        s->x[i] = cut(memory, &used, row);
        s->v[i] = cut(memory, &used, row);
    }
    for (int i = 0; i < VD_POOLED; i++) {
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
    if (d->method.again) {
        s->pilot.data = cut(memory, &used, ring);
        s->second.sums = cut(memory, &used, ring);
        s->second.weights = cut(memory, &used, ring / VD_PATCH);
    }
    s->spectra = cut(memory, &used, VD_COEFFICIENTS * pitch);
    s->eight = cut(memory, &used, VD_PATCH * pitch);
    s->eight_more = cut(memory, &used, VD_PATCH * pitch);
    s->zones = cut(memory, &used, (size_t)priors * VD_ZONES * pitch);
    s->slack = cut(memory, &used, (size_t)priors * pitch);
    s->min_ratio = cut(memory, &used, (size_t)priors * pitch);
    s->zero = cut(memory, &used, pitch);
    s->phases = cut(memory, &used, (size_t)vd_phase_row(d));
    s->pictures = cut(memory, &used, vd_pictures_scratch(d) / sizeof(float) + 1);
    return used;
}

enum { POINTERS_PER_PRIOR = 7 };

size_t vd_sweep_scratch(const vd_denoiser *d)
{
    vd_sweep_state s;
    size_t priors = (size_t)d->params.priors;
    size_t floats = lay_out(&s, d, NULL, NULL, NULL);
    return (floats + VD_LANE_STEP) * sizeof(float) +
           priors * (POINTERS_PER_PRIOR * sizeof(float *) + sizeof(vd_transformed_rows));
}

/* ---- bands ---- */

typedef struct range {
    int64_t begin, end;
} range;

static range widened(const vd_denoiser *d, range r, int64_t by)
{
    range wide = {vd_max(r.begin - by, 0), vd_min(r.end + by, d->rows)};
    return wide;
}

static bool within(range r, int64_t j) { return j >= r.begin && j < r.end; }

/* Rows of samples that no patch after j covers begin here. */
static int64_t complete_rows(const vd_denoiser *d, int64_t j)
{
    return j + 1 < d->rows ? (j + 1) * d->method.step : vd_padded_height(d);
}

static void sweep_band(vd_sweep_state *s)
{
    vd_denoiser *d = s->d;
    range own = {s->begin, s->end};
    range last = {vd_max(own.begin - 1, 0), own.end}; /* patches over the band's samples */
    range first = d->method.again ? widened(d, last, 1) : last;
    range estimated = widened(d, first, 2), compared = widened(d, estimated, 1);
    int64_t emitted = last.begin * d->method.step, piloted = first.begin * d->method.step;
    for (int64_t j = compared.begin; j < last.end + 4; j++) {
        if (within(compared, j))
            vd_sweep_compare(s, j);
        if (within(estimated, j - 1))
            vd_sweep_estimate(s, j - 1);
        int64_t at = j - 3;
        if (within(first, at))
            vd_sweep_first_step(s, at);
        if (!d->method.again) {
            if (within(last, at)) {
                vd_sweep_emit_rows(s, &s->first, emitted, complete_rows(d, at));
                emitted = complete_rows(d, at);
            }
            continue;
        }
        /* the rest of the last patches' samples waits until the row before has let go of its slots */
        int64_t complete = within(first, at) ? (at + 1) * d->method.step : at == d->rows ? vd_padded_height(d) : 0;
        for (; piloted < complete; piloted++) {
            vd_sweep_finish_row(s, &s->first, piloted, s->phases);
            vd_transform_row(d, &s->pilot, piloted, s->phases);
        }
        if (within(last, at - 1)) {
            vd_sweep_second_step(s, at - 1);
            vd_sweep_emit_rows(s, &s->second, emitted, complete_rows(d, at - 1));
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
    vd_sweep_state s = {.d = d, .out = j->out, .count = j->count, .begin = begin, .end = end};
    char *scratch = (char *)vd_scratch(d, thread);
    size_t priors = (size_t)d->params.priors;
    float **pointers = (float **)scratch;
    vd_transformed_rows *rows = (vd_transformed_rows *)(pointers + priors * POINTERS_PER_PRIOR);
    size_t head = (size_t)vd_round_up((ptrdiff_t)((char *)(rows + priors) - scratch), VD_LANE_STEP * sizeof(float));
    lay_out(&s, d, (float *)(scratch + head), pointers, rows);
    for (int l = 0; l < s.count; l++)
        s.priors[l].ready = 0;
    vd_clear_aggregate(d, &s.first);
    if (d->method.again)
        vd_clear_aggregate(d, &s.second);
    sweep_band(&s);
}

void vd_sweep(vd_denoiser *d, size_t count, const vd_image *out)
{
    job j = {d, out, (int)count};
    int64_t bands = d->rows / ROWS_PER_BAND;
    int threads = (int)vd_min(d->threads, vd_max(bands, 1));
    vd_parallel_blocks(threads, d->rows, sweep_rows, &j);
}
