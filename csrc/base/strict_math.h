/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every file that computes includes this, directly or through a header of its folder. Missing samples are NaN, and
 * reproducible bits need the operations in source order: with "fast" arithmetic every result may be NaN without an
 * error. Contraction only changes bits: -ffp-contract=off.
 */
#ifndef VD_STRICT_MATH_H
#define VD_STRICT_MATH_H

#if defined(__FAST_MATH__) || defined(_M_FP_FAST) || (defined(__FINITE_MATH_ONLY__) && __FINITE_MATH_ONLY__) ||        \
    defined(__ASSOCIATIVE_MATH__) || defined(__RECIPROCAL_MATH__)
#error "vdcore needs NaN and strict floating point: no -ffast-math, -Ofast, -ffinite-math-only or /fp:fast"
#endif

#endif
