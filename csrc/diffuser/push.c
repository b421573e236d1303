/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A push: check everything, reserve memory, filter in space, then update the state, so that a refused frame
 * changes nothing. With lookahead, filtered frames wait in a queue until the later ones have arrived.
 */
#include "diffuser/diffuser.h"
#include "diffuser/estimator.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static vd_status check_map(const vd_image *map, const vd_image *frame, bool bytes)
{
    vd_status status = vd_image_check(map);
    if (status != VD_OK)
        return status;
    if (map->dtype != VD_F32 && map->dtype != VD_F64 && !(bytes && map->dtype == VD_U8))
        return VD_ERROR_DTYPE;
    if (map->height != frame->height || map->width != frame->width ||
        (map->channels != 1 && map->channels != frame->channels))
        return VD_ERROR_SHAPE;
    return VD_OK;
}

/* dtype and shape of an output of the stream */
static vd_status check_out(const vd_diffuser *d, const vd_image *out, const vd_image *frame)
{
    vd_status status = vd_image_check(out);
    if (status != VD_OK)
        return status;
    if (!vd_image_same_shape(out, frame))
        return VD_ERROR_SHAPE;
    bool real = out->dtype == VD_F32 || out->dtype == VD_F64;
    return real || (!is_raw(d) && out->dtype == frame->dtype) ? VD_OK : VD_ERROR_DTYPE;
}

static vd_status check_frame(const vd_diffuser *d, const vd_frame *frame)
{
    if (frame == NULL)
        return VD_ERROR_NULL;
    if (!struct_fits(frame->struct_size, sizeof *frame, sizeof *frame))
        return VD_ERROR_STRUCT_SIZE;
    const vd_image *image = &frame->image;
    vd_status status = vd_image_check(image);
    if (status == VD_OK && has_map(d) &&
        (image->height != d->diffusivity->height || image->width != d->diffusivity->width))
        status = VD_ERROR_SHAPE;
    if (status == VD_OK && d->core.dtype != 0) {
        if (image->height != d->core.height || image->width != d->core.width || image->channels != d->core.channels)
            status = VD_ERROR_SHAPE;
        else if (image->dtype != d->core.dtype)
            status = VD_ERROR_DTYPE;
        else if (!is_length(frame->dt))
            status = VD_ERROR_TIME;
    }
    if (status == VD_OK && frame->confidence != NULL)
        status = check_map(frame->confidence, image, true);
    if (status == VD_OK && frame->coefficients != NULL)
        status = is_raw(d) ? check_map(frame->coefficients, image, false) : VD_ERROR_COEFFICIENT;
    return status;
}

/* The state in another width, at least its own. */
static void widen_state(const vd_diffuser *d, void *wider, vd_width width)
{
    ptrdiff_t n = (ptrdiff_t)d->samples;
    if (d->core.state_width == (int32_t)width)
        memcpy(wider, d->state, d->samples * width_size((int32_t)width));
    else if (width == WIDTH_F32)
        d->kernels.rows.fixed_to_f32(wider, d->state, d->samples);
    else if (d->core.state_width == WIDTH_FIXED)
        d->kernels.samples.fixed_to_f64(wider, d->state, n);
    else
        d->kernels.samples.to_f64[VD_F32](wider, d->state, n);
}

vd_status vd_start_masks(vd_diffuser *d)
{
    const vd_spatial *s = &d->spatial;
    bool open = s->boundary == VD_BOUNDARY_RENORMALIZE;
    int slots = d->core.params.lookahead > 0 ? d->core.params.lookahead + 1 : 0;
    double *state = calloc(d->samples, sizeof(double)), *weight_sum = calloc(d->samples, sizeof(double));
    bool complete = state != NULL && weight_sum != NULL;
    if (!has_model(d))
        complete = complete && reserve(&d->plane, d->samples, sizeof(double)) &&
                   reserve(&d->confidences, d->samples, sizeof(double));
    double **values = calloc((size_t)slots + 1, sizeof *values);
    complete = complete && values != NULL;
    for (int i = 0; i < slots && complete; i++) {
        values[i] = malloc(d->samples * sizeof(double));
        complete = values[i] != NULL && reserve(&d->slots[i].confidence, d->samples, sizeof(double)) &&
                   reserve(&d->slots[i].original, d->samples, vd_dtype_size(d->core.dtype));
    }
    if (!complete) {
        for (int i = 0; values != NULL && i < slots; i++)
            free(values[i]);
        free(values);
        free(state);
        free(weight_sum);
        return VD_ERROR_MEMORY;
    }
    const vd_sums_kernels *sums = &d->kernels.sums;
    const vd_samples_kernels *samples = &d->kernels.samples;
    double *share = d->confidence_row, weight = d->core.frames > 0 ? d->core.weight : 0;
    int32_t slot_dtype = slot_size(d) == sizeof(float) ? VD_F32 : VD_F64;
    widen_state(d, state, WIDTH_F64);
    for (int64_t y = 0; y < s->height; y++) {
        for (int64_t x = 0; x < s->width; x++)
            share[x] = open ? s->y.inside[y] * s->x.inside[x] : 1;
        samples->spread(share, s->width, s->channels);
        sums->scale(plane_row(d, weight_sum, sizeof(double), y), share, weight, s->samples);
        for (int k = 0; k < slots; k++) {
            double *value = plane_row(d, values[k], sizeof(double), y);
            samples->to_f64[slot_dtype](value, plane_row(d, d->slots[k].value, slot_size(d), y), s->samples);
            sums->multiply(value, share, s->samples);
            memcpy(plane_row(d, d->slots[k].confidence, sizeof(double), y), share, (size_t)s->samples * sizeof *share);
        }
    }
    for (int k = 0; k < slots; k++) {
        free(d->slots[k].value);
        d->slots[k].value = values[k];
        memset(d->slots[k].reference, 0, (size_t)d->core.channels * sizeof(double));
    }
    free(values);
    free(d->state);
    d->state = state;
    d->weight_sum = weight_sum;
    d->core.state_width = WIDTH_F64;
    d->core.masked = 1;
    return VD_OK;
}

/* A wider state with the same content. */
static vd_status widen(vd_diffuser *d, vd_width width)
{
    void *wider = malloc(d->samples * width_size((int32_t)width));
    if (wider == NULL)
        return VD_ERROR_MEMORY;
    widen_state(d, wider, width);
    free(d->state);
    d->state = wider;
    d->core.state_width = (int32_t)width;
    return VD_OK;
}

/* Moves the state on by the queue's first frame. */
static void dequeue(vd_job *job)
{
    vd_diffuser *d = job->d;
    vd_core *core = &d->core;
    job->slot = (vd_slot *)slot_at(d, 0);
    job->original =
        vd_image_contiguous(job->slot->original, (vd_dtype)core->dtype, core->height, core->width, core->channels);
    vd_advance(job, job->slot->dt);
    core->first = (core->first + 1) % (core->params.lookahead + 1);
    core->count--;
}

static vd_status take(vd_diffuser *d, const vd_frame *frame, const vd_image *out, int32_t *ready)
{
    vd_core *core = &d->core;
    int lookahead = core->params.lookahead;
    bool emits = core->count == lookahead, fresh = core->dtype == 0, missing, overlaps = false;
    vd_status status = check_frame(d, frame);
    if (status == VD_OK && emits) {
        status = check_out(d, out, &frame->image);
        overlaps = status == VD_OK && vd_image_overlaps(&frame->image, out);
    }
    if (status == VD_OK && ready == NULL && lookahead > 0)
        status = VD_ERROR_NULL;
    if (status != VD_OK)
        return status;
    if (d->estimator != NULL) {
        status = vd_estimator_take(d, frame, out, ready);
        if (status != VD_OK && fresh)
            vd_clear_stream(d);
        return status;
    }

    const vd_image *image = &frame->image;
    vd_job job = {.d = d, .frame = frame, .out = out, .futures = lookahead};
    double dt = core->count > 0 ? slot_at(d, 0)->dt : frame->dt; /* of the frame that advances the state now */
    if (fresh)
        status = vd_start_stream(d, image->dtype, image->height, image->width, image->channels);
    if (status == VD_OK)
        status = vd_inspect_frame(d, frame, &missing);
    if (status == VD_OK && missing && !is_raw(d) && !core->masked)
        status = vd_start_masks(d);
    if (status == VD_OK && emits && !in_sums(d)) {
        double weight = next_weight(d, dt);
        if (weight > vd_width_limit(d, (vd_width)core->state_width))
            status = widen(d, vd_needed_width(d, weight * 2));
    }
    if (status == VD_OK)
        status = vd_begin_frame(&job, overlaps);
    if (status != VD_OK) {
        if (fresh)
            vd_clear_stream(d);
        return status;
    }

    if (lookahead > 0) {
        job.slot = (vd_slot *)slot_at(d, core->count++);
        job.slot->dt = fresh ? 0 : frame->dt;
        vd_queue_frame(&job);
        if (emits)
            dequeue(&job);
    } else
        vd_advance(&job, dt);
    if (ready != NULL)
        *ready = emits;
    return VD_OK;
}

vd_status vd_diffuser_push(vd_diffuser *d, const vd_frame *frame, const vd_image *out, int32_t *ready)
{
    if (d == NULL)
        return VD_ERROR_NULL;
    if (!take_flag(&d->busy))
        return flag_refusal(&d->busy);
    vd_status status = take(d, frame, out, ready);
    drop_flag(&d->busy);
    return status;
}

vd_status vd_diffuser_push_many(vd_diffuser *d, size_t count, const vd_frame *frames, const vd_image *outs,
                                size_t *written, size_t *taken)
{
    if (d == NULL || (count > 0 && (frames == NULL || outs == NULL)) || written == NULL)
        return VD_ERROR_NULL;
    if (!take_flag(&d->busy))
        return flag_refusal(&d->busy);
    vd_status status = VD_OK;
    size_t in = 0, out = 0;
    for (; in < count && status == VD_OK; in++) {
        int32_t ready = 0;
        status = take(d, frames + in, outs + out, &ready);
        if (status != VD_OK)
            break;
        out += ready != 0;
    }
    *written = out;
    if (taken != NULL)
        *taken = in;
    drop_flag(&d->busy);
    return status;
}

static vd_status flush_one(vd_diffuser *d, const vd_image *out, int32_t *ready)
{
    vd_core *core = &d->core;
    *ready = 0;
    if (core->count == 0)
        return VD_OK;
    vd_image stream = vd_image_contiguous(NULL, (vd_dtype)core->dtype, core->height, core->width, core->channels);
    vd_status status = check_out(d, out, &stream);
    if (status == VD_OK && d->estimator != NULL)
        status = vd_estimator_flush(d, out);
    else if (status == VD_OK) {
        vd_job job = {.d = d, .out = out, .futures = core->count - 1};
        dequeue(&job);
    }
    *ready = status == VD_OK;
    return status;
}

vd_status vd_diffuser_flush(vd_diffuser *d, const vd_image *out, int32_t *ready)
{
    if (d == NULL || ready == NULL)
        return VD_ERROR_NULL;
    if (!take_flag(&d->busy))
        return flag_refusal(&d->busy);
    vd_status status = flush_one(d, out, ready);
    drop_flag(&d->busy);
    return status;
}
