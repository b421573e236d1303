/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VD_DISPATCH_H
#define VD_DISPATCH_H

#include "base/strict_math.h"
#include "kernels/kernels.h"
#include "kernels/motion.h"

/* The best table this machine can run and VDCORE_CPU allows: a known name limits the choice to that table or, if it
 * cannot run here, to the scalar one; any other value is ignored. */
const vd_kernels *vd_choose_kernels(void);

/* The kernels of motion.h for VD_F32 or VD_F64, of the same instruction set. */
const vd_motion_kernels *vd_choose_motion_kernels(int32_t dtype);

#endif
