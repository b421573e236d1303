/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The diffusion equations below the diffuser: against dense loops in double, in both dtypes, with masses, maps and held
 * pixels; one, two, three and five channels; the same bits on every instruction set and for any number of threads; every
 * status.
 */
#include "models/diffusion.h"

#include "check.h"
#include "failing_allocations.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { HEIGHT = 23, WIDTH = 41, PIXELS = HEIGHT * WIDTH, CHANNELS = 5, PITCH = WIDTH + 3 };

static uint64_t seed = 1;
static double samples[CHANNELS][PIXELS], masses[PIXELS], map[PIXELS];

typedef struct result {
    double sums[CHANNELS][PIXELS], weights[PIXELS];
} result;

typedef struct setting {
    vd_params params;
    int perona_malik, hold, threads;
    const double *masses, *map;
    int64_t channels;
    int32_t dtype;
    vd_kernels kernels;
} setting;

static double uniform(void) { return (double)(check_random(&seed) >> 11) / 9007199254740992.0; }

static void draw(void)
{
    for (int i = 0; i < PIXELS; i++) {
        for (int c = 0; c < CHANNELS; c++)
            samples[c][i] = (float)(uniform() + (i % WIDTH > 20 ? 1 : 0));
        masses[i] = i % 3 ? (float)uniform() : i % 2;
        map[i] = i / WIDTH == 9 ? 0 : (float)(2 * uniform());
    }
}

static setting usual(int perona_malik, double sigma_y, double sigma_x)
{
    setting s = {.perona_malik = perona_malik, .threads = 1, .channels = 2, .dtype = VD_F64};
    CHECK_STATUS(vd_params_init(&s.params, sizeof s.params), VD_OK);
    s.params.sigma_y = sigma_y;
    s.params.sigma_x = sigma_x;
    s.params.diffusivity = 1;
    s.params.contrast = 0.4;
    vd_kernels_choose(&s.kernels);
    return s;
}

static void put(void *plane, int32_t dtype, int at, double value)
{
    if (dtype == VD_F32)
        ((float *)plane)[at] = (float)value;
    else
        ((double *)plane)[at] = value;
}

static double get(const void *plane, int32_t dtype, int at)
{
    return dtype == VD_F32 ? ((const float *)plane)[at] : ((const double *)plane)[at];
}

/* A frame of one channel with no gap between its rows. */
static vd_model_frame plain_frame(const setting *s, int64_t height, int64_t width, const void *const *plane,
                                  void *const *sum, void *weights)
{
    vd_model_frame frame = {.params = &s->params,
                            .kernels = &s->kernels,
                            .dtype = s->dtype,
                            .threads = s->threads,
                            .height = height,
                            .width = width,
                            .channels = 1,
                            .planes = plane,
                            .pitch = width,
                            .sums = sum,
                            .weights = weights};
    return frame;
}

/* Runs the model on planes with a pitch of their own. */
static vd_status run(const setting *s, result *out)
{
    static double in[CHANNELS + 1][HEIGHT * PITCH], to[CHANNELS + 1][PIXELS];
    const void *planes[CHANNELS];
    void *sums[CHANNELS];
    vd_image diffusivity = vd_image_contiguous((void *)s->map, VD_F64, HEIGHT, WIDTH, 1);
    vd_model_frame frame = {.params = &s->params,
                            .kernels = &s->kernels,
                            .dtype = s->dtype,
                            .threads = s->threads,
                            .height = HEIGHT,
                            .width = WIDTH,
                            .channels = s->channels,
                            .planes = planes,
                            .pitch = PITCH,
                            .masses = s->masses != NULL ? in[CHANNELS] : NULL,
                            .missing = s->masses != NULL,
                            .sums = sums,
                            .weights = to[CHANNELS]};
    for (int c = 0; c < CHANNELS; c++) {
        planes[c] = in[c];
        sums[c] = to[c];
    }
    for (int i = 0; i < PIXELS; i++) {
        int at = i / WIDTH * PITCH + i % WIDTH;
        for (int c = 0; c < CHANNELS; c++)
            put(in[c], s->dtype, at, samples[c][i]);
        put(in[CHANNELS], s->dtype, at, s->masses != NULL ? s->masses[i] : 1);
    }
    vd_status status =
        s->perona_malik ? vd_perona_malik(&frame) : vd_laplacian(&frame, s->map != NULL ? &diffusivity : NULL, s->hold);
    memset(out, 0, sizeof *out);
    for (int i = 0; i < PIXELS && status == VD_OK; i++) {
        for (int c = 0; c < s->channels; c++)
            out->sums[c][i] = get(to[c], s->dtype, i);
        out->weights[i] = s->masses != NULL ? get(to[CHANNELS], s->dtype, i) : 1; /* which is not written */
    }
    return status;
}

/* ---- the same by small explicit steps */

static double step_coefficient(const double *c, int a, int b, int harmonic)
{
    if (!harmonic)
        return (c[a] + c[b]) / 2;
    return c[a] * c[b] > 0 ? 2 * c[a] * c[b] / (c[a] + c[b]) : 0;
}

/* u += (exp(tau L) - 1) u, to this order of tau */
static void advance(double *u, const double *c, const setting *s, const double *held, double tau, int order)
{
    static double term[PIXELS], next[PIXELS];
    double half[2] = {s->params.sigma_y * s->params.sigma_y / 2, s->params.sigma_x * s->params.sigma_x / 2};
    memcpy(term, u, sizeof term);
    for (int k = 1; k <= order; k++) {
        memset(next, 0, sizeof next);
        for (int i = 0; i < PIXELS; i++)
            for (int axis = 0; axis < 2; axis++) {
                int beside = axis == 0 ? i + WIDTH : i + 1;
                if (axis == 0 ? beside >= PIXELS : beside % WIDTH == 0)
                    continue;
                double flow = half[axis] * step_coefficient(c, i, beside, !s->perona_malik) * (term[beside] - term[i]);
                next[i] += flow;
                next[beside] -= flow;
            }
        for (int i = 0; i < PIXELS; i++) {
            term[i] = held != NULL && held[i] == 1 ? 0 : next[i] * tau / k;
            u[i] += term[i];
        }
    }
}

static int clamped(int i, int n) { return i < 0 ? 0 : i < n ? i : n - 1; }

static double smoothed(const double *u, int y, int x)
{
    double sum = 0;
    for (int j = -1; j <= 1; j++)
        for (int i = -1; i <= 1; i++)
            sum += (2 - abs(j)) * (2 - abs(i)) *
                   u[clamped(clamped(y, HEIGHT) + j, HEIGHT) * WIDTH + clamped(clamped(x, WIDTH) + i, WIDTH)] / 16;
    return sum;
}

static void gradient_diffusivity(const result *u, const setting *s, double *c)
{
    const int ends[2][2] = {{1, 0}, {0, 1}};
    for (int i = 0; i < PIXELS; i++) {
        double sum = 0;
        for (int channel = 0; channel < s->channels; channel++)
            for (int axis = 0; axis < 2; axis++) {
                double value[2], weight[2];
                for (int side = 0; side < 2; side++) {
                    int y = i / WIDTH + (2 * side - 1) * ends[axis][0], x = i % WIDTH + (2 * side - 1) * ends[axis][1];
                    weight[side] = smoothed(u->weights, y, x);
                    value[side] = smoothed(u->sums[channel], y, x) / weight[side];
                }
                if (weight[0] >= 1e-3 && weight[1] >= 1e-3)
                    sum += (value[1] - value[0]) * (value[1] - value[0]) / 4;
            }
        sum /= s->params.contrast * s->params.contrast;
        c[i] = s->params.diffusivity_function == VD_DIFFUSIVITY_RATIONAL ? 1 / (1 + sum) : exp(-sum);
    }
}

static void expected(const setting *s, result *out, int steps)
{
    static double c[PIXELS];
    for (int i = 0; i < PIXELS; i++) {
        out->weights[i] = s->masses != NULL ? s->masses[i] : 1;
        for (int channel = 0; channel < s->channels; channel++)
            out->sums[channel][i] = samples[channel][i] * out->weights[i];
        c[i] = s->params.diffusivity * (s->map != NULL ? s->map[i] : 1);
    }
    const double *held = s->hold ? s->masses : NULL;
    for (int step = 0; step < steps; step++) {
        if (s->perona_malik)
            gradient_diffusivity(out, s, c);
        for (int channel = 0; channel < s->channels; channel++)
            advance(out->sums[channel], c, s, held, 1.0 / steps, s->perona_malik ? 1 : 12);
        advance(out->weights, c, s, held, 1.0 / steps, s->perona_malik ? 1 : 12);
    }
}

static double distance(const setting *s, const result *a, const result *b)
{
    double most = 0;
    for (int i = 0; i < PIXELS; i++) {
        most = fmax(most, fabs(a->weights[i] - b->weights[i]));
        for (int c = 0; c < s->channels; c++)
            most = fmax(most, fabs(a->sums[c][i] - b->sums[c][i]));
    }
    return most;
}

static void check_heat(void)
{
    static result got, wanted;
    const double sigmas[][2] = {{0, 0}, {0.4, 0.4}, {2, 2}, {0, 3}, {3, 1}, {5, 5}};
    for (size_t i = 0; i < sizeof sigmas / sizeof *sigmas; i++)
        for (int kind = 0; kind < 8; kind++) {
            setting s = usual(0, sigmas[i][0], sigmas[i][1]);
            s.channels = 1 + kind % 3;
            s.params.diffusivity = kind == 0 ? 1 : 0.7;
            s.masses = kind % 2 ? masses : NULL;
            s.map = kind & 2 ? map : NULL;
            s.hold = kind >> 2 && kind & 1;
            expected(&s, &wanted, 1 + (int)(6 * (sigmas[i][0] * sigmas[i][0] + sigmas[i][1] * sigmas[i][1])));
            CHECK_STATUS(run(&s, &got), VD_OK);
            CHECK(distance(&s, &got, &wanted) <= 1e-12);
            s.dtype = VD_F32;
            CHECK_STATUS(run(&s, &got), VD_OK);
            CHECK(distance(&s, &got, &wanted) <= 1e-5);
        }
}

/* Very wide kernels give the mean; without missing pixels nothing is lost. */
static void check_wide(void)
{
    static result got;
    const double sigmas[] = {20, 41, 300, 1e9, 1e200};
    for (size_t i = 0; i < sizeof sigmas / sizeof *sigmas; i++) {
        setting s = usual(0, sigmas[i], sigmas[i]);
        double before = 0, after = 0;
        CHECK_STATUS(run(&s, &got), VD_OK);
        for (int k = 0; k < PIXELS; k++) {
            before += samples[0][k] / PIXELS;
            after += got.sums[0][k] / PIXELS;
        }
        CHECK(fabs(before - after) <= 1e-13);
        CHECK(sigmas[i] < 300 || fabs(got.sums[0][5] - before) <= 1e-14);
    }
}

/* Held pixels fill the rest: each pixel becomes the mean of its neighbours, call by call or in one. */
static void check_held(void)
{
    static double known[PIXELS], values[CHANNELS][PIXELS];
    static result one, many;
    for (int i = 0; i < PIXELS; i++)
        known[i] = i % 37 == 0;
    setting s = usual(0, 60, 60);
    s.hold = 1;
    s.masses = known;
    CHECK_STATUS(run(&s, &one), VD_OK);
    for (int i = 0; i < PIXELS; i++) {
        CHECK(known[i] == 1 ? one.weights[i] == 1 && one.sums[0][i] == samples[0][i] : one.weights[i] < 1);
        int y = i / WIDTH, x = i % WIDTH,
            around[4] = {clamped(y - 1, HEIGHT) * WIDTH + x, clamped(y + 1, HEIGHT) * WIDTH + x,
                         y * WIDTH + clamped(x - 1, WIDTH), y * WIDTH + clamped(x + 1, WIDTH)};
        double mean = 0;
        for (int k = 0; k < 4; k++)
            mean += one.sums[0][around[k]] / 4;
        CHECK(known[i] == 1 || fabs(one.sums[0][i] - mean) <= 1e-12);
    }
    memcpy(values, samples, sizeof values);
    s.params.sigma_y = s.params.sigma_x = 3;
    for (int call = 0; call < 4; call++) {
        CHECK_STATUS(run(&s, &many), VD_OK);
        for (int i = 0; i < PIXELS; i++)
            for (int c = 0; c < s.channels; c++)
                samples[c][i] = many.weights[i] > 0 ? many.sums[c][i] / many.weights[i] : 0;
        memcpy(known, many.weights, sizeof known);
    }
    memcpy(samples, values, sizeof samples);
    for (int i = 0; i < PIXELS; i++)
        known[i] = i % 37 == 0;
    s.params.sigma_y = s.params.sigma_x = 6;
    CHECK_STATUS(run(&s, &one), VD_OK);
    CHECK(distance(&s, &one, &many) <= 1e-11);
}

/* Near the equation itself, nearer with smaller sigma; exactly constant; nothing created. */
static void check_perona_malik(void)
{
    static result got, wanted;
    for (int kind = 0; kind < 12; kind++) {
        setting s = usual(1, kind % 3 ? 1.5 : 0, kind % 3 == 1 ? 0.5 : 1.5);
        s.params.diffusivity_function = kind / 6;
        s.masses = kind / 3 % 2 ? masses : NULL;
        s.channels = kind % 2 ? 3 : 1;
        expected(&s, &wanted, 100);
        CHECK_STATUS(run(&s, &got), VD_OK);
        CHECK(distance(&s, &got, &wanted) <= 0.1);
        double total = 0;
        for (int i = 0; i < PIXELS; i++)
            total += got.sums[0][i] - samples[0][i] * (s.masses != NULL ? masses[i] : 1);
        CHECK(fabs(total) <= 1e-10 * PIXELS);
        s.dtype = VD_F32;
        CHECK_STATUS(run(&s, &wanted), VD_OK);
        CHECK(distance(&s, &got, &wanted) <= 1e-5);
    }
    setting s = usual(1, 0, 0);
    CHECK_STATUS(run(&s, &got), VD_OK);
    CHECK(memcmp(got.sums[1], samples[1], sizeof samples[1]) == 0);
    s = usual(1, 4, 4); /* where all gradients count as none it is the heat equation, nearly */
    s.params.contrast = 1e200;
    CHECK_STATUS(run(&s, &got), VD_OK);
    s.perona_malik = 0;
    CHECK_STATUS(run(&s, &wanted), VD_OK);
    CHECK(distance(&s, &got, &wanted) <= 0.02);
    s.perona_malik = 1;
    s.params.contrast = 1e-200; /* and where all are edges, nothing moves */
    CHECK_STATUS(run(&s, &got), VD_OK);
    CHECK(memcmp(got.sums[1], samples[1], sizeof samples[1]) == 0);
}

/* Every instruction set, any number of threads, with bands shorter than what they reach into. */
static void check_bits(void)
{
    static result one, other;
    const char *names[8];
    int32_t runnable = vd_instruction_sets(names, 8);
    for (int kind = 0; kind < 12; kind++) {
        setting s = usual(kind / 4 == 2, 3, 2);
        s.params.diffusivity_function = kind % 2;
        s.masses = kind % 2 ? masses : NULL;
        s.map = kind / 4 == 1 ? map : NULL;
        s.dtype = kind & 2 ? VD_F32 : VD_F64;
        s.channels = CHANNELS;
        CHECK_STATUS(run(&s, &one), VD_OK);
        for (int32_t i = 0; i < runnable; i++) {
            vd_kernels_limited(&s.kernels, names[i]);
            CHECK_STATUS(run(&s, &other), VD_OK);
            CHECK(memcmp(&one, &other, sizeof one) == 0);
        }
    }
}

/* Frames large enough that threads are used. */
static void check_threads(void)
{
    enum { TALL = 190, WIDE = 300, N = TALL * WIDE };
    static float in[N], mass[N], to[2][N], first[2][N];
    for (int i = 0; i < N; i++) {
        in[i] = (float)uniform();
        mass[i] = (float)(uniform() > 0.3);
    }
    for (int kind = 0; kind < 8; kind++) {
        setting s = usual(kind % 4 == 3, 4, 4);
        s.dtype = VD_F32;
        vd_image diffusivity = vd_image_contiguous(in, VD_F32, TALL, WIDE, 1);
        const void *planes[] = {in};
        void *sums[] = {to[0]};
        for (int threads = 1; threads <= 7; threads++) {
            s.threads = threads;
            vd_model_frame frame = plain_frame(&s, TALL, WIDE, planes, sums, to[1]);
            frame.masses = kind < 4 ? NULL : mass;
            frame.missing = kind >= 4;
            CHECK_STATUS(s.perona_malik ? vd_perona_malik(&frame)
                                        : vd_laplacian(&frame, kind % 4 == 1 ? &diffusivity : NULL, kind % 4 == 2),
                         VD_OK);
            if (threads == 1)
                memcpy(first, to, sizeof to);
            else
                CHECK(memcmp(first, to, sizeof to) == 0);
        }
    }
}

/* A wide frame, in strips of columns, and one so small that there is one: far from where the small one is cut out of the
 * wide one they are the same, wherever that is. */
static void check_strips(void)
{
    enum { TALL = 61, WIDE = 2600, N = TALL * WIDE, PART = 300, REACH = 62, SHIFT = PART - 2 * REACH };
    static float in[2][N], cut[2][TALL * PART], to[3][N], part[3][TALL * PART];
    for (int i = 0; i < 2 * N; i++)
        in[i / N][i % N] = (float)(uniform() + (i % 7 == 0));
    setting s = usual(1, 5, 5); /* ten cycles of four steps: 60 columns */
    s.dtype = VD_F32;
    const void *cuts[] = {cut[0], cut[1]}, *planes[] = {in[0], in[1]};
    void *parts[] = {part[0], part[1]}, *sums[] = {to[0], to[1]};
    for (s.threads = 1; s.threads <= 3; s.threads += 2) {
        vd_model_frame frame = plain_frame(&s, TALL, WIDE, planes, sums, to[2]);
        frame.channels = 2;
        CHECK_STATUS(vd_perona_malik(&frame), VD_OK);
        frame = plain_frame(&s, TALL, PART, cuts, parts, part[2]);
        frame.channels = 2;
        for (int left = 0; left + PART <= WIDE; left += SHIFT) {
            for (int k = 0; k < 2 * TALL * PART; k++)
                cut[k % 2][k / 2] = in[k % 2][k / 2 / PART * WIDE + left + k / 2 % PART];
            CHECK_STATUS(vd_perona_malik(&frame), VD_OK);
            int different = 0;
            for (int k = 0; k < 2 * TALL * SHIFT; k++) {
                int y = k / 2 / SHIFT, x = REACH + k / 2 % SHIFT;
                different += part[k % 2][y * PART + x] != to[k % 2][y * WIDE + left + x];
            }
            CHECK(different == 0);
        }
    }
}

/* Frames of one row, of one column, of one pixel. */
static void check_small(void)
{
    const int64_t shapes[][2] = {{1, 1}, {1, 9}, {9, 1}, {2, 2}, {2, 40}};
    static double in[80], map_of_ones[80], to[80], again[80], weights[80];
    for (int i = 0; i < 80; i++) {
        in[i] = uniform();
        map_of_ones[i] = 1;
    }
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
        for (int perona_malik = 0; perona_malik < 2; perona_malik++) {
            setting s = usual(perona_malik, 2.5, 2.5);
            s.threads = 3;
            vd_image ones = vd_image_contiguous(map_of_ones, VD_F64, shapes[i][0], shapes[i][1], 1);
            const void *planes[] = {in};
            void *sums[] = {to}, *sums_again[] = {again};
            int64_t n = shapes[i][0] * shapes[i][1];
            double before = 0, after = 0;
            vd_model_frame frame = plain_frame(&s, shapes[i][0], shapes[i][1], planes, sums, weights);
            CHECK_STATUS(perona_malik ? vd_perona_malik(&frame) : vd_laplacian(&frame, NULL, 0), VD_OK);
            for (int64_t k = 0; k < n; k++) {
                before += in[k];
                after += to[k];
            }
            CHECK(fabs(before - after) <= 1e-13);
            frame.sums = sums_again;
            if (perona_malik)
                continue;
            CHECK_STATUS(vd_laplacian(&frame, &ones, 0), VD_OK);
            for (int64_t k = 0; k < n; k++)
                CHECK(fabs(to[k] - again[k]) <= 1e-14);
        }
}

/* Each allocation may fail; after that the call works again. */
static void check_allocation(void)
{
    static result out;
    for (int kind = 0; kind < 3 && CAN_FAIL; kind++) {
        setting s = usual(kind == 2, kind == 2 ? 40 : 2, 2); /* Perona-Malik: in several passes */
        s.masses = masses;
        s.map = kind == 1 ? map : NULL;
        int failures = 0;
        for (vd_status status = VD_ERROR_MEMORY; status == VD_ERROR_MEMORY; failures++) {
            allocations_left = failures;
            status = run(&s, &out);
            allocations_left = -1;
            CHECK(status == VD_ERROR_MEMORY || status == VD_OK);
        }
        CHECK(failures >= 4);
    }
}

static void check_statuses(void)
{
    static result out;
    static double in[PIXELS], to[PIXELS], weights[PIXELS];
    setting s = usual(0, 2, 2);
    const void *planes[] = {in};
    void *sums[] = {to};
    vd_model_frame frame = plain_frame(&s, HEIGHT, WIDTH, planes, sums, weights);
    vd_image good = vd_image_contiguous(map, VD_F64, HEIGHT, WIDTH, 1), bad = good;
    CHECK(vd_laplacian_margin(&s.params) == 0 && vd_perona_malik_margin(&s.params) == 0);
    CHECK_STATUS(vd_laplacian(&frame, &good, 0), VD_OK);
    bad.dtype = VD_U8;
    CHECK_STATUS(vd_laplacian(&frame, &bad, 0), VD_ERROR_DTYPE);
    bad = good;
    bad.width--;
    CHECK_STATUS(vd_laplacian(&frame, &bad, 0), VD_ERROR_SHAPE);
    const double refused[] = {-1, NAN, INFINITY};
    for (int i = 0; i < 3; i++) {
        double saved = map[7];
        map[7] = refused[i];
        CHECK_STATUS(vd_laplacian(&frame, &good, 0), VD_ERROR_PARAMETER);
        map[7] = saved;
    }
    s.map = map;
    s.params.sigma_x = 1e9;
    CHECK_STATUS(run(&s, &out), VD_ERROR_OVERFLOW);
    s.params.sigma_x = 1e200;
    CHECK_STATUS(run(&s, &out), VD_ERROR_OVERFLOW);
    s.perona_malik = 1;
    CHECK_STATUS(run(&s, &out), VD_ERROR_OVERFLOW);
    s.params.sigma_x = 2;
    s.channels = 1;
    frame.height = frame.width = INT64_C(1) << 31; /* no room for planes of this size */
    CHECK_STATUS(vd_laplacian(&frame, NULL, 1), VD_ERROR_MEMORY);
}

int main(void)
{
    draw();
    check_heat();
    check_wide();
    check_held();
    check_perona_malik();
    check_bits();
    check_threads();
    check_strips();
    check_small();
    check_allocation();
    check_statuses();
    return check_result();
}
