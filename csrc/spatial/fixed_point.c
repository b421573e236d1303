/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Direct filtering of 8-bit frames in 16-bit fixed point, 256 units to a grey level.
 *
 * Each of the r + 1 products of a pass loses 0 to 1 units, and half a unit is added back for each: the error of a pass is
 * below (r + 1) / 2 units, twice that in the outermost columns, whose sums are scaled by up to 2 after rounding. Rounding the
 * weights to 16 bits adds half the sum of their errors, and outer taps that are left out add their weight. `bound` is the sum
 * of these. Sums fit 16 bits, as the weights of a pass add up to at most 65536 and the bias is far below 255.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "spatial/spatial.h"

/* 65536 w[j] / inside (the centre) and 131072 w[j] / inside (pairs), with the rounding error carried from tap to tap so
 * that the sum is kept. Returns the sum of the rounding errors. */
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

/* The axis without its outermost taps, as many as weigh at most `spare` together; *dropped is their weight. */
static vd_status shorten(vd_axis *shorter, const vd_axis *axis, double spare, int32_t boundary, double *dropped)
{
    int64_t radius = axis->radius;
    *dropped = 0;
    while (radius > 0 && *dropped + 2 * axis->weights[radius] <= spare)
        *dropped += 2 * axis->weights[radius--];
    return vd_axis_init(shorter, axis->length, axis->sigma, (double)radius, boundary);
}

static double minimum(const double *values, int64_t n)
{
    double smallest = values[0];
    for (int64_t i = 1; i < n; i++)
        smallest = fmin(smallest, values[i]);
    return smallest;
}

void vd_fixed_free(vd_spatial *s)
{
    free(s->fixed_y);
    free(s->fixed_x);
    free(s->fixed_gain);
    s->fixed_y = s->fixed_x = s->fixed_gain = NULL;
    vd_axis_free(&s->short_y);
    vd_axis_free(&s->short_x);
}

vd_status vd_fixed_init(vd_spatial *s, double spare)
{
    vd_fixed_free(s);
    bool open = s->boundary == VD_BOUNDARY_RENORMALIZE;
    double dropped_y, dropped_x;
    vd_axis *y = &s->short_y, *x = &s->short_x;
    vd_status status = shorten(y, &s->y, spare, s->boundary, &dropped_y);
    if (status == VD_OK)
        status = shorten(x, &s->x, spare, s->boundary, &dropped_x);
    if (status != VD_OK)
        return status;
    size_t taps_y = (size_t)y->radius + 1, taps_x = (size_t)x->radius + 1;
    double inside_y = open ? minimum(y->inside, s->height) : 1, inside_x = open ? minimum(x->inside, s->width) : 1;
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
        coefficients =
            fmax(coefficients, fixed_weights(s->fixed_y + (size_t)distance * taps_y, y->weights, y->radius, inside));
    }
    coefficients += fixed_weights(s->fixed_x, x->weights, x->radius, 1) / inside_x;
    for (int64_t i = 0; i < s->width; i++)
        s->fixed_gain[i] = (uint16_t)(open ? floor(16384 / x->inside[i] + 0.5) : 16384);
    double rounding = (y->radius > 0 ? (double)taps_y / 2 : 0) + (x->radius > 0 ? (double)taps_x / 2 + 0.5 : 0);
    /* At an edge half of the kernel remains, and half of the dropped weight with it: its share is the same. */
    s->bound = dropped_y + dropped_x + coefficients / 2 + (rounding / inside_x + 1) / 65280;
    return VD_OK;
}

/* Row y filtered along y, in the middle of a padded row. Far from the edges rows are computed two at a time. */
static uint16_t *fixed_vertical_row(const vd_spatial *s, int64_t y, vd_scratch *scratch)
{
    int radius = (int)s->short_y.radius;
    int64_t margin = s->short_x.radius * s->channels;
    if (scratch->ahead_at == y)
        return (uint16_t *)scratch->ahead + margin;
    uint16_t *row = (uint16_t *)scratch->padded + margin;
    if (radius == 0) {
        s->conversions->u8_to_fixed(row, (const uint8_t *)(s->plane.data + y * s->plane.stride), s->samples);
        return row;
    }
    const uint8_t **rows = (const uint8_t **)scratch->rows;
    bool pair = y >= radius && y + 1 < s->height - radius;
    vd_rows_under(s, &s->plane, y - radius, 2 * radius + 1 + pair, scratch->rows);
    uint16_t bias = (uint16_t)((radius + 1) / 2);
    size_t n = (size_t)s->samples;
    if (pair) {
        vd_span next[2];
        vd_rows_span(s, y + radius + 2, 2, sizeof(uint8_t), next);
        scratch->ahead_at = y + 1;
        for (size_t begin = 0; begin < n; begin += VD_STRIP) {
            size_t end = vd_strip_end(begin, n);
            vd_prefetch(next, 2, begin, end, n);
            s->kernels->fixed_vertical_pair(row, (uint16_t *)scratch->ahead + margin, rows,
                                            s->fixed_y + s->fixed_edge * (radius + 1), radius, bias, begin, end);
        }
        return row;
    }
    int64_t distance = y < s->height - 1 - y ? y : s->height - 1 - y;
    if (distance > s->fixed_edge)
        distance = s->fixed_edge;
    s->kernels->fixed_vertical(row, rows, s->fixed_y + distance * (radius + 1), radius, bias, 0, (size_t)s->samples);
    return row;
}

void vd_fixed_row(const vd_spatial *s, int64_t y, int thread, uint16_t *out)
{
    vd_scratch *scratch = s->scratch + thread;
    int radius_x = (int)s->short_x.radius;
    int64_t channels = s->channels;
    uint16_t *row = fixed_vertical_row(s, y, scratch);
    if (radius_x == 0) {
        memcpy(out, row, (size_t)s->samples * sizeof *row);
        return;
    }
    uint16_t *outside = scratch->correction;
    size_t pixel = (size_t)channels * sizeof *row;
    for (int64_t c = 0; c < channels; c++)
        outside[c] = (uint16_t)(((const uint8_t *)s->plane.outside)[c] << 8);
    vd_extend_row(s, row, pixel, outside, -radius_x, 0);
    vd_extend_row(s, row, pixel, outside, s->width, s->width + radius_x);
    size_t n = (size_t)s->samples;
    uint16_t bias = (uint16_t)((radius_x + 1) / 2);
    for (size_t begin = 0; begin < n; begin += VD_STRIP) {
        size_t end = vd_strip_end(begin, n);
        vd_prefetch(scratch->prefetch, 2, begin, end, n);
        s->kernels->fixed_horizontal(out + begin, row + begin, (size_t)channels, s->fixed_x, radius_x, bias,
                                     end - begin);
    }
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
