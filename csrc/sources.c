/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sources scattered over the plane, and the adjoint: every source is a patch of the field, the outer product of two
 * short vectors,
 *
 *     field(y, x) += c_i g_y(y - y_i) g_x(x - x_i),   g(d) = exp(-d^2 / (2 sigma^2)).
 *
 * Cut-off. A pixel is left out when it lies farther than r = sigma sqrt(2 ln(1 / eps)) away along y or x; the kernel
 * there is below exp(-r^2 / (2 sigma^2)) = eps. So |error| <= eps sum |c_i|, and a source beyond the edge by more than r
 * is no work at all. Positions are compared as doubles before anything becomes an integer: none is too far away.
 *
 * The vectors. From one sample to the next g changes by a ratio that itself changes by a constant factor:
 *
 *     g(d + 1) = g(d) q(d),   q(d) = exp(-(2 d + 1) / (2 sigma^2)),   q(d + 1) = q(d) exp(-1 / sigma^2),
 *
 * so that two exponentials and one division make a vector of any length, started at the sample nearest the source and
 * run outwards both ways, four samples at a time. After k samples the relative error is about k^2 2^-53, that of g(k)
 * itself at most 2^-53 max k^2 exp(-k^2 / (2 sigma^2)) = 2^-53 2 sigma^2 / e < 4e-13 for sigma <= WIDEST. Beyond that,
 * and for sigma < NARROWEST, where q may leave the range of a double, every sample is an exponential of its own.
 *
 * Order. Sources are taken in batches and within a batch sorted (a counting sort, stable) by band of BAND rows and by
 * tile of a few columns, so that one patch finds in the cache what the last one left there. The even bands come first,
 * then the odd ones: a patch no taller than a band reaches into the next one, which nobody else then works on; a taller
 * one is cut at the bands. Nothing of this depends on the number of threads, so neither does the order in which a pixel
 * meets its sources, nor the bits.
 *
 * Tried and dropped: one exponential per sample (the exponentials then take most of the time at sigma 4); a table of
 * exp(-k^2 / (2 sigma^2)) for all sources (Greengard and Lee 2004), no faster and for one common sigma only; cutting
 * every patch at the bands (1.7 patches per source); tiles of 256 columns, or rows that start anywhere in a cache line
 * (a fifth slower). What is left is bound by the stores of the patches, one vector every other cycle.
 */
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "dispatch.h"
#include "image.h"
#include "parallel.h"

enum {
    BATCH = 1 << 16,
    ENTRIES = 1 << 20,
    BAND = 64,
    TILE = 16,
    TILES = 256,
    LINE = 64,
    AHEAD = 8,
    SAMPLES_PER_THREAD = 1 << 20
};

#define NARROWEST 0.5
#define WIDEST 64.0

/* ---- the kernel of one source along one axis */

/* The samples [begin, end) of an axis that a source counts for; empty if end <= begin. */
typedef struct span {
    int64_t begin, end;
} span;

/* A kernel that all sources share, or that of one of them. */
typedef struct kernel {
    double sigma, reach;                          /* in pixels */
    double scale, bend, bend_4, bend_10, bend_16; /* 1 / (2 sigma^2), exp(-1 / sigma^2) and its powers; scale is 0 */
} kernel;                                         /* where there is no recurrence */

static kernel kernel_of(double sigma, double reach)
{
    kernel k = {sigma, sigma * reach, 0, 0, 0, 0, 0};
    if (sigma >= NARROWEST && sigma <= WIDEST) {
        k.scale = 1 / (2 * sigma * sigma);
        k.bend = exp(-2 * k.scale);
        double square = k.bend * k.bend, fourth = square * square;
        k.bend_4 = fourth;
        k.bend_10 = fourth * fourth * square;
        k.bend_16 = fourth * fourth * fourth * fourth;
    }
    return k;
}

/* The samples of [0, length) within reach. */
static span reached(const kernel *k, double position, int64_t length)
{
    double first = k->sigma > 0 ? ceil(position - k->reach) : floor(position + 0.5);
    double last = k->sigma > 0 ? floor(position + k->reach) : first;
    span samples = {0, 0};
    if (first < (double)length && last >= 0) {
        samples.begin = first > 0 ? (int64_t)first : 0;
        samples.end = last < (double)(length - 1) ? (int64_t)last + 1 : length;
    }
    return samples;
}

/* KERNEL_VECTOR: out[i - samples.begin] = factor g(i - position). RUN: the samples 1 to count away from the centre, where
 * the value is `value` and the ratio to the next one `step`; four lanes, four samples apart in each step. */
#define KERNEL_VECTORS(T, S)                                                                                           \
    static inline void run_##S(T *out, int64_t sign, int64_t count, const kernel *k, double value, double step)        \
    {                                                                                                                  \
        double values[4], ratios[4], square = step * step, next = step;                                                \
        values[0] = value * next;                                                                                      \
        ratios[0] = square * square * k->bend_10;                                                                      \
        for (int lane = 1; lane < 4; lane++) {                                                                         \
            next *= k->bend;                                                                                           \
            values[lane] = values[lane - 1] * next;                                                                    \
            ratios[lane] = ratios[lane - 1] * k->bend_4;                                                               \
        }                                                                                                              \
        for (; count >= 4; count -= 4, out += 4 * sign)                                                                \
            for (int lane = 0; lane < 4; lane++) {                                                                     \
                out[(lane + 1) * sign] = (T)values[lane];                                                              \
                values[lane] *= ratios[lane];                                                                          \
                ratios[lane] *= k->bend_16;                                                                            \
            }                                                                                                          \
        for (int lane = 0; lane < count; lane++)                                                                       \
            out[(lane + 1) * sign] = (T)values[lane];                                                                  \
    }                                                                                                                  \
                                                                                                                       \
    static void kernel_vector_##S(T *out, const kernel *k, span samples, double position, double factor)               \
    {                                                                                                                  \
        if (k->scale == 0) {                                                                                           \
            for (int64_t i = samples.begin; i < samples.end; i++) {                                                    \
                double d = k->sigma > 0 ? ((double)i - position) / k->sigma : 0;                                       \
                out[i - samples.begin] = (T)(factor * exp(-0.5 * d * d));                                              \
            }                                                                                                          \
            return;                                                                                                    \
        }                                                                                                              \
        double nearest = floor(position + 0.5); /* the source is not far away, or there would be no samples */         \
        int64_t start = nearest < (double)samples.begin ? samples.begin : (int64_t)nearest;                            \
        start = start < samples.end ? start : samples.end - 1;                                                         \
        double d = (double)start - position;                                                                           \
        double centre = factor * exp(-d * d * k->scale), up = exp(-(2 * d + 1) * k->scale);                            \
        out += start - samples.begin;                                                                                  \
        *out = (T)centre;                                                                                              \
        run_##S(out, 1, samples.end - 1 - start, k, centre, up);                                                       \
        run_##S(out, -1, start - samples.begin, k, centre, k->bend / up);                                              \
    }

KERNEL_VECTORS(float, f32)
KERNEL_VECTORS(double, f64)

/* ---- the sources in the order of the field */

/* What a source touches of the field; empty if it does not. */
typedef struct patch {
    span rows, columns;
} patch;

typedef struct job {
    const vd_sources *sources;
    const vd_kernels *kernels;
    const vd_image *field;
    const double *coefficients; /* to scatter, else NULL */
    double *values;             /* to gather, else NULL */
    double reach;               /* of a kernel, in sigmas */
    kernel kernels_of_all[2];   /* in y and x, if the sources have none of their own */
    int64_t bands, tiles, tile; /* how many of them, and the columns of a tile */
    size_t first, count;        /* the batch */
    patch *patches;             /* [count] */
    uint32_t *order;            /* the batch by band and tile; a patch in two bands is there twice */
    size_t *ends;               /* [bands tiles], where the entries of each end */
    double samples;             /* in all patches of the batch */
    int turn;                   /* the even or the odd bands, to scatter */
    int parts;                  /* what the work is divided into, one for each thread */
    char *scratch;              /* [parts] */
    size_t pitch;               /* bytes of one of them */
} job;

static const double *position_of(const job *j, size_t i) { return j->sources->positions + 2 * (j->first + i); }

/* The kernels of source i in y and x; own has room for them. */
static const kernel *kernels_of(const job *j, size_t i, kernel own[2])
{
    if (j->sources->sigmas == NULL)
        return j->kernels_of_all;
    const double *sigma = j->sources->sigmas + 2 * (j->first + i);
    own[0] = kernel_of(sigma[0], j->reach);
    own[1] = kernel_of(sigma[1], j->reach);
    return own;
}

static bool is_zero(const double *values, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (values[i] != 0)
            return false;
    return true;
}

static patch patch_of(const job *j, size_t i)
{
    const vd_image *field = j->field;
    size_t channels = (size_t)field->channels;
    const double *position = position_of(j, i);
    kernel own[2];
    patch p = {{0, 0}, {0, 0}};
    if (j->values != NULL || !is_zero(j->coefficients + (j->first + i) * channels, channels)) {
        const kernel *k = kernels_of(j, i, own);
        p.rows = reached(k, position[0], field->height);
        p.columns = reached(k + 1, position[1], field->width);
        if (p.columns.end <= p.columns.begin)
            p.rows = p.columns;
    }
    return p;
}

static bool is_tall(const patch *p) { return p->rows.end - p->rows.begin > BAND; }

/* The bands that the patch is an entry of: where it begins, but all it meets if it is tall and scatters. */
static span bands_of(const job *j, const patch *p)
{
    span bands = {p->rows.begin / BAND, p->rows.begin / BAND};
    if (p->rows.begin < p->rows.end)
        bands.end = j->values == NULL && is_tall(p) ? (p->rows.end - 1) / BAND + 1 : bands.begin + 1;
    return bands;
}

static void sort_batch(job *j)
{
    size_t keys = (size_t)(j->bands * j->tiles), total = 0;
    memset(j->ends, 0, keys * sizeof *j->ends);
    j->samples = 0;
    for (size_t i = 0; i < j->count; i++) {
        patch p = j->patches[i] = patch_of(j, i);
        span bands = bands_of(j, &p);
        for (int64_t band = bands.begin; band < bands.end; band++)
            j->ends[band * j->tiles + p.columns.begin / j->tile]++;
        j->samples += (double)(p.rows.end - p.rows.begin) * (double)(p.columns.end - p.columns.begin);
    }
    for (size_t key = 0; key < keys; key++) { /* from counts to where each begins */
        size_t entries = j->ends[key];
        j->ends[key] = total;
        total += entries;
    }
    for (size_t i = 0; i < j->count; i++) {
        const patch *p = j->patches + i;
        span bands = bands_of(j, p);
        for (int64_t band = bands.begin; band < bands.end; band++)
            j->order[j->ends[band * j->tiles + p->columns.begin / j->tile]++] = (uint32_t)i;
    }
}

/* Where the entries of a band begin, for band = bands where the last end. */
static size_t first_entry(const job *j, int64_t band) { return band > 0 ? j->ends[band * j->tiles - 1] : 0; }

/* ---- scatter and gather */

/* One thread's vectors: g_y and g_x, and the samples of a patch's row. */
typedef struct vectors {
    void *column;
    double *row;
    void *samples;
} vectors;

static vectors vectors_of(const job *j, int part)
{
    double *column = (double *)(j->scratch + (size_t)part * j->pitch), *row = column + j->field->height;
    vectors v = {column, row, row + j->field->width};
    return v;
}

static size_t vectors_size(const vd_image *field)
{
    return (size_t)(field->height + field->width * (1 + field->channels)) * sizeof(double);
}

/* The samples [begin, end) of the field's rows that the kernels get for a patch: whole vectors, aligned where the rows
 * are, as far as the rows go. */
static span widened(const vd_image *field, span columns, int64_t size)
{
    int64_t lanes = LINE / size, length = field->width * field->channels;
    int64_t offset = (int64_t)((uintptr_t)field->data / (uintptr_t)size % (uintptr_t)lanes);
    int64_t begin = columns.begin * field->channels, lead = (begin + offset) % lanes;
    span samples = {begin - (lead < begin ? lead : begin), columns.end * field->channels};
    int64_t whole = samples.begin + (samples.end - samples.begin + lanes - 1) / lanes * lanes;
    samples.end = whole < length ? whole : length;
    return samples;
}

/* Samples beyond the patch get -0, which is nothing to any sum, -0 included. */
#define FIELD_KERNELS(T, S)                                                                                            \
    static void scatter_##S(const job *j, size_t i, const kernel *k, const patch *p, const vectors *v)                 \
    {                                                                                                                  \
        const vd_image *field = j->field;                                                                              \
        const double *position = position_of(j, i);                                                                    \
        span samples = widened(field, p->columns, sizeof(T));                                                          \
        int64_t channels = field->channels, columns = p->columns.end - p->columns.begin;                               \
        int64_t lead = p->columns.begin * channels - samples.begin, n = samples.end - samples.begin;                   \
        const double *coefficients = j->coefficients + (j->first + i) * (size_t)channels;                              \
        T *row = v->samples, *inner = row + lead;                                                                      \
        for (int64_t x = 0; x < lead; x++)                                                                             \
            row[x] = (T) - 0.0;                                                                                        \
        for (int64_t x = lead + columns * channels; x < n; x++)                                                        \
            row[x] = (T) - 0.0;                                                                                        \
        if (channels == 1)                                                                                             \
            kernel_vector_##S(inner, k + 1, p->columns, position[1], coefficients[0]);                                 \
        else {                                                                                                         \
            kernel_vector_f64(v->row, k + 1, p->columns, position[1], 1);                                              \
            for (int64_t x = 0; x < columns; x++)                                                                      \
                for (int64_t c = 0; c < channels; c++)                                                                 \
                    inner[x * channels + c] = (T)(v->row[x] * coefficients[c]);                                        \
        }                                                                                                              \
        kernel_vector_##S(v->column, k, p->rows, position[0], 1);                                                      \
        j->kernels->patch_add_##S((T *)vd_image_row(field, p->rows.begin) + samples.begin,                             \
                                  (ptrdiff_t)(field->row_stride / (int64_t)sizeof(T)), v->column, row,                 \
                                  (size_t)(p->rows.end - p->rows.begin), (size_t)n);                                   \
    }                                                                                                                  \
                                                                                                                       \
    static void gather_##S(const job *j, size_t i, const kernel *k, const patch *p, const vectors *v)                  \
    {                                                                                                                  \
        const vd_image *field = j->field;                                                                              \
        const double *position = position_of(j, i);                                                                    \
        span samples = widened(field, p->columns, sizeof(T));                                                          \
        int64_t channels = field->channels, columns = p->columns.end - p->columns.begin;                               \
        double *values = j->values + (j->first + i) * (size_t)channels;                                                \
        const double *folded = (double *)v->samples + (p->columns.begin * channels - samples.begin);                   \
        kernel_vector_f64(v->column, k, p->rows, position[0], 1);                                                      \
        kernel_vector_f64(v->row, k + 1, p->columns, position[1], 1);                                                  \
        j->kernels->patch_fold_##S(v->samples, (const T *)vd_image_row(field, p->rows.begin) + samples.begin,          \
                                   (ptrdiff_t)(field->row_stride / (int64_t)sizeof(T)), v->column,                     \
                                   (size_t)(p->rows.end - p->rows.begin), (size_t)(samples.end - samples.begin));      \
        for (int64_t x = 0; x < columns; x++)                                                                          \
            for (int64_t c = 0; c < channels; c++)                                                                     \
                values[c] += v->row[x] * folded[x * channels + c];                                                     \
    }

FIELD_KERNELS(float, f32)
FIELD_KERNELS(double, f64)

/* Asks for what a later entry needs: sources lie in memory in another order than in the field. */
static void fetch_source(const job *j, size_t i)
{
#if defined(__GNUC__) || defined(__clang__)
    __builtin_prefetch(j->patches + i);
    __builtin_prefetch(position_of(j, i));
    if (j->coefficients != NULL)
        __builtin_prefetch(j->coefficients + (j->first + i) * (size_t)j->field->channels);
#else
    (void)j, (void)i;
#endif
}

/* The entries [begin, end) of the order; rows are those that tall patches are cut to. */
static void run_entries(const job *j, size_t begin, size_t end, span rows, const vectors *v)
{
    bool single = j->field->dtype == VD_F32;
    for (size_t e = begin; e < end; e++) {
        size_t i = j->order[e];
        kernel own[2];
        const kernel *k = kernels_of(j, i, own);
        patch p = j->patches[i];
        if (e + AHEAD < end)
            fetch_source(j, j->order[e + AHEAD]);
        if (j->values != NULL) {
            (single ? gather_f32 : gather_f64)(j, i, k, &p, v);
            continue;
        }
        if (is_tall(&p)) {
            p.rows.begin = p.rows.begin > rows.begin ? p.rows.begin : rows.begin;
            p.rows.end = p.rows.end < rows.end ? p.rows.end : rows.end;
        }
        (single ? scatter_f32 : scatter_f64)(j, i, k, &p, v);
    }
}

static void gather_part(void *context, int64_t begin, int64_t end, int thread)
{
    const job *j = context;
    vectors v = vectors_of(j, thread);
    span all = {0, j->field->height};
    run_entries(j, (size_t)begin, (size_t)end, all, &v);
}

/* Every other band, from j->turn on; divided so that each part has about as many entries. */
static void scatter_part(void *context, int64_t begin, int64_t end, int thread)
{
    const job *j = context;
    vectors v = vectors_of(j, thread);
    size_t total = 0, before = 0;
    for (int64_t band = j->turn; band < j->bands; band += 2)
        total += first_entry(j, band + 1) - first_entry(j, band);
    for (int64_t band = j->turn; band < j->bands && before < total; band += 2) {
        int64_t part = (int64_t)((double)before / (double)total * j->parts);
        span rows = {band * BAND, (band + 1) * BAND};
        if (begin <= part && part < end)
            run_entries(j, first_entry(j, band), first_entry(j, band + 1), rows, &v);
        before += first_entry(j, band + 1) - first_entry(j, band);
    }
}

/* Everything is allocated before the field is touched. */
static vd_status run_plain(job *j)
{
    const vd_image *field = j->field;
    size_t count = j->sources->count;
    int64_t threads = vd_thread_count(j->sources->threads);
    j->reach = sqrt(-2 * log(j->sources->eps));
    j->kernels_of_all[0] = kernel_of(j->sources->sigma_y, j->reach);
    j->kernels_of_all[1] = kernel_of(j->sources->sigma_x, j->reach);
    j->bands = (field->height - 1) / BAND + 1;
    j->tile = field->width > TILE * TILES ? (field->width - 1) / TILES + 1 : TILE;
    j->tiles = (field->width - 1) / j->tile + 1;
    threads = threads < j->bands * j->tiles ? threads : j->bands * j->tiles;
    size_t batch = (size_t)(ENTRIES / j->bands);
    batch = batch > BATCH ? BATCH : batch < 1 ? 1 : batch;
    batch = batch < count ? batch : count;
    j->pitch = vectors_size(field);
    j->kernels = vd_choose_kernels();
    j->ends = malloc((size_t)(j->bands * j->tiles) * sizeof *j->ends);
    j->patches = malloc(batch * sizeof *j->patches);
    j->order = malloc(batch * (size_t)(j->values != NULL ? 1 : j->bands) * sizeof *j->order);
    j->scratch = malloc((size_t)threads * j->pitch);
    vd_status status =
        j->ends != NULL && j->patches != NULL && j->order != NULL && j->scratch != NULL ? VD_OK : VD_ERROR_MEMORY;
    if (status == VD_OK && j->values != NULL)
        memset(j->values, 0, count * (size_t)field->channels * sizeof *j->values);
    for (; status == VD_OK && j->first < count; j->first += j->count) {
        j->count = batch < count - j->first ? batch : count - j->first;
        sort_batch(j);
        double useful = j->samples * (double)field->channels / SAMPLES_PER_THREAD + 1;
        j->parts = useful < (double)threads ? (int)useful : (int)threads;
        if (j->values != NULL)
            vd_parallel_blocks(j->parts, (int64_t)first_entry(j, j->bands), gather_part, j);
        else
            for (j->turn = 0; j->turn < 2; j->turn++)
                vd_parallel_blocks(j->parts, j->parts, scatter_part, j);
    }
    free(j->scratch);
    free(j->order);
    free(j->patches);
    free(j->ends);
    return status;
}

/* Sources that count for one pixel each: no patch, no order to put them in, and too little work for threads. */
static void run_points(const job *j)
{
    const vd_image *field = j->field;
    const kernel point = {0};
    size_t channels = (size_t)field->channels;
    if (j->values != NULL)
        memset(j->values, 0, j->sources->count * channels * sizeof *j->values);
    for (size_t i = 0; i < j->sources->count; i++) {
        const double *position = position_of(j, i);
        span row = reached(&point, position[0], field->height), column = reached(&point, position[1], field->width);
        if (row.end <= row.begin || column.end <= column.begin)
            continue;
        char *sample = vd_image_row(field, row.begin) + column.begin * field->column_stride;
        for (size_t c = 0; c < channels; c++, sample += field->channel_stride) {
            float single;
            double value;
            if (field->dtype == VD_F32) {
                memcpy(&single, sample, sizeof single);
                value = single;
            } else
                memcpy(&value, sample, sizeof value);
            if (j->values != NULL) {
                j->values[i * channels + c] = value;
                continue;
            }
            value += j->coefficients[i * channels + c];
            single = (float)value;
            memcpy(sample, field->dtype == VD_F32 ? (const void *)&single : (const void *)&value,
                   field->dtype == VD_F32 ? sizeof single : sizeof value);
        }
    }
}

/* The same on any field; one whose rows the kernels cannot work on is packed for the time of the call. */
static vd_status run(job *j)
{
    const vd_image *field = j->field;
    if (j->sources->sigmas == NULL && j->sources->sigma_y == 0 && j->sources->sigma_x == 0) {
        run_points(j);
        return VD_OK;
    }
    if (vd_image_has_plain_rows(field))
        return run_plain(j);
    size_t pitch = (size_t)(field->width * field->channels) * vd_dtype_size(field->dtype);
    char *samples = malloc((size_t)field->height * pitch);
    if (samples == NULL)
        return VD_ERROR_MEMORY;
    for (int64_t y = 0; y < field->height; y++)
        vd_image_gather_row(field, y, samples + (size_t)y * pitch);
    vd_image packed =
        vd_image_contiguous(samples, (vd_dtype)field->dtype, field->height, field->width, field->channels);
    j->field = &packed;
    vd_status status = run_plain(j);
    if (status == VD_OK && j->values == NULL)
        for (int64_t y = 0; y < field->height; y++)
            vd_image_scatter_row(field, y, samples + (size_t)y * pitch);
    free(samples);
    return status;
}

/* ---- the contract */

vd_status vd_sources_init(vd_sources *sources, size_t struct_size)
{
    if (sources == NULL)
        return VD_ERROR_NULL;
    if (struct_size != sizeof *sources)
        return VD_ERROR_STRUCT_SIZE;
    memset(sources, 0, sizeof *sources);
    sources->struct_size = struct_size;
    sources->eps = 1e-6;
    sources->threads = VD_THREADS_AUTO;
    return VD_OK;
}

static bool are_finite(const double *values, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!isfinite(values[i]))
            return false;
    return true;
}

static bool are_deviations(const double *values, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!(values[i] >= 0 && values[i] <= DBL_MAX))
            return false;
    return true;
}

static vd_status check(const vd_sources *sources, const vd_image *field, const double *values)
{
    if (sources == NULL || (sources->count > 0 && (sources->positions == NULL || values == NULL)))
        return VD_ERROR_NULL;
    if (sources->struct_size != sizeof *sources)
        return VD_ERROR_STRUCT_SIZE;
    vd_status status = vd_image_check(field);
    if (status != VD_OK)
        return status;
    if (field->dtype != VD_F32 && field->dtype != VD_F64)
        return VD_ERROR_DTYPE;
    size_t size;
    if (!vd_checked_multiply(sources->count, (size_t)(field->channels > 2 ? field->channels : 2) * sizeof(double),
                             &size))
        return VD_ERROR_OVERFLOW;
    if (!(sources->eps > 0 && sources->eps < 1) || (sources->threads < 1 && sources->threads != VD_THREADS_AUTO) ||
        !are_deviations(&sources->sigma_y, 1) || !are_deviations(&sources->sigma_x, 1) ||
        !are_finite(sources->positions, 2 * sources->count) ||
        (sources->sigmas != NULL && !are_deviations(sources->sigmas, 2 * sources->count)))
        return VD_ERROR_PARAMETER;
    return VD_OK;
}

vd_status vd_sources_scatter(const vd_sources *sources, const double *coefficients, const vd_image *field)
{
    vd_status status = check(sources, field, coefficients);
    if (status != VD_OK || sources->count == 0)
        return status;
    if (!are_finite(coefficients, sources->count * (size_t)field->channels))
        return VD_ERROR_COEFFICIENT;
    job j = {.sources = sources, .field = field, .coefficients = coefficients};
    return run(&j);
}

vd_status vd_sources_gather(const vd_sources *sources, const vd_image *field, double *values)
{
    vd_status status = check(sources, field, values);
    if (status != VD_OK || sources->count == 0)
        return status;
    job j = {.sources = sources, .field = field, .values = values};
    return run(&j);
}
