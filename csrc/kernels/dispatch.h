/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VD_DISPATCH_H
#define VD_DISPATCH_H

#include "kernels/kernels.h"

/* The best table this machine can run and VDCORE_CPU allows: a known name limits the choice to that table or, if it
 * cannot run here, to the scalar one; any other value is ignored. */
const vd_kernels *vd_choose_kernels(void);

#endif
