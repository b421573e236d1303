/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Saved states of diffusers as hostile input. Any change of any byte, any cut and any extension is refused. A forged state,
 * changed and with a checksum that fits, is refused too or gives a diffuser that can be used: what a sanitizer finds there is
 * a fault. Arguments: the number of random forgeries for each kind of stream, and the seed.
 */
#include "base/archive.h"
#include "vdcore/vdcore.h"

#include "check.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { HEIGHT = 4, WIDTH = 5, CHANNELS = 2, SAMPLES = HEIGHT * WIDTH * CHANNELS, HEADER = 32, CHECKSUM_AT = 24 };

/* Where the layout has what the tests below forge; the parameters come first. */
enum {
    SIGMA_AT = HEADER,
    MODEL_AT = SIGMA_AT + 8 * 8,
    NORMALIZE_AT = MODEL_AT + 4,
    LOOKAHEAD_AT = MODEL_AT + 4 * 4,
    PATCH_AT = MODEL_AT + 6 * 4 + 5 * 8,
    SEARCH_AT = PATCH_AT + 4,
    DTYPE_AT = PATCH_AT + 3 * 4,
    HEIGHT_AT = DTYPE_AT + 4,
    FRAMES_AT = HEIGHT_AT + 3 * 8,
    WEIGHT_AT = FRAMES_AT + 8,
    WIDTH_OF_STATE_AT = WEIGHT_AT + 8,
    MASKED_AT = WIDTH_OF_STATE_AT + 4,
    COUNT_AT = MASKED_AT + 4,
    MAP_AT = COUNT_AT + 4,
    MAP_DATA_AT = MAP_AT + 2 * 8,
    SETTINGS_AT = MAP_DATA_AT,      /* without a map */
    PLANES_AT = SETTINGS_AT + 3 * 8 /* behind the settings of gate and motion */
};

static uint64_t seed = 1;

static double uniform(void) { return (double)(check_random(&seed) >> 11) / 9007199254740992.0; }

static const int32_t DTYPES[] = {VD_U8, VD_U16, VD_F32, VD_F64};

static void fill(void *samples, int32_t dtype, size_t count)
{
    for (size_t i = 0; i < count; i++)
        switch (dtype) {
        case VD_U8: ((uint8_t *)samples)[i] = (uint8_t)(uniform() * 256); break;
        case VD_U16: ((uint16_t *)samples)[i] = (uint16_t)(uniform() * 65536); break;
        case VD_F32: ((float *)samples)[i] = (float)uniform(); break;
        default: ((double *)samples)[i] = uniform(); break;
        }
}

typedef struct stream {
    const char *name;
    double sigma, tau, tolerance;
    int32_t model, normalize, lookahead, masks, map, patch, search, boundary, dither, frames;
    int32_t gate, motion;
} stream;

static const stream STREAMS[] = {
    {"nothing yet", 1, 3, -1, VD_MODEL_GAUSSIAN, 1, 0, 0, 0, 2, 5, 0, 0, 0, 0, 0},
    {"map, nothing yet", 1, 3, -1, VD_MODEL_LAPLACIAN, 1, 0, 0, 1, 2, 5, 0, 0, 0, 0, 0},
    {"plain", 1, 3, -1, VD_MODEL_GAUSSIAN, 1, 0, 0, 0, 2, 5, 0, 0, 3, 0, 0},
    {"running mean", 1, INFINITY, -1, VD_MODEL_GAUSSIAN, 1, 0, 0, 0, 2, 5, VD_BOUNDARY_REFLECT, 0, 12, 0, 0},
    {"narrow tolerance", 1, INFINITY, 1e-9, VD_MODEL_GAUSSIAN, 1, 0, 0, 0, 2, 5, VD_BOUNDARY_NEAREST, 1, 2, 0, 0},
    {"lookahead", 1, 3, -1, VD_MODEL_GAUSSIAN, 1, 3, 0, 0, 2, 5, 0, 1, 5, 0, 0},
    {"lookahead, filling", 0, 3, -1, VD_MODEL_GAUSSIAN, 1, 3, 0, 0, 2, 5, 0, 0, 2, 0, 0},
    {"masks", 1, 3, -1, VD_MODEL_GAUSSIAN, 1, 0, 1, 0, 2, 5, 0, 0, 3, 0, 0},
    {"masks, lookahead", 1, 3, -1, VD_MODEL_GAUSSIAN, 1, 2, 1, 0, 2, 5, VD_BOUNDARY_CONSTANT, 0, 4, 0, 0},
    {"raw", 1, 3, -1, VD_MODEL_GAUSSIAN, 0, 0, 0, 0, 2, 5, 0, 0, 3, 0, 0},
    {"raw, lookahead", 1, 3, -1, VD_MODEL_GAUSSIAN, 0, 2, 0, 0, 2, 5, 0, 0, 4, 0, 0},
    {"bilateral", 1, 3, -1, VD_MODEL_BILATERAL, 1, 0, 0, 0, 2, 5, 0, 0, 2, 0, 0},
    {"non-local means", 0, 3, -1, VD_MODEL_NONLOCAL_MEANS, 1, 1, 0, 0, 1, 2, 0, 0, 3, 0, 0},
    {"map", 1, 3, -1, VD_MODEL_LAPLACIAN, 1, 0, 1, 1, 2, 5, 0, 0, 3, 0, 0},
    {"map, lookahead", 1, 3, -1, VD_MODEL_LAPLACIAN, 1, 1, 0, 1, 2, 5, 0, 0, 3, 0, 0},
    {"Perona-Malik", 1, 3, -1, VD_MODEL_PERONA_MALIK, 1, 0, 0, 0, 2, 5, 0, 0, 2, 0, 0},
    {"gate, nothing yet", 1, 3, -1, VD_MODEL_GAUSSIAN, 1, 0, 0, 0, 2, 5, 0, 0, 0, 1, 0},
    {"gate", 1, 3, -1, VD_MODEL_GAUSSIAN, 1, 0, 1, 0, 2, 5, 0, 0, 3, 1, 0},
    {"motion", 1, 3, -1, VD_MODEL_GAUSSIAN, 1, 0, 0, 0, 2, 5, 0, 0, 3, 0, 1},
    {"gate, motion, lookahead", 0, 3, -1, VD_MODEL_LAPLACIAN, 1, 2, 1, 1, 2, 5, 0, 0, 5, 1, 1},
};
enum { STREAM_COUNT = sizeof STREAMS / sizeof *STREAMS, GATE = STREAM_COUNT - 3 };

static vd_status still(void *context, const vd_image *frame, const vd_image *other, const vd_image *flow)
{
    (void)context, (void)frame, (void)other;
    memset(flow->data, 0, (size_t)(flow->height * flow->width) * 2 * sizeof(float));
    return VD_OK;
}

/* Pushes frames of the stream that the diffuser had, flushes, saves and copies it. Any status will do. */
static void use(vd_diffuser *diffuser, int32_t dtype, int frames, int masks)
{
    uint64_t samples[SAMPLES], out[SAMPLES];
    float mask[HEIGHT * WIDTH];
    vd_info info = {.struct_size = sizeof info};
    CHECK_STATUS(vd_diffuser_info(diffuser, &info), VD_OK);
    vd_image image = vd_image_contiguous(samples, (vd_dtype)dtype, HEIGHT, WIDTH, CHANNELS);
    vd_image real = vd_image_contiguous(out, VD_F64, HEIGHT, WIDTH, CHANNELS);
    vd_image like = vd_image_contiguous(out, (vd_dtype)dtype, HEIGHT, WIDTH, CHANNELS);
    vd_image confidence = vd_image_contiguous(mask, VD_F32, HEIGHT, WIDTH, 1);
    for (int k = 0; k < frames; k++) {
        vd_frame frame = {.struct_size = sizeof frame, .image = image, .dt = 1};
        int32_t ready;
        fill(samples, dtype, SAMPLES);
        fill(mask, VD_F32, HEIGHT * WIDTH);
        if (masks && k % 2 == 0)
            frame.confidence = &confidence;
        if (vd_diffuser_push(diffuser, &frame, &like, &ready) != VD_OK)
            vd_diffuser_push(diffuser, &frame, &real, &ready);
    }
}

static void use_up(vd_diffuser *diffuser, int32_t dtype)
{
    uint64_t out[SAMPLES];
    vd_image real = vd_image_contiguous(out, VD_F32, HEIGHT, WIDTH, CHANNELS);
    vd_diffuser *copy = NULL;
    size_t size = 0;
    int32_t ready = 1;
    vd_diffuser_set_flow(diffuser, still, NULL); /* refused by streams without motion */
    use(diffuser, dtype, 2, 1);
    vd_status status = vd_diffuser_copy(&copy, diffuser);
    CHECK(status == VD_OK || status == VD_ERROR_MEMORY);
    vd_diffuser_destroy(copy);
    CHECK_STATUS(vd_diffuser_save(diffuser, NULL, &size), VD_OK);
    for (int k = 0; k < 4 && ready && vd_diffuser_flush(diffuser, &real, &ready) == VD_OK; k++)
        continue;
    CHECK_STATUS(vd_diffuser_reset(diffuser), VD_OK);
    use(diffuser, dtype, 1, 0);
}

static unsigned char *state_of(const stream *s, int32_t dtype, size_t *size)
{
    static double map[HEIGHT * WIDTH];
    vd_image diffusivity = vd_image_contiguous(map, VD_F64, HEIGHT, WIDTH, 1);
    vd_params params;
    vd_diffuser *diffuser = NULL;
    vd_params_init(&params, sizeof params);
    params.sigma_y = params.sigma_x = s->sigma;
    params.tau = s->tau;
    params.tolerance = s->tolerance;
    params.model = s->model;
    params.normalize = s->normalize;
    params.lookahead = s->lookahead;
    params.patch = s->patch;
    params.search = s->search;
    params.boundary = s->boundary;
    params.dither = s->dither;
    params.threads = 1;
    CHECK_STATUS(vd_diffuser_create(&diffuser, &params), VD_OK);
    fill(map, VD_F64, HEIGHT * WIDTH);
    if (s->map)
        CHECK_STATUS(vd_diffuser_set_diffusivity(diffuser, &diffusivity), VD_OK);
    static const double gain[] = {0.5, 0}, offset[] = {0.1, 2};
    vd_noise noise = {sizeof noise, gain, offset, 1e-3, CHANNELS};
    if (s->gate)
        CHECK_STATUS(vd_diffuser_set_gate(diffuser, &noise), VD_OK);
    if (s->motion)
        CHECK_STATUS(vd_diffuser_set_flow(diffuser, still, NULL), VD_OK);
    use(diffuser, dtype, s->frames, s->masks);
    *size = 0;
    CHECK_STATUS(vd_diffuser_save(diffuser, NULL, size), VD_OK);
    unsigned char *state = malloc(*size);
    if (state == NULL)
        abort();
    CHECK_STATUS(vd_diffuser_save(diffuser, state, size), VD_OK);
    vd_diffuser_destroy(diffuser);
    return state;
}

/* Gives a state the size and the checksum that fit its bytes. */
static void seal(unsigned char *state, size_t size)
{
    uint64_t whole = size, checksum;
    memcpy(state + 16, &whole, sizeof whole);
    checksum = vd_checksum(state + HEADER, size - HEADER, vd_checksum(state, CHECKSUM_AT, 0));
    memcpy(state + CHECKSUM_AT, &checksum, sizeof checksum);
}

static void refused(const unsigned char *state, size_t size)
{
    vd_diffuser *loaded = (vd_diffuser *)&seed;
    CHECK_STATUS(vd_diffuser_load(&loaded, state, size, 1), VD_ERROR_STATE);
    CHECK(loaded == NULL);
}

/* Loads a forged state, from memory of exactly its size, and uses what comes of it; whether it was taken. */
static bool try_forged(const unsigned char *state, size_t size, int32_t dtype)
{
    vd_diffuser *loaded = NULL;
    unsigned char *own = malloc(size);
    if (own == NULL)
        abort();
    memcpy(own, state, size);
    seal(own, size);
    vd_status status = vd_diffuser_load(&loaded, own, size, 1);
    free(own);
    if (status == VD_OK)
        use_up(loaded, dtype);
    else
        CHECK((status == VD_ERROR_STATE || status == VD_ERROR_MEMORY) && loaded == NULL);
    vd_diffuser_destroy(loaded);
    return status == VD_OK;
}

static void test_damage(void)
{
    for (int i = 0; i < STREAM_COUNT; i++) {
        size_t size;
        unsigned char *state = state_of(STREAMS + i, DTYPES[i % 4], &size);
        for (size_t length = 0; length < size; length++)
            refused(state, length);
        for (size_t at = 0; at < size; at++) {
            state[at] ^= (unsigned char)(1 << at % 8);
            refused(state, size);
            state[at] ^= (unsigned char)(1 << at % 8);
        }
        unsigned char *longer = calloc(size + 8, 1);
        if (longer == NULL)
            abort();
        memcpy(longer, state, size);
        refused(longer, size + 1);
        refused(longer, size + 8);
        seal(longer, size + 8);
        refused(longer, size + 8);
        CHECK(try_forged(state, size, DTYPES[i % 4]));
        free(longer);
        free(state);
    }
}

/* The number of bytes at a place of the state is replaced by a value, and the state sealed. */
static void forge(const unsigned char *state, size_t size, size_t at, const void *value, size_t bytes, bool taken)
{
    unsigned char *forged = malloc(size);
    vd_diffuser *loaded = NULL;
    if (forged == NULL)
        abort();
    memcpy(forged, state, size);
    memcpy(forged + at, value, bytes);
    seal(forged, size);
    vd_status status = vd_diffuser_load(&loaded, forged, size, 1);
    if (taken)
        CHECK_STATUS(status, VD_OK);
    else
        CHECK_STATUS(status, VD_ERROR_STATE);
    vd_diffuser_destroy(loaded);
    free(forged);
}

#define FORGE(AT, TYPE, VALUE, TAKEN)                                                                                  \
    do {                                                                                                               \
        TYPE forged_value = (TYPE)(VALUE);                                                                             \
        forge(state, size, (AT), &forged_value, sizeof forged_value, (TAKEN));                                         \
    } while (0)

/* What made states dangerous once, and what no push leads to. */
static void test_forged_members(void)
{
    size_t size;
    unsigned char *state = state_of(STREAMS + 12, VD_U8, &size); /* non-local means, lookahead 1 */
    FORGE(PATCH_AT, int32_t, 1, true);
    FORGE(PATCH_AT, int32_t, 33, false);
    FORGE(PATCH_AT, int32_t, -1, false);
    FORGE(SEARCH_AT, int32_t, 0, false);
    FORGE(SEARCH_AT, int32_t, 257, false);
    FORGE(MODEL_AT, int32_t, VD_MODEL_COUNT, false);
    FORGE(MODEL_AT, int32_t, VD_MODEL_GAUSSIAN, true);
    FORGE(NORMALIZE_AT, int32_t, 0, false);
    FORGE(MASKED_AT, int32_t, 0, false);
    free(state);

    state = state_of(STREAMS + 5, VD_U8, &size); /* lookahead 3 */
    int32_t width;
    memcpy(&width, state + WIDTH_OF_STATE_AT, sizeof width);
    CHECK(width == 2 && state[COUNT_AT] == 3);
    for (width = -1; width < 4; width++)
        FORGE(WIDTH_OF_STATE_AT, int32_t, width, width == 2);
    FORGE(LOOKAHEAD_AT, int32_t, 0, false);
    FORGE(LOOKAHEAD_AT, int32_t, 2, false);
    FORGE(COUNT_AT, int32_t, 4, false);
    FORGE(COUNT_AT, int32_t, -1, false);
    FORGE(SIGMA_AT, double, NAN, false);
    FORGE(SIGMA_AT, double, -1, false);
    FORGE(FRAMES_AT, int64_t, -1, false);
    FORGE(FRAMES_AT, int64_t, INT64_MAX, false);
    FORGE(WEIGHT_AT, double, NAN, false);
    FORGE(WEIGHT_AT, double, INFINITY, false);
    FORGE(WEIGHT_AT, double, 0, false);
    FORGE(HEIGHT_AT, int64_t, 0, false);
    FORGE(HEIGHT_AT, int64_t, HEIGHT - 1, false);
    FORGE(HEIGHT_AT, int64_t, HEIGHT + 1, false);
    FORGE(HEIGHT_AT, int64_t, INT64_MAX, false);
    FORGE(HEIGHT_AT, int64_t, (int64_t)1 << 61, false);
    FORGE(DTYPE_AT, int32_t, VD_F64, false);
    FORGE(DTYPE_AT, int32_t, 0, false);
    FORGE(DTYPE_AT, int32_t, 5, false);
    size_t dt_at = PLANES_AT + SAMPLES * 8; /* of the queue's first frame, its reference behind it */
    FORGE(dt_at, double, 0.5, true);
    FORGE(dt_at, double, -1, false);
    FORGE(dt_at, double, NAN, false);
    FORGE(dt_at + 8, double, INFINITY, false);
    free(state);

    state = state_of(STREAMS + 13, VD_F32, &size); /* map, masks */
    size_t map_size = HEIGHT * WIDTH * 8, weights_at = PLANES_AT + map_size + SAMPLES * 8;
    FORGE(MAP_DATA_AT, double, 2, true);
    FORGE(MAP_DATA_AT, double, -1, false);
    FORGE(MAP_DATA_AT, double, NAN, false);
    FORGE(MAP_AT, int64_t, 0, false);
    FORGE(MAP_AT, int64_t, HEIGHT *WIDTH, false);
    FORGE(MAP_AT, int64_t, INT64_MAX, false);
    FORGE(MAP_AT + 8, int64_t, (int64_t)1 << 62, false);
    FORGE(weights_at, double, 0.5, true);
    FORGE(weights_at, double, -1, false);
    FORGE(weights_at, double, INFINITY, false);
    free(state);

    state = state_of(STREAMS + GATE, VD_F32, &size);
    FORGE(SETTINGS_AT, int32_t, 0, false); /* gated */
    FORGE(SETTINGS_AT, int32_t, 2, false);
    FORGE(SETTINGS_AT + 4, int32_t, 1, false); /* moving: planes are missing */
    FORGE(SETTINGS_AT + 8, int64_t, 1, false); /* channels */
    FORGE(SETTINGS_AT + 8, int64_t, -1, false);
    FORGE(SETTINGS_AT + 8, int64_t, INT64_MAX, false);
    FORGE(SETTINGS_AT + 16, double, NAN, false); /* the smallest variance */
    FORGE(SETTINGS_AT + 24, double, 3, true);    /* a gain */
    FORGE(SETTINGS_AT + 24, double, INFINITY, false);
    size_t met_masks_at = SETTINGS_AT + 24 + 4 * 8, time_at = met_masks_at + 4;
    size_t row = 2 * (WIDTH + 8) * 4; /* two channels, then weight and variance */
    FORGE(met_masks_at, int32_t, 2, false);
    FORGE(met_masks_at, int32_t, -1, false);
    FORGE(time_at, double, -1, false);
    FORGE(time_at + 8 + 8 * 4, float, 5, true);       /* a value */
    FORGE(time_at + 8 + row + 8 * 4, float, 2, true); /* a weight */
    FORGE(time_at + 8 + row + 8 * 4, float, -1, false);
    FORGE(time_at + 8 + row + 8 * 4, float, NAN, false);
    FORGE(time_at + 8 + row + 8 * 4, float, 1e30f, false);
    FORGE(time_at + 8 + row + 9 * 4, float, INFINITY, true); /* a variance */
    free(state);
}

/* Numbers that have caused trouble somewhere. */
static const int64_t EDGES[] = {0,         1,         -1,        2,         3,         7,         255,       256,
                                INT32_MAX, INT32_MIN, INT64_MAX, INT64_MIN, 1LL << 20, 1LL << 31, 1LL << 32, 1LL << 61};
static const double NUMBERS[] = {0, -0.0, 1, -1, 1e-300, 1e300, -1e300, 5e-324, 1e10, 0.5};

static void forge_at_random(unsigned char *state, size_t size)
{
    size_t head = size < PLANES_AT + 64 ? size : PLANES_AT + 64;
    int changes = 1 + (int)(check_random(&seed) % 3);
    for (int k = 0; k < changes; k++) {
        size_t at = HEADER + check_random(&seed) % ((check_random(&seed) % 4 ? head : size) - HEADER);
        double number = NUMBERS[check_random(&seed) % 10];
        number = check_random(&seed) % 8 == 0 ? NAN : check_random(&seed) % 8 == 0 ? INFINITY : number;
        switch (check_random(&seed) % 4) {
        case 0: state[at] ^= (unsigned char)(1 << check_random(&seed) % 8); break;
        case 1: state[at] = (unsigned char)check_random(&seed); break;
        case 2:
            at -= at % 4;
            if (at + 8 <= size)
                memcpy(state + at, EDGES + check_random(&seed) % 16, check_random(&seed) % 2 ? 4 : 8);
            break;
        default:
            at -= at % 4;
            if (at + 8 <= size)
                memcpy(state + at, &number, sizeof number);
        }
    }
}

static void test_forgeries(long count)
{
    for (int i = 0; i < STREAM_COUNT; i++) {
        long taken = 0;
        for (int t = 0; t < 4; t++) {
            size_t size;
            unsigned char *state = state_of(STREAMS + i, DTYPES[t], &size), *forged = malloc(size);
            if (forged == NULL)
                abort();
            for (long k = 0; k < count; k++) {
                memcpy(forged, state, size);
                forge_at_random(forged, size);
                taken += try_forged(forged, size, DTYPES[t]);
            }
            free(forged);
            free(state);
        }
        CHECK(count == 0 || (taken > 0 && taken < 4 * count));
    }
}

int main(int count, char **arguments)
{
    test_damage();
    test_forged_members();
    if (count > 2)
        seed = strtoull(arguments[2], NULL, 10);
    test_forgeries(count > 1 ? strtol(arguments[1], NULL, 10) : 40);
    return check_result();
}
