/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Template: the kernels of holes.h as plain loops, each compiled for one instruction set. Takes VD_TARGET, the function
 * attribute.
 */
#include <math.h>
#include <string.h>

#include "kernels/holes.h"

static VD_TARGET int surprises(const float *restrict f, const float *restrict p, const vd_spot_test *test, ptrdiff_t n)
{
    int found = 0;
    for (ptrdiff_t c = 0; c < test->channels; c++) {
        float power = test->power[c], gain = test->gain, offset = test->offset, least = test->least;
        float more = 8 * test->photon;
        const float *restrict a = f + c * n, *restrict b = p + c * n;
        const float *restrict light = p + (test->luma_channels == 1 ? 0 : c) * n;
        float share = (float)test->luma_channels; /* of one channel, in place of their sum */
        for (ptrdiff_t x = 0; x < n; x++) {
            float v = gain * share * light[x] + offset, e = fabsf(a[x] - b[x]) - more;
            v = power * (v > least ? v : least);
            found |= (e > 0) & (e * e > 16 * v); /* brightness is not quite that of find_spots */
        }
    }
    return found;
}

/* Descending; the eight values around column x of three rows, times sign. */
static inline VD_TARGET void around(float out[8], const float *const rows[3], ptrdiff_t x, float sign)
{
    int n = 0;
    for (int j = 0; j < 3; j++)
        for (int i = -1; i <= 1; i++) {
            if (j == 1 && i == 0)
                continue;
            float value = sign * rows[j][x + i];
            int k = n++;
            for (; k > 0 && out[k - 1] < value; k--)
                out[k] = out[k - 1];
            out[k] = value;
        }
}

/* How many of the eight |e| around column x are at least `most`. */
static inline VD_TARGET int rivals(const float *const f[3], const float *const p[3], ptrdiff_t x, float most)
{
    int count = 0;
    for (int j = 0; j < 3; j++)
        for (int i = -1; i <= 1; i++)
            count += (j != 1 || i != 0) && fabsf(f[j][x + i] - p[j][x + i]) >= most;
    return count;
}

static VD_TARGET int find_spots(uint8_t *spots, const float *f[3][VD_SPOT_CHANNELS],
                                const float *p[3][VD_SPOT_CHANNELS], const uint8_t *lost, const vd_spot_test *test,
                                ptrdiff_t n)
{
    int found = 0;
    for (ptrdiff_t x = 0; x < n; x++) {
        int prior = p[0][0] != NULL && (lost == NULL || lost[x] == 0);
        float light = 0;
        for (ptrdiff_t c = 0; c < test->luma_channels; c++)
            light += 0.25f * ((f[1][c][x - 1] + f[1][c][x + 1]) + (f[0][c][x] + f[2][c][x]));
        float r = test->gain * light + test->offset;
        r = r > test->least ? r : test->least;
        int spot = 0;
        for (ptrdiff_t c = 0; c < test->channels; c++) {
            const float *const own[3] = {f[0][c], f[1][c], f[2][c]};
            float s = sqrtf(test->power[c] * r), value = own[1][x], e = prior ? value - p[1][c][x] : 0;
            if (prior && !(fabsf(e) > 5 * s + 8 * test->photon))
                continue;
            float left = value - own[1][x - 1], right = value - own[1][x + 1], up = value - own[0][x];
            float down = value - own[2][x], sign = left > 0 ? 1 : -1, margin = 6 * s + 12 * test->photon;
            float least = sign * left < sign * right ? sign * left : sign * right;
            least = least < sign * up ? least : sign * up;
            least = least < sign * down ? least : sign * down;
            float ring[8];
            if (least > margin && (!prior || sign * e > 0)) {
                around(ring, own, x, sign);
                float spread = ring[1] - ring[6] - 2.2f * s;
                if (sign * value - ring[0] > margin + 8 * (spread > 0 ? spread : 0)) {
                    spot |= VD_SPOT_STRICT | (sign > 0 ? VD_SPOT_ABOVE : VD_SPOT_BELOW);
                    continue;
                }
            }
            if (!prior)
                continue;
            const float *const before[3] = {p[0][c], p[1][c], p[2][c]};
            sign = e > 0 ? 1 : -1;
            if (rivals(own, before, x, fmaxf(1.5f * s, fabsf(e) / 5)) > 1)
                continue;
            around(ring, own, x, sign);
            if (!(sign * value - ring[1] > 2 * s))
                continue;
            around(ring, before, x, sign);
            float most = ring[0] > sign * before[1][x] ? ring[0] : sign * before[1][x];
            if (sign * value - most > 2 * s)
                spot |= sign > 0 ? VD_SPOT_ABOVE : VD_SPOT_BELOW;
        }
        spots[x] = (uint8_t)spot;
        found |= spot;
    }
    return found;
}

static VD_TARGET int spikes(uint8_t *restrict out, const float *restrict above, const float *restrict row,
                            const float *restrict below, float most, ptrdiff_t n)
{
    int found = 0;
    memset(out, 0, (size_t)n);
    for (ptrdiff_t x = 1; x < n - 1; x++) {
        float high = row[x - 1] > row[x + 1] ? row[x - 1] : row[x + 1];
        float low = row[x - 1] < row[x + 1] ? row[x - 1] : row[x + 1];
        for (int i = -1; i <= 1; i++) {
            high = above[x + i] > high ? above[x + i] : high;
            high = below[x + i] > high ? below[x + i] : high;
            low = above[x + i] < low ? above[x + i] : low;
            low = below[x + i] < low ? below[x + i] : low;
        }
        int spike = (row[x] - high > most) | (low - row[x] > most);
        out[x] = (uint8_t)spike;
        found |= spike;
    }
    return found;
}

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
    k->surprises = surprises;
    k->find_spots = find_spots;
    k->spikes = spikes;
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
