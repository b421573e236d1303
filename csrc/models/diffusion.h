/* SPDX-License-Identifier: Apache-2.0 */
/* The models that are partial differential equations; models.h says what a frame is. */
#ifndef VD_DIFFUSION_H
#define VD_DIFFUSION_H

#include "models/models.h"

/* 0: nothing flows across the edges. */
int64_t vd_laplacian_margin(const vd_params *params);
int64_t vd_perona_malik_margin(const vd_params *params);

/* VD_OK if the image can be a diffusivity: (height, width), VD_F32 or VD_F64, finite and >= 0. Else VD_ERROR_DTYPE, _SHAPE,
 * _PARAMETER or what vd_image_check says. */
vd_status vd_diffusivity_check(const vd_image *map);

/*
 * VD_OK, VD_ERROR_MEMORY, or VD_ERROR_OVERFLOW if sigma and the diffusivity ask for more steps than can be counted; for a
 * diffusivity that is given also what vd_diffusivity_check says, and VD_ERROR_SHAPE if it is not of the frame's size.
 *
 * diffusivity  NULL, or a map, which multiplies params->diffusivity. Neighbours exchange with
 *              the harmonic mean of theirs, so that a pixel of diffusivity 0 stays as it is and lets nothing through.
 * hold         1: pixels of confidence exactly 1 keep their values and are sources for the others. The weights of the
 *              others stay below 1, so that sums / weights and weights can be the samples and the masses of the next
 *              call, which then goes on where this one ended; with the weights towards 1 that is harmonic in-filling.
 */
vd_status vd_laplacian(const vd_model_frame *frame, const vd_image *diffusivity, int hold);
vd_status vd_perona_malik(const vd_model_frame *frame);

#endif
