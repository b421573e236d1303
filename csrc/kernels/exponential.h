/* SPDX-License-Identifier: Apache-2.0 */
/*
 * 2^t and e^x for arguments <= 0, without a branch, a table or a library call: a loop over them becomes vectors on
 * every instruction set, with the same bits.
 *
 *     -t = n + f, n = rint(-t), |f| <= 1/2:   2^t = 2^-n (1 + f q(f)),
 *
 * q the minimax polynomial for the relative error (Remez exchange). Adding to 1.5 2^23 (2^52 in double) rounds to an
 * integer in the lowest bits of the sum, from where a shift moves it into the exponent.
 *
 * Exactly 1 at 0 and -0; exactly 0 below 2^-126.5 (2^-1022.5), -infinity included, so never subnormal. Relative error,
 * rounding included: 2^t 7e-7 (f32), 7e-16 (f64); e^x, whose argument is rounded once more, another 7.5e-8 |x| and
 * 1.3e-16 |x|. Arguments above 1/2 are not supported.
 *
 * The two halves serve loops that are faster in two passes: the chain of operations is longer than the window in which
 * processors reorder.
 */
#ifndef VD_EXPONENTIAL_H
#define VD_EXPONENTIAL_H

#include <stdint.h>
#include <string.h>

/* f and 2^-n of 2^-z. The minimum is taken in integers, because compilers do not vectorize the floating-point one. */
static inline float vd_exp2_split_f32(float z, float *power)
{
    const float shift = 12582912.0f + 127.0f; /* 127: bias of the exponent */
    const int32_t limit = 0x42fe0000;         /* 127 */
    int32_t order;
    uint32_t bits;
    memcpy(&order, &z, sizeof order);
    order = order < limit ? order : limit;
    memcpy(&z, &order, sizeof z);
    float shifted = shift - z;
    memcpy(&bits, &shifted, sizeof bits);
    bits <<= 23;
    memcpy(power, &bits, sizeof bits);
    return (shifted - shift) + z;
}

static inline double vd_exp2_split_f64(double z, double *power)
{
    const double shift = 6755399441055744.0 + 1023.0;
    const int64_t limit = 0x408ff80000000000; /* 1023 */
    int64_t order;
    uint64_t bits;
    memcpy(&order, &z, sizeof order);
    order = order < limit ? order : limit;
    memcpy(&z, &order, sizeof z);
    double shifted = shift - z;
    memcpy(&bits, &shifted, sizeof bits);
    bits <<= 52;
    memcpy(power, &bits, sizeof bits);
    return (shifted - shift) + z;
}

/* 2^-f for |f| <= 1/2, in an order (Estrin's) with a short chain. */
static inline float vd_exp2_fraction_f32(float f)
{
    float f2 = f * f;
    float a = 1.0f - f * 6.93142831e-1f, b = 2.40223507e-1f - f * 5.55740047e-2f;
    float c = 9.66628252e-3f - f * 1.11255076e-3f;
    return a + f2 * (b + f2 * c);
}

static inline double vd_exp2_fraction_f64(double f)
{
    double f2 = f * f, f4 = f2 * f2;
    double a = 1.0 - f * 6.93147180559951614e-1, b = 2.40226506959104719e-1 - f * 5.55041086643466366e-2;
    double c = 9.61812910738084510e-3 - f * 1.33335582464722793e-3;
    double d = 1.54035308006114440e-4 - f * 1.52526477524757715e-5;
    double e = 1.32152357491247613e-6 - f * 1.02105055754339962e-7;
    return (a + f2 * b) + f4 * ((c + f2 * d) + f4 * (e + f2 * 7.11173793676953009e-9));
}

static inline float vd_exp2_f32(float t)
{
    float power, f = vd_exp2_split_f32(-t, &power);
    return vd_exp2_fraction_f32(f) * power;
}

static inline double vd_exp2_f64(double t)
{
    double power, f = vd_exp2_split_f64(-t, &power);
    return vd_exp2_fraction_f64(f) * power;
}

#define VD_LOG2_E 1.44269504088896340736 /* exp(x) = 2^(x VD_LOG2_E) */

static inline float vd_exp_f32(float x) { return vd_exp2_f32(x * (float)VD_LOG2_E); }
static inline double vd_exp_f64(double x) { return vd_exp2_f64(x * VD_LOG2_E); }

#endif
