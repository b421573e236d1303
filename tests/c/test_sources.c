/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Scattered sources and their adjoint through the C interface: against the double sum, in every dtype, layout and
 * instruction set; the same bits for any number of threads; far, wide, narrow and empty sources; every status.
 */
#include "vdcore/vdcore.h"

#include "check.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { HEIGHT = 150, WIDTH = 70, CHANNELS = 3, SAMPLES = HEIGHT * WIDTH * CHANNELS, COUNT = 60 };

static uint64_t seed = 1;
static double positions[COUNT][2], sigmas[COUNT][2], coefficients[COUNT][CHANNELS], field[SAMPLES];

static double uniform(double low, double high)
{
    return low + (high - low) * (double)(check_random(&seed) >> 11) / 9007199254740992.0;
}

static void draw(void)
{
    const double widths[] = {0, 1e-3, 0.3, 0.5, 1.3, 4, 20, 64, 100, 1000, 1e200};
    for (int i = 0; i < COUNT; i++) {
        positions[i][0] = i % 7 ? uniform(-30, HEIGHT + 30) : floor(uniform(0, HEIGHT));
        positions[i][1] = i % 5 ? uniform(-30, WIDTH + 30) : floor(uniform(0, WIDTH)) + 0.5;
        for (int axis = 0; axis < 2; axis++)
            sigmas[i][axis] = widths[check_random(&seed) % (sizeof widths / sizeof *widths)];
        for (int c = 0; c < CHANNELS; c++)
            coefficients[i][c] = i % 11 ? uniform(-2, 2) : 0;
    }
    positions[3][0] = 1e300;
    positions[4][1] = -DBL_MAX;
    for (int i = 0; i < SAMPLES; i++)
        field[i] = uniform(-1, 1);
}

/* The kernels of all sources in full: down[i][y] and along[i][x]. */
static double down[COUNT][HEIGHT], along[COUNT][WIDTH];

static double kernel(double sigma, double position, int at)
{
    if (sigma == 0)
        return floor(position + 0.5) == at;
    return exp(-0.5 * ((at - position) / sigma) * ((at - position) / sigma));
}

static void tabulate(const vd_sources *s)
{
    for (int i = 0; i < COUNT; i++) {
        double sigma_y = s->sigmas != NULL ? s->sigmas[2 * i] : s->sigma_y;
        double sigma_x = s->sigmas != NULL ? s->sigmas[2 * i + 1] : s->sigma_x;
        for (int y = 0; y < HEIGHT; y++)
            down[i][y] = kernel(sigma_y, positions[i][0], y);
        for (int x = 0; x < WIDTH; x++)
            along[i][x] = kernel(sigma_x, positions[i][1], x);
    }
}

/* own: 0 one sigma for all, 1 one for each, 2 none */
static vd_sources make_sources(double eps, int32_t threads, int own)
{
    vd_sources s;
    CHECK_STATUS(vd_sources_init(&s, sizeof s), VD_OK);
    s.count = COUNT;
    s.positions = *positions;
    s.sigmas = own == 1 ? *sigmas : NULL;
    s.sigma_y = own == 2 ? 0 : 4;
    s.sigma_x = own == 2 ? 0 : 2.5;
    s.eps = eps;
    s.threads = threads;
    return s;
}

/* A view with gaps, upside down and with the channels apart, over memory of 4 SAMPLES. */
static vd_image strided(void *memory, vd_dtype dtype)
{
    int64_t size = dtype == VD_F32 ? 4 : 8;
    vd_image image = vd_image_contiguous(memory, dtype, HEIGHT, WIDTH, CHANNELS);
    image.channel_stride = (int64_t)HEIGHT * WIDTH * size;
    image.column_stride = size;
    image.row_stride = -WIDTH * size;
    image.data = (char *)memory + (HEIGHT - 1) * WIDTH * size;
    return image;
}

static double sample(const vd_image *image, int64_t y, int64_t x, int64_t c)
{
    const char *at = (char *)image->data + y * image->row_stride + x * image->column_stride + c * image->channel_stride;
    double value;
    float single;
    if (image->dtype == VD_F64)
        return memcpy(&value, at, sizeof value), value;
    return memcpy(&single, at, sizeof single), (double)single;
}

static void check_scatter(vd_dtype dtype, double eps, int own, int plain)
{
    static double memory[SAMPLES], other[SAMPLES];
    vd_sources s = make_sources(eps, 1, own);
    double rounding = (dtype == VD_F32 ? 1e-6 : 1e-12) * COUNT, worst = 0;
    vd_image image = plain ? vd_image_contiguous(memory, dtype, HEIGHT, WIDTH, CHANNELS) : strided(memory, dtype);
    tabulate(&s);
    memset(memory, 0, sizeof memory);
    CHECK_STATUS(vd_sources_scatter(&s, *coefficients, &image), VD_OK);
    for (int y = 0; y < HEIGHT; y++)
        for (int x = 0; x < WIDTH; x++)
            for (int c = 0; c < CHANNELS; c++) {
                double sum = 0, total = 0;
                for (int i = 0; i < COUNT; i++) {
                    sum += coefficients[i][c] * down[i][y] * along[i][x];
                    total += fabs(coefficients[i][c]);
                }
                double over = fabs(sample(&image, y, x, c) - sum) - (eps * total + rounding);
                worst = over > worst ? over : worst;
            }
    CHECK(worst <= 0);
    for (int32_t threads = 2; threads <= 7; threads++) {
        memcpy(other, memory, sizeof memory);
        memset(memory, 0, sizeof memory);
        s.threads = threads;
        CHECK_STATUS(vd_sources_scatter(&s, *coefficients, &image), VD_OK);
        CHECK(memcmp(other, memory, sizeof memory) == 0);
    }
}

static void check_gather(vd_dtype dtype, double eps, int own, int plain)
{
    static double memory[SAMPLES], values[COUNT][CHANNELS], again[COUNT][CHANNELS];
    static float singles[SAMPLES];
    vd_sources s = make_sources(eps, 1, own);
    for (int i = 0; i < SAMPLES; i++)
        singles[i] = (float)field[i];
    memcpy(memory, dtype == VD_F32 ? (void *)singles : (void *)field, dtype == VD_F32 ? sizeof singles : sizeof field);
    vd_image image = plain ? vd_image_contiguous(memory, dtype, HEIGHT, WIDTH, CHANNELS) : strided(memory, dtype);
    tabulate(&s);
    CHECK_STATUS(vd_sources_gather(&s, &image, *values), VD_OK);
    for (int i = 0; i < COUNT; i++)
        for (int c = 0; c < CHANNELS; c++) {
            double sum = 0, total = 0;
            for (int y = 0; y < HEIGHT; y++)
                for (int x = 0; x < WIDTH; x++) {
                    double f = sample(&image, y, x, c);
                    sum += f * down[i][y] * along[i][x];
                    total += fabs(f);
                }
            CHECK(fabs(values[i][c] - sum) <= (eps + 1e-12) * total);
        }
    for (int32_t threads = 2; threads <= 5; threads++) {
        s.threads = threads;
        CHECK_STATUS(vd_sources_gather(&s, &image, *again), VD_OK);
        CHECK(memcmp(values, again, sizeof values) == 0);
    }
}

/* <S c, f> = <c, S* f>, with the kernels cut off far from their ends. */
static void check_adjoint(int own)
{
    static double sums[SAMPLES], values[COUNT][CHANNELS];
    vd_sources s = make_sources(1e-2, 2, own);
    vd_image out = vd_image_contiguous(sums, VD_F64, HEIGHT, WIDTH, CHANNELS);
    vd_image in = vd_image_contiguous(field, VD_F64, HEIGHT, WIDTH, CHANNELS);
    double left = 0, right = 0, total = 0;
    memset(sums, 0, sizeof sums);
    CHECK_STATUS(vd_sources_scatter(&s, *coefficients, &out), VD_OK);
    CHECK_STATUS(vd_sources_gather(&s, &in, *values), VD_OK);
    for (int i = 0; i < SAMPLES; i++) {
        left += sums[i] * field[i];
        total += fabs(sums[i] * field[i]);
    }
    for (int i = 0; i < COUNT; i++)
        for (int c = 0; c < CHANNELS; c++)
            right += values[i][c] * coefficients[i][c];
    CHECK(total > 0 && fabs(left - right) <= 1e-12 * total);
}

/* What no source reaches keeps its value, NaN too, also in the rows of a patch; NaN stays where a source reaches it. */
static void check_untouched(void)
{
    float memory[3][200];
    const double position[2] = {1, 100}, one = 1;
    vd_sources s = make_sources(1e-6, 1, 0);
    s.count = 1;
    s.positions = position;
    s.sigma_y = 0;
    s.sigma_x = 2;
    for (int i = 0; i < 200; i++)
        memory[0][i] = memory[1][i] = memory[2][i] = i % 2 ? 0.25f : NAN;
    vd_image image = vd_image_contiguous(memory, VD_F32, 3, 200, 1);
    CHECK_STATUS(vd_sources_scatter(&s, &one, &image), VD_OK);
    for (int y = 0; y < 3; y++)
        for (int i = 0; i < 200; i++) {
            int reached = y == 1 && i >= 90 && i <= 110;
            if (i % 2 == 0)
                CHECK(isnan(memory[y][i]));
            else
                CHECK(reached ? memory[y][i] > 0.25f : memory[y][i] == 0.25f);
        }
}

static void check_statuses(void)
{
    static double memory[SAMPLES], values[COUNT][CHANNELS];
    static unsigned char bytes[SAMPLES];
    vd_image image = vd_image_contiguous(memory, VD_F64, HEIGHT, WIDTH, CHANNELS);
    vd_image whole = vd_image_contiguous(bytes, VD_U8, HEIGHT, WIDTH, CHANNELS), empty = image;
    vd_sources good = make_sources(1e-6, 1, 1), s = good;
    empty.height = 0;
    CHECK_STATUS(vd_sources_init(NULL, sizeof s), VD_ERROR_NULL);
    CHECK_STATUS(vd_sources_init(&s, sizeof s - 1), VD_ERROR_STRUCT_SIZE);
    CHECK_STATUS(vd_sources_scatter(NULL, *coefficients, &image), VD_ERROR_NULL);
    CHECK_STATUS(vd_sources_scatter(&good, NULL, &image), VD_ERROR_NULL);
    CHECK_STATUS(vd_sources_scatter(&good, *coefficients, NULL), VD_ERROR_NULL);
    CHECK_STATUS(vd_sources_scatter(&good, *coefficients, &whole), VD_ERROR_DTYPE);
    CHECK_STATUS(vd_sources_gather(&good, &whole, *values), VD_ERROR_DTYPE);
    CHECK_STATUS(vd_sources_gather(&good, &empty, *values), VD_ERROR_SHAPE);
    CHECK_STATUS(vd_sources_gather(&good, &image, NULL), VD_ERROR_NULL);
#define REFUSED(CHANGE, STATUS)                                                                                        \
    do {                                                                                                               \
        s = good;                                                                                                      \
        CHANGE;                                                                                                        \
        CHECK_STATUS(vd_sources_scatter(&s, *coefficients, &image), STATUS);                                           \
        CHECK_STATUS(vd_sources_gather(&s, &image, *values), STATUS);                                                  \
    } while (0)
    REFUSED(s.struct_size = 8, VD_ERROR_STRUCT_SIZE);
    REFUSED(s.positions = NULL, VD_ERROR_NULL);
    REFUSED(s.eps = 0, VD_ERROR_PARAMETER);
    REFUSED(s.eps = 1, VD_ERROR_PARAMETER);
    REFUSED(s.eps = NAN, VD_ERROR_PARAMETER);
    REFUSED(s.sigma_x = -1, VD_ERROR_PARAMETER);
    REFUSED(s.sigma_y = INFINITY, VD_ERROR_PARAMETER);
    REFUSED(s.threads = 0, VD_ERROR_PARAMETER);
    REFUSED(s.count = SIZE_MAX / 8, VD_ERROR_OVERFLOW);
    double saved = positions[5][1];
    positions[5][1] = NAN;
    REFUSED((void)0, VD_ERROR_PARAMETER);
    positions[5][1] = saved;
    saved = sigmas[5][1];
    sigmas[5][1] = -0.5;
    REFUSED((void)0, VD_ERROR_PARAMETER);
    sigmas[5][1] = saved;
    saved = coefficients[5][1];
    coefficients[5][1] = INFINITY;
    CHECK_STATUS(vd_sources_scatter(&good, *coefficients, &image), VD_ERROR_COEFFICIENT);
    coefficients[5][1] = saved;
    for (int i = 0; i < SAMPLES; i++)
        CHECK(memory[i] == 0);
    s = good;
    s.count = 0;
    s.positions = s.sigmas = NULL;
    CHECK_STATUS(vd_sources_scatter(&s, NULL, &image), VD_OK);
    CHECK_STATUS(vd_sources_gather(&s, &image, NULL), VD_OK);
}

int main(void)
{
    draw();
    for (int own = 0; own < 3; own++) {
        for (int plain = 0; plain < 2; plain++)
            for (int exponent = 1; exponent <= 12; exponent += plain ? 1 : 6) {
                check_scatter(VD_F64, pow(10, -exponent), own, plain);
                check_scatter(VD_F32, pow(10, -exponent), own, plain);
                check_gather(VD_F64, pow(10, -exponent), own, plain);
                check_gather(VD_F32, pow(10, -exponent), own, plain);
            }
        check_adjoint(own);
    }
    check_untouched();
    check_statuses();
    return check_result();
}
