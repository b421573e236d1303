/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Template: the kernels of bilateral.h for one real type, as plain loops that the compiler turns into vectors. Takes
 * REAL, NAME(x) (bilateral_x with the type's suffix), EXP2(x) (vd_exp2_x likewise) and VD_TARGET_WIDE, the function
 * attribute, and undefines the first three.
 *
 * `pairs` goes over the samples in pieces and over each piece twice, split in the middle of the exponential: its chain
 * of operations exceeds a processor's reorder window, and two shorter chains finish earlier than the long one.
 */
#include "kernels/exponential.h"

#if defined(__GNUC__) || defined(__clang__)
#define ALIGNED __attribute__((aligned(64)))
#else
#define ALIGNED
#endif

enum { NAME(PIECE) = 128 };

VD_TARGET_WIDE static void NAME(pairs)(REAL *restrict Wa, REAL *restrict Da, REAL *restrict Wb, REAL *restrict Db,
                                       const REAL *restrict a, const REAL *restrict b, REAL scale, REAL gain, size_t n)
{
    REAL fractions[NAME(PIECE)] ALIGNED, powers[NAME(PIECE)] ALIGNED;
    for (size_t start = 0; start < n; start += NAME(PIECE)) {
        size_t length = n - start < NAME(PIECE) ? n - start : NAME(PIECE);
        for (size_t i = 0; i < length; i++) {
            REAL u = (b[start + i] - a[start + i]) * scale, power;
            fractions[i] = EXP2(split)(u * u, &power);
            powers[i] = power * gain;
        }
        for (size_t i = 0; i < length; i++) {
            size_t x = start + i;
            REAL w = EXP2(fraction)(fractions[i]) * powers[i], moved = w * (b[x] - a[x]);
            Wa[x] += w;
            Wb[x] += w;
            Da[x] += moved;
            Db[x] -= moved;
        }
    }
}

VD_TARGET_WIDE static inline void NAME(split)(REAL *restrict fractions, REAL *restrict powers, const REAL *restrict a,
                                              const REAL *restrict b, REAL scale, REAL gain, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        REAL u = (b[i] - a[i]) * scale, power;
        fractions[i] = EXP2(split)(u * u, &power);
        powers[i] = power * gain;
    }
}

VD_TARGET_WIDE static inline void NAME(join_two)(REAL *restrict Wa, REAL *restrict Da, REAL *restrict W0,
                                                 REAL *restrict D0, REAL *restrict W1, REAL *restrict D1,
                                                 const REAL *restrict a, const REAL *restrict b0,
                                                 const REAL *restrict b1, const REAL *restrict fractions0,
                                                 const REAL *restrict powers0, const REAL *restrict fractions1,
                                                 const REAL *restrict powers1, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        REAL w0 = EXP2(fraction)(fractions0[i]) * powers0[i], moved0 = w0 * (b0[i] - a[i]);
        REAL w1 = EXP2(fraction)(fractions1[i]) * powers1[i], moved1 = w1 * (b1[i] - a[i]);
        Wa[i] = (Wa[i] + w0) + w1;
        Da[i] = (Da[i] + moved0) + moved1;
        W0[i] += w0;
        D0[i] -= moved0;
        W1[i] += w1;
        D1[i] -= moved1;
    }
}

VD_TARGET_WIDE static void NAME(pairs_two)(REAL *Wa, REAL *Da, REAL *const Wb[2], REAL *const Db[2], const REAL *a,
                                           const REAL *const b[2], REAL scale, const REAL gain[2], size_t n)
{
    REAL fractions[2][NAME(PIECE)] ALIGNED, powers[2][NAME(PIECE)] ALIGNED;
    for (size_t x = 0; x < n; x += NAME(PIECE)) {
        size_t length = n - x < NAME(PIECE) ? n - x : NAME(PIECE);
        for (int k = 0; k < 2; k++)
            NAME(split)(fractions[k], powers[k], a + x, b[k] + x, scale, gain[k], length);
        NAME(join_two)(Wa + x, Da + x, Wb[0] + x, Db[0] + x, Wb[1] + x, Db[1] + x, a + x, b[0] + x, b[1] + x,
                       fractions[0], powers[0], fractions[1], powers[1], length);
    }
}

VD_TARGET_WIDE static void NAME(distance)(REAL *restrict z, const REAL *restrict a, const REAL *restrict b, REAL scale,
                                          bool more, size_t n)
{
    if (more)
        for (size_t i = 0; i < n; i++) {
            REAL u = (b[i] - a[i]) * scale;
            z[i] += u * u;
        }
    else
        for (size_t i = 0; i < n; i++) {
            REAL u = (b[i] - a[i]) * scale;
            z[i] = u * u;
        }
}

VD_TARGET_WIDE static void NAME(weights)(REAL *restrict w, REAL gain, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        REAL power, f = EXP2(split)(w[i], &power);
        w[i] = EXP2(fraction)(f) * (power * gain);
    }
}

VD_TARGET_WIDE static void NAME(weights_masked)(REAL *restrict wa, REAL *restrict wb, REAL gain,
                                                const REAL *restrict ma, const REAL *restrict mb, size_t n)
{
    for (size_t i = 0; i < n; i++) { /* a separate loop, or compilers make branches of it */
        REAL z = wa[i];
        z = ma[i] == 0 ? 0 : z;
        wa[i] = mb[i] == 0 ? 0 : z;
    }
    for (size_t i = 0; i < n; i++) {
        REAL power, f = EXP2(split)(wa[i], &power), one = ma[i], other = mb[i];
        REAL w = EXP2(fraction)(f) * (power * gain);
        wa[i] = w * other;
        wb[i] = w * one;
    }
}

VD_TARGET_WIDE static void NAME(add)(REAL *restrict W, const REAL *restrict w, size_t n)
{
    for (size_t i = 0; i < n; i++)
        W[i] += w[i];
}

VD_TARGET_WIDE static void NAME(move)(REAL *restrict D, const REAL *restrict w, const REAL *restrict a,
                                      const REAL *restrict b, size_t n)
{
    for (size_t i = 0; i < n; i++)
        D[i] += w[i] * (b[i] - a[i]);
}

VD_TARGET_WIDE static void NAME(finish)(REAL *restrict sum, const REAL *restrict D, const REAL *restrict W,
                                        const REAL *restrict f, size_t n)
{
    for (size_t i = 0; i < n; i++)
        sum[i] = D[i] + W[i] * f[i];
}

#undef ALIGNED
#undef NAME
#undef EXP2
#undef REAL
