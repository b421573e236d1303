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

static double sample_at(const void *plane, int32_t dtype, ptrdiff_t at)
{
    return dtype == VD_F32 ? ((const float *)plane)[at] : ((const double *)plane)[at];
}

static double diffusivity_at(const series *s, int64_t y, int64_t x)
{
    const vd_image *map = s->diffusivity;
    double value;
    float single;
    if (map == NULL)
        return 1;
    const char *at = vd_image_row(map, y) + x * map->column_stride;
    if (map->dtype == VD_F64) {
        memcpy(&value, at, sizeof value);
        return value;
    }
    memcpy(&single, at, sizeof single);
    return single;
}

static double harmonic_mean(double a, double b) { return 2 / (1 / a + 1 / b); }

/* The coefficients of the rows, and which pixels are held. */
static void couple_block(void *context, int64_t begin, int64_t end, int thread)
{
    series *s = context;
    const vd_model_frame *f = s->frame;
    const vd_params *p = f->params;
    double half_y = p->diffusivity * p->sigma_y * p->sigma_y / 2, half_x = p->diffusivity * p->sigma_x * p->sigma_x / 2;
    (void)thread;
    for (int64_t y = begin; y < end; y++) {
        double *right = s->right + y * s->pitch, *below = s->below + (y + 1) * s->pitch, *free = s->free + y * s->pitch;
        right[-1] = 0;
        for (int64_t x = 0; x < f->width; x++) {
            double c = diffusivity_at(s, y, x);
            right[x] = x + 1 < f->width ? half_x * harmonic_mean(c, diffusivity_at(s, y, x + 1)) : 0;
            below[x] = y + 1 < f->height ? half_y * harmonic_mean(c, diffusivity_at(s, y + 1, x)) : 0;
            free[x] = s->hold && (f->confidences == NULL || sample_at(f->confidences, f->dtype, y * f->pitch + x) == 1)
                          ? 0
                          : 1;
        }
    }
    if (begin == 0)
        for (int64_t x = 0; x < f->width; x++)
            s->below[x] = 0;
}

static void bound_block(void *context, int64_t begin, int64_t end, int thread)
{
    series *s = context;
    (void)thread;
    for (int64_t y = begin; y < end; y++) {
        const double *right = s->right + y * s->pitch, *above = s->below + y * s->pitch;
        double max = 0;
        for (int64_t x = 0; x < s->frame->width; x++) {
            double all = right[x - 1] + right[x] + above[x] + above[x + s->pitch];
            max = max > all ? max : all;
        }
        s->spectrum[y] = 2 * max;
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
        for (int64_t x = 0; x < f->width; x++) {
            ptrdiff_t at = y * f->pitch + x;
            double confidence = f->confidences != NULL ? sample_at(f->confidences, f->dtype, at) : 1;
            start[x] =
                s->channel < f->channels ? sample_at(f->planes[s->channel], f->dtype, at) * confidence : confidence;
        }
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

/* The result of the channel; the weights come before the sums. */
static void end_block(void *context, int64_t begin, int64_t end, int thread)
{
    series *s = context;
    const vd_model_frame *f = s->frame;
    double below_one = f->dtype == VD_F32 ? 1 - 0x1p-24 : 1 - 0x1p-53;
    bool is_confidence = s->channel == f->channels;
    void *out = is_confidence ? f->weights : f->sums[s->channel];
    (void)thread;
    for (int64_t y = begin; y < end; y++)
        for (int64_t x = 0; x < f->width; x++) {
            ptrdiff_t at = y * s->pitch + x, to = y * f->width + x;
            double value = s->sum[at];
            if (is_confidence) {
                value = value < MIN_WEIGHT ? 0 : value;
                if (s->hold && s->free[at] == 1 && value > below_one)
                    value = below_one;
            } else if (f->confidences != NULL && sample_at(f->weights, f->dtype, to) == 0)
                value = 0;
            if (f->dtype == VD_F32)
                ((float *)out)[to] = (float)value;
            else
                ((double *)out)[to] = value;
        }
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

vd_status vd_diffusivity_check(const vd_image *map)
{
    vd_status status = vd_image_check(map);
    if (status != VD_OK)
        return status;
    if (map->dtype != VD_F32 && map->dtype != VD_F64)
        return VD_ERROR_DTYPE;
    if (map->channels != 1)
        return VD_ERROR_SHAPE;
    series s = {.diffusivity = map};
    for (int64_t y = 0; y < map->height; y++)
        for (int64_t x = 0; x < map->width; x++) {
            double c = diffusivity_at(&s, y, x);
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
