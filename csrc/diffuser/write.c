/* SPDX-License-Identifier: Apache-2.0 */
/* Output of rows: dithered, rounded to the type of the output, in its layout. */
#include "diffuser/diffuser.h"

static const uint16_t *thresholds_of(const vd_diffuser *d, int64_t y)
{
    return d->thresholds == NULL ? NULL : d->thresholds + (y & 7) * d->spatial.samples;
}

/* Where a finished row may be written: the output's own row if it is plain. */
void *vd_output_row(const vd_diffuser *d, const vd_image *out, int64_t y, int thread)
{
    return vd_image_has_plain_rows(out) ? vd_image_row(out, y) : d->spatial.scratch[thread].output;
}

void vd_finish_row(const vd_image *out, int64_t y, const void *row)
{
    if (row != vd_image_row(out, y))
        vd_image_scatter_row(out, y, row);
}

void vd_store_f64(const vd_diffuser *d, const vd_image *out, int64_t y, int thread, double *row)
{
    void *to = vd_output_row(d, out, y, thread);
    int64_t samples = d->spatial.samples;
    const uint16_t *threshold = thresholds_of(d, y);
    if (threshold != NULL && out->dtype <= VD_U16)
        d->kernels.samples.dither_f64(row, threshold, samples);
    d->kernels.samples.from_f64[out->dtype](to, row, samples);
    vd_finish_row(out, y, to);
}

void vd_store_f32(const vd_diffuser *d, const vd_image *out, int64_t y, int thread, float *row)
{
    void *to = vd_output_row(d, out, y, thread);
    size_t samples = (size_t)d->spatial.samples;
    const uint16_t *threshold = thresholds_of(d, y);
    if (threshold != NULL && out->dtype <= VD_U16)
        d->kernels.samples.dither_f32(row, threshold, (ptrdiff_t)samples);
    if (out->dtype == VD_U8)
        d->kernels.rows.f32_to_u8(to, row, samples);
    else if (out->dtype == VD_U16)
        d->kernels.rows.f32_to_u16(to, row, samples);
    else if (out->dtype == VD_F32)
        memmove(to, row, samples * sizeof(float));
    else
        d->kernels.samples.to_f64[VD_F32](to, row, (ptrdiff_t)samples);
    vd_finish_row(out, y, to);
}

void vd_store_fixed(const vd_diffuser *d, const vd_image *out, int64_t y, int thread, const uint16_t *row)
{
    size_t samples = (size_t)d->spatial.samples;
    if (out->dtype != VD_U8) {
        float *real = d->spatial.scratch[thread].spare;
        d->kernels.rows.fixed_to_f32(real, row, samples);
        vd_store_f32(d, out, y, thread, real);
        return;
    }
    void *to = vd_output_row(d, out, y, thread);
    const uint16_t *threshold = thresholds_of(d, y);
    if (threshold != NULL)
        d->kernels.rows.fixed_to_u8_dither(to, row, threshold, samples);
    else
        d->kernels.rows.fixed_to_u8(to, row, samples);
    vd_finish_row(out, y, to);
}
