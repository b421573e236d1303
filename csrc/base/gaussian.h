/* SPDX-License-Identifier: Apache-2.0 */
/* The sampled Gaussian along one axis, and its sums at the edges of the picture. */
#ifndef VD_GAUSSIAN_H
#define VD_GAUSSIAN_H

#include <stdint.h>

#include "base/strict_math.h"
#include "vdcore/vdcore.h"

typedef struct vd_axis {
    int64_t length; /* samples along the axis */
    double sigma;
    int64_t radius;  /* of the kernel as used; limited to the samples that exist if the boundary adds none */
    double total;    /* sum of exp(-d^2 / 2 sigma^2) over |d| <= radius */
    double *weights; /* [radius + 1], exp(-d^2 / 2 sigma^2) / total */
    double *inside;  /* [length], sum of the weights of the samples that exist around each position */
} vd_axis;

/* The sample that replaces position i (any value) of an axis with n samples; -1 if there is none: outside with
 * VD_BOUNDARY_RENORMALIZE and VD_BOUNDARY_CONSTANT. */
int64_t vd_boundary_index(int64_t i, int64_t n, int32_t boundary);

/* int(truncate sigma + 0.5), as in SciPy. */
double vd_gaussian_radius(double sigma, double truncate);

/* The kernel up to the radius. VD_ERROR_OVERFLOW if that exceeds 2^24 samples and the boundary adds samples outside. */
vd_status vd_axis_init(vd_axis *axis, int64_t length, double sigma, double radius, int32_t boundary);
void vd_axis_free(vd_axis *axis);

#endif
