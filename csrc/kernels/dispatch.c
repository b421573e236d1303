/* SPDX-License-Identifier: Apache-2.0 */
/* Selects a set of kernels from the processor's flags and VDCORE_CPU. No state is kept. */
#include <stdlib.h>
#include <string.h>

#include "base/cpu.h"
#include "kernels/kernels.h"
#include "vdcore/vdcore.h"

/* In order: each overwrites what the ones before it filled in. */
static const struct {
    const char *name;
    bool (*fill)(vd_kernels *k, unsigned flags);
} SETS[] = {
    {"scalar", vd_kernels_scalar}, {"neon", vd_kernels_neon}, {"avx2", vd_kernels_avx2}, {"avx512", vd_kernels_avx512}};

enum { COUNT = sizeof SETS / sizeof *SETS };

void vd_kernels_limited(vd_kernels *k, const char *name)
{
    unsigned flags = vd_cpu_flags();
    for (int i = 0; i < COUNT; i++) {
        bool named = name != NULL && strcmp(name, SETS[i].name) == 0;
        if (!SETS[i].fill(k, flags) && named)
            vd_kernels_scalar(k, flags);
        if (named)
            return;
    }
}

void vd_kernels_choose(vd_kernels *k) { vd_kernels_limited(k, getenv("VDCORE_CPU")); }

int32_t vd_instruction_sets(const char **names, int32_t room)
{
    unsigned flags = vd_cpu_flags();
    vd_kernels k;
    int32_t count = 0;
    for (int i = 0; i < COUNT; i++)
        if (SETS[i].fill(&k, flags) && count++ < room)
            names[count - 1] = SETS[i].name;
    return count;
}
