/* SPDX-License-Identifier: Apache-2.0 */
/* Template: a part of motion_template.h, which includes it: pictures for the flow, and what stored estimates hold. */
#if !defined(REAL) || !defined(NAME)
#error "motion_guide_template.h is a part of motion_template.h"
#endif

#define IS_FINITE(x) ((x) - (x) == 0)

static VD_TARGET void NAME(mean)(void *out_, const void *row_, int64_t pixels, int64_t channels)
{
    REAL *restrict out = out_;
    const REAL *restrict row = row_;
    const REAL number = (REAL)channels;
    if (channels == 3) {
        for (int64_t x = 0; x < pixels; x++)
            out[x] = (row[3 * x] + row[3 * x + 1] + row[3 * x + 2]) / number;
        return;
    }
    for (int64_t x = 0; x < pixels; x++) {
        REAL sum = row[x * channels];
        for (int64_t c = 1; c < channels; c++)
            sum += row[x * channels + c];
        out[x] = sum / number;
    }
}

static VD_TARGET void NAME(stretch)(void *row_, double low, double scale, int64_t n)
{
    REAL *restrict row = row_;
    const REAL base = (REAL)low, factor = (REAL)scale;
    for (int64_t i = 0; i < n; i++)
        row[i] = (row[i] - base) * factor;
}

static VD_TARGET void NAME(total)(double *sum, double *count, const void *row_, int64_t n)
{
    const REAL *row = row_;
    for (int64_t i = 0; i < n; i++) {
        bool known = IS_FINITE(row[i]);
        *sum += known ? (double)row[i] : 0;
        *count += known;
    }
}

static VD_TARGET void NAME(centre)(void *row_, void *known_, double middle, int64_t n)
{
    REAL *restrict row = row_, *restrict known = known_;
    const REAL base = (REAL)middle;
    for (int64_t i = 0; i < n; i++) {
        REAL is_known = IS_FINITE(row[i]) ? 1 : 0;
        row[i] = is_known != 0 ? row[i] - base : 0;
        if (known != NULL)
            known[i] = is_known;
    }
}

static VD_TARGET void NAME(restore)(void *row_, const void *known_, double middle, double range[2], int64_t n)
{
    REAL *restrict row = row_;
    const REAL *restrict known = known_;
    const REAL base = (REAL)middle, min = (REAL)1e-6;
    for (int64_t i = 0; known != NULL && i < n; i++)
        row[i] /= known[i] > min ? known[i] : min;
    REAL low = (REAL)range[0], high = (REAL)range[1];
    for (int64_t i = 0; i < n; i++) {
        row[i] += base;
        low = row[i] < low ? row[i] : low;
        high = row[i] > high ? row[i] : high;
    }
    range[0] = (double)low;
    range[1] = (double)high;
}

/* ---- stored estimates ---- */

static VD_TARGET int NAME(check_weights)(const void *weights_, double max, int64_t n)
{
    const REAL *restrict weights = weights_;
    int unsound = 0, missing = 0;
    for (int64_t i = 0; i < n; i++) {
        double weight = (double)weights[i];
        unsound |= !((weight >= 0) & (weight <= max));
        missing |= !(weight > 0);
    }
    return unsound * VD_WEIGHTS_UNSOUND + missing * VD_WEIGHTS_MISSING;
}

static VD_TARGET void NAME(add_evidence)(double sums[3], const void *pairs_, int64_t pixels)
{
    const REAL *pairs = pairs_;
    for (int64_t x = 0; x < pixels; x++) {
        double weight = (double)pairs[2 * x], variance = (double)pairs[2 * x + 1];
        sums[0] += weight;
        sums[1] += weight > 0 ? variance : 0;
        sums[2] += weight > 0;
    }
}

static VD_TARGET void NAME(row_range)(int32_t range[2], const void *taps_, int64_t width)
{
    const REAL *taps = taps_;
    const int32_t *restrict rows = (const int32_t *)TAPS_ROWS(taps, width);
    int32_t first = rows[0], last = rows[0];
    for (int64_t x = 1; x < width; x++) {
        first = rows[x] < first ? rows[x] : first;
        last = rows[x] > last ? rows[x] : last;
    }
    range[0] = first;
    range[1] = last;
}

#undef IS_FINITE
