/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Missing samples of the video denoiser. With m the confidence of a pixel, 0 where a sample of it is NaN or an outlier, f its
 * samples, and p those of the first prior, moved:
 *
 *     M = sum of m^2 / sum of m over the 9 x 9 pixels around            what confidence is there, where there is any
 *     w = min(1, m / M)                                                 the pixel's own share, 1 or 0 unless m is in between
 *     f <- w f + (1 - w) p    where p is known and fits,  else  w f + (1 - w) (the pull-push of w f, see pyramid.h)
 *
 * so that nothing missing enters, and the spectra of patches see no edge. p fits where, in the smallest square around that
 * holds 8 samples or so, both known, the mean of |f - p|^2 is at most the variance of f there plus 2 s^2 for each channel:
 * where p tells more of the pixels than their mean does. Everywhere else the filter works as ever, except that
 *
 *     e <- e / sqrt(c)  in E and in the tests of what fits, with c the mean of w^2 over the patch,
 *     s^2 <- s^2 / M    with M of the patch,
 *
 * as the innovation is that of the known samples alone, and one of confidence m has the noise s^2 / m. Within a patch m
 * takes one value, M; the smaller ones count as partly missing. A pixel is known, and known it stays, where m > 0 or the flow
 * leads to one that was known. Only where it is not, `fill` decides on the result.
 */
#include <math.h>

#include "base/integers.h"
#include "base/parallel.h"
#include "denoiser/denoiser.h"

enum { RADIUS = 4, LINE = 64 };
static const float MEASURED_SAMPLES = 8; /* from which on a square says whether the prior fits */

typedef struct job {
    vd_denoiser *d;
    const vd_image *image, *confidence, *outliers, *flow;
    const float *prior;
    const uint8_t *known; /* NULL: everywhere */
    float limit;
    bool found, clean, empty; /* without noise; nothing of the frame is known */
} job;

/* ---- memory ---- */

/* The next `count` elements, on a line of the cache; only counts where there is no memory yet. */
static void *cut(char *memory, size_t *used, size_t count, size_t size)
{
    void *piece = memory != NULL ? memory + *used : NULL;
    *used += (count * size + LINE - 1) / LINE * LINE;
    return piece;
}

static size_t lay_out(vd_denoiser *d, char *memory)
{
    vd_gaps *g = &d->gaps;
    size_t used = LINE, pixels = (size_t)(d->height * d->width), patches = (size_t)(d->rows * d->lanes);
    size_t floats = g->pyramid.floats;
    for (int64_t c = 0; c < d->channels; c++)
        g->value[c] = cut(memory, &used, floats, sizeof(float));
    float **planes[] = {&g->spread, &g->weight, &g->error, &g->both, &g->confidence};
    for (size_t i = 0; i < sizeof planes / sizeof *planes; i++)
        *planes[i] = cut(memory, &used, floats, sizeof(float));
    float **rows[] = {&g->gain, &g->share, &g->level};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        *rows[i] = cut(memory, &used, patches, sizeof(float));
    uint8_t **bytes[] = {&g->known, &g->next, &g->given, &g->repair};
    for (size_t i = 0; i < sizeof bytes / sizeof *bytes; i++)
        *bytes[i] = cut(memory, &used, pixels, 1);
    g->original = cut(memory, &used, pixels * (size_t)d->channels, vd_dtype_size(d->dtype));
    return used;
}

vd_status vd_reserve_gaps(vd_denoiser *d)
{
    vd_gaps *g = &d->gaps;
    if (g->memory != NULL)
        return VD_OK;
    g->pyramid = vd_pyramid_of(d->height, d->width);
    size_t size = lay_out(d, NULL);
    g->memory = calloc(1, size);
    if (g->memory == NULL)
        return VD_ERROR_MEMORY;
    g->size = size;
    lay_out(d, (char *)g->memory - (uintptr_t)g->memory % LINE);
    return VD_OK;
}

/* ---- what is missing ---- */

/* Row y of level 0. */
static float *row_of(const vd_denoiser *d, float *plane, int64_t y) { return plane + y * d->gaps.pyramid.pitch[0]; }

static void planes_of(const vd_denoiser *d, float *planes[VD_MAX_CHANNELS], float *first, ptrdiff_t room)
{
    for (int64_t c = 0; c < d->channels; c++)
        planes[c] = first + c * room;
}

/* found: VD_SOME_MISSING and VD_SOME_PARTIAL, or OUTSIDE */
enum { OUTSIDE = 4 };

static void find_rows(void *context, int64_t begin, int64_t end, int thread)
{
    const job *j = context;
    vd_denoiser *d = j->d;
    vd_gaps *g = &d->gaps;
    double *row = (double *)vd_scratch(d, thread), *share = row + vd_plane_room(d);
    int found = 0;
    for (int64_t y = begin; y < end; y++) {
        float *weight = row_of(d, g->weight, y), *values[VD_MAX_CHANNELS];
        uint8_t *repair = g->repair + y * d->width;
        for (int64_t x = 0; x < d->width; x++)
            share[x] = 1;
        if (j->confidence != NULL) {
            const vd_image *m = j->confidence;
            d->set.samples.to_share[m->dtype](share, vd_image_plain_row(m, y, row), (ptrdiff_t)d->width);
            found |= d->set.samples.outside_unit(share, (ptrdiff_t)d->width) ? OUTSIDE : 0;
        }
        d->set.samples.from_f64[VD_F32](weight, share, (ptrdiff_t)d->width);
        memset(repair, 0, (size_t)d->width);
        if (j->outliers != NULL) {
            vd_image_gather_row(j->outliers, y, repair);
            d->set.holes.forget(weight, repair, (ptrdiff_t)d->width);
        }
        if (j->found) {
            d->set.holes.forget(weight, d->outliers + y * d->width, (ptrdiff_t)d->width);
            for (int64_t x = 0; x < d->width; x++)
                repair[x] |= d->outliers[y * d->width + x];
        }
        for (int64_t c = 0; c < d->channels; c++)
            values[c] = row_of(d, g->value[c], y);
        vd_pick_planes(d, values, d->frame, y);
        found |= d->set.holes.present(weight, values, d->channels, (ptrdiff_t)d->width);
        vd_image_gather_row(j->image, y, g->original + (size_t)(y * d->width * d->channels) * vd_dtype_size(d->dtype));
    }
    d->found[thread] = found;
}

/* From m to w; m stays as `confidence`. */
static void relate_rows(void *context, int64_t begin, int64_t end, int thread)
{
    const job *j = context;
    vd_denoiser *d = j->d;
    for (int64_t y = begin; y < end; y++) {
        const float *rows[2 * RADIUS + 1];
        int64_t first = vd_max(0, y - RADIUS), last = vd_min(d->height - 1, y + RADIUS);
        for (int64_t i = first; i <= last; i++)
            rows[i - first] = row_of(d, d->gaps.confidence, i);
        d->set.holes.relative(row_of(d, d->gaps.weight, y), row_of(d, d->gaps.confidence, y), rows,
                              (int)(last - first + 1), RADIUS, vd_scratch(d, thread), (ptrdiff_t)d->width);
    }
}

/* What patches have of it. */
static void weigh_patches(void *context, int64_t begin, int64_t end, int thread)
{
    const job *j = context;
    vd_denoiser *d = j->d;
    vd_gaps *g = &d->gaps;
    int step = d->method.step;
    float *total = vd_scratch(d, thread), *squares = total + d->lanes;
    const int32_t *places[VD_PATCH];
    for (int i = 0; i < VD_PATCH; i++)
        places[i] = d->plane_place + i % step * d->phase_pitch + i / step;
    for (int64_t row = begin; row < end; row++) {
        const float *weights[VD_PATCH], *confidences[VD_PATCH];
        for (int i = 0; i < VD_PATCH; i++) {
            weights[i] = row_of(d, g->weight, d->source_row[row * step + i]);
            confidences[i] = row_of(d, g->confidence, d->source_row[row * step + i]);
        }
        ptrdiff_t at = row * d->lanes;
        memset(total, 0, (size_t)(2 * d->lanes) * sizeof *total);
        d->set.holes.sum_patches(total, squares, weights, places, d->columns);
        d->set.holes.evidence(g->gain + at, g->share + at, squares, d->lanes);
        if (!g->partial)
            continue;
        memset(total, 0, (size_t)(2 * d->lanes) * sizeof *total);
        d->set.holes.sum_patches(total, squares, confidences, places, d->columns);
        d->set.holes.level(g->level + at, total, squares, d->lanes);
    }
}

static int found_in(const vd_denoiser *d)
{
    int found = 0;
    for (int i = 0; i < d->threads; i++)
        found |= d->found[i];
    return found;
}

vd_status vd_find_missing(vd_denoiser *d, const vd_image *frame, const vd_image *confidence, const vd_image *outliers,
                          bool found_outliers)
{
    vd_gaps *g = &d->gaps;
    vd_status status = vd_reserve_gaps(d);
    if (status != VD_OK)
        return status;
    job j = {.d = d, .image = frame, .confidence = confidence, .outliers = outliers, .found = found_outliers};
    memset(d->found, 0, (size_t)d->threads * sizeof *d->found);
    vd_parallel_blocks(d->threads, d->height, find_rows, &j);
    int found = found_in(d);
    if (found & OUTSIDE)
        return VD_ERROR_CONFIDENCE;
    g->here = (found & VD_SOME_MISSING) != 0;
    g->partial = (found & VD_SOME_PARTIAL) != 0;
    if (g->partial) {
        memcpy(g->confidence, g->weight, (size_t)(d->height * g->pyramid.pitch[0]) * sizeof *g->weight);
        vd_parallel_blocks(d->threads, d->height, relate_rows, &j);
    }
    if (g->here)
        vd_parallel_blocks(d->threads, d->rows, weigh_patches, &j);
    return VD_OK;
}

/* ---- what takes its place ---- */

static void measure_rows(void *context, int64_t begin, int64_t end, int thread)
{
    const job *j = context;
    vd_denoiser *d = j->d;
    vd_gaps *g = &d->gaps;
    float *prior[VD_MAX_CHANNELS], *vectors = vd_scratch(d, thread);
    planes_of(d, prior, vectors + 2 * vd_plane_room(d), (ptrdiff_t)vd_plane_room(d));
    for (int64_t y = begin; y < end; y++) {
        uint8_t *next = g->next + y * d->width;
        const float *weight = row_of(d, g->weight, y), *value[VD_MAX_CHANNELS];
        memset(row_of(d, g->spread, y), 0, (size_t)d->width * sizeof *g->spread);
        if (j->prior == NULL) {
            memset(next, 0, (size_t)d->width);
            continue;
        }
        d->set.holes.follow(next, j->known, j->flow != NULL ? vd_image_plain_row(j->flow, y, vectors) : NULL, y,
                            d->height, d->width);
        vd_pick_planes(d, prior, j->prior, y);
        for (int64_t c = 0; c < d->channels; c++)
            value[c] = row_of(d, g->value[c], y);
        d->set.holes.mismatch(row_of(d, g->error, y), row_of(d, g->both, y), value, (const float *const *)prior, weight,
                              next, d->channels, (ptrdiff_t)d->width);
    }
}

static void fill_rows(void *context, int64_t begin, int64_t end, int thread)
{
    const job *j = context;
    vd_denoiser *d = j->d;
    vd_gaps *g = &d->gaps;
    ptrdiff_t room = (ptrdiff_t)vd_plane_room(d);
    float *own[VD_MAX_CHANNELS], *prior[VD_MAX_CHANNELS], *value[VD_MAX_CHANNELS], *scratch = vd_scratch(d, thread);
    planes_of(d, own, scratch, room);
    planes_of(d, prior, scratch + VD_MAX_CHANNELS * room, room);
    for (int64_t y = begin; y < end; y++) {
        const float *weight = row_of(d, g->weight, y);
        uint8_t *next = g->next + y * d->width;
        for (int64_t c = 0; c < d->channels; c++)
            value[c] = row_of(d, g->value[c], y);
        if (j->prior != NULL) {
            vd_pick_planes(d, own, d->frame, y);
            vd_pick_planes(d, prior, j->prior, y);
            for (int64_t c = 0; c < d->channels; c++)
                d->set.holes.choose(value[c], own[c], prior[c], weight, next, row_of(d, g->error, y),
                                    row_of(d, g->spread, y), j->limit, (ptrdiff_t)d->width);
        }
        vd_put_phases(d, d->frame, y, (const float *const *)(j->empty ? prior : value));
        d->set.holes.learn(next, weight, (ptrdiff_t)d->width);
    }
}

static void read_known_rows(void *context, int64_t begin, int64_t end, int thread)
{
    const job *j = context;
    vd_denoiser *d = j->d;
    double *row = (double *)vd_scratch(d, thread), *share = row + vd_plane_room(d);
    for (int64_t y = begin; y < end; y++) {
        uint8_t *known = d->gaps.given + y * d->width;
        d->set.samples.to_share[j->image->dtype](share, vd_image_plain_row(j->image, y, row), (ptrdiff_t)d->width);
        for (int64_t x = 0; x < d->width; x++)
            known[x] = share[x] > 0;
    }
}

void vd_fill_frame(vd_denoiser *d, vd_prior_state *prior, const vd_prior *given)
{
    vd_gaps *g = &d->gaps;
    job j = {.d = d, .limit = 2 * (float)d->channels * vd_noise_variance(d)};
    if (prior != NULL && !prior->absent) {
        j.prior = prior->planes;
        j.flow = given->flow;
        j.known = given->picture == NULL && g->unknown ? g->known : NULL;
        if (given->picture != NULL && given->confidence != NULL) {
            j.image = given->confidence;
            j.known = g->given;
            vd_parallel_blocks(d->threads, d->height, read_known_rows, &j);
        }
    }
    const vd_holes_kernels *kernels = &d->set.holes;
    vd_parallel_blocks(d->threads, d->height, measure_rows, &j);
    vd_pyramid_planes values = {.channels = d->channels, .weight = g->weight, .spread = g->spread};
    memcpy(values.value, g->value, sizeof g->value);
    vd_pyramid_pull(&g->pyramid, kernels, &values, d->threads);
    j.empty = j.prior != NULL && g->weight[g->pyramid.at[g->pyramid.levels - 1]] == 0;
    if (j.prior != NULL) {
        vd_pyramid_planes error = {.channels = 1, .value = {g->error}, .weight = g->both};
        vd_pyramid_pull(&g->pyramid, kernels, &error, d->threads);
        vd_pyramid_push(&g->pyramid, kernels, g->error, g->both, 1 / MEASURED_SAMPLES, d->threads);
        vd_pyramid_push(&g->pyramid, kernels, g->spread, g->weight, 1 / MEASURED_SAMPLES, d->threads);
    }
    for (int64_t c = 0; c < d->channels; c++)
        vd_pyramid_push(&g->pyramid, kernels, g->value[c], g->weight, 1, d->threads);
    vd_parallel_blocks(d->threads, d->height, fill_rows, &j);
    uint8_t *moved = g->next;
    g->next = g->known;
    g->known = moved;
    g->unknown = memchr(g->known, 0, (size_t)(d->height * d->width)) != NULL;
}

/* ---- what is not known at all ---- */

static void settle_rows(void *context, int64_t begin, int64_t end, int thread)
{
    const job *j = context;
    vd_denoiser *d = j->d;
    vd_gaps *g = &d->gaps;
    const vd_image *out = j->image;
    ptrdiff_t n = (ptrdiff_t)(d->width * d->channels), room = (ptrdiff_t)vd_plane_room(d) * VD_MAX_CHANNELS;
    size_t size = vd_dtype_size(d->dtype);
    double fill = d->params.fill_value, *share = (double *)vd_scratch(d, thread), *source = share + room,
           *row = source + room;
    float *planes[VD_MAX_CHANNELS];
    planes_of(d, planes, (float *)share, (ptrdiff_t)vd_plane_room(d));
    for (int64_t y = begin; y < end; y++) {
        const uint8_t *known = g->known + y * d->width, *repair = g->repair + y * d->width;
        if (j->clean) {
            vd_pick_planes(d, planes, d->frame, y);
            vd_put_plain_row(d, out, y, planes[0], (float *)source);
        } else if (memchr(known, 0, (size_t)d->width) == NULL) {
            continue;
        }
        d->set.samples.to_f64[d->dtype](source, g->original + (size_t)(y * n) * size, n);
        d->set.holes.settle(share, source, known, repair, j->clean ? row_of(d, g->weight, y) : NULL,
                            d->params.fill == VD_FILL_VALUE ? &fill : NULL, (ptrdiff_t)d->channels,
                            (ptrdiff_t)d->width);
        d->set.samples.from_f64[out->dtype](row, source, n);
        void *samples = source;
        vd_image_gather_row(out, y, samples);
        d->set.samples.blend[out->dtype](samples, row, share, n);
        vd_image_scatter_row(out, y, samples);
    }
}

void vd_settle_missing(vd_denoiser *d, const vd_image *out, bool clean)
{
    job j = {.d = d, .image = out, .clean = clean};
    if (clean || d->gaps.unknown)
        vd_parallel_blocks(d->threads, d->height, settle_rows, &j);
}

static vd_status read_known(const vd_denoiser *d, const vd_image *out)
{
    vd_status status = vd_image_check(out);
    if (status == VD_OK && (d->dtype == 0 || out->height != d->height || out->width != d->width || out->channels != 1))
        status = VD_ERROR_SHAPE;
    if (status == VD_OK && out->dtype != VD_U8)
        status = VD_ERROR_DTYPE;
    for (int64_t y = 0; y < d->height && status == VD_OK; y++)
        for (int64_t x = 0; x < d->width; x++) {
            uint8_t known = !d->gaps.unknown || d->gaps.known[y * d->width + x] != 0 ? 255 : 0;
            memcpy(vd_image_row(out, y) + x * out->column_stride, &known, 1);
        }
    return status;
}

vd_status vd_denoiser_known(vd_denoiser *d, const vd_image *out)
{
    if (d == NULL || out == NULL)
        return VD_ERROR_NULL;
    if (!take_flag(&d->busy))
        return flag_refusal(&d->busy);
    vd_status status = read_known(d, out);
    drop_flag(&d->busy);
    return status;
}

/* ---- pictures alone ---- */

typedef struct filling {
    vd_kernels set;
    vd_pyramid pyramid;
    vd_pyramid_planes planes;
    const vd_image *image, *confidence, *out;
    double *rows; /* three of samples */
} filling;

/* Row y into the planes; VD_ERROR_INFINITE or VD_ERROR_CONFIDENCE if that is what it holds. */
static vd_status read_filling_row(const filling *f, int64_t y)
{
    const vd_image *image = f->image;
    ptrdiff_t width = (ptrdiff_t)image->width, n = (ptrdiff_t)image->channels * width;
    ptrdiff_t at = y * f->pyramid.pitch[0];
    double *share = f->rows + n;
    float *samples = (float *)(f->rows + 2 * n), *weight = f->planes.weight + at, *planes[VD_MAX_CHANNELS];
    for (ptrdiff_t x = 0; x < width; x++)
        share[x] = 1;
    if (f->confidence != NULL) {
        const vd_image *m = f->confidence;
        f->set.samples.to_share[m->dtype](share, vd_image_plain_row(m, y, f->rows), width);
        if (f->set.samples.outside_unit(share, width))
            return VD_ERROR_CONFIDENCE;
    }
    f->set.samples.from_f64[VD_F32](weight, share, width);
    f->set.samples.to_f64[image->dtype](share, vd_image_plain_row(image, y, f->rows), n);
    f->set.samples.from_f64[VD_F32](samples, share, n);
    if (f->set.rows.scan_f32(samples, (size_t)n) & VD_SCAN_INFINITE)
        return VD_ERROR_INFINITE;
    for (int64_t c = 0; c < image->channels; c++)
        planes[c] = f->planes.value[c] + at;
    f->set.motion_f32.split(planes[0], (ptrdiff_t)f->pyramid.floats, samples, image->width, image->channels,
                            image->channels);
    f->set.holes.present(weight, planes, (ptrdiff_t)image->channels, width);
    return VD_OK;
}

static void write_filling_row(const filling *f, int64_t y)
{
    const vd_image *image = f->image;
    ptrdiff_t channels = (ptrdiff_t)image->channels, width = (ptrdiff_t)image->width, n = channels * width;
    ptrdiff_t at = y * f->pyramid.pitch[0];
    double *share = f->rows + n, *wide = f->rows + 2 * n;
    const float *weight = f->planes.weight + at;
    f->set.motion_f32.join((float *)f->rows, f->planes.value[0] + at, (ptrdiff_t)f->pyramid.floats, image->width,
                           image->channels, image->channels);
    f->set.samples.to_f64[VD_F32](wide, f->rows, n);
    f->set.samples.from_f64[image->dtype](f->rows, wide, n);
    for (ptrdiff_t x = 0; x < width; x++)
        share[x] = weight[x] > 0 ? 0 : 1;
    f->set.samples.spread(share, width, channels);
    vd_image_gather_row(image, y, wide);
    f->set.samples.blend[image->dtype](f->rows, wide, share, n);
    vd_image_scatter_row(f->out, y, f->rows);
}

vd_status vd_fill_missing(const vd_image *image, const vd_image *confidence, const vd_image *out, int32_t threads)
{
    vd_status status = vd_image_check(image);
    if (status == VD_OK)
        status = vd_image_check(out);
    if (status == VD_OK && confidence != NULL)
        status = vd_image_check(confidence);
    if (status != VD_OK)
        return status;
    if (!vd_image_same_shape(image, out) || image->channels > VD_MAX_CHANNELS ||
        (confidence != NULL &&
         (confidence->height != image->height || confidence->width != image->width || confidence->channels != 1)))
        return VD_ERROR_SHAPE;
    if (out->dtype != image->dtype || (confidence != NULL && confidence->dtype == VD_U16))
        return VD_ERROR_DTYPE;
    if (!vd_is_thread_request(threads))
        return VD_ERROR_PARAMETER;
    filling f = {
        .image = image, .confidence = confidence, .out = out, .pyramid = vd_pyramid_of(image->height, image->width)};
    vd_kernels_choose(&f.set);
    size_t samples = (size_t)(image->width * image->channels), planes = (size_t)image->channels + 1;
    float *memory = calloc(planes * f.pyramid.floats, sizeof *memory);
    f.rows = malloc(3 * samples * sizeof *f.rows);
    f.planes.channels = image->channels;
    status = memory != NULL && f.rows != NULL ? VD_OK : VD_ERROR_MEMORY;
    for (int64_t c = 0; c < image->channels && status == VD_OK; c++)
        f.planes.value[c] = memory + (size_t)c * f.pyramid.floats;
    f.planes.weight = status == VD_OK ? memory + (size_t)image->channels * f.pyramid.floats : NULL;
    for (int64_t y = 0; y < image->height && status == VD_OK; y++)
        status = read_filling_row(&f, y);
    if (status == VD_OK) {
        int count = vd_thread_count(threads);
        vd_pyramid_pull(&f.pyramid, &f.set.holes, &f.planes, count);
        for (int64_t c = 0; c < image->channels; c++)
            vd_pyramid_push(&f.pyramid, &f.set.holes, f.planes.value[c], f.planes.weight, 1, count);
        for (int64_t y = 0; y < image->height; y++)
            write_filling_row(&f, y);
    }
    free(memory);
    free(f.rows);
    return status;
}
