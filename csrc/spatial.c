/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Separable filtering of a frame, row by row.
 *
 * Direct methods. u(y, x) = sum_dx w(dx) sum_dy w(dy) f(y + dy, x + dx), each sum divided at the edges by the share of
 * the weights that lies inside (VD_BOUNDARY_RENORMALIZE). In float, what the kernels make of a constant picture differs
 * from the constant by a few units in the last place; that difference is worked out once per frame for a value that
 * occurs in it and taken away everywhere, which makes constants exact and costs one subtraction a pass.
 *
 * Fixed point (8-bit). With r + 1 products per pass, each losing 0 to 1 units of 1/256 grey level and half a unit put back
 * for each, the error is below (r + 1) / 2 units a pass, twice that in the outermost columns, whose sums are scaled by up
 * to 2 after rounding; rounding the weights to 16 bits adds half their summed errors, and outer taps left out add what they
 * weigh. `bound` is the sum of these. Sums fit
 * 16 bits as the weights of a pass add up to at most 65536 and bias is far below 255.
 *
 * The pyramid's error is proved in pyramid.c; its float arithmetic adds about 1e-6 of the range.
 *
 * Tried and rejected: the horizontal pass first with a ring of filtered rows (needs overlapping bands of rows for each
 * thread, and 2 r + 1 rows of 16 bits instead of 8 in the cache).
 */
#include "spatial.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "image.h"
#include "parallel.h"

#define REAL float
#define SUFFIX f32
#include "spatial_template.h"

#define REAL double
#define SUFFIX f64
#include "spatial_template.h"

static int64_t largest(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

/* ---- fixed point, 8 bits ---- */

/* 65536 w[j] / inside (the centre) and 131072 w[j] / inside (pairs), the rounding error carried on from tap to tap so that
 * the sum stays right. Returns the summed rounding errors. */
static double fixed_weights(uint16_t *fixed, const double *weights, int64_t radius, double inside)
{
    double carry = 0, error = 0;
    for (int64_t j = radius; j >= 0; j--) {
        double exact = (j == 0 ? 65536 : 131072) * weights[j] / inside, wanted = exact + carry;
        double rounded = floor(wanted + 0.5);
        rounded = rounded > 65535 ? 65535 : rounded < 0 ? 0 : rounded;
        fixed[j] = (uint16_t)rounded;
        carry = wanted - rounded;
        error += fabs(rounded - exact);
    }
    return error / 65536;
}

/* The axis without its outermost taps, as long as what they weigh together stays below `spare`; *dropped is that weight. */
static vd_status shorten(vd_axis *shorter, const vd_axis *axis, double spare, int32_t boundary, double *dropped)
{
    int64_t radius = axis->radius;
    *dropped = 0;
    while (radius > 0 && *dropped + 2 * axis->weights[radius] <= spare)
        *dropped += 2 * axis->weights[radius--];
    return vd_axis_init(shorter, axis->length, axis->sigma, (double)radius, boundary);
}

static double least(const double *values, int64_t n)
{
    double smallest = values[0];
    for (int64_t i = 1; i < n; i++)
        smallest = fmin(smallest, values[i]);
    return smallest;
}

static void free_fixed(vd_spatial *s)
{
    free(s->fixed_y);
    free(s->fixed_x);
    free(s->fixed_gain);
    s->fixed_y = s->fixed_x = s->fixed_gain = NULL;
    vd_axis_free(&s->short_y);
    vd_axis_free(&s->short_x);
}

/* Fills the tables of the fixed-point method, leaving out taps that weigh at most `spare` along an axis. s->bound is the bound of its error, as a fraction of the range; infinite for a
 * picture so small that the edges' factors exceed 2.1. */
static vd_status init_fixed(vd_spatial *s, double spare)
{
    free_fixed(s);
    bool open = s->boundary == VD_BOUNDARY_RENORMALIZE;
    double dropped_y, dropped_x;
    vd_axis *y = &s->short_y, *x = &s->short_x;
    vd_status status = shorten(y, &s->y, spare, s->boundary, &dropped_y);
    if (status == VD_OK)
        status = shorten(x, &s->x, spare, s->boundary, &dropped_x);
    if (status != VD_OK)
        return status;
    size_t taps_y = (size_t)y->radius + 1, taps_x = (size_t)x->radius + 1;
    double inside_y = open ? least(y->inside, s->height) : 1, inside_x = open ? least(x->inside, s->width) : 1;
    s->bound = INFINITY;
    if (inside_y < 1 / 2.1 || inside_x < 1 / 2.1 || taps_y + taps_x > 256)
        return VD_OK;
    s->fixed_edge = open ? y->radius : 0;
    s->fixed_y = malloc(((size_t)s->fixed_edge + 1) * taps_y * sizeof(uint16_t));
    s->fixed_x = malloc(taps_x * sizeof(uint16_t));
    s->fixed_gain = malloc((size_t)s->width * sizeof(uint16_t));
    if (s->fixed_y == NULL || s->fixed_x == NULL || s->fixed_gain == NULL)
        return VD_ERROR_MEMORY;
    double coefficients = 0;
    for (int64_t distance = 0; distance <= s->fixed_edge; distance++) {
        double inside = open && distance < s->height ? y->inside[distance] : 1;
        coefficients = fmax(coefficients, fixed_weights(s->fixed_y + (size_t)distance * taps_y, y->weights, y->radius, inside));
    }
    coefficients += fixed_weights(s->fixed_x, x->weights, x->radius, 1) / inside_x;
    for (int64_t i = 0; i < s->width; i++)
        s->fixed_gain[i] = (uint16_t)(open ? floor(16384 / x->inside[i] + 0.5) : 16384);
    double rounding = (y->radius > 0 ? (double)taps_y / 2 : 0) + (x->radius > 0 ? (double)taps_x / 2 + 0.5 : 0);
    /* At an edge half of the kernel is left, and with it half of what was dropped: its share stays the same. */
    s->bound = dropped_y + dropped_x + coefficients / 2 + (rounding / inside_x + 1) / 65280;
    return VD_OK;
}

/* Row y filtered along y, in the middle of a padded row. Rows far from the edges are done two at a time. */
static uint16_t *fixed_vertical_row(const vd_spatial *s, int64_t y, vd_scratch *scratch)
{
    int radius = (int)s->short_y.radius;
    int64_t margin = s->short_x.radius * s->channels;
    if (scratch->ahead_at == y)
        return (uint16_t *)scratch->ahead + margin;
    uint16_t *row = (uint16_t *)scratch->padded + margin;
    if (radius == 0) {
        const uint8_t *from = (const uint8_t *)(s->plane.data + y * s->plane.stride);
        for (int64_t i = 0; i < s->samples; i++)
            row[i] = (uint16_t)(from[i] << 8);
        return row;
    }
    const uint8_t **rows = (const uint8_t **)scratch->rows;
    bool pair = y >= radius && y + 1 < s->height - radius;
    for (int j = -radius; j <= radius + pair; j++) {
        int64_t at = vd_boundary_index(y + j, s->height, s->boundary);
        rows[radius + j] = at >= 0 ? (const uint8_t *)(s->plane.data + at * s->plane.stride) : s->plane.outside;
    }
    uint16_t bias = (uint16_t)((radius + 1) / 2);
    if (pair) {
        scratch->ahead_at = y + 1;
        s->kernels->fixed_vertical_pair(row, (uint16_t *)scratch->ahead + margin, rows,
                                        s->fixed_y + s->fixed_edge * (radius + 1), radius, bias, 0, (size_t)s->samples);
        return row;
    }
    int64_t distance = y < s->height - 1 - y ? y : s->height - 1 - y;
    if (distance > s->fixed_edge)
        distance = s->fixed_edge;
    s->kernels->fixed_vertical(row, rows, s->fixed_y + distance * (radius + 1), radius, bias, 0, (size_t)s->samples);
    return row;
}

static void fixed_direct_row(const vd_spatial *s, int64_t y, int thread, uint16_t *out)
{
    vd_scratch *scratch = s->scratch + thread;
    int radius_x = (int)s->short_x.radius;
    int64_t channels = s->channels;
    uint16_t *row = fixed_vertical_row(s, y, scratch);
    if (radius_x == 0) {
        memcpy(out, row, (size_t)s->samples * sizeof *row);
        return;
    }
    uint16_t outside[64], *beyond = channels <= 64 ? outside : scratch->value;
    for (int64_t c = 0; c < channels; c++)
        beyond[c] = (uint16_t)(((const uint8_t *)s->plane.outside)[c] << 8);
    for (int64_t x = -radius_x; x < s->width + radius_x; x = x == -1 ? s->width : x + 1) {
        int64_t at = vd_boundary_index(x, s->width, s->boundary);
        memcpy(row + x * channels, at >= 0 ? row + at * channels : beyond, (size_t)channels * sizeof *row);
    }
    s->kernels->fixed_horizontal(out, row, (size_t)channels, s->fixed_x, radius_x, (uint16_t)((radius_x + 1) / 2),
                                 (size_t)s->samples);
    if (s->boundary != VD_BOUNDARY_RENORMALIZE)
        return;
    for (int64_t x = 0; x < s->width; x++) {
        if (x == radius_x && s->width - radius_x > radius_x)
            x = s->width - radius_x;
        for (int64_t i = x * channels; i < (x + 1) * channels; i++) {
            uint32_t scaled = ((uint32_t)out[i] * s->fixed_gain[x] + 8192) >> 14;
            out[i] = (uint16_t)(scaled > 65280 ? 65280 : scaled);
        }
    }
}

/* ---- the pyramid ---- */

static vd_status init_pyramid_images(vd_spatial *s)
{
    for (int l = 1; l <= s->levels; l++) {
        size_t analysis = (size_t)vd_range_size(s->pyramid_y.analysis[l]) * (size_t)vd_range_size(s->pyramid_x.analysis[l]);
        size_t synthesis =
            (size_t)vd_range_size(s->pyramid_y.synthesis[l]) * (size_t)vd_range_size(s->pyramid_x.synthesis[l]);
        s->analysis[l] = malloc(analysis * (size_t)s->channels * sizeof(float));
        s->synthesis[l] = malloc(synthesis * (size_t)s->channels * sizeof(float));
        if (s->analysis[l] == NULL || s->synthesis[l] == NULL)
            return VD_ERROR_MEMORY;
    }
    return VD_OK;
}

static float *image_row(const vd_spatial *s, float *image, vd_range range_y, vd_range range_x, int64_t y)
{
    return image + (y - range_y.low) * vd_range_size(range_x) * s->channels;
}

/* Copies pixels of SIZE bytes. All but the last pair are copied WIDE bytes at a time, in rising order, so that what is copied
 * too much is overwritten by the pixel it belongs to. */
#define SPLIT(SIZE, WIDE)                                                                                       \
    do {                                                                                                        \
        for (; k < pairs - 1; k++) {                                                                            \
            memcpy(to_even + k * (SIZE), from + 2 * k * (SIZE), WIDE);                                          \
            memcpy(to_odd + k * (SIZE), from + (2 * k + 1) * (SIZE), WIDE);                                     \
        }                                                                                                       \
    } while (0)

#define MERGE(SIZE, WIDE)                                                                                       \
    do {                                                                                                        \
        for (; k < pairs - 1; k++) {                                                                            \
            memcpy(to + 2 * k * (SIZE), from_even + k * (SIZE), WIDE);                                          \
            memcpy(to + (2 * k + 1) * (SIZE), from_odd + k * (SIZE), WIDE);                                     \
        }                                                                                                       \
    } while (0)

/* The pixels of `row`, of `size` bytes, dealt out to even and odd. */
static void split_pixels(void *even, void *odd, const void *row, int64_t pairs, int64_t size)
{
    char *to_even = even, *to_odd = odd;
    const char *from = row;
    int64_t k = 0;
    switch (size) {
    case 2: SPLIT(2, 2); break;
    case 4: SPLIT(4, 4); break;
    case 6: SPLIT(6, 8); break;
    case 12: SPLIT(12, 16); break;
    default: break;
    }
    for (; k < pairs; k++) {
        memcpy(to_even + k * size, from + 2 * k * size, (size_t)size);
        memcpy(to_odd + k * size, from + (2 * k + 1) * size, (size_t)size);
    }
}

/* The other way round. */
static void merge_pixels(void *row, const void *even, const void *odd, int64_t pairs, int64_t size)
{
    char *to = row;
    const char *from_even = even, *from_odd = odd;
    int64_t k = 0;
    switch (size) {
    case 4: MERGE(4, 4); break;
    case 12: MERGE(12, 16); break;
    default: break;
    }
    for (; k < pairs; k++) {
        memcpy(to + 2 * k * size, from_even + k * size, (size_t)size);
        memcpy(to + (2 * k + 1) * size, from_odd + k * size, (size_t)size);
    }
}

/* Continues a row of pixels over the columns that the pyramid needs left and right of the picture. */
static void extend_reduced(const vd_spatial *s, char *row, int64_t size, const void *outside, int64_t begin, int64_t end)
{
    for (int64_t x = begin; x < end; x++) {
        int64_t at = vd_boundary_index(x, s->width, s->boundary);
        memcpy(row + x * size, at >= 0 ? row + at * size : outside, (size_t)size);
    }
}

/* Row k of level 1 from the frame: less the reference (float frames), or 16 times too large until the end (8 bits). */
static void reduce_frame_row(const vd_spatial *s, int64_t k, vd_scratch *scratch, float *out)
{
    bool bytes = s->dtype == VD_U8;
    int64_t channels = s->channels, size = channels * (int64_t)(bytes ? sizeof(uint16_t) : sizeof(float));
    vd_range fine = s->pyramid_x.analysis[0], coarse = s->pyramid_x.analysis[1];
    char *row = (char *)scratch->padded - fine.low * size; /* the picture's first pixel */
    const void *rows[5];
    bool empty = true;
    for (int j = 0; j < 5; j++) {
        int64_t at = vd_boundary_index(2 * k - 2 + j, s->height, s->boundary);
        rows[j] = at >= 0 ? s->plane.data + at * s->plane.stride : s->plane.outside;
        empty = empty && at < 0;
    }
    if (empty && s->boundary == VD_BOUNDARY_RENORMALIZE) {
        memset(out, 0, (size_t)(vd_range_size(coarse) * channels) * sizeof(float));
        return;
    }
    if (bytes)
        s->kernels->reduce_vertical_u8((uint16_t *)row, (const uint8_t *const *)rows, (size_t)s->samples);
    else {
        float *real = (float *)row;
        const float *reference = s->reference_row;
        s->kernels->reduce_vertical_f32(real, (const float *const *)rows, (size_t)s->samples);
        for (int64_t i = 0; i < s->samples; i++)
            real[i] -= reference[i];
    }
    extend_reduced(s, row, size, s->reduced_outside, fine.low, 0);
    extend_reduced(s, row, size, s->reduced_outside, s->width, fine.high + 1);

    int64_t pairs = vd_range_size(fine) / 2; /* fine.high is even: the last pixel stays over */
    char *even = (char *)scratch->even, *odd = (char *)scratch->odd;
    split_pixels(even, odd, row + fine.low * size, pairs, size);
    memcpy(even + pairs * size, row + fine.high * size, (size_t)size);
    size_t samples = (size_t)(vd_range_size(coarse) * channels), step = (size_t)channels;
    if (bytes)
        s->kernels->reduce_horizontal_u16(out, (uint16_t *)(even + size), (uint16_t *)(odd + size), step, samples);
    else
        s->kernels->reduce_horizontal(out, (float *)(even + size), (float *)(odd + size), step, samples);
}

static void reduce_frame_block(void *context, int64_t begin, int64_t end, int thread)
{
    const vd_spatial *s = context;
    vd_range range_y = s->pyramid_y.analysis[1], range_x = s->pyramid_x.analysis[1];
    for (int64_t k = range_y.low + begin; k < range_y.low + end; k++)
        reduce_frame_row(s, k, s->scratch + thread, image_row(s, s->analysis[1], range_y, range_x, k));
}

typedef struct level_context {
    const vd_spatial *spatial;
    int level;
} level_context;

/* Rows of analysis level + 1 from analysis level >= 1. */
static void reduce_block(void *context, int64_t begin, int64_t end, int thread)
{
    const level_context *l = context;
    const vd_spatial *s = l->spatial;
    vd_scratch *scratch = s->scratch + thread;
    vd_range fine_y = s->pyramid_y.analysis[l->level], fine_x = s->pyramid_x.analysis[l->level];
    vd_range coarse_y = s->pyramid_y.analysis[l->level + 1], coarse_x = s->pyramid_x.analysis[l->level + 1];
    int64_t width = vd_range_size(fine_x), channels = s->channels, pairs = width / 2;
    float *row = scratch->padded;
    for (int64_t k = coarse_y.low + begin; k < coarse_y.low + end; k++) {
        const float *rows[5];
        for (int j = 0; j < 5; j++)
            rows[j] = image_row(s, s->analysis[l->level], fine_y, fine_x, 2 * k - 2 + j);
        s->kernels->reduce_vertical_f32(row, rows, (size_t)(width * channels));
        split_pixels(scratch->even, scratch->odd, row, pairs, channels * (int64_t)sizeof(float));
        memcpy(scratch->even + pairs * channels, row + (width - 1) * channels, (size_t)channels * sizeof(float));
        s->kernels->reduce_horizontal(image_row(s, s->analysis[l->level + 1], coarse_y, coarse_x, k),
                                      scratch->even + channels, scratch->odd + channels, (size_t)channels,
                                      (size_t)(vd_range_size(coarse_x) * channels));
    }
}

static void filter_coarsest_block(void *context, int64_t begin, int64_t end, int thread)
{
    const vd_spatial *s = context;
    vd_scratch *scratch = s->scratch + thread;
    int l = s->levels, radius_y = s->pyramid_y.radius, radius_x = s->pyramid_x.radius;
    vd_range from_y = s->pyramid_y.analysis[l], from_x = s->pyramid_x.analysis[l];
    vd_range to_y = s->pyramid_y.synthesis[l], to_x = s->pyramid_x.synthesis[l];
    const float **rows = (const float **)scratch->rows;
    float *row = scratch->padded;
    for (int64_t k = to_y.low + begin; k < to_y.low + end; k++) {
        for (int j = -radius_y; j <= radius_y; j++)
            rows[radius_y + j] = image_row(s, s->analysis[l], from_y, from_x, k + j);
        s->kernels->vertical_f32(row, rows, s->pyramid_y.weights, radius_y, s->zero_row, 0,
                                 (size_t)(vd_range_size(from_x) * s->channels));
        s->kernels->horizontal_f32(image_row(s, s->synthesis[l], to_y, to_x, k), row + radius_x * s->channels,
                                   (size_t)s->channels, s->pyramid_x.weights, radius_x, s->zero_row,
                                   (size_t)(vd_range_size(to_x) * s->channels));
    }
}

/* A row of level `to` >= 0 at full width from a row of level `to` + 1, both over their synthesis ranges. */
static void expand_row(const vd_spatial *s, int to, const float *coarse, vd_scratch *scratch, float *out)
{
    int64_t channels = s->channels;
    vd_range fine = s->pyramid_x.synthesis[to], range = s->pyramid_x.synthesis[to + 1];
    int64_t pixels = vd_range_size(range) - 2; /* all but the outermost have both neighbours */
    s->kernels->expand_horizontal(scratch->even, scratch->odd, coarse + channels, (size_t)channels,
                                  (size_t)(pixels * channels));
    /* even[0] is index 2 (range.low + 1) = fine.low or fine.low - 1 */
    int64_t first = 2 * (range.low + 1), skip = fine.low - first, width = vd_range_size(fine);
    const float *even = scratch->even, *odd = scratch->odd;
    if (skip == 1) {
        memcpy(out, odd, (size_t)channels * sizeof(float));
        out += channels;
        even += channels;
        odd += channels;
        width--;
    }
    merge_pixels(out, even, odd, width / 2, channels * (int64_t)sizeof(float));
    if (width % 2 == 1)
        memcpy(out + (width - 1) * channels, even + width / 2 * channels, (size_t)channels * sizeof(float));
}

/* The rows and weights of level l + 1 that make row y of level l. */
static void expansion_rows(int64_t y, int64_t at[3], float weights[3], float gain)
{
    int64_t k = y >= 0 ? y / 2 : -((1 - y) / 2);
    bool even = y % 2 == 0;
    at[0] = even ? k - 1 : k;
    at[1] = even ? k : k + 1;
    at[2] = k + 1;
    weights[0] = (even ? 0.125f : 0.5f) * gain;
    weights[1] = (even ? 0.75f : 0.5f) * gain;
    weights[2] = (even ? 0.125f : 0.0f) * gain;
}

/* Rows of synthesis level >= 1 from level + 1. */
static void expand_block(void *context, int64_t begin, int64_t end, int thread)
{
    const level_context *l = context;
    const vd_spatial *s = l->spatial;
    vd_scratch *scratch = s->scratch + thread;
    vd_range to_y = s->pyramid_y.synthesis[l->level], to_x = s->pyramid_x.synthesis[l->level];
    vd_range from_y = s->pyramid_y.synthesis[l->level + 1], from_x = s->pyramid_x.synthesis[l->level + 1];
    for (int64_t y = to_y.low + begin; y < to_y.low + end; y++) {
        int64_t at[3];
        float weights[3];
        const float *rows[3];
        expansion_rows(y, at, weights, 1);
        for (int j = 0; j < 3; j++)
            rows[j] = image_row(s, s->synthesis[l->level + 1], from_y, from_x, at[j]);
        s->kernels->expand_vertical(scratch->coarse, rows, weights, (size_t)(vd_range_size(from_x) * s->channels));
        expand_row(s, l->level, scratch->coarse, scratch, image_row(s, s->synthesis[l->level], to_y, to_x, y));
    }
}

/* Row k of level 1 at the frame's width, kept while the rows of the frame that need it pass by. */
static const float *expanded_row(const vd_spatial *s, int64_t k, vd_scratch *scratch)
{
    int slot = (int)(((k % 3) + 3) % 3);
    float *row = scratch->expanded[slot];
    if (scratch->expanded_at[slot] == k)
        return row;
    scratch->expanded_at[slot] = k;
    vd_range range_y = s->pyramid_y.synthesis[1], range_x = s->pyramid_x.synthesis[1];
    expand_row(s, 0, image_row(s, s->synthesis[1], range_y, range_x, k), scratch, row);
    int64_t edge = s->pyramid_x.edge * s->channels, rest = largest(s->samples - edge, edge);
    const float *inverse = s->inverse_row;
    for (int64_t i = 0; i < edge; i++)
        row[i] *= inverse[i];
    for (int64_t i = rest; i < s->samples; i++)
        row[i] *= inverse[i];
    return row;
}

static void pyramid_rows(const vd_spatial *s, int64_t y, vd_scratch *scratch, const float *rows[3], float weights[3])
{
    int64_t at[3];
    expansion_rows(y, at, weights, s->pyramid_y.inverse[y]);
    for (int j = 0; j < 3; j++)
        rows[j] = expanded_row(s, at[j], scratch);
}

static void run_pyramid(vd_spatial *s)
{
    level_context context = {s, 0};
    int levels = s->levels;
    vd_parallel_blocks(s->threads, vd_range_size(s->pyramid_y.analysis[1]), reduce_frame_block, s);
    for (context.level = 1; context.level < levels; context.level++)
        vd_parallel_blocks(s->threads, vd_range_size(s->pyramid_y.analysis[context.level + 1]), reduce_block, &context);
    vd_parallel_blocks(s->threads, vd_range_size(s->pyramid_y.synthesis[levels]), filter_coarsest_block, s);
    for (context.level = levels - 1; context.level >= 1; context.level--)
        vd_parallel_blocks(s->threads, vd_range_size(s->pyramid_y.synthesis[context.level]), expand_block, &context);
    for (int t = 0; t < s->threads; t++)
        for (int j = 0; j < 3; j++)
            s->scratch[t].expanded_at[j] = INT64_MIN;
}

/* ---- the plan ---- */

/* What a method may take of the tolerance; the rest is for the state. */
static const double METHOD_SHARE = 0.9;

/* The pyramid with the most levels whose bound keeps the tolerance, if any. */
static vd_status try_pyramid(vd_spatial *s, double truncate, double allowed, bool *found)
{
    double sigma = s->y.sigma < s->x.sigma ? s->y.sigma : s->x.sigma;
    int levels = 0;
    *found = false;
    while (levels < VD_PYRAMID_MAX_LEVELS && ldexp(sigma, -levels) >= 3.5)
        levels++;
    for (; levels >= 1; levels--) {
        vd_status status = vd_pyramid_axis_init(&s->pyramid_y, &s->y, truncate, s->boundary, levels);
        if (status == VD_OK && s->pyramid_y.bound <= allowed) {
            status = vd_pyramid_axis_init(&s->pyramid_x, &s->x, truncate, s->boundary, levels);
            if (status == VD_OK && s->pyramid_y.bound + s->pyramid_x.bound <= allowed) {
                s->levels = levels;
                s->bound = s->pyramid_y.bound + s->pyramid_x.bound;
                *found = true;
                s->inverse_row = malloc((size_t)s->samples * sizeof(float));
                s->reduced_outside = malloc((size_t)s->channels * sizeof(float));
                if (s->inverse_row == NULL || s->reduced_outside == NULL)
                    return VD_ERROR_MEMORY;
                for (int64_t i = 0; i < s->samples; i++)
                    s->inverse_row[i] = s->pyramid_x.inverse[i / s->channels];
                return init_pyramid_images(s);
            }
            vd_pyramid_axis_free(&s->pyramid_x);
        }
        vd_pyramid_axis_free(&s->pyramid_y);
        if (status != VD_OK)
            return status;
    }
    return VD_OK;
}

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
    int64_t taps = 2 * s->y.radius + 2, expanded = 0;
    size_t padded = ((size_t)s->width + 2 * (size_t)s->x.radius) * (size_t)s->channels * sizeof(double), longest = row;
    if (s->method == VD_METHOD_PYRAMID) {
        int64_t widest = largest(vd_range_size(s->pyramid_x.analysis[0]), vd_range_size(s->pyramid_x.analysis[1]));
        size_t needed = (size_t)((widest + 1) * s->channels) * sizeof(float);
        padded = padded > needed ? padded : needed;
        longest = longest > needed ? longest : needed;
        expanded = (widest / 2 + 4) * s->channels;
        taps = largest(taps, 2 * s->pyramid_y.radius + 1);
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
        void **own[] = {&scratch->correction, &scratch->samples, &scratch->value, &scratch->second, &scratch->output};
        bool complete = scratch->rows != NULL && scratch->padded != NULL && scratch->ahead != NULL && scratch->weights != NULL;
        for (size_t i = 0; i < sizeof own / sizeof *own; i++)
            complete = (*own[i] = malloc(row)) != NULL && complete;
        if (s->method == VD_METHOD_PYRAMID) {
            float **more[] = {&scratch->even, &scratch->odd, &scratch->coarse};
            for (int j = 0; j < 3; j++) {
                complete = (*more[j] = malloc((size_t)expanded * sizeof(float))) != NULL && complete;
                complete = (scratch->expanded[j] = malloc((size_t)s->samples * sizeof(float))) != NULL && complete;
            }
        }
        if (!complete)
            return VD_ERROR_MEMORY;
    }
    return VD_OK;
}

vd_status vd_spatial_init(vd_spatial *s, const vd_params *params, const vd_kernels *kernels, int threads, int32_t dtype,
                          int64_t height, int64_t width, int64_t channels)
{
    memset(s, 0, sizeof *s);
    s->kernels = kernels;
    s->boundary = params->boundary;
    s->dtype = dtype;
    s->height = height;
    s->width = width;
    s->channels = channels;
    s->samples = width * channels;
    s->cval = params->cval;
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
    bool fits_u8 = dtype == VD_U8 && (params->boundary != VD_BOUNDARY_CONSTANT ||
                                      (params->cval >= 0 && params->cval <= 255 && params->cval == floor(params->cval)));
    bool pyramid = false;
    s->method = dtype == VD_F64 ? VD_METHOD_DOUBLE : VD_METHOD_FLOAT;
    if (params->normalize && dtype != VD_F64 && (dtype != VD_U8 || fits_u8)) {
        status = try_pyramid(s, params->truncate, METHOD_SHARE * tolerance, &pyramid);
        if (status != VD_OK)
            return status;
    }
    if (pyramid)
        s->method = VD_METHOD_PYRAMID;
    else if (params->normalize && fits_u8) {
        status = init_fixed(s, 0.15 * tolerance);
        if (status == VD_OK && s->bound > METHOD_SHARE * tolerance)
            status = init_fixed(s, 0);
        if (status != VD_OK)
            return status;
        if (s->bound <= METHOD_SHARE * tolerance)
            s->method = VD_METHOD_FIXED;
    }
    if (s->method == VD_METHOD_FLOAT) {
        s->weights_f32_y = to_f32(s->y.weights, s->y.radius + 1);
        s->weights_f32_x = to_f32(s->x.weights, s->x.radius + 1);
        if (s->weights_f32_y == NULL || s->weights_f32_x == NULL)
            return VD_ERROR_MEMORY;
        s->bound = 1e-6;
    } else if (s->method == VD_METHOD_DOUBLE)
        s->bound = 1e-14;
    return init_rows(s);
}

void vd_spatial_free(vd_spatial *s)
{
    for (int t = 0; s->scratch != NULL && t < s->threads; t++) {
        vd_scratch *scratch = s->scratch + t;
        void *own[] = {(void *)scratch->rows, scratch->padded, scratch->weights,     scratch->correction,
                       scratch->samples,      scratch->value,  scratch->second,      scratch->output,
                       scratch->even,         scratch->odd,    scratch->coarse,      scratch->expanded[0], scratch->ahead,
                       scratch->expanded[1],  scratch->expanded[2]};
        for (size_t i = 0; i < sizeof own / sizeof *own; i++)
            free(own[i]);
    }
    for (int l = 1; l <= s->levels; l++) {
        free(s->analysis[l]);
        free(s->synthesis[l]);
    }
    void *rows[] = {s->scratch,       s->reference,     s->reference_row,   s->outside_row,
                    s->zero_row,      s->correction_y,  s->correction_x,    s->correction_edge,
                    s->weights_f32_y, s->weights_f32_x, s->inverse_row,     s->reduced_outside};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        free(rows[i]);
    vd_pyramid_axis_free(&s->pyramid_y);
    vd_pyramid_axis_free(&s->pyramid_x);
    vd_axis_free(&s->y);
    vd_axis_free(&s->x);
    free_fixed(s);
    memset(s, 0, sizeof *s);
}

int32_t vd_spatial_plane_dtype(const vd_spatial *s)
{
    if (s->method == VD_METHOD_DOUBLE)
        return VD_F64;
    return s->method != VD_METHOD_FLOAT && s->dtype == VD_U8 ? VD_U8 : VD_F32;
}

bool vd_spatial_gives_fixed(const vd_spatial *s)
{
    return vd_spatial_plane_dtype(s) == VD_U8;
}

/* A row whose every sample is cval, or the channel's reference, in the plane's type. */
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

void vd_spatial_begin(vd_spatial *s, const void *data, int64_t stride, const double *reference)
{
    bool open = s->boundary == VD_BOUNDARY_RENORMALIZE;
    s->plane.data = data;
    s->plane.stride = stride;
    s->plane.outside = open ? s->zero_row : s->outside_row;
    memcpy(s->reference, reference, (size_t)s->channels * sizeof *reference);
    for (int t = 0; t < s->threads; t++)
        s->scratch[t].ahead_at = -1;
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
        if (s->dtype != VD_U8) {
            for (int64_t i = 0; i < s->samples; i++)
                ((float *)s->reference_row)[i] = (float)s->reference[i % s->channels];
            /* Samples that do not exist are zero once the reference is taken away. */
            fill_outside(s, open);
            s->plane.outside = s->outside_row;
        } else if (!open)
            fill_outside(s, false);
        for (int64_t c = 0; c < s->channels; c++) {
            double beyond = open ? 0 : s->cval;
            if (s->dtype == VD_U8)
                ((uint16_t *)s->reduced_outside)[c] = (uint16_t)(16 * beyond);
            else
                ((float *)s->reduced_outside)[c] = (float)(open ? 0 : beyond - s->reference[c]);
        }
        run_pyramid(s);
        break;
    }
}

void vd_spatial_fixed_row(vd_spatial *s, int64_t y, int thread, uint16_t *out)
{
    if (s->method == VD_METHOD_FIXED) {
        fixed_direct_row(s, y, thread, out);
        return;
    }
    const float *rows[3];
    float weights[3];
    pyramid_rows(s, y, s->scratch + thread, rows, weights);
    s->kernels->expand_vertical_fixed(out, rows, weights, (size_t)s->samples);
}

void vd_spatial_row(vd_spatial *s, int64_t y, int thread, void *out)
{
    if (s->method == VD_METHOD_DOUBLE)
        mean_row_f64(s, s->y.weights, s->x.weights, y, thread, out);
    else if (s->method == VD_METHOD_FLOAT)
        mean_row_f32(s, s->weights_f32_y, s->weights_f32_x, y, thread, out);
    else {
        const float *rows[3], *reference = s->reference_row;
        float weights[3], *row = out;
        pyramid_rows(s, y, s->scratch + thread, rows, weights);
        s->kernels->expand_vertical(row, rows, weights, (size_t)s->samples);
        for (int64_t i = 0; i < s->samples; i++)
            row[i] += reference[i];
    }
}

void vd_spatial_sum_row(const vd_spatial *s, const vd_plane *plane, int64_t y, int thread, double *out)
{
    double *row = filter_vertically_f64(s, plane, s->y.weights, y, thread, false);
    filter_horizontally_f64(s, row, plane->outside, s->x.weights, s->zero_row, out);
}
