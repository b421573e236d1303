/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rows of sums with a weight per sample, in double, one table per instruction set: frames with masks, in raw mode or with
 * lookahead, weighed before they are filtered and merged with the state after. Contract as in kernels.h: the same bits in
 * every table.
 */
#ifndef VD_KERNELS_SUMS_H
#define VD_KERNELS_SUMS_H

#include <stdint.h>

#include "base/strict_math.h"

/* One later frame of the two-sided time kernel. */
typedef struct vd_future {
    const void *value;        /* row of filtered samples: float or double (unmasked), double (masked, raw) */
    const double *confidence; /* masked: row of filtered confidences */
    const double *reference;  /* masked: per channel, what was taken away from the samples */
    double weight;            /* exp(-(t - t_0) / tau) */
} vd_future;

typedef struct vd_sums_kernels {
    /* value = m (value - reference), weight = m; m is the confidence, 1 where that is NULL, 0 where it is below min or the
     * value is NaN. weight may be NULL. */
    void (*weigh)(double *value, double *weight, const double *confidence, double min, const double *reference,
                  int64_t channels, int64_t samples);
    /* reference[c] = the number of smallest magnitude among itself (NaN: none yet) and the values of channel c that are not
     * NaN and whose confidence, unless NULL, is at least min */
    void (*smallest)(double *reference, const double *value, const double *confidence, double min, int64_t channels,
                     int64_t samples);
    /* row = 0 where it is below min */
    void (*drop)(double *row, double min, int64_t n);
    void (*multiply)(double *row, const double *by, int64_t n);
    /* out = by row; out may be row */
    void (*scale)(double *out, const double *row, double by, int64_t n);

    /* Normalized convolution. With N = G * (m (f - reference)) and d = G * m of the frame:
     * D <- a D + d,  u <- u + (N + d (reference - u)) / D;  u keeps its value where d = 0. */
    void (*update)(double *u, double *weight_sum, const double *value, const double *confidence,
                   const double *reference, int64_t channels, double decay, int64_t samples);
    /* out = the mean of u (weight weight_sum) and the future frames; present[i] = 0 where no weight ever arrived. */
    void (*merge)(double *out, uint8_t *present, const double *u, const double *weight_sum, const vd_future *future,
                  int count, int64_t channels, int64_t samples);
    /* out = values, or value where that is NULL, where present is 0 */
    void (*fill)(double *out, const uint8_t *present, const double *values, double value, int64_t n);

    /* N <- a N + value */
    void (*update_raw)(double *state, const double *value, double decay, int64_t samples);
    /* out = state + sum of weight value */
    void (*merge_raw)(double *out, const double *state, const vd_future *future, int count, int64_t samples);
    /* out = (weight_sum u + sum of weight value) / (weight_sum + sum of weight), value float (single = 1) or double */
    void (*merge_means)(double *out, const double *u, double weight_sum, const vd_future *future, int count, int single,
                        int64_t samples);
} vd_sums_kernels;

#endif
