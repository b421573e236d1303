/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A wide Gaussian on a coarser grid. L times: smooth with the binomial b = (1 4 6 4 1) / 16 and keep every
 * second sample; filter what is left with a short kernel k; L times: put zeros between the samples and smooth with 2 b.
 * (Burt & Adelson 1983; b is the two-scale relation of the cubic B-spline, so the synthesis reproduces cubic
 * polynomials whatever the phase, and phase-dependent errors fall as sigma^-4.)
 *
 * The frequency response of the whole chain, aliases aside, is K(2^L w) prod_{l < L} cos(2^l w / 2)^8. It is made to
 * equal the Gaussian's by choosing
 *
 *     K(v) = exp(-sigma^2 v^2 / 2 / 4^L) / prod_{l=1..L} cos(2^-l v / 2)^8,       |v| <= pi,
 *
 * whose denominator never falls below 1/16 per axis; the kernel is its Fourier series, by the trapezoidal rule (exact to
 * rounding, as the integrand is smooth and tiny at v = pi), cut at truncate sigma / 2^L and scaled to sum 1.
 *
 * Error. The chain is linear and periodic in the phase x mod 2^L, so output x is a weighted mean of the input with weights
 * K(x, .), and with the exact weights G(x, .) the error is at most range / 2 * sum_q |K(x, q) - G(x, q)|. That sum is
 * computed here for every phase and for every position near an edge (where both are divided by the sum of the weights
 * that exist): the plan carries a proved bound, not an estimate. For sigma / 2^L = 2, 2.25, 2.5, 3, 4 it is
 * 4.1e-4, 2.6e-4, 1.7e-4, 9.3e-5, 4.2e-5 per axis at L = 1 and falls slowly with L; the bounds of two axes add up.
 *
 * Tried and rejected: sampling the Gaussian of the remaining variance as k (4 times the error: the kurtosis of the
 * B-splines is left in); a box or linear interpolation in either direction (phase-dependent mean or variance, 1e-2);
 * recursive (IIR) Gaussians (their serial dependence costs more than the whole pyramid, and the error of the usual
 * third-order ones is near 1e-3).
 */
#include "spatial/pyramid.h"

#include <math.h>
#include <stdlib.h>

static const double PI = 3.14159265358979323846;

/* floor(i / 2) for any sign */
static int64_t half(int64_t i) { return i >= 0 ? i / 2 : -((1 - i) / 2); }

static vd_range coarser(vd_range fine)
{
    vd_range coarse = {half(fine.low) - 1, half(fine.high) + 1};
    return coarse;
}

static vd_range finer(vd_range coarse)
{
    vd_range fine = {2 * coarse.low - 2, 2 * coarse.high + 2};
    return fine;
}

/* The ranges that synthesis of `wanted` needs. */
static void plan_ranges(int levels, int radius, vd_range wanted, vd_range *analysis, vd_range *synthesis)
{
    synthesis[0] = wanted;
    for (int l = 1; l <= levels; l++)
        synthesis[l] = coarser(synthesis[l - 1]);
    analysis[levels].low = synthesis[levels].low - radius;
    analysis[levels].high = synthesis[levels].high + radius;
    for (int l = levels; l >= 1; l--)
        analysis[l - 1] = finer(analysis[l]);
}

static void coarse_kernel(double *weights, int radius, double sigma, int levels)
{
    enum { POINTS = 4096 };
    double scaled = ldexp(sigma, -levels), sum = 0;
    for (int j = 0; j <= radius; j++) {
        double series = 0;
        for (int m = 0; m <= POINTS; m++) {
            double v = PI * m / POINTS, response = exp(-0.5 * scaled * scaled * v * v);
            for (int l = 1; l <= levels; l++) {
                double c = cos(ldexp(v, -l) / 2);
                double c2 = c * c, c4 = c2 * c2;
                response /= c4 * c4;
            }
            series += (m == 0 || m == POINTS ? 0.5 : 1.0) * response * cos(v * j);
        }
        weights[j] = series / POINTS;
        sum += (j == 0 ? 1 : 2) * weights[j];
    }
    for (int j = 0; j <= radius; j++)
        weights[j] /= sum;
}

/* The chain in one dimension and double precision: the output over `wanted` for an input that is given over
 * `given` and zero elsewhere. NULL if out of memory. */
static double *apply_chain(int levels, const double *kernel, int radius, const double *input, vd_range given,
                           vd_range wanted)
{
    vd_range analysis[VD_PYRAMID_MAX_LEVELS + 1], synthesis[VD_PYRAMID_MAX_LEVELS + 1];
    plan_ranges(levels, radius, wanted, analysis, synthesis);
    double *fine = calloc((size_t)vd_range_size(analysis[0]), sizeof(double));
    if (fine == NULL)
        return NULL;
    for (int64_t i = given.low; i <= given.high; i++)
        if (i >= analysis[0].low && i <= analysis[0].high)
            fine[i - analysis[0].low] = input[i - given.low];
    for (int l = 0; l < levels; l++) {
        double *coarse = malloc((size_t)vd_range_size(analysis[l + 1]) * sizeof(double));
        if (coarse == NULL) {
            free(fine);
            return NULL;
        }
        for (int64_t k = analysis[l + 1].low; k <= analysis[l + 1].high; k++) {
            const double *f = fine + (2 * k - analysis[l].low);
            coarse[k - analysis[l + 1].low] = (f[-2] + 4 * f[-1] + 6 * f[0] + 4 * f[1] + f[2]) / 16;
        }
        free(fine);
        fine = coarse;
    }
    double *filtered = malloc((size_t)vd_range_size(synthesis[levels]) * sizeof(double));
    if (filtered != NULL)
        for (int64_t k = 0; k < vd_range_size(synthesis[levels]); k++) {
            const double *f = fine + k + radius;
            double sum = kernel[0] * f[0];
            for (int j = 1; j <= radius; j++)
                sum += kernel[j] * (f[-j] + f[j]);
            filtered[k] = sum;
        }
    free(fine);
    for (int l = levels; l >= 1 && filtered != NULL; l--) {
        double *finer_row = malloc((size_t)vd_range_size(synthesis[l - 1]) * sizeof(double));
        if (finer_row != NULL)
            for (int64_t x = synthesis[l - 1].low; x <= synthesis[l - 1].high; x++) {
                const double *s = filtered + (half(x) - synthesis[l].low);
                finer_row[x - synthesis[l - 1].low] = x % 2 == 0 ? (s[-1] + 6 * s[0] + s[1]) / 8 : (s[0] + s[1]) / 2;
            }
        free(filtered);
        filtered = finer_row;
    }
    return filtered;
}

/* The largest error of the chain at any position, as a fraction of the input's range; negative if out of memory. */
static double error_bound(int levels, const double *kernel, int radius, const vd_axis *axis, int32_t boundary)
{
    int64_t phases = INT64_C(1) << levels, n = axis->length;
    /* Every weight K(x, q) with |x - q| > reach is zero. */
    int64_t reach = ((int64_t)radius + 8) * phases;
    if (reach < axis->radius)
        reach = axis->radius;
    double *responses[1 << VD_PYRAMID_MAX_LEVELS];
    double worst = 0, one = 1;
    int64_t made = 0;
    for (; made < phases; made++) {
        vd_range given = {made, made}, wanted = {made - reach, made + reach};
        responses[made] = apply_chain(levels, kernel, radius, &one, given, wanted);
        if (responses[made] == NULL) {
            worst = -1;
            break;
        }
    }
    bool open = boundary == VD_BOUNDARY_RENORMALIZE;
    for (int64_t x = 0; x < n && worst >= 0; x++) {
        if (x >= reach + phases && x < n - reach - phases)
            continue; /* the same as one of the positions before */
        int64_t low = open && x < reach ? -x : -reach, high = open && n - 1 - x < reach ? n - 1 - x : reach;
        double sum = 0, difference = 0, inside = open ? axis->inside[x] : 1;
        /* d = q - x */
        for (int64_t d = low; d <= high; d++)
            sum += responses[(x + d) & (phases - 1)][reach - d];
        for (int64_t d = low; d <= high; d++) {
            int64_t distance = d < 0 ? -d : d;
            double wanted = distance <= axis->radius ? axis->weights[distance] / inside : 0;
            difference += fabs(responses[(x + d) & (phases - 1)][reach - d] / sum - wanted);
        }
        if (!(difference / 2 <= worst))
            worst = difference / 2;
        if (!open && x >= phases)
            break;
    }
    while (made > 0)
        free(responses[--made]);
    return worst;
}

static vd_status init_inverse(vd_pyramid_axis *plan, const double *kernel, const vd_axis *axis, int32_t boundary)
{
    int64_t n = axis->length;
    plan->edge = 0;
    plan->inverse = malloc((size_t)n * sizeof(float));
    if (plan->inverse == NULL)
        return VD_ERROR_MEMORY;
    for (int64_t x = 0; x < n; x++)
        plan->inverse[x] = 1;
    if (boundary != VD_BOUNDARY_RENORMALIZE)
        return VD_OK;
    double *ones = malloc((size_t)n * sizeof(double));
    if (ones == NULL)
        return VD_ERROR_MEMORY;
    for (int64_t x = 0; x < n; x++)
        ones[x] = 1;
    vd_range all = {0, n - 1};
    double *response = apply_chain(plan->levels, kernel, plan->radius, ones, all, all);
    free(ones);
    if (response == NULL)
        return VD_ERROR_MEMORY;
    int64_t reach = ((int64_t)plan->radius + 8) << plan->levels;
    plan->edge = reach < n ? reach : n;
    for (int64_t x = 0; x < n; x++)
        if (x < plan->edge || x >= n - plan->edge)
            plan->inverse[x] = (float)(1 / response[x]);
    free(response);
    return VD_OK;
}

vd_status vd_pyramid_axis_init(vd_pyramid_axis *plan, const vd_axis *axis, double truncate, int32_t boundary,
                               int levels)
{
    int radius = (int)floor(ldexp(truncate * axis->sigma, -levels) + 0.5);
    plan->levels = levels;
    plan->radius = radius < 1 ? 1 : radius;
    plan->inverse = NULL;
    plan->weights = malloc(((size_t)plan->radius + 1) * sizeof(float));
    double *kernel = malloc(((size_t)plan->radius + 1) * sizeof(double));
    vd_status status = plan->weights == NULL || kernel == NULL ? VD_ERROR_MEMORY : VD_OK;
    if (status == VD_OK) {
        coarse_kernel(kernel, plan->radius, axis->sigma, levels);
        for (int j = 0; j <= plan->radius; j++)
            plan->weights[j] = (float)kernel[j];
        vd_range all = {0, axis->length - 1};
        plan_ranges(levels, plan->radius, all, plan->analysis, plan->synthesis);
        plan->bound = error_bound(levels, kernel, plan->radius, axis, boundary);
        status = plan->bound < 0 ? VD_ERROR_MEMORY : init_inverse(plan, kernel, axis, boundary);
    }
    free(kernel);
    if (status != VD_OK)
        vd_pyramid_axis_free(plan);
    return status;
}

void vd_pyramid_axis_free(vd_pyramid_axis *plan)
{
    free(plan->weights);
    free(plan->inverse);
    plan->weights = plan->inverse = NULL;
}
