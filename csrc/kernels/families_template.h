/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Template: the families of kernels that are plain loops. Takes VD_TARGET and VD_TARGET_WIDE, the function attributes, and
 * VD_WARP_4 and VD_WARP_EVIDENCE, if defined, in place of loops of motion_template.h.
 */
#include "kernels/bilateral_template.h"
#include "kernels/denoiser_template.h"
#include "kernels/diffusion_template.h"
#include "kernels/holes_template.h"
#include "kernels/kernels.h"
#include "kernels/nonlocal_means_template.h"
#include "kernels/planes_template.h"
#include "kernels/samples_template.h"
#include "kernels/sums_template.h"

#define REAL float
#define SUFFIX f32
#ifdef VD_WARP_4
#define WARP_4 VD_WARP_4
#define WARP_EVIDENCE VD_WARP_EVIDENCE
#endif
#include "kernels/motion_template.h"
#undef WARP_4
#undef WARP_EVIDENCE
#define REAL double
#define SUFFIX f64
#include "kernels/motion_template.h"

static void fill_families(vd_kernels *k)
{
    fill_bilateral(&k->bilateral);
    fill_denoiser(&k->denoiser);
    fill_diffusion(&k->diffusion);
    fill_holes(&k->holes);
    fill_motion_f32(&k->motion_f32);
    fill_motion_f64(&k->motion_f64);
    fill_nonlocal_means(&k->nonlocal_means);
    fill_planes(&k->planes);
    fill_samples(&k->samples);
    fill_sums(&k->sums);
}
