/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of the denoiser share: denoiser.c (parameters, life, the order of a push), pictures.c (pictures in and out:
 * colours, borders, motion), missing.c (missing samples), still.c (what stays put), sweep.c (the filter), unclipping.c
 * (expected values) noise.c (what is assumed) and state.c (saved states).
 */
#ifndef VD_DENOISER_H
#define VD_DENOISER_H

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/flag.h"
#include "base/image.h"
#include "denoiser/pyramid.h"
#include "kernels/kernels.h"

#define VD_MAX_CORRELATION 0.99
#define VD_MAX_LASTING 200.0f /* more than (1 + c) / (1 - c) for the maximum */

enum { VD_MAX_CHANNELS = 4, VD_COEFFICIENTS = VD_PATCH * VD_PATCH };

/* How a preset works. */
typedef struct vd_denoiser_method {
    int step;        /* of the grid of patches */
    bool again;      /* the second step in space */
    bool half_guide; /* motion from pictures of half size */
    double blur;     /* of the pictures that motion is estimated from, standard deviation in pixels */
} vd_denoiser_method;

/* A picture in opponent colours, `step` floats a pixel, as the warp kernel reads it. */
typedef struct vd_picture {
    float *first; /* of row 0, column 0 */
    ptrdiff_t pitch;
} vd_picture;

/* What one prior is and was worth. */
typedef struct vd_prior_state {
    bool absent;        /* none this time: the frame takes its place, with weight 0 */
    int64_t seen;       /* vd_denoiser.frames when it was given last, that frame included */
    float noise;        /* vd_prior.noise */
    float *planes;      /* moved, as vd_denoiser.frame */
    float *variance[2]; /* of the innovation, E: [rows][coefficients][lanes], the last frame's and this one's */
    int32_t *place; /* [rows][lanes] in E of the last frame: the patch where this one came from, its coefficient 0 */
    uint8_t *whole; /* [rows][lanes / VD_LANE_STEP], see the kernel `take` */
    float *fresh;   /* [rows][lanes], 1 where the prior does not count */
} vd_prior_state;

/* Missing samples; see missing.c. The memory is there once a frame came with confidence, outliers or NaN. */
typedef struct vd_gaps {
    bool here;    /* in this frame */
    bool partial; /* some of its confidences are between 0 and 1 */
    bool unknown; /* known is 0 somewhere: part of the state */
    void *memory;
    size_t size;
    vd_pyramid pyramid;
    float *value[VD_MAX_CHANNELS], *spread, *weight, *error, *both; /* planes of the pyramid */
    float *confidence;                                              /* level 0 of such a plane, as given */
    float *gain, *share, *level;                                    /* [rows][lanes] */
    uint8_t *known, *next; /* [height][width]: whether any sample at a pixel was ever known; the same moved */
    uint8_t *given;        /* of a prior that came as a picture */
    uint8_t *repair;       /* where not 0 the result takes the sample's place in any case; all 0 without outliers */
    char *original;        /* the frame, as one run */
} vd_gaps;

/* What stays put; see still.c. Rows of cells have phase_pitch lanes, of which columns + 1 hold a cell; lane i of row j has
 * the padded samples from (j, i) method.step on. Zeros follow each row, and so precede the first. */
typedef struct vd_still {
    float *mean;                                 /* M, as vd_denoiser.frame */
    float *cells[VD_CELL_PLANES];                /* [rows + 1][phase_pitch] */
    float *bias;                                 /* b': [rows + 1][channels][phase_pitch] */
    float *samples, *share, *share_cells, *zero; /* rows: samples of a row of the picture in the cell; 1 / samples of
                                                    three cells in all channels; 1 / cells, of the three that exist */
} vd_still;

struct vd_denoiser {
    vd_flag busy;
    vd_denoiser_params params;
    vd_denoiser_method method;
    vd_kernels set;
    const vd_denoiser_kernels *kernels; /* of the set */
    double low, high;                   /* what samples were clipped to; infinite: they were not */
    vd_unclipping unclipping;

    /* The stream; all zero before the first frame. */
    int32_t dtype;
    int64_t height, width, channels, frames;
    int threads;
    bool opponent; /* three channels, in opponent colours */
    int step;      /* floats a pixel of a vd_picture */

    /* The grid. Padded, the picture has VD_PATCH samples more on each side, and on the right and below what makes patches
     * fit; patch (row, column) begins at method.step times that. */
    int64_t rows, columns;
    ptrdiff_t lanes;        /* columns, rounded up to whole steps */
    ptrdiff_t pitch;        /* between rows of lanes: at least two zeros follow a row, and so precede one */
    ptrdiff_t phase_pitch;  /* a padded row of samples is method.step phases, sample x in phase x % step at x / step */
    int64_t coefficients;   /* of all channels: number (channel VD_PATCH + kx) VD_PATCH + ky */
    float window[VD_PATCH]; /* Kaiser, along one axis */

    void *memory; /* of everything below */
    size_t memory_size;
    void *extra; /* of `other`, once a picture came */
    size_t extra_size;
    float *frame; /* opponent colours, padded in x: [height][channels][method.step][phase_pitch] */
    vd_prior_state *priors;
    vd_picture result, other; /* the last result; a prior that came as a picture */
    uint8_t *lost;            /* [height][width] */
    int32_t *plane_place,
        *pixel_place;         /* [method.step][phase_pitch] in a row of samples or of pixels; outside: its end */
    int32_t *crop_place;      /* [width] in the phases of a row */
    int32_t *source_row;      /* [padded rows] */
    float *share_3, *share_5; /* [3][lanes] and [5][lanes]: 1 / patches that a mean is over, by rows that exist */
    vd_still still;
    float lasting; /* (1 + c) / (1 - c) for noise of correlation c over time: so many frames are worth one */
    int64_t spectrum_channels;                         /* 0: the noise is white */
    float spectrum[VD_MAX_CHANNELS * VD_COEFFICIENTS]; /* t: 1 where white */
    vd_gaps gaps;
    uint8_t *spots, *spots_before, *outliers; /* [height][width], where params.outliers; see outliers.c */
    float *guide;  /* [height][width] at most: the picture for the flow, before it is blurred */
    char *scratch; /* [threads] */
    size_t scratch_size;
    int *found; /* [threads] */
};

/* Height of the padded picture. */
static inline int64_t vd_padded_height(const vd_denoiser *d) { return (d->rows - 1) * d->method.step + VD_PATCH; }

/* Floats of one row of a picture in phases, all channels. */
static inline ptrdiff_t vd_phase_row(const vd_denoiser *d)
{
    return (ptrdiff_t)d->channels * d->method.step * d->phase_pitch;
}

static inline float vd_noise_variance(const vd_denoiser *d) { return (float)(d->params.noise * d->params.noise); }

/* The part `thread` of the scratch memory. */
static inline float *vd_scratch(const vd_denoiser *d, int thread)
{
    return (float *)(d->scratch + (size_t)thread * d->scratch_size);
}

/* ---- denoiser.c */

/* Whether this may be a noise, and its spectrum. */
bool vd_denoiser_takes_noise(double sd, double gain, double offset);
bool vd_denoiser_takes_spectrum(const float *spectrum, int64_t channels);

/* A stream of frames like this one begins: shape and dtype, memory, tables. The frame's samples are not read. Where it fails
 * the denoiser is for destroying or resetting only. */
vd_status vd_denoiser_start(vd_denoiser *d, const vd_image *frame);

/* ---- pictures.c */

/* Bytes of scratch that the functions below need. */
size_t vd_pictures_scratch(const vd_denoiser *d);
/* The tables of places. */
void vd_pictures_start(vd_denoiser *d);
/* frame <- image; VD_ERROR_MISSING (it is read all the same) or VD_ERROR_INFINITE if that is what it holds. */
vd_status vd_load_frame(vd_denoiser *d, const vd_image *image);
/* picture <- image */
void vd_load_picture(vd_denoiser *d, const vd_image *image, const vd_picture *picture);
/* The planes of the prior, moved, and where each patch came from. */
void vd_load_prior(vd_denoiser *d, vd_prior_state *prior, const vd_picture *picture, const vd_image *flow);
/* Row y of the result, from the phases of its channels: into `result` and out. scratch as vd_pictures_scratch says. */
void vd_put_row(vd_denoiser *d, const vd_image *out, int64_t y, const float *phases, float *scratch);
/* Repeats the outermost pixels of row y beyond its ends. */
void vd_pad_picture_row(const vd_denoiser *d, const vd_picture *picture, int64_t y);
void vd_read_result(vd_denoiser *d, const vd_image *out);
/* A frame without noise as it is: out may overlap it in any way, so all of it is read first. */
vd_status vd_pass_frame(vd_denoiser *d, const vd_image *frame, const vd_image *out);
void vd_make_guide(vd_denoiser *d, const vd_image *picture, double low, double high, const vd_image *out);

/* Floats of a row of samples of one channel. */
size_t vd_plane_room(const vd_denoiser *d);
/* Row y of the planes of a picture in phases, as frame and priors are, and back. */
void vd_pick_planes(const vd_denoiser *d, float *const *planes, const float *picture, int64_t y);
void vd_put_phases(const vd_denoiser *d, float *picture, int64_t y, const float *const *planes);
/* Row y, from planes of opponent colours, to `result` and out, without undoing what clipping does. */
void vd_put_plain_row(vd_denoiser *d, const vd_image *out, int64_t y, float *planes, float *scratch);

/* ---- outliers.c */

/* Whether d->outliers, which it writes, holds any. */
bool vd_find_outliers(vd_denoiser *d, const vd_prior_state *prior, const vd_image *flow);

/* ---- missing.c */

/* What is missing of the frame, which has been read; sets gaps.here. Of the state, nothing changes. With `found` d->outliers
 * too. */
vd_status vd_find_missing(vd_denoiser *d, const vd_image *frame, const vd_image *confidence, const vd_image *outliers,
                          bool found);
/* Where gaps.here, the frame's missing samples become what the prior (NULL: none) or their neighbours say. */
void vd_fill_frame(vd_denoiser *d, vd_prior_state *prior, const vd_prior *given);
/* After the sweep, or in place of it for a frame without noise: what is not known at all. */
void vd_settle_missing(vd_denoiser *d, const vd_image *out, bool clean);
/* Memory for a state in which not all pixels are known. */
vd_status vd_reserve_gaps(vd_denoiser *d);

/* dx and dy at a pixel, 0 where they are not finite. */
void vd_flow_at(const vd_image *flow, int64_t y, int64_t x, float vector[2]);

/* ---- still.c */

/* Floats of d->still from `mean` on. */
size_t vd_still_floats(const vd_denoiser *d);
/* The other rows from there, and the tables. */
void vd_still_start(vd_denoiser *d);
/* The variance of the noise is `ratio` times what it was: so many frames of the new noise are in the mean for each. */
void vd_still_rescale(vd_denoiser *d, double ratio);
/* The frame and prior 0, as it was moved along the flow (or NULL): m and trust of every cell; the prior where trust leaves
 * it; the frame into M. */
void vd_still_update(vd_denoiser *d, const vd_prior_state *prior, const vd_image *flow);

/* ---- unclipping.c */

/* Whether samples can be clipped to that: low < high, infinite or at most 1e15. */
bool vd_denoiser_takes_range(double low, double high);
/* The tables of d->unclipping, from the noise, low and high. */
void vd_unclipping_start(vd_denoiser *d);

/* ---- sweep.c */

size_t vd_sweep_scratch(const vd_denoiser *d);
/* The frame through the filter: `count` priors, the rows of out and of the result, and E. */
void vd_sweep(vd_denoiser *d, size_t count, const vd_image *out);

#endif
