/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The models that are partial differential equations; models.h says what a frame is. The sums are the samples times
 * their confidences, the weights are the confidences, both after
 *
 *     u_s = d/dy (c sigma_y^2 / 2 du/dy) + d/dx (c sigma_x^2 / 2 du/dx),   0 <= s <= 1,
 *
 * with differences to the four neighbours and no flow across the edges. With one sigma that is u_s = div(c grad u) up
 * to sigma^2 / 2; with two, each axis is scaled by its own.
 */
#ifndef VD_DIFFUSION_H
#define VD_DIFFUSION_H

#include "base/parallel.h"
#include "models/models.h"

/* VD_OK if the image can be a diffusivity: (height, width), VD_F32 or VD_F64, finite and >= 0. Else VD_ERROR_DTYPE,
 * _SHAPE, _PARAMETER or what vd_image_check says. */
vd_status vd_diffusivity_check(const vd_image *map);

/*
 * VD_OK, VD_ERROR_MEMORY, or VD_ERROR_OVERFLOW if sigma and the diffusivity require too many steps; with a
 * map also what vd_diffusivity_check returns, and VD_ERROR_SHAPE if it is not of the frame's size.
 *
 * diffusivity  NULL, or a map that multiplies params->diffusivity. Neighbours exchange with the harmonic mean of theirs, so
 *              a pixel of diffusivity 0 keeps its value and lets nothing through.
 * hold         1: pixels of confidence exactly 1 keep their values and are sources for the others. The weights of the
 *              others stay below 1, so that sums / weights and weights can be the samples and the confidences of the next
 *              call, which then resumes where this one ended; as the weights approach 1 that is harmonic in-filling.
 */
vd_status vd_laplacian(const vd_model_frame *frame, const vd_image *diffusivity, int hold);
vd_status vd_perona_malik(const vd_model_frame *frame);

/* ---- heat.c, heat_series.c: two solvers of the heat equation */

/* One diffusivity. */
vd_status vd_heat_convolve(const vd_model_frame *frame);
/* A diffusivity per pixel, or held pixels. */
vd_status vd_heat_series(const vd_model_frame *frame, const vd_image *diffusivity, int hold);

/* ---- diffusion.c: what the solvers share */

/* e^-t I_n(t) for n in [0, count). */
typedef struct vd_taps {
    double *values;
    int64_t count;
} vd_taps;

/* Those above `min` times the first, normalized: the sum over all integers n is 1. VD_OK or VD_ERROR_MEMORY. */
vd_status vd_bessel_taps(vd_taps *taps, double t, double min);

/* Threads that are worth starting for this frame. */
int vd_diffusion_threads(const vd_model_frame *frame);
/* Runs one of the two, for the frame's type, over blocks of rows. */
void vd_diffusion_run(const vd_model_frame *frame, vd_block_function *single, vd_block_function *wide, void *context);
/* Rows times columns items, or NULL, also where the size does not fit. */
void *vd_diffusion_allocate(size_t rows, size_t columns, size_t size);

#endif
