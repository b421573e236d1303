/* SPDX-License-Identifier: Apache-2.0 */
/* The kernels of motion.h for any processor. */
#include "kernels/motion.h"

#define VD_TARGET
#define TABLE_NAME "scalar"
#define REAL float
#define SUFFIX f32
#include "kernels/motion_template.h"
#define REAL double
#define SUFFIX f64
#include "kernels/motion_template.h"

const vd_motion_kernels *vd_motion_kernels_scalar(int is_double) { return is_double ? &table_f64 : &table_f32; }
