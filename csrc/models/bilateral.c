/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The bilateral filter (Tomasi and Manduchi 1998) as a direct sum over a square window:
 *
 *     c_i(x) = exp(-|f_i - f(x)|^2 / (2 range_sigma^2)),  Euclidean over the channels,
 *     W(x) = sum_i m_i c_i(x) G(x - x_i),   sums(x) = f(x) W(x) + sum_i m_i c_i(x) G(x - x_i) (f_i - f(x)).
 *
 * Summing differences keeps the error in proportion to what the filter changes, and a constant picture f W exactly.
 * Where f(x) is missing, it counts as 0 and c_i = 1.
 *
 * Pairs. c_i G is the same from x to x + o as from x + o to x, so half the window is enough: a pair's weight is
 * computed once and serves both pixels. Row y of the picture meets rows y to y + radius; the sums of radius + 1 rows
 * are kept in a ring. A band of rows that a thread works on begins with the pairs that reach in from above, and a tile
 * of columns with those from the left: some weights twice, but every pixel meets its window in the same order, whatever
 * the bands, so the bits do not depend on them.
 *
 * Masks. Runs of columns whose confidences are all 1 are noted per row; pairs within them take the kernels without
 * confidences, which give the same bits. So only the columns near the edges of the picture pay for the missing samples.
 *
 * One channel of 8 bits uses tables of integer weights instead, where the tolerance allows: bilateral_bytes.c.
 *
 * Limits. exp is that of kernels/exponential.h: weights have a relative error of 7e-7 in float, so the error of the
 * mean is 7e-7 of the largest difference in the window, plus rounding. In windows of more than MANY pixels the sums of
 * each pair of rows are collected separately first, which keeps the rounding errors of large windows small. Two samples
 * must not differ by more than the dtype's largest number.
 *
 * Tried and dropped: docs/adr/0011-bilateral.md.
 */
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/gaussian.h"
#include "base/integers.h"
#include "base/parallel.h"
#include "kernels/exponential.h"
#include "models/bilateral.h"
#include "models/models.h"

enum {
    TILE = 768,  /* columns, more for wide windows: six rows of it stay in the first-level cache */
    VECTOR = 16, /* samples that rows are processed by */
    MANY = 400
};

typedef struct job {
    const vd_model_frame *frame;
    const vd_bilateral_kernels *kernels;
    int64_t radius_y, radius_x;
    bool open;               /* nothing exists beyond the edges */
    double *gain_y, *gain_x; /* G at 0 .. radius */
    double scale;            /* 2 is raised to -|scale (f_i - f(x))|^2 */
    double nowhere;          /* a sample so far from all others that its weight is 0 */
    int64_t tile, left;      /* columns of a tile, and before it */
    size_t rows, pitch;      /* rows per row of the picture, and samples of one */
    char *scratch;           /* on a cache line */
    size_t share;            /* bytes of it, for each thread */
} job;

/* Columns [begin, end) of a tile. */
typedef struct run {
    int64_t begin, end;
} run;

/* The next multiple of VECTOR from n on, and the last one up to n. */
static int64_t vectors(int64_t n) { return n >= 0 ? (n + VECTOR - 1) / VECTOR * VECTOR : -n / VECTOR * -VECTOR; }
static int64_t whole_vectors(int64_t n) { return -vectors(-n); }

/* The columns x, in those of a tile, of the pairs (x, x + dx) that the tile needs: those that begin or end in its
 * columns begin to end of the picture. From one whole vector of x + dx to another, in one run, or in two with a gap
 * between. */
static int columns_of_pairs(const job *j, int64_t begin, int64_t end, int64_t dx, run columns[2])
{
    int64_t n = end - begin, shift = j->left - dx, first = -j->radius_x - VECTOR, last = n + j->radius_x + VECTOR;
    if (j->open) { /* both ends exist */
        first = vd_max(dx, 0) - begin;
        last = vd_min(dx, 0) + j->frame->width - begin;
    }
    run one = {whole_vectors(vd_max(vd_min(dx, 0), first)), vectors(vd_min(n + vd_min(dx, 0), last))};
    run other = {whole_vectors(vd_max(vd_max(dx, 0), first)), vectors(vd_min(n + vd_max(dx, 0), last))};
    bool separate = one.end < other.begin;
    columns[0] = (run){one.begin + shift, (separate ? one.end : vd_max(one.end, other.end)) + shift};
    columns[1] = (run){other.begin + shift, other.end + shift};
    return separate && other.begin < other.end ? 2 : 1;
}

static int64_t radius_of(double sigma, double truncate, int64_t max)
{
    double radius = vd_gaussian_radius(sigma, truncate);
    return radius < (double)max ? (int64_t)radius : max;
}

vd_margin vd_bilateral_margin(const vd_params *params, int64_t height, int64_t width)
{
    bool open = params->boundary == VD_BOUNDARY_RENORMALIZE; /* no samples beyond the picture */
    return (vd_margin){radius_of(params->sigma_y, params->truncate, open ? height - 1 : INT32_MAX),
                       radius_of(params->sigma_x, params->truncate, open ? width - 1 : INT32_MAX)};
}

#define REAL float
#define NAME(x) x##_f32
#include "models/bilateral_template.h"
#define REAL double
#define NAME(x) x##_f64
#include "models/bilateral_template.h"

/* G at 0 .. radius, NULL without memory. */
static double *gains(double sigma, int64_t radius)
{
    double *gain = malloc((size_t)(radius + 1) * sizeof *gain);
    if (gain != NULL)
        gain[0] = 1;
    for (int64_t d = 1; gain != NULL && d <= radius; d++) {
        double z = (double)d / sigma;
        gain[d] = exp(-0.5 * z * z);
    }
    return gain;
}

vd_status vd_bilateral(const vd_model_frame *frame)
{
    const vd_params *params = frame->params;
    size_t size = frame->dtype == VD_F32 ? sizeof(float) : sizeof(double);
    job j = {.frame = frame, .kernels = &frame->kernels->bilateral};
    vd_margin margin = vd_bilateral_margin(params, frame->height, frame->width);
    j.radius_y = margin.y;
    j.radius_x = margin.x;
    j.open = params->boundary == VD_BOUNDARY_RENORMALIZE;
    vd_status status = VD_OK;
    if (vd_bilateral_bytes_try(frame, j.radius_y, j.radius_x, &status))
        return status;
    j.scale = sqrt(0.5 * VD_LOG2_E) / params->range_sigma;
    double max = frame->dtype == VD_F32 ? (double)FLT_MAX : DBL_MAX;
    j.scale = j.scale < max ? j.scale : max;
    j.scale = j.scale > 1e3 / max ? j.scale : 1e3 / max;
    j.nowhere = max / 4;
    int64_t max_columns = 8 * j.radius_x > TILE ? 8 * j.radius_x : TILE;
    int64_t tiles = (frame->width + max_columns - 1) / max_columns;
    j.tile = vectors((frame->width + tiles - 1) / tiles);
    j.left = vectors(j.radius_x);
    j.pitch = (size_t)(2 * j.left + j.tile + 2 * VECTOR);
    j.rows = 2 * (size_t)frame->channels + 1 + (frame->confidences != NULL);

    int64_t bands = frame->height / (j.radius_y + 1);
    int threads = frame->threads < bands ? frame->threads : bands > 1 ? (int)bands : 1;
    size_t rows = ((size_t)j.radius_y + 1) * j.rows + 3 * ((size_t)frame->channels + 1) + 2;
    j.share = (rows * j.pitch * size + ((size_t)j.radius_y + 1) * sizeof(run) + 63) / 64 * 64;
    j.gain_y = gains(params->sigma_y, j.radius_y);
    j.gain_x = gains(params->sigma_x, j.radius_x);
    char *memory = malloc((size_t)threads * j.share + 64);
    if (j.gain_y == NULL || j.gain_x == NULL || memory == NULL)
        status = VD_ERROR_MEMORY;
    else {
        j.scratch = memory + (64 - (uintptr_t)memory % 64);
        vd_parallel_blocks(threads, frame->height, frame->dtype == VD_F32 ? filter_band_f32 : filter_band_f64, &j);
    }
    free(j.gain_y);
    free(j.gain_x);
    free(memory);
    return status;
}
