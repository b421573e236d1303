/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Saved states as bytes: the checksum gives the published values of XXH64, members come back as they were, and bytes that
 * are cut, longer, damaged anywhere, of another kind or of another version are refused.
 */
#include "base/archive.h"

#include "check.h"

#include <stdlib.h>
#include <string.h>

typedef struct thing {
    int32_t count;
    double value;
    char text[37];
} thing;

static const vd_archive_kind KIND = {"a thing\0", 3};

static void move_thing(vd_archive *archive, void *object)
{
    thing *t = object;
    VD_ARCHIVE_VALUE(archive, t->count);
    VD_ARCHIVE_VALUE(archive, t->value);
    vd_archive_move(archive, t->text, sizeof t->text);
}

static void test_checksum(void)
{
    unsigned char bytes[101];
    for (int i = 0; i < 101; i++)
        bytes[i] = (unsigned char)i;
    const char *const text = "Nobody inspects the spammish repetition";
    const uint32_t one = 1;
    if (*(const unsigned char *)&one != 1)
        return; /* published for little-endian words */
    CHECK(vd_checksum("", 0, 0) == 0xef46db3751d8e999);
    CHECK(vd_checksum("a", 1, 0) == 0xd24ec4f1a98c6e5b);
    CHECK(vd_checksum("abc", 3, 0) == 0x44bc2cf5ad770999);
    CHECK(vd_checksum(text, strlen(text), 0) == 0xfbcea83c8a378bf1);
    CHECK(vd_checksum(bytes, sizeof bytes, 7) == 0xe878e9791dbc64fa);
}

static void test_members(void)
{
    thing given = {-5, 0.1, "thirty-six characters, then a zero  "}, got;
    size_t size = 0, needed;
    CHECK_STATUS(vd_archive_save(&KIND, move_thing, &given, NULL, &size), VD_OK);
    needed = size;
    CHECK(needed == 32 + sizeof given.count + sizeof given.value + sizeof given.text);
    char buffer[120];
    size = needed - 1;
    CHECK_STATUS(vd_archive_save(&KIND, move_thing, &given, buffer, &size), VD_ERROR_OVERFLOW);
    CHECK(size == needed);
    for (int shift = 0; shift < 8; shift++) {
        vd_archive archive;
        size = sizeof buffer - 8;
        CHECK_STATUS(vd_archive_save(&KIND, move_thing, &given, buffer + shift, &size), VD_OK);
        CHECK(size == needed);
        CHECK_STATUS(vd_archive_open(&archive, &KIND, buffer + shift, size), VD_OK);
        memset(&got, 1, sizeof got);
        move_thing(&archive, &got);
        CHECK(!archive.failed && vd_archive_remaining(&archive) == 0);
        CHECK(got.count == given.count && got.value == given.value && strcmp(got.text, given.text) == 0);

        /* past the end: zeros, and the archive has failed */
        move_thing(&archive, &got);
        CHECK(archive.failed && got.count == 0 && got.value == 0 && got.text[0] == 0);
    }
}

static void test_damage(void)
{
    thing given = {7, 1e300, "text"};
    vd_archive archive;
    size_t size = 0;
    vd_archive_save(&KIND, move_thing, &given, NULL, &size);
    char *bytes = malloc(size + 1);
    if (!CHECK(bytes != NULL))
        return;
    CHECK_STATUS(vd_archive_save(&KIND, move_thing, &given, bytes, &size), VD_OK);
    bytes[size] = 0;
    for (size_t length = 0; length < size; length++)
        CHECK_STATUS(vd_archive_open(&archive, &KIND, bytes, length), VD_ERROR_STATE);
    CHECK_STATUS(vd_archive_open(&archive, &KIND, bytes, size + 1), VD_ERROR_STATE);
    for (size_t i = 0; i < 8 * size; i++) {
        bytes[i / 8] ^= (char)(1 << i % 8);
        CHECK_STATUS(vd_archive_open(&archive, &KIND, bytes, size), VD_ERROR_STATE);
        bytes[i / 8] ^= (char)(1 << i % 8);
    }
    const vd_archive_kind other = {"another\0", 3}, newer = {"a thing\0", 4};
    CHECK_STATUS(vd_archive_open(&archive, &other, bytes, size), VD_ERROR_STATE);
    CHECK_STATUS(vd_archive_open(&archive, &newer, bytes, size), VD_ERROR_STATE);
    CHECK_STATUS(vd_archive_open(&archive, &KIND, bytes, size), VD_OK);
    free(bytes);
}

int main(void)
{
    test_checksum();
    test_members();
    test_damage();
    return check_result();
}
