/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Saved states of denoisers. A loaded or copied denoiser goes on with the same bits, on another number of threads and
 * another instruction set too. As hostile input: any change of any byte, any cut and any extension is refused; a forged
 * state, changed and with a checksum that fits, is refused too or gives a denoiser that can be used, and what a sanitizer
 * finds there is a fault. Arguments: the number of random forgeries for each kind of stream, and the seed.
 */
#define _POSIX_C_SOURCE 200112L /* setenv */
#include "base/archive.h"
#include "vdcore/vdcore.h"

#include "check.h"
#include "failing_allocations.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { HEADER = 32, CHECKSUM_AT = 24, MAX_SAMPLES = 40 * 52 * 4 };

/* Where the layout has what the tests below forge. */
enum {
    NOISE_AT = HEADER,
    GAIN_AT = NOISE_AT + 8,
    PRESET_AT = NOISE_AT + 3 * 8,
    PRIORS_AT = PRESET_AT + 4,
    FILL_AT = PRIORS_AT + 4,
    FILL_VALUE_AT = FILL_AT + 4,
    OUTLIERS_AT = FILL_VALUE_AT + 8,
    SPECTRUM_CHANNELS_AT = OUTLIERS_AT + 4,
    LASTING_AT = SPECTRUM_CHANNELS_AT + 8,
    SPECTRUM_AT = LASTING_AT + 4,
    LOW_AT = SPECTRUM_AT + 4 * 64 * 4,
    HIGH_AT = LOW_AT + 8,
    HEIGHT_AT = HIGH_AT + 8,
    WIDTH_AT = HEIGHT_AT + 8,
    CHANNELS_AT = WIDTH_AT + 8,
    FRAMES_AT = CHANNELS_AT + 8,
    DTYPE_AT = FRAMES_AT + 8,
    UNKNOWN_AT = DTYPE_AT + 4,
    RESULT_AT = UNKNOWN_AT + 4
};

typedef struct stream {
    double noise, gain;
    int32_t preset, priors, given, frames, dtype; /* of `priors` so many are given */
    int64_t height, width, channels;
} stream;

static const stream STREAMS[] = {
    {9, 0, VD_DENOISER_BALANCED, 1, 1, 0, VD_U8, 11, 14, 1},
    {9, 0, VD_DENOISER_BALANCED, 1, 1, 1, VD_U8, 11, 14, 1},
    {9, 1, VD_DENOISER_FAST, 1, 1, 4, VD_U8, 17, 9, 3},
    {900, 0, VD_DENOISER_BALANCED, 2, 2, 3, VD_U16, 1, 13, 2},
    {9, 0, VD_DENOISER_FAST, 3, 2, 3, VD_F32, 12, 1, 4},
    {9, 0, VD_DENOISER_BALANCED, 2, 0, 3, VD_F64, 8, 8, 1},
    {0, 0, VD_DENOISER_BALANCED, 1, 1, 2, VD_U8, 8, 8, 3},
    {12, 0, VD_DENOISER_BALANCED, 2, 2, 6, VD_U8, 40, 52, 3}, /* with a spectrum from frame 2 on */
};
enum { STREAM_COUNT = sizeof STREAMS / sizeof *STREAMS };

static uint64_t seed = 1;

static vd_image view(const stream *s, void *samples, int32_t dtype)
{
    return vd_image_contiguous(samples, (vd_dtype)dtype, s->height, s->width, s->channels);
}

/* Frame t of a stream: always the same. */
static void draw(const stream *s, void *samples, int t)
{
    uint64_t own = 17 + (uint64_t)t;
    double range = s->dtype == VD_U16 ? 65535 : 255;
    for (int64_t i = 0; i < s->height * s->width * s->channels; i++) {
        double noise = (double)(check_random(&own) >> 11) / 9007199254740992.0;
        double value = range * (0.5 + 0.2 * sin((double)(i + 3 * t) / 40) + 0.2 * (noise - 0.5));
        switch (s->dtype) {
        case VD_U8: ((uint8_t *)samples)[i] = (uint8_t)value; break;
        case VD_U16: ((uint16_t *)samples)[i] = (uint16_t)value; break;
        case VD_F32: ((float *)samples)[i] = (float)value; break;
        default: ((double *)samples)[i] = value; break;
        }
    }
}

static vd_denoiser *created(const stream *s)
{
    vd_denoiser_params params;
    vd_denoiser *denoiser = NULL;
    vd_denoiser_params_init(&params, sizeof params);
    params.noise = s->noise;
    params.gain = s->gain;
    params.offset = s->noise;
    params.preset = s->preset;
    params.priors = s->priors;
    params.threads = 1;
    CHECK_STATUS(vd_denoiser_create(&denoiser, &params), VD_OK);
    return denoiser;
}

/* The noise of the last of STREAMS from frame 2 on. */
static vd_denoiser_noise coloured(void)
{
    static float spectrum[3 * 64];
    for (int k = 0; k < 3 * 64; k++)
        spectrum[k] = 2.5f - (float)k / 80;
    return (vd_denoiser_noise){.struct_size = sizeof(vd_denoiser_noise),
                               .sd = 11,
                               .offset = 121,
                               .spectrum = spectrum,
                               .channels = 3,
                               .correlation = 0.5};
}

/* Pushes frame t; with two priors or more it is compared with the next one too, and along a flow. */
static vd_status push(vd_denoiser *denoiser, const stream *s, int t, float *out)
{
    static uint64_t frame[MAX_SAMPLES], next[MAX_SAMPLES];
    static float motion[2 * MAX_SAMPLES];
    draw(s, frame, t);
    draw(s, next, t + 1);
    for (int64_t i = 0; i < 2 * s->height * s->width; i++)
        motion[i] = (float)(i % 5) - 2;
    vd_image image = view(s, frame, s->dtype), other = view(s, next, s->dtype), to = view(s, out, VD_F32);
    vd_image flow = vd_image_contiguous(motion, VD_F32, s->height, s->width, 2);
    vd_prior priors[] = {{NULL, t % 2 ? &flow : NULL, 0, NULL}, {&other, &flow, 1, NULL}};
    vd_denoiser_noise noise = coloured();
    if (s == &STREAMS[STREAM_COUNT - 1] && t == 2)
        CHECK_STATUS(vd_denoiser_set_noise(denoiser, &noise), VD_OK);
    return vd_denoiser_push(denoiser, &image, NULL, NULL, priors, (size_t)s->given, &to);
}

static unsigned char *saved(vd_denoiser *denoiser, size_t *size)
{
    *size = 0;
    CHECK_STATUS(vd_denoiser_save(denoiser, NULL, size), VD_OK);
    unsigned char *state = malloc(*size);
    if (state == NULL)
        abort();
    CHECK_STATUS(vd_denoiser_save(denoiser, state, size), VD_OK);
    return state;
}

static unsigned char *state_of(const stream *s, size_t *size)
{
    static float out[MAX_SAMPLES];
    vd_denoiser *denoiser = created(s);
    for (int t = 0; t < s->frames; t++)
        CHECK_STATUS(push(denoiser, s, t, out), VD_OK);
    unsigned char *state = saved(denoiser, size);
    vd_denoiser_destroy(denoiser);
    return state;
}

/* ---- the same bits ---- */

static void same_results(vd_denoiser *denoiser, const stream *s, const float *expected, int t)
{
    static float out[MAX_SAMPLES];
    CHECK_STATUS(push(denoiser, s, t, out), VD_OK);
    CHECK(memcmp(out, expected, (size_t)(s->height * s->width * s->channels) * sizeof *out) == 0);
}

static void same_state(vd_denoiser *denoiser, const unsigned char *state, size_t size)
{
    size_t other_size;
    unsigned char *other = saved(denoiser, &other_size);
    CHECK(size == other_size && memcmp(state, other, size) == 0);
    free(other);
}

static void test_resuming(void)
{
    static float expected[3][MAX_SAMPLES];
    const char *names[4];
    int32_t sets = vd_instruction_sets(names, 4);
    for (int i = 0; i < STREAM_COUNT; i++) {
        const stream *s = &STREAMS[i];
        vd_denoiser *denoiser = created(s);
        for (int t = 0; t < s->frames; t++)
            CHECK_STATUS(push(denoiser, s, t, expected[0]), VD_OK);
        size_t size;
        unsigned char *state = saved(denoiser, &size);
        for (int k = 0; k < 3; k++)
            CHECK_STATUS(push(denoiser, s, s->frames + k, expected[k]), VD_OK);
        vd_denoiser_destroy(denoiser);
        for (int32_t set = 0; set < sets; set++) {
            setenv("VDCORE_CPU", names[set], 1);
            vd_denoiser *loaded = NULL, *copy = NULL;
            CHECK_STATUS(vd_denoiser_load(&loaded, state, size, 1 + set), VD_OK);
            CHECK_STATUS(vd_denoiser_copy(&copy, loaded), VD_OK);
            same_state(loaded, state, size);
            same_state(copy, state, size);
            for (int k = 0; k < 3; k++)
                same_results(loaded, s, expected[k], s->frames + k);
            for (int k = 0; k < 3; k++)
                same_results(copy, s, expected[k], s->frames + k);
            vd_denoiser_info info = {.struct_size = sizeof info};
            CHECK_STATUS(vd_denoiser_get_info(copy, &info), VD_OK);
            CHECK(info.priors == s->priors && info.threads == vd_thread_count(1 + set));
            vd_denoiser_destroy(loaded);
            vd_denoiser_destroy(copy);
        }
        unsetenv("VDCORE_CPU");
        free(state);
    }
}

static void test_statuses(void)
{
    size_t size;
    unsigned char *state = state_of(&STREAMS[1], &size);
    vd_denoiser *denoiser = created(&STREAMS[1]), *other = denoiser;
    CHECK_STATUS(vd_denoiser_save(NULL, state, &size), VD_ERROR_NULL);
    CHECK_STATUS(vd_denoiser_save(denoiser, state, NULL), VD_ERROR_NULL);
    CHECK_STATUS(vd_denoiser_load(NULL, state, size, 1), VD_ERROR_NULL);
    CHECK_STATUS(vd_denoiser_load(&other, NULL, size, 1), VD_ERROR_NULL);
    CHECK_STATUS(vd_denoiser_copy(&other, NULL), VD_ERROR_NULL);
    CHECK_STATUS(vd_denoiser_copy(NULL, denoiser), VD_ERROR_NULL);
    CHECK_STATUS(vd_denoiser_load(&other, state, size, 0), VD_ERROR_PARAMETER);
    CHECK(other == NULL);
    CHECK_STATUS(vd_denoiser_load(&other, state, size, 65537), VD_ERROR_PARAMETER);
    size_t room = 3;
    CHECK_STATUS(vd_denoiser_save(denoiser, state, &room), VD_ERROR_OVERFLOW);
    CHECK(room > 3);
    vd_denoiser_destroy(denoiser);
    free(state);
}

static void test_failing_allocations(void)
{
    size_t size;
    unsigned char *state = state_of(&STREAMS[3], &size);
    for (long failing = 0, done = 0; CAN_FAIL && !done && failing < 100; failing++) {
        vd_denoiser *loaded = NULL, *copy = NULL;
        allocations_left = failing;
        vd_status status = vd_denoiser_load(&loaded, state, size, 1);
        if (status == VD_OK)
            status = vd_denoiser_copy(&copy, loaded);
        done = allocations_left >= 0;
        allocations_left = -1;
        CHECK_STATUS(status, done ? VD_OK : VD_ERROR_MEMORY);
        if (loaded != NULL)
            same_state(loaded, state, size);
        CHECK(done == (copy != NULL));
        vd_denoiser_destroy(loaded);
        vd_denoiser_destroy(copy);
    }
    free(state);
}

/* ---- hostile input ---- */

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
    vd_denoiser *loaded = (vd_denoiser *)&seed;
    CHECK_STATUS(vd_denoiser_load(&loaded, state, size, 1), VD_ERROR_STATE);
    CHECK(loaded == NULL);
}

/* Does with a denoiser whatever one can, with frames of the shape that it has. */
static void use(vd_denoiser *denoiser, const stream *s)
{
    static float out[MAX_SAMPLES];
    static uint8_t guide[MAX_SAMPLES];
    vd_denoiser_info info = {.struct_size = sizeof info};
    CHECK_STATUS(vd_denoiser_get_info(denoiser, &info), VD_OK);
    stream own = *s;
    if (info.dtype != 0) {
        own.dtype = info.dtype;
        own.height = info.height;
        own.width = info.width;
        own.channels = info.channels;
    }
    if (own.given > info.priors)
        own.given = info.priors;
    vd_image result = view(&own, out, VD_F32);
    vd_image full = vd_image_contiguous(guide, VD_U8, own.height, own.width, 1);
    vd_image half = vd_image_contiguous(guide, VD_U8, (own.height + 1) / 2, (own.width + 1) / 2, 1);
    if (info.dtype != 0) {
        CHECK_STATUS(vd_denoiser_result(denoiser, &result), VD_OK);
        CHECK(vd_denoiser_guide(denoiser, NULL, 0, 255, &full) == VD_OK ||
              vd_denoiser_guide(denoiser, NULL, 0, 255, &half) == VD_OK);
    }
    for (int t = 0; t < 2; t++)
        CHECK_STATUS(push(denoiser, &own, t, out), VD_OK);
    vd_denoiser *copy = NULL;
    vd_status status = vd_denoiser_copy(&copy, denoiser);
    CHECK(status == VD_OK || status == VD_ERROR_MEMORY || status == VD_ERROR_STATE);
    vd_denoiser_destroy(copy);
    CHECK_STATUS(vd_denoiser_reset(denoiser), VD_OK);
    CHECK_STATUS(push(denoiser, &own, 0, out), VD_OK);
}

/* Loads a forged state, from memory of exactly its size, and uses what comes of it; the status. */
static vd_status load_forged(const unsigned char *state, size_t size, const stream *s)
{
    vd_denoiser *loaded = NULL;
    unsigned char *own = malloc(size);
    if (own == NULL)
        abort();
    memcpy(own, state, size);
    seal(own, size);
    vd_status status = vd_denoiser_load(&loaded, own, size, 1);
    free(own);
    CHECK((status == VD_OK) == (loaded != NULL));
    CHECK(status == VD_OK || status == VD_ERROR_STATE || status == VD_ERROR_MEMORY);
    if (status == VD_OK)
        use(loaded, s);
    vd_denoiser_destroy(loaded);
    return status;
}

static void test_damage(void)
{
    for (int i = 0; i + 1 < STREAM_COUNT; i++) {
        size_t size;
        unsigned char *state = state_of(&STREAMS[i], &size), *longer = calloc(size + 8, 1);
        if (longer == NULL)
            abort();
        size_t step = size < 4000 ? 1 : 7;
        for (size_t length = 0; length < size; length += length < 200 ? 1 : 97 * step)
            refused(state, length);
        for (size_t at = 0; at < size; at += at < 200 ? 1 : step) {
            state[at] ^= (unsigned char)(1 << at % 8);
            refused(state, size);
            state[at] ^= (unsigned char)(1 << at % 8);
        }
        memcpy(longer, state, size);
        refused(longer, size + 1);
        refused(longer, size + 8);
        seal(longer, size + 8);
        refused(longer, size + 8);
        CHECK_STATUS(load_forged(state, size, &STREAMS[i]), VD_OK);
        free(longer);
        free(state);
    }
}

static void forge(const unsigned char *state, size_t size, const stream *s, size_t at, const void *value, size_t bytes,
                  vd_status expected)
{
    unsigned char *forged = malloc(size);
    if (forged == NULL)
        abort();
    memcpy(forged, state, size);
    memcpy(forged + at, value, bytes);
    CHECK_STATUS(load_forged(forged, size, s), expected);
    free(forged);
}

#define FORGE(AT, TYPE, VALUE, STATUS)                                                                                 \
    do {                                                                                                               \
        TYPE forged_value = (TYPE)(VALUE);                                                                             \
        forge(state, size, s, (AT), &forged_value, sizeof forged_value, (STATUS));                                     \
    } while (0)

/* What no push leads to. */
static void test_forged_members(void)
{
    size_t size;
    const stream *s = &STREAMS[7];
    unsigned char *state = state_of(s, &size);
    int64_t channels;
    int32_t used;
    float last;
    size_t used_at = RESULT_AT + 40 * 52 * 16, last_at = SPECTRUM_AT + (3 * 64 - 1) * 4;
    memcpy(&channels, state + SPECTRUM_CHANNELS_AT, sizeof channels);
    memcpy(&last, state + last_at, sizeof last);
    memcpy(&used, state + used_at, sizeof used);
    CHECK(channels == 3 && last < 1 && used == 1);
    FORGE(NOISE_AT, double, 5, VD_OK);
    FORGE(NOISE_AT, double, 0, VD_OK);
    FORGE(NOISE_AT, double, -1, VD_ERROR_STATE);
    FORGE(NOISE_AT, double, NAN, VD_ERROR_STATE);
    FORGE(GAIN_AT, double, INFINITY, VD_ERROR_STATE);
    FORGE(PRESET_AT, int32_t, VD_DENOISER_FAST, VD_ERROR_STATE); /* another number of patches */
    FORGE(PRESET_AT, int32_t, 2, VD_ERROR_STATE);
    FORGE(PRIORS_AT, int32_t, 1, VD_ERROR_STATE);
    FORGE(PRIORS_AT, int32_t, 3, VD_ERROR_STATE);
    FORGE(PRIORS_AT, int32_t, 33, VD_ERROR_STATE);
    FORGE(FILL_AT, int32_t, VD_FILL_VALUE, VD_OK);
    FORGE(FILL_AT, int32_t, 2, VD_ERROR_STATE);
    FORGE(FILL_VALUE_AT, double, NAN, VD_OK);
    FORGE(FILL_VALUE_AT, double, INFINITY, VD_ERROR_STATE);
    FORGE(OUTLIERS_AT, int32_t, 2, VD_ERROR_STATE);
    FORGE(UNKNOWN_AT, int32_t, 2, VD_ERROR_STATE);
    FORGE(UNKNOWN_AT, int32_t, 1, VD_ERROR_STATE); /* too short for where it is not known */
    FORGE(LOW_AT, double, 0, VD_OK);
    FORGE(LOW_AT, double, NAN, VD_ERROR_STATE);
    FORGE(LOW_AT, double, INFINITY, VD_ERROR_STATE);
    FORGE(HIGH_AT, double, -1e20, VD_ERROR_STATE);
    FORGE(HIGH_AT, double, -1e15, VD_OK);
    FORGE(HEIGHT_AT, int64_t, 39, VD_ERROR_STATE);
    FORGE(HEIGHT_AT, int64_t, 41, VD_ERROR_STATE);
    FORGE(HEIGHT_AT, int64_t, 0, VD_ERROR_STATE);
    FORGE(HEIGHT_AT, int64_t, -40, VD_ERROR_STATE);
    FORGE(HEIGHT_AT, int64_t, INT64_MAX, VD_ERROR_STATE);
    FORGE(WIDTH_AT, int64_t, (int64_t)1 << 61, VD_ERROR_STATE);
    FORGE(WIDTH_AT, int64_t, (int64_t)1 << 32, VD_ERROR_STATE);
    FORGE(CHANNELS_AT, int64_t, 4, VD_ERROR_STATE);
    FORGE(CHANNELS_AT, int64_t, 5, VD_ERROR_STATE);
    FORGE(FRAMES_AT, int64_t, 0, VD_ERROR_STATE);
    FORGE(FRAMES_AT, int64_t, -1, VD_ERROR_STATE);
    FORGE(FRAMES_AT, int64_t, INT64_MAX, VD_ERROR_STATE);
    FORGE(FRAMES_AT, int64_t, 1, VD_OK);
    FORGE(DTYPE_AT, int32_t, VD_F32, VD_OK); /* a state of the same size */
    FORGE(DTYPE_AT, int32_t, 0, VD_ERROR_STATE);
    FORGE(DTYPE_AT, int32_t, 9, VD_ERROR_STATE);
    FORGE(SPECTRUM_CHANNELS_AT, int64_t, -1, VD_ERROR_STATE);
    FORGE(SPECTRUM_CHANNELS_AT, int64_t, 0, VD_ERROR_STATE); /* a spectrum that is not 1 everywhere */
    FORGE(SPECTRUM_CHANNELS_AT, int64_t, 2, VD_ERROR_STATE);
    FORGE(SPECTRUM_CHANNELS_AT, int64_t, 4, VD_ERROR_STATE); /* not that of the frames */
    FORGE(SPECTRUM_CHANNELS_AT, int64_t, 5, VD_ERROR_STATE);
    FORGE(SPECTRUM_CHANNELS_AT, int64_t, INT64_MAX, VD_ERROR_STATE);
    FORGE(LASTING_AT, float, 2, VD_OK);
    FORGE(LASTING_AT, float, 0.5f, VD_ERROR_STATE);
    FORGE(LASTING_AT, float, NAN, VD_ERROR_STATE);
    FORGE(LASTING_AT, float, INFINITY, VD_ERROR_STATE);
    FORGE(SPECTRUM_AT, float, 0, VD_ERROR_STATE);
    FORGE(SPECTRUM_AT, float, -1, VD_ERROR_STATE);
    FORGE(SPECTRUM_AT, float, NAN, VD_ERROR_STATE);
    FORGE(SPECTRUM_AT, float, INFINITY, VD_ERROR_STATE);
    FORGE(SPECTRUM_AT, float, 0.9e-6f, VD_ERROR_STATE);
    FORGE(SPECTRUM_AT, float, 1.1e6f, VD_ERROR_STATE);
    FORGE(SPECTRUM_AT, float, 1e6f, VD_OK);
    FORGE(last_at, float, NAN, VD_ERROR_STATE);
    FORGE(last_at, float, 1e-5f, VD_OK);
    FORGE(last_at + 4, float, 2, VD_ERROR_STATE); /* beyond the channels */
    FORGE(RESULT_AT, float, NAN, VD_OK);          /* a result only enters arithmetic */
    FORGE(RESULT_AT, float, 1e38f, VD_OK);
    FORGE(used_at, int32_t, 0, VD_ERROR_STATE);
    FORGE(used_at, int32_t, 2, VD_ERROR_STATE);
    FORGE(used_at, int32_t, -1, VD_ERROR_STATE);
    FORGE(used_at + 4, float, NAN, VD_OK);
    FORGE(used_at + 4, float, -1e38f, VD_OK);
    free(state);
}

/* Numbers that have caused trouble somewhere. */
static const int64_t EDGES[] = {0,         1,         -1,        2,         3,         7,         255,       256,
                                INT32_MAX, INT32_MIN, INT64_MAX, INT64_MIN, 1LL << 20, 1LL << 31, 1LL << 32, 1LL << 61};
static const float NUMBERS[] = {0, -0.0f, 1, -1, 1e-38f, 3e38f, -3e38f, 1e-45f, 1e10f, NAN, INFINITY};

static void forge_at_random(unsigned char *state, size_t size)
{
    size_t head = size < RESULT_AT ? size : RESULT_AT;
    int changes = 1 + (int)(check_random(&seed) % 3);
    for (int k = 0; k < changes; k++) {
        size_t at = HEADER + check_random(&seed) % ((check_random(&seed) % 4 == 0 ? head : size) - HEADER);
        if (at >= SPECTRUM_AT && at < LOW_AT && check_random(&seed) % 4 > 0) /* refused but for 1e-6 to 1e6 */
            at = HEADER + at % (SPECTRUM_AT - HEADER);
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
            for (int i = 0; i < 8 && at + 4 <= size; i++, at += 4)
                memcpy(state + at, NUMBERS + check_random(&seed) % 11, 4);
        }
    }
}

static void test_forgeries(long count)
{
    for (int i = 0; i < STREAM_COUNT; i++) {
        long taken = 0;
        size_t size;
        unsigned char *state = state_of(&STREAMS[i], &size), *forged = malloc(size);
        if (forged == NULL)
            abort();
        for (long k = 0; k < count; k++) {
            memcpy(forged, state, size);
            forge_at_random(forged, size);
            taken += load_forged(forged, size, &STREAMS[i]) == VD_OK;
        }
        CHECK(count == 0 || (taken > 0 && taken < count));
        free(forged);
        free(state);
    }
}

int main(int count, char **arguments)
{
    test_resuming();
    test_statuses();
    test_failing_allocations();
    test_damage();
    test_forged_members();
    if (count > 2)
        seed = strtoull(arguments[2], NULL, 10);
    test_forgeries(count > 1 ? strtol(arguments[1], NULL, 10) : 30);
    return check_result();
}
