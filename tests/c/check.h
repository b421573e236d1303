/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The few tools that the C test programs share: checks that say where they failed and let the program go
 * on, and a random generator that is the same everywhere. A program ends with `return check_result();`.
 */
#ifndef VDCORE_TESTS_CHECK_H
#define VDCORE_TESTS_CHECK_H

#include <stdint.h>
#include <stdio.h>

static int check_count, check_failures;

/* Count a check; report it, with its place, if it does not hold. Returns whether it does. */
#define CHECK(condition) check_that((condition) != 0, #condition, __FILE__, __LINE__)
#define CHECK_STATUS(call, expected) check_status((call), (expected), #call, __FILE__, __LINE__)

static inline int check_that(int holds, const char *text, const char *file, int line)
{
    check_count++;
    if (!holds) {
        check_failures++;
        fprintf(stderr, "%s:%d: does not hold: %s\n", file, line, text);
    }
    return holds;
}

static inline int check_status(int got, int expected, const char *text, const char *file, int line)
{
    check_count++;
    if (got != expected) {
        check_failures++;
        fprintf(stderr, "%s:%d: status %d, expected %d: %s\n", file, line, got, expected, text);
    }
    return got == expected;
}

static inline int check_result(void)
{
    printf("%d checks, %d failures\n", check_count, check_failures);
    return check_failures != 0;
}

/* splitmix64 (Steele, Lea and Flood 2014) */
static inline uint64_t check_random(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

#endif
