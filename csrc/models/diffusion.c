/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Shared by the solvers of the heat equation and of Perona-Malik: Bessel functions, the number of threads, memory.
 *
 * e^-t I_n(t), the solution of the heat equation on a line of pixels (Lindeberg 1990), comes from the continued
 * fraction of I_n / I_(n - 1), backwards, which neither overflows nor loses relative accuracy (Miller), for t >= 0.
 */
#include "models/diffusion.h"

#include <math.h>
#include <stdlib.h>

#include "base/image.h"

enum { PIXELS_PER_THREAD = 1 << 13 };

int vd_diffusion_threads(const vd_model_frame *f)
{
    int64_t useful = f->height * f->width / PIXELS_PER_THREAD + 1;
    return f->threads < useful ? f->threads : (int)useful;
}

void vd_diffusion_run(const vd_model_frame *f, vd_block_function *single, vd_block_function *wide, void *context)
{
    vd_parallel_blocks(vd_diffusion_threads(f), f->height, f->dtype == VD_F32 ? single : wide, context);
}

void *vd_diffusion_allocate(size_t rows, size_t columns, size_t size)
{
    size_t n, bytes;
    return vd_checked_multiply(rows, columns, &n) && vd_checked_multiply(n, size, &bytes) ? malloc(bytes) : NULL;
}

/* By Bernstein's inequality for a random walk of variance t at most `count` terms are above min. */
vd_status vd_bessel_taps(vd_taps *k, double t, double min)
{
    double l = -log(min) / 3;
    int64_t count = (int64_t)(l + sqrt(l * l + 6 * t * l)) + 24;
    k->count = 1;
    k->values = vd_diffusion_allocate((size_t)count, 1, sizeof *k->values);
    if (k->values == NULL)
        return VD_ERROR_MEMORY;
    double ratio = 0, total = 0;
    for (int64_t n = count - 1; n >= 1; n--) {
        ratio = t / (2 * (double)n + t * ratio);
        k->values[n] = ratio;
    }
    k->values[0] = 1;
    for (int64_t n = 1; n < count; n++) {
        k->values[n] *= k->values[n - 1];
        if (k->values[n] >= min)
            k->count = n + 1;
    }
    for (int64_t n = k->count - 1; n >= 1; n--)
        total += 2 * k->values[n];
    for (int64_t n = 0; n < k->count; n++)
        k->values[n] /= total + 1;
    return VD_OK;
}
