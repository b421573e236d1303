/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Threads. A loop is cut into one contiguous block per thread, so that neighbouring rows stay in one core's cache. What
 * a block computes never depends on the number of blocks.
 *
 * Fork. libgomp's worker threads do not exist in a forked child, and a parallel region there waits for them for ever,
 * no matter which library of the parent started them. A process is considered forked if its id is not the one noted
 * when this library was loaded or if, according to Linux, it had been forked without exec before that; it then works
 * serially.
 *
 * Limits. libgomp ends the program if it cannot start a thread. So a thread that asks for a larger team than before
 * first starts as many threads at once, and works serially if that fails. (The runtime keeps its threads, so this costs
 * about 20 us per thread, once.)
 */
#if defined(__linux__) && !defined(_GNU_SOURCE)
#define _GNU_SOURCE
#endif
#include "base/parallel.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cgroup.h"
#include "vdcore/vdcore.h"

#ifdef _OPENMP
#include <omp.h>
#endif
#ifdef __linux__
#include <sched.h>
#include <sys/syscall.h>
#endif
#if defined(__unix__) || defined(__APPLE__)
#include <unistd.h>
#define HAS_FORK 1
#ifdef _OPENMP
#include <pthread.h>
#endif
#endif

/* ---- fork ---- */

#ifdef HAS_FORK
int vd_process(void) { return (int)getpid(); }
#else
int vd_process(void) { return 1; }
#endif

#if defined(_OPENMP) && defined(HAS_FORK)
/* Written by the constructor only. */
static int loading_process;
static bool loaded_after_fork;

/* Whether this process has been forked, and no program started in it since; false where that cannot be known. */
static bool was_forked(void)
{
    bool forked = false;
#ifdef __linux__
    enum { PF_FORKNOEXEC = 0x40 }; /* linux/sched.h; unchanged since 2.6.12, read by ps */
    char text[1024];
    unsigned long flags;
    FILE *file = fopen("/proc/self/stat", "r");
    size_t length = file != NULL ? fread(text, 1, sizeof text - 1, file) : 0;
    text[length] = 0;
    const char *rest = strrchr(text, ')'); /* after the program's name, which may contain anything */
    forked = rest != NULL && sscanf(rest + 1, " %*c %*d %*d %*d %*d %*d %lu", &flags) == 1 && (flags & PF_FORKNOEXEC);
    if (file != NULL)
        fclose(file);
#endif
    return forked;
}

__attribute__((constructor)) static void note_process(void)
{
    loading_process = vd_process();
    loaded_after_fork = was_forked();
}

static bool is_forked(void) { return loaded_after_fork || vd_process() != loading_process; }
#else
static bool is_forked(void) { return false; }
#endif

/* ---- limits ---- */

#if defined(_OPENMP) && defined(HAS_FORK)
typedef struct vd_probe {
    pthread_t thread;
    pthread_mutex_t *gate;
    long id; /* of the kernel */
} vd_probe;

static void *wait_at_gate(void *context)
{
    vd_probe *probe = context;
#ifdef __linux__
    probe->id = syscall(SYS_gettid);
#endif
    pthread_mutex_lock(probe->gate);
    pthread_mutex_unlock(probe->gate);
    return NULL;
}

/* Waits for a thread to end and, on Linux, until it no longer counts against limits, which is slightly later. */
static void wait_for_exit(const vd_probe *probe)
{
    pthread_join(probe->thread, NULL);
#ifdef __linux__
    for (int i = 0; i < 10000 && syscall(SYS_tgkill, getpid(), probe->id, 0) == 0; i++)
        sched_yield();
#endif
}

/* Whether `count` more threads can run at the same time. */
static bool can_start(int count)
{
    pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;
    vd_probe *probes = calloc((size_t)count, sizeof *probes);
    int started = 0;
    if (probes == NULL)
        return false;
    pthread_mutex_lock(&gate);
    for (; started < count; started++) {
        probes[started].gate = &gate;
        if (pthread_create(&probes[started].thread, NULL, wait_at_gate, probes + started) != 0)
            break;
    }
    pthread_mutex_unlock(&gate);
    for (int i = 0; i < started; i++)
        wait_for_exit(probes + i);
    pthread_mutex_destroy(&gate);
    free(probes);
    return started == count;
}

/* Whether this thread can have a team of this size, itself included. */
static bool can_have(int threads)
{
    static _Thread_local int largest_team; /* that could be started: each thread has its own */
    if (threads > largest_team && can_start(threads - 1))
        largest_team = threads;
    return threads <= largest_team;
}
#else
static bool can_have(int threads)
{
    (void)threads;
    return true;
}
#endif

void vd_parallel_blocks(int threads, int64_t count, vd_block_function *function, void *context)
{
    if (threads > count)
        threads = (int)count;
    if (threads <= 1 || is_forked() || !can_have(threads)) {
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

/* ---- how many ---- */

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

static int32_t usable_processors(void)
{
    int32_t count = omp_get_num_procs();
#ifdef __linux__
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) == 0 && CPU_COUNT(&set) >= 1 && CPU_COUNT(&set) < count)
        count = CPU_COUNT(&set);
    int32_t quota = vd_cgroup_processors("");
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
    if (is_forked())
        return 1;
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
