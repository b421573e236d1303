/* SPDX-License-Identifier: Apache-2.0 */
/* AVX2: operations for rows_template.h, which says what each does, and all families. On compilers see avx512.c. */
#include "kernels/kernels.h"

#if defined(__x86_64__) || defined(_M_X64)
#include <immintrin.h>

#if defined(__GNUC__) || defined(__clang__)
#define VD_TARGET __attribute__((target("avx2")))
#else
#define VD_TARGET
#endif
#define VD_TARGET_WIDE VD_TARGET
#define VD_OP static inline VD_TARGET

enum { NH = 16, NF = 8, ND = 4 };
typedef __m256i vh;
typedef __m256 vf;
typedef __m256d vd;

VD_OP vh load_h(const uint16_t *p) { return _mm256_loadu_si256((const __m256i *)p); }
VD_OP void store_h(uint16_t *p, vh a) { _mm256_storeu_si256((__m256i *)p, a); }
VD_OP vh set_h(uint16_t a) { return _mm256_set1_epi16((short)a); }
VD_OP vh add_h(vh a, vh b) { return _mm256_add_epi16(a, b); }
VD_OP vh add_saturated_h(vh a, vh b) { return _mm256_adds_epu16(a, b); }
VD_OP vh mean_h(vh a, vh b) { return _mm256_avg_epu16(a, b); }
VD_OP vh multiply_high_h(vh a, vh b) { return _mm256_mulhi_epu16(a, b); }
VD_OP vh high_byte_h(vh a) { return _mm256_srli_epi16(a, 8); }
VD_OP vh odd_bit_h(vh a) { return _mm256_and_si256(a, _mm256_set1_epi16(1)); }

VD_OP void load_bytes_high(const uint8_t *p, vh *a, vh *b)
{
    vh bytes = _mm256_loadu_si256((const __m256i *)p), zero = _mm256_setzero_si256();
    *a = _mm256_unpacklo_epi8(zero, bytes);
    *b = _mm256_unpackhi_epi8(zero, bytes);
}

VD_OP void store_pair(uint16_t *p, vh a, vh b)
{
    _mm256_storeu_si256((__m256i *)p, _mm256_permute2x128_si256(a, b, 0x20));
    _mm256_storeu_si256((__m256i *)(p + 16), _mm256_permute2x128_si256(a, b, 0x31));
}

VD_OP void store_bytes(uint8_t *p, vh a, vh b)
{
    _mm256_storeu_si256((__m256i *)p, _mm256_permute4x64_epi64(_mm256_packus_epi16(a, b), 0xD8));
}

VD_OP vh update_h(vh state, vh value, int keep, int gain)
{
    const __m256i centre = _mm256_set1_epi16((short)-32768), half = _mm256_set1_epi32(16384);
    const __m256i factors = _mm256_set1_epi32((int)((uint32_t)gain << 16 | (uint32_t)keep));
    __m256i s = _mm256_xor_si256(state, centre), v = _mm256_xor_si256(value, centre);
    __m256i low = _mm256_madd_epi16(_mm256_unpacklo_epi16(s, v), factors);
    __m256i high = _mm256_madd_epi16(_mm256_unpackhi_epi16(s, v), factors);
    low = _mm256_srai_epi32(_mm256_add_epi32(low, half), 15);
    high = _mm256_srai_epi32(_mm256_add_epi32(high, half), 15);
    return _mm256_xor_si256(_mm256_packs_epi32(low, high), centre);
}

VD_OP vf load_f(const float *p) { return _mm256_loadu_ps(p); }
VD_OP void store_f(float *p, vf a) { _mm256_storeu_ps(p, a); }
VD_OP vf set_f(float a) { return _mm256_set1_ps(a); }
VD_OP vf add_f(vf a, vf b) { return _mm256_add_ps(a, b); }
VD_OP vf sub_f(vf a, vf b) { return _mm256_sub_ps(a, b); }
VD_OP vf mul_f(vf a, vf b) { return _mm256_mul_ps(a, b); }
VD_OP vf clip_f(vf a, float high) { return _mm256_min_ps(_mm256_max_ps(a, _mm256_setzero_ps()), _mm256_set1_ps(high)); }
VD_OP vf load_f_u8(const uint8_t *p)
{
    return _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i *)p)));
}
VD_OP vf load_f_u16(const uint16_t *p)
{
    return _mm256_cvtepi32_ps(_mm256_cvtepu16_epi32(_mm_loadu_si128((const __m128i *)p)));
}
VD_OP __m128i rounded_u16(vf a)
{
    __m256i whole = _mm256_cvtps_epi32(a);
    return _mm_packus_epi32(_mm256_castsi256_si128(whole), _mm256_extracti128_si256(whole, 1));
}
VD_OP void store_f_u8(uint8_t *p, vf a)
{
    __m128i words = rounded_u16(a);
    _mm_storel_epi64((__m128i *)p, _mm_packus_epi16(words, words));
}
VD_OP void store_f_u16(uint16_t *p, vf a) { _mm_storeu_si128((__m128i *)p, rounded_u16(a)); }
VD_OP int not_finite_f(vf a)
{
    const __m256i limit = _mm256_set1_epi32(0x7F7FFFFF), magnitude = _mm256_set1_epi32(0x7FFFFFFF);
    return _mm256_movemask_epi8(_mm256_cmpgt_epi32(_mm256_and_si256(_mm256_castps_si256(a), magnitude), limit)) != 0;
}
VD_OP int not_finite_d(vd a)
{
    const __m256i limit = _mm256_set1_epi64x(0x7FEFFFFFFFFFFFFF), magnitude = _mm256_set1_epi64x(0x7FFFFFFFFFFFFFFF);
    return _mm256_movemask_epi8(_mm256_cmpgt_epi64(_mm256_and_si256(_mm256_castpd_si256(a), magnitude), limit)) != 0;
}

VD_OP vd load_d(const double *p) { return _mm256_loadu_pd(p); }
VD_OP void store_d(double *p, vd a) { _mm256_storeu_pd(p, a); }
VD_OP vd set_d(double a) { return _mm256_set1_pd(a); }
VD_OP vd add_d(vd a, vd b) { return _mm256_add_pd(a, b); }
VD_OP vd sub_d(vd a, vd b) { return _mm256_sub_pd(a, b); }
VD_OP vd mul_d(vd a, vd b) { return _mm256_mul_pd(a, b); }
VD_OP vd load_d_f32(const float *p) { return _mm256_cvtps_pd(_mm_loadu_ps(p)); }
VD_OP void store_d_f32(float *p, vd a) { _mm_storeu_ps(p, _mm256_cvtpd_ps(a)); }

VD_OP vh load_h_u8(const uint8_t *p) { return _mm256_cvtepu8_epi16(_mm_loadu_si128((const __m128i *)p)); }
VD_OP vh multiply_low_h(vh a, vh b) { return _mm256_mullo_epi16(a, b); }

#include "kernels/families_template.h"
#include "kernels/rows_template.h"

bool vd_kernels_avx2(vd_kernels *k, unsigned flags)
{
    if (!(flags & VD_CPU_AVX2))
        return false;
    k->name = "avx2";
    fill_rows(&k->rows);
    fill_families(k);
    return true;
}
#else
bool vd_kernels_avx2(vd_kernels *k, unsigned flags)
{
    (void)k;
    (void)flags;
    return false;
}
#endif
