/* SPDX-License-Identifier: Apache-2.0 */
/* Threads: the only place that uses OpenMP, counts processors and reads environment variables on threads. */
#ifndef VD_PARALLEL_H
#define VD_PARALLEL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/strict_math.h"

/* One block [begin, end) of a loop, run by the thread with this number. */
typedef void vd_block_function(void *context, int64_t begin, int64_t end, int thread);

/* Runs the loop [0, count) as at most `threads` contiguous blocks, each on a thread of its own. Serial in a forked
 * process, where the OpenMP runtime may not work, and where that many threads cannot be started. */
void vd_parallel_blocks(int threads, int64_t count, vd_block_function *function, void *context);

/* A number > 0 that differs in every process forked from this one. */
int vd_process(void);

/* Whether `threads` is what a caller may ask for: VD_THREADS_AUTO, or 1 to 65536. */
bool vd_is_thread_request(int32_t threads);

#endif
