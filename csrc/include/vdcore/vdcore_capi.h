/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The C interface of an installed vdcore, for other Python extensions (C, C++, Cython, nanobind ...).
 *
 * Nothing is linked: the functions of vdcore.h come as a table of pointers in the capsule
 * "vdcore._core._C_API". Include this file instead of vdcore.h, call vdcore_import() once in every source
 * file that uses vdcore (in its module init) and use the functions by their usual names:
 *
 *     #include <Python.h>
 *     #include <vdcore/vdcore_capi.h>
 *
 *     if (vdcore_import() < 0)
 *         return NULL;                  // an ImportError says why
 *     vd_params params;
 *     vd_params_init(&params, sizeof params);
 *
 * The compiler finds the folder through `python -c "import vdcore; print(vdcore.get_include())"`.
 *
 * No function in the table uses Python: call them with the GIL released, on memory that you keep
 * alive. Only vdcore_import() needs the GIL. Works under Py_LIMITED_API (3.2 and later).
 *
 * Versions: an extension runs with every vdcore whose ABI has the same major number and the same minor
 * number or a greater one; any other is refused by vdcore_import(). Within a major number members are only
 * ever appended to the table.
 */
#ifndef VDCORE_VDCORE_CAPI_H
#define VDCORE_VDCORE_CAPI_H

#include <Python.h>

#include "vdcore.h"

#ifdef __cplusplus
extern "C" {
#endif

#define VDCORE_CAPSULE_NAME "vdcore._core._C_API"

/* The functions of vdcore.h, without the prefix vd_; abi_version comes first in every version. */
typedef struct vd_api {
    uint32_t abi_version; /* VD_ABI_MAJOR << 16 | VD_ABI_MINOR of the installed library */
    uint32_t reserved;
    const char *(*status_text)(vd_status status);
    const char *(*version)(void);
    vd_image (*image_contiguous)(void *data, vd_dtype dtype, int64_t height, int64_t width, int64_t channels);
    vd_status (*blend)(const vd_image *frame, const vd_image *region, const vd_image *out, int32_t threads);
    vd_status (*params_init)(vd_params *params, size_t struct_size);
    vd_status (*diffuser_create)(vd_diffuser **diffuser, const vd_params *params);
    vd_status (*diffuser_copy)(vd_diffuser **copy, vd_diffuser *diffuser);
    void (*diffuser_destroy)(vd_diffuser *diffuser);
    vd_status (*diffuser_push)(vd_diffuser *diffuser, const vd_frame *frame, const vd_image *out, int32_t *ready);
    vd_status (*diffuser_push_many)(vd_diffuser *diffuser, size_t count, const vd_frame *frames, const vd_image *outs,
                                    size_t *written, size_t *taken);
    vd_status (*diffuser_flush)(vd_diffuser *diffuser, const vd_image *out, int32_t *ready);
    vd_status (*diffuser_reset)(vd_diffuser *diffuser);
    vd_status (*diffuser_save)(vd_diffuser *diffuser, void *buffer, size_t *size);
    vd_status (*diffuser_load)(vd_diffuser **diffuser, const void *buffer, size_t size, int32_t threads);
    vd_status (*diffuser_info)(vd_diffuser *diffuser, vd_info *info);
    int32_t (*thread_count)(int32_t request);
    int32_t (*has_openmp)(void);
    int32_t (*instruction_sets)(const char **names, int32_t room);
    vd_status (*sources_init)(vd_sources *sources, size_t struct_size); /* since ABI 1.1 */
    vd_status (*sources_scatter)(const vd_sources *sources, const double *coefficients, const vd_image *field);
    vd_status (*sources_gather)(const vd_sources *sources, const vd_image *field, double *values);
    vd_status (*denoiser_params_init)(vd_denoiser_params *params, size_t struct_size); /* since ABI 1.3 */
    vd_status (*denoiser_create)(vd_denoiser **denoiser, const vd_denoiser_params *params);
    void (*denoiser_destroy)(vd_denoiser *denoiser);
    vd_status (*denoiser_push)(vd_denoiser *denoiser, const vd_image *frame, const vd_image *confidence,
                               const vd_image *outliers, const vd_prior *priors, size_t count, const vd_image *out);
    vd_status (*denoiser_result)(vd_denoiser *denoiser, const vd_image *out);
    vd_status (*denoiser_guide)(vd_denoiser *denoiser, const vd_image *picture, double low, double high,
                                const vd_image *out);
    vd_status (*denoiser_reset)(vd_denoiser *denoiser);
    vd_status (*denoiser_set_noise)(vd_denoiser *denoiser, const vd_denoiser_noise *noise);
    vd_status (*denoiser_get_info)(vd_denoiser *denoiser, vd_denoiser_info *info);
    vd_status (*denoiser_copy)(vd_denoiser **copy, vd_denoiser *denoiser);
    vd_status (*denoiser_save)(vd_denoiser *denoiser, void *buffer, size_t *size);
    vd_status (*denoiser_load)(vd_denoiser **denoiser, const void *buffer, size_t size, int32_t threads);
    vd_status (*denoiser_set_range)(vd_denoiser *denoiser, double low, double high);
    vd_status (*diffuser_set_gate)(vd_diffuser *diffuser, const vd_noise *noise); /* since ABI 1.3 */
    vd_status (*diffuser_set_flow)(vd_diffuser *diffuser, vd_flow_function *flow, void *context);
    vd_status (*flow_guides)(const vd_image *frame, const vd_image *other, double blur, const vd_image *frame_guide,
                             const vd_image *other_guide, int32_t threads);
    vd_status (*diffuser_set_diffusivity)(vd_diffuser *diffuser, const vd_image *diffusivity);
    vd_status (*denoiser_known)(vd_denoiser *denoiser, const vd_image *out);
    vd_status (*fill_missing)(const vd_image *image, const vd_image *confidence, const vd_image *out, int32_t threads);
} vd_api;

#ifdef VDCORE_CAPI_PROVIDER /* vdcore._core itself */

static const vd_api vdcore_api = {
    (uint32_t)VD_ABI_MAJOR << 16 | VD_ABI_MINOR,
    0,
    vd_status_text,
    vd_version,
    vd_image_contiguous,
    vd_blend,
    vd_params_init,
    vd_diffuser_create,
    vd_diffuser_copy,
    vd_diffuser_destroy,
    vd_diffuser_push,
    vd_diffuser_push_many,
    vd_diffuser_flush,
    vd_diffuser_reset,
    vd_diffuser_save,
    vd_diffuser_load,
    vd_diffuser_info,
    vd_thread_count,
    vd_has_openmp,
    vd_instruction_sets,
    vd_sources_init,
    vd_sources_scatter,
    vd_sources_gather,
    vd_denoiser_params_init,
    vd_denoiser_create,
    vd_denoiser_destroy,
    vd_denoiser_push,
    vd_denoiser_result,
    vd_denoiser_guide,
    vd_denoiser_reset,
    vd_denoiser_set_noise,
    vd_denoiser_get_info,
    vd_denoiser_copy,
    vd_denoiser_save,
    vd_denoiser_load,
    vd_denoiser_set_range,
    vd_diffuser_set_gate,
    vd_diffuser_set_flow,
    vd_flow_guides,
    vd_diffuser_set_diffusivity,
    vd_denoiser_known,
    vd_fill_missing,
};

#else /* all other extensions */

static const vd_api *vdcore_api = NULL;

/* Import vdcore and check its version. Returns 0, or -1 with an exception set (ImportError if it is incompatible). */
static inline int vdcore_import(void)
{
    const vd_api *api = (const vd_api *)PyCapsule_Import(VDCORE_CAPSULE_NAME, 0);
    if (api == NULL)
        return -1;
    int major = (int)(api->abi_version >> 16), minor = (int)(api->abi_version & 0xFFFF);
    if (major != VD_ABI_MAJOR || minor < VD_ABI_MINOR) {
        PyErr_Format(PyExc_ImportError,
                     "this extension was built for the vdcore C interface %d.%d, the installed vdcore provides "
                     "%d.%d: %s",
                     VD_ABI_MAJOR, VD_ABI_MINOR, major, minor,
                     major == VD_ABI_MAJOR ? "upgrade vdcore" : "rebuild the extension against this vdcore");
        return -1;
    }
    vdcore_api = api;
    return 0;
}

#define vd_status_text (vdcore_api->status_text)
#define vd_version (vdcore_api->version)
#define vd_abi_version() (vdcore_api->abi_version)
#define vd_image_contiguous (vdcore_api->image_contiguous)
#define vd_blend (vdcore_api->blend)
#define vd_params_init (vdcore_api->params_init)
#define vd_diffuser_create (vdcore_api->diffuser_create)
#define vd_diffuser_copy (vdcore_api->diffuser_copy)
#define vd_diffuser_destroy (vdcore_api->diffuser_destroy)
#define vd_diffuser_push (vdcore_api->diffuser_push)
#define vd_diffuser_push_many (vdcore_api->diffuser_push_many)
#define vd_diffuser_flush (vdcore_api->diffuser_flush)
#define vd_diffuser_reset (vdcore_api->diffuser_reset)
#define vd_diffuser_save (vdcore_api->diffuser_save)
#define vd_diffuser_load (vdcore_api->diffuser_load)
#define vd_diffuser_info (vdcore_api->diffuser_info)
#define vd_thread_count (vdcore_api->thread_count)
#define vd_has_openmp (vdcore_api->has_openmp)
#define vd_instruction_sets (vdcore_api->instruction_sets)
#define vd_sources_init (vdcore_api->sources_init)
#define vd_sources_scatter (vdcore_api->sources_scatter)
#define vd_sources_gather (vdcore_api->sources_gather)
#define vd_denoiser_params_init (vdcore_api->denoiser_params_init)
#define vd_denoiser_create (vdcore_api->denoiser_create)
#define vd_denoiser_destroy (vdcore_api->denoiser_destroy)
#define vd_denoiser_push (vdcore_api->denoiser_push)
#define vd_denoiser_result (vdcore_api->denoiser_result)
#define vd_denoiser_guide (vdcore_api->denoiser_guide)
#define vd_denoiser_reset (vdcore_api->denoiser_reset)
#define vd_denoiser_set_noise (vdcore_api->denoiser_set_noise)
#define vd_denoiser_get_info (vdcore_api->denoiser_get_info)
#define vd_denoiser_copy (vdcore_api->denoiser_copy)
#define vd_denoiser_save (vdcore_api->denoiser_save)
#define vd_denoiser_load (vdcore_api->denoiser_load)
#define vd_denoiser_set_range (vdcore_api->denoiser_set_range)
#define vd_diffuser_set_gate (vdcore_api->diffuser_set_gate)
#define vd_diffuser_set_flow (vdcore_api->diffuser_set_flow)
#define vd_flow_guides (vdcore_api->flow_guides)
#define vd_diffuser_set_diffusivity (vdcore_api->diffuser_set_diffusivity)
#define vd_denoiser_known (vdcore_api->denoiser_known)
#define vd_fill_missing (vdcore_api->fill_missing)

#endif

#ifdef __cplusplus
}
#endif
#endif
