/* SPDX-License-Identifier: Apache-2.0 */
#include "base/octets.h"

#include <string.h>

#include "unit.h"

START_TEST(a_value_is_looked_at_in_every_place)
{
    char bytes[24];

    for (size_t len = 0; len <= sizeof(bytes); len++)
        for (size_t at = 0; at < len; at++)
            for (int c = 0; c < 256; c++) {
                bool good = c == '\t' || (c >= ' ' && c != 0x7f);

                memset(bytes, 'a', len);
                bytes[at] = (char)c;
                ck_assert_msg(octets_are_value(text_make(bytes, len)) == good,
                              "0x%02x at %zu of %zu", (unsigned)c, at, len);
            }
    ck_assert(octets_are_value(TEXT_LIT("")));
}
END_TEST

/* RFC 9110 section 5.6.2. */
START_TEST(a_token_is_of_tchar)
{
    static const char marks[] = "!#$%&'*+-.^_`|~";

    for (int c = 0; c < 256; c++) {
        char one = (char)c;
        bool good = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') ||
                    (c >= 'a' && c <= 'z') || (c && strchr(marks, c));

        ck_assert_msg(octets_are_token(text_make(&one, 1)) == good, "0x%02x",
                      (unsigned)c);
    }
    ck_assert(octets_are_token(TEXT_LIT("Content-Length")));
    ck_assert(!octets_are_token(TEXT_LIT("Content Length")));
    ck_assert(!octets_are_token(TEXT_LIT("")));
}
END_TEST

UNIT_MAIN("octets", a_value_is_looked_at_in_every_place, a_token_is_of_tchar)
