/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The stream with a gate or with motion.
 *
 * The estimate at frame t merges that of the frame alone with the last one, moved along the flow from the frame to the
 * last result. With lookahead the estimates of single later frames are merged into it before it is returned, each along
 * the flow from its picture to that frame. Then the spatial model runs, without memory, on the values with the
 * confidence min(W, 1): with W itself, well-known neighbours would spread over pixels that have just been uncovered.
 *
 * A push writes to slots and buffers that no state refers to, and advances the ring last: a failure before that, of the
 * flow for instance, changes nothing.
 */
#include "diffuser/estimator.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/image.h"
#include "base/parallel.h"

/* ---- life ---- */

static void free_slot(vd_estimator_slot *slot)
{
    vd_estimate_destroy(&slot->forward);
    vd_estimate_destroy(&slot->own);
    free(slot->frame);
    free(slot->result);
}

void vd_estimator_forget(vd_estimator *e)
{
    vd_estimator empty = {.gated = e->gated,
                          .moving = e->moving,
                          .noise = e->noise,
                          .min_variance = e->min_variance,
                          .noise_channels = e->noise_channels,
                          .flow = e->flow,
                          .context = e->context};
    *e = empty;
}

void vd_estimator_clear(vd_estimator *e)
{
    for (int i = 0; i < e->slot_count; i++)
        free_slot(e->slots + i);
    for (int i = 0; i < 2; i++)
        vd_estimate_destroy(&e->chain[i]);
    void *own[] = {e->slots, e->order, e->gains, e->values, e->shares, e->output, e->picture, e->vectors};
    for (size_t i = 0; i < sizeof own / sizeof *own; i++)
        free(own[i]);
    vd_estimates_free(&e->estimates);
    vd_diffuser_destroy(e->spatial);
    vd_estimator_forget(e);
}

void vd_estimator_free(vd_estimator *e)
{
    if (e == NULL)
        return;
    vd_estimator_clear(e);
    free(e->noise);
    free(e);
}

/* A diffuser without memory for reals in the unit of the stream. */
static vd_status create_spatial(vd_diffuser **spatial, const vd_params *of, int32_t dtype)
{
    vd_params params = *of;
    params.tau = 0;
    params.lookahead = 0;
    if (dtype == VD_U8 || dtype == VD_U16) {
        double usual = dtype == VD_U8 ? 1e-3 : 1e-5;
        params.tolerance = (params.tolerance > 0 ? params.tolerance : usual) * vd_dtype_range(dtype);
    }
    return vd_diffuser_create(spatial, &params);
}

static size_t real_size(const vd_estimator *e) { return vd_dtype_size(e->estimates.dtype); }

static bool create_slot(const vd_diffuser *d, vd_estimator_slot *slot)
{
    const vd_estimator *e = d->estimator;
    size_t picture = d->samples * vd_dtype_size(d->core.dtype);
    bool ahead = d->core.params.lookahead > 0;
    if (!vd_estimate_create(&e->estimates, &slot->forward) || (ahead && !vd_estimate_create(&e->estimates, &slot->own)))
        return false;
    if (e->moving && ((slot->result = malloc(picture)) == NULL || (ahead && (slot->frame = malloc(picture)) == NULL)))
        return false;
    return true;
}

vd_status vd_estimator_start(vd_diffuser *d, int32_t dtype, int64_t height, int64_t width, int64_t channels)
{
    vd_core *core = &d->core;
    vd_estimator *e = d->estimator;
    if (e->gated && e->noise_channels != 1 && e->noise_channels != channels)
        return VD_ERROR_SHAPE;
    core->dtype = dtype;
    core->height = height;
    core->width = width;
    core->channels = channels;
    d->samples = (size_t)(height * width * channels);
    size_t pixels = (size_t)(height * width), real = sizeof(double);
    bool ahead = core->params.lookahead > 0;
    vd_status status = vd_estimates_start(&e->estimates, dtype == VD_F64 ? VD_F64 : VD_F32, height, width, channels,
                                          core->params.threads);
    if (status == VD_OK)
        status = create_spatial(&e->spatial, &core->params, dtype);
    if (status != VD_OK)
        return status;
    real = real_size(e);
    e->slots = calloc((size_t)core->params.lookahead + 2, sizeof *e->slots);
    e->order = malloc(((size_t)core->params.lookahead + 1) * sizeof(vd_estimator_slot *));
    if (e->slots == NULL || e->order == NULL)
        return VD_ERROR_MEMORY;
    e->slot_count = core->params.lookahead + 2;
    e->newest = e->slot_count - 1;
    bool complete = true;
    for (int i = 0; i < e->slot_count && complete; i++)
        complete = create_slot(d, e->slots + i);
    for (int i = 0; i < 2 && ahead; i++)
        complete = complete && vd_estimate_create(&e->estimates, &e->chain[i]);
    e->gains = malloc(2 * (size_t)channels * sizeof *e->gains);
    e->values = malloc(d->samples * real);
    e->shares = malloc(pixels * real);
    e->output = malloc(d->samples * real);
    complete = complete && e->gains != NULL && e->values != NULL && e->shares != NULL && e->output != NULL;
    if (e->moving) {
        e->vectors = malloc(2 * pixels * sizeof *e->vectors);
        complete = complete && e->vectors != NULL;
    }
    if (e->moving && ahead) {
        e->picture = malloc(d->samples * vd_dtype_size(dtype));
        complete = complete && e->picture != NULL;
    }
    if (!complete)
        return VD_ERROR_MEMORY;
    for (int64_t c = 0; c < channels && e->gated; c++)
        for (int64_t i = 0; i < 2; i++)
            e->gains[i * channels + c] = e->noise[e->noise_channels == 1 ? i : i * channels + c];
    return VD_OK;
}

/* ---- pictures ---- */

typedef struct picture_job {
    const vd_diffuser *d;
    const char *reals;
    const vd_image *out;
    char *picture;
} picture_job;

/* A row of reals as samples of another dtype; integers are rounded, ties to even, and clipped. */
static void convert_row(const vd_estimates *e, void *out, int32_t dtype, const void *reals, size_t n)
{
    if (dtype == e->dtype)
        memcpy(out, reals, n * vd_dtype_size(dtype));
    else if (dtype == VD_U8)
        e->kernels.rows.f32_to_u8(out, reals, n);
    else if (dtype == VD_U16)
        e->kernels.rows.f32_to_u16(out, reals, n);
    else if (dtype == VD_F32)
        e->kernels.samples.from_f64[VD_F32](out, reals, (ptrdiff_t)n);
    else
        e->kernels.samples.to_f64[VD_F32](out, reals, (ptrdiff_t)n);
}

static void write_rows(void *context, int64_t begin, int64_t end, int thread)
{
    const picture_job *job = context;
    const vd_diffuser *d = job->d;
    const vd_estimates *e = &d->estimator->estimates;
    size_t n = (size_t)(d->core.width * d->core.channels), size = vd_dtype_size(d->core.dtype);
    char *scratch = e->scratch + (size_t)thread * e->scratch_size; /* longer than a row of doubles */
    for (int64_t y = begin; y < end; y++) {
        const char *reals = job->reals + (size_t)y * n * vd_dtype_size(e->dtype);
        char *picture = job->picture != NULL ? job->picture + (size_t)y * n * size : NULL;
        if (picture != NULL)
            convert_row(e, picture, d->core.dtype, reals, n);
        if (job->out == NULL)
            continue;
        bool same = picture != NULL && job->out->dtype == d->core.dtype, plain = vd_image_has_plain_rows(job->out);
        void *row = plain ? (void *)vd_image_row(job->out, y) : scratch;
        if (same && plain)
            memcpy(row, picture, n * size);
        else if (!same)
            convert_row(e, row, job->out->dtype, reals, n);
        if (!plain)
            vd_image_scatter_row(job->out, y, same ? picture : row);
    }
}

/* Reals, (height, width, channels), as an image and a picture; either may be NULL. */
static void write_picture(const vd_diffuser *d, const char *reals, const vd_image *out, char *picture)
{
    picture_job job = {.d = d, .reals = reals, .out = out, .picture = picture};
    vd_parallel_blocks(d->estimator->estimates.threads, d->core.height, write_rows, &job);
}

static void copy_frame(const vd_diffuser *d, const vd_image *frame, char *picture)
{
    size_t row = (size_t)(d->core.width * d->core.channels) * vd_dtype_size(d->core.dtype);
    for (int64_t y = 0; y < d->core.height; y++)
        vd_image_gather_row(frame, y, picture + (size_t)y * row);
}

static vd_image picture_of(const vd_diffuser *d, char *picture)
{
    const vd_core *core = &d->core;
    return vd_image_contiguous(picture, (vd_dtype)core->dtype, core->height, core->width, core->channels);
}

/* ---- one frame ---- */

/* The flow from a picture to another one into *flow; its data is NULL where nothing moves. */
static vd_status find_flow(vd_diffuser *d, const vd_image *frame, char *other, vd_image *flow)
{
    vd_estimator *e = d->estimator;
    vd_image none = {0}, there = picture_of(d, other);
    *flow = none;
    if (!e->moving)
        return VD_OK;
    *flow = vd_image_contiguous(e->vectors, VD_F32, d->core.height, d->core.width, 2);
    return e->flow(e->context, frame, &there, flow) == VD_OK ? VD_OK : VD_ERROR_FLOW;
}

/* Non-local means without a noise of its own takes what is left in the estimate. */
static bool takes_noise_left(const vd_diffuser *d)
{
    return d->estimator->gated && d->core.params.model == VD_MODEL_NONLOCAL_MEANS && d->core.params.noise == 0;
}

/* Runs the spatial model on e->values and writes the result. `whole`: all shares are 1; with motion they are then not
 * passed on, and the model takes the path for frames without masks. */
static vd_status finish(vd_diffuser *d, const vd_estimate *estimate, bool whole, const vd_image *out, char *picture)
{
    vd_estimator *e = d->estimator;
    const vd_core *core = &d->core;
    vd_diffuser *spatial = e->spatial;
    vd_dtype dtype = (vd_dtype)e->estimates.dtype;
    vd_image shares = vd_image_contiguous(e->shares, dtype, core->height, core->width, 1);
    vd_image result = vd_image_contiguous(e->output, dtype, core->height, core->width, core->channels);
    vd_frame frame = {.struct_size = sizeof frame, .confidence = whole && e->moving ? NULL : &shares};
    frame.image = vd_image_contiguous(e->values, dtype, core->height, core->width, core->channels);
    if (takes_noise_left(d)) {
        double weight, variance;
        vd_estimate_means(&e->estimates, estimate, &weight, &variance);
        spatial->core.params.noise = sqrt(variance);
    }
    spatial->diffusivity = d->diffusivity;
    vd_status status = vd_diffuser_push(spatial, &frame, &result, NULL);
    memset(&spatial->diffusivity, 0, sizeof spatial->diffusivity); /* it stays the outer diffuser's */
    if (status == VD_OK)
        write_picture(d, e->output, out, picture);
    return status;
}

/* Writes the result for the estimate in the first slot, merged with later frames. */
static vd_status answer(vd_diffuser *d, vd_estimator_slot *const *slots, int count, const vd_image *out)
{
    vd_estimator *e = d->estimator;
    const vd_estimate *estimate = &slots[0]->forward;
    vd_image picture = picture_of(d, e->picture), flow = {0};
    vd_merge merge = {.a = estimate, .values = e->values, .shares = e->shares};
    bool whole = (count == 1 || e->moving) && vd_estimate_merge(&e->estimates, &merge);
    if (count > 1 && e->moving)
        write_picture(d, e->values, NULL, e->picture);
    for (int k = 1; k < count; k++) {
        vd_status status = find_flow(d, &picture, slots[k]->frame, &flow);
        if (status != VD_OK)
            return status;
        bool last = k + 1 == count;
        vd_estimate *next = &e->chain[k % 2];
        vd_merge more = {.a = estimate,
                         .b = &slots[k]->own,
                         .flow = flow.data != NULL ? &flow : NULL,
                         .decay = vd_decay(slots[k]->time - slots[0]->time, d->core.params.tau),
                         .gated = e->gated,
                         .out = last && !takes_noise_left(d) ? NULL : next,
                         .values = last ? e->values : NULL,
                         .shares = last ? e->shares : NULL};
        whole = vd_estimate_merge(&e->estimates, &more);
        estimate = next;
    }
    return finish(d, estimate, whole, out, NULL);
}

/* The frames of the queue and, if not NULL, one more. */
static vd_status answer_queue(vd_diffuser *d, vd_estimator_slot *more, const vd_image *out)
{
    vd_estimator_slot **order = d->estimator->order;
    int count = d->core.count;
    for (int k = 0; k < count; k++)
        order[k] = vd_estimator_slot_at(d, k);
    if (more != NULL)
        order[count++] = more;
    return answer(d, order, count, out);
}

vd_status vd_estimator_take(vd_diffuser *d, const vd_frame *frame, const vd_image *out, int32_t *ready)
{
    vd_core *core = &d->core;
    vd_estimator *e = d->estimator;
    const vd_image *image = &frame->image;
    bool fresh = core->dtype == 0, emits = core->count == core->params.lookahead, ahead = core->params.lookahead > 0;
    vd_status status = VD_OK;
    if (fresh)
        status = vd_estimator_start(d, image->dtype, image->height, image->width, image->channels);
    vd_measurement measured = {.frame = image, .confidence = frame->confidence};
    if (status == VD_OK)
        status = vd_measurement_check(&e->estimates, &measured);
    if (status != VD_OK)
        return status;
    if (e->gated) {
        measured.gain = e->gains;
        measured.offset = e->gains + core->channels;
        measured.min_variance = e->min_variance;
    }

    int place = (e->newest + 1) % e->slot_count;
    vd_estimator_slot *slot = e->slots + place, *before = e->slots + e->newest;
    vd_merge merge = {.gated = e->gated, .out = &slot->forward, .values = e->values, .shares = e->shares};
    vd_image flow = {0};
    slot->time = fresh ? 0 : before->time + frame->dt;
    if (!fresh) {
        status = find_flow(d, image, before->result, &flow);
        if (status != VD_OK)
            return status;
        merge.b = &before->forward;
        merge.flow = flow.data != NULL ? &flow : NULL;
        merge.decay = vd_decay(frame->dt, core->params.tau);
    }
    if (ahead) {
        vd_merge own = {.frame = &measured, .out = &slot->own};
        vd_estimate_merge(&e->estimates, &own);
        merge.a = &slot->own;
        if (e->moving)
            copy_frame(d, image, slot->frame);
        else
            merge.values = NULL;
        merge.shares = NULL;
    } else
        merge.frame = &measured;
    bool whole = vd_estimate_merge(&e->estimates, &merge);

    if (!ahead)
        status = finish(d, &slot->forward, whole, out, slot->result);
    else {
        if (e->moving)
            write_picture(d, e->values, NULL, slot->result);
        if (emits)
            status = answer_queue(d, slot, out);
    }
    if (status != VD_OK)
        return status;
    e->newest = place;
    core->count += !emits;
    core->frames += emits;
    core->weight = core->frames > 0;
    if (ready != NULL)
        *ready = emits;
    return VD_OK;
}

vd_status vd_estimator_flush(vd_diffuser *d, const vd_image *out)
{
    vd_status status = answer_queue(d, NULL, out);
    if (status == VD_OK) {
        d->core.count--;
        d->core.frames++;
        d->core.weight = 1;
    }
    return status;
}
