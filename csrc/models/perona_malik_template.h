/* SPDX-License-Identifier: Apache-2.0 */
/* Template: one pass of perona_malik.c for one real type. Takes REAL (the type), SUFFIX (of the kernels), and undefines both. */
#if !defined(REAL) || !defined(SUFFIX)
#error "define REAL and SUFFIX before including perona_malik_template.h"
#endif
#define PASTE2(a, b) a##_##b
#define PASTE(a, b) PASTE2(a, b)
#define NAME(name) PASTE(name, SUFFIX)

static void NAME(clear_unreached)(void *context, int64_t begin, int64_t end, int thread)
{
    const vd_model_frame *f = ((const pass *)context)->frame;
    (void)thread;
    int64_t at = begin * f->width, n = (end - begin) * f->width;
    for (int64_t c = 0; c <= f->channels; c++)
        f->kernels->diffusion.NAME(clear)((REAL *)(c < f->channels ? f->sums[c] : f->weights) + at,
                                          (const REAL *)f->weights + at, (REAL)MIN_WEIGHT, n);
}

/* Row y is number y % length of a ring; a whole plane is one as well. Beyond the edges is the row at the edge. */
typedef struct NAME(rows) {
    REAL *first;
    int64_t length;
    ptrdiff_t pitch;
} NAME(rows);

static REAL *NAME(row)(const pass *c, const NAME(rows) * rows, int64_t y)
{
    int64_t last = c->frame->height - 1;
    y = y < 0 ? 0 : y < last ? y : last;
    return rows->first + (y < rows->length ? y : y % rows->length) * rows->pitch;
}

/* `count` rows from y on. */
static void NAME(get)(const pass *c, REAL **to, const NAME(rows) * rows, int64_t y, int count)
{
    for (int i = 0; i < count; i++)
        to[i] = NAME(row)(c, rows, y + i);
}

/* The next rows of the thread's memory. */
static NAME(rows) NAME(ring)(const pass *c, REAL **memory, int64_t length)
{
    NAME(rows) rows = {*memory + LINE, length, c->pitch};
    *memory += length * c->pitch;
    return rows;
}

/* The result of a pass from column `left` on: that of the frame after the last, of the planes in between before. */
static NAME(rows) NAME(rows_after)(const pass *c, int64_t number, int64_t plane, int64_t left)
{
    const vd_model_frame *f = c->frame;
    if (number == c->passes - 1)
        return (NAME(rows)){(REAL *)(plane < f->channels ? f->sums[plane] : f->weights) + left, f->height, f->width};
    REAL *planes = (REAL *)align(c->between) + (number % 2 * c->planes + plane) * f->height * c->plane_pitch;
    return (NAME(rows)){planes + LINE + left, f->height, c->plane_pitch};
}

static void NAME(close)(REAL *row, int64_t width)
{
    row[-1] = row[0];
    row[width] = row[width - 1];
}

/* What one cycle works in. */
typedef struct NAME(work) {
    int64_t begin, end;  /* the rows of the result */
    int64_t left, width; /* the columns worked on; nothing flows beyond, which is true at the edges of the picture */
    int64_t skip, kept;  /* those of them in the result of a pass */
    bool last;           /* of a pass */
    NAME(rows) diffusivity, right, below;
    NAME(rows) * smooth; /* [planes] */
    NAME(rows) * stages; /* [steps + 1][planes], before step 1, 2, ..., and the result */
    REAL *spare, *columns[2];
} NAME(work);

/* Where rows y and y + 1 of a stage go, which is needed `beyond` rows before the result and `after` rows behind it: one
 * that is not needed, to the spare row. Returns whether any is. */
static bool NAME(results)(const pass *c, const NAME(work) * w, REAL *to[2], const NAME(rows) * rows, int64_t y,
                          int64_t beyond, int64_t after)
{
    int64_t begin = w->begin - beyond > 0 ? w->begin - beyond : 0;
    int64_t end = w->end + after < c->frame->height ? w->end + after : c->frame->height;
    for (int i = 0; i < 2; i++)
        to[i] = y + i >= begin && y + i < end ? NAME(row)(c, rows, y + i) : w->spare;
    return to[0] != w->spare || to[1] != w->spare;
}

/* Row y of the input, for the first cycle. */
static void NAME(read_row)(const pass *c, const NAME(work) * w, int64_t plane, int64_t y)
{
    const vd_model_frame *f = c->frame;
    const REAL *confidences = f->confidences != NULL ? (const REAL *)f->confidences + y * f->pitch + w->left : NULL;
    const REAL *from = plane < f->channels ? (const REAL *)f->planes[plane] + y * f->pitch + w->left : confidences;
    REAL *row = NAME(row)(c, w->stages + plane, y);
    if (confidences != NULL && plane < f->channels)
        c->kernels->NAME(multiply)(row, from, confidences, w->width);
    else
        memcpy(row, from, (size_t)w->width * sizeof *row);
    NAME(close)(row, w->width);
}

static void NAME(smooth_rows)(const pass *c, const NAME(work) * w, int64_t y)
{
    const vd_diffusion_kernels *k = c->kernels;
    int64_t width = w->width, last = c->planes - 1; /* the confidences, if any: first, as the others need them */
    REAL *from[4], *to[2], *confidences[2];
    for (int64_t plane = last; plane >= 0; plane--)
        if (NAME(results)(c, w, to, w->smooth + plane, y, c->steps + 1, c->steps + 1)) {
            NAME(get)(c, from, w->stages + plane, y - 1, 4);
            NAME(get)(c, confidences, w->smooth + last, y, 2);
            k->NAME(smooth)(to, w->columns, (const REAL *const *)from, width);
            for (int i = 0; i < 2; i++) {
                if (c->frame->confidences != NULL && plane < last)
                    k->NAME(divide)(to[i], confidences[i], (REAL)MIN_WEIGHT, width);
                NAME(close)(to[i], width);
            }
        }
}

static void NAME(diffusivity_rows)(const pass *c, const NAME(work) * w, int64_t y)
{
    const vd_diffusion_kernels *k = c->kernels;
    int64_t width = w->width;
    REAL *from[4], *to[2], *confidences[4];
    if (!NAME(results)(c, w, to, &w->diffusivity, y, c->steps, c->steps))
        return;
    NAME(get)(c, confidences, w->smooth + c->planes - 1, y - 1, 4);
    for (int64_t plane = 0; plane < c->frame->channels; plane++) {
        NAME(get)(c, from, w->smooth + plane, y - 1, 4);
        if (c->frame->confidences == NULL)
            k->NAME(gradient)(to, (const REAL *const *)from, plane > 0, width);
        else
            k->NAME(gradient_known)(to, (const REAL *const *)from, (const REAL *const *)confidences, (REAL)MIN_WEIGHT,
                                    plane > 0, width);
    }
    for (int i = 0; i < 2; i++) {
        if (c->frame->params->diffusivity_function == VD_DIFFUSIVITY_RATIONAL)
            k->NAME(rational)(to[i], (REAL)c->scale, width);
        else
            k->NAME(exponential)(to[i], (REAL)c->scale, width);
        NAME(close)(to[i], width);
    }
}

static void NAME(faces_rows)(const pass *c, const NAME(work) * w, int64_t y)
{
    REAL *from[3], *to[2];
    NAME(get)(c, from, &w->diffusivity, y, 3);
    NAME(results)(c, w, to, &w->right, y, c->steps, c->steps - 1);
    for (int i = 0; i < 2; i++)
        if (to[i] != w->spare)
            c->kernels->NAME(faces)(to[i], NAME(row)(c, &w->below, y + i), from[i], from[i + 1], (REAL)c->half_y,
                                    (REAL)c->half_x, w->width);
}

/* Columns further. */
static void NAME(move)(REAL **rows, int count, int64_t by)
{
    for (int i = 0; i < count; i++)
        rows[i] += by;
}

static void NAME(step_rows)(const pass *c, const NAME(work) * w, int64_t step, int64_t y)
{
    int64_t more = c->steps - step;
    bool result = w->last && more == 0;
    int64_t skip = result ? w->skip : 0, width = result ? w->kept : w->width;
    const NAME(rows) *before = w->stages + (step - 1) * c->planes, *after = before + c->planes;
    REAL *from[4], *to[2], *rights[2], *belows[3];
    NAME(get)(c, rights, &w->right, y, 2);
    NAME(get)(c, belows, &w->below, y - 1, 3);
    NAME(move)(rights, 2, skip);
    NAME(move)(belows, 3, skip);
    for (int64_t plane = 0; plane < c->planes; plane++)
        if (NAME(results)(c, w, to, after + plane, y, more, more)) {
            NAME(get)(c, from, before + plane, y - 1, 4);
            NAME(move)(from, 4, skip);
            NAME(move)(to, 2, skip);
            c->kernels->NAME(step)(to, (const REAL *const *)from, (const REAL *const *)rights,
                                   (const REAL *const *)belows, (REAL)c->tau[step - 1], width);
            for (int i = 0; i < 2 && !(result && c->number == c->passes - 1); i++) {
                if (!result || w->left + skip == 0)
                    to[i][-1] = to[i][0];
                if (!result || w->left + skip + width == c->frame->width)
                    to[i][width] = to[i][width - 1];
            }
        }
}

/* What `count` cycles of a pass work in, in the thread's memory. */
static NAME(work) * NAME(prepare)(const pass *c, int64_t count, int64_t begin, int64_t end, int64_t left, int thread)
{
    int64_t planes = c->planes, n = c->steps, margin = to_lines(count * LAG(n)), picture = c->frame->width;
    int64_t first = left > margin ? left - margin : 0,
            right = left + c->columns < picture ? left + c->columns : picture;
    NAME(work) *works = (NAME(work) *)align(c->scratch + (size_t)thread * c->scratch_size);
    NAME(rows) *rows = (NAME(rows) *)(works + count);
    REAL *memory = (REAL *)align(rows + count * (n + 2) * planes);
    for (int64_t i = 0; i < count; i++) {
        NAME(work) *w = works + i;
        int64_t beyond = (count - 1 - i) * LAG(n);
        w->begin = begin - beyond;
        w->end = end + beyond;
        w->left = first;
        w->width = (right + margin < picture ? right + margin : picture) - first;
        w->skip = left - first;
        w->kept = right - left;
        w->last = i == count - 1;
        w->smooth = rows + i * (n + 2) * planes;
        w->stages = w->smooth + planes;
        w->diffusivity = NAME(ring)(c, &memory, RING_ROWS);
        w->right = NAME(ring)(c, &memory, FACE_ROWS(n));
        w->below = NAME(ring)(c, &memory, FACE_ROWS(n));
        NAME(rows) others = NAME(ring)(c, &memory, OTHER_ROWS);
        w->spare = others.first;
        w->columns[0] = others.first + c->pitch;
        w->columns[1] = others.first + 2 * c->pitch;
        for (int64_t plane = 0; plane < planes; plane++) {
            if (i > 0)
                w->stages[plane] = w[-1].stages[n * planes + plane];
            else
                w->stages[plane] = c->number > 0 ? NAME(rows_after)(c, c->number - 1, plane, first)
                                                 : NAME(ring)(c, &memory, READ_ROWS);
            w->smooth[plane] = NAME(ring)(c, &memory, RING_ROWS);
            for (int64_t step = 1; step < n; step++)
                w->stages[step * planes + plane] = NAME(ring)(c, &memory, RING_ROWS);
            w->stages[n * planes + plane] =
                w->last ? NAME(rows_after)(c, c->number, plane, first) : NAME(ring)(c, &memory, READ_ROWS);
        }
    }
    return works;
}

/* Rows [begin, end) of the cycles of a pass, two rows at a time. In the first cycle rows r and r + 1 are read, and behind
 * them follow the smoothed rows from r - 1 on, the diffusivities from r - 2 on, the coefficients from r - 3 on and step k
 * from r - 2 - k on; the next cycle reads what the last step gave. */
static void NAME(pass)(void *context, int64_t begin, int64_t end, int thread)
{
    const pass *c = context;
    int64_t n = c->steps, to_do = c->cycles - c->number * c->max_cycles,
            count = to_do < c->max_cycles ? to_do : c->max_cycles;
    int64_t ends = end + count * LAG(n), begins = begin - count * LAG(n);
    for (int64_t left = 0; left < c->frame->width; left += c->columns) {
        const NAME(work) *works = NAME(prepare)(c, count, begin, end, left, thread);
        for (int64_t first = begins > 0 ? begins : 0; first < ends; first += 2) {
            for (int64_t y = first; y < first + 2 && y < c->frame->height && c->number == 0; y++)
                for (int64_t plane = 0; plane < c->planes; plane++)
                    NAME(read_row)(c, works, plane, y);
            for (int64_t i = 0, r = first; i < count; i++, r -= LAG(n)) {
                NAME(smooth_rows)(c, works + i, r - 1);
                NAME(diffusivity_rows)(c, works + i, r - 2);
                NAME(faces_rows)(c, works + i, r - 3);
                for (int64_t step = 1; step <= n; step++)
                    NAME(step_rows)(c, works + i, step, r - 2 - step);
            }
        }
    }
}

#undef NAME
#undef PASTE
#undef PASTE2
#undef SUFFIX
#undef REAL
