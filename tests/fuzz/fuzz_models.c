/* SPDX-License-Identifier: Apache-2.0 */
/* Streams of the models that depend on the picture: bilateral, non-local means, Laplacian with and without a map, Perona-Malik. */
#include "stream.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    run_stream(data, size, true, false);
    return 0;
}
