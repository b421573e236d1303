/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of the sweep share: sweep.c (memory, bands of rows, the mathematics of all), kalman.c (from samples to the
 * Kalman filter's estimate) and wiener.c (from there to samples).
 */
#ifndef VD_SWEEP_H
#define VD_SWEEP_H

#include "base/integers.h"
#include "denoiser/denoiser.h"

enum { VD_KEPT = 4, VD_POOLED = 5 };

/* Rows y of samples, as patches see them: y % VD_PATCH is the slot. */
typedef struct vd_transformed_rows {
    float *data;   /* [channels][VD_PATCH slots][VD_PATCH kx][pitch] */
    int64_t ready; /* rows below have been computed */
} vd_transformed_rows;

/* Patches on their way back to samples. */
typedef struct vd_aggregate {
    float *sums;    /* [channels][VD_PATCH slots][VD_PATCH kx][pitch] */
    float *weights; /* [channels][VD_PATCH slots][pitch] */
} vd_aggregate;

/* What one thread works with. A row of spectra is [coefficients][pitch]; ring position of row j is j % length. */
typedef struct vd_sweep_state {
    vd_denoiser *d;
    const vd_image *out;
    int count;          /* priors */
    int64_t begin, end; /* rows of patches whose samples are this band's */
    vd_transformed_rows frame, *priors, pilot;
    vd_aggregate first, second;
    float *q[2], *x[VD_KEPT], *v[VD_KEPT], *squares[VD_POOLED];
    float *brightness[2];
    float **e, **near, **keep; /* [count][2], [count][3], [count][2] */
    float *slack, *min_ratio;  /* [count][pitch] */
    float *spectra;            /* one row of 64 coefficients */
    float *eight, *eight_more; /* 8 rows of lanes */
    float *zones;              /* [count][VD_ZONES][pitch] */
    float *line[5];            /* rows of lanes */
    float *zero;               /* a row of zeros */
    float *phases;             /* one row of a picture */
    float *pictures;           /* scratch of pictures.c */
} vd_sweep_state;

static inline ptrdiff_t vd_round_up(ptrdiff_t n, ptrdiff_t step) { return (n + step - 1) / step * step; }

/* The slot of row y of samples: VD_PATCH rows of lanes. */
static inline float *vd_slot_of(const vd_denoiser *d, float *ring, int64_t channel, int64_t y)
{
    return ring + (channel * VD_PATCH + y % VD_PATCH) * VD_PATCH * d->pitch;
}

void vd_transform_row(const vd_denoiser *d, vd_transformed_rows *rows, int64_t y, const float *phases);
void vd_transform_rows(const vd_denoiser *d, vd_transformed_rows *rows, const float *picture, int64_t j);
void vd_transform_patches(const vd_denoiser *d, const vd_transformed_rows *rows, int64_t j, int64_t c, int kx,
                          float *out);
void vd_sweep_compare(vd_sweep_state *s, int64_t j);
void vd_sweep_estimate(vd_sweep_state *s, int64_t j);

/* ---- wiener.c ---- */

void vd_clear_aggregate(const vd_denoiser *d, vd_aggregate *a);
void vd_sweep_finish_row(vd_sweep_state *s, vd_aggregate *from, int64_t y, float *phases);
void vd_sweep_first_step(vd_sweep_state *s, int64_t j);
void vd_sweep_second_step(vd_sweep_state *s, int64_t j);
void vd_sweep_emit_rows(vd_sweep_state *s, vd_aggregate *from, int64_t begin, int64_t end);

#endif
