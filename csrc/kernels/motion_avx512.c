/* SPDX-License-Identifier: Apache-2.0 */
/* The kernels of motion.h for AVX-512. */
#include "kernels/motion.h"

#if defined(__x86_64__) || defined(_M_X64)
#include "kernels/simd_avx512.h"

/* The warp of four floats a pixel: one vector is the four taps of a row. The compiler finds vectors of one tap only. */
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

#define TABLE_NAME "avx512"
#define REAL float
#define SUFFIX f32
#define WARP_4 warp_4
#include "kernels/motion_template.h"
#undef WARP_4
#define REAL double
#define SUFFIX f64
#include "kernels/motion_template.h"

const vd_motion_kernels *vd_motion_kernels_avx512(int is_double) { return is_double ? &table_f64 : &table_f32; }
#else
const vd_motion_kernels *vd_motion_kernels_avx512(int is_double)
{
    (void)is_double;
    return NULL;
}
#endif
