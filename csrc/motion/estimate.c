/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Recursion in time with a coefficient per pixel. What is known of a picture is an estimate: per pixel the value u in
 * each channel, its weight W and the variance V of the noise left in it, one W and V for all channels (V their mean). A
 * frame f is an estimate with W = m and V = s^2. Of two estimates a and b = (u', W', V'), b moved to where a is,
 *
 *     W = W_a + d c W'      u = (W_a u_a + d c W' u') / W      V = (W_a^2 V_a + (d c W')^2 V') / W^2
 *
 * with the decay d. With a the frame and b the last estimate this is the recursion; with b a frame of the future, the
 * lookahead.
 *
 * The coefficient c asks whether the two show the same. Over the pixels of a window that both know, let
 *
 *     r1 = sum mean_channels (u_a - u')^2 / sum (V_a + V')          5 x 5: anything that differs
 *     r2 = mean_channels (sum (u_a - u'))^2 / sum (V_a + V')        9 x 9: faint and large, such as a shadow
 *
 * Where they show the same and the noise is white, r1 and r2 are chi squared over its degrees of freedom nu, 25 and 1 times
 * the channels. So with q(nu) the value that noise exceeds in 2 of 100 cases (2 standard deviations, Wilson & Hilferty 1931),
 *
 *     c = prod exp(-max(0, r - q(nu)) / k(nu)),     k(nu) = 2 sqrt(2 / nu)
 *
 * which is near 1 in a still scene (after 100 frames of a running mean W is 53 on average) and 0 for what is clearly
 * something else.
 * Variance 0 on both sides: c = 1 where nothing differs, 0 where anything does.
 *
 * The move. u' is b at x + flow(x), bicubic (a = -0.75, edge replicated), V' its variance for noise that is independent
 * from pixel to pixel, sum w^2 V; W', as an amount of evidence, linear. Where one of the sixteen samples is missing, u' is
 * the linear mean of those of the four that are not. W' = 0 beyond the edges by more than half a pixel and where the flow
 * is not finite.
 *
 * Limits. float estimates (for all but double frames) round u to 2^-24 in each merge; weights below 1e-20 are 0. A ghost
 * below the noise that is smaller than a window passes. Noise that is correlated between pixels makes r2 large: it then
 * wants a larger s.
 */
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/image.h"
#include "base/parallel.h"

enum { PIXELS_PER_THREAD = 1 << 13 };
enum { NEAR = 2, FAR = 4, NEAR_PIXELS = (2 * NEAR + 1) * (2 * NEAR + 1) };

/* Planes of sums over windows. */
enum { COUNT, ENERGY, NEAR_NOISE, FAR_NOISE, DIFFERENCES };

static const double LEAST_WEIGHT = 1e-20;

typedef struct measure_job {
    const vd_image *frame, *confidence, *estimate;
    const vd_noise *noise;
    double *rows;     /* [threads][4] rows of doubles */
    size_t pitch;     /* doubles of one of them */
    vd_status *found; /* [threads] */
} measure_job;

/* r of one test: above `least` c falls, by a factor e with each `scale`. */
typedef struct gate {
    double least, scale;
} gate;

typedef struct merge_job {
    const vd_image *a, *b, *flow, *out;
    double decay;
    bool gated;
    gate near[NEAR_PIXELS + 1], far; /* near: by the number of pixels in the window */
    size_t planes;
    void *sums; /* [height][planes][width] sums along the rows */
    void *rows; /* [threads][planes][width] */
} merge_job;

static gate gate_for(double freedom)
{
    double variance = 2 / (9 * freedom), root = 1 - variance + 2 * sqrt(variance);
    gate result = {root * root * root, 2 * sqrt(2 / freedom)};
    return result;
}

/* (r - least) / scale where that is above 0, of r = value / noise. */
static double excess(const gate *g, double value, double noise)
{
    if (noise > 0) {
        double beyond = value / noise - g->least;
        return beyond > 0 ? beyond / g->scale : 0;
    }
    return value > 0 ? INFINITY : 0;
}

static double coefficient(const merge_job *job, int count, double energy, double near_noise, double squares,
                          double far_noise)
{
    double exponent = excess(&job->far, squares, far_noise);
    if (count > 0)
        exponent += excess(&job->near[count], energy, near_noise);
    return exponent > 0 ? exp(-exponent) : 1;
}

/* The four samples around a position, and how they count. */
typedef struct weights4 {
    int64_t at[4];
    double cubic[4], linear[4];
} weights4;

static weights4 cubic_weights(double position, int64_t length)
{
    const double a = -0.75;
    double last = (double)(length - 1);
    position = position > 0 ? position < last ? position : last : 0;
    double floor_of = floor(position), f = position - floor_of, g = 1 - f;
    weights4 w;
    for (int i = 0; i < 4; i++) {
        int64_t at = (int64_t)floor_of - 1 + i;
        w.at[i] = at < 0 ? 0 : at < length ? at : length - 1;
        w.linear[i] = 0;
    }
    w.cubic[0] = a * f * g * g;
    w.cubic[1] = ((a + 2) * f - (a + 3)) * f * f + 1;
    w.cubic[2] = ((a + 2) * g - (a + 3)) * g * g + 1;
    w.cubic[3] = a * g * f * f;
    w.linear[1] = g;
    w.linear[2] = f;
    return w;
}

#define TYPE float
#define NAME(name) name##_f32
#include "motion/estimate_template.h"

#define TYPE double
#define NAME(name) name##_f64
#include "motion/estimate_template.h"

/* Row y in double; NULL for an image that is NULL. */
static const double *row_of(const measure_job *job, const vd_image *image, int64_t y, double *row)
{
    if (image == NULL)
        return NULL;
    int64_t n = image->width * image->channels;
    vd_row_to_f64(row, vd_image_plain_row(image, y, row + job->pitch), image->dtype, n);
    if (image == job->confidence && image->dtype == VD_U8)
        for (int64_t i = 0; i < n; i++)
            row[i] /= 255;
    return row;
}

static void check_block(void *context, int64_t begin, int64_t end, int thread)
{
    const measure_job *job = context;
    double *rows = job->rows + 4 * (size_t)thread * job->pitch;
    for (int64_t y = begin; y < end && job->found[thread] == VD_OK; y++) {
        const double *samples = row_of(job, job->frame, y, rows);
        const double *confidence = row_of(job, job->confidence, y, rows + 2 * job->pitch);
        for (int64_t i = 0; i < job->frame->width * job->frame->channels; i++)
            if (isinf(samples[i]))
                job->found[thread] = VD_ERROR_INFINITE;
        for (int64_t i = 0; confidence != NULL && i < job->confidence->width * job->confidence->channels; i++)
            if (!(confidence[i] >= 0 && confidence[i] <= 1))
                job->found[thread] = VD_ERROR_CONFIDENCE;
    }
}

static void measure_block(void *context, int64_t begin, int64_t end, int thread)
{
    const measure_job *job = context;
    double *rows = job->rows + 4 * (size_t)thread * job->pitch;
    for (int64_t y = begin; y < end; y++) {
        const double *samples = row_of(job, job->frame, y, rows);
        const double *confidence = row_of(job, job->confidence, y, rows + 2 * job->pitch);
        if (job->estimate->dtype == VD_F32)
            measure_row_f32(job, y, samples, confidence);
        else
            measure_row_f64(job, y, samples, confidence);
    }
}

static int thread_count(const vd_image *image, int32_t threads)
{
    int64_t useful = image->height * image->width / PIXELS_PER_THREAD + 1;
    int count = vd_thread_count(threads);
    return count < useful ? count : (int)useful;
}

static vd_status check_estimate(const vd_image *estimate)
{
    vd_status status = vd_image_check(estimate);
    if (status != VD_OK)
        return status;
    if (estimate->dtype != VD_F32 && estimate->dtype != VD_F64)
        return VD_ERROR_DTYPE;
    return estimate->channels >= 3 && vd_image_has_plain_rows(estimate) ? VD_OK : VD_ERROR_SHAPE;
}

static vd_status check_noise(const vd_noise *noise, int64_t channels)
{
    if (noise->struct_size != sizeof *noise)
        return VD_ERROR_STRUCT_SIZE;
    if (noise->gain == NULL || noise->offset == NULL)
        return VD_ERROR_NULL;
    bool good = noise->least >= 0 && isfinite(noise->least);
    for (int64_t c = 0; c < channels; c++)
        good = good && isfinite(noise->gain[c]) && isfinite(noise->offset[c]);
    return good ? VD_OK : VD_ERROR_PARAMETER;
}

vd_status vd_estimate_frame(const vd_image *frame, const vd_image *confidence, const vd_noise *noise,
                            const vd_image *estimate, int32_t threads)
{
    vd_status status = vd_image_check(frame);
    if (status == VD_OK)
        status = check_estimate(estimate);
    if (status == VD_OK && confidence != NULL)
        status = vd_image_check(confidence);
    if (status == VD_OK && noise != NULL)
        status = check_noise(noise, frame->channels);
    if (status != VD_OK)
        return status;
    if (confidence != NULL && confidence->dtype == VD_U16)
        return VD_ERROR_DTYPE;
    if (estimate->height != frame->height || estimate->width != frame->width ||
        estimate->channels != frame->channels + 2 ||
        (confidence != NULL && (confidence->height != frame->height || confidence->width != frame->width ||
                                (confidence->channels != 1 && confidence->channels != frame->channels))))
        return VD_ERROR_SHAPE;
    int count = thread_count(frame, threads);
    measure_job job = {.frame = frame, .confidence = confidence, .estimate = estimate, .noise = noise};
    job.pitch = (size_t)(frame->width * frame->channels);
    job.rows = malloc(4 * job.pitch * sizeof(double) * (size_t)count);
    job.found = calloc((size_t)count, sizeof *job.found);
    if (job.rows == NULL || job.found == NULL)
        status = VD_ERROR_MEMORY;
    else {
        vd_parallel_blocks(count, frame->height, check_block, &job);
        for (int t = 0; t < count && status == VD_OK; t++)
            status = job.found[t];
        if (status == VD_OK)
            vd_parallel_blocks(count, frame->height, measure_block, &job);
    }
    free(job.rows);
    free(job.found);
    return status;
}

vd_status vd_estimate_merge(const vd_image *a, const vd_image *b, const vd_image *flow, double decay, int32_t gated,
                            const vd_image *out, int32_t threads)
{
    const vd_image *estimates[] = {a, b, out};
    vd_status status = VD_OK;
    for (int i = 0; i < 3 && status == VD_OK; i++)
        status = check_estimate(estimates[i]);
    if (status == VD_OK && flow != NULL)
        status = vd_image_check(flow);
    if (status != VD_OK)
        return status;
    if (a->dtype != b->dtype || a->dtype != out->dtype || (flow != NULL && flow->dtype != VD_F32))
        return VD_ERROR_DTYPE;
    if (!vd_image_same_shape(a, b) || !vd_image_same_shape(a, out) ||
        (flow != NULL && (flow->height != a->height || flow->width != a->width || flow->channels != 2)))
        return VD_ERROR_SHAPE;
    if (!(decay >= 0 && decay <= 1) || gated < 0 || gated > 1 || vd_image_overlaps(out, a) || vd_image_overlaps(out, b))
        return VD_ERROR_PARAMETER;

    int count = thread_count(a, threads);
    int64_t channels = a->channels - 2;
    merge_job job = {.a = a, .b = b, .flow = flow, .out = out, .decay = decay, .gated = gated && decay > 0};
    if (job.gated) {
        for (int n = 1; n <= NEAR_PIXELS; n++)
            job.near[n] = gate_for((double)(n * channels));
        job.far = gate_for((double)channels);
        job.planes = DIFFERENCES + (size_t)channels;
        size_t row = job.planes * (size_t)a->width * vd_dtype_size(a->dtype), sums;
        if (!vd_checked_multiply(row, (size_t)a->height, &sums))
            return VD_ERROR_OVERFLOW;
        job.sums = malloc(sums);
        job.rows = malloc(row * (size_t)count);
        if (job.sums == NULL || job.rows == NULL)
            status = VD_ERROR_MEMORY;
    }
    if (status == VD_OK) {
        bool single = a->dtype == VD_F32;
        vd_parallel_blocks(count, a->height, single ? move_block_f32 : move_block_f64, &job);
        vd_parallel_blocks(count, a->height, single ? merge_block_f32 : merge_block_f64, &job);
    }
    free(job.sums);
    free(job.rows);
    return status;
}
