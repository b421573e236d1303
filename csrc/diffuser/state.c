/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Saved states: the parameters, the scalars of the stream, then the map of diffusivity, the settings of gate and
 * motion, the mean, its weights and the queue (with an estimator: its slots), as they lie in memory, in the format of
 * base/archive.h. `members` is the layout: changing it requires a new version in KIND.
 *
 * Loading trusts nothing. Parameters pass the checks of vd_diffuser_create, shapes those of a frame. The sizes of all
 * planes follow from these and must add up to the bytes present before memory is reserved for them. Scalars and weights
 * must be ones that pushes can produce. Means and queued frames may be arbitrary, since they only enter arithmetic.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/archive.h"
#include "base/parallel.h"
#include "diffuser/diffuser.h"
#include "diffuser/estimator.h"

static const vd_archive_kind KIND = {{'v', 'd', 'd', 'i', 'f', 'f', 'u', 's'}, 6};

/* ---- layout ---- */

static void move_params(vd_archive *archive, vd_params *p)
{
    VD_ARCHIVE_VALUE(archive, p->sigma_y);
    VD_ARCHIVE_VALUE(archive, p->sigma_x);
    VD_ARCHIVE_VALUE(archive, p->tau);
    VD_ARCHIVE_VALUE(archive, p->truncate);
    VD_ARCHIVE_VALUE(archive, p->cval);
    VD_ARCHIVE_VALUE(archive, p->fill_value);
    VD_ARCHIVE_VALUE(archive, p->tolerance);
    VD_ARCHIVE_VALUE(archive, p->dt);
    VD_ARCHIVE_VALUE(archive, p->model);
    VD_ARCHIVE_VALUE(archive, p->normalize);
    VD_ARCHIVE_VALUE(archive, p->boundary);
    VD_ARCHIVE_VALUE(archive, p->fill);
    VD_ARCHIVE_VALUE(archive, p->lookahead);
    VD_ARCHIVE_VALUE(archive, p->dither);
    VD_ARCHIVE_VALUE(archive, p->range_sigma);
    VD_ARCHIVE_VALUE(archive, p->strength);
    VD_ARCHIVE_VALUE(archive, p->noise);
    VD_ARCHIVE_VALUE(archive, p->diffusivity);
    VD_ARCHIVE_VALUE(archive, p->contrast);
    VD_ARCHIVE_VALUE(archive, p->patch);
    VD_ARCHIVE_VALUE(archive, p->search);
    VD_ARCHIVE_VALUE(archive, p->diffusivity_function);
}

/* The scalars of the stream; the queue is saved from its first frame on, wherever the ring has it. */
static void move_scalars(vd_archive *archive, vd_core *core)
{
    VD_ARCHIVE_VALUE(archive, core->dtype);
    VD_ARCHIVE_VALUE(archive, core->height);
    VD_ARCHIVE_VALUE(archive, core->width);
    VD_ARCHIVE_VALUE(archive, core->channels);
    VD_ARCHIVE_VALUE(archive, core->frames);
    VD_ARCHIVE_VALUE(archive, core->weight);
    VD_ARCHIVE_VALUE(archive, core->state_width);
    VD_ARCHIVE_VALUE(archive, core->masked);
    VD_ARCHIVE_VALUE(archive, core->count);
}

static void move_map_shape(vd_archive *archive, int64_t *height, int64_t *width)
{
    VD_ARCHIVE_VALUE(archive, *height);
    VD_ARCHIVE_VALUE(archive, *width);
}

/* The planes of a started diffuser. */
static void move_planes(vd_archive *archive, vd_diffuser *d)
{
    vd_archive_move(archive, d->state, d->samples * width_size(d->core.state_width));
    if (d->core.masked)
        vd_archive_move(archive, d->weight_sum, d->samples * sizeof(double));
    for (int k = 0; k < d->core.count; k++) {
        vd_slot *slot = (vd_slot *)slot_at(d, k);
        VD_ARCHIVE_VALUE(archive, slot->dt);
        vd_archive_move(archive, slot->reference, (size_t)d->core.channels * sizeof(double));
        vd_archive_move(archive, slot->value, d->samples * slot_size(d));
        if (d->core.masked) {
            vd_archive_move(archive, slot->confidence, d->samples * sizeof(double));
            vd_archive_move(archive, slot->original, d->samples * vd_dtype_size(d->core.dtype));
        }
    }
}

size_t vd_planes_size(vd_diffuser *d)
{
    vd_archive counter = {0};
    if (d->core.dtype != 0)
        move_planes(&counter, d);
    return counter.at;
}

static void write_members(vd_archive *archive, void *object)
{
    vd_diffuser *d = object;
    vd_image map = has_map(d) ? *d->diffusivity : (vd_image){0};
    move_params(archive, &d->core.params);
    move_scalars(archive, &d->core);
    move_map_shape(archive, &map.height, &map.width);
    vd_archive_move(archive, map.data, (size_t)(map.height * map.width) * sizeof(double));
    vd_estimator_write_settings(archive, d->estimator);
    if (d->core.dtype != 0 && d->estimator != NULL)
        vd_estimator_write_stream(archive, d);
    else if (d->core.dtype != 0)
        move_planes(archive, d);
}

/* ---- saving ---- */

vd_status vd_diffuser_save(vd_diffuser *d, void *buffer, size_t *size)
{
    if (d == NULL || size == NULL)
        return VD_ERROR_NULL;
    if (!take_flag(&d->busy))
        return flag_refusal(&d->busy);
    vd_status status = vd_archive_save(&KIND, write_members, d, buffer, size);
    drop_flag(&d->busy);
    return status;
}

/* ---- loading ---- */

/* Weights of samples; a NaN of a model whose arithmetic overflowed counts as 0. */
static bool are_weights(const double *weights, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (weights[i] < 0 || weights[i] == INFINITY)
            return false;
    return true;
}

/* Whether pushes can produce these scalars, as far as can be told before the stream is started. */
static bool scalars_are_sound(const vd_core *core)
{
    if (core->dtype == 0)
        return true; /* and none of them is used */
    char sample;
    vd_image frame = vd_image_contiguous(&sample, (vd_dtype)core->dtype, core->height, core->width, core->channels);
    return vd_image_check(&frame) == VD_OK && core->frames >= 0 && core->frames < INT64_MAX / 2 && core->count >= 0 &&
           core->count <= core->params.lookahead && core->frames + core->count > 0 &&
           (core->frames == 0 ? core->weight == 0 : core->weight >= 1 && core->weight < INFINITY) &&
           core->state_width >= WIDTH_FIXED && core->state_width <= WIDTH_F64 &&
           (core->masked == 0 || (core->masked == 1 && core->params.normalize));
}

/* The same for the planes, once they are read. */
static bool planes_are_sound(const vd_diffuser *d)
{
    bool sound = !d->core.masked || are_weights(d->weight_sum, d->samples);
    for (int k = 0; k < d->core.count && sound; k++) {
        const vd_slot *slot = slot_at(d, k);
        sound = is_length(slot->dt) && (!d->core.masked || are_weights(slot->confidence, d->samples));
        for (int64_t c = 0; c < d->core.channels; c++)
            sound = sound && isfinite(slot->reference[c]);
    }
    return sound;
}

static vd_status read_map(vd_archive *archive, vd_diffuser *d, int64_t height, int64_t width)
{
    if (height == 0 && width == 0)
        return VD_OK;
    if (height < 1 || width < 1 || (size_t)height > vd_archive_remaining(archive) / sizeof(double) / (size_t)width)
        return VD_ERROR_STATE;
    vd_image map = vd_image_contiguous(archive->bytes + archive->at, VD_F64, height, width, 1);
    archive->at += (size_t)height * (size_t)width * sizeof(double);
    return vd_diffuser_set_diffusivity(d, &map);
}

static vd_status read_stream(vd_archive *archive, vd_diffuser *d, const vd_core *core)
{
    if (has_map(d) && (d->diffusivity->height != core->height || d->diffusivity->width != core->width))
        return VD_ERROR_STATE;
    if (d->estimator != NULL)
        return vd_estimator_read_stream(archive, d, core);
    /* No stream is larger than its state. */
    size_t remaining = vd_archive_remaining(archive);
    if ((size_t)(core->height * core->width * core->channels) > remaining / width_size(core->state_width))
        return VD_ERROR_STATE;
    vd_status status = vd_start_stream(d, core->dtype, core->height, core->width, core->channels);
    if (status == VD_OK && core->masked && !d->core.masked)
        status = vd_start_masks(d);
    if (status != VD_OK)
        return status;
    if (core->masked != d->core.masked || !vd_width_can_be(d, core->state_width, core->weight))
        return VD_ERROR_STATE;
    if (core->state_width != d->core.state_width) {
        void *wider = calloc(d->samples, width_size(core->state_width));
        if (wider == NULL)
            return VD_ERROR_MEMORY;
        free(d->state);
        d->state = wider;
    }
    vd_params params = d->core.params;
    d->core = *core;
    d->core.params = params;
    if (vd_planes_size(d) != remaining)
        return VD_ERROR_STATE;
    move_planes(archive, d);
    return planes_are_sound(d) ? VD_OK : VD_ERROR_STATE;
}

vd_status vd_diffuser_load(vd_diffuser **diffuser, const void *buffer, size_t size, int32_t threads)
{
    if (diffuser == NULL || buffer == NULL)
        return VD_ERROR_NULL;
    *diffuser = NULL;
    if (!vd_is_thread_request(threads))
        return VD_ERROR_PARAMETER;
    vd_archive archive;
    vd_status status = vd_archive_open(&archive, &KIND, buffer, size);
    if (status != VD_OK)
        return status;
    vd_core core = {0};
    int64_t map_height, map_width;
    vd_params_init(&core.params, sizeof core.params);
    core.params.threads = threads;
    move_params(&archive, &core.params);
    move_scalars(&archive, &core);
    move_map_shape(&archive, &map_height, &map_width);
    vd_diffuser *d = NULL;
    if (archive.failed || !scalars_are_sound(&core))
        return VD_ERROR_STATE;
    status = vd_diffuser_create(&d, &core.params);
    if (status == VD_OK)
        status = read_map(&archive, d, map_height, map_width);
    if (status == VD_OK)
        status = vd_estimator_read_settings(&archive, d);
    if (status == VD_OK && core.dtype != 0)
        status = read_stream(&archive, d, &core);
    if (status == VD_OK && vd_archive_remaining(&archive) > 0)
        status = VD_ERROR_STATE;
    if (status != VD_OK) {
        vd_diffuser_destroy(d);
        return status == VD_ERROR_MEMORY ? status : VD_ERROR_STATE;
    }
    *diffuser = d;
    return VD_OK;
}

vd_status vd_diffuser_copy(vd_diffuser **copy, vd_diffuser *d)
{
    if (copy == NULL || d == NULL)
        return VD_ERROR_NULL;
    *copy = NULL;
    if (!take_flag(&d->busy))
        return flag_refusal(&d->busy);
    size_t size = 0;
    vd_archive_save(&KIND, write_members, d, NULL, &size);
    void *buffer = malloc(size);
    vd_status status = buffer == NULL ? VD_ERROR_MEMORY : vd_archive_save(&KIND, write_members, d, buffer, &size);
    if (status == VD_OK)
        status = vd_diffuser_load(copy, buffer, size, d->core.params.threads);
    if (status == VD_OK && d->estimator != NULL) {
        (*copy)->estimator->flow = d->estimator->flow;
        (*copy)->estimator->context = d->estimator->context;
    }
    free(buffer);
    drop_flag(&d->busy);
    return status;
}
