/* SPDX-License-Identifier: Apache-2.0 */
/* The loops of non-local means for NEON. */
#include "kernels/nonlocal_means.h"

#if defined(__aarch64__) || defined(_M_ARM64)
#define VD_TARGET
#include "kernels/nonlocal_means_table.h"

const vd_nlm_kernels *vd_nlm_kernels_neon(void) { return &table; }
#else
const vd_nlm_kernels *vd_nlm_kernels_neon(void) { return NULL; }
#endif
