/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The stream with a gate or with motion: time first, with a coefficient per pixel (motion/estimate.h), then the spatial
 * model on the result, by a diffuser without memory. The queue and the shape of the stream are in the vd_core of the
 * diffuser that owns the estimator.
 */
#ifndef VD_ESTIMATOR_H
#define VD_ESTIMATOR_H

#include "base/archive.h"
#include "diffuser/diffuser.h"
#include "motion/estimate.h"

/* One frame of the ring. Pictures are contiguous, in the dtype of the stream. */
typedef struct vd_estimator_slot {
    vd_estimate forward; /* of all frames up to this one */
    vd_estimate own;     /* with lookahead: of this one alone */
    char *frame;         /* with lookahead and motion: the frame itself */
    char *result;        /* with motion: what the next frame's flow leads to */
    double time;
} vd_estimator_slot;

struct vd_estimator {
    /* settings */
    bool gated, moving;
    double *noise; /* [2][noise_channels]: gain, offset */
    double min_variance;
    int64_t noise_channels;
    vd_flow_function *flow;
    void *context;

    /* the stream; all zero before the first frame */
    vd_estimates estimates;
    vd_diffuser *spatial;
    vd_estimator_slot *slots;  /* a ring: the queue, the frame before it and the next one */
    vd_estimator_slot **order; /* [lookahead + 1], the queue in order, while results are computed */
    int slot_count, newest;
    vd_estimate chain[2];  /* with lookahead: merges on the way to a result */
    double *gains;         /* [2][channels] */
    char *values, *shares; /* reals: what the spatial model gets */
    char *output;          /* its result */
    char *picture;         /* with lookahead and motion */
    float *vectors;        /* the flow */
};

/* Takes a frame that has been checked; see vd_diffuser_push. */
vd_status vd_estimator_take(vd_diffuser *d, const vd_frame *frame, const vd_image *out, int32_t *ready);
/* Writes the next frame of the queue, which is not empty. */
vd_status vd_estimator_flush(vd_diffuser *d, const vd_image *out);
/* Reserves everything whose size depends on the stream. */
vd_status vd_estimator_start(vd_diffuser *d, int32_t dtype, int64_t height, int64_t width, int64_t channels);
/* Back to the state before the first frame. */
void vd_estimator_clear(vd_estimator *e);
/* The same without freeing anything, for an estimator that a fork left half updated. */
void vd_estimator_forget(vd_estimator *e);
void vd_estimator_free(vd_estimator *e);
/* The members of the report that differ from other streams. */
void vd_estimator_info(vd_diffuser *d, vd_info *info);

/* Passes the settings to vd_archive_move; estimator may be NULL. */
void vd_estimator_write_settings(vd_archive *archive, vd_estimator *e);
/* Reads them into a new diffuser. VD_ERROR_STATE if they are invalid. */
vd_status vd_estimator_read_settings(vd_archive *archive, vd_diffuser *d);
/* The same for the planes of a running stream; reading starts it first, with the shape and the counters of `core`. */
void vd_estimator_write_stream(vd_archive *archive, vd_diffuser *d);
vd_status vd_estimator_read_stream(vd_archive *archive, vd_diffuser *d, const vd_core *core);

/* The slot of frame k of the queue, or with k = count - 1 the newest. */
static inline vd_estimator_slot *vd_estimator_slot_at(const vd_diffuser *d, int k)
{
    const vd_estimator *e = d->estimator;
    return e->slots + (e->newest - (d->core.count - 1) + k + 2 * e->slot_count) % e->slot_count;
}

#endif
