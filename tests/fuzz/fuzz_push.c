/* SPDX-License-Identifier: Apache-2.0 */
/* Streams of the linear model: drawn parameters, frames of all dtypes and layouts, masks, batches, copies, saved states. */
#include "stream.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    run_stream(data, size, false, false);
    return 0;
}
