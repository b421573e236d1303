/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A stream of drawn calls to a denoiser: frames of all dtypes and layouts, priors with pictures and flows of any value, noise
 * that changes. A
 * call that fails writes nothing and leaves no trace; a twin that gets contiguous copies gives the same bits.
 */
#ifndef VDCORE_FUZZ_DENOISER_STREAM_H
#define VDCORE_FUZZ_DENOISER_STREAM_H

#include "states.h"

enum { MAX_STEPS = 10, MAX_PRIORS = 3 };

typedef struct stream {
    draw *d;
    vd_denoiser_params params;
    vd_denoiser *one, *twin;
    int32_t dtype;
    int64_t height, width, channels;
} stream;

/* ---- saved states ---- */

static inline bytes saved(vd_denoiser *denoiser)
{
    bytes state = {NULL, 0};
    REQUIRE(vd_denoiser_save(denoiser, NULL, &state.size) == VD_OK);
    state.data = malloc(state.size);
    REQUIRE(state.data != NULL && vd_denoiser_save(denoiser, state.data, &state.size) == VD_OK);
    return state;
}

static inline bool same_state(vd_denoiser *denoiser, bytes before)
{
    bytes now = saved(denoiser);
    bool same = same_bytes(now, before);
    free(now.data);
    return same;
}

/* The denoiser is replaced by one made from its saved state, which saves the same bytes, or by its copy. */
static inline void replace(stream *s, bool copy)
{
    vd_denoiser *other = NULL;
    bytes state = saved(s->one);
    allocations_left = draw_rarely(s->d, 16) ? (long)draw_below(s->d, 8) : -1;
    vd_status status = copy ? vd_denoiser_copy(&other, s->one) : vd_denoiser_load(&other, state.data, state.size, 1);
    allocations_left = -1;
    REQUIRE(status == VD_OK || status == VD_ERROR_MEMORY);
    if (status == VD_OK) {
        REQUIRE(same_state(other, state));
        vd_denoiser_destroy(s->one);
        s->one = other;
    }
    free(state.data);
}

/* ---- calls ---- */

typedef struct drawn_prior {
    drawn_image picture, flow, plain_picture, plain_flow;
} drawn_prior;

static inline int32_t draw_dtype(draw *d) { return (int32_t)draw_below(d, 4) + VD_U8; }

static inline void draw_flow(draw *d, const vd_image *flow)
{
    uint32_t kind = draw_below(d, 8);
    uint64_t state = draw_bits(d, 2);
    double scale = kind == 0 ? 0 : kind < 4 ? 2 : kind < 6 ? 40 : draw_double(d), special = draw_double(d);
    for (int64_t y = 0; y < flow->height; y++)
        for (int64_t x = 0; x < flow->width; x++)
            for (int64_t c = 0; c < flow->channels; c++) {
                uint64_t bits = draw_next(&state);
                double value = ((double)(bits >> 11) / 9007199254740992.0 - 0.5) * scale;
                put_sample(flow, y, x, c, kind % 2 && (bits & 15) == 0 ? special : kind == 2 ? scale : value);
            }
}

static inline void push(stream *s)
{
    draw *d = s->d;
    int32_t dtype = s->dtype;
    int64_t width = s->width;
    if (draw_rarely(d, 64))
        dtype = 1 + dtype % 4;
    if (draw_rarely(d, 64))
        width++;
    drawn_image frame = draw_layout(d, dtype, s->height, width, s->channels, true);
    draw_samples(d, &frame.view, draw_rarely(d, 8));
    drawn_image plain = contiguous_copy(&frame.view);
    int32_t out_dtype = draw_rarely(d, 4) ? draw_dtype(d) : dtype;
    drawn_image out = draw_layout(d, out_dtype, s->height, width, s->channels, false);
    drawn_image before = contiguous_copy(&out.view), other = contiguous_copy(&out.view);

    drawn_prior drawn[MAX_PRIORS];
    vd_prior priors[MAX_PRIORS], twins[MAX_PRIORS];
    memset(drawn, 0, sizeof drawn);
    size_t count = draw_below(d, MAX_PRIORS + 1);
    for (size_t i = 0; i < count; i++) {
        drawn_prior *prior = drawn + i;
        uint32_t kind = draw_below(d, 8);
        priors[i] = twins[i] = (vd_prior){.noise = kind & 4 ? draw_real(d, 2) : 0};
        if (kind & 1) {
            prior->picture =
                draw_layout(d, draw_rarely(d, 4) ? draw_dtype(d) : dtype, s->height, width, s->channels, true);
            draw_samples(d, &prior->picture.view, draw_rarely(d, 4));
            prior->plain_picture = contiguous_copy(&prior->picture.view);
            priors[i].picture = &prior->picture.view;
            twins[i].picture = &prior->plain_picture.view;
        }
        if (kind & 2) {
            prior->flow = draw_layout(d, VD_F32, s->height, width, 2, true);
            draw_flow(d, &prior->flow.view);
            prior->plain_flow = contiguous_copy(&prior->flow.view);
            priors[i].flow = &prior->flow.view;
            twins[i].flow = &prior->plain_flow.view;
        }
    }

    bytes state = saved(s->one);
    allocations_left = draw_rarely(d, 16) ? (long)draw_below(d, 8) : -1;
    vd_status status = vd_denoiser_push(s->one, &frame.view, NULL, NULL, priors, count, &out.view);
    allocations_left = -1;
    if (status == VD_ERROR_MEMORY) { /* as if nothing had happened */
        REQUIRE(same_samples(&out.view, &before.view));
        status = vd_denoiser_push(s->one, &frame.view, NULL, NULL, priors, count, &out.view);
    }
    if (status != VD_OK)
        REQUIRE(same_samples(&out.view, &before.view) && same_state(s->one, state));
    free(state.data);
    if (status != VD_ERROR_MEMORY) {
        REQUIRE(vd_denoiser_push(s->twin, &plain.view, NULL, NULL, twins, count, &other.view) == status);
        REQUIRE(same_samples(&out.view, &other.view));
    }

    for (size_t i = 0; i < count; i++) {
        free_image(&drawn[i].picture);
        free_image(&drawn[i].flow);
        free_image(&drawn[i].plain_picture);
        free_image(&drawn[i].plain_flow);
    }
    free_image(&frame);
    free_image(&plain);
    free_image(&out);
    free_image(&before);
    free_image(&other);
}

static inline void result(stream *s)
{
    drawn_image out = draw_layout(s->d, draw_below(s->d, 2) ? VD_F32 : VD_F64, s->height, s->width, s->channels, false);
    drawn_image other = contiguous_copy(&out.view);
    vd_status status = vd_denoiser_result(s->one, &out.view);
    REQUIRE(vd_denoiser_result(s->twin, &other.view) == status);
    REQUIRE(same_samples(&out.view, &other.view));
    free_image(&out);
    free_image(&other);
}

static inline void guide(stream *s)
{
    draw *d = s->d;
    bool half = s->params.preset == VD_DENOISER_FAST, own = draw_below(d, 2);
    drawn_image out =
        draw_layout(d, VD_U8, half ? (s->height + 1) / 2 : s->height, half ? (s->width + 1) / 2 : s->width, 1, false);
    drawn_image other = contiguous_copy(&out.view);
    drawn_image picture = draw_layout(d, draw_dtype(d), s->height, s->width, s->channels, true);
    draw_samples(d, &picture.view, draw_rarely(d, 4));
    double low = draw_real(d, 10), high = draw_real(d, 255);
    vd_status status = vd_denoiser_guide(s->one, own ? NULL : &picture.view, low, high, &out.view);
    REQUIRE(vd_denoiser_guide(s->twin, own ? NULL : &picture.view, low, high, &other.view) == status);
    REQUIRE(same_samples(&out.view, &other.view));
    free_image(&out);
    free_image(&other);
    free_image(&picture);
}

/* Another noise, with a drawn spectrum or none, some of it not allowed; what is refused leaves no trace. */
static inline void set_noise(stream *s)
{
    draw *d = s->d;
    float spectrum[5 * 64];
    double range = range_of(s->dtype);
    vd_denoiser_noise noise = {.struct_size = sizeof noise, .sd = draw_rarely(d, 8) ? 0 : draw_real(d, range / 8)};
    noise.offset = noise.sd * noise.sd;
    if (draw_below(d, 2))
        noise.gain = draw_real(d, range / 32) - range / 64;
    if (draw_below(d, 4) > 0) {
        uint64_t state = draw_bits(d, 2);
        double octaves = draw_below(d, 21);
        noise.channels = draw_rarely(d, 8) ? (int64_t)draw_below(d, 6) : s->channels;
        for (int k = 0; k < 5 * 64; k++)
            spectrum[k] = (float)exp2(octaves * ((double)(draw_next(&state) >> 11) / 9007199254740992.0 * 2 - 1));
        if (draw_rarely(d, 8))
            spectrum[draw_below(d, 64)] = (float)draw_double(d);
        noise.spectrum = spectrum;
    }
    bytes state = saved(s->one);
    vd_status status = vd_denoiser_set_noise(s->one, &noise);
    REQUIRE(status == VD_OK || same_state(s->one, state));
    free(state.data);
    REQUIRE(vd_denoiser_set_noise(s->twin, &noise) == status);
}

static inline void set_range(stream *s)
{
    double low = draw_rarely(s->d, 4) ? -INFINITY : draw_real(s->d, 100) - 50;
    double high = draw_rarely(s->d, 4) ? INFINITY : draw_real(s->d, range_of(s->dtype));
    vd_status status = vd_denoiser_set_range(s->one, low, high);
    REQUIRE(status == VD_OK || status == VD_ERROR_PARAMETER);
    REQUIRE(vd_denoiser_set_range(s->twin, low, high) == status);
}

/* A few calls of any kind. */
static inline void run_steps(stream *s, int steps)
{
    for (int step = 0; step < steps && s->d->left > 0; step++) {
        vd_denoiser_info info = {.struct_size = sizeof info};
        switch (draw_below(s->d, 16)) {
        case 7: result(s); break;
        case 8:
        case 9: guide(s); break;
        case 10: REQUIRE(vd_denoiser_reset(s->one) == VD_OK && vd_denoiser_reset(s->twin) == VD_OK); break;
        case 11: REQUIRE(vd_denoiser_get_info(s->one, &info) == VD_OK && info.threads == 1); break;
        case 12: replace(s, true); break;
        case 13: replace(s, false); break;
        case 6: set_range(s); break;
        case 14: set_noise(s); break;
        default: push(s);
        }
    }
}

/* Draw a shape, parameters and an instruction set; create the denoiser and its twin. Returns whether that worked. */
static inline bool start(stream *s)
{
    draw *d = s->d;
    bool wide = draw_rarely(d, 8); /* for whole vectors of patches */
    s->height = 1 + draw_below(d, wide ? 6 : 14);
    s->width = 1 + draw_below(d, wide ? 100 : 20);
    s->channels = draw_below(d, 2) ? 3 : 1 + draw_below(d, 5);
    s->dtype = draw_dtype(d);
    REQUIRE(vd_denoiser_params_init(&s->params, sizeof s->params) == VD_OK);
    double range = range_of(s->dtype);
    s->params.noise = draw_real(d, range / 8);
    if (draw_below(d, 2)) {
        s->params.gain = draw_real(d, range / 32) - range / 64;
        s->params.offset = draw_real(d, range * range / 64);
    }
    s->params.preset = (int32_t)draw_below(d, VD_DENOISER_PRESET_COUNT);
    s->params.priors = draw_rarely(d, 64) ? (int32_t)draw_below(d, 64) : 1 + (int32_t)draw_below(d, MAX_PRIORS);
    s->params.threads = 1;
    choose_instruction_set(draw_below(d, 4));
    vd_status status = vd_denoiser_create(&s->one, &s->params);
    REQUIRE((status == VD_OK) == (s->one != NULL));
    if (status == VD_OK)
        REQUIRE(vd_denoiser_create(&s->twin, &s->params) == VD_OK);
    return status == VD_OK;
}

#endif
