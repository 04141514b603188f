/* SPDX-License-Identifier: Apache-2.0
 *
 * Both searches against a loop over bytes.
 */
#include "schema/plain.h"

#include <string.h>

#include "unit.h"

#define LONGEST 300

static const uint8_t *search(const uint8_t *at, const uint8_t *end)
{
    while (at < end && *at != '"' && *at != '\\' && *at >= 0x20 && *at < 0x80)
        at++;
    return at;
}

/* Of exactly `len` bytes, so that the sanitizer sees a byte read beside. */
static uint8_t *text_of_length(size_t len)
{
    uint8_t *text = malloc(len + (len == 0));

    ck_assert_ptr_nonnull(text);
    for (size_t i = 0; i < len; i++)
        text[i] = (uint8_t)('a' + i % 26);
    return text;
}

/* All answers, for a reader that goes on `step` bytes behind each. */
static void compare(const uint8_t *text, size_t len, size_t step)
{
    const uint8_t *end = text + len, *at = text, *want;
    struct plain_block b;

    for (size_t i = 0; i <= len; i++)
        if (plain_end(text + i, end) != search(text + i, end))
            ck_abort_msg("plain_end() at %zu of %zu", i, len);
    plain_block_init(&b, text, end);
    for (;;) {
        want = search(at, end);
        if (plain_block_end(&b, at) != want)
            ck_abort_msg("plain_block_end() at %td of %zu", at - text, len);
        if ((size_t)(end - want) < step)
            break;
        at = want + step;
    }
}

START_TEST(every_byte_is_judged_right)
{
    for (size_t len = 1; len < 130; len += 43)
        for (int c = 0; c < 256; c++) {
            uint8_t *text = text_of_length(len);

            text[len / 2] = (uint8_t)c;
            compare(text, len, 1);
            free(text);
        }
}
END_TEST

START_TEST(every_length_and_place)
{
    static const uint8_t special[] = {'"', '\\', 0, 0x1F, 0x80, 0xFF};

    for (size_t len = 0; len < LONGEST; len++)
        for (size_t i = 0; i <= len; i += 1 + i / 7) {
            uint8_t *text = text_of_length(len);

            if (i < len)
                text[i] = special[(len + i) % sizeof(special)];
            compare(text, len, 1 + (len + i) % 5);
            free(text);
        }
}
END_TEST

/* A reader that jumps over several blocks, as over one long token. */
START_TEST(leaps)
{
    for (size_t len = 64; len < LONGEST; len += 7)
        for (size_t step = 60; step < 200; step += 11) {
            uint8_t *text = text_of_length(len);

            for (size_t i = 5; i < len; i += 37)
                text[i] = '"';
            compare(text, len, step);
            free(text);
        }
}
END_TEST

START_TEST(dense)
{
    uint8_t text[LONGEST];

    memset(text, '"', sizeof(text));
    for (size_t len = 0; len < sizeof(text); len++)
        compare(text, len, 1);
}
END_TEST

UNIT_MAIN("schema/plain", every_byte_is_judged_right, every_length_and_place,
          leaps, dense)
