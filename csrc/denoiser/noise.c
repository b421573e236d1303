/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The noise that the denoiser assumes, and the range of the samples: both may change between frames. The variance of a
 * coefficient is sd^2 r t, r of the brightness and t the spectrum. Where the noise of successive frames has the correlation c,
 * a mean over many frames has (1 + c) / (1 - c) times the variance that independent noise would leave: `lasting`.
 */
#include "denoiser/denoiser.h"

#include <math.h>

/* Single precision squares samples and the noise. */
static const double MIN_NOISE = 1e-15, MAX_NOISE = 1e15;

bool vd_denoiser_takes_noise(double sd, double gain, double offset)
{
    return (sd == 0 || (sd >= MIN_NOISE && sd <= MAX_NOISE)) && isfinite(gain) && isfinite(offset);
}

bool vd_denoiser_takes_spectrum(const float *spectrum, int64_t channels)
{
    for (int64_t k = 0; k < channels * VD_COEFFICIENTS; k++)
        if (!(spectrum[k] >= 1e-6f && spectrum[k] <= 1e6f))
            return false;
    return true;
}

static vd_status set_noise(vd_denoiser *d, const vd_denoiser_noise *noise)
{
    if (d->dtype != 0 && noise->channels != 0 && noise->channels != d->channels)
        return VD_ERROR_SHAPE;
    d->params.noise = noise->sd;
    d->params.gain = noise->gain;
    d->params.offset = noise->offset;
    d->lasting = (float)((1 + noise->correlation) / (1 - noise->correlation));
    d->spectrum_channels = noise->channels;
    for (int64_t k = 0; k < VD_MAX_CHANNELS * VD_COEFFICIENTS; k++)
        d->spectrum[k] = k < noise->channels * VD_COEFFICIENTS ? noise->spectrum[k] : 1;
    vd_unclipping_start(d);
    return VD_OK;
}

vd_status vd_denoiser_set_noise(vd_denoiser *d, const vd_denoiser_noise *noise)
{
    if (d == NULL || noise == NULL)
        return VD_ERROR_NULL;
    if (noise->struct_size != sizeof *noise)
        return VD_ERROR_STRUCT_SIZE;
    if (!vd_denoiser_takes_noise(noise->sd, noise->gain, noise->offset) || noise->channels < 0 ||
        !(noise->correlation >= 0 && noise->correlation <= VD_MAX_CORRELATION) || noise->channels > VD_MAX_CHANNELS ||
        (noise->spectrum != NULL) != (noise->channels > 0) ||
        !vd_denoiser_takes_spectrum(noise->spectrum, noise->channels))
        return VD_ERROR_PARAMETER;
    if (!take_flag(&d->busy))
        return flag_refusal(&d->busy);
    vd_status status = set_noise(d, noise);
    drop_flag(&d->busy);
    return status;
}

vd_status vd_denoiser_set_range(vd_denoiser *d, double low, double high)
{
    if (d == NULL)
        return VD_ERROR_NULL;
    if (!vd_denoiser_takes_range(low, high))
        return VD_ERROR_PARAMETER;
    if (!take_flag(&d->busy))
        return flag_refusal(&d->busy);
    d->low = low;
    d->high = high;
    vd_unclipping_start(d);
    drop_flag(&d->busy);
    return VD_OK;
}
