/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The public C interface, as a program that includes nothing but the public header uses it: results
 * against the formula, the same bits by every road (one by one, in a batch, through any strides, after
 * copy, save and load), every kind of bad argument, and 5,000 pushes for the leak checkers.
 */
#include "vdcore/vdcore.h"

#include "check.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { HEIGHT = 13, WIDTH = 17, CHANNELS = 3, SAMPLES = HEIGHT * WIDTH * CHANNELS, FRAMES = 7 };

static const vd_dtype DTYPES[] = {VD_U8, VD_U16, VD_F32, VD_F64};
static const size_t SIZES[] = {1, 2, 4, 8};

static void *allocate(size_t size)
{
    void *memory = calloc(size ? size : 1, 1);
    if (!memory)
        abort();
    return memory;
}

/* Set sample i to a value in [0, 1] times the range of the dtype. */
static void set_sample(void *data, vd_dtype dtype, size_t i, double value)
{
    switch (dtype) {
    case VD_U8: ((uint8_t *)data)[i] = (uint8_t)(value * 255 + 0.5); break;
    case VD_U16: ((uint16_t *)data)[i] = (uint16_t)(value * 65535 + 0.5); break;
    case VD_F32: ((float *)data)[i] = (float)value; break;
    case VD_F64: ((double *)data)[i] = value; break;
    }
}

static void *random_frames(vd_dtype dtype, size_t samples, uint64_t seed)
{
    void *data = allocate(samples * SIZES[dtype - VD_U8]);
    for (size_t i = 0; i < samples; i++)
        set_sample(data, dtype, i, (double)(check_random(&seed) >> 11) / 9007199254740992.0);
    return data;
}

static vd_params parameters(double sigma, double tau)
{
    vd_params params;
    CHECK_STATUS(vd_params_init(&params, sizeof params), VD_OK);
    params.sigma_y = params.sigma_x = sigma;
    params.tau = tau;
    params.threads = 1;
    return params;
}

static vd_diffuser *create(const vd_params *params)
{
    vd_diffuser *diffuser = NULL;
    if (!CHECK_STATUS(vd_diffuser_create(&diffuser, params), VD_OK))
        exit(check_result());
    return diffuser;
}

static vd_frame frame_of(vd_image image)
{
    vd_frame frame;
    memset(&frame, 0, sizeof frame);
    frame.struct_size = sizeof frame;
    frame.image = image;
    frame.dt = 1;
    return frame;
}

/* Frame k of contiguous frames. */
static vd_image view(const void *frames, vd_dtype dtype, size_t k)
{
    char *data = (char *)(uintptr_t)frames + k * SAMPLES * SIZES[dtype - VD_U8];
    return vd_image_contiguous(data, dtype, HEIGHT, WIDTH, CHANNELS);
}

static vd_info info_of(vd_diffuser *diffuser)
{
    vd_info info;
    memset(&info, 0, sizeof info);
    info.struct_size = sizeof info;
    CHECK_STATUS(vd_diffuser_info(diffuser, &info), VD_OK);
    return info;
}

/* Push frames [start, stop) one by one; the outputs have the dtype of the frames. */
static void push_all(vd_diffuser *diffuser, const void *frames, void *outs, vd_dtype dtype, size_t start, size_t stop)
{
    for (size_t k = start; k < stop; k++) {
        vd_frame frame = frame_of(view(frames, dtype, k));
        vd_image out = view(outs, dtype, k);
        int32_t ready = -1;
        CHECK_STATUS(vd_diffuser_push(diffuser, &frame, &out, &ready), VD_OK);
        CHECK(ready == 1);
    }
}

static void test_texts_and_versions(void)
{
    CHECK(strcmp(vd_version(), VD_VERSION_STRING) == 0);
    CHECK(vd_abi_version() == ((uint32_t)VD_ABI_MAJOR << 16 | VD_ABI_MINOR));
    for (int status = -2; status <= VD_STATUS_COUNT + 2; status++) {
        const char *text = vd_status_text((vd_status)status);
        CHECK(text && text[0] && text[strlen(text) - 1] != '.');
    }
    CHECK(vd_thread_count(3) >= 1);
    CHECK(vd_thread_count(VD_THREADS_AUTO) >= 1);
    CHECK(vd_has_openmp() ? vd_thread_count(3) == 3 : vd_thread_count(3) == 1);

    const char *names[8] = {0};
    int32_t count = vd_instruction_sets(names, 8);
    CHECK(count >= 1 && count <= 8 && strcmp(names[0], "scalar") == 0);
    CHECK(vd_instruction_sets(NULL, 0) == count);
    vd_params params = parameters(1, 1);
    vd_diffuser *diffuser = create(&params);
    printf("openmp %d, %s of", (int)vd_has_openmp(), info_of(diffuser).instruction_set);
    for (int32_t i = 0; i < count; i++)
        printf(" %s", names[i]);
    printf("\n");
    vd_diffuser_destroy(diffuser);
}

/* sigma 0 and tau 0 give the input back bit for bit. */
static void test_identity(void)
{
    for (size_t t = 0; t < 4; t++) {
        size_t bytes = SAMPLES * SIZES[t];
        void *frames = random_frames(DTYPES[t], FRAMES * SAMPLES, 1), *outs = allocate(FRAMES * bytes);
        vd_params params = parameters(0, 0);
        vd_diffuser *diffuser = create(&params);
        push_all(diffuser, frames, outs, DTYPES[t], 0, FRAMES);
        CHECK(memcmp(frames, outs, FRAMES * bytes) == 0);
        vd_diffuser_destroy(diffuser);
        free(frames);
        free(outs);
    }
}

/* The formula itself, summed over every source, at some pixels of every frame of a float64 stream. */
static void test_formula(void)
{
    const double sigma_y = 1.3, sigma_x = 0.7, tau = 2.5, truncate = 4;
    double *frames = random_frames(VD_F64, FRAMES * SAMPLES, 2), *outs = allocate(FRAMES * SAMPLES * sizeof *outs);
    vd_params params = parameters(0, tau);
    params.sigma_y = sigma_y;
    params.sigma_x = sigma_x;
    vd_diffuser *diffuser = create(&params);
    push_all(diffuser, frames, outs, VD_F64, 0, FRAMES);

    const int radius_y = (int)(truncate * sigma_y + 0.5), radius_x = (int)(truncate * sigma_x + 0.5);
    for (int t = 0; t < FRAMES; t++) {
        for (int y = 0; y < HEIGHT; y += 4) {
            for (int x = 0; x < WIDTH; x += 4) {
                double sum = 0, weight = 0;
                for (int s = 0; s <= t; s++) {
                    for (int j = y - radius_y; j <= y + radius_y; j++) {
                        for (int i = x - radius_x; i <= x + radius_x; i++) {
                            if (j < 0 || j >= HEIGHT || i < 0 || i >= WIDTH)
                                continue;
                            double dy = (y - j) / sigma_y, dx = (x - i) / sigma_x;
                            double c = exp(-(dy * dy + dx * dx) / 2 - (t - s) / tau);
                            sum += c * frames[((s * HEIGHT + j) * WIDTH + i) * CHANNELS + 1];
                            weight += c;
                        }
                    }
                }
                CHECK(fabs(outs[((t * HEIGHT + y) * WIDTH + x) * CHANNELS + 1] - sum / weight) <= 1e-12);
            }
        }
    }
    vd_diffuser_destroy(diffuser);
    free(frames);
    free(outs);
}

/* A batch, a copy, a saved and loaded diffuser and any number of threads give the bits of single pushes. */
static void test_same_bits(void)
{
    for (size_t t = 0; t < 4; t++) {
        vd_dtype dtype = DTYPES[t];
        size_t bytes = SAMPLES * SIZES[t];
        void *frames = random_frames(dtype, FRAMES * SAMPLES, 3);
        char *expected = allocate(FRAMES * bytes), *outs = allocate(FRAMES * bytes);
        vd_params params = parameters(1.5, 3);
        vd_diffuser *diffuser = create(&params);
        push_all(diffuser, frames, expected, dtype, 0, FRAMES);

        CHECK_STATUS(vd_diffuser_reset(diffuser), VD_OK);
        CHECK(info_of(diffuser).frames == 0 && info_of(diffuser).height == 0);
        vd_frame batch[FRAMES];
        vd_image batch_outs[FRAMES];
        for (size_t k = 0; k < FRAMES; k++) {
            batch[k] = frame_of(view(frames, dtype, k));
            batch_outs[k] = view(outs, dtype, k);
        }
        size_t written = 0, taken = 0;
        CHECK_STATUS(vd_diffuser_push_many(diffuser, FRAMES, batch, batch_outs, &written, &taken), VD_OK);
        CHECK(written == FRAMES && taken == FRAMES);
        CHECK(memcmp(expected, outs, FRAMES * bytes) == 0);

        memset(outs, 0, FRAMES * bytes);
        CHECK_STATUS(vd_diffuser_reset(diffuser), VD_OK);
        push_all(diffuser, frames, outs, dtype, 0, 3);
        vd_diffuser *copy = NULL, *loaded = NULL;
        CHECK_STATUS(vd_diffuser_copy(&copy, diffuser), VD_OK);
        size_t size = 0;
        CHECK_STATUS(vd_diffuser_save(diffuser, NULL, &size), VD_OK);
        char *state = allocate(size);
        size_t room = size - 1;
        CHECK_STATUS(vd_diffuser_save(diffuser, state, &room), VD_ERROR_OVERFLOW);
        room = size;
        CHECK_STATUS(vd_diffuser_save(diffuser, state, &room), VD_OK);
        CHECK(room == size);
        CHECK_STATUS(vd_diffuser_load(&loaded, state, size, 2), VD_OK);
        push_all(diffuser, frames, outs, dtype, 3, FRAMES);
        vd_diffuser *others[] = {copy, loaded};
        for (size_t i = 0; i < 2; i++) {
            CHECK(info_of(others[i]).frames == 3);
            memset(outs + 3 * bytes, 0, (FRAMES - 3) * bytes);
            push_all(others[i], frames, outs, dtype, 3, FRAMES);
            CHECK(memcmp(expected, outs, FRAMES * bytes) == 0);
            vd_diffuser_destroy(others[i]);
        }
        vd_diffuser_destroy(diffuser);

        params.threads = 4;
        diffuser = create(&params);
        push_all(diffuser, frames, outs, dtype, 0, FRAMES);
        CHECK(memcmp(expected, outs, FRAMES * bytes) == 0);
        vd_diffuser_destroy(diffuser);
        free(state);
        free(frames);
        free(expected);
        free(outs);
    }
}

/* The map is the diffuser's own from then on, and goes where its state goes. */
static void test_diffusivity(void)
{
    static double expected[SAMPLES], plain[SAMPLES], got[SAMPLES];
    double *frames = random_frames(VD_F64, SAMPLES, 9);
    float *map = random_frames(VD_F32, 2 * HEIGHT * WIDTH, 8);
    map[40] = 0;
    vd_image diffusivity = vd_image_contiguous(map, VD_F32, HEIGHT, WIDTH, 1), odd = diffusivity;
    odd.column_stride = 8;
    odd.row_stride = 8 * WIDTH;
    vd_params params = parameters(2, 3);
    params.model = VD_MODEL_LAPLACIAN;
    vd_diffuser *diffuser = create(&params), *other = create(&params), *linear = NULL;
    push_all(other, frames, plain, VD_F64, 0, 1);
    CHECK_STATUS(vd_diffuser_set_diffusivity(diffuser, &diffusivity), VD_OK);
    push_all(diffuser, frames, expected, VD_F64, 0, 1);
    CHECK(memcmp(expected, plain, sizeof plain) != 0);
    CHECK(fabs(expected[3 * 40] - frames[3 * 40]) < 1e-14);
    CHECK_STATUS(vd_diffuser_set_diffusivity(other, &diffusivity), VD_OK); /* from the next frame on */
    CHECK_STATUS(vd_diffuser_reset(other), VD_OK);
    for (size_t i = HEIGHT * WIDTH; i-- > 0;)
        map[2 * i] = map[i];
    push_all(other, frames, got, VD_F64, 0, 1);
    CHECK(memcmp(expected, got, sizeof got) == 0);
    CHECK_STATUS(vd_diffuser_set_diffusivity(other, &odd), VD_OK);
    CHECK_STATUS(vd_diffuser_reset(other), VD_OK);
    vd_diffuser *copy = NULL;
    CHECK_STATUS(vd_diffuser_copy(&copy, other), VD_OK);
    push_all(copy, frames, got, VD_F64, 0, 1);
    CHECK(memcmp(expected, got, sizeof got) == 0);
    CHECK_STATUS(vd_diffuser_set_diffusivity(other, NULL), VD_OK);
    push_all(other, frames, got, VD_F64, 0, 1);
    CHECK(memcmp(plain, got, sizeof got) == 0);

    vd_image wrong = odd;
    vd_frame small = frame_of(vd_image_contiguous(frames, VD_F64, HEIGHT, WIDTH - 1, CHANNELS));
    vd_image out = small.image;
    CHECK_STATUS(vd_diffuser_reset(diffuser), VD_OK);
    CHECK_STATUS(vd_diffuser_push(diffuser, &small, &out, NULL), VD_ERROR_SHAPE);
    CHECK(info_of(diffuser).height == 0);
    CHECK_STATUS(vd_diffuser_set_diffusivity(NULL, &odd), VD_ERROR_NULL);
    wrong.height--;
    CHECK_STATUS(vd_diffuser_set_diffusivity(copy, &wrong), VD_ERROR_SHAPE);
    wrong = vd_image_contiguous(map, VD_F32, HEIGHT, WIDTH, 2);
    CHECK_STATUS(vd_diffuser_set_diffusivity(copy, &wrong), VD_ERROR_SHAPE);
    wrong = vd_image_contiguous(map, VD_U8, HEIGHT, WIDTH, 1);
    CHECK_STATUS(vd_diffuser_set_diffusivity(copy, &wrong), VD_ERROR_DTYPE);
    params.model = VD_MODEL_PERONA_MALIK;
    linear = create(&params);
    CHECK_STATUS(vd_diffuser_set_diffusivity(linear, &odd), VD_ERROR_PARAMETER);
    static const float bad[] = {-1e-30f, NAN, INFINITY};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        map[2 * 77] = bad[i];
        CHECK_STATUS(vd_diffuser_set_diffusivity(copy, &odd), VD_ERROR_PARAMETER);
    }
    CHECK_STATUS(vd_diffuser_reset(copy), VD_OK);
    push_all(copy, frames, got, VD_F64, 0, 1);
    CHECK(memcmp(expected, got, sizeof got) == 0);
    vd_diffuser_destroy(diffuser);
    vd_diffuser_destroy(other);
    vd_diffuser_destroy(copy);
    vd_diffuser_destroy(linear);
    free(frames);
    free(map);
}

/* One stream through the views of `strided` against contiguous copies of the same samples. */
static void check_strides(vd_image (*strided)(char *memory, size_t size), vd_dtype dtype)
{
    const size_t size = SIZES[dtype - VD_U8], room = 4 * SAMPLES * size + 64;
    uint64_t seed = 6;
    vd_params params = parameters(1.2, 4);
    vd_diffuser *straight = create(&params), *viewed = create(&params);
    for (int k = 0; k < 3; k++) {
        char *contiguous = random_frames(dtype, SAMPLES, seed++), *expected = allocate(SAMPLES * size);
        char *memory = allocate(room), *out_memory = allocate(room);
        vd_image in = strided(memory, size), out = strided(out_memory, size);
        in.dtype = out.dtype = dtype;
        for (int64_t y = 0; y < HEIGHT; y++)
            for (int64_t x = 0; x < WIDTH; x++)
                for (int64_t c = 0; c < CHANNELS; c++)
                    memcpy((char *)in.data + y * in.row_stride + x * in.column_stride + c * in.channel_stride,
                           contiguous + (size_t)((y * WIDTH + x) * CHANNELS + c) * size, size);

        vd_frame frame = frame_of(vd_image_contiguous(contiguous, dtype, HEIGHT, WIDTH, CHANNELS));
        vd_image plain = vd_image_contiguous(expected, dtype, HEIGHT, WIDTH, CHANNELS);
        CHECK_STATUS(vd_diffuser_push(straight, &frame, &plain, NULL), VD_OK);
        frame = frame_of(in);
        CHECK_STATUS(vd_diffuser_push(viewed, &frame, &out, NULL), VD_OK);
        int differences = 0;
        for (int64_t y = 0; y < HEIGHT; y++)
            for (int64_t x = 0; x < WIDTH; x++)
                for (int64_t c = 0; c < CHANNELS; c++) {
                    char *sample =
                        (char *)out.data + y * out.row_stride + x * out.column_stride + c * out.channel_stride;
                    differences +=
                        memcmp(sample, expected + (size_t)((y * WIDTH + x) * CHANNELS + c) * size, size) != 0;
                    memset(sample, 0, size);
                }
        CHECK(differences == 0);
        int strays = 0;
        for (size_t i = 0; i < room; i++)
            strays += out_memory[i] != 0;
        CHECK(strays == 0);
        free(contiguous);
        free(expected);
        free(memory);
        free(out_memory);
    }
    vd_diffuser_destroy(straight);
    vd_diffuser_destroy(viewed);
}

static vd_image flipped(char *memory, size_t size)
{
    vd_image image = vd_image_contiguous(memory + (SAMPLES - 1) * size, VD_U8, HEIGHT, WIDTH, CHANNELS);
    image.row_stride = -(int64_t)(WIDTH * CHANNELS * size);
    image.column_stride = -(int64_t)(CHANNELS * size);
    image.channel_stride = -(int64_t)size;
    return image;
}

static vd_image planar(char *memory, size_t size)
{
    vd_image image = vd_image_contiguous(memory, VD_U8, HEIGHT, WIDTH, CHANNELS);
    image.row_stride = (int64_t)(WIDTH * size);
    image.column_stride = (int64_t)size;
    image.channel_stride = (int64_t)(HEIGHT * WIDTH * size);
    return image;
}

static vd_image transposed(char *memory, size_t size)
{
    vd_image image = vd_image_contiguous(memory, VD_U8, HEIGHT, WIDTH, CHANNELS);
    image.row_stride = (int64_t)(CHANNELS * size);
    image.column_stride = (int64_t)(HEIGHT * CHANNELS * size);
    image.channel_stride = (int64_t)size;
    return image;
}

/* Rows with padding, every second sample, at an odd address. */
static vd_image sparse_unaligned(char *memory, size_t size)
{
    vd_image image = vd_image_contiguous(memory + 1, VD_U8, HEIGHT, WIDTH, CHANNELS);
    image.row_stride = (int64_t)(WIDTH * CHANNELS * 2 * size + 3);
    image.column_stride = (int64_t)(CHANNELS * 2 * size);
    image.channel_stride = (int64_t)(2 * size);
    return image;
}

static void test_strides(void)
{
    for (size_t t = 0; t < 4; t++) {
        check_strides(flipped, DTYPES[t]);
        check_strides(planar, DTYPES[t]);
        check_strides(transposed, DTYPES[t]);
        check_strides(sparse_unaligned, DTYPES[t]);
    }
}

/* A plane of a planar picture is an image with one channel; the result may overwrite the frame. */
static void test_plane_in_place(void)
{
    uint8_t *picture = random_frames(VD_U8, SAMPLES, 7), *kept = allocate(SAMPLES), expected[HEIGHT * WIDTH];
    memcpy(kept, picture, SAMPLES);
    vd_params params = parameters(2, 1);
    vd_diffuser *diffuser = create(&params);
    vd_frame frame = frame_of(vd_image_contiguous(picture + HEIGHT * WIDTH, VD_U8, HEIGHT, WIDTH, 1));
    vd_image out = vd_image_contiguous(expected, VD_U8, HEIGHT, WIDTH, 1);
    CHECK_STATUS(vd_diffuser_push(diffuser, &frame, &out, NULL), VD_OK);
    CHECK_STATUS(vd_diffuser_reset(diffuser), VD_OK);
    CHECK_STATUS(vd_diffuser_push(diffuser, &frame, &frame.image, NULL), VD_OK);
    CHECK(memcmp(picture + HEIGHT * WIDTH, expected, sizeof expected) == 0);
    CHECK(memcmp(picture, kept, HEIGHT * WIDTH) == 0);
    CHECK(memcmp(picture + 2 * HEIGHT * WIDTH, kept + 2 * HEIGHT * WIDTH, HEIGHT * WIDTH) == 0);

    /* out one row below the frame, in the same memory */
    memcpy(picture, kept, SAMPLES);
    frame.image = vd_image_contiguous(picture, VD_U8, HEIGHT, WIDTH, 1);
    CHECK_STATUS(vd_diffuser_reset(diffuser), VD_OK);
    CHECK_STATUS(vd_diffuser_push(diffuser, &frame, &out, NULL), VD_OK);
    CHECK_STATUS(vd_diffuser_reset(diffuser), VD_OK);
    vd_image below = vd_image_contiguous(picture + WIDTH, VD_U8, HEIGHT, WIDTH, 1);
    CHECK_STATUS(vd_diffuser_push(diffuser, &frame, &below, NULL), VD_OK);
    CHECK(memcmp(picture + WIDTH, expected, sizeof expected) == 0);
    vd_diffuser_destroy(diffuser);
    free(picture);
    free(kept);
}

/* Lookahead: nothing for the first L frames, L frames by flush; a batch writes the same bits. */
static void test_lookahead(void)
{
    float *frames = random_frames(VD_F32, FRAMES * SAMPLES, 8), *outs = allocate(FRAMES * SAMPLES * sizeof *outs);
    float *batch_outs = allocate(FRAMES * SAMPLES * sizeof *outs);
    vd_params params = parameters(1, 2);
    params.lookahead = 2;
    vd_diffuser *diffuser = create(&params);
    size_t written = 0, taken = 0;
    int32_t ready;
    vd_frame batch[FRAMES];
    vd_image views[FRAMES];
    for (size_t k = 0; k < FRAMES; k++) {
        batch[k] = frame_of(view(frames, VD_F32, k));
        views[k] = view(batch_outs, VD_F32, k);
        vd_image out = view(outs, VD_F32, written);
        ready = -1;
        CHECK_STATUS(vd_diffuser_push(diffuser, &batch[k], &out, &ready), VD_OK);
        CHECK(ready == (k >= 2));
        CHECK(info_of(diffuser).pending == (k < 2 ? (int32_t)k + 1 : 2));
        written += ready == 1;
    }
    for (ready = 1; ready;) {
        vd_image out = view(outs, VD_F32, written < FRAMES ? written : 0);
        CHECK_STATUS(vd_diffuser_flush(diffuser, &out, &ready), VD_OK);
        written += ready == 1;
    }
    CHECK(written == FRAMES);

    CHECK_STATUS(vd_diffuser_reset(diffuser), VD_OK);
    CHECK_STATUS(vd_diffuser_push_many(diffuser, FRAMES, batch, views, &written, &taken), VD_OK);
    CHECK(written == FRAMES - 2 && taken == FRAMES);
    CHECK(memcmp(outs, batch_outs, (FRAMES - 2) * SAMPLES * sizeof *outs) == 0);
    vd_diffuser_destroy(diffuser);
    free(frames);
    free(outs);
    free(batch_outs);
}

static void test_confidence(void)
{
    uint8_t *frames = random_frames(VD_U8, FRAMES * SAMPLES, 9), *outs = allocate(FRAMES * SAMPLES);
    float confidence[HEIGHT * WIDTH];
    vd_image mask = vd_image_contiguous(confidence, VD_F32, HEIGHT, WIDTH, 1), out = view(outs, VD_U8, 0);
    vd_params params = parameters(0, 5);
    vd_diffuser *diffuser = create(&params);
    vd_frame frame = frame_of(view(frames, VD_U8, 0));
    frame.confidence = &mask;

    /* nothing known: the frame passes through; then what was known stays until something better comes */
    memset(confidence, 0, sizeof confidence);
    CHECK_STATUS(vd_diffuser_push(diffuser, &frame, &out, NULL), VD_OK);
    CHECK(memcmp(outs, frames, SAMPLES) == 0);
    frame.confidence = NULL;
    CHECK_STATUS(vd_diffuser_push(diffuser, &frame, &out, NULL), VD_OK);
    CHECK(memcmp(outs, frames, SAMPLES) == 0);
    frame = frame_of(view(frames, VD_U8, 1));
    frame.confidence = &mask;
    CHECK_STATUS(vd_diffuser_push(diffuser, &frame, &out, NULL), VD_OK);
    CHECK(memcmp(outs, frames, SAMPLES) == 0);
    CHECK(info_of(diffuser).masked == 1);

    /* values outside [0, 1] change nothing */
    const float bad[] = {-0.01f, 1.01f, NAN, INFINITY};
    int64_t before = info_of(diffuser).frames;
    for (size_t i = 0; i < 4; i++) {
        confidence[HEIGHT * WIDTH - 1] = bad[i];
        memset(outs, 77, SAMPLES);
        CHECK_STATUS(vd_diffuser_push(diffuser, &frame, &out, NULL), VD_ERROR_CONFIDENCE);
        CHECK(outs[0] == 77 && outs[SAMPLES - 1] == 77);
    }
    confidence[HEIGHT * WIDTH - 1] = 0;
    CHECK(info_of(diffuser).frames == before);
    mask.width = WIDTH - 1;
    CHECK_STATUS(vd_diffuser_push(diffuser, &frame, &out, NULL), VD_ERROR_SHAPE);
    mask.width = WIDTH;
    mask.channels = 2;
    CHECK_STATUS(vd_diffuser_push(diffuser, &frame, &out, NULL), VD_ERROR_SHAPE);
    mask.channels = 1;
    mask.dtype = VD_U16;
    CHECK_STATUS(vd_diffuser_push(diffuser, &frame, &out, NULL), VD_ERROR_DTYPE);
    mask.dtype = VD_F32;
    frame.coefficients = &mask;
    CHECK_STATUS(vd_diffuser_push(diffuser, &frame, &out, NULL), VD_ERROR_COEFFICIENT);
    vd_diffuser_destroy(diffuser);

    /* raw mode: coefficients of any sign, finite; integer frames give float */
    params.normalize = 0;
    diffuser = create(&params);
    float *sums = allocate(SAMPLES * sizeof *sums);
    out = vd_image_contiguous(sums, VD_F32, HEIGHT, WIDTH, CHANNELS);
    frame.confidence = NULL;
    for (int i = 0; i < HEIGHT * WIDTH; i++)
        confidence[i] = -2;
    CHECK_STATUS(vd_diffuser_push(diffuser, &frame, &out, NULL), VD_OK);
    int differences = 0;
    for (int i = 0; i < SAMPLES; i++)
        differences += !(fabsf(sums[i] + 2.0f * frames[SAMPLES + i]) <= 1e-3f * 255);
    CHECK(differences == 0);
    confidence[0] = NAN;
    CHECK_STATUS(vd_diffuser_push(diffuser, &frame, &out, NULL), VD_ERROR_COEFFICIENT);
    out = view(outs, VD_U8, 0);
    confidence[0] = 1;
    CHECK_STATUS(vd_diffuser_push(diffuser, &frame, &out, NULL), VD_ERROR_DTYPE);
    vd_diffuser_destroy(diffuser);
    free(sums);
    free(frames);
    free(outs);
}

/* A caller of ABI 1.0, whose vd_params ends before the members of the models: nothing is read or written beyond. */
static void test_older_caller(void)
{
    size_t size = offsetof(vd_params, range_sigma);
    void *memory = allocate(size); /* the sanitizers see its end */
    vd_params params;
    vd_diffuser *diffuser = NULL;
    CHECK_STATUS(vd_params_init(memory, size), VD_OK);
    memcpy(&params, memory, size);
    CHECK(params.truncate == 4 && params.normalize == 1 && params.model == VD_MODEL_GAUSSIAN);
    params.sigma_y = 2;
    memcpy(memory, &params, size);
    CHECK_STATUS(vd_diffuser_create(&diffuser, memory), VD_OK);
    vd_diffuser_destroy(diffuser);
    free(memory);
}

static void test_models(void)
{
    vd_params params = parameters(1, 1);
    vd_diffuser *diffuser = NULL;
    for (int32_t model = 0; model < VD_MODEL_COUNT; model++) {
        params.model = model;
        CHECK_STATUS(vd_diffuser_create(&diffuser, &params), VD_OK);
        vd_diffuser_destroy(diffuser);
        params.normalize = 0;
        CHECK_STATUS(vd_diffuser_create(&diffuser, &params), model == 0 ? VD_OK : VD_ERROR_PARAMETER);
        vd_diffuser_destroy(diffuser);
        params.normalize = 1;
    }
#define BAD_MODEL(kind, member, value)                                                                                 \
    do {                                                                                                               \
        params = parameters(1, 1);                                                                                     \
        params.model = (kind);                                                                                         \
        params.member = (value);                                                                                       \
        CHECK_STATUS(vd_diffuser_create(&diffuser, &params), VD_ERROR_PARAMETER);                                      \
    } while (0)
    BAD_MODEL(VD_MODEL_BILATERAL, range_sigma, 0);
    BAD_MODEL(VD_MODEL_BILATERAL, range_sigma, NAN);
    BAD_MODEL(VD_MODEL_NONLOCAL_MEANS, strength, -1);
    BAD_MODEL(VD_MODEL_NONLOCAL_MEANS, noise, INFINITY);
    BAD_MODEL(VD_MODEL_NONLOCAL_MEANS, patch, 33);
    BAD_MODEL(VD_MODEL_NONLOCAL_MEANS, search, 0);
}

static void test_bad_parameters(void)
{
    vd_diffuser *diffuser = NULL;
    vd_params params = parameters(1, 1);
    CHECK_STATUS(vd_diffuser_create(NULL, &params), VD_ERROR_NULL);
    CHECK_STATUS(vd_diffuser_create(&diffuser, NULL), VD_ERROR_NULL);
    CHECK_STATUS(vd_params_init(NULL, sizeof params), VD_ERROR_NULL);
    CHECK_STATUS(vd_params_init(&params, 1), VD_ERROR_STRUCT_SIZE);
    params.struct_size = 3;
    CHECK_STATUS(vd_diffuser_create(&diffuser, &params), VD_ERROR_STRUCT_SIZE);

    const double bad_sigma[] = {-1, NAN, INFINITY, -INFINITY};
    for (size_t i = 0; i < 4; i++) {
        params = parameters(1, 1);
        params.sigma_y = bad_sigma[i];
        CHECK_STATUS(vd_diffuser_create(&diffuser, &params), VD_ERROR_PARAMETER);
        params = parameters(1, 1);
        params.sigma_x = bad_sigma[i];
        CHECK_STATUS(vd_diffuser_create(&diffuser, &params), VD_ERROR_PARAMETER);
        params = parameters(1, 1);
        params.truncate = bad_sigma[i];
        CHECK_STATUS(vd_diffuser_create(&diffuser, &params), VD_ERROR_PARAMETER);
    }
    const double bad_tau[] = {-1, NAN, -INFINITY};
    for (size_t i = 0; i < 3; i++) {
        params = parameters(1, bad_tau[i]);
        CHECK_STATUS(vd_diffuser_create(&diffuser, &params), VD_ERROR_PARAMETER);
    }
    const double bad_positive[] = {0, -0.5, NAN, INFINITY};
    for (size_t i = 0; i < 4; i++) {
        params = parameters(1, 1);
        params.dt = bad_positive[i];
        CHECK_STATUS(vd_diffuser_create(&diffuser, &params), VD_ERROR_PARAMETER);
        params = parameters(1, 1);
        params.tolerance = bad_positive[i];
        CHECK_STATUS(vd_diffuser_create(&diffuser, &params), VD_ERROR_PARAMETER);
    }
#define BAD(member, value)                                                                                             \
    do {                                                                                                               \
        params = parameters(1, 1);                                                                                     \
        params.member = (value);                                                                                       \
        CHECK_STATUS(vd_diffuser_create(&diffuser, &params), VD_ERROR_PARAMETER);                                      \
        CHECK(diffuser == NULL);                                                                                       \
    } while (0)
    BAD(model, 99);
    BAD(normalize, 2);
    BAD(normalize, -1);
    BAD(boundary, 4);
    BAD(boundary, -1);
    BAD(fill, 2);
    BAD(dither, 2);
    BAD(lookahead, -1);
    BAD(threads, 0);
    BAD(threads, -2);
    params = parameters(1, 1);
    params.boundary = VD_BOUNDARY_CONSTANT;
    params.cval = NAN;
    CHECK_STATUS(vd_diffuser_create(&diffuser, &params), VD_ERROR_PARAMETER);
    vd_diffuser_destroy(NULL);
}

static void test_bad_frames(void)
{
    float *samples = random_frames(VD_F32, SAMPLES, 10), *results = allocate(SAMPLES * sizeof *results);
    vd_image out = view(results, VD_F32, 0);
    vd_params params = parameters(1, 1);
    vd_diffuser *diffuser = create(&params);
    const vd_frame good = frame_of(view(samples, VD_F32, 0));
    vd_frame frame = good;
    CHECK_STATUS(vd_diffuser_push(diffuser, &frame, &out, NULL), VD_OK);

#define REFUSED(expected)                                                                                              \
    do {                                                                                                               \
        memset(results, 0, SAMPLES * sizeof *results);                                                                 \
        CHECK_STATUS(vd_diffuser_push(diffuser, &frame, &out, NULL), expected);                                        \
        CHECK(info_of(diffuser).frames == 1 && results[0] == 0 && results[SAMPLES - 1] == 0);                          \
        frame = good;                                                                                                  \
        out = view(results, VD_F32, 0);                                                                                \
    } while (0)

    CHECK_STATUS(vd_diffuser_push(NULL, &frame, &out, NULL), VD_ERROR_NULL);
    CHECK_STATUS(vd_diffuser_push(diffuser, NULL, &out, NULL), VD_ERROR_NULL);
    CHECK_STATUS(vd_diffuser_push(diffuser, &frame, NULL, NULL), VD_ERROR_NULL);
    frame.image.data = NULL;
    REFUSED(VD_ERROR_NULL);
    frame.struct_size = 1;
    REFUSED(VD_ERROR_STRUCT_SIZE);
    frame.image.height = 0;
    REFUSED(VD_ERROR_SHAPE);
    frame.image.width = -1;
    REFUSED(VD_ERROR_SHAPE);
    frame.image.channels = CHANNELS - 1;
    REFUSED(VD_ERROR_SHAPE);
    frame.image.height = HEIGHT - 1;
    REFUSED(VD_ERROR_SHAPE);
    out.width = WIDTH - 1;
    REFUSED(VD_ERROR_SHAPE);
    frame.image.dtype = VD_U8;
    REFUSED(VD_ERROR_DTYPE);
    frame.image.dtype = 0;
    REFUSED(VD_ERROR_DTYPE);
    out.dtype = VD_U8;
    REFUSED(VD_ERROR_DTYPE);
    const double bad_time[] = {-1, NAN, INFINITY, -INFINITY};
    for (size_t i = 0; i < 4; i++) {
        frame.dt = bad_time[i];
        REFUSED(VD_ERROR_TIME);
    }
    const float kept = samples[SAMPLES / 2];
    samples[SAMPLES / 2] = INFINITY;
    REFUSED(VD_ERROR_INFINITE);
    samples[SAMPLES / 2] = -INFINITY;
    REFUSED(VD_ERROR_INFINITE);
    samples[SAMPLES / 2] = NAN; /* missing, and allowed */
    CHECK_STATUS(vd_diffuser_push(diffuser, &frame, &out, NULL), VD_OK);
    CHECK(isfinite(results[SAMPLES / 2]));
    samples[SAMPLES / 2] = kept;
    vd_diffuser_destroy(diffuser);

    /* sizes whose product, or the state made from them, does not fit the address space */
    const int64_t huge[] = {INT64_MAX, INT64_MAX / 2, (int64_t)1 << 40, (int64_t)1 << 31};
    for (size_t i = 0; i < 4; i++) {
        diffuser = create(&params);
        frame.image = vd_image_contiguous(samples, VD_F32, huge[i], huge[i], 4);
        out = vd_image_contiguous(results, VD_F32, huge[i], huge[i], 4);
        frame.image.row_stride = frame.image.column_stride = frame.image.channel_stride = 0;
        vd_status status = vd_diffuser_push(diffuser, &frame, &out, NULL);
        CHECK(status == VD_ERROR_OVERFLOW || status == VD_ERROR_MEMORY || status == VD_ERROR_SHAPE);
        CHECK(info_of(diffuser).frames == 0);
        vd_diffuser_destroy(diffuser);
    }
    free(samples);
    free(results);
}

static void test_push_many_stops(void)
{
    float *frames = random_frames(VD_F32, FRAMES * SAMPLES, 11), *outs = allocate(FRAMES * SAMPLES * sizeof *outs);
    float *expected = allocate(FRAMES * SAMPLES * sizeof *outs);
    frames[4 * SAMPLES + 5] = INFINITY;
    vd_params params = parameters(1, 2);
    vd_diffuser *diffuser = create(&params);
    push_all(diffuser, frames, expected, VD_F32, 0, 4);
    CHECK_STATUS(vd_diffuser_reset(diffuser), VD_OK);
    vd_frame batch[FRAMES];
    vd_image views[FRAMES];
    for (size_t k = 0; k < FRAMES; k++) {
        batch[k] = frame_of(view(frames, VD_F32, k));
        views[k] = view(outs, VD_F32, k);
    }
    size_t written = 99, taken = 99;
    CHECK_STATUS(vd_diffuser_push_many(diffuser, FRAMES, batch, views, &written, &taken), VD_ERROR_INFINITE);
    CHECK(written == 4 && taken == 4 && info_of(diffuser).frames == 4);
    CHECK(memcmp(outs, expected, 4 * SAMPLES * sizeof *outs) == 0 && outs[4 * SAMPLES] == 0);

    /* nothing to do is done */
    CHECK_STATUS(vd_diffuser_push_many(diffuser, 0, NULL, NULL, &written, &taken), VD_OK);
    CHECK(written == 0 && taken == 0);

    CHECK_STATUS(vd_diffuser_reset(diffuser), VD_OK);
    /* each frame its own out */
    for (size_t k = 0; k < 4; k++)
        views[k] = batch[k].image;
    CHECK_STATUS(vd_diffuser_push_many(diffuser, 4, batch, views, &written, &taken), VD_OK);
    CHECK(memcmp(frames, expected, 4 * SAMPLES * sizeof *outs) == 0);
    vd_diffuser_destroy(diffuser);
    free(frames);
    free(outs);
    free(expected);
}

static void test_blend(void)
{
    uint8_t *frame = random_frames(VD_U8, SAMPLES, 12), *filtered = random_frames(VD_U8, SAMPLES, 13);
    uint8_t *out = allocate(SAMPLES);
    float region[HEIGHT * WIDTH];
    for (int i = 0; i < HEIGHT * WIDTH; i++)
        region[i] = (float)(i % 3) / 2;
    vd_image frame_view = view(frame, VD_U8, 0), out_view = view(out, VD_U8, 0);
    vd_image region_view = vd_image_contiguous(region, VD_F32, HEIGHT, WIDTH, 1);
    memcpy(out, filtered, SAMPLES);
    CHECK_STATUS(vd_blend(&frame_view, &region_view, &out_view, 1), VD_OK);
    int differences = 0;
    for (int i = 0; i < SAMPLES; i++) {
        double value = frame[i] + (double)region[i / CHANNELS] * (filtered[i] - frame[i]);
        differences += !(fabs(out[i] - value) <= 0.5);
        if (region[i / CHANNELS] != 0.5f)
            differences += out[i] != (uint8_t)value;
    }
    CHECK(differences == 0);

    memcpy(out, filtered, SAMPLES);
    region[7] = 1.5f;
    CHECK_STATUS(vd_blend(&frame_view, &region_view, &out_view, 1), VD_ERROR_CONFIDENCE);
    CHECK(memcmp(out, filtered, SAMPLES) == 0);
    region[7] = 1;
    region_view.height--;
    CHECK_STATUS(vd_blend(&frame_view, &region_view, &out_view, 1), VD_ERROR_SHAPE);
    region_view.height++;
    out_view.dtype = VD_F32;
    CHECK_STATUS(vd_blend(&frame_view, &region_view, &out_view, 1), VD_ERROR_DTYPE);
    CHECK_STATUS(vd_blend(NULL, &region_view, &out_view, 1), VD_ERROR_NULL);
    free(frame);
    free(filtered);
    free(out);
}

/* 1x1 to a row and a column, sigma far beyond the picture, up to 16 channels, every boundary: constant
 * video stays exactly constant (away from the zeros that VD_BOUNDARY_CONSTANT puts outside). */
static void test_shapes(void)
{
    const int64_t shapes[][3] = {{1, 1, 1}, {1, 9, 2}, {9, 1, 16}, {2, 3, 4}, {5, 5, 5}};
    for (size_t s = 0; s < 5; s++) {
        for (int32_t boundary = VD_BOUNDARY_RENORMALIZE; boundary <= VD_BOUNDARY_CONSTANT; boundary++) {
            for (size_t t = 0; t < 4; t++) {
                size_t samples = (size_t)(shapes[s][0] * shapes[s][1] * shapes[s][2]);
                char *in = allocate(samples * SIZES[t]), *out = allocate(samples * SIZES[t]);
                for (size_t i = 0; i < samples; i++)
                    set_sample(in, DTYPES[t], i, 0.7);
                vd_params params = parameters(30, INFINITY);
                params.boundary = boundary;
                params.cval = t < 2 ? 179 * (t ? 257 : 1) : (t == 2 ? 0.7f : 0.7);
                if (t == 1)
                    params.cval = ((uint16_t *)(void *)in)[0];
                vd_diffuser *diffuser = create(&params);
                vd_frame frame = frame_of(vd_image_contiguous(in, DTYPES[t], shapes[s][0], shapes[s][1], shapes[s][2]));
                vd_image view_out = vd_image_contiguous(out, DTYPES[t], shapes[s][0], shapes[s][1], shapes[s][2]);
                for (int k = 0; k < 3; k++)
                    CHECK_STATUS(vd_diffuser_push(diffuser, &frame, &view_out, NULL), VD_OK);
                CHECK(memcmp(in, out, samples * SIZES[t]) == 0);
                vd_diffuser_destroy(diffuser);
                free(in);
                free(out);
            }
        }
    }
}

/* cval counts with VD_BOUNDARY_CONSTANT alone; elsewhere it may be outside the range of the samples. */
static void test_unused_cval(void)
{
    const double values[] = {-1, 299.67, 1e300, -1e300, 0.5};
    for (int32_t boundary = VD_BOUNDARY_RENORMALIZE; boundary < VD_BOUNDARY_CONSTANT; boundary++)
        for (size_t t = 0; t < 4; t++)
            for (int wide = 0; wide < 2; wide++) { /* the pyramid's boundaries, too */
                const int64_t height = wide ? 60 : 11, width = wide ? 70 : 9;
                size_t samples = (size_t)(height * width), size = samples * SIZES[t];
                void *in = random_frames(DTYPES[t], samples, 17), *expected = allocate(size), *out = allocate(size);
                for (size_t v = 0; v <= sizeof values / sizeof *values; v++) {
                    vd_params params = parameters(wide ? 10 : 2, 0);
                    params.boundary = boundary;
                    params.tolerance = 1e-3;
                    params.cval = v == 0 ? 0 : values[v - 1];
                    vd_diffuser *diffuser = create(&params);
                    vd_frame frame = frame_of(vd_image_contiguous(in, DTYPES[t], height, width, 1));
                    vd_image view_out = vd_image_contiguous(v == 0 ? expected : out, DTYPES[t], height, width, 1);
                    CHECK_STATUS(vd_diffuser_push(diffuser, &frame, &view_out, NULL), VD_OK);
                    CHECK(v == 0 || memcmp(expected, out, size) == 0);
                    vd_diffuser_destroy(diffuser);
                }
                free(in);
                free(expected);
                free(out);
            }
}

#ifdef _OPENMP
/* Two threads on one diffuser: every call is served or told that the diffuser is busy, none is torn. */
static void test_busy(void)
{
    uint8_t *frames = random_frames(VD_U8, SAMPLES, 14);
    vd_params params = parameters(2, 3);
    vd_diffuser *diffuser = create(&params);
    int served = 0, busy = 0, wrong = 0;
#pragma omp parallel for num_threads(4) reduction(+ : served, busy, wrong)
    for (int k = 0; k < 400; k++) {
        uint8_t out[SAMPLES];
        vd_frame frame = frame_of(view(frames, VD_U8, 0));
        vd_image out_view = view(out, VD_U8, 0);
        vd_status status = vd_diffuser_push(diffuser, &frame, &out_view, NULL);
        served += status == VD_OK;
        busy += status == VD_ERROR_BUSY;
        wrong += status != VD_OK && status != VD_ERROR_BUSY;
    }
    CHECK(wrong == 0 && served + busy == 400 && served >= 1);
    CHECK(info_of(diffuser).frames == served);
    vd_diffuser_destroy(diffuser);
    free(frames);
}
#endif

/* For the leak checkers: 5,000 pushes, with masks and lookahead, saving, loading and copying between. */
static void test_many_pushes(void)
{
    uint8_t *frames = random_frames(VD_U8, FRAMES * SAMPLES, 15),
            *confidence = random_frames(VD_U8, HEIGHT * WIDTH, 16);
    uint8_t out[SAMPLES];
    vd_image mask = vd_image_contiguous(confidence, VD_U8, HEIGHT, WIDTH, 1);
    vd_image out_view = vd_image_contiguous(out, VD_U8, HEIGHT, WIDTH, CHANNELS);
    vd_params params = parameters(1.5, 3);
    params.lookahead = 2;
    vd_diffuser *diffuser = create(&params);
    uint64_t state_bytes = 0;
    for (int k = 0; k < 5000; k++) {
        vd_frame frame = frame_of(view(frames, VD_U8, (size_t)k % FRAMES));
        int32_t ready = 0;
        frame.confidence = k % 5 == 4 ? &mask : NULL;
        CHECK_STATUS(vd_diffuser_push(diffuser, &frame, &out_view, &ready), VD_OK);
        if (k == 10)
            state_bytes = info_of(diffuser).state_bytes;
        if (k % 500 == 499) {
            size_t size = 0;
            vd_diffuser *other = NULL;
            CHECK_STATUS(vd_diffuser_save(diffuser, NULL, &size), VD_OK);
            void *state = allocate(size);
            CHECK_STATUS(vd_diffuser_save(diffuser, state, &size), VD_OK);
            CHECK_STATUS(vd_diffuser_load(&other, state, size, 1), VD_OK);
            vd_diffuser_destroy(diffuser);
            CHECK_STATUS(vd_diffuser_copy(&diffuser, other), VD_OK);
            vd_diffuser_destroy(other);
            free(state);
        }
    }
    CHECK(info_of(diffuser).frames == 5000);
    CHECK(state_bytes > 0 && info_of(diffuser).state_bytes == state_bytes);
    vd_diffuser_destroy(diffuser);
    free(frames);
    free(confidence);
}

int main(void)
{
    test_texts_and_versions();
    test_identity();
    test_formula();
    test_same_bits();
    test_diffusivity();
    test_strides();
    test_plane_in_place();
    test_lookahead();
    test_confidence();
    test_older_caller();
    test_models();
    test_bad_parameters();
    test_bad_frames();
    test_push_many_stops();
    test_blend();
    test_shapes();
    test_unused_cval();
#ifdef _OPENMP
    test_busy();
#endif
    test_many_pushes();
    return check_result();
}
