/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Template: what diffusion.c does to rows of one real type. Takes REAL (the type), SUFFIX (of the kernels), and undefines
 * both.
 */
#if !defined(REAL) || !defined(SUFFIX)
#error "define REAL and SUFFIX before including diffusion_template.h"
#endif
#define PASTE2(a, b) a##_##b
#define PASTE(a, b) PASTE2(a, b)
#define NAME(name) PASTE(name, SUFFIX)

static void NAME(fill_weights)(void *context, int64_t begin, int64_t end, int thread)
{
    const vd_model_frame *f = context;
    (void)thread;
    for (int64_t i = begin * f->width; i < end * f->width; i++)
        ((REAL *)f->weights)[i] = 1;
}

/* Weights too small to divide by become 0, the sums with them. */
static void NAME(clear)(const vd_model_frame *f, double least, int64_t begin, int64_t end)
{
    REAL *weights = f->weights;
    for (int64_t i = begin * f->width; i < end * f->width; i++)
        if (weights[i] < (REAL)least) {
            weights[i] = 0;
            for (int64_t c = 0; c < f->channels; c++)
                ((REAL *)f->sums[c])[i] = 0;
        }
}

/* ---- one diffusivity */

static void NAME(multiply)(void *context, int64_t begin, int64_t end, int thread)
{
    const heat *h = context;
    const vd_model_frame *f = h->frame;
    (void)thread;
    for (int64_t c = 0; c < f->channels; c++)
        for (int64_t y = begin; y < end; y++) {
            const REAL *samples = (const REAL *)f->planes[c] + y * f->pitch;
            const REAL *masses = (const REAL *)f->masses + y * f->pitch;
            REAL *products = (REAL *)h->products + (c * f->height + y) * f->width;
            for (int64_t x = 0; x < f->width; x++)
                products[x] = samples[x] * masses[x];
        }
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
    f->kernels->NAME(vertical)(row, rows, h->weights_y, (int)radius_y, h->zeros, 0, (size_t)width);
    for (int64_t j = 1; j <= radius_x; j++) {
        row[-j] = row[j - 1];
        row[width - 1 + j] = row[width - j];
    }
    f->kernels->NAME(horizontal)(out, row, 1, h->weights_x, (int)radius_x, h->zeros, (size_t)width);
}

static void NAME(convolve)(void *context, int64_t begin, int64_t end, int thread)
{
    const heat *h = context;
    const vd_model_frame *f = h->frame;
    for (int64_t c = 0; c < f->channels; c++) {
        bool masked = f->masses != NULL;
        const REAL *plane = masked ? (const REAL *)h->products + c * f->height * f->width : (const REAL *)f->planes[c];
        for (int64_t y = begin; y < end; y++)
            NAME(convolve_row)(h, plane, masked ? f->width : f->pitch, (REAL *)f->sums[c] + y * f->width, y, thread);
    }
    if (f->masses == NULL) {
        NAME(fill_weights)((void *)f, begin, end, thread);
        return;
    }
    for (int64_t y = begin; y < end; y++)
        NAME(convolve_row)(h, f->masses, f->pitch, (REAL *)f->weights + y * f->width, y, thread);
    NAME(clear)(f, LEAST_WEIGHT_KERNEL, begin, end);
}

/* ---- Perona-Malik */

static void NAME(clear_unreached)(void *context, int64_t begin, int64_t end, int thread)
{
    (void)thread;
    NAME(clear)(((const cycle *)context)->frame, LEAST_WEIGHT_STEPS, begin, end);
}

/* The result of a cycle: the planes of the frame after the last, and every second one before. */
static REAL *NAME(plane_after)(const cycle *c, int64_t number, int64_t plane)
{
    const vd_model_frame *f = c->frame;
    if ((c->cycles - 1 - number) % 2)
        return (REAL *)c->other + plane * f->height * f->width;
    return plane < f->channels ? f->sums[plane] : f->weights;
}

/* Row y of a ring, of the row at the edge where it is beyond. */
static REAL *NAME(ring_row)(const cycle *c, REAL *ring, int depth, int64_t y)
{
    int64_t last = c->frame->height - 1;
    y = y < 0 ? 0 : y < last ? y : last;
    return ring + y % depth * c->pitch + LINE;
}

static void NAME(close)(const cycle *c, REAL *row)
{
    row[-1] = row[0];
    row[c->frame->width] = row[c->frame->width - 1];
}

static void NAME(read_row)(const cycle *c, REAL *row, int64_t plane, int64_t y)
{
    const vd_model_frame *f = c->frame;
    size_t bytes = (size_t)f->width * sizeof *row;
    if (c->number > 0)
        memcpy(row, NAME(plane_after)(c, c->number - 1, plane) + y * f->width, bytes);
    else {
        const REAL *masses = f->masses != NULL ? (const REAL *)f->masses + y * f->pitch : NULL;
        memcpy(row, plane < f->channels ? (const REAL *)f->planes[plane] + y * f->pitch : masses, bytes);
        for (int64_t x = 0; x < f->width && masses != NULL && plane < f->channels; x++)
            row[x] *= masses[x];
    }
    NAME(close)(c, row);
}

/* The diffusivity of row y, from smoothed rows. */
static void NAME(diffusivity_row)(const cycle *c, REAL *row, REAL *smooth, int64_t y)
{
    const vd_diffusion_kernels *k = c->kernels;
    int64_t channels = c->frame->channels, width = c->frame->width;
    ptrdiff_t ring = SMOOTH_ROWS * c->pitch;
    const REAL *rows[3], *masses[3];
    memset(row, 0, (size_t)width * sizeof *row);
    for (int i = 0; i < 3; i++)
        masses[i] = NAME(ring_row)(c, smooth + (c->planes - 1) * ring, SMOOTH_ROWS, y - 1 + i);
    for (int64_t plane = 0; plane < channels; plane++) {
        for (int i = 0; i < 3; i++)
            rows[i] = NAME(ring_row)(c, smooth + plane * ring, SMOOTH_ROWS, y - 1 + i);
        if (c->planes == channels)
            k->NAME(gradient)(row, rows[0], rows[1], rows[2], width);
        else
            k->NAME(gradient_known)(row, rows[0], rows[1], rows[2], masses[0], masses[1], masses[2],
                                    (REAL)LEAST_WEIGHT_STEPS, width);
    }
    if (c->frame->params->diffusivity_function == VD_DIFFUSIVITY_RATIONAL)
        k->NAME(rational)(row, (REAL)c->scale, width);
    else
        k->NAME(exponential)(row, (REAL)c->scale, width);
    NAME(close)(c, row);
}

/* Rows [begin, end) of one cycle. At any moment row r is read, and behind it follow the smoothed row r - 1, the
 * diffusivity of r - 2, the coefficients below r - 3 and step k of row r - 2 - k. */
static void NAME(cycle)(void *context, int64_t begin, int64_t end, int thread)
{
    const cycle *c = context;
    const vd_diffusion_kernels *k = c->kernels;
    int64_t height = c->frame->height, width = c->frame->width, planes = c->planes, n = c->steps;
    int faces = FACE_ROWS(c->steps);
    REAL *read = (REAL *)(c->scratch + (size_t)thread * c->scratch_size),
         *smooth = read + planes * READ_ROWS * c->pitch;
    REAL *diffusivity = smooth + planes * SMOOTH_ROWS * c->pitch, *right = diffusivity + DIFFUSIVITY_ROWS * c->pitch;
    REAL *below = right + faces * c->pitch, *column = below + faces * c->pitch + LINE;
    REAL *steps = below + (faces + 1) * c->pitch;
    ptrdiff_t step_ring = STEP_ROWS * c->pitch;
#define NEEDED(y, beyond, after) ((y) >= 0 && (y) >= begin - (beyond) && (y) < height && (y) < end + (after))
    for (int64_t r = begin - n - 2 > 0 ? begin - n - 2 : 0; r < end + n + 2; r++) {
        int64_t y = r;
        for (int64_t plane = 0; plane < planes && NEEDED(y, n + 2, n + 2); plane++)
            NAME(read_row)(c, NAME(ring_row)(c, read + plane * READ_ROWS * c->pitch, READ_ROWS, y), plane, y);
        y = r - 1;
        for (int64_t plane = planes - 1; plane >= 0 && NEEDED(y, n + 1, n + 1); plane--) {
            REAL *ring = read + plane * READ_ROWS * c->pitch;
            REAL *row = NAME(ring_row)(c, smooth + plane * SMOOTH_ROWS * c->pitch, SMOOTH_ROWS, y);
            k->NAME(smooth)(row, column, NAME(ring_row)(c, ring, READ_ROWS, y - 1),
                            NAME(ring_row)(c, ring, READ_ROWS, y), NAME(ring_row)(c, ring, READ_ROWS, y + 1), width);
            if (plane < c->frame->channels && planes > c->frame->channels)
                k->NAME(divide)(row, NAME(ring_row)(c, smooth + (planes - 1) * SMOOTH_ROWS * c->pitch, SMOOTH_ROWS, y),
                                (REAL)LEAST_WEIGHT_STEPS, width);
            NAME(close)(c, row);
        }
        y = r - 2;
        if (NEEDED(y, n, n))
            NAME(diffusivity_row)(c, NAME(ring_row)(c, diffusivity, DIFFUSIVITY_ROWS, y), smooth, y);
        y = r - 3;
        if (NEEDED(y, n, n - 1))
            k->NAME(faces)(NAME(ring_row)(c, right, faces, y), NAME(ring_row)(c, below, faces, y),
                           NAME(ring_row)(c, diffusivity, DIFFUSIVITY_ROWS, y),
                           NAME(ring_row)(c, diffusivity, DIFFUSIVITY_ROWS, y + 1), (REAL)c->half_y, (REAL)c->half_x,
                           width);
        for (int64_t step = 1; step <= n; step++) {
            y = r - 2 - step;
            if (!NEEDED(y, n - step, n - step))
                continue;
            const REAL *face = NAME(ring_row)(c, right, faces, y), *under = NAME(ring_row)(c, below, faces, y);
            const REAL *above = NAME(ring_row)(c, below, faces, y - 1);
            for (int64_t plane = 0; plane < planes; plane++) {
                int depth = step > 1 ? STEP_ROWS : READ_ROWS;
                REAL *from =
                    step > 1 ? steps + ((step - 2) * planes + plane) * step_ring : read + plane * READ_ROWS * c->pitch;
                REAL *to = step < n ? NAME(ring_row)(c, steps + ((step - 1) * planes + plane) * step_ring, STEP_ROWS, y)
                                    : NAME(plane_after)(c, c->number, plane) + y * width;
                k->NAME(step)(to, NAME(ring_row)(c, from, depth, y - 1), NAME(ring_row)(c, from, depth, y),
                              NAME(ring_row)(c, from, depth, y + 1), face, above, under, (REAL)c->tau[step - 1], width);
                if (step < n)
                    NAME(close)(c, to);
            }
        }
    }
#undef NEEDED
}

#undef NAME
#undef PASTE
#undef PASTE2
#undef SUFFIX
#undef REAL
