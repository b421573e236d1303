/* SPDX-License-Identifier: Apache-2.0 */
/*
 * out = f + r (u - f) for a region r in [0, 1]. Samples with r = 0 are copied and samples with r = 1 are left alone, bit for
 * bit; values between are computed in double and rounded once.
 */
#include <stdlib.h>
#include <string.h>

#include "base/image.h"
#include "base/parallel.h"

enum { PIXELS_PER_THREAD = 1 << 15 };

typedef struct blend_job {
    const vd_image *frame, *region, *out;
    char *rows;   /* [threads][2] rows of doubles */
    size_t pitch; /* bytes of one of them */
    int *found;   /* [threads] */
} blend_job;

/* Row y of the region in [0, 1], one value a pixel or a sample. */
static const double *region_row(const blend_job *job, int64_t y, int thread)
{
    double *row = (double *)(job->rows + 2 * (size_t)thread * job->pitch);
    char *samples = (char *)row + job->pitch;
    int64_t n = job->region->width * job->region->channels;
    vd_row_to_f64(row, vd_image_plain_row(job->region, y, samples), job->region->dtype, n);
    if (job->region->dtype == VD_U8)
        for (int64_t i = 0; i < n; i++)
            row[i] /= 255;
    return row;
}

static void check_block(void *context, int64_t begin, int64_t end, int thread)
{
    const blend_job *job = context;
    int64_t n = job->region->width * job->region->channels;
    for (int64_t y = begin; y < end; y++) {
        const double *row = region_row(job, y, thread);
        for (int64_t i = 0; i < n; i++)
            if (!(row[i] >= 0 && row[i] <= 1))
                job->found[thread] = 1;
    }
}

static void blend_sample(char *out, const char *frame, double share, int32_t dtype, size_t size)
{
    double f, u, samples[2]; /* aligned for any dtype */
    memcpy(&samples[0], frame, size);
    memcpy(&samples[1], out, size);
    vd_row_to_f64(&f, &samples[0], dtype, 1);
    vd_row_to_f64(&u, &samples[1], dtype, 1);
    u = f + share * (u - f);
    vd_row_from_f64(&samples[0], dtype, &u, 1);
    memcpy(out, &samples[0], size);
}

static void blend_block(void *context, int64_t begin, int64_t end, int thread)
{
    const blend_job *job = context;
    const vd_image *frame = job->frame, *out = job->out;
    size_t size = vd_dtype_size(out->dtype);
    bool shared = job->region->channels == 1;
    for (int64_t y = begin; y < end; y++) {
        const double *region = region_row(job, y, thread);
        for (int64_t x = 0; x < out->width; x++)
            for (int64_t c = 0; c < out->channels; c++) {
                double share = region[shared ? x : x * out->channels + c];
                if (share == 1)
                    continue;
                char *to = vd_image_row(out, y) + x * out->column_stride + c * out->channel_stride;
                const char *from = vd_image_row(frame, y) + x * frame->column_stride + c * frame->channel_stride;
                if (share == 0)
                    memmove(to, from, size);
                else
                    blend_sample(to, from, share, out->dtype, size);
            }
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
    blend_job job = {.frame = frame, .region = region, .out = out};
    job.pitch = (size_t)(region->width * region->channels) * sizeof(double);
    job.rows = malloc(2 * job.pitch * (size_t)count);
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
