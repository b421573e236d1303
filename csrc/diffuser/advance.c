/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Advances the state by one frame, row by row: filter in space, update the recursion in time (sums_template.h has that with
 * a weight per sample), write the output. Each row belongs to one thread from its first sample to its last, and no row
 * needs another's result, so any number of threads gives the same bits.
 */
#include "diffuser/diffuser.h"

#include <math.h>

/* Row y of the filtered frame: sums (value, confidence) or the mean (value, in the type of a slot). */
static void filtered_sums(const vd_diffuser *d, int64_t y, int thread, double *value, double *confidence)
{
    const vd_spatial *s = &d->spatial;
    if (has_model(d)) {
        vd_model_get_row(&d->model, y, value, confidence);
        return;
    }
    const double *outside = s->zero_row, *ones = s->zero_row;
    if (s->boundary == VD_BOUNDARY_CONSTANT) {
        outside = s->outside_row; /* filled by begin_sums */
        ones = s->reference_row;
    }
    int64_t stride = s->samples * (int64_t)sizeof(double);
    vd_plane plane = {(const char *)d->plane, stride, outside},
             confidences = {(const char *)d->confidences, stride, ones};
    vd_spatial_sum_row(s, &plane, y, thread, value);
    if (is_raw(d)) {
        d->kernels.sums.scale(value, value, s->y.total * s->x.total, s->samples);
    } else
        vd_spatial_sum_row(s, &confidences, y, thread, confidence);
}

/* A mean row in the type of a slot. */
static void filtered_mean(vd_diffuser *d, int64_t y, int thread, void *value)
{
    vd_spatial *s = &d->spatial;
    if (!vd_spatial_gives_fixed(s)) {
        vd_spatial_row(s, y, thread, value);
        return;
    }
    uint16_t *fixed = s->scratch[thread].spare;
    vd_spatial_fixed_row(s, y, thread, fixed);
    d->kernels.rows.fixed_to_f32(value, fixed, (size_t)s->samples);
}

static void fill_slot(void *context, int64_t begin, int64_t end, int thread)
{
    const vd_job *job = context;
    vd_diffuser *d = job->d;
    for (int64_t y = begin; y < end; y++) {
        void *value = plane_row(d, job->slot->value, slot_size(d), y);
        if (in_sums(d))
            filtered_sums(d, y, thread, value,
                          d->core.masked ? plane_row(d, job->slot->confidence, sizeof(double), y) : NULL);
        else
            filtered_mean(d, y, thread, value);
    }
}

void vd_queue_frame(vd_job *job)
{
    vd_diffuser *d = job->d;
    vd_slot *slot = job->slot;
    memcpy(slot->reference, d->reference, (size_t)d->core.channels * sizeof(double));
    vd_for_rows(d, fill_slot, job);
    if (d->core.masked) {
        job->destination = slot->original;
        vd_for_rows(d, vd_keep_original, job);
    }
}

/* The frames after the first one in the queue, for row y. */
static vd_future *futures_of(const vd_diffuser *d, int64_t y, int thread, int count)
{
    vd_future *future = d->futures + thread * (d->core.params.lookahead + 1);
    double weight = 1;
    for (int k = 0; k < count; k++) {
        const vd_slot *slot = slot_at(d, k + 1);
        weight *= vd_decay(slot->dt, d->core.params.tau);
        future[k].value = plane_row(d, slot->value, slot_size(d), y);
        future[k].confidence = d->core.masked ? plane_row(d, slot->confidence, sizeof(double), y) : NULL;
        future[k].reference = slot->reference;
        future[k].weight = weight;
    }
    return future;
}

static void emit_sums(const vd_job *job, int64_t y, int thread)
{
    vd_diffuser *d = job->d;
    const vd_spatial *s = &d->spatial;
    vd_scratch *scratch = s->scratch + thread;
    double *value = scratch->value, *confidence = scratch->spare, *out = scratch->correction;
    double *state = plane_row(d, d->state, sizeof(double), y);
    const double *reference = d->reference;
    if (job->slot != NULL) {
        value = plane_row(d, job->slot->value, sizeof(double), y);
        confidence = d->core.masked ? plane_row(d, job->slot->confidence, sizeof(double), y) : NULL;
        reference = job->slot->reference;
    } else
        filtered_sums(d, y, thread, value, confidence);
    const vd_future *future = futures_of(d, y, thread, job->futures);
    if (is_raw(d)) {
        d->kernels.sums.update_raw(state, value, job->decay, s->samples);
        d->kernels.sums.merge_raw(out, state, future, job->futures, s->samples);
        vd_store_f64(d, job->out, y, thread, out);
        return;
    }
    double *weight_sum = plane_row(d, d->weight_sum, sizeof(double), y);
    uint8_t *present = d->present + thread * s->samples;
    d->kernels.sums.update(state, weight_sum, value, confidence, reference, s->channels, job->decay, s->samples);
    d->kernels.sums.merge(out, present, state, weight_sum, future, job->futures, s->channels, s->samples);
    if (memchr(present, 0, (size_t)s->samples) != NULL) {
        double *original = NULL;
        if (d->core.params.fill == VD_FILL_PASS) {
            original = d->confidence_row + thread * s->samples;
            d->kernels.samples.to_f64[job->original.dtype](
                original, vd_image_plain_row(&job->original, y, scratch->samples), s->samples);
        }
        d->kernels.sums.fill(out, present, original, d->core.params.fill_value, s->samples);
    }
    vd_store_f64(d, job->out, y, thread, out);
}

static void emit_mean(const vd_job *job, int64_t y, int thread)
{
    vd_diffuser *d = job->d;
    vd_spatial *s = &d->spatial;
    vd_scratch *scratch = s->scratch + thread;
    size_t samples = (size_t)s->samples;
    void *state = plane_row(d, d->state, width_size(d->core.state_width), y);
    bool single = !is_double(d);

    scratch->prefetch[0].data = state;
    scratch->prefetch[0].size = samples * width_size(d->core.state_width);
    if (vd_image_has_plain_rows(job->out)) {
        scratch->prefetch[1].data = vd_image_row(job->out, y);
        scratch->prefetch[1].size = samples * vd_dtype_size(job->out->dtype);
    }
    if (d->core.state_width == WIDTH_FIXED) {
        int gain = (int)floor(job->gain * 32768 + 0.5);
        uint16_t *value = gain >= 32768 ? state : scratch->value;
        vd_spatial_fixed_row(s, y, thread, value);
        if (gain < 32768)
            d->kernels.rows.fixed_update(state, value, gain, samples);
        vd_store_fixed(d, job->out, y, thread, state);
        return;
    }
    void *value = scratch->value;
    if (job->slot != NULL)
        value = plane_row(d, job->slot->value, slot_size(d), y);
    else
        filtered_mean(d, y, thread, value);
    void *result = scratch->value;
    bool direct =
        job->futures == 0 && job->out->dtype == (single ? VD_F32 : VD_F64) && vd_image_has_plain_rows(job->out);
    if (direct)
        result = vd_image_row(job->out, y);
    if (job->gain == 1) {
        /* Without memory the frame is the result: s + (v - s) need not be v. */
        memmove(result, value, samples * (single ? sizeof(float) : sizeof(double)));
        if (single && d->core.state_width == WIDTH_F64)
            d->kernels.samples.to_f64[VD_F32](state, value, s->samples);
        else
            memcpy(state, value, samples * width_size(d->core.state_width));
    } else if (d->core.state_width == WIDTH_F32)
        d->kernels.rows.update_f32(result, state, value, (float)job->gain, samples);
    else if (single)
        d->kernels.rows.update_wide(result, state, value, job->gain, samples);
    else
        d->kernels.rows.update_f64(result, state, value, job->gain, samples);
    if (job->futures > 0) {
        const vd_future *future = futures_of(d, y, thread, job->futures);
        d->kernels.sums.merge_means(scratch->correction, state, d->core.weight, future, job->futures, single,
                                    s->samples);
        vd_store_f64(d, job->out, y, thread, scratch->correction);
    } else if (single && !direct)
        vd_store_f32(d, job->out, y, thread, result);
    else if (!direct)
        vd_store_f64(d, job->out, y, thread, result);
}

/* Whether nothing of a model's frame is needed later: no memory, no future. */
static bool stands_alone(const vd_diffuser *d)
{
    return has_model(d) && d->core.params.tau == 0 && d->core.params.lookahead == 0 && !d->model.frame.missing;
}

static void emit_single(const vd_job *job, int64_t y, int thread)
{
    vd_diffuser *d = job->d;
    int32_t dtype = d->model.frame.dtype;
    bool direct = job->out->dtype == dtype;
    void *row = direct ? vd_output_row(d, job->out, y, thread) : d->spatial.scratch[thread].value;
    vd_model_mean_row(&d->model, y, d->reference, row);
    if (direct)
        vd_finish_row(job->out, y, row);
    else if (dtype == VD_F32)
        vd_store_f32(d, job->out, y, thread, row);
    else
        vd_store_f64(d, job->out, y, thread, row);
}

static void emit_rows(void *context, int64_t begin, int64_t end, int thread)
{
    const vd_job *job = context;
    for (int64_t y = begin; y < end; y++) {
        if (stands_alone(job->d))
            emit_single(job, y, thread);
        else if (in_sums(job->d))
            emit_sums(job, y, thread);
        else
            emit_mean(job, y, thread);
    }
}

void vd_advance(vd_job *job, double dt)
{
    vd_diffuser *d = job->d;
    double weight = next_weight(d, dt);
    job->decay = d->core.frames > 0 && !d->model.frame.hold ? vd_decay(dt, d->core.params.tau) : 0;
    job->gain = 1 / weight;
    d->core.weight = weight;
    vd_for_rows(d, emit_rows, job);
    d->core.frames++;
}
