/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Estimates, alone and merged along a flow: the same bits for any number of threads, instruction set and stride; pictures
 * of every small size; flows that lead nowhere; missing pixels; every status, and failing allocations. What is computed
 * is held against the float64 oracle in Python.
 */
#define _POSIX_C_SOURCE 200112L /* setenv */
#include "vdcore/vdcore.h"

#include "check.h"
#include "failing_allocations.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Enough pixels for several threads. */
enum { HEIGHT = 140, WIDTH = 250, CHANNELS = 3, PIXELS = HEIGHT * WIDTH, SAMPLES = PIXELS * CHANNELS };
enum { ESTIMATE = PIXELS * (CHANNELS + 2) };

static uint64_t seed = 1;
static double frames[2][SAMPLES];
static float motion[PIXELS * 2], confidence[PIXELS];
static const double gain[4] = {0.1, 0.2, 0, 0}, offset[4] = {1e-4, -1, 2e-3, 0};
static const vd_noise noise = {sizeof noise, gain, offset, 1e-3};

static double uniform(void) { return (double)(check_random(&seed) >> 11) / 9007199254740992.0; }

/* Noise, holes, and pixels that moved: by whole numbers, by parts, beyond the edges, to nowhere. */
static void draw(void)
{
    for (int t = 0; t < 2; t++)
        for (int i = 0; i < SAMPLES; i++)
            frames[t][i] = uniform() < 1e-3 ? NAN : 0.5 + 0.3 * sin(0.1 * (i / CHANNELS % WIDTH)) + 0.1 * uniform();
    for (int i = 0; i < PIXELS; i++) {
        motion[2 * i] = i % 2 ? 3 : (float)(8 * uniform() - 4);
        motion[2 * i + 1] = (float)(8 * uniform() - 4);
        confidence[i] = i % 11 ? (float)uniform() : 0;
    }
    static const float lost[] = {NAN, INFINITY, -INFINITY, 1e30f, -1e30f};
    for (int i = 0; i < 100; i++)
        motion[check_random(&seed) % (2 * PIXELS)] = lost[i % 5];
}

static vd_image picture(void *data, vd_dtype dtype, int64_t channels)
{
    return vd_image_contiguous(data, dtype, HEIGHT, WIDTH, channels);
}

static size_t size_of(vd_dtype dtype) { return dtype == VD_F32 ? sizeof(float) : sizeof(double); }

/* The two frames as estimates, and merged. */
static void run(void *out, vd_dtype dtype, int32_t gated, int moved, int32_t threads)
{
    static double memory[2][ESTIMATE];
    vd_image estimates[2], result = picture(out, dtype, CHANNELS + 2), flow = picture(motion, VD_F32, 2);
    for (int t = 0; t < 2; t++) {
        vd_image frame = picture(frames[t], VD_F64, CHANNELS), weights = picture(confidence, VD_F32, 1);
        estimates[t] = picture(memory[t], dtype, CHANNELS + 2);
        CHECK_STATUS(vd_estimate_frame(&frame, t ? &weights : NULL, &noise, &estimates[t], threads), VD_OK);
    }
    CHECK_STATUS(vd_estimate_merge(&estimates[0], &estimates[1], moved ? &flow : NULL, 0.7, gated, &result, threads),
                 VD_OK);
}

static void test_same_bits(void)
{
    static double expected[ESTIMATE], got[ESTIMATE];
    static const char *const sets[] = {"scalar", "avx2", "avx512", "neon"};
    char *limit = getenv("VDCORE_CPU"), kept[16] = "";
    if (limit != NULL)
        strncpy(kept, limit, sizeof kept - 1);
    for (int kind = 0; kind < 8; kind++) {
        vd_dtype dtype = kind & 1 ? VD_F32 : VD_F64;
        int32_t gated = kind >> 1 & 1, moved = kind >> 2;
        size_t bytes = ESTIMATE * size_of(dtype);
        run(expected, dtype, gated, moved, 1);
        for (int32_t threads = 2; threads <= 5; threads++) {
            memset(got, 0, sizeof got);
            run(got, dtype, gated, moved, threads);
            CHECK(memcmp(expected, got, bytes) == 0);
        }
#ifndef _WIN32
        for (size_t i = 0; i < sizeof sets / sizeof *sets; i++) {
            setenv("VDCORE_CPU", sets[i], 1);
            memset(got, 0, sizeof got);
            run(got, dtype, gated, moved, 1);
            CHECK(memcmp(expected, got, bytes) == 0);
        }
        if (kept[0])
            setenv("VDCORE_CPU", kept, 1);
        else
            unsetenv("VDCORE_CPU");
#endif
    }
}

/* The view of data with every sample `gap` samples after the one before it, mirrored along both axes. */
static vd_image mirrored(vd_image image, void *data, int64_t gap)
{
    int64_t size = image.dtype == VD_U8 ? 1 : image.dtype == VD_F32 ? 4 : 8;
    image.channel_stride = -gap * size;
    image.column_stride = image.channels * image.channel_stride;
    image.row_stride = image.width * image.column_stride;
    image.data = (char *)data - (image.height * image.width * image.channels - 1) * image.channel_stride;
    return image;
}

/* Frames, confidence and flow of any strides; rows of estimates further apart than they are long. */
static void test_strides(void)
{
    static double expected[ESTIMATE], apart[2 * SAMPLES], wide[2][HEIGHT * (WIDTH + 3) * (CHANNELS + 2)];
    static float moved[4 * PIXELS], weights[3 * PIXELS];
    static uint8_t bytes[PIXELS], loose[2 * PIXELS];
    vd_image flow = mirrored(picture(motion, VD_F32, 2), moved, 2);
    vd_image share = mirrored(picture(confidence, VD_F32, 1), weights, 3);
    vd_image frame = mirrored(picture(frames[0], VD_F64, CHANNELS), apart, 2);
    for (size_t i = 0; i < SAMPLES; i++)
        apart[2 * (SAMPLES - 1 - i)] = frames[0][i];
    for (size_t i = 0; i < 2 * PIXELS; i++)
        moved[2 * (2 * PIXELS - 1 - i)] = motion[i];
    for (size_t i = 0; i < PIXELS; i++)
        weights[3 * (PIXELS - 1 - i)] = confidence[i];
    vd_image estimates[2], plain[2];
    static double memory[2][ESTIMATE];
    for (int t = 0; t < 2; t++) {
        estimates[t] = picture(wide[t], VD_F64, CHANNELS + 2);
        estimates[t].row_stride += 3 * estimates[t].column_stride;
        plain[t] = picture(memory[t], VD_F64, CHANNELS + 2);
    }
    vd_image first = picture(frames[0], VD_F64, CHANNELS), part = picture(confidence, VD_F32, 1);
    CHECK_STATUS(vd_estimate_frame(&first, &part, &noise, &plain[0], 2), VD_OK);
    CHECK_STATUS(vd_estimate_frame(&frame, &share, &noise, &estimates[0], 2), VD_OK);
    CHECK_STATUS(vd_estimate_frame(&first, NULL, &noise, &plain[1], 2), VD_OK);
    CHECK_STATUS(vd_estimate_frame(&first, NULL, &noise, &estimates[1], 2), VD_OK);
    vd_image out = picture(expected, VD_F64, CHANNELS + 2), straight = picture(motion, VD_F32, 2);
    static double far_apart[HEIGHT * (WIDTH + 3) * (CHANNELS + 2)];
    vd_image far_out = estimates[0];
    far_out.data = far_apart;
    for (int32_t gated = 0; gated <= 1; gated++) {
        CHECK_STATUS(vd_estimate_merge(&plain[0], &plain[1], &straight, 1, gated, &out, 1), VD_OK);
        CHECK_STATUS(vd_estimate_merge(&estimates[0], &estimates[1], &flow, 1, gated, &far_out, 1), VD_OK);
        int same = 1;
        for (int64_t y = 0; y < HEIGHT; y++)
            same &= memcmp((char *)out.data + y * out.row_stride, (char *)far_out.data + y * far_out.row_stride,
                           (size_t)out.row_stride) == 0;
        CHECK(same);
    }

    /* bytes: 255 is 1 */
    vd_image whole = picture(bytes, VD_U8, 1), odd = mirrored(whole, loose, 2), grey = picture(frames[1], VD_F64, 1);
    for (size_t i = 0; i < PIXELS; i++)
        bytes[i] = loose[2 * (PIXELS - 1 - i)] = (uint8_t)check_random(&seed);
    bytes[5] = loose[2 * (PIXELS - 6)] = 255;
    static float one[3 * PIXELS], two[3 * PIXELS];
    vd_image a = picture(one, VD_F32, 3), b = picture(two, VD_F32, 3);
    CHECK_STATUS(vd_estimate_frame(&grey, &whole, NULL, &a, 1), VD_OK);
    CHECK_STATUS(vd_estimate_frame(&grey, &odd, NULL, &b, 1), VD_OK);
    CHECK(memcmp(one, two, sizeof one) == 0);
    CHECK(one[3 * 5 + 1] == 1 || isnan(one[3 * 5]));
}

/* Every small size and number of channels, with flows that are whole, lead out of the picture or are lost: of two frames
 * that show the same, the weights add up where the flow stays inside, and the values stay what they are. */
static void test_sizes(void)
{
    static const float shifts[] = {0, 0.5f, 0.75f, -0.75f, 3, -40, 1e30f, NAN, INFINITY};
    static double samples[12 * 12 * 4], out[12 * 12 * 6];
    static double memory[2][12 * 12 * 6];
    static float flow[12 * 12 * 2];
    for (size_t i = 0; i < sizeof samples / sizeof *samples; i++)
        samples[i] = 0.5;
    for (int64_t height = 1; height <= 12; height += 1 + height / 3)
        for (int64_t width = 1; width <= 12; width += 1 + width / 3)
            for (int64_t channels = 1; channels <= 4; channels++)
                for (size_t s = 0; s < 2 * (sizeof shifts / sizeof *shifts); s++) {
                    int64_t pixels = height * width, step = channels + 2;
                    vd_image frame = vd_image_contiguous(samples, VD_F64, height, width, channels);
                    vd_image a = vd_image_contiguous(memory[0], VD_F64, height, width, step), b = a, to = a;
                    vd_image moved = vd_image_contiguous(flow, VD_F32, height, width, 2);
                    b.data = memory[1];
                    to.data = out;
                    for (int64_t i = 0; i < pixels; i++) {
                        flow[2 * i] = s % 2 ? 0 : shifts[s / 2];
                        flow[2 * i + 1] = s % 2 ? shifts[s / 2] : 0;
                    }
                    CHECK_STATUS(vd_estimate_frame(&frame, NULL, &noise, &a, 3), VD_OK);
                    CHECK_STATUS(vd_estimate_frame(&frame, NULL, &noise, &b, 3), VD_OK);
                    CHECK_STATUS(vd_estimate_merge(&a, &b, &moved, 0.5, 1, &to, 3), VD_OK);
                    int good = 1;
                    for (int64_t i = 0; i < pixels; i++) {
                        double shift = shifts[s / 2];
                        double at = (double)(s % 2 ? i / width : i % width) + shift;
                        int inside = at >= -0.5 && at <= (double)(s % 2 ? height : width) - 0.5;
                        const double *pixel = out + i * step, *own = memory[0] + i * step;
                        for (int64_t c = 0; c < channels; c++)
                            good &= fabs(pixel[c] - 0.5) < 1e-15;
                        good &= fabs(pixel[channels] - (inside ? 1.5 : 1)) < 1e-12;
                        good &=
                            inside ? pixel[channels + 1] < own[channels + 1] : pixel[channels + 1] == own[channels + 1];
                    }
                    CHECK(good);
                }
}

static void test_missing_pixels(void)
{
    float a[3 * 9] = {0}, b[3 * 9] = {0}, out[3 * 9];
    for (int i = 0; i < 9; i++) {
        a[3 * i] = 1;
        b[3 * i] = 2;
        a[3 * i + 1] = b[3 * i + 1] = 1;
    }
    a[3 * 4] = b[3 * 7] = NAN; /* weight 0: whatever the sample is */
    a[3 * 4 + 1] = b[3 * 7 + 1] = 0;
    vd_image left = vd_image_contiguous(a, VD_F32, 3, 3, 1 + 2), right = left, to = left;
    right.data = b;
    to.data = out;
    CHECK_STATUS(vd_estimate_merge(&left, &right, NULL, 1, 0, &to, 1), VD_OK);
    CHECK(out[0] == 1.5f && out[1] == 2);
    CHECK(out[3 * 4] == 2 && out[3 * 4 + 1] == 1);
    CHECK(out[3 * 7] == 1 && out[3 * 7 + 1] == 1);
    CHECK_STATUS(vd_estimate_merge(&left, &right, NULL, 1, 1, &to, 1), VD_OK); /* without noise they differ */
    CHECK(out[0] == 1 && out[1] == 1);
    CHECK_STATUS(vd_estimate_merge(&left, &right, NULL, 0, 0, &to, 1), VD_OK);
    CHECK(out[0] == 1 && out[1] == 1 && out[3 * 4 + 1] == 0);

    double samples[] = {0.25, NAN, 0.5, 1, 0.75, 0.5}, shares[] = {1, 1, 0.5, 0.25, 1e-30, 1}, estimate[3 * 4];
    vd_image frame = vd_image_contiguous(samples, VD_F64, 1, 3, 2);
    vd_image part = vd_image_contiguous(shares, VD_F64, 1, 3, 2);
    vd_image result = vd_image_contiguous(estimate, VD_F64, 1, 3, 4);
    CHECK_STATUS(vd_estimate_frame(&frame, &part, &noise, &result, 1), VD_OK);
    CHECK(estimate[2] == 0 && estimate[3] == 0); /* NaN in one channel */
    CHECK(estimate[6] == 0.25);                  /* the least of its samples */
    CHECK(fabs(estimate[7] - (0.1 * 0.5 + 1e-4 + 1e-3) / 2) < 1e-15);
    CHECK(estimate[10] == 0 && estimate[11] == 0);
}

static void test_statuses(void)
{
    static float a[ESTIMATE], b[ESTIMATE], out[ESTIMATE];
    static double wide[ESTIMATE];
    static uint16_t shares[PIXELS];
    vd_image left = picture(a, VD_F32, CHANNELS + 2), right = picture(b, VD_F32, CHANNELS + 2);
    vd_image to = picture(out, VD_F32, CHANNELS + 2), real = picture(wide, VD_F64, CHANNELS + 2);
    vd_image flow = picture(motion, VD_F32, 2), bad = to;
#define MERGE(a, b, flow, decay, gated, out) vd_estimate_merge((a), (b), (flow), (decay), (gated), (out), 1)
    CHECK_STATUS(MERGE(&left, &right, &flow, 1, 1, &to), VD_OK);
    CHECK_STATUS(MERGE(NULL, &right, &flow, 1, 1, &to), VD_ERROR_NULL);
    CHECK_STATUS(MERGE(&left, NULL, &flow, 1, 1, &to), VD_ERROR_NULL);
    CHECK_STATUS(MERGE(&left, &right, &flow, 1, 1, NULL), VD_ERROR_NULL);
    CHECK_STATUS(MERGE(&left, &real, &flow, 1, 1, &to), VD_ERROR_DTYPE);
    CHECK_STATUS(MERGE(&left, &right, &flow, 1, 1, &real), VD_ERROR_DTYPE);
    CHECK_STATUS(MERGE(&left, &left, &flow, 1, 1, &to), VD_OK);
    CHECK_STATUS(MERGE(&left, &right, &flow, 1, 1, &left), VD_ERROR_PARAMETER);
    CHECK_STATUS(MERGE(&left, &right, &flow, 1, 1, &right), VD_ERROR_PARAMETER);
    CHECK_STATUS(MERGE(&left, &right, &flow, -0.1, 1, &to), VD_ERROR_PARAMETER);
    CHECK_STATUS(MERGE(&left, &right, &flow, 1.1, 1, &to), VD_ERROR_PARAMETER);
    CHECK_STATUS(MERGE(&left, &right, &flow, NAN, 1, &to), VD_ERROR_PARAMETER);
    CHECK_STATUS(MERGE(&left, &right, &flow, 1, 2, &to), VD_ERROR_PARAMETER);
    bad.height--;
    CHECK_STATUS(MERGE(&left, &right, &flow, 1, 1, &bad), VD_ERROR_SHAPE);
    CHECK_STATUS(MERGE(&bad, &right, &flow, 1, 1, &to), VD_ERROR_SHAPE);
    bad = picture(out, VD_F32, 2); /* no channel */
    CHECK_STATUS(MERGE(&bad, &bad, NULL, 1, 1, &bad), VD_ERROR_SHAPE);
    bad = to;
    bad.column_stride *= -1;
    bad.data = out + (WIDTH - 1) * (CHANNELS + 2);
    CHECK_STATUS(MERGE(&left, &right, &flow, 1, 1, &bad), VD_ERROR_SHAPE);
    bad = picture(wide, VD_F64, 2);
    CHECK_STATUS(MERGE(&left, &right, &bad, 1, 1, &to), VD_ERROR_DTYPE);
    bad = picture(motion, VD_F32, 1);
    CHECK_STATUS(MERGE(&left, &right, &bad, 1, 1, &to), VD_ERROR_SHAPE);
    bad = flow;
    bad.width--;
    CHECK_STATUS(MERGE(&left, &right, &bad, 1, 1, &to), VD_ERROR_SHAPE);

    static float samples[SAMPLES];
    vd_image frame = picture(samples, VD_F32, CHANNELS), weights = picture(confidence, VD_F32, 1);
    vd_noise other = noise;
#define MEASURE(frame, confidence, noise, estimate) vd_estimate_frame((frame), (confidence), (noise), (estimate), 1)
    CHECK_STATUS(MEASURE(&frame, &weights, &other, &to), VD_OK);
    CHECK_STATUS(MEASURE(NULL, &weights, &other, &to), VD_ERROR_NULL);
    CHECK_STATUS(MEASURE(&frame, &weights, &other, NULL), VD_ERROR_NULL);
    bad = picture(shares, VD_U16, 1);
    CHECK_STATUS(MEASURE(&frame, &bad, &other, &to), VD_ERROR_DTYPE);
    CHECK_STATUS(MEASURE(&frame, &weights, &other, &bad), VD_ERROR_DTYPE);
    bad = picture(confidence, VD_F32, 2);
    CHECK_STATUS(MEASURE(&frame, &bad, &other, &to), VD_ERROR_SHAPE);
    bad = picture(out, VD_F32, CHANNELS + 1);
    CHECK_STATUS(MEASURE(&frame, &weights, &other, &bad), VD_ERROR_SHAPE);
    bad = to;
    bad.height--;
    CHECK_STATUS(MEASURE(&frame, &weights, &other, &bad), VD_ERROR_SHAPE);
    other.least = -1;
    CHECK_STATUS(MEASURE(&frame, &weights, &other, &to), VD_ERROR_PARAMETER);
    other.least = INFINITY;
    CHECK_STATUS(MEASURE(&frame, &weights, &other, &to), VD_ERROR_PARAMETER);
    other = noise;
    static const double not_finite[] = {0, NAN, 0};
    other.gain = not_finite;
    CHECK_STATUS(MEASURE(&frame, &weights, &other, &to), VD_ERROR_PARAMETER);
    other.gain = NULL;
    CHECK_STATUS(MEASURE(&frame, &weights, &other, &to), VD_ERROR_NULL);
    other.struct_size--;
    CHECK_STATUS(MEASURE(&frame, &weights, &other, &to), VD_ERROR_STRUCT_SIZE);

    /* wherever it is, and whatever thread finds it; nothing is written then */
    memset(out, 7, sizeof out);
    memcpy(b, out, sizeof out);
    static const int places[] = {0, SAMPLES / 2, SAMPLES - 1};
    for (int i = 0; i < 3; i++)
        for (int32_t threads = 1; threads <= 4; threads += 3) {
            samples[places[i]] = i % 2 ? -INFINITY : INFINITY;
            CHECK_STATUS(vd_estimate_frame(&frame, &weights, &noise, &to, threads), VD_ERROR_INFINITE);
            samples[places[i]] = 0;
            float kept = confidence[places[i] / CHANNELS];
            static const float wrong[] = {NAN, -0.1f, 1.1f};
            confidence[places[i] / CHANNELS] = wrong[i];
            CHECK_STATUS(vd_estimate_frame(&frame, &weights, &noise, &to, threads), VD_ERROR_CONFIDENCE);
            confidence[places[i] / CHANNELS] = kept;
        }
    CHECK(memcmp(b, out, sizeof out) == 0);
}

static void test_failing_allocations(void)
{
    static float a[ESTIMATE], b[ESTIMATE], out[ESTIMATE];
    vd_image frame = picture(frames[0], VD_F64, CHANNELS), estimate = picture(a, VD_F32, CHANNELS + 2);
    vd_image other = picture(b, VD_F32, CHANNELS + 2), to = picture(out, VD_F32, CHANNELS + 2);
    for (long failing = 0, done = 0; CAN_FAIL && !done && failing < 20; failing++) {
        allocations_left = failing;
        vd_status measured = vd_estimate_frame(&frame, NULL, &noise, &estimate, 1);
        vd_status merged =
            allocations_left < 0 ? VD_ERROR_MEMORY : vd_estimate_merge(&estimate, &other, NULL, 1, 1, &to, 1);
        done = allocations_left >= 0;
        allocations_left = -1;
        CHECK(done ? measured == VD_OK && merged == VD_OK : measured == VD_ERROR_MEMORY || merged == VD_ERROR_MEMORY);
        CHECK(!done || failing >= 4);
    }
}

int main(void)
{
    draw();
    test_same_bits();
    test_strides();
    test_sizes();
    test_missing_pixels();
    test_statuses();
    test_failing_allocations();
    return check_result();
}
