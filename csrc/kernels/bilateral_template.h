/* SPDX-License-Identifier: Apache-2.0 */
/* Template: the kernels of bilateral.h. Takes VD_TARGET_WIDE, the function attribute that asks for the longest vectors. */
#include "kernels/bilateral.h"

#define REAL float
#define NAME(x) bilateral_##x##_f32
#define EXP2(x) vd_exp2_##x##_f32
#include "kernels/bilateral_real_template.h"
#define REAL double
#define NAME(x) bilateral_##x##_f64
#define EXP2(x) vd_exp2_##x##_f64
#include "kernels/bilateral_real_template.h"

VD_TARGET_WIDE static void to_bytes(int8_t *restrict out, const float *restrict row, float zero, size_t n)
{
    for (size_t x = 0; x < n; x++)
        out[x] = (int8_t)(int32_t)(row[x] + zero);
}

VD_TARGET_WIDE static void from_whole(float *restrict sum, float *restrict W, const float *restrict f,
                                      const int32_t *restrict whole_W, const int32_t *restrict whole_D, int32_t own,
                                      float unit, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        float weight = (float)(whole_W[i] + own) * unit;
        W[i] = weight;
        sum[i] = f[i] * weight + (float)whole_D[i] * unit;
    }
}

#define FILL(S)                                                                                                        \
    k->pairs_##S = bilateral_pairs_##S, k->pairs_two_##S = bilateral_pairs_two_##S,                                    \
    k->distance_##S = bilateral_distance_##S, k->weights_##S = bilateral_weights_##S,                                  \
    k->weights_masked_##S = bilateral_weights_masked_##S, k->add_##S = bilateral_add_##S,                              \
    k->move_##S = bilateral_move_##S, k->finish_##S = bilateral_finish_##S

static void fill_bilateral(vd_bilateral_kernels *k)
{
    FILL(f32);
    FILL(f64);
    k->to_bytes = to_bytes;
    k->from_whole = from_whole;
}

#undef FILL
