/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Wide Gaussians at reduced resolution: the plan of pyramid.c applied to frames.
 *
 *     frame -> level `step` -> .. -> coarsest level, short kernel, -> .. -> level `step` -> rows of the frame
 *
 * step = 2 where the plan has two levels or more, else 1: the two finest levels are fused. Down, a vertical kernel
 * of 13 rows (the binomial convolved with itself at a distance of two) makes a row of a quarter of the resolution directly,
 * and only such rows are then reduced horizontally, twice. Up, only these rows are expanded horizontally, and each row of
 * the frame is a weighted sum of at most four of them. That is the same arithmetic as level by level, with the horizontal
 * work of the finest level on a quarter of the rows rather than half of them.
 *
 * 8-bit rows: the vertical weights are integers that add up to 256, so that the 16-bit sums are exact. Float rows: the frame's
 * reference is subtracted first (and the kernel's rounding error on it, see spatial.c), so that constants and samples
 * outside the picture are zero on every level.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/parallel.h"
#include "spatial/spatial.h"

/* The vertical kernels of one level and of two fused levels, in units of 1 / 256, by distance. */
static const uint16_t ONE_LEVEL[] = {96, 64, 16};
static const uint16_t TWO_LEVELS[] = {44, 40, 31, 20, 10, 4, 1};

/* Some 60 roundings in float, and half a unit of fixed point at the end (8 bits). */
static const double PYRAMID_ROUNDING = 0.5 / 65280 + 4e-6;

static const uint16_t *step_weights(const vd_spatial *s) { return s->step == 1 ? ONE_LEVEL : TWO_LEVELS; }

static int step_radius(const vd_spatial *s) { return s->step == 1 ? 2 : 6; }

static int64_t largest(int64_t a, int64_t b) { return a > b ? a : b; }

/* Reserves what the plan in pyramid_y and pyramid_x needs. */
static vd_status reserve(vd_spatial *s)
{
    for (int l = s->step; l <= s->levels; l++) {
        size_t analysis =
            (size_t)vd_range_size(s->pyramid_y.analysis[l]) * (size_t)vd_range_size(s->pyramid_x.analysis[l]);
        size_t synthesis =
            (size_t)vd_range_size(s->pyramid_y.synthesis[l]) * (size_t)vd_range_size(s->pyramid_x.synthesis[l]);
        s->analysis[l] = malloc(analysis * (size_t)s->channels * sizeof(float));
        s->synthesis[l] = malloc(synthesis * (size_t)s->channels * sizeof(float));
        if (s->analysis[l] == NULL || s->synthesis[l] == NULL)
            return VD_ERROR_MEMORY;
    }
    s->inverse_row = malloc((size_t)s->samples * sizeof(float));
    s->reduced_outside = malloc((size_t)s->channels * sizeof(float));
    if (s->inverse_row == NULL || s->reduced_outside == NULL)
        return VD_ERROR_MEMORY;
    for (int64_t i = 0; i < s->samples; i++)
        s->inverse_row[i] = s->pyramid_x.inverse[i / s->channels];
    for (int d = 0; d <= step_radius(s); d++)
        s->step_weights[d] = (float)step_weights(s)[d] / 256;
    return VD_OK;
}

vd_status vd_pyramid_plan(vd_spatial *s, double truncate, double allowed, bool *found)
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
            if (status == VD_OK && s->pyramid_y.bound + s->pyramid_x.bound + PYRAMID_ROUNDING <= allowed) {
                s->levels = levels;
                s->step = levels >= 2 ? 2 : 1;
                s->bound = s->pyramid_y.bound + s->pyramid_x.bound + PYRAMID_ROUNDING;
                *found = true;
                return reserve(s);
            }
            vd_pyramid_axis_free(&s->pyramid_x);
        }
        vd_pyramid_axis_free(&s->pyramid_y);
        if (status != VD_OK)
            return status;
    }
    return VD_OK;
}

void vd_pyramid_free(vd_spatial *s)
{
    for (int l = 1; l <= s->levels; l++) {
        free(s->analysis[l]);
        free(s->synthesis[l]);
    }
    free(s->inverse_row);
    free(s->reduced_outside);
    vd_pyramid_axis_free(&s->pyramid_y);
    vd_pyramid_axis_free(&s->pyramid_x);
}

static float *image_row(const vd_spatial *s, float *image, vd_range range_y, vd_range range_x, int64_t y)
{
    return image + (y - range_y.low) * vd_range_size(range_x) * s->channels;
}

/* Row k of level l of the analysis, and of the synthesis. */
static float *analysis_row(const vd_spatial *s, int l, int64_t k)
{
    return image_row(s, s->analysis[l], s->pyramid_y.analysis[l], s->pyramid_x.analysis[l], k);
}

static float *synthesis_row(const vd_spatial *s, int l, int64_t k)
{
    return image_row(s, s->synthesis[l], s->pyramid_y.synthesis[l], s->pyramid_x.synthesis[l], k);
}

/* ---- down ---- */

/* Pixels of SIZE bytes, deinterleaved. All but the last pair are copied WIDE bytes at a time in ascending order, so that surplus
 * bytes are overwritten by the pixel they belong to. */
#define SPLIT(SIZE, WIDE)                                                                                              \
    for (; k < pairs - 1; k++) {                                                                                       \
        memcpy(to_even + k * (SIZE), from + 2 * k * (SIZE), WIDE);                                                     \
        memcpy(to_odd + k * (SIZE), from + (2 * k + 1) * (SIZE), WIDE);                                                \
    }

#define MERGE(SIZE, WIDE)                                                                                              \
    for (; k < pairs - 1; k++) {                                                                                       \
        memcpy(to + 2 * k * (SIZE), from_even + k * (SIZE), WIDE);                                                     \
        memcpy(to + (2 * k + 1) * (SIZE), from_odd + k * (SIZE), WIDE);                                                \
    }

/* Deinterleaves the even and odd pixels of `row`. */
static void split_pixels(float *even, float *odd, const float *row, int64_t pairs, int64_t channels)
{
    char *to_even = (char *)even, *to_odd = (char *)odd;
    const char *from = (const char *)row;
    int64_t k = 0, size = channels * (int64_t)sizeof(float);
    if (channels == 1) {
        SPLIT(4, 4)
    } else if (channels == 3) {
        SPLIT(12, 16)
    }
    for (; k < pairs; k++) {
        memcpy(to_even + k * size, from + 2 * k * size, (size_t)size);
        memcpy(to_odd + k * size, from + (2 * k + 1) * size, (size_t)size);
    }
}

/* Interleaves them again. */
static void merge_pixels(float *row, const float *even, const float *odd, int64_t pairs, int64_t channels)
{
    char *to = (char *)row;
    const char *from_even = (const char *)even, *from_odd = (const char *)odd;
    int64_t k = 0, size = channels * (int64_t)sizeof(float);
    if (channels == 1) {
        MERGE(4, 4)
    } else if (channels == 3) {
        MERGE(12, 16)
    }
    for (; k < pairs; k++) {
        memcpy(to + 2 * k * size, from_even + k * size, (size_t)size);
        memcpy(to + (2 * k + 1) * size, from_odd + k * size, (size_t)size);
    }
}

/* From a row of level l to one of level l + 1, each over its own range. */
static void reduce_row(const vd_spatial *s, int l, const float *row, vd_scratch *scratch, float *out)
{
    int64_t channels = s->channels, width = vd_range_size(s->pyramid_x.analysis[l]), pairs = width / 2;
    /* The range begins and ends with an even index: the last pixel has no partner. */
    split_pixels(scratch->even, scratch->odd, row, pairs, channels);
    memcpy(scratch->even + pairs * channels, row + (width - 1) * channels, (size_t)channels * sizeof(float));
    s->kernels->reduce_horizontal(out, scratch->even + channels, scratch->odd + channels, (size_t)channels,
                                  (size_t)(vd_range_size(s->pyramid_x.analysis[l + 1]) * channels));
}

/* Row k of level `step` from the frame. */
static void reduce_frame_row(const vd_spatial *s, int64_t k, vd_scratch *scratch, float *out)
{
    int radius = step_radius(s);
    vd_range fine = s->pyramid_x.analysis[0];
    float *row = (float *)scratch->padded - fine.low * s->channels; /* the picture's first pixel */
    const void *rows[13];
    int64_t first = k * ((int64_t)1 << s->step) - radius;
    bool empty = first >= s->height || first + 2 * radius < 0;
    vd_rows_under(s, &s->plane, first, 2 * radius + 1, rows);
    if (empty && s->boundary == VD_BOUNDARY_RENORMALIZE) {
        memset(out, 0, (size_t)(vd_range_size(s->pyramid_x.analysis[s->step]) * s->channels) * sizeof(float));
        return;
    }
    if (s->dtype == VD_U8) {
        uint16_t *sums = scratch->value;
        s->kernels->reduce_vertical(sums, (const uint8_t *const *)rows, step_weights(s), radius, (size_t)s->samples);
        s->kernels->fixed_to_f32(row, sums, (size_t)s->samples);
    } else
        s->kernels->vertical_f32(row, (const float *const *)rows, s->step_weights, radius, s->correction_y, 0,
                                 (size_t)s->samples);
    size_t pixel = (size_t)s->channels * sizeof *row;
    vd_extend_row(s, row, pixel, s->reduced_outside, fine.low, 0);
    vd_extend_row(s, row, pixel, s->reduced_outside, s->width, fine.high + 1);
    row += fine.low * s->channels;
    if (s->step == 2) {
        reduce_row(s, 0, row, scratch, scratch->coarse);
        row = scratch->coarse;
    }
    reduce_row(s, s->step - 1, row, scratch, out);
}

static void reduce_frame_block(void *context, int64_t begin, int64_t end, int thread)
{
    const vd_spatial *s = context;
    int64_t low = s->pyramid_y.analysis[s->step].low;
    for (int64_t k = low + begin; k < low + end; k++)
        reduce_frame_row(s, k, s->scratch + thread, analysis_row(s, s->step, k));
}

typedef struct level_context {
    const vd_spatial *spatial;
    int level;
} level_context;

/* Rows of level + 1 from level. */
static void reduce_block(void *context, int64_t begin, int64_t end, int thread)
{
    static const float weights[] = {0.375f, 0.25f, 0.0625f};
    const level_context *l = context;
    const vd_spatial *s = l->spatial;
    vd_scratch *scratch = s->scratch + thread;
    int64_t low = s->pyramid_y.analysis[l->level + 1].low;
    size_t samples = (size_t)(vd_range_size(s->pyramid_x.analysis[l->level]) * s->channels);
    for (int64_t k = low + begin; k < low + end; k++) {
        const float *rows[5];
        for (int j = 0; j < 5; j++)
            rows[j] = analysis_row(s, l->level, 2 * k - 2 + j);
        s->kernels->vertical_f32(scratch->padded, rows, weights, 2, s->zero_row, 0, samples);
        reduce_row(s, l->level, scratch->padded, scratch, analysis_row(s, l->level + 1, k));
    }
}

/* ---- the coarsest level ---- */

static void filter_coarsest_block(void *context, int64_t begin, int64_t end, int thread)
{
    const vd_spatial *s = context;
    vd_scratch *scratch = s->scratch + thread;
    int l = s->levels, radius_y = s->pyramid_y.radius, radius_x = s->pyramid_x.radius;
    size_t wide = (size_t)(vd_range_size(s->pyramid_x.analysis[l]) * s->channels);
    size_t narrow = (size_t)(vd_range_size(s->pyramid_x.synthesis[l]) * s->channels);
    const float **rows = (const float **)scratch->rows, *weights = s->pyramid_y.weights, *zero = s->zero_row;
    float *filtered[2] = {scratch->padded, scratch->ahead};
    int64_t low = s->pyramid_y.synthesis[l].low;
    for (int64_t k = low + begin; k < low + end; k += 2) {
        int count = k + 1 < low + end ? 2 : 1;
        for (int j = -radius_y; j < radius_y + count; j++)
            rows[radius_y + j] = analysis_row(s, l, k + j);
        if (count == 2)
            s->kernels->vertical_pair_f32(filtered[0], filtered[1], rows, weights, radius_y, zero, 0, wide);
        else
            s->kernels->vertical_f32(filtered[0], rows, weights, radius_y, zero, 0, wide);
        for (int i = 0; i < count; i++)
            s->kernels->horizontal_f32(synthesis_row(s, l, k + i), filtered[i] + radius_x * s->channels,
                                       (size_t)s->channels, s->pyramid_x.weights, radius_x, zero, narrow);
    }
}

/* ---- up ---- */

/* From a row of level l >= 1 to one of level l - 1, each over its own range. */
static void expand_row(const vd_spatial *s, int l, const float *coarse, vd_scratch *scratch, float *out)
{
    int64_t channels = s->channels;
    vd_range fine = s->pyramid_x.synthesis[l - 1], range = s->pyramid_x.synthesis[l];
    int64_t pixels = vd_range_size(range) - 2; /* all but the outermost have both neighbours */
    s->kernels->expand_horizontal(scratch->even, scratch->odd, coarse + channels, (size_t)channels,
                                  (size_t)(pixels * channels));
    /* even[0] is index 2 (range.low + 1), which is fine.low or the one before */
    const float *even = scratch->even, *odd = scratch->odd;
    int64_t width = vd_range_size(fine);
    if (fine.low > 2 * (range.low + 1)) {
        memcpy(out, odd, (size_t)channels * sizeof(float));
        out += channels;
        even += channels;
        odd += channels;
        width--;
    }
    merge_pixels(out, even, odd, width / 2, channels);
    if (width % 2 == 1)
        memcpy(out + (width - 1) * channels, even + width / 2 * channels, (size_t)channels * sizeof(float));
}

/* Row y of level l is a sum of the rows first, first + 1, .. of level l + steps with these weights: (1 6 1) / 8 around an even
 * row, (1 1) / 2 around an odd one, applied twice for two steps. At most 4 rows; the other weights are 0. Returns first. */
static int64_t expansion_weights(int64_t y, int steps, float weights[4])
{
    int64_t middle = y >= 0 ? y / 2 : -((1 - y) / 2);
    bool even = y % 2 == 0;
    int64_t first = even ? middle - 1 : middle;
    float own[4] = {even ? 0.125f : 0.5f, even ? 0.75f : 0.5f, even ? 0.125f : 0, 0};
    if (steps == 1) {
        memcpy(weights, own, sizeof own);
        return first;
    }
    float next[4];
    int64_t lowest = expansion_weights(first, 1, next);
    memset(weights, 0, sizeof own);
    for (int j = 0; j < 3; j++) {
        if (own[j] == 0)
            continue;
        int64_t at = expansion_weights(first + j, 1, next);
        for (int i = 0; i < 3; i++)
            if (next[i] != 0)
                weights[at - lowest + i] += own[j] * next[i];
    }
    return lowest;
}

/* Rows of level from level + 1. */
static void expand_block(void *context, int64_t begin, int64_t end, int thread)
{
    const level_context *l = context;
    const vd_spatial *s = l->spatial;
    vd_scratch *scratch = s->scratch + thread;
    int64_t low = s->pyramid_y.synthesis[l->level].low, top = s->pyramid_y.synthesis[l->level + 1].high;
    size_t samples = (size_t)(vd_range_size(s->pyramid_x.synthesis[l->level + 1]) * s->channels);
    for (int64_t y = low + begin; y < low + end; y++) {
        float weights[4];
        const float *rows[4];
        int64_t first = expansion_weights(y, 1, weights);
        for (int j = 0; j < 4; j++)
            rows[j] = synthesis_row(s, l->level + 1, first + j <= top ? first + j : top);
        s->kernels->expand_vertical(scratch->padded, rows, weights, samples);
        expand_row(s, l->level + 1, scratch->padded, scratch, synthesis_row(s, l->level, y));
    }
}

/* Row k of level `step` at the frame's width, kept until no row of the frame needs it any more. */
static const float *expanded_row(const vd_spatial *s, int64_t k, vd_scratch *scratch)
{
    float *row = scratch->expanded[k & 3];
    if (scratch->expanded_at[k & 3] == k)
        return row;
    scratch->expanded_at[k & 3] = k;
    const float *coarse = synthesis_row(s, s->step, k);
    if (s->step == 2) {
        expand_row(s, 2, coarse, scratch, scratch->coarse);
        coarse = scratch->coarse;
    }
    expand_row(s, 1, coarse, scratch, row);
    int64_t edge = s->pyramid_x.edge * s->channels, rest = largest(s->samples - edge, edge);
    const float *inverse = s->inverse_row;
    for (int64_t i = 0; i < edge; i++)
        row[i] *= inverse[i];
    for (int64_t i = rest; i < s->samples; i++)
        row[i] *= inverse[i];
    return row;
}

/* The rows whose weighted sum is row y of the frame, and their weights. */
static void rows_for(const vd_spatial *s, int64_t y, vd_scratch *scratch, const float *rows[4], float weights[4])
{
    int64_t first = expansion_weights(y, s->step, weights);
    for (int j = 0; j < 4; j++) {
        rows[j] = weights[j] != 0 ? expanded_row(s, first + j, scratch) : s->zero_row;
        weights[j] *= s->pyramid_y.inverse[y];
    }
}

/* ---- a frame ---- */

void vd_pyramid_run(vd_spatial *s)
{
    level_context context = {s, 0};
    int levels = s->levels, step = s->step;
    vd_parallel_blocks(s->threads, vd_range_size(s->pyramid_y.analysis[step]), reduce_frame_block, s);
    for (context.level = step; context.level < levels; context.level++)
        vd_parallel_blocks(s->threads, vd_range_size(s->pyramid_y.analysis[context.level + 1]), reduce_block, &context);
    vd_parallel_blocks(s->threads, vd_range_size(s->pyramid_y.synthesis[levels]), filter_coarsest_block, s);
    for (context.level = levels - 1; context.level >= step; context.level--)
        vd_parallel_blocks(s->threads, vd_range_size(s->pyramid_y.synthesis[context.level]), expand_block, &context);
    for (int t = 0; t < s->threads; t++)
        for (int j = 0; j < 4; j++)
            s->scratch[t].expanded_at[j] = INT64_MIN;
}

void vd_pyramid_fixed_row(const vd_spatial *s, int64_t y, int thread, uint16_t *out)
{
    vd_scratch *scratch = s->scratch + thread;
    size_t n = (size_t)s->samples;
    const float *rows[4];
    float weights[4];
    rows_for(s, y, scratch, rows, weights);
    for (size_t begin = 0; begin < n; begin += VD_STRIP) {
        size_t end = vd_strip_end(begin, n);
        const float *strip[4] = {rows[0] + begin, rows[1] + begin, rows[2] + begin, rows[3] + begin};
        vd_prefetch(scratch->prefetch, 2, begin, end, n);
        s->kernels->expand_vertical_fixed(out + begin, strip, weights, end - begin);
    }
}

void vd_pyramid_row(const vd_spatial *s, int64_t y, int thread, float *out)
{
    vd_scratch *scratch = s->scratch + thread;
    size_t n = (size_t)s->samples;
    const float *rows[4], *reference = s->reference_row;
    float weights[4];
    rows_for(s, y, scratch, rows, weights);
    for (size_t begin = 0; begin < n; begin += VD_STRIP) {
        size_t end = vd_strip_end(begin, n);
        const float *strip[4] = {rows[0] + begin, rows[1] + begin, rows[2] + begin, rows[3] + begin};
        vd_prefetch(scratch->prefetch, 2, begin, end, n);
        s->kernels->expand_vertical(out + begin, strip, weights, end - begin);
        s->conversions->add_f32(out + begin, reference + begin, (ptrdiff_t)(end - begin));
    }
}
