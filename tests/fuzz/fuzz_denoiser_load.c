/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hostile states of denoisers. What is refused leaves nothing behind; what is accepted must be a denoiser like any other: it
 * saves the same bytes, and takes any calls with the same results as its copy.
 */
#include "denoiser_stream.h"

/* Bytes of the parameters, the spectrum and the scalars of a stream in a state; where the preset is. */
enum { SCALARS = 32 + 8 + 4 * 64 * 4 + 36, PRESET_AT = MEMBERS_AT + 24 };

/* The state of a stream after a few frames. */
static bytes draw_state(draw *d)
{
    stream s = {.d = d};
    bytes state = {NULL, 0};
    if (start(&s)) {
        run_steps(&s, 3);
        state = saved(s.one);
        vd_denoiser_destroy(s.one);
        vd_denoiser_destroy(s.twin);
    }
    return state;
}

/* Use what was accepted. */
static void use(draw *d, vd_denoiser *denoiser, int32_t preset)
{
    vd_denoiser_info info = {.struct_size = sizeof info};
    REQUIRE(vd_denoiser_get_info(denoiser, &info) == VD_OK);
    stream s = {.d = d, .one = denoiser, .params.preset = preset};
    vd_status status = vd_denoiser_copy(&s.twin, denoiser);
    REQUIRE(status == VD_OK || status == VD_ERROR_MEMORY);
    if (status == VD_OK) {
        bytes state = saved(denoiser);
        REQUIRE(same_state(s.twin, state));
        free(state.data);
        s.dtype = info.dtype != 0 ? info.dtype : draw_dtype(d);
        s.height = info.dtype != 0 ? info.height : 1 + draw_below(d, 12);
        s.width = info.dtype != 0 ? info.width : 1 + draw_below(d, 12);
        s.channels = info.dtype != 0 ? info.channels : 1 + draw_below(d, 3);
        run_steps(&s, 4);
        vd_denoiser_destroy(s.twin);
    }
    vd_denoiser_destroy(s.one);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    draw d = {data, size};
    bool real = !draw_rarely(&d, 8), fixed = !draw_rarely(&d, 8);
    uint32_t offset = draw_below(&d, 8);
    bytes state = real ? draw_state(&d) : draw_bytes(&d);
    if (state.data == NULL)
        return 0;
    if (real)
        damage(&d, &state, SCALARS);
    if (fixed)
        fix_header(state);
    vd_denoiser *denoiser = NULL;
    bytes exact = exact_copy(state, offset);
    vd_status status = vd_denoiser_load(&denoiser, exact.data + offset, exact.size, 1);
    free(exact.data);
    int32_t preset = 0;
    if (status == VD_OK)
        memcpy(&preset, state.data + PRESET_AT, sizeof preset);
    free(state.data);
    REQUIRE((status == VD_OK) == (denoiser != NULL));
    REQUIRE(status == VD_OK || status == VD_ERROR_STATE || status == VD_ERROR_MEMORY);
    if (status == VD_OK)
        use(&d, denoiser, preset);
    return 0;
}
