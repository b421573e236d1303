/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Streams of small random frames through one diffuser, for the test programs of the public interface. Only the public
 * header is included.
 */
#ifndef VDCORE_TESTS_STREAMS_H
#define VDCORE_TESTS_STREAMS_H

#include "vdcore/vdcore.h"

#include "check.h"

#include <stdlib.h>
#include <string.h>

enum { HEIGHT = 13, WIDTH = 17, CHANNELS = 3, SAMPLES = HEIGHT * WIDTH * CHANNELS, FRAMES = 7 };

static const vd_dtype DTYPES[] = {VD_U8, VD_U16, VD_F32, VD_F64};
static const size_t SIZES[] = {1, 2, 4, 8};

static inline void *allocate(size_t size)
{
    void *memory = calloc(size ? size : 1, 1);
    if (!memory)
        abort();
    return memory;
}

/* Set sample i to a value in [0, 1] times the range of the dtype. */
static inline void set_sample(void *data, vd_dtype dtype, size_t i, double value)
{
    switch (dtype) {
    case VD_U8: ((uint8_t *)data)[i] = (uint8_t)(value * 255 + 0.5); break;
    case VD_U16: ((uint16_t *)data)[i] = (uint16_t)(value * 65535 + 0.5); break;
    case VD_F32: ((float *)data)[i] = (float)value; break;
    case VD_F64: ((double *)data)[i] = value; break;
    }
}

static inline void *random_frames(vd_dtype dtype, size_t samples, uint64_t seed)
{
    void *data = allocate(samples * SIZES[dtype - VD_U8]);
    for (size_t i = 0; i < samples; i++)
        set_sample(data, dtype, i, (double)(check_random(&seed) >> 11) / 9007199254740992.0);
    return data;
}

static inline vd_params parameters(double sigma, double tau)
{
    vd_params params;
    CHECK_STATUS(vd_params_init(&params, sizeof params), VD_OK);
    params.sigma_y = params.sigma_x = sigma;
    params.tau = tau;
    params.threads = 1;
    return params;
}

static inline vd_diffuser *create(const vd_params *params)
{
    vd_diffuser *diffuser = NULL;
    if (!CHECK_STATUS(vd_diffuser_create(&diffuser, params), VD_OK))
        exit(check_result());
    return diffuser;
}

static inline vd_frame frame_of(vd_image image)
{
    vd_frame frame;
    memset(&frame, 0, sizeof frame);
    frame.struct_size = sizeof frame;
    frame.image = image;
    frame.dt = 1;
    return frame;
}

/* Frame k of contiguous frames. */
static inline vd_image view(const void *frames, vd_dtype dtype, size_t k)
{
    char *data = (char *)(uintptr_t)frames + k * SAMPLES * SIZES[dtype - VD_U8];
    return vd_image_contiguous(data, dtype, HEIGHT, WIDTH, CHANNELS);
}

static inline vd_info info_of(vd_diffuser *diffuser)
{
    vd_info info;
    memset(&info, 0, sizeof info);
    info.struct_size = sizeof info;
    CHECK_STATUS(vd_diffuser_info(diffuser, &info), VD_OK);
    return info;
}

/* Push frames [start, stop) one by one; the outputs have the dtype of the frames. */
static inline void push_all(vd_diffuser *diffuser, const void *frames, void *outs, vd_dtype dtype, size_t start,
                            size_t stop)
{
    for (size_t k = start; k < stop; k++) {
        vd_frame frame = frame_of(view(frames, dtype, k));
        vd_image out = view(outs, dtype, k);
        int32_t ready = -1;
        CHECK_STATUS(vd_diffuser_push(diffuser, &frame, &out, &ready), VD_OK);
        CHECK(ready == 1);
    }
}

#endif
