/* SPDX-License-Identifier: Apache-2.0 */
/* Template: the loops of bilateral.c for one real type. Takes REAL and NAME(x), x with the type's suffix, and undefines
 * them. */

/* What a thread works with: columns begin to end of the picture. Each row holds, in rows of j->pitch: the sums W and D
 * of each channel, then a copy of the samples, 0 where they are missing, and of the confidences. Column `begin` is at
 * j->left; all rows are long enough for whole vectors. */
typedef struct NAME(tile) {
    const job *j;
    int64_t begin, end;
    REAL *ring;     /* radius_y + 1 rows */
    REAL *separate; /* the sums of three more */
    REAL *weights;  /* those of some pairs, seen from either side */
    run *runs;      /* of the rows in the ring: the columns whose confidences are all 1 */
} NAME(tile);

static size_t NAME(place)(const NAME(tile) * t, int64_t y)
{
    int64_t rows = t->j->radius_y + 1;
    return (size_t)((y + rows) % rows);
}

static REAL *NAME(row_of)(const NAME(tile) * t, int64_t y)
{
    return t->ring + NAME(place)(t, y) * t->j->rows * t->j->pitch;
}

static REAL NAME(gain)(const NAME(tile) * t, int64_t dy, int64_t dx)
{
    return (REAL)(t->j->gain_y[dy] * t->j->gain_x[dx < 0 ? -dx : dx]);
}

static size_t NAME(sums_size)(const NAME(tile) * t) { return (size_t)(t->j->frame->channels + 1) * t->j->pitch; }

/* The longest run of ones in m from begin to end, in columns shifted by `at`. */
static run NAME(longest_run)(const REAL *m, size_t begin, size_t end, int64_t at)
{
    run longest = {0, 0};
    for (size_t i = begin; i < end; i++) {
        size_t start = i;
        while (i < end && m[i] == 1)
            i++;
        if ((int64_t)(i - start) > longest.end - longest.begin)
            longest = (run){at + (int64_t)start, at + (int64_t)i};
    }
    return longest;
}

/* Copies row y, initializes its sums with each pixel's own contribution, and notes its run of ones. */
static void NAME(open_row)(const NAME(tile) * t, int64_t y)
{
    const job *j = t->j;
    const vd_model_frame *frame = j->frame;
    size_t n = (size_t)(t->end - t->begin + 2 * j->radius_x), channels = (size_t)frame->channels;
    ptrdiff_t at = y * frame->pitch + t->begin - j->radius_x;
    REAL *W = NAME(row_of)(t, y) + j->left - j->radius_x, *m = W + (2 * channels + 1) * j->pitch;
    run ones = {0, (int64_t)j->pitch};
    size_t before = 0, after = 0; /* columns where nothing exists: their weights come out as 0 */
    if (j->open) {
        before = t->begin < j->radius_x ? (size_t)(j->radius_x - t->begin) : 0;
        after = t->end + j->radius_x > frame->width ? (size_t)(t->end + j->radius_x - frame->width) : 0;
    }
    memset(NAME(row_of)(t, y), 0, NAME(sums_size)(t) * sizeof(REAL));
    for (size_t c = 0; c < channels; c++)
        memcpy(W + (channels + 1 + c) * j->pitch, (const REAL *)frame->planes[c] + at, n * sizeof(REAL));
    if (frame->confidences == NULL)
        for (size_t i = 0; i < n; i++)
            W[i] = 1;
    else {
        memcpy(m, (const REAL *)frame->confidences + at, n * sizeof(REAL));
        memcpy(W, m, n * sizeof(REAL));
        int partial = 0;
        for (size_t i = before; i < n - after; i++)
            partial |= m[i] != 1;
        if (partial)
            ones = NAME(longest_run)(m, before, n - after, j->left - j->radius_x);
        for (size_t c = 0; c < channels; c++) {
            REAL *f = W + (channels + 1 + c) * j->pitch;
            for (size_t i = 0; partial && i < n; i++)
                f[i] = m[i] == 0 ? 0 : f[i];
            for (size_t i = 0; i < before; i++)
                f[i] = (REAL)j->nowhere;
            for (size_t i = n - after; i < n; i++)
                f[i] = (REAL)j->nowhere;
        }
    }
    t->runs[NAME(place)(t, y)] = ones;
}

/* The pairs (y, x) and (q, x + dx) for x in [begin, end), columns of the tile, added to the sums `one` of y and `other`
 * of q. */
static void NAME(add_pairs)(const NAME(tile) * t, REAL *one, REAL *other, int64_t y, int64_t q, int64_t dx,
                            int64_t begin, int64_t end, bool masked)
{
    const job *j = t->j;
    const vd_bilateral_kernels *k = j->kernels;
    if (end <= begin)
        return;
    size_t n = (size_t)(end - begin), pitch = j->pitch, channels = (size_t)j->frame->channels;
    REAL scale = (REAL)j->scale, gain = NAME(gain)(t, q - y, dx), *w = t->weights, *back = w;
    const REAL *a = NAME(row_of)(t, y) + (channels + 1) * pitch + begin;
    const REAL *b = NAME(row_of)(t, q) + (channels + 1) * pitch + begin + dx;
    one += begin;
    other += begin + dx;
    if (channels == 1 && !masked) {
        k->NAME(pairs)(one, one + pitch, other, other + pitch, a, b, scale, gain, n);
        return;
    }
    for (size_t c = 0; c < channels; c++)
        k->NAME(distance)(w, a + c * pitch, b + c * pitch, scale, c > 0, n);
    if (masked) {
        back = w + pitch;
        k->NAME(weights_masked)(w, back, gain, a + channels * pitch, b + channels * pitch, n);
    } else
        k->NAME(weights)(w, gain, n);
    k->NAME(add)(one, w, n);
    k->NAME(add)(other, back, n);
    for (size_t c = 0; c < channels; c++) {
        k->NAME(move)(one + (c + 1) * pitch, w, a + c * pitch, b + c * pitch, n);
        k->NAME(move)(other + (c + 1) * pitch, back, b + c * pitch, a + c * pitch, n);
    }
}

/* The same between one channel of row y and rows q and q + 1, without confidences. */
static void NAME(add_pairs_two)(const NAME(tile) * t, REAL *one, REAL *const others[2], int64_t y, int64_t q,
                                int64_t dx, int64_t begin, int64_t end)
{
    size_t pitch = t->j->pitch;
    int64_t to = begin + dx;
    REAL *const Wb[2] = {others[0] + to, others[1] + to}, *const Db[2] = {Wb[0] + pitch, Wb[1] + pitch};
    const REAL *const b[2] = {NAME(row_of)(t, q) + 2 * pitch + to, NAME(row_of)(t, q + 1) + 2 * pitch + to};
    const REAL gain[2] = {NAME(gain)(t, q - y, dx), NAME(gain)(t, q + 1 - y, dx)};
    if (end > begin)
        t->j->kernels->NAME(pairs_two)(one + begin, one + pitch + begin, Wb, Db, NAME(row_of)(t, y) + 2 * pitch + begin,
                                       b, (REAL)t->j->scale, gain, (size_t)(end - begin));
}

/* The pairs (y, x) and (q + k, x + dx) for k < count and x in [begin, end), columns of the tile. */
static void NAME(meet_columns)(const NAME(tile) * t, REAL *one, REAL *const others[2], int64_t y, int64_t q, int count,
                               int64_t dx, int64_t begin, int64_t end)
{
    run ones = t->runs[NAME(place)(t, y)];
    for (int k = 0; k < count; k++) {
        run b = t->runs[NAME(place)(t, q + k)];
        ones.begin = ones.begin > b.begin - dx ? ones.begin : b.begin - dx;
        ones.end = ones.end < b.end - dx ? ones.end : b.end - dx;
    }
    ones.begin = ones.begin > begin ? vectors(ones.begin + dx) - dx : begin;
    ones.end = ones.end < end ? vectors(ones.end + dx + 1) - VECTOR - dx : end;
    if (ones.end <= ones.begin)
        ones.begin = ones.end = begin;
    bool single = t->j->frame->channels == 1;
    if (count == 2 && single)
        NAME(add_pairs_two)(t, one, others, y, q, dx, ones.begin, ones.end);
    for (int k = 0; k < count; k++) {
        NAME(add_pairs)(t, one, others[k], y, q + k, dx, begin, ones.begin, true);
        if (count == 1 || !single)
            NAME(add_pairs)(t, one, others[k], y, q + k, dx, ones.begin, ones.end, false);
        NAME(add_pairs)(t, one, others[k], y, q + k, dx, ones.end, end, true);
    }
}

/* All pairs between row y and `count` rows from q that one end of is in the tile. A row with itself: the far ends of
 * the pairs have sums of their own, because a kernel's rows must not overlap. */
static void NAME(meet)(const NAME(tile) * t, int64_t y, int64_t q, int count)
{
    const job *j = t->j;
    REAL *one = NAME(row_of)(t, y), *others[2] = {NAME(row_of)(t, q), NAME(row_of)(t, q + count - 1)};
    bool separate = (2 * j->radius_y + 1) * (2 * j->radius_x + 1) > MANY;
    size_t size = NAME(sums_size)(t);
    if (separate)
        one = memset(t->separate, 0, size * sizeof(REAL));
    for (int k = 0; k < count && (separate || q == y); k++)
        others[k] = memset(t->separate + (size_t)(k + 1) * size, 0, size * sizeof(REAL));
    for (int64_t dx = q == y ? 1 : -j->radius_x; dx <= j->radius_x; dx++) {
        run columns[2];
        int runs = columns_of_pairs(j, t->begin, t->end, dx, columns);
        for (int i = 0; i < runs; i++)
            NAME(meet_columns)(t, one, others, y, q, count, dx, columns[i].begin, columns[i].end);
    }
    if (separate)
        j->kernels->NAME(add)(NAME(row_of)(t, y), one, size);
    for (int k = 0; k < count && (separate || q == y); k++)
        j->kernels->NAME(add)(NAME(row_of)(t, q + k), others[k], size);
}

static void NAME(close_row)(const NAME(tile) * t, int64_t y)
{
    const vd_model_frame *frame = t->j->frame;
    const REAL *W = NAME(row_of)(t, y) + t->j->left;
    size_t n = (size_t)(t->end - t->begin), channels = (size_t)frame->channels, pitch = t->j->pitch;
    int64_t at = y * frame->width + t->begin;
    memcpy((REAL *)frame->weights + at, W, n * sizeof(REAL));
    for (size_t c = 0; c < channels; c++)
        t->j->kernels->NAME(finish)((REAL *)frame->sums[c] + at, W + (c + 1) * pitch, W, W + (channels + 1 + c) * pitch,
                                    n);
}

static void NAME(filter_band)(void *context, int64_t begin, int64_t end, int thread)
{
    const job *j = context;
    int64_t radius = j->radius_y, width = j->frame->width;
    int64_t first = begin - radius, stop = j->open ? j->frame->height : end + radius;
    first = j->open && first < 0 ? 0 : first;
    size_t ring = (size_t)(radius + 1) * j->rows * j->pitch;
    NAME(tile) t = {.j = j, .ring = (REAL *)(void *)(j->scratch + (size_t)thread * j->share)};
    t.separate = t.ring + ring;
    t.weights = t.separate + 3 * NAME(sums_size)(&t);
    t.runs = (run *)(void *)(t.weights + 2 * j->pitch);
    memset(t.ring, 0, ring * sizeof(REAL)); /* parts that no row of the picture fills stay finite */
    for (t.begin = 0; t.begin < width; t.begin = t.end) {
        t.end = t.begin + j->tile < width ? t.begin + j->tile : width;
        for (int64_t y = first; y < first + radius && y < stop; y++)
            NAME(open_row)(&t, y);
        for (int64_t y = first; y < end; y++) {
            int64_t last = y + radius < stop ? y + radius : stop - 1;
            if (last == y + radius)
                NAME(open_row)(&t, last);
            if (y >= begin)
                NAME(meet)(&t, y, y, 1);
            else if (last >= end) /* a pair of a row above the band and one below it */
                last = end - 1;
            for (int64_t q = y < begin ? begin : y + 1; q <= last; q += 2)
                NAME(meet)(&t, y, q, q < last ? 2 : 1);
            if (y >= begin)
                NAME(close_row)(&t, y);
        }
    }
}

#undef NAME
#undef REAL
