/* SPDX-License-Identifier: Apache-2.0 */
/* The recursion in time with a weight per sample, one row at a time, in double: masks, raw mode, lookahead. */
#ifndef VD_RECURSION_H
#define VD_RECURSION_H

#include <stdint.h>

#include "base/strict_math.h"

/* One later frame of the two-sided time kernel. */
typedef struct vd_future {
    const void *value;        /* row of filtered samples: float or double (unmasked), double (masked, raw) */
    const double *confidence; /* masked: row of filtered confidences */
    const double *reference;  /* masked: per channel, what was taken away from the samples */
    double weight;            /* exp(-(t - t_0) / tau) */
} vd_future;

/* exp(-dt / tau) but at least 1e-300; 0 for tau = 0, 1 for tau = inf */
double vd_decay(double dt, double tau);

/* Normalized convolution. With N = G * (m (f - reference)) and d = G * m of the frame:
 * D <- a D + d,  u <- u + (N + d (reference - u)) / D;  u keeps its value where d = 0. */
void vd_masked_update(double *u, double *weight_sum, const double *value, const double *confidence,
                      const double *reference, int64_t channels, double decay, int64_t samples);

/* out = the mean of u (weight weight_sum) and the future frames; present[i] = 0 where no weight ever arrived. */
void vd_masked_output(double *out, uint8_t *present, const double *u, const double *weight_sum, const vd_future *future,
                      int count, int64_t channels, int64_t samples);

/* N <- a N + value */
void vd_raw_update(double *state, const double *value, double decay, int64_t samples);

/* out = state + sum of weight value */
void vd_raw_output(double *out, const double *state, const vd_future *future, int count, int64_t samples);

/* out = (weight_sum u + sum of weight value) / (weight_sum + sum of weight), value float (single = 1) or double. */
void vd_mean_output(double *out, const double *u, double weight_sum, const vd_future *future, int count, int single,
                    int64_t samples);

#endif
