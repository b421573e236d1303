/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Image views. Strides may have any sign and any alignment: samples are moved with memcpy, and kernels see a row in place
 * only if it is one aligned run. Such moves are no kernels: no instruction set makes them faster.
 */
#include "base/image.h"

#include <string.h>

size_t vd_dtype_size(int32_t dtype)
{
    switch (dtype) {
    case VD_U8: return 1;
    case VD_U16: return 2;
    case VD_F32: return 4;
    case VD_F64: return 8;
    default: return 0;
    }
}

double vd_dtype_range(int32_t dtype) { return dtype == VD_U8 ? 255.0 : dtype == VD_U16 ? 65535.0 : 1.0; }

bool vd_checked_multiply(size_t a, size_t b, size_t *product)
{
    if (b != 0 && a > SIZE_MAX / b)
        return false;
    *product = a * b;
    return true;
}

vd_image vd_image_contiguous(void *data, vd_dtype dtype, int64_t height, int64_t width, int64_t channels)
{
    int64_t size = (int64_t)vd_dtype_size(dtype);
    vd_image image = {0};
    image.data = data;
    image.dtype = dtype;
    image.height = height;
    image.width = width;
    image.channels = channels;
    image.channel_stride = size;
    if (channels > 0 && channels <= PTRDIFF_MAX / 8)
        image.column_stride = size * channels;
    if (width > 0 && channels > 0 && image.column_stride <= PTRDIFF_MAX / width)
        image.row_stride = image.column_stride * width;
    return image;
}

/* Adds the distance from the first to the last of `count` steps to the extent towards its side. */
static bool add_extent(int64_t count, int64_t stride, uint64_t *below, uint64_t *above)
{
    uint64_t magnitude = stride < 0 ? (uint64_t)-(stride + 1) + 1 : (uint64_t)stride;
    uint64_t steps = (uint64_t)(count - 1);
    if (magnitude != 0 && steps > (uint64_t)PTRDIFF_MAX / magnitude)
        return false;
    uint64_t *side = stride < 0 ? below : above;
    *side += steps * magnitude;
    return *side <= (uint64_t)PTRDIFF_MAX;
}

static bool extent(const vd_image *image, uint64_t *below, uint64_t *above)
{
    *below = *above = 0;
    return add_extent(image->height, image->row_stride, below, above) &&
           add_extent(image->width, image->column_stride, below, above) &&
           add_extent(image->channels, image->channel_stride, below, above);
}

vd_status vd_image_check(const vd_image *image)
{
    if (image == NULL || image->data == NULL)
        return VD_ERROR_NULL;
    size_t size = vd_dtype_size(image->dtype);
    if (size == 0)
        return VD_ERROR_DTYPE;
    if (image->height < 1 || image->width < 1 || image->channels < 1)
        return VD_ERROR_SHAPE;
    /* Planes of doubles with room for padding must be addressable. */
    int64_t limit = PTRDIFF_MAX / 64;
    if (image->height > limit || image->width > limit / image->height ||
        image->channels > limit / image->height / image->width)
        return VD_ERROR_OVERFLOW;
    uint64_t below, above;
    if (!extent(image, &below, &above))
        return VD_ERROR_OVERFLOW;
    if (below > (uintptr_t)image->data || above + size > UINTPTR_MAX - (uintptr_t)image->data)
        return VD_ERROR_OVERFLOW;
    return VD_OK;
}

bool vd_image_same_shape(const vd_image *a, const vd_image *b)
{
    return a->height == b->height && a->width == b->width && a->channels == b->channels;
}

bool vd_image_has_plain_rows(const vd_image *image)
{
    int64_t size = (int64_t)vd_dtype_size(image->dtype);
    return (image->channels == 1 || image->channel_stride == size) &&
           (image->width == 1 || image->column_stride == size * image->channels) &&
           (image->height == 1 || image->row_stride % size == 0) && (uintptr_t)image->data % (uintptr_t)size == 0;
}

bool vd_image_overlaps(const vd_image *a, const vd_image *b)
{
    uint64_t below_a, above_a, below_b, above_b;
    extent(a, &below_a, &above_a);
    extent(b, &below_b, &above_b);
    uintptr_t first_a = (uintptr_t)a->data - (uintptr_t)below_a;
    uintptr_t first_b = (uintptr_t)b->data - (uintptr_t)below_b;
    uintptr_t end_a = (uintptr_t)a->data + (uintptr_t)above_a + vd_dtype_size(a->dtype);
    uintptr_t end_b = (uintptr_t)b->data + (uintptr_t)above_b + vd_dtype_size(b->dtype);
    return first_a < end_b && first_b < end_a;
}

bool vd_image_same_view(const vd_image *a, const vd_image *b)
{
    return a->data == b->data && a->dtype == b->dtype && vd_image_same_shape(a, b) && a->row_stride == b->row_stride &&
           a->column_stride == b->column_stride && a->channel_stride == b->channel_stride;
}

char *vd_image_row(const vd_image *image, int64_t y) { return (char *)image->data + y * image->row_stride; }

/* Copies of a sample, with the size known to the compiler. */
#define COPY_SAMPLES(SIZE, TO, FROM)                                                                                   \
    for (int64_t x = 0; x < image->width; x++) {                                                                       \
        char *pixel = start + x * image->column_stride;                                                                \
        for (int64_t c = 0; c < image->channels; c++, run += (SIZE))                                                   \
            memcpy(TO, FROM, SIZE);                                                                                    \
    }

#define STRIDED (pixel + c * image->channel_stride)

void vd_image_gather_row(const vd_image *image, int64_t y, void *row)
{
    char *start = vd_image_row(image, y), *run = row;
    switch (vd_dtype_size(image->dtype)) {
    case 1: COPY_SAMPLES(1, run, STRIDED) break;
    case 2: COPY_SAMPLES(2, run, STRIDED) break;
    case 4: COPY_SAMPLES(4, run, STRIDED) break;
    default: COPY_SAMPLES(8, run, STRIDED) break;
    }
}

void vd_image_scatter_row(const vd_image *image, int64_t y, const void *row)
{
    char *start = vd_image_row(image, y);
    const char *run = row;
    switch (vd_dtype_size(image->dtype)) {
    case 1: COPY_SAMPLES(1, STRIDED, run) break;
    case 2: COPY_SAMPLES(2, STRIDED, run) break;
    case 4: COPY_SAMPLES(4, STRIDED, run) break;
    default: COPY_SAMPLES(8, STRIDED, run) break;
    }
}

const void *vd_image_plain_row(const vd_image *image, int64_t y, void *scratch)
{
    if (vd_image_has_plain_rows(image))
        return vd_image_row(image, y);
    vd_image_gather_row(image, y, scratch);
    return scratch;
}
