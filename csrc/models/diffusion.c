/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The diffusion equations: the sums are the samples times their masses, the weights are the masses, both after
 *
 *     u_s = d/dy (c sigma_y^2 / 2 du/dy) + d/dx (c sigma_x^2 / 2 du/dx),   0 <= s <= 1,
 *
 * differences to the four neighbours, nothing across the edges. With one sigma that is u_s = div(c grad u) up to
 * sigma^2 / 2; with two, each axis is scaled by its own.
 *
 * Heat equation, one c. The solution is a convolution with e^-t I_n(t) along each axis, t = c sigma^2 (Lindeberg 1990), of
 * the picture reflected at its edges. The Bessel functions come from the continued fraction of I_n / I_(n - 1), backwards,
 * which neither overflows nor loses relative accuracy (Miller). A kernel longer than the axis is folded into one period
 * of the reflected picture; where t >= n^2 that period is a sum of a few cosines. Taps below LEAST_* of the largest are
 * left out.
 *
 * Heat equation, c per pixel, or with held pixels. No time is stepped either: the spectrum of the right-hand side L lies
 * in [-2 z, 0] (Gershgorin), so with X = 1 + L / z
 *
 *     exp(L) u = sum_k (2 - [k = 0]) e^-z I_k(z) T_k(X) u,
 *
 * Chebyshev polynomials by their recurrence, the same Bessel functions, all terms positive and of norm at most 1: stable
 * for any sigma, and cut off where what is left is rounding (below 1e-16; some sqrt(80 z) terms). In double for any
 * dtype: what rounding in float leaves grows with the number of terms. Held pixels have no right-hand side.
 *
 * Perona-Malik. c = g(|grad u|), g frozen over cycles of equal length; within a cycle steps of fast explicit diffusion
 * (Grewenig, Weickert and Bruhn 2010), steps of different lengths that are stable together, n of them reaching
 * (n^2 + n) / 3 times as far as the longest stable one. Error: first order in the length of a cycle. The gradient is
 * that of the picture smoothed by (1 2 1) / 4 along both axes, a standard deviation of 0.71 pixels (Catte et al. 1992),
 * by central differences, over all channels jointly (Euclidean), in samples per pixel along either axis whatever sigma.
 * Between two pixels c is the mean of theirs (Weickert 1998).
 *
 * Up to four cycles are one pass over the picture: two rows at a time from smoothing to the last step of the last cycle,
 * each stage a row or two behind the one before, with rings of rows. Strips of columns are as wide as the second cache
 * allows, so that memory is read and written once in a pass. Threads take bands of rows. Strips and bands work out what
 * they need beyond their ends, so that no result depends on how many there are.
 *
 * Missing pixels (Perona-Malik): the samples are sums / weights at each moment. Smoothing is normalized by the weights,
 * and a difference between pixels one of which nothing has reached yet counts as 0: there information spreads freely.
 *
 * Tried and dropped: cycles that grow with sigma (no more accurate), strips narrow enough for the first cache, fused
 * multiply-add and fetching rows ahead by hand (no faster: loads from the second cache bound the steps); figures in
 * docs/adr/0013-diffusion-models.md.
 */
#include "models/diffusion.h"

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/image.h"
#include "base/parallel.h"

#define LEAST_TAP_F32 1e-9
#define LEAST_TAP_F64 1e-17
#define LEAST_TAP_MASSES 1e-30
#define LEAST_WEIGHT_KERNEL 1e-20    /* what weighs less was not reached, */
#define LEAST_WEIGHT_CHEBYSHEV 1e-12 /* where terms cancel, */
#define LEAST_WEIGHT_STEPS 1e-3      /* and where steps of FED may give weights a little below 0 */
#define WIDEST_SPECTRUM 1e12
#define MOST_STEPS 1e9
#define CYCLES_PER_SIGMA 2.0

enum { LINE = 16, ALIGNMENT = 64, PIXELS_PER_THREAD = 1 << 13 };
enum {
    MOST_CYCLES = 4,
    CACHE = 3 << 18
}; /* bytes that are taken to stay in the second cache, which holds a MiB or two */

static int threads_for(const vd_model_frame *f)
{
    int64_t useful = f->height * f->width / PIXELS_PER_THREAD + 1;
    return f->threads < useful ? f->threads : (int)useful;
}

/* n items of `size` bytes, or NULL, also where n does not fit. */
static void *allocate(size_t rows, size_t columns, size_t size)
{
    size_t n, bytes;
    return vd_checked_multiply(rows, columns, &n) && vd_checked_multiply(n, size, &bytes) ? malloc(bytes) : NULL;
}

/* ---- Bessel functions, kernels */

typedef struct taps {
    double *values; /* [count], e^-t I_n(t) */
    int64_t count;
} taps;

/* Terms below `least` times the first are left out: by Bernstein's inequality for a random walk of variance t there are
 * at most `count` others. */
static vd_status bessel(taps *k, double t, double least)
{
    double l = -log(least) / 3;
    int64_t count = (int64_t)(l + sqrt(l * l + 6 * t * l)) + 24;
    k->count = 1;
    k->values = allocate((size_t)count, 1, sizeof *k->values);
    if (k->values == NULL)
        return VD_ERROR_MEMORY;
    double ratio = 0, total = 0;
    for (int64_t n = count - 1; n >= 1; n--) {
        ratio = t / (2 * (double)n + t * ratio);
        k->values[n] = ratio;
    }
    k->values[0] = 1;
    for (int64_t n = 1; n < count; n++) {
        k->values[n] *= k->values[n - 1];
        if (k->values[n] >= least)
            k->count = n + 1;
    }
    for (int64_t n = k->count - 1; n >= 1; n--)
        total += 2 * k->values[n];
    for (int64_t n = 0; n < k->count; n++)
        k->values[n] /= total + 1;
    return VD_OK;
}

/* The taps of one period of a reflected axis, on which the pixels n to the left and n to the right are one. */
static vd_status period(taps *k, double t, int64_t n)
{
    const double pi = 3.14159265358979323846;
    k->count = n + 1;
    k->values = allocate((size_t)n + 1, 1, sizeof *k->values);
    if (k->values == NULL)
        return VD_ERROR_MEMORY;
    for (int64_t i = 0; i <= n; i++)
        k->values[i] = 1;
    for (int64_t m = 1; m <= n; m++) {
        double half = sin(pi / 2 * (double)m / (double)n), exponent = 2 * t * half * half;
        if (exponent > 45)
            break;
        for (int64_t i = 0; i <= n; i++)
            k->values[i] += (m < n ? 2 : 1) * exp(-exponent) * cos(pi * (double)(m * i % (2 * n)) / (double)n);
    }
    for (int64_t i = 0; i <= n; i++)
        k->values[i] /= i < n ? 2 * (double)n : 4 * (double)n;
    return VD_OK;
}

static vd_status kernel(taps *k, double t, double least, int64_t n)
{
    if (t >= (double)n * (double)n)
        return period(k, t, n);
    vd_status status = bessel(k, t, least);
    for (int64_t i = n + 1; status == VD_OK && i < k->count; i++) { /* folded */
        int64_t at = i % (2 * n);
        k->values[at <= n ? at : 2 * n - at] += (at == 0 ? 2 : 1) * k->values[i];
    }
    k->count = k->count < n + 1 ? k->count : n + 1;
    return status;
}

/* ---- heat equation, one diffusivity */

typedef struct heat {
    const vd_model_frame *frame;
    taps y, x;
    void *weights_y, *weights_x, *zeros; /* of the frame's dtype */
    void *products;                      /* masses times samples, [channels][height][width]; NULL without masses */
    char *scratch;                       /* [threads]: the rows under the kernel, then one padded row */
    size_t pitch;
} heat;

/* Perona-Malik: one pass over the picture. Of a ring, what two rows at a time need: six rows that are read, four of any
 * other; right and below stay until the last step. Result and picture of a cycle are LAG rows apart. */
enum { READ_ROWS = 6, RING_ROWS = 4, OTHER_ROWS = 3 };
#define FACE_ROWS(steps) ((steps) + 2)
#define LAG(steps) ((steps) + 2)

typedef struct pass {
    const vd_model_frame *frame;
    const vd_diffusion_kernels *kernels;
    int64_t number, passes;
    int64_t cycles, most; /* of all passes, of one */
    int64_t planes;       /* the channels, and the masses if there are any */
    int steps;
    double *tau;                  /* [steps], adds up to 1 */
    double half_y, half_x, scale; /* half the diffusion of a cycle along the axes; 1 / contrast^2 */
    char *between;                /* the planes of every second result that another pass reads, and of the others */
    char *scratch;                /* [threads]: struct work [most], their struct rows, the rings */
    size_t scratch_size;
    int64_t columns;              /* of the result that a thread works on at a time */
    ptrdiff_t pitch, plane_pitch; /* of the rings' rows and of those of the planes between, in samples */
} pass;

/* The rows that a cycle works in. */
static int64_t cycle_rows(const pass *c)
{
    return c->planes * (READ_ROWS + RING_ROWS * c->steps) + RING_ROWS + 2 * FACE_ROWS(c->steps) + OTHER_ROWS;
}

static int64_t to_lines(int64_t samples) { return (samples + LINE - 1) / LINE * LINE; }

/* How many cycles go through the picture in one pass, and in strips of how many columns, so that what they work in stays in
 * the cache; what is worked out twice at the ends of strips and bands, LAG columns or rows for each cycle, is to be at most
 * an eighth of a strip and a quarter of a band. */
static void divide(pass *c, size_t size, int threads)
{
    int64_t room = CACHE / (cycle_rows(c) * (int64_t)size), width = c->frame->width, band = c->frame->height / threads;
    int64_t most = c->cycles < MOST_CYCLES ? c->cycles : MOST_CYCLES, columns, reach;
    for (;; most--) {
        reach = most * LAG(c->steps);
        columns = room / most / LINE * LINE - 2 * LINE;
        columns = columns < width ? columns - 2 * to_lines(reach) : to_lines(width);
        if (most == 1 || ((columns >= width || columns >= 16 * reach) && (threads == 1 || band >= 8 * reach)))
            break;
    }
    if (columns < 16 * reach)
        columns = width;
    int64_t strips = (width - 1) / columns + 1;
    c->columns = to_lines((width - 1) / strips + 1);
    c->passes = (c->cycles - 1) / most + 1;
    c->most = (c->cycles - 1) / c->passes + 1; /* alike in all passes */
    int64_t region = c->columns + 2 * to_lines(reach);
    c->pitch = to_lines(region < width ? region : width) + 2 * LINE;
    c->plane_pitch = to_lines(width) + 2 * LINE;
}

static char *align(const void *memory) { return (char *)(((uintptr_t)memory + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT); }

#define REAL float
#define SUFFIX f32
#include "models/diffusion_template.h"
#define REAL double
#define SUFFIX f64
#include "models/diffusion_template.h"

static void run_rows(const vd_model_frame *f, vd_block_function *single, vd_block_function *wide, void *context)
{
    vd_parallel_blocks(threads_for(f), f->height, f->dtype == VD_F32 ? single : wide, context);
}

static void *converted(const taps *k, int32_t dtype)
{
    void *values = allocate((size_t)k->count, 1, vd_dtype_size(dtype));
    if (values != NULL)
        vd_row_from_f64(values, dtype, k->values, k->count);
    return values;
}

static vd_status convolve(const vd_model_frame *f)
{
    double c = f->params->diffusivity, t_y = c * f->params->sigma_y * f->params->sigma_y;
    double t_x = c * f->params->sigma_x * f->params->sigma_x;
    double least = f->masses != NULL ? LEAST_TAP_MASSES : f->dtype == VD_F32 ? LEAST_TAP_F32 : LEAST_TAP_F64;
    size_t size = vd_dtype_size(f->dtype), width = (size_t)f->width;
    heat h = {.frame = f};
    vd_status status = kernel(&h.y, t_y, least, f->height);
    if (status == VD_OK)
        status = kernel(&h.x, t_x, least, f->width);
    if (status == VD_OK) {
        h.pitch = ((size_t)h.y.count * 2 * sizeof(void *) + (width + 2 * (size_t)h.x.count) * size + 63) / 64 * 64;
        h.weights_y = converted(&h.y, f->dtype);
        h.weights_x = converted(&h.x, f->dtype);
        h.zeros = calloc(width, size);
        h.scratch = allocate((size_t)threads_for(f), h.pitch, 1);
        if (f->masses != NULL)
            h.products = allocate((size_t)f->channels * (size_t)f->height, width, size);
        if (h.weights_y == NULL || h.weights_x == NULL || h.zeros == NULL || h.scratch == NULL ||
            (f->masses != NULL && h.products == NULL))
            status = VD_ERROR_MEMORY;
    }
    if (status == VD_OK) {
        if (f->masses != NULL)
            run_rows(f, multiply_f32, multiply_f64, &h);
        run_rows(f, convolve_f32, convolve_f64, &h);
    }
    free(h.y.values);
    free(h.x.values);
    free(h.weights_y);
    free(h.weights_x);
    free(h.zeros);
    free(h.products);
    free(h.scratch);
    return status;
}

/* ---- heat equation, a diffusivity per pixel, held pixels */

/* Planes of doubles with a column more on either side, from the pixel (0, 0) on. */
typedef struct series {
    const vd_model_frame *frame;
    const vd_diffusion_kernels *kernels;
    const vd_image *diffusivity;
    int hold;
    ptrdiff_t pitch;
    double *start, *now, *last, *sum;
    double *right, *below; /* coefficients between a pixel and the next; below has a row more, above the first */
    double *free;          /* 1, or 0 for a held pixel */
    double *spectrum;      /* [height], bounds of the rows */
    int64_t channel;       /* at work; that after the last one is the masses */
    double scale, share;
    int first;
} series;

static double sample_at(const void *plane, int32_t dtype, ptrdiff_t at)
{
    return dtype == VD_F32 ? ((const float *)plane)[at] : ((const double *)plane)[at];
}

static double diffusivity_at(const series *s, int64_t y, int64_t x)
{
    const vd_image *map = s->diffusivity;
    double value;
    float single;
    if (map == NULL)
        return 1;
    const char *at = vd_image_row(map, y) + x * map->column_stride;
    if (map->dtype == VD_F64) {
        memcpy(&value, at, sizeof value);
        return value;
    }
    memcpy(&single, at, sizeof single);
    return single;
}

static double harmonic_mean(double a, double b) { return 2 / (1 / a + 1 / b); }

/* The coefficients of the rows, and which pixels are held. */
static void couple_block(void *context, int64_t begin, int64_t end, int thread)
{
    series *s = context;
    const vd_model_frame *f = s->frame;
    const vd_params *p = f->params;
    double half_y = p->diffusivity * p->sigma_y * p->sigma_y / 2, half_x = p->diffusivity * p->sigma_x * p->sigma_x / 2;
    (void)thread;
    for (int64_t y = begin; y < end; y++) {
        double *right = s->right + y * s->pitch, *below = s->below + (y + 1) * s->pitch, *free = s->free + y * s->pitch;
        right[-1] = 0;
        for (int64_t x = 0; x < f->width; x++) {
            double c = diffusivity_at(s, y, x);
            right[x] = x + 1 < f->width ? half_x * harmonic_mean(c, diffusivity_at(s, y, x + 1)) : 0;
            below[x] = y + 1 < f->height ? half_y * harmonic_mean(c, diffusivity_at(s, y + 1, x)) : 0;
            free[x] = s->hold && (f->masses == NULL || sample_at(f->masses, f->dtype, y * f->pitch + x) == 1) ? 0 : 1;
        }
    }
    if (begin == 0)
        for (int64_t x = 0; x < f->width; x++)
            s->below[x] = 0;
}

static void bound_block(void *context, int64_t begin, int64_t end, int thread)
{
    series *s = context;
    (void)thread;
    for (int64_t y = begin; y < end; y++) {
        const double *right = s->right + y * s->pitch, *above = s->below + y * s->pitch;
        double most = 0;
        for (int64_t x = 0; x < s->frame->width; x++) {
            double all = right[x - 1] + right[x] + above[x] + above[x + s->pitch];
            most = most > all ? most : all;
        }
        s->spectrum[y] = 2 * most;
    }
}

static void close_row(double *row, int64_t width)
{
    row[-1] = row[0];
    row[width] = row[width - 1];
}

static void begin_block(void *context, int64_t begin, int64_t end, int thread)
{
    series *s = context;
    const vd_model_frame *f = s->frame;
    (void)thread;
    for (int64_t y = begin; y < end; y++) {
        double *start = s->start + y * s->pitch;
        for (int64_t x = 0; x < f->width; x++) {
            ptrdiff_t at = y * f->pitch + x;
            double mass = f->masses != NULL ? sample_at(f->masses, f->dtype, at) : 1;
            start[x] = s->channel < f->channels ? sample_at(f->planes[s->channel], f->dtype, at) * mass : mass;
        }
        close_row(start, f->width);
        size_t bytes = (size_t)(f->width + 2) * sizeof *start;
        memcpy(s->now + y * s->pitch - 1, start - 1, bytes);
        memcpy(s->sum + y * s->pitch - 1, start - 1, bytes);
        memset(s->last + y * s->pitch - 1, 0, bytes);
    }
}

static void term_block(void *context, int64_t begin, int64_t end, int thread)
{
    series *s = context;
    int64_t height = s->frame->height, width = s->frame->width;
    (void)thread;
    for (int64_t y = begin; y < end; y++) {
        ptrdiff_t at = y * s->pitch;
        const double *mid = s->now + at, *up = y > 0 ? mid - s->pitch : mid,
                     *down = y + 1 < height ? mid + s->pitch : mid;
        s->kernels->chebyshev(s->last + at, s->sum + at, s->start + at, up, mid, down, s->right + at, s->below + at,
                              s->below + at + s->pitch, s->free + at, s->scale, s->share, s->first, width);
        close_row(s->last + at, width);
    }
}

/* The result of the channel; the weights come before the sums. */
static void end_block(void *context, int64_t begin, int64_t end, int thread)
{
    series *s = context;
    const vd_model_frame *f = s->frame;
    double below_one = f->dtype == VD_F32 ? 1 - 0x1p-24 : 1 - 0x1p-53;
    bool is_mass = s->channel == f->channels;
    void *out = is_mass ? f->weights : f->sums[s->channel];
    (void)thread;
    for (int64_t y = begin; y < end; y++)
        for (int64_t x = 0; x < f->width; x++) {
            ptrdiff_t at = y * s->pitch + x, to = y * f->width + x;
            double value = s->sum[at];
            if (is_mass) {
                value = value < LEAST_WEIGHT_CHEBYSHEV ? 0 : value;
                if (s->hold && s->free[at] == 1 && value > below_one)
                    value = below_one;
            } else if (f->masses != NULL && sample_at(f->weights, f->dtype, to) == 0)
                value = 0;
            if (f->dtype == VD_F32)
                ((float *)out)[to] = (float)value;
            else
                ((double *)out)[to] = value;
        }
}

static void sum_series(series *s, const taps *k)
{
    const vd_model_frame *f = s->frame;
    int threads = threads_for(f);
    vd_parallel_blocks(threads, f->height, begin_block, s);
    for (int64_t n = 1; n < k->count; n++) {
        s->first = n == 1;
        s->share = 2 * k->values[n];
        vd_parallel_blocks(threads, f->height, term_block, s);
        double *swap = s->now;
        s->now = s->last;
        s->last = swap;
    }
    vd_parallel_blocks(threads, f->height, end_block, s);
}

static vd_status expand(const vd_model_frame *f, const vd_image *diffusivity, int hold)
{
    enum { PLANES = 7 };
    size_t pitch = (size_t)f->width + 2, height = (size_t)f->height;
    series s = {.frame = f, .kernels = &f->kernels->diffusion, .diffusivity = diffusivity, .hold = hold};
    taps k = {NULL, 0};
    s.pitch = (ptrdiff_t)pitch;
    vd_status status = VD_OK;
    double *memory = allocate(PLANES * (height + 1), pitch, sizeof *memory);
    s.spectrum = memory != NULL ? allocate(height, 1, sizeof *s.spectrum) : NULL;
    if (s.spectrum == NULL)
        status = VD_ERROR_MEMORY;
    else {
        double **planes[PLANES] = {&s.start, &s.now, &s.last, &s.sum, &s.right, &s.below, &s.free};
        for (size_t i = 0; i < PLANES; i++)
            *planes[i] = memory + i * (height + 1) * pitch + 1;
        int threads = threads_for(f);
        vd_parallel_blocks(threads, f->height, couple_block, &s);
        vd_parallel_blocks(threads, f->height, bound_block, &s);
        double z = 0;
        for (size_t y = 0; y < height; y++)
            z = z > s.spectrum[y] / 2 ? z : s.spectrum[y] / 2;
        s.scale = z > 0 ? 1 / z : 0;
        status = z <= WIDEST_SPECTRUM ? bessel(&k, z, LEAST_TAP_F64) : VD_ERROR_OVERFLOW;
    }
    if (status == VD_OK) {
        if (f->masses != NULL) {
            s.channel = f->channels;
            sum_series(&s, &k);
        }
        for (s.channel = 0; s.channel < f->channels; s.channel++)
            sum_series(&s, &k);
    }
    free(memory);
    free(s.spectrum);
    free(k.values);
    return status;
}

vd_status vd_diffusivity_check(const vd_image *map)
{
    vd_status status = vd_image_check(map);
    if (status != VD_OK)
        return status;
    if (map->dtype != VD_F32 && map->dtype != VD_F64)
        return VD_ERROR_DTYPE;
    if (map->channels != 1)
        return VD_ERROR_SHAPE;
    series s = {.diffusivity = map};
    for (int64_t y = 0; y < map->height; y++)
        for (int64_t x = 0; x < map->width; x++) {
            double c = diffusivity_at(&s, y, x);
            if (!(c >= 0 && c < INFINITY))
                return VD_ERROR_PARAMETER;
        }
    return VD_OK;
}

int64_t vd_laplacian_margin(const vd_params *params)
{
    (void)params;
    return 0;
}

vd_status vd_laplacian(const vd_model_frame *frame, const vd_image *diffusivity, int hold)
{
    if (diffusivity != NULL) {
        vd_status status = vd_diffusivity_check(diffusivity);
        if (status != VD_OK)
            return status;
        if (diffusivity->height != frame->height || diffusivity->width != frame->width)
            return VD_ERROR_SHAPE;
    }
    return diffusivity != NULL || hold ? expand(frame, diffusivity, hold) : convolve(frame);
}

/* ---- Perona-Malik */

/* The lengths of n steps that together make 1, in an order that keeps every beginning of them stable: each next root
 * farthest, by the product of the distances, from those before (Leja). */
static void fed_steps(double *tau, int n)
{
    const double pi = 3.14159265358979323846;
    double total = 0;
    for (int k = 0; k < n; k++) {
        double c = cos(pi * (2 * k + 1) / (4 * n + 2));
        tau[k] = 1 / (c * c);
        total += tau[k];
    }
    for (int k = 0; k < n; k++) {
        int best = k;
        double most = -1;
        for (int i = k; i < n; i++) {
            double distance = k == 0 ? tau[i] : 0; /* logarithms: products of many would underflow */
            for (int j = 0; j < k; j++)
                distance += log(fabs(1 / tau[i] - 1 / tau[j]));
            if (i == k || distance > most) {
                most = distance;
                best = i;
            }
        }
        double swap = tau[k];
        tau[k] = tau[best];
        tau[best] = swap;
    }
    for (int k = 0; k < n; k++)
        tau[k] /= total;
}

int64_t vd_perona_malik_margin(const vd_params *params)
{
    (void)params;
    return 0;
}

vd_status vd_perona_malik(const vd_model_frame *frame)
{
    const vd_params *p = frame->params;
    double sigma = p->sigma_y > p->sigma_x ? p->sigma_y : p->sigma_x, cycles = ceil(CYCLES_PER_SIGMA * sigma);
    cycles = cycles > 1 ? cycles : 1;
    double stable = (p->sigma_y * p->sigma_y + p->sigma_x * p->sigma_x) / cycles; /* steps, each the longest */
    double steps = ceil(sqrt(0.25 + 3 * stable) - 0.5);                           /* (n^2 + n) / 3 >= stable */
    steps = steps > 1 ? steps : 1;
    if (!(cycles * steps <= MOST_STEPS))
        return VD_ERROR_OVERFLOW;
    size_t size = vd_dtype_size(frame->dtype);
    int threads = threads_for(frame);
    pass c = {.frame = frame, .kernels = &frame->kernels->diffusion, .cycles = (int64_t)cycles, .steps = (int)steps};
    double square = p->contrast * p->contrast;
    c.scale = square > 1e-30 ? (square < 1e30 ? 1 / square : 1e-30) : 1e30;
    c.half_y = p->sigma_y * p->sigma_y / 4 / cycles;
    c.half_x = p->sigma_x * p->sigma_x / 4 / cycles;
    c.planes = frame->channels + (frame->masses != NULL);
    divide(&c, size, threads);
    size_t bytes = (size_t)cycle_rows(&c) * (size_t)c.pitch * size; /* for a cycle */
    bytes += sizeof(work_f32) + (size_t)c.planes * (size_t)(c.steps + 2) * sizeof(rows_f32);
    c.scratch_size = (size_t)c.most * bytes + 2 * ALIGNMENT;
    c.tau = allocate((size_t)c.steps, 1, sizeof *c.tau);
    c.scratch = calloc((size_t)threads, c.scratch_size); /* what a spare row is made from may never be written */
    size_t rows = (size_t)(c.passes > 2 ? 2 : 1) * (size_t)c.planes * (size_t)frame->height;
    c.between = c.passes > 1 ? allocate(rows + 1, (size_t)c.plane_pitch, size) : NULL; /* one row to align in */
    vd_status status = VD_ERROR_MEMORY;
    if (c.tau != NULL && c.scratch != NULL && (c.passes == 1 || c.between != NULL)) {
        fed_steps(c.tau, c.steps);
        for (c.number = 0; c.number < c.passes; c.number++)
            run_rows(frame, pass_f32, pass_f64, &c);
        if (frame->masses != NULL)
            run_rows(frame, clear_unreached_f32, clear_unreached_f64, &c);
        status = VD_OK;
    }
    free(c.tau);
    free(c.scratch);
    free(c.between);
    return status;
}
