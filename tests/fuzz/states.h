/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Saved states as a hostile caller hands them over: any bytes, or a real state with some of them changed, with the size and
 * the checksum in the header made right, so that what lies behind them is reached.
 */
#ifndef VDCORE_FUZZ_STATES_H
#define VDCORE_FUZZ_STATES_H

#include "base/archive.h"
#include "draw.h"

enum { MAX_CHANGES = 8, SIZE_AT = 16, CHECKSUM_AT = 24, MEMBERS_AT = 32 };

typedef struct bytes {
    uint8_t *data;
    size_t size;
} bytes;

static inline bool same_bytes(bytes a, bytes b) { return a.size == b.size && memcmp(a.data, b.data, a.size) == 0; }

/* The rest of the input. */
static inline bytes draw_bytes(draw *d)
{
    bytes state = {malloc(d->left + 1), d->left};
    REQUIRE(state.data != NULL);
    memcpy(state.data, d->at, d->left);
    d->left = 0;
    return state;
}

static inline void put_bytes(bytes state, size_t at, const void *from, size_t size)
{
    if (at < state.size)
        memcpy(state.data + at, from, size < state.size - at ? size : state.size - at);
}

static inline void fix_header(bytes state)
{
    uint64_t size = state.size;
    if (state.size < MEMBERS_AT)
        return;
    put_bytes(state, SIZE_AT, &size, sizeof size);
    uint64_t checksum =
        vd_checksum(state.data + MEMBERS_AT, state.size - MEMBERS_AT, vd_checksum(state.data, CHECKSUM_AT, 0));
    put_bytes(state, CHECKSUM_AT, &checksum, sizeof checksum);
}

/* Change a few members or samples, mostly in the first `scalars` bytes behind the header; cut or lengthen the state. */
static inline void damage(draw *d, bytes *state, size_t scalars)
{
    static const int64_t integers[] = {0,   1,   -1,    2,       3,         4,         7,         32,
                                       128, 256, 65535, 1 << 20, INT32_MAX, INT32_MIN, INT64_MAX, 64};
    for (uint32_t left = draw_below(d, MAX_CHANGES); left > 0; left--) {
        uint32_t kind = draw_below(d, 16);
        size_t end = kind < 12 && MEMBERS_AT + scalars < state->size ? MEMBERS_AT + scalars : state->size;
        size_t at = draw_below(d, (uint32_t)end + 1);
        int64_t integer = integers[draw_below(d, sizeof integers / sizeof *integers)];
        int32_t half = (int32_t)integer;
        double real = draw_double(d);
        uint8_t byte = (uint8_t)draw_bits(d, 1);
        switch (kind % 4) { /* members are packed, but by multiples of 4 */
        case 0: put_bytes(*state, at & ~(size_t)3, &half, sizeof half); break;
        case 1: put_bytes(*state, at & ~(size_t)3, &integer, sizeof integer); break;
        case 2: put_bytes(*state, at & ~(size_t)3, &real, sizeof real); break;
        default: put_bytes(*state, at, &byte, 1);
        }
    }
    uint32_t end = draw_below(d, 8);
    if (end > 1)
        return;
    size_t size = end == 0 ? state->size + draw_below(d, 64) : draw_below(d, (uint32_t)state->size + 1);
    bytes other = {calloc(1, size + 1), size};
    REQUIRE(other.data != NULL);
    memcpy(other.data, state->data, size < state->size ? size : state->size);
    free(state->data);
    *state = other;
}

/* The same bytes in memory of just their size, at any alignment. */
static inline bytes exact_copy(bytes state, uint32_t offset)
{
    bytes copy = {malloc(state.size + offset + (state.size + offset == 0)), state.size};
    REQUIRE(copy.data != NULL);
    memcpy(copy.data + offset, state.data, state.size);
    return copy;
}

#endif
