/* SPDX-License-Identifier: Apache-2.0 */
#include "audit/numbers.h"

#include <stdio.h>

#include "base/check.h"
#include "unit.h"

static const struct audit_privacy masked = {AUDIT_NUMBERS_MASKED, {NULL, 0}};
static const struct audit_privacy hashed = {AUDIT_NUMBERS_HASHED,
                                            TEXT("secret")};

static void expect_number(const char *number, const char *expected)
{
    char out[AUDIT_NUMBER_HIDDEN_MAX];
    size_t n = audit_number_hide(&masked, text_of(number), out);

    ck_assert_msg(text_is(text_make(out, n), expected), "%s: %.*s", number,
                  (int)n, out);
}

START_TEST(masked_numbers)
{
    expect_number("+14155550100", "+14*******00");
    expect_number("+123456789012345", "+12***********45");
    expect_number("+1234567", "+12***67");
    expect_number("+123456", "+******");
    expect_number("+12", "+**");
    expect_number("7", "7");
    expect_number("", "");
    expect_number("anna@example.com", "ann***********om");
}
END_TEST

START_TEST(long_texts_are_bounded)
{
    char text[1000], out[AUDIT_NUMBER_HIDDEN_MAX];

    memset(text, '1', sizeof(text));
    ck_assert_uint_eq(
        audit_number_hide(&masked, text_make(text, sizeof(text)), out),
        AUDIT_NUMBER_MAX);
    ck_assert_uint_eq(
        audit_number_hide(&hashed, text_make(text, sizeof(text)), out), 69);
}
END_TEST

static void expect_path(const char *path, const char *expected)
{
    char out[1024];
    size_t n = audit_path_hide(&masked, text_of(path), out, sizeof(out));

    ck_assert_msg(text_is(text_make(out, n), expected), "%s: %.*s", path,
                  (int)n, out);
}

#define UUID "550e8400-e29b-41d4-a716-446655440000"

START_TEST(paths_without_numbers_stay)
{
    static const char *const same[] = {
        "",
        "/",
        "/v3/chats/" UUID "/messages",
        "/v3/chats/" UUID,
        "/v3/chats?limit=100&cursor=abc",
        "/a%2Fb%zz%2",
        "%",
        "%2",
        "%2B",
        "%2B1",
        "%25",
        "%252",
        "%252B",
        "+",
        "+1",
        "?a=123456",
        "?x=" UUID "&y=2",
    };

    for (size_t i = 0; i < ARRAY_LEN(same); i++)
        expect_path(same[i], same[i]);
}
END_TEST

START_TEST(numbers_in_paths_are_found)
{
    expect_path("/v3/chats?from=%2B14155550100", "/v3/chats?from=+14*******00");
    expect_path("/v3/chats?from=%2b14155550100&to=%2B4930123456",
                "/v3/chats?from=+14*******00&to=+49******56");
    expect_path("?from=+14155550100", "?from=+14*******00");
    expect_path("?from=14155550100", "?from=141******00");
    expect_path("?from=%2014155550100", "?from=%20141******00");
    expect_path("/numbers/+14155550100/x", "/numbers/+14*******00/x");
    expect_path("/+12", "/+**");
    expect_path("?f=%2B1%34155550100", "?f=+14*******00");
    expect_path("?f=%2B%31%34%31%35%35%35%35%30%31%30%30", "?f=+14*******00");
    expect_path("?f=%31%34%31%35%35%35%35%30%31%30%30", "?f=141******00");
    /* Encoded twice, and three times. */
    expect_path("?f=%252B14155550100", "?f=+14*******00");
    expect_path("?f=%25252B14155550100", "?f=+14*******00");
    expect_path("?f=%252B%253114155550", "?f=+11*****50");
    /* Not a UUID: one digit off, or glued to more. */
    expect_path("/" UUID "0", "/550e8400-e29b-41d4-a716-446********00");
    expect_path("/x14155550100y", "/x141******00y");
}
END_TEST

START_TEST(hashed_path_says_the_hash_of_the_number)
{
    char one[AUDIT_NUMBER_HIDDEN_MAX], out[1024], expected[1024];
    size_t n = audit_number_hide(&hashed, TEXT_LIT("+14155550100"), one);

    snprintf(expected, sizeof(expected), "/a?f=%.*s&b", (int)n, one);
    n = audit_path_hide(&hashed, TEXT_LIT("/a?f=%2B14155550100&b"), out,
                        sizeof(out));
    ck_assert(text_is(text_make(out, n), expected));
}
END_TEST

/* No cut of the output lets more of a number show, nor runs over the end. */
START_TEST(every_size_of_output)
{
    static const char path[] = "/a?f=%2B14155550100&t=%2B4930123456&u=" UUID;
    char all[256];
    size_t whole = audit_path_hide(&masked, text_of(path), all, sizeof(all));

    for (size_t size = 0; size <= whole; size++) {
        char *out = malloc(size + 1); /* so that the sanitizer sees the end */

        ck_assert_uint_eq(audit_path_hide(&masked, text_of(path), out, size),
                          size);
        ck_assert_mem_eq(out, all, size);
        free(out);
    }
}
END_TEST

UNIT_MAIN("numbers", masked_numbers, long_texts_are_bounded,
          paths_without_numbers_stay, numbers_in_paths_are_found,
          hashed_path_says_the_hash_of_the_number, every_size_of_output)
