/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Perona-Malik diffusion: c = g(|grad u|), with g frozen over cycles of equal length; within a cycle steps of fast
 * explicit diffusion (Grewenig, Weickert and Bruhn 2010), steps of different lengths that are stable together, n of
 * them reaching (n^2 + n) / 3 times as far as the longest stable one. Error: first order in the length of a cycle. The
 * gradient is that of the picture smoothed by (1 2 1) / 4 along both axes, a standard deviation of 0.71 pixels (Catte
 * et al. 1992), by central differences, over all channels jointly (Euclidean), in samples per pixel along either axis
 * whatever sigma. Between two pixels c is the mean of theirs (Weickert 1998).
 *
 * Up to four cycles are one pass over the picture: two rows at a time from smoothing to the last step of the last
 * cycle, each stage a row or two behind the one before, with rings of rows. Strips of columns are as wide as the
 * second-level cache allows, so that memory is read and written once in a pass. Threads take bands of rows. Strips and
 * bands compute what they need beyond their ends, so no result depends on how many there are.
 *
 * Missing pixels: at each step the samples are sums / weights. Smoothing is normalized by the weights, and a difference
 * between two pixels counts as 0 if nothing has reached one of them yet, so that information spreads there freely.
 *
 * Tried and dropped: cycles that grow with sigma (no more accurate), strips narrow enough for the first-level cache,
 * fused multiply-add and prefetching rows (no faster: loads from the second-level cache bound the steps); figures in
 * docs/adr/0013-diffusion-models.md.
 */
#include "models/diffusion.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/image.h"

#define MIN_WEIGHT 1e-3 /* pixels with less weight were not reached: FED may make weights slightly negative */
#define MAX_STEPS 1e9
#define CYCLES_PER_SIGMA 2.0

enum { LINE = 16, ALIGNMENT = 64, MAX_CYCLES = 4 };
enum { CACHE = 3 << 18 }; /* bytes assumed to stay in the second-level cache, which holds a MiB or two */

/* One pass over the picture. Of a ring, what two rows at a time need: six rows that are read, four of any
 * other; right and below stay until the last step. Result and picture of a cycle are LAG rows apart. */
enum { READ_ROWS = 6, RING_ROWS = 4, OTHER_ROWS = 3 };
#define FACE_ROWS(steps) ((steps) + 2)
#define LAG(steps) ((steps) + 2)

typedef struct pass {
    const vd_model_frame *frame;
    const vd_diffusion_kernels *kernels;
    int64_t number, passes;
    int64_t cycles, max_cycles; /* of all passes, of one */
    int64_t planes;             /* the channels, and the confidences if there are any */
    int steps;
    double *tau;                  /* [steps], adds up to 1 */
    double half_y, half_x, scale; /* half the diffusion of a cycle along the axes; 1 / contrast^2 */
    char *between;                /* the planes of every second result that another pass reads, and of the others */
    char *scratch;                /* [threads]: struct work [max_cycles], their struct rows, the rings */
    size_t scratch_size;
    int64_t columns;              /* of the result that a thread works on at a time */
    ptrdiff_t pitch, plane_pitch; /* of the rings' rows and of those of the planes between, in samples */
} pass;

/* The rows that a cycle works in. */
static int64_t cycle_rows(const pass *c)
{
    return c->planes * (READ_ROWS + RING_ROWS * c->steps) + RING_ROWS + 2 * FACE_ROWS(c->steps) + OTHER_ROWS;
}

static int64_t to_lines(int64_t samples) { return (samples + LINE - 1) / LINE * LINE; }

/* How many cycles go through the picture in one pass, and in strips of how many columns, so that what they work in
 * stays in the cache; the overlap computed twice at the ends of strips and bands, LAG columns or rows per cycle, is at
 * most an eighth of a strip and a quarter of a band. */
static void divide(pass *c, size_t size, int threads)
{
    int64_t room = CACHE / (cycle_rows(c) * (int64_t)size), width = c->frame->width, band = c->frame->height / threads;
    int64_t max = c->cycles < MAX_CYCLES ? c->cycles : MAX_CYCLES, columns, reach;
    for (;; max--) {
        reach = max * LAG(c->steps);
        columns = room / max / LINE * LINE - 2 * LINE;
        columns = columns < width ? columns - 2 * to_lines(reach) : to_lines(width);
        if (max == 1 || ((columns >= width || columns >= 16 * reach) && (threads == 1 || band >= 8 * reach)))
            break;
    }
    if (columns < 16 * reach)
        columns = width;
    int64_t strips = (width - 1) / columns + 1;
    c->columns = to_lines((width - 1) / strips + 1);
    c->passes = (c->cycles - 1) / max + 1;
    c->max_cycles = (c->cycles - 1) / c->passes + 1; /* the same in all passes */
    int64_t region = c->columns + 2 * to_lines(reach);
    c->pitch = to_lines(region < width ? region : width) + 2 * LINE;
    c->plane_pitch = to_lines(width) + 2 * LINE;
}

static char *align(const void *memory) { return (char *)(((uintptr_t)memory + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT); }

#define REAL float
#define SUFFIX f32
#include "models/perona_malik_template.h"
#define REAL double
#define SUFFIX f64
#include "models/perona_malik_template.h"

/* The lengths of n steps that together make 1, in an order that keeps every beginning of them stable: each next root
 * farthest, by the product of the distances, from those before (Leja). */
static void fed_steps(double *tau, int n)
{
    const double pi = 3.14159265358979323846;
    double total = 0;
    for (int k = 0; k < n; k++) {
        double c = cos(pi * (2 * k + 1) / (4 * n + 2));
        tau[k] = 1 / (c * c);
        total += tau[k];
    }
    for (int k = 0; k < n; k++) {
        int best = k;
        double max = -1;
        for (int i = k; i < n; i++) {
            double distance = k == 0 ? tau[i] : 0; /* logarithms: products of many would underflow */
            for (int j = 0; j < k; j++)
                distance += log(fabs(1 / tau[i] - 1 / tau[j]));
            if (i == k || distance > max) {
                max = distance;
                best = i;
            }
        }
        double swap = tau[k];
        tau[k] = tau[best];
        tau[best] = swap;
    }
    for (int k = 0; k < n; k++)
        tau[k] /= total;
}

vd_status vd_perona_malik(const vd_model_frame *frame)
{
    const vd_params *p = frame->params;
    double sigma = p->sigma_y > p->sigma_x ? p->sigma_y : p->sigma_x, cycles = ceil(CYCLES_PER_SIGMA * sigma);
    cycles = cycles > 1 ? cycles : 1;
    double stable = (p->sigma_y * p->sigma_y + p->sigma_x * p->sigma_x) / cycles; /* steps, each the longest */
    double steps = ceil(sqrt(0.25 + 3 * stable) - 0.5);                           /* (n^2 + n) / 3 >= stable */
    steps = steps > 1 ? steps : 1;
    if (!(cycles * steps <= MAX_STEPS))
        return VD_ERROR_OVERFLOW;
    size_t size = vd_dtype_size(frame->dtype);
    int threads = vd_diffusion_threads(frame);
    pass c = {.frame = frame, .kernels = &frame->kernels->diffusion, .cycles = (int64_t)cycles, .steps = (int)steps};
    double square = p->contrast * p->contrast;
    c.scale = square > 1e-30 ? (square < 1e30 ? 1 / square : 1e-30) : 1e30;
    c.half_y = p->sigma_y * p->sigma_y / 4 / cycles;
    c.half_x = p->sigma_x * p->sigma_x / 4 / cycles;
    c.planes = frame->channels + (frame->confidences != NULL);
    divide(&c, size, threads);
    size_t bytes = (size_t)cycle_rows(&c) * (size_t)c.pitch * size; /* for a cycle */
    bytes += sizeof(work_f32) + (size_t)c.planes * (size_t)(c.steps + 2) * sizeof(rows_f32);
    c.scratch_size = (size_t)c.max_cycles * bytes + 2 * ALIGNMENT;
    c.tau = vd_diffusion_allocate((size_t)c.steps, 1, sizeof *c.tau);
    c.scratch = calloc((size_t)threads, c.scratch_size); /* the sources of a spare row may never be written */
    size_t rows = (size_t)(c.passes > 2 ? 2 : 1) * (size_t)c.planes * (size_t)frame->height;
    c.between =
        c.passes > 1 ? vd_diffusion_allocate(rows + 1, (size_t)c.plane_pitch, size) : NULL; /* one row to align in */
    vd_status status = VD_ERROR_MEMORY;
    if (c.tau != NULL && c.scratch != NULL && (c.passes == 1 || c.between != NULL)) {
        fed_steps(c.tau, c.steps);
        for (c.number = 0; c.number < c.passes; c.number++)
            vd_diffusion_run(frame, pass_f32, pass_f64, &c);
        if (frame->confidences != NULL)
            vd_diffusion_run(frame, clear_unreached_f32, clear_unreached_f64, &c);
        status = VD_OK;
    }
    free(c.tau);
    free(c.scratch);
    free(c.between);
    return status;
}
