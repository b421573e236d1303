/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vdcore: spatio-temporal diffusion of image sequences, C interface.
 *
 * A diffuser takes frames f(y, x, channel) in turn and computes
 *
 *     u(x, t) = sum_i c_i(x) exp(-|x - x_i|^2 / (2 sigma^2)) exp(-(t - t_i) / tau),   t_i <= t,
 *
 * by default divided by the same sum with every sample replaced by 1 (normalized convolution).
 * Work and memory per frame do not depend on tau or on the number of frames pushed before.
 *
 * Rules that hold for the whole interface
 * - Ownership: images are views of the caller's samples; the library keeps no pointer to them after a call returns. Each
 *   vd_diffuser from vd_diffuser_create, _copy or _load must be passed to vd_diffuser_destroy exactly once.
 * - Threads: the library has no global state. Different diffusers may be used from different threads at the same time. One
 *   diffuser serves one call at a time: a call that arrives while one is running returns VD_ERROR_BUSY, without effect.
 * - Fork: a process forked without exec works serially, regardless of the threads requested: OpenMP runtimes may not
 *   survive a fork, and another library of the parent may have used one. It may keep using the objects it inherits. One
 *   that another thread was using at the time of the fork may be half updated: calls return VD_ERROR_FORKED until it is
 *   reset, which leaks its memory, or destroyed.
 * - Errors: a call that does not return VD_OK leaves the diffuser and the outputs unchanged
 *   (vd_diffuser_push_many: the frames before the failing one are done and counted).
 * - Memory: push allocates on the first frame, on the first frame that has missing samples, confidence or strides the kernels
 *   cannot read directly, and once more if time steps much shorter than vd_params.dt make the accumulated weight outgrow
 *   the chosen state; never otherwise.
 * - Structures: `struct_size` comes first and is set by the caller (the _init functions do it). New members are only ever
 *   appended, and the shorter structure of an older caller is accepted.
 */
#ifndef VDCORE_VDCORE_H
#define VDCORE_VDCORE_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define VD_VERSION_MAJOR 0
#define VD_VERSION_MINOR 1
#define VD_VERSION_PATCH 0
#define VD_VERSION_STRING "0.1.0"

/* Version of the function table and the structures below. The high half changes when something that compiled callers
 * rely on changes or is removed; the low half grows when something is added. */
#define VD_ABI_MAJOR 1
#define VD_ABI_MINOR 3

#if defined(_WIN32) && defined(VD_BUILD_SHARED)
#define VD_API __declspec(dllexport)
#elif defined(__GNUC__) && defined(VD_BUILD_SHARED)
#define VD_API __attribute__((visibility("default")))
#else
#define VD_API
#endif

typedef enum vd_status {
    VD_OK = 0,
    VD_ERROR_NULL = 1,        /* a required pointer is NULL */
    VD_ERROR_STRUCT_SIZE = 2, /* struct_size is not one this library knows */
    VD_ERROR_PARAMETER = 3,   /* a parameter is outside its range (negative, NaN, infinite) */
    VD_ERROR_SHAPE = 4,       /* an image is empty or differs in shape from the stream */
    VD_ERROR_DTYPE = 5,       /* an image has an unsupported sample type */
    VD_ERROR_INFINITE = 6,    /* the frame holds an infinite sample (NaN means missing and is allowed) */
    VD_ERROR_CONFIDENCE = 7,  /* a confidence or region value is outside [0, 1], or NaN */
    VD_ERROR_COEFFICIENT = 8, /* a coefficient is not finite, or the mode is normalized */
    VD_ERROR_OVERFLOW = 9,    /* a size does not fit the address space */
    VD_ERROR_MEMORY = 10,     /* out of memory */
    VD_ERROR_BUSY = 11,       /* another call is using this diffuser */
    VD_ERROR_STATE = 12,      /* the saved state is damaged, cut short, or of another version */
    VD_ERROR_TIME = 13,       /* a time step is negative, NaN or infinite */
    VD_ERROR_MISSING = 14,    /* the frame holds a NaN and none is allowed */
    VD_ERROR_FORKED = 15,     /* a call was running in another thread when the process was forked */
    VD_ERROR_FLOW = 16,       /* the flow function failed, or a loaded stream with motion has none */
    VD_STATUS_COUNT = 17
} vd_status;

/* One English sentence, without a full stop, for any value; never NULL. */
VD_API const char *vd_status_text(vd_status status);

/* "0.1.0" */
VD_API const char *vd_version(void);

/* VD_ABI_MAJOR << 16 | VD_ABI_MINOR of the library. */
VD_API uint32_t vd_abi_version(void);

typedef enum vd_dtype {
    VD_U8 = 1,  /* uint8_t, range 255 */
    VD_U16 = 2, /* uint16_t, range 65535 */
    VD_F32 = 3, /* float, range 1 */
    VD_F64 = 4  /* double, range 1 */
} vd_dtype;

/* A view of samples in memory. Strides are in bytes, of any sign, and need not be aligned to the sample size; one plane
 * of a planar picture is just an image with one channel. Height, width and channels are at least 1. */
typedef struct vd_image {
    void *data;
    int32_t dtype; /* a vd_dtype */
    int32_t reserved;
    int64_t height, width, channels;
    int64_t row_stride, column_stride, channel_stride;
} vd_image;

/* The view of a C-contiguous (height, width, channels) array. */
VD_API vd_image vd_image_contiguous(void *data, vd_dtype dtype, int64_t height, int64_t width, int64_t channels);

/*
 * out = frame + region * (out - frame), per sample, for the (height, width) or (height, width,
 * channels) region in [0, 1] (VD_U8: 255 is 1; VD_F32; VD_F64). Where the region is 0 the sample of
 * the frame is copied bit for bit; where it is 1, out is left unchanged. frame and out have the same
 * shape and dtype. VD_ERROR_CONFIDENCE if a region value is not in [0, 1]; out is then unchanged.
 */
VD_API vd_status vd_blend(const vd_image *frame, const vd_image *region, const vd_image *out, int32_t threads);

typedef enum vd_boundary {
    VD_BOUNDARY_RENORMALIZE = 0, /* the sum runs over the samples that exist */
    VD_BOUNDARY_REFLECT = 1,     /* d c b a | a b c d | d c b a */
    VD_BOUNDARY_NEAREST = 2,     /* a a a a | a b c d | d d d d */
    VD_BOUNDARY_CONSTANT = 3     /* cval outside */
} vd_boundary;

typedef enum vd_model {
    VD_MODEL_GAUSSIAN = 0,       /* c_i is the confidence of the source: the linear model */
    VD_MODEL_BILATERAL = 1,      /* times exp(-|f_i - f(x)|^2 / (2 range_sigma^2)), Euclidean over the channels */
    VD_MODEL_NONLOCAL_MEANS = 2, /* times exp(-max(0, d^2 - 2 noise^2) / strength^2), d^2 the mean squared difference of
                                   * the patches; candidates within `search`, sigma 0 = equal weights */
    VD_MODEL_LAPLACIAN = 3,      /* heat equation with `diffusivity`, up to s = sigma^2 / 2; reflecting edges */
    VD_MODEL_PERONA_MALIK = 4,   /* the same with the diffusivity a function of the gradient over `contrast` */
    VD_MODEL_COUNT = 5
} vd_model;

typedef enum vd_diffusivity {
    VD_DIFFUSIVITY_EXPONENTIAL = 0, /* exp(-(g / contrast)^2) */
    VD_DIFFUSIVITY_RATIONAL = 1     /* 1 / (1 + (g / contrast)^2) */
} vd_diffusivity;

typedef enum vd_fill {
    VD_FILL_PASS = 0, /* samples no source has reached keep the frame's value */
    VD_FILL_VALUE = 1 /* they become fill_value */
} vd_fill;

typedef enum vd_dither {
    VD_DITHER_OFF = 0,
    VD_DITHER_ORDERED = 1 /* integer output is rounded against an 8 x 8 threshold pattern (Bayer 1973) */
} vd_dither;

#define VD_TOLERANCE_DEFAULT (-1.0) /* 1e-3 for VD_U8, 1e-5 for VD_U16 and VD_F32, 1e-12 for VD_F64 */
#define VD_THREADS_AUTO (-1)        /* see vd_thread_count */

typedef struct vd_params {
    size_t struct_size; /* sizeof(vd_params) */
    double sigma_y;     /* spatial standard deviation in pixels, >= 0, finite; 0 = no spreading */
    double sigma_x;
    double tau;        /* time constant in the unit of dt, >= 0; 0 = no memory, INFINITY = running mean */
    double truncate;   /* the kernel ends at int(truncate * sigma + 0.5) pixels, >= 0, finite */
    double cval;       /* finite; only for VD_BOUNDARY_CONSTANT */
    double fill_value; /* only for VD_FILL_VALUE; may be NaN for float output */
    double tolerance;  /* > 0, fraction of the dtype's range, or VD_TOLERANCE_DEFAULT */
    double dt;         /* typical time between frames, > 0; sizes the state, see Memory above */
    int32_t model;     /* a vd_model */
    int32_t normalize; /* 1: weighted mean; 0: the sum as written (integer frames need float output) */
    int32_t boundary;  /* a vd_boundary */
    int32_t fill;      /* a vd_fill */
    int32_t lookahead; /* future frames in the two-sided time kernel, 0 = causal */
    int32_t dither;    /* a vd_dither */
    int32_t threads;   /* >= 1, or VD_THREADS_AUTO */
    int32_t reserved;
    /* Since ABI 1.2: the models that depend on the picture, for weighted means only (normalize = 1). */
    double range_sigma;           /* bilateral: in sample units, > 0 */
    double strength;              /* non-local means: in sample units, > 0 */
    double noise;                 /* non-local means: expected standard deviation of the noise, >= 0 */
    double diffusivity;           /* Laplacian: > 0; see vd_diffuser_set_diffusivity for a map */
    double contrast;              /* Perona-Malik: in sample units, > 0 */
    int32_t patch, search;        /* non-local means: radii in pixels, 0 to 32 and 1 to 256 */
    int32_t diffusivity_function; /* Perona-Malik: a vd_diffusivity */
    int32_t reserved_2;
} vd_params;

/* Defaults: sigma 0, tau 0, truncate 4, dt 1, normalize 1, renormalize, pass, causal, automatic threads; model
 * parameters 1, patch 2, search 5. */
VD_API vd_status vd_params_init(vd_params *params, size_t struct_size);

typedef struct vd_diffuser vd_diffuser;

/*
 * A diffuser for one stream, whose first frame determines its shape and dtype.
 * VD_ERROR_PARAMETER if a parameter is outside its range. *diffuser is NULL unless VD_OK.
 * The environment variable VDCORE_CPU (scalar, avx2, avx512, neon) limits the instruction set.
 */
VD_API vd_status vd_diffuser_create(vd_diffuser **diffuser, const vd_params *params);

/* An independent diffuser with the same parameters and state. */
VD_API vd_status vd_diffuser_copy(vd_diffuser **copy, vd_diffuser *diffuser);

/* NULL is allowed. */
VD_API void vd_diffuser_destroy(vd_diffuser *diffuser);

/*
 * A frame, its time step and its weights.
 *
 * dt            time since the last frame, in the unit of tau, finite and >= 0; ignored for the first
 * confidence    NULL, or the weight of each sample, in [0, 1]: VD_U8 (255 is 1), VD_F32 or VD_F64 of
 *               shape (height, width, 1) or the frame's. Values below 1e-20 count as 0.
 * coefficients  NULL, or in raw mode (normalize = 0) a factor of any sign per sample: VD_F32 or VD_F64
 *               of shape (height, width, 1) or the frame's.
 */
typedef struct vd_frame {
    size_t struct_size; /* sizeof(vd_frame) */
    vd_image image;
    double dt;
    const vd_image *confidence;
    const vd_image *coefficients;
} vd_frame;

/*
 * Take one frame and write one frame.
 *
 * frame  VD_U8, VD_U16, VD_F32 or VD_F64, always of the first frame's shape and dtype. In float frames
 *        NaN is a missing sample; infinity is refused.
 * out    the frame's shape; the frame's dtype (normalized mode), VD_F32 or VD_F64. It may be the frame
 *        itself or overlap it in any way.
 * ready  set to 1 if out was written, to 0 while the lookahead queue is filling (out is then
 *        unchanged). May be NULL if lookahead is 0.
 */
VD_API vd_status vd_diffuser_push(vd_diffuser *diffuser, const vd_frame *frame, const vd_image *out, int32_t *ready);

/*
 * The same as `count` pushes, in order, with the same bits, in one call. outs[0 .. *written - 1] are written, in order;
 * outs has room for count frames. A frame may share memory with any output; it is read when it is pushed.
 * *taken (may be NULL) is the number of frames that entered the state.
 */
VD_API vd_status vd_diffuser_push_many(vd_diffuser *diffuser, size_t count, const vd_frame *frames,
                                       const vd_image *outs, size_t *written, size_t *taken);

/* Write the next frame of the lookahead queue: *ready is 1, or 0 when none is left. The memory is then that after the
 * last push; another push continues the stream. */
VD_API vd_status vd_diffuser_flush(vd_diffuser *diffuser, const vd_image *out, int32_t *ready);

/*
 * Laplacian: a diffusivity per pixel, which multiplies vd_params.diffusivity; NULL: 1 everywhere, the default.
 * Neighbours exchange with the harmonic mean of theirs, so a pixel of diffusivity 0 keeps its value and lets nothing
 * through. The diffuser keeps a copy, which applies from the next frame on, survives reset and is part of the state.
 *
 * diffusivity  (height, width, 1), VD_F32 or VD_F64, finite and >= 0; frames of another height or width are refused
 *              (VD_ERROR_SHAPE), as is a map that does not fit the stream. VD_ERROR_PARAMETER for another model.
 */
VD_API vd_status vd_diffuser_set_diffusivity(vd_diffuser *diffuser, const vd_image *diffusivity);

/*
 * Recursion in time with a coefficient per pixel: each pixel keeps an estimate u of weight W, which is moved along the
 * flow (u', W') and weighted by how well noise explains its difference from the frame,
 *
 *     W = m + a c W'        u = (m f + a c W' u') / W        c in [0, 1],
 *
 * and the spatial model runs on u with confidence min(W, 1). Future frames (lookahead) are weighted likewise. A gate, a
 * flow or both turn this on, for weighted means (normalize = 1) without dithering only; the rest of the interface is
 * unchanged. Arithmetic is in single precision, in double for VD_F64 frames.
 *
 * Set both before the first frame or after a reset; they survive resets. VD_ERROR_PARAMETER on a running stream, unless
 * one flow function replaces another.
 */

/* Variance of the noise on a sample of expected value v, in sample units: max(min_variance, gain[c] v + offset[c]). */
typedef struct vd_noise {
    size_t struct_size; /* sizeof(vd_noise) */
    const double *gain; /* [channels], finite */
    const double *offset;
    double min_variance; /* >= 0, finite */
    int64_t channels;    /* 1, for all channels of the frames, or their number */
} vd_noise;

/* The gate: c follows from this noise; NULL: c = 1. The diffuser keeps a copy, which is part of the state. Non-local
 * means with noise 0 use the noise left in u. Frames with another number of channels are refused (VD_ERROR_SHAPE). */
VD_API vd_status vd_diffuser_set_gate(vd_diffuser *diffuser, const vd_noise *noise);

/*
 * Writes where the content of `frame` is in `other`: flow is (height, width, 2), VD_F32, contiguous, and takes dx and
 * dy in pixels, so that other(y + dy, x + dx) shows what frame(y, x) shows. Where it is not finite or points outside
 * the picture, the past is ignored. frame and other have the shape and dtype of the stream; they are the frame and the
 * last result or, with lookahead, two frames of the queue. All are valid during the call only. Called by push,
 * push_many and flush on the calling thread; it must not use the diffuser. If it does not return VD_OK, the push fails
 * with VD_ERROR_FLOW and changes nothing.
 */
typedef vd_status vd_flow_function(void *context, const vd_image *frame, const vd_image *other, const vd_image *flow);

/* The motion; NULL: none. A copy calls the same function with the same context. A loaded diffuser of a stream with
 * motion has no function and fails with VD_ERROR_FLOW until one is set. */
VD_API vd_status vd_diffuser_set_flow(vd_diffuser *diffuser, vd_flow_function *flow, void *context);

/* Forget every frame, the shape and the dtype; keep the parameters, the diffusivity, the gate and the flow. */
VD_API vd_status vd_diffuser_reset(vd_diffuser *diffuser);

/*
 * The parameters and the complete state as bytes, for the same version of the library on machines of the same byte
 * order. With buffer NULL only *size is set, to the bytes needed; else *size is the capacity on entry and the bytes
 * written on return; VD_ERROR_OVERFLOW if the capacity is too small.
 */
VD_API vd_status vd_diffuser_save(vd_diffuser *diffuser, void *buffer, size_t *size);

/*
 * A new diffuser that resumes from a saved state; threads as in vd_params. *diffuser is NULL unless VD_OK.
 *
 * The bytes may come from anywhere and have any alignment. A checksum covers all of them: a truncated or modified state
 * is refused with VD_ERROR_STATE. A forged state with a valid checksum is checked like a caller's parameters and
 * frames: it cannot make the library access memory out of bounds, but it may hold any valid parameters, whatever they
 * cost.
 */
VD_API vd_status vd_diffuser_load(vd_diffuser **diffuser, const void *buffer, size_t size, int32_t threads);

/* What the library chose, for reports and tests. */
typedef struct vd_info {
    size_t struct_size;          /* sizeof(vd_info) */
    const char *instruction_set; /* "scalar", "avx2", "avx512", "neon" */
    const char *method;          /* "none" before the first frame; "fixed", "float", "double", "pyramid" */
    int32_t threads;
    int32_t levels;                         /* halvings of the resolution that the pyramid uses, else 0 */
    int32_t masked;                         /* 1 once a confidence or NaN was seen */
    int32_t pending;                        /* frames in the lookahead queue */
    int64_t frames;                         /* frames taken since creation or reset */
    double spatial_bound;                   /* proved bound of the spatial method's error, fraction of the range */
    double weight;                          /* accumulated weight D away from masks */
    uint64_t state_bytes;                   /* memory held by the state and the queue */
    int32_t height, width, channels, dtype; /* of the stream; 0 before the first frame */
} vd_info;

VD_API vd_status vd_diffuser_info(vd_diffuser *diffuser, vd_info *info);

/*
 * Sources scattered over the plane at real positions, with a Gaussian of one width or of a width per source:
 *
 *     (S c)(x) = sum_i c_i exp(-(y - y_i)^2 / (2 sigma_y,i^2) - (x - x_i)^2 / (2 sigma_x,i^2))
 *
 * and its adjoint. A kernel is cut off where it falls below eps: a source reaches the pixels within
 * sigma sqrt(2 ln(1 / eps)) along each axis, so |error| <= eps sum_i |c_i| at every pixel, plus rounding (below 4e-13 sum_i |c_i| for the
 * kernels; that of the sums in the field's dtype). With sigma 0 a source adds its coefficient to the nearest pixel,
 * floor(position + 0.5). Work: one patch per source that touches the field, whatever the field's size. Time is up to
 * the caller: multiply the coefficients by exp(-(t - t_i) / tau).
 *
 * positions  [count][2], y and x in pixels; the centre of the first pixel is (0, 0); finite, any size
 * sigmas     NULL, or [count][2], the standard deviations in y and x of each source, in place of sigma_y and sigma_x;
 *            all finite and >= 0
 * eps        in (0, 1); below 1e-15 rounding alone decides
 * threads    as in vd_params; the result does not depend on it
 */
typedef struct vd_sources {
    size_t struct_size; /* sizeof(vd_sources) */
    size_t count;
    const double *positions; /* may be NULL when count is 0 */
    const double *sigmas;
    double sigma_y, sigma_x;
    double eps;
    int32_t threads;
    int32_t reserved;
} vd_sources;

/* Defaults: no sources, sigma 0, eps 1e-6, automatic threads. */
VD_API vd_status vd_sources_init(vd_sources *sources, size_t struct_size);

/*
 * field += S c, for field VD_F32 or VD_F64 of any number of channels and coefficients [count][channels], finite. The
 * order in which sources meet a pixel is fixed, so the bits are too. VD_ERROR_PARAMETER if a position, sigma or eps is
 * not allowed, VD_ERROR_COEFFICIENT if a coefficient is not finite.
 */
VD_API vd_status vd_sources_scatter(const vd_sources *sources, const double *coefficients, const vd_image *field);

/* The adjoint: values[i][channel] = sum over the pixels of source i's kernel, cut off in the same way, times the field;
 * values has room for [count][channels]. Sums are double for either dtype. */
VD_API vd_status vd_sources_gather(const vd_sources *sources, const vd_image *field, double *values);

/*
 * Denoiser of image sequences: a Kalman filter on the spectra of 8 x 8 patches along the motion, then a Wiener filter
 * in space. Causal: one result per frame, state of bounded size. The caller supplies the motion as optical flow;
 * vd_denoiser_guide makes the pictures to estimate it from. Ownership, threads, fork, errors and structures as for
 * vd_diffuser; pushes allocate on the first frame and on the first with a picture only (without noise, on every one).
 */
typedef enum vd_denoiser_preset {
    VD_DENOISER_FAST = 0,     /* patches every 6 pixels, one step in space, flow from pictures of half size */
    VD_DENOISER_BALANCED = 1, /* patches every 4 pixels, two steps in space, flow from pictures of full size */
    VD_DENOISER_PRESET_COUNT = 2
} vd_denoiser_preset;

typedef struct vd_denoiser_params {
    size_t struct_size; /* sizeof(vd_denoiser_params) */
    double noise;       /* standard deviation of the noise before clipping, in sample units, >= 0; 0: frames pass
                         * unchanged, bit for bit */
    double gain;        /* the noise's variance at brightness y is gain y + offset, but at least 0.01 noise^2; */
    double offset;      /* gain 0: noise^2 everywhere */
    int32_t preset;     /* a vd_denoiser_preset */
    int32_t priors;     /* maximum number of pictures a frame is compared with, 1 to 32 */
    int32_t threads;    /* >= 1, or VD_THREADS_AUTO; the result does not depend on it */
    int32_t fill;       /* a vd_fill, for missing samples of which nothing was ever known */
    double fill_value;  /* finite, or NaN */
    int32_t outliers;   /* 1: impulses and dead pixels are found, and count as `outliers` of a push; 0: they are not */
    int32_t reserved;
} vd_denoiser_params;

/* Defaults: noise 0, gain 0, balanced, one prior, automatic threads, pass. */
VD_API vd_status vd_denoiser_params_init(vd_denoiser_params *params, size_t struct_size);

typedef struct vd_denoiser vd_denoiser;

/* *denoiser is NULL unless VD_OK. The environment variable VDCORE_CPU limits the instruction set. */
VD_API vd_status vd_denoiser_create(vd_denoiser **denoiser, const vd_denoiser_params *params);

/* NULL is allowed. */
VD_API void vd_denoiser_destroy(vd_denoiser *denoiser);

/*
 * A picture that a frame is compared with.
 *
 * picture  NULL: the last result, or nothing if there is none. Else an image of the stream's shape and any dtype, in
 *          the frame's unit: a future frame, or a result of another denoiser.
 * flow     NULL: nothing moves. Else (height, width, 2), VD_F32: dx and dy in pixels, so that picture(y + dy, x + dx)
 *          shows what the frame shows at (y, x). Where it is not finite the picture is ignored.
 *          Samples must be finite: see vd_fill_missing.
 * noise    minimum variance of the picture's own noise relative to the frame's, >= 0: 0 for a result, 1 for another frame
 * confidence  NULL, or (height, width, 1) as for a frame, of the first prior's picture: 0 where nothing is known of it
 */
typedef struct vd_prior {
    const vd_image *picture;
    const vd_image *flow;
    double noise;
    const vd_image *confidence;
} vd_prior;

/*
 * Take one frame and write its result.
 *
 * frame   VD_U8, VD_U16, VD_F32 or VD_F64, of 1 to 4 channels, always of the first frame's shape and dtype. NaN is missing,
 *         with all samples of its pixel; infinity is refused. Three channels are a colour (red, green, blue or reversed);
 *         others are filtered separately.
 * confidence  NULL, or (height, width, 1), VD_U8 (255 is 1), VD_F32 or VD_F64, in [0, 1]: the noise's variance is that of
 *         vd_denoiser_params over it; 0 is missing. The result there is what the first prior says, else `fill` decides.
 * outliers  NULL, or (height, width, 1), VD_U8: where it is not 0 a pixel is missing, and the result always an estimate.
 * priors  [count], count at most vd_denoiser_params.priors; prior i must be of the same kind in each call (the last
 *         result, the next frame ...), since its variance is tracked.
 * out     the frame's shape; the frame's dtype, VD_F32 or VD_F64. It may be the frame or overlap it in any way.
 */
VD_API vd_status vd_denoiser_push(vd_denoiser *denoiser, const vd_image *frame, const vd_image *confidence,
                                  const vd_image *outliers, const vd_prior *priors, size_t count, const vd_image *out);

/* The last result, as the next frame will be compared with it: VD_F32 or VD_F64 of the stream's shape, before the mean
 * is corrected for clipping. VD_ERROR_SHAPE before the first frame. */
VD_API vd_status vd_denoiser_result(vd_denoiser *denoiser, const vd_image *out);

/* Where anything is known of the last result: VD_U8 of (height, width, 1), 255 or 0. VD_ERROR_SHAPE before the first frame. */
VD_API vd_status vd_denoiser_known(vd_denoiser *denoiser, const vd_image *out);

/* The image with its missing samples (NaN, and where confidence, NULL or as for a frame, is 0) interpolated between the others;
 * 0 where there are none. out: the image's shape and dtype; it may be the image. Up to 4 channels. */
VD_API vd_status vd_fill_missing(const vd_image *image, const vd_image *confidence, const vd_image *out,
                                 int32_t threads);

/*
 * The picture to estimate motion from: the mean of the channels, blurred, as VD_U8, of height x width pixels with
 * VD_DENOISER_BALANCED and (height + 1) / 2 x (width + 1) / 2 with VD_DENOISER_FAST.
 *
 * picture    an image of the stream's shape, or NULL: the last result
 * low, high  values mapped to 0 and 255
 */
VD_API vd_status vd_denoiser_guide(vd_denoiser *denoiser, const vd_image *picture, double low, double high,
                                   const vd_image *out);

/*
 * The noise of the frames from the next one on, in place of what vd_denoiser_params says or an earlier call said.
 *
 * sd, gain, offset  as vd_denoiser_params.noise, gain and offset; with a spectrum, sd^2 is the variance of which its entries
 *                   are multiples
 * spectrum          NULL: white. Else [channels][8][8], the variance of each coefficient of the orthonormal 8 x 8 cosine
 *                   transform over sd^2, horizontal frequency first, each from 1e-6 to 1e6; three channels are the opponent
 *                   colours (r + g + b) / sqrt 3, (r - b) / sqrt 2, (r - 2 g + b) / sqrt 6. Copied.
 * channels          of the spectrum, 1 to 4: those of the frames; 0 without a spectrum
 * correlation       of the noise from one frame to the next, 0 to 0.99
 *
 * VD_ERROR_PARAMETER: out of range. VD_ERROR_SHAPE: a stream has begun, of another number of channels. A first frame of another
 * number of channels is refused with VD_ERROR_SHAPE.
 */
typedef struct vd_denoiser_noise {
    size_t struct_size; /* sizeof(vd_denoiser_noise) */
    double sd, gain, offset;
    const float *spectrum;
    int64_t channels;
    double correlation;
} vd_denoiser_noise;

VD_API vd_status vd_denoiser_set_noise(vd_denoiser *denoiser, const vd_denoiser_noise *noise);

/*
 * What the frames' samples were clipped to after the noise came in, such as 0 and 255: that moves their mean, and results have
 * the expected values from before, within the range. -INFINITY and INFINITY, the default, where nothing was clipped: the
 * noise of photons is never negative, and its mean is right. It may change from frame to frame.
 * VD_ERROR_PARAMETER: not low < high.
 */
VD_API vd_status vd_denoiser_set_range(vd_denoiser *denoiser, double low, double high);

/* Forget every frame, the shape and the dtype; keep the parameters, the noise and the range. */
VD_API vd_status vd_denoiser_reset(vd_denoiser *denoiser);

/* A new denoiser with the same parameters and state. *copy is NULL unless VD_OK. */
VD_API vd_status vd_denoiser_copy(vd_denoiser **copy, vd_denoiser *denoiser);

/* The parameters and the complete state as bytes; buffer and size as for vd_diffuser_save. */
VD_API vd_status vd_denoiser_save(vd_denoiser *denoiser, void *buffer, size_t *size);

/* A new denoiser that resumes from a saved state, on any instruction set, with the same bits; bytes and threads as for
 * vd_diffuser_load. */
VD_API vd_status vd_denoiser_load(vd_denoiser **denoiser, const void *buffer, size_t size, int32_t threads);

typedef struct vd_denoiser_info {
    size_t struct_size;          /* sizeof(vd_denoiser_info) */
    const char *instruction_set; /* "scalar", "avx2", "avx512", "neon" */
    int32_t threads;
    int32_t priors;                         /* vd_denoiser_params.priors */
    int64_t frames;                         /* taken since creation or reset */
    uint64_t state_bytes;                   /* memory held, working memory included */
    int32_t height, width, channels, dtype; /* of the stream; 0 before the first frame */
} vd_denoiser_info;

VD_API vd_status vd_denoiser_get_info(vd_denoiser *denoiser, vd_denoiser_info *info);

/*
 * The pictures to estimate optical flow from: the mean of the channels, blurred by a Gaussian of standard deviation
 * `blur` (> 0, at most 2; it ends at 4 blur), missing samples filled from their neighbours, as VD_U8. VD_U8 images keep
 * their scale; others share one, on which the minimum and maximum of both become 0 and 255.
 *
 * frame, other              images of one shape and dtype
 * frame_guide, other_guide  (height, width, 1), VD_U8, which do not overlap the images
 */
VD_API vd_status vd_flow_guides(const vd_image *frame, const vd_image *other, double blur, const vd_image *frame_guide,
                                const vd_image *other_guide, int32_t threads);

/*
 * Resolves a requested number of threads: the request if >= 1; for VD_THREADS_AUTO the environment variable
 * VDCORE_NUM_THREADS, then OMP_NUM_THREADS, then the processors this process may use (affinity, and on Linux the
 * tightest CPU quota of its cgroup and of those above). Always >= 1; 1 in a build without OpenMP and in a forked
 * process. Loops run serially if that many threads cannot be started.
 */
VD_API int32_t vd_thread_count(int32_t request);

/* 1 if built with OpenMP. */
VD_API int32_t vd_has_openmp(void);

/* Writes the names of the instruction sets that are built in and run on this machine, best last, at most
 * `room` of them; returns how many there are, regardless of VDCORE_CPU. */
VD_API int32_t vd_instruction_sets(const char **names, int32_t room);

#ifdef __cplusplus
}
#endif
#endif
