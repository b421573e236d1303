/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The driver of the models whose coefficients depend on the picture: from rows of any samples to padded planes, through
 * the model, and back to rows of sums and weights.
 *
 * A reference value that occurs in the frame is subtracted, so that a constant picture is 0 everywhere and stays
 * constant, and float planes represent small differences accurately. The planes are float, or double for double
 * streams.
 *
 * Edges. Reflect, nearest and constant fill the margin accordingly. With renormalize no source lies outside: the margin
 * has confidence 0. Patches (non-local means) do reach beyond the edges even so; they see the picture reflected.
 */
#include "models/models.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/gaussian.h"
#include "base/image.h"
#include "models/diffusion.h"

/* Values recalled from the state are not held: their weight stays below 1. */
#define MAX_RECALLED 0.999999

typedef struct model {
    /* NULL: none, it reflects at the edges by itself */
    vd_margin (*margin)(const vd_params *params, int64_t height, int64_t width);
    vd_status (*run)(const vd_model_frame *frame);
    bool averages; /* without confidences all weights are 1, and not written */
} model;

static vd_status laplacian(const vd_model_frame *frame) { return vd_laplacian(frame, frame->diffusivity, frame->hold); }

static const model models[VD_MODEL_COUNT] = {
    [VD_MODEL_BILATERAL] = {vd_bilateral_margin, vd_bilateral, false},
    [VD_MODEL_NONLOCAL_MEANS] = {vd_nonlocal_means_margin, vd_nonlocal_means, false},
    [VD_MODEL_LAPLACIAN] = {NULL, laplacian, true},
    [VD_MODEL_PERONA_MALIK] = {NULL, vd_perona_malik, true},
};

static bool is_positive(double x) { return x > 0 && x < INFINITY; }

bool vd_model_check(const vd_params *p)
{
    if (p->model == VD_MODEL_GAUSSIAN)
        return true;
    bool good = p->normalize == 1;
    switch (p->model) {
    case VD_MODEL_BILATERAL: return good && is_positive(p->range_sigma);
    case VD_MODEL_NONLOCAL_MEANS:
        return good && is_positive(p->strength) && p->noise >= 0 && p->noise < INFINITY && p->patch >= 0 &&
               p->patch <= 32 && p->search >= 1 && p->search <= 256;
    case VD_MODEL_LAPLACIAN: return good && is_positive(p->diffusivity);
    case VD_MODEL_PERONA_MALIK:
        return good && is_positive(p->contrast) &&
               (p->diffusivity_function == VD_DIFFUSIVITY_EXPONENTIAL ||
                p->diffusivity_function == VD_DIFFUSIVITY_RATIONAL);
    default: return false;
    }
}

static size_t sample_size(const vd_model_planes *m) { return vd_dtype_size(m->frame.dtype); }

vd_status vd_model_start(vd_model_planes *m, const vd_params *params, double tolerance, const vd_kernels *kernels,
                         int threads, int32_t stream, int64_t height, int64_t width, int64_t channels)
{
    int32_t dtype = stream == VD_F64 ? VD_F64 : VD_F32;
    const model *model = models + params->model;
    memset(m, 0, sizeof *m);
    if (model->margin != NULL)
        m->margin = model->margin(params, height, width);
    size_t size = vd_dtype_size(dtype), rows = (size_t)(height + 2 * m->margin.y),
           columns = (size_t)(width + 2 * m->margin.x);
    if (!vd_checked_multiply(rows, columns, &m->plane) || m->plane > PTRDIFF_MAX / size / (size_t)(channels + 1))
        return VD_ERROR_OVERFLOW;
    m->samples = malloc(m->plane * (size_t)channels * size);
    m->confidences = malloc(m->plane * size);
    m->whole = calloc((size_t)height, sizeof *m->whole);
    m->results = malloc((size_t)(height * width * (channels + 1)) * size);
    m->planes = malloc((size_t)channels * sizeof *m->planes);
    m->sums = malloc((size_t)channels * sizeof *m->sums);
    if (m->samples == NULL || m->confidences == NULL || m->whole == NULL || m->results == NULL || m->planes == NULL ||
        m->sums == NULL) {
        vd_model_free(m);
        return VD_ERROR_MEMORY;
    }
    size_t origin = (size_t)m->margin.y * columns + (size_t)m->margin.x, result = (size_t)(height * width);
    for (int64_t c = 0; c < channels; c++) {
        m->planes[c] = (char *)m->samples + ((size_t)c * m->plane + origin) * size;
        m->sums[c] = (char *)m->results + (size_t)c * result * size;
    }
    m->frame.params = params;
    m->frame.kernels = kernels;
    m->frame.dtype = dtype;
    m->frame.stream = stream;
    m->frame.tolerance = tolerance;
    m->frame.threads = threads;
    m->frame.height = height;
    m->frame.width = width;
    m->frame.channels = channels;
    m->frame.planes = m->planes;
    m->frame.pitch = (ptrdiff_t)columns;
    m->frame.sums = m->sums;
    m->frame.weights = (char *)m->results + (size_t)channels * result * size;
    return VD_OK;
}

void vd_model_free(vd_model_planes *m)
{
    free(m->samples);
    free(m->confidences);
    free(m->whole);
    free(m->results);
    free(m->planes);
    free(m->sums);
    memset(m, 0, sizeof *m);
}

/* ---- rows in and out */

static void put(void *plane, int32_t dtype, int64_t at, double value)
{
    if (dtype == VD_F32)
        ((float *)plane)[at] = (float)value;
    else
        ((double *)plane)[at] = value;
}

static double get(const void *plane, int32_t dtype, int64_t at)
{
    return dtype == VD_F32 ? ((const float *)plane)[at] : ((const double *)plane)[at];
}

static void *confidence_origin(const vd_model_planes *m)
{
    return (char *)m->confidences + (size_t)(m->margin.y * m->frame.pitch + m->margin.x) * sample_size(m);
}

/* NULL: they are all 1. */
static const void *weights_row(const vd_model_planes *m, int64_t y)
{
    const vd_model_frame *f = &m->frame;
    bool ones = models[f->params->model].averages && f->confidences == NULL;
    return ones ? NULL : (const char *)f->weights + (size_t)(y * f->width) * sample_size(m);
}

#define MODEL_ROWS(T, S)                                                                                               \
    static bool mark_row_##S(vd_model_planes *m, int64_t y, const double *confidence)                                  \
    {                                                                                                                  \
        const vd_model_frame *f = &m->frame;                                                                           \
        T *confidences = (T *)confidence_origin(m) + y * f->pitch;                                                     \
        return f->kernels->planes.mark_##S(confidences, f->planes, y * f->pitch, confidence, f->channels, f->width);   \
    }                                                                                                                  \
                                                                                                                       \
    static void recall_row_##S(vd_model_planes *m, int64_t y, const double *u, const double *weight_sum, double decay, \
                               const double *reference)                                                                \
    {                                                                                                                  \
        const vd_model_frame *f = &m->frame;                                                                           \
        T *confidences = (T *)confidence_origin(m) + y * f->pitch;                                                     \
        f->kernels->planes.recall_##S(confidences, f->planes, y * f->pitch, u, weight_sum, decay, MAX_RECALLED,        \
                                      reference, f->channels, f->width);                                               \
    }                                                                                                                  \
                                                                                                                       \
    static void get_row_##S(const vd_model_planes *m, int64_t y, double *sums, double *weights)                        \
    {                                                                                                                  \
        const vd_model_frame *f = &m->frame;                                                                           \
        f->kernels->planes.widen_##S(sums, weights, f->sums, y * f->width, weights_row(m, y), f->channels, f->width);  \
    }                                                                                                                  \
                                                                                                                       \
    static void mean_row_##S(const vd_model_planes *m, int64_t y, const double *reference, T *out)                     \
    {                                                                                                                  \
        const vd_model_frame *f = &m->frame;                                                                           \
        f->kernels->planes.join_##S(out, f->sums, y * f->width, weights_row(m, y), reference, f->channels, f->width);  \
    }

MODEL_ROWS(float, f32)
MODEL_ROWS(double, f64)

bool vd_model_put_row(vd_model_planes *m, int64_t y, const void *row, int32_t dtype, const double *reference,
                      const double *confidence)
{
    const vd_model_frame *f = &m->frame;
    const vd_planes_kernels *k = &f->kernels->planes;
    bool missing = false;
    for (int64_t c = 0; c < f->channels; c++) {
        void *plane = (char *)f->planes[c] + (size_t)(y * f->pitch) * sample_size(m);
        double zero = reference[c];
        switch (dtype) {
        case VD_U8: k->split_u8(plane, (const uint8_t *)row + c, (float)zero, f->channels, f->width); break;
        case VD_U16: k->split_u16(plane, (const uint16_t *)row + c, (float)zero, f->channels, f->width); break;
        case VD_F32: missing |= k->split_f32(plane, (const float *)row + c, (float)zero, f->channels, f->width); break;
        case VD_F64: missing |= k->split_f64(plane, (const double *)row + c, zero, f->channels, f->width); break;
        }
    }
    if (confidence != NULL || missing || !m->whole[y])
        m->whole[y] = f->dtype == VD_F32 ? mark_row_f32(m, y, confidence) : mark_row_f64(m, y, confidence);
    return !m->whole[y];
}

void vd_model_recall_row(vd_model_planes *m, int64_t y, const double *u, const double *weight_sum, double decay,
                         const double *reference)
{
    (m->frame.dtype == VD_F32 ? recall_row_f32 : recall_row_f64)(m, y, u, weight_sum, decay, reference);
}

void vd_model_get_row(const vd_model_planes *m, int64_t y, double *sums, double *weights)
{
    (m->frame.dtype == VD_F32 ? get_row_f32 : get_row_f64)(m, y, sums, weights);
}

void vd_model_mean_row(const vd_model_planes *m, int64_t y, const double *reference, void *out)
{
    if (m->frame.dtype == VD_F32)
        mean_row_f32(m, y, reference, out);
    else
        mean_row_f64(m, y, reference, out);
}

/* ---- the margin */

/* Fills the margin of one plane as the boundary says, with `outside` where it has no samples. */
static void pad(const vd_model_planes *m, void *origin, int32_t boundary, double outside)
{
    const vd_model_frame *f = &m->frame;
    size_t size = sample_size(m), row_size = (size_t)f->pitch * size;
    for (int64_t y = 0; y < f->height; y++)
        for (int64_t k = 1; k <= m->margin.x; k++) {
            int64_t left = vd_boundary_index(-k, f->width, boundary);
            int64_t right = vd_boundary_index(f->width - 1 + k, f->width, boundary), row = y * f->pitch;
            put(origin, f->dtype, row - k, left < 0 ? outside : get(origin, f->dtype, row + left));
            put(origin, f->dtype, row + f->width - 1 + k, right < 0 ? outside : get(origin, f->dtype, row + right));
        }
    char *first = (char *)origin - (size_t)m->margin.x * size;
    for (int64_t k = 1; k <= m->margin.y; k++)
        for (int side = 0; side < 2; side++) {
            int64_t y = side == 0 ? -k : f->height - 1 + k, from = vd_boundary_index(y, f->height, boundary);
            char *row = first + y * (int64_t)row_size;
            if (from >= 0)
                memcpy(row, first + from * (int64_t)row_size, row_size);
            else
                for (int64_t x = 0; x < f->pitch; x++)
                    put(row, f->dtype, x, outside);
        }
}

vd_status vd_model_run(vd_model_planes *m, const double *reference, bool masked)
{
    vd_model_frame *f = &m->frame;
    int32_t boundary = f->params->boundary;
    bool open = boundary == VD_BOUNDARY_RENORMALIZE && (m->margin.y > 0 || m->margin.x > 0);
    for (int64_t c = 0; c < f->channels; c++)
        pad(m, (void *)f->planes[c], open ? VD_BOUNDARY_REFLECT : boundary, f->params->cval - reference[c]);
    f->reference = reference;
    f->missing = masked;
    f->confidences = masked || open ? confidence_origin(m) : NULL;
    if (f->confidences != NULL)
        pad(m, confidence_origin(m), boundary, open ? 0 : 1);
    return models[f->params->model].run(f);
}
