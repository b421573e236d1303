/* SPDX-License-Identifier: Apache-2.0 */
/* Streams of the denoiser: drawn noise, frames, priors, copies and saved states. */
#include "denoiser_stream.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    draw d = {data, size};
    stream s = {.d = &d};
    if (!start(&s))
        return 0;
    run_steps(&s, MAX_STEPS);
    vd_denoiser_destroy(s.one);
    vd_denoiser_destroy(s.twin);
    return 0;
}
