/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The diffusion equations below the diffuser: against dense loops in double, in both dtypes, with confidences, maps and held
 * pixels; one, two, three and five channels; the same bits on every instruction set and for any number of threads; every
 * status.
 */
#include "diffusion_reference.h"

#include "failing_allocations.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static void check_heat(void)
{
    static result got, wanted;
    const double sigmas[][2] = {{0, 0}, {0.4, 0.4}, {2, 2}, {0, 3}, {3, 1}, {5, 5}};
    for (size_t i = 0; i < sizeof sigmas / sizeof *sigmas; i++)
        for (int kind = 0; kind < 8; kind++) {
            setting s = usual(0, sigmas[i][0], sigmas[i][1]);
            s.channels = 1 + kind % 3;
            s.params.diffusivity = kind == 0 ? 1 : 0.7;
            s.confidences = kind % 2 ? confidences : NULL;
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
    s.confidences = known;
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
        s.confidences = kind / 3 % 2 ? confidences : NULL;
        s.channels = kind % 2 ? 3 : 1;
        expected(&s, &wanted, 100);
        CHECK_STATUS(run(&s, &got), VD_OK);
        CHECK(distance(&s, &got, &wanted) <= 0.1);
        double total = 0;
        for (int i = 0; i < PIXELS; i++)
            total += got.sums[0][i] - samples[0][i] * (s.confidences != NULL ? confidences[i] : 1);
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
        s.confidences = kind % 2 ? confidences : NULL;
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
            frame.confidences = kind < 4 ? NULL : mass;
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
        s.confidences = confidences;
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
