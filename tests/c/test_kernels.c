/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every kernel of every table that can run here against the scalar one, bit for bit: all lengths up to three
 * times what the widest vectors do at once and some long ones, small radii and some beyond one and two blocks of
 * taps, rows at any address, ordinary and extreme samples. Outputs lie between guard bytes, which must stay;
 * input rows end where their memory ends, for the tools that see what is read beyond.
 */
#include "kernels/kernels.h"
#include "vdcore/vdcore.h"

#include "check.h"

#include <stdlib.h>
#include <string.h>

/* What a row is made of. THRESHOLD is uint16_t up to 255; only the ANY types may be infinite or NaN. */
enum { NONE, U8, U16, THRESHOLD, F32, F64, ANY_F32, ANY_F64, TYPES };
static const size_t SIZES[TYPES] = {0, 1, 2, 2, 4, 8, 4, 8};

/* What a kernel reads to give n samples. */
enum {
    PLAIN,      /* n samples of each row */
    IN_PLACE,   /* the same; the first output may be the row */
    NEIGHBOURS, /* one pixel more on either side */
    HORIZONTAL, /* radius pixels more on either side */
    VERTICAL,   /* 2 radius rows more, from begin on */
    REDUCTION   /* 2 radius rows more, radius <= 6 */
};

static const int RADII[] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 33, 49};
static const size_t LONG[] = {511, 512, 513, 1024, 1501};
enum {
    SHORT = 200, /* all lengths below */
    PATTERNS = 4,
    REPEATS = 2 * PATTERNS,
    STEPS = 5,
    MAX_LENGTH = 1501,
    MAX_RADIUS = 49,
    MAX_ROWS = 2 * MAX_RADIUS + 4,
    SHIFTS = 8, /* rows start up to 7 samples after an aligned address, begin is up to 7 */
    GUARD = 64,
    OUT_BYTES = 2 * GUARD + 8 * (MAX_LENGTH + 2 * SHIFTS),
    POOL = 4096
};

/* The arguments of one call. */
typedef struct {
    void *out[2];
    union { /* the same pointers for every type */
        const void *any[MAX_ROWS];
        const uint8_t *u8[MAX_ROWS];
        const uint16_t *u16[MAX_ROWS];
        const float *f32[MAX_ROWS];
        const double *f64[MAX_ROWS];
    } rows;
    const void *extra; /* one more row: corrections or thresholds */
    struct {           /* centre and radius pairs, together at most 65536, 256 and 1 */
        uint16_t fixed[MAX_RADIUS + 1], whole[MAX_RADIUS + 1];
        float f32[MAX_RADIUS + 1];
        double f64[MAX_RADIUS + 1];
    } weights;
    int radius, fixed_gain, found;
    uint16_t bias;
    size_t step, begin, end;
} job;

typedef struct {
    const char *name;
    void (*call)(const vd_rows_kernels *k, job *j);
    int shape, out[2];
    int rows, in; /* how many, radius apart, and their type */
    int extra;
} kernel;

#define columns(weights) ((const void *)&(const void *const[2]){(weights), (weights) + 1})

/* KERNEL(name, shape, types of both outputs, rows, their type, type of the extra row, call) */
#define REAL_KERNELS(KERNEL, S, T)                                                                                     \
    KERNEL(vertical_##S, VERTICAL, T, NONE, 1, T, T,                                                                   \
           k->vertical_##S(j->out[0], j->rows.S, j->weights.S, j->radius, j->extra, j->begin, j->end))                 \
    KERNEL(vertical_pair_##S, VERTICAL, T, T, 2, T, T,                                                                 \
           k->vertical_pair_##S(j->out[0], j->out[1], j->rows.S, j->weights.S, j->radius, j->extra, j->begin, j->end)) \
    KERNEL(horizontal_##S, HORIZONTAL, T, NONE, 1, T, T,                                                               \
           k->horizontal_##S(j->out[0], *j->rows.S, j->step, j->weights.S, j->radius, j->extra, j->end))               \
    KERNEL(update_##S, IN_PLACE, T, T, 1, T, NONE,                                                                     \
           k->update_##S(j->out[0], j->out[1], *j->rows.S, j->weights.S[0], j->end))                                   \
    KERNEL(scan_##S, PLAIN, NONE, NONE, 1, ANY_##T, NONE, j->found = k->scan_##S(*j->rows.S, j->end))                  \
    /* every row of the patch is the same one; other pitches are left to test_sources.c */                             \
    KERNEL(patch_add_##S, PLAIN, T, NONE, 1, T, NONE,                                                                  \
           k->patch_add_##S(j->out[0], 0, j->weights.S, *j->rows.S, (size_t)j->radius, j->end))                        \
    KERNEL(patch_add_pair_##S, PLAIN, T, NONE, 2, T, NONE,                                                             \
           k->patch_add_pair_##S(j->out[0], 0, columns(j->weights.S), j->rows.S, (size_t)j->radius, j->end))           \
    KERNEL(geometric_##S, PLAIN, T, NONE, 1, F64, NONE,                                                                \
           k->geometric_##S(j->out[0], *j->rows.f64, j->weights.f64[0], 0.9 + 0.01 * j->radius, j->end))               \
    KERNEL(patch_fold_##S, PLAIN, F64, NONE, 1, T, NONE,                                                               \
           k->patch_fold_##S(j->out[0], *j->rows.S, 0, j->weights.f64, (size_t)j->radius, j->end))

#define KERNELS(KERNEL)                                                                                                \
    KERNEL(fixed_vertical, VERTICAL, U16, NONE, 1, U8, NONE,                                                           \
           k->fixed_vertical(j->out[0], j->rows.u8, j->weights.fixed, j->radius, j->bias, j->begin, j->end))           \
    KERNEL(fixed_vertical_pair, VERTICAL, U16, U16, 2, U8, NONE,                                                       \
           k->fixed_vertical_pair(j->out[0], j->out[1], j->rows.u8, j->weights.fixed, j->radius, j->bias, j->begin,    \
                                  j->end))                                                                             \
    KERNEL(fixed_horizontal, HORIZONTAL, U16, NONE, 1, U16, NONE,                                                      \
           k->fixed_horizontal(j->out[0], *j->rows.u16, j->step, j->weights.fixed, j->radius, j->bias, j->end))        \
    KERNEL(fixed_update, PLAIN, U16, NONE, 1, U16, NONE,                                                               \
           k->fixed_update(j->out[0], *j->rows.u16, j->fixed_gain, j->end))                                            \
    KERNEL(fixed_to_u8, PLAIN, U8, NONE, 1, U16, NONE, k->fixed_to_u8(j->out[0], *j->rows.u16, j->end))                \
    KERNEL(fixed_to_u8_dither, PLAIN, U8, NONE, 1, U16, THRESHOLD,                                                     \
           k->fixed_to_u8_dither(j->out[0], *j->rows.u16, j->extra, j->end))                                           \
    KERNEL(fixed_to_f32, PLAIN, F32, NONE, 1, U16, NONE, k->fixed_to_f32(j->out[0], *j->rows.u16, j->end))             \
    REAL_KERNELS(KERNEL, f32, F32)                                                                                     \
    REAL_KERNELS(KERNEL, f64, F64)                                                                                     \
    KERNEL(update_wide, IN_PLACE, F32, F64, 1, F32, NONE,                                                              \
           k->update_wide(j->out[0], j->out[1], *j->rows.f32, j->weights.f64[0], j->end))                              \
    KERNEL(u8_to_f32, PLAIN, F32, NONE, 1, U8, NONE, k->u8_to_f32(j->out[0], *j->rows.u8, j->end))                     \
    KERNEL(u16_to_f32, PLAIN, F32, NONE, 1, U16, NONE, k->u16_to_f32(j->out[0], *j->rows.u16, j->end))                 \
    KERNEL(f32_to_u8, PLAIN, U8, NONE, 1, ANY_F32, NONE, k->f32_to_u8(j->out[0], *j->rows.f32, j->end))                \
    KERNEL(f32_to_u16, PLAIN, U16, NONE, 1, ANY_F32, NONE, k->f32_to_u16(j->out[0], *j->rows.f32, j->end))             \
    KERNEL(reduce_vertical, REDUCTION, U16, NONE, 1, U8, NONE,                                                         \
           k->reduce_vertical(j->out[0], j->rows.u8, j->weights.whole, j->radius, j->end))                             \
    KERNEL(reduce_horizontal, NEIGHBOURS, F32, NONE, 2, F32, NONE,                                                     \
           k->reduce_horizontal(j->out[0], j->rows.f32[0], j->rows.f32[1], j->step, j->end))                           \
    KERNEL(expand_horizontal, NEIGHBOURS, F32, F32, 1, F32, NONE,                                                      \
           k->expand_horizontal(j->out[0], j->out[1], *j->rows.f32, j->step, j->end))                                  \
    KERNEL(expand_vertical, PLAIN, F32, NONE, 4, F32, NONE,                                                            \
           k->expand_vertical(j->out[0], j->rows.f32, j->weights.f32, j->end))                                         \
    KERNEL(expand_vertical_fixed, PLAIN, U16, NONE, 4, ANY_F32, NONE,                                                  \
           k->expand_vertical_fixed(j->out[0], j->rows.f32, j->weights.f32, j->end))

#define CALL(NAME, SHAPE, OUT, NEXT, ROWS, IN, EXTRA, ...)                                                             \
    static void call_##NAME(const vd_rows_kernels *k, job *j) { __VA_ARGS__; }
KERNELS(CALL)

#define ENTRY(NAME, SHAPE, OUT, NEXT, ROWS, IN, EXTRA, ...) {#NAME, call_##NAME, SHAPE, {OUT, NEXT}, ROWS, IN, EXTRA},
static const kernel LIST[] = {KERNELS(ENTRY)};
enum { COUNT = sizeof LIST / sizeof *LIST };
_Static_assert(sizeof(vd_rows_kernels) == COUNT * sizeof(void (*)(void)), "every kernel is in the list");

/* ---- samples: drawn once, rows are pieces of them ---- */

static unsigned char pool[TYPES][PATTERNS][POOL * sizeof(double)];
static uint64_t seed;

/* In [0, 1). */
static double uniform(void) { return (double)(check_random(&seed) >> 11) / 9007199254740992.0; }

static uint64_t below(uint64_t limit) { return check_random(&seed) % limit; }

static unsigned whole_sample(int pattern, unsigned largest)
{
    switch (pattern) {
    case 0: return (unsigned)below(largest + 1u);
    case 1: return below(2) ? largest : 0;
    case 2: return largest;
    default: return below(2) ? largest - (unsigned)below(3) : (unsigned)below(3);
    }
}

static double real_sample(int pattern, double smallest)
{
    static const double ranges[] = {1, 256, 65536}, extremes[] = {0.0, -0.0, 1, -1, 1e37, -1e37};
    switch (pattern) {
    case 0: return (uniform() - 0.25) * 1.5 * ranges[below(3)];
    case 1: return ((double)below(131200) - 64) / (below(2) ? 2 : 512); /* ties, around the ranges of integers */
    case 2: return extremes[below(6)] * (below(2) ? 1 : uniform());
    default: return ((double)below(2001) - 1000) * smallest; /* subnormal */
    }
}

/* Infinite, NaN of any kind or as large as can be: the bits around those of infinity. */
static uint64_t any_bits(uint64_t infinity, uint64_t quiet, uint64_t sign)
{
    const uint64_t payloads[] = {0, 0, 1, quiet, quiet | below(quiet), 1 + below(quiet - 1), UINT64_MAX};
    return (infinity + payloads[below(7)]) | (below(2) ? sign : 0);
}

static void draw_sample(int type, int pattern, unsigned char *at)
{
    int any = pattern == PATTERNS - 1 && below(64) == 0;
    if (type == U8) {
        *at = (unsigned char)whole_sample(pattern, 255);
    } else if (type == U16 || type == THRESHOLD) {
        uint16_t sample = (uint16_t)whole_sample(pattern, type == U16 ? 65535 : 255);
        memcpy(at, &sample, sizeof sample);
    } else if (type == ANY_F32 && any) {
        uint32_t bits = (uint32_t)any_bits(UINT32_C(0x7F800000), UINT32_C(1) << 22, UINT32_C(1) << 31);
        memcpy(at, &bits, sizeof bits);
    } else if (type == ANY_F64 && any) {
        uint64_t bits = any_bits(UINT64_C(0x7FF0000000000000), UINT64_C(1) << 51, UINT64_C(1) << 63);
        memcpy(at, &bits, sizeof bits);
    } else if (type == F32 || type == ANY_F32) {
        float sample = (float)real_sample(pattern, 0x1p-149);
        memcpy(at, &sample, sizeof sample);
    } else {
        double sample = real_sample(pattern, 0x1p-1074);
        memcpy(at, &sample, sizeof sample);
    }
}

static void fill_pool(void)
{
    for (int type = NONE + 1; type < TYPES; type++)
        for (int pattern = 0; pattern < PATTERNS; pattern++)
            for (size_t i = 0; i < POOL; i++)
                draw_sample(type, pattern, pool[type][pattern] + i * SIZES[type]);
}

static void copy_samples(void *to, int type, int pattern, size_t count)
{
    memcpy(to, pool[type][pattern] + below(POOL - count) * SIZES[type], count * SIZES[type]);
}

/* A row of samples that starts anywhere in its memory and ends with it. */
static unsigned char *draw_row(int type, int pattern, size_t count, void **memory)
{
    size_t start = below(SHIFTS) * SIZES[type], bytes = start + count * SIZES[type];
    *memory = malloc(bytes ? bytes : 1);
    if (*memory == NULL)
        abort();
    copy_samples((unsigned char *)*memory + start, type, pattern, count);
    return (unsigned char *)*memory + start;
}

static void draw_weights(job *j, int radius)
{
    double total = 0;
    for (int i = 0; i <= radius; i++) {
        j->weights.f64[i] = 0.01 + uniform();
        total += j->weights.f64[i] * (i ? 2 : 1);
    }
    for (int i = 0; i <= radius; i++) {
        double weight = j->weights.f64[i] / total;
        j->weights.f64[i] = weight;
        j->weights.f32[i] = (float)weight;
        j->weights.fixed[i] = (uint16_t)(weight * 65535 * (i ? 2 : 1));
        j->weights.whole[i] = (uint16_t)(weight * 256);
    }
}

/* ---- one call ---- */

typedef struct {
    unsigned char out[2][OUT_BYTES];
    int found;
} result;

/* Run the kernel on outputs that start as in initial, start[i] bytes into their memory. */
static void run(const kernel *kernel, const vd_kernels *set, job *j, const size_t start[2], int in_place,
                const result *initial, result *outcome)
{
    memcpy(outcome, initial, sizeof *outcome);
    for (int i = 0; i < 2; i++)
        j->out[i] = outcome->out[i] + start[i];
    if (in_place)
        j->rows.any[0] = j->out[0];
    j->found = 0;
    kernel->call(&set->rows, j);
    outcome->found = j->found;
}

/* Whether the kernel does the same in both sets and writes nothing but the samples it is asked for. */
static int agrees(const kernel *kernel, const vd_kernels *set, size_t n, int turn)
{
    static _Alignas(64) result initial, expected, got;
    static job j;
    vd_kernels scalar;
    void *memory[MAX_ROWS];
    int shape = kernel->shape, pattern = turn % PATTERNS, rows = kernel->rows, count = 0;
    int in_place = shape == IN_PLACE && turn / PATTERNS % 2;
    int radius = RADII[(size_t)turn % (sizeof RADII / sizeof *RADII)];
    j.radius = shape == REDUCTION ? radius % 7 : radius;
    j.step = 1 + (size_t)(turn % STEPS);
    j.begin = shape == VERTICAL ? below(SHIFTS) : 0;
    j.end = j.begin + n;
    j.bias = (uint16_t)(j.radius + 1) / 2;
    j.fixed_gain = turn % 3 ? 1 + (int)below(32767) : turn % 2 ? 1 : 32767;
    draw_weights(&j, shape < HORIZONTAL ? 3 : j.radius);

    size_t reach = shape == NEIGHBOURS ? j.step : shape == HORIZONTAL ? (size_t)j.radius * j.step : 0;
    if (shape >= VERTICAL)
        rows += 2 * j.radius;
    for (; count < rows; count++)
        j.rows.any[count] =
            draw_row(kernel->in, pattern, j.end + 2 * reach, &memory[count]) + reach * SIZES[kernel->in];
    if (kernel->extra)
        j.extra = draw_row(kernel->extra, pattern, j.end, &memory[count++]);

    size_t start[2], bytes[2];
    for (int i = 0; i < 2; i++) {
        int type = kernel->out[i];
        start[i] = GUARD + below(SHIFTS) * SIZES[type];
        bytes[i] = j.end * SIZES[type];
        memset(initial.out[i], 0xA5, OUT_BYTES);
        if (type)
            copy_samples(initial.out[i] + start[i], type, pattern, j.end);
    }
    vd_kernels_limited(&scalar, "scalar");
    run(kernel, &scalar, &j, start, in_place, &initial, &expected);
    run(kernel, set, &j, start, in_place, &initial, &got);
    while (count > 0)
        free(memory[--count]);

    int same = expected.found == got.found;
    for (int i = 0; i < 2; i++) {
        size_t before = start[i] + j.begin * SIZES[kernel->out[i]], after = start[i] + bytes[i];
        same &= memcmp(expected.out[i], got.out[i], OUT_BYTES) == 0;
        same &= memcmp(expected.out[i], initial.out[i], before) == 0;
        same &= memcmp(expected.out[i] + after, initial.out[i] + after, OUT_BYTES - after) == 0;
    }
    if (!same)
        fprintf(stderr, "%s of %s: %d to %d, radius %d, step %d, samples of pattern %d%s\n", kernel->name, set->name,
                (int)j.begin, (int)j.end, j.radius, (int)j.step, pattern, in_place ? ", in place" : "");
    return same;
}

/* Until the first difference, which names the kernel; the next ones would say the same. */
static void check_kernel(const kernel *kernel, const vd_kernels *set)
{
    int turn = 0;
    seed = 1;
    for (size_t l = 0; l < SHORT + sizeof LONG / sizeof *LONG; l++)
        for (int repeat = 0; repeat < REPEATS; repeat++)
            if (!CHECK(agrees(kernel, set, l < SHORT ? l : LONG[l - SHORT], turn++)))
                return;
}

int main(void)
{
    const char *names[8] = {0};
    int32_t runnable = vd_instruction_sets(names, 8);
    fill_pool();
    for (int32_t i = 0; i < runnable; i++) {
        vd_kernels set;
        int before = check_failures;
        vd_kernels_limited(&set, names[i]);
        CHECK(strcmp(set.name, names[i]) == 0);
        for (int k = 0; k < COUNT; k++)
            check_kernel(&LIST[k], &set);
        printf("%s: %d kernels, %d differ\n", names[i], (int)COUNT, check_failures - before);
    }
    return check_result();
}
