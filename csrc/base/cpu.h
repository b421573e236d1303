/* SPDX-License-Identifier: Apache-2.0 */
/* Which instruction sets the processor and the operating system support. */
#ifndef VD_CPU_H
#define VD_CPU_H

enum { VD_CPU_AVX2 = 1, VD_CPU_AVX512 = 2, VD_CPU_NEON = 4, VD_CPU_AVX512_BYTES = 8 };

/* The flags that this machine supports; queries the processor on every call. */
unsigned vd_cpu_flags(void);

#endif
