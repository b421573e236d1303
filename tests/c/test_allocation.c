/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Push allocates on the first frame and on the first frame with a mask, and never again. Every allocation
 * of the program is counted by standing in for the allocation functions, which glibc lets a program do;
 * elsewhere, and under a sanitizer that does the same, there is nothing to check.
 */
#include "vdcore/vdcore.h"

#include "check.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || __has_feature(memory_sanitizer)
#define SANITIZED
#endif
#elif defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED
#endif

#if defined(__GLIBC__) && !defined(SANITIZED)

extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *memory, size_t size);
extern void *__libc_memalign(size_t alignment, size_t size);

static long allocations;

void *malloc(size_t size)
{
    __atomic_add_fetch(&allocations, 1, __ATOMIC_RELAXED);
    return __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
    __atomic_add_fetch(&allocations, 1, __ATOMIC_RELAXED);
    return __libc_calloc(count, size);
}

void *realloc(void *memory, size_t size)
{
    __atomic_add_fetch(&allocations, 1, __ATOMIC_RELAXED);
    return __libc_realloc(memory, size);
}

void *aligned_alloc(size_t alignment, size_t size)
{
    __atomic_add_fetch(&allocations, 1, __ATOMIC_RELAXED);
    return __libc_memalign(alignment, size);
}

int posix_memalign(void **memory, size_t alignment, size_t size)
{
    *memory = aligned_alloc(alignment, size);
    return *memory ? 0 : ENOMEM;
}

enum { HEIGHT = 70, WIDTH = 50, CHANNELS = 3, SAMPLES = HEIGHT * WIDTH * CHANNELS, PUSHES = 24, FIRST_MASK = 12 };

/* One stream: allocations may happen in the first pushes (until the lookahead queue is full) and at the
 * first mask, nowhere else. */
static void check_stream(vd_dtype dtype, double sigma, double tau, int32_t lookahead, int32_t threads, int normalize)
{
    static double in[SAMPLES], out[SAMPLES];
    static float confidence[HEIGHT * WIDTH];
    for (int i = 0; i < HEIGHT * WIDTH; i++)
        confidence[i] = 0.5f;
    vd_params params;
    CHECK_STATUS(vd_params_init(&params, sizeof params), VD_OK);
    params.sigma_y = params.sigma_x = sigma;
    params.tau = tau;
    params.lookahead = lookahead;
    params.threads = threads;
    params.normalize = normalize;
    vd_diffuser *diffuser = NULL;
    CHECK_STATUS(vd_diffuser_create(&diffuser, &params), VD_OK);

    vd_image mask = vd_image_contiguous(confidence, VD_F32, HEIGHT, WIDTH, 1);
    vd_image out_view = vd_image_contiguous(out, normalize ? dtype : VD_F64, HEIGHT, WIDTH, CHANNELS);
    vd_frame frame;
    memset(&frame, 0, sizeof frame);
    frame.struct_size = sizeof frame;
    frame.image = vd_image_contiguous(in, dtype, HEIGHT, WIDTH, CHANNELS);
    frame.dt = 1;
    for (int k = 0; k < PUSHES; k++) {
        int32_t ready;
        frame.confidence = k >= FIRST_MASK && k % 2 == 0 ? &mask : NULL;
        long before = allocations;
        CHECK_STATUS(vd_diffuser_push(diffuser, &frame, &out_view, &ready), VD_OK);
        long more = allocations - before;
        int masks_are_new = k >= FIRST_MASK && k <= FIRST_MASK + 2 * lookahead;
        if (k > lookahead && !masks_are_new && !CHECK(more == 0))
            fprintf(stderr, "push %d: %ld allocations (dtype %d, sigma %g, tau %g, lookahead %d, threads %d)\n", k,
                    more, (int)dtype, sigma, tau, (int)lookahead, (int)threads);
    }
    vd_diffuser_destroy(diffuser);
}

int main(void)
{
    const vd_dtype dtypes[] = {VD_U8, VD_U16, VD_F32, VD_F64};
    const double sigmas[] = {0, 2, 12}, taus[] = {0, 3, INFINITY};
    void *volatile memory = malloc(1);
    free(memory);
    if (allocations == 0) { /* valgrind has put its own functions in their place */
        printf("allocations cannot be counted here\n");
        return check_result();
    }
    for (int t = 0; t < 4; t++)
        for (int s = 0; s < 3; s++)
            for (int u = 0; u < 3; u++)
                for (int32_t lookahead = 0; lookahead <= 2; lookahead += 2)
                    for (int32_t threads = 1; threads <= 2; threads++)
                        for (int normalize = 0; normalize <= 1; normalize++)
                            check_stream(dtypes[t], sigmas[s], taus[u], lookahead, threads, normalize);
    return check_result();
}

#else

int main(void) { return check_result(); }

#endif
