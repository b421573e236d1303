/* SPDX-License-Identifier: Apache-2.0 */
/*
 * out = f + r (u - f) for a region r in [0, 1]. Samples with r = 0 are copied and samples with r = 1 are left alone, bit for
 * bit; values between are computed in double and rounded once.
 */
#include <stdlib.h>

#include "base/image.h"
#include "base/parallel.h"
#include "kernels/kernels.h"

enum { PIXELS_PER_THREAD = 1 << 15 };

typedef struct blend_job {
    const vd_image *frame, *region, *out;
    vd_samples_kernels kernels;
    double *rows; /* [threads][3][samples] */
    int64_t samples;
    int *found; /* [threads] */
} blend_job;

static double *scratch_row(const blend_job *job, int thread, int number)
{
    return job->rows + (3 * thread + number) * job->samples;
}

/* Row y of the region in [0, 1], one value for each pixel or sample. */
static double *region_row(const blend_job *job, int64_t y, int thread)
{
    const vd_image *region = job->region;
    double *row = scratch_row(job, thread, 0);
    const void *shares = vd_image_plain_row(region, y, scratch_row(job, thread, 1));
    job->kernels.to_share[region->dtype](row, shares, region->width * region->channels);
    return row;
}

static void check_block(void *context, int64_t begin, int64_t end, int thread)
{
    const blend_job *job = context;
    int64_t n = job->region->width * job->region->channels;
    for (int64_t y = begin; y < end; y++)
        if (job->kernels.outside_unit(region_row(job, y, thread), n))
            job->found[thread] = 1;
}

static void blend_block(void *context, int64_t begin, int64_t end, int thread)
{
    const blend_job *job = context;
    const vd_image *frame = job->frame, *out = job->out;
    bool plain = vd_image_has_plain_rows(out);
    for (int64_t y = begin; y < end; y++) {
        double *share = region_row(job, y, thread);
        const void *from = vd_image_plain_row(frame, y, scratch_row(job, thread, 1));
        void *to = plain ? (void *)vd_image_row(out, y) : scratch_row(job, thread, 2);
        if (!plain)
            vd_image_gather_row(out, y, to);
        if (job->region->channels != out->channels)
            job->kernels.spread(share, out->width, out->channels);
        job->kernels.blend[out->dtype](to, from, share, job->samples);
        if (!plain)
            vd_image_scatter_row(out, y, to);
    }
}

vd_status vd_blend(const vd_image *frame, const vd_image *region, const vd_image *out, int32_t threads)
{
    vd_status status = vd_image_check(frame);
    if (status == VD_OK)
        status = vd_image_check(region);
    if (status == VD_OK)
        status = vd_image_check(out);
    if (status != VD_OK)
        return status;
    if (frame->dtype != out->dtype || region->dtype == VD_U16)
        return VD_ERROR_DTYPE;
    if (!vd_image_same_shape(frame, out) || region->height != out->height || region->width != out->width ||
        (region->channels != 1 && region->channels != out->channels))
        return VD_ERROR_SHAPE;
    int64_t useful = out->height * out->width / PIXELS_PER_THREAD + 1;
    int count = vd_thread_count(threads);
    count = count < useful ? count : (int)useful;
    blend_job job = {.frame = frame, .region = region, .out = out, .samples = out->width * out->channels};
    vd_kernels set;
    vd_kernels_choose(&set);
    job.kernels = set.samples;
    size_t bytes;
    if (!vd_checked_multiply(3 * (size_t)job.samples, (size_t)count * sizeof *job.rows, &bytes))
        return VD_ERROR_OVERFLOW;
    job.rows = malloc(bytes);
    job.found = calloc((size_t)count, sizeof(int));
    if (job.rows == NULL || job.found == NULL)
        status = VD_ERROR_MEMORY;
    else {
        vd_parallel_blocks(count, out->height, check_block, &job);
        for (int t = 0; t < count; t++)
            if (job.found[t])
                status = VD_ERROR_CONFIDENCE;
        if (status == VD_OK)
            vd_parallel_blocks(count, out->height, blend_block, &job);
    }
    free(job.rows);
    free(job.found);
    return status;
}
