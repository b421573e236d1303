/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Template: the kernels of sums.h as plain loops, each compiled for one instruction set. Takes VD_TARGET, the function
 * attribute.
 *
 * N <- a N + G * (m f),  D <- a D + G * m,  u = N / D, kept as the pair (u, D):
 *
 *     D' = a D,   D = D' + d,   u = (D' u + N) / D = u + (N - d u) / D,
 *
 * so that a gap (d = 0), however long, leaves u untouched to the last bit while D fades. D is held at 1e-200, far below any
 * weight that a new frame can bring (confidences below 1e-20 count as 0), so that it never becomes subnormal. Samples come
 * less a reference r that occurs in the frame, N - d u = N_r + d (r - u): on a constant picture N_r = 0 and r - u = 0, and it
 * stays exactly constant.
 *
 * The two-sided kernel adds the L future frames to the causal mean when that is read; the causal state never sees them, and
 * nothing is ever divided by a.
 */
#include <math.h>
#include <stdbool.h>
#include <stddef.h>

#include "kernels/sums.h"

#define MIN_WEIGHT_SUM 1e-200

static VD_TARGET void weigh_sums(double *restrict value, double *restrict weight, const double *restrict confidence,
                                 double min, const double *restrict reference, int64_t channels, int64_t samples)
{
    for (int64_t i = 0, c = 0; i < samples; i++, c = c + 1 == channels ? 0 : c + 1) {
        double m = confidence == NULL ? 1 : confidence[i] < min ? 0 : confidence[i];
        m = value[i] != value[i] ? 0 : m;
        value[i] = m > 0 ? m * (value[i] - reference[c]) : 0;
        if (weight != NULL)
            weight[i] = m;
    }
}

static VD_TARGET void smallest(double *restrict reference, const double *restrict value,
                               const double *restrict confidence, double min, int64_t channels, int64_t samples)
{
    for (int64_t i = 0, c = 0; i < samples; i++, c = c + 1 == channels ? 0 : c + 1) {
        if (value[i] != value[i] || (confidence != NULL && confidence[i] < min))
            continue;
        if (!(fabs(reference[c]) <= fabs(value[i])))
            reference[c] = value[i];
    }
}

static VD_TARGET void drop(double *row, double min, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        row[i] = row[i] < min ? 0 : row[i];
}

static VD_TARGET void multiply_sums(double *restrict row, const double *restrict by, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        row[i] *= by[i];
}

static VD_TARGET void scale(double *out, const double *row, double by, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        out[i] = row[i] * by;
}

static VD_TARGET void update_sums(double *restrict u, double *restrict weight_sum, const double *restrict value,
                                  const double *restrict confidence, const double *restrict reference, int64_t channels,
                                  double decay, int64_t samples)
{
    for (int64_t i = 0, c = 0; i < samples; i++, c = c + 1 == channels ? 0 : c + 1) {
        double kept = weight_sum[i] * decay, d = confidence[i], r = reference[c];
        if (weight_sum[i] > 0 && decay > 0 && kept < MIN_WEIGHT_SUM)
            kept = MIN_WEIGHT_SUM;
        if (d > 0) {
            weight_sum[i] = kept + d;
            u[i] = kept > 0 ? u[i] + (value[i] + d * (r - u[i])) / weight_sum[i]
                   : r == 0 ? value[i] / d
                            : r + value[i] / d;
        } else
            weight_sum[i] = kept;
    }
}

static VD_TARGET void merge_sums(double *restrict out, uint8_t *restrict present, const double *restrict u,
                                 const double *restrict weight_sum, const vd_future *future, int count,
                                 int64_t channels, int64_t samples)
{
    for (int64_t i = 0, c = 0; i < samples; i++, c = c + 1 == channels ? 0 : c + 1) {
        double base = u[i], total = weight_sum[i], sum = 0;
        for (int k = 0; k < count; k++) {
            double d = future[k].weight * future[k].confidence[i];
            if (!(d > 0))
                continue;
            if (total == 0)
                base = future[k].reference[c];
            total += d;
            sum += future[k].weight * ((const double *)future[k].value)[i] + d * (future[k].reference[c] - base);
        }
        present[i] = total > 0;
        out[i] = sum != 0 ? base + sum / total : base;
    }
}

static VD_TARGET void fill_sums_missing(double *restrict out, const uint8_t *restrict present,
                                        const double *restrict values, double value, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        if (!present[i])
            out[i] = values != NULL ? values[i] : value;
}

static VD_TARGET void update_raw(double *restrict state, const double *restrict value, double decay, int64_t samples)
{
    for (int64_t i = 0; i < samples; i++)
        state[i] = state[i] * decay + value[i];
}

static VD_TARGET void merge_raw(double *restrict out, const double *restrict state, const vd_future *future, int count,
                                int64_t samples)
{
    for (int64_t i = 0; i < samples; i++)
        out[i] = state[i];
    for (int k = 0; k < count; k++) {
        const double *restrict value = future[k].value, weight = future[k].weight;
        for (int64_t i = 0; i < samples; i++)
            out[i] += weight * value[i];
    }
}

static VD_TARGET void merge_means(double *restrict out, const double *restrict u, double weight_sum,
                                  const vd_future *future, int count, int single, int64_t samples)
{
    double total = weight_sum;
    for (int k = 0; k < count; k++)
        total += future[k].weight;
    for (int64_t i = 0; i < samples; i++)
        out[i] = u[i];
    for (int k = 0; k < count; k++) {
        double share = future[k].weight / total;
        if (single) {
            const float *restrict value = future[k].value;
            for (int64_t i = 0; i < samples; i++)
                out[i] += share * ((double)value[i] - u[i]);
        } else {
            const double *restrict value = future[k].value;
            for (int64_t i = 0; i < samples; i++)
                out[i] += share * (value[i] - u[i]);
        }
    }
}

#undef MIN_WEIGHT_SUM

static void fill_sums(vd_sums_kernels *k)
{
    k->weigh = weigh_sums;
    k->smallest = smallest;
    k->drop = drop;
    k->multiply = multiply_sums;
    k->scale = scale;
    k->update = update_sums;
    k->merge = merge_sums;
    k->fill = fill_sums_missing;
    k->update_raw = update_raw;
    k->merge_raw = merge_raw;
    k->merge_means = merge_means;
}
