# SPDX-License-Identifier: Apache-2.0
"""Declarations of vdcore.h. The header is the contract; see the comments there."""

from libc.stdint cimport int32_t, int64_t, uint32_t, uint64_t


cdef extern from "vdcore/vdcore.h" nogil:
    const int VD_ABI_MAJOR
    const int VD_ABI_MINOR

    ctypedef enum vd_status:
        VD_OK
        VD_ERROR_NULL
        VD_ERROR_STRUCT_SIZE
        VD_ERROR_PARAMETER
        VD_ERROR_SHAPE
        VD_ERROR_DTYPE
        VD_ERROR_INFINITE
        VD_ERROR_CONFIDENCE
        VD_ERROR_COEFFICIENT
        VD_ERROR_OVERFLOW
        VD_ERROR_MEMORY
        VD_ERROR_BUSY
        VD_ERROR_STATE
        VD_ERROR_TIME
        VD_ERROR_MISSING
        VD_ERROR_FORKED
        VD_ERROR_FLOW

    ctypedef enum vd_dtype:
        VD_U8
        VD_U16
        VD_F32
        VD_F64

    ctypedef enum vd_boundary:
        VD_BOUNDARY_RENORMALIZE
        VD_BOUNDARY_REFLECT
        VD_BOUNDARY_NEAREST
        VD_BOUNDARY_CONSTANT

    ctypedef enum vd_model:
        VD_MODEL_GAUSSIAN
        VD_MODEL_BILATERAL
        VD_MODEL_NONLOCAL_MEANS
        VD_MODEL_LAPLACIAN
        VD_MODEL_PERONA_MALIK

    ctypedef enum vd_diffusivity:
        VD_DIFFUSIVITY_EXPONENTIAL
        VD_DIFFUSIVITY_RATIONAL

    ctypedef enum vd_fill:
        VD_FILL_PASS
        VD_FILL_VALUE

    ctypedef enum vd_dither:
        VD_DITHER_OFF
        VD_DITHER_ORDERED

    const double VD_TOLERANCE_DEFAULT
    const int32_t VD_THREADS_AUTO

    ctypedef struct vd_image:
        void *data
        int32_t dtype
        int32_t reserved
        int64_t height
        int64_t width
        int64_t channels
        int64_t row_stride
        int64_t column_stride
        int64_t channel_stride

    ctypedef struct vd_params:
        size_t struct_size
        double sigma_y
        double sigma_x
        double tau
        double truncate
        double cval
        double fill_value
        double tolerance
        double dt
        int32_t model
        int32_t normalize
        int32_t boundary
        int32_t fill
        int32_t lookahead
        int32_t dither
        int32_t threads
        int32_t reserved
        double range_sigma
        double strength
        double noise
        double diffusivity
        double contrast
        int32_t patch
        int32_t search
        int32_t diffusivity_function
        int32_t reserved_2

    ctypedef struct vd_diffuser:
        pass

    ctypedef struct vd_frame:
        size_t struct_size
        vd_image image
        double dt
        const vd_image *confidence
        const vd_image *coefficients

    ctypedef struct vd_info:
        size_t struct_size
        const char *instruction_set
        const char *method
        int32_t threads
        int32_t levels
        int32_t masked
        int32_t pending
        int64_t frames
        double spatial_bound
        double weight
        uint64_t state_bytes
        int32_t height
        int32_t width
        int32_t channels
        int32_t dtype

    ctypedef struct vd_sources:
        size_t struct_size
        size_t count
        const double *positions
        const double *sigmas
        double sigma_y
        double sigma_x
        double eps
        int32_t threads
        int32_t reserved

    ctypedef enum vd_denoiser_preset:
        VD_DENOISER_FAST
        VD_DENOISER_BALANCED

    ctypedef struct vd_denoiser_params:
        size_t struct_size
        double noise
        double gain
        double offset
        int32_t preset
        int32_t priors
        int32_t threads
        int32_t fill
        double fill_value
        int32_t outliers
        int32_t reserved

    ctypedef struct vd_denoiser:
        pass

    ctypedef struct vd_prior:
        const vd_image *picture
        const vd_image *flow
        double noise
        const vd_image *confidence

    ctypedef struct vd_denoiser_info:
        size_t struct_size
        const char *instruction_set
        int32_t threads
        int32_t priors
        int64_t frames
        uint64_t state_bytes
        int32_t height
        int32_t width
        int32_t channels
        int32_t dtype

    ctypedef struct vd_noise:
        size_t struct_size
        const double *gain
        const double *offset
        double min_variance
        int64_t channels

    const char *vd_status_text(vd_status status) noexcept
    const char *vd_version() noexcept
    uint32_t vd_abi_version() noexcept
    vd_image vd_image_contiguous(
        void *data, vd_dtype dtype, int64_t height, int64_t width, int64_t channels) noexcept
    vd_status vd_blend(
        const vd_image *frame, const vd_image *region, const vd_image *out, int32_t threads) noexcept
    vd_status vd_params_init(vd_params *params, size_t struct_size) noexcept
    vd_status vd_diffuser_create(vd_diffuser **diffuser, const vd_params *params) noexcept
    vd_status vd_diffuser_copy(vd_diffuser **copy, vd_diffuser *diffuser) noexcept
    void vd_diffuser_destroy(vd_diffuser *diffuser) noexcept
    vd_status vd_diffuser_push(
        vd_diffuser *diffuser, const vd_frame *frame, const vd_image *out, int32_t *ready) noexcept
    vd_status vd_diffuser_push_many(
        vd_diffuser *diffuser, size_t count, const vd_frame *frames, const vd_image *outs,
        size_t *written, size_t *taken) noexcept
    vd_status vd_diffuser_flush(vd_diffuser *diffuser, const vd_image *out, int32_t *ready) noexcept
    vd_status vd_diffuser_reset(vd_diffuser *diffuser) noexcept
    vd_status vd_diffuser_save(vd_diffuser *diffuser, void *buffer, size_t *size) noexcept
    vd_status vd_diffuser_load(
        vd_diffuser **diffuser, const void *buffer, size_t size, int32_t threads) noexcept
    vd_status vd_diffuser_set_diffusivity(vd_diffuser *diffuser, const vd_image *diffusivity) noexcept
    vd_status vd_diffuser_info(vd_diffuser *diffuser, vd_info *info) noexcept
    int32_t vd_thread_count(int32_t request) noexcept
    int32_t vd_has_openmp() noexcept
    int32_t vd_instruction_sets(const char **names, int32_t room) noexcept
    vd_status vd_sources_init(vd_sources *sources, size_t struct_size) noexcept
    vd_status vd_sources_scatter(
        const vd_sources *sources, const double *coefficients, const vd_image *field) noexcept
    vd_status vd_sources_gather(const vd_sources *sources, const vd_image *field, double *values) noexcept

    vd_status vd_denoiser_params_init(vd_denoiser_params *params, size_t struct_size) noexcept
    vd_status vd_denoiser_create(vd_denoiser **denoiser, const vd_denoiser_params *params) noexcept
    void vd_denoiser_destroy(vd_denoiser *denoiser) noexcept
    vd_status vd_denoiser_push(
        vd_denoiser *denoiser, const vd_image *frame, const vd_image *confidence, const vd_image *outliers,
        const vd_prior *priors, size_t count, const vd_image *out) noexcept
    vd_status vd_denoiser_known(vd_denoiser *denoiser, const vd_image *out) noexcept
    vd_status vd_fill_missing(
        const vd_image *image, const vd_image *confidence, const vd_image *out, int32_t threads) noexcept
    vd_status vd_denoiser_result(vd_denoiser *denoiser, const vd_image *out) noexcept
    vd_status vd_denoiser_guide(
        vd_denoiser *denoiser, const vd_image *picture, double low, double high, const vd_image *out) noexcept
    ctypedef struct vd_denoiser_noise:
        size_t struct_size
        double sd
        double gain
        double offset
        const float *spectrum
        int64_t channels
        double correlation

    vd_status vd_denoiser_set_noise(vd_denoiser *denoiser, const vd_denoiser_noise *noise) noexcept
    vd_status vd_denoiser_set_range(vd_denoiser *denoiser, double low, double high) noexcept
    vd_status vd_denoiser_reset(vd_denoiser *denoiser) noexcept
    vd_status vd_denoiser_get_info(vd_denoiser *denoiser, vd_denoiser_info *info) noexcept
    vd_status vd_denoiser_copy(vd_denoiser **copy, vd_denoiser *denoiser) noexcept
    vd_status vd_denoiser_save(vd_denoiser *denoiser, void *buffer, size_t *size) noexcept
    vd_status vd_denoiser_load(
        vd_denoiser **denoiser, const void *buffer, size_t size, int32_t threads) noexcept
    vd_status vd_diffuser_set_gate(vd_diffuser *diffuser, const vd_noise *noise) noexcept
    ctypedef vd_status (*vd_flow_function)(
        void *context, const vd_image *frame, const vd_image *other, const vd_image *flow) noexcept
    vd_status vd_diffuser_set_flow(
        vd_diffuser *diffuser, vd_flow_function flow, void *context) noexcept
    vd_status vd_flow_guides(
        const vd_image *frame, const vd_image *other, double blur, const vd_image *frame_guide,
        const vd_image *other_guide, int32_t threads) noexcept
