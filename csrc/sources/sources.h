/* SPDX-License-Identifier: Apache-2.0 */
/* Shared by the files of the scattered sources: sources.c (contract, order of the work) and patches.c (the work). */
#ifndef VD_SOURCES_H
#define VD_SOURCES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/image.h"
#include "kernels/kernels.h"

enum { VD_BAND = 64 }; /* rows */

/* The samples [begin, end) of an axis that a source reaches; empty if end <= begin. */
typedef struct vd_span {
    int64_t begin, end;
} vd_span;

/* A kernel that all sources share, or that of one of them. */
typedef struct vd_source_kernel {
    double sigma, reach; /* in pixels */
    double *table;       /* exp(-i^2 / (2 sigma^2)) up to twice the reach; NULL if it is not used */
} vd_source_kernel;

/* The part of the field that a source touches; may be empty. */
typedef struct vd_patch {
    vd_span rows, columns;
} vd_patch;

typedef struct vd_source_job {
    const vd_sources *sources;
    vd_kernels set;
    const vd_rows_kernels *kernels; /* of the set */
    const vd_image *field;
    const double *coefficients; /* to scatter, else NULL */
    double *values;             /* to gather, else NULL */
    double reach;               /* of a kernel, in sigmas */
    vd_source_kernel shared[2]; /* in y and x, if the sources have none of their own */
    int64_t bands, tiles, tile; /* how many of them, and the columns of a tile */
    size_t first, count;        /* the batch */
    vd_patch *patches;          /* [count] */
    uint32_t *order;            /* the batch by band and tile; a patch in two bands is listed twice */
    size_t *ends;               /* [bands tiles], where the entries of each end */
    double samples;             /* in all patches of the batch */
    int turn;                   /* the even or the odd bands, to scatter */
    int parts;                  /* parts that the work is divided into, one per thread */
    char *scratch;              /* [parts] */
    size_t pitch;               /* bytes of one of them */
} vd_source_job;

static inline const double *vd_source_position(const vd_source_job *j, size_t i)
{
    return j->sources->positions + 2 * (j->first + i);
}

/* The kernels of source i of the batch in y and x; own has room for them. */
static inline const vd_source_kernel *vd_source_kernels(const vd_source_job *j, size_t i, vd_source_kernel own[2])
{
    if (j->sources->sigmas == NULL)
        return j->shared;
    const double *sigma = j->sources->sigmas + 2 * (j->first + i);
    for (int axis = 0; axis < 2; axis++) {
        own[axis].sigma = sigma[axis];
        own[axis].reach = j->reach * sigma[axis];
        own[axis].table = NULL;
    }
    return own;
}

static inline bool vd_patch_is_tall(const vd_patch *p) { return p->rows.end - p->rows.begin > VD_BAND; }

static inline double vd_patch_area(const vd_patch *p)
{
    return (double)(p->rows.end - p->rows.begin) * (double)(p->columns.end - p->columns.begin);
}

/* ---- sources.c */

/* Where the entries of a band begin, for band = bands where the last end. */
size_t vd_source_first_entry(const vd_source_job *job, int64_t band);

/* ---- patches.c: blocks of work, see parallel.h */

/* Bytes of scratch memory for each thread. */
size_t vd_source_scratch(const vd_image *field);

/* Entries [begin, end) of the order. */
void vd_source_gather(void *job, int64_t begin, int64_t end, int thread);

/* Parts [begin, end) of every other band, from job->turn on. */
void vd_source_scatter(void *job, int64_t begin, int64_t end, int thread);

#endif
