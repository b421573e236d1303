/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Template: the kernels of motion.h as plain loops for one real type and instruction set.
 *
 * Takes REAL and SUFFIX and undefines them; VD_TARGET is the attribute that selects the
 * instruction set. WARP_4 and WARP_EVIDENCE, if defined, are functions in place of the
 * loops over pixels of four reals and of pairs.
 */
#if !defined(REAL) || !defined(SUFFIX) || !defined(VD_TARGET)
#error "define REAL, SUFFIX and VD_TARGET before including motion_template.h"
#endif

#include <float.h>
#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "kernels/motion.h"

#define PASTE2(a, b) a##_##b
#define PASTE(a, b) PASTE2(a, b)
#define NAME(name) PASTE(motion_##name, SUFFIX)
#define INLINE static inline VD_TARGET

/* Before a loop over pixels: no pixel reads what another writes. */
#if defined(__clang__)
#define INDEPENDENT _Pragma("clang loop vectorize(assume_safety)")
#elif defined(__GNUC__)
#define INDEPENDENT _Pragma("GCC ivdep")
#else
#define INDEPENDENT
#endif

/* ---- warp ---- */

/* Along one axis: the first of four taps for each of n positions start + step i + moved[i], and their weights. moved
 * becomes the position less its floor. */
INLINE void NAME(find_axis)(int32_t *restrict first, REAL *restrict weights, REAL *restrict moved, REAL start,
                            REAL step, REAL low, REAL high, ptrdiff_t n)
{
    const REAL a = (REAL)-0.75;
    REAL *restrict before = weights, *restrict here = weights + n, *restrict next = weights + 2 * n;
    REAL *restrict after = weights + 3 * n;
    INDEPENDENT
    for (ptrdiff_t i = 0; i < n; i++) {
        REAL at = (start + step * (REAL)(int32_t)i) + moved[i];
        at = at > low ? at : low;
        at = at < high ? at : high;
        int32_t below = (int32_t)at;
        below -= at < (REAL)below;
        REAL f = at - (REAL)below, g = 1 - f;
        REAL outer = a * f * g * g, centre = ((a + 2) * f - (a + 3)) * f * f + 1, far = a * f * f * g;
        first[i] = below - 1;
        before[i] = outer;
        here[i] = centre;
        next[i] = 1 - outer - centre - far;
        after[i] = far;
        moved[i] = f;
    }
}

/* Reals of the taps: weights along y and x, [4][width] each, then rows, columns and the positions less their floors. */
#define TAPS_Y(taps, width) (taps)
#define TAPS_X(taps, width) ((taps) + 4 * (width))
#define TAPS_ROWS(taps, width) ((taps) + 8 * (width))
#define TAPS_COLUMNS(taps, width) ((taps) + 9 * (width))
#define TAPS_FRACTION_X(taps, width) ((taps) + 10 * (width))
#define TAPS_FRACTION_Y(taps, width) ((taps) + 11 * (width))

static VD_TARGET int NAME(find_taps)(void *taps_, uint8_t *restrict lost, const float *restrict flow, int64_t y,
                                     int64_t height, int64_t width, double clamp, double reach)
{
    REAL *taps = taps_, *restrict dx = TAPS_FRACTION_X(taps, width), *restrict dy = TAPS_FRACTION_Y(taps, width);
    const REAL min = (REAL)-reach, max_x = (REAL)(width - 1) + (REAL)reach, max_y = (REAL)(height - 1) + (REAL)reach;
    int32_t any = 0;
    INDEPENDENT
    for (int64_t x = 0; x < width; x++) {
        int32_t finite = (fabsf(flow[2 * x]) <= FLT_MAX) & (fabsf(flow[2 * x + 1]) <= FLT_MAX);
        dx[x] = finite ? (REAL)flow[2 * x] : 0;
        dy[x] = finite ? (REAL)flow[2 * x + 1] : 0;
        REAL at_x = (REAL)(int32_t)x + dx[x], at_y = (REAL)y + dy[x];
        any |= !(finite & (at_x >= min) & (at_x <= max_x) & (at_y >= min) & (at_y <= max_y));
    }
    for (int64_t x = 0; x < width; x++)
        lost[x] = 0;
    if (any) {
        INDEPENDENT
        for (int64_t x = 0; x < width; x++) {
            REAL at_x = (REAL)(int32_t)x + dx[x], at_y = (REAL)y + dy[x];
            int32_t found = (fabsf(flow[2 * x]) <= FLT_MAX) & (fabsf(flow[2 * x + 1]) <= FLT_MAX) & (at_x >= min) &
                            (at_x <= max_x) & (at_y >= min) & (at_y <= max_y);
            lost[x] = (uint8_t)(1 - found);
        }
    }
    NAME(find_axis)((int32_t *)TAPS_COLUMNS(taps, width), TAPS_X(taps, width), dx, 0, 1, (REAL)-clamp,
                    (REAL)(width - 1) + (REAL)clamp, width);
    NAME(find_axis)((int32_t *)TAPS_ROWS(taps, width), TAPS_Y(taps, width), dy, (REAL)y, 0, (REAL)-clamp,
                    (REAL)(height - 1) + (REAL)clamp, width);
    return any;
}

INLINE int64_t NAME(clamped)(int64_t row, int64_t height) { return row < 0 ? 0 : row < height ? row : height - 1; }

INLINE const REAL *NAME(row_at)(const REAL *picture, ptrdiff_t pitch, int64_t row, int64_t height)
{
    return picture + (ptrdiff_t)NAME(clamped)(row, height) * pitch;
}

/* The four rows of pixel x, from the first of its columns on, and its weights. */
#define LOAD_TAPS(step)                                                                                                \
    const REAL *start = picture + (ptrdiff_t)columns[x] * (step);                                                      \
    const REAL *r0 = NAME(row_at)(start, pitch, rows[x], height),                                                      \
               *r1 = NAME(row_at)(start, pitch, rows[x] + 1, height);                                                  \
    const REAL *r2 = NAME(row_at)(start, pitch, rows[x] + 2, height),                                                  \
               *r3 = NAME(row_at)(start, pitch, rows[x] + 3, height);                                                  \
    REAL v0 = in_y[x], v1 = in_y[width + x], v2 = in_y[2 * width + x], v3 = in_y[3 * width + x];                       \
    REAL w0 = in_x[x], w1 = in_x[width + x], w2 = in_x[2 * width + x], w3 = in_x[3 * width + x];

#define NAME_TAPS(taps, width)                                                                                         \
    const REAL *in_y = TAPS_Y(taps, width), *in_x = TAPS_X(taps, width);                                               \
    const int32_t *rows = (const int32_t *)TAPS_ROWS(taps, width),                                                     \
                  *columns = (const int32_t *)TAPS_COLUMNS(taps, width);

#define WARP(STEP)                                                                                                     \
    for (int64_t x = 0; x < width; x++) {                                                                              \
        LOAD_TAPS(STEP)                                                                                                \
        REAL sums[4 * (STEP)];                                                                                         \
        for (int k = 0; k < 4 * (STEP); k++)                                                                           \
            sums[k] = (v0 * r0[k] + v1 * r1[k]) + (v2 * r2[k] + v3 * r3[k]);                                           \
        for (int c = 0; c < (STEP); c++)                                                                               \
            out[x * (STEP) + c] =                                                                                      \
                (w0 * sums[c] + w1 * sums[(STEP) + c]) + (w2 * sums[2 * (STEP) + c] + w3 * sums[3 * (STEP) + c]);      \
    }

static VD_TARGET void NAME(warp)(void *out_, const void *picture_, ptrdiff_t pitch, const void *taps_, int64_t height,
                                 int64_t width, int step)
{
    REAL *restrict out = out_;
    const REAL *restrict picture = picture_, *restrict taps = taps_;
    NAME_TAPS(taps, width)
#ifdef WARP_4
    if (step == 4)
        WARP_4(out, picture, pitch, height, width, rows, columns, in_y, in_x);
#else
    if (step == 4)
        WARP(4)
#endif
    else if (step == 2)
        WARP(2)
    else
        WARP(1)
}

static VD_TARGET void NAME(warp_evidence)(void *weight_, void *variance_, const void *picture_, ptrdiff_t pitch,
                                          const void *taps_, int64_t height, int64_t width)
{
    REAL *restrict weight = weight_, *restrict variance = variance_;
    const REAL *restrict picture = picture_, *restrict taps = taps_;
    const REAL *restrict part_x = TAPS_FRACTION_X(taps, width), *restrict part_y = TAPS_FRACTION_Y(taps, width);
    NAME_TAPS(taps, width)
#ifdef WARP_EVIDENCE
    WARP_EVIDENCE(weight, variance, picture, pitch, height, width, rows, columns, in_y, in_x, part_y, part_x);
#else
    for (int64_t x = 0; x < width; x++) {
        LOAD_TAPS(2)
        REAL f = part_x[x], h = part_y[x], g = 1 - f, sums[8], near[8];
        v0 *= v0;
        v1 *= v1;
        v2 *= v2;
        v3 *= v3;
        for (int k = 0; k < 8; k++)
            sums[k] = (v0 * r0[k] + v1 * r1[k]) + (v2 * r2[k] + v3 * r3[k]);
        for (int k = 0; k < 8; k++)
            near[k] = (1 - h) * r1[k] + h * r2[k];
        weight[x] = g * near[2] + f * near[4];
        variance[x] = (w0 * w0 * sums[1] + w1 * w1 * sums[3]) + (w2 * w2 * sums[5] + w3 * w3 * sums[7]);
    }
#endif
}

/* The taps around one pixel of an estimate, and their weights. */
typedef struct NAME(mending) {
    ptrdiff_t row[4];
    int32_t column;
    bool known[4][4], complete;
    REAL in_y[4], in_x[4];
    REAL near[2][2]; /* weights of the bilinear mean of what is known */
} NAME(mending);

/* Returns whether a tap is missing. */
INLINE bool NAME(find_missing)(NAME(mending) * m, const vd_estimate_layout *layout, const REAL *estimate,
                               const REAL *taps, int64_t x)
{
    int64_t width = layout->width;
    const REAL *evidence = estimate + vd_estimate_evidence(layout);
    NAME_TAPS(taps, width)
    bool missing = false;
    m->column = columns[x];
    m->complete = true;
    for (int j = 0; j < 4; j++) {
        m->row[j] = (ptrdiff_t)NAME(clamped)(rows[x] + j, layout->height) * layout->pitch;
        m->in_y[j] = in_y[j * width + x];
        m->in_x[j] = in_x[j * width + x];
    }
    for (int j = 0; j < 4; j++)
        for (int i = 0; i < 4; i++) {
            bool known = evidence[m->row[j] + 2 * (m->column + i)] > 0;
            m->known[j][i] = known;
            missing = missing || !known;
            m->complete = m->complete && (known || m->in_y[j] * m->in_x[i] == 0);
        }
    REAL f = TAPS_FRACTION_X(taps, width)[x], h = TAPS_FRACTION_Y(taps, width)[x];
    REAL linear_y[2] = {1 - h, h}, linear_x[2] = {1 - f, f}, sum = 0;
    for (int j = 0; j < 2; j++)
        for (int i = 0; i < 2; i++) {
            m->near[j][i] = m->known[j + 1][i + 1] ? linear_y[j] * linear_x[i] : 0;
            sum += m->near[j][i];
        }
    for (int j = 0; j < 2; j++)
        for (int i = 0; i < 2; i++)
            m->near[j][i] = sum > 0 ? m->near[j][i] / sum : 0;
    return missing;
}

/* The taps' sum for one of `step` reals per pixel, of which `first` is that of column 0 in row 0. */
INLINE REAL NAME(mended)(const NAME(mending) * m, const REAL *first, int step, bool squared)
{
    REAL sum = 0;
    if (!m->complete) {
        for (int j = 0; j < 2; j++)
            for (int i = 0; i < 2; i++)
                if (m->near[j][i] > 0) {
                    REAL part = m->near[j][i];
                    sum += (squared ? part * part : part) * first[m->row[j + 1] + (m->column + i + 1) * step];
                }
        return sum;
    }
    REAL column[4];
    for (int i = 0; i < 4; i++) {
        REAL terms[4];
        for (int j = 0; j < 4; j++) {
            REAL part = squared ? m->in_y[j] * m->in_y[j] : m->in_y[j];
            terms[j] = m->known[j][i] ? part * first[m->row[j] + (m->column + i) * step] : 0;
        }
        REAL part = squared ? m->in_x[i] * m->in_x[i] : m->in_x[i];
        column[i] = part * ((terms[0] + terms[1]) + (terms[2] + terms[3]));
    }
    return (column[0] + column[1]) + (column[2] + column[3]);
}

static VD_TARGET void NAME(mend)(void *planes_, ptrdiff_t plane_pitch, const vd_estimate_layout *layout,
                                 const void *estimate_, const void *taps_, const uint8_t *lost, int holes)
{
    REAL *planes = planes_;
    const REAL *estimate = estimate_, *taps = taps_;
    int64_t channels = layout->channels;
    REAL *weight = planes + channels * plane_pitch, *variance = weight + plane_pitch;
    for (int64_t x = 0; x < layout->width; x++) {
        NAME(mending) m;
        if ((lost != NULL && lost[x]) || !(weight[x] >= (REAL)VD_MIN_WEIGHT)) {
            for (int64_t c = 0; c < channels + 2; c++)
                planes[c * plane_pitch + x] = 0;
        } else if (holes && NAME(find_missing)(&m, layout, estimate, taps, x)) {
            for (int64_t c = 0; c < channels; c++)
                planes[c * plane_pitch + x] = NAME(mended)(&m, estimate + vd_estimate_group(layout, c / 4) + c % 4,
                                                           vd_estimate_step(channels, c / 4), false);
            variance[x] = NAME(mended)(&m, estimate + vd_estimate_evidence(layout) + 1, 2, true);
        }
    }
}

/* ---- planes ---- */

static VD_TARGET void NAME(split)(void *planes_, ptrdiff_t plane_pitch, const void *row_, int64_t pixels, int64_t step,
                                  int64_t channels)
{
    REAL *restrict planes = planes_;
    const REAL *restrict row = row_;
    if (step == 1)
        memcpy(planes, row, (size_t)pixels * sizeof *row);
    else if (step == 4 && channels == 3) {
        REAL *restrict p0 = planes, *restrict p1 = planes + plane_pitch, *restrict p2 = planes + 2 * plane_pitch;
        INDEPENDENT
        for (int64_t x = 0; x < pixels; x++) {
            p0[x] = row[4 * x];
            p1[x] = row[4 * x + 1];
            p2[x] = row[4 * x + 2];
        }
    } else if (step == 3 && channels == 3) {
        REAL *restrict p0 = planes, *restrict p1 = planes + plane_pitch, *restrict p2 = planes + 2 * plane_pitch;
        INDEPENDENT
        for (int64_t x = 0; x < pixels; x++) {
            p0[x] = row[3 * x];
            p1[x] = row[3 * x + 1];
            p2[x] = row[3 * x + 2];
        }
    } else
        for (int64_t c = 0; c < channels; c++)
            for (int64_t x = 0; x < pixels; x++)
                planes[c * plane_pitch + x] = row[x * step + c];
}

static VD_TARGET void NAME(join)(void *row_, const void *planes_, ptrdiff_t plane_pitch, int64_t pixels, int64_t step,
                                 int64_t channels)
{
    REAL *restrict row = row_;
    const REAL *restrict planes = planes_;
    const REAL *restrict p0 = planes, *restrict p1 = planes + plane_pitch, *restrict p2 = planes + 2 * plane_pitch;
    if (step == 1)
        memcpy(row, planes, (size_t)pixels * sizeof *row);
    else if (step == 2 && channels == 2) {
        INDEPENDENT
        for (int64_t x = 0; x < pixels; x++) {
            row[2 * x] = p0[x];
            row[2 * x + 1] = p1[x];
        }
    } else if (step == 4 && channels == 3) {
        INDEPENDENT
        for (int64_t x = 0; x < pixels; x++) {
            row[4 * x] = p0[x];
            row[4 * x + 1] = p1[x];
            row[4 * x + 2] = p2[x];
            row[4 * x + 3] = 0;
        }
    } else if (step == 3 && channels == 3) {
        INDEPENDENT
        for (int64_t x = 0; x < pixels; x++) {
            row[3 * x] = p0[x];
            row[3 * x + 1] = p1[x];
            row[3 * x + 2] = p2[x];
        }
    } else
        for (int64_t c = 0; c < channels; c++)
            for (int64_t x = 0; x < pixels; x++)
                row[x * step + c] = planes[c * plane_pitch + x];
}

static VD_TARGET int NAME(cap)(void *out_, const void *weights_, int64_t n)
{
    REAL *restrict out = out_;
    const REAL *restrict weights = weights_;
    int32_t low = 0;
    for (int64_t i = 0; i < n; i++) {
        low |= weights[i] < 1;
        out[i] = weights[i] < 1 ? weights[i] : 1;
    }
    return low;
}

static VD_TARGET void NAME(measure)(void *planes_, ptrdiff_t plane_pitch, const double *confidence, int64_t shares,
                                    const double *gain, const double *offset, double min_variance, int64_t channels,
                                    int64_t pixels, double *restrict scratch)
{
    REAL *planes = planes_;
    REAL *restrict weight = planes + channels * plane_pitch, *restrict variance = weight + plane_pitch;
    double count = (double)channels;
    for (int64_t x = 0; x < pixels; x++)
        scratch[x] = 1;
    for (int64_t c = 0; confidence != NULL && c < shares; c++)
        for (int64_t x = 0; x < pixels; x++) {
            double share = confidence[x * shares + c];
            scratch[x] = share < scratch[x] ? share : scratch[x];
        }
    for (int64_t c = 0; c < channels; c++) {
        const REAL *restrict samples = planes + c * plane_pitch;
        for (int64_t x = 0; x < pixels; x++)
            scratch[x] = samples[x] == samples[x] ? scratch[x] : 0;
    }
    for (int64_t x = 0; x < pixels; x++)
        weight[x] = (REAL)(scratch[x] >= VD_MIN_WEIGHT ? scratch[x] : 0);
    for (int64_t x = 0; x < pixels; x++)
        scratch[x] = 0;
    for (int64_t c = 0; gain != NULL && c < channels; c++) {
        const REAL *restrict samples = planes + c * plane_pitch;
        const double slope = gain[c], base = offset[c];
        for (int64_t x = 0; x < pixels; x++) {
            double expected = slope * (double)samples[x] + base;
            scratch[x] += expected > min_variance ? expected : min_variance;
        }
    }
    for (int64_t x = 0; x < pixels; x++)
        variance[x] = (REAL)(weight[x] > 0 ? scratch[x] / count : 0);
}

#include "kernels/motion_gate_template.h"
#include "kernels/motion_guide_template.h"

static void PASTE(fill_motion, SUFFIX)(vd_motion_kernels *k)
{
    k->find_taps = NAME(find_taps);
    k->warp = NAME(warp);
    k->warp_evidence = NAME(warp_evidence);
    k->mend = NAME(mend);
    k->split = NAME(split);
    k->join = NAME(join);
    k->mean = NAME(mean);
    k->stretch = NAME(stretch);
    k->total = NAME(total);
    k->centre = NAME(centre);
    k->restore = NAME(restore);
    k->cap = NAME(cap);
    k->measure = NAME(measure);
    k->differ = NAME(differ);
    k->sum_along = NAME(sum_along);
    k->add_rows = NAME(add_rows);
    k->coefficients = NAME(coefficients);
    k->merge = NAME(merge);
    k->check_weights = NAME(check_weights);
    k->add_evidence = NAME(add_evidence);
    k->row_range = NAME(row_range);
}

#undef WARP
#undef NAME_TAPS
#undef LOAD_TAPS
#undef TAPS_Y
#undef TAPS_X
#undef TAPS_ROWS
#undef TAPS_COLUMNS
#undef TAPS_FRACTION_X
#undef TAPS_FRACTION_Y
#undef INDEPENDENT
#undef INLINE
#undef NAME
#undef PASTE
#undef PASTE2
#undef SUFFIX
#undef REAL
