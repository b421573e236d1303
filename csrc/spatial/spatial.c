/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Separable filtering of a frame, row by row.
 *
 * Direct methods. u(y, x) = sum_dx w(dx) sum_dy w(dy) f(y + dy, x + dx), each sum divided at the edges by the share of
 * the weights that lies inside (VD_BOUNDARY_RENORMALIZE). In float, a filtered constant picture differs from the constant
 * by a few units in the last place. The difference is computed once per frame, for a value that occurs in it, and
 * subtracted everywhere: constants are exact at the cost of one subtraction per pass.
 *
 * The bound of the pyramid's error is proved in pyramid.c; its arithmetic adds PYRAMID_ROUNDING. Where float does not meet the
 * tolerance, double is used for frames of any type.
 *
 * Tried and rejected: the horizontal pass first, with a ring of filtered rows. Threads need overlapping bands of rows, and
 * the cache has to hold 2 r + 1 rows of 16 bits rather than 8.
 */
#include "spatial/spatial.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/image.h"

#define REAL float
#define SUFFIX f32
#include "spatial/spatial_template.h"

#define REAL double
#define SUFFIX f64
#include "spatial/spatial_template.h"

/* ---- the plan ---- */

/* The method's share of the tolerance; the rest is left to the state. */
static const double METHOD_SHARE = 0.9;

static float *to_f32(const double *values, int64_t n)
{
    float *copy = malloc((size_t)n * sizeof(float));
    for (int64_t i = 0; copy != NULL && i < n; i++)
        copy[i] = (float)values[i];
    return copy;
}

static vd_status init_rows(vd_spatial *s)
{
    size_t row = (size_t)s->samples * sizeof(double);
    size_t padded = ((size_t)s->width + 2 * (size_t)s->x.radius) * (size_t)s->channels * sizeof(double), longest = row;
    int64_t taps = 2 * s->y.radius + 2, coarse = 0;
    if (s->method == VD_METHOD_PYRAMID) {
        int64_t widest = vd_range_size(s->pyramid_x.analysis[0]); /* of all levels, both ways */
        size_t needed = (size_t)(widest * s->channels) * sizeof(float);
        padded = padded > needed ? padded : needed;
        longest = longest > needed ? longest : needed;
        coarse = (widest / 2 + 4) * s->channels;
        taps = taps > 2 * s->pyramid_y.radius + 2 ? taps : 2 * s->pyramid_y.radius + 2;
    }
    void **rows[] = {&s->reference_row, &s->outside_row, &s->correction_y, &s->correction_x, &s->correction_edge};
    s->reference = calloc((size_t)s->channels, sizeof(double));
    s->scratch = calloc((size_t)s->threads, sizeof(vd_scratch));
    s->zero_row = calloc(1, longest);
    if (s->reference == NULL || s->scratch == NULL || s->zero_row == NULL)
        return VD_ERROR_MEMORY;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if ((*rows[i] = calloc(1, row)) == NULL)
            return VD_ERROR_MEMORY;
    for (int t = 0; t < s->threads; t++) {
        vd_scratch *scratch = s->scratch + t;
        scratch->rows = malloc((size_t)taps * sizeof(void *));
        scratch->padded = malloc(padded);
        scratch->ahead = malloc(padded);
        scratch->weights = malloc(((size_t)s->y.radius + 1) * sizeof(double));
        void **own[] = {&scratch->correction, &scratch->samples, &scratch->value, &scratch->spare, &scratch->output};
        bool complete =
            scratch->rows != NULL && scratch->padded != NULL && scratch->ahead != NULL && scratch->weights != NULL;
        for (size_t i = 0; i < sizeof own / sizeof *own; i++)
            complete = (*own[i] = malloc(row)) != NULL && complete;
        if (s->method == VD_METHOD_PYRAMID) {
            float **halves[] = {&scratch->even, &scratch->odd, &scratch->coarse};
            for (int j = 0; j < 3; j++)
                complete = (*halves[j] = malloc((size_t)coarse * sizeof(float))) != NULL && complete;
            for (int j = 0; j < 4; j++)
                complete = (scratch->expanded[j] = malloc((size_t)s->samples * sizeof(float))) != NULL && complete;
        }
        if (!complete)
            return VD_ERROR_MEMORY;
    }
    return VD_OK;
}

/* Rounding error of the passes in float, to first order, relative to the largest sample. In each, in units of 2^-24: a weight
 * (1/2), a pair (1), its product (1), the additions of a block (VD_BLOCK at most) and of the blocks (1 each), the centre (2),
 * the correction (1). */
static double float_bound(const vd_spatial *s)
{
    double blocks = (double)(s->y.radius + s->x.radius) / VD_BLOCK;
    return ldexp(2 * (0.5 + 1 + 1 + VD_BLOCK + 2 + 1) + blocks, -24);
}

vd_status vd_spatial_init(vd_spatial *s, const vd_params *params, const vd_kernels *kernels, int threads, int32_t dtype,
                          int64_t height, int64_t width, int64_t channels)
{
    memset(s, 0, sizeof *s);
    s->kernels = &kernels->rows;
    s->conversions = &kernels->samples;
    s->boundary = params->boundary;
    s->dtype = dtype;
    s->height = height;
    s->width = width;
    s->channels = channels;
    s->samples = width * channels;
    s->cval = params->boundary == VD_BOUNDARY_CONSTANT ? params->cval : 0;
    s->threads = threads;
    vd_status status = vd_axis_init(&s->y, height, params->sigma_y,
                                    vd_gaussian_radius(params->sigma_y, params->truncate), params->boundary);
    if (status == VD_OK)
        status = vd_axis_init(&s->x, width, params->sigma_x, vd_gaussian_radius(params->sigma_x, params->truncate),
                              params->boundary);
    if (status != VD_OK)
        return status;

    double tolerance = params->tolerance;
    /* 8-bit rows outside the picture can hold only 8-bit values. */
    bool fits_u8 =
        dtype == VD_U8 && (params->boundary != VD_BOUNDARY_CONSTANT ||
                           (params->cval >= 0 && params->cval <= 255 && params->cval == floor(params->cval)));
    bool pyramid = false;
    s->method = dtype == VD_F64 ? VD_METHOD_DOUBLE : VD_METHOD_FLOAT;
    /* At tighter tolerances the pyramid's bias, up to 1e-6 of the range next to strong edges, is visible in 16 bits. Pictures a
     * few pixels wide gain nothing, and one far smaller than the kernel would have to be extended by the kernel's radius. */
    bool worthwhile = tolerance >= 1e-4 && s->y.radius >= 8 && s->x.radius >= 8 &&
                      params->truncate * s->y.sigma <= 2 * (double)s->y.length &&
                      params->truncate * s->x.sigma <= 2 * (double)s->x.length;
    if (params->normalize && worthwhile && dtype != VD_F64 && (dtype != VD_U8 || fits_u8)) {
        status = vd_pyramid_plan(s, params->truncate, METHOD_SHARE * tolerance, &pyramid);
        if (status != VD_OK)
            return status;
    }
    if (pyramid)
        s->method = VD_METHOD_PYRAMID;
    else if (params->normalize && fits_u8) {
        status = vd_fixed_init(s, 0.15 * tolerance);
        if (status == VD_OK && s->bound > METHOD_SHARE * tolerance)
            status = vd_fixed_init(s, 0);
        if (status != VD_OK)
            return status;
        if (s->bound <= METHOD_SHARE * tolerance)
            s->method = VD_METHOD_FIXED;
    }
    if (s->method == VD_METHOD_FLOAT) {
        s->bound = float_bound(s);
        if (s->bound > METHOD_SHARE * tolerance)
            s->method = VD_METHOD_DOUBLE;
    }
    if (s->method == VD_METHOD_FLOAT) {
        s->weights_f32_y = to_f32(s->y.weights, s->y.radius + 1);
        s->weights_f32_x = to_f32(s->x.weights, s->x.radius + 1);
        if (s->weights_f32_y == NULL || s->weights_f32_x == NULL)
            return VD_ERROR_MEMORY;
    } else if (s->method == VD_METHOD_DOUBLE)
        s->bound = 1e-14;
    return init_rows(s);
}

void vd_spatial_free(vd_spatial *s)
{
    for (int t = 0; s->scratch != NULL && t < s->threads; t++) {
        vd_scratch *scratch = s->scratch + t;
        void *own[] = {(void *)scratch->rows, scratch->padded,      scratch->weights,     scratch->correction,
                       scratch->samples,      scratch->value,       scratch->spare,       scratch->output,
                       scratch->even,         scratch->odd,         scratch->coarse,      scratch->expanded[0],
                       scratch->ahead,        scratch->expanded[1], scratch->expanded[2], scratch->expanded[3]};
        for (size_t i = 0; i < sizeof own / sizeof *own; i++)
            free(own[i]);
    }
    void *rows[] = {s->scratch,      s->reference,    s->reference_row,   s->outside_row,   s->zero_row,
                    s->correction_y, s->correction_x, s->correction_edge, s->weights_f32_y, s->weights_f32_x};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        free(rows[i]);
    vd_pyramid_free(s);
    vd_axis_free(&s->y);
    vd_axis_free(&s->x);
    vd_fixed_free(s);
    memset(s, 0, sizeof *s);
}

int32_t vd_spatial_plane_dtype(const vd_spatial *s)
{
    if (s->method == VD_METHOD_DOUBLE)
        return VD_F64;
    return s->method != VD_METHOD_FLOAT && s->dtype == VD_U8 ? VD_U8 : VD_F32;
}

bool vd_spatial_gives_fixed(const vd_spatial *s) { return vd_spatial_plane_dtype(s) == VD_U8; }

/* A row of cval, or of the channels' references, in the plane's type. */
static void fill_outside(const vd_spatial *s, bool reference)
{
    int32_t dtype = vd_spatial_plane_dtype(s);
    for (int64_t i = 0; i < s->samples; i++) {
        double value = reference ? s->reference[i % s->channels] : s->cval;
        if (dtype == VD_U8)
            ((uint8_t *)s->outside_row)[i] = (uint8_t)value;
        else if (dtype == VD_F32)
            ((float *)s->outside_row)[i] = (float)value;
        else
            ((double *)s->outside_row)[i] = value;
    }
}

/* Rows and pixels outside the picture, and the kernel's rounding error on the reference. */
static void begin_pyramid(vd_spatial *s)
{
    bool open = s->boundary == VD_BOUNDARY_RENORMALIZE, bytes = s->dtype == VD_U8;
    float *reference = s->reference_row, *correction = s->correction_y;
    if (!bytes) {
        const float *rows[13];
        for (int64_t i = 0; i < s->samples; i++)
            reference[i] = (float)s->reference[i % s->channels];
        for (int j = 0; j < 13; j++)
            rows[j] = reference;
        s->kernels->vertical_f32(correction, rows, s->step_weights, s->step == 1 ? 2 : 6, s->zero_row, 0,
                                 (size_t)s->samples);
        s->plane.outside = s->outside_row;
    }
    /* Samples outside the picture are zero once the reference is subtracted. */
    if (!bytes || !open)
        fill_outside(s, open);
    for (int64_t c = 0; c < s->channels; c++)
        s->reduced_outside[c] = open ? 0 : (float)(s->cval - (bytes ? 0 : s->reference[c]));
}

void vd_spatial_begin(vd_spatial *s, const void *data, int64_t stride, const double *reference)
{
    bool open = s->boundary == VD_BOUNDARY_RENORMALIZE;
    s->plane.data = data;
    s->plane.stride = stride;
    s->plane.outside = open ? s->zero_row : s->outside_row;
    memcpy(s->reference, reference, (size_t)s->channels * sizeof *reference);
    for (int t = 0; t < s->threads; t++) {
        s->scratch[t].ahead_at = -1;
        s->scratch[t].prefetch[0].data = s->scratch[t].prefetch[1].data = NULL;
    }
    switch (s->method) {
    case VD_METHOD_DOUBLE:
        if (!open)
            fill_outside(s, false);
        prepare_corrections_f64(s, s->y.weights, s->x.weights);
        break;
    case VD_METHOD_FLOAT:
        if (!open)
            fill_outside(s, false);
        prepare_corrections_f32(s, s->weights_f32_y, s->weights_f32_x);
        break;
    case VD_METHOD_FIXED:
        if (!open)
            fill_outside(s, false);
        break;
    case VD_METHOD_PYRAMID:
        begin_pyramid(s);
        vd_pyramid_run(s);
        break;
    }
}

void vd_spatial_fixed_row(vd_spatial *s, int64_t y, int thread, uint16_t *out)
{
    if (s->method == VD_METHOD_FIXED)
        vd_fixed_row(s, y, thread, out);
    else
        vd_pyramid_fixed_row(s, y, thread, out);
}

void vd_spatial_row(vd_spatial *s, int64_t y, int thread, void *out)
{
    if (s->method == VD_METHOD_DOUBLE)
        mean_row_f64(s, s->y.weights, s->x.weights, y, thread, out);
    else if (s->method == VD_METHOD_FLOAT)
        mean_row_f32(s, s->weights_f32_y, s->weights_f32_x, y, thread, out);
    else
        vd_pyramid_row(s, y, thread, out);
}

void vd_spatial_sum_row(const vd_spatial *s, const vd_plane *plane, int64_t y, int thread, double *out)
{
    double *row = filter_vertically_f64(s, plane, s->y.weights, y, thread, false);
    filter_horizontally_f64(s, thread, row, plane->outside, s->x.weights, s->zero_row, out);
}
