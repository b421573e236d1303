/* SPDX-License-Identifier: Apache-2.0 */
/* The kernels of motion.h for NEON. */
#include "kernels/motion.h"

#if defined(__aarch64__) || defined(_M_ARM64)
#include "kernels/simd_neon.h"

#define TABLE_NAME "neon"
#define REAL float
#define SUFFIX f32
#include "kernels/motion_template.h"
#define REAL double
#define SUFFIX f64
#include "kernels/motion_template.h"

const vd_motion_kernels *vd_motion_kernels_neon(int is_double) { return is_double ? &table_f64 : &table_f32; }
#else
const vd_motion_kernels *vd_motion_kernels_neon(int is_double)
{
    (void)is_double;
    return NULL;
}
#endif
