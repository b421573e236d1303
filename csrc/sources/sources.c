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
 * The vectors. With d the distance from the source to the first sample of a vector,
 *
 *     g(d + i) = exp(-d^2 / (2 sigma^2)) exp(-i^2 / (2 sigma^2)) exp(-d / sigma^2)^i
 *
 * (fast Gaussian gridding, Greengard and Lee 2004): a table of the middle factor serves all sources of one sigma, and
 * two exponentials make a vector of any length. The last factor, a power, carries a relative error of about i 2^-53, so
 * that of a sample near the source is 2^-53 reach < 2e-13 for sigma <= WIDEST. Beyond that, for sigma < NARROWEST and eps
 * < SMALLEST, where the factors leave the range of a double, and for sources with a sigma of their own every sample is
 * an exponential of its own.
 *
 * Order. Sources are taken in batches and within a batch sorted (a counting sort, stable) by band of BAND rows and by
 * tile of a few columns, so that one patch finds in the cache what the last one left there. The even bands come first,
 * then the odd ones: a patch no taller than a band reaches into the next one, which nobody else then works on; a taller
 * one is cut at the bands. Nothing of this depends on the number of threads, so neither does the order in which a pixel
 * meets its sources, nor the bits.
 *
 * Two at one go. A patch costs its stores, one vector every other cycle. Two that follow each other in the order mostly
 * overlap, so they are added in one window that holds both, with zeros where one of them has nothing.
 *
 * Tried and dropped: one exponential per sample for all (they then take most of the time at sigma 4); a recurrence
 * outwards from the centre (serves every sigma, but its chain of products takes twice the time); cutting every patch at
 * the bands (1.7 patches per source); rows that start anywhere in a cache line (a fifth slower); the corners of the
 * square left out (fewer samples, hardly fewer vectors); narrow patches and one blur of the field for all (Gaussians
 * convolve to Gaussians: pays for wide kernels or from 10^5 sources on 1080p, and costs passes over the field that the
 * patches do not). In single precision half of the time is now what a source costs besides its patch.
 */
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/image.h"
#include "base/parallel.h"
#include "kernels/kernels.h"

enum {
    BATCH = 1 << 16,   /* sources sorted at one go, */
    ENTRIES = 1 << 20, /* fewer if they may be in very many bands */
    BAND = 64,
    TILE_ROWS = 16,
    TILE = 16,   /* columns, */
    TILES = 256, /* more if there would be more tiles than this */
    LINE = 64,   /* bytes */
    AHEAD = 8,   /* sources from one asked for to the one at work */
    SAMPLES_PER_THREAD = 1 << 20
};

#define NARROWEST 0.5
#define WIDEST 200.0
#define SMALLEST 1e-34
#define PAIR_AREA 0.85 /* adding two patches to one window costs this much less than adding them one by one */

/* ---- the kernel of one source along one axis */

/* The samples [begin, end) of an axis that a source counts for; empty if end <= begin. */
typedef struct span {
    int64_t begin, end;
} span;

/* A kernel that all sources share, or that of one of them. */
typedef struct kernel {
    double sigma, reach; /* in pixels */
    double *table;       /* exp(-i^2 / (2 sigma^2)) up to twice the reach; NULL if it is not used */
} kernel;

/* The samples of [0, length) within reach, or the nearest one for sigma 0. */
static span reached(const kernel *k, double position, int64_t length)
{
    span samples = {0, 0};
    double first = position - k->reach, last = position + k->reach;
    if (k->sigma == 0)
        first = last = floor(position + 0.5);
    if (!(first <= (double)(length - 1) && last >= 0))
        return samples;
    if (first > 0) {
        samples.begin = (int64_t)first;
        samples.begin += (double)samples.begin < first;
    }
    samples.end = last < (double)(length - 1) ? (int64_t)last + 1 : length;
    return samples;
}

/* out[i - samples.begin] = factor g(i - position) */
#define KERNEL_VECTOR(T, S)                                                                                            \
    static void kernel_vector_##S(const vd_rows_kernels *kernels, T *out, const kernel *k, span samples,               \
                                  double position, double factor)                                                      \
    {                                                                                                                  \
        double d = (double)samples.begin - position, scale = 1 / (k->sigma * k->sigma);                                \
        if (k->table != NULL) {                                                                                        \
            kernels->geometric_##S(out, k->table, factor * exp(-0.5 * d * d * scale), exp(-d * scale),                 \
                                   (size_t)(samples.end - samples.begin));                                             \
            return;                                                                                                    \
        }                                                                                                              \
        for (int64_t i = samples.begin; i < samples.end; i++) {                                                        \
            d = k->sigma > 0 ? ((double)i - position) / k->sigma : 0; /* sigma^2 may be 0 */                           \
            out[i - samples.begin] = (T)(factor * exp(-0.5 * d * d));                                                  \
        }                                                                                                              \
    }

KERNEL_VECTOR(float, f32)
KERNEL_VECTOR(double, f64)

/* ---- the sources in the order of the field */

/* What a source touches of the field; empty if it does not. */
typedef struct patch {
    span rows, columns;
} patch;

static patch united(const patch *a, const patch *b)
{
    patch both = *a;
    both.rows.begin = b->rows.begin < a->rows.begin ? b->rows.begin : a->rows.begin;
    both.rows.end = b->rows.end > a->rows.end ? b->rows.end : a->rows.end;
    both.columns.begin = b->columns.begin < a->columns.begin ? b->columns.begin : a->columns.begin;
    both.columns.end = b->columns.end > a->columns.end ? b->columns.end : a->columns.end;
    return both;
}

static double area(const patch *p)
{
    return (double)(p->rows.end - p->rows.begin) * (double)(p->columns.end - p->columns.begin);
}

typedef struct job {
    const vd_sources *sources;
    vd_kernels set;
    const vd_rows_kernels *kernels; /* of the set */
    const vd_image *field;
    const double *coefficients; /* to scatter, else NULL */
    double *values;             /* to gather, else NULL */
    double reach;               /* of a kernel, in sigmas */
    kernel shared[2];           /* in y and x, if the sources have none of their own */
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
        return j->shared;
    const double *sigma = j->sources->sigmas + 2 * (j->first + i);
    for (int axis = 0; axis < 2; axis++) {
        own[axis].sigma = sigma[axis];
        own[axis].reach = j->reach * sigma[axis];
        own[axis].table = NULL;
    }
    return own;
}

/* The kernel of all sources along one axis of this length. */
static vd_status share_kernel(const job *j, kernel *k, double sigma, int64_t length)
{
    k->sigma = sigma;
    k->reach = j->reach * sigma;
    if (j->sources->sigmas != NULL || sigma < NARROWEST || sigma > WIDEST || j->sources->eps < SMALLEST)
        return VD_OK;
    size_t n = 2 * (size_t)k->reach + 2;
    n = n < (size_t)length ? n : (size_t)length;
    k->table = malloc(n * sizeof *k->table);
    if (k->table == NULL)
        return VD_ERROR_MEMORY;
    for (size_t i = 0; i < n; i++)
        k->table[i] = exp(-0.5 * (double)i * (double)i / (sigma * sigma));
    return VD_OK;
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

static size_t key_count(const job *j) { return (size_t)(j->bands * (BAND / TILE_ROWS) * j->tiles); }

/* The bands that the patch is an entry of: where it begins, but all it meets if it is tall and scatters. */
static span bands_of(const job *j, const patch *p)
{
    span bands = {p->rows.begin / BAND, p->rows.begin / BAND};
    if (p->rows.begin < p->rows.end)
        bands.end = j->values == NULL && is_tall(p) ? (p->rows.end - 1) / BAND + 1 : bands.begin + 1;
    return bands;
}

/* The tile where the patch, or its part in the band, begins. */
static size_t key_of(const job *j, const patch *p, int64_t band)
{
    int64_t row = p->rows.begin > band * BAND ? p->rows.begin : band * BAND;
    return (size_t)(row / TILE_ROWS * j->tiles + p->columns.begin / j->tile);
}

static void sort_batch(job *j)
{
    size_t keys = key_count(j), total = 0;
    memset(j->ends, 0, keys * sizeof *j->ends);
    j->samples = 0;
    for (size_t i = 0; i < j->count; i++) {
        patch p = j->patches[i] = patch_of(j, i);
        span bands = bands_of(j, &p);
        for (int64_t band = bands.begin; band < bands.end; band++)
            j->ends[key_of(j, &p, band)]++;
        j->samples += area(&p);
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
            j->order[j->ends[key_of(j, p, band)]++] = (uint32_t)i;
    }
}

/* Where the entries of a band begin, for band = bands where the last end. */
static size_t first_entry(const job *j, int64_t band)
{
    return band > 0 ? j->ends[band * (BAND / TILE_ROWS) * j->tiles - 1] : 0;
}

/* ---- scatter and gather */

/* One thread's vectors for two sources: g_y, and the samples of a patch's row; and g_x of one. */
typedef struct vectors {
    void *columns[2], *samples[2];
    double *row;
} vectors;

static vectors vectors_of(const job *j, int part)
{
    int64_t height = j->field->height, width = j->field->width, n = width * j->field->channels;
    double *start = (double *)(j->scratch + (size_t)part * j->pitch), *samples = start + 2 * height;
    vectors v = {{start, start + height}, {samples, samples + n}, samples + 2 * n};
    return v;
}

static size_t vectors_size(const vd_image *field)
{
    return (size_t)(2 * field->height + field->width * (1 + 2 * field->channels)) * sizeof(double);
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

#define FIELD_KERNELS(T, S)                                                                                            \
    /* The vectors of a source for a window that its patch lies in; zeros beyond the patch. */                         \
    static void fill_##S(const job *j, size_t i, const patch *p, span rows, span samples, T *column, T *row,           \
                         double *scratch)                                                                              \
    {                                                                                                                  \
        int64_t channels = j->field->channels, first = p->columns.begin * channels - samples.begin;                    \
        int64_t columns = p->columns.end - p->columns.begin, last = first + columns * channels;                        \
        const double *position = position_of(j, i);                                                                    \
        const double *coefficients = j->coefficients + (j->first + i) * (size_t)channels;                              \
        kernel own[2];                                                                                                 \
        const kernel *k = kernels_of(j, i, own);                                                                       \
        memset(row, 0, (size_t)first * sizeof(T));                                                                     \
        memset(row + last, 0, (size_t)(samples.end - samples.begin - last) * sizeof(T));                               \
        if (channels == 1)                                                                                             \
            kernel_vector_##S(j->kernels, row + first, k + 1, p->columns, position[1], coefficients[0]);               \
        else {                                                                                                         \
            kernel_vector_f64(j->kernels, scratch, k + 1, p->columns, position[1], 1);                                 \
            for (int64_t x = 0; x < columns; x++)                                                                      \
                for (int64_t c = 0; c < channels; c++)                                                                 \
                    row[first + x * channels + c] = (T)(scratch[x] * coefficients[c]);                                 \
        }                                                                                                              \
        first = p->rows.begin - rows.begin;                                                                            \
        last = p->rows.end - rows.begin;                                                                               \
        memset(column, 0, (size_t)first * sizeof(T));                                                                  \
        memset(column + last, 0, (size_t)(rows.end - rows.begin - last) * sizeof(T));                                  \
        kernel_vector_##S(j->kernels, column + first, k, p->rows, position[0], 1);                                     \
    }                                                                                                                  \
                                                                                                                       \
    /* One source, or two at one go. */                                                                                \
    static void scatter_##S(const job *j, const uint32_t *sources, const patch *patches, int count, const vectors *v)  \
    {                                                                                                                  \
        const vd_image *field = j->field;                                                                              \
        patch window = count > 1 ? united(patches, patches + 1) : *patches;                                            \
        span samples = widened(field, window.columns, sizeof(T));                                                      \
        size_t rows = (size_t)(window.rows.end - window.rows.begin), n = (size_t)(samples.end - samples.begin);        \
        T *start = (T *)vd_image_row(field, window.rows.begin) + samples.begin;                                        \
        ptrdiff_t pitch = (ptrdiff_t)(field->row_stride / (int64_t)sizeof(T));                                         \
        for (int i = 0; i < count; i++)                                                                                \
            fill_##S(j, sources[i], patches + i, window.rows, samples, v->columns[i], v->samples[i], v->row);          \
        if (count > 1) {                                                                                               \
            const T *const column[2] = {v->columns[0], v->columns[1]}, *const row[2] = {v->samples[0], v->samples[1]}; \
            j->kernels->patch_add_pair_##S(start, pitch, column, row, rows, n);                                        \
        } else                                                                                                         \
            j->kernels->patch_add_##S(start, pitch, v->columns[0], v->samples[0], rows, n);                            \
    }                                                                                                                  \
                                                                                                                       \
    static void gather_##S(const job *j, size_t i, const patch *p, const vectors *v)                                   \
    {                                                                                                                  \
        const vd_image *field = j->field;                                                                              \
        const double *position = position_of(j, i);                                                                    \
        span samples = widened(field, p->columns, sizeof(T));                                                          \
        int64_t channels = field->channels, columns = p->columns.end - p->columns.begin;                               \
        double *values = j->values + (j->first + i) * (size_t)channels;                                                \
        kernel own[2];                                                                                                 \
        const kernel *k = kernels_of(j, i, own);                                                                       \
        const double *folded = (double *)v->samples[0] + (p->columns.begin * channels - samples.begin);                \
        kernel_vector_f64(j->kernels, v->columns[0], k, p->rows, position[0], 1);                                      \
        kernel_vector_f64(j->kernels, v->row, k + 1, p->columns, position[1], 1);                                      \
        j->kernels->patch_fold_##S(v->samples[0], (const T *)vd_image_row(field, p->rows.begin) + samples.begin,       \
                                   (ptrdiff_t)(field->row_stride / (int64_t)sizeof(T)), v->columns[0],                 \
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

static void gather_part(void *context, int64_t begin, int64_t end, int thread)
{
    const job *j = context;
    vectors v = vectors_of(j, thread);
    for (int64_t e = begin; e < end; e++) {
        size_t i = j->order[e];
        if (e + AHEAD < end)
            fetch_source(j, j->order[e + AHEAD]);
        (j->field->dtype == VD_F32 ? gather_f32 : gather_f64)(j, i, j->patches + i, &v);
    }
}

/* The patch of the source, cut to the band if it is tall. */
static patch part_of(const job *j, size_t i, int64_t band)
{
    patch p = j->patches[i];
    if (is_tall(&p)) {
        p.rows.begin = p.rows.begin > band * BAND ? p.rows.begin : band * BAND;
        p.rows.end = p.rows.end < (band + 1) * BAND ? p.rows.end : (band + 1) * BAND;
    }
    return p;
}

/* Whether it is less work to add two patches at one go, in a window that holds both. */
static bool are_close(const patch *a, const patch *b)
{
    patch window = united(a, b);
    return area(&window) < PAIR_AREA * (area(a) + area(b));
}

static void scatter_band(const job *j, int64_t band, const vectors *v)
{
    size_t end = first_entry(j, band + 1);
    for (size_t e = first_entry(j, band); e < end;) {
        patch patches[2] = {part_of(j, j->order[e], band)};
        int count = 1;
        if (e + 1 < end) {
            patches[1] = part_of(j, j->order[e + 1], band);
            count += are_close(patches, patches + 1);
        }
        for (size_t later = e + AHEAD; later < e + AHEAD + (size_t)count && later < end; later++)
            fetch_source(j, j->order[later]);
        (j->field->dtype == VD_F32 ? scatter_f32 : scatter_f64)(j, j->order + e, patches, count, v);
        e += (size_t)count;
    }
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
        if (begin <= part && part < end)
            scatter_band(j, band, &v);
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
    bool shared = share_kernel(j, &j->shared[0], j->sources->sigma_y, field->height) == VD_OK &&
                  share_kernel(j, &j->shared[1], j->sources->sigma_x, field->width) == VD_OK;
    j->bands = (field->height - 1) / BAND + 1;
    j->tile = field->width > TILE * TILES ? (field->width - 1) / TILES + 1 : TILE;
    j->tiles = (field->width - 1) / j->tile + 1;
    threads = threads < j->bands * j->tiles ? threads : j->bands * j->tiles;
    size_t batch = (size_t)(ENTRIES / j->bands);
    batch = batch > BATCH ? BATCH : batch < 1 ? 1 : batch;
    batch = batch < count ? batch : count;
    j->pitch = vectors_size(field);
    vd_kernels_choose(&j->set);
    j->kernels = &j->set.rows;
    j->ends = malloc(key_count(j) * sizeof *j->ends);
    j->patches = malloc(batch * sizeof *j->patches);
    j->order = malloc(batch * (size_t)(j->values != NULL ? 1 : j->bands) * sizeof *j->order);
    j->scratch = malloc((size_t)threads * j->pitch);
    vd_status status = shared && j->ends != NULL && j->patches != NULL && j->order != NULL && j->scratch != NULL
                           ? VD_OK
                           : VD_ERROR_MEMORY;
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
    free(j->shared[0].table);
    free(j->shared[1].table);
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
