/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The row kernel of the bilateral filter for one channel of 8 bits (models/bilateral_bytes.c), in integers: sums without
 * rounding, so with the same bits in any order and on any instruction set. Samples are stored less 128.
 */
#ifndef VD_BILATERAL_BYTES_KERNELS_H
#define VD_BILATERAL_BYTES_KERNELS_H

#include <stddef.h>
#include <stdint.h>

#include "base/strict_math.h"

enum {
    VD_BILATERAL_GROUP = 4,  /* sources that share a table */
    VD_BILATERAL_BLOCK = 64, /* pixels processed at a time: a row of n has room for the next multiple */
    VD_BILATERAL_MAX = 128   /* pixels of a window, so that the sums of products stay below 2^31 */
};

/* The weights w of one distance in space, integers below 2^16, for a difference d of two samples. */
typedef struct vd_bilateral_table {
    uint64_t packed[511];        /* w + 2^32 w d, modulo 2^64, at 255 + d */
    uint8_t low[256], high[256]; /* bytes of w, at |d| */
    int32_t reach;               /* w is 0 where |d| >= reach */
} vd_bilateral_table;

/* The sources of a pixel, as places relative to its own. */
typedef struct vd_bilateral_sources {
    size_t groups;
    const vd_bilateral_table **tables;       /* [groups] */
    ptrdiff_t (*places)[VD_BILATERAL_GROUP]; /* [groups] */
} vd_bilateral_sources;

typedef struct vd_bilateral_bytes_kernels {
    /* W[x] = sum of w, D[x] = sum of w d over the sources of pixel x of row, d = source less pixel, for x < n. */
    void (*sums)(int32_t *W, int32_t *D, const int8_t *row, const vd_bilateral_sources *sources, size_t n);
} vd_bilateral_bytes_kernels;

/* In plain C, for any instruction set. */
void vd_bilateral_bytes_sums(int32_t *W, int32_t *D, const int8_t *row, const vd_bilateral_sources *sources, size_t n);

#endif
