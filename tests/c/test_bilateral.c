/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The bilateral filter of one frame: against the double sum for every number of channels, dtype, boundary and kind of
 * mask; the same bits on every instruction set, for any number of threads, and with a mask of ones as with none; what
 * stands in missing pixels does not matter; memory running out. And the exponential that its weights come from.
 */
#include "kernels/exponential.h"
#include "models/models.h"

#include "check.h"
#include "failing_allocations.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { CHANNELS = 5, PLANE = 48000, NONE = 0, ONES = 1, SOME = 2 };

static uint64_t seed = 1;
static double planes[CHANNELS][PLANE], confidences[PLANE];

static double uniform(void) { return (double)(check_random(&seed) >> 11) / 9007199254740992.0; }

static int instruction_sets(const char *names[8]) { return vd_instruction_sets(names, 8); }

static void check_exponential(void)
{
    double worst = 0, worst_wide = 0;
    for (double t = 0; t > -126.4; t -= 1.3e-4) {
        float rounded = (float)t;
        worst = fmax(worst, fabs((double)vd_exp2_f32(rounded) / exp2((double)rounded) - 1));
    }
    for (double t = 0; t > -1022.4; t -= 1.17e-3)
        worst_wide = fmax(worst_wide, fabs(vd_exp2_f64(t) / exp2(t) - 1));
    CHECK(worst < 7e-7 && worst_wide < 1e-15);
    for (double x = 0; x > -80; x -= 1e-2) {
        CHECK(fabs((double)vd_exp_f32((float)x) / exp((double)(float)x) - 1) < 7e-7 - 7.5e-8 * x);
        CHECK(fabs(vd_exp_f64(x) / exp(x) - 1) < 1e-15 - 1.3e-16 * x);
    }
    CHECK(vd_exp2_f32(0) == 1 && vd_exp2_f32(-0.0f) == 1 && vd_exp_f32(0) == 1);
    CHECK(vd_exp2_f64(0) == 1 && vd_exp2_f64(-0.0) == 1 && vd_exp_f64(-0.0) == 1);
    CHECK(vd_exp2_f32(-127) == 0 && vd_exp2_f32(-1e30f) == 0 && vd_exp_f32(-INFINITY) == 0);
    CHECK(vd_exp2_f64(-1023) == 0 && vd_exp2_f64(-1e300) == 0 && vd_exp_f64(-INFINITY) == 0);
}

typedef struct setting {
    int height, width, channels, boundary, mask;
    double sigma_y, sigma_x, truncate, range_sigma;
} setting;

static vd_params params_of(const setting *s)
{
    vd_params params;
    CHECK_STATUS(vd_params_init(&params, sizeof params), VD_OK);
    params.sigma_y = s->sigma_y;
    params.sigma_x = s->sigma_x;
    params.truncate = s->truncate;
    params.boundary = s->boundary;
    params.range_sigma = s->range_sigma;
    return params;
}

/* Pixels around the frame that hold the whole window; with VD_BOUNDARY_RENORMALIZE the filter reads fewer. */
static int margin_of(const setting *s)
{
    return (int)(s->truncate * (s->sigma_y > s->sigma_x ? s->sigma_y : s->sigma_x) + 0.5);
}

/* Random samples with edges, and confidences as the driver hands them over, margin and all. */
static int draw(const setting *s, int margin)
{
    int pitch = s->width + 2 * margin, rows = s->height + 2 * margin;
    CHECK(pitch * rows <= PLANE);
    for (int i = 0; i < pitch * rows; i++) {
        int y = i / pitch - margin, x = i % pitch - margin;
        int outside = y < 0 || y >= s->height || x < 0 || x >= s->width;
        confidences[i] = s->mask != SOME || y == s->height / 2 || check_random(&seed) % 4 ? 1 : 0;
        if (s->mask == SOME && x < s->width / 3)
            confidences[i] *= uniform();
        if (outside && s->boundary == VD_BOUNDARY_RENORMALIZE)
            confidences[i] = 0;
        for (int c = 0; c < s->channels; c++)
            planes[c][i] = (double)(float)((x / 7 % 2 ? 0.2 : 0.7) + 0.1 * uniform());
    }
    return pitch;
}

/* Sums, then weights, of the whole frame into out, of the frame's dtype. */
static vd_status filter(const setting *s, int32_t dtype, const char *set, int threads, double lost, void *out)
{
    static float single[CHANNELS + 1][PLANE];
    static double twice[CHANNELS + 1][PLANE];
    vd_params params = params_of(s);
    vd_kernels kernels;
    vd_kernels_limited(&kernels, set);
    int margin = margin_of(s), pitch = s->width + 2 * margin;
    size_t size = dtype == VD_F32 ? sizeof(float) : sizeof(double), start = (size_t)(margin * pitch + margin);
    const void *in[CHANNELS];
    void *sums[CHANNELS];
    for (int c = 0; c <= s->channels; c++)
        for (int i = 0; i < pitch * (s->height + 2 * margin); i++) {
            twice[c][i] = c == s->channels ? confidences[i] : confidences[i] == 0 ? lost : planes[c][i];
            single[c][i] = (float)twice[c][i];
        }
    for (int c = 0; c < s->channels; c++) {
        in[c] = dtype == VD_F32 ? (void *)(single[c] + start) : (void *)(twice[c] + start);
        sums[c] = (char *)out + (size_t)(c * s->height * s->width) * size;
    }
    vd_model_frame frame = {.params = &params,
                            .kernels = &kernels,
                            .dtype = dtype,
                            .threads = threads,
                            .height = s->height,
                            .width = s->width,
                            .channels = s->channels,
                            .planes = in,
                            .pitch = pitch,
                            .sums = sums,
                            .weights = (char *)out + (size_t)(s->channels * s->height * s->width) * size};
    if (s->mask != NONE || s->boundary == VD_BOUNDARY_RENORMALIZE)
        frame.confidences =
            dtype == VD_F32 ? (void *)(single[s->channels] + start) : (void *)(twice[s->channels] + start);
    return vd_bilateral(&frame);
}

/* The largest error of the weights and of the sums, in units of the weight. */
static double error_of(const setting *s, int32_t dtype, const void *out)
{
    int margin = margin_of(s), pitch = s->width + 2 * margin, pixels = s->height * s->width;
    int radius_y = (int)(s->truncate * s->sigma_y + 0.5), radius_x = (int)(s->truncate * s->sigma_x + 0.5);
    double worst = 0;
    for (int y = 0; y < s->height; y++)
        for (int x = 0; x < s->width; x++) {
            double sums[CHANNELS + 1] = {0};
            int at = (y + margin) * pitch + x + margin;
            for (int dy = -radius_y; dy <= radius_y; dy++)
                for (int dx = -radius_x; dx <= radius_x; dx++) {
                    int i = at + dy * pitch + dx;
                    double z = 0, w = dtype == VD_F32 ? (double)(float)confidences[i] : confidences[i];
                    for (int c = 0; c < s->channels; c++)
                        z += pow((planes[c][i] - planes[c][at]) / s->range_sigma, 2);
                    w *= confidences[at] > 0 ? exp(-0.5 * z) : 1;
                    w *= exp(-0.5 * (dy ? pow(dy / s->sigma_y, 2) : 0) - 0.5 * (dx ? pow(dx / s->sigma_x, 2) : 0));
                    for (int c = 0; c <= s->channels; c++)
                        sums[c] += c == s->channels ? w : w * planes[c][i];
                }
            for (int c = 0; c <= s->channels; c++) {
                size_t i = (size_t)(c * pixels + y * s->width + x);
                double got = dtype == VD_F32 ? (double)((const float *)out)[i] : ((const double *)out)[i];
                worst = fmax(worst, fabs(got - sums[c]) / fmax(sums[s->channels], 1e-30));
            }
        }
    return worst;
}

static void check_setting(const setting *s)
{
    static double first[(CHANNELS + 1) * PLANE], again[(CHANNELS + 1) * PLANE];
    const char *sets[8];
    int count = instruction_sets(sets);
    draw(s, margin_of(s));
    for (int32_t dtype = VD_F32; dtype <= VD_F64; dtype++) {
        size_t bytes = (size_t)((s->channels + 1) * s->height * s->width) * (dtype == VD_F32 ? 4 : 8);
        CHECK_STATUS(filter(s, dtype, "scalar", 1, 0, first), VD_OK);
        CHECK(error_of(s, dtype, first) < (dtype == VD_F32 ? 3e-6 : 1e-14));
        for (int i = 0; i < count; i++)
            for (int threads = 1; threads <= 5; threads += 2) {
                memset(again, 0, bytes);
                CHECK_STATUS(filter(s, dtype, sets[i], threads, dtype == VD_F32 ? 1e37 : 1e300, again), VD_OK);
                CHECK(memcmp(first, again, bytes) == 0);
            }
        setting ones = *s;
        ones.mask = ONES;
        if (s->mask == NONE) {
            CHECK_STATUS(filter(&ones, dtype, sets[count - 1], 2, 0, again), VD_OK);
            CHECK(memcmp(first, again, bytes) == 0);
        }
    }
}

/* A constant picture: no differences, so the sums are the weights times the value, exactly. */
static void check_constant(void)
{
    static float out[2 * PLANE];
    setting s = {20, 30, 1, VD_BOUNDARY_RENORMALIZE, SOME, 2, 2, 2, 0.1};
    draw(&s, 4);
    for (int i = 0; i < PLANE; i++)
        planes[0][i] = (double)0.1f;
    CHECK_STATUS(filter(&s, VD_F32, "scalar", 1, 0.1, out), VD_OK);
    for (int i = 0; i < 600; i++)
        if (confidences[(i / 30 + 4) * 38 + i % 30 + 4] > 0)
            CHECK(out[i] == out[600 + i] * 0.1f);
}

static void check_memory(void)
{
    static float out[2 * PLANE];
    setting s = {9, 9, 1, VD_BOUNDARY_NEAREST, NONE, 1, 1, 4, 0.1};
    draw(&s, 4);
    for (int i = 0; i < 3 && CAN_FAIL; i++) {
        allocations_left = i;
        vd_status status = filter(&s, VD_F32, "scalar", 1, 0, out);
        allocations_left = -1;
        CHECK_STATUS(status, VD_ERROR_MEMORY);
    }
}

static void check_margin(void)
{
    vd_params params;
    CHECK_STATUS(vd_params_init(&params, sizeof params), VD_OK);
    vd_margin margin = vd_bilateral_margin(&params, 5, 9);
    CHECK(margin.y == 0 && margin.x == 0);
    params.sigma_y = 0.5;
    params.sigma_x = 1e300;
    margin = vd_bilateral_margin(&params, 5, 9);
    CHECK(margin.y == 2 && margin.x == 8); /* nothing exists beyond the picture */
    params.boundary = VD_BOUNDARY_REFLECT;
    margin = vd_bilateral_margin(&params, 5, 9);
    CHECK(margin.y == 2 && margin.x == INT32_MAX);
}

int main(void)
{
    static const struct {
        int height, width;
        double sigma_y, sigma_x, truncate;
    } shapes[] = {{1, 1, 1, 1, 4},   {12, 40, 1, 1, 4}, {9, 23, 0, 2, 2}, {17, 5, 1.5, 0, 2},
                  {3, 900, 1, 2, 1}, {25, 21, 3, 4, 3}, {6, 7, 0, 0, 4},  {5, 4, 2, 2, 4}};
    check_exponential();
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
        for (int channels = 1; channels <= CHANNELS; channels++)
            for (int boundary = VD_BOUNDARY_RENORMALIZE; boundary <= VD_BOUNDARY_NEAREST; boundary += 2)
                for (int mask = NONE; mask <= SOME; mask += 2) {
                    setting s = {shapes[i].height,  shapes[i].width,   channels,           boundary, mask,
                                 shapes[i].sigma_y, shapes[i].sigma_x, shapes[i].truncate, 0.2};
                    check_setting(&s);
                }
    setting tiny = {8, 30, 1, VD_BOUNDARY_RENORMALIZE, NONE, 1, 1, 4, 1e-6}, wide = tiny;
    wide.range_sigma = 1e6;
    check_setting(&tiny);
    check_setting(&wide);
    check_constant();
    check_memory();
    check_margin();
    return check_result();
}
