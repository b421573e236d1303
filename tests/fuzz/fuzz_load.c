/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Saved states as a hostile caller hands them over: any bytes, or the state of a real stream with some bytes changed. What
 * is refused leaves nothing behind; what is accepted must be a diffuser like any other: it saves, copies, takes frames
 * and flushes.
 */
#include "stream.h"

enum { MAX_CHANGES = 8 };

/* ---- the layout of a state ---- */

/* Where the parameters lie in a state. */
static size_t params_offset(void)
{
    static size_t offset;
    if (offset == 0) {
        vd_params params;
        vd_diffuser *diffuser;
        REQUIRE(vd_params_init(&params, sizeof params) == VD_OK);
        params.sigma_y = 1.234567890123;
        params.threads = 1;
        REQUIRE(vd_diffuser_create(&diffuser, &params) == VD_OK);
        bytes state = saved(diffuser);
        vd_diffuser_destroy(diffuser);
        while (offset + sizeof params <= state.size && memcmp(state.data + offset, &params, sizeof params) != 0)
            offset++;
        REQUIRE(offset + sizeof params <= state.size);
        free(state.data);
    }
    return offset;
}

/* Whether the state's diffuser would be slow, or reserve much memory, as a caller's with the same parameters would. */
static bool is_heavy(bytes state)
{
    vd_params params;
    if (state.size < params_offset() + sizeof params)
        return false;
    memcpy(&params, state.data + params_offset(), sizeof params);
    return takes_long(&params, (double)state.size);
}

/* The size that the header states, made right. */
static void fix_up(bytes state)
{
    uint64_t size = state.size;
    if (state.size >= 24)
        memcpy(state.data + 16, &size, sizeof size);
}

/* ---- drawn states ---- */

static bytes draw_bytes(draw *d)
{
    bytes state = {malloc(d->left + 1), d->left};
    REQUIRE(state.data != NULL);
    memcpy(state.data, d->at, d->left);
    d->left = 0;
    return state;
}

/* The state of a stream of a few small frames. */
static bytes draw_state(draw *d)
{
    stream s = {
        .d = d, .height = 1 + draw_below(d, 6), .width = 1 + draw_below(d, 6), .channels = 1 + draw_below(d, 3)};
    s.dtype = draw_dtype(d);
    s.params = draw_params(d, draw_below(d, 2), (double)(s.height * s.width * s.channels));
    bytes state = {NULL, 0};
    if (create(&s.one, &s.params) != VD_OK)
        return state;
    if (s.params.model == VD_MODEL_LAPLACIAN && draw_below(d, 2)) {
        drawn_image map = contiguous_image(VD_F64, s.height, s.width, 1);
        memset(map.memory, 0, map.size);
        (void)vd_diffuser_set_diffusivity(s.one, &map.view);
        free_image(&map);
    }
    for (uint32_t left = draw_below(d, 5); left > 0; left--) {
        drawn_frame frame;
        int32_t ready;
        draw_frame(&s, &frame);
        (void)vd_diffuser_push(s.one, &frame.frame, &frame.out.view, &ready);
        free_frame(&frame);
    }
    state = saved(s.one);
    vd_diffuser_destroy(s.one);
    return state;
}

static void put_bytes(bytes state, size_t at, const void *from, size_t size)
{
    if (at < state.size)
        memcpy(state.data + at, from, size < state.size - at ? size : state.size - at);
}

/* Change a few of the members or samples; returns whether the state is then cut or longer. */
static void damage(draw *d, bytes *state)
{
    static const int64_t integers[] = {0,   1,   -1,    2,       3,         4,         7,        32,
                                       128, 256, 65535, 1 << 20, INT32_MAX, INT32_MIN, INT64_MAX};
    const size_t header = params_offset() + sizeof(vd_params) + 128;
    for (uint32_t left = draw_below(d, MAX_CHANGES); left > 0; left--) {
        uint32_t kind = draw_below(d, 8);
        size_t room = kind & 1 || state->size < header ? state->size : header;
        size_t at = draw_below(d, (uint32_t)room + 1);
        int64_t integer = integers[draw_below(d, sizeof integers / sizeof *integers)];
        int32_t half = (int32_t)integer;
        double real = draw_double(d);
        uint8_t byte = (uint8_t)draw_bits(d, 1);
        switch (kind >> 1) {
        case 0: put_bytes(*state, at & ~(size_t)3, &half, sizeof half); break;
        case 1: put_bytes(*state, at & ~(size_t)7, &integer, sizeof integer); break;
        case 2: put_bytes(*state, at & ~(size_t)7, &real, sizeof real); break;
        default: put_bytes(*state, at, &byte, 1);
        }
    }
    uint32_t end = draw_below(d, 8);
    if (end < 2) { /* cut, or longer */
        size_t size = end == 0 ? draw_below(d, (uint32_t)state->size + 1) : state->size + draw_below(d, 64);
        uint8_t *data = calloc(1, size + 1);
        REQUIRE(data != NULL);
        memcpy(data, state->data, size < state->size ? size : state->size);
        free(state->data);
        *state = (bytes){data, size};
    }
}

/* ---- what was accepted ---- */

static void use(draw *d, vd_diffuser *diffuser)
{
    vd_info info = {.struct_size = sizeof info};
    REQUIRE(vd_diffuser_info(diffuser, &info) == VD_OK);
    bytes state = saved(diffuser);
    vd_diffuser *copy = NULL;
    vd_status status = vd_diffuser_copy(&copy, diffuser);
    REQUIRE(status == VD_OK || status == VD_ERROR_MEMORY || copy == NULL);
    REQUIRE(status != VD_OK || same_state(copy, state));
    free(state.data);
    vd_diffuser_destroy(copy);

    stream s = {.d = d, .one = diffuser, .dtype = info.dtype, .height = info.height};
    s.width = info.width;
    s.channels = info.channels;
    s.params.normalize = 1;
    if (info.dtype == 0) {
        s.dtype = draw_dtype(d);
        s.height = 1 + draw_below(d, 4);
        s.width = 1 + draw_below(d, 4);
        s.channels = 1 + draw_below(d, 2);
    }
    int32_t ready = 0;
    for (int i = 0; i < 3; i++) {
        drawn_frame frame;
        draw_frame(&s, &frame);
        (void)vd_diffuser_push(diffuser, &frame.frame, &frame.out.view, &ready);
        free_frame(&frame);
    }
    drawn_image out = contiguous_image(VD_F64, s.height, s.width, s.channels);
    for (int i = 0; i < 3; i++)
        (void)vd_diffuser_flush(diffuser, &out.view, &ready);
    free_image(&out);
    REQUIRE(vd_diffuser_reset(diffuser) == VD_OK);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    draw d = {data, size};
    bool real = draw_below(&d, 4) != 0, fixed = draw_below(&d, 8) != 0;
    bytes state = real ? draw_state(&d) : draw_bytes(&d);
    if (state.data == NULL)
        return 0;
    if (real)
        damage(&d, &state);
    if (fixed)
        fix_up(state);
    /* to the byte, for AddressSanitizer */
    uint8_t *exact = malloc(state.size);
    REQUIRE(exact != NULL || state.size == 0);
    if (state.size > 0)
        memcpy(exact, state.data, state.size);
    vd_diffuser *diffuser = NULL;
    if (!is_heavy(state)) {
        vd_status status = vd_diffuser_load(&diffuser, exact, state.size, 1);
        REQUIRE((status == VD_OK) == (diffuser != NULL));
    }
    free(exact);
    free(state.data);
    if (diffuser != NULL)
        use(&d, diffuser);
    vd_diffuser_destroy(diffuser);
    return 0;
}
