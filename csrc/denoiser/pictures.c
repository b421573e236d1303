/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pictures of the video denoiser, in and out.
 *
 * In: three channels become orthonormal opponent colours, in which white noise stays white; rows are padded by reflection
 * (the edge not repeated) and laid out in phases, so that neighbouring patches lie next to each other. A prior is moved
 * along the flow first, by bicubic interpolation (a = -0.75; bilinear loses 0.3 dB).
 *
 * Out: back to samples, and their expected values (unclipping.c).
 */
#include "denoiser/denoiser.h"

#include <math.h>

#include "base/integers.h"
#include "base/parallel.h"
#include "motion/guide.h"

/* The sample that stands for sample x of a padded row or column of n, or -1 where no patch is. */
static int64_t padded(int64_t x, int64_t n, int64_t patches, int step)
{
    return x < (patches - 1) * step + VD_PATCH ? vd_mirror(x - VD_PATCH, n) : -1;
}

void vd_pictures_start(vd_denoiser *d)
{
    int step = d->method.step;
    for (int p = 0; p < step; p++)
        for (ptrdiff_t m = 0; m < d->phase_pitch; m++) {
            int64_t x = padded(m * step + p, d->width, d->columns, step);
            x = x < 0 ? d->width : x;
            d->plane_place[p * d->phase_pitch + m] = (int32_t)x;
            d->pixel_place[p * d->phase_pitch + m] = (int32_t)(x * d->step);
        }
    for (int64_t x = 0; x < d->width; x++)
        d->crop_place[x] = (int32_t)((x + VD_PATCH) % step * d->phase_pitch + (x + VD_PATCH) / step);
    for (int64_t y = 0; y < vd_padded_height(d); y++)
        d->source_row[y] = (int32_t)padded(y, d->height, d->rows, step);
}

size_t vd_plane_room(const vd_denoiser *d) { return (size_t)d->width + VD_LANE_STEP; }

size_t vd_pictures_scratch(const vd_denoiser *d)
{
    size_t planes = 2 + 6 * VD_MAX_CHANNELS; /* of missing.c: three rows of doubles */
    return vd_plane_room(d) * planes * sizeof(float);
}

/* ---- in ---- */

/* Row y as floats. */
static void read_row(const vd_denoiser *d, const vd_image *image, int64_t y, float *out, void *scratch)
{
    size_t n = (size_t)(image->width * image->channels);
    const void *row = vd_image_plain_row(image, y, scratch);
    switch (image->dtype) {
    case VD_U8: d->set.rows.u8_to_f32(out, row, n); break;
    case VD_U16: d->set.rows.u16_to_f32(out, row, n); break;
    case VD_F32: memcpy(out, row, n * sizeof *out); break;
    default: d->set.samples.from_f64[VD_F32](out, row, (ptrdiff_t)n);
    }
}

/* Row y in planes of opponent colours, each of `room` floats; 0 follows each. scratch: 12 such planes. */
static void read_planes(const vd_denoiser *d, const vd_image *image, int64_t y, float *planes, size_t room,
                        float *scratch)
{
    float *plane[VD_MAX_CHANNELS], *samples = d->channels == 1 ? planes : scratch;
    for (int64_t c = 0; c < d->channels; c++)
        plane[c] = planes + (size_t)c * room;
    read_row(d, image, y, samples, scratch + VD_MAX_CHANNELS * room);
    if (d->opponent)
        d->kernels->opponents(plane, samples, d->width);
    else if (d->channels > 1)
        d->set.motion_f32.split(planes, (ptrdiff_t)room, samples, d->width, d->channels, d->channels);
    for (int64_t c = 0; c < d->channels; c++)
        plane[c][d->width] = 0;
}

typedef struct job {
    vd_denoiser *d;
    const vd_image *image, *flow;
    const vd_picture *picture;
    vd_prior_state *prior;
    double low, high;
    const vd_blur *blur;
} job;

static void load_frame_rows(void *context, int64_t begin, int64_t end, int thread)
{
    const job *j = context;
    vd_denoiser *d = j->d;
    size_t room = vd_plane_room(d);
    float *planes = vd_scratch(d, thread), *scratch = planes + VD_MAX_CHANNELS * room;
    int found = VD_SCAN_FINITE;
    for (int64_t y = begin; y < end; y++) {
        read_planes(d, j->image, y, planes, room, scratch);
        for (int64_t c = 0; c < d->channels; c++) {
            if (d->dtype == VD_F32 || d->dtype == VD_F64)
                found |= d->set.rows.scan_f32(planes + (size_t)c * room, (size_t)d->width);
            d->kernels->pick(d->frame + y * vd_phase_row(d) + c * d->method.step * d->phase_pitch,
                             planes + (size_t)c * room, d->plane_place, d->method.step * d->phase_pitch);
        }
    }
    d->found[thread] = found;
}

vd_status vd_load_frame(vd_denoiser *d, const vd_image *image)
{
    job j = {.d = d, .image = image};
    memset(d->found, 0, (size_t)d->threads * sizeof *d->found);
    vd_parallel_blocks(d->threads, d->height, load_frame_rows, &j);
    int found = 0;
    for (int i = 0; i < d->threads; i++)
        found |= d->found[i];
    return found & VD_SCAN_INFINITE ? VD_ERROR_INFINITE : found & VD_SCAN_NAN ? VD_ERROR_MISSING : VD_OK;
}

void vd_pad_picture_row(const vd_denoiser *d, const vd_picture *picture, int64_t y)
{
    float *row = picture->first + y * picture->pitch;
    size_t pixel = (size_t)d->step * sizeof *row;
    for (int i = 1; i <= VD_WARP_MARGIN; i++) {
        memcpy(row - i * d->step, row, pixel);
        memcpy(row + (d->width - 1 + i) * d->step, row + (d->width - 1) * d->step, pixel);
    }
}

static void put_picture_row(const vd_denoiser *d, const vd_picture *picture, int64_t y, const float *planes,
                            size_t room)
{
    float *row = picture->first + y * picture->pitch;
    d->set.motion_f32.join(row, planes, (ptrdiff_t)room, d->width, d->step, d->channels);
    vd_pad_picture_row(d, picture, y);
}

static void load_picture_rows(void *context, int64_t begin, int64_t end, int thread)
{
    const job *j = context;
    vd_denoiser *d = j->d;
    size_t room = vd_plane_room(d);
    float *planes = vd_scratch(d, thread), *scratch = planes + VD_MAX_CHANNELS * room;
    for (int64_t y = begin; y < end; y++) {
        read_planes(d, j->image, y, planes, room, scratch);
        put_picture_row(d, j->picture, y, planes, room);
    }
}

void vd_pick_planes(const vd_denoiser *d, float *const *planes, const float *picture, int64_t y)
{
    for (int64_t c = 0; c < d->channels; c++)
        d->kernels->pick(planes[c], picture + y * vd_phase_row(d) + c * d->method.step * d->phase_pitch, d->crop_place,
                         d->width);
}

void vd_put_phases(const vd_denoiser *d, float *picture, int64_t y, const float *const *planes)
{
    for (int64_t c = 0; c < d->channels; c++)
        d->kernels->pick(picture + y * vd_phase_row(d) + c * d->method.step * d->phase_pitch, planes[c], d->plane_place,
                         d->method.step * d->phase_pitch);
}

void vd_load_picture(vd_denoiser *d, const vd_image *image, const vd_picture *picture)
{
    job j = {.d = d, .image = image, .picture = picture};
    vd_parallel_blocks(d->threads, d->height, load_picture_rows, &j);
}

static void load_prior_rows(void *context, int64_t begin, int64_t end, int thread)
{
    const job *j = context;
    vd_denoiser *d = j->d;
    size_t room = vd_plane_room(d);
    float *pixels = vd_scratch(d, thread), *taps = pixels + VD_MAX_CHANNELS * room,
          *vectors = taps + VD_WARP_TAPS * room;
    int found = 0;
    for (int64_t y = begin; y < end; y++) {
        const float *row = j->picture->first + y * j->picture->pitch;
        if (j->flow != NULL) {
            const float *flow = vd_image_plain_row(j->flow, y, vectors);
            found |=
                d->set.motion_f32.find_taps(taps, d->lost + y * d->width, flow, y, d->height, d->width, 2, INFINITY);
            d->set.motion_f32.warp(pixels, j->picture->first, j->picture->pitch, taps, d->height, d->width, d->step);
            row = pixels;
        } else {
            memcpy(pixels, row, (size_t)(d->width * d->step) * sizeof *row);
        }
        memset(pixels + d->width * d->step, 0, (size_t)d->step * sizeof *pixels);
        for (int64_t c = 0; c < d->channels; c++)
            d->kernels->pick(j->prior->planes + y * vd_phase_row(d) + c * d->method.step * d->phase_pitch, pixels + c,
                             d->pixel_place, d->method.step * d->phase_pitch);
    }
    d->found[thread] = found;
}

/* fresh = 1 for the patches of a row in which the flow was lost somewhere. */
static void mark_lost(const vd_denoiser *d, float *fresh, int64_t row)
{
    int step = d->method.step;
    const uint8_t *lost[VD_PATCH];
    const int32_t *places[VD_PATCH];
    for (int i = 0; i < VD_PATCH; i++) {
        lost[i] = d->lost + d->source_row[row * step + i] * d->width;
        places[i] = d->plane_place + i % step * d->phase_pitch + i / step;
    }
    d->kernels->mark_lost(fresh, lost, places, d->columns);
}

void vd_flow_at(const vd_image *flow, int64_t y, int64_t x, float vector[2])
{
    const char *pixel = vd_image_row(flow, y) + x * flow->column_stride;
    memcpy(&vector[0], pixel, sizeof *vector);
    memcpy(&vector[1], pixel + flow->channel_stride, sizeof *vector);
    if (!isfinite(vector[0]) || !isfinite(vector[1]))
        vector[0] = vector[1] = 0;
}

static int64_t clamped(int64_t i, int64_t n) { return vd_max(0, vd_min(i, n - 1)); }

/* The row or column of patches nearest to i + moved / step. */
static int64_t nearest(int64_t i, float moved, int step, int64_t n)
{
    double at = rint((double)i + (double)moved / step);
    return at<0 ? 0 : at>(double)(n - 1) ? n - 1 : (int64_t)at;
}

static void place_patches(vd_denoiser *d, vd_prior_state *prior, const vd_image *flow, bool lost)
{
    int step = d->method.step;
    for (int64_t row = 0; row < d->rows; row++) {
        int32_t *place = prior->place + row * d->lanes;
        float *fresh = prior->fresh + row * d->lanes;
        int64_t y = clamped(row * step - VD_PATCH / 2, d->height);
        for (ptrdiff_t i = 0; i < d->lanes; i++) {
            int64_t from_row = row, from = i;
            if (flow != NULL && i < d->columns) {
                float vector[2];
                vd_flow_at(flow, y, clamped(i * step - VD_PATCH / 2, d->width), vector);
                from_row = nearest(row, vector[1], step, d->rows);
                from = nearest(i, vector[0], step, d->columns);
            }
            place[i] = (int32_t)(from_row * d->coefficients * d->lanes + from);
            fresh[i] = prior->absent;
        }
        if (lost)
            mark_lost(d, fresh, row);
        for (ptrdiff_t i = 0; i < d->lanes; i += VD_LANE_STEP) {
            bool whole = true;
            for (int k = 1; k < VD_LANE_STEP; k++) /* what lanes without a patch hold does not matter */
                whole = whole && (i + k >= d->columns || place[i + k] == place[i] + k);
            prior->whole[(row * d->lanes + i) / VD_LANE_STEP] = whole;
        }
    }
}

void vd_load_prior(vd_denoiser *d, vd_prior_state *prior, const vd_picture *picture, const vd_image *flow)
{
    job j = {.d = d, .flow = flow, .picture = picture, .prior = prior};
    memset(d->found, 0, (size_t)d->threads * sizeof *d->found);
    vd_parallel_blocks(d->threads, d->height, load_prior_rows, &j);
    bool lost = false;
    for (int i = 0; i < d->threads; i++)
        lost = lost || d->found[i] != 0;
    place_patches(d, prior, flow, lost);
}

/* ---- out ---- */

/* A row of floats, all channels side by side, as samples of the image. */
static void write_row(const vd_denoiser *d, const vd_image *out, int64_t y, const float *samples, void *scratch)
{
    size_t n = (size_t)(out->width * out->channels);
    bool plain = vd_image_has_plain_rows(out);
    void *row = plain ? (void *)vd_image_row(out, y) : scratch;
    switch (out->dtype) {
    case VD_U8: d->set.rows.f32_to_u8(row, samples, n); break;
    case VD_U16: d->set.rows.f32_to_u16(row, samples, n); break;
    case VD_F32: memcpy(row, samples, n * sizeof *samples); break;
    default: d->set.samples.to_f64[VD_F32](row, samples, (ptrdiff_t)n);
    }
    if (!plain)
        vd_image_scatter_row(out, y, row);
}

/* Planes of opponent colours as samples side by side. */
static void join_planes(const vd_denoiser *d, float *samples, const float *planes, size_t room)
{
    const float *plane[3] = {planes, planes + room, planes + 2 * room};
    if (d->opponent)
        d->kernels->colours(samples, plane, d->width);
    else
        d->set.motion_f32.join(samples, planes, (ptrdiff_t)room, d->width, d->channels, d->channels);
}

void vd_put_row(vd_denoiser *d, const vd_image *out, int64_t y, const float *phases, float *scratch)
{
    size_t room = vd_plane_room(d);
    float *planes = scratch, *samples = planes + VD_MAX_CHANNELS * room, *free_part = samples + VD_MAX_CHANNELS * room;
    for (int64_t c = 0; c < d->channels; c++)
        d->kernels->pick(planes + (size_t)c * room, phases + c * d->method.step * d->phase_pitch, d->crop_place,
                         d->width);
    put_picture_row(d, &d->result, y, planes, room);
    join_planes(d, samples, planes, room);
    d->kernels->unclip(samples, &d->unclipping, (ptrdiff_t)(d->width * d->channels));
    write_row(d, out, y, samples, free_part);
}

void vd_put_plain_row(vd_denoiser *d, const vd_image *out, int64_t y, float *planes, float *scratch)
{
    size_t room = vd_plane_room(d);
    put_picture_row(d, &d->result, y, planes, room);
    join_planes(d, scratch, planes, room);
    write_row(d, out, y, scratch, scratch + VD_MAX_CHANNELS * room);
}

static void read_result_rows(void *context, int64_t begin, int64_t end, int thread)
{
    const job *j = context;
    vd_denoiser *d = j->d;
    size_t room = vd_plane_room(d);
    float *planes = vd_scratch(d, thread), *samples = planes + VD_MAX_CHANNELS * room;
    float *free_part = samples + VD_MAX_CHANNELS * room;
    for (int64_t y = begin; y < end; y++) {
        const float *row = d->result.first + y * d->result.pitch;
        d->set.motion_f32.split(planes, (ptrdiff_t)room, row, d->width, d->step, d->channels);
        join_planes(d, samples, planes, room);
        write_row(d, j->image, y, samples, free_part);
    }
}

void vd_read_result(vd_denoiser *d, const vd_image *out)
{
    job j = {.d = d, .image = out};
    vd_parallel_blocks(d->threads, d->height, read_result_rows, &j);
}

vd_status vd_pass_frame(vd_denoiser *d, const vd_image *frame, const vd_image *out)
{
    size_t samples = (size_t)(d->width * d->channels), size = vd_dtype_size(frame->dtype);
    char *copy = malloc((size_t)d->height * samples * size);
    double *row = malloc(2 * samples * sizeof *row), *other = row != NULL ? row + samples : NULL;
    vd_status status = copy != NULL && row != NULL ? VD_OK : VD_ERROR_MEMORY;
    for (int64_t y = 0; y < d->height && status == VD_OK; y++)
        vd_image_gather_row(frame, y, copy + (size_t)y * samples * size);
    for (int64_t y = 0; y < d->height && status == VD_OK; y++) {
        const char *from = copy + (size_t)y * samples * size;
        if (out->dtype == frame->dtype) {
            vd_image_scatter_row(out, y, from);
            continue;
        }
        d->set.samples.to_f64[frame->dtype](row, from, (ptrdiff_t)samples);
        d->set.samples.from_f64[out->dtype](other, row, (ptrdiff_t)samples);
        vd_image_scatter_row(out, y, other);
    }
    if (status == VD_OK) {
        vd_image view = vd_image_contiguous(copy, frame->dtype, d->height, d->width, d->channels);
        vd_load_picture(d, &view, &d->result);
    }
    free(copy);
    free(row);
    return status;
}

/* ---- pictures for the optical flow ---- */

/* The mean of the channels of row y of the image, or of the result where that is NULL. scratch: 12 planes. */
static void mean_row(const vd_denoiser *d, const vd_image *image, int64_t y, float *mean, float *scratch)
{
    const float *row = d->result.first + y * d->result.pitch;
    ptrdiff_t step = d->step;
    if (image != NULL && d->opponent) {
        size_t room = vd_plane_room(d);
        read_planes(d, image, y, scratch, room, scratch + VD_MAX_CHANNELS * room);
        step = 1;
        row = scratch;
    } else if (image != NULL) {
        read_row(d, image, y, scratch, scratch + VD_MAX_CHANNELS * vd_plane_room(d));
        row = scratch;
    }
    if (d->opponent)
        d->kernels->mean_of_opponents(mean, row, step, d->width);
    else
        d->set.motion_f32.mean(mean, row, d->width, d->channels);
}

static void guide_rows(void *context, int64_t begin, int64_t end, int thread)
{
    const job *j = context;
    vd_denoiser *d = j->d;
    size_t room = vd_plane_room(d);
    float *mean = vd_scratch(d, thread), *below = mean + room, *planes = below + room;
    float scale = (float)(255 / (j->high - j->low)), low = (float)j->low;
    int64_t width = d->method.half_guide ? (d->width + 1) / 2 : d->width;
    for (int64_t y = begin; y < end; y++) {
        float *out = d->guide + y * width;
        if (d->method.half_guide) {
            mean_row(d, j->image, 2 * y, mean, planes);
            mean_row(d, j->image, vd_min(2 * y + 1, d->height - 1), below, planes);
            d->kernels->halve(out, mean, below, d->width);
        } else
            mean_row(d, j->image, y, out, planes);
        d->set.motion_f32.stretch(out, low, scale, width);
    }
}

/* Single samples that noise does not explain, which would stay where they are when the picture moves. */
static void find_spikes(void *context, int64_t begin, int64_t end, int thread)
{
    const job *j = context;
    vd_denoiser *d = j->d;
    int64_t width = j->image->width, height = j->image->height;
    double scale = 255 / (j->high - j->low) / sqrt((double)d->channels);
    float most = (float)fmax(6 * d->params.noise * scale, 4);
    int found = 0;
    for (int64_t y = begin; y < end; y++)
        found |= d->set.holes.spikes(d->outliers + y * width, d->guide + vd_mirror(y - 1, height) * width,
                                     d->guide + y * width, d->guide + vd_mirror(y + 1, height) * width, most,
                                     (ptrdiff_t)width);
    d->found[thread] = found;
}

/* In their place the mean of two samples beside. */
static void drop_spikes(vd_denoiser *d, int64_t height, int64_t width)
{
    for (int64_t y = 0; y < height; y++) {
        const uint8_t *row = d->outliers + y * width, *spike = row;
        while ((spike = memchr(spike, 1, (size_t)(row + width - spike))) != NULL) {
            float *sample = d->guide + y * width + (spike++ - row);
            *sample = 0.5f * (sample[-1] + sample[1]); /* of two spikes of one sign none is beside the other */
        }
    }
}

static void blur_rows(void *context, int64_t begin, int64_t end, int thread)
{
    const job *j = context;
    vd_denoiser *d = j->d;
    int64_t width = j->image->width, height = j->image->height;
    float *scratch = vd_scratch(d, thread);
    for (int64_t y = begin; y < end; y++) {
        float *row = vd_blur_row(j->blur, &d->set.rows, d->guide, height, width, y, scratch);
        write_row(d, j->image, y, row, scratch + vd_blur_scratch(width));
    }
}

void vd_make_guide(vd_denoiser *d, const vd_image *picture, double low, double high, const vd_image *out)
{
    vd_blur blur = vd_blur_of(d->method.blur);
    job j = {.d = d, .image = picture, .low = low, .high = high, .blur = &blur};
    vd_parallel_blocks(d->threads, out->height, guide_rows, &j);
    j.image = out;
    if (d->params.outliers) {
        int found = 0;
        memset(d->found, 0, (size_t)d->threads * sizeof *d->found);
        vd_parallel_blocks(d->threads, out->height, find_spikes, &j);
        for (int i = 0; i < d->threads; i++)
            found |= d->found[i];
        if (found)
            drop_spikes(d, out->height, out->width);
    }
    vd_parallel_blocks(d->threads, out->height, blur_rows, &j);
}
