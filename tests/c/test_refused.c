/* SPDX-License-Identifier: Apache-2.0 */
/* What the public C interface refuses: parameters and frames out of range, callers of other sizes. */
#include "streams.h"

#include <float.h>
#include <math.h>

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

int main(void)
{
    test_diffusivity();
    test_older_caller();
    test_bad_parameters();
    test_bad_frames();
    test_push_many_stops();
    return check_result();
}
