/* SPDX-License-Identifier: Apache-2.0 */
/*
 * NEON on AArch64, where it is part of the base instruction set: operations for rows_template.h, which says what each
 * does, and all families.
 */
#include "kernels/kernels.h"

#if defined(__aarch64__) || defined(_M_ARM64)
#include <arm_neon.h>

#define VD_TARGET
#define VD_TARGET_WIDE
#define VD_OP static inline

enum { NH = 8, NF = 4, ND = 2 };
typedef uint16x8_t vh;
typedef float32x4_t vf;
typedef float64x2_t vd;

VD_OP vh load_h(const uint16_t *p) { return vld1q_u16(p); }
VD_OP void store_h(uint16_t *p, vh a) { vst1q_u16(p, a); }
VD_OP vh set_h(uint16_t a) { return vdupq_n_u16(a); }
VD_OP vh add_h(vh a, vh b) { return vaddq_u16(a, b); }
VD_OP vh add_saturated_h(vh a, vh b) { return vqaddq_u16(a, b); }
VD_OP vh mean_h(vh a, vh b) { return vrhaddq_u16(a, b); }
VD_OP vh multiply_high_h(vh a, vh b)
{
    uint32x4_t low = vmull_u16(vget_low_u16(a), vget_low_u16(b)), high = vmull_high_u16(a, b);
    return vuzp2q_u16(vreinterpretq_u16_u32(low), vreinterpretq_u16_u32(high));
}
VD_OP vh high_byte_h(vh a) { return vshrq_n_u16(a, 8); }
VD_OP vh odd_bit_h(vh a) { return vandq_u16(a, vdupq_n_u16(1)); }

VD_OP void load_bytes_high(const uint8_t *p, vh *a, vh *b)
{
    uint8x16_t bytes = vld1q_u8(p);
    *a = vshll_n_u8(vget_low_u8(bytes), 8);
    *b = vshll_high_n_u8(bytes, 8);
}

VD_OP void store_pair(uint16_t *p, vh a, vh b)
{
    vst1q_u16(p, a);
    vst1q_u16(p + 8, b);
}

VD_OP void store_bytes(uint8_t *p, vh a, vh b) { vst1q_u8(p, vcombine_u8(vmovn_u16(a), vmovn_u16(b))); }

VD_OP vh update_h(vh state, vh value, int keep, int gain)
{
    const uint16x8_t centre = vdupq_n_u16(32768);
    int16x8_t s = vreinterpretq_s16_u16(veorq_u16(state, centre)), v = vreinterpretq_s16_u16(veorq_u16(value, centre));
    int32x4_t low = vmull_n_s16(vget_low_s16(s), (int16_t)keep), high = vmull_high_n_s16(s, (int16_t)keep);
    low = vmlal_n_s16(low, vget_low_s16(v), (int16_t)gain);
    high = vmlal_high_n_s16(high, v, (int16_t)gain);
    int16x8_t next = vcombine_s16(vrshrn_n_s32(low, 15), vrshrn_n_s32(high, 15));
    return veorq_u16(vreinterpretq_u16_s16(next), centre);
}

VD_OP vf load_f(const float *p) { return vld1q_f32(p); }
VD_OP void store_f(float *p, vf a) { vst1q_f32(p, a); }
VD_OP vf set_f(float a) { return vdupq_n_f32(a); }
VD_OP vf add_f(vf a, vf b) { return vaddq_f32(a, b); }
VD_OP vf sub_f(vf a, vf b) { return vsubq_f32(a, b); }
VD_OP vf mul_f(vf a, vf b) { return vmulq_f32(a, b); }
VD_OP vf clip_f(vf a, float high)
{
    /* maxnm gives the number where the other operand is NaN */
    return vminq_f32(vmaxnmq_f32(a, vdupq_n_f32(0)), vdupq_n_f32(high));
}
VD_OP vf load_f_u16(const uint16_t *p) { return vcvtq_f32_u32(vmovl_u16(vld1_u16(p))); }
VD_OP vf load_f_u8(const uint8_t *p)
{
    uint32_t four;
    memcpy(&four, p, sizeof four);
    return vcvtq_f32_u32(vmovl_u16(vget_low_u16(vmovl_u8(vcreate_u8(four)))));
}
VD_OP void store_f_u16(uint16_t *p, vf a) { vst1_u16(p, vmovn_u32(vcvtnq_u32_f32(a))); }
VD_OP void store_f_u8(uint8_t *p, vf a)
{
    uint16x4_t words = vmovn_u32(vcvtnq_u32_f32(a));
    uint32_t four = vget_lane_u32(vreinterpret_u32_u8(vmovn_u16(vcombine_u16(words, words))), 0);
    memcpy(p, &four, sizeof four);
}
/* a - a is 0 for finite a, else NaN */
VD_OP int not_finite_f(vf a) { return vminvq_u32(vceqq_f32(vsubq_f32(a, a), vdupq_n_f32(0))) == 0; }
VD_OP int not_finite_d(vd a)
{
    uint64x2_t finite = vceqq_f64(vsubq_f64(a, a), vdupq_n_f64(0));
    return (vgetq_lane_u64(finite, 0) & vgetq_lane_u64(finite, 1)) == 0;
}

VD_OP vd load_d(const double *p) { return vld1q_f64(p); }
VD_OP void store_d(double *p, vd a) { vst1q_f64(p, a); }
VD_OP vd set_d(double a) { return vdupq_n_f64(a); }
VD_OP vd add_d(vd a, vd b) { return vaddq_f64(a, b); }
VD_OP vd sub_d(vd a, vd b) { return vsubq_f64(a, b); }
VD_OP vd mul_d(vd a, vd b) { return vmulq_f64(a, b); }
VD_OP vd load_d_f32(const float *p) { return vcvt_f64_f32(vld1_f32(p)); }
VD_OP void store_d_f32(float *p, vd a) { vst1_f32(p, vcvt_f32_f64(a)); }

VD_OP vh load_h_u8(const uint8_t *p) { return vmovl_u8(vld1_u8(p)); }
VD_OP vh multiply_low_h(vh a, vh b) { return vmulq_u16(a, b); }

#include "kernels/families_template.h"
#include "kernels/rows_template.h"

bool vd_kernels_neon(vd_kernels *k, unsigned flags)
{
    if (!(flags & VD_CPU_NEON))
        return false;
    k->name = "neon";
    fill_rows(&k->rows);
    fill_families(k);
    return true;
}
#else
bool vd_kernels_neon(vd_kernels *k, unsigned flags)
{
    (void)k;
    (void)flags;
    return false;
}
#endif
