/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Values of missing samples from those around them: means of two by two samples of what is known, over and over, until one
 * sample is left, and back, each missing sample from the coarser ones around it (the pull-push of S. Gortler et al., "The
 * Lumigraph", SIGGRAPH 1996). Linear in the samples, smooth, of any reach.
 */
#ifndef VD_PYRAMID_H
#define VD_PYRAMID_H

#include "kernels/kernels.h"

enum { VD_MAX_LEVELS = 40, VD_PYRAMID_PLANES = 5 };

/* Where the rows of each level are in a plane. Behind the samples of a row comes at least one more, and so behind the rows. */
typedef struct vd_pyramid {
    int levels;
    int64_t height[VD_MAX_LEVELS], width[VD_MAX_LEVELS];
    ptrdiff_t pitch[VD_MAX_LEVELS], at[VD_MAX_LEVELS];
    size_t floats; /* of a plane */
} vd_pyramid;

/* Planes that share a weight, and with `spread` the variance of their sum around each sample. What is behind the samples of a
 * level is 0, values and weights. */
typedef struct vd_pyramid_planes {
    int64_t channels;
    float *value[VD_PYRAMID_PLANES], *weight, *spread; /* spread may be NULL */
} vd_pyramid_planes;

vd_pyramid vd_pyramid_of(int64_t height, int64_t width);
/* From level 0, which the caller has written, up. */
void vd_pyramid_pull(const vd_pyramid *p, const vd_holes_kernels *kernels, const vd_pyramid_planes *planes,
                     int threads);
/* And down again: all levels of `plane`, where the weight times `scale` is below 1. */
void vd_pyramid_push(const vd_pyramid *p, const vd_holes_kernels *kernels, float *plane, const float *weight,
                     float scale, int threads);

#endif
