/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the fuzz targets share: values, samples and images drawn from the bytes of an input. A target is a function of its
 * input alone. When the bytes run out, every draw is 0, which ends the loops of the targets.
 *
 * Images are allocated to the byte, so that AddressSanitizer sees the first sample read or written outside.
 */
#ifndef VDCORE_FUZZ_DRAW_H
#define VDCORE_FUZZ_DRAW_H

#include <float.h>
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vdcore/vdcore.h"

/* End the program, and with it the run of the fuzzer, if a promise of the library is broken. */
#define REQUIRE(condition)                                                                                             \
    do {                                                                                                               \
        if (!(condition)) {                                                                                            \
            fprintf(stderr, "%s:%d: does not hold: %s\n", __FILE__, __LINE__, #condition);                             \
            abort();                                                                                                   \
        }                                                                                                              \
    } while (0)

/* Out of memory is an error that the library reports: for large blocks, and for any when `allocations_left` has fallen to
 * 0; below, none fails. The linker puts these in the place of malloc and calloc (--wrap). */
static long allocations_left = -1;

const char *__asan_default_options(void);
const char *__asan_default_options(void) { return "allocator_may_return_null=1:max_allocation_size_mb=512"; }

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);

void *__wrap_malloc(size_t size)
{
    return allocations_left >= 0 && allocations_left-- == 0 ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
    return allocations_left >= 0 && allocations_left-- == 0 ? NULL : __real_calloc(count, size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef struct draw {
    const uint8_t *at;
    size_t left;
} draw;

static inline uint64_t draw_bits(draw *d, size_t bytes)
{
    uint64_t bits = 0;
    for (size_t i = 0; i < bytes && d->left > 0; i++, d->left--)
        bits |= (uint64_t)*d->at++ << (8 * i);
    return bits;
}

/* 0 to n - 1 */
static inline uint32_t draw_below(draw *d, uint32_t n)
{
    uint32_t bits = (uint32_t)draw_bits(d, n <= 256 ? 1 : n <= 65536 ? 2 : 4);
    return bits % n;
}

/* True once in n times. */
static inline bool draw_rarely(draw *d, uint32_t n) { return draw_below(d, n) == n - 1; }

/* Any double, the awkward ones often. */
static inline double draw_double(draw *d)
{
    static const double awkward[] = {0,       -0.0,     1,     -1,     NAN,     INFINITY, -INFINITY, DBL_MIN,
                                     5e-324,  1e-20,    1e-15, 0.5,    255,     65535,    1e20,      (double)FLT_MAX,
                                     DBL_MAX, -DBL_MAX, 1e300, 1e-300, -1e-300, 256,      1e6,       2147483648.0};
    enum { COUNT = sizeof awkward / sizeof *awkward };
    uint32_t which = draw_below(d, 2 * COUNT);
    if (which < COUNT)
        return awkward[which];
    uint64_t bits = draw_bits(d, 8);
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* 0 to most as a rule, any double now and then. */
static inline double draw_real(draw *d, double most)
{
    if (draw_rarely(d, 16))
        return draw_double(d);
    return (double)draw_bits(d, 2) / 65535 * most;
}

/* splitmix64 (Steele, Lea and Flood 2014) */
static inline uint64_t draw_next(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

/* ---- images ---- */

typedef struct drawn_image {
    vd_image view;
    uint8_t *memory;
    size_t size;
} drawn_image;

static inline size_t sample_bytes(int32_t dtype)
{
    return dtype == VD_U8 ? 1 : dtype == VD_U16 ? 2 : dtype == VD_F32 ? 4 : 8;
}

static inline void put_sample(const vd_image *image, int64_t y, int64_t x, int64_t c, double value)
{
    char *at = (char *)image->data + y * image->row_stride + x * image->column_stride + c * image->channel_stride;
    if (image->dtype == VD_U8) {
        uint8_t sample = (uint8_t)value;
        memcpy(at, &sample, sizeof sample);
    } else if (image->dtype == VD_U16) {
        uint16_t sample = (uint16_t)value;
        memcpy(at, &sample, sizeof sample);
    } else if (image->dtype == VD_F32) {
        float sample = (float)value;
        memcpy(at, &sample, sizeof sample);
    } else
        memcpy(at, &value, sizeof value);
}

static inline double get_sample(const vd_image *image, int64_t y, int64_t x, int64_t c)
{
    const char *at =
        (const char *)image->data + y * image->row_stride + x * image->column_stride + c * image->channel_stride;
    uint8_t u8;
    uint16_t u16;
    float f32;
    double f64;
    switch (image->dtype) {
    case VD_U8: memcpy(&u8, at, sizeof u8); return u8;
    case VD_U16: memcpy(&u16, at, sizeof u16); return u16;
    case VD_F32: memcpy(&f32, at, sizeof f32); return (double)f32;
    default: memcpy(&f64, at, sizeof f64); return f64;
    }
}

/*
 * An image in any layout: the axes in any order in memory, forwards or backwards, packed or with gaps, at any address.
 * Strides of 0 (a sample that stands for a whole axis) only where `repeats`.
 */
static inline drawn_image draw_layout(draw *d, int32_t dtype, int64_t height, int64_t width, int64_t channels,
                                      bool repeats)
{
    static const int orders[6][3] = {{2, 1, 0}, {1, 2, 0}, {2, 0, 1}, {0, 2, 1}, {1, 0, 2}, {0, 1, 2}};
    int64_t lengths[3] = {height, width, channels}, strides[3], extent = (int64_t)sample_bytes(dtype), before = 0;
    uint32_t style = draw_below(d, 256);
    bool plain = style < 128; /* packed, forwards, aligned */
    const int *order = orders[plain ? 0 : style % 6];
    int64_t offset = plain || !draw_rarely(d, 3) ? 0 : draw_below(d, 16);
    for (int i = 0; i < 3; i++) {
        int axis = order[i];
        uint32_t how = plain ? 0 : draw_below(d, 256);
        int64_t step = extent + (how % 8 == 1 ? (int64_t)draw_below(d, 40) : 0);
        if (repeats && how % 32 == 2)
            step = 0;
        if (step != 0)
            extent += step * (lengths[axis] - 1);
        if (how & 128) {
            before += step * (lengths[axis] - 1);
            step = -step;
        }
        strides[axis] = step;
    }
    drawn_image image = {.size = (size_t)(extent + offset)};
    image.memory = calloc(1, image.size);
    REQUIRE(image.memory != NULL);
    image.view = (vd_image){.data = image.memory + offset + before,
                            .dtype = dtype,
                            .height = height,
                            .width = width,
                            .channels = channels,
                            .row_stride = strides[0],
                            .column_stride = strides[1],
                            .channel_stride = strides[2]};
    return image;
}

static inline drawn_image contiguous_image(int32_t dtype, int64_t height, int64_t width, int64_t channels)
{
    drawn_image image = {.size = (size_t)(height * width * channels) * sample_bytes(dtype)};
    image.memory = calloc(1, image.size);
    REQUIRE(image.memory != NULL);
    image.view = vd_image_contiguous(image.memory, (vd_dtype)dtype, height, width, channels);
    return image;
}

static inline void free_image(drawn_image *image)
{
    free(image->memory);
    memset(image, 0, sizeof *image);
}

static inline double range_of(int32_t dtype) { return dtype == VD_U8 ? 255 : dtype == VD_U16 ? 65535 : 1; }

/* Samples: constant, random, few levels or raw bytes; `awkward`: in float images NaN, infinity and huge ones too. */
static inline void draw_samples(draw *d, const vd_image *image, bool awkward)
{
    uint32_t kind = draw_below(d, 16), count = 0;
    double range = range_of(image->dtype), scale = range, special[4] = {0};
    uint64_t state = draw_bits(d, 2);
    bool real = image->dtype == VD_F32 || image->dtype == VD_F64;
    if (awkward && real && kind >= 8)
        count = 1 + draw_below(d, 4);
    for (uint32_t i = 0; i < count; i++)
        special[i] = draw_double(d);
    if (awkward && real && kind % 4 == 3)
        scale = draw_double(d);
    double base = draw_real(d, range);
    if (!real && !(base >= 0 && base <= range))
        base = 0;
    for (int64_t y = 0; y < image->height; y++)
        for (int64_t x = 0; x < image->width; x++)
            for (int64_t c = 0; c < image->channels; c++) {
                uint64_t bits = draw_next(&state);
                double unit = (double)(bits >> 11) / 9007199254740992.0, value = base;
                if (kind % 4 == 1)
                    value = (bits >> 60) < 8 ? 0 : range;
                else if (kind % 4 == 2)
                    value = real ? (double)(x + y) / 64 : (double)((x + y) % 256);
                else if (kind % 4 == 3)
                    value = d->left > 0 && !real ? (double)draw_bits(d, 1) : unit * scale;
                if (count > 0 && (bits & 15) == 0)
                    value = special[(bits >> 4) % count];
                put_sample(image, y, x, c, value);
            }
}

/* Values in [0, 1], of a mask or a region; now and then others. */
static inline void draw_fractions(draw *d, const vd_image *image)
{
    uint32_t kind = draw_below(d, 8);
    uint64_t state = draw_bits(d, 2);
    double range = image->dtype == VD_U8 ? 255 : 1, special = kind == 7 ? draw_double(d) : 0;
    if (image->dtype == VD_U8)
        special = 0;
    for (int64_t y = 0; y < image->height; y++)
        for (int64_t x = 0; x < image->width; x++)
            for (int64_t c = 0; c < image->channels; c++) {
                uint64_t bits = draw_next(&state);
                double value = (double)(bits >> 11) / 9007199254740992.0 * range;
                if (kind < 4)
                    value = kind == 0 ? 0 : kind == 1 ? range : (bits >> 60) < 8 ? 0 : range;
                if (kind == 7 && (bits & 15) == 0)
                    value = special;
                put_sample(image, y, x, c, value);
            }
}

/* The same samples, contiguous. */
static inline drawn_image contiguous_copy(const vd_image *from)
{
    drawn_image copy = contiguous_image(from->dtype, from->height, from->width, from->channels);
    size_t bytes = sample_bytes(from->dtype);
    uint8_t *to = copy.memory;
    for (int64_t y = 0; y < from->height; y++)
        for (int64_t x = 0; x < from->width; x++)
            for (int64_t c = 0; c < from->channels; c++, to += bytes)
                memcpy(to,
                       (const char *)from->data + y * from->row_stride + x * from->column_stride +
                           c * from->channel_stride,
                       bytes);
    return copy;
}

/* Whether two images show the same, NaN being one value. */
static inline bool same_samples(const vd_image *a, const vd_image *b)
{
    for (int64_t y = 0; y < a->height; y++)
        for (int64_t x = 0; x < a->width; x++)
            for (int64_t c = 0; c < a->channels; c++) {
                double one = get_sample(a, y, x, c), other = get_sample(b, y, x, c);
                if (one != other && !(one != one && other != other))
                    return false;
            }
    return true;
}

/* ---- instruction sets ---- */

/* Choose the instruction set of what is created next; returns its number. */
static inline uint32_t choose_instruction_set(uint32_t which)
{
    const char *names[4];
    int32_t count = vd_instruction_sets(names, 4);
    uint32_t chosen = which % (uint32_t)(count > 4 ? 4 : count);
    setenv("VDCORE_CPU", names[chosen], 1);
    return chosen;
}

#endif
