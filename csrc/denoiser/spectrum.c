/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The spectrum of the noise, t(c, k): its variance in each coefficient over what is estimated from high frequencies alone.
 * Real noise is not white: sensors, demosaicing and codecs leave more of it in low frequencies.
 *
 * It is learnt from innovations (not from differences of frames, in which moving texture passes for noise), each frame by
 * some for the next one. Of the sampled patches, e^2 in units of noise^2 r:
 * 1. those with a mean over high frequencies, kx + ky > 8, in (0.5, 3), and over all below 8: noise, hardly anything
 *    else, not black or saturated;
 * 2. of them the 30 % with the least energy of the prior: flat, so that motion which was missed does little;
 * 3. of them the half with the least e^2. In white noise of m coefficients that half has the mean 1 - 0.798 sqrt(2 / m), which
 *    is divided out.
 * If enough are left, and their high frequencies are not far stronger than estimated (below 2.5),
 *     b = clip(mean of e^2 / 1.1, 1, 8), 1.1 for the error of the prior,   t <- 0.7 t + 0.3 b (the first time t <- b).
 */
#include "denoiser/denoiser.h"

#include <math.h>

static int ascending(const void *a, const void *b)
{
    float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

/* Keeps, in order, the numbers whose value is not above that of rank `rank` (at most `rank` of them); returns how many. */
static int64_t keep_least(int64_t *numbers, int64_t count, const float *value, int64_t rank, float *order)
{
    if (rank < 1)
        return 0;
    for (int64_t i = 0; i < count; i++)
        order[i] = value[numbers[i]];
    qsort(order, (size_t)count, sizeof *order, ascending);
    float limit = order[rank - 1];
    int64_t kept = 0;
    for (int64_t i = 0; i < count && kept < rank; i++)
        if (value[numbers[i]] <= limit)
            numbers[kept++] = numbers[i];
    return kept;
}

static bool is_high(int64_t k) { return k / VD_PATCH % VD_PATCH + k % VD_PATCH > VD_PATCH; }

static int64_t rounded(double x) { return (int64_t)rint(x); }

void vd_learn_spectrum(vd_denoiser *d)
{
    vd_spectrum_samples *s = &d->samples;
    float unit = 1 / vd_noise_variance(d);
    int64_t highs = 0, chosen = 0;
    for (int64_t k = 0; k < d->coefficients; k++)
        highs += is_high(k);
    for (int64_t n = 0; n < s->count; n++) {
        const float *squares = s->squares + n * d->coefficients;
        float high = 0, all = 0;
        for (int64_t k = 0; k < d->coefficients; k++) {
            all += squares[k];
            high += is_high(k) ? squares[k] : 0;
        }
        high *= unit / (float)highs;
        all *= unit / (float)d->coefficients;
        s->total[n] = all;
        if (high > 0.5f && high < 3 && all < 8)
            s->numbers[chosen++] = n;
    }
    chosen = keep_least(s->numbers, chosen, s->energy, rounded(0.3 * (double)chosen), s->order);
    chosen = keep_least(s->numbers, chosen, s->total, rounded(0.5 * (double)chosen), s->order);
    if (chosen < 16 || (double)chosen < 0.01 * (double)s->count)
        return;
    double lesser_half = 1 - 0.798 * sqrt(2 / (double)d->coefficients);
    double scale = (double)unit / (lesser_half * (double)chosen), high = 0;
    for (int64_t k = 0; k < d->coefficients; k++) {
        double sum = 0;
        for (int64_t i = 0; i < chosen; i++)
            sum += s->squares[s->numbers[i] * d->coefficients + k];
        s->measured[k] = sum * scale;
        high += is_high(k) ? s->measured[k] : 0;
    }
    if (high >= 2.5 * (double)highs)
        return;
    for (int64_t k = 0; k < d->coefficients; k++) {
        double b = s->measured[k] / 1.1;
        b = b < 1 ? 1 : b > 8 ? 8 : b;
        d->spectrum[k] = (float)(d->learnt ? 0.7 * d->spectrum[k] + 0.3 * b : b);
    }
    d->learnt = true;
}
