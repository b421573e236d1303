/* SPDX-License-Identifier: Apache-2.0 */
/* Template: the tiles of non-local means for one real type: REAL, SUFFIX, LARGEST and SMALLEST, all undefined here. */
#if !defined(REAL) || !defined(SUFFIX) || !defined(LARGEST) || !defined(SMALLEST)
#error "define REAL, SUFFIX, LARGEST and SMALLEST before including nonlocal_means_template.h"
#endif
#define PASTE2(a, b) a##_##b
#define PASTE(a, b) PASTE2(a, b)
#define NAME(name) PASTE(name, SUFFIX)
#define TILE NAME(tile)

/* One tile, and the scratch of the thread that works on it. Sample (y, x) of a plane is at y pitch + x, where y and x
 * may go into the margin; the rows of shifts begin at the x that first_of says. */
typedef struct TILE {
    int64_t top, left, rows, columns;
    REAL *samples;  /* of the frame, 0 where missing */
    REAL *values;   /* the terms of the sums: the samples, or samples times confidences, then a plane of confidences */
    REAL *present;  /* 1 where the confidence is above 0, else 0 */
    int64_t *kinds; /* of rows: 0 where all samples are present; rows of one kind have the same samples present */
    int64_t *plain; /* of rows: whether all confidences are 1 */
    confidences confidences;
    REAL *sums, *totals; /* the planes of sums, and the weights */
    REAL *boxes, *zeros, *usual_scales;
    REAL *ring[PAIRS], *column_sums[PAIRS], *weights[PAIRS], *scales[PAIRS];
    const REAL *scale[PAIRS]; /* usual_scales or scales */
} TILE;

static REAL NAME(limited)(double x) { return (REAL)fmax(fmin(x, LARGEST), SMALLEST); }

/* Divides one thread's scratch; scratch_size in nonlocal_means.c is the sum of the parts. */
static TILE NAME(lay_out)(const job *j, int thread)
{
    TILE t = {0};
    REAL *next = (REAL *)(j->scratch + (size_t)thread * j->scratch_size);
    t.sums = next;
    t.totals = t.sums + j->channels * j->sum_area;
    next = t.totals + j->sum_area;
    for (int g = 0; g < PAIRS; g++) {
        t.ring[g] = next;
        t.column_sums[g] = t.ring[g] + j->size * j->ring_pitch;
        t.weights[g] = t.column_sums[g] + j->ring_pitch;
        t.scales[g] = t.weights[g] + j->ring_pitch;
        next = t.scales[g] + j->ring_pitch;
    }
    t.boxes = next;
    t.zeros = t.boxes + j->ring_pitch;
    t.usual_scales = t.zeros + j->ring_pitch;
    t.samples = t.usual_scales + j->ring_pitch + j->origin;
    t.values = t.samples;
    if (j->frame->confidences != NULL) {
        t.values = t.samples + j->channels * j->area;
        t.present = t.values + (j->channels + 1) * j->area;
        t.kinds = (int64_t *)(t.present - j->origin + j->area) + j->margin;
        t.plain = t.kinds + j->rows + 2 * j->margin;
    }
    REAL usual = NAME(limited)(j->factor) / (REAL)(j->size * j->size);
    for (int64_t i = 0; i < j->ring_pitch; i++)
        t.usual_scales[i] = usual;
    return t;
}

/* Classifies the confidences and, where needed, fills their plane of values, `present`, `kinds` and `plain`. */
static void NAME(take_confidences)(const job *j, TILE *t)
{
    const vd_model_frame *frame = j->frame;
    int64_t begin = -j->margin, bottom = t->rows + j->margin, right = t->columns + j->margin;
    bool open = frame->confidences != NULL && frame->params->boundary == VD_BOUNDARY_RENORMALIZE;
    bool inside = is_inside(t->top + begin, frame->height) && is_inside(t->top + bottom - 1, frame->height) &&
                  is_inside(t->left + begin, frame->width) && is_inside(t->left + right - 1, frame->width);
    bool full = true;
    for (int64_t y = begin; y < bottom && frame->missing; y++) {
        int64_t row = open ? reflected(t->top + y, frame->height) : t->top + y;
        const REAL *from = (const REAL *)frame->confidences + row * frame->pitch;
        REAL *present = t->present + y * j->pitch;
        t->plain[y] = true;
        t->kinds[y] = 0;
        for (int64_t x = begin; x < right; x++) {
            REAL confidence = from[open ? reflected(t->left + x, frame->width) : t->left + x];
            present[x] = confidence > 0;
            t->plain[y] = t->plain[y] && confidence == 1;
            t->kinds[y] = confidence > 0 ? t->kinds[y] : 1;
        }
        full = full && t->plain[y];
        size_t size = (size_t)(right - begin) * sizeof(REAL);
        if (t->kinds[y] != 0 && y > begin && memcmp(present + begin, present + begin - j->pitch, size) == 0)
            t->kinds[y] = t->kinds[y - 1];
        else if (t->kinds[y] != 0)
            t->kinds[y] = y - begin + 1;
    }
    t->confidences = !full ? MASKED : open && !inside ? EDGES : FULL;
    if (t->confidences != MASKED)
        return;
    for (int64_t y = begin; y < bottom; y++) {
        memcpy(t->values + j->channels * j->area + y * j->pitch + begin,
               (const REAL *)frame->confidences + (t->top + y) * frame->pitch + t->left + begin,
               (size_t)(right - begin) * sizeof(REAL));
        t->plain[y] = t->plain[y] && (inside || !open);
    }
}

/* The tile's samples; the pixel itself, with weight 1, begins the sums. */
static void NAME(begin)(const job *j, TILE *t)
{
    const vd_model_frame *frame = j->frame;
    int64_t begin = -j->margin, n = t->columns + 2 * j->margin;
    NAME(take_confidences)(j, t);
    bool masked = t->confidences == MASKED;
    for (int64_t c = 0; c < j->channels; c++)
        for (int64_t y = begin; y < t->rows + j->margin; y++) {
            const REAL *from = (const REAL *)frame->planes[c] + (t->top + y) * frame->pitch + t->left + begin;
            REAL *to = t->samples + c * j->area + y * j->pitch + begin;
            memcpy(to, from, (size_t)n * sizeof(REAL));
            if (!masked)
                continue;
            REAL *value = t->values + c * j->area + y * j->pitch + begin;
            const REAL *confidence = t->values + j->channels * j->area + y * j->pitch + begin;
            const REAL *present = t->present + y * j->pitch + begin;
            j->kernels->NAME(mask)(to, value, confidence, present, (size_t)n);
        }
    for (int64_t c = 0; c < j->channels + masked; c++)
        for (int64_t y = 0; y < t->rows; y++)
            memcpy(t->sums + c * j->sum_area + y * j->sum_pitch,
                   (masked ? t->values : t->samples) + c * j->area + y * j->pitch, (size_t)t->columns * sizeof(REAL));
    if (!masked)
        for (int64_t y = 0; y < t->rows; y++)
            for (int64_t x = 0; x < t->columns; x++)
                t->totals[y * j->sum_pitch + x] = 1;
}

/* The weights of pairs across the frame's sides are 0. */
static void NAME(clear_beyond)(const job *j, const TILE *t, const shifts *s, int g)
{
    int64_t begin = t->left + first_of(s), n = t->columns + extra_of(s), shift = s->x + g;
    int64_t first = vd_max(0, -shift) - begin, last = j->frame->width - vd_max(0, shift) - begin;
    for (int64_t i = 0; i < vd_min(first, n); i++)
        t->weights[g][i] = 0;
    for (int64_t i = vd_max(last, 0); i < n; i++)
        t->weights[g][i] = 0;
}

static bool NAME(is_beyond)(const job *j, const TILE *t, int64_t y)
{
    return t->confidences == EDGES && !is_inside(t->top + y, j->frame->height);
}

/* Row y of the squared differences of shifts, into their rings. */
static void NAME(differences)(const job *j, TILE *t, const shifts *s, int64_t y)
{
    int64_t x = first_of(s) - j->patch, n = t->columns + extra_of(s) + 2 * j->patch;
    int64_t a = y * j->pitch + x, b = a + s->y * j->pitch + s->x;
    bool masked = t->confidences == MASKED && (t->kinds[y] != 0 || t->kinds[y + s->y] != 0);
    REAL *out[PAIRS];
    for (int g = 0; g < PAIRS; g++)
        out[g] = t->ring[g] + (y + j->margin) % j->size * j->ring_pitch;
    j->kernels->NAME(difference)(out, j->running ? t->column_sums : NULL, t->samples + a, t->samples + b,
                                 (size_t)j->area, (size_t)j->channels, masked ? t->present + a : NULL,
                                 masked ? t->present + b : NULL, (size_t)s->count, (size_t)n);
}

/* 1 / (number of pairs that are present around each pixel of row y), times the factor; 0 if there are none. */
static void NAME(count)(const job *j, TILE *t, const shifts *s, int g, int64_t y)
{
    size_t n = (size_t)(t->columns + extra_of(s)), size = (size_t)j->size;
    int64_t a = (y - j->patch) * j->pitch + first_of(s) - j->patch, b = a + s->y * j->pitch + s->x + g;
    REAL *scales = t->scales[g], *columns = t->weights[g], factor = NAME(limited)(j->factor);
    j->kernels->NAME(products)(columns, t->present + a, t->present + b, (size_t)j->pitch, size, n + size - 1);
    j->kernels->NAME(sum)(t->boxes, columns, 1, size, n);
    j->kernels->NAME(scales)(scales, t->boxes, factor, n);
    t->scale[g] = scales;
}

/* Whether the row that enters the patches of row y and the one that leaves them differ in which pairs are present. */
static bool NAME(changes)(const job *j, const TILE *t, const shifts *s, int64_t y)
{
    int64_t in = y + j->patch, out = y - j->patch - 1;
    return t->kinds[in] != t->kinds[out] || t->kinds[in + s->y] != t->kinds[out + s->y];
}

/* Row y of the weights of shifts, from their rings. */
static void NAME(weigh)(const job *j, TILE *t, const shifts *s, int64_t y, bool first)
{
    size_t n = (size_t)(t->columns + extra_of(s)), size = (size_t)j->size;
    bool masked = t->confidences == MASKED, changed = masked && (first || NAME(changes)(j, t, s, y));
    for (int g = 0; g < s->count; g++) {
        if (!masked)
            t->scale[g] = t->usual_scales;
        else if (changed)
            NAME(count)(j, t, s, g, y);
        if (!j->running)
            j->kernels->NAME(sum)(t->column_sums[g], t->ring[g], (size_t)j->ring_pitch, size, n + size - 1);
        j->kernels->NAME(weights)(t->weights[g], t->column_sums[g], size, t->scale[g], !masked,
                                  NAME(limited)(j->offset), (REAL)s->gains[g], j->coarse, t->boxes, n);
        if (t->confidences == EDGES)
            NAME(clear_beyond)(j, t, s, g);
    }
}

/* The sums of row y of the tile: of the shifts' sources in row `from`, forward (x + s for x) or back (x for x + s). */
static void NAME(add)(const job *j, TILE *t, const shifts *s, int64_t y, int64_t from, bool back)
{
    const REAL *weights[PAIRS];
    bool masked = t->confidences == MASKED && !t->plain[from];
    const REAL *values = (masked ? t->values : t->samples) + from * j->pitch + (back ? -s->x : s->x);
    for (int g = 0; g < PAIRS; g++)
        weights[g] = g < s->count ? t->weights[g] - first_of(s) - (back ? s->x + g : 0) : t->zeros;
    REAL *sums = t->sums + y * j->sum_pitch, *totals = t->totals + y * j->sum_pitch;
    j->kernels->NAME(accumulate)(sums, (size_t)j->sum_area, masked ? NULL : totals, weights, values, (size_t)j->area,
                                 back ? -1 : 1, (size_t)s->count, (size_t)(j->channels + masked), (size_t)t->columns);
}

/* All of some shifts. Pairs of rows across the frame's edges have no weights. */
static void NAME(sweep)(const job *j, TILE *t, const shifts *s)
{
    int64_t down = s->y;
    bool first = true;
    if (j->running) /* the ring and the sums of its rows */
        for (int g = 0; g < s->count; g++)
            memset(t->ring[g], 0, (size_t)((j->size + 1) * j->ring_pitch) * sizeof(REAL));
    for (int64_t y = -down - j->patch; y < -down + j->patch; y++)
        NAME(differences)(j, t, s, y);
    for (int64_t y = -down; y < t->rows; y++) {
        NAME(differences)(j, t, s, y + j->patch);
        if (NAME(is_beyond)(j, t, y) || NAME(is_beyond)(j, t, y + down))
            continue;
        NAME(weigh)(j, t, s, y, first);
        first = false;
        if (y >= 0)
            NAME(add)(j, t, s, y, y + down, false);
        if (y + down < t->rows)
            NAME(add)(j, t, s, y + down, y, true);
    }
}

static void NAME(tiles)(void *context, int64_t first, int64_t last, int thread)
{
    const job *j = context;
    const vd_model_frame *frame = j->frame;
    TILE t = NAME(lay_out)(j, thread);
    for (int64_t i = first; i < last; i++) {
        t.top = i / j->tiles_x * j->rows;
        t.left = i % j->tiles_x * j->columns;
        t.rows = vd_min(j->rows, frame->height - t.top);
        t.columns = vd_min(j->columns, frame->width - t.left);
        NAME(begin)(j, &t);
        for (int64_t y = 0; y <= j->search; y++)
            for (int64_t x = y > 0 ? -j->search : 1; x <= j->search; x += PAIRS) {
                shifts s = {.y = y, .x = x, .count = (int)vd_min(PAIRS, j->search - x + 1)};
                for (int g = 0; g < s.count; g++)
                    s.gains[g] =
                        gaussian((double)y, frame->params->sigma_y) * gaussian((double)(x + g), frame->params->sigma_x);
                NAME(sweep)(j, &t, &s);
            }
        for (int64_t c = 0; c < j->channels + 1; c++)
            for (int64_t y = 0; y < t.rows; y++) {
                REAL *to = c < j->channels ? frame->sums[c] : frame->weights;
                memcpy(to + (t.top + y) * frame->width + t.left, t.sums + c * j->sum_area + y * j->sum_pitch,
                       (size_t)t.columns * sizeof(REAL));
            }
    }
}

#undef TILE
#undef NAME
#undef PASTE
#undef PASTE2
#undef REAL
#undef SUFFIX
#undef LARGEST
#undef SMALLEST
