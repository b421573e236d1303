/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The patches of scattered sources: their vectors, and the products of the vectors added to the field or folded with
 * it.
 *
 * The vectors. With d the distance from the source to the first sample of a vector,
 *
 *     g(d + i) = exp(-d^2 / (2 sigma^2)) exp(-i^2 / (2 sigma^2)) exp(-d / sigma^2)^i
 *
 * (fast Gaussian gridding, Greengard and Lee 2004): a table of the middle factor serves all sources of one sigma, and
 * two exponentials make a vector of any length. The last factor, a power, carries a relative error of about i 2^-53, so
 * that of a sample near the source is 2^-53 reach < 2e-13 for sigma <= MAX_SIGMA. Beyond that, for sigma < MIN_SIGMA
 * and eps < MIN_EPS, where the factors leave the range of a double, and for sources with a sigma of their own every
 * sample is a separate exponential.
 *
 * Pairs. Stores dominate the cost of a patch: one vector every other cycle. Two consecutive patches mostly overlap, so
 * they are added in one window that holds both, with zeros where one of them has nothing.
 *
 * Tried and dropped: one exponential per sample for all (they then take most of the time at sigma 4); a recurrence
 * outwards from the centre (serves every sigma, but its chain of products takes twice the time); cutting every patch at
 * the bands (1.7 patches per source); rows that start anywhere in a cache line (a fifth slower); the corners of the
 * square left out (fewer samples, hardly fewer vectors); narrow patches and one blur of the field for all (Gaussians
 * convolve to Gaussians: pays for wide kernels or from 10^5 sources on 1080p, and costs passes over the field that the
 * patches do not). In single precision half of the time is now overhead per source.
 */
#include "sources/sources.h"

#include <math.h>
#include <string.h>

enum {
    LINE = 64, /* bytes */
    AHEAD = 8  /* distance from the source prefetched to the current one */
};

#define PAIR_AREA 0.85 /* adding two patches to one window costs this much less than adding them one by one */

/* out[i - samples.begin] = factor g(i - position) */
#define KERNEL_VECTOR(T, S)                                                                                            \
    static void kernel_vector_##S(const vd_rows_kernels *kernels, T *out, const vd_source_kernel *k, vd_span samples,  \
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

static vd_patch united(const vd_patch *a, const vd_patch *b)
{
    vd_patch both = *a;
    both.rows.begin = b->rows.begin < a->rows.begin ? b->rows.begin : a->rows.begin;
    both.rows.end = b->rows.end > a->rows.end ? b->rows.end : a->rows.end;
    both.columns.begin = b->columns.begin < a->columns.begin ? b->columns.begin : a->columns.begin;
    both.columns.end = b->columns.end > a->columns.end ? b->columns.end : a->columns.end;
    return both;
}

/* One thread's vectors for two sources: g_y, and the samples of a patch's row; and g_x of one. */
typedef struct vectors {
    void *columns[2], *samples[2];
    double *row;
} vectors;

static vectors vectors_of(const vd_source_job *j, int part)
{
    int64_t height = j->field->height, width = j->field->width, n = width * j->field->channels;
    double *start = (double *)(j->scratch + (size_t)part * j->pitch), *samples = start + 2 * height;
    vectors v = {{start, start + height}, {samples, samples + n}, samples + 2 * n};
    return v;
}

size_t vd_source_scratch(const vd_image *field)
{
    return (size_t)(2 * field->height + field->width * (1 + 2 * field->channels)) * sizeof(double);
}

/* The samples [begin, end) of the field's rows that the kernels get for a patch: whole vectors, aligned where the rows
 * are, up to the ends of the rows. */
static vd_span widened(const vd_image *field, vd_span columns, int64_t size)
{
    int64_t lanes = LINE / size, length = field->width * field->channels;
    int64_t offset = (int64_t)((uintptr_t)field->data / (uintptr_t)size % (uintptr_t)lanes);
    int64_t begin = columns.begin * field->channels, lead = (begin + offset) % lanes;
    vd_span samples = {begin - (lead < begin ? lead : begin), columns.end * field->channels};
    int64_t whole = samples.begin + (samples.end - samples.begin + lanes - 1) / lanes * lanes;
    samples.end = whole < length ? whole : length;
    return samples;
}

#define FIELD_KERNELS(T, S)                                                                                            \
    /* The vectors of a source for a window that its patch lies in; zeros beyond the patch. */                         \
    static void fill_##S(const vd_source_job *j, size_t i, const vd_patch *p, vd_span rows, vd_span samples,           \
                         T *column, T *row, double *scratch)                                                           \
    {                                                                                                                  \
        int64_t channels = j->field->channels, first = p->columns.begin * channels - samples.begin;                    \
        int64_t columns = p->columns.end - p->columns.begin, last = first + columns * channels;                        \
        const double *position = vd_source_position(j, i);                                                             \
        const double *coefficients = j->coefficients + (j->first + i) * (size_t)channels;                              \
        vd_source_kernel own[2];                                                                                       \
        const vd_source_kernel *k = vd_source_kernels(j, i, own);                                                      \
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
    /* One source, or two together. */                                                                                 \
    static void scatter_##S(const vd_source_job *j, const uint32_t *sources, const vd_patch *patches, int count,       \
                            const vectors *v)                                                                          \
    {                                                                                                                  \
        const vd_image *field = j->field;                                                                              \
        vd_patch window = count > 1 ? united(patches, patches + 1) : *patches;                                         \
        vd_span samples = widened(field, window.columns, sizeof(T));                                                   \
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
    static void gather_##S(const vd_source_job *j, size_t i, const vd_patch *p, const vectors *v)                      \
    {                                                                                                                  \
        const vd_image *field = j->field;                                                                              \
        const double *position = vd_source_position(j, i);                                                             \
        vd_span samples = widened(field, p->columns, sizeof(T));                                                       \
        int64_t channels = field->channels, columns = p->columns.end - p->columns.begin;                               \
        double *values = j->values + (j->first + i) * (size_t)channels;                                                \
        vd_source_kernel own[2];                                                                                       \
        const vd_source_kernel *k = vd_source_kernels(j, i, own);                                                      \
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

/* Prefetches a later entry: the order of sources in memory is not that in the field. */
static void prefetch_source(const vd_source_job *j, size_t i)
{
#if defined(__GNUC__) || defined(__clang__)
    __builtin_prefetch(j->patches + i);
    __builtin_prefetch(vd_source_position(j, i));
    if (j->coefficients != NULL)
        __builtin_prefetch(j->coefficients + (j->first + i) * (size_t)j->field->channels);
#else
    (void)j, (void)i;
#endif
}

void vd_source_gather(void *context, int64_t begin, int64_t end, int thread)
{
    const vd_source_job *j = context;
    vectors v = vectors_of(j, thread);
    for (int64_t e = begin; e < end; e++) {
        size_t i = j->order[e];
        if (e + AHEAD < end)
            prefetch_source(j, j->order[e + AHEAD]);
        (j->field->dtype == VD_F32 ? gather_f32 : gather_f64)(j, i, j->patches + i, &v);
    }
}

/* The patch of the source, cut to the band if it is tall. */
static vd_patch part_of(const vd_source_job *j, size_t i, int64_t band)
{
    vd_patch p = j->patches[i];
    if (vd_patch_is_tall(&p)) {
        p.rows.begin = p.rows.begin > band * VD_BAND ? p.rows.begin : band * VD_BAND;
        p.rows.end = p.rows.end < (band + 1) * VD_BAND ? p.rows.end : (band + 1) * VD_BAND;
    }
    return p;
}

/* Whether it is less work to add two patches together, in a window that holds both. */
static bool are_close(const vd_patch *a, const vd_patch *b)
{
    vd_patch window = united(a, b);
    return vd_patch_area(&window) < PAIR_AREA * (vd_patch_area(a) + vd_patch_area(b));
}

static void scatter_band(const vd_source_job *j, int64_t band, const vectors *v)
{
    size_t end = vd_source_first_entry(j, band + 1);
    for (size_t e = vd_source_first_entry(j, band); e < end;) {
        vd_patch patches[2] = {part_of(j, j->order[e], band)};
        int count = 1;
        if (e + 1 < end) {
            patches[1] = part_of(j, j->order[e + 1], band);
            count += are_close(patches, patches + 1);
        }
        for (size_t later = e + AHEAD; later < e + AHEAD + (size_t)count && later < end; later++)
            prefetch_source(j, j->order[later]);
        (j->field->dtype == VD_F32 ? scatter_f32 : scatter_f64)(j, j->order + e, patches, count, v);
        e += (size_t)count;
    }
}

/* Every other band, from j->turn on; divided so that each part has about as many entries. */
void vd_source_scatter(void *context, int64_t begin, int64_t end, int thread)
{
    const vd_source_job *j = context;
    vectors v = vectors_of(j, thread);
    size_t total = 0, before = 0;
    for (int64_t band = j->turn; band < j->bands; band += 2)
        total += vd_source_first_entry(j, band + 1) - vd_source_first_entry(j, band);
    for (int64_t band = j->turn; band < j->bands && before < total; band += 2) {
        int64_t part = (int64_t)((double)before / (double)total * j->parts);
        if (begin <= part && part < end)
            scatter_band(j, band, &v);
        before += vd_source_first_entry(j, band + 1) - vd_source_first_entry(j, band);
    }
}
