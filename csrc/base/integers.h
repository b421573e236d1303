/* SPDX-License-Identifier: Apache-2.0 */
/* Integers: minimum, maximum, and positions beyond an edge. */
#ifndef VD_INTEGERS_H
#define VD_INTEGERS_H

#include <stdint.h>

static inline int64_t vd_min(int64_t a, int64_t b) { return a < b ? a : b; }
static inline int64_t vd_max(int64_t a, int64_t b) { return a > b ? a : b; }

/* The sample seen at position i of n, mirrored about the first and the last one: d c b | a b c d | c b a */
static inline int64_t vd_mirror(int64_t i, int64_t n)
{
    if (n == 1)
        return 0;
    int64_t period = 2 * (n - 1), at = i % period;
    at = at < 0 ? at + period : at;
    return at < n ? at : period - at;
}

#endif
