/* SPDX-License-Identifier: Apache-2.0 */
/* Template: the convolution of heat.c for one real type. Takes REAL (the type), SUFFIX (of the kernels), and undefines both. */
#if !defined(REAL) || !defined(SUFFIX)
#error "define REAL and SUFFIX before including heat_template.h"
#endif
#define PASTE2(a, b) a##_##b
#define PASTE(a, b) PASTE2(a, b)
#define NAME(name) PASTE(name, SUFFIX)

static void NAME(multiply)(void *context, int64_t begin, int64_t end, int thread)
{
    const heat *h = context;
    const vd_model_frame *f = h->frame;
    (void)thread;
    for (int64_t c = 0; c < f->channels; c++)
        for (int64_t y = begin; y < end; y++)
            f->kernels->diffusion.NAME(multiply)((REAL *)h->products + (c * f->height + y) * f->width,
                                                 (const REAL *)f->planes[c] + y * f->pitch,
                                                 (const REAL *)f->confidences + y * f->pitch, f->width);
}

static void NAME(convolve_row)(const heat *h, const REAL *plane, ptrdiff_t pitch, REAL *out, int64_t y, int thread)
{
    const vd_model_frame *f = h->frame;
    int64_t radius_y = h->y.count - 1, radius_x = h->x.count - 1, width = f->width;
    const REAL **rows = (const REAL **)(h->scratch + (size_t)thread * h->pitch);
    REAL *row = (REAL *)(rows + 2 * h->y.count) + radius_x;
    for (int64_t j = -radius_y; j <= radius_y; j++) {
        int64_t from = y + j < 0 ? -1 - (y + j) : y + j;
        rows[radius_y + j] = plane + (from < f->height ? from : 2 * f->height - 1 - from) * pitch;
    }
    f->kernels->rows.NAME(vertical)(row, rows, h->weights_y, (int)radius_y, h->zeros, 0, (size_t)width);
    for (int64_t j = 1; j <= radius_x; j++) {
        row[-j] = row[j - 1];
        row[width - 1 + j] = row[width - j];
    }
    f->kernels->rows.NAME(horizontal)(out, row, 1, h->weights_x, (int)radius_x, h->zeros, (size_t)width);
}

static void NAME(convolve)(void *context, int64_t begin, int64_t end, int thread)
{
    const heat *h = context;
    const vd_model_frame *f = h->frame;
    for (int64_t c = 0; c < f->channels; c++) {
        bool masked = f->confidences != NULL;
        const REAL *plane = masked ? (const REAL *)h->products + c * f->height * f->width : (const REAL *)f->planes[c];
        for (int64_t y = begin; y < end; y++)
            NAME(convolve_row)(h, plane, masked ? f->width : f->pitch, (REAL *)f->sums[c] + y * f->width, y, thread);
    }
    if (f->confidences == NULL)
        return;
    for (int64_t y = begin; y < end; y++)
        NAME(convolve_row)(h, f->confidences, f->pitch, (REAL *)f->weights + y * f->width, y, thread);
    int64_t at = begin * f->width, n = (end - begin) * f->width;
    for (int64_t c = 0; c <= f->channels; c++)
        f->kernels->diffusion.NAME(clear)((REAL *)(c < f->channels ? f->sums[c] : f->weights) + at,
                                          (const REAL *)f->weights + at, (REAL)MIN_WEIGHT, n);
}

#undef NAME
#undef PASTE
#undef PASTE2
#undef SUFFIX
#undef REAL
