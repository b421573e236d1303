/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The denoiser: drawn noise, frames of all dtypes and layouts, priors with pictures and flows of any value. A call that
 * fails writes nothing and leaves no trace; a twin that gets contiguous copies gives the same bits.
 */
#include "draw.h"

enum { MAX_STEPS = 10, MAX_PRIORS = 3 };

typedef struct stream {
    draw *d;
    vd_denoiser_params params;
    vd_denoiser *one, *twin;
    int32_t dtype;
    int64_t height, width, channels;
} stream;

typedef struct drawn_prior {
    drawn_image picture, flow, plain_picture, plain_flow;
} drawn_prior;

static int32_t draw_dtype(draw *d) { return (int32_t)draw_below(d, 4) + VD_U8; }

static void draw_flow(draw *d, const vd_image *flow)
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

static void push(stream *s)
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

    vd_status status = vd_denoiser_push(s->one, &frame.view, priors, count, &out.view);
    if (status != VD_OK)
        REQUIRE(same_samples(&out.view, &before.view));
    if (status != VD_ERROR_MEMORY) {
        REQUIRE(vd_denoiser_push(s->twin, &plain.view, twins, count, &other.view) == status);
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

static void result(stream *s)
{
    drawn_image out = draw_layout(s->d, draw_below(s->d, 2) ? VD_F32 : VD_F64, s->height, s->width, s->channels, false);
    drawn_image other = contiguous_copy(&out.view);
    vd_status status = vd_denoiser_result(s->one, &out.view);
    REQUIRE(vd_denoiser_result(s->twin, &other.view) == status);
    REQUIRE(same_samples(&out.view, &other.view));
    free_image(&out);
    free_image(&other);
}

static void guide(stream *s)
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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    draw d = {data, size};
    stream s = {.d = &d, .height = 1 + draw_below(&d, 24), .width = 1 + draw_below(&d, 32)};
    s.channels = draw_below(&d, 2) ? 3 : 1 + draw_below(&d, 5);
    s.dtype = draw_dtype(&d);
    if (draw_rarely(&d, 8))
        s.width = 1 + draw_below(&d, 100);
    REQUIRE(vd_denoiser_params_init(&s.params, sizeof s.params) == VD_OK);
    double range = s.dtype == VD_U8 ? 255 : s.dtype == VD_U16 ? 65535 : 1;
    s.params.noise = draw_real(&d, range / 8);
    if (draw_below(&d, 2)) {
        s.params.gain = draw_real(&d, 2 * range / 64) - range / 64;
        s.params.offset = draw_real(&d, range * range / 64);
    }
    s.params.preset = (int32_t)draw_below(&d, VD_DENOISER_PRESET_COUNT);
    s.params.priors = 1 + (int32_t)draw_below(&d, MAX_PRIORS);
    s.params.threads = 1;
    if (draw_rarely(&d, 64))
        s.params.priors = (int32_t)draw_bits(&d, 4) % 64;
    choose_instruction_set(draw_below(&d, 4));
    vd_status status = vd_denoiser_create(&s.one, &s.params);
    REQUIRE((status == VD_OK) == (s.one != NULL));
    if (status != VD_OK)
        return 0;
    REQUIRE(vd_denoiser_create(&s.twin, &s.params) == VD_OK);
    for (int step = 0; step < MAX_STEPS && d.left > 0; step++) {
        vd_denoiser_info info = {.struct_size = sizeof info};
        switch (draw_below(&d, 12)) {
        case 7: result(&s); break;
        case 8:
        case 9: guide(&s); break;
        case 10: REQUIRE(vd_denoiser_reset(s.one) == VD_OK && vd_denoiser_reset(s.twin) == VD_OK); break;
        case 11: REQUIRE(vd_denoiser_get_info(s.one, &info) == VD_OK && info.threads == 1); break;
        default: push(&s);
        }
    }
    vd_denoiser_destroy(s.one);
    vd_denoiser_destroy(s.twin);
    return 0;
}
