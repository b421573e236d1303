/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The heat equation with a diffusivity c per pixel, or with held pixels. There is no time stepping: the spectrum of the
 * right-hand side L lies in [-2 z, 0] (Gershgorin), so with X = 1 + L / z
 *
 *     exp(L) u = sum_k (2 - [k = 0]) e^-z I_k(z) T_k(X) u,
 *
 * Chebyshev polynomials by their recurrence with Bessel functions as coefficients, all positive, every term of norm at
 * most 1: stable for any sigma, and truncated where the rest is below rounding (1e-16; about sqrt(80 z) terms). In
 * double for any dtype, as the rounding errors of float grow with the number of terms. Held pixels have no right-hand
 * side.
 */
#include "models/diffusion.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/image.h"

#define MIN_TAP 1e-17
#define MIN_WEIGHT 1e-12 /* pixels with less weight were not reached: terms cancel */
#define MAX_SPECTRUM 1e12

/* Planes of doubles with a column more on either side, from the pixel (0, 0) on. */
typedef struct series {
    const vd_model_frame *frame;
    const vd_diffusion_kernels *kernels;
    const vd_image *diffusivity;
    int hold;
    ptrdiff_t pitch;
    double *start, *now, *last, *sum;
    double *right, *below; /* coefficients between a pixel and the next; below has a row more, above the first */
    double *free;          /* 1, or 0 for a held pixel */
    double *spectrum;      /* [height], bounds of the rows */
    int64_t channel;       /* at work; that after the last one is the confidences */
    double scale, share;
    int first;
} series;

static const void *pixel_at(const void *plane, int32_t dtype, ptrdiff_t at)
{
    return (const char *)plane + at * (ptrdiff_t)vd_dtype_size(dtype);
}

/* The rows of the diffusivity, in `start`; `now` is room to gather samples in. */
static void load_block(void *context, int64_t begin, int64_t end, int thread)
{
    series *s = context;
    const vd_image *map = s->diffusivity;
    (void)thread;
    for (int64_t y = begin; y < end; y++) {
        double *row = s->start + y * s->pitch;
        if (map != NULL)
            s->frame->kernels->samples.to_f64[map->dtype](row, vd_image_plain_row(map, y, s->now + y * s->pitch),
                                                          map->width);
        else
            s->kernels->weigh_f64(row, NULL, NULL, s->frame->width);
    }
}

/* The coefficients of the rows, and which pixels are held. */
static void couple_block(void *context, int64_t begin, int64_t end, int thread)
{
    series *s = context;
    const vd_model_frame *f = s->frame;
    const vd_params *p = f->params;
    double half_y = p->diffusivity * p->sigma_y * p->sigma_y / 2, half_x = p->diffusivity * p->sigma_x * p->sigma_x / 2;
    (void)thread;
    for (int64_t y = begin; y < end; y++) {
        double *right = s->right + y * s->pitch, *free = s->free + y * s->pitch;
        const double *here = s->start + y * s->pitch, *next = y + 1 < f->height ? here + s->pitch : NULL;
        right[-1] = 0;
        s->kernels->couple(right, s->below + (y + 1) * s->pitch, here, next, half_y, half_x, f->width);
        const void *confidence = f->confidences;
        if (confidence != NULL)
            confidence = pixel_at(confidence, f->dtype, y * f->pitch);
        if (f->dtype == VD_F32)
            s->kernels->release_f32(free, confidence, s->hold, f->width);
        else
            s->kernels->release_f64(free, confidence, s->hold, f->width);
    }
    if (begin == 0)
        memset(s->below, 0, (size_t)f->width * sizeof *s->below);
}

static void bound_block(void *context, int64_t begin, int64_t end, int thread)
{
    series *s = context;
    (void)thread;
    for (int64_t y = begin; y < end; y++) {
        const double *above = s->below + y * s->pitch;
        s->spectrum[y] = 2 * s->kernels->bound(s->right + y * s->pitch, above, above + s->pitch, s->frame->width);
    }
}

static void close_row(double *row, int64_t width)
{
    row[-1] = row[0];
    row[width] = row[width - 1];
}

static void begin_block(void *context, int64_t begin, int64_t end, int thread)
{
    series *s = context;
    const vd_model_frame *f = s->frame;
    (void)thread;
    for (int64_t y = begin; y < end; y++) {
        double *start = s->start + y * s->pitch;
        const void *samples = s->channel < f->channels ? f->planes[s->channel] : NULL, *confidence = f->confidences;
        if (samples != NULL)
            samples = pixel_at(samples, f->dtype, y * f->pitch);
        if (confidence != NULL)
            confidence = pixel_at(confidence, f->dtype, y * f->pitch);
        if (f->dtype == VD_F32)
            s->kernels->weigh_f32(start, samples, confidence, f->width);
        else
            s->kernels->weigh_f64(start, samples, confidence, f->width);
        close_row(start, f->width);
        size_t bytes = (size_t)(f->width + 2) * sizeof *start;
        memcpy(s->now + y * s->pitch - 1, start - 1, bytes);
        memcpy(s->sum + y * s->pitch - 1, start - 1, bytes);
        memset(s->last + y * s->pitch - 1, 0, bytes);
    }
}

static void term_block(void *context, int64_t begin, int64_t end, int thread)
{
    series *s = context;
    int64_t height = s->frame->height, width = s->frame->width;
    (void)thread;
    for (int64_t y = begin; y < end; y++) {
        ptrdiff_t at = y * s->pitch;
        const double *mid = s->now + at, *up = y > 0 ? mid - s->pitch : mid,
                     *down = y + 1 < height ? mid + s->pitch : mid;
        s->kernels->chebyshev(s->last + at, s->sum + at, s->start + at, up, mid, down, s->right + at, s->below + at,
                              s->below + at + s->pitch, s->free + at, s->scale, s->share, s->first, width);
        close_row(s->last + at, width);
    }
}

#define END_ROW(T, S)                                                                                                  \
    static void end_row_##S(const series *s, int64_t y)                                                                \
    {                                                                                                                  \
        const vd_model_frame *f = s->frame;                                                                            \
        const double *sum = s->sum + y * s->pitch;                                                                     \
        T *weights = (T *)f->weights + y * f->width;                                                                   \
        double most = s->hold ? 1 - (double)EPSILON_##S / 2 : INFINITY; /* the largest number below 1 */               \
        if (s->channel == f->channels)                                                                                 \
            s->kernels->end_weights_##S(weights, sum, s->free + y * s->pitch, MIN_WEIGHT, most, f->width);             \
        else                                                                                                           \
            s->kernels->end_sums_##S((T *)f->sums[s->channel] + y * f->width, sum,                                     \
                                     f->confidences != NULL ? weights : NULL, f->width);                               \
    }

#define EPSILON_f32 FLT_EPSILON
#define EPSILON_f64 DBL_EPSILON
END_ROW(float, f32)
END_ROW(double, f64)

/* The result of the channel; the weights come before the sums. */
static void end_block(void *context, int64_t begin, int64_t end, int thread)
{
    const series *s = context;
    (void)thread;
    for (int64_t y = begin; y < end; y++)
        (s->frame->dtype == VD_F32 ? end_row_f32 : end_row_f64)(s, y);
}

static void sum_series(series *s, const vd_taps *k)
{
    const vd_model_frame *f = s->frame;
    int threads = vd_diffusion_threads(f);
    vd_parallel_blocks(threads, f->height, begin_block, s);
    for (int64_t n = 1; n < k->count; n++) {
        s->first = n == 1;
        s->share = 2 * k->values[n];
        vd_parallel_blocks(threads, f->height, term_block, s);
        double *swap = s->now;
        s->now = s->last;
        s->last = swap;
    }
    vd_parallel_blocks(threads, f->height, end_block, s);
}

vd_status vd_heat_series(const vd_model_frame *f, const vd_image *diffusivity, int hold)
{
    enum { PLANES = 7 };
    size_t pitch = (size_t)f->width + 2, height = (size_t)f->height;
    series s = {.frame = f, .kernels = &f->kernels->diffusion, .diffusivity = diffusivity, .hold = hold};
    vd_taps k = {NULL, 0};
    s.pitch = (ptrdiff_t)pitch;
    vd_status status = VD_OK;
    double *memory = vd_diffusion_allocate(PLANES * (height + 1), pitch, sizeof *memory);
    s.spectrum = memory != NULL ? vd_diffusion_allocate(height, 1, sizeof *s.spectrum) : NULL;
    if (s.spectrum == NULL)
        status = VD_ERROR_MEMORY;
    else {
        double **planes[PLANES] = {&s.start, &s.now, &s.last, &s.sum, &s.right, &s.below, &s.free};
        for (size_t i = 0; i < PLANES; i++)
            *planes[i] = memory + i * (height + 1) * pitch + 1;
        int threads = vd_diffusion_threads(f);
        vd_parallel_blocks(threads, f->height, load_block, &s);
        vd_parallel_blocks(threads, f->height, couple_block, &s);
        vd_parallel_blocks(threads, f->height, bound_block, &s);
        double z = 0;
        for (size_t y = 0; y < height; y++)
            z = z > s.spectrum[y] / 2 ? z : s.spectrum[y] / 2;
        s.scale = z > 0 ? 1 / z : 0;
        status = z <= MAX_SPECTRUM ? vd_bessel_taps(&k, z, MIN_TAP) : VD_ERROR_OVERFLOW;
    }
    if (status == VD_OK) {
        if (f->confidences != NULL) {
            s.channel = f->channels;
            sum_series(&s, &k);
        }
        for (s.channel = 0; s.channel < f->channels; s.channel++)
            sum_series(&s, &k);
    }
    free(memory);
    free(s.spectrum);
    free(k.values);
    return status;
}

static double diffusivity_at(const vd_image *map, int64_t y, int64_t x)
{
    double value;
    float single;
    const char *at = vd_image_row(map, y) + x * map->column_stride;
    if (map->dtype == VD_F64) {
        memcpy(&value, at, sizeof value);
        return value;
    }
    memcpy(&single, at, sizeof single);
    return single;
}

vd_status vd_diffusivity_check(const vd_image *map)
{
    vd_status status = vd_image_check(map);
    if (status != VD_OK)
        return status;
    if (map->dtype != VD_F32 && map->dtype != VD_F64)
        return VD_ERROR_DTYPE;
    if (map->channels != 1)
        return VD_ERROR_SHAPE;
    for (int64_t y = 0; y < map->height; y++)
        for (int64_t x = 0; x < map->width; x++) {
            double c = diffusivity_at(map, y, x);
            if (!(c >= 0 && c < INFINITY))
                return VD_ERROR_PARAMETER;
        }
    return VD_OK;
}

vd_status vd_laplacian(const vd_model_frame *frame, const vd_image *diffusivity, int hold)
{
    if (diffusivity != NULL) {
        vd_status status = vd_diffusivity_check(diffusivity);
        if (status != VD_OK)
            return status;
        if (diffusivity->height != frame->height || diffusivity->width != frame->width)
            return VD_ERROR_SHAPE;
    }
    return diffusivity != NULL || hold ? vd_heat_series(frame, diffusivity, hold) : vd_heat_convolve(frame);
}
