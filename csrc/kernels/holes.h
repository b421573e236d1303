/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kernels of missing samples, one table per instruction set. Contract as in kernels.h: the same bits in every table.
 *
 * Planes are arrays of pointers to rows, one for each of `channels`. A weight is the share of a sample that is known, 0 to 1,
 * or a sum of those. Rows do not overlap what is written unless it says so.
 */
#ifndef VD_KERNELS_HOLES_H
#define VD_KERNELS_HOLES_H

#include <stddef.h>
#include <stdint.h>

#include "base/strict_math.h"

enum { VD_SOME_MISSING = 1, VD_SOME_PARTIAL = 2 };

/* What a spot is: see outliers.c. SIGNS are those of the sample less what is around it. */
enum { VD_SPOT_ABOVE = 1, VD_SPOT_BELOW = 2, VD_SPOT_SIGNS = 3, VD_SPOT_STRICT = 4, VD_SPOT_CHANNELS = 4 };

/* The noise that spots must stand out of: its variance at the mean m of the first luma_channels is power (gain m + offset), but
 * at least power times `least`. */
typedef struct vd_spot_test {
    ptrdiff_t channels, luma_channels;
    float gain, offset, least, photon, power[VD_SPOT_CHANNELS];
} vd_spot_test;

typedef struct vd_holes_kernels {
    /* Whether f - p may be beyond 5 s + 8 photon anywhere; channels follow each other, n samples each. */
    int (*surprises)(const float *f, const float *p, const vd_spot_test *test, ptrdiff_t n);
    /* The spots of a row; f and p, NULL without a prior, are the row above, itself and the row below, with one more sample at
     * either end; lost (NULL: nowhere): where p does not count. Returns whether there are any. */
    int (*find_spots)(uint8_t *spots, const float *f[3][VD_SPOT_CHANNELS], const float *p[3][VD_SPOT_CHANNELS],
                      const uint8_t *lost, const vd_spot_test *test, ptrdiff_t n);
    /* out[x] = 1 where row[x] is more than `most` beyond all eight samples around it, 0 at the ends; returns whether any is */
    int (*spikes)(uint8_t *out, const float *above, const float *row, const float *below, float most, ptrdiff_t n);
    /* weight[x] = 0 where a plane is NaN; where it is 0, the planes become 0. Returns VD_SOME_MISSING if a weight is below 1,
     * with VD_SOME_PARTIAL if one of those is above 0. */
    int (*present)(float *weight, float *const *planes, ptrdiff_t channels, ptrdiff_t n);
    /* weight[x] = 0 where outlier[x] is not 0 */
    void (*forget)(float *weight, const uint8_t *outlier, ptrdiff_t n);
    /* error = the sum over the planes of (f - p)^2, both = weight where known is not 0 */
    void (*mismatch)(float *error, float *both, const float *const *f, const float *const *p, const float *weight,
                     const uint8_t *known, ptrdiff_t channels, ptrdiff_t n);
    /* known[x] = 1 where weight[x] > 0 or it is not 0 already */
    void (*learn)(uint8_t *known, const float *weight, ptrdiff_t n);
    /* out[x] = 1 where known (0 or 1) is at all the pixels next to where the flow (dx, dy) of row y leads, 0 where that is not
     * finite. Without a flow: row y; without known: 1. */
    void (*follow)(uint8_t *out, const uint8_t *known, const float *flow, int64_t y, int64_t height, int64_t width);
    /* out = the weighted mean of two by two samples of the rows a and b, out_weight the sum of their weights; where that is 0
     * so is out. With spread, the variance within samples and its mean plus that between them, over all planes. */
    void (*pull)(float *const *out, float *out_weight, float *out_spread, const float *const *a, const float *const *b,
                 const float *const *weights, const float *const *spreads, ptrdiff_t channels, ptrdiff_t n);
    /* row = t row + (1 - t) the row of half the length between `near` (3/4) and `far` (1/4), t = min(1, weight scale) */
    void (*push)(float *row, const float *weight, const float *near, const float *far, float scale, ptrdiff_t n);
    /* s = w f + (1 - w) p where known is not 0 and error <= spread + limit */
    void (*choose)(float *s, const float *f, const float *p, const float *weight, const uint8_t *known,
                   const float *error, const float *spread, float limit, ptrdiff_t n);
    /* relative = min(1, m / (sum of m^2 / sum of m)) over rows[0 .. count - 1] and columns within `radius` */
    void (*relative)(float *relative, const float *m, const float *const *rows, int count, int radius, float *scratch,
                     ptrdiff_t n);

    /* What becomes of the samples of a row whose result is out: share is 1 where out stays, that is, where known or repair
     * (NULL: nowhere) is not 0, and, with weight, that is 0. Where neither is, source becomes fill (NULL: stays). */
    void (*settle)(double *share, double *source, const uint8_t *known, const uint8_t *repair, const float *weight,
                   const double *fill, ptrdiff_t channels, ptrdiff_t n);

    /* Lanes, any number: total += rows[y][places[x][i]] and squares += its square, over y and x below 8. */
    void (*sum_patches)(float *total, float *squares, const float *const *rows, const int32_t *const *places,
                        ptrdiff_t n);
    /* gain = 1 / sqrt of the mean of squares, share its inverse; both 1 where all or none are missing */
    void (*evidence)(float *gain, float *share, const float *squares, ptrdiff_t n);
    /* out = squares / total, 1 where that is 0 */
    void (*level)(float *out, const float *total, const float *squares, ptrdiff_t n);
    /* row *= factor, row /= divisor */
    void (*multiply_by)(float *row, const float *factor, ptrdiff_t n);
    void (*divide_by)(float *row, const float *divisor, ptrdiff_t n);
} vd_holes_kernels;

#endif
