/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kernels: everything that runs once per sample. A family of them (rows.h, planes.h, ...) is a structure of
 * function pointers; a set is one of each family, for one instruction set. Sets are layered: scalar.c fills in all
 * families, and the file of each supported instruction set overwrites those that it does better.
 *
 * A family has four lines: its header and its member here, its template and its call in families_template.h. A list of
 * families as a macro would spare the member and the call, but no macro can include files, and three of the families are
 * exceptions: rows and bilateral_bytes are not filled from a template by every set, motion is there for two types.
 *
 * Contract for every kernel
 * - It works on plain rows. n or (begin, end) may have any value, no pointer needs any alignment beyond its type's,
 *   unless it says so.
 * - It gives the same bits in every set: integers, or IEEE operations without contraction in one order (hence
 *   -ffp-contract=off; no fast-math). The float loops of non-local means for AVX-512 are the exception.
 * - Rows do not overlap unless it says so. No threads, no allocation, no state.
 */
#ifndef VD_KERNELS_H
#define VD_KERNELS_H

#include <stdbool.h>

#include "base/cpu.h"
#include "kernels/bilateral.h"
#include "kernels/bilateral_bytes.h"
#include "kernels/denoiser.h"
#include "kernels/diffusion.h"
#include "kernels/holes.h"
#include "kernels/motion.h"
#include "kernels/nonlocal_means.h"
#include "kernels/planes.h"
#include "kernels/rows.h"
#include "kernels/samples.h"
#include "kernels/sums.h"

typedef struct vd_kernels {
    const char *name; /* of the last instruction set in it */
    vd_rows_kernels rows;
    vd_samples_kernels samples;
    vd_sums_kernels sums;
    vd_planes_kernels planes;
    vd_bilateral_kernels bilateral;
    vd_bilateral_bytes_kernels bilateral_bytes;
    vd_nonlocal_means_kernels nonlocal_means;
    vd_diffusion_kernels diffusion;
    vd_denoiser_kernels denoiser;
    vd_holes_kernels holes;
    vd_motion_kernels motion_f32, motion_f64;
} vd_kernels;

/* The kernels that this machine runs best and VDCORE_CPU allows: the name of a set limits them to that set or, if it
 * cannot run here, to the scalar one; any other value is ignored. Costs two CPUID instructions. */
void vd_kernels_choose(vd_kernels *k);

/* The same for a name, or NULL for the best. */
void vd_kernels_limited(vd_kernels *k, const char *name);

/* One file each: writes the kernels of the set into k if the processor (flags of vd_cpu_flags) and the compiler support
 * it. */
bool vd_kernels_scalar(vd_kernels *k, unsigned flags);
bool vd_kernels_avx2(vd_kernels *k, unsigned flags);
bool vd_kernels_avx512(vd_kernels *k, unsigned flags);
bool vd_kernels_neon(vd_kernels *k, unsigned flags);

#endif
