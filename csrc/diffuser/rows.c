/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The loops over the rows of a frame: checking samples, weighing them with confidence and coefficients, filtering, moving the
 * state on and writing the output. Each row belongs to one thread from its first sample to its last, and no row needs
 * another's result, so any number of threads gives the same bits.
 */
#include <math.h>

#include "base/parallel.h"
#include "diffuser/diffuser.h"

/* Confidences below this count as 0. */
static const double LEAST_CONFIDENCE = 1e-20;

static void for_rows(vd_diffuser *d, vd_block_function *function, vd_job *job)
{
    vd_parallel_blocks(d->spatial.threads, d->core.height, function, job);
}

/* What the threads found, or-ed together. */
static int found_by(vd_diffuser *d, vd_block_function *function, vd_job *job)
{
    int found = 0;
    memset(d->found, 0, (size_t)d->spatial.threads * sizeof(int));
    for_rows(d, function, job);
    for (int t = 0; t < d->spatial.threads; t++)
        found |= d->found[t];
    return found;
}

static int scan_row(const vd_diffuser *d, const vd_image *image, int64_t y, int thread)
{
    const void *row = vd_image_plain_row(image, y, d->spatial.scratch[thread].samples);
    size_t samples = (size_t)(image->width * image->channels);
    return image->dtype == VD_F32 ? d->kernels.rows.scan_f32(row, samples) : d->kernels.rows.scan_f64(row, samples);
}

static void scan_frame(void *context, int64_t begin, int64_t end, int thread)
{
    const vd_job *job = context;
    for (int64_t y = begin; y < end; y++)
        job->d->found[thread] |= scan_row(job->d, &job->frame->image, y, thread);
}

static void scan_coefficients(void *context, int64_t begin, int64_t end, int thread)
{
    const vd_job *job = context;
    for (int64_t y = begin; y < end; y++)
        job->d->found[thread] |= scan_row(job->d, job->frame->coefficients, y, thread);
}

/* Row y of a (height, width[, channels]) map as double, one value per sample of the frame. */
static double *expand_map_row(const vd_diffuser *d, const vd_image *map, int64_t y, int thread)
{
    const vd_spatial *s = &d->spatial;
    double *row = d->confidence_row + thread * s->samples;
    const void *from = vd_image_plain_row(map, y, s->scratch[thread].samples);
    int64_t n = s->width * map->channels;
    vd_row_to_f64(row, from, map->dtype, n);
    if (map->dtype == VD_U8)
        for (int64_t i = 0; i < n; i++)
            row[i] /= 255;
    if (map->channels != s->channels)
        for (int64_t x = s->width - 1; x >= 0; x--) {
            double value = row[x];
            for (int64_t c = s->channels - 1; c >= 0; c--)
                row[x * s->channels + c] = value;
        }
    return row;
}

static void scan_confidence(void *context, int64_t begin, int64_t end, int thread)
{
    const vd_job *job = context;
    const vd_spatial *s = &job->d->spatial;
    for (int64_t y = begin; y < end; y++) {
        const double *row = expand_map_row(job->d, job->frame->confidence, y, thread);
        for (int64_t i = 0; i < s->samples; i++)
            if (!(row[i] >= 0 && row[i] <= 1))
                job->d->found[thread] = 1;
    }
}

/* A value that occurs in the frame for each channel: the smallest in magnitude, so that no outlier costs accuracy, of the
 * first row where a sample counts. None is needed for sums as they are, nor by a filter that does nothing, which gives back
 * what it got to the last bit without one. */
static void find_reference(const vd_diffuser *d, const vd_frame *frame, double *reference)
{
    const vd_spatial *s = &d->spatial;
    int64_t channels = s->channels, missing = channels;
    for (int64_t c = 0; c < channels; c++)
        reference[c] = 0;
    bool idle = s->y.radius == 0 && s->x.radius == 0 && d->core.params.model != VD_MODEL_NONLOCAL_MEANS;
    if (is_raw(d) || idle)
        return;
    for (int64_t c = 0; c < channels; c++)
        reference[c] = NAN;
    double *row = s->scratch[0].value;
    for (int64_t y = 0; y < s->height && missing > 0; y++) {
        const double *confidence = NULL;
        vd_row_to_f64(row, vd_image_plain_row(&frame->image, y, s->scratch[0].samples), frame->image.dtype, s->samples);
        if (frame->confidence != NULL)
            confidence = expand_map_row(d, frame->confidence, y, 0);
        for (int64_t i = 0, c = 0; i < s->samples; i++, c = c + 1 == channels ? 0 : c + 1) {
            if (isnan(row[i]) || (confidence != NULL && confidence[i] < LEAST_CONFIDENCE))
                continue;
            missing -= isnan(reference[c]);
            if (!(fabs(reference[c]) <= fabs(row[i])))
                reference[c] = row[i];
        }
    }
    for (int64_t c = 0; c < channels; c++)
        if (isnan(reference[c]))
            reference[c] = 0;
}

/* The frame's rows in the type the spatial filter reads. */
static void copy_rows(void *context, int64_t begin, int64_t end, int thread)
{
    const vd_job *job = context;
    vd_diffuser *d = job->d;
    const vd_spatial *s = &d->spatial;
    const vd_image *image = &job->frame->image;
    size_t row_samples = (size_t)s->samples;
    for (int64_t y = begin; y < end; y++) {
        const void *row = vd_image_plain_row(image, y, s->scratch[thread].samples);
        if (vd_spatial_plane_dtype(s) == image->dtype) {
            size_t size = vd_dtype_size(image->dtype);
            memcpy(plane_row(d, d->copy, size, y), row, row_samples * size);
        } else if (is_double(d))
            vd_row_to_f64(plane_row(d, d->copy, sizeof(double), y), row, image->dtype, s->samples);
        else if (image->dtype == VD_U8)
            d->kernels.rows.u8_to_f32(plane_row(d, d->copy, sizeof(float), y), row, row_samples);
        else
            d->kernels.rows.u16_to_f32(plane_row(d, d->copy, sizeof(float), y), row, row_samples);
    }
}

static void keep_original(void *context, int64_t begin, int64_t end, int thread)
{
    const vd_job *job = context;
    (void)thread;
    for (int64_t y = begin; y < end; y++)
        vd_image_gather_row(&job->frame->image, y,
                            plane_row(job->d, job->destination, vd_dtype_size(job->frame->image.dtype), y));
}

/* plane = c m (f - reference), masses = m; samples that are NaN have m = 0. */
static void weigh_rows(void *context, int64_t begin, int64_t end, int thread)
{
    const vd_job *job = context;
    vd_diffuser *d = job->d;
    const vd_spatial *s = &d->spatial;
    for (int64_t y = begin; y < end; y++) {
        double *value = plane_row(d, d->plane, sizeof(double), y);
        const void *row = vd_image_plain_row(&job->frame->image, y, s->scratch[thread].samples);
        vd_row_to_f64(value, row, job->frame->image.dtype, s->samples);
        const double *map = NULL;
        if (job->frame->confidence != NULL)
            map = expand_map_row(d, job->frame->confidence, y, thread);
        double *mass = d->masses != NULL ? plane_row(d, d->masses, sizeof(double), y) : NULL;
        for (int64_t i = 0, c = 0; i < s->samples; i++, c = c + 1 == s->channels ? 0 : c + 1) {
            double m = map == NULL ? 1 : map[i] < LEAST_CONFIDENCE ? 0 : map[i];
            if (isnan(value[i]))
                m = 0;
            value[i] = m > 0 ? m * (value[i] - d->reference[c]) : 0;
            if (mass != NULL)
                mass[i] = m;
        }
        if (job->frame->coefficients != NULL) {
            map = expand_map_row(d, job->frame->coefficients, y, thread);
            for (int64_t i = 0; i < s->samples; i++)
                value[i] *= map[i];
        }
    }
}

/* The same for a model: into its planes; found says whether any confidence is below 1. */
static void put_rows(void *context, int64_t begin, int64_t end, int thread)
{
    const vd_job *job = context;
    vd_diffuser *d = job->d;
    const vd_scratch *scratch = d->spatial.scratch + thread;
    for (int64_t y = begin; y < end; y++) {
        const double *map = NULL;
        if (job->frame->confidence != NULL) {
            double *row = expand_map_row(d, job->frame->confidence, y, thread);
            for (int64_t i = 0; i < d->spatial.samples; i++)
                row[i] = row[i] < LEAST_CONFIDENCE ? 0 : row[i];
            map = row;
        }
        const vd_image *image = &job->frame->image;
        const void *row = vd_image_plain_row(image, y, scratch->samples);
        d->found[thread] |= vd_model_put_row(&d->model, y, row, image->dtype, d->reference, map);
    }
}

/* The heat equation goes on where the last frame left it, but for the pixels that are known now. */
static void recall_rows(void *context, int64_t begin, int64_t end, int thread)
{
    const vd_job *job = context;
    vd_diffuser *d = job->d;
    double decay = vd_decay(job->frame->dt, d->core.params.tau);
    (void)thread;
    for (int64_t y = begin; y < end; y++)
        vd_model_recall_row(&d->model, y, plane_row(d, d->state, sizeof(double), y),
                            plane_row(d, d->mass, sizeof(double), y), decay, d->reference);
}

/* Row y of the filtered frame: sums (value, second) or the mean (value, in the type of a slot). */
static void filtered_sums(const vd_diffuser *d, int64_t y, int thread, double *value, double *second)
{
    const vd_spatial *s = &d->spatial;
    if (has_model(d)) {
        vd_model_get_row(&d->model, y, value, second);
        return;
    }
    const double *outside = s->zero_row, *ones = s->zero_row;
    if (s->boundary == VD_BOUNDARY_CONSTANT) {
        outside = s->outside_row; /* filled by begin_sums */
        ones = s->reference_row;
    }
    int64_t stride = s->samples * (int64_t)sizeof(double);
    vd_plane plane = {(const char *)d->plane, stride, outside}, masses = {(const char *)d->masses, stride, ones};
    vd_spatial_sum_row(s, &plane, y, thread, value);
    if (is_raw(d)) {
        double gain = s->y.total * s->x.total;
        for (int64_t i = 0; i < s->samples; i++)
            value[i] *= gain;
    } else
        vd_spatial_sum_row(s, &masses, y, thread, second);
}

static void begin_sums(vd_diffuser *d)
{
    vd_spatial *s = &d->spatial;
    double *outside = s->outside_row, *ones = s->reference_row;
    for (int64_t i = 0; i < s->samples; i++) {
        outside[i] = s->cval - d->reference[i % s->channels];
        ones[i] = 1;
    }
}

/* A mean row in the type of a slot. */
static void filtered_mean(vd_diffuser *d, int64_t y, int thread, void *value)
{
    vd_spatial *s = &d->spatial;
    if (!vd_spatial_gives_fixed(s)) {
        vd_spatial_row(s, y, thread, value);
        return;
    }
    uint16_t *fixed = s->scratch[thread].second;
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
                          d->core.masked ? plane_row(d, job->slot->second, sizeof(double), y) : NULL);
        else
            filtered_mean(d, y, thread, value);
    }
}

vd_status vd_inspect_frame(vd_diffuser *d, const vd_frame *frame, bool *missing)
{
    vd_job job = {.d = d, .frame = frame};
    *missing = false;
    if (frame->image.dtype == VD_F32 || frame->image.dtype == VD_F64) {
        int found = found_by(d, scan_frame, &job);
        if (found & VD_SCAN_INFINITE)
            return VD_ERROR_INFINITE;
        *missing = (found & VD_SCAN_NAN) != 0;
    }
    if (frame->confidence != NULL) {
        if (found_by(d, scan_confidence, &job))
            return VD_ERROR_CONFIDENCE;
        *missing = true;
    }
    if (frame->coefficients != NULL && found_by(d, scan_coefficients, &job))
        return VD_ERROR_COEFFICIENT;
    return VD_OK;
}

/* Gives the frame to the spatial filter: in place if its rows can be read there, else by way of a copy. */
static vd_status begin_mean(vd_diffuser *d, const vd_frame *frame, bool overlaps)
{
    vd_spatial *s = &d->spatial;
    const vd_image *image = &frame->image;
    int32_t dtype = vd_spatial_plane_dtype(s);
    const void *data = image->data;
    int64_t stride = image->row_stride;
    if (overlaps || image->dtype != dtype || !vd_image_has_plain_rows(image)) {
        vd_job job = {.d = d, .frame = frame};
        if (!reserve(&d->copy, d->samples, vd_dtype_size(dtype)))
            return VD_ERROR_MEMORY;
        for_rows(d, copy_rows, &job);
        data = d->copy;
        stride = s->samples * (int64_t)vd_dtype_size(dtype);
    }
    vd_spatial_begin(s, data, stride, d->reference);
    return VD_OK;
}

vd_status vd_begin_frame(vd_job *job, bool overlaps)
{
    vd_diffuser *d = job->d;
    const vd_image *image = &job->frame->image;
    job->original = *image;
    find_reference(d, job->frame, d->reference);
    if (!in_sums(d))
        return begin_mean(d, job->frame, overlaps);
    if (d->core.masked && d->core.params.lookahead == 0 && overlaps && !vd_image_same_view(image, job->out)) {
        if (!reserve(&d->original, d->samples, vd_dtype_size(d->core.dtype)))
            return VD_ERROR_MEMORY;
        job->destination = d->original;
        for_rows(d, keep_original, job);
        job->original =
            vd_image_contiguous(d->original, (vd_dtype)d->core.dtype, d->core.height, d->core.width, d->core.channels);
    }
    if (has_model(d)) {
        bool missing = found_by(d, put_rows, job) != 0;
        d->model.frame.hold = missing && d->core.params.model == VD_MODEL_LAPLACIAN && d->core.params.lookahead == 0;
        d->model.frame.diffusivity = d->diffusivity;
        if (d->model.frame.hold && d->core.frames > 0)
            for_rows(d, recall_rows, job);
        return vd_model_run(&d->model, d->reference, missing);
    }
    for_rows(d, weigh_rows, job);
    begin_sums(d);
    return VD_OK;
}

void vd_queue_frame(vd_job *job)
{
    vd_diffuser *d = job->d;
    vd_slot *slot = job->slot;
    memcpy(slot->reference, d->reference, (size_t)d->core.channels * sizeof(double));
    for_rows(d, fill_slot, job);
    if (d->core.masked) {
        job->destination = slot->original;
        for_rows(d, keep_original, job);
    }
}

/* ---- output ---- */

static const uint16_t *thresholds_of(const vd_diffuser *d, int64_t y)
{
    return d->thresholds == NULL ? NULL : d->thresholds + (y & 7) * d->spatial.samples;
}

/* Where a finished row may be written: the output's own row if it is plain. */
static void *output_row(const vd_diffuser *d, const vd_image *out, int64_t y, int thread)
{
    return vd_image_has_plain_rows(out) ? vd_image_row(out, y) : d->spatial.scratch[thread].output;
}

static void finish_row(const vd_image *out, int64_t y, const void *row)
{
    if (row != vd_image_row(out, y))
        vd_image_scatter_row(out, y, row);
}

static void store_f64(const vd_diffuser *d, const vd_image *out, int64_t y, int thread, double *row)
{
    void *to = output_row(d, out, y, thread);
    int64_t samples = d->spatial.samples;
    const uint16_t *threshold = thresholds_of(d, y);
    if (threshold != NULL && out->dtype <= VD_U16)
        for (int64_t i = 0; i < samples; i++)
            row[i] += threshold[i] / 256.0 - 0.5;
    vd_row_from_f64(to, out->dtype, row, samples);
    finish_row(out, y, to);
}

static void store_f32(const vd_diffuser *d, const vd_image *out, int64_t y, int thread, float *row)
{
    void *to = output_row(d, out, y, thread);
    size_t samples = (size_t)d->spatial.samples;
    const uint16_t *threshold = thresholds_of(d, y);
    if (threshold != NULL && out->dtype <= VD_U16)
        for (size_t i = 0; i < samples; i++)
            row[i] += (float)threshold[i] / 256 - 0.5f;
    if (out->dtype == VD_U8)
        d->kernels.rows.f32_to_u8(to, row, samples);
    else if (out->dtype == VD_U16)
        d->kernels.rows.f32_to_u16(to, row, samples);
    else if (out->dtype == VD_F32)
        memmove(to, row, samples * sizeof(float));
    else
        vd_row_to_f64(to, row, VD_F32, (int64_t)samples);
    finish_row(out, y, to);
}

static void store_fixed(const vd_diffuser *d, const vd_image *out, int64_t y, int thread, const uint16_t *row)
{
    size_t samples = (size_t)d->spatial.samples;
    if (out->dtype != VD_U8) {
        float *real = d->spatial.scratch[thread].second;
        d->kernels.rows.fixed_to_f32(real, row, samples);
        store_f32(d, out, y, thread, real);
        return;
    }
    void *to = output_row(d, out, y, thread);
    const uint16_t *threshold = thresholds_of(d, y);
    if (threshold != NULL)
        d->kernels.rows.fixed_to_u8_dither(to, row, threshold, samples);
    else
        d->kernels.rows.fixed_to_u8(to, row, samples);
    finish_row(out, y, to);
}

/* ---- time ---- */

/* The frames after the first one in the queue, for row y. */
static vd_future *futures_of(const vd_diffuser *d, int64_t y, int thread, int count)
{
    vd_future *future = d->futures + thread * (d->core.params.lookahead + 1);
    double weight = 1;
    for (int k = 0; k < count; k++) {
        const vd_slot *slot = slot_at(d, k + 1);
        weight *= vd_decay(slot->dt, d->core.params.tau);
        future[k].value = plane_row(d, slot->value, slot_size(d), y);
        future[k].mass = d->core.masked ? plane_row(d, slot->second, sizeof(double), y) : NULL;
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
    double *value = scratch->value, *second = scratch->second, *out = scratch->correction;
    double *state = plane_row(d, d->state, sizeof(double), y);
    const double *reference = d->reference;
    if (job->slot != NULL) {
        value = plane_row(d, job->slot->value, sizeof(double), y);
        second = d->core.masked ? plane_row(d, job->slot->second, sizeof(double), y) : NULL;
        reference = job->slot->reference;
    } else
        filtered_sums(d, y, thread, value, second);
    const vd_future *future = futures_of(d, y, thread, job->futures);
    if (is_raw(d)) {
        vd_raw_update(state, value, job->decay, s->samples);
        vd_raw_output(out, state, future, job->futures, s->samples);
        store_f64(d, job->out, y, thread, out);
        return;
    }
    double *mass = plane_row(d, d->mass, sizeof(double), y);
    uint8_t *present = d->present + thread * s->samples;
    vd_masked_update(state, mass, value, second, reference, s->channels, job->decay, s->samples);
    vd_masked_output(out, present, state, mass, future, job->futures, s->channels, s->samples);
    if (memchr(present, 0, (size_t)s->samples) != NULL) {
        double *original = d->confidence_row + thread * s->samples;
        if (d->core.params.fill == VD_FILL_PASS)
            vd_row_to_f64(original, vd_image_plain_row(&job->original, y, scratch->samples), job->original.dtype,
                          s->samples);
        for (int64_t i = 0; i < s->samples; i++)
            if (!present[i])
                out[i] = d->core.params.fill == VD_FILL_PASS ? original[i] : d->core.params.fill_value;
    }
    store_f64(d, job->out, y, thread, out);
}

static void emit_mean(const vd_job *job, int64_t y, int thread)
{
    vd_diffuser *d = job->d;
    vd_spatial *s = &d->spatial;
    vd_scratch *scratch = s->scratch + thread;
    size_t samples = (size_t)s->samples;
    void *state = plane_row(d, d->state, width_size(d->core.state_width), y);
    bool single = !is_double(d);

    scratch->soon[0].data = state;
    scratch->soon[0].size = samples * width_size(d->core.state_width);
    if (vd_image_has_plain_rows(job->out)) {
        scratch->soon[1].data = vd_image_row(job->out, y);
        scratch->soon[1].size = samples * vd_dtype_size(job->out->dtype);
    }
    if (d->core.state_width == WIDTH_FIXED) {
        int gain = (int)floor(job->gain * 32768 + 0.5);
        uint16_t *value = gain >= 32768 ? state : scratch->value;
        vd_spatial_fixed_row(s, y, thread, value);
        if (gain < 32768)
            d->kernels.rows.fixed_update(state, value, gain, samples);
        store_fixed(d, job->out, y, thread, state);
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
        /* Without memory the frame is taken as it is: s + (v - s) need not be v. */
        memmove(result, value, samples * (single ? sizeof(float) : sizeof(double)));
        if (single && d->core.state_width == WIDTH_F64)
            vd_row_to_f64(state, value, VD_F32, s->samples);
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
        vd_mean_output(scratch->correction, state, d->core.weight, future, job->futures, single, s->samples);
        store_f64(d, job->out, y, thread, scratch->correction);
    } else if (single && !direct)
        store_f32(d, job->out, y, thread, result);
    else if (!direct)
        store_f64(d, job->out, y, thread, result);
}

/* Whether a model's frame stands for itself: with no memory and no future nothing of it is needed later. */
static bool stands_alone(const vd_diffuser *d)
{
    return has_model(d) && d->core.params.tau == 0 && d->core.params.lookahead == 0 && !d->model.frame.missing;
}

static void emit_single(const vd_job *job, int64_t y, int thread)
{
    vd_diffuser *d = job->d;
    int32_t dtype = d->model.frame.dtype;
    bool direct = job->out->dtype == dtype;
    void *row = direct ? output_row(d, job->out, y, thread) : d->spatial.scratch[thread].value;
    vd_model_mean_row(&d->model, y, d->reference, row);
    if (direct)
        finish_row(job->out, y, row);
    else if (dtype == VD_F32)
        store_f32(d, job->out, y, thread, row);
    else
        store_f64(d, job->out, y, thread, row);
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
    for_rows(d, emit_rows, job);
    d->core.frames++;
}
