/* SPDX-License-Identifier: Apache-2.0 */
/*
 * AVX-512 (F, BW, DQ, VL): operations for rows_template.h, which says what each does, loops written by hand, and all
 * families.
 *
 * GCC and Clang compile these functions for AVX-512 through their target attribute, whatever the file's flags. MSVC has
 * no such attribute and needs none: it compiles every intrinsic as written and never vectorises beyond the file's /arch.
 */
#include "kernels/kernels.h"

#if defined(__x86_64__) || defined(_M_X64)
#include <immintrin.h>

#if defined(__clang__)
#define VD_TARGET __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl")))
#define VD_TARGET_WIDE VD_TARGET
#elif defined(__GNUC__)
#define VD_TARGET __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl")))
#define VD_TARGET_WIDE __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,prefer-vector-width=512")))
#else
#define VD_TARGET
#define VD_TARGET_WIDE
#endif
#define VD_OP static inline VD_TARGET

enum { NH = 32, NF = 16, ND = 8 };
typedef __m512i vh;
typedef __m512 vf;
typedef __m512d vd;

VD_OP vh load_h(const uint16_t *p) { return _mm512_loadu_si512(p); }
VD_OP void store_h(uint16_t *p, vh a) { _mm512_storeu_si512(p, a); }
VD_OP vh set_h(uint16_t a) { return _mm512_set1_epi16((short)a); }
VD_OP vh add_h(vh a, vh b) { return _mm512_add_epi16(a, b); }
VD_OP vh add_saturated_h(vh a, vh b) { return _mm512_adds_epu16(a, b); }
VD_OP vh mean_h(vh a, vh b) { return _mm512_avg_epu16(a, b); }
VD_OP vh multiply_high_h(vh a, vh b) { return _mm512_mulhi_epu16(a, b); }
VD_OP vh high_byte_h(vh a) { return _mm512_srli_epi16(a, 8); }
VD_OP vh odd_bit_h(vh a) { return _mm512_and_si512(a, _mm512_set1_epi16(1)); }

VD_OP void load_bytes_high(const uint8_t *p, vh *a, vh *b)
{
    vh bytes = _mm512_loadu_si512(p), zero = _mm512_setzero_si512();
    *a = _mm512_unpacklo_epi8(zero, bytes);
    *b = _mm512_unpackhi_epi8(zero, bytes);
}

VD_OP void store_pair(uint16_t *p, vh a, vh b)
{
    const __m512i first = _mm512_setr_epi64(0, 1, 8, 9, 2, 3, 10, 11),
                  second = _mm512_setr_epi64(4, 5, 12, 13, 6, 7, 14, 15);
    _mm512_storeu_si512(p, _mm512_permutex2var_epi64(a, first, b));
    _mm512_storeu_si512(p + 32, _mm512_permutex2var_epi64(a, second, b));
}

VD_OP void store_bytes(uint8_t *p, vh a, vh b)
{
    const __m512i order = _mm512_setr_epi64(0, 2, 4, 6, 1, 3, 5, 7);
    _mm512_storeu_si512(p, _mm512_permutexvar_epi64(order, _mm512_packus_epi16(a, b)));
}

VD_OP vh update_h(vh state, vh value, int keep, int gain)
{
    const __m512i centre = _mm512_set1_epi16((short)-32768), half = _mm512_set1_epi32(16384);
    const __m512i factors = _mm512_set1_epi32((int)((uint32_t)gain << 16 | (uint32_t)keep));
    __m512i s = _mm512_xor_si512(state, centre), v = _mm512_xor_si512(value, centre);
    __m512i low = _mm512_madd_epi16(_mm512_unpacklo_epi16(s, v), factors);
    __m512i high = _mm512_madd_epi16(_mm512_unpackhi_epi16(s, v), factors);
    low = _mm512_srai_epi32(_mm512_add_epi32(low, half), 15);
    high = _mm512_srai_epi32(_mm512_add_epi32(high, half), 15);
    return _mm512_xor_si512(_mm512_packs_epi32(low, high), centre);
}

VD_OP vf load_f(const float *p) { return _mm512_loadu_ps(p); }
VD_OP void store_f(float *p, vf a) { _mm512_storeu_ps(p, a); }
VD_OP vf set_f(float a) { return _mm512_set1_ps(a); }
VD_OP vf add_f(vf a, vf b) { return _mm512_add_ps(a, b); }
VD_OP vf sub_f(vf a, vf b) { return _mm512_sub_ps(a, b); }
VD_OP vf mul_f(vf a, vf b) { return _mm512_mul_ps(a, b); }
VD_OP vf clip_f(vf a, float high) { return _mm512_min_ps(_mm512_max_ps(a, _mm512_setzero_ps()), _mm512_set1_ps(high)); }
VD_OP vf load_f_u8(const uint8_t *p)
{
    return _mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(_mm_loadu_si128((const __m128i *)p)));
}
VD_OP vf load_f_u16(const uint16_t *p)
{
    return _mm512_cvtepi32_ps(_mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i *)p)));
}
VD_OP void store_f_u8(uint8_t *p, vf a) { _mm_storeu_si128((__m128i *)p, _mm512_cvtepi32_epi8(_mm512_cvtps_epi32(a))); }
VD_OP void store_f_u16(uint16_t *p, vf a)
{
    _mm256_storeu_si256((__m256i *)p, _mm512_cvtepi32_epi16(_mm512_cvtps_epi32(a)));
}
VD_OP int not_finite_f(vf a) { return _mm512_fpclass_ps_mask(a, 0x99) != 0; }
VD_OP int not_finite_d(vd a) { return _mm512_fpclass_pd_mask(a, 0x99) != 0; }

VD_OP vd load_d(const double *p) { return _mm512_loadu_pd(p); }
VD_OP void store_d(double *p, vd a) { _mm512_storeu_pd(p, a); }
VD_OP vd set_d(double a) { return _mm512_set1_pd(a); }
VD_OP vd add_d(vd a, vd b) { return _mm512_add_pd(a, b); }
VD_OP vd sub_d(vd a, vd b) { return _mm512_sub_pd(a, b); }
VD_OP vd mul_d(vd a, vd b) { return _mm512_mul_pd(a, b); }
VD_OP vd load_d_f32(const float *p) { return _mm512_cvtps_pd(_mm256_loadu_ps(p)); }
VD_OP void store_d_f32(float *p, vd a) { _mm256_storeu_ps(p, _mm512_cvtpd_ps(a)); }

VD_OP vh load_h_u8(const uint8_t *p) { return _mm512_cvtepu8_epi16(_mm256_loadu_si256((const __m256i *)p)); }
VD_OP vh multiply_low_h(vh a, vh b) { return _mm512_mullo_epi16(a, b); }

/* The warp of four floats a pixel: one vector is the four taps of a row. The compiler finds vectors of one tap only. */
#define VD_WARP_4 warp_4
VD_OP void warp_4(float *out, const float *picture, ptrdiff_t pitch, int64_t height, int64_t width, const int32_t *rows,
                  const int32_t *columns, const float *in_y, const float *in_x)
{
    const __m512i spread = _mm512_setr_epi32(0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3);
    for (int64_t x = 0; x < width; x++) {
        const float *start = picture + (ptrdiff_t)columns[x] * 4;
        __m512 sums[2];
        for (int j = 0; j < 4; j += 2) {
            int64_t first = rows[x] + j, second = first + 1;
            first = first < 0 ? 0 : first < height ? first : height - 1;
            second = second < 0 ? 0 : second < height ? second : height - 1;
            __m512 a = _mm512_loadu_ps(start + (ptrdiff_t)first * pitch);
            __m512 b = _mm512_loadu_ps(start + (ptrdiff_t)second * pitch);
            sums[j / 2] = _mm512_add_ps(_mm512_mul_ps(_mm512_set1_ps(in_y[j * width + x]), a),
                                        _mm512_mul_ps(_mm512_set1_ps(in_y[(j + 1) * width + x]), b));
        }
        __m128 weights = _mm_setr_ps(in_x[x], in_x[width + x], in_x[2 * width + x], in_x[3 * width + x]);
        __m512 all = _mm512_mul_ps(_mm512_add_ps(sums[0], sums[1]),
                                   _mm512_permutexvar_ps(spread, _mm512_castps128_ps512(weights)));
        __m128 left = _mm_add_ps(_mm512_castps512_ps128(all), _mm512_extractf32x4_ps(all, 1));
        __m128 right = _mm_add_ps(_mm512_extractf32x4_ps(all, 2), _mm512_extractf32x4_ps(all, 3));
        _mm_storeu_ps(out + 4 * x, _mm_add_ps(left, right));
    }
}

/* The warp of weights and variances: one vector is the four pairs of a row. */
#define VD_WARP_EVIDENCE warp_evidence
VD_OP void warp_evidence(float *weight, float *variance, const float *picture, ptrdiff_t pitch, int64_t height,
                         int64_t width, const int32_t *rows, const int32_t *columns, const float *in_y,
                         const float *in_x, const float *part_y, const float *part_x)
{
    const __m256i doubled = _mm256_setr_epi32(0, 0, 1, 1, 2, 2, 3, 3);
    for (int64_t x = 0; x < width; x++) {
        const float *start = picture + (ptrdiff_t)columns[x] * 2;
        __m256 row[4], parts[4];
        for (int j = 0; j < 4; j++) {
            int64_t y = rows[x] + j;
            y = y < 0 ? 0 : y < height ? y : height - 1;
            __m256 in = _mm256_set1_ps(in_y[j * width + x]);
            row[j] = _mm256_loadu_ps(start + (ptrdiff_t)y * pitch);
            parts[j] = _mm256_mul_ps(_mm256_mul_ps(in, in), row[j]);
        }
        __m256 sums = _mm256_add_ps(_mm256_add_ps(parts[0], parts[1]), _mm256_add_ps(parts[2], parts[3]));
        __m128 along = _mm_setr_ps(in_x[x], in_x[width + x], in_x[2 * width + x], in_x[3 * width + x]);
        __m256 squares = _mm256_permutevar8x32_ps(_mm256_castps128_ps256(_mm_mul_ps(along, along)), doubled);
        sums = _mm256_mul_ps(squares, sums);
        __m128 pairs = _mm_shuffle_ps(_mm256_castps256_ps128(sums), _mm256_extractf128_ps(sums, 1), 0xDD);
        __m128 halves = _mm_add_ps(pairs, _mm_movehdup_ps(pairs));
        variance[x] = _mm_cvtss_f32(_mm_add_ss(halves, _mm_movehl_ps(halves, halves)));
        float f = part_x[x], h = part_y[x];
        __m256 near =
            _mm256_add_ps(_mm256_mul_ps(_mm256_set1_ps(1 - h), row[1]), _mm256_mul_ps(_mm256_set1_ps(h), row[2]));
        __m128 low = _mm256_castps256_ps128(near), high = _mm256_extractf128_ps(near, 1);
        weight[x] = (1 - f) * _mm_cvtss_f32(_mm_movehl_ps(low, low)) + f * _mm_cvtss_f32(high);
    }
}

#include "kernels/families_template.h"
#include "kernels/nonlocal_means_avx512.h"
#include "kernels/rows_template.h"

/* VBMI and VNNI need GCC 8. */
#if !defined(__GNUC__) || defined(__clang__) || __GNUC__ >= 8
#include "kernels/bilateral_bytes_avx512.h"
#else
static void fill_bilateral_bytes(vd_bilateral_bytes_kernels *k) { (void)k; }
#endif

bool vd_kernels_avx512(vd_kernels *k, unsigned flags)
{
    if (!(flags & VD_CPU_AVX512))
        return false;
    k->name = "avx512";
    fill_rows(&k->rows);
    fill_families(k);
    fill_nonlocal_means_own(&k->nonlocal_means);
    if (flags & VD_CPU_AVX512_BYTES)
        fill_bilateral_bytes(&k->bilateral_bytes);
    return true;
}
#else
bool vd_kernels_avx512(vd_kernels *k, unsigned flags)
{
    (void)k;
    (void)flags;
    return false;
}
#endif
