/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Saved states of the denoiser: the parameters, the spectrum of the noise, the scalars of the stream, the last result, the
 * variances of the innovations of each prior that was given with the last frame, and what stays put; base/archive.h frames
 * them. All else is working memory or follows from these. `move_params`, `move_spectrum`, `move_scalars` and `move_stream` are
 * the layout: a change of it needs another version in KIND.
 *
 * Loading trusts nothing. Parameters pass the checks of vd_denoiser_create and vd_denoiser_set_range, the shape those of a
 * frame, and a stream may not be larger than the bytes that are there before memory is reserved for it. The spectrum is
 * divided by, so it must pass the checks of vd_denoiser_set_noise. Results and variances may hold anything: they only enter
 * arithmetic, and what is rounded to integers in the end is clipped first.
 */
#include "base/archive.h"
#include "base/parallel.h"
#include "denoiser/denoiser.h"

static const vd_archive_kind KIND = {{'v', 'd', 'd', 'e', 'n', 'o', 'i', 's'}, 2};

/* ---- layout ---- */

static void move_params(vd_archive *archive, vd_denoiser_params *p)
{
    VD_ARCHIVE_VALUE(archive, p->noise);
    VD_ARCHIVE_VALUE(archive, p->gain);
    VD_ARCHIVE_VALUE(archive, p->offset);
    VD_ARCHIVE_VALUE(archive, p->preset);
    VD_ARCHIVE_VALUE(archive, p->priors);
    VD_ARCHIVE_VALUE(archive, p->fill);
    VD_ARCHIVE_VALUE(archive, p->fill_value);
    VD_ARCHIVE_VALUE(archive, p->outliers);
}

static void move_spectrum(vd_archive *archive, vd_denoiser *d)
{
    VD_ARCHIVE_VALUE(archive, d->spectrum_channels);
    VD_ARCHIVE_VALUE(archive, d->lasting);
    vd_archive_move(archive, d->spectrum, sizeof d->spectrum);
}

typedef struct scalars {
    double low, high;
    int64_t height, width, channels, frames;
    int32_t dtype, unknown;
} scalars;

static void move_scalars(vd_archive *archive, scalars *s)
{
    VD_ARCHIVE_VALUE(archive, s->low);
    VD_ARCHIVE_VALUE(archive, s->high);
    VD_ARCHIVE_VALUE(archive, s->height);
    VD_ARCHIVE_VALUE(archive, s->width);
    VD_ARCHIVE_VALUE(archive, s->channels);
    VD_ARCHIVE_VALUE(archive, s->frames);
    VD_ARCHIVE_VALUE(archive, s->dtype);
    VD_ARCHIVE_VALUE(archive, s->unknown);
}

/* Variances of a prior that was not given with the last frame are not used again. */
static void move_prior(vd_archive *archive, vd_denoiser *d, vd_prior_state *prior)
{
    int32_t used = prior->seen == d->frames;
    VD_ARCHIVE_VALUE(archive, used);
    if (archive->reading && used != 0 && used != 1)
        archive->failed = true;
    if (archive->failed)
        return;
    if (used)
        vd_archive_move(archive, prior->variance[0], (size_t)(d->rows * d->coefficients * d->lanes) * sizeof(float));
    if (archive->reading)
        prior->seen = used ? d->frames : 0;
}

/* The planes of a started stream. */
static void move_stream(vd_archive *archive, vd_denoiser *d)
{
    for (int64_t y = 0; y < d->height; y++)
        vd_archive_move(archive, d->result.first + y * d->result.pitch, (size_t)(d->width * d->step) * sizeof(float));
    if (d->gaps.unknown)
        vd_archive_move(archive, d->gaps.known, (size_t)(d->height * d->width));
    if (d->params.outliers)
        vd_archive_move(archive, d->spots, (size_t)(d->height * d->width));
    for (int l = 0; l < d->params.priors; l++)
        move_prior(archive, d, &d->priors[l]);
    size_t cells = (size_t)((d->rows + 1) * d->phase_pitch) * sizeof(float);
    vd_archive_move(archive, d->still.mean, (size_t)(d->height * vd_phase_row(d)) * sizeof(float));
    vd_archive_move(archive, d->still.bias, cells * (size_t)d->channels);
    for (int i = 0; i < VD_FIRST_SUM; i++)
        vd_archive_move(archive, d->still.cells[i], cells);
}

static void write_members(vd_archive *archive, void *object)
{
    vd_denoiser *d = object;
    scalars s = {d->low, d->high, d->height, d->width, d->channels, d->frames, d->dtype, d->gaps.unknown};
    move_params(archive, &d->params);
    move_spectrum(archive, d);
    move_scalars(archive, &s);
    if (d->dtype != 0)
        move_stream(archive, d);
}

/* ---- saving ---- */

vd_status vd_denoiser_save(vd_denoiser *d, void *buffer, size_t *size)
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

/* Whether a stream of this shape can have a state of so many bytes, of which the result alone takes four a sample. */
static bool scalars_are_sound(const scalars *s, size_t bytes)
{
    char sample;
    vd_image frame = vd_image_contiguous(&sample, (vd_dtype)s->dtype, s->height, s->width, s->channels);
    return vd_image_check(&frame) == VD_OK && s->channels <= VD_MAX_CHANNELS && s->frames > 0 &&
           s->frames < INT64_MAX / 2 && (s->unknown == 0 || s->unknown == 1) &&
           (uint64_t)s->height <= bytes / sizeof(float) / (uint64_t)s->width / (uint64_t)s->channels;
}

static bool spectrum_is_sound(const vd_denoiser *d)
{
    if (!(d->lasting >= 1 && d->lasting <= VD_MAX_LASTING) || d->spectrum_channels < 0 ||
        d->spectrum_channels > VD_MAX_CHANNELS || !vd_denoiser_takes_spectrum(d->spectrum, d->spectrum_channels))
        return false;
    for (int64_t k = d->spectrum_channels * VD_COEFFICIENTS; k < VD_MAX_CHANNELS * VD_COEFFICIENTS; k++)
        if (d->spectrum[k] != 1)
            return false;
    return true;
}

static vd_status read_stream(vd_archive *archive, vd_denoiser *d, const scalars *s)
{
    char sample;
    if (!scalars_are_sound(s, vd_archive_remaining(archive)))
        return VD_ERROR_STATE;
    vd_image frame = vd_image_contiguous(&sample, (vd_dtype)s->dtype, s->height, s->width, s->channels);
    vd_status status = vd_denoiser_start(d, &frame);
    if (status != VD_OK)
        return status;
    d->frames = s->frames;
    d->gaps.unknown = s->unknown != 0;
    if (d->gaps.unknown && vd_reserve_gaps(d) != VD_OK)
        return VD_ERROR_MEMORY;
    move_stream(archive, d);
    for (int64_t y = 0; y < d->height; y++)
        vd_pad_picture_row(d, &d->result, y);
    return VD_OK;
}

vd_status vd_denoiser_load(vd_denoiser **denoiser, const void *buffer, size_t size, int32_t threads)
{
    if (denoiser == NULL || buffer == NULL)
        return VD_ERROR_NULL;
    *denoiser = NULL;
    if (!vd_is_thread_request(threads))
        return VD_ERROR_PARAMETER;
    vd_archive archive;
    vd_status status = vd_archive_open(&archive, &KIND, buffer, size);
    if (status != VD_OK)
        return status;
    vd_denoiser_params params;
    scalars s = {0};
    vd_denoiser_params_init(&params, sizeof params);
    params.threads = threads;
    move_params(&archive, &params);
    vd_denoiser *d = NULL;
    if (archive.failed)
        return VD_ERROR_STATE;
    status = vd_denoiser_create(&d, &params);
    if (status != VD_OK)
        return status == VD_ERROR_MEMORY ? status : VD_ERROR_STATE;
    move_spectrum(&archive, d);
    move_scalars(&archive, &s);
    if (archive.failed || !spectrum_is_sound(d) ||
        (s.dtype != 0 && d->spectrum_channels != 0 && d->spectrum_channels != s.channels))
        status = VD_ERROR_STATE;
    if (status == VD_OK)
        status = vd_denoiser_set_range(d, s.low, s.high);
    if (status == VD_OK && s.dtype != 0)
        status = read_stream(&archive, d, &s);
    if (status == VD_OK && (archive.failed || vd_archive_remaining(&archive) > 0))
        status = VD_ERROR_STATE;
    if (status != VD_OK) {
        vd_denoiser_destroy(d);
        return status == VD_ERROR_MEMORY ? status : VD_ERROR_STATE;
    }
    *denoiser = d;
    return VD_OK;
}

vd_status vd_denoiser_copy(vd_denoiser **copy, vd_denoiser *d)
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
        status = vd_denoiser_load(copy, buffer, size, d->params.threads);
    free(buffer);
    drop_flag(&d->busy);
    return status;
}
