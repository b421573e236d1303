/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Saved states: how an object becomes bytes and bytes become an object again.
 *
 * An object has one function that passes each of its members to vd_archive_move. The same function counts the bytes,
 * writes them and reads them back, so the layout exists in one place. Members are packed, without padding.
 *
 * Bytes to read are untrusted: the checksum detects damage, but anybody can compute it. A reader must check each value
 * as if a caller had passed it, before it allocates memory or indexes with it.
 */
#ifndef VD_ARCHIVE_H
#define VD_ARCHIVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vdcore/vdcore.h"

typedef struct vd_archive {
    char *bytes;     /* NULL: count only */
    size_t at, size; /* position and, unless counting, length of bytes */
    bool reading;
    bool failed; /* reading went past the end */
} vd_archive;

/* The kind of a state: eight characters and the version of its layout. */
typedef struct vd_archive_kind {
    char name[8];
    uint32_t version;
} vd_archive_kind;

/* Passes the members of an object, in order, to vd_archive_move. Changes the object only if reading. */
typedef void vd_archive_function(vd_archive *archive, void *object);

/* Counts, writes or reads `size` bytes. Reading past the end sets `failed` and fills data with zeros. */
void vd_archive_move(vd_archive *archive, void *data, size_t size);

#define VD_ARCHIVE_VALUE(archive, value) vd_archive_move((archive), &(value), sizeof(value))

/* What every vd_*_save does; see vd_diffuser_save for buffer and size. */
vd_status vd_archive_save(const vd_archive_kind *kind, vd_archive_function *members, void *object, void *buffer,
                          size_t *size);

/* Starts reading at the first member. VD_ERROR_STATE unless the bytes are a whole, undamaged state of this kind,
 * version and byte order. The buffer may have any alignment and must outlive the archive. */
vd_status vd_archive_open(vd_archive *archive, const vd_archive_kind *kind, const void *buffer, size_t size);

/* Bytes not read yet. */
size_t vd_archive_remaining(const vd_archive *archive);

/* XXH64 (Collet 2012), words in the byte order of the machine. */
uint64_t vd_checksum(const void *bytes, size_t size, uint64_t seed);

#endif
