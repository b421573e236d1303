/* SPDX-License-Identifier: Apache-2.0 */
/* The pictures that optical flow is estimated from: blurred planes of floats. */
#ifndef VD_GUIDE_H
#define VD_GUIDE_H

#include <stdint.h>

#include "kernels/kernels.h"

enum { VD_MAX_BLUR = 8 }; /* radius */

/* A Gaussian that ends at four standard deviations. */
typedef struct vd_blur {
    int radius;
    float weights[VD_MAX_BLUR + 1];
} vd_blur;

/* sigma > 0; at most VD_MAX_BLUR / 4 */
vd_blur vd_blur_of(double sigma);

/* Floats of scratch for a row. */
size_t vd_blur_scratch(int64_t width);

/* Row y of the contiguous plane, blurred, edges reflected (not repeated); lies in scratch. */
float *vd_blur_row(const vd_blur *blur, const vd_rows_kernels *kernels, const float *plane, int64_t height,
                   int64_t width, int64_t y, float *scratch);

#endif
