/* SPDX-License-Identifier: Apache-2.0
 *
 * Fingerprints: the published vectors of SipHash-2-4 with 128 bits, and that
 * the secret matters.
 */
#include "base/fingerprint.h"

#include <check.h>
#include <stdlib.h>

#include "base/check.h"
#include "unit.h"

static struct fingerprint of_first_bytes(size_t len)
{
    /* The vectors' key is 00 01 .. 0f, their input 00 01 .. */
    const struct fingerprint_key key = {0x0706050403020100, 0x0f0e0d0c0b0a0908};
    char data[64];

    for (size_t i = 0; i < sizeof(data); i++)
        data[i] = (char)i;
    return fingerprint_of(&key, text_make(data, len));
}

START_TEST(published_vectors)
{
    static const struct {
        size_t len;
        uint64_t a, b; /* the vectors' bytes, read as little-endian words */
    } rows[] = {
        {0, 0xe6a825ba047f81a3, 0x930255c71472f66d},
        {1, 0x44af996bd8c187da, 0x45fc229b11597634},
        {7, 0x53c1dbd8beebf1a1, 0x3982f01fa64ab8c0},
        {8, 0x61f55862baa9623b, 0xb49714f364e2830f},
        {15, 0x11a8b03399e99354, 0xd9c3cf970fec087e},
        {16, 0xbb54b067caa4e26e, 0x77052385bf1533fd},
        {33, 0x321cf0467107c677, 0xcfffa94e5f9db6b6},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct fingerprint f = of_first_bytes(rows[i].len);

        ck_assert_msg(f.a == rows[i].a && f.b == rows[i].b,
                      "%zu bytes: %016lx %016lx", rows[i].len,
                      (unsigned long)f.a, (unsigned long)f.b);
    }
}
END_TEST

START_TEST(another_secret_gives_another_fingerprint)
{
    struct fingerprint_key one, two;

    ck_assert_int_eq(fingerprint_key_init(&one), STATUS_OK);
    ck_assert_int_eq(fingerprint_key_init(&two), STATUS_OK);
    ck_assert(
        fingerprint_equal(fingerprint_of(&one, TEXT_LIT("+14155550100")),
                          fingerprint_of(&one, TEXT_LIT("+14155550100"))));
    ck_assert(
        !fingerprint_equal(fingerprint_of(&one, TEXT_LIT("+14155550100")),
                           fingerprint_of(&two, TEXT_LIT("+14155550100"))));
}
END_TEST

/* The length is hashed: a text and the text with NULs behind it differ. */
START_TEST(nul_bytes_count)
{
    struct fingerprint_key key = {1, 2};
    char zeros[24] = "a";

    for (size_t i = 1; i < sizeof(zeros); i++)
        ck_assert(
            !fingerprint_equal(fingerprint_of(&key, text_make(zeros, i)),
                               fingerprint_of(&key, text_make(zeros, i + 1))));
}
END_TEST

UNIT_MAIN("base/fingerprint", published_vectors,
          another_secret_gives_another_fingerprint, nul_bytes_count)
