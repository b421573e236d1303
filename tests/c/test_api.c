/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The public C interface, as a program that includes nothing but the public header uses it: results against the formula,
 * the same bits one by one, in a batch, after copy, save and load, and 5,000 pushes for the leak checkers.
 */
#include "streams.h"

#include <float.h>
#include <math.h>

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
/* Two threads on one diffuser: every call is served or refused as busy, none is torn. */
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
    test_lookahead();
    test_confidence();
    test_models();
    test_blend();
    test_shapes();
    test_unused_cval();
#ifdef _OPENMP
    test_busy();
#endif
    test_many_pushes();
    return check_result();
}
