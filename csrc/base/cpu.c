/* SPDX-License-Identifier: Apache-2.0 */
/*
 * On x86 an instruction set may be used only if the processor has it and the operating system saves its registers:
 * CPUID leaf 1 says whether XGETBV works, XCR0 bits 1-2 (SSE, AVX) and 5-7 (AVX-512) say what is saved.
 * VD_CPU_AVX512 stands for F, BW, DQ and VL together, VD_CPU_AVX512_BYTES for VBMI and VNNI too. AArch64 always has NEON.
 */
#include "base/cpu.h"

#include <stdint.h>

#if defined(__x86_64__) || defined(_M_X64)

#ifdef _MSC_VER
#include <immintrin.h>
#include <intrin.h>
static void cpuid(uint32_t leaf, uint32_t subleaf, uint32_t registers[4])
{
    __cpuidex((int *)registers, (int)leaf, (int)subleaf);
}

static uint64_t extended_control(void) { return _xgetbv(0); }
#else
#include <cpuid.h>
static void cpuid(uint32_t leaf, uint32_t subleaf, uint32_t registers[4])
{
    __cpuid_count(leaf, subleaf, registers[0], registers[1], registers[2], registers[3]);
}

static uint64_t extended_control(void)
{
    uint32_t low, high;
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return (uint64_t)high << 32 | low;
}
#endif

unsigned vd_cpu_flags(void)
{
    uint32_t basic[4], features[4], extended[4];
    cpuid(0, 0, basic);
    if (basic[0] < 7)
        return 0;
    cpuid(1, 0, features);
    if (!(features[2] >> 27 & 1))
        return 0;
    uint64_t saved = extended_control();
    cpuid(7, 0, extended);
    unsigned flags = 0;
    if ((saved & 0x06) == 0x06 && (features[2] >> 28 & 1) && (extended[1] >> 5 & 1))
        flags |= VD_CPU_AVX2;
    uint32_t needed = UINT32_C(1) << 16 | UINT32_C(1) << 17 | UINT32_C(1) << 30 | UINT32_C(1) << 31;
    if ((saved & 0xE6) == 0xE6 && (extended[1] & needed) == needed)
        flags |= VD_CPU_AVX512;
    if ((flags & VD_CPU_AVX512) && (extended[2] >> 1 & 1) && (extended[2] >> 11 & 1))
        flags |= VD_CPU_AVX512_BYTES;
    return flags;
}

#elif defined(__aarch64__) || defined(_M_ARM64)

unsigned vd_cpu_flags(void) { return VD_CPU_NEON; }

#else

unsigned vd_cpu_flags(void) { return 0; }

#endif
