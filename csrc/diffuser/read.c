/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Input of a frame: its samples are checked, weighted by confidence and coefficients, and passed to the spatial filter
 * or the model.
 */
#include "diffuser/diffuser.h"

#include <math.h>

#include "base/parallel.h"

/* Confidences below this count as 0. */
static const double MIN_CONFIDENCE = 1e-20;

void vd_for_rows(vd_diffuser *d, vd_block_function *function, vd_job *job)
{
    vd_parallel_blocks(d->spatial.threads, d->core.height, function, job);
}

/* The findings of all threads, OR-ed. */
static int found_by(vd_diffuser *d, vd_block_function *function, vd_job *job)
{
    int found = 0;
    memset(d->found, 0, (size_t)d->spatial.threads * sizeof(int));
    vd_for_rows(d, function, job);
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
    d->kernels.samples.to_share[map->dtype](row, from, s->width * map->channels);
    if (map->channels != s->channels)
        d->kernels.samples.spread(row, s->width, s->channels);
    return row;
}

static void scan_confidence(void *context, int64_t begin, int64_t end, int thread)
{
    const vd_job *job = context;
    vd_diffuser *d = job->d;
    for (int64_t y = begin; y < end; y++)
        d->found[thread] |=
            d->kernels.samples.outside_unit(expand_map_row(d, job->frame->confidence, y, thread), d->spatial.samples);
}

/* Row y of an image of the stream's shape as double. */
static void read_row(const vd_diffuser *d, const vd_image *image, int64_t y, int thread, double *row)
{
    const void *from = vd_image_plain_row(image, y, d->spatial.scratch[thread].samples);
    d->kernels.samples.to_f64[image->dtype](row, from, d->spatial.samples);
}

/* A value that occurs in the frame for each channel: the smallest in magnitude of the first row with a sample that
 * counts, so that no outlier costs accuracy. Raw sums need none, nor does a filter that does nothing, which is exact
 * without one. */
static void find_reference(const vd_diffuser *d, const vd_frame *frame, double *reference)
{
    const vd_spatial *s = &d->spatial;
    int64_t channels = s->channels;
    bool idle = s->y.radius == 0 && s->x.radius == 0 && d->core.params.model != VD_MODEL_NONLOCAL_MEANS;
    bool missing = !is_raw(d) && !idle;
    for (int64_t c = 0; c < channels; c++)
        reference[c] = missing ? NAN : 0;
    double *row = s->scratch[0].value;
    for (int64_t y = 0; y < s->height && missing; y++) {
        const double *confidence = NULL;
        read_row(d, &frame->image, y, 0, row);
        if (frame->confidence != NULL)
            confidence = expand_map_row(d, frame->confidence, y, 0);
        d->kernels.sums.smallest(reference, row, confidence, MIN_CONFIDENCE, channels, s->samples);
        missing = false;
        for (int64_t c = 0; c < channels; c++)
            missing = missing || isnan(reference[c]);
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
            d->kernels.samples.to_f64[image->dtype](plane_row(d, d->copy, sizeof(double), y), row, s->samples);
        else if (image->dtype == VD_U8)
            d->kernels.rows.u8_to_f32(plane_row(d, d->copy, sizeof(float), y), row, row_samples);
        else
            d->kernels.rows.u16_to_f32(plane_row(d, d->copy, sizeof(float), y), row, row_samples);
    }
}

void vd_keep_original(void *context, int64_t begin, int64_t end, int thread)
{
    const vd_job *job = context;
    (void)thread;
    for (int64_t y = begin; y < end; y++)
        vd_image_gather_row(&job->frame->image, y,
                            plane_row(job->d, job->destination, vd_dtype_size(job->frame->image.dtype), y));
}

/* plane = c m (f - reference), confidences = m; samples that are NaN have m = 0. */
static void weigh_rows(void *context, int64_t begin, int64_t end, int thread)
{
    const vd_job *job = context;
    vd_diffuser *d = job->d;
    const vd_spatial *s = &d->spatial;
    for (int64_t y = begin; y < end; y++) {
        double *value = plane_row(d, d->plane, sizeof(double), y);
        read_row(d, &job->frame->image, y, thread, value);
        const double *map = NULL;
        if (job->frame->confidence != NULL)
            map = expand_map_row(d, job->frame->confidence, y, thread);
        double *weight = d->confidences != NULL ? plane_row(d, d->confidences, sizeof(double), y) : NULL;
        d->kernels.sums.weigh(value, weight, map, MIN_CONFIDENCE, d->reference, s->channels, s->samples);
        if (job->frame->coefficients != NULL)
            d->kernels.sums.multiply(value, expand_map_row(d, job->frame->coefficients, y, thread), s->samples);
    }
}

/* The same into the planes of a model; found is set if any confidence is below 1. */
static void put_rows(void *context, int64_t begin, int64_t end, int thread)
{
    const vd_job *job = context;
    vd_diffuser *d = job->d;
    const vd_scratch *scratch = d->spatial.scratch + thread;
    for (int64_t y = begin; y < end; y++) {
        const double *map = NULL;
        if (job->frame->confidence != NULL) {
            double *row = expand_map_row(d, job->frame->confidence, y, thread);
            d->kernels.sums.drop(row, MIN_CONFIDENCE, d->spatial.samples);
            map = row;
        }
        const vd_image *image = &job->frame->image;
        const void *row = vd_image_plain_row(image, y, scratch->samples);
        d->found[thread] |= vd_model_put_row(&d->model, y, row, image->dtype, d->reference, map);
    }
}

/* The heat equation resumes from the last frame, except at pixels that are known now. */
static void recall_rows(void *context, int64_t begin, int64_t end, int thread)
{
    const vd_job *job = context;
    vd_diffuser *d = job->d;
    double decay = vd_decay(job->frame->dt, d->core.params.tau);
    (void)thread;
    for (int64_t y = begin; y < end; y++)
        vd_model_recall_row(&d->model, y, plane_row(d, d->state, sizeof(double), y),
                            plane_row(d, d->weight_sum, sizeof(double), y), decay, d->reference);
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

/* Passes the frame to the spatial filter: in place if its rows can be read there, else as a copy. */
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
        vd_for_rows(d, copy_rows, &job);
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
        vd_for_rows(d, vd_keep_original, job);
        job->original =
            vd_image_contiguous(d->original, (vd_dtype)d->core.dtype, d->core.height, d->core.width, d->core.channels);
    }
    if (has_model(d)) {
        bool missing = found_by(d, put_rows, job) != 0;
        d->model.frame.hold = missing && d->core.params.model == VD_MODEL_LAPLACIAN && d->core.params.lookahead == 0;
        d->model.frame.diffusivity = d->diffusivity;
        if (d->model.frame.hold && d->core.frames > 0)
            vd_for_rows(d, recall_rows, job);
        return vd_model_run(&d->model, d->reference, missing);
    }
    vd_for_rows(d, weigh_rows, job);
    begin_sums(d);
    return VD_OK;
}
