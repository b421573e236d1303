/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The bilateral filter of bilateral.c for one channel of 8 bits, in integers:
 *
 *     w_o(d) = rint(65535 G(o) exp(-d^2 / (2 range_sigma^2))),  W = sum_o w_o(d_o),  D = sum_o w_o(d_o) d_o,  u = f + D / W,
 *
 * d_o = f(x + o) - f(x), for which there are 511 values: every weight comes from a table. The sums are exact, so the
 * bits do not depend on their order, and a constant picture stays constant. Offsets of equal G share a table and are
 * taken by fours; unused places hold the pixel itself, which leaves D unchanged and is subtracted from W. Offsets whose
 * weights all round to 0 cost nothing.
 *
 * Error. A weight is off by e_o(d), at most half a unit, and u by |sum_o e_o (f(x + o) - u)| / W, where
 * |f(x + o) - u| <= 255 and W >= 65535, that of the pixel itself. So sum_o max_d |e_o(d)| / 65535 bounds the error as
 * a fraction of the range; where that exceeds the tolerance, with masks, and in windows of more than
 * VD_BILATERAL_MAX pixels, bilateral.c is used. At the default tolerance windows up to 11 x 11 qualify.
 *
 * Edges. With VD_BOUNDARY_RENORMALIZE each pixel near an edge has its own list of sources; those of the columns near
 * the sides are rebuilt where rows above or below are missing.
 *
 * Tried and dropped: docs/adr/0011-bilateral.md.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/gaussian.h"
#include "base/integers.h"
#include "base/parallel.h"
#include "models/bilateral.h"

enum { UNIT = 65535, BLOCK = VD_BILATERAL_BLOCK };

typedef struct source {
    int64_t y, x;
    double gain;
    const vd_bilateral_table *table;
} source;

typedef struct job {
    const vd_model_frame *frame;
    const vd_bilateral_bytes_kernels *kernels;
    int64_t radius_y, radius_x;
    bool open;        /* nothing exists beyond the edges */
    int count, lists; /* of sources; of a thread's lists of them: one for inner columns, then those near the sides */
    source sources[VD_BILATERAL_MAX]; /* equal tables side by side */
    int8_t *samples;                  /* the first pixel's; less 128 */
    ptrdiff_t pitch;
    char *scratch; /* [threads] */
    size_t share;  /* bytes of it, for each thread */
} job;

static int by_gain(const void *a, const void *b)
{
    double one = ((const source *)a)->gain, other = ((const source *)b)->gain;
    return (one < other) - (one > other);
}

static double gaussian(int64_t distance, double sigma)
{
    double z = distance == 0 ? 0 : (double)distance / sigma;
    return exp(-0.5 * z * z);
}

static void list_window(job *j, const vd_params *p)
{
    for (int64_t y = -j->radius_y; y <= j->radius_y; y++)
        for (int64_t x = -j->radius_x; x <= j->radius_x; x++)
            if (y != 0 || x != 0)
                j->sources[j->count++] =
                    (source){y, x, gaussian(y < 0 ? -y : y, p->sigma_y) * gaussian(x < 0 ? -x : x, p->sigma_x), NULL};
    qsort(j->sources, (size_t)j->count, sizeof *j->sources, by_gain);
}

/* The table for one gain; returns the largest error of a weight, in units. */
static double fill_table(vd_bilateral_table *t, double gain, const double range[256])
{
    double worst = 0;
    t->reach = 0;
    for (int d = 0; d < 256; d++) {
        double exact = UNIT * gain * range[d];
        uint64_t w = (uint64_t)rint(exact);
        worst = fmax(worst, fabs((double)w - exact));
        t->low[d] = (uint8_t)w;
        t->high[d] = (uint8_t)(w >> 8);
        t->packed[255 + d] = w + ((w * (uint64_t)d) << 32);
        t->packed[255 - d] = w - ((w * (uint64_t)d) << 32);
        t->reach = w > 0 ? d + 1 : t->reach;
    }
    return worst;
}

/* Tables for all gains; drops sources without weight. Returns the bound of the error, as a fraction of the range. */
static double make_tables(job *j, vd_bilateral_table *tables, double range_sigma)
{
    double range[256], bound = 0, worst = 0;
    int kept = 0;
    for (int d = 0; d < 256; d++)
        range[d] = exp(-0.5 * (d / range_sigma) * (d / range_sigma));
    for (int k = 0; k < j->count; k++) {
        source *s = j->sources + k;
        if (k == 0 || s->gain != s[-1].gain)
            worst = fill_table(++tables, s->gain, range);
        s->table = tables;
        bound += worst / UNIT;
        kept += tables->reach > 0;
    }
    j->count = kept; /* gains decrease */
    return bound;
}

/* ---- sources of a pixel ---- */

static void make_list(const job *j, vd_bilateral_sources *list, int32_t *surplus, int64_t y, int64_t x)
{
    const vd_model_frame *frame = j->frame;
    int filled = VD_BILATERAL_GROUP;
    const vd_bilateral_table *table = NULL;
    list->groups = 0;
    *surplus = 0;
    for (int k = 0; k < j->count; k++) {
        const source *s = j->sources + k;
        if (j->open && (y + s->y < 0 || y + s->y >= frame->height || x + s->x < 0 || x + s->x >= frame->width))
            continue;
        if (s->table != table || filled == VD_BILATERAL_GROUP) {
            table = s->table;
            list->tables[list->groups] = table;
            memset(list->places[list->groups++], 0, sizeof *list->places);
            *surplus += VD_BILATERAL_GROUP * (int32_t)(uint32_t)table->packed[255];
            filled = 0;
        }
        list->places[list->groups - 1][filled++] = s->y * j->pitch + s->x;
        *surplus -= (int32_t)(uint32_t)table->packed[255];
    }
}

/* ---- rows ---- */

typedef struct workplace {
    int32_t *W, *D, *surplus;
    vd_bilateral_sources *lists;
} workplace;

static size_t row_room(const job *j) { return (size_t)(j->frame->width + BLOCK - 1) / BLOCK * BLOCK + BLOCK; }

static size_t list_size(const job *j)
{
    return (size_t)j->count * (sizeof(ptrdiff_t[VD_BILATERAL_GROUP]) + sizeof(vd_bilateral_table *));
}

static workplace lay_out(const job *j, int thread)
{
    char *next = j->scratch + (size_t)thread * j->share;
    workplace w = {.lists = (vd_bilateral_sources *)(void *)next};
    next += (size_t)j->lists * sizeof *w.lists;
    for (int i = 0; i < j->lists; i++) {
        w.lists[i].places = (ptrdiff_t (*)[VD_BILATERAL_GROUP])(void *)next;
        w.lists[i].tables = (const vd_bilateral_table **)(void *)(w.lists[i].places + j->count);
        next += list_size(j);
    }
    w.W = (int32_t *)(void *)next;
    w.D = w.W + row_room(j);
    w.surplus = w.D + row_room(j);
    return w;
}

/* Columns [begin, end) with the sources of a list, and their sums in the frame's terms. */
static void do_columns(const job *j, const workplace *w, int list, int64_t y, int64_t begin, int64_t end)
{
    const vd_model_frame *frame = j->frame;
    const float *f = (const float *)frame->planes[0] + y * frame->pitch + begin;
    float *sums = (float *)frame->sums[0] + y * frame->width + begin;
    float *weights = (float *)frame->weights + y * frame->width + begin;
    int32_t own = UNIT - w->surplus[list];
    int64_t n = end - begin;
    (n < BLOCK / 4 ? vd_bilateral_bytes_sums : j->kernels->sums)(w->W, w->D, j->samples + y * j->pitch + begin,
                                                                 w->lists + list, (size_t)n);
    frame->kernels->bilateral.from_whole(sums, weights, f, w->W, w->D, own, 1.0f / UNIT, (size_t)n);
}

static void do_rows(void *context, int64_t begin, int64_t end, int thread)
{
    const job *j = context;
    int64_t height = j->frame->height, width = j->frame->width, sides = j->lists - 1;
    int64_t left = sides < width ? sides / 2 : width, right = width - (sides - left), above = -1, below = -1;
    workplace w = lay_out(j, thread);
    for (int64_t y = begin; y < end; y++) {
        int64_t up = j->open ? vd_min(y, j->radius_y) : 0, down = j->open ? vd_min(height - 1 - y, j->radius_y) : 0;
        if (up != above || down != below) {
            make_list(j, w.lists, w.surplus, y, left < width ? left : 0);
            for (int64_t i = 0; i < sides; i++)
                make_list(j, w.lists + 1 + i, w.surplus + 1 + i, y, i < left ? i : right + i - left);
        }
        above = up;
        below = down;
        for (int64_t i = 0; i < sides; i++) {
            int64_t x = i < left ? i : right + i - left;
            do_columns(j, &w, 1 + (int)i, y, x, x + 1);
        }
        if (left < right)
            do_columns(j, &w, 0, y, left, right);
    }
}

/* A row of the picture with its margin, less 128. */
static void copy_rows(void *context, int64_t begin, int64_t end, int thread)
{
    const job *j = context;
    float zero = (float)(j->frame->reference[0] - 128);
    int64_t first = j->open ? 0 : -j->radius_x, last = j->frame->width - first;
    (void)thread;
    for (int64_t i = begin; i < end; i++) {
        int64_t y = j->open ? i : i - j->radius_y;
        const float *from = (const float *)j->frame->planes[0] + y * j->frame->pitch;
        int8_t *to = j->samples + y * j->pitch;
        j->frame->kernels->bilateral.to_bytes(to + first, from + first, zero, (size_t)(last - first));
    }
}

bool vd_bilateral_bytes_try(const vd_model_frame *frame, int64_t radius_y, int64_t radius_x, vd_status *status)
{
    const vd_params *p = frame->params;
    if (frame->stream != VD_U8 || frame->channels != 1 || frame->missing || radius_y > VD_BILATERAL_MAX ||
        radius_x > VD_BILATERAL_MAX || (2 * radius_y + 1) * (2 * radius_x + 1) > VD_BILATERAL_MAX)
        return false;
    if (p->boundary == VD_BOUNDARY_CONSTANT && !(p->cval >= 0 && p->cval <= 255 && p->cval == rint(p->cval)))
        return false;
    vd_bilateral_table *tables = malloc((VD_BILATERAL_MAX + 1) * sizeof *tables);
    *status = tables != NULL ? VD_OK : VD_ERROR_MEMORY;
    if (tables == NULL)
        return true;
    job j = {.frame = frame, .kernels = &frame->kernels->bilateral_bytes, .radius_y = radius_y, .radius_x = radius_x};
    j.open = p->boundary == VD_BOUNDARY_RENORMALIZE;
    list_window(&j, p);
    if (make_tables(&j, tables, p->range_sigma) > frame->tolerance) {
        free(tables);
        return false;
    }
    j.lists = 1 + (j.open ? (int)vd_min(frame->width, 2 * radius_x) : 0);
    j.share = (size_t)j.lists * (sizeof(vd_bilateral_sources) + list_size(&j) + sizeof(int32_t)) +
              2 * row_room(&j) * sizeof(int32_t);
    j.share = (j.share + 63) / 64 * 64;
    j.pitch = frame->width + 2 * radius_x + BLOCK;
    int64_t rows = frame->height + 2 * radius_y;
    int threads = (int)vd_min(frame->threads, frame->height);
    size_t origin = (size_t)(radius_y * j.pitch + radius_x), area = (size_t)(rows * j.pitch) + 2 * BLOCK;
    int8_t *samples = calloc(area, 1);
    j.scratch = malloc((size_t)threads * j.share);
    if (samples != NULL && j.scratch != NULL) {
        j.samples = samples + origin;
        vd_parallel_blocks(threads, j.open ? frame->height : rows, copy_rows, &j);
        vd_parallel_blocks(threads, frame->height, do_rows, &j);
    } else
        *status = VD_ERROR_MEMORY;
    free(samples);
    free(j.scratch);
    free(tables);
    return true;
}
