/* SPDX-License-Identifier: Apache-2.0 */
/* Minimum and maximum of integers. */
#ifndef VD_INTEGERS_H
#define VD_INTEGERS_H

#include <stdint.h>

static inline int64_t vd_min(int64_t a, int64_t b) { return a < b ? a : b; }
static inline int64_t vd_max(int64_t a, int64_t b) { return a > b ? a : b; }

#endif
