/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The heat equation with one diffusivity c: a convolution with e^-t I_n(t) along each axis, t = c sigma^2, of the
 * picture reflected at its edges (Lindeberg 1990). A kernel longer than the axis is folded into one period of the
 * reflected picture; where t >= n^2 that period is a sum of a few cosines. Taps below MIN_TAP_* of the largest are left
 * out.
 */
#include "models/diffusion.h"

#include <math.h>
#include <stdlib.h>

#include "base/image.h"

#define MIN_TAP_F32 1e-9
#define MIN_TAP_F64 1e-17
#define MIN_TAP_MASSES 1e-30
#define MIN_WEIGHT 1e-20 /* pixels with less weight were not reached */

/* The taps of one period of a reflected axis, on which the pixels n to the left and n to the right are one. */
static vd_status period(vd_taps *k, double t, int64_t n)
{
    const double pi = 3.14159265358979323846;
    k->count = n + 1;
    k->values = vd_diffusion_allocate((size_t)n + 1, 1, sizeof *k->values);
    if (k->values == NULL)
        return VD_ERROR_MEMORY;
    for (int64_t i = 0; i <= n; i++)
        k->values[i] = 1;
    for (int64_t m = 1; m <= n; m++) {
        double half = sin(pi / 2 * (double)m / (double)n), exponent = 2 * t * half * half;
        if (exponent > 45)
            break;
        for (int64_t i = 0; i <= n; i++)
            k->values[i] += (m < n ? 2 : 1) * exp(-exponent) * cos(pi * (double)(m * i % (2 * n)) / (double)n);
    }
    for (int64_t i = 0; i <= n; i++)
        k->values[i] /= i < n ? 2 * (double)n : 4 * (double)n;
    return VD_OK;
}

static vd_status kernel(vd_taps *k, double t, double min, int64_t n)
{
    if (t >= (double)n * (double)n)
        return period(k, t, n);
    vd_status status = vd_bessel_taps(k, t, min);
    for (int64_t i = n + 1; status == VD_OK && i < k->count; i++) { /* folded */
        int64_t at = i % (2 * n);
        k->values[at <= n ? at : 2 * n - at] += (at == 0 ? 2 : 1) * k->values[i];
    }
    k->count = k->count < n + 1 ? k->count : n + 1;
    return status;
}

typedef struct heat {
    const vd_model_frame *frame;
    vd_taps y, x;
    void *weights_y, *weights_x, *zeros; /* of the frame's dtype */
    void *products; /* confidences times samples, [channels][height][width]; NULL without confidences */
    char *scratch;  /* [threads]: the rows under the kernel, then one padded row */
    size_t pitch;
} heat;

#define REAL float
#define SUFFIX f32
#include "models/heat_template.h"
#define REAL double
#define SUFFIX f64
#include "models/heat_template.h"

static void *converted(const vd_model_frame *f, const vd_taps *k)
{
    void *values = vd_diffusion_allocate((size_t)k->count, 1, vd_dtype_size(f->dtype));
    if (values != NULL)
        f->kernels->samples.from_f64[f->dtype](values, k->values, k->count);
    return values;
}

vd_status vd_heat_convolve(const vd_model_frame *f)
{
    double c = f->params->diffusivity, t_y = c * f->params->sigma_y * f->params->sigma_y;
    double t_x = c * f->params->sigma_x * f->params->sigma_x;
    double min = f->confidences != NULL ? MIN_TAP_MASSES : f->dtype == VD_F32 ? MIN_TAP_F32 : MIN_TAP_F64;
    size_t size = vd_dtype_size(f->dtype), width = (size_t)f->width;
    heat h = {.frame = f};
    vd_status status = kernel(&h.y, t_y, min, f->height);
    if (status == VD_OK)
        status = kernel(&h.x, t_x, min, f->width);
    if (status == VD_OK) {
        h.pitch = ((size_t)h.y.count * 2 * sizeof(void *) + (width + 2 * (size_t)h.x.count) * size + 63) / 64 * 64;
        h.weights_y = converted(f, &h.y);
        h.weights_x = converted(f, &h.x);
        h.zeros = calloc(width, size);
        h.scratch = vd_diffusion_allocate((size_t)vd_diffusion_threads(f), h.pitch, 1);
        if (f->confidences != NULL)
            h.products = vd_diffusion_allocate((size_t)f->channels * (size_t)f->height, width, size);
        if (h.weights_y == NULL || h.weights_x == NULL || h.zeros == NULL || h.scratch == NULL ||
            (f->confidences != NULL && h.products == NULL))
            status = VD_ERROR_MEMORY;
    }
    if (status == VD_OK) {
        if (f->confidences != NULL)
            vd_diffusion_run(f, multiply_f32, multiply_f64, &h);
        vd_diffusion_run(f, convolve_f32, convolve_f64, &h);
    }
    free(h.y.values);
    free(h.x.values);
    free(h.weights_y);
    free(h.weights_x);
    free(h.zeros);
    free(h.products);
    free(h.scratch);
    return status;
}
