/* SPDX-License-Identifier: Apache-2.0 */
/* From the processor's flags and VDCORE_CPU to a table of kernels. Nothing is kept: a call costs two CPUID. */
#include "kernels/dispatch.h"

#include <stdlib.h>
#include <string.h>

#include "base/cpu.h"
#include "vdcore/vdcore.h"

enum { TABLES = 4 };

/* The tables that can run here, best last; returns how many. */
static int runnable(const vd_kernels *tables[TABLES])
{
    unsigned flags = vd_cpu_flags();
    int count = 0;
    tables[count++] = vd_kernels_scalar();
    if ((flags & VD_CPU_NEON) && vd_kernels_neon())
        tables[count++] = vd_kernels_neon();
    if ((flags & VD_CPU_AVX2) && vd_kernels_avx2())
        tables[count++] = vd_kernels_avx2();
    if ((flags & VD_CPU_AVX512) && vd_kernels_avx512())
        tables[count++] = vd_kernels_avx512();
    return count;
}

const vd_kernels *vd_choose_kernels(void)
{
    static const char *const names[] = {"scalar", "avx2", "avx512", "neon"};
    const vd_kernels *tables[TABLES];
    int count = runnable(tables);
    const char *wanted = getenv("VDCORE_CPU");
    if (wanted == NULL)
        return tables[count - 1];
    for (int i = 0; i < count; i++)
        if (strcmp(wanted, tables[i]->name) == 0)
            return tables[i];
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(wanted, names[i]) == 0)
            return tables[0];
    return tables[count - 1];
}

const vd_motion_kernels *vd_choose_motion_kernels(int32_t dtype)
{
    const char *name = vd_choose_kernels()->name;
    int is_double = dtype == VD_F64;
    const vd_motion_kernels *tables[] = {vd_motion_kernels_avx512(is_double), vd_motion_kernels_avx2(is_double),
                                         vd_motion_kernels_neon(is_double)};
    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++)
        if (tables[i] != NULL && strcmp(tables[i]->name, name) == 0)
            return tables[i];
    return vd_motion_kernels_scalar(is_double);
}

int32_t vd_instruction_sets(const char **names, int32_t room)
{
    const vd_kernels *tables[TABLES];
    int count = runnable(tables);
    for (int i = 0; i < count && i < room; i++)
        names[i] = tables[i]->name;
    return count;
}
