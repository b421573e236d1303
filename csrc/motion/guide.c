/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pictures for the optical flow: with m the mean of the channels and p = 1 where it is known, else 0,
 *
 *     guide = G * (p m) / G * p,
 *
 * as bytes. Bytes keep their scale, so that noise does not move it; samples of other types are stretched. The
 * mean of m is subtracted before blurring, which preserves small differences between large numbers.
 */
#include "motion/guide.h"

#include <float.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/gaussian.h"
#include "base/image.h"
#include "base/integers.h"
#include "base/parallel.h"

/* A range shorter than this, relative to its size, is rounding and not stretched. */
static const double MIN_RANGE = 1e-6;

enum { PIXELS_PER_THREAD = 1 << 14 };

/* ---- blur ---- */

vd_blur vd_blur_of(double sigma)
{
    vd_blur blur = {.radius = (int)vd_gaussian_radius(sigma, 4)};
    double sum = 0, variance = sigma * sigma;
    if (blur.radius > VD_MAX_BLUR)
        blur.radius = VD_MAX_BLUR;
    for (int i = 0; i <= blur.radius; i++)
        sum += (i == 0 ? 1 : 2) * exp(-0.5 * (double)(i * i) / variance);
    for (int i = 0; i <= blur.radius; i++)
        blur.weights[i] = (float)(exp(-0.5 * (double)(i * i) / variance) / sum);
    return blur;
}

static size_t blur_room(int64_t width) { return (size_t)width + 2 * VD_MAX_BLUR + 16; }

size_t vd_blur_scratch(int64_t width) { return 3 * blur_room(width); }

float *vd_blur_row(const vd_blur *blur, const vd_rows_kernels *kernels, const float *plane, int64_t height,
                   int64_t width, int64_t y, float *scratch)
{
    int64_t radius = blur->radius;
    size_t room = blur_room(width);
    float *none = scratch, *inner = none + room + radius, *out = none + 2 * room;
    const float *rows[2 * VD_MAX_BLUR + 1];
    memset(none, 0, (size_t)width * sizeof *none);
    for (int64_t i = -radius; i <= radius; i++)
        rows[radius + i] = plane + vd_mirror(y + i, height) * width;
    kernels->vertical_f32(inner, rows, blur->weights, blur->radius, none, 0, (size_t)width);
    for (int64_t i = 1; i <= radius; i++) {
        inner[-i] = inner[vd_mirror(-i, width)];
        inner[width - 1 + i] = inner[vd_mirror(width - 1 + i, width)];
    }
    kernels->horizontal_f32(out, inner, 1, blur->weights, blur->radius, none, (size_t)width);
    return out;
}

/* ---- guides of two frames ---- */

/* The findings of a row, for both frames: the sum and the number of the known means, then the extremes of the blurred
 * ones. */
typedef struct found {
    double sum, count, range[2];
} found;

typedef struct job {
    vd_kernels kernels;
    vd_blur blur;
    const vd_image *image, *out;
    int64_t height, width;
    float *means, *known; /* known NULL: all */
    float *smooth;        /* blurred */
    float middle, low, scale;
    found *rows;   /* [height] */
    char *scratch; /* [threads] */
    size_t scratch_size;
} job;

static float *scratch_of(const job *j, int thread) { return (float *)(j->scratch + (size_t)thread * j->scratch_size); }

static void read_means(void *context, int64_t begin, int64_t end, int thread)
{
    const job *j = context;
    const vd_image *image = j->image;
    size_t n = (size_t)(image->width * image->channels);
    double *gathered = (double *)scratch_of(j, thread); /* a row of any samples */
    float *samples = (float *)(gathered + n);
    for (int64_t y = begin; y < end; y++) {
        const void *row = vd_image_plain_row(image, y, gathered);
        float *means = j->means + y * j->width;
        if (image->dtype == VD_U8)
            j->kernels.rows.u8_to_f32(samples, row, n);
        else if (image->dtype == VD_U16)
            j->kernels.rows.u16_to_f32(samples, row, n);
        else if (image->dtype == VD_F64)
            j->kernels.samples.from_f64[VD_F32](samples, row, (ptrdiff_t)n);
        j->kernels.motion_f32.mean(means, image->dtype == VD_F32 ? row : samples, j->width, image->channels);
        found *f = &j->rows[y];
        f->sum = f->count = 0;
        if (image->dtype != VD_U8)
            j->kernels.motion_f32.total(&f->sum, &f->count, means, j->width);
    }
}

static void centre_rows(void *context, int64_t begin, int64_t end, int thread)
{
    const job *j = context;
    (void)thread;
    int64_t at = begin * j->width;
    j->kernels.motion_f32.centre(j->means + at, j->known != NULL ? j->known + at : NULL, j->middle,
                                 (end - begin) * j->width);
}

static void write_bytes(const job *j, int64_t y, const float *row, float *scratch)
{
    bool plain = vd_image_has_plain_rows(j->out);
    void *bytes = plain ? (void *)vd_image_row(j->out, y) : scratch;
    j->kernels.rows.f32_to_u8(bytes, row, (size_t)j->width);
    if (!plain)
        vd_image_scatter_row(j->out, y, bytes);
}

static void blur_rows(void *context, int64_t begin, int64_t end, int thread)
{
    const job *j = context;
    float *scratch = scratch_of(j, thread), *rest = scratch + vd_blur_scratch(j->width);
    for (int64_t y = begin; y < end; y++) {
        const float *row = vd_blur_row(&j->blur, &j->kernels.rows, j->means, j->height, j->width, y, scratch);
        if (j->smooth == NULL) {
            write_bytes(j, y, row, rest);
            continue;
        }
        float *smooth = j->smooth + y * j->width;
        memcpy(smooth, row, (size_t)j->width * sizeof *smooth);
        const float *known = NULL;
        if (j->known != NULL)
            known = vd_blur_row(&j->blur, &j->kernels.rows, j->known, j->height, j->width, y, scratch);
        double *range = j->rows[y].range;
        range[0] = FLT_MAX;
        range[1] = -FLT_MAX;
        j->kernels.motion_f32.restore(smooth, known, j->middle, range, j->width);
    }
}

static void stretch_rows(void *context, int64_t begin, int64_t end, int thread)
{
    const job *j = context;
    float *scratch = scratch_of(j, thread);
    for (int64_t y = begin; y < end; y++) {
        float *row = j->smooth + y * j->width;
        j->kernels.motion_f32.stretch(row, j->low, j->scale, j->width);
        write_bytes(j, y, row, scratch);
    }
}

/* The blurred means of one frame; straight into bytes if it has them. */
static void smooth_frame(job *j, int threads, float *known)
{
    vd_parallel_blocks(threads, j->height, read_means, j);
    j->middle = 0;
    j->known = NULL;
    if (j->image->dtype != VD_U8) {
        double sum = 0, count = 0;
        for (int64_t y = 0; y < j->height; y++) {
            sum += j->rows[y].sum;
            count += j->rows[y].count;
        }
        j->middle = count > 0 ? (float)(sum / count) : 0;
        j->known = count < (double)j->height * (double)j->width ? known : NULL;
        vd_parallel_blocks(threads, j->height, centre_rows, j);
    }
    vd_parallel_blocks(threads, j->height, blur_rows, j);
}

static vd_status check_guide(const vd_image *guide, const vd_image *frame)
{
    vd_status status = vd_image_check(guide);
    if (status != VD_OK)
        return status;
    if (guide->dtype != VD_U8)
        return VD_ERROR_DTYPE;
    return guide->height == frame->height && guide->width == frame->width && guide->channels == 1 ? VD_OK
                                                                                                  : VD_ERROR_SHAPE;
}

static vd_status check(const vd_image *frame, const vd_image *other, double blur, const vd_image *frame_guide,
                       const vd_image *other_guide)
{
    vd_status status = vd_image_check(frame);
    if (status == VD_OK)
        status = vd_image_check(other);
    if (status != VD_OK)
        return status;
    if (frame->dtype != other->dtype)
        return VD_ERROR_DTYPE;
    if (!vd_image_same_shape(frame, other))
        return VD_ERROR_SHAPE;
    status = check_guide(frame_guide, frame);
    if (status == VD_OK)
        status = check_guide(other_guide, frame);
    if (status == VD_OK && !(blur > 0 && 4 * blur <= VD_MAX_BLUR))
        status = VD_ERROR_PARAMETER;
    return status;
}

vd_status vd_flow_guides(const vd_image *frame, const vd_image *other, double blur, const vd_image *frame_guide,
                         const vd_image *other_guide, int32_t threads)
{
    vd_status status = check(frame, other, blur, frame_guide, other_guide);
    if (status != VD_OK)
        return status;
    int64_t height = frame->height, width = frame->width, useful = height * width / PIXELS_PER_THREAD + 1;
    int count = vd_thread_count(threads);
    count = count < useful ? count : (int)useful;
    bool bytes = frame->dtype == VD_U8;
    size_t pixels = (size_t)(height * width), row = (size_t)(width * frame->channels), total;
    job j = {.blur = vd_blur_of(blur), .height = height, .width = width};
    vd_kernels_choose(&j.kernels);
    j.scratch_size =
        (row * (sizeof(float) + sizeof(double)) + (vd_blur_scratch(width) + (size_t)width) * sizeof(float) + 63) / 64 *
        64;
    size_t planes = bytes ? 1 : 4; /* means; the two blurred ones, known */
    if (!vd_checked_multiply(pixels, planes * sizeof(float), &total) ||
        !vd_checked_multiply(j.scratch_size, (size_t)count, &total))
        return VD_ERROR_OVERFLOW;
    float *memory = malloc(pixels * planes * sizeof *memory);
    j.scratch = malloc(total);
    j.rows = malloc((size_t)height * sizeof *j.rows);
    if (memory == NULL || j.scratch == NULL || j.rows == NULL)
        status = VD_ERROR_MEMORY;
    const vd_image *images[] = {frame, other}, *outs[] = {frame_guide, other_guide};
    double low = INFINITY, high = -INFINITY;
    for (int i = 0; i < 2 && status == VD_OK; i++) {
        j.image = images[i];
        j.out = outs[i];
        j.means = memory;
        j.smooth = bytes ? NULL : memory + (size_t)(1 + i) * pixels;
        smooth_frame(&j, count, memory + 3 * pixels);
        for (int64_t y = 0; y < height && !bytes; y++) {
            low = j.rows[y].range[0] < low ? j.rows[y].range[0] : low;
            high = j.rows[y].range[1] > high ? j.rows[y].range[1] : high;
        }
    }
    if (status == VD_OK && !bytes) {
        double size = fabs(low) > fabs(high) ? fabs(low) : fabs(high);
        j.low = (float)low;
        j.scale = high - low > MIN_RANGE * size ? (float)(255 / (high - low)) : 0;
        for (int i = 0; i < 2; i++) {
            j.out = outs[i];
            j.smooth = memory + (size_t)(1 + i) * pixels;
            vd_parallel_blocks(count, height, stretch_rows, &j);
        }
    }
    free(memory);
    free(j.scratch);
    free(j.rows);
    return status;
}
