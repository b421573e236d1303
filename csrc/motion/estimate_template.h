/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rows of estimates, for one sample type. Included by estimate.c, which says what is computed, with
 *
 *     TYPE        float or double
 *     NAME(name)  what a function of this type is called
 */
#if !defined(TYPE) || !defined(NAME)
#error "estimate_template.h needs TYPE and NAME"
#endif

static void NAME(measure_row)(const measure_job *job, int64_t y, const double *samples, const double *confidence)
{
    int64_t channels = job->frame->channels, shared = job->confidence != NULL && job->confidence->channels == 1;
    TYPE *pixel = (TYPE *)vd_image_row(job->estimate, y);
    for (int64_t x = 0; x < job->frame->width; x++, pixel += channels + 2) {
        double weight = 1, variance = 0;
        for (int64_t c = 0; c < channels; c++) {
            double sample = samples[x * channels + c];
            double share = confidence == NULL ? 1 : confidence[shared ? x : x * channels + c];
            pixel[c] = (TYPE)sample;
            weight = isnan(sample) ? 0 : share < weight ? share : weight;
            if (job->noise != NULL) {
                double expected = job->noise->gain[c] * sample + job->noise->offset[c];
                variance += expected > job->noise->least ? expected : job->noise->least;
            }
        }
        bool counts = weight >= LEAST_WEIGHT;
        pixel[channels] = (TYPE)(counts ? weight : 0);
        pixel[channels + 1] = (TYPE)(counts ? variance / (double)channels : 0);
    }
}

/* b at the position (y, x), which lies in the picture, into pixel. */
static void NAME(sample)(const vd_image *b, double y, double x, TYPE *pixel)
{
    int64_t channels = b->channels - 2;
    weights4 rows = cubic_weights(y, b->height), columns = cubic_weights(x, b->width);
    const TYPE *taps[4][4];
    bool complete = true;
    for (int j = 0; j < 4; j++)
        for (int i = 0; i < 4; i++) {
            taps[j][i] = (const TYPE *)vd_image_row(b, rows.at[j]) + columns.at[i] * b->channels;
            complete = complete && (taps[j][i][channels] > 0 || rows.cubic[j] * columns.cubic[i] == 0);
        }
    double weight = 0, mass = 0, variance = 0;
    for (int64_t c = 0; c < channels; c++)
        pixel[c] = 0;
    for (int j = 0; j < 4; j++)
        for (int i = 0; i < 4; i++) {
            double linear = rows.linear[j] * columns.linear[i], own = taps[j][i][channels];
            weight += linear * own;
            mass += own > 0 ? linear : 0;
        }
    if (weight < LEAST_WEIGHT) {
        pixel[channels] = pixel[channels + 1] = 0;
        return;
    }
    for (int j = 0; j < 4; j++)
        for (int i = 0; i < 4; i++) {
            const TYPE *tap = taps[j][i];
            double part = complete ? rows.cubic[j] * columns.cubic[i] : rows.linear[j] * columns.linear[i] / mass;
            if (part == 0 || !(tap[channels] > 0))
                continue;
            for (int64_t c = 0; c < channels; c++)
                pixel[c] += (TYPE)part * tap[c];
            variance += part * part * tap[channels + 1];
        }
    pixel[channels] = (TYPE)weight;
    pixel[channels + 1] = (TYPE)variance;
}

/* b moved to where a is, row y into out. */
static void NAME(move_row)(const merge_job *job, int64_t y)
{
    const vd_image *b = job->b;
    TYPE *pixel = (TYPE *)vd_image_row(job->out, y);
    if (job->flow == NULL) {
        memcpy(pixel, vd_image_row(b, y), (size_t)(b->width * b->channels) * sizeof(TYPE));
        return;
    }
    const char *flow = vd_image_row(job->flow, y);
    for (int64_t x = 0; x < b->width; x++, pixel += b->channels, flow += job->flow->column_stride) {
        float d[2];
        memcpy(&d[0], flow, sizeof d[0]);
        memcpy(&d[1], flow + job->flow->channel_stride, sizeof d[1]);
        double there_y = (double)y + d[1], there_x = (double)x + d[0];
        if (there_y >= -0.5 && there_y <= (double)b->height - 0.5 && there_x >= -0.5 &&
            there_x <= (double)b->width - 0.5)
            NAME(sample)(b, there_y, there_x, pixel);
        else
            memset(pixel, 0, (size_t)b->channels * sizeof(TYPE));
    }
}

/* sums[x] = values[x - radius] + .. + values[x + radius], where they exist. */
static void NAME(sum_along)(const TYPE *values, int64_t width, int radius, TYPE *sums)
{
    for (int64_t x = 0; x < width; x++)
        sums[x] = values[x];
    for (int r = 1; r <= radius && r < width; r++)
        for (int64_t x = 0; x < width - r; x++) {
            sums[x] += values[x + r];
            sums[x + r] += values[x];
        }
}

/* How a and the moved b differ in row y, into the planes of sums. */
static void NAME(compare_row)(const merge_job *job, int64_t y, int thread)
{
    int64_t width = job->a->width, channels = job->a->channels - 2;
    TYPE *rows = (TYPE *)job->rows + (size_t)thread * job->planes * (size_t)width;
    const TYPE *a = (const TYPE *)vd_image_row(job->a, y), *b = (const TYPE *)vd_image_row(job->out, y);
    TYPE *count = rows, *energy = rows + width, *noise = rows + 2 * width, *differences = rows + 3 * width;
    for (int64_t x = 0; x < width; x++, a += channels + 2, b += channels + 2) {
        bool both = a[channels] > 0 && b[channels] > 0;
        TYPE squares = 0;
        for (int64_t c = 0; c < channels; c++) {
            TYPE difference = both ? a[c] - b[c] : 0;
            differences[c * width + x] = difference;
            squares += difference * difference;
        }
        count[x] = both;
        energy[x] = squares / (TYPE)channels;
        noise[x] = both ? a[channels + 1] + b[channels + 1] : 0;
    }
    TYPE *sums = (TYPE *)job->sums + (size_t)y * job->planes * (size_t)width;
    for (int p = COUNT; p <= NEAR_NOISE; p++)
        NAME(sum_along)(rows + p * width, width, NEAR, sums + p * width);
    NAME(sum_along)(noise, width, FAR, sums + FAR_NOISE * width);
    for (int64_t c = 0; c < channels; c++)
        NAME(sum_along)(differences + c * width, width, FAR, sums + (DIFFERENCES + c) * width);
}

/* Row y of the sums over the whole windows. */
static const TYPE *NAME(window_row)(const merge_job *job, int64_t y, int thread)
{
    size_t width = (size_t)job->a->width, length = job->planes * width;
    TYPE *rows = (TYPE *)job->rows + (size_t)thread * length;
    memset(rows, 0, length * sizeof(TYPE));
    for (int64_t there = y - FAR; there <= y + FAR; there++) {
        if (there < 0 || there >= job->a->height)
            continue;
        const TYPE *sums = (const TYPE *)job->sums + (size_t)there * length;
        bool near = there >= y - NEAR && there <= y + NEAR;
        for (size_t i = near ? 0 : FAR_NOISE * width; i < length; i++)
            rows[i] += sums[i];
    }
    return rows;
}

static void NAME(merge_row)(const merge_job *job, int64_t y, int thread)
{
    int64_t width = job->a->width, channels = job->a->channels - 2;
    const TYPE *window = job->gated ? NAME(window_row)(job, y, thread) : NULL;
    const TYPE *a = (const TYPE *)vd_image_row(job->a, y);
    TYPE *out = (TYPE *)vd_image_row(job->out, y); /* on entry the moved b */
    for (int64_t x = 0; x < width; x++, a += channels + 2, out += channels + 2) {
        double weight_a = a[channels], weight_b = job->decay * out[channels];
        if (window != NULL && weight_b > 0) {
            double squares = 0;
            for (int64_t c = 0; c < channels; c++) {
                double sum = window[(DIFFERENCES + c) * width + x];
                squares += sum * sum;
            }
            weight_b *=
                coefficient(job, (int)window[COUNT * width + x], window[ENERGY * width + x],
                            window[NEAR_NOISE * width + x], squares / (double)channels, window[FAR_NOISE * width + x]);
        }
        if (weight_b < LEAST_WEIGHT) {
            memcpy(out, a, (size_t)(channels + 2) * sizeof(TYPE));
            continue;
        }
        double weight = weight_a + weight_b, share = weight_a / weight, rest = weight_b / weight;
        if (weight_a > 0)
            for (int64_t c = 0; c < channels; c++)
                out[c] += (TYPE)(share * (a[c] - out[c]));
        double variance = rest * rest * out[channels + 1];
        out[channels + 1] = (TYPE)(weight_a > 0 ? variance + share * share * a[channels + 1] : variance);
        out[channels] = (TYPE)weight;
    }
}

static void NAME(move_block)(void *context, int64_t begin, int64_t end, int thread)
{
    const merge_job *job = context;
    for (int64_t y = begin; y < end; y++) {
        NAME(move_row)(job, y);
        if (job->gated)
            NAME(compare_row)(job, y, thread);
    }
}

static void NAME(merge_block)(void *context, int64_t begin, int64_t end, int thread)
{
    const merge_job *job = context;
    for (int64_t y = begin; y < end; y++)
        NAME(merge_row)(job, y, thread);
}

#undef TYPE
#undef NAME
