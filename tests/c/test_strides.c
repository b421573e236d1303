/* SPDX-License-Identifier: Apache-2.0 */
/* Images of any strides through the public C interface: the same bits as contiguous ones, and nothing else is written. */
#include "streams.h"

/* One stream through the views of `strided` against contiguous copies of the same samples. */
static void check_strides(vd_image (*strided)(char *memory, size_t size), vd_dtype dtype)
{
    const size_t size = SIZES[dtype - VD_U8], room = 4 * SAMPLES * size + 64;
    uint64_t seed = 6;
    vd_params params = parameters(1.2, 4);
    vd_diffuser *straight = create(&params), *viewed = create(&params);
    for (int k = 0; k < 3; k++) {
        char *contiguous = random_frames(dtype, SAMPLES, seed++), *expected = allocate(SAMPLES * size);
        char *memory = allocate(room), *out_memory = allocate(room);
        vd_image in = strided(memory, size), out = strided(out_memory, size);
        in.dtype = out.dtype = dtype;
        for (int64_t y = 0; y < HEIGHT; y++)
            for (int64_t x = 0; x < WIDTH; x++)
                for (int64_t c = 0; c < CHANNELS; c++)
                    memcpy((char *)in.data + y * in.row_stride + x * in.column_stride + c * in.channel_stride,
                           contiguous + (size_t)((y * WIDTH + x) * CHANNELS + c) * size, size);

        vd_frame frame = frame_of(vd_image_contiguous(contiguous, dtype, HEIGHT, WIDTH, CHANNELS));
        vd_image plain = vd_image_contiguous(expected, dtype, HEIGHT, WIDTH, CHANNELS);
        CHECK_STATUS(vd_diffuser_push(straight, &frame, &plain, NULL), VD_OK);
        frame = frame_of(in);
        CHECK_STATUS(vd_diffuser_push(viewed, &frame, &out, NULL), VD_OK);
        int differences = 0;
        for (int64_t y = 0; y < HEIGHT; y++)
            for (int64_t x = 0; x < WIDTH; x++)
                for (int64_t c = 0; c < CHANNELS; c++) {
                    char *sample =
                        (char *)out.data + y * out.row_stride + x * out.column_stride + c * out.channel_stride;
                    differences +=
                        memcmp(sample, expected + (size_t)((y * WIDTH + x) * CHANNELS + c) * size, size) != 0;
                    memset(sample, 0, size);
                }
        CHECK(differences == 0);
        int strays = 0;
        for (size_t i = 0; i < room; i++)
            strays += out_memory[i] != 0;
        CHECK(strays == 0);
        free(contiguous);
        free(expected);
        free(memory);
        free(out_memory);
    }
    vd_diffuser_destroy(straight);
    vd_diffuser_destroy(viewed);
}

static vd_image flipped(char *memory, size_t size)
{
    vd_image image = vd_image_contiguous(memory + (SAMPLES - 1) * size, VD_U8, HEIGHT, WIDTH, CHANNELS);
    image.row_stride = -(int64_t)(WIDTH * CHANNELS * size);
    image.column_stride = -(int64_t)(CHANNELS * size);
    image.channel_stride = -(int64_t)size;
    return image;
}

static vd_image planar(char *memory, size_t size)
{
    vd_image image = vd_image_contiguous(memory, VD_U8, HEIGHT, WIDTH, CHANNELS);
    image.row_stride = (int64_t)(WIDTH * size);
    image.column_stride = (int64_t)size;
    image.channel_stride = (int64_t)(HEIGHT * WIDTH * size);
    return image;
}

static vd_image transposed(char *memory, size_t size)
{
    vd_image image = vd_image_contiguous(memory, VD_U8, HEIGHT, WIDTH, CHANNELS);
    image.row_stride = (int64_t)(CHANNELS * size);
    image.column_stride = (int64_t)(HEIGHT * CHANNELS * size);
    image.channel_stride = (int64_t)size;
    return image;
}

/* Rows with padding, every second sample, at an odd address. */
static vd_image sparse_unaligned(char *memory, size_t size)
{
    vd_image image = vd_image_contiguous(memory + 1, VD_U8, HEIGHT, WIDTH, CHANNELS);
    image.row_stride = (int64_t)(WIDTH * CHANNELS * 2 * size + 3);
    image.column_stride = (int64_t)(CHANNELS * 2 * size);
    image.channel_stride = (int64_t)(2 * size);
    return image;
}

static void test_strides(void)
{
    for (size_t t = 0; t < 4; t++) {
        check_strides(flipped, DTYPES[t]);
        check_strides(planar, DTYPES[t]);
        check_strides(transposed, DTYPES[t]);
        check_strides(sparse_unaligned, DTYPES[t]);
    }
}

/* A plane of a planar picture is an image with one channel; the result may overwrite the frame. */
static void test_plane_in_place(void)
{
    uint8_t *picture = random_frames(VD_U8, SAMPLES, 7), *kept = allocate(SAMPLES), expected[HEIGHT * WIDTH];
    memcpy(kept, picture, SAMPLES);
    vd_params params = parameters(2, 1);
    vd_diffuser *diffuser = create(&params);
    vd_frame frame = frame_of(vd_image_contiguous(picture + HEIGHT * WIDTH, VD_U8, HEIGHT, WIDTH, 1));
    vd_image out = vd_image_contiguous(expected, VD_U8, HEIGHT, WIDTH, 1);
    CHECK_STATUS(vd_diffuser_push(diffuser, &frame, &out, NULL), VD_OK);
    CHECK_STATUS(vd_diffuser_reset(diffuser), VD_OK);
    CHECK_STATUS(vd_diffuser_push(diffuser, &frame, &frame.image, NULL), VD_OK);
    CHECK(memcmp(picture + HEIGHT * WIDTH, expected, sizeof expected) == 0);
    CHECK(memcmp(picture, kept, HEIGHT * WIDTH) == 0);
    CHECK(memcmp(picture + 2 * HEIGHT * WIDTH, kept + 2 * HEIGHT * WIDTH, HEIGHT * WIDTH) == 0);

    /* out one row below the frame, in the same memory */
    memcpy(picture, kept, SAMPLES);
    frame.image = vd_image_contiguous(picture, VD_U8, HEIGHT, WIDTH, 1);
    CHECK_STATUS(vd_diffuser_reset(diffuser), VD_OK);
    CHECK_STATUS(vd_diffuser_push(diffuser, &frame, &out, NULL), VD_OK);
    CHECK_STATUS(vd_diffuser_reset(diffuser), VD_OK);
    vd_image below = vd_image_contiguous(picture + WIDTH, VD_U8, HEIGHT, WIDTH, 1);
    CHECK_STATUS(vd_diffuser_push(diffuser, &frame, &below, NULL), VD_OK);
    CHECK(memcmp(picture + WIDTH, expected, sizeof expected) == 0);
    vd_diffuser_destroy(diffuser);
    free(picture);
    free(kept);
}

int main(void)
{
    test_strides();
    test_plane_in_place();
    return check_result();
}
