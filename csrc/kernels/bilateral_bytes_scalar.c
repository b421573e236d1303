/* SPDX-License-Identifier: Apache-2.0 */
/* The row kernel of bilateral_bytes.h in plain C: one load and one addition for both sums. */
#include "kernels/bilateral_bytes.h"

enum { UNROLL = 8 /* pixels that share one load of the places */ };

static inline void sum_pixels(int32_t *W, int32_t *D, const int8_t *row, const vd_bilateral_sources *s, int count)
{
    uint64_t sums[UNROLL] = {0};
    ptrdiff_t own[UNROLL];
    for (int i = 0; i < count; i++)
        own[i] = 255 - row[i];
    for (size_t g = 0; g < s->groups; g++) {
        const ptrdiff_t *at = s->places[g];
        const int8_t *p0 = row + at[0], *p1 = row + at[1], *p2 = row + at[2], *p3 = row + at[3];
        const uint64_t *packed = s->tables[g]->packed;
        for (int i = 0; i < count; i++) {
            const uint64_t *zero = packed + own[i];
            sums[i] += (zero[p0[i]] + zero[p1[i]]) + (zero[p2[i]] + zero[p3[i]]);
        }
    }
    for (int i = 0; i < count; i++) {
        W[i] = (int32_t)(uint32_t)sums[i];
        D[i] = (int32_t)(uint32_t)(sums[i] >> 32);
    }
}

void vd_bilateral_bytes_sums(int32_t *W, int32_t *D, const int8_t *row, const vd_bilateral_sources *sources, size_t n)
{
    size_t x = 0;
    for (; x + UNROLL <= n; x += UNROLL)
        sum_pixels(W + x, D + x, row + x, sources, UNROLL);
    for (; x < n; x++)
        sum_pixels(W + x, D + x, row + x, sources, 1);
}
