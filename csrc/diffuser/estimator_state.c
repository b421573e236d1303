/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Saved states of streams with a gate or with motion: the settings, then the slots of the queue, or the newest one
 * alone where the queue is empty. The flow function is the caller's and not saved.
 *
 * Loading trusts nothing: weights must be ones that pushes can produce. Values, variances and pictures may be
 * arbitrary, since they only enter arithmetic.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "diffuser/estimator.h"

/* ---- settings ---- */

typedef struct settings {
    int32_t gated, moving;
    int64_t channels;
    double min_variance;
} settings;

static void move_settings(vd_archive *archive, settings *s)
{
    VD_ARCHIVE_VALUE(archive, s->gated);
    VD_ARCHIVE_VALUE(archive, s->moving);
    VD_ARCHIVE_VALUE(archive, s->channels);
    VD_ARCHIVE_VALUE(archive, s->min_variance);
}

void vd_estimator_write_settings(vd_archive *archive, vd_estimator *e)
{
    settings own = {0};
    if (e != NULL) {
        own.gated = e->gated;
        own.moving = e->moving;
        own.channels = e->noise_channels;
        own.min_variance = e->min_variance;
    }
    move_settings(archive, &own);
    if (e != NULL)
        vd_archive_move(archive, e->noise, 2 * (size_t)own.channels * sizeof *e->noise);
}

/* Stands in until a loaded stream is given its function. */
static vd_status no_flow(void *context, const vd_image *frame, const vd_image *other, const vd_image *flow)
{
    (void)context, (void)frame, (void)other, (void)flow;
    return VD_ERROR_FLOW;
}

vd_status vd_estimator_read_settings(vd_archive *archive, vd_diffuser *d)
{
    settings own;
    move_settings(archive, &own);
    size_t remaining = vd_archive_remaining(archive);
    if (archive->failed || own.gated < 0 || own.gated > 1 || own.moving < 0 || own.moving > 1 ||
        (own.gated ? own.channels < 1 : own.channels != 0) || (uint64_t)own.channels > remaining / (2 * sizeof(double)))
        return VD_ERROR_STATE;
    vd_status status = VD_OK;
    if (own.gated) {
        size_t size = (size_t)own.channels * sizeof(double);
        double *table = malloc(2 * size);
        if (table == NULL)
            return VD_ERROR_MEMORY;
        vd_archive_move(archive, table, 2 * size);
        vd_noise noise = {sizeof noise, table, table + own.channels, own.min_variance, own.channels};
        status = vd_diffuser_set_gate(d, &noise);
        free(table);
    }
    if (status == VD_OK && own.moving)
        status = vd_diffuser_set_flow(d, no_flow, NULL);
    return status;
}

/* ---- the stream ---- */

/* Slots that are saved: those of the queue, or the newest. */
static int saved_slots(const vd_diffuser *d) { return d->core.count > 0 ? d->core.count : 1; }

static vd_estimator_slot *saved_slot(const vd_diffuser *d, int k)
{
    return d->core.count > 0 ? vd_estimator_slot_at(d, k) : d->estimator->slots + d->estimator->newest;
}

static void move_stream(vd_archive *archive, vd_diffuser *d)
{
    vd_estimator *e = d->estimator;
    size_t estimate = vd_estimate_size(&e->estimates), picture = d->samples * vd_dtype_size(d->core.dtype);
    int count = saved_slots(d);
    for (int k = 0; k < count; k++) {
        vd_estimator_slot *slot = saved_slot(d, k);
        VD_ARCHIVE_VALUE(archive, slot->time);
        vd_archive_move(archive, slot->forward.rows, estimate);
        if (d->core.count > 0)
            vd_archive_move(archive, slot->own.rows, estimate);
        if (d->core.count > 0 && e->moving)
            vd_archive_move(archive, slot->frame, picture);
        if (k + 1 == count && e->moving)
            vd_archive_move(archive, slot->result, picture);
    }
}

/* Once a frame has had a mask, frames without one are filtered differently in the last bits: that is part of the state.
 * */
void vd_estimator_write_stream(vd_archive *archive, vd_diffuser *d)
{
    int32_t masked = d->estimator->spatial->core.masked;
    VD_ARCHIVE_VALUE(archive, masked);
    move_stream(archive, d);
}

static vd_status start_masked(vd_diffuser *spatial, int32_t dtype, const vd_core *core)
{
    vd_status status = vd_start_stream(spatial, dtype, core->height, core->width, core->channels);
    return status == VD_OK && !spatial->core.masked ? vd_start_masks(spatial) : status;
}

static bool slot_is_sound(const vd_diffuser *d, vd_estimator_slot *slot, double since)
{
    const vd_estimates *e = &d->estimator->estimates;
    return is_length(slot->time) && slot->time >= since && vd_estimate_restore(e, &slot->forward) &&
           (d->core.count == 0 || vd_estimate_restore(e, &slot->own));
}

vd_status vd_estimator_read_stream(vd_archive *archive, vd_diffuser *d, const vd_core *core)
{
    int32_t masked;
    VD_ARCHIVE_VALUE(archive, masked);
    if (masked != 0 && masked != 1)
        return VD_ERROR_STATE;
    /* No stream is larger than its state. */
    size_t remaining = vd_archive_remaining(archive);
    if ((size_t)(core->height * core->width * core->channels) > remaining / sizeof(float) ||
        core->weight != (core->frames > 0) || core->masked != 0 || core->state_width != 0)
        return VD_ERROR_STATE;
    vd_status status = vd_estimator_start(d, core->dtype, core->height, core->width, core->channels);
    if (status != VD_OK)
        return status;
    vd_estimator *e = d->estimator;
    d->core.frames = core->frames;
    d->core.count = core->count;
    d->core.weight = core->weight;
    e->newest = saved_slots(d) - 1;
    vd_archive counter = {0};
    move_stream(&counter, d);
    if (counter.at != remaining)
        return VD_ERROR_STATE;
    if (masked && (status = start_masked(e->spatial, e->estimates.dtype, core)) != VD_OK)
        return status;
    move_stream(archive, d);
    double since = 0;
    for (int k = 0; k < saved_slots(d); k++) {
        if (!slot_is_sound(d, saved_slot(d, k), since))
            return VD_ERROR_STATE;
        since = saved_slot(d, k)->time;
    }
    return VD_OK;
}
