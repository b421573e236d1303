/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Recursion in time with a coefficient per pixel. What is known of a picture is an estimate: per pixel the value u in
 * each channel, its weight W and the variance V of the noise left in it, one W and V for all channels (V their mean). A
 * frame f is an estimate with W = m and V = s^2. Of two estimates a and b = (u', W', V'), b moved to where a is,
 *
 *     W = W_a + d c W'      u = (W_a u_a + d c W' u') / W      V = (W_a^2 V_a + (d c W')^2 V') / W^2
 *
 * with the decay d. With a the frame and b the last estimate this is the recursion; with b a frame of the future, the
 * lookahead.
 *
 * The coefficient c measures whether the two show the same content. Over the pixels of a window that both know, let
 *
 *     r1 = sum mean_channels (u_a - u')^2 / sum (V_a + V')          5 x 5: any difference
 *     r2 = mean_channels (sum (u_a - u'))^2 / sum (V_a + V')        9 x 9: a faint, large change, such as a shadow
 *
 * Where they show the same and the noise is white, r1 and r2 are chi squared over its degrees of freedom nu, 25 and 1
 * times the channels. So with q(nu) the value that noise exceeds in 2 of 100 cases (2 standard deviations, Wilson &
 * Hilferty 1931),
 *
 *     c = prod exp(-max(0, r - q(nu)) / k(nu)),     k(nu) = 2 sqrt(2 / nu)
 *
 * which is near 1 in a still scene (after 100 frames of a running mean W is 53 on average) and 0 where the content has
 * clearly changed.
 * Variance 0 on both sides: c = 1 where nothing differs, 0 where anything does.
 *
 * The move. u' is b at x + flow(x), bicubic (a = -0.75, edge replicated), V' its variance for noise that is independent
 * from pixel to pixel, sum w^2 V; W', as an amount of evidence, bilinear. Where one of the sixteen samples is missing,
 * u' is the bilinear mean of those of the four that are not. W' = 0 beyond the edges by more than half a pixel and
 * where the flow is not finite.
 *
 * Rows pass through a ring of as many as the larger window covers: moved, compared, summed along x, summed along y,
 * merged. What leaves the ring is final, so that memory is read and written once.
 *
 * Limits. float estimates (for all but double frames) round u to 2^-24 in each merge; weights below 1e-20 are 0. Ghosts
 * that are weaker than the noise and smaller than a window are not detected. Noise that is correlated between pixels
 * makes r2 large and needs a larger s.
 */
#include "motion/estimate.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/image.h"
#include "base/integers.h"
#include "base/parallel.h"

enum { PIXELS_PER_THREAD = 1 << 13 };

/* ---- memory ---- */

/* Where c begins to fall, and how fast, for a statistic of this many degrees of freedom. */
static void set_gate(double freedom, double *limit, double *scale)
{
    double variance = 2 / (9 * freedom), root = 1 - variance + 2 * sqrt(variance);
    *limit = root * root * root;
    *scale = 2 * sqrt(2 / freedom);
}

static size_t real_size(const vd_estimates *e) { return vd_dtype_size(e->dtype); }

/* Planes of an estimate's row, of a row of differences and of one of sums. */
static size_t row_planes(const vd_estimates *e) { return (size_t)e->layout.channels + 2; }
static size_t difference_planes(const vd_estimates *e) { return VD_DIFFERENCE_VALUES + (size_t)e->layout.channels; }
static size_t window_planes(const vd_estimates *e) { return VD_WINDOW_VALUES + (size_t)e->layout.channels; }

/* What the rows of one thread need. Planes are `pitch` reals each. */
typedef struct workspace {
    char *a[VD_GATE_ROWS], *b[VD_GATE_ROWS], *sums[VD_GATE_ROWS];
    char *differences; /* zeros before and after each plane's pixels */
    char *window, *merged;
    char *pixels; /* 4 planes: a row of pixels of up to four reals */
    char *taps;
    double *doubles[3]; /* a row of samples each */
    float *flow;        /* a gathered row */
    uint8_t *lost;
} workspace;

/* The next `size` bytes of memory; if that is NULL, only counts them. */
static char *cut(char *memory, size_t *used, size_t size)
{
    char *piece = memory != NULL ? memory + *used : NULL;
    *used += (size + 63) / 64 * 64;
    return piece;
}

static size_t lay_out(const vd_estimates *e, char *memory, workspace *w)
{
    size_t used = 0, plane = (size_t)e->pitch * real_size(e), width = (size_t)e->layout.width;
    size_t samples = width * (size_t)e->layout.channels * sizeof(double);
    for (int i = 0; i < VD_GATE_ROWS; i++) {
        w->a[i] = cut(memory, &used, row_planes(e) * plane);
        w->b[i] = cut(memory, &used, row_planes(e) * plane);
        w->sums[i] = cut(memory, &used, window_planes(e) * plane);
    }
    w->differences = cut(memory, &used, difference_planes(e) * plane);
    w->window = cut(memory, &used, window_planes(e) * plane);
    w->merged = cut(memory, &used, row_planes(e) * plane);
    w->pixels = cut(memory, &used, 4 * plane);
    w->taps = cut(memory, &used, VD_WARP_TAPS * plane);
    for (int i = 0; i < 3; i++)
        w->doubles[i] = (double *)cut(memory, &used, samples);
    w->flow = (float *)cut(memory, &used, 2 * width * sizeof(float));
    w->lost = (uint8_t *)cut(memory, &used, width);
    return used;
}

static workspace workspace_of(const vd_estimates *e, int thread)
{
    workspace w;
    lay_out(e, e->scratch + (size_t)thread * e->scratch_size, &w);
    return w;
}

vd_status vd_estimates_start(vd_estimates *e, int32_t dtype, int64_t height, int64_t width, int64_t channels,
                             int threads)
{
    vd_estimates own = {.dtype = dtype, .layout = {height, width, channels, 0}, .threads = threads};
    int64_t useful = height * width / PIXELS_PER_THREAD + 1;
    own.threads = threads < useful ? threads : (int)useful;
    vd_kernels_choose(&own.kernels);
    own.pitch = (ptrdiff_t)((width + 2 * VD_GATE_FAR + 15) / 16 * 16);
    own.layout.pitch = vd_estimate_evidence(&own.layout) + 2 * (ptrdiff_t)(width + VD_WARP_MARGIN);
    for (int n = 1; n <= VD_GATE_NEAR_PIXELS; n++)
        set_gate((double)(n * channels), &own.gate.near_limit[n], &own.gate.near_scale[n]);
    set_gate((double)channels, &own.gate.far_limit, &own.gate.far_scale);
    workspace w;
    size_t total;
    own.scratch_size = lay_out(&own, NULL, &w);
    if (vd_estimate_size(&own) == 0 || !vd_checked_multiply(own.scratch_size, (size_t)own.threads, &total))
        return VD_ERROR_OVERFLOW;
    own.scratch = calloc(1, total);
    own.found = malloc((size_t)own.threads * sizeof *own.found);
    *e = own;
    e->motion = dtype == VD_F64 ? &e->kernels.motion_f64 : &e->kernels.motion_f32;
    if (own.scratch != NULL && own.found != NULL)
        return VD_OK;
    vd_estimates_free(e);
    return VD_ERROR_MEMORY;
}

void vd_estimates_free(vd_estimates *e)
{
    vd_estimates none = {0};
    free(e->scratch);
    free(e->found);
    *e = none;
}

size_t vd_estimate_size(const vd_estimates *e)
{
    size_t size;
    return vd_checked_multiply((size_t)e->layout.pitch * real_size(e), (size_t)e->layout.height, &size) ? size : 0;
}

bool vd_estimate_create(const vd_estimates *e, vd_estimate *estimate)
{
    estimate->rows = calloc(1, vd_estimate_size(e));
    estimate->whole = calloc(1, (size_t)e->layout.height);
    return estimate->rows != NULL && estimate->whole != NULL;
}

void vd_estimate_destroy(vd_estimate *estimate)
{
    free(estimate->rows);
    free(estimate->whole);
    estimate->rows = NULL;
    estimate->whole = NULL;
}

static char *estimate_row(const vd_estimates *e, const vd_estimate *estimate, int64_t y)
{
    return estimate->rows + (size_t)y * (size_t)e->layout.pitch * real_size(e);
}

/* ---- frames ---- */

/* Row y of the samples as reals, in the row itself or in `reals`. */
static const void *read_samples(const vd_estimates *e, const vd_image *image, int64_t y, void *reals, void *scratch)
{
    size_t n = (size_t)(image->width * image->channels);
    const void *row = vd_image_plain_row(image, y, scratch);
    if (image->dtype == e->dtype)
        return row;
    if (image->dtype == VD_U8)
        e->kernels.rows.u8_to_f32(reals, row, n);
    else
        e->kernels.rows.u16_to_f32(reals, row, n);
    return reals;
}

/* Row y of the confidence in double; NULL where there is none. */
static const double *read_confidence(const vd_estimates *e, const vd_image *image, int64_t y, double *row,
                                     void *scratch)
{
    if (image == NULL)
        return NULL;
    const void *shares = vd_image_plain_row(image, y, scratch);
    e->kernels.samples.to_share[image->dtype](row, shares, image->width * image->channels);
    return row;
}

typedef struct check_job {
    const vd_estimates *estimates;
    const vd_measurement *frame;
} check_job;

static void check_rows(void *context, int64_t begin, int64_t end, int thread)
{
    const check_job *job = context;
    const vd_estimates *e = job->estimates;
    const vd_image *frame = job->frame->frame, *confidence = job->frame->confidence;
    workspace w = workspace_of(e, thread);
    size_t samples = (size_t)(frame->width * frame->channels);
    e->found[thread] = VD_OK;
    for (int64_t y = begin; y < end && e->found[thread] == VD_OK; y++) {
        if (frame->dtype == VD_F32 || frame->dtype == VD_F64) {
            const void *row = vd_image_plain_row(frame, y, w.doubles[0]);
            int found = frame->dtype == VD_F32 ? e->kernels.rows.scan_f32(row, samples)
                                               : e->kernels.rows.scan_f64(row, samples);
            if (found & VD_SCAN_INFINITE)
                e->found[thread] = VD_ERROR_INFINITE;
        }
        const double *shares = read_confidence(e, confidence, y, w.doubles[0], w.doubles[1]);
        if (shares != NULL && e->kernels.samples.outside_unit(shares, confidence->width * confidence->channels))
            e->found[thread] = VD_ERROR_CONFIDENCE;
    }
}

vd_status vd_measurement_check(const vd_estimates *e, const vd_measurement *frame)
{
    bool integers = frame->frame->dtype == VD_U8 || frame->frame->dtype == VD_U16;
    if (integers && frame->confidence == NULL)
        return VD_OK;
    check_job job = {e, frame};
    vd_status status = VD_OK;
    for (int i = 0; i < e->threads; i++)
        e->found[i] = VD_OK;
    vd_parallel_blocks(e->threads, e->layout.height, check_rows, &job);
    for (int i = 0; i < e->threads && status == VD_OK; i++)
        status = (vd_status)e->found[i];
    return status;
}

static void measure_row(const vd_estimates *e, const vd_measurement *frame, int64_t y, void *planes, workspace *w)
{
    int64_t channels = e->layout.channels, width = e->layout.width;
    const vd_image *confidence = frame->confidence;
    const void *samples = read_samples(e, frame->frame, y, w->doubles[0], w->doubles[1]);
    e->motion->split(planes, e->pitch, samples, width, channels, channels);
    const double *shares = read_confidence(e, confidence, y, w->doubles[0], w->doubles[1]);
    e->motion->measure(planes, e->pitch, shares, confidence != NULL ? confidence->channels : 0, frame->gain,
                       frame->offset, frame->min_variance, channels, width, w->doubles[2]);
}

/* ---- rows of estimates ---- */

static void split_row(const vd_estimates *e, const vd_estimate *estimate, int64_t y, char *planes)
{
    int64_t channels = e->layout.channels, width = e->layout.width;
    size_t size = real_size(e), plane = (size_t)e->pitch * size;
    const char *row = estimate_row(e, estimate, y);
    for (int64_t g = 0; g < vd_estimate_groups(channels); g++)
        e->motion->split(planes + 4 * (size_t)g * plane, e->pitch,
                         row + (size_t)vd_estimate_group(&e->layout, g) * size, width, vd_estimate_step(channels, g),
                         vd_estimate_group_channels(channels, g));
    e->motion->split(planes + (size_t)channels * plane, e->pitch, row + (size_t)vd_estimate_evidence(&e->layout) * size,
                     width, 2, 2);
}

/* Repeats the outermost pixels of a picture's row. */
static void pad_row(char *row, size_t pixel, int64_t width)
{
    char *last = row + (size_t)(width - 1) * pixel;
    for (size_t i = 1; i <= VD_WARP_MARGIN; i++) {
        memcpy(row - i * pixel, row, pixel);
        memcpy(last + i * pixel, last, pixel);
    }
}

static void join_row(const vd_estimates *e, const char *planes, const vd_estimate *estimate, int64_t y)
{
    int64_t channels = e->layout.channels, width = e->layout.width;
    size_t size = real_size(e), plane = (size_t)e->pitch * size;
    char *row = estimate_row(e, estimate, y);
    for (int64_t g = 0; g < vd_estimate_groups(channels); g++) {
        char *group = row + (size_t)vd_estimate_group(&e->layout, g) * size;
        int step = vd_estimate_step(channels, g);
        e->motion->join(group, planes + 4 * (size_t)g * plane, e->pitch, width, step,
                        vd_estimate_group_channels(channels, g));
        pad_row(group, (size_t)step * size, width);
    }
    char *evidence = row + (size_t)vd_estimate_evidence(&e->layout) * size;
    e->motion->join(evidence, planes + (size_t)channels * plane, e->pitch, width, 2, 2);
    pad_row(evidence, 2 * size, width);
}

/* No stream is long enough for a weight above this. */
static const double MAX_WEIGHT = 1e20;

bool vd_estimate_restore(const vd_estimates *e, vd_estimate *estimate)
{
    workspace w = workspace_of(e, 0);
    size_t plane = (size_t)e->pitch * real_size(e);
    bool sound = true;
    for (int64_t y = 0; y < e->layout.height; y++) {
        split_row(e, estimate, y, w.merged);
        const char *weights = w.merged + (size_t)e->layout.channels * plane;
        int found = e->motion->check_weights(weights, MAX_WEIGHT, e->layout.width);
        sound = sound && !(found & VD_WEIGHTS_UNSOUND);
        join_row(e, w.merged, estimate, y); /* the margin */
        estimate->whole[y] = !(found & VD_WEIGHTS_MISSING);
    }
    return sound;
}

/* Whether a row that the taps touch has missing pixels. */
static bool has_holes(const vd_estimates *e, const vd_estimate *estimate, const char *taps)
{
    int32_t range[2];
    e->motion->row_range(range, taps, e->layout.width);
    for (int64_t y = vd_max(range[0], 0); y <= (int64_t)range[1] + 3 && y < e->layout.height; y++)
        if (!estimate->whole[y])
            return true;
    return false;
}

/* b where the flow leads from row y. */
static void move_row(const vd_estimates *e, const vd_merge *merge, int64_t y, char *planes, workspace *w)
{
    const vd_estimate *b = merge->b;
    if (merge->flow == NULL) {
        split_row(e, b, y, planes);
        return;
    }
    int64_t channels = e->layout.channels, width = e->layout.width, height = e->layout.height;
    size_t size = real_size(e), plane = (size_t)e->pitch * size;
    const float *flow = vd_image_plain_row(merge->flow, y, w->flow);
    int lost = e->motion->find_taps(w->taps, w->lost, flow, y, height, width, 0, 0.5);
    for (int64_t g = 0; g < vd_estimate_groups(channels); g++) {
        int step = vd_estimate_step(channels, g);
        char *out = planes + 4 * (size_t)g * plane;
        const char *picture = b->rows + (size_t)vd_estimate_group(&e->layout, g) * size;
        e->motion->warp(w->pixels, picture, e->layout.pitch, w->taps, height, width, step);
        e->motion->split(out, e->pitch, w->pixels, width, step, vd_estimate_group_channels(channels, g));
    }
    char *weight = planes + (size_t)channels * plane;
    e->motion->warp_evidence(weight, weight + plane, b->rows + (size_t)vd_estimate_evidence(&e->layout) * size,
                             e->layout.pitch, w->taps, height, width);
    bool holes = has_holes(e, b, w->taps);
    if (lost || holes)
        e->motion->mend(planes, e->pitch, &e->layout, b->rows, w->taps, w->lost, holes);
}

/* ---- merge ---- */

typedef struct merge_job {
    const vd_estimates *estimates;
    const vd_merge *merge;
    bool gated;
} merge_job;

/* Row y of a, the moved b and, with a gate, the sums along it of how they differ, into the ring. */
static void load_row(const merge_job *job, int64_t y, workspace *w)
{
    const vd_estimates *e = job->estimates;
    const vd_merge *merge = job->merge;
    int slot = job->gated ? (int)(y % VD_GATE_ROWS) : 0;
    int64_t width = e->layout.width, channels = e->layout.channels;
    if (merge->frame != NULL)
        measure_row(e, merge->frame, y, w->a[slot], w);
    else
        split_row(e, merge->a, y, w->a[slot]);
    if (merge->b != NULL)
        move_row(e, merge, y, w->b[slot], w);
    if (!job->gated)
        return;
    size_t size = real_size(e), plane = (size_t)e->pitch * size;
    char *differences = w->differences + VD_GATE_FAR * size, *sums = w->sums[slot];
    e->motion->differ(differences, e->pitch, w->a[slot], w->b[slot], e->pitch, channels, width);
    for (size_t p = VD_DIFFERENCE_COUNT; p <= VD_DIFFERENCE_NOISE; p++)
        e->motion->sum_along(sums + p * plane, differences + p * plane, VD_GATE_NEAR, width);
    for (size_t p = VD_DIFFERENCE_NOISE; p < difference_planes(e); p++)
        e->motion->sum_along(sums + (p + 1) * plane, differences + p * plane, VD_GATE_FAR, width);
}

/* Sums of `planes` planes, from `first` on, over the rows of the ring within a distance of y. */
static void add_window(const vd_estimates *e, int64_t y, int64_t radius, size_t first, size_t planes, workspace *w)
{
    size_t offset = first * (size_t)e->pitch * real_size(e);
    const void *rows[VD_GATE_ROWS];
    int count = 0;
    for (int64_t other = y - radius; other <= y + radius; other++)
        if (other >= 0 && other < e->layout.height)
            rows[count++] = w->sums[other % VD_GATE_ROWS] + offset;
    e->motion->add_rows(w->window + offset, rows, count, (int64_t)planes * e->pitch);
}

/* Returns whether a weight is below 1. */
static bool merge_row(const merge_job *job, int64_t y, workspace *w)
{
    const vd_estimates *e = job->estimates;
    const vd_merge *merge = job->merge;
    int slot = job->gated ? (int)(y % VD_GATE_ROWS) : 0;
    int64_t width = e->layout.width, channels = e->layout.channels;
    const double *coefficients = NULL;
    if (job->gated) {
        add_window(e, y, VD_GATE_NEAR, VD_WINDOW_COUNT, VD_WINDOW_FAR_NOISE, w);
        add_window(e, y, VD_GATE_FAR, VD_WINDOW_FAR_NOISE, window_planes(e) - VD_WINDOW_FAR_NOISE, w);
        e->motion->coefficients(w->doubles[0], w->window, e->pitch, &e->gate, channels, width);
        coefficients = w->doubles[0];
    }
    const char *b = merge->b != NULL ? w->b[slot] : w->a[slot];
    double decay = merge->b != NULL ? merge->decay : 0;
    int missing =
        e->motion->merge(w->merged, w->a[slot], b, e->pitch, coefficients, decay, channels, width, w->doubles[1]);
    size_t size = real_size(e), row = (size_t)width * size;
    if (merge->out != NULL) {
        join_row(e, w->merged, merge->out, y);
        merge->out->whole[y] = !missing;
    }
    if (merge->values != NULL)
        e->motion->join((char *)merge->values + (size_t)(y * channels) * row, w->merged, e->pitch, width, channels,
                        channels);
    if (merge->shares == NULL)
        return true;
    return e->motion->cap((char *)merge->shares + (size_t)y * row,
                          w->merged + (size_t)channels * (size_t)e->pitch * size, width);
}

static void merge_rows(void *context, int64_t begin, int64_t end, int thread)
{
    const merge_job *job = context;
    workspace w = workspace_of(job->estimates, thread);
    int64_t height = job->estimates->layout.height, ahead = job->gated ? VD_GATE_FAR : 0;
    int64_t next = begin > ahead ? begin - ahead : 0;
    bool low = false;
    for (int64_t y = begin; y < end; y++) {
        for (; next <= y + ahead && next < height; next++)
            load_row(job, next, &w);
        low |= merge_row(job, y, &w);
    }
    job->estimates->found[thread] = low;
}

bool vd_estimate_merge(const vd_estimates *e, const vd_merge *merge)
{
    vd_merge own = *merge;
    if (own.decay == 0)
        own.b = NULL;
    merge_job job = {e, &own, own.gated && own.b != NULL};
    for (int i = 0; i < e->threads; i++)
        e->found[i] = 0;
    vd_parallel_blocks(e->threads, e->layout.height, merge_rows, &job);
    bool low = false;
    for (int i = 0; i < e->threads; i++)
        low |= e->found[i] != 0;
    return !low;
}

void vd_estimate_means(const vd_estimates *e, const vd_estimate *estimate, double *weight, double *variance)
{
    int64_t width = e->layout.width, height = e->layout.height;
    size_t offset = (size_t)vd_estimate_evidence(&e->layout) * real_size(e);
    double sums[3] = {0, 0, 0};
    for (int64_t y = 0; y < height; y++)
        e->motion->add_evidence(sums, estimate_row(e, estimate, y) + offset, width);
    *weight = sums[0] / ((double)height * (double)width);
    *variance = sums[2] > 0 ? sums[1] / sums[2] : 0;
}
