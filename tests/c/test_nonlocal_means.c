/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Non-local means: against the double loop over pixels, windows and patches, for every dtype, number of channels, kind
 * of mask and instruction set; frames smaller than a window and larger than a tile; the same bits for any number of
 * threads, and of all instruction sets but for float with AVX-512; running sums of whole numbers, with the bits of those
 * that only add; coarse weights; patches and windows of any size; no memory.
 */
#include "base/gaussian.h"
#include "kernels/nonlocal_means.h"
#include "models/models.h"

#include "check.h"
#include "failing_allocations.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* What the confidences are: none given; 1 in the frame, said to be so or not; some missing in a corner; random ones; random
 * ones that are reflected at the edges. There are none beyond the edges but in the last. */
enum { NONE, EDGES, ONES, CORNER, RANDOM, REFLECTED, MASKS };

typedef struct scene {
    vd_model_frame frame;
    vd_params params;
    int64_t margin, area, origin;
    void *samples, *confidences, *results;
    char *present; /* with the margin, reflected */
    const void *planes[8];
    void *sums[8];
} scene;

static uint64_t seed = 1;

static double uniform(double low, double high)
{
    return low + (high - low) * (double)(check_random(&seed) >> 11) / 9007199254740992.0;
}

static size_t size_of(int32_t dtype) { return dtype == VD_F32 ? sizeof(float) : sizeof(double); }

static void put(void *to, int32_t dtype, int64_t i, double value)
{
    if (dtype == VD_F32)
        ((float *)to)[i] = (float)value;
    else
        ((double *)to)[i] = value;
}

static double get(const void *from, int32_t dtype, int64_t i)
{
    return dtype == VD_F32 ? (double)((const float *)from)[i] : ((const double *)from)[i];
}

static double mass_of(int mask, int64_t y, int64_t x, int64_t width)
{
    switch (mask) {
    case CORNER: return !(y < 3 && x >= width - 4);
    case RANDOM:
    case REFLECTED: return check_random(&seed) % 3 == 0 ? 0 : check_random(&seed) % 2 ? 1 : uniform(0.01, 1);
    default: return 1;
    }
}

/* A scene of smooth parts, an edge and noise; garbage where pixels are missing. */
static scene make_scene(int32_t dtype, int64_t height, int64_t width, int64_t channels, int mask, vd_params params)
{
    scene s = {.params = params};
    s.params.boundary = mask == NONE || mask == REFLECTED ? VD_BOUNDARY_REFLECT : VD_BOUNDARY_RENORMALIZE;
    s.margin = vd_nonlocal_means_margin(&params, height, width).y;
    int64_t pitch = width + 2 * s.margin + 3, origin = s.margin * pitch + s.margin;
    s.area = pitch * (height + 2 * s.margin);
    size_t size = size_of(dtype);
    s.samples = calloc((size_t)(s.area * channels), size);
    s.confidences = calloc((size_t)s.area, size);
    s.present = calloc((size_t)s.area, 1);
    s.results = calloc((size_t)(height * width * (channels + 1)), size);
    for (int64_t y = 0; y < height; y++)
        for (int64_t x = 0; x < width; x++) {
            int64_t i = origin + y * pitch + x;
            double mass = mass_of(mask, y, x, width);
            put(s.confidences, dtype, i, mass);
            s.present[i] = mass > 0;
            for (int64_t c = 0; c < channels; c++) {
                double f = 0.3 + 0.1 * sin((double)(x + c) / 5) + (x + 2 * y > width ? 0.4 : 0) + uniform(-0.1, 0.1);
                put(s.samples, dtype, c * s.area + i, mass > 0 ? f : 1e30);
            }
        }
    for (int64_t y = -s.margin; y < height + s.margin; y++)
        for (int64_t x = -s.margin; x < width + s.margin; x++) {
            int64_t from_y = vd_boundary_index(y, height, VD_BOUNDARY_REFLECT), i = origin + y * pitch + x;
            int64_t from = origin + from_y * pitch + vd_boundary_index(x, width, VD_BOUNDARY_REFLECT);
            s.present[i] = s.present[from];
            if (i != from)
                put(s.confidences, dtype, i, mask == REFLECTED ? get(s.confidences, dtype, from) : 0);
            for (int64_t c = 0; c < channels; c++)
                put(s.samples, dtype, c * s.area + i, get(s.samples, dtype, c * s.area + from));
        }
    s.origin = origin;
    s.frame.missing = mask > EDGES;
    s.frame.dtype = dtype;
    s.frame.threads = 1;
    s.frame.height = height;
    s.frame.width = width;
    s.frame.channels = channels;
    s.frame.pitch = pitch;
    s.frame.confidences = mask == NONE ? NULL : (char *)s.confidences + (size_t)origin * size;
    s.frame.weights = (char *)s.results + (size_t)(channels * height * width) * size;
    for (int64_t c = 0; c < channels; c++) {
        s.planes[c] = (char *)s.samples + (size_t)(c * s.area + origin) * size;
        s.sums[c] = (char *)s.results + (size_t)(c * height * width) * size;
    }
    return s;
}

static vd_status run(scene *s, const char *set, int threads)
{
    vd_kernels kernels;
    vd_kernels_limited(&kernels, set);
    s->frame.params = &s->params;
    s->frame.kernels = &kernels;
    s->frame.planes = s->planes;
    s->frame.sums = s->sums;
    s->frame.threads = threads;
    return vd_nonlocal_means(&s->frame);
}

static void free_scene(scene *s)
{
    free(s->samples);
    free(s->confidences);
    free(s->results);
    free(s->present);
}

/* The weight of pixel b for pixel a, places in the planes. */
static double weight(const scene *s, int64_t a, int64_t b)
{
    const vd_model_frame *f = &s->frame;
    int64_t patch = s->params.patch;
    double sum = 0, pairs = 0;
    for (int64_t j = -patch; j <= patch; j++)
        for (int64_t i = -patch; i <= patch; i++) {
            int64_t at = j * f->pitch + i;
            if (!s->present[s->origin + a + at] || !s->present[s->origin + b + at])
                continue;
            for (int64_t c = 0; c < f->channels; c++) {
                double d = get(s->planes[c], f->dtype, a + at) - get(s->planes[c], f->dtype, b + at);
                sum += d * d;
            }
            pairs += (double)f->channels;
        }
    double excess = pairs > 0 ? sum / pairs - 2 * s->params.noise * s->params.noise : 0;
    return exp(-(excess > 0 ? excess : 0) / (s->params.strength * s->params.strength));
}

static double gaussian(double d, double sigma) { return sigma > 0 ? exp(-0.5 * (d / sigma) * (d / sigma)) : 1; }

static void check_pixel(const scene *s, int64_t y, int64_t x)
{
    const vd_model_frame *f = &s->frame;
    double weights = 0, sums[8] = {0}, tolerance = (f->dtype == VD_F32 ? 4e-6 : 1e-13) + f->tolerance;
    for (int64_t dy = -s->params.search; dy <= s->params.search; dy++)
        for (int64_t dx = -s->params.search; dx <= s->params.search; dx++) {
            int64_t a = y * f->pitch + x, b = a + dy * f->pitch + dx;
            double m = f->confidences != NULL ? get(f->confidences, f->dtype, b) : 1;
            double w = gaussian((double)dy, s->params.sigma_y) * gaussian((double)dx, s->params.sigma_x);
            if (m == 0)
                continue;
            w *= m * weight(s, a, b);
            weights += w;
            for (int64_t c = 0; c < f->channels; c++)
                sums[c] += w * get(s->planes[c], f->dtype, b);
        }
    double extent = f->stream == VD_U8 ? fmax(255, s->params.cval) : 1;
    CHECK(fabs(get(f->weights, f->dtype, y * f->width + x) - weights) <= tolerance * weights);
    for (int64_t c = 0; c < f->channels; c++)
        CHECK(fabs(get(s->sums[c], f->dtype, y * f->width + x) - sums[c]) <= tolerance * weights * extent);
}

static vd_params some_params(int32_t patch, int32_t search, double strength, double noise, double sigma)
{
    vd_params p;
    CHECK_STATUS(vd_params_init(&p, sizeof p), VD_OK);
    p.patch = patch;
    p.search = search;
    p.strength = strength;
    p.noise = noise;
    p.sigma_y = sigma;
    p.sigma_x = sigma / 2;
    return p;
}

static size_t result_bytes(const scene *s)
{
    const vd_model_frame *f = &s->frame;
    return (size_t)(f->height * f->width * (f->channels + 1)) * size_of(f->dtype);
}

/* Every set against the double loop at every `stride`th pixel, and with three threads against itself; all that do not
 * round in their own way against the first. */
static void check_scene(scene *s, int64_t stride)
{
    size_t bytes = result_bytes(s);
    void *first = malloc(bytes), *single = malloc(bytes);
    const char *sets[4];
    int32_t count = vd_instruction_sets(sets, 4);
    for (int set = 0; set < count; set++) {
        CHECK_STATUS(run(s, sets[set], 1), VD_OK);
        memcpy(set == 0 ? first : single, s->results, bytes);
        bool own = s->frame.dtype == VD_F32 && strcmp(sets[set], "avx512") == 0;
        CHECK(set == 0 || own || memcmp(first, single, bytes) == 0);
        for (int64_t i = 0; (set == 0 || own) && i < s->frame.height * s->frame.width; i += stride)
            check_pixel(s, i / s->frame.width, i % s->frame.width);
        memset(s->results, 0xff, bytes);
        CHECK_STATUS(run(s, sets[set], 3), VD_OK);
        CHECK(memcmp(set == 0 ? first : single, s->results, bytes) == 0);
    }
    free(first);
    free(single);
}

static void check_frame(int32_t dtype, int64_t height, int64_t width, int64_t channels, int mask, vd_params params,
                        int64_t stride)
{
    scene s = make_scene(dtype, height, width, channels, mask, params);
    check_scene(&s, stride);
    free_scene(&s);
}

/* Running sums have the bits of those that only add. */
static void check_running(scene *s)
{
    size_t bytes = result_bytes(s);
    void *plain = malloc(bytes);
    const char *sets[4];
    int32_t count = vd_instruction_sets(sets, 4);
    for (int set = 0; set < count; set++) {
        s->frame.stream = VD_F32;
        CHECK_STATUS(run(s, sets[set], 1), VD_OK);
        memcpy(plain, s->results, bytes);
        s->frame.stream = VD_U8;
        CHECK_STATUS(run(s, sets[set], 2), VD_OK);
        CHECK(memcmp(plain, s->results, bytes) == 0);
    }
    free(plain);
}

/* Whole numbers less a reference: with running sums; then coarse too. */
static void check_bytes(int64_t height, int64_t width, int64_t channels, int mask, vd_params params, int64_t stride)
{
    params.strength *= 255;
    params.noise *= 255;
    scene s = make_scene(VD_F32, height, width, channels, mask, params);
    for (int64_t i = 0; i < s.area * channels; i++) {
        double f = get(s.samples, VD_F32, i);
        put(s.samples, VD_F32, i, f < 2 ? rint(255 * f) - 60 : 1e30);
    }
    check_running(&s);
    check_scene(&s, stride);
    s.frame.tolerance = VD_NLM_COARSE;
    check_scene(&s, stride);
    free_scene(&s);
}

/* Black and white in so large patches that, with five channels, sums of columns are not exact: none run then. */
static void check_large(int64_t channels)
{
    scene s = make_scene(VD_F32, 20, 20, channels, NONE, some_params(32, 1, 250, 0, 0));
    for (int64_t i = 0; i < s.area * channels; i++)
        put(s.samples, VD_F32, i, (i % 2 ? 0 : 255) - rint(uniform(0, 2) * (i % 2 ? -1 : 1)));
    check_running(&s);
    free_scene(&s);
}

/* What is beyond the edges need not be whole: no running sums then. */
static void check_constant(double outside)
{
    scene s = make_scene(VD_F32, 40, 30, 1, REFLECTED, some_params(2, 3, 20, 5, 0));
    for (int64_t i = 0; i < s.area; i++)
        put(s.samples, VD_F32, i, rint(255 * uniform(0, 1)));
    for (int64_t y = -s.margin; y < 40 + s.margin; y++)
        for (int64_t x = -s.margin; x < 30 + s.margin; x++)
            if (y < 0 || y >= 40 || x < 0 || x >= 30)
                put(s.samples, VD_F32, s.origin + y * s.frame.pitch + x, outside);
    s.params.boundary = VD_BOUNDARY_CONSTANT;
    s.params.cval = outside;
    s.frame.stream = VD_U8;
    check_scene(&s, 3);
    free_scene(&s);
}

/* Masses that happen to be 1 everywhere are as good as those that are said to be, bit for bit. */
static void check_ones(int32_t dtype)
{
    scene s = make_scene(dtype, 20, 30, 2, ONES, some_params(2, 3, 0.1, 0.05, 0));
    size_t bytes = result_bytes(&s);
    void *first = malloc(bytes);
    CHECK_STATUS(run(&s, "scalar", 1), VD_OK);
    memcpy(first, s.results, bytes);
    s.frame.missing = false;
    CHECK_STATUS(run(&s, "scalar", 1), VD_OK);
    CHECK(memcmp(first, s.results, bytes) == 0);
    free(first);
    free_scene(&s);
}

/* Strengths and samples at the ends of a type's range give numbers. */
static void check_extremes(int32_t dtype, double strength, double noise, double factor)
{
    scene s = make_scene(dtype, 12, 18, 1, EDGES, some_params(1, 2, strength, noise, 0));
    for (int64_t i = 0; i < s.area; i++)
        put(s.samples, dtype, i, factor * get(s.samples, dtype, i));
    CHECK_STATUS(run(&s, "scalar", 1), VD_OK);
    for (int64_t i = 0; i < 12 * 18; i++) {
        double w = get(s.frame.weights, dtype, i), mean = get(s.sums[0], dtype, i) / w;
        CHECK(w >= 1 && w <= 25.001);
        CHECK(mean >= 0 && mean <= 1.001 * factor);
    }
    free_scene(&s);
}

static void check_no_memory(void)
{
    scene s = make_scene(VD_F32, 9, 9, 1, NONE, some_params(1, 1, 1, 0, 0));
    allocations_left = 0;
    vd_status status = run(&s, "scalar", 1);
    allocations_left = -1;
    CHECK_STATUS(status, CAN_FAIL ? VD_ERROR_MEMORY : VD_OK);
    free_scene(&s);
}

int main(void)
{
    const int32_t dtypes[] = {VD_F32, VD_F64};
    vd_params params = some_params(2, 5, 0.1, 0.05, 0);
    vd_margin margin = vd_nonlocal_means_margin(&params, 1, 1);
    CHECK(margin.y == 7 && margin.x == 7);
    for (int d = 0; d < 2; d++) {
        for (int mask = 0; mask < MASKS; mask++) {
            for (int64_t channels = 1; channels <= 5; channels++)
                check_frame(dtypes[d], 17, 23, channels, mask, params, 5);
            for (int32_t patch = 0; patch <= 5; patch++)
                check_frame(dtypes[d], 9, 21, 1, mask, some_params(patch, 2, 0.2, 0, patch % 2 ? 2 : 0), 3);
            for (int32_t search = 1; search <= 9; search += 4)
                check_frame(dtypes[d], 11, 13, 2, mask, some_params(1, search, 0.1, 0.1, 3), 7);
            check_frame(dtypes[d], 1, 1, 3, mask, params, 1);
            check_frame(dtypes[d], 1, 40, 1, mask, params, 1);
            check_frame(dtypes[d], 40, 1, 1, mask, params, 1);
            check_frame(dtypes[d], 150, 460, 1, mask, some_params(1, 2, 0.1, 0, 0), 97);
        }
        check_frame(dtypes[d], 30, 30, 1, RANDOM, some_params(3, 40, 0.1, 0, 20), 211);
        check_ones(dtypes[d]);
        check_extremes(dtypes[d], 1e-25, 0, 1);
        check_extremes(dtypes[d], 1e-25, 1, 1);
        check_extremes(dtypes[d], 1e25, 1e20, 1);
        check_extremes(dtypes[d], 0.1, 0.1, 1e25);
        check_extremes(dtypes[d], 1e25, 1e30, 1e25);
    }
    for (int mask = 0; mask < MASKS; mask++) {
        for (int64_t channels = 1; channels <= 4; channels++)
            check_bytes(17, 40, channels, mask, params, 5);
        for (int32_t patch = 0; patch <= 5; patch++)
            check_bytes(9, 21, 1 + 2 * (patch % 2), mask, some_params(patch, 1 + patch, 0.2, 0, patch % 2 ? 2 : 0), 3);
        check_bytes(150, 460, 3, mask, some_params(1, 2, 0.1, 0.05, 0), 97);
    }
    check_large(3);
    check_large(5);
    check_constant(60);
    check_constant(0.1);
    check_constant(1e6);
    check_no_memory();
    return check_result();
}
