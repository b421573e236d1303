/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Expected values where samples were clipped to a range [low, high]. That has moved the mean of normal noise,
 *
 *     m -> E clip(m + noise) = m (F(b) - F(a)) + s (f(a) - f(b)) + low F(a) + high (1 - F(b)),
 *     a = (low - m) / s,  b = (high - m) / s,  s = s(m) = sqrt(gain m + offset), at least noise / 10,
 *
 * f and F the normal density and distribution. The inverse of that, for m within the range, is applied to the result on its way
 * out. It stays out of the state: the noise is that of the samples as they are. A result beyond the mean at an end is the end.
 *
 * Further than R from an end, where R = 4 s(low + R), the mean has moved by less than 7e-6 s. Within it a table of
 * 512 steps is interpolated, one for each end, so that its resolution is that of the noise and not that of the range (one
 * table over 16 bits would have steps of 64). The tables are finer than 1e-4 s.
 *
 * An end that is not finite did not clip, and nothing is undone there: photon noise is never negative, and has its mean.
 */
#include "denoiser/denoiser.h"

#include <math.h>

static const double CERTAIN = 4; /* standard deviations */

enum { N = VD_UNCLIPPING_STEPS, GRID = 4 * N };

bool vd_denoiser_takes_range(double low, double high)
{
    const double most = 1e15; /* single precision squares samples */
    return low < high && (fabs(low) <= most || low == -INFINITY) && (fabs(high) <= most || high == INFINITY);
}

static double normal(double x) { return 0.5 * erfc(-x * sqrt(0.5)); }
static double density(double x) { return exp(-0.5 * x * x) * 0.3989422804014327; }

static double deviation(const vd_denoiser_params *p, double m)
{
    double variance = p->noise * p->noise;
    return p->gain == 0 ? p->noise : sqrt(fmax(p->gain * m + p->offset, 0.01 * variance));
}

/* How far clipping moves a mean that is so far from the end. */
static double shift(double distance, double s)
{
    double a = distance / s;
    return s * density(a) - distance * normal(-a);
}

static double clipped_mean(const vd_denoiser *d, double m)
{
    double s = deviation(&d->params, m);
    double up = isfinite(d->low) ? shift(m - d->low, s) : 0, down = isfinite(d->high) ? shift(d->high - m, s) : 0;
    return m + up - down;
}

/* R, the positive root of R^2 = 16 (gain (end + sign R) + offset), within what 1e16 and the least deviation allow. */
static double reach(const vd_denoiser *d, double end, double sign)
{
    double square = CERTAIN * CERTAIN, half = 0.5 * square * d->params.gain * sign, s = deviation(&d->params, end);
    double root = sqrt(half * half + square * s * s);
    return fmin(fmax(half > 0 ? root + half : square * s * s / (root - half), 0.1 * CERTAIN * d->params.noise), 1e16);
}

/* The table of one end, from there inwards. The other one begins in the middle of the range, if noise reaches so far. */
static void fill(vd_denoiser *d, int which)
{
    vd_unclipping *u = &d->unclipping;
    double end = which == 0 ? d->low : d->high, sign = which == 0 ? 1 : -1, span = d->high - d->low;
    u->origin[which] = -INFINITY;
    u->scale[which] = 1;
    if (!isfinite(end) || d->params.noise == 0)
        return;
    double length = reach(d, end, sign), most = length < span / 2 ? length : span, unit = fmin(length, span / 2) / N;
    double before = 0, after = sign * (clipped_mean(d, end) - end), last = 0, m = 0; /* distances from the end */
    int64_t j = 0;
    for (int64_t i = 0; i <= N; i++) {
        double wanted = (double)i * unit;
        while (after < wanted && j < GRID) {
            before = after;
            last = m;
            j++;
            m = most * (double)j / GRID;
            after = fmax(before, sign * (clipped_mean(d, end + sign * m) - end));
        }
        double part = after <= wanted ? 1 : after > before ? fmax(0, wanted - before) / (after - before) : 0;
        u->table[which][i] = (float)(end + sign * (last + part * (m - last)));
    }
    u->table[which][N + 1] = u->table[which][N];
    u->origin[which] = (float)end;
    u->scale[which] = (float)(sign / unit);
}

void vd_unclipping_start(vd_denoiser *d)
{
    fill(d, 0);
    fill(d, 1);
}
