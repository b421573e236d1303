/* SPDX-License-Identifier: Apache-2.0 */
/* The share of the processors that Linux control groups leave to this process. */
#ifndef VD_CGROUP_H
#define VD_CGROUP_H

#include <stdint.h>

/* Processors that the tightest CPU quota of the process's cgroup and of all above it amounts to, rounded up; 0 if there
 * is none. `root` is prepended to every path: "" except in tests. */
int32_t vd_cgroup_processors(const char *root);

#endif
