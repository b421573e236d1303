/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Saved states: a header with the parameters and the scalars of the stream, then the diffusivity, if there is one for every
 * pixel, and the planes, as they lie in memory. A state that did not come from here is refused before any memory is reserved for it.
 */
#include <stdlib.h>
#include <string.h>

#include "diffuser/diffuser.h"

enum { STATE_VERSION = 3 };

typedef struct vd_state_header {
    char magic[8];
    uint32_t byte_order, version;
    uint64_t size;                 /* of everything */
    int64_t map_height, map_width; /* 0 = none */
    vd_core core;
} vd_state_header;

static const char STATE_MAGIC[8] = {'v', 'd', 'c', 'o', 'r', 'e', 's', 't'};

typedef struct vd_stream {
    char *at; /* NULL: only count */
    size_t size;
    bool reading;
} vd_stream;

static void move_bytes(vd_stream *stream, void *bytes, size_t size)
{
    if (stream->at != NULL && size > 0) {
        if (stream->reading)
            memcpy(bytes, stream->at + stream->size, size);
        else
            memcpy(stream->at + stream->size, bytes, size);
    }
    stream->size += size;
}

/* The planes of a started diffuser, the same way out and in. */
static void move_planes(vd_diffuser *d, vd_stream *stream)
{
    move_bytes(stream, d->state, d->samples * width_size(d->core.state_width));
    if (d->core.masked)
        move_bytes(stream, d->mass, d->samples * sizeof(double));
    for (int k = 0; k < d->core.count; k++) {
        vd_slot *slot = (vd_slot *)slot_at(d, k);
        move_bytes(stream, &slot->dt, sizeof slot->dt);
        move_bytes(stream, slot->reference, (size_t)d->core.channels * sizeof(double));
        move_bytes(stream, slot->value, d->samples * slot_size(d));
        if (d->core.masked) {
            move_bytes(stream, slot->second, d->samples * sizeof(double));
            move_bytes(stream, slot->original, d->samples * vd_dtype_size(d->core.dtype));
        }
    }
}

size_t vd_planes_size(vd_diffuser *d)
{
    vd_stream count = {NULL, 0, false};
    if (d->core.dtype != 0)
        move_planes(d, &count);
    return count.size;
}

static size_t map_size(const vd_diffuser *d)
{
    return has_map(d) ? (size_t)d->diffusivity.height * (size_t)d->diffusivity.width * sizeof(double) : 0;
}

static size_t saved_size(vd_diffuser *d) { return sizeof(vd_state_header) + map_size(d) + vd_planes_size(d); }

static vd_status save(vd_diffuser *d, void *buffer, size_t *size)
{
    size_t needed = saved_size(d), room = *size;
    *size = needed;
    if (buffer == NULL)
        return VD_OK;
    if (room < needed)
        return VD_ERROR_OVERFLOW;
    vd_state_header header;
    memset(&header, 0, sizeof header);
    memcpy(header.magic, STATE_MAGIC, sizeof header.magic);
    header.byte_order = 0x01020304;
    header.version = STATE_VERSION;
    header.size = needed;
    header.map_height = d->diffusivity.height;
    header.map_width = d->diffusivity.width;
    header.core = d->core;
    vd_stream stream = {buffer, 0, false};
    move_bytes(&stream, &header, sizeof header);
    move_bytes(&stream, d->diffusivity.data, map_size(d));
    if (d->core.dtype != 0)
        move_planes(d, &stream);
    return VD_OK;
}

vd_status vd_diffuser_save(vd_diffuser *d, void *buffer, size_t *size)
{
    if (d == NULL || size == NULL)
        return VD_ERROR_NULL;
    if (!take_flag(&d->busy))
        return VD_ERROR_BUSY;
    vd_status status = save(d, buffer, size);
    drop_flag(&d->busy);
    return status;
}

/* Whether what a header says can be, before any memory is reserved for it. */
static bool header_is_sound(const vd_state_header *header, size_t size)
{
    const vd_core *core = &header->core;
    if (memcmp(header->magic, STATE_MAGIC, sizeof header->magic) != 0 || header->byte_order != 0x01020304 ||
        header->version != STATE_VERSION || header->size != size || vd_check_params(&core->params) != VD_OK)
        return false;
    int64_t height = header->map_height, width = header->map_width;
    bool fits = height == 0 ? width == 0
                            : height > 0 && width > 0 && core->params.model == VD_MODEL_LAPLACIAN &&
                                  (size_t)height <= (size - sizeof *header) / sizeof(double) / (size_t)width &&
                                  (core->dtype == 0 || (height == core->height && width == core->width));
    if (!fits)
        return false;
    if (core->dtype == 0)
        return size == sizeof *header + (size_t)height * (size_t)width * sizeof(double);
    char sample;
    vd_image stream = vd_image_contiguous(&sample, (vd_dtype)core->dtype, core->height, core->width, core->channels);
    vd_status status = vd_image_check(&stream);
    if (status == VD_ERROR_DTYPE || status == VD_ERROR_SHAPE || core->height < 1 || core->width < 1 ||
        core->channels < 1)
        return false;
    if (core->state_width < WIDTH_FIXED || core->state_width > WIDTH_F64 || core->masked < 0 || core->masked > 1 ||
        core->frames < 0 || !(core->weight >= 0) || core->first < 0 || core->first > core->params.lookahead ||
        core->count < 0 || core->count > core->params.lookahead || (core->masked && !core->params.normalize) ||
        (!core->masked && core->params.model != VD_MODEL_GAUSSIAN) ||
        (core->state_width != WIDTH_F64 && (core->masked || !core->params.normalize || core->dtype == VD_F64)) ||
        (core->state_width == WIDTH_FIXED && core->dtype != VD_U8))
        return false;
    /* No stream can be larger than its state. */
    double samples = (double)core->height * (double)core->width * (double)core->channels;
    return samples * (double)width_size(core->state_width) <= (double)size;
}

vd_status vd_diffuser_load(vd_diffuser **diffuser, const void *buffer, size_t size, int32_t threads)
{
    if (diffuser == NULL || buffer == NULL)
        return VD_ERROR_NULL;
    *diffuser = NULL;
    vd_state_header header;
    if (size < sizeof header)
        return VD_ERROR_STATE;
    memcpy(&header, buffer, sizeof header);
    if (!header_is_sound(&header, size))
        return VD_ERROR_STATE;
    vd_core core = header.core;
    core.params.threads = threads;
    vd_diffuser *d;
    vd_status status = vd_diffuser_create(&d, &core.params);
    if (status != VD_OK)
        return status;
    if (header.map_height > 0) {
        vd_image map =
            vd_image_contiguous((char *)buffer + sizeof header, VD_F64, header.map_height, header.map_width, 1);
        status = vd_diffuser_set_diffusivity(d, &map);
        if (status == VD_ERROR_PARAMETER)
            status = VD_ERROR_STATE;
    }
    if (status == VD_OK && core.dtype != 0) {
        status = vd_start_stream(d, core.dtype, core.height, core.width, core.channels);
        if (status == VD_OK && core.masked && !d->core.masked)
            status = vd_start_masks(d);
        /* The state may have been widened on its way. */
        if (status == VD_OK && core.state_width != d->core.state_width) {
            if (core.state_width == WIDTH_FIXED && !vd_spatial_gives_fixed(&d->spatial))
                status = VD_ERROR_STATE;
            else {
                free(d->state);
                d->state = calloc(d->samples, width_size(core.state_width));
                status = d->state == NULL ? VD_ERROR_MEMORY : VD_OK;
            }
        }
        if (status == VD_OK) {
            core.params.threads = d->core.params.threads;
            d->core = core;
            vd_stream stream = {(char *)buffer, sizeof header + map_size(d), true};
            if (saved_size(d) != size)
                status = VD_ERROR_STATE;
            else
                move_planes(d, &stream);
        }
    }
    if (status != VD_OK) {
        vd_diffuser_destroy(d);
        return status;
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
        return VD_ERROR_BUSY;
    size_t size = saved_size(d);
    void *buffer = malloc(size);
    vd_status status = buffer == NULL ? VD_ERROR_MEMORY : save(d, buffer, &size);
    if (status == VD_OK)
        status = vd_diffuser_load(copy, buffer, size, d->core.params.threads);
    free(buffer);
    drop_flag(&d->busy);
    return status;
}
