/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The spatial models whose coefficients depend on the picture. Each gives, for every pixel of one frame,
 *
 *     sums(x) = sum_i m_i c_i(x) G(x - x_i) f_i        weights(x) = sum_i m_i c_i(x) G(x - x_i)
 *
 * with one weight for all channels; the diffuser takes both through the recursion in time, as it does with masks.
 *
 * The driver (models.c) lays the frame out in planes with a margin, fills the margin as vd_params.boundary says, and
 * hands the result on; a model sees no edges, no strides and no integers.
 */
#ifndef VD_MODELS_H
#define VD_MODELS_H

#include <stdbool.h>
#include <stddef.h>

#include "kernels/kernels.h"
#include "vdcore/vdcore.h"

/* One frame. All planes are of `dtype`, VD_F32 or VD_F64. */
typedef struct vd_model_frame {
    const vd_params *params;
    const vd_kernels *kernels;
    int32_t dtype, stream; /* of the planes; of the original frames, whose samples less the reference the planes hold */
    double tolerance;      /* allowed error, as a fraction of that type's range */
    const double *reference;
    int threads; /* >= 1; the result must not depend on it */
    int64_t height, width, channels;

    /* Samples: planes[c] + y pitch + x for -margin.y <= y < height + margin.y and -margin.x <= x < width + margin.x, where
     * margin is what vd_<model>_margin returned. Finite everywhere; a missing pixel may hold any number. */
    const void *const *planes;
    ptrdiff_t pitch;

    /* Confidence of each pixel in [0, 1], in the same layout; 0 = missing, or outside the picture with
     * VD_BOUNDARY_RENORMALIZE. NULL: all 1, margin included. `missing`: whether any is below 1 inside the picture. */
    const void *confidences;
    bool missing;

    /* Laplacian: missing pixels come from the state, with its weights, and pixels of confidence 1 are held. */
    bool hold;
    const vd_image *diffusivity; /* Laplacian: NULL or a map of the frame's size */

    /* Results: sums[c] + y width + x and weights + y width + x. Where a pixel has nothing to compare with, itself
     * missing (bilateral) or no pair of present pixels in the patches (non-local means), its range weights are 1. The
     * diffusion equations without confidences write no weights: all are 1. */
    void *const *sums;
    void *weights;
} vd_model_frame;

/* Pixels beyond the edges that the model reads of a frame of this size, above and below, left and right. */
typedef struct vd_margin {
    int64_t y, x;
} vd_margin;

vd_margin vd_bilateral_margin(const vd_params *params, int64_t height, int64_t width);
vd_margin vd_nonlocal_means_margin(const vd_params *params, int64_t height, int64_t width);

/* VD_OK or VD_ERROR_MEMORY. */
vd_status vd_bilateral(const vd_model_frame *frame);
vd_status vd_nonlocal_means(const vd_model_frame *frame);

/* ---- models.c: the driver */

/* One stream's frame in planes, and the result; for one diffuser. All zero: none. */
typedef struct vd_model_planes {
    vd_model_frame frame;
    vd_margin margin;
    size_t plane;        /* samples of a plane with its margin */
    void *samples;       /* [channels] such planes */
    void *confidences;   /* one */
    bool *whole;         /* [height] whether the row of confidences holds nothing but 1 */
    void *results;       /* [channels + 1] planes of height times width, weights last */
    const void **planes; /* [channels] what frame.planes and frame.sums point to */
    void **sums;
} vd_model_planes;

/* Whether the parameters of the model are in range; for the Gaussian there are none. */
bool vd_model_check(const vd_params *params);

/* Reserves the planes for frames of this shape and dtype. */
vd_status vd_model_start(vd_model_planes *model, const vd_params *params, double tolerance, const vd_kernels *kernels,
                         int threads, int32_t dtype, int64_t height, int64_t width, int64_t channels);
void vd_model_free(vd_model_planes *model);

/* Row y of the frame: plain samples of the stream's dtype, kept less reference, NaN = missing, and NULL or the
 * confidence of each sample. A pixel has the minimum confidence of its samples. Returns whether any is below 1. */
bool vd_model_put_row(vd_model_planes *model, int64_t y, const void *row, int32_t dtype, const double *reference,
                      const double *confidence);

/* Runs the model over the rows put. `masked`: whether any confidence is below 1. VD_OK or VD_ERROR_MEMORY. */
vd_status vd_model_run(vd_model_planes *model, const double *reference, bool masked);

/* Missing samples of row y take the state's u with the weight decay weight_sum, below 1; both per sample. */
void vd_model_recall_row(vd_model_planes *model, int64_t y, const double *u, const double *weight_sum, double decay,
                         const double *reference);

/* Row y of the sums and, for each sample, the weights. */
void vd_model_get_row(const vd_model_planes *model, int64_t y, double *sums, double *weights);

/* Row y of the weighted means, in the planes' dtype, where no weight is 0. */
void vd_model_mean_row(const vd_model_planes *model, int64_t y, const double *reference, void *out);

#endif
