/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pull and push: at level l + 1, sample (y, x) is the weighted mean of samples (2y .. 2y + 1, 2x .. 2x + 1) of level l. On
 * the way back a sample of weight w keeps min(1, w scale) of its value; the rest is interpolated linearly, 3/4 and 1/4 along
 * each axis, between the coarser samples next to it.
 */
#include "denoiser/pyramid.h"

#include <stdlib.h>

#include "base/image.h"
#include "base/integers.h"
#include "base/parallel.h"

enum { SAMPLES_PER_THREAD = 1 << 14 };

vd_pyramid vd_pyramid_of(int64_t height, int64_t width)
{
    vd_pyramid p = {0};
    for (;;) {
        int l = p.levels++;
        p.height[l] = height;
        p.width[l] = width;
        p.pitch[l] = (ptrdiff_t)(width / 2 + 1) * 2;
        p.at[l] = (ptrdiff_t)p.floats;
        p.floats += (size_t)((height / 2 + 1) * 2 * p.pitch[l]);
        if (height == 1 && width == 1)
            return p;
        height = (height + 1) / 2;
        width = (width + 1) / 2;
    }
}

typedef struct job {
    const vd_pyramid *pyramid;
    const vd_holes_kernels *kernels;
    const vd_pyramid_planes *planes;
    float *plane;
    const float *weight;
    float scale;
    int level;
} job;

static int threads_for(const vd_pyramid *p, int level, int threads)
{
    return (int)vd_min(threads, p->height[level] * p->width[level] / SAMPLES_PER_THREAD + 1);
}

static void pull_rows(void *context, int64_t begin, int64_t end, int thread)
{
    const job *j = context;
    const vd_pyramid *p = j->pyramid;
    const vd_pyramid_planes *s = j->planes;
    (void)thread;
    int l = j->level;
    for (int64_t y = begin; y < end; y++) {
        ptrdiff_t to = p->at[l + 1] + y * p->pitch[l + 1], a = p->at[l] + 2 * y * p->pitch[l], b = a + p->pitch[l];
        float *out[VD_PYRAMID_PLANES];
        const float *above[VD_PYRAMID_PLANES], *below[VD_PYRAMID_PLANES], *weights[2] = {s->weight + a, s->weight + b};
        for (int64_t c = 0; c < s->channels; c++) {
            out[c] = s->value[c] + to;
            above[c] = s->value[c] + a;
            below[c] = s->value[c] + b;
        }
        if (s->spread == NULL) {
            j->kernels->pull(out, s->weight + to, NULL, above, below, weights, NULL, s->channels, p->width[l + 1]);
            continue;
        }
        const float *spreads[2] = {s->spread + a, s->spread + b};
        j->kernels->pull(out, s->weight + to, s->spread + to, above, below, weights, spreads, s->channels,
                         p->width[l + 1]);
    }
}

void vd_pyramid_pull(const vd_pyramid *p, const vd_holes_kernels *kernels, const vd_pyramid_planes *planes, int threads)
{
    job j = {.pyramid = p, .kernels = kernels, .planes = planes};
    for (; j.level + 1 < p->levels; j.level++)
        vd_parallel_blocks(threads_for(p, j.level, threads), p->height[j.level + 1], pull_rows, &j);
}

static void push_rows(void *context, int64_t begin, int64_t end, int thread)
{
    const job *j = context;
    const vd_pyramid *p = j->pyramid;
    (void)thread;
    int l = j->level;
    const float *coarse = j->plane + p->at[l + 1];
    for (int64_t y = begin; y < end; y++) {
        int64_t far = y % 2 != 0 ? y / 2 + 1 : y / 2 - 1;
        far = vd_max(0, vd_min(far, p->height[l + 1] - 1));
        ptrdiff_t row = p->at[l] + y * p->pitch[l];
        j->kernels->push(j->plane + row, j->weight + row, coarse + y / 2 * p->pitch[l + 1],
                         coarse + far * p->pitch[l + 1], j->scale, p->width[l]);
    }
}

void vd_pyramid_push(const vd_pyramid *p, const vd_holes_kernels *kernels, float *plane, const float *weight,
                     float scale, int threads)
{
    job j = {.pyramid = p, .kernels = kernels, .plane = plane, .weight = weight, .scale = scale};
    for (j.level = p->levels - 2; j.level >= 0; j.level--)
        vd_parallel_blocks(threads_for(p, j.level, threads), p->height[j.level], push_rows, &j);
}
