/* SPDX-License-Identifier: Apache-2.0 */
/*
 * 2^t and e^x for arguments <= 0, without a branch, a table or a library call: a loop over them becomes vectors on every
 * instruction set, with the same bits.
 *
 *     t = n + f, n = rint(t), |f| <= 1/2:   2^t = 2^n (1 + f q(f)),
 *
 * q the polynomial of least relative error (Remez exchange). Adding 1.5 2^23 (2^52 in double) rounds t to an integer,
 * which then stands in the lowest bits of the sum, from where a shift moves it into the exponent.
 *
 * Exactly 1 at 0 and at -0; exactly 0 below 2^-126.5 (2^-1022.5), so never subnormal, at -infinity and for NaN.
 * Relative error, rounding included: 2^t 5.5e-7 (f32), 6e-16 (f64); e^x, whose argument is rounded once more, another
 * 7.5e-8 |x| and 1.3e-16 |x|. An argument above 0 is the caller's mistake; up to 1/2 the value is right.
 */
#ifndef VD_EXPONENTIAL_H
#define VD_EXPONENTIAL_H

#include <stdint.h>
#include <string.h>

static inline float vd_exp2_f32(float t)
{
    const float shift = 12582912.0f + 127.0f; /* 127: bias of the exponent */
    t = t > -127.0f ? t : -127.0f;
    float shifted = t + shift, f = t - (shifted - shift), power;
    uint32_t bits;
    memcpy(&bits, &shifted, sizeof bits);
    bits <<= 23;
    memcpy(&power, &bits, sizeof power);
    float q = 1.11255076e-3f;
    q = q * f + 9.66628252e-3f;
    q = q * f + 5.55740047e-2f;
    q = q * f + 2.40223507e-1f;
    q = q * f + 6.93142831e-1f;
    return (q * f + 1.0f) * power;
}

static inline double vd_exp2_f64(double t)
{
    const double shift = 6755399441055744.0 + 1023.0;
    t = t > -1023.0 ? t : -1023.0;
    double shifted = t + shift, f = t - (shifted - shift), power;
    uint64_t bits;
    memcpy(&bits, &shifted, sizeof bits);
    bits <<= 52;
    memcpy(&power, &bits, sizeof power);
    double q = 7.11173793676953009e-9;
    q = q * f + 1.02105055754339962e-7;
    q = q * f + 1.32152357491247613e-6;
    q = q * f + 1.52526477524757715e-5;
    q = q * f + 1.54035308006114440e-4;
    q = q * f + 1.33335582464722793e-3;
    q = q * f + 9.61812910738084510e-3;
    q = q * f + 5.55041086643466366e-2;
    q = q * f + 2.40226506959104719e-1;
    q = q * f + 6.93147180559951614e-1;
    return (q * f + 1.0) * power;
}

#define VD_LOG2_E 1.44269504088896340736 /* exp(x) = 2^(x VD_LOG2_E) */

static inline float vd_exp_f32(float x) { return vd_exp2_f32(x * (float)VD_LOG2_E); }
static inline double vd_exp_f64(double x) { return vd_exp2_f64(x * VD_LOG2_E); }

#endif
