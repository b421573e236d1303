/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Threads. A loop is cut into one contiguous block per thread, so that neighbouring rows stay in one core's cache, and
 * what a block computes never depends on how many there are.
 *
 * Fork: libgomp's worker threads do not exist in a forked child, and a parallel region there waits for them for ever.
 * The process number is noted once, when the library is loaded, and a process with another number works serially.
 */
#if defined(__linux__) && !defined(_GNU_SOURCE)
#define _GNU_SOURCE
#endif
#include "base/parallel.h"

#include <stdio.h>
#include <stdlib.h>

#include "vdcore/vdcore.h"

#ifdef _OPENMP
#include <omp.h>
#endif
#ifdef __linux__
#include <sched.h>
#endif
#if defined(__unix__) || defined(__APPLE__)
#include <unistd.h>
#endif

#if defined(_OPENMP) && (defined(__unix__) || defined(__APPLE__))
static pid_t loading_process; /* written by the constructor only */

__attribute__((constructor)) static void note_process(void) { loading_process = getpid(); }

static int is_forked_child(void) { return getpid() != loading_process; }
#else
static int is_forked_child(void) { return 0; }
#endif

void vd_parallel_blocks(int threads, int64_t count, vd_block_function *function, void *context)
{
    if (threads > count)
        threads = (int)count;
    if (threads <= 1 || is_forked_child()) {
        if (count > 0)
            function(context, 0, count, 0);
        return;
    }
#ifdef _OPENMP
    int64_t share = count / threads, rest = count % threads;
    int block;
#pragma omp parallel for num_threads(threads) schedule(static, 1)
    for (block = 0; block < threads; block++) {
        int64_t begin = block * share + (block < rest ? block : rest);
        function(context, begin, begin + share + (block < rest), block);
    }
#else
    function(context, 0, count, 0);
#endif
}

int32_t vd_has_openmp(void)
{
#ifdef _OPENMP
    return 1;
#else
    return 0;
#endif
}

#ifdef _OPENMP
/* A positive number at the start of the variable's value (OMP_NUM_THREADS may be a list), else 0. */
static int32_t from_environment(const char *name)
{
    const char *text = getenv(name);
    if (text == NULL)
        return 0;
    long value = strtol(text, NULL, 10);
    return value >= 1 && value <= 65536 ? (int32_t)value : 0;
}

#ifdef __linux__
/* Whole processors that the cgroup's quota amounts to, 0 if there is none: version 2, then version 1. */
static int32_t cgroup_processors(void)
{
    double quota = 0, period = 0;
    FILE *file = fopen("/sys/fs/cgroup/cpu.max", "r");
    if (file != NULL) {
        if (fscanf(file, "%lf %lf", &quota, &period) != 2)
            quota = 0;
        fclose(file);
    } else {
        FILE *quota_file = fopen("/sys/fs/cgroup/cpu/cpu.cfs_quota_us", "r");
        FILE *period_file = fopen("/sys/fs/cgroup/cpu/cpu.cfs_period_us", "r");
        if (quota_file == NULL || period_file == NULL || fscanf(quota_file, "%lf", &quota) != 1 ||
            fscanf(period_file, "%lf", &period) != 1)
            quota = 0;
        if (quota_file != NULL)
            fclose(quota_file);
        if (period_file != NULL)
            fclose(period_file);
    }
    if (quota <= 0 || period <= 0)
        return 0;
    double processors = (quota + period - 1) / period; /* rounded up */
    return processors < 1 ? 1 : processors < 65536 ? (int32_t)processors : 65536;
}
#endif

static int32_t usable_processors(void)
{
    int32_t count = omp_get_num_procs();
#ifdef __linux__
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) == 0 && CPU_COUNT(&set) >= 1 && CPU_COUNT(&set) < count)
        count = CPU_COUNT(&set);
    int32_t quota = cgroup_processors();
    if (quota >= 1 && quota < count)
        count = quota;
#endif
    return count < 1 ? 1 : count;
}
#endif

bool vd_is_thread_request(int32_t threads) { return threads == VD_THREADS_AUTO || (threads >= 1 && threads <= 65536); }

int32_t vd_thread_count(int32_t request)
{
#ifdef _OPENMP
    if (request >= 1)
        return request;
    int32_t count = from_environment("VDCORE_NUM_THREADS");
    if (count < 1)
        count = from_environment("OMP_NUM_THREADS");
    return count >= 1 ? count : usable_processors();
#else
    (void)request;
    return 1;
#endif
}
