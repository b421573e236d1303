/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Kernels of non-local means for AVX-512, included by avx512.c after nonlocal_means_template.h. The float kernels that take
 * most of the time are written by hand, for what compilers do not find: an unaligned load touches two cache lines, so rows
 * are read once, and shifted ones are taken from two adjacent vectors; multiplications and additions are fused.
 *
 * own_difference, own_accumulate: the samples of each pair are those of the previous one, shifted by one.
 *
 * own_weights: 2^x = 2^floor(x) p(x - floor(x)); fraction and scaling take one instruction each. p is the minimax
 * polynomial with p(0) = 1: relative error 8.3e-8 for degree 5, 8.6e-5 for degree 3 (coarse), without rounding.
 * 0 below 2^-126, never subnormal. The gain is in the coefficients. Half of the samples that neighbours share are loaded
 * again, which balances loads and arithmetic.
 *
 * Tried and rejected: the mantissa of a float as p's argument (its exponent is already in place), which needs one degree more
 * for the same error; two conversions to integers in place of the two instructions; box sums from registers alone, which
 * took 20 % longer; on paper, sums and exponents in 16-bit integers: with rounding and saturation within the tolerance they
 * save half of the additions, and lose that to the conversions.
 */
#include "kernels/nonlocal_means.h"

#if defined(__GNUC__) || defined(__clang__)
#define INLINE static inline __attribute__((always_inline)) VD_TARGET
#else
#define INLINE static __forceinline
#endif

enum { WIDTH = 16 /* floats of a vector */ };

/* Elements by .. by + WIDTH - 1 of two vectors next to each other. */
INLINE __m512 moved(__m512 first, __m512 second, int by)
{
    __m512i a = _mm512_castps_si512(first), b = _mm512_castps_si512(second);
    switch (by) {
    case 1: return _mm512_castsi512_ps(_mm512_alignr_epi32(b, a, 1));
    case 2: return _mm512_castsi512_ps(_mm512_alignr_epi32(b, a, 2));
    case 3: return _mm512_castsi512_ps(_mm512_alignr_epi32(b, a, 3));
    case 4: return _mm512_castsi512_ps(_mm512_alignr_epi32(b, a, 4));
    case 5: return _mm512_castsi512_ps(_mm512_alignr_epi32(b, a, 5));
    default: return first;
    }
}

/* With running sums, and all present. One or three channels. */
INLINE void differ(float *const out[VD_NLM_PAIRS], float *const running[VD_NLM_PAIRS], const float *a, const float *b,
                   size_t plane, int channels, int pairs, size_t n)
{
    __m512 here[3];
    for (int c = 0; c < channels; c++)
        here[c] = _mm512_loadu_ps(b + (size_t)c * plane);
    for (size_t i = 0; i < n; i += WIDTH) {
        __m512 sum[VD_NLM_PAIRS];
        for (int c = 0; c < channels; c++) {
            size_t at = (size_t)c * plane + i;
            __m512 one = _mm512_loadu_ps(a + at), next = _mm512_loadu_ps(b + at + WIDTH);
            for (int g = 0; g < pairs; g++) {
                __m512 d = _mm512_sub_ps(one, moved(here[c], next, g));
                sum[g] = c == 0 ? _mm512_mul_ps(d, d) : _mm512_fmadd_ps(d, d, sum[g]);
            }
            here[c] = next;
        }
        for (int g = 0; g < pairs; g++) {
            __m512 more = _mm512_sub_ps(sum[g], _mm512_loadu_ps(out[g] + i));
            _mm512_storeu_ps(running[g] + i, _mm512_add_ps(_mm512_loadu_ps(running[g] + i), more));
            _mm512_storeu_ps(out[g] + i, sum[g]);
        }
    }
}

INLINE void differ_pairs(float *const out[VD_NLM_PAIRS], float *const running[VD_NLM_PAIRS], const float *a,
                         const float *b, size_t plane, int channels, size_t pairs, size_t n)
{
    switch (pairs) {
    case 1: differ(out, running, a, b, plane, channels, 1, n); break;
    case 2: differ(out, running, a, b, plane, channels, 2, n); break;
    case 3: differ(out, running, a, b, plane, channels, 3, n); break;
    case 4: differ(out, running, a, b, plane, channels, 4, n); break;
    case 5: differ(out, running, a, b, plane, channels, 5, n); break;
    default: differ(out, running, a, b, plane, channels, 6, n); break;
    }
}

static VD_TARGET void own_difference(float *const out[VD_NLM_PAIRS], float *const running[VD_NLM_PAIRS], const float *a,
                                     const float *b, size_t plane, size_t channels, const float *present_a,
                                     const float *present_b, size_t pairs, size_t n)
{
    if (running == NULL || present_a != NULL || (channels != 1 && channels != 3))
        nlm_difference_f32(out, running, a, b, plane, channels, present_a, present_b, pairs, n);
    else if (channels == 1)
        differ_pairs(out, running, a, b, plane, 1, pairs, n);
    else
        differ_pairs(out, running, a, b, plane, 3, pairs, n);
}

typedef struct nlm_exponential {
    __m512 p[6];
    int degree;
} nlm_exponential;

INLINE nlm_exponential prepare(float gain, bool coarse)
{
    static const float fine_p[6] = {1.0f,           6.93151313e-1f, 2.40164438e-1f,
                                    5.57999454e-2f, 9.01699347e-3f, 1.86714528e-3f};
    static const float coarse_p[4] = {1.0f, 6.95116786e-1f, 2.27644995e-1f, 7.70670392e-2f};
    nlm_exponential e;
    e.degree = coarse ? 3 : 5;
    for (int k = 0; k <= e.degree; k++)
        e.p[k] = _mm512_set1_ps(gain * (coarse ? coarse_p : fine_p)[k]);
    return e;
}

/* gain 2^min(0, x) */
INLINE __m512 power(const nlm_exponential *e, __m512 x)
{
    enum { FRACTION = 1 /* above the next integer below */ };
    x = _mm512_min_ps(x, _mm512_setzero_ps());
    __mmask16 normal = _mm512_cmp_ps_mask(x, _mm512_set1_ps(-126), _CMP_GE_OQ);
    __m512 f = _mm512_reduce_ps(x, FRACTION), sum = e->p[e->degree];
    for (int k = e->degree - 1; k >= 0; k--)
        sum = _mm512_fmadd_ps(sum, f, e->p[k]);
    return _mm512_maskz_scalef_ps(normal, sum, x);
}

/* size 3 and 5, or 0 for any number in count. */
INLINE void nlm_weigh(float *out, const float *row, int size, size_t count, const float *scale, bool alike,
                      float offset, float gain, bool coarse, size_t n)
{
    nlm_exponential e = prepare(gain, coarse);
    __m512 factor = _mm512_set1_ps(scale[0]), top = _mm512_set1_ps(offset);
    __m512 here = _mm512_loadu_ps(row);
    __m512 two = _mm512_add_ps(here, _mm512_loadu_ps(row + 1)); /* neighbours */
    for (size_t i = 0; i < n; i += WIDTH) {
        __m512 d, next = _mm512_loadu_ps(row + i + WIDTH);
        if (size == 5) {
            __m512 two_next = _mm512_add_ps(next, _mm512_loadu_ps(row + i + WIDTH + 1));
            d = _mm512_add_ps(_mm512_add_ps(two, moved(two, two_next, 2)), _mm512_loadu_ps(row + i + 4));
            two = two_next;
        } else if (size == 3) {
            d = _mm512_add_ps(_mm512_add_ps(here, _mm512_loadu_ps(row + i + 1)), moved(here, next, 2));
            here = next;
        } else {
            d = _mm512_loadu_ps(row + i);
            for (size_t k = 1; k < count; k += 2)
                d = _mm512_add_ps(d, _mm512_add_ps(_mm512_loadu_ps(row + i + k), _mm512_loadu_ps(row + i + k + 1)));
        }
        if (!alike)
            factor = _mm512_loadu_ps(scale + i);
        _mm512_storeu_ps(out + i, power(&e, _mm512_fnmadd_ps(d, factor, top)));
    }
}

INLINE void weigh_size(float *out, const float *row, size_t size, const float *scale, bool alike, float offset,
                       float gain, bool coarse, size_t n)
{
    switch (size) {
    case 3: nlm_weigh(out, row, 3, size, scale, alike, offset, gain, coarse, n); break;
    case 5: nlm_weigh(out, row, 5, size, scale, alike, offset, gain, coarse, n); break;
    default: nlm_weigh(out, row, 0, size, scale, alike, offset, gain, coarse, n); break;
    }
}

static VD_TARGET void own_weights(float *out, const float *row, size_t size, const float *scale, bool alike,
                                  float offset, float gain, bool coarse, float *scratch, size_t n)
{
    (void)scratch;
    if (coarse)
        weigh_size(out, row, size, scale, alike, offset, gain, true, n);
    else
        weigh_size(out, row, size, scale, alike, offset, gain, false, n);
}

/* `channels` planes of sums, one to three, and with `total` that of the weights. */
INLINE void nlm_add(float *sums, size_t plane, float *total, const float *const weights[VD_NLM_PAIRS],
                    const float *values, size_t value_plane, bool back, int pairs, int channels, size_t n)
{
    const float *first = back ? values - (pairs - 1) : values;
    __m512 here[3];
    for (int c = 0; c < channels; c++)
        here[c] = _mm512_loadu_ps(first + (size_t)c * value_plane);
    for (size_t i = 0; i < n; i += WIDTH) {
        __m512 w[VD_NLM_PAIRS];
        for (int g = 0; g < pairs; g++)
            w[g] = _mm512_loadu_ps(weights[g] + i);
        for (int c = 0; c < channels; c++) {
            float *to = sums + (size_t)c * plane + i;
            __m512 next = _mm512_loadu_ps(first + (size_t)c * value_plane + i + WIDTH), sum = _mm512_loadu_ps(to);
            for (int g = 0; g < pairs; g++)
                sum = _mm512_fmadd_ps(w[g], moved(here[c], next, back ? pairs - 1 - g : g), sum);
            _mm512_storeu_ps(to, sum);
            here[c] = next;
        }
        if (total != NULL) {
            __m512 sum = w[0];
            for (int g = 1; g < pairs; g++)
                sum = _mm512_add_ps(sum, w[g]);
            _mm512_storeu_ps(total + i, _mm512_add_ps(_mm512_loadu_ps(total + i), sum));
        }
    }
}

INLINE void add_pairs(float *sums, size_t plane, float *total, const float *const weights[VD_NLM_PAIRS],
                      const float *values, size_t value_plane, bool back, size_t pairs, int channels, size_t n)
{
    switch (pairs) {
    case 1: nlm_add(sums, plane, total, weights, values, value_plane, back, 1, channels, n); break;
    case 2: nlm_add(sums, plane, total, weights, values, value_plane, back, 2, channels, n); break;
    case 3: nlm_add(sums, plane, total, weights, values, value_plane, back, 3, channels, n); break;
    case 4: nlm_add(sums, plane, total, weights, values, value_plane, back, 4, channels, n); break;
    case 5: nlm_add(sums, plane, total, weights, values, value_plane, back, 5, channels, n); break;
    default: nlm_add(sums, plane, total, weights, values, value_plane, back, 6, channels, n); break;
    }
}

static VD_TARGET void own_accumulate(float *sums, size_t plane, float *total, const float *const weights[VD_NLM_PAIRS],
                                     const float *values, size_t value_plane, ptrdiff_t step, size_t pairs,
                                     size_t channels, size_t n)
{
    if (channels == 3 && total != NULL) {
        if (step < 0)
            add_pairs(sums, plane, total, weights, values, value_plane, true, pairs, 3, n);
        else
            add_pairs(sums, plane, total, weights, values, value_plane, false, pairs, 3, n);
        return;
    }
    for (size_t c = 0; c < channels; c++) {
        float *to = sums + c * plane, *also = c == 0 ? total : NULL;
        const float *from = values + c * value_plane;
        if (step < 0)
            add_pairs(to, plane, also, weights, from, value_plane, true, pairs, 1, n);
        else
            add_pairs(to, plane, also, weights, from, value_plane, false, pairs, 1, n);
    }
}

static void fill_nonlocal_means_own(vd_nonlocal_means_kernels *k)
{
    k->difference_f32 = own_difference;
    k->weights_f32 = own_weights;
    k->accumulate_f32 = own_accumulate;
}

#undef INLINE
