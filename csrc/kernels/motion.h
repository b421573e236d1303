/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Kernels for pictures that move: bicubic warping along an optical flow, and the rows of estimates that are merged over
 * time (motion/estimate.c says what is computed). Two families of one kind, motion_f32 and motion_f64: the pointers to
 * reals below are of the family's type. Contract as in kernels.h.
 *
 * A picture has `step` reals per pixel, 1, 2 or 4. Its rows are `pitch` reals apart and repeat their outermost pixels
 * VD_WARP_MARGIN times beyond either end; rows outside the picture are replaced by the nearest.
 */
#ifndef VD_KERNELS_MOTION_H
#define VD_KERNELS_MOTION_H

#include <stddef.h>
#include <stdint.h>

#include "base/strict_math.h"

/* Reals that the taps of one pixel take. */
enum { VD_WARP_MARGIN = 4, VD_WARP_TAPS = 12 };

/* The windows in which two estimates are compared, as radii, and the rows that the larger one covers. */
enum { VD_GATE_NEAR = 2, VD_GATE_FAR = 4, VD_GATE_ROWS = 2 * VD_GATE_FAR + 1 };
enum { VD_GATE_NEAR_PIXELS = (2 * VD_GATE_NEAR + 1) * (2 * VD_GATE_NEAR + 1) };

/* Planes of a row of differences, then those of sums over a window; one plane per channel follows. */
enum { VD_DIFFERENCE_COUNT, VD_DIFFERENCE_ENERGY, VD_DIFFERENCE_NOISE, VD_DIFFERENCE_VALUES };
enum { VD_WINDOW_COUNT, VD_WINDOW_ENERGY, VD_WINDOW_NEAR_NOISE, VD_WINDOW_FAR_NOISE, VD_WINDOW_VALUES };

enum { VD_WEIGHTS_UNSOUND = 1, VD_WEIGHTS_MISSING = 2 };

/* Weights below this are 0. */
#define VD_MIN_WEIGHT 1e-20

/* A statistic r above `limit` lowers the coefficient by a factor e for each `scale`. `near` is indexed by the number of
 * pixels in the window that both estimates know. */
typedef struct vd_gate {
    double near_limit[VD_GATE_NEAR_PIXELS + 1], near_scale[VD_GATE_NEAR_PIXELS + 1];
    double far_limit, far_scale;
} vd_gate;

/* A stored estimate. Each row holds pictures of four channels, the last one of what is left (4 reals per pixel for three
 * channels), then a picture of two reals: weight and variance. */
typedef struct vd_estimate_layout {
    int64_t height, width, channels;
    ptrdiff_t pitch; /* reals between rows */
} vd_estimate_layout;

static inline int64_t vd_estimate_groups(int64_t channels) { return (channels + 3) / 4; }

static inline int vd_estimate_group_channels(int64_t channels, int64_t group)
{
    return channels - 4 * group < 4 ? (int)(channels - 4 * group) : 4;
}

static inline int vd_estimate_step(int64_t channels, int64_t group)
{
    int count = vd_estimate_group_channels(channels, group);
    return count == 3 ? 4 : count;
}

/* Reals from the start of a row to the first pixel of a group. */
static inline ptrdiff_t vd_estimate_group(const vd_estimate_layout *layout, int64_t group)
{
    return 4 * (ptrdiff_t)group * (layout->width + 2 * VD_WARP_MARGIN) +
           VD_WARP_MARGIN * vd_estimate_step(layout->channels, group);
}

/* Reals from the start of a row to the weight of its first pixel. */
static inline ptrdiff_t vd_estimate_evidence(const vd_estimate_layout *layout)
{
    int64_t groups = vd_estimate_groups(layout->channels);
    return (4 * (ptrdiff_t)(groups - 1) + vd_estimate_step(layout->channels, groups - 1)) *
               (layout->width + 2 * VD_WARP_MARGIN) +
           2 * VD_WARP_MARGIN;
}

typedef struct vd_motion_kernels {
    /* Where row y of a picture lies in another one: (x + flow[2 x], y + flow[2 x + 1]) for x in [0, width), as four taps and
     * weights along each axis (bicubic, a = -0.75). Positions are clamped to `clamp` pixels beyond the outermost ones.
     * lost[x] becomes 1 where the flow is not finite or leads further than `reach` beyond them, else 0; such a flow counts
     * as 0 if it is not finite. Returns whether there was any. taps: width VD_WARP_TAPS reals. */
    int (*find_taps)(void *taps, uint8_t *lost, const float *flow, int64_t y, int64_t height, int64_t width,
                     double clamp, double reach);
    /* out[step x ..]: the picture interpolated at these taps; columns first, then along the row. */
    void (*warp)(void *out, const void *picture, ptrdiff_t pitch, const void *taps, int64_t height, int64_t width,
                 int step);
    /* The weight and the variance of a picture of these pairs: weights bilinear, variances by the squares of warp's
     * weights. It shares no sum with warp: twice that, with squared taps, would compute two numbers in vain. */
    void (*warp_evidence)(void *weight, void *variance, const void *picture, ptrdiff_t pitch, const void *taps,
                          int64_t height, int64_t width);
    /* Corrects a row of warped planes, each plane_pitch reals apart, where a tap has weight 0: such taps do not count
     * if their weight in the sum is 0; else the pixel becomes the bilinear mean of what is known. Pixels that are lost,
     * or whose weight is below VD_MIN_WEIGHT, become 0. lost may be NULL, and holes 0 where no tap has weight 0. */
    void (*mend)(void *planes, ptrdiff_t plane_pitch, const vd_estimate_layout *layout, const void *estimate,
                 const void *taps, const uint8_t *lost, int holes);

    /* `step` reals per pixel <-> the first `channels` of them as planes */
    void (*split)(void *planes, ptrdiff_t plane_pitch, const void *row, int64_t pixels, int64_t step, int64_t channels);
    void (*join)(void *row, const void *planes, ptrdiff_t plane_pitch, int64_t pixels, int64_t step, int64_t channels);

    /* out = the mean of the channels */
    void (*mean)(void *out, const void *row, int64_t pixels, int64_t channels);
    /* row = (row - low) scale */
    void (*stretch)(void *row, double low, double scale, int64_t n);
    /* Adds the finite numbers to sum, and how many they are to count. */
    void (*total)(double *sum, double *count, const void *row, int64_t n);
    /* row -= middle and known = 1 where it is finite, else both 0; known may be NULL */
    void (*centre)(void *row, void *known, double middle, int64_t n);
    /* row = row / max(known, 1e-6) + middle, without division where known is NULL; range: extended to the extremes */
    void (*restore)(void *row, const void *known, double middle, double range[2], int64_t n);
    /* out = min(weights, 1); returns whether any is below 1 */
    int (*cap)(void *out, const void *weights, int64_t n);

    /* The weight and the variance of a row of samples in planes: planes [channels] and [channels + 1]. confidence: NULL, or
     * `shares` (1 or channels) for each pixel; the smallest counts, 0 where a sample is NaN. gain and offset NULL: variance
     * 0; else the mean of max(min_variance, gain[c] sample + offset[c]). scratch: pixels doubles. */
    void (*measure)(void *planes, ptrdiff_t plane_pitch, const double *confidence, int64_t shares, const double *gain,
                    const double *offset, double min_variance, int64_t channels, int64_t pixels, double *scratch);
    /* How the planes of a and b differ where both have weight: the planes VD_DIFFERENCE_*, 0 elsewhere. */
    void (*differ)(void *out, ptrdiff_t out_pitch, const void *a, const void *b, ptrdiff_t plane_pitch,
                   int64_t channels, int64_t pixels);
    /* sums[x] = values[x - radius] + .. + values[x + radius], nearest first; values are 0 beyond either end */
    void (*sum_along)(void *sums, const void *values, int radius, int64_t pixels);
    /* out = rows[0] + rows[1] + .. */
    void (*add_rows)(void *out, const void *const *rows, int count, int64_t n);
    /* c of each pixel from the planes VD_WINDOW_* of sums over its windows */
    void (*coefficients)(double *out, const void *window, ptrdiff_t plane_pitch, const vd_gate *gate, int64_t channels,
                         int64_t pixels);
    /* out = a and b in planes; b counts decay coefficients[x], or decay where that is NULL. scratch: pixels doubles.
     * Returns whether any weight is 0. */
    int (*merge)(void *out, const void *a, const void *b, ptrdiff_t plane_pitch, const double *coefficients,
                 double decay, int64_t channels, int64_t pixels, double *scratch);

    /* VD_WEIGHTS_UNSOUND if any weight is not in [0, max], and VD_WEIGHTS_MISSING if any is not above 0, or-ed */
    int (*check_weights)(const void *weights, double max, int64_t n);
    /* Adds to sums: the weights, and the variances and the number of the pixels of weight above 0. */
    void (*add_evidence)(double sums[3], const void *pairs, int64_t pixels);
    /* The minimum and the maximum of the first rows of the taps. */
    void (*row_range)(int32_t range[2], const void *taps, int64_t width);
} vd_motion_kernels;

#endif
