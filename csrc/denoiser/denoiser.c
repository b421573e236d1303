/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The video denoiser: parameters, life, and the order of a push. The mathematics is in sweep.c, still.c and
 * pictures.c, why it is so in docs/adr/0014-video-denoiser.md.
 *
 * State: the last result (up to four floats a pixel) and, for each prior, the variance of the innovations (64 floats for each
 * patch and channel, that is 12 a pixel in colour when patches are 4 pixels apart); the mean over time where nothing moves,
 * with some floats for each patch.
 *
 * Order of a push: check everything, reserve memory, read the frame and the priors, then filter: a refused frame leaves no
 * trace, and the result may be written over the frame.
 */
#include "denoiser/denoiser.h"

#include <math.h>

#include "base/parallel.h"

/* Fewer pixels than this are not worth a thread of their own. */
enum { PIXELS_PER_THREAD = 1 << 13 };
enum { MAX_PRIORS = 32 };

static const vd_denoiser_method METHODS[VD_DENOISER_PRESET_COUNT] = {
    [VD_DENOISER_FAST] = {.step = 6, .again = false, .half_guide = true, .blur = 0.7},
    [VD_DENOISER_BALANCED] = {.step = 4, .again = true, .half_guide = false, .blur = 1},
};

/* np.kaiser(8, 2) */
static const float KAISER[VD_PATCH] = {0.43867628f,  0.681324263f, 0.876839905f, 0.985822506f,
                                       0.985822506f, 0.876839905f, 0.681324263f, 0.43867628f};

vd_status vd_denoiser_params_init(vd_denoiser_params *params, size_t struct_size)
{
    if (params == NULL)
        return VD_ERROR_NULL;
    if (struct_size != sizeof *params)
        return VD_ERROR_STRUCT_SIZE;
    memset(params, 0, struct_size);
    params->struct_size = struct_size;
    params->preset = VD_DENOISER_BALANCED;
    params->priors = 1;
    params->threads = VD_THREADS_AUTO;
    return VD_OK;
}

static bool is_good(const vd_denoiser_params *p)
{
    return vd_denoiser_takes_noise(p->noise, p->gain, p->offset) && p->preset >= 0 &&
           p->preset < VD_DENOISER_PRESET_COUNT && (p->fill == VD_FILL_PASS || p->fill == VD_FILL_VALUE) &&
           (p->outliers == 0 || p->outliers == 1) && fabs(p->fill_value) != INFINITY && p->priors >= 1 &&
           p->priors <= MAX_PRIORS && vd_is_thread_request(p->threads);
}

/* ---- life ---- */

vd_status vd_denoiser_create(vd_denoiser **denoiser, const vd_denoiser_params *params)
{
    if (denoiser == NULL)
        return VD_ERROR_NULL;
    *denoiser = NULL;
    if (params == NULL)
        return VD_ERROR_NULL;
    if (params->struct_size != sizeof *params)
        return VD_ERROR_STRUCT_SIZE;
    if (!is_good(params))
        return VD_ERROR_PARAMETER;
    vd_denoiser *d = calloc(1, sizeof *d);
    if (d == NULL)
        return VD_ERROR_MEMORY;
    d->params = *params;
    d->params.threads = vd_thread_count(params->threads);
    d->method = METHODS[params->preset];
    vd_kernels_choose(&d->set);
    d->kernels = &d->set.denoiser;
    memcpy(d->window, KAISER, sizeof KAISER);
    for (int k = 0; k < VD_MAX_CHANNELS * VD_COEFFICIENTS; k++)
        d->spectrum[k] = 1;
    d->lasting = 1;
    d->low = -INFINITY;
    d->high = INFINITY;
    vd_unclipping_start(d);
    *denoiser = d;
    return VD_OK;
}

/* Back to the state before the first frame. The memory of one that a fork has torn is lost: its pointers may lead anywhere. */
static void clear(vd_denoiser *d, bool torn)
{
    if (!torn) {
        free(d->memory);
        free(d->extra);
        free(d->gaps.memory);
    }
    memset(&d->gaps, 0, sizeof d->gaps);
    d->memory = d->extra = NULL;
    d->memory_size = d->extra_size = 0;
    d->dtype = 0;
    d->height = d->width = d->channels = d->frames = 0;
}

void vd_denoiser_destroy(vd_denoiser *d)
{
    if (d == NULL)
        return;
    clear(d, seize_flag(&d->busy));
    free(d);
}

vd_status vd_denoiser_reset(vd_denoiser *d)
{
    if (d == NULL)
        return VD_ERROR_NULL;
    bool torn = seize_flag(&d->busy);
    if (!torn && !take_flag(&d->busy))
        return VD_ERROR_BUSY;
    clear(d, torn);
    drop_flag(&d->busy);
    return VD_OK;
}

/* ---- a stream begins ---- */

enum { LINE = 64 };

/* The next `count` elements of the memory, on a line of the cache; only counts where there is none yet. */
static void *cut(char *memory, size_t *used, size_t count, size_t size)
{
    void *piece = memory != NULL ? memory + *used : NULL;
    *used += (count * size + LINE - 1) / LINE * LINE;
    return piece;
}

/* Gives out the memory, all zero; returns the bytes it takes. */
static size_t lay_out(vd_denoiser *d, char *memory)
{
    size_t used = LINE, patches = (size_t)(d->rows * d->lanes), pixels = (size_t)(d->height * d->width);
    size_t coefficients = (size_t)d->coefficients, phases = (size_t)(d->method.step * d->phase_pitch);
    size_t frame = (size_t)(d->height * vd_phase_row(d));
    d->frame = cut(memory, &used, frame, sizeof(float));
    d->priors = cut(memory, &used, (size_t)d->params.priors, sizeof *d->priors);
    for (int l = 0; l < d->params.priors; l++) {
        vd_prior_state prior = {.planes = cut(memory, &used, frame, sizeof(float))};
        for (int i = 0; i < 2; i++)
            prior.variance[i] = cut(memory, &used, patches * coefficients, sizeof(float));
        prior.place = cut(memory, &used, patches, sizeof(int32_t));
        prior.whole = cut(memory, &used, patches / VD_LANE_STEP, 1);
        prior.fresh = cut(memory, &used, patches, sizeof(float));
        if (memory != NULL)
            d->priors[l] = prior;
    }
    d->result.pitch = (ptrdiff_t)(d->width + 2 * VD_WARP_MARGIN) * d->step;
    float *result = cut(memory, &used, (size_t)(d->height * d->result.pitch), sizeof(float));
    d->result.first = memory != NULL ? result + VD_WARP_MARGIN * d->step : NULL;
    d->lost = cut(memory, &used, pixels, 1);
    d->plane_place = cut(memory, &used, phases, sizeof(int32_t));
    d->pixel_place = cut(memory, &used, phases, sizeof(int32_t));
    d->crop_place = cut(memory, &used, (size_t)d->width, sizeof(int32_t));
    d->source_row = cut(memory, &used, (size_t)vd_padded_height(d), sizeof(int32_t));
    d->share_3 = cut(memory, &used, 3 * (size_t)d->lanes, sizeof(float));
    d->share_5 = cut(memory, &used, 5 * (size_t)d->lanes, sizeof(float));
    d->still.mean = cut(memory, &used, vd_still_floats(d), sizeof(float));
    uint8_t **maps[] = {&d->spots, &d->spots_before, &d->outliers};
    for (size_t i = 0; i < sizeof maps / sizeof *maps; i++)
        *maps[i] = cut(memory, &used, d->params.outliers ? pixels : 0, 1);
    d->guide = cut(memory, &used, pixels, sizeof(float));
    d->scratch = cut(memory, &used, (size_t)d->threads, d->scratch_size);
    d->found = cut(memory, &used, (size_t)d->threads, sizeof(int));
    return used;
}

/* 1 / number of patches within `radius` of each, for 1 to 2 radius + 1 rows that exist. */
static void start_shares(const vd_denoiser *d, float *share, int64_t radius)
{
    for (int64_t rows = 1; rows <= 2 * radius + 1; rows++)
        for (int64_t i = 0; i < d->columns; i++) {
            int64_t left = i < radius ? i : radius, right = d->columns - 1 - i;
            right = right < radius ? right : radius;
            share[(rows - 1) * d->lanes + i] = 1 / (float)(rows * (left + 1 + right));
        }
}

static int64_t round_up(int64_t n, int64_t step) { return (n + step - 1) / step * step; }

/* Patches along one axis. */
static int64_t patches_along(int64_t length, int step) { return round_up(length + VD_PATCH, step) / step + 1; }

vd_status vd_denoiser_start(vd_denoiser *d, const vd_image *frame)
{
    int64_t pixels = frame->height * frame->width;
    /* places of floats are kept in 32 bits; there are up to 64 * 4 of them for each patch */
    if (frame->height > INT32_MAX / 8 || frame->width > INT32_MAX / 8 ||
        patches_along(frame->height, d->method.step) >
            INT32_MAX / (4 * VD_COEFFICIENTS) / (patches_along(frame->width, d->method.step) + VD_LANE_STEP))
        return VD_ERROR_OVERFLOW;
    d->height = frame->height;
    d->width = frame->width;
    d->channels = frame->channels;
    d->dtype = frame->dtype;
    int64_t useful = pixels / PIXELS_PER_THREAD + 1;
    d->threads = (int)(d->params.threads < useful ? d->params.threads : useful);
    d->opponent = d->channels == 3;
    d->step = d->channels < 3 ? (int)d->channels : 4;
    d->rows = patches_along(d->height, d->method.step);
    d->columns = patches_along(d->width, d->method.step);
    d->lanes = (ptrdiff_t)round_up(d->columns, VD_LANE_STEP);
    d->pitch = (ptrdiff_t)round_up(d->columns + 2, VD_LANE_STEP);
    d->phase_pitch = d->lanes + VD_LANE_STEP;
    d->coefficients = d->channels * VD_COEFFICIENTS;
    size_t scratch = vd_sweep_scratch(d), pictures = vd_pictures_scratch(d);
    d->scratch_size = (size_t)round_up((int64_t)(scratch > pictures ? scratch : pictures), LINE);
    d->memory_size = lay_out(d, NULL);
    d->memory = calloc(1, d->memory_size);
    if (d->memory == NULL)
        return VD_ERROR_MEMORY;
    lay_out(d, (char *)d->memory - (uintptr_t)d->memory % LINE);
    start_shares(d, d->share_3, 1);
    start_shares(d, d->share_5, 2);
    vd_pictures_start(d);
    vd_still_start(d);
    return VD_OK;
}

/* ---- one frame ---- */

static bool has_stream_shape(const vd_denoiser *d, const vd_image *image)
{
    return image->height == d->height && image->width == d->width && image->channels == d->channels;
}

static vd_status check_out(const vd_image *out, const vd_image *frame)
{
    vd_status status = vd_image_check(out);
    if (status != VD_OK)
        return status;
    if (!vd_image_same_shape(out, frame))
        return VD_ERROR_SHAPE;
    return out->dtype == frame->dtype || out->dtype == VD_F32 || out->dtype == VD_F64 ? VD_OK : VD_ERROR_DTYPE;
}

/* A map of one value a pixel, or NULL. */
static vd_status check_map(const vd_image *map, const vd_image *frame, bool bytes)
{
    if (map == NULL)
        return VD_OK;
    vd_status status = vd_image_check(map);
    if (status != VD_OK)
        return status;
    if (map->height != frame->height || map->width != frame->width || map->channels != 1)
        return VD_ERROR_SHAPE;
    return map->dtype == VD_U16 || (bytes && map->dtype != VD_U8) ? VD_ERROR_DTYPE : VD_OK;
}

static vd_status check_prior(const vd_prior *prior, const vd_image *frame)
{
    vd_status status = check_map(prior->confidence, frame, false);
    if (status == VD_OK && prior->picture != NULL) {
        status = vd_image_check(prior->picture);
        if (status == VD_OK && !vd_image_same_shape(prior->picture, frame))
            status = VD_ERROR_SHAPE;
    }
    if (status == VD_OK && !(prior->noise >= 0 && isfinite(prior->noise)))
        status = VD_ERROR_PARAMETER;
    if (status == VD_OK && prior->flow != NULL) {
        status = vd_image_check(prior->flow);
        if (status == VD_OK && prior->flow->dtype != VD_F32)
            status = VD_ERROR_DTYPE;
        if (status == VD_OK &&
            (prior->flow->height != frame->height || prior->flow->width != frame->width || prior->flow->channels != 2))
            status = VD_ERROR_SHAPE;
    }
    return status;
}

static vd_status check(const vd_denoiser *d, const vd_image *frame, const vd_prior *priors, size_t count,
                       const vd_image *out)
{
    vd_status status = vd_image_check(frame);
    if (status == VD_OK &&
        (frame->channels > VD_MAX_CHANNELS || (d->spectrum_channels != 0 && frame->channels != d->spectrum_channels) ||
         (d->dtype != 0 && !has_stream_shape(d, frame))))
        status = VD_ERROR_SHAPE;
    if (status == VD_OK && d->dtype != 0 && frame->dtype != d->dtype)
        status = VD_ERROR_DTYPE;
    if (status == VD_OK)
        status = check_out(out, frame);
    if (status == VD_OK && count > (size_t)d->params.priors)
        status = VD_ERROR_PARAMETER;
    if (status == VD_OK && count > 0 && priors == NULL)
        status = VD_ERROR_NULL;
    for (size_t l = 0; l < count && status == VD_OK; l++)
        status = check_prior(&priors[l], frame);
    return status;
}

/* Room for a prior that is given as a picture. */
static vd_status reserve_other(vd_denoiser *d)
{
    if (d->extra != NULL)
        return VD_OK;
    d->extra_size = (size_t)(d->height * d->result.pitch) * sizeof(float);
    d->extra = calloc(1, d->extra_size);
    if (d->extra == NULL)
        return VD_ERROR_MEMORY;
    d->other.first = (float *)d->extra + VD_WARP_MARGIN * d->step;
    d->other.pitch = d->result.pitch;
    return VD_OK;
}

/* E' of a prior that was not there in the last frame: that of one which is no better than the frame. */
static void start_variance(vd_denoiser *d, vd_prior_state *prior)
{
    float *variance = prior->variance[0];
    for (int64_t row = 0; row < d->rows; row++)
        for (int64_t k = 0; k < d->coefficients; k++, variance += d->lanes) {
            float unknown = 2 * vd_noise_variance(d) * d->spectrum[k];
            for (ptrdiff_t i = 0; i < d->lanes; i++)
                variance[i] = unknown;
        }
}

/* Prior l of this frame; nothing to compare with: the frame stands in, and does not count. */
static vd_status load_prior(vd_denoiser *d, size_t l, const vd_prior *prior)
{
    const vd_picture *picture = &d->result;
    if (prior->picture != NULL) {
        vd_status status = reserve_other(d);
        if (status != VD_OK)
            return status;
        vd_load_picture(d, prior->picture, &d->other);
        picture = &d->other;
    }
    d->priors[l].absent = prior->picture == NULL && d->frames == 0;
    d->priors[l].noise = (float)prior->noise;
    if (d->frames == 0 || d->priors[l].seen != d->frames)
        start_variance(d, &d->priors[l]);
    vd_load_prior(d, &d->priors[l], picture, prior->flow);
    return VD_OK;
}

/* The frame's samples; gaps.here says whether some are missing. */
static vd_status load_frame(vd_denoiser *d, const vd_image *frame, const vd_image *confidence, const vd_image *outliers)
{
    d->gaps.here = false;
    vd_status status = vd_load_frame(d, frame);
    if (status == VD_ERROR_MISSING || (status == VD_OK && (confidence != NULL || outliers != NULL)))
        status = vd_find_missing(d, frame, confidence, outliers, false);
    return status;
}

/* Finds outliers, and puts something in the place of all that is missing; `prior` is the first one, or NULL. */
static vd_status replace_missing(vd_denoiser *d, const vd_image *frame, const vd_image *confidence,
                                 const vd_image *outliers, const vd_prior *prior)
{
    vd_prior_state *first = prior != NULL ? &d->priors[0] : NULL;
    if (d->params.outliers && d->params.noise != 0 && vd_find_outliers(d, first, prior != NULL ? prior->flow : NULL)) {
        vd_status status = vd_find_missing(d, frame, confidence, outliers, true);
        if (status != VD_OK)
            return status;
    }
    if (d->gaps.here)
        vd_fill_frame(d, first, prior);
    return VD_OK;
}

static vd_status push(vd_denoiser *d, const vd_image *frame, const vd_image *confidence, const vd_image *outliers,
                      const vd_prior *priors, size_t count, const vd_image *out)
{
    vd_status status = check(d, frame, priors, count, out);
    if (status == VD_OK)
        status = check_map(confidence, frame, false);
    if (status == VD_OK)
        status = check_map(outliers, frame, true);
    if (status != VD_OK)
        return status;
    bool first = d->dtype == 0;
    if (first)
        status = vd_denoiser_start(d, frame);
    if (status == VD_OK)
        status = load_frame(d, frame, confidence, outliers);
    bool clean = d->params.noise == 0;
    for (size_t l = 0; l < count && status == VD_OK && (!clean || (d->gaps.here && l == 0)); l++)
        status = load_prior(d, l, &priors[l]);
    if (status == VD_OK)
        status = replace_missing(d, frame, confidence, outliers, count > 0 ? &priors[0] : NULL);
    bool missing = d->gaps.here;
    if (status == VD_OK && clean && !missing)
        status = vd_pass_frame(d, frame, out);
    if (status != VD_OK) {
        if (first)
            clear(d, false);
        return status;
    }
    if (!clean) {
        if (count > 0)
            vd_still_update(d, &d->priors[0], priors[0].flow);
        vd_sweep(d, count, out);
        for (size_t l = 0; l < count; l++) {
            float *last = d->priors[l].variance[0];
            d->priors[l].variance[0] = d->priors[l].variance[1];
            d->priors[l].variance[1] = last;
            d->priors[l].seen = d->frames + 1;
        }
    }
    if (missing)
        vd_settle_missing(d, out, clean);
    else
        d->gaps.unknown = false;
    d->frames++;
    return VD_OK;
}

vd_status vd_denoiser_push(vd_denoiser *d, const vd_image *frame, const vd_image *confidence, const vd_image *outliers,
                           const vd_prior *priors, size_t count, const vd_image *out)
{
    if (d == NULL || frame == NULL || out == NULL)
        return VD_ERROR_NULL;
    if (!take_flag(&d->busy))
        return flag_refusal(&d->busy);
    vd_status status = push(d, frame, confidence, outliers, priors, count, out);
    drop_flag(&d->busy);
    return status;
}

static vd_status read_result(vd_denoiser *d, const vd_image *out)
{
    vd_status status = vd_image_check(out);
    if (status == VD_OK && (d->dtype == 0 || !has_stream_shape(d, out)))
        status = VD_ERROR_SHAPE;
    if (status == VD_OK && out->dtype != VD_F32 && out->dtype != VD_F64)
        status = VD_ERROR_DTYPE;
    if (status == VD_OK)
        vd_read_result(d, out);
    return status;
}

vd_status vd_denoiser_result(vd_denoiser *d, const vd_image *out)
{
    if (d == NULL || out == NULL)
        return VD_ERROR_NULL;
    if (!take_flag(&d->busy))
        return flag_refusal(&d->busy);
    vd_status status = read_result(d, out);
    drop_flag(&d->busy);
    return status;
}

static vd_status make_guide(vd_denoiser *d, const vd_image *picture, double low, double high, const vd_image *out)
{
    vd_status status = vd_image_check(out);
    if (status == VD_OK && picture != NULL)
        status = vd_image_check(picture);
    if (status != VD_OK)
        return status;
    if (d->dtype == 0 || (picture != NULL && !has_stream_shape(d, picture)))
        return VD_ERROR_SHAPE;
    int64_t parts = d->method.half_guide ? 2 : 1;
    if (out->channels != 1 || out->height != (d->height + parts - 1) / parts ||
        out->width != (d->width + parts - 1) / parts)
        return VD_ERROR_SHAPE;
    if (out->dtype != VD_U8)
        return VD_ERROR_DTYPE;
    if (!(isfinite(low) && isfinite(high) && low < high))
        return VD_ERROR_PARAMETER;
    vd_make_guide(d, picture, low, high, out);
    return VD_OK;
}

vd_status vd_denoiser_guide(vd_denoiser *d, const vd_image *picture, double low, double high, const vd_image *out)
{
    if (d == NULL || out == NULL)
        return VD_ERROR_NULL;
    if (!take_flag(&d->busy))
        return flag_refusal(&d->busy);
    vd_status status = make_guide(d, picture, low, high, out);
    drop_flag(&d->busy);
    return status;
}

vd_status vd_denoiser_get_info(vd_denoiser *d, vd_denoiser_info *info)
{
    if (d == NULL || info == NULL)
        return VD_ERROR_NULL;
    if (info->struct_size != sizeof *info)
        return VD_ERROR_STRUCT_SIZE;
    if (!take_flag(&d->busy))
        return flag_refusal(&d->busy);
    vd_denoiser_info found = {.struct_size = sizeof found};
    found.instruction_set = d->set.name;
    found.threads = d->params.threads;
    found.priors = d->params.priors;
    found.frames = d->frames;
    found.state_bytes = d->memory_size + d->extra_size + d->gaps.size;
    found.height = (int32_t)d->height;
    found.width = (int32_t)d->width;
    found.channels = (int32_t)d->channels;
    found.dtype = d->dtype;
    *info = found;
    drop_flag(&d->busy);
    return VD_OK;
}
