/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sources scattered over the plane, and the adjoint: every source is a patch of the field, the outer product of two
 * short vectors,
 *
 *     field(y, x) += c_i g_y(y - y_i) g_x(x - x_i),   g(d) = exp(-d^2 / (2 sigma^2)).
 *
 * Cutoff. A pixel is left out if it is farther than r = sigma sqrt(2 ln(1 / eps)) away along y or x; the kernel there
 * is below exp(-r^2 / (2 sigma^2)) = eps. So |error| <= eps sum |c_i|, and a source farther than r outside the field
 * costs nothing. Positions are compared as doubles before any conversion to integers, so none is too far away.
 *
 * Order. Sources are taken in batches and within a batch sorted (a counting sort, stable) by band of VD_BAND rows and
 * by tile of a few columns, so that consecutive patches share the cache. The even bands come first, then the odd ones:
 * a patch no taller than a band reaches into the next one, which no other thread works on then; a taller one is cut at
 * the bands. None of this depends on the number of threads, so neither does the order in which a pixel receives its
 * sources, nor the result's bits.
 */
#include "sources/sources.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/parallel.h"

enum {
    BATCH = 1 << 16,   /* sources sorted at a time, */
    ENTRIES = 1 << 20, /* fewer if they may be in very many bands */
    TILE_ROWS = 16,
    TILE = 16,   /* columns, */
    TILES = 256, /* more if there would be more tiles than this */
    SAMPLES_PER_THREAD = 1 << 20
};

#define MIN_SIGMA 0.5
#define MAX_SIGMA 200.0
#define MIN_EPS 1e-34

/* ---- the kernel of one source along one axis */

/* The samples of [0, length) within reach, or the nearest one for sigma 0. */
static vd_span reached(const vd_source_kernel *k, double position, int64_t length)
{
    vd_span samples = {0, 0};
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

/* The kernel of all sources along one axis of this length. */
static vd_status share_kernel(const vd_source_job *j, vd_source_kernel *k, double sigma, int64_t length)
{
    k->sigma = sigma;
    k->reach = j->reach * sigma;
    if (j->sources->sigmas != NULL || sigma < MIN_SIGMA || sigma > MAX_SIGMA || j->sources->eps < MIN_EPS)
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

static vd_patch patch_of(const vd_source_job *j, size_t i)
{
    const vd_image *field = j->field;
    size_t channels = (size_t)field->channels;
    const double *position = vd_source_position(j, i);
    vd_source_kernel own[2];
    vd_patch p = {{0, 0}, {0, 0}};
    if (j->values != NULL || !is_zero(j->coefficients + (j->first + i) * channels, channels)) {
        const vd_source_kernel *k = vd_source_kernels(j, i, own);
        p.rows = reached(k, position[0], field->height);
        p.columns = reached(k + 1, position[1], field->width);
        if (p.columns.end <= p.columns.begin)
            p.rows = p.columns;
    }
    return p;
}

/* ---- the sources in the order of the field */

static size_t key_count(const vd_source_job *j) { return (size_t)(j->bands * (VD_BAND / TILE_ROWS) * j->tiles); }

/* The bands that the patch is an entry of: where it begins, but all it meets if it is tall and scatters. */
static vd_span bands_of(const vd_source_job *j, const vd_patch *p)
{
    vd_span bands = {p->rows.begin / VD_BAND, p->rows.begin / VD_BAND};
    if (p->rows.begin < p->rows.end)
        bands.end = j->values == NULL && vd_patch_is_tall(p) ? (p->rows.end - 1) / VD_BAND + 1 : bands.begin + 1;
    return bands;
}

/* The tile where the patch, or its part in the band, begins. */
static size_t key_of(const vd_source_job *j, const vd_patch *p, int64_t band)
{
    int64_t row = p->rows.begin > band * VD_BAND ? p->rows.begin : band * VD_BAND;
    return (size_t)(row / TILE_ROWS * j->tiles + p->columns.begin / j->tile);
}

static void sort_batch(vd_source_job *j)
{
    size_t keys = key_count(j), total = 0;
    memset(j->ends, 0, keys * sizeof *j->ends);
    j->samples = 0;
    for (size_t i = 0; i < j->count; i++) {
        vd_patch p = j->patches[i] = patch_of(j, i);
        vd_span bands = bands_of(j, &p);
        for (int64_t band = bands.begin; band < bands.end; band++)
            j->ends[key_of(j, &p, band)]++;
        j->samples += vd_patch_area(&p);
    }
    for (size_t key = 0; key < keys; key++) { /* from counts to where each begins */
        size_t entries = j->ends[key];
        j->ends[key] = total;
        total += entries;
    }
    for (size_t i = 0; i < j->count; i++) {
        const vd_patch *p = j->patches + i;
        vd_span bands = bands_of(j, p);
        for (int64_t band = bands.begin; band < bands.end; band++)
            j->order[j->ends[key_of(j, p, band)]++] = (uint32_t)i;
    }
}

size_t vd_source_first_entry(const vd_source_job *j, int64_t band)
{
    return band > 0 ? j->ends[band * (VD_BAND / TILE_ROWS) * j->tiles - 1] : 0;
}

/* Everything is allocated before the field is touched. */
static vd_status run_plain(vd_source_job *j)
{
    const vd_image *field = j->field;
    size_t count = j->sources->count;
    int64_t threads = vd_thread_count(j->sources->threads);
    j->reach = sqrt(-2 * log(j->sources->eps));
    bool shared = share_kernel(j, &j->shared[0], j->sources->sigma_y, field->height) == VD_OK &&
                  share_kernel(j, &j->shared[1], j->sources->sigma_x, field->width) == VD_OK;
    j->bands = (field->height - 1) / VD_BAND + 1;
    j->tile = field->width > TILE * TILES ? (field->width - 1) / TILES + 1 : TILE;
    j->tiles = (field->width - 1) / j->tile + 1;
    threads = threads < j->bands * j->tiles ? threads : j->bands * j->tiles;
    size_t batch = (size_t)(ENTRIES / j->bands);
    batch = batch > BATCH ? BATCH : batch < 1 ? 1 : batch;
    batch = batch < count ? batch : count;
    j->pitch = vd_source_scratch(field);
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
            vd_parallel_blocks(j->parts, (int64_t)vd_source_first_entry(j, j->bands), vd_source_gather, j);
        else
            for (j->turn = 0; j->turn < 2; j->turn++)
                vd_parallel_blocks(j->parts, j->parts, vd_source_scatter, j);
    }
    free(j->scratch);
    free(j->order);
    free(j->patches);
    free(j->ends);
    free(j->shared[0].table);
    free(j->shared[1].table);
    return status;
}

/* Sources that reach one pixel each: no patches, no sorting, and too little work for threads. */
static void run_points(const vd_source_job *j)
{
    const vd_image *field = j->field;
    const vd_source_kernel point = {0};
    size_t channels = (size_t)field->channels;
    if (j->values != NULL)
        memset(j->values, 0, j->sources->count * channels * sizeof *j->values);
    for (size_t i = 0; i < j->sources->count; i++) {
        const double *position = vd_source_position(j, i);
        vd_span row = reached(&point, position[0], field->height), column = reached(&point, position[1], field->width);
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

/* The same on any field; one whose rows the kernels cannot read in place is packed for the duration of the call. */
static vd_status run(vd_source_job *j)
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
    vd_source_job j = {.sources = sources, .field = field, .coefficients = coefficients};
    return run(&j);
}

vd_status vd_sources_gather(const vd_sources *sources, const vd_image *field, double *values)
{
    vd_status status = check(sources, field, values);
    if (status != VD_OK || sources->count == 0)
        return status;
    vd_source_job j = {.sources = sources, .field = field, .values = values};
    return run(&j);
}
