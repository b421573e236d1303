/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The diffuser: the linear model from frame to frame.
 *
 *     N <- a N + G * (m f)        D <- a D + G * m        u = N / D,        a = exp(-dt / tau)
 *
 * Without masks D is a number times the share of the kernel inside the picture, which G * f is divided by anyway, so
 *
 *     D <- a D + 1,   u <- u + (G * f - u) / D
 *
 * keeps the mean itself: a still picture stands still to the last bit, and a running mean (tau = inf) loses nothing.
 *
 * Width of the state. Rounding u to a half unit h each frame adds up to at most h D. 8-bit streams keep 16-bit fixed
 * point, h = 1/512 grey level, while D <= 8 (0.016 levels); float, h = 2^-25 of the range, while
 * D <= 0.1 tolerance 2^25; double beyond. The choice is made from tau and vd_params.dt at the first frame, and made anew, once,
 * if time steps far below that let D grow past it.
 *
 * Tried and rejected: a 32-bit fixed-point state for 8-bit streams (as many bytes as float, and the update needs
 * conversions to float and back).
 *
 * Order of a push: check everything, reserve memory, filter in space, then update the state, so that a refused frame leaves
 * no trace.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "dispatch.h"
#include "image.h"
#include "parallel.h"
#include "recursion.h"
#include "spatial.h"

#ifdef _MSC_VER
#include <intrin.h>
typedef volatile long vd_flag;
static int take_flag(vd_flag *flag) { return _InterlockedExchange(flag, 1) == 0; }
static void drop_flag(vd_flag *flag) { _InterlockedExchange(flag, 0); }
#else
#include <stdatomic.h>
typedef atomic_int vd_flag;
static int take_flag(vd_flag *flag) { return atomic_exchange_explicit(flag, 1, memory_order_acquire) == 0; }
static void drop_flag(vd_flag *flag) { atomic_store_explicit(flag, 0, memory_order_release); }
#endif

/* Fewer samples than this are not worth a thread of their own. */
enum { SAMPLES_PER_THREAD = 1 << 15 };

/* Confidences below this count as 0. */
static const double LEAST_CONFIDENCE = 1e-20;

typedef enum vd_width { WIDTH_FIXED, WIDTH_F32, WIDTH_F64 } vd_width;

/* A filtered frame that waits for its future. */
typedef struct vd_slot {
    void *value;       /* plane of float (8-, 16-bit and float frames) or double; double once masked or raw */
    double *second;    /* masked: plane of filtered confidences */
    double *reference; /* [channels] */
    void *original;    /* masked: the frame itself, for VD_FILL_PASS */
    double dt;
} vd_slot;

/* Everything that a saved state consists of, besides the planes. */
typedef struct vd_core {
    vd_params params;
    int64_t height, width, channels, frames;
    double weight; /* D away from masks */
    int32_t dtype; /* 0 before the first frame */
    int32_t state_width, masked, first, count, reserved;
} vd_core;

struct vd_diffuser {
    vd_flag busy;
    vd_core core;
    double tolerance;
    const vd_kernels *kernels;
    vd_spatial spatial;
    size_t samples; /* of a frame */

    void *state;
    double *mass;   /* D per sample, once masked */
    vd_slot *slots; /* [lookahead + 1], a ring */

    void *copy;             /* the frame in the spatial filter's type, where it cannot be read in place */
    void *original;         /* the frame as it came, where the output overlaps it */
    double *plane, *masses; /* m (f - reference) and m */
    double *reference;      /* [channels] */
    uint16_t *thresholds;   /* 8 rows */
    double *confidence_row; /* [threads][samples of a row] */
    uint8_t *present;       /* the same */
    vd_future *futures;     /* [threads][lookahead] */
    int *found;             /* [threads] */
};

/* ---- parameters ---- */

/* Structures of older callers are shorter; a longer one is only acceptable if what we do not know is zero. */
static bool struct_fits(size_t given, size_t known, size_t least) { return given >= least && given <= known; }

vd_status vd_params_init(vd_params *params, size_t struct_size)
{
    if (params == NULL)
        return VD_ERROR_NULL;
    if (!struct_fits(struct_size, sizeof *params, sizeof *params))
        return VD_ERROR_STRUCT_SIZE;
    memset(params, 0, sizeof *params);
    params->struct_size = struct_size;
    params->truncate = 4;
    params->tolerance = VD_TOLERANCE_DEFAULT;
    params->dt = 1;
    params->normalize = 1;
    params->threads = VD_THREADS_AUTO;
    return VD_OK;
}

static bool is_length(double x) { return x >= 0 && x < INFINITY; }

static vd_status check_params(const vd_params *p)
{
    if (p == NULL)
        return VD_ERROR_NULL;
    if (!struct_fits(p->struct_size, sizeof *p, sizeof *p))
        return VD_ERROR_STRUCT_SIZE;
    bool good = is_length(p->sigma_y) && is_length(p->sigma_x) && p->tau >= 0 && is_length(p->truncate) &&
                isfinite(p->cval) &&
                (p->tolerance == VD_TOLERANCE_DEFAULT || (p->tolerance > 0 && is_length(p->tolerance))) && p->dt > 0 &&
                is_length(p->dt) && p->model == VD_MODEL_GAUSSIAN && (p->normalize == 0 || p->normalize == 1) &&
                p->boundary >= VD_BOUNDARY_RENORMALIZE && p->boundary <= VD_BOUNDARY_CONSTANT &&
                (p->fill == VD_FILL_PASS || p->fill == VD_FILL_VALUE) && p->lookahead >= 0 && p->lookahead <= 1 << 20 &&
                (p->dither == VD_DITHER_OFF || p->dither == VD_DITHER_ORDERED) &&
                (p->threads == VD_THREADS_AUTO || (p->threads >= 1 && p->threads <= 65536));
    return good ? VD_OK : VD_ERROR_PARAMETER;
}

static double default_tolerance(int32_t dtype) { return dtype == VD_U8 ? 1e-3 : dtype == VD_F64 ? 1e-12 : 1e-5; }

/* The widest D that a state of this width carries within its share of the tolerance. */
static double width_limit(const vd_diffuser *d, vd_width width)
{
    switch (width) {
    case WIDTH_FIXED: return 8;
    case WIDTH_F32: return 0.1 * d->tolerance * 33554432;
    default: return INFINITY;
    }
}

static bool is_raw(const vd_diffuser *d) { return !d->core.params.normalize; }

/* Whether rows are kept as double sums rather than as means. */
static bool in_sums(const vd_diffuser *d) { return is_raw(d) || d->core.masked; }

static vd_width needed_width(const vd_diffuser *d, double weight)
{
    if (in_sums(d) || vd_spatial_plane_dtype(&d->spatial) == VD_F64 || d->core.params.lookahead > 0)
        return WIDTH_F64;
    if (vd_spatial_gives_fixed(&d->spatial) && d->tolerance >= 1e-3 && weight <= width_limit(d, WIDTH_FIXED))
        return WIDTH_FIXED;
    return weight <= width_limit(d, WIDTH_F32) ? WIDTH_F32 : WIDTH_F64;
}

static size_t width_size(int32_t width)
{
    return width == WIDTH_FIXED ? sizeof(uint16_t) : width == WIDTH_F32 ? sizeof(float) : sizeof(double);
}

/* Whether rows of means come in double. */
static bool is_double(const vd_diffuser *d) { return vd_spatial_plane_dtype(&d->spatial) == VD_F64; }

/* Bytes of a sample in the lookahead queue. */
static size_t slot_size(const vd_diffuser *d) { return in_sums(d) || is_double(d) ? sizeof(double) : sizeof(float); }

/* ---- life ---- */

static void free_slots(vd_diffuser *d)
{
    for (int i = 0; d->slots != NULL && i <= d->core.params.lookahead; i++) {
        free(d->slots[i].value);
        free(d->slots[i].second);
        free(d->slots[i].reference);
        free(d->slots[i].original);
    }
    free(d->slots);
    d->slots = NULL;
}

/* Back to the state before the first frame. */
static void clear(vd_diffuser *d)
{
    void *own[] = {d->state,     d->mass,       d->copy,           d->original, d->plane,   d->masses,
                   d->reference, d->thresholds, d->confidence_row, d->present,  d->futures, d->found};
    for (size_t i = 0; i < sizeof own / sizeof *own; i++)
        free(own[i]);
    free_slots(d);
    vd_spatial_free(&d->spatial);
    vd_params params = d->core.params;
    const vd_kernels *kernels = d->kernels;
    vd_core empty = {0};
    d->core = empty;
    d->core.params = params;
    d->kernels = kernels;
    d->state = d->copy = d->original = NULL;
    d->mass = d->plane = d->masses = d->reference = d->confidence_row = NULL;
    d->thresholds = NULL;
    d->present = NULL;
    d->futures = NULL;
    d->found = NULL;
}

vd_status vd_diffuser_create(vd_diffuser **diffuser, const vd_params *params)
{
    if (diffuser == NULL)
        return VD_ERROR_NULL;
    *diffuser = NULL;
    vd_status status = check_params(params);
    if (status != VD_OK)
        return status;
    vd_diffuser *d = calloc(1, sizeof *d);
    if (d == NULL)
        return VD_ERROR_MEMORY;
    d->core.params = *params;
    d->core.params.threads = vd_thread_count(params->threads);
    d->kernels = vd_choose_kernels();
    *diffuser = d;
    return VD_OK;
}

void vd_diffuser_destroy(vd_diffuser *d)
{
    if (d == NULL)
        return;
    clear(d);
    free(d);
}

vd_status vd_diffuser_reset(vd_diffuser *d)
{
    if (d == NULL)
        return VD_ERROR_NULL;
    if (!take_flag(&d->busy))
        return VD_ERROR_BUSY;
    clear(d);
    drop_flag(&d->busy);
    return VD_OK;
}

/* Bayer's pattern of order 8, as thresholds 2, 6, .. 254, repeated over the pixels of 8 rows. */
static vd_status init_thresholds(vd_diffuser *d)
{
    int64_t width = d->core.width, channels = d->core.channels;
    d->thresholds = malloc((size_t)(8 * width * channels) * sizeof(uint16_t));
    if (d->thresholds == NULL)
        return VD_ERROR_MEMORY;
    for (int64_t y = 0; y < 8; y++)
        for (int64_t x = 0; x < width; x++) {
            unsigned level = 0;
            for (int bit = 0; bit < 3; bit++) {
                unsigned bx = (unsigned)x >> bit & 1, by = (unsigned)y >> bit & 1;
                level = level << 2 | (bx ^ by) << 1 | by;
            }
            for (int64_t c = 0; c < channels; c++)
                d->thresholds[(y * width + x) * channels + c] = (uint16_t)(4 * level + 2);
        }
    return VD_OK;
}

static vd_status init_slots(vd_diffuser *d)
{
    int count = d->core.params.lookahead + 1;
    d->slots = calloc((size_t)count, sizeof *d->slots);
    if (d->slots == NULL)
        return VD_ERROR_MEMORY;
    for (int i = 0; i < count; i++) {
        d->slots[i].value = calloc(d->samples, slot_size(d));
        d->slots[i].reference = calloc((size_t)d->core.channels, sizeof(double));
        if (d->slots[i].value == NULL || d->slots[i].reference == NULL)
            return VD_ERROR_MEMORY;
    }
    return VD_OK;
}

/* Everything whose size depends on the stream. */
static vd_status start(vd_diffuser *d, int32_t dtype, int64_t height, int64_t width, int64_t channels)
{
    vd_core *core = &d->core;
    core->dtype = dtype;
    core->height = height;
    core->width = width;
    core->channels = channels;
    d->samples = (size_t)(height * width * channels);
    d->tolerance = core->params.tolerance > 0 ? core->params.tolerance : default_tolerance(dtype);
    int64_t useful = (int64_t)(d->samples / SAMPLES_PER_THREAD) + 1;
    int threads = core->params.threads < useful ? core->params.threads : (int)useful;

    vd_params params = core->params;
    params.tolerance = d->tolerance;
    vd_status status = vd_spatial_init(&d->spatial, &params, d->kernels, threads, dtype, height, width, channels);
    if (status != VD_OK)
        return status;
    double steady = 1 / -expm1(-core->params.dt / core->params.tau); /* tau = inf: infinite */
    core->state_width = (int32_t)needed_width(d, core->params.tau == 0 ? 1 : steady);
    size_t per_thread = (size_t)(width * channels) * (size_t)threads;
    d->state = calloc(d->samples, width_size(core->state_width));
    d->reference = calloc((size_t)channels, sizeof(double));
    d->confidence_row = malloc(per_thread * sizeof(double));
    d->present = malloc(per_thread);
    d->futures = malloc(((size_t)core->params.lookahead + 1) * (size_t)threads * sizeof(vd_future));
    d->found = malloc((size_t)threads * sizeof(int));
    if (d->state == NULL || d->reference == NULL || d->confidence_row == NULL || d->present == NULL ||
        d->futures == NULL || d->found == NULL)
        return VD_ERROR_MEMORY;
    if (core->params.dither != VD_DITHER_OFF)
        status = init_thresholds(d);
    if (status == VD_OK && core->params.lookahead > 0)
        status = init_slots(d);
    if (status == VD_OK && is_raw(d) && (d->plane = malloc(d->samples * sizeof(double))) == NULL)
        status = VD_ERROR_MEMORY;
    return status;
}

/* ---- loops over rows ---- */

typedef struct vd_job {
    vd_diffuser *d;
    const vd_frame *frame;
    const vd_image *out;
    vd_slot *slot;
    void *destination;
    double decay, gain;
    const vd_image *original;
    int futures;
} vd_job;

static void for_rows(vd_diffuser *d, vd_block_function *function, vd_job *job)
{
    vd_parallel_blocks(d->spatial.threads, d->core.height, function, job);
}

static void *plane_row(const vd_diffuser *d, const void *plane, size_t size, int64_t y)
{
    return (char *)plane + (size_t)y * (size_t)d->spatial.samples * size;
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
    return image->dtype == VD_F32 ? d->kernels->scan_f32(row, samples) : d->kernels->scan_f64(row, samples);
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
    if (is_raw(d) || (s->y.radius == 0 && s->x.radius == 0))
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
            d->kernels->u8_to_f32(plane_row(d, d->copy, sizeof(float), y), row, row_samples);
        else
            d->kernels->u16_to_f32(plane_row(d, d->copy, sizeof(float), y), row, row_samples);
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

/* Row y of the filtered frame: sums (value, second) or the mean (value, in the type of a slot). */
static void filtered_sums(const vd_diffuser *d, int64_t y, int thread, double *value, double *second)
{
    const vd_spatial *s = &d->spatial;
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
    d->kernels->fixed_to_f32(value, fixed, (size_t)s->samples);
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
        d->kernels->f32_to_u8(to, row, samples);
    else if (out->dtype == VD_U16)
        d->kernels->f32_to_u16(to, row, samples);
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
        d->kernels->fixed_to_f32(real, row, samples);
        store_f32(d, out, y, thread, real);
        return;
    }
    void *to = output_row(d, out, y, thread);
    const uint16_t *threshold = thresholds_of(d, y);
    if (threshold != NULL)
        d->kernels->fixed_to_u8_dither(to, row, threshold, samples);
    else
        d->kernels->fixed_to_u8(to, row, samples);
    finish_row(out, y, to);
}

/* ---- time ---- */

static const vd_slot *slot_at(const vd_diffuser *d, int offset)
{
    return d->slots + (d->core.first + offset) % (d->core.params.lookahead + 1);
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
            vd_row_to_f64(original, vd_image_plain_row(job->original, y, scratch->samples), job->original->dtype,
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
            d->kernels->fixed_update(state, value, gain, samples);
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
        d->kernels->update_f32(result, state, value, (float)job->gain, samples);
    else if (single)
        d->kernels->update_wide(result, state, value, job->gain, samples);
    else
        d->kernels->update_f64(result, state, value, job->gain, samples);
    if (job->futures > 0) {
        const vd_future *future = futures_of(d, y, thread, job->futures);
        vd_mean_output(scratch->correction, state, d->core.weight, future, job->futures, single, s->samples);
        store_f64(d, job->out, y, thread, scratch->correction);
    } else if (single && !direct)
        store_f32(d, job->out, y, thread, result);
    else if (!direct)
        store_f64(d, job->out, y, thread, result);
}

static void emit_rows(void *context, int64_t begin, int64_t end, int thread)
{
    const vd_job *job = context;
    for (int64_t y = begin; y < end; y++) {
        if (in_sums(job->d))
            emit_sums(job, y, thread);
        else
            emit_mean(job, y, thread);
    }
}

/* D of the next frame. */
static double next_weight(const vd_diffuser *d, double dt)
{
    double decay = d->core.frames > 0 ? vd_decay(dt, d->core.params.tau) : 0;
    return decay * d->core.weight + 1;
}

/* Moves the state on by one frame (the one at hand, or the queue's first) and writes the output. */
static void advance(vd_job *job, double dt)
{
    vd_diffuser *d = job->d;
    double weight = next_weight(d, dt);
    job->decay = d->core.frames > 0 ? vd_decay(dt, d->core.params.tau) : 0;
    job->gain = 1 / weight;
    d->core.weight = weight;
    for_rows(d, emit_rows, job);
    d->core.frames++;
}

/* ---- one frame ---- */

static vd_status check_map(const vd_diffuser *d, const vd_image *map, const vd_image *frame, bool bytes)
{
    (void)d;
    vd_status status = vd_image_check(map);
    if (status != VD_OK)
        return status;
    if (map->dtype != VD_F32 && map->dtype != VD_F64 && !(bytes && map->dtype == VD_U8))
        return VD_ERROR_DTYPE;
    if (map->height != frame->height || map->width != frame->width ||
        (map->channels != 1 && map->channels != frame->channels))
        return VD_ERROR_SHAPE;
    return VD_OK;
}

/* dtype and shape of an output of the stream */
static vd_status check_out(const vd_diffuser *d, const vd_image *out, const vd_image *frame)
{
    vd_status status = vd_image_check(out);
    if (status != VD_OK)
        return status;
    if (!vd_image_same_shape(out, frame))
        return VD_ERROR_SHAPE;
    bool real = out->dtype == VD_F32 || out->dtype == VD_F64;
    return real || (!is_raw(d) && out->dtype == frame->dtype) ? VD_OK : VD_ERROR_DTYPE;
}

static vd_status check_frame(const vd_diffuser *d, const vd_frame *frame)
{
    if (frame == NULL)
        return VD_ERROR_NULL;
    if (!struct_fits(frame->struct_size, sizeof *frame, sizeof *frame))
        return VD_ERROR_STRUCT_SIZE;
    const vd_image *image = &frame->image;
    vd_status status = vd_image_check(image);
    if (status == VD_OK && d->core.dtype != 0) {
        if (image->height != d->core.height || image->width != d->core.width || image->channels != d->core.channels)
            status = VD_ERROR_SHAPE;
        else if (image->dtype != d->core.dtype)
            status = VD_ERROR_DTYPE;
        else if (!is_length(frame->dt))
            status = VD_ERROR_TIME;
    }
    if (status == VD_OK && frame->confidence != NULL)
        status = check_map(d, frame->confidence, image, true);
    if (status == VD_OK && frame->coefficients != NULL)
        status = is_raw(d) ? check_map(d, frame->coefficients, image, false) : VD_ERROR_COEFFICIENT;
    return status;
}

static bool reserve(void *pointer_to_plane, size_t samples, size_t size)
{
    void **plane = pointer_to_plane;
    if (*plane == NULL)
        *plane = malloc(samples * size);
    return *plane != NULL;
}

/* Turns means into sums with a mass per sample, for streams that meet their first missing sample. */
static vd_status start_masks(vd_diffuser *d)
{
    const vd_spatial *s = &d->spatial;
    bool open = s->boundary == VD_BOUNDARY_RENORMALIZE;
    int slots = d->core.params.lookahead > 0 ? d->core.params.lookahead + 1 : 0;
    double *state = calloc(d->samples, sizeof(double)), *mass = calloc(d->samples, sizeof(double));
    bool complete = state != NULL && mass != NULL && reserve(&d->plane, d->samples, sizeof(double)) &&
                    reserve(&d->masses, d->samples, sizeof(double));
    double **values = calloc((size_t)slots + 1, sizeof *values);
    complete = complete && values != NULL;
    for (int i = 0; i < slots && complete; i++) {
        values[i] = malloc(d->samples * sizeof(double));
        complete = values[i] != NULL && reserve(&d->slots[i].second, d->samples, sizeof(double)) &&
                   reserve(&d->slots[i].original, d->samples, vd_dtype_size(d->core.dtype));
    }
    if (!complete) {
        for (int i = 0; values != NULL && i < slots; i++)
            free(values[i]);
        free(values);
        free(state);
        free(mass);
        return VD_ERROR_MEMORY;
    }
    size_t i = 0;
    for (int64_t y = 0; y < s->height; y++)
        for (int64_t x = 0; x < s->width; x++) {
            double share = open ? s->y.inside[y] * s->x.inside[x] : 1;
            for (int64_t c = 0; c < s->channels; c++, i++) {
                mass[i] = d->core.frames > 0 ? d->core.weight * share : 0;
                if (d->core.state_width == WIDTH_FIXED)
                    state[i] = ((uint16_t *)d->state)[i] / 256.0;
                else
                    state[i] = d->core.state_width == WIDTH_F32 ? ((float *)d->state)[i] : ((double *)d->state)[i];
                for (int k = 0; k < slots; k++) {
                    const void *old = d->slots[k].value;
                    double mean = slot_size(d) == sizeof(float) ? ((const float *)old)[i] : ((const double *)old)[i];
                    values[k][i] = mean * share;
                    d->slots[k].second[i] = share;
                }
            }
        }
    for (int k = 0; k < slots; k++) {
        free(d->slots[k].value);
        d->slots[k].value = values[k];
        memset(d->slots[k].reference, 0, (size_t)d->core.channels * sizeof(double));
    }
    free(values);
    free(d->state);
    d->state = state;
    d->mass = mass;
    d->core.state_width = WIDTH_F64;
    d->core.masked = 1;
    return VD_OK;
}

/* A wider state with the same content. */
static vd_status widen(vd_diffuser *d, vd_width width)
{
    void *wider = malloc(d->samples * width_size((int32_t)width));
    if (wider == NULL)
        return VD_ERROR_MEMORY;
    for (size_t i = 0; i < d->samples; i++) {
        double value = d->core.state_width == WIDTH_FIXED ? ((uint16_t *)d->state)[i] / 256.0 : ((float *)d->state)[i];
        if (width == WIDTH_F32)
            ((float *)wider)[i] = (float)value;
        else
            ((double *)wider)[i] = value;
    }
    free(d->state);
    d->state = wider;
    d->core.state_width = (int32_t)width;
    return VD_OK;
}

/* Checks the samples of a frame of the right shape; *missing says whether masks are needed. */
static vd_status inspect(vd_diffuser *d, const vd_frame *frame, bool *missing)
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

static vd_status take(vd_diffuser *d, const vd_frame *frame, const vd_image *out, int32_t *ready)
{
    vd_core *core = &d->core;
    int lookahead = core->params.lookahead;
    bool emits = core->count == lookahead, fresh = core->dtype == 0, missing, overlaps = false;
    vd_status status = check_frame(d, frame);
    if (status == VD_OK && emits) {
        status = check_out(d, out, &frame->image);
        overlaps = status == VD_OK && vd_image_overlaps(&frame->image, out);
    }
    if (status == VD_OK && ready == NULL && lookahead > 0)
        status = VD_ERROR_NULL;
    if (status != VD_OK)
        return status;

    const vd_image *image = &frame->image;
    if (fresh)
        status = start(d, image->dtype, image->height, image->width, image->channels);
    if (status == VD_OK)
        status = inspect(d, frame, &missing);
    if (status == VD_OK && missing && !is_raw(d) && !core->masked)
        status = start_masks(d);
    double dt = core->count > 0 ? slot_at(d, 0)->dt : frame->dt; /* of the frame that advances the state now */
    if (status == VD_OK && emits && !in_sums(d)) {
        double weight = next_weight(d, dt);
        if (weight > width_limit(d, (vd_width)core->state_width))
            status = widen(d, needed_width(d, weight * 2));
    }
    vd_job job = {.d = d, .frame = frame, .out = out, .futures = lookahead};
    job.original = image;
    if (status == VD_OK)
        find_reference(d, frame, d->reference);
    if (status == VD_OK && in_sums(d)) {
        vd_image kept;
        if (core->masked && lookahead == 0 && overlaps && !vd_image_same_view(image, out)) {
            if (reserve(&d->original, d->samples, vd_dtype_size(core->dtype))) {
                job.destination = d->original;
                for_rows(d, keep_original, &job);
                kept =
                    vd_image_contiguous(d->original, (vd_dtype)core->dtype, core->height, core->width, core->channels);
                job.original = &kept;
            } else
                status = VD_ERROR_MEMORY;
        }
        if (status == VD_OK) {
            for_rows(d, weigh_rows, &job);
            begin_sums(d);
        }
    } else if (status == VD_OK)
        status = begin_mean(d, frame, overlaps);
    if (status != VD_OK) {
        if (fresh)
            clear(d);
        return status;
    }

    if (lookahead == 0) {
        advance(&job, dt);
    } else {
        vd_slot *slot = (vd_slot *)slot_at(d, core->count);
        job.slot = slot;
        slot->dt = frame->dt;
        memcpy(slot->reference, d->reference, (size_t)core->channels * sizeof(double));
        for_rows(d, fill_slot, &job);
        if (core->masked) {
            job.destination = slot->original;
            for_rows(d, keep_original, &job);
        }
        core->count++;
        if (emits) {
            vd_image original;
            job.slot = (vd_slot *)slot_at(d, 0);
            original = vd_image_contiguous(job.slot->original, (vd_dtype)core->dtype, core->height, core->width,
                                           core->channels);
            job.original = &original;
            advance(&job, dt);
            core->first = (core->first + 1) % (lookahead + 1);
            core->count--;
        }
    }
    if (ready != NULL)
        *ready = emits;
    return VD_OK;
}

vd_status vd_diffuser_push(vd_diffuser *d, const vd_frame *frame, const vd_image *out, int32_t *ready)
{
    if (d == NULL)
        return VD_ERROR_NULL;
    if (!take_flag(&d->busy))
        return VD_ERROR_BUSY;
    vd_status status = take(d, frame, out, ready);
    drop_flag(&d->busy);
    return status;
}

vd_status vd_diffuser_push_many(vd_diffuser *d, size_t count, const vd_frame *frames, const vd_image *outs,
                                size_t *written, size_t *taken)
{
    if (d == NULL || (count > 0 && (frames == NULL || outs == NULL)) || written == NULL)
        return VD_ERROR_NULL;
    if (!take_flag(&d->busy))
        return VD_ERROR_BUSY;
    vd_status status = VD_OK;
    size_t in = 0, out = 0;
    for (; in < count && status == VD_OK; in++) {
        int32_t ready = 0;
        status = take(d, frames + in, outs + out, &ready);
        if (status != VD_OK)
            break;
        out += ready != 0;
    }
    *written = out;
    if (taken != NULL)
        *taken = in;
    drop_flag(&d->busy);
    return status;
}

static vd_status flush_one(vd_diffuser *d, const vd_image *out, int32_t *ready)
{
    vd_core *core = &d->core;
    *ready = 0;
    if (core->count == 0)
        return VD_OK;
    vd_image stream = vd_image_contiguous(NULL, (vd_dtype)core->dtype, core->height, core->width, core->channels);
    vd_status status = check_out(d, out, &stream);
    if (status != VD_OK)
        return status;
    vd_job job = {.d = d, .out = out, .slot = (vd_slot *)slot_at(d, 0), .futures = core->count - 1};
    stream.data = job.slot->original;
    job.original = &stream;
    advance(&job, job.slot->dt);
    core->first = (core->first + 1) % (core->params.lookahead + 1);
    core->count--;
    *ready = 1;
    return VD_OK;
}

vd_status vd_diffuser_flush(vd_diffuser *d, const vd_image *out, int32_t *ready)
{
    if (d == NULL || ready == NULL)
        return VD_ERROR_NULL;
    if (!take_flag(&d->busy))
        return VD_ERROR_BUSY;
    vd_status status = flush_one(d, out, ready);
    drop_flag(&d->busy);
    return status;
}

/* ---- saved states ---- */

enum { STATE_VERSION = 1 };

typedef struct vd_state_header {
    char magic[8];
    uint32_t byte_order, version;
    uint64_t size; /* of everything */
    vd_core core;
} vd_state_header;

static const char STATE_MAGIC[8] = {'v', 'd', 'c', 'o', 'r', 'e', 's', 't'};

typedef struct vd_stream {
    char *at; /* NULL: only count */
    size_t size;
    bool reading;
} vd_stream;

static void move_bytes(vd_stream *stream, void *bytes, size_t size)
{
    if (stream->at != NULL && size > 0) {
        if (stream->reading)
            memcpy(bytes, stream->at + stream->size, size);
        else
            memcpy(stream->at + stream->size, bytes, size);
    }
    stream->size += size;
}

/* The planes of a started diffuser, the same way out and in. */
static void move_planes(vd_diffuser *d, vd_stream *stream)
{
    move_bytes(stream, d->state, d->samples * width_size(d->core.state_width));
    if (d->core.masked)
        move_bytes(stream, d->mass, d->samples * sizeof(double));
    for (int k = 0; k < d->core.count; k++) {
        vd_slot *slot = (vd_slot *)slot_at(d, k);
        move_bytes(stream, &slot->dt, sizeof slot->dt);
        move_bytes(stream, slot->reference, (size_t)d->core.channels * sizeof(double));
        move_bytes(stream, slot->value, d->samples * slot_size(d));
        if (d->core.masked) {
            move_bytes(stream, slot->second, d->samples * sizeof(double));
            move_bytes(stream, slot->original, d->samples * vd_dtype_size(d->core.dtype));
        }
    }
}

static size_t saved_size(vd_diffuser *d)
{
    vd_stream count = {NULL, sizeof(vd_state_header), false};
    if (d->core.dtype != 0)
        move_planes(d, &count);
    return count.size;
}

static vd_status save(vd_diffuser *d, void *buffer, size_t *size)
{
    size_t needed = saved_size(d), room = *size;
    *size = needed;
    if (buffer == NULL)
        return VD_OK;
    if (room < needed)
        return VD_ERROR_OVERFLOW;
    vd_state_header header;
    memset(&header, 0, sizeof header);
    memcpy(header.magic, STATE_MAGIC, sizeof header.magic);
    header.byte_order = 0x01020304;
    header.version = STATE_VERSION;
    header.size = needed;
    header.core = d->core;
    vd_stream stream = {buffer, 0, false};
    move_bytes(&stream, &header, sizeof header);
    if (d->core.dtype != 0)
        move_planes(d, &stream);
    return VD_OK;
}

vd_status vd_diffuser_save(vd_diffuser *d, void *buffer, size_t *size)
{
    if (d == NULL || size == NULL)
        return VD_ERROR_NULL;
    if (!take_flag(&d->busy))
        return VD_ERROR_BUSY;
    vd_status status = save(d, buffer, size);
    drop_flag(&d->busy);
    return status;
}

/* Whether what a header says can be, before any memory is reserved for it. */
static bool header_is_sound(const vd_state_header *header, size_t size)
{
    const vd_core *core = &header->core;
    if (memcmp(header->magic, STATE_MAGIC, sizeof header->magic) != 0 || header->byte_order != 0x01020304 ||
        header->version != STATE_VERSION || header->size != size || check_params(&core->params) != VD_OK)
        return false;
    if (core->dtype == 0)
        return size == sizeof *header;
    char sample;
    vd_image stream = vd_image_contiguous(&sample, (vd_dtype)core->dtype, core->height, core->width, core->channels);
    vd_status status = vd_image_check(&stream);
    if (status == VD_ERROR_DTYPE || status == VD_ERROR_SHAPE || core->height < 1 || core->width < 1 ||
        core->channels < 1)
        return false;
    if (core->state_width < WIDTH_FIXED || core->state_width > WIDTH_F64 || core->masked < 0 || core->masked > 1 ||
        core->frames < 0 || !(core->weight >= 0) || core->first < 0 || core->first > core->params.lookahead ||
        core->count < 0 || core->count > core->params.lookahead || (core->masked && !core->params.normalize) ||
        (core->state_width != WIDTH_F64 && (core->masked || !core->params.normalize || core->dtype == VD_F64)) ||
        (core->state_width == WIDTH_FIXED && core->dtype != VD_U8))
        return false;
    /* No stream can be larger than its state. */
    double samples = (double)core->height * (double)core->width * (double)core->channels;
    return samples * (double)width_size(core->state_width) <= (double)size;
}

vd_status vd_diffuser_load(vd_diffuser **diffuser, const void *buffer, size_t size, int32_t threads)
{
    if (diffuser == NULL || buffer == NULL)
        return VD_ERROR_NULL;
    *diffuser = NULL;
    vd_state_header header;
    if (size < sizeof header)
        return VD_ERROR_STATE;
    memcpy(&header, buffer, sizeof header);
    if (!header_is_sound(&header, size))
        return VD_ERROR_STATE;
    vd_core core = header.core;
    core.params.threads = threads;
    vd_diffuser *d;
    vd_status status = vd_diffuser_create(&d, &core.params);
    if (status != VD_OK)
        return status;
    if (core.dtype != 0) {
        status = start(d, core.dtype, core.height, core.width, core.channels);
        if (status == VD_OK && core.masked)
            status = start_masks(d);
        /* The state may have been widened on its way. */
        if (status == VD_OK && core.state_width != d->core.state_width) {
            if (core.state_width == WIDTH_FIXED && !vd_spatial_gives_fixed(&d->spatial))
                status = VD_ERROR_STATE;
            else {
                free(d->state);
                d->state = calloc(d->samples, width_size(core.state_width));
                status = d->state == NULL ? VD_ERROR_MEMORY : VD_OK;
            }
        }
        if (status == VD_OK) {
            core.params.threads = d->core.params.threads;
            d->core = core;
            vd_stream stream = {(char *)buffer, sizeof header, true};
            if (saved_size(d) != size)
                status = VD_ERROR_STATE;
            else
                move_planes(d, &stream);
        }
    }
    if (status != VD_OK) {
        vd_diffuser_destroy(d);
        return status;
    }
    *diffuser = d;
    return VD_OK;
}

vd_status vd_diffuser_copy(vd_diffuser **copy, vd_diffuser *d)
{
    if (copy == NULL || d == NULL)
        return VD_ERROR_NULL;
    *copy = NULL;
    if (!take_flag(&d->busy))
        return VD_ERROR_BUSY;
    size_t size = saved_size(d);
    void *buffer = malloc(size);
    vd_status status = buffer == NULL ? VD_ERROR_MEMORY : save(d, buffer, &size);
    if (status == VD_OK)
        status = vd_diffuser_load(copy, buffer, size, d->core.params.threads);
    free(buffer);
    drop_flag(&d->busy);
    return status;
}

/* ---- report ---- */

vd_status vd_diffuser_info(vd_diffuser *d, vd_info *info)
{
    static const char *const methods[] = {"fixed", "float", "double", "pyramid"};
    if (d == NULL || info == NULL)
        return VD_ERROR_NULL;
    if (!struct_fits(info->struct_size, sizeof *info, sizeof *info))
        return VD_ERROR_STRUCT_SIZE;
    if (!take_flag(&d->busy))
        return VD_ERROR_BUSY;
    const vd_core *core = &d->core;
    size_t struct_size = info->struct_size;
    memset(info, 0, struct_size);
    info->struct_size = struct_size;
    info->instruction_set = d->kernels->name;
    info->threads = core->params.threads;
    info->method = "none";
    if (core->dtype != 0) {
        info->method = in_sums(d) ? "double" : methods[d->spatial.method];
        info->threads = d->spatial.threads;
        info->levels = in_sums(d) ? 0 : d->spatial.levels;
        info->spatial_bound = in_sums(d) ? 1e-14 : d->spatial.bound;
        info->state_bytes = saved_size(d) - sizeof(vd_state_header);
    }
    info->masked = core->masked;
    info->pending = core->count;
    info->frames = core->frames + core->count;
    info->weight = core->weight;
    info->height = (int32_t)core->height;
    info->width = (int32_t)core->width;
    info->channels = (int32_t)core->channels;
    info->dtype = core->dtype;
    drop_flag(&d->busy);
    return VD_OK;
}
