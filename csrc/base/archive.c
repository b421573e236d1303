/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A state is a header of 32 bytes and the members:
 *
 *     0   8  name of the kind          8  4  0x01020304 in the byte order of the machine
 *    12   4  version of the layout    16  8  size of everything         24  8  checksum of everything else
 *
 * The checksum is XXH64: four accumulators over words of 8 bytes, each a <- rotl(a + P2 w, 31) P1, then a mix of the
 * four. It runs at the speed of memory, so that saving stays a copy, and 64 bits detect all damage in practice. It does
 * not protect against forgery. Rejected: CRC-32, which is slower without tables or special instructions, and misses one
 * damaged state in 4e9.
 */
#include "base/archive.h"

#include <string.h>

enum { HEADER_SIZE = 32, CHECKSUM_AT = 24 };

static const uint32_t BYTE_ORDER = 0x01020304;

/* ---- checksum ---- */

static const uint64_t P1 = 0x9E3779B185EBCA87, P2 = 0xC2B2AE3D27D4EB4F, P3 = 0x165667B19E3779F9,
                      P4 = 0x85EBCA77C2B2AE63, P5 = 0x27D4EB2F165667C5;

static uint64_t rotate(uint64_t x, int bits) { return x << bits | x >> (64 - bits); }

static uint64_t mix_word(uint64_t accumulator, uint64_t word) { return rotate(accumulator + word * P2, 31) * P1; }

static uint64_t merge(uint64_t hash, uint64_t accumulator) { return (hash ^ mix_word(0, accumulator)) * P1 + P4; }

static uint64_t word_at(const unsigned char *bytes)
{
    uint64_t word;
    memcpy(&word, bytes, sizeof word);
    return word;
}

uint64_t vd_checksum(const void *data, size_t size, uint64_t seed)
{
    const unsigned char *at = data;
    size_t left = size;
    uint64_t hash = seed + P5;
    if (left >= 32) {
        uint64_t a = seed + P1 + P2, b = seed + P2, c = seed, d = seed - P1;
        for (; left >= 32; left -= 32, at += 32) {
            a = mix_word(a, word_at(at));
            b = mix_word(b, word_at(at + 8));
            c = mix_word(c, word_at(at + 16));
            d = mix_word(d, word_at(at + 24));
        }
        hash = rotate(a, 1) + rotate(b, 7) + rotate(c, 12) + rotate(d, 18);
        hash = merge(merge(merge(merge(hash, a), b), c), d);
    }
    hash += size;
    for (; left >= 8; left -= 8, at += 8)
        hash = rotate(hash ^ mix_word(0, word_at(at)), 27) * P1 + P4;
    if (left >= 4) {
        uint32_t half;
        memcpy(&half, at, sizeof half);
        hash = rotate(hash ^ half * P1, 23) * P2 + P3;
        left -= 4;
        at += 4;
    }
    for (; left > 0; left--, at++)
        hash = rotate(hash ^ *at * P5, 11) * P1;
    hash = (hash ^ hash >> 33) * P2;
    hash = (hash ^ hash >> 29) * P3;
    return hash ^ hash >> 32;
}

static uint64_t checksum_of(const char *state, size_t size)
{
    return vd_checksum(state + HEADER_SIZE, size - HEADER_SIZE, vd_checksum(state, CHECKSUM_AT, 0));
}

/* ---- members ---- */

void vd_archive_move(vd_archive *archive, void *data, size_t size)
{
    if (archive->bytes == NULL) {
        archive->at += size;
        return;
    }
    if (size > vd_archive_remaining(archive)) {
        archive->failed = true;
        archive->at = archive->size;
        if (archive->reading)
            memset(data, 0, size);
        return;
    }
    if (size > 0 && archive->reading)
        memcpy(data, archive->bytes + archive->at, size);
    else if (size > 0)
        memcpy(archive->bytes + archive->at, data, size);
    archive->at += size;
}

size_t vd_archive_remaining(const vd_archive *archive) { return archive->size - archive->at; }

/* ---- header ---- */

static void move_header(vd_archive *archive, vd_archive_kind *kind, uint32_t *order, uint64_t *size, uint64_t *checksum)
{
    VD_ARCHIVE_VALUE(archive, kind->name);
    VD_ARCHIVE_VALUE(archive, *order);
    VD_ARCHIVE_VALUE(archive, kind->version);
    VD_ARCHIVE_VALUE(archive, *size);
    VD_ARCHIVE_VALUE(archive, *checksum);
}

vd_status vd_archive_save(const vd_archive_kind *kind, vd_archive_function *members, void *object, void *buffer,
                          size_t *size)
{
    vd_archive archive = {.at = HEADER_SIZE};
    members(&archive, object);
    size_t needed = archive.at, room = *size;
    *size = needed;
    if (buffer == NULL)
        return VD_OK;
    if (room < needed)
        return VD_ERROR_OVERFLOW;
    vd_archive_kind own = *kind;
    uint32_t order = BYTE_ORDER;
    uint64_t whole = needed, checksum = 0;
    archive = (vd_archive){.bytes = buffer, .size = needed};
    move_header(&archive, &own, &order, &whole, &checksum);
    members(&archive, object);
    checksum = checksum_of(buffer, needed);
    memcpy((char *)buffer + CHECKSUM_AT, &checksum, sizeof checksum);
    return VD_OK;
}

vd_status vd_archive_open(vd_archive *archive, const vd_archive_kind *kind, const void *buffer, size_t size)
{
    vd_archive_kind found;
    uint32_t order = 0;
    uint64_t whole = 0, checksum = 0;
    if (size < HEADER_SIZE)
        return VD_ERROR_STATE;
    *archive = (vd_archive){.bytes = (char *)buffer, .size = size, .reading = true};
    move_header(archive, &found, &order, &whole, &checksum);
    if (memcmp(found.name, kind->name, sizeof found.name) != 0 || order != BYTE_ORDER ||
        found.version != kind->version || whole != size || checksum != checksum_of(buffer, size))
        return VD_ERROR_STATE;
    return VD_OK;
}
