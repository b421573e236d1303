/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Time with a gate and along a flow: the same bits for any number of threads, instruction set and stride, in one call or
 * many, after copies and states; pictures of every small size; flows that lead nowhere; missing pixels; every status, flows
 * that fail and failing allocations. What is computed is held against the float64 oracle in Python.
 */
#define _POSIX_C_SOURCE 200112L /* setenv */
#include "motion/estimate.h"

#include "check.h"
#include "failing_allocations.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Enough pixels for several threads. */
enum { HEIGHT = 140, WIDTH = 250, CHANNELS = 3, PIXELS = HEIGHT * WIDTH, SAMPLES = PIXELS * CHANNELS, FRAMES = 5 };

static uint64_t seed = 1;
static double frames[FRAMES][SAMPLES], outs[FRAMES][SAMPLES], expected[FRAMES][SAMPLES];
static float motion[PIXELS * 2], confidence[PIXELS];
static const double gain[CHANNELS] = {0.1, 0.2, 0}, offset[CHANNELS] = {1e-4, -1, 2e-3};
static const vd_noise noise = {sizeof noise, gain, offset, 1e-3, CHANNELS};

static double uniform(void) { return (double)(check_random(&seed) >> 11) / 9007199254740992.0; }

/* Noise, holes, and pixels that moved: by whole numbers, by parts, beyond the edges, to nowhere. */
static void draw(void)
{
    for (int t = 0; t < FRAMES; t++)
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

/* ---- streams ---- */

/* The flow of every merge; fails at call number `failing`. */
typedef struct flow_calls {
    int count, failing;
} flow_calls;

static vd_status same_flow(void *context, const vd_image *frame, const vd_image *other, const vd_image *flow)
{
    flow_calls *calls = context;
    CHECK(frame->height == HEIGHT && frame->dtype == other->dtype && flow->dtype == VD_F32 && flow->channels == 2);
    if (calls->count++ == calls->failing)
        return VD_ERROR_MEMORY;
    memcpy(flow->data, motion, sizeof motion);
    return VD_OK;
}

typedef struct setting {
    int32_t gated, moving, lookahead, threads;
    vd_dtype dtype;
} setting;

static size_t size_of(vd_dtype dtype) { return dtype == VD_F32 ? sizeof(float) : sizeof(double); }

static vd_diffuser *create(const setting *s, flow_calls *calls)
{
    vd_params params;
    vd_diffuser *d = NULL;
    CHECK_STATUS(vd_params_init(&params, sizeof params), VD_OK);
    params.sigma_y = params.sigma_x = 0.7;
    params.tau = 5;
    params.lookahead = s->lookahead;
    params.threads = s->threads;
    CHECK_STATUS(vd_diffuser_create(&d, &params), VD_OK);
    if (s->gated)
        CHECK_STATUS(vd_diffuser_set_gate(d, &noise), VD_OK);
    if (s->moving)
        CHECK_STATUS(vd_diffuser_set_flow(d, same_flow, calls), VD_OK);
    return d;
}

/* Frame t in the dtype of the stream. */
static vd_image frame_of(const setting *s, int t, void *memory)
{
    if (s->dtype == VD_F64)
        return picture(frames[t], VD_F64, CHANNELS);
    for (int i = 0; i < SAMPLES; i++)
        ((float *)memory)[i] = (float)frames[t][i];
    return picture(memory, VD_F32, CHANNELS);
}

/* Pushes frames from `begin` on and flushes; results into results[ready ..]. */
static void run_from(vd_diffuser *d, const setting *s, int begin, int ready, double (*results)[SAMPLES])
{
    static double memory[SAMPLES];
    vd_image shares = picture(confidence, VD_F32, 1);
    int32_t is_ready;
    for (int t = begin; t < FRAMES; t++) {
        vd_frame frame = {sizeof frame, frame_of(s, t, memory), 1, t % 2 ? &shares : NULL, NULL};
        vd_image out = picture(results[ready < FRAMES ? ready : FRAMES - 1], s->dtype, CHANNELS);
        CHECK_STATUS(vd_diffuser_push(d, &frame, &out, &is_ready), VD_OK);
        ready += is_ready;
    }
    for (is_ready = 1; is_ready;) {
        vd_image out = picture(results[ready < FRAMES ? ready : FRAMES - 1], s->dtype, CHANNELS);
        CHECK_STATUS(vd_diffuser_flush(d, &out, &is_ready), VD_OK);
        ready += is_ready;
    }
    CHECK(ready == FRAMES);
}

static void run(const setting *s, double (*results)[SAMPLES])
{
    flow_calls calls = {0, -1};
    vd_diffuser *d = create(s, &calls);
    memset(results, 0, sizeof expected);
    run_from(d, s, 0, 0, results);
    CHECK((calls.count > 0) == (s->moving != 0));
    vd_diffuser_destroy(d);
}

static const setting SETTINGS[] = {
    {1, 0, 0, 1, VD_F32}, {1, 1, 0, 1, VD_F32}, {0, 1, 0, 1, VD_F64}, {1, 1, 2, 1, VD_F64}, {1, 0, 2, 1, VD_F32},
};
enum { SETTING_COUNT = sizeof SETTINGS / sizeof *SETTINGS };

static void test_same_bits(void)
{
    static const char *const sets[] = {"scalar", "avx2", "avx512", "neon"};
    char *limit = getenv("VDCORE_CPU"), kept[16] = "";
    if (limit != NULL)
        strncpy(kept, limit, sizeof kept - 1);
    for (int k = 0; k < SETTING_COUNT; k++) {
        setting s = SETTINGS[k];
        run(&s, expected);
        for (s.threads = 2; s.threads <= 5; s.threads += 3) {
            run(&s, outs);
            CHECK(memcmp(expected, outs, sizeof outs) == 0);
        }
        s.threads = 1;
#ifndef _WIN32
        for (size_t i = 0; i < sizeof sets / sizeof *sets; i++) {
            setenv("VDCORE_CPU", sets[i], 1);
            run(&s, outs);
            CHECK(memcmp(expected, outs, sizeof outs) == 0);
        }
        if (kept[0])
            setenv("VDCORE_CPU", kept, 1);
        else
            unsetenv("VDCORE_CPU");
#endif
    }
}

static void test_copies_and_states(void)
{
    for (int k = 0; k < SETTING_COUNT; k++) {
        const setting *s = &SETTINGS[k];
        flow_calls calls = {0, -1};
        run(s, expected);
        vd_diffuser *d = create(s, &calls), *copy = NULL, *loaded = NULL;
        static double memory[SAMPLES];
        int32_t is_ready;
        int ready = 0;
        vd_image shares = picture(confidence, VD_F32, 1);
        memset(outs, 0, sizeof outs);
        for (int t = 0; t < 3; t++) {
            vd_frame frame = {sizeof frame, frame_of(s, t, memory), 1, t % 2 ? &shares : NULL, NULL};
            vd_image out = picture(outs[ready], s->dtype, CHANNELS);
            CHECK_STATUS(vd_diffuser_push(d, &frame, &out, &is_ready), VD_OK);
            ready += is_ready;
        }
        size_t size = 0;
        CHECK_STATUS(vd_diffuser_copy(&copy, d), VD_OK);
        CHECK_STATUS(vd_diffuser_save(d, NULL, &size), VD_OK);
        char *state = malloc(size);
        CHECK_STATUS(vd_diffuser_save(d, state, &size), VD_OK);
        CHECK_STATUS(vd_diffuser_load(&loaded, state, size, 1), VD_OK);
        if (s->moving) {
            vd_frame frame = {sizeof frame, frame_of(s, 3, memory), 1, NULL, NULL};
            vd_image out = picture(memory, s->dtype, CHANNELS);
            CHECK_STATUS(vd_diffuser_push(loaded, &frame, &out, &is_ready), VD_ERROR_FLOW);
            CHECK_STATUS(vd_diffuser_set_flow(loaded, NULL, NULL), VD_ERROR_PARAMETER);
            CHECK_STATUS(vd_diffuser_set_flow(loaded, same_flow, &calls), VD_OK);
        } else
            CHECK_STATUS(vd_diffuser_set_flow(loaded, same_flow, &calls), VD_ERROR_PARAMETER);
        CHECK_STATUS(vd_diffuser_set_gate(loaded, NULL), VD_ERROR_PARAMETER);
        vd_diffuser *twins[] = {d, copy, loaded};
        for (int i = 0; i < 3; i++) {
            run_from(twins[i], s, 3, ready, outs);
            CHECK(memcmp(expected, outs, sizeof outs) == 0);
            if (i > 0)
                vd_diffuser_destroy(twins[i]);
        }
        CHECK_STATUS(vd_diffuser_reset(d), VD_OK); /* settings stay */
        run_from(d, s, 0, 0, outs);
        CHECK(memcmp(expected, outs, sizeof outs) == 0);
        vd_diffuser_destroy(d);

        for (size_t i = 0; i < size; i += 1 + size / 97) {
            state[i] ^= 1;
            CHECK_STATUS(vd_diffuser_load(&loaded, state, size, 1), VD_ERROR_STATE);
            state[i] ^= 1;
        }
        free(state);
    }
}

/* A flow that fails, and a frame that is refused, leave no trace. */
static void test_failing_flows(void)
{
    static double memory[SAMPLES], untouched[SAMPLES];
    for (int k = 0; k < SETTING_COUNT; k++) {
        const setting *s = &SETTINGS[k];
        if (!s->moving)
            continue;
        run(s, expected);
        memset(untouched, 7, sizeof untouched);
        for (int failing = 0; failing < 4 + 6 * (s->lookahead > 0); failing++) {
            flow_calls calls = {0, failing};
            vd_diffuser *d = create(s, &calls);
            vd_image shares = picture(confidence, VD_F32, 1), out;
            int ready = 0, failures = 0;
            int32_t is_ready = 0;
            for (int t = 0; t < FRAMES;) {
                vd_frame frame = {sizeof frame, frame_of(s, t, memory), 1, t % 2 ? &shares : NULL, NULL};
                memset(outs[ready], 7, sizeof *outs);
                out = picture(outs[ready], s->dtype, CHANNELS);
                vd_status status = vd_diffuser_push(d, &frame, &out, &is_ready);
                if (status == VD_OK) {
                    ready += is_ready;
                    t++;
                    continue;
                }
                failures++;
                CHECK_STATUS(status, VD_ERROR_FLOW);
                CHECK(memcmp(outs[ready], untouched, sizeof untouched) == 0);
            }
            for (is_ready = 1; is_ready; ready += is_ready) {
                out = picture(outs[ready < FRAMES ? ready : FRAMES - 1], s->dtype, CHANNELS);
                if (vd_diffuser_flush(d, &out, &is_ready) == VD_OK)
                    continue;
                failures++;
                CHECK(!is_ready);
                is_ready = 1, ready--;
            }
            CHECK(failures == 1);
            size_t bytes = SAMPLES * size_of(s->dtype);
            for (int t = 0; t < FRAMES; t++)
                CHECK(memcmp(expected[t], outs[t], bytes) == 0);
            vd_diffuser_destroy(d);
        }
    }
}

/* ---- merges ---- */

/* Every small size and number of channels, with flows that are whole, lead out of the picture or are lost: of two frames
 * that show the same, the weights add up where the flow stays inside, and the values stay what they are. */
static void test_sizes(void)
{
    static const float shifts[] = {0, 0.5f, 0.75f, -0.75f, 3, -40, 1e30f, NAN, INFINITY};
    static double samples[12 * 12 * 6], values[12 * 12 * 6];
    static float flow[12 * 12 * 2];
    double gains[6] = {0.1, 0.1, 0.1, 0.1, 0.1, 0.1}, offsets[6] = {0};
    for (size_t i = 0; i < sizeof samples / sizeof *samples; i++)
        samples[i] = 0.5;
    for (int64_t height = 1; height <= 12; height += 1 + height / 3)
        for (int64_t width = 1; width <= 12; width += 1 + width / 3)
            for (int64_t channels = 1; channels <= 6; channels++) {
                vd_estimates e = {0};
                vd_estimate a = {0}, out = {0};
                CHECK_STATUS(vd_estimates_start(&e, VD_F64, height, width, channels, 3), VD_OK);
                CHECK(vd_estimate_create(&e, &a) && vd_estimate_create(&e, &out));
                vd_image frame = vd_image_contiguous(samples, VD_F64, height, width, channels);
                vd_image moved = vd_image_contiguous(flow, VD_F32, height, width, 2);
                vd_measurement measured = {&frame, NULL, gains, offsets, 0};
                vd_merge first = {.frame = &measured, .out = &a};
                vd_estimate_merge(&e, &first);
                for (size_t s = 0; s < 2 * (sizeof shifts / sizeof *shifts); s++) {
                    double shift = shifts[s / 2];
                    for (int64_t i = 0; i < height * width; i++) {
                        flow[2 * i] = s % 2 ? 0 : shifts[s / 2];
                        flow[2 * i + 1] = s % 2 ? shifts[s / 2] : 0;
                    }
                    vd_merge merge = {.frame = &measured,
                                      .b = &a,
                                      .flow = &moved,
                                      .decay = 0.5,
                                      .gated = true,
                                      .out = &out,
                                      .values = values};
                    vd_estimate_merge(&e, &merge);
                    int good = 1;
                    for (int64_t i = 0; i < height * width; i++) {
                        double at = (double)(s % 2 ? i / width : i % width) + shift;
                        int inside = at >= -0.5 && at <= (double)(s % 2 ? height : width) - 0.5;
                        const double *pair = (double *)out.rows + (i / width) * e.layout.pitch +
                                             vd_estimate_evidence(&e.layout) + 2 * (i % width);
                        for (int64_t c = 0; c < channels; c++)
                            good &= fabs(values[i * channels + c] - 0.5) < 1e-15;
                        good &= fabs(pair[0] - (inside ? 1.5 : 1)) < 1e-12;
                        good &= inside ? pair[1] < 0.049 : fabs(pair[1] - 0.05) < 1e-15;
                    }
                    CHECK(good);
                }
                vd_estimate_destroy(&a);
                vd_estimate_destroy(&out);
                vd_estimates_free(&e);
            }
}

static void test_measurements(void)
{
    double samples[] = {0.25, NAN, 0.5, 1, 0.75, 0.5}, shares[] = {1, 1, 0.5, 0.25, 1e-30, 1}, mean, variance;
    vd_estimates e = {0};
    vd_estimate estimate = {0};
    CHECK_STATUS(vd_estimates_start(&e, VD_F64, 1, 3, 2, 1), VD_OK);
    CHECK(vd_estimate_create(&e, &estimate));
    vd_image frame = vd_image_contiguous(samples, VD_F64, 1, 3, 2), part = vd_image_contiguous(shares, VD_F64, 1, 3, 2);
    vd_measurement measured = {&frame, &part, gain, offset, 1e-3};
    vd_merge merge = {.frame = &measured, .out = &estimate};
    vd_estimate_merge(&e, &merge);
    const double *pairs = (double *)estimate.rows + vd_estimate_evidence(&e.layout);
    CHECK(pairs[0] == 0 && pairs[1] == 0); /* NaN in one channel */
    CHECK(pairs[2] == 0.25);               /* the smallest of its samples */
    CHECK(fabs(pairs[3] - (0.1 * 0.5 + 1e-4 + 1e-3) / 2) < 1e-15);
    CHECK(pairs[4] == 0 && pairs[5] == 0);
    vd_estimate_means(&e, &estimate, &mean, &variance);
    CHECK(fabs(mean - 0.25 / 3) < 1e-15 && variance == pairs[3]);
    CHECK(vd_estimate_restore(&e, &estimate) && !estimate.whole[0]);
    ((double *)estimate.rows)[vd_estimate_evidence(&e.layout) + 2] = -1;
    CHECK(!vd_estimate_restore(&e, &estimate));
    vd_estimate_destroy(&estimate);
    vd_estimates_free(&e);
}

/* ---- statuses ---- */

static void test_statuses(void)
{
    setting s = {0, 0, 0, 1, VD_F64};
    flow_calls calls = {0, -1};
    vd_diffuser *d = create(&s, &calls);
    vd_noise other = noise;
    CHECK_STATUS(vd_diffuser_set_gate(NULL, &noise), VD_ERROR_NULL);
    CHECK_STATUS(vd_diffuser_set_flow(NULL, same_flow, NULL), VD_ERROR_NULL);
    CHECK_STATUS(vd_diffuser_set_gate(d, NULL), VD_OK);
    CHECK_STATUS(vd_diffuser_set_flow(d, NULL, NULL), VD_OK);
    static const double not_finite[] = {0, NAN, 0};
    other.gain = not_finite;
    CHECK_STATUS(vd_diffuser_set_gate(d, &other), VD_ERROR_PARAMETER);
    other = noise;
    other.offset = not_finite;
    CHECK_STATUS(vd_diffuser_set_gate(d, &other), VD_ERROR_PARAMETER);
    other = noise;
    other.gain = NULL;
    CHECK_STATUS(vd_diffuser_set_gate(d, &other), VD_ERROR_NULL);
    other = noise;
    other.min_variance = -1;
    CHECK_STATUS(vd_diffuser_set_gate(d, &other), VD_ERROR_PARAMETER);
    other.min_variance = INFINITY;
    CHECK_STATUS(vd_diffuser_set_gate(d, &other), VD_ERROR_PARAMETER);
    other = noise;
    other.channels = 0;
    CHECK_STATUS(vd_diffuser_set_gate(d, &other), VD_ERROR_PARAMETER);
    other.struct_size--;
    CHECK_STATUS(vd_diffuser_set_gate(d, &other), VD_ERROR_STRUCT_SIZE);

    CHECK_STATUS(vd_diffuser_set_gate(d, &noise), VD_OK);
    static double grey[PIXELS];
    vd_frame frame = {sizeof frame, picture(grey, VD_F64, 1), 1, NULL, NULL};
    vd_image out = picture(grey, VD_F64, 1);
    CHECK_STATUS(vd_diffuser_push(d, &frame, &out, NULL), VD_ERROR_SHAPE); /* noise of three channels */
    other = noise;
    other.channels = 1;
    CHECK_STATUS(vd_diffuser_set_gate(d, &other), VD_OK);
    CHECK_STATUS(vd_diffuser_push(d, &frame, &out, NULL), VD_OK);
    CHECK_STATUS(vd_diffuser_set_gate(d, &other), VD_ERROR_PARAMETER);
    CHECK_STATUS(vd_diffuser_set_flow(d, same_flow, &calls), VD_ERROR_PARAMETER);
    grey[PIXELS / 2] = INFINITY;
    CHECK_STATUS(vd_diffuser_push(d, &frame, &out, NULL), VD_ERROR_INFINITE);
    grey[PIXELS / 2] = 0;
    vd_image shares = picture(confidence, VD_F32, 1);
    frame.confidence = &shares;
    static const float wrong[] = {NAN, -0.1f, 1.1f};
    for (int i = 0; i < 3; i++) {
        float kept = confidence[i * (PIXELS - 1) / 2];
        confidence[i * (PIXELS - 1) / 2] = wrong[i];
        CHECK_STATUS(vd_diffuser_push(d, &frame, &out, NULL), VD_ERROR_CONFIDENCE);
        confidence[i * (PIXELS - 1) / 2] = kept;
    }
    CHECK_STATUS(vd_diffuser_push(d, &frame, &out, NULL), VD_OK);
    vd_diffuser_destroy(d);

    vd_params params;
    CHECK_STATUS(vd_params_init(&params, sizeof params), VD_OK);
    for (int i = 0; i < 2; i++) {
        params.normalize = i;
        params.dither = i ? VD_DITHER_ORDERED : VD_DITHER_OFF;
        CHECK_STATUS(vd_diffuser_create(&d, &params), VD_OK);
        CHECK_STATUS(vd_diffuser_set_gate(d, &noise), VD_ERROR_PARAMETER);
        CHECK_STATUS(vd_diffuser_set_flow(d, same_flow, &calls), VD_ERROR_PARAMETER);
        vd_diffuser_destroy(d);
    }

    static uint8_t guides[2][PIXELS];
    vd_image guide = picture(guides[0], VD_U8, 1), other_guide = picture(guides[1], VD_U8, 1), bad = guide;
    vd_image image = picture(grey, VD_F64, 1);
#define GUIDES(frame, blur, guide) vd_flow_guides((frame), &image, (blur), (guide), &other_guide, 1)
    CHECK_STATUS(GUIDES(&image, 1, &guide), VD_OK);
    CHECK_STATUS(GUIDES(NULL, 1, &guide), VD_ERROR_NULL);
    CHECK_STATUS(GUIDES(&guide, 1, &guide), VD_ERROR_DTYPE);
    CHECK_STATUS(GUIDES(&image, 1, &image), VD_ERROR_DTYPE);
    CHECK_STATUS(GUIDES(&image, 0, &guide), VD_ERROR_PARAMETER);
    CHECK_STATUS(GUIDES(&image, 2.1, &guide), VD_ERROR_PARAMETER);
    CHECK_STATUS(GUIDES(&image, NAN, &guide), VD_ERROR_PARAMETER);
    bad.height--;
    CHECK_STATUS(GUIDES(&image, 1, &bad), VD_ERROR_SHAPE);
}

static void test_failing_allocations(void)
{
    static double memory[SAMPLES];
    for (int k = 0; k < SETTING_COUNT && CAN_FAIL; k++)
        for (long failing = 0, done = 0; !done && failing < 400; failing++) {
            setting s = SETTINGS[k];
            flow_calls calls = {0, -1};
            vd_diffuser *d = create(&s, &calls);
            int32_t ready;
            vd_image out = picture(outs[0], s.dtype, CHANNELS);
            vd_status statuses[FRAMES];
            for (int t = 0; t < FRAMES; t++) {
                vd_frame frame = {sizeof frame, frame_of(&s, t, memory), 1, NULL, NULL};
                allocations_left = t == 0 ? failing : allocations_left;
                statuses[t] = vd_diffuser_push(d, &frame, &out, &ready);
                if (statuses[t] == VD_ERROR_MEMORY)
                    statuses[t] = vd_diffuser_push(d, &frame, &out, &ready);
                CHECK_STATUS(statuses[t], VD_OK);
            }
            done = allocations_left >= 0;
            allocations_left = -1;
            CHECK(!done || failing >= 10);
            vd_diffuser_destroy(d);
        }
}

int main(void)
{
    draw();
    test_same_bits();
    test_copies_and_states();
    test_failing_flows();
    test_sizes();
    test_measurements();
    test_statuses();
    test_failing_allocations();
    return check_result();
}
