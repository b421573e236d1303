/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The diffuser: the linear model from frame to frame.
 *
 *     N <- a N + G * (m f)        D <- a D + G * m        u = N / D,        a = exp(-dt / tau)
 *
 * Without masks D is a number times the share of the kernel inside the picture, which G * f is divided by anyway, so
 *
 *     D <- a D + 1,   u <- u + (G * f - u) / D
 *
 * keeps the mean itself: a constant picture stays constant to the last bit, and a running mean (tau = inf) loses
 * nothing.
 *
 * Width of the state. Rounding u to a half unit h each frame adds up to at most h D. 8-bit streams keep 16-bit fixed
 * point, h = 1/512 grey level, while D <= 8 (0.016 levels); float, h = 2^-25 of the range, while
 * D <= 0.1 tolerance 2^25; double beyond. The choice is made from tau and vd_params.dt at the first frame, and once
 * more if much shorter time steps let D outgrow it.
 *
 * Tried and rejected: a 32-bit fixed-point state for 8-bit streams (as many bytes as float, and the update needs
 * conversions to float and back).
 *
 * Here: parameters, creation, memory. The order of a push is in push.c.
 */
#include "diffuser/diffuser.h"
#include "diffuser/estimator.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/parallel.h"
#include "models/diffusion.h"

/* Bytes of vd_params in ABI 1.0. */
static const size_t PARAMS_1_0 = offsetof(vd_params, range_sigma);

/* Fewer samples than this are not worth a thread of their own. */
enum { SAMPLES_PER_THREAD = 1 << 15 };

/* ---- parameters ---- */

vd_status vd_params_init(vd_params *params, size_t struct_size)
{
    if (params == NULL)
        return VD_ERROR_NULL;
    if (!struct_fits(struct_size, sizeof *params, PARAMS_1_0))
        return VD_ERROR_STRUCT_SIZE;
    memset(params, 0, struct_size);
    params->struct_size = struct_size;
    params->truncate = 4;
    params->tolerance = VD_TOLERANCE_DEFAULT;
    params->dt = 1;
    params->normalize = 1;
    params->threads = VD_THREADS_AUTO;
    if (struct_size == sizeof *params) {
        params->range_sigma = params->strength = params->diffusivity = params->contrast = 1;
        params->patch = 2;
        params->search = 5;
    }
    return VD_OK;
}

/* The parameters of any caller in this library's structure; the model's are of no use to an older one. */
static void adopt_params(vd_params *params, const vd_params *given)
{
    vd_params_init(params, sizeof *params);
    memcpy(params, given, given->struct_size);
    params->struct_size = sizeof *params;
}

vd_status vd_check_params(const vd_params *p)
{
    if (p == NULL)
        return VD_ERROR_NULL;
    if (!struct_fits(p->struct_size, sizeof *p, PARAMS_1_0))
        return VD_ERROR_STRUCT_SIZE;
    vd_params whole;
    adopt_params(&whole, p);
    p = &whole;
    bool good = is_length(p->sigma_y) && is_length(p->sigma_x) && p->tau >= 0 && is_length(p->truncate) &&
                isfinite(p->cval) &&
                (p->tolerance == VD_TOLERANCE_DEFAULT || (p->tolerance > 0 && is_length(p->tolerance))) && p->dt > 0 &&
                is_length(p->dt) && vd_model_check(p) && (p->normalize == 0 || p->normalize == 1) &&
                p->boundary >= VD_BOUNDARY_RENORMALIZE && p->boundary <= VD_BOUNDARY_CONSTANT &&
                (p->fill == VD_FILL_PASS || p->fill == VD_FILL_VALUE) && p->lookahead >= 0 && p->lookahead <= 1 << 20 &&
                (p->dither == VD_DITHER_OFF || p->dither == VD_DITHER_ORDERED) && vd_is_thread_request(p->threads);
    return good ? VD_OK : VD_ERROR_PARAMETER;
}

static double default_tolerance(int32_t dtype) { return dtype == VD_U8 ? 1e-3 : dtype == VD_F64 ? 1e-12 : 1e-5; }

double vd_width_limit(const vd_diffuser *d, vd_width width)
{
    switch (width) {
    case WIDTH_FIXED: return 8;
    case WIDTH_F32: return 0.1 * d->tolerance * 33554432;
    default: return INFINITY;
    }
}

vd_width vd_needed_width(const vd_diffuser *d, double weight)
{
    if (in_sums(d) || vd_spatial_plane_dtype(&d->spatial) == VD_F64 || d->core.params.lookahead > 0)
        return WIDTH_F64;
    if (vd_spatial_gives_fixed(&d->spatial) && d->tolerance >= 1e-3 && weight <= vd_width_limit(d, WIDTH_FIXED))
        return WIDTH_FIXED;
    return weight <= vd_width_limit(d, WIDTH_F32) ? WIDTH_F32 : WIDTH_F64;
}

bool vd_width_can_be(const vd_diffuser *d, int32_t width, double weight)
{
    return width >= d->core.state_width && width <= WIDTH_F64 && weight <= vd_width_limit(d, (vd_width)width);
}

/* ---- life ---- */

static void free_slots(vd_diffuser *d)
{
    for (int i = 0; d->slots != NULL && i <= d->core.params.lookahead; i++) {
        free(d->slots[i].value);
        free(d->slots[i].confidence);
        free(d->slots[i].reference);
        free(d->slots[i].original);
    }
    free(d->slots);
    d->slots = NULL;
}

/* Back to the state before the first frame: everything that belongs to the stream, without freeing it. */
static void forget(vd_diffuser *d)
{
    size_t kept = offsetof(vd_diffuser, core) + offsetof(vd_core, height);
    memset((char *)d + kept, 0, sizeof *d - kept);
    if (d->estimator != NULL)
        vd_estimator_forget(d->estimator);
}

void vd_clear_stream(vd_diffuser *d)
{
    void *own[] = {d->state,     d->weight_sum, d->copy,           d->original, d->plane,   d->confidences,
                   d->reference, d->thresholds, d->confidence_row, d->present,  d->futures, d->found};
    for (size_t i = 0; i < sizeof own / sizeof *own; i++)
        free(own[i]);
    free_slots(d);
    if (d->estimator != NULL)
        vd_estimator_clear(d->estimator);
    vd_spatial_free(&d->spatial);
    vd_model_free(&d->model);
    forget(d);
}

vd_status vd_diffuser_create(vd_diffuser **diffuser, const vd_params *params)
{
    if (diffuser == NULL)
        return VD_ERROR_NULL;
    *diffuser = NULL;
    vd_status status = vd_check_params(params);
    if (status != VD_OK)
        return status;
    vd_diffuser *d = calloc(1, sizeof *d);
    if (d == NULL)
        return VD_ERROR_MEMORY;
    adopt_params(&d->core.params, params);
    d->core.params.threads = vd_thread_count(params->threads);
    vd_kernels_choose(&d->kernels);
    *diffuser = d;
    return VD_OK;
}

void vd_diffuser_destroy(vd_diffuser *d)
{
    if (d == NULL)
        return;
    if (seize_flag(&d->busy))
        forget(d); /* half updated, see vd_diffuser_reset */
    else
        vd_clear_stream(d);
    vd_estimator_free(d->estimator);
    free(d->diffusivity);
    free(d);
}

static vd_status adopt_diffusivity(vd_diffuser *d, const vd_image *map)
{
    vd_image *own = NULL, *old = d->diffusivity;
    if (map != NULL) {
        vd_status status = vd_diffusivity_check(map);
        if (status != VD_OK)
            return status;
        if (d->core.params.model != VD_MODEL_LAPLACIAN)
            return VD_ERROR_PARAMETER;
        if (d->core.dtype != 0 && (map->height != d->core.height || map->width != d->core.width))
            return VD_ERROR_SHAPE;
        size_t width = (size_t)map->width, samples;
        if (!vd_checked_multiply((size_t)map->height + 1, width, &samples) || samples > PTRDIFF_MAX / sizeof(double))
            return VD_ERROR_OVERFLOW;
        own = malloc(sizeof *own + samples * sizeof(double)); /* and a row to gather samples in */
        if (own == NULL)
            return VD_ERROR_MEMORY;
        double *copy = (double *)(own + 1);
        for (int64_t y = 0; y < map->height; y++)
            d->kernels.samples.to_f64[map->dtype](
                copy + y * map->width, vd_image_plain_row(map, y, copy + map->height * map->width), map->width);
        *own = vd_image_contiguous(copy, VD_F64, map->height, map->width, 1);
    }
    d->diffusivity = own;
    free(old);
    return VD_OK;
}

vd_status vd_diffuser_set_diffusivity(vd_diffuser *d, const vd_image *map)
{
    if (d == NULL)
        return VD_ERROR_NULL;
    if (!take_flag(&d->busy))
        return flag_refusal(&d->busy);
    vd_status status = adopt_diffusivity(d, map);
    drop_flag(&d->busy);
    return status;
}

vd_status vd_diffuser_reset(vd_diffuser *d)
{
    if (d == NULL)
        return VD_ERROR_NULL;
    if (seize_flag(&d->busy))
        forget(d); /* half updated by a fork: its pointers may be invalid, and the memory is lost */
    else if (take_flag(&d->busy))
        vd_clear_stream(d);
    else
        return VD_ERROR_BUSY;
    drop_flag(&d->busy);
    return VD_OK;
}

/* Bayer's pattern of order 8, as thresholds 2, 6, .. 254, repeated over the pixels of 8 rows. */
static vd_status init_thresholds(vd_diffuser *d)
{
    int64_t width = d->core.width, channels = d->core.channels;
    d->thresholds = malloc((size_t)(8 * width * channels) * sizeof(uint16_t));
    if (d->thresholds == NULL)
        return VD_ERROR_MEMORY;
    for (int64_t y = 0; y < 8; y++)
        for (int64_t x = 0; x < width; x++) {
            unsigned level = 0;
            for (int bit = 0; bit < 3; bit++) {
                unsigned bx = (unsigned)x >> bit & 1, by = (unsigned)y >> bit & 1;
                level = level << 2 | (bx ^ by) << 1 | by;
            }
            for (int64_t c = 0; c < channels; c++)
                d->thresholds[(y * width + x) * channels + c] = (uint16_t)(4 * level + 2);
        }
    return VD_OK;
}

static vd_status init_slots(vd_diffuser *d)
{
    int count = d->core.params.lookahead + 1;
    d->slots = calloc((size_t)count, sizeof *d->slots);
    if (d->slots == NULL)
        return VD_ERROR_MEMORY;
    for (int i = 0; i < count; i++) {
        d->slots[i].value = calloc(d->samples, slot_size(d));
        d->slots[i].reference = calloc((size_t)d->core.channels, sizeof(double));
        if (d->slots[i].value == NULL || d->slots[i].reference == NULL)
            return VD_ERROR_MEMORY;
    }
    return VD_OK;
}

vd_status vd_start_stream(vd_diffuser *d, int32_t dtype, int64_t height, int64_t width, int64_t channels)
{
    vd_core *core = &d->core;
    core->dtype = dtype;
    core->height = height;
    core->width = width;
    core->channels = channels;
    d->samples = (size_t)(height * width * channels);
    d->tolerance = core->params.tolerance > 0 ? core->params.tolerance : default_tolerance(dtype);
    int64_t useful = (int64_t)(d->samples / SAMPLES_PER_THREAD) + 1;
    int threads = core->params.threads < useful ? core->params.threads : (int)useful;

    vd_params params = core->params;
    params.tolerance = d->tolerance;
    vd_status status = vd_spatial_init(&d->spatial, &params, &d->kernels, threads, dtype, height, width, channels);
    if (status != VD_OK)
        return status;
    double steady = 1 / -expm1(-core->params.dt / core->params.tau); /* tau = inf: infinite */
    core->state_width = (int32_t)vd_needed_width(d, core->params.tau == 0 ? 1 : steady);
    size_t per_thread = (size_t)(width * channels) * (size_t)threads;
    d->state = calloc(d->samples, width_size(core->state_width));
    d->reference = calloc((size_t)channels, sizeof(double));
    d->confidence_row = malloc(per_thread * sizeof(double));
    d->present = malloc(per_thread);
    d->futures = malloc(((size_t)core->params.lookahead + 1) * (size_t)threads * sizeof(vd_future));
    d->found = malloc((size_t)threads * sizeof(int));
    if (d->state == NULL || d->reference == NULL || d->confidence_row == NULL || d->present == NULL ||
        d->futures == NULL || d->found == NULL)
        return VD_ERROR_MEMORY;
    if (core->params.dither != VD_DITHER_OFF)
        status = init_thresholds(d);
    if (status == VD_OK && core->params.lookahead > 0)
        status = init_slots(d);
    if (status == VD_OK && is_raw(d) && (d->plane = malloc(d->samples * sizeof(double))) == NULL)
        status = VD_ERROR_MEMORY;
    if (status == VD_OK && has_model(d)) {
        status = vd_model_start(&d->model, &core->params, d->tolerance, &d->kernels, threads, dtype, height, width,
                                channels);
        if (status == VD_OK)
            status = vd_start_masks(d);
    }
    return status;
}

/* ---- report ---- */

vd_status vd_diffuser_info(vd_diffuser *d, vd_info *info)
{
    static const char *const methods[] = {"fixed", "float", "double", "pyramid"};
    if (d == NULL || info == NULL)
        return VD_ERROR_NULL;
    if (!struct_fits(info->struct_size, sizeof *info, sizeof *info))
        return VD_ERROR_STRUCT_SIZE;
    if (!take_flag(&d->busy))
        return flag_refusal(&d->busy);
    const vd_core *core = &d->core;
    size_t struct_size = info->struct_size;
    memset(info, 0, struct_size);
    info->struct_size = struct_size;
    info->instruction_set = d->kernels.name;
    info->threads = core->params.threads;
    info->method = "none";
    if (core->dtype != 0 && d->estimator == NULL) {
        info->method = in_sums(d) ? "double" : methods[d->spatial.method];
        info->threads = d->spatial.threads;
        info->levels = in_sums(d) ? 0 : d->spatial.levels;
        info->spatial_bound = in_sums(d) ? 1e-14 : d->spatial.bound;
        info->state_bytes = vd_planes_size(d);
    }
    info->masked = core->masked;
    info->pending = core->count;
    info->frames = core->frames + core->count;
    info->weight = core->weight;
    info->height = (int32_t)core->height;
    info->width = (int32_t)core->width;
    info->channels = (int32_t)core->channels;
    info->dtype = core->dtype;
    if (d->estimator != NULL)
        vd_estimator_info(d, info);
    drop_flag(&d->busy);
    return VD_OK;
}
