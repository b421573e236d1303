/* SPDX-License-Identifier: Apache-2.0 */
/* The settings and the report of an estimator, which exists while a diffuser has a gate or a flow. */
#include "diffuser/estimator.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static bool noise_is_good(const vd_noise *noise)
{
    bool good = noise->channels >= 1 && noise->channels <= 1 << 20 && is_length(noise->min_variance);
    for (int64_t c = 0; good && c < noise->channels; c++)
        good = isfinite(noise->gain[c]) && isfinite(noise->offset[c]);
    return good;
}

/* The diffuser's estimator, made if need be; NULL without memory. */
static vd_estimator *estimator_of(vd_diffuser *d)
{
    if (d->estimator == NULL)
        d->estimator = calloc(1, sizeof *d->estimator);
    return d->estimator;
}

static void drop_if_off(vd_diffuser *d)
{
    if (d->estimator != NULL && !d->estimator->gated && !d->estimator->moving) {
        vd_estimator_free(d->estimator);
        d->estimator = NULL;
    }
}

static bool can_have_estimator(const vd_diffuser *d)
{
    return d->core.params.normalize && d->core.params.dither == VD_DITHER_OFF;
}

static vd_status set_gate(vd_diffuser *d, const vd_noise *noise)
{
    double *table = NULL;
    if (noise != NULL) {
        if (noise->struct_size != sizeof *noise)
            return VD_ERROR_STRUCT_SIZE;
        if (noise->gain == NULL || noise->offset == NULL)
            return VD_ERROR_NULL;
        if (!can_have_estimator(d) || !noise_is_good(noise))
            return VD_ERROR_PARAMETER;
    }
    if (d->core.dtype != 0)
        return VD_ERROR_PARAMETER;
    if (noise == NULL && d->estimator == NULL)
        return VD_OK;
    size_t count = noise != NULL ? (size_t)noise->channels : 0;
    if (noise != NULL && (table = malloc(2 * count * sizeof *table)) == NULL)
        return VD_ERROR_MEMORY;
    vd_estimator *e = estimator_of(d);
    if (e == NULL) {
        free(table);
        return VD_ERROR_MEMORY;
    }
    if (noise != NULL) {
        memcpy(table, noise->gain, count * sizeof *table);
        memcpy(table + count, noise->offset, count * sizeof *table);
        e->min_variance = noise->min_variance;
    }
    free(e->noise);
    e->noise = table;
    e->gated = noise != NULL;
    e->noise_channels = (int64_t)count;
    drop_if_off(d);
    return VD_OK;
}

vd_status vd_diffuser_set_gate(vd_diffuser *d, const vd_noise *noise)
{
    if (d == NULL)
        return VD_ERROR_NULL;
    if (!take_flag(&d->busy))
        return flag_refusal(&d->busy);
    vd_status status = set_gate(d, noise);
    drop_flag(&d->busy);
    return status;
}

static vd_status set_flow(vd_diffuser *d, vd_flow_function *flow, void *context)
{
    bool has_flow = d->estimator != NULL && d->estimator->moving;
    if (d->core.dtype != 0 && !(has_flow && flow != NULL))
        return VD_ERROR_PARAMETER;
    if (flow != NULL && !can_have_estimator(d))
        return VD_ERROR_PARAMETER;
    if (flow == NULL && !has_flow)
        return VD_OK;
    vd_estimator *e = estimator_of(d);
    if (e == NULL)
        return VD_ERROR_MEMORY;
    e->moving = flow != NULL;
    e->flow = flow;
    e->context = context;
    drop_if_off(d);
    return VD_OK;
}

vd_status vd_diffuser_set_flow(vd_diffuser *d, vd_flow_function *flow, void *context)
{
    if (d == NULL)
        return VD_ERROR_NULL;
    if (!take_flag(&d->busy))
        return flag_refusal(&d->busy);
    vd_status status = set_flow(d, flow, context);
    drop_flag(&d->busy);
    return status;
}

/* ---- report ---- */

void vd_estimator_info(vd_diffuser *d, vd_info *info)
{
    vd_estimator *e = d->estimator;
    vd_info spatial = {.struct_size = sizeof spatial};
    if (d->core.dtype == 0 || vd_diffuser_info(e->spatial, &spatial) != VD_OK)
        return;
    double variance;
    info->method = spatial.method;
    info->threads = spatial.threads;
    info->levels = spatial.levels;
    info->masked = spatial.masked;
    info->spatial_bound = spatial.spatial_bound;
    size_t picture = d->samples * vd_dtype_size(d->core.dtype), estimate = vd_estimate_size(&e->estimates);
    size_t queued = (size_t)d->core.count * (2 * estimate + (e->moving ? picture : 0));
    bool kept = d->core.count == 0; /* else the newest is in the queue */
    info->state_bytes = queued + (kept ? estimate : 0) + (e->moving ? picture : 0);
    vd_estimate_means(&e->estimates, &e->slots[e->newest].forward, &info->weight, &variance);
}
