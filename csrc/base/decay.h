/* SPDX-License-Identifier: Apache-2.0 */
/* The decay of what a stream remembers. */
#ifndef VD_DECAY_H
#define VD_DECAY_H

#include <math.h>

#include "base/strict_math.h"

/* exp(-dt / tau), 1 for tau = inf, 0 for tau = 0; else at least 1e-300, never quite 0, so that a gap of any length leaves what
 * has been seen. */
static inline double vd_decay(double dt, double tau) { return tau == 0 ? 0 : fmax(exp(-dt / tau), 1e-300); }

#endif
