/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of the diffuser share: diffuser.c (parameters, life), push.c (the order of a push), read.c, advance.c
 * and write.c (all loops over the rows of a frame), state.c (saved states).
 */
#ifndef VD_DIFFUSER_H
#define VD_DIFFUSER_H

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/decay.h"
#include "base/flag.h"
#include "base/image.h"
#include "base/parallel.h"
#include "kernels/kernels.h"
#include "models/models.h"
#include "spatial/spatial.h"

typedef enum vd_width { WIDTH_FIXED, WIDTH_F32, WIDTH_F64 } vd_width;

/* A filtered frame that waits for its future. */
typedef struct vd_slot {
    void *value;        /* plane of float (8-, 16-bit and float frames) or double; double once masked or raw */
    double *confidence; /* masked: plane of filtered confidences */
    double *reference;  /* [channels] */
    void *original;     /* masked: the frame itself, for VD_FILL_PASS */
    double dt;
} vd_slot;

/* The scalars of the stream. */
typedef struct vd_core {
    vd_params params;
    int64_t height, width, channels, frames;
    double weight; /* D away from masks */
    int32_t dtype; /* 0 before the first frame */
    int32_t state_width, masked, first, count;
} vd_core;

typedef struct vd_estimator vd_estimator;

struct vd_diffuser {
    vd_flag busy;
    vd_kernels kernels;
    vd_image *diffusivity;   /* Laplacian: the diffuser's own map of doubles, in one piece with them; NULL = none */
    vd_estimator *estimator; /* with a gate or motion: does all the work, see estimator.h */
    vd_core core;            /* a reset forgets all after core.params, see vd_diffuser_reset */
    double tolerance;
    vd_spatial spatial;
    vd_model_planes model; /* only with a model that depends on the picture */
    size_t samples;        /* of a frame */

    void *state;
    double *weight_sum; /* D per sample, once masked */
    vd_slot *slots;     /* [lookahead + 1], a ring */

    void *copy;                  /* the frame in the spatial filter's type, where it cannot be read in place */
    void *original;              /* a copy of the frame, where the output overlaps it */
    double *plane, *confidences; /* m (f - reference) and m */
    double *reference;           /* [channels] */
    uint16_t *thresholds;        /* 8 rows */
    double *confidence_row;      /* [threads][samples of a row] */
    uint8_t *present;            /* the same */
    vd_future *futures;          /* [threads][lookahead] */
    int *found;                  /* [threads] */
};

/* Whether a caller's structure is one this library knows: no smaller than that of the first release. */
static inline bool struct_fits(size_t given, size_t known, size_t min) { return given >= min && given <= known; }

/* Whether x is finite and not negative. */
static inline bool is_length(double x) { return x >= 0 && x < INFINITY; }

static inline bool is_raw(const vd_diffuser *d) { return !d->core.params.normalize; }

/* Whether the coefficients depend on the picture: then there are weights per sample from the first frame on. */
static inline bool has_model(const vd_diffuser *d) { return d->core.params.model != VD_MODEL_GAUSSIAN; }

/* Whether there is a diffusivity for every pixel. */
static inline bool has_map(const vd_diffuser *d) { return d->diffusivity != NULL; }

/* Whether rows are kept as double sums rather than as means. */
static inline bool in_sums(const vd_diffuser *d) { return is_raw(d) || d->core.masked; }

static inline size_t width_size(int32_t width)
{
    return width == WIDTH_FIXED ? sizeof(uint16_t) : width == WIDTH_F32 ? sizeof(float) : sizeof(double);
}

/* Whether rows of means come in double. */
static inline bool is_double(const vd_diffuser *d) { return vd_spatial_plane_dtype(&d->spatial) == VD_F64; }

/* Bytes of a sample in the lookahead queue. */
static inline size_t slot_size(const vd_diffuser *d)
{
    return in_sums(d) || is_double(d) ? sizeof(double) : sizeof(float);
}

static inline void *plane_row(const vd_diffuser *d, const void *plane, size_t size, int64_t y)
{
    return (char *)plane + (size_t)y * (size_t)d->spatial.samples * size;
}

static inline const vd_slot *slot_at(const vd_diffuser *d, int offset)
{
    return d->slots + (d->core.first + offset) % (d->core.params.lookahead + 1);
}

/* D of the next frame. */
static inline double next_weight(const vd_diffuser *d, double dt)
{
    double decay = d->core.frames > 0 ? vd_decay(dt, d->core.params.tau) : 0;
    return decay * d->core.weight + 1;
}

static inline bool reserve(void *pointer_to_plane, size_t samples, size_t size)
{
    void **plane = pointer_to_plane;
    if (*plane == NULL)
        *plane = malloc(samples * size);
    return *plane != NULL;
}

/* What a loop over rows works on. */
typedef struct vd_job {
    vd_diffuser *d;
    const vd_frame *frame;
    const vd_image *out;
    vd_slot *slot;
    void *destination;
    double decay, gain;
    vd_image original; /* the frame whose samples VD_FILL_PASS passes */
    int futures;
} vd_job;

/* ---- diffuser.c ---- */

vd_status vd_check_params(const vd_params *params);

/* Whether pushes can bring a started stream to a state of this width and accumulated weight. */
bool vd_width_can_be(const vd_diffuser *d, int32_t width, double weight);

/* The widest D that a state of this width carries within its share of the tolerance. */
double vd_width_limit(const vd_diffuser *d, vd_width width);

/* The narrowest state that carries this accumulated weight. */
vd_width vd_needed_width(const vd_diffuser *d, double weight);

/* Back to the state before the first frame; the diffusivity stays. */
void vd_clear_stream(vd_diffuser *d);

/* Reserves everything whose size depends on the stream. */
vd_status vd_start_stream(vd_diffuser *d, int32_t dtype, int64_t height, int64_t width, int64_t channels);

/* ---- push.c ---- */

/* Turns means into sums with a weight per sample, for streams that meet their first missing sample. */
vd_status vd_start_masks(vd_diffuser *d);

/* ---- read.c ---- */

/* Runs the function over blocks of the stream's rows. */
void vd_for_rows(vd_diffuser *d, vd_block_function *function, vd_job *job);

/* Checks the samples of a frame of the right shape; *missing says whether masks are needed. */
vd_status vd_inspect_frame(vd_diffuser *d, const vd_frame *frame, bool *missing);

/* Gives job->frame to the spatial filter. `overlaps`: job->out shares memory with it. Nothing but memory can fail, and
 * the state has not changed then. */
vd_status vd_begin_frame(vd_job *job, bool overlaps);

/* The rows of job->frame as they are, to job->destination. */
void vd_keep_original(void *job, int64_t begin, int64_t end, int thread);

/* ---- advance.c ---- */

/* Filters the current frame into job->slot, where it waits for later ones. */
void vd_queue_frame(vd_job *job);

/* Advances the state by one frame (the current one, or job->slot) and writes the output. */
void vd_advance(vd_job *job, double dt);

/* ---- write.c ---- */

/* Where row y of the output may be written: the output's own row if it is plain, else scratch memory; vd_finish_row
 * then brings it to the output. */
void *vd_output_row(const vd_diffuser *d, const vd_image *out, int64_t y, int thread);
void vd_finish_row(const vd_image *out, int64_t y, const void *row);

/* Row y of the output from values in double, float or fixed point; the first two may be changed. */
void vd_store_f64(const vd_diffuser *d, const vd_image *out, int64_t y, int thread, double *row);
void vd_store_f32(const vd_diffuser *d, const vd_image *out, int64_t y, int thread, float *row);
void vd_store_fixed(const vd_diffuser *d, const vd_image *out, int64_t y, int thread, const uint16_t *row);

/* ---- state.c ---- */

/* Bytes of the state and the queue. */
size_t vd_planes_size(vd_diffuser *d);

#endif
