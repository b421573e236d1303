/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Estimates: what is known of a picture, and how two of them are merged. An estimate holds for each pixel the value in
 * each channel, the weight W >= 0 and the variance V of the noise left in the values, the mean of the channels. Where W
 * is 0 nothing is known and the value is that of the frame, NaN included. Estimates are float, or double for double
 * streams.
 */
#ifndef VD_ESTIMATE_H
#define VD_ESTIMATE_H

#include <stdbool.h>

#include "kernels/kernels.h"
#include "kernels/motion.h"
#include "vdcore/vdcore.h"

/* One estimate, in the layout of its vd_estimates. */
typedef struct vd_estimate {
    char *rows;
    uint8_t *whole; /* [height] whether every weight in the row is above 0 */
} vd_estimate;

/* What all estimates of one stream share. All zero: none. */
typedef struct vd_estimates {
    int32_t dtype; /* VD_F32 or VD_F64 */
    vd_estimate_layout layout;
    int threads;
    vd_kernels kernels;
    const vd_motion_kernels *motion; /* of the set, for the dtype */
    ptrdiff_t pitch;                 /* reals between planes of a row */
    vd_gate gate;
    char *scratch; /* [threads] */
    size_t scratch_size;
    int *found; /* [threads] */
} vd_estimates;

/* A frame as an estimate: its samples, W the confidence, V the noise. A pixel is missing, W = 0, if any of its samples
 * is NaN; its confidence is the smallest of those of its samples. */
typedef struct vd_measurement {
    const vd_image *frame, *confidence; /* confidence may be NULL */
    const double *gain, *offset; /* [channels], or NULL: V = 0; else V = max(min_variance, gain sample + offset) */
    double min_variance;
} vd_measurement;

typedef struct vd_merge {
    const vd_measurement *frame; /* a, or NULL: */
    const vd_estimate *a;
    const vd_estimate *b;  /* NULL: a alone */
    const vd_image *flow;  /* NULL, or (height, width, 2), VD_F32: where a pixel of a is in b */
    double decay;          /* weight of b, in [0, 1] */
    bool gated;            /* reduced where noise does not explain the difference */
    vd_estimate *out;      /* NULL, or neither a nor b */
    void *values, *shares; /* NULL, or reals: [height][width][channels], and [height][width] min(W, 1) */
} vd_merge;

/* Reserves working memory for frames of this shape. */
vd_status vd_estimates_start(vd_estimates *estimates, int32_t dtype, int64_t height, int64_t width, int64_t channels,
                             int threads);
void vd_estimates_free(vd_estimates *estimates);

/* Bytes of the rows of one estimate, or 0 if they do not fit the address space. */
size_t vd_estimate_size(const vd_estimates *estimates);
bool vd_estimate_create(const vd_estimates *estimates, vd_estimate *estimate);
void vd_estimate_destroy(vd_estimate *estimate);

/* Sets what follows from rows that were read from a state. False if they hold a weight that no stream has: negative,
 * not finite or huge. Values and variances may be anything. */
bool vd_estimate_restore(const vd_estimates *estimates, vd_estimate *estimate);

/* VD_ERROR_INFINITE or VD_ERROR_CONFIDENCE if that is what the samples hold. */
vd_status vd_measurement_check(const vd_estimates *estimates, const vd_measurement *frame);

/* With shares: returns whether all of them are 1. */
bool vd_estimate_merge(const vd_estimates *estimates, const vd_merge *merge);

/* Means over the pixels: of the weight, and of the variance where the weight is above 0 (0 if it never is). */
void vd_estimate_means(const vd_estimates *estimates, const vd_estimate *estimate, double *weight, double *variance);

#endif
