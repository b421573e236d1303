/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Impulses and dead pixels: single samples, in one channel of opponent colours or more, that noise does not explain. With f
 * the frame, p the prior, moved, and e = f - p; a_1 >= a_2 >= ... of f or p at the eight pixels around, mirrored at the edge,
 * all times the sign of what is tested; s^2 the variance of the noise at the brightness of the four pixels next to it, and g
 * its gain (what one photon is worth, for the tails):
 *
 *     strict:     f - a_1 > 6 s + 12 g + 8 max(0, a_2 - a_7 - 2.2 s)    more than optics let through: none of it beside
 *     surprise:   at most one of the eight |e| around is above max(1.5 s, |e| / 5),
 *                 f is 2 s beyond the second greatest f around, and 2 s beyond all of p, its own place included
 *
 * Without a prior a sample is an outlier if the strict test holds; with one, if e > 5 s + 8 g and either does. What was one in
 * the last frame too, of the same sign, at the pixel where the flow leads to, is content: after a surprise it stays, and after
 * the strict test if it has moved and was not at its own place too, as dead pixels are. Stars as optics show them, lines and
 * text have neighbours that pass for neither. Samples beside missing ones are not tested.
 *
 * Tried: surprises from 4 s on, with less of a margin to what is around (4 dB lost on fine texture that moves).
 */
#include <math.h>

#include "base/integers.h"
#include "base/parallel.h"
#include "denoiser/denoiser.h"

typedef struct job {
    vd_denoiser *d;
    const vd_prior_state *prior; /* NULL: none */
    const vd_image *flow;
    vd_spot_test test;
} job;

/* Planes of row y (mirrored), one more sample at either end. */
static void read_rows(const vd_denoiser *d, float *first, const float *picture, int64_t y, ptrdiff_t room)
{
    float *planes[VD_MAX_CHANNELS];
    for (int64_t c = 0; c < d->channels; c++)
        planes[c] = first + c * room + 1;
    vd_pick_planes(d, planes, picture, vd_mirror(y, d->height));
    for (int64_t c = 0; c < d->channels; c++) {
        planes[c][-1] = planes[c][vd_mirror(-1, d->width)];
        planes[c][d->width] = planes[c][vd_mirror(d->width, d->width)];
    }
}

static void find_rows(void *context, int64_t begin, int64_t end, int thread)
{
    const job *j = context;
    vd_denoiser *d = j->d;
    ptrdiff_t room = (ptrdiff_t)vd_plane_room(d), three = 3 * room * VD_MAX_CHANNELS;
    float *frame = vd_scratch(d, thread), *prior = frame + three;
    int found = 0;
    for (int64_t y = begin; y < end; y++) {
        uint8_t *spots = d->spots + y * d->width;
        memset(spots, 0, (size_t)d->width);
        if (j->prior != NULL &&
            !d->set.holes.surprises(d->frame + y * vd_phase_row(d), j->prior->planes + y * vd_phase_row(d), &j->test,
                                    (ptrdiff_t)d->method.step * d->phase_pitch))
            continue;
        const float *f[3][VD_MAX_CHANNELS], *p[3][VD_MAX_CHANNELS];
        for (int i = 0; i < 3; i++) {
            ptrdiff_t at = i * room * VD_MAX_CHANNELS;
            read_rows(d, frame + at, d->frame, y + i - 1, room);
            if (j->prior != NULL)
                read_rows(d, prior + at, j->prior->planes, y + i - 1, room);
            for (int64_t c = 0; c < d->channels; c++) {
                f[i][c] = frame + at + c * room + 1;
                p[i][c] = j->prior != NULL ? prior + at + c * room + 1 : NULL;
            }
        }
        found |= d->set.holes.find_spots(spots, f, p, j->flow != NULL ? d->lost + y * d->width : NULL, &j->test,
                                         (ptrdiff_t)d->width);
    }
    d->found[thread] = found;
}

/* Spots beside samples that are missing, which say nothing. */
static int drop_beside_gaps(vd_denoiser *d)
{
    int found = 0;
    const float *weight = d->gaps.weight;
    for (int64_t y = 0; y < d->height; y++)
        for (int64_t x = 0; x < d->width; x++) {
            uint8_t *spot = d->spots + y * d->width + x;
            for (int64_t j = vd_max(y - 1, 0); *spot != 0 && j <= vd_min(y + 1, d->height - 1); j++)
                for (int64_t i = vd_max(x - 1, 0); i <= vd_min(x + 1, d->width - 1); i++)
                    if (!(weight[j * d->gaps.pyramid.pitch[0] + i] > 0))
                        *spot = 0;
            found |= *spot;
        }
    return found;
}

/* Of the spots, those that are content; `spots` stays as it is for the next frame. */
static bool keep_content(vd_denoiser *d, const vd_image *flow)
{
    bool any = false;
    for (int64_t y = 0; y < d->height; y++) {
        const uint8_t *spots = d->spots + y * d->width, *spot = spots;
        uint8_t *outliers = d->outliers + y * d->width;
        memset(outliers, 0, (size_t)d->width);
        while ((size_t)(spot - spots) < (size_t)d->width) {
            int64_t x = spot++ - spots;
            if (spots[x] == 0)
                continue;
            float vector[2] = {0, 0};
            if (flow != NULL)
                vd_flow_at(flow, y, x, vector);
            double row = fmin(fmax(rint((double)y + (double)vector[1]), 0), (double)(d->height - 1));
            double column = fmin(fmax(rint((double)x + (double)vector[0]), 0), (double)(d->width - 1));
            int sign = spots[x] & VD_SPOT_SIGNS;
            bool before = (d->spots_before[(int64_t)row * d->width + (int64_t)column] & sign) != 0;
            bool moves = fabsf(vector[0]) >= 1 || fabsf(vector[1]) >= 1;
            bool stays = (d->spots_before[y * d->width + x] & sign) != 0;
            bool content = before && (spots[x] & VD_SPOT_STRICT ? moves && !stays : !moves || !stays);
            outliers[x] = !content;
            any = any || !content;
        }
    }
    return any;
}

bool vd_find_outliers(vd_denoiser *d, const vd_prior_state *prior, const vd_image *flow)
{
    double variance = d->params.noise * d->params.noise, luma = d->opponent ? sqrt(3) : (double)d->channels;
    job j = {.d = d, .prior = prior != NULL && !prior->absent ? prior : NULL, .flow = flow};
    j.test.channels = (ptrdiff_t)d->channels;
    j.test.luma_channels = d->opponent ? 1 : (ptrdiff_t)d->channels;
    j.test.gain = (float)(d->params.gain / luma);
    j.test.offset = (float)(d->params.gain != 0 ? d->params.offset : variance);
    j.test.least = (float)(0.01 * variance);
    j.test.photon = (float)fmax(d->params.gain, 0);
    for (int64_t c = 0; c < d->channels; c++) {
        double power = 0;
        for (int64_t k = 0; k < VD_COEFFICIENTS; k++)
            power += (double)d->spectrum[c * VD_COEFFICIENTS + k];
        j.test.power[c] = (float)(power / VD_COEFFICIENTS);
    }
    uint8_t *before = d->spots_before;
    d->spots_before = d->spots;
    d->spots = before;
    memset(d->found, 0, (size_t)d->threads * sizeof *d->found);
    vd_parallel_blocks(d->threads, d->height, find_rows, &j);
    int found = 0;
    for (int i = 0; i < d->threads; i++)
        found |= d->found[i];
    if (found != 0 && d->gaps.here)
        found = drop_beside_gaps(d);
    return found != 0 && keep_content(d, flow);
}
