/* SPDX-License-Identifier: Apache-2.0 */
/* Streams with a gate, a flow or both, and any spatial model; pictures to estimate flow from. */
#include "stream.h"

/* Any layout gives the bytes that contiguous images give. */
static void flow_guides(draw *d)
{
    int64_t height, width, channels;
    draw_shape(d, &height, &width, &channels);
    int32_t dtype = draw_dtype(d);
    drawn_image frame = draw_layout(d, dtype, height, width, channels, true);
    drawn_image other = draw_layout(d, dtype, height, width, channels, true);
    draw_samples(d, &frame.view, true);
    draw_samples(d, &other.view, true);
    drawn_image guides[4], plain[2] = {contiguous_copy(&frame.view), contiguous_copy(&other.view)};
    for (int i = 0; i < 4; i++)
        guides[i] = i < 2 ? draw_layout(d, VD_U8, height, width, 1, false) : contiguous_image(VD_U8, height, width, 1);
    double blur = draw_real(d, 2);
    vd_status status = vd_flow_guides(&frame.view, &other.view, blur, &guides[0].view, &guides[1].view, 1);
    REQUIRE(vd_flow_guides(&plain[0].view, &plain[1].view, blur, &guides[2].view, &guides[3].view, 1) == status);
    for (int i = 0; i < 2; i++)
        REQUIRE(same_samples(&guides[i].view, &guides[i + 2].view));
    for (int i = 0; i < 4; i++)
        free_image(guides + i);
    for (int i = 0; i < 2; i++)
        free_image(plain + i);
    free_image(&frame);
    free_image(&other);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    draw d = {data, size};
    uint32_t kind = draw_below(&d, 8);
    if (kind == 7)
        flow_guides(&d);
    else
        run_stream(d.at, d.left, kind & 1, true);
    return 0;
}
