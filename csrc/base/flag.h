/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A flag that one caller at a time can take: objects use it to refuse a second call while one is running. It holds the
 * id of the calling process, so that a child forked in the middle of a call, where nobody will ever drop the flag, can
 * detect that.
 */
#ifndef VD_FLAG_H
#define VD_FLAG_H

#include <stdbool.h>

#include "base/parallel.h"
#include "vdcore/vdcore.h"

#ifdef _MSC_VER
#include <intrin.h>
typedef volatile long vd_flag;
static inline int vd_flag_holder(vd_flag *flag) { return (int)_InterlockedCompareExchange(flag, 0, 0); }
static inline bool vd_flag_exchange(vd_flag *flag, int from, int to)
{
    return _InterlockedCompareExchange(flag, to, from) == from;
}
static inline void drop_flag(vd_flag *flag) { _InterlockedExchange(flag, 0); }
#else
#include <stdatomic.h>
typedef atomic_int vd_flag;
static inline int vd_flag_holder(vd_flag *flag) { return atomic_load_explicit(flag, memory_order_relaxed); }
static inline bool vd_flag_exchange(vd_flag *flag, int from, int to)
{
    return atomic_compare_exchange_strong_explicit(flag, &from, to, memory_order_acquire, memory_order_relaxed);
}
static inline void drop_flag(vd_flag *flag) { atomic_store_explicit(flag, 0, memory_order_release); }
#endif

static inline bool take_flag(vd_flag *flag) { return vd_flag_exchange(flag, 0, vd_process()); }

/* Why take_flag failed: VD_ERROR_BUSY, or VD_ERROR_FORKED if the call was running in the process that this one was
 * forked from. The object may then be half updated: its memory must be neither read nor freed. */
static inline vd_status flag_refusal(vd_flag *flag)
{
    int holder = vd_flag_holder(flag);
    return holder == 0 || holder == vd_process() ? VD_ERROR_BUSY : VD_ERROR_FORKED;
}

/* Takes the flag from a call of the process that this one was forked from. */
static inline bool seize_flag(vd_flag *flag)
{
    int holder = vd_flag_holder(flag), own = vd_process();
    return holder != 0 && holder != own && vd_flag_exchange(flag, holder, own);
}

#endif
