/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The spatial part of the linear model: from the rows of a frame to rows of G * f, by the fastest method that keeps the
 * tolerance. Methods, in the order of preference:
 *
 *     pyramid   wide kernels at reduced resolution (pyramid.c), float
 *     fixed     8-bit frames, 16-bit fixed point, direct
 *     float     8- and 16-bit and float frames, direct
 *     double    double frames, and whatever float is not accurate enough for, direct
 *
 * and, always in double, the direct sums that masks and raw mode need.
 */
#ifndef VD_SPATIAL_H
#define VD_SPATIAL_H

#include <stdbool.h>
#include <string.h>

#include "base/gaussian.h"
#include "kernels/kernels.h"
#include "spatial/pyramid.h"

typedef enum vd_method { VD_METHOD_FIXED, VD_METHOD_FLOAT, VD_METHOD_DOUBLE, VD_METHOD_PYRAMID } vd_method;

/* Rows of one type, and what lies outside the picture: a row whose first pixel also stands left and right of it. */
typedef struct vd_plane {
    const char *data;
    int64_t stride; /* bytes */
    const void *outside;
} vd_plane;

/* Memory that is needed once the current row is done. */
typedef struct vd_span {
    const char *data; /* NULL: none */
    size_t size;
} vd_span;

/* Rows that belong to one thread. All hold any sample type. */
typedef struct vd_scratch {
    const void **rows;   /* pointers to the rows under the vertical kernel */
    void *padded;        /* a row with a margin of the kernel's radius on both sides */
    void *ahead;         /* the same for the next row, computed together with this one */
    int64_t ahead_at;    /* which row that is */
    vd_span prefetch[2]; /* the caller's rows (state, output), fetched strip by strip while a row is filtered */
    void *weights;       /* vertical weights scaled for a row near the edge */
    void *correction;
    void *samples; /* [samples] each from here on: a row of the frame */
    void *value;   /* what the spatial filter gives */
    void *spare;   /* the filtered confidence */
    void *output;
    float *expanded[4];     /* the pyramid's last rows at full width */
    int64_t expanded_at[4]; /* which rows these are */
    float *even, *odd, *coarse;
} vd_scratch;

typedef struct vd_spatial {
    const vd_rows_kernels *kernels;
    const vd_samples_kernels *conversions;
    vd_method method;
    int32_t boundary, dtype;
    int64_t height, width, channels, samples; /* samples of one row */
    double cval, bound;
    int levels, threads;
    vd_axis y, x;

    float *weights_f32_y, *weights_f32_x;
    vd_axis short_y, short_x;    /* for fixed point: without outer taps that the tolerance can spare */
    uint16_t *fixed_y, *fixed_x; /* weights; fixed_y: a row of radius + 1 for each distance to the edge that matters */
    int64_t fixed_edge;          /* rows on each side with weights of their own */
    uint16_t *fixed_gain;        /* [width], 16384 / share of the weights inside */
    vd_pyramid_axis pyramid_y, pyramid_x;
    float *inverse_row;     /* [samples] of pyramid_x.inverse */
    float *reduced_outside; /* a pixel outside the picture after the first vertical reduction */
    float step_weights[7];
    int step; /* the finest levels, fused into one step */
    float *analysis[VD_PYRAMID_MAX_LEVELS + 1], *synthesis[VD_PYRAMID_MAX_LEVELS + 1]; /* from 1 on */

    /* rows of the current frame, valid after vd_spatial_begin */
    double *reference; /* [channels] a value that occurs in the frame: constants pass through exactly */
    void *reference_row, *outside_row, *zero_row;
    void *correction_y, *correction_x, *correction_edge;
    vd_plane plane;

    vd_scratch *scratch; /* [threads] */
} vd_spatial;

/* Chooses the method for frames of this shape and dtype. */
vd_status vd_spatial_init(vd_spatial *spatial, const vd_params *params, const vd_kernels *kernels, int threads,
                          int32_t dtype, int64_t height, int64_t width, int64_t channels);
void vd_spatial_free(vd_spatial *spatial);

/* The sample type of the plane that vd_spatial_begin takes: VD_U8 (fixed point, and the pyramid of 8-bit frames), VD_F32
 * or VD_F64. */
int32_t vd_spatial_plane_dtype(const vd_spatial *spatial);

/* Whether rows come as fixed point (vd_spatial_fixed_row) rather than as VD_F32 or VD_F64 (vd_spatial_row). */
bool vd_spatial_gives_fixed(const vd_spatial *spatial);

/* Sets the frame, without missing samples, that rows are computed from. */
void vd_spatial_begin(vd_spatial *spatial, const void *data, int64_t stride, const double *reference);

/* Row y of the normalized G * f; rows of one thread should be asked for in order. */
void vd_spatial_fixed_row(vd_spatial *spatial, int64_t y, int thread, uint16_t *out);
void vd_spatial_row(vd_spatial *spatial, int64_t y, int thread, void *out);

/* Row y of sum_d G(d) / total * plane, in double, with no division and only what the plane says outside. */
void vd_spatial_sum_row(const vd_spatial *spatial, const vd_plane *plane, int64_t y, int thread, double *out);

/* ---- between the files of the spatial filter ---- */

/* Rows are filtered in strips of this many samples. Before each strip the corresponding part of the memory needed next is
 * prefetched, so that a few loads at a time overlap with arithmetic. (Prefetching all at once, or nothing, is slower.) */
enum { VD_STRIP = 1024 };

/* Prefetches the part of `count` spans that corresponds to the samples [begin, end) of n. */
static inline void vd_prefetch(const vd_span *spans, int count, size_t begin, size_t end, size_t n)
{
#if defined(__GNUC__) || defined(__clang__)
    for (int k = 0; k < count; k++)
        if (spans[k].data != NULL)
            for (size_t at = spans[k].size * begin / n; at < spans[k].size * end / n; at += 64)
                __builtin_prefetch(spans[k].data + at, 1, 2);
#else
    (void)spans, (void)count, (void)begin, (void)end, (void)n;
#endif
}

static inline size_t vd_strip_end(size_t begin, size_t n) { return n - begin < VD_STRIP ? n : begin + VD_STRIP; }

/* The `count` rows of the plane from y on, those that exist. */
static inline void vd_rows_span(const vd_spatial *s, int64_t y, int count, size_t size, vd_span *spans)
{
    for (int k = 0; k < count; k++) {
        spans[k].data = y + k < s->height ? s->plane.data + (y + k) * s->plane.stride : NULL;
        spans[k].size = (size_t)s->samples * size;
    }
}

/* Pointers to the rows first .. first + count - 1 of the plane, or to what lies outside. */
static inline void vd_rows_under(const vd_spatial *s, const vd_plane *plane, int64_t first, int count,
                                 const void **rows)
{
    for (int j = 0; j < count; j++) {
        int64_t at = vd_boundary_index(first + j, s->height, s->boundary);
        rows[j] = at >= 0 ? plane->data + at * plane->stride : plane->outside;
    }
}

/* Continues a row over the pixels [begin, end) left or right of the picture; `outside` is the pixel beyond an open edge, `size`
 * the bytes of a pixel. */
static inline void vd_extend_row(const vd_spatial *s, void *row, size_t size, const void *outside, int64_t begin,
                                 int64_t end)
{
    char *pixels = row;
    for (int64_t x = begin; x < end; x++) {
        int64_t at = vd_boundary_index(x, s->width, s->boundary);
        memcpy(pixels + x * (int64_t)size, at >= 0 ? pixels + at * (int64_t)size : outside, size);
    }
}

/* fixed_point.c. Fills the tables of the fixed-point method, leaving out taps that weigh at most `spare` along an axis.
 * s->bound is the bound of its error, infinite for a picture so small that the edges' factors exceed 2.1. */
vd_status vd_fixed_init(vd_spatial *s, double spare);
void vd_fixed_free(vd_spatial *s);
void vd_fixed_row(const vd_spatial *s, int64_t y, int thread, uint16_t *out);

/* pyramid_rows.c. Plans the pyramid with the most levels whose bound is at most `allowed`, if there is any. */
vd_status vd_pyramid_plan(vd_spatial *s, double truncate, double allowed, bool *found);
void vd_pyramid_free(vd_spatial *s);
/* Filters the frame of vd_spatial_begin down to the finest stored level, from which rows are then computed. */
void vd_pyramid_run(vd_spatial *s);
void vd_pyramid_fixed_row(const vd_spatial *s, int64_t y, int thread, uint16_t *out);
void vd_pyramid_row(const vd_spatial *s, int64_t y, int thread, float *out);

#endif
