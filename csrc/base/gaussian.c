/* SPDX-License-Identifier: Apache-2.0 */
/*
 * G(d) = exp(-d^2 / (2 sigma^2)) at integer d, |d| <= radius = int(truncate sigma + 0.5), as SciPy samples it.
 *
 * With samples outside the picture left out, the mean at position x divides by S(x) = sum of G over the samples that
 * exist. Only the differences -x .. n-1-x occur then, so a radius beyond n - 1 is cut to n - 1 and any finite sigma
 * costs no more than the picture; the other boundaries need the whole kernel.
 */
#include "base/gaussian.h"

#include <math.h>
#include <stdlib.h>

int64_t vd_boundary_index(int64_t i, int64_t n, int32_t boundary)
{
    if (i >= 0 && i < n)
        return i;
    switch (boundary) {
    case VD_BOUNDARY_NEAREST: return i < 0 ? 0 : n - 1;
    case VD_BOUNDARY_REFLECT: {
        int64_t period = 2 * n, phase = i % period;
        if (phase < 0)
            phase += period;
        return phase < n ? phase : period - 1 - phase;
    }
    default: return -1;
    }
}

double vd_gaussian_radius(double sigma, double truncate) { return floor(truncate * sigma + 0.5); }

vd_status vd_axis_init(vd_axis *axis, int64_t length, double sigma, double radius, int32_t boundary)
{
    const int64_t limit = INT64_C(1) << 24;
    int64_t reach = length - 1;
    axis->length = length;
    axis->sigma = sigma;
    axis->weights = axis->inside = NULL;
    if (boundary == VD_BOUNDARY_RENORMALIZE)
        axis->radius = radius < (double)reach ? (int64_t)radius : reach;
    else
        axis->radius = radius <= (double)limit ? (int64_t)radius : limit + 1;
    if (axis->radius > limit)
        return VD_ERROR_OVERFLOW;

    size_t taps = (size_t)axis->radius + 1;
    axis->weights = malloc(taps * sizeof(double));
    axis->inside = malloc((size_t)length * sizeof(double));
    double *cumulative = malloc(taps * sizeof(double)); /* sum of the weights of 0 .. d */
    if (axis->weights == NULL || axis->inside == NULL || cumulative == NULL) {
        free(cumulative);
        vd_axis_free(axis);
        return VD_ERROR_MEMORY;
    }
    double side = 0; /* small terms first */
    for (int64_t d = axis->radius; d >= 1; d--) {
        double z = (double)d / sigma;
        axis->weights[d] = exp(-0.5 * z * z);
        side += axis->weights[d];
    }
    axis->weights[0] = 1;
    axis->total = 1 + 2 * side;
    for (int64_t d = 0; d <= axis->radius; d++) {
        axis->weights[d] /= axis->total;
        cumulative[d] = axis->weights[d] + (d > 0 ? cumulative[d - 1] : 0);
    }
    for (int64_t x = 0; x < length; x++) {
        int64_t left = x < axis->radius ? x : axis->radius;
        int64_t right = length - 1 - x < axis->radius ? length - 1 - x : axis->radius;
        axis->inside[x] = cumulative[left] + cumulative[right] - axis->weights[0];
    }
    free(cumulative);
    return VD_OK;
}

void vd_axis_free(vd_axis *axis)
{
    free(axis->weights);
    free(axis->inside);
    axis->weights = axis->inside = NULL;
}
