/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Template: the direct separable filter of one row, for one real type.
 *
 * Takes REAL (the type), SUFFIX (of the kernels), and undefines both.
 *
 * Vertical first: the rows around y are read in place, one row of sums stays in the cache, and the horizontal pass runs over
 * it. No row depends on another, so any tiling gives the same bits.
 */
#if !defined(REAL) || !defined(SUFFIX)
#error "define REAL and SUFFIX before including spatial_template.h"
#endif
#define PASTE2(a, b) a##_##b
#define PASTE(a, b) PASTE2(a, b)
#define NAME(name) PASTE(name, SUFFIX)

/* The rounding error of the vertical kernel for row y (-1: a row far from any edge) on a picture of the reference: one per
 * channel, repeated along the row. */
static void NAME(vertical_correction)(const vd_spatial *s, const REAL *weights, int64_t y, int thread, REAL *error)
{
    const REAL *reference = s->reference_row, **rows = (const REAL **)s->scratch[thread].rows;
    int radius = (int)s->y.radius;
    for (int j = -radius; j <= radius; j++)
        rows[radius + j] = y < 0 || (y + j >= 0 && y + j < s->height) ? reference : s->plane.outside;
    s->kernels->NAME(vertical)(error, rows, weights, radius, s->zero_row, 0, (size_t)s->channels);
    for (int64_t i = 0; i < s->channels; i++)
        error[i] -= reference[i];
    for (int64_t i = s->channels; i < s->samples; i++)
        error[i] = error[i - s->channels];
}

/* Row y filtered along y, in the middle of a padded row. Means are divided by the share of the weights inside the picture, and
 * computed two rows at a time far from the edges. */
static REAL *NAME(filter_vertically)(const vd_spatial *s, const vd_plane *plane, const REAL *weights, int64_t y,
                                     int thread, bool mean)
{
    vd_scratch *scratch = s->scratch + thread;
    int radius = (int)s->y.radius;
    int64_t margin = s->x.radius * s->channels;
    REAL *row = (REAL *)scratch->padded + margin;
    if (mean && scratch->ahead_at == y)
        return (REAL *)scratch->ahead + margin;
    if (radius == 0) {
        memcpy(row, plane->data + y * plane->stride, (size_t)s->samples * sizeof *row);
        return row;
    }
    const REAL *correction = mean ? s->correction_y : s->zero_row;
    bool cut = y < radius || y >= s->height - radius, pair = mean && !cut && y + 1 < s->height - radius;
    if (mean && cut && s->boundary == VD_BOUNDARY_RENORMALIZE) {
        REAL *scaled = scratch->weights, *error = scratch->correction;
        for (int j = 0; j <= radius; j++)
            scaled[j] = (REAL)(s->y.weights[j] / s->y.inside[y]);
        NAME(vertical_correction)(s, scaled, y, thread, error);
        weights = scaled;
        correction = error;
    }
    const REAL **rows = (const REAL **)scratch->rows;
    vd_rows_under(s, plane, y - radius, 2 * radius + 1 + pair, scratch->rows);
    if (pair) {
        size_t n = (size_t)s->samples;
        vd_span next[2];
        vd_rows_span(s, y + radius + 2, 2, sizeof(REAL), next);
        scratch->ahead_at = y + 1;
        for (size_t begin = 0; begin < n; begin += VD_STRIP) {
            size_t end = vd_strip_end(begin, n);
            vd_prefetch(next, 2, begin, end, n);
            s->kernels->NAME(vertical_pair)(row, (REAL *)scratch->ahead + margin, rows, weights, radius, correction,
                                            begin, end);
        }
    } else
        s->kernels->NAME(vertical)(row, rows, weights, radius, correction, 0, (size_t)s->samples);
    return row;
}

/* out = the row filtered along x, without division at the edges, less the correction. */
static void NAME(filter_horizontally)(const vd_spatial *s, int thread, REAL *row, const REAL *outside,
                                      const REAL *weights, const REAL *correction, REAL *out)
{
    if (s->x.radius == 0) {
        memcpy(out, row, (size_t)s->samples * sizeof *out);
        return;
    }
    size_t pixel = (size_t)s->channels * sizeof *row;
    vd_extend_row(s, row, pixel, outside, -s->x.radius, 0);
    vd_extend_row(s, row, pixel, outside, s->width, s->width + s->x.radius);
    size_t n = (size_t)s->samples;
    for (size_t begin = 0; begin < n; begin += VD_STRIP) {
        size_t end = vd_strip_end(begin, n);
        vd_prefetch(s->scratch[thread].prefetch, 2, begin, end, n);
        s->kernels->NAME(horizontal)(out + begin, row + begin, (size_t)s->channels, weights, (int)s->x.radius,
                                     correction + begin, end - begin);
    }
}

/* Divides the ends of the row by the share of the weights inside, then subtracts the correction. */
static void NAME(renormalize_ends)(const vd_spatial *s, REAL *out, const REAL *correction)
{
    int64_t edge = s->x.radius < s->width ? s->x.radius : s->width;
    for (int64_t x = 0; x < s->width; x++) {
        if (x == edge && s->width - edge > edge)
            x = s->width - edge;
        REAL gain = (REAL)(1 / s->x.inside[x]);
        for (int64_t i = x * s->channels; i < (x + 1) * s->channels; i++)
            out[i] = out[i] * gain - correction[i];
    }
}

static void NAME(mean_row)(const vd_spatial *s, const REAL *weights_y, const REAL *weights_x, int64_t y, int thread,
                           REAL *out)
{
    REAL *row = NAME(filter_vertically)(s, &s->plane, weights_y, y, thread, true);
    NAME(filter_horizontally)(s, thread, row, s->plane.outside, weights_x, s->correction_x, out);
    if (s->boundary == VD_BOUNDARY_RENORMALIZE && s->x.radius > 0)
        NAME(renormalize_ends)(s, out, s->correction_edge);
}

/* The corrections for the current frame: the rounding errors of the kernels on a picture of the reference. */
static void NAME(prepare_corrections)(vd_spatial *s, const REAL *weights_y, const REAL *weights_x)
{
    REAL *reference = s->reference_row, *zero = s->zero_row;
    REAL *vertical = s->correction_y, *horizontal = s->correction_x, *edge = s->correction_edge;
    int64_t samples = s->samples, channels = s->channels;
    for (int64_t i = 0; i < samples; i++)
        reference[i] = (REAL)s->reference[i % channels];
    if (s->y.radius > 0)
        NAME(vertical_correction)(s, weights_y, -1, 0, vertical);
    if (s->x.radius > 0) {
        bool open = s->boundary == VD_BOUNDARY_RENORMALIZE;
        REAL *row = (REAL *)s->scratch[0].padded + s->x.radius * channels;
        memcpy(row, reference, (size_t)samples * sizeof *row);
        NAME(filter_horizontally)(s, 0, row, open ? zero : reference, weights_x, zero, edge);
        if (open)
            NAME(renormalize_ends)(s, edge, zero);
        for (int64_t x = 0; x < s->width; x++) {
            bool cut = open && (x < s->x.radius || x >= s->width - s->x.radius);
            for (int64_t i = x * channels; i < (x + 1) * channels; i++) {
                edge[i] -= reference[i];
                horizontal[i] = cut ? 0 : edge[i];
            }
        }
    }
}

#undef REAL
#undef SUFFIX
#undef PASTE2
#undef PASTE
#undef NAME
