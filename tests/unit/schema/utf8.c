/* SPDX-License-Identifier: Apache-2.0
 *
 * Every character, and everything that is nearly one.
 */
#include "schema/utf8.h"

#include <string.h>

#include "unit.h"

/* The bytes of a code point by the table of RFC 3629 section 3, whether or
 * not it is a character, in at least `least` bytes. */
static size_t encode(uint32_t c, size_t least, uint8_t *out)
{
    size_t n = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;

    if (n < least)
        n = least;
    for (size_t i = n - 1; i > 0; i--, c >>= 6)
        out[i] = (uint8_t)(0x80 | (c & 0x3F));
    out[0] = (uint8_t)(n == 1   ? c
                       : n == 2 ? 0xC0 | c
                       : n == 3 ? 0xE0 | c
                                : 0xF0 | c);
    return n;
}

/* By the state machine; the code point, or UINT32_MAX. */
static uint32_t by_bytes(const uint8_t *at, size_t len)
{
    struct utf8 u = {0};

    if (!utf8_begin(&u, at[0]))
        return UINT32_MAX;
    for (size_t i = 1; i < len; i++)
        if (u.left == 0 || !utf8_continue(&u, at[i]))
            return UINT32_MAX;
    return u.left == 0 ? u.code_point : UINT32_MAX;
}

/* In the middle of ASCII. */
static bool by_skip(const uint8_t *at, size_t len)
{
    uint8_t text[8] = "aaaaaaa";

    memcpy(text, at, len);
    return utf8_skip(text, text + sizeof(text)) == text + len;
}

static void expect(const uint8_t *at, size_t len, uint32_t want)
{
    if (by_bytes(at, len) != want || by_skip(at, len) != (want != UINT32_MAX))
        ck_abort_msg("%02x %02x %02x %02x, %zu bytes", at[0], at[1], at[2],
                     at[3], len);
}

START_TEST(every_code_point)
{
    uint8_t b[4] = {0};

    for (uint32_t c = 0x80; c < 0x200000; c++) {
        bool is_surrogate = c >= 0xD800 && c <= 0xDFFF;
        size_t len = encode(c, 1, b);

        expect(b, len, is_surrogate || c > 0x10FFFF ? UINT32_MAX : c);
    }
}
END_TEST

START_TEST(overlong)
{
    uint8_t b[4] = {0};

    for (uint32_t c = 0; c < 0x80; c++)
        expect(b, encode(c, 2, b), UINT32_MAX);
    for (uint32_t c = 0; c < 0x800; c++)
        expect(b, encode(c, 3, b), UINT32_MAX);
    for (uint32_t c = 0; c < 0x10000; c++)
        expect(b, encode(c, 4, b), UINT32_MAX);
}
END_TEST

/* Each byte of some characters replaced by every other byte. */
START_TEST(wrong_bytes)
{
    static const uint32_t some[] = {0x80,    0x7FF,    0x800,   0xD7FF,
                                    0xE000,  0xFFFF,   0x10000, 0x40000,
                                    0xFFFFF, 0x100000, 0x10FFFF};

    for (size_t k = 0; k < sizeof(some) / sizeof(some[0]); k++)
        for (size_t i = 1; i < 4; i++)
            for (int c = 0; c < 256; c++) {
                uint8_t b[4] = {0};
                size_t len = encode(some[k], 1, b);

                if (i >= len || (c >= 0x80 && c <= 0xBF))
                    continue;
                b[i] = (uint8_t)c;
                expect(b, len, UINT32_MAX);
            }
}
END_TEST

START_TEST(no_lead)
{
    for (int c = 0x80; c < 256; c++) {
        struct utf8 u;

        ck_assert(utf8_begin(&u, (uint8_t)c) == (c >= 0xC2 && c <= 0xF4));
    }
}
END_TEST

/* Many in a row; the end of the text is left to the state machine. */
START_TEST(skip_stops)
{
    static const char text[] = "\xC3\xA9\xE6\x97\xA5\xF0\x9F\x98\x80\xC3\xA9"
                               "abc";
    const uint8_t *t = (const uint8_t *)text;

    ck_assert_ptr_eq(utf8_skip(t, t + 14), t + 11);
    ck_assert_ptr_eq(utf8_skip(t, t + 11), t + 9);
    ck_assert_ptr_eq(utf8_skip(t, t + 3), t);
    ck_assert_ptr_eq(utf8_skip(t + 11, t + 14), t + 11);
    ck_assert_ptr_eq(utf8_skip(t + 1, t + 14), t + 1);
    ck_assert_ptr_eq(utf8_skip(t, t), t);
}
END_TEST

/* Lengths around the blocks that are counted together, of which 255 make a
 * byte full. */
START_TEST(counts)
{
    static const struct {
        const char *text;
        size_t bytes, units;
    } characters[] = {{"a", 1, 1},
                      {"\x7f", 1, 1},
                      {"\xC2\x80", 2, 1},
                      {"\xEF\xBF\xBF", 3, 1},
                      {"\xF0\x90\x80\x80", 4, 2},
                      {"\xF4\x8F\xBF\xBF", 4, 2}};
    static char text[4 * 5000];

    for (size_t k = 0; k < sizeof(characters) / sizeof(characters[0]); k++) {
        size_t bytes = characters[k].bytes;

        for (size_t n = 0; n < 5000; n += n < 70 ? 1 : 613) {
            for (size_t i = 0; i < n; i++)
                memcpy(text + i * bytes, characters[k].text, bytes);
            ck_assert_uint_eq(utf8_characters(text, n * bytes), n);
            ck_assert_uint_eq(utf8_utf16_units(text, n * bytes),
                              n * characters[k].units);
        }
    }
    ck_assert_uint_eq(utf8_characters(NULL, 0), 0);
    ck_assert_uint_eq(utf8_utf16_units("a\xC3\xA9\xF0\x9F\x98\x80z", 8), 5);
}
END_TEST

UNIT_MAIN("schema/utf8", every_code_point, overlong, wrong_bytes, no_lead,
          skip_stops, counts)
