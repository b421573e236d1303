/* SPDX-License-Identifier: Apache-2.0 */
/*
 * N <- a N + G * (m f),  D <- a D + G * m,  u = N / D, kept as the pair (u, D):
 *
 *     D' = a D,   D = D' + d,   u = (D' u + N) / D = u + (N - d u) / D,
 *
 * so that u is untouched, to the last bit, by any gap (d = 0) however long, while D fades; D stops at 1e-200 instead of
 * running into subnormals, far below any weight a new frame can bring (confidences below 1e-20 count as 0). Samples come
 * less a reference r that occurs in the frame, N - d u = N_r + d (r - u): a constant picture gives N_r = 0 and r - u = 0
 * and stays exactly what it is.
 *
 * The two-sided kernel adds the L future frames to the causal mean when it is read; the causal state itself never sees
 * them, and nothing is ever divided by a.
 *
 * Plain loops: everything here is bound by its divisions and by memory, and runs only with masks, in raw mode or with
 * lookahead.
 */
#include "diffuser/recursion.h"

#include <math.h>

static const double MIN_WEIGHT_SUM = 1e-200;

double vd_decay(double dt, double tau)
{
    /* Never quite 0 while there is a memory: what a mean has seen survives any gap. */
    return tau == 0 ? 0 : fmax(exp(-dt / tau), 1e-300);
}

void vd_masked_update(double *u, double *weight_sum, const double *value, const double *confidence,
                      const double *reference, int64_t channels, double decay, int64_t samples)
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

void vd_masked_output(double *out, uint8_t *present, const double *u, const double *weight_sum, const vd_future *future,
                      int count, int64_t channels, int64_t samples)
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

void vd_raw_update(double *state, const double *value, double decay, int64_t samples)
{
    for (int64_t i = 0; i < samples; i++)
        state[i] = state[i] * decay + value[i];
}

void vd_raw_output(double *out, const double *state, const vd_future *future, int count, int64_t samples)
{
    for (int64_t i = 0; i < samples; i++)
        out[i] = state[i];
    for (int k = 0; k < count; k++) {
        const double *value = future[k].value, weight = future[k].weight;
        for (int64_t i = 0; i < samples; i++)
            out[i] += weight * value[i];
    }
}

void vd_mean_output(double *out, const double *u, double weight_sum, const vd_future *future, int count, int single,
                    int64_t samples)
{
    double total = weight_sum;
    for (int k = 0; k < count; k++)
        total += future[k].weight;
    for (int64_t i = 0; i < samples; i++)
        out[i] = u[i];
    for (int k = 0; k < count; k++) {
        double share = future[k].weight / total;
        if (single) {
            const float *value = future[k].value;
            for (int64_t i = 0; i < samples; i++)
                out[i] += share * ((double)value[i] - u[i]);
        } else {
            const double *value = future[k].value;
            for (int64_t i = 0; i < samples; i++)
                out[i] += share * (value[i] - u[i]);
        }
    }
}
