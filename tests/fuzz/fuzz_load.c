/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hostile states of diffusers. What is refused leaves nothing behind; what is accepted must be a diffuser like any other: it
 * saves the same bytes, and takes any calls with the same results as its copy.
 */
#include "stream.h"

/* The parameters and the scalars of a stream, as the state holds them. */
enum { INTEGERS_AT = MEMBERS_AT + 64, REALS_AT = INTEGERS_AT + 24, SCALARS = 288 };

/* What the state says of the work for one frame. */
static vd_params params_of(bytes state)
{
    vd_params params;
    int32_t integers[6];
    double reals[8], more[5];
    REQUIRE(vd_params_init(&params, sizeof params) == VD_OK);
    if (state.size < REALS_AT + sizeof more + 8)
        return params;
    memcpy(reals, state.data + MEMBERS_AT, sizeof reals);
    memcpy(integers, state.data + INTEGERS_AT, sizeof integers);
    memcpy(more, state.data + REALS_AT, sizeof more);
    memcpy(&params.patch, state.data + REALS_AT + sizeof more, 4);
    memcpy(&params.search, state.data + REALS_AT + sizeof more + 4, 4);
    params.sigma_y = reals[0];
    params.sigma_x = reals[1];
    params.truncate = reals[3];
    params.model = integers[0];
    params.normalize = integers[1];
    params.boundary = integers[2];
    params.lookahead = integers[4];
    params.diffusivity = more[3];
    return params;
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
        REQUIRE(vd_diffuser_set_diffusivity(s.one, &map.view) == VD_OK);
        free_image(&map);
    }
    if (draw_below(d, 2)) {
        draw_motion(&s);
        (void)set_motion(&s, s.one);
    }
    for (uint32_t left = draw_below(d, 5); left > 0; left--) {
        drawn_frame frame;
        int32_t ready;
        draw_frame(&s, &frame);
        (void)vd_diffuser_push(s.one, &frame.frame, &frame.out.view, &ready);
        free_frame(&frame);
    }
    state = saved(s.one);
    vd_params params = params_of(state);
    REQUIRE(params.sigma_y == s.params.sigma_y && params.lookahead == s.params.lookahead);
    REQUIRE(params.model == s.params.model && params.truncate == s.params.truncate);
    vd_diffuser_destroy(s.one);
    return state;
}

/* Use what was accepted. */
static void use(draw *d, vd_diffuser *diffuser, vd_params params)
{
    vd_info info = {.struct_size = sizeof info};
    REQUIRE(vd_diffuser_info(diffuser, &info) == VD_OK);
    stream s = {.d = d, .params = params, .one = diffuser, .compared = true};
    vd_status status = vd_diffuser_copy(&s.twin, diffuser);
    REQUIRE(status == VD_OK || status == VD_ERROR_MEMORY);
    if (status == VD_OK) {
        bytes state = saved(diffuser);
        REQUIRE(same_state(s.twin, state));
        free(state.data);
        s.dtype = info.dtype != 0 ? info.dtype : draw_dtype(d);
        s.height = info.dtype != 0 ? info.height : 1 + draw_below(d, 6);
        s.width = info.dtype != 0 ? info.width : 1 + draw_below(d, 6);
        s.channels = info.dtype != 0 ? info.channels : 1 + draw_below(d, 3);
        s.motion.salt = draw_bits(d, 2);
        s.motion.kind = draw_below(d, 8);
        s.motion.moving = draw_below(d, 2);
        if (s.motion.moving)
            s.motion.moving = set_motion(&s, s.one) == VD_OK;
        if (s.motion.moving)
            REQUIRE(set_motion(&s, s.twin) == VD_OK);
        run_steps(&s, 6);
        vd_diffuser_destroy(s.twin);
    }
    vd_diffuser_destroy(s.one);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    draw d = {data, size};
    bool real = !draw_rarely(&d, 8), fixed = !draw_rarely(&d, 8);
    uint32_t offset = draw_below(&d, 8);
    choose_instruction_set(draw_below(&d, 4));
    bytes state = real ? draw_state(&d) : draw_bytes(&d);
    if (state.data == NULL)
        return 0;
    if (real)
        damage(&d, &state, SCALARS);
    if (fixed)
        fix_header(state);
    vd_params params = params_of(state);
    if (!takes_long(&params, (double)state.size)) { /* as it would with a caller's parameters */
        vd_diffuser *diffuser = NULL;
        bytes exact = exact_copy(state, offset);
        allocations_left = draw_rarely(&d, 16) ? (long)draw_below(&d, 32) : -1;
        vd_status status = vd_diffuser_load(&diffuser, exact.data + offset, exact.size, 1);
        allocations_left = -1;
        free(exact.data);
        REQUIRE((status == VD_OK) == (diffuser != NULL));
        REQUIRE(status == VD_OK || status == VD_ERROR_STATE || status == VD_ERROR_MEMORY);
        if (status == VD_OK)
            use(&d, diffuser, params);
    }
    free(state.data);
    return 0;
}
