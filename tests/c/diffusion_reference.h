/* SPDX-License-Identifier: Apache-2.0 */
/* The diffusion equations as dense loops in double, on small random pictures, for test_diffusion.c. */
#ifndef VDCORE_TESTS_DIFFUSION_REFERENCE_H
#define VDCORE_TESTS_DIFFUSION_REFERENCE_H

#include "models/diffusion.h"

#include "check.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { HEIGHT = 23, WIDTH = 41, PIXELS = HEIGHT * WIDTH, CHANNELS = 5, PITCH = WIDTH + 3 };

static uint64_t seed = 1;
static double samples[CHANNELS][PIXELS], confidences[PIXELS], map[PIXELS];

typedef struct result {
    double sums[CHANNELS][PIXELS], weights[PIXELS];
} result;

typedef struct setting {
    vd_params params;
    int perona_malik, hold, threads;
    const double *confidences, *map;
    int64_t channels;
    int32_t dtype;
    vd_kernels kernels;
} setting;

static inline double uniform(void) { return (double)(check_random(&seed) >> 11) / 9007199254740992.0; }

static inline void draw(void)
{
    for (int i = 0; i < PIXELS; i++) {
        for (int c = 0; c < CHANNELS; c++)
            samples[c][i] = (float)(uniform() + (i % WIDTH > 20 ? 1 : 0));
        confidences[i] = i % 3 ? (float)uniform() : i % 2;
        map[i] = i / WIDTH == 9 ? 0 : (float)(2 * uniform());
    }
}

static inline setting usual(int perona_malik, double sigma_y, double sigma_x)
{
    setting s = {.perona_malik = perona_malik, .threads = 1, .channels = 2, .dtype = VD_F64};
    CHECK_STATUS(vd_params_init(&s.params, sizeof s.params), VD_OK);
    s.params.sigma_y = sigma_y;
    s.params.sigma_x = sigma_x;
    s.params.diffusivity = 1;
    s.params.contrast = 0.4;
    vd_kernels_choose(&s.kernels);
    return s;
}

static inline void put(void *plane, int32_t dtype, int at, double value)
{
    if (dtype == VD_F32)
        ((float *)plane)[at] = (float)value;
    else
        ((double *)plane)[at] = value;
}

static inline double get(const void *plane, int32_t dtype, int at)
{
    return dtype == VD_F32 ? ((const float *)plane)[at] : ((const double *)plane)[at];
}

/* A frame of one channel with no gap between its rows. */
static inline vd_model_frame plain_frame(const setting *s, int64_t height, int64_t width, const void *const *plane,
                                         void *const *sum, void *weights)
{
    vd_model_frame frame = {.params = &s->params,
                            .kernels = &s->kernels,
                            .dtype = s->dtype,
                            .threads = s->threads,
                            .height = height,
                            .width = width,
                            .channels = 1,
                            .planes = plane,
                            .pitch = width,
                            .sums = sum,
                            .weights = weights};
    return frame;
}

/* Runs the model on planes with a pitch of their own. */
static inline vd_status run(const setting *s, result *out)
{
    static double in[CHANNELS + 1][HEIGHT * PITCH], to[CHANNELS + 1][PIXELS];
    const void *planes[CHANNELS];
    void *sums[CHANNELS];
    vd_image diffusivity = vd_image_contiguous((void *)s->map, VD_F64, HEIGHT, WIDTH, 1);
    vd_model_frame frame = {.params = &s->params,
                            .kernels = &s->kernels,
                            .dtype = s->dtype,
                            .threads = s->threads,
                            .height = HEIGHT,
                            .width = WIDTH,
                            .channels = s->channels,
                            .planes = planes,
                            .pitch = PITCH,
                            .confidences = s->confidences != NULL ? in[CHANNELS] : NULL,
                            .missing = s->confidences != NULL,
                            .sums = sums,
                            .weights = to[CHANNELS]};
    for (int c = 0; c < CHANNELS; c++) {
        planes[c] = in[c];
        sums[c] = to[c];
    }
    for (int i = 0; i < PIXELS; i++) {
        int at = i / WIDTH * PITCH + i % WIDTH;
        for (int c = 0; c < CHANNELS; c++)
            put(in[c], s->dtype, at, samples[c][i]);
        put(in[CHANNELS], s->dtype, at, s->confidences != NULL ? s->confidences[i] : 1);
    }
    vd_status status =
        s->perona_malik ? vd_perona_malik(&frame) : vd_laplacian(&frame, s->map != NULL ? &diffusivity : NULL, s->hold);
    memset(out, 0, sizeof *out);
    for (int i = 0; i < PIXELS && status == VD_OK; i++) {
        for (int c = 0; c < s->channels; c++)
            out->sums[c][i] = get(to[c], s->dtype, i);
        out->weights[i] = s->confidences != NULL ? get(to[CHANNELS], s->dtype, i) : 1; /* which is not written */
    }
    return status;
}

/* ---- the same by small explicit steps */

static inline double step_coefficient(const double *c, int a, int b, int harmonic)
{
    if (!harmonic)
        return (c[a] + c[b]) / 2;
    return c[a] * c[b] > 0 ? 2 * c[a] * c[b] / (c[a] + c[b]) : 0;
}

/* u += (exp(tau L) - 1) u, to this order of tau */
static inline void advance(double *u, const double *c, const setting *s, const double *held, double tau, int order)
{
    static double term[PIXELS], next[PIXELS];
    double half[2] = {s->params.sigma_y * s->params.sigma_y / 2, s->params.sigma_x * s->params.sigma_x / 2};
    memcpy(term, u, sizeof term);
    for (int k = 1; k <= order; k++) {
        memset(next, 0, sizeof next);
        for (int i = 0; i < PIXELS; i++)
            for (int axis = 0; axis < 2; axis++) {
                int beside = axis == 0 ? i + WIDTH : i + 1;
                if (axis == 0 ? beside >= PIXELS : beside % WIDTH == 0)
                    continue;
                double flow = half[axis] * step_coefficient(c, i, beside, !s->perona_malik) * (term[beside] - term[i]);
                next[i] += flow;
                next[beside] -= flow;
            }
        for (int i = 0; i < PIXELS; i++) {
            term[i] = held != NULL && held[i] == 1 ? 0 : next[i] * tau / k;
            u[i] += term[i];
        }
    }
}

static inline int clamped(int i, int n) { return i < 0 ? 0 : i < n ? i : n - 1; }

static inline double smoothed(const double *u, int y, int x)
{
    double sum = 0;
    for (int j = -1; j <= 1; j++)
        for (int i = -1; i <= 1; i++)
            sum += (2 - abs(j)) * (2 - abs(i)) *
                   u[clamped(clamped(y, HEIGHT) + j, HEIGHT) * WIDTH + clamped(clamped(x, WIDTH) + i, WIDTH)] / 16;
    return sum;
}

static inline void gradient_diffusivity(const result *u, const setting *s, double *c)
{
    const int ends[2][2] = {{1, 0}, {0, 1}};
    for (int i = 0; i < PIXELS; i++) {
        double sum = 0;
        for (int channel = 0; channel < s->channels; channel++)
            for (int axis = 0; axis < 2; axis++) {
                double value[2], weight[2];
                for (int side = 0; side < 2; side++) {
                    int y = i / WIDTH + (2 * side - 1) * ends[axis][0], x = i % WIDTH + (2 * side - 1) * ends[axis][1];
                    weight[side] = smoothed(u->weights, y, x);
                    value[side] = smoothed(u->sums[channel], y, x) / weight[side];
                }
                if (weight[0] >= 1e-3 && weight[1] >= 1e-3)
                    sum += (value[1] - value[0]) * (value[1] - value[0]) / 4;
            }
        sum /= s->params.contrast * s->params.contrast;
        c[i] = s->params.diffusivity_function == VD_DIFFUSIVITY_RATIONAL ? 1 / (1 + sum) : exp(-sum);
    }
}

static inline void expected(const setting *s, result *out, int steps)
{
    static double c[PIXELS];
    for (int i = 0; i < PIXELS; i++) {
        out->weights[i] = s->confidences != NULL ? s->confidences[i] : 1;
        for (int channel = 0; channel < s->channels; channel++)
            out->sums[channel][i] = samples[channel][i] * out->weights[i];
        c[i] = s->params.diffusivity * (s->map != NULL ? s->map[i] : 1);
    }
    const double *held = s->hold ? s->confidences : NULL;
    for (int step = 0; step < steps; step++) {
        if (s->perona_malik)
            gradient_diffusivity(out, s, c);
        for (int channel = 0; channel < s->channels; channel++)
            advance(out->sums[channel], c, s, held, 1.0 / steps, s->perona_malik ? 1 : 12);
        advance(out->weights, c, s, held, 1.0 / steps, s->perona_malik ? 1 : 12);
    }
}

static inline double distance(const setting *s, const result *a, const result *b)
{
    double most = 0;
    for (int i = 0; i < PIXELS; i++) {
        most = fmax(most, fabs(a->weights[i] - b->weights[i]));
        for (int c = 0; c < s->channels; c++)
            most = fmax(most, fabs(a->sums[c][i] - b->sums[c][i]));
    }
    return most;
}

#endif
