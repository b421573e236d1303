/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The video denoiser: the same bits for any number of threads, instruction set, stride and overlap; pictures of every small
 * size; motion that is lost; several priors; noise that is set; frames without noise; every status, and failing
 * allocations. What it computes
 * is held against the float64 oracle in Python.
 */
#define _POSIX_C_SOURCE 200112L /* setenv */
#include "vdcore/vdcore.h"

#include "check.h"
#include "failing_allocations.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { HEIGHT = 47, WIDTH = 150, SAMPLES = HEIGHT * WIDTH * 3, FRAMES = 4 };

static uint64_t seed = 1;
static uint8_t frames[FRAMES][SAMPLES];
static float motion[HEIGHT * WIDTH * 2];

static double uniform(void) { return (double)(check_random(&seed) >> 11) / 9007199254740992.0; }

static void draw(void)
{
    for (int t = 0; t < FRAMES; t++)
        for (int i = 0; i < SAMPLES; i++) {
            int x = i / 3 % WIDTH + 2 * t, y = i / 3 / WIDTH;
            double value = 120 + 60 * sin(0.2 * x) * cos(0.1 * y) + 30 * (i % 3) + 60 * (uniform() - 0.5);
            frames[t][i] = (uint8_t)(value < 0 ? 0 : value > 255 ? 255 : value);
        }
    for (int i = 0; i < HEIGHT * WIDTH; i++) {
        motion[2 * i] = (float)(-2 + uniform());
        motion[2 * i + 1] = (float)(uniform() - 0.5);
    }
    motion[2 * (20 * WIDTH + 90)] = NAN;
    motion[2 * (9 * WIDTH + 5) + 1] = INFINITY;
    motion[2 * (30 * WIDTH + 9)] = 1e30f;
}

static vd_denoiser *created(double noise, int32_t preset, int32_t priors, int32_t threads)
{
    vd_denoiser_params params;
    vd_denoiser *denoiser = NULL;
    CHECK_STATUS(vd_denoiser_params_init(&params, sizeof params), VD_OK);
    params.noise = noise;
    params.gain = noise / 4;
    params.offset = noise;
    params.preset = preset;
    params.priors = priors;
    params.threads = threads;
    CHECK_STATUS(vd_denoiser_create(&denoiser, &params), VD_OK);
    return denoiser;
}

static vd_image colour(void *data, vd_dtype dtype) { return vd_image_contiguous(data, dtype, HEIGHT, WIDTH, 3); }

/* The last result of all frames, as floats; every frame but the first has the last result and, of two, a next frame. */
static void run(float *out, int32_t preset, int32_t priors, int32_t threads)
{
    vd_denoiser *d = created(17, preset, priors, threads);
    vd_image flow = vd_image_contiguous(motion, VD_F32, HEIGHT, WIDTH, 2), to = colour(out, VD_F32);
    for (int t = 0; t < FRAMES; t++) {
        vd_image frame = colour(frames[t], VD_U8), next = colour(frames[(t + 1) % FRAMES], VD_U8);
        vd_prior both[] = {{NULL, &flow, 0, NULL}, {&next, t % 2 ? &flow : NULL, 1, NULL}};
        CHECK_STATUS(vd_denoiser_push(d, &frame, NULL, NULL, both, (size_t)priors, &to), VD_OK);
    }
    vd_denoiser_destroy(d);
}

static void test_same_bits(void)
{
    static float expected[SAMPLES], got[SAMPLES];
    static const char *const sets[] = {"scalar", "avx2", "avx512", "neon"};
    char *limit = getenv("VDCORE_CPU"), kept[16] = "";
    if (limit != NULL)
        strncpy(kept, limit, sizeof kept - 1);
    for (int32_t preset = 0; preset < VD_DENOISER_PRESET_COUNT; preset++)
        for (int32_t priors = 1; priors <= 2; priors++) {
            run(expected, preset, priors, 1);
            for (int i = 0; i < SAMPLES; i++)
                if (!CHECK(expected[i] > -100 && expected[i] < 400))
                    break;
            for (int32_t threads = 2; threads <= 5; threads++) {
                run(got, preset, priors, threads);
                CHECK(memcmp(expected, got, sizeof got) == 0);
            }
#ifndef _WIN32
            for (size_t i = 0; i < sizeof sets / sizeof *sets; i++) {
                setenv("VDCORE_CPU", sets[i], 1);
                run(got, preset, priors, 1);
                CHECK(memcmp(expected, got, sizeof got) == 0);
            }
            if (kept[0])
                setenv("VDCORE_CPU", kept, 1);
            else
                unsetenv("VDCORE_CPU");
#endif
        }
}

/* In place, and mirrored in a buffer of its own: as from plain rows. */
static void test_strides_and_overlap(void)
{
    static uint8_t plain[SAMPLES], shared[SAMPLES], apart[2 * SAMPLES];
    vd_denoiser *d[3];
    for (int i = 0; i < 3; i++)
        d[i] = created(15, VD_DENOISER_BALANCED, 1, 1);
    vd_image flow = vd_image_contiguous(motion, VD_F32, HEIGHT, WIDTH, 2), result = colour(plain, VD_U8);
    vd_prior last = {NULL, &flow, 0, NULL};
    for (int t = 0; t < 3; t++) {
        vd_image frame = colour(frames[t], VD_U8), both = colour(shared, VD_U8), odd = both;
        memcpy(shared, frames[t], SAMPLES);
        odd.data = apart + 2 * SAMPLES - 1;
        odd.row_stride = -6 * WIDTH;
        odd.column_stride = -6;
        odd.channel_stride = -2;
        for (int i = 0; i < SAMPLES; i++)
            apart[2 * SAMPLES - 1 - 2 * i] = frames[t][i];
        CHECK_STATUS(vd_denoiser_push(d[0], &frame, NULL, NULL, &last, 1, &result), VD_OK);
        CHECK_STATUS(vd_denoiser_push(d[1], &both, NULL, NULL, &last, 1, &both), VD_OK);
        CHECK_STATUS(vd_denoiser_push(d[2], &odd, NULL, NULL, &last, 1, &odd), VD_OK);
        CHECK(memcmp(plain, shared, SAMPLES) == 0);
        int same = 1;
        for (int i = 0; i < SAMPLES; i++)
            same &= apart[2 * SAMPLES - 1 - 2 * i] == plain[i];
        CHECK(same);
    }
    for (int i = 0; i < 3; i++)
        vd_denoiser_destroy(d[i]);
}

static vd_denoiser_noise noise_of(double sd, const float *spectrum, int64_t channels)
{
    return (vd_denoiser_noise){sizeof(vd_denoiser_noise), sd, 0, sd * sd, spectrum, channels, 0};
}

/* A denoiser whose noise is set before the first frame is one that was created with it; a spectrum counts from the next
 * frame on and is kept by a reset, and the caller may reuse its array. */
static void test_noise_that_is_set(void)
{
    static uint8_t expected[SAMPLES], got[SAMPLES];
    static float ones[4 * 64], slope[3 * 64];
    for (int k = 0; k < 4 * 64; k++)
        ones[k] = 1;
    for (int k = 0; k < 3 * 64; k++)
        slope[k] = 2 - (float)(k % 64) / 40;
    vd_image to = colour(expected, VD_U8), out = colour(got, VD_U8);
    vd_prior last = {NULL, NULL, 0, NULL};
    vd_denoiser *one = created(0, VD_DENOISER_FAST, 1, 1), *other = created(9, VD_DENOISER_FAST, 1, 1);
    vd_denoiser_noise white = noise_of(15, NULL, 0), flat = noise_of(15, ones, 3), coloured = noise_of(15, slope, 3);
    CHECK_STATUS(vd_denoiser_set_noise(one, &white), VD_OK);
    CHECK_STATUS(vd_denoiser_set_noise(other, &flat), VD_OK);
    for (int t = 0; t < 2; t++) {
        vd_image frame = colour(frames[t], VD_U8);
        CHECK_STATUS(vd_denoiser_push(one, &frame, NULL, NULL, &last, 1, &to), VD_OK);
        CHECK_STATUS(vd_denoiser_push(other, &frame, NULL, NULL, &last, 1, &out), VD_OK);
        CHECK(memcmp(expected, got, SAMPLES) == 0);
    }
    CHECK_STATUS(vd_denoiser_set_noise(other, &coloured), VD_OK);
    for (int k = 0; k < 3 * 64; k++)
        slope[k] = NAN;
    vd_image frame = colour(frames[2], VD_U8);
    CHECK_STATUS(vd_denoiser_push(one, &frame, NULL, NULL, &last, 1, &to), VD_OK);
    CHECK_STATUS(vd_denoiser_push(other, &frame, NULL, NULL, &last, 1, &out), VD_OK);
    CHECK(memcmp(expected, got, SAMPLES) != 0);

    CHECK_STATUS(vd_denoiser_reset(other), VD_OK);
    vd_image grey = vd_image_contiguous(frames[0], VD_U8, HEIGHT, WIDTH, 1), first = colour(frames[0], VD_U8);
    CHECK_STATUS(vd_denoiser_push(other, &grey, NULL, NULL, &last, 0, &grey),
                 VD_ERROR_SHAPE); /* the spectrum has three */
    CHECK_STATUS(vd_denoiser_push(other, &first, NULL, NULL, &last, 0, &out), VD_OK);
    CHECK_STATUS(vd_denoiser_reset(one), VD_OK);
    CHECK_STATUS(vd_denoiser_push(one, &first, NULL, NULL, &last, 0, &to), VD_OK);
    CHECK(memcmp(expected, got, SAMPLES) != 0);

    static const float bad[] = {0, -1, NAN, INFINITY, 0.9e-6f, 1.1e6f};
    static const double bad_noise[] = {-1, NAN, INFINITY, 1e-30, 1e30};
    vd_denoiser_noise wrong;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        ones[3 * 64 - 1] = bad[i];
        CHECK_STATUS(vd_denoiser_set_noise(one, &flat), VD_ERROR_PARAMETER);
    }
    ones[3 * 64 - 1] = 1;
    for (size_t i = 0; i < sizeof bad_noise / sizeof *bad_noise; i++) {
        wrong = noise_of(bad_noise[i], NULL, 0);
        CHECK_STATUS(vd_denoiser_set_noise(one, &wrong), VD_ERROR_PARAMETER);
    }
    wrong = noise_of(1, NULL, 0);
    wrong.gain = INFINITY;
    CHECK_STATUS(vd_denoiser_set_noise(one, &wrong), VD_ERROR_PARAMETER);
    wrong = noise_of(1, NULL, 3);
    CHECK_STATUS(vd_denoiser_set_noise(one, &wrong), VD_ERROR_PARAMETER);
    wrong = noise_of(1, ones, 0);
    CHECK_STATUS(vd_denoiser_set_noise(one, &wrong), VD_ERROR_PARAMETER);
    wrong = noise_of(1, ones, -1);
    CHECK_STATUS(vd_denoiser_set_noise(one, &wrong), VD_ERROR_PARAMETER);
    wrong = noise_of(1, ones, 5);
    CHECK_STATUS(vd_denoiser_set_noise(one, &wrong), VD_ERROR_PARAMETER);
    wrong = noise_of(1, ones, 4);
    CHECK_STATUS(vd_denoiser_set_noise(one, &wrong), VD_ERROR_SHAPE);
    wrong.struct_size = 1;
    CHECK_STATUS(vd_denoiser_set_noise(one, &wrong), VD_ERROR_STRUCT_SIZE);
    CHECK_STATUS(vd_denoiser_set_noise(NULL, &white), VD_ERROR_NULL);
    CHECK_STATUS(vd_denoiser_set_noise(one, NULL), VD_ERROR_NULL);

    CHECK_STATUS(vd_denoiser_set_noise(other, &white), VD_OK); /* what was refused left no trace */
    CHECK_STATUS(vd_denoiser_push(one, &frame, NULL, NULL, &last, 1, &to), VD_OK);
    CHECK_STATUS(vd_denoiser_reset(other), VD_OK);
    CHECK_STATUS(vd_denoiser_push(other, &first, NULL, NULL, &last, 0, &out), VD_OK);
    CHECK_STATUS(vd_denoiser_push(other, &frame, NULL, NULL, &last, 1, &out), VD_OK);
    CHECK(memcmp(expected, got, SAMPLES) == 0);
    vd_denoiser_destroy(one);
    vd_denoiser_destroy(other);
}

/* Every small size, dtype and number of channels: constant pictures stay as they are. */
static void test_sizes(void)
{
    static double samples[40 * 40 * 4], out[40 * 40 * 4];
    static const vd_dtype dtypes[] = {VD_F32, VD_F64};
    for (int32_t preset = 0; preset < VD_DENOISER_PRESET_COUNT; preset++)
        for (int64_t height = 1; height < 40; height = 2 * height + 1)
            for (int64_t width = 1; width < 40; width += 1 + width / 3)
                for (int64_t channels = 1; channels <= 4; channels++) {
                    vd_dtype dtype = dtypes[width % 2];
                    int64_t n = height * width * channels;
                    for (int64_t i = 0; i < n; i++) {
                        if (dtype == VD_F32)
                            ((float *)samples)[i] = 0.5f;
                        else
                            samples[i] = 0.5;
                    }
                    vd_denoiser *d = created(0.1, preset, 1, 3);
                    vd_image frame = vd_image_contiguous(samples, dtype, height, width, channels);
                    vd_image result = vd_image_contiguous(out, VD_F64, height, width, channels);
                    vd_prior last = {NULL, NULL, 0, NULL};
                    for (int t = 0; t < 3; t++)
                        CHECK_STATUS(vd_denoiser_push(d, &frame, NULL, NULL, &last, 1, &result), VD_OK);
                    int close = 1;
                    for (int64_t i = 0; i < n; i++)
                        close &= fabs(out[i] - 0.5) < 1e-5;
                    CHECK(close);
                    vd_denoiser_destroy(d);
                }
}

static void test_without_noise(void)
{
    static uint8_t copy[SAMPLES];
    static double wide[SAMPLES];
    vd_denoiser *d = created(0, VD_DENOISER_FAST, 1, 2);
    vd_image frame = colour(frames[0], VD_U8), out = colour(copy, VD_U8), real = colour(wide, VD_F64);
    CHECK_STATUS(vd_denoiser_push(d, &frame, NULL, NULL, NULL, 0, &out), VD_OK);
    CHECK(memcmp(copy, frames[0], SAMPLES) == 0);
    CHECK_STATUS(vd_denoiser_push(d, &frame, NULL, NULL, NULL, 0, &real), VD_OK);
    CHECK(wide[SAMPLES / 2] == frames[0][SAMPLES / 2] && wide[SAMPLES - 1] == frames[0][SAMPLES - 1]);
    memset(wide, 0, sizeof wide);
    CHECK_STATUS(vd_denoiser_result(d, &real), VD_OK);
    CHECK(fabs(wide[100] - frames[0][100]) < 1e-4);
    vd_denoiser_destroy(d);
}

static void test_guides(void)
{
    static uint8_t full[HEIGHT * WIDTH], half[HEIGHT * WIDTH], grey[SAMPLES];
    memset(grey, 100, sizeof grey);
    vd_image frame = colour(grey, VD_U8), out = frame;
    vd_image large = vd_image_contiguous(full, VD_U8, HEIGHT, WIDTH, 1);
    vd_image small = vd_image_contiguous(half, VD_U8, (HEIGHT + 1) / 2, (WIDTH + 1) / 2, 1);
    for (int32_t preset = 0; preset < VD_DENOISER_PRESET_COUNT; preset++) {
        vd_image *fits = preset == VD_DENOISER_FAST ? &small : &large;
        vd_image *other = preset == VD_DENOISER_FAST ? &large : &small;
        vd_denoiser *d = created(5, preset, 1, 2);
        CHECK_STATUS(vd_denoiser_guide(d, NULL, 0, 255, fits), VD_ERROR_SHAPE);
        CHECK_STATUS(vd_denoiser_push(d, &frame, NULL, NULL, NULL, 0, &out), VD_OK);
        CHECK_STATUS(vd_denoiser_guide(d, &frame, 0, 255, fits), VD_OK);
        CHECK(((uint8_t *)fits->data)[0] == 100 && ((uint8_t *)fits->data)[fits->height * fits->width - 1] == 100);
        CHECK_STATUS(vd_denoiser_guide(d, NULL, 0, 510, fits), VD_OK);
        CHECK(((uint8_t *)fits->data)[fits->width + 1] == 50);
        CHECK_STATUS(vd_denoiser_guide(d, NULL, 0, 255, other), VD_ERROR_SHAPE);
        CHECK_STATUS(vd_denoiser_guide(d, NULL, 1, 1, fits), VD_ERROR_PARAMETER);
        CHECK_STATUS(vd_denoiser_guide(d, NULL, 0, NAN, fits), VD_ERROR_PARAMETER);
        CHECK_STATUS(vd_denoiser_guide(NULL, NULL, 0, 1, fits), VD_ERROR_NULL);
        vd_denoiser_destroy(d);
    }
}

/* A flat picture has the mean of clipped noise; the expected value comes back, in a copy too, and only near a given end. */
static void test_range(void)
{
    static float samples[HEIGHT * WIDTH], result[HEIGHT * WIDTH];
    vd_image frame = vd_image_contiguous(samples, VD_F32, HEIGHT, WIDTH, 1);
    vd_image out = vd_image_contiguous(result, VD_F32, HEIGHT, WIDTH, 1);
    static const struct {
        double low, high;
        float mean, expected;
    } cases[] = {
        {-INFINITY, INFINITY, 10.11077f, 10.11077f},
        {0, INFINITY, 10.11077f, 10},    /* s = sqrt 35 */
        {-INFINITY, 100, 87.62738f, 90}, /* s = sqrt 235 */
        {0, 1000, 500, 500},
        {-1000, -100, -110, -110}, /* s = 1, its minimum */
        {0, 4095, 1, 0},           /* below the mean of black */
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        vd_denoiser *d = created(10, VD_DENOISER_BALANCED, 1, 1), *copy = NULL;
        CHECK_STATUS(vd_denoiser_set_range(d, cases[i].low, cases[i].high), VD_OK);
        CHECK_STATUS(vd_denoiser_copy(&copy, d), VD_OK);
        for (int k = 0; k < HEIGHT * WIDTH; k++)
            samples[k] = cases[i].mean;
        CHECK_STATUS(vd_denoiser_push(copy, &frame, NULL, NULL, NULL, 0, &out), VD_OK);
        CHECK(fabsf(result[0] - cases[i].expected) < 2e-3f);
        CHECK_STATUS(vd_denoiser_set_range(copy, -INFINITY, INFINITY), VD_OK);
        CHECK_STATUS(vd_denoiser_push(copy, &frame, NULL, NULL, NULL, 0, &out), VD_OK);
        CHECK(fabsf(result[0] - cases[i].mean) < 2e-3f);
        CHECK_STATUS(vd_denoiser_set_range(d, 1, 1), VD_ERROR_PARAMETER);
        CHECK_STATUS(vd_denoiser_set_range(d, NAN, 1), VD_ERROR_PARAMETER);
        CHECK_STATUS(vd_denoiser_set_range(d, -1e20, 1), VD_ERROR_PARAMETER);
        CHECK_STATUS(vd_denoiser_set_range(NULL, 0, 1), VD_ERROR_NULL);
        vd_denoiser_destroy(copy);
        vd_denoiser_destroy(d);
    }
}

static void test_statuses(void)
{
    static const double bad_noise[] = {-1, NAN, INFINITY, 1e-30, 1e30};
    vd_denoiser_params params;
    vd_denoiser *d = NULL;
    CHECK_STATUS(vd_denoiser_params_init(NULL, sizeof params), VD_ERROR_NULL);
    CHECK_STATUS(vd_denoiser_params_init(&params, 3), VD_ERROR_STRUCT_SIZE);
    CHECK_STATUS(vd_denoiser_params_init(&params, sizeof params), VD_OK);
    CHECK_STATUS(vd_denoiser_create(NULL, &params), VD_ERROR_NULL);
    CHECK_STATUS(vd_denoiser_create(&d, NULL), VD_ERROR_NULL);
    for (size_t i = 0; i < sizeof bad_noise / sizeof *bad_noise; i++) {
        params.noise = bad_noise[i];
        CHECK_STATUS(vd_denoiser_create(&d, &params), VD_ERROR_PARAMETER);
    }
    params.noise = 1;
    params.preset = VD_DENOISER_PRESET_COUNT;
    CHECK_STATUS(vd_denoiser_create(&d, &params), VD_ERROR_PARAMETER);
    params.preset = VD_DENOISER_FAST;
    params.priors = 0;
    CHECK_STATUS(vd_denoiser_create(&d, &params), VD_ERROR_PARAMETER);
    params.priors = 1;
    params.threads = 0;
    CHECK_STATUS(vd_denoiser_create(&d, &params), VD_ERROR_PARAMETER);
    params.threads = 1;
    params.gain = NAN;
    CHECK_STATUS(vd_denoiser_create(&d, &params), VD_ERROR_PARAMETER);
    params.gain = 0;
    params.struct_size = 1;
    CHECK_STATUS(vd_denoiser_create(&d, &params), VD_ERROR_STRUCT_SIZE);
    CHECK(d == NULL);
    vd_denoiser_destroy(NULL);

    static float real[SAMPLES], out_real[SAMPLES];
    static uint16_t wide[SAMPLES];
    d = created(1, VD_DENOISER_FAST, 1, 1);
    vd_image frame = colour(real, VD_F32), out = colour(out_real, VD_F32), other = colour(wide, VD_U16);
    vd_image shorter = vd_image_contiguous(real, VD_F32, HEIGHT - 1, WIDTH, 3);
    vd_image five = vd_image_contiguous(real, VD_F32, 10, 10, 5);
    vd_image flow = vd_image_contiguous(motion, VD_F32, HEIGHT, WIDTH, 2);
    vd_image flat = vd_image_contiguous(motion, VD_F32, HEIGHT, WIDTH, 1);
    vd_prior last = {NULL, &flow, 0, NULL}, two[2] = {{NULL, NULL, 0, NULL}, {NULL, NULL, 0, NULL}},
             wrong = {NULL, &flat, 0, NULL}, small = {&shorter, NULL, 0, NULL}, negative = {NULL, NULL, -1, NULL},
             unknown = {NULL, NULL, NAN, NULL};
    CHECK_STATUS(vd_denoiser_result(d, &out), VD_ERROR_SHAPE);
    CHECK_STATUS(vd_denoiser_push(NULL, &frame, NULL, NULL, NULL, 0, &out), VD_ERROR_NULL);
    CHECK_STATUS(vd_denoiser_push(d, NULL, NULL, NULL, NULL, 0, &out), VD_ERROR_NULL);
    CHECK_STATUS(vd_denoiser_push(d, &frame, NULL, NULL, NULL, 1, &out), VD_ERROR_NULL);
    CHECK_STATUS(vd_denoiser_push(d, &frame, NULL, NULL, two, 2, &out), VD_ERROR_PARAMETER);
    CHECK_STATUS(vd_denoiser_push(d, &frame, NULL, NULL, &negative, 1, &out), VD_ERROR_PARAMETER);
    CHECK_STATUS(vd_denoiser_push(d, &frame, NULL, NULL, &unknown, 1, &out), VD_ERROR_PARAMETER);
    CHECK_STATUS(vd_denoiser_push(d, &frame, NULL, NULL, &wrong, 1, &out), VD_ERROR_SHAPE);
    CHECK_STATUS(vd_denoiser_push(d, &frame, NULL, NULL, &small, 1, &out), VD_ERROR_SHAPE);
    CHECK_STATUS(vd_denoiser_push(d, &five, NULL, NULL, &last, 1, &five), VD_ERROR_SHAPE);
    CHECK_STATUS(vd_denoiser_push(d, &frame, NULL, NULL, &last, 1, &other), VD_ERROR_DTYPE);
    CHECK_STATUS(vd_denoiser_push(d, &frame, NULL, NULL, &last, 1, &shorter), VD_ERROR_SHAPE);
    real[777] = INFINITY;
    CHECK_STATUS(vd_denoiser_push(d, &frame, NULL, NULL, &last, 1, &out), VD_ERROR_INFINITE);
    real[777] = 0;
    vd_denoiser_info info = {.struct_size = sizeof info};
    CHECK_STATUS(vd_denoiser_get_info(d, &info), VD_OK);
    CHECK(info.frames == 0 && info.height == 0 && info.dtype == 0 && info.state_bytes == 0);
    CHECK_STATUS(vd_denoiser_push(d, &frame, NULL, NULL, &last, 1, &out), VD_OK);
    CHECK_STATUS(vd_denoiser_push(d, &shorter, NULL, NULL, &last, 1, &shorter), VD_ERROR_SHAPE);
    CHECK_STATUS(vd_denoiser_push(d, &other, NULL, NULL, &last, 1, &other), VD_ERROR_DTYPE);
    CHECK_STATUS(vd_denoiser_result(d, &other), VD_ERROR_DTYPE);
    CHECK_STATUS(vd_denoiser_get_info(d, &info), VD_OK);
    CHECK(info.frames == 1 && info.height == HEIGHT && info.channels == 3 && info.dtype == VD_F32);
    info.struct_size = 1;
    CHECK_STATUS(vd_denoiser_get_info(d, &info), VD_ERROR_STRUCT_SIZE);
    CHECK_STATUS(vd_denoiser_reset(d), VD_OK);
    CHECK_STATUS(vd_denoiser_reset(NULL), VD_ERROR_NULL);
    CHECK_STATUS(vd_denoiser_push(d, &shorter, NULL, NULL, &last, 0, &shorter), VD_OK);
    vd_denoiser_destroy(d);
}

/* Whatever allocation fails, the frame can be pushed again. */
static void test_failing_allocations(void)
{
    static uint8_t expected[SAMPLES], got[SAMPLES];
    vd_image frame = colour(frames[0], VD_U8), next = colour(frames[1], VD_U8), out = colour(got, VD_U8);
    vd_prior priors[] = {{NULL, NULL, 0, NULL}, {&next, NULL, 1, NULL}};
    vd_denoiser *d = created(9, VD_DENOISER_BALANCED, 2, 1);
    vd_image to = colour(expected, VD_U8);
    CHECK_STATUS(vd_denoiser_push(d, &frame, NULL, NULL, priors, 2, &to), VD_OK);
    vd_denoiser_destroy(d);
    for (long failing = 0, done = 0; CAN_FAIL && !done && failing < 100; failing++) {
        vd_denoiser_params params;
        vd_denoiser_params_init(&params, sizeof params);
        params.noise = 9;
        params.gain = 9.0 / 4;
        params.offset = 9;
        params.priors = 2;
        params.threads = 1;
        allocations_left = failing;
        vd_status status = vd_denoiser_create(&d, &params);
        if (status == VD_OK)
            status = vd_denoiser_push(d, &frame, NULL, NULL, priors, 2, &out);
        done = allocations_left >= 0;
        allocations_left = -1;
        CHECK_STATUS(status, done ? VD_OK : VD_ERROR_MEMORY);
        if (d != NULL && !done)
            CHECK_STATUS(vd_denoiser_push(d, &frame, NULL, NULL, priors, 2, &out), VD_OK);
        CHECK(d == NULL || memcmp(expected, got, SAMPLES) == 0);
        vd_denoiser_destroy(d);
    }
}

int main(void)
{
    draw();
    test_same_bits();
    test_strides_and_overlap();
    test_sizes();
    test_noise_that_is_set();
    test_without_noise();
    test_guides();
    test_range();
    test_statuses();
    test_failing_allocations();
    return check_result();
}
