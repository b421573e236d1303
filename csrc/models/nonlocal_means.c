/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Non-local means (Buades, Coll and Morel 2005): a source is weighted by the similarity of the patches around it and
 * around the pixel,
 *
 *     c_i(x) = exp(-max(0, d2(x, x_i) - 2 noise^2) / strength^2),
 *
 * for x_i in the window of (2 search + 1)^2 pixels around x, where d2 is the mean of (f(x + j) - f(x_i + j))^2 over
 * the (2 patch + 1)^2 offsets j and all channels. Two noisy views of one patch differ by 2 noise^2 on average, which is
 * subtracted. The pixel itself has weight 1. G is the Gaussian of sigma_y and sigma_x within that
 * window; along an axis of sigma 0 it is 1.
 *
 * Missing pixels. d2 is the mean over those j for which both pixels are present; c_i is 1 if there are none. So a missing
 * pixel is filled from pixels with similar surroundings. With VD_BOUNDARY_RENORMALIZE there are no sources beyond the edges
 * of the frame, but patches extend there, into the reflected frame and its missing pixels.
 *
 * Shift by shift. For one shift s of the frame, d2(x, x + s) is a box sum of one squared difference image, and its
 * weight serves two pixels: x + s as a source of x and x as a source of x + s. So half of the window's shifts suffice.
 *
 * Tiles. The frame is cut into tiles whose samples, sums and rows of differences stay in the second and first level of
 * the cache. Tiles are independent (neighbours compute the weights at their common edges twice) and depend on the frame's
 * size alone, so that any number of threads gives the same bits. Within a tile six neighbouring shifts go down the rows
 * together, each with a ring of the last rows of differences: they read one row of samples, and their terms are added to
 * the sums together.
 *
 * Rounding. Box sums only add, columns first. A running sum that also subtracts, or a summed-area table, is cheaper for
 * large patches but retains the rounding errors of the edges it has passed, which in single precision are not small
 * compared with strength^2. The error of a distance is about (patch + channels) roundings; that of a weight is that of its
 * exponent, below (d2 + 2 noise^2) / strength^2 roundings, plus that of the exponential (exponential.h): about 1e-6 in
 * single precision unless the noise is many times strength.
 *
 * Bytes. 8-bit samples, and so their squared differences, are integers, and their column sums are exact as long as
 * size channels 255^2 is at most 2^24. So they are running sums, with one row added and one subtracted, and have the same
 * bits. Where the tolerance is at least VD_NLM_COARSE, kernels may use weights with a relative error of e = VD_NLM_COARSE: a
 * weighted mean m of samples f_i moves by |sum e_i w_i (f_i - m)| / sum (1 + e_i) w_i, which is below e / (1 - e) times
 * the mean of |f_i - m|, and that is at most half the range.
 *
 * The edges of the frame cost nothing: weights across them become 0. Missing pixels in a tile cost a select per difference,
 * and a count of the pairs that are present wherever a row of the mask differs from the one above.
 */
#include <float.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/gaussian.h"
#include "base/integers.h"
#include "base/parallel.h"
#include "models/models.h"

enum {
    PAIRS = VD_NLM_PAIRS,
    STEP = VD_NLM_STEP,
    LINE = 64,       /* bytes */
    TILE_ROWS = 96,  /* more for wide windows */
    TILE_BYTES = 896 /* of a row of weights, unless the window is wider */
};

#define LOG2_E 1.44269504088896340736

/* Shifts (y, x + g) of the frame for g < count, and their G. */
typedef struct shifts {
    int64_t y, x;
    int count;
    double gains[PAIRS];
} shifts;

/* Weights of shifts are needed for the pixels of a tile and for those that a shift moves into it: a row of weights begins at
 * first_of and is extra_of pixels longer than the tile. */
static int64_t first_of(const shifts *s) { return s->x + s->count - 1 > 0 ? -(s->x + s->count - 1) : 0; }
static int64_t extra_of(const shifts *s) { return -first_of(s) + (s->x < 0 ? -s->x : 0); }

/* Of a tile with its margin: all 1; 1 in the frame and none beyond its edges; any. */
typedef enum confidences { FULL, EDGES, MASKED } confidences;

typedef struct job {
    const vd_model_frame *frame;
    const vd_nonlocal_means_kernels *kernels;
    int64_t channels, patch, search, margin;
    int64_t size;                   /* of a patch, 2 patch + 1 */
    bool running, coarse;           /* running column sums; weights to within VD_NLM_COARSE */
    double factor, offset;          /* the exponent, to base 2, is -max(0, factor sum of pairs / pairs - offset) */
    int64_t rows, columns, tiles_x; /* of a tile; tiles next to each other */
    int64_t pitch, area, origin;    /* of a row and a plane of a tile with its margin; of its first pixel */
    int64_t sum_pitch, sum_area;    /* of a row and a plane of the sums */
    int64_t ring_pitch;             /* of a row of differences or weights */
    char *scratch;                  /* [threads] */
    size_t scratch_size;            /* bytes of one of them */
} job;

static int64_t share(int64_t n, int64_t parts) { return (n + parts - 1) / parts; }
static int64_t whole(int64_t n) { return share(n, STEP) * STEP; }

static int64_t reflected(int64_t i, int64_t n) { return vd_boundary_index(i, n, VD_BOUNDARY_REFLECT); }
static bool is_inside(int64_t i, int64_t n) { return i >= 0 && i < n; }

static double gaussian(double distance, double sigma)
{
    return sigma > 0 ? exp(-0.5 * (distance / sigma) * (distance / sigma)) : 1;
}

#define REAL float
#define SUFFIX f32
#define LARGEST FLT_MAX
#define SMALLEST FLT_MIN
#include "models/nonlocal_means_template.h"
#define REAL double
#define SUFFIX f64
#define LARGEST DBL_MAX
#define SMALLEST DBL_MIN
#include "models/nonlocal_means_template.h"

/* Whether all samples are integers that span at most 255. */
static bool is_whole(const vd_model_frame *frame)
{
    double outside = frame->params->cval;
    return frame->stream == VD_U8 && (frame->params->boundary != VD_BOUNDARY_CONSTANT ||
                                      (outside >= 0 && outside <= 255 && outside == rint(outside)));
}

vd_margin vd_nonlocal_means_margin(const vd_params *params, int64_t height, int64_t width)
{
    (void)height, (void)width;
    int64_t margin = (int64_t)params->search + params->patch;
    return (vd_margin){margin, margin};
}

vd_status vd_nonlocal_means(const vd_model_frame *frame)
{
    const vd_params *p = frame->params;
    bool single = frame->dtype == VD_F32;
    int64_t real = single ? (int64_t)sizeof(float) : (int64_t)sizeof(double);
    job j = {.frame = frame, .kernels = &frame->kernels->nonlocal_means};
    j.channels = frame->channels;
    j.patch = p->patch;
    j.search = p->search;
    j.margin = vd_nonlocal_means_margin(p, frame->height, frame->width).y;
    j.size = 2 * j.patch + 1;
    double scale = LOG2_E / (p->strength * p->strength);
    j.factor = scale / (double)j.channels;
    j.offset = 2 * p->noise * p->noise * scale;

    j.tiles_x = share(frame->width, vd_max(TILE_BYTES / real - j.search, j.search));
    j.columns = share(frame->width, j.tiles_x);
    j.tiles_x = share(frame->width, j.columns);
    int64_t tiles_y = share(frame->height, vd_max(TILE_ROWS, 4 * j.search));
    j.rows = share(frame->height, tiles_y);
    tiles_y = share(frame->height, j.rows);

    int64_t lead = whole(j.margin + PAIRS) + j.patch; /* of a row: rows of differences begin on a cache line */
    j.pitch = whole(lead + j.columns + j.margin + PAIRS) + 2 * STEP;
    j.area = j.pitch * (j.rows + 2 * j.margin);
    j.origin = j.margin * j.pitch + lead;
    j.sum_pitch = whole(j.columns);
    j.sum_area = j.sum_pitch * j.rows;
    j.ring_pitch = whole(j.columns + j.search + PAIRS + 2 * j.patch) + 2 * STEP;
    j.running = is_whole(frame) && (double)(j.size * j.channels) * 255 * 255 <= 16777216;
    j.coarse = single && frame->tolerance >= VD_NLM_COARSE;
    int64_t copies = frame->confidences != NULL ? 2 * (j.channels + 1) : j.channels;
    int64_t reals = (j.channels + 1) * j.sum_area + (PAIRS * (j.size + 3) + 3) * j.ring_pitch + copies * j.area;
    int64_t bytes = reals * real + 2 * (j.rows + 2 * j.margin) * (int64_t)sizeof(int64_t);
    j.scratch_size = (size_t)share(bytes, LINE) * LINE;
    int threads = (int)vd_min(frame->threads, tiles_y * j.tiles_x);
    char *memory = calloc((size_t)threads * j.scratch_size + LINE, 1);
    if (memory == NULL)
        return VD_ERROR_MEMORY;
    j.scratch = memory + (LINE - (uintptr_t)memory % LINE);
    vd_parallel_blocks(threads, tiles_y * j.tiles_x, single ? tiles_f32 : tiles_f64, &j);
    free(memory);
    return VD_OK;
}
