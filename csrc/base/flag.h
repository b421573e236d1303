/* SPDX-License-Identifier: Apache-2.0 */
/* A flag that one caller at a time can take: objects refuse a call while another one is running. */
#ifndef VD_FLAG_H
#define VD_FLAG_H

#ifdef _MSC_VER
#include <intrin.h>
typedef volatile long vd_flag;
static inline int take_flag(vd_flag *flag) { return _InterlockedExchange(flag, 1) == 0; }
static inline void drop_flag(vd_flag *flag) { _InterlockedExchange(flag, 0); }
#else
#include <stdatomic.h>
typedef atomic_int vd_flag;
static inline int take_flag(vd_flag *flag) { return atomic_exchange_explicit(flag, 1, memory_order_acquire) == 0; }
static inline void drop_flag(vd_flag *flag) { atomic_store_explicit(flag, 0, memory_order_release); }
#endif

#endif
