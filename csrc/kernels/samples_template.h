/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Template: the kernels of samples.h as plain loops, each compiled for one instruction set. Takes VD_TARGET, the function
 * attribute.
 */
#include <math.h>
#include <string.h>

#include "kernels/samples.h"

static inline VD_TARGET double clipped_rint(double x, double high)
{
    double clipped = x < high ? x : high;
    return x > 0 ? rint(clipped) : 0;
}

#define AS_U8(x) (uint8_t)(int32_t)clipped_rint(x, 255)
#define AS_U16(x) (uint16_t)(int32_t)clipped_rint(x, 65535)
#define AS_F32(x) (float)(x)
#define AS_F64(x) (x)

#define CONVERT(T, S, AS)                                                                                              \
    static VD_TARGET void S##_to_f64(double *restrict out, const void *row_, ptrdiff_t n)                              \
    {                                                                                                                  \
        const T *restrict row = row_;                                                                                  \
        for (ptrdiff_t i = 0; i < n; i++)                                                                              \
            out[i] = (double)row[i];                                                                                   \
    }                                                                                                                  \
                                                                                                                       \
    static VD_TARGET void S##_from_f64(void *out_, const double *restrict row, ptrdiff_t n)                            \
    {                                                                                                                  \
        T *restrict out = out_;                                                                                        \
        for (ptrdiff_t i = 0; i < n; i++)                                                                              \
            out[i] = AS(row[i]);                                                                                       \
    }

#define BLEND(T, S, AS)                                                                                                \
    static VD_TARGET void blend_##S(void *out_, const void *frame_, const double *restrict share, ptrdiff_t n)         \
    {                                                                                                                  \
        T *out = out_;                                                                                                 \
        const T *frame = frame_;                                                                                       \
        for (ptrdiff_t i = 0; i < n; i++) {                                                                            \
            double f = (double)frame[i], mixed = f + share[i] * ((double)out[i] - f);                                  \
            T some = share[i] == 0 ? frame[i] : AS(mixed);                                                             \
            out[i] = share[i] == 1 ? out[i] : some;                                                                    \
        }                                                                                                              \
    }

CONVERT(uint8_t, u8, AS_U8)
CONVERT(uint16_t, u16, AS_U16)
CONVERT(float, f32, AS_F32)
CONVERT(double, f64, AS_F64)
BLEND(uint8_t, u8, AS_U8)
BLEND(uint16_t, u16, AS_U16)
BLEND(float, f32, AS_F32)
BLEND(double, f64, AS_F64)
#undef CONVERT
#undef BLEND
#undef AS_U8
#undef AS_U16
#undef AS_F32
#undef AS_F64

static VD_TARGET void u8_to_share(double *restrict out, const void *row_, ptrdiff_t n)
{
    const uint8_t *restrict row = row_;
    for (ptrdiff_t i = 0; i < n; i++)
        out[i] = (double)row[i] / 255;
}

static VD_TARGET bool outside_unit(const double *row, ptrdiff_t n)
{
    int64_t outside = 0;
    for (ptrdiff_t i = 0; i < n; i++)
        outside |= !((row[i] >= 0) & (row[i] <= 1));
    return outside != 0;
}

static VD_TARGET void spread(double *row, ptrdiff_t pixels, ptrdiff_t channels)
{
    for (ptrdiff_t x = pixels - 1; x >= 0; x--) {
        double value = row[x];
        for (ptrdiff_t c = channels - 1; c >= 0; c--)
            row[x * channels + c] = value;
    }
}

static VD_TARGET void fixed_to_f64(double *restrict out, const uint16_t *restrict row, ptrdiff_t n)
{
    for (ptrdiff_t i = 0; i < n; i++)
        out[i] = (double)row[i] / 256;
}

static VD_TARGET void u8_to_fixed(uint16_t *restrict out, const uint8_t *restrict row, ptrdiff_t n)
{
    for (ptrdiff_t i = 0; i < n; i++)
        out[i] = (uint16_t)(row[i] << 8);
}

static VD_TARGET void add_row_f32(float *restrict row, const float *restrict by, ptrdiff_t n)
{
    for (ptrdiff_t i = 0; i < n; i++)
        row[i] += by[i];
}

static VD_TARGET void dither_f32(float *restrict row, const uint16_t *restrict threshold, ptrdiff_t n)
{
    for (ptrdiff_t i = 0; i < n; i++)
        row[i] += (float)threshold[i] / 256 - 0.5f;
}

static VD_TARGET void dither_f64(double *restrict row, const uint16_t *restrict threshold, ptrdiff_t n)
{
    for (ptrdiff_t i = 0; i < n; i++)
        row[i] += (double)threshold[i] / 256 - 0.5;
}

#define FILL(TYPE, S) k->to_f64[TYPE] = S##_to_f64, k->from_f64[TYPE] = S##_from_f64, k->blend[TYPE] = blend_##S

static void fill_samples(vd_samples_kernels *k)
{
    memset(k, 0, sizeof *k);
    FILL(VD_U8, u8);
    FILL(VD_U16, u16);
    FILL(VD_F32, f32);
    FILL(VD_F64, f64);
    k->to_share[VD_U8] = u8_to_share;
    k->to_share[VD_F32] = f32_to_f64;
    k->to_share[VD_F64] = f64_to_f64;
    k->outside_unit = outside_unit;
    k->spread = spread;
    k->fixed_to_f64 = fixed_to_f64;
    k->u8_to_fixed = u8_to_fixed;
    k->add_f32 = add_row_f32;
    k->dither_f32 = dither_f32;
    k->dither_f64 = dither_f64;
}

#undef FILL
