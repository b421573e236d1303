/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kernels of the video denoiser, one table per instruction set. Contract as in kernels.h: the same bits in every
 * table (no contraction, one order of operations).
 *
 * A lane is a patch: rows hold one number for each patch of a row of patches, so that transforms are butterflies between
 * rows and nothing is shuffled. n is a multiple of VD_LANE_STEP unless it says pixels or samples; rows do not overlap
 * what is written.
 */
#ifndef VD_KERNELS_DENOISER_H
#define VD_KERNELS_DENOISER_H

#include <stddef.h>
#include <stdint.h>

#include "base/strict_math.h"

enum { VD_LANE_STEP = 16, VD_PATCH = 8, VD_ZONES = 10, VD_TESTS = 5 };

/* The parts of a frame that hold for all coefficients of a patch, rows of n lanes. */
typedef struct vd_patch_rows {
    const float *brightness; /* r: the noise's variance over noise^2 */
    const float *keep;       /* 1, or 0 where the prior does not count */
    const float *share;      /* 1 / number of patches that a 3 x 3 mean is over */
    float min_ratio;         /* minimum variance of the prior over that of the frame's noise */
} vd_patch_rows;

typedef struct vd_denoiser_kernels {
    /* Orthonormal DCT-II of VD_PATCH numbers: coefficient k of lane i in out[k pitch + i], from in[0 .. 7][i]. */
    void (*forward)(float *out, ptrdiff_t pitch, const float *const *in, ptrdiff_t n);
    /* Its inverse, from in[k pitch + i] to out[x pitch + i]. */
    void (*inverse)(float *out, const float *in, ptrdiff_t pitch, ptrdiff_t n);
    /* The same, scaled[x] = window[x] weight[i] value, added to out[x][i]. */
    void (*inverse_add)(float *const *out, const float *in, ptrdiff_t pitch, const float *weight, const float *window,
                        ptrdiff_t n);

    /* e = q - p; relative += e^2 scale */
    void (*innovation)(float *e, float *relative, const float *q, const float *p, float scale, ptrdiff_t n);
    /* out[i] = the sum of a[i + d]^2 over |d| <= 1, or 2; a has 0 in two lanes beyond either end */
    void (*squares_3)(float *out, const float *a, ptrdiff_t n);
    void (*squares_5)(float *out, const float *a, ptrdiff_t n);
    /* r = max(0.01, gain (p[0] + p[channel_pitch] + ..) + offset) with p = q - 0.75 keep e, the means of `channels` channels,
     * or 1 of none; NULL stands for a keep of 1 everywhere */
    void (*brightness)(float *r, const float *q, const float *e, const float *keep, ptrdiff_t channel_pitch,
                       int64_t channels, float gain, float offset, ptrdiff_t n);
    /* keep = 1 - fresh where the sums of zones of frequencies stay within limit brightness in every test, else 0:
     * 0 to 3, 0 to 6, all, 0 1 4 7 (columns) and 0 2 5 8 (rows) */
    void (*judge)(float *keep, const float *const zones[VD_ZONES], const float limits[VD_TESTS],
                  const float *brightness, const float *fresh, ptrdiff_t n);
    /* The weight w = (variance of the noise) / (variance of the prior) of one prior, at most 1 / min_ratio:
     *     s2 = noise brightness        now = 0.7 e^2 + 0.3 (rows[0] + rows[1] + rows[2]) share
     *     variance = 0.5 last + 0.5 now, or 2 s2 where fresh
     *     w = keep s2 / max(variance - 1.1 s2, min_ratio s2),    weights += w,  moments += w e
     * variance and last may be one row. */
    void (*weigh)(float *variance, float *weights, float *moments, const float *last, const float *e,
                  const float *const *rows, const vd_patch_rows *patches, const float *fresh, float noise, ptrdiff_t n);
    /* k = 1 / (1 + weights), x = q - k moments, v = k noise brightness */
    void (*combine)(float *x, float *v, const float *q, const float *weights, const float *moments,
                    const float *brightness, float noise, ptrdiff_t n);

    /* Wiener gain g = a / (a + v), or 1 where `mean` says so; out = g x; sum += g^2 v;
     * a = max(0, 0.1 x^2 + 0.9 (rows[0] + .. + rows[4]) share - 1.1 v), or in the second step pilot^2 */
    void (*wiener)(float *out, float *sum, const float *x, const float *v, const float *const *rows, const float *share,
                   int mean, ptrdiff_t n);
    void (*wiener_again)(float *out, float *sum, const float *x, const float *v, const float *pilot, int mean,
                         ptrdiff_t n);
    /* out[m] = (first a[m] + second b[m - 1]) / (first w[m] + second w[m - 1]), or 0 where the sum of weights is 0 */
    void (*overlap)(float *out, const float *a, const float *b, const float *w, float first, float second, ptrdiff_t n);

    /* out[i] = in[place[i]]; where whole[i / VD_LANE_STEP] is not 0, the places of that step follow each other */
    void (*take)(float *out, const float *in, const int32_t *place, const uint8_t *whole, ptrdiff_t n);
    /* out[i] = in[place[i]] for any number of samples */
    void (*pick)(float *out, const float *in, const int32_t *place, ptrdiff_t n);

    /* Interleaved samples of three channels <-> planes of orthonormal opponent colours, any number of pixels:
     * (1, 1, 1) / sqrt 3, (1, 0, -1) / sqrt 2, (1, -2, 1) / sqrt 6. */
    void (*opponents)(float *const *planes, const float *samples, ptrdiff_t pixels);
    void (*colours)(float *samples, const float *const *planes, ptrdiff_t pixels);
    /* w = 1 / (sum + variance) for the first `columns` lanes, then 0 */
    void (*invert)(float *w, const float *sum, float variance, int64_t columns, ptrdiff_t n);
    /* out += share w */
    void (*add_scaled)(float *out, const float *w, float share, ptrdiff_t n);

    /* The mean of the channels from the first opponent colour, row[step i] / sqrt 3. */
    void (*mean_of_opponents)(float *out, const float *row, ptrdiff_t step, ptrdiff_t pixels);
    /* Means over two by two samples of two rows of `samples`; the last one counts twice if their number is odd. */
    void (*halve)(float *out, const float *above, const float *below, ptrdiff_t samples);
    /* fresh[i] = 1 where any lost[y][places[x][i]], y and x < VD_PATCH, is not 0, for any n */
    void (*mark_lost)(float *fresh, const uint8_t *const *lost, const int32_t *const *places, ptrdiff_t n);
    /* row[i] through the table of values at 0, 1 / scale, 2 / scale .. (last), linear between, held at the ends; blocks of
     * samples wholly within [low, high] stay as they are */
    void (*look_up)(float *row, const float *table, float last, float scale, float low, float high, ptrdiff_t samples);
} vd_denoiser_kernels;

#define VD_LARGEST_WEIGHT 49.0f

#endif
