/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Template: the kernels of holes.h as plain loops, each compiled for one instruction set. Takes VD_TARGET, the function
 * attribute.
 */
#include <math.h>
#include <string.h>

#include "kernels/holes.h"

static VD_TARGET int present(float *restrict weight, float *const *planes, ptrdiff_t channels, ptrdiff_t n)
{
    int missing = 0, partial = 0;
    for (ptrdiff_t c = 0; c < channels; c++) {
        const float *restrict plane = planes[c];
        for (ptrdiff_t x = 0; x < n; x++)
            weight[x] = plane[x] == plane[x] ? weight[x] : 0;
    }
    for (ptrdiff_t c = 0; c < channels; c++) {
        float *restrict plane = planes[c];
        for (ptrdiff_t x = 0; x < n; x++)
            plane[x] = weight[x] > 0 ? plane[x] : 0;
    }
    for (ptrdiff_t x = 0; x < n; x++) {
        missing |= weight[x] < 1;
        partial |= (weight[x] < 1) & (weight[x] > 0);
    }
    return (missing ? VD_SOME_MISSING : 0) | (partial ? VD_SOME_PARTIAL : 0);
}

static VD_TARGET void forget(float *restrict weight, const uint8_t *restrict outlier, ptrdiff_t n)
{
    for (ptrdiff_t x = 0; x < n; x++)
        weight[x] = outlier[x] != 0 ? 0 : weight[x];
}

static VD_TARGET void mismatch(float *restrict error, float *restrict both, const float *const *f,
                               const float *const *p, const float *restrict weight, const uint8_t *restrict known,
                               ptrdiff_t channels, ptrdiff_t n)
{
    memset(error, 0, (size_t)n * sizeof *error);
    for (ptrdiff_t c = 0; c < channels; c++) {
        const float *restrict a = f[c], *restrict b = p[c];
        for (ptrdiff_t x = 0; x < n; x++)
            error[x] += (a[x] - b[x]) * (a[x] - b[x]);
    }
    for (ptrdiff_t x = 0; x < n; x++)
        both[x] = known[x] != 0 ? weight[x] : 0;
}

static VD_TARGET void learn(uint8_t *restrict known, const float *restrict weight, ptrdiff_t n)
{
    for (ptrdiff_t x = 0; x < n; x++)
        known[x] = weight[x] > 0 ? 1 : known[x];
}

static VD_TARGET void follow(uint8_t *restrict out, const uint8_t *restrict known, const float *restrict flow,
                             int64_t y, int64_t height, int64_t width)
{
    if (flow == NULL) {
        if (known != NULL)
            memcpy(out, known + y * width, (size_t)width);
        else
            memset(out, 1, (size_t)width);
        return;
    }
    float last_x = (float)(width - 1), last_y = (float)(height - 1);
    for (int64_t x = 0; x < width; x++) {
        float column = (float)x + flow[2 * x], row = (float)y + flow[2 * x + 1];
        out[x] = 0;
        if (!(fabsf(column) < INFINITY && fabsf(row) < INFINITY))
            continue;
        column = column > 0 ? column : 0;
        row = row > 0 ? row : 0;
        column = column < last_x ? column : last_x;
        row = row < last_y ? row : last_y;
        int64_t left = (int64_t)column, above = (int64_t)row;
        int64_t right = (float)left < column ? left + 1 : left, below = (float)above < row ? above + 1 : above;
        out[x] = known == NULL || (known[above * width + left] & known[above * width + right] &
                                   known[below * width + left] & known[below * width + right]);
    }
}

static VD_TARGET void pull(float *const *out, float *restrict out_weight, float *restrict out_spread,
                           const float *const *a, const float *const *b, const float *const *weights,
                           const float *const *spreads, ptrdiff_t channels, ptrdiff_t n)
{
    const float *restrict wa = weights[0], *restrict wb = weights[1];
    for (ptrdiff_t x = 0; x < n; x++)
        out_weight[x] = (wa[2 * x] + wa[2 * x + 1]) + (wb[2 * x] + wb[2 * x + 1]);
    for (ptrdiff_t c = 0; c < channels; c++) {
        const float *restrict above = a[c], *restrict below = b[c];
        float *restrict mean = out[c];
        for (ptrdiff_t x = 0; x < n; x++) {
            float sum = (wa[2 * x] * above[2 * x] + wa[2 * x + 1] * above[2 * x + 1]) +
                        (wb[2 * x] * below[2 * x] + wb[2 * x + 1] * below[2 * x + 1]);
            mean[x] = out_weight[x] > 0 ? sum / out_weight[x] : 0;
        }
    }
    if (spreads == NULL)
        return;
    const float *restrict sa = spreads[0], *restrict sb = spreads[1];
    for (ptrdiff_t x = 0; x < n; x++) {
        float s0 = sa[2 * x], s1 = sa[2 * x + 1], s2 = sb[2 * x], s3 = sb[2 * x + 1];
        for (ptrdiff_t c = 0; c < channels; c++) {
            float m = out[c][x], d0 = a[c][2 * x] - m, d1 = a[c][2 * x + 1] - m;
            float d2 = b[c][2 * x] - m, d3 = b[c][2 * x + 1] - m;
            s0 += d0 * d0;
            s1 += d1 * d1;
            s2 += d2 * d2;
            s3 += d3 * d3;
        }
        float sum = (wa[2 * x] * s0 + wa[2 * x + 1] * s1) + (wb[2 * x] * s2 + wb[2 * x + 1] * s3);
        out_spread[x] = out_weight[x] > 0 ? sum / out_weight[x] : 0;
    }
}

static VD_TARGET void push(float *restrict row, const float *restrict weight, const float *restrict near,
                           const float *restrict far, float scale, ptrdiff_t n)
{
    ptrdiff_t last = (n - 1) / 2;
    for (ptrdiff_t x = 0; x < n; x++) {
        ptrdiff_t i = x / 2, k = x % 2 != 0 ? i + 1 : i - 1;
        k = k < 0 ? 0 : k > last ? last : k;
        float here = 0.75f * near[i] + 0.25f * far[i], beside = 0.75f * near[k] + 0.25f * far[k];
        float parent = 0.75f * here + 0.25f * beside, t = weight[x] * scale;
        t = t < 1 ? t : 1;
        row[x] = t * row[x] + (1 - t) * parent;
    }
}

static VD_TARGET void choose(float *restrict s, const float *restrict f, const float *restrict p,
                             const float *restrict weight, const uint8_t *restrict known, const float *restrict error,
                             const float *restrict spread, float limit, ptrdiff_t n)
{
    for (ptrdiff_t x = 0; x < n; x++) {
        float own = weight[x] > 0 ? weight[x] * f[x] : 0, mixed = own + (1 - weight[x]) * p[x];
        int fits = (known[x] != 0) & (error[x] <= spread[x] + limit);
        s[x] = fits ? mixed : s[x];
    }
}

static VD_TARGET void relative(float *restrict relative, const float *restrict m, const float *const *rows, int count,
                               int radius, float *restrict scratch, ptrdiff_t n)
{
    float *restrict total = scratch + radius, *restrict squares = total + n + 2 * radius;
    memset(scratch, 0, (size_t)(2 * (n + 2 * radius)) * sizeof *scratch);
    for (int j = 0; j < count; j++) {
        const float *restrict row = rows[j];
        for (ptrdiff_t x = 0; x < n; x++) {
            total[x] += row[x];
            squares[x] += row[x] * row[x];
        }
    }
    for (ptrdiff_t x = 0; x < n; x++) {
        float sum = 0, square = 0;
        for (int i = -radius; i <= radius; i++) {
            sum += total[x + i];
            square += squares[x + i];
        }
        float share = m[x] > 0 ? m[x] * sum / square : 0; /* for m of one value, rounding apart, 1 */
        relative[x] = share < 0.9999f ? share : 1;
    }
}

static VD_TARGET void settle(double *restrict share, double *restrict source, const uint8_t *restrict known,
                             const uint8_t *restrict repair, const float *restrict weight, const double *restrict fill,
                             ptrdiff_t channels, ptrdiff_t n)
{
    for (ptrdiff_t x = 0; x < n; x++) {
        int there = known[x] != 0 || (repair != NULL && repair[x] != 0);
        for (ptrdiff_t c = 0; c < channels; c++) {
            share[x * channels + c] = there && (weight == NULL || weight[x] == 0) ? 1 : 0;
            source[x * channels + c] = there || fill == NULL ? source[x * channels + c] : *fill;
        }
    }
}

static VD_TARGET void sum_patches(float *restrict total, float *restrict squares, const float *const *rows,
                                  const int32_t *const *places, ptrdiff_t n)
{
    for (int y = 0; y < 8; y++)
        for (int x = 0; x < 8; x++) {
            const float *restrict row = rows[y];
            const int32_t *restrict place = places[x];
            for (ptrdiff_t i = 0; i < n; i++) {
                float m = row[place[i]];
                total[i] += m;
                squares[i] += m * m;
            }
        }
}

static VD_TARGET void evidence(float *restrict gain, float *restrict share, const float *restrict squares, ptrdiff_t n)
{
    for (ptrdiff_t i = 0; i < n; i++) {
        float mean = squares[i] * (1.0f / 64), root = sqrtf(mean);
        share[i] = mean > 0 ? root : 1;
        gain[i] = 1 / share[i];
    }
}

static VD_TARGET void level(float *restrict out, const float *restrict total, const float *restrict squares,
                            ptrdiff_t n)
{
    for (ptrdiff_t i = 0; i < n; i++)
        out[i] = squares[i] > 0 ? squares[i] / total[i] : 1;
}

static VD_TARGET void multiply_by(float *restrict row, const float *restrict factor, ptrdiff_t n)
{
    for (ptrdiff_t i = 0; i < n; i++)
        row[i] *= factor[i];
}

static VD_TARGET void divide_by(float *restrict row, const float *restrict divisor, ptrdiff_t n)
{
    for (ptrdiff_t i = 0; i < n; i++)
        row[i] /= divisor[i];
}

static void fill_holes(vd_holes_kernels *k)
{
    k->present = present;
    k->forget = forget;
    k->mismatch = mismatch;
    k->learn = learn;
    k->follow = follow;
    k->pull = pull;
    k->push = push;
    k->choose = choose;
    k->relative = relative;
    k->settle = settle;
    k->sum_patches = sum_patches;
    k->evidence = evidence;
    k->level = level;
    k->multiply_by = multiply_by;
    k->divide_by = divide_by;
}
