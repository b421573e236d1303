/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kernel of bilateral_bytes.h for AVX-512 with VBMI and VNNI, for avx512.c: tables of 256 bytes in registers, 64 lookups at
 * once, and products of bytes summed by fours.
 *
 * The four sources of a group lie next to each other in 32 bits, 16 pixels in a vector, in the order that
 * interleaving within 128 bits leaves: vector k of four holds pixels 16 i + 4 k .. + 3 of each i < 4. With samples
 * stored less 128, S = sum of w f and D = S - f(x) W.
 */
#include <stdbool.h>

#include "kernels/bilateral_bytes.h"

#if defined(__GNUC__) || defined(__clang__)
#define TARGET __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi,avx512vnni")))
#define INLINE inline __attribute__((always_inline))
#else
#define TARGET
#define INLINE __forceinline
#endif

/* Two of the four vectors that interleaving the bytes of p[0] .. p[3] gives: the first two, or the last two. */
static INLINE TARGET void interleave(__m512i to[2], const __m512i p[4], bool last)
{
    __m512i a = last ? _mm512_unpackhi_epi8(p[0], p[1]) : _mm512_unpacklo_epi8(p[0], p[1]);
    __m512i b = last ? _mm512_unpackhi_epi8(p[2], p[3]) : _mm512_unpacklo_epi8(p[2], p[3]);
    to[0] = _mm512_unpacklo_epi16(a, b);
    to[1] = _mm512_unpackhi_epi16(a, b);
}

/* 128 entries, at the low seven bits of each index. */
static INLINE TARGET __m512i look_up_bytes(const uint8_t *table, __m512i index)
{
    return _mm512_permutex2var_epi8(_mm512_loadu_si512(table), index, _mm512_loadu_si512(table + 64));
}

static INLINE TARGET void store(int32_t *to, __m512i v)
{
    _mm_storeu_si128((__m128i *)(void *)to, _mm512_castsi512_si128(v));
    _mm_storeu_si128((__m128i *)(void *)(to + 16), _mm512_extracti32x4_epi32(v, 1));
    _mm_storeu_si128((__m128i *)(void *)(to + 32), _mm512_extracti32x4_epi32(v, 2));
    _mm_storeu_si128((__m128i *)(void *)(to + 48), _mm512_extracti32x4_epi32(v, 3));
}

/* Half of the pixels of a block. */
static INLINE TARGET void half(int32_t *W, int32_t *D, const int8_t *row, const vd_bilateral_sources *s, bool last)
{
    const __m512i ones = _mm512_set1_epi8(1), max = _mm512_set1_epi8(127);
    __m512i own = _mm512_loadu_si512(row), owns[4] = {own, own, own, own}, a[2];
    __m512i low_w[2], high_w[2], low_s[2], high_s[2];
    interleave(a, owns, last);
    for (int k = 0; k < 2; k++)
        low_w[k] = high_w[k] = low_s[k] = high_s[k] = _mm512_setzero_si512();
    for (size_t g = 0; g < s->groups; g++) {
        const vd_bilateral_table *t = s->tables[g];
        __m512i p[4], b[2];
        for (int k = 0; k < 4; k++)
            p[k] = _mm512_loadu_si512(row + s->places[g][k]);
        interleave(b, p, last);
        bool narrow = t->reach <= 127;
        for (int k = 0; k < 2; k++) {
            __m512i d = _mm512_sub_epi8(_mm512_max_epi8(a[k], b[k]), _mm512_min_epi8(a[k], b[k])), low, high;
            if (narrow) {
                d = _mm512_min_epu8(d, max);
                low = look_up_bytes(t->low, d);
                high = look_up_bytes(t->high, d);
            } else {
                __mmask64 far = _mm512_movepi8_mask(d);
                low = _mm512_mask_blend_epi8(far, look_up_bytes(t->low, d), look_up_bytes(t->low + 128, d));
                high = _mm512_mask_blend_epi8(far, look_up_bytes(t->high, d), look_up_bytes(t->high + 128, d));
            }
            low_w[k] = _mm512_dpbusd_epi32(low_w[k], low, ones);
            high_w[k] = _mm512_dpbusd_epi32(high_w[k], high, ones);
            low_s[k] = _mm512_dpbusd_epi32(low_s[k], low, b[k]);
            high_s[k] = _mm512_dpbusd_epi32(high_s[k], high, b[k]);
        }
    }
    for (int k = 0; k < 2; k++) {
        __m512i w = _mm512_add_epi32(_mm512_slli_epi32(high_w[k], 8), low_w[k]);
        __m512i f = _mm512_srai_epi32(a[k], 24);
        __m512i sum = _mm512_add_epi32(_mm512_slli_epi32(high_s[k], 8), low_s[k]);
        store(W + 4 * k, w);
        store(D + 4 * k, _mm512_sub_epi32(sum, _mm512_mullo_epi32(f, w)));
    }
}

static TARGET void bilateral_bytes_sums(int32_t *W, int32_t *D, const int8_t *row, const vd_bilateral_sources *sources,
                                        size_t n)
{
    for (size_t x = 0; x < n; x += VD_BILATERAL_BLOCK) {
        half(W + x, D + x, row + x, sources, false);
        half(W + x + 8, D + x + 8, row + x, sources, true);
    }
}

static void fill_bilateral_bytes(vd_bilateral_bytes_kernels *k) { k->sums = bilateral_bytes_sums; }

#undef INLINE
#undef TARGET
