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
    const float *slack;      /* variance of the innovation over s2 up to which a prior passes for exact */
    const float *min_ratio;  /* minimum variance of the prior over that of the frame's noise */
} vd_patch_rows;

/* Planes of cells: what is known, then sums over the cell's samples. */
enum {
    VD_AGE,   /* m, frames in the mean before this one */
    VD_TRUST, /* how far the mean stands in for the prior, 0 to 1 */
    VD_GAIN,  /* G' */
    VD_LOW,   /* L' */
    VD_MOVED_X,
    VD_MOVED_Y, /* F' */
    VD_FIRST_SUM,
    VD_GAIN_NOW = VD_FIRST_SUM,
    VD_LOW_NOW,
    VD_SQUARES,
    VD_BIAS, /* b'^2, over channels */
    VD_FLOW_X,
    VD_FLOW_Y,
    VD_CELL_PLANES
};

#define VD_MAX_FRAMES 400.0f

/* Three rows of each plane, readable one lane beyond either end. */
typedef struct vd_cell_rows {
    const float *above[VD_CELL_PLANES], *below[VD_CELL_PLANES];
    float *here[VD_CELL_PLANES];
    const float *fresh, *share, *share_cells; /* not 0 where the mean starts again; see vd_still */
    float rows, rows_of_cells, channels;      /* 1 / rows of samples, and of cells, of the three that exist */
} vd_cell_rows;

enum { VD_UNCLIPPING_STEPS = 512 };

/* Functions near either end of the range of samples: at x = origin + k / scale the value is table[k], before the first step
 * too; there is none where origin is -INFINITY and scale 1. */
typedef struct vd_unclipping {
    float table[2][VD_UNCLIPPING_STEPS + 2]; /* the last value twice */
    float origin[2], scale[2];
} vd_unclipping;

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
     *     w = keep s2 / max(variance - slack s2, min_ratio s2),    weights += w,  moments += w e
     * variance and last may be one row. */
    void (*weigh)(float *variance, float *weights, float *moments, const float *last, const float *e,
                  const float *const *rows, const vd_patch_rows *patches, const float *fresh, float noise, ptrdiff_t n);

    /* What stays put, see denoiser/still.c: of samples
     *     gain += (f - mean)^2 - (f - prior)^2,  squares += (f - mean)^2,  sum += f - mean,  sum_prior += f - prior */
    void (*misfit)(float *gain, float *squares, float *sum, float *sum_prior, const float *f, const float *mean,
                   const float *prior, ptrdiff_t n);
    /* of cells, with unit = scale / (r samples)
     *     bias += max(1 / 4, 1 / (age + 1)) (sum sqrt(unit) - bias),  squares += bias^2,
     *     gain += unit (sum^2 - sum_prior^2) */
    void (*drift)(float *bias, float *squares, float *gain, const float *sum, const float *sum_prior, const float *r,
                  const float *age, const float *samples, float scale, ptrdiff_t n);
    /* a = a scale / b */
    void (*divide)(float *a, const float *b, float scale, ptrdiff_t n);
    /* A row of cells: its planes before VD_FIRST_SUM, and rate = 1 / (age + 1), from the others of three rows. */
    void (*judge_cells)(float *rate, const vd_cell_rows *rows, ptrdiff_t n);
    /* prior += trust (mean - prior), then mean += rate (f - mean) */
    void (*accumulate)(float *prior, float *mean, const float *f, const float *trust, const float *rate, ptrdiff_t n);
    /* With t and m the least trust and age (two rows of each) of four cells, one lane more than n:
     *     slack = 1.1 + 4 t,  min_ratio = (1 - t) ratio + t / m */
    void (*expect)(float *slack, float *min_ratio, const float *const *age, const float *const *trust, float ratio,
                   ptrdiff_t n);

    /* k = 1 / (1 + weights), x = q - k moments, v = min(1, k lasting) noise brightness */
    void (*combine)(float *x, float *v, const float *q, const float *weights, const float *moments,
                    const float *brightness, float noise, float lasting, ptrdiff_t n);

    /* Wiener gain g = a / (a + v), or 1 where `mean` says so; out = g x; sum += g^2 v;
     * a = max(0, 0.1 x^2 + 0.9 (rows[0] + .. + rows[4]) share - 1.1 v, x^2 - 14 v), or in the second step pilot^2 */
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
    /* samples that lie within the steps of one of the two tables become its value there, linear between; u->table[0] goes
     * first */
    void (*unclip)(float *row, const vd_unclipping *u, ptrdiff_t samples);
} vd_denoiser_kernels;

#define VD_LARGEST_WEIGHT 49.0f

#endif
