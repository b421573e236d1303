/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Allocations that fail on demand: this stands in for malloc and calloc, which glibc lets a program do. Where something
 * else already does (a sanitizer), or SYSTEM_ALLOCATOR is defined (valgrind, static programs), nothing ever fails and
 * CAN_FAIL is 0. Include it once, in a program of its own.
 */
#ifndef VDCORE_TESTS_FAILING_ALLOCATIONS_H
#define VDCORE_TESTS_FAILING_ALLOCATIONS_H

#include <stdlib.h>

#ifndef SYSTEM_ALLOCATOR
#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || __has_feature(memory_sanitizer)
#define SYSTEM_ALLOCATOR
#endif
#elif defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SYSTEM_ALLOCATOR
#endif
#endif

static long allocations_left = -1; /* the one at 0 fails; below, none does */

#if defined(__GLIBC__) && !defined(SYSTEM_ALLOCATOR)
enum { CAN_FAIL = 1 };

extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);

void *malloc(size_t size) { return allocations_left >= 0 && allocations_left-- == 0 ? NULL : __libc_malloc(size); }

void *calloc(size_t count, size_t size)
{
    return allocations_left >= 0 && allocations_left-- == 0 ? NULL : __libc_calloc(count, size);
}
#else
enum { CAN_FAIL = 0 };
#endif

#endif
