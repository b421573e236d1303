/* SPDX-License-Identifier: Apache-2.0 */
/* Wide Gaussians at reduced resolution, with a proved bound of the error. */
#ifndef VD_PYRAMID_H
#define VD_PYRAMID_H

#include <stdbool.h>

#include "base/gaussian.h"

enum { VD_PYRAMID_MAX_LEVELS = 12 };

/* Inclusive range of sample indices; index k of level l + 1 lies on index 2 k of level l. */
typedef struct vd_range {
    int64_t low, high;
} vd_range;

typedef struct vd_pyramid_axis {
    int levels;
    int radius;     /* of the kernel at the coarsest level */
    float *weights; /* [radius + 1] */
    float *inverse; /* [length]: 1 / response to a picture of ones; 1 where nothing is missing */
    int64_t edge;   /* inverse is 1 from here to length - edge */
    vd_range analysis[VD_PYRAMID_MAX_LEVELS + 1];  /* samples needed by the analysis; [0]: of the extended picture */
    vd_range synthesis[VD_PYRAMID_MAX_LEVELS + 1]; /* samples needed by the synthesis; [0] = 0 .. length - 1 */
    double bound; /* the largest error of any output, as a fraction of the range of the input */
} vd_pyramid_axis;

/* The plan with the given number of levels (>= 1) for the axis's Gaussian. VD_OK or VD_ERROR_MEMORY. */
vd_status vd_pyramid_axis_init(vd_pyramid_axis *plan, const vd_axis *axis, double truncate, int32_t boundary,
                               int levels);
void vd_pyramid_axis_free(vd_pyramid_axis *plan);

static inline int64_t vd_range_size(vd_range range) { return range.high - range.low + 1; }

#endif
