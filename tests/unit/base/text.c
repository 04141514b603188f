/* SPDX-License-Identifier: Apache-2.0 */
#include "base/text.h"

#include <stdio.h>

#include "base/check.h"
#include "unit.h"

START_TEST(letters_are_ascii_letters)
{
    ck_assert(text_equal_nocase(TEXT_LIT("Content-LENGTH"),
                                TEXT_LIT("content-length")));
    ck_assert(!text_equal_nocase(TEXT_LIT("a"), TEXT_LIT("ab")));
    /* '@' and '`', '[' and '{' differ by 32 like letters do */
    ck_assert(!text_equal_nocase(TEXT_LIT("@["), TEXT_LIT("`{")));
    /* U+212A KELVIN SIGN is a k to Unicode; to a header it is not */
    ck_assert(!text_equal_nocase(TEXT_LIT("\xe2\x84\xaa"), TEXT_LIT("k")));
    ck_assert(!text_equal_nocase(TEXT_LIT("\xc4"), TEXT_LIT("\xe4")));
}
END_TEST

START_TEST(absent_is_not_empty_but_compares_equal)
{
    ck_assert(text_is_absent(text_of(NULL)));
    ck_assert(!text_is_absent(text_of("")));
    ck_assert(text_equal(text_of(NULL), text_of("")));
    ck_assert(text_starts_with(text_of(NULL), text_of("")));
    ck_assert(text_ends_with(text_of(NULL), text_of("")));
}
END_TEST

START_TEST(prefix_and_suffix_may_be_longer_than_the_text)
{
    struct text t = TEXT_LIT("abc");

    ck_assert(text_starts_with(t, TEXT_LIT("ab")));
    ck_assert(!text_starts_with(t, TEXT_LIT("b")));
    ck_assert(!text_starts_with(t, TEXT_LIT("abcd")));
    ck_assert(text_ends_with(t, TEXT_LIT("bc")));
    ck_assert(text_ends_with(t, TEXT_LIT("abc")));
    ck_assert(!text_ends_with(t, TEXT_LIT("zabc")));
    ck_assert(!text_ends_with(t, TEXT_LIT("ab")));
}
END_TEST

START_TEST(trim_takes_spaces_and_tabs_only)
{
    ck_assert(text_is(text_trim(TEXT_LIT(" \t a b \t")), "a b"));
    ck_assert(text_is(text_trim(TEXT_LIT(" \t ")), ""));
    ck_assert(text_is(text_trim(TEXT_LIT("\r\na\v")), "\r\na\v"));
    ck_assert(text_is_absent(text_trim(text_of(NULL))));
}
END_TEST

START_TEST(cut_tells_an_empty_rest_from_none)
{
    struct text head, rest;

    rest = text_cut(TEXT_LIT("a,b,c"), ',', &head);
    ck_assert(text_is(head, "a") && text_is(rest, "b,c"));
    rest = text_cut(TEXT_LIT("a,"), ',', &head);
    ck_assert(text_is(head, "a") && !text_is_absent(rest) && rest.len == 0);
    rest = text_cut(rest, ',', &head);
    ck_assert(!text_is_absent(head) && head.len == 0 && text_is_absent(rest));
    rest = text_cut(text_of(NULL), ',', &head);
    ck_assert(text_is_absent(head) && text_is_absent(rest));
}
END_TEST

START_TEST(numbers_are_digits_only)
{
    static const char *const bad[] = {
        "",    "+1",  "-1", " 1",  "1 ",
        "0x1", "1e3", "1.", "one", "99999999999999999999x"};
    uint64_t n = 77;

    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        ck_assert_msg(text_to_u64(text_of(bad[i]), UINT64_MAX, &n) ==
                          STATUS_INVALID,
                      "'%s'", bad[i]);
    ck_assert_int_eq(text_to_u64(TEXT_LIT("1\0"), 9, &n), STATUS_INVALID);
    ck_assert_uint_eq(n, 77); /* untouched */
}
END_TEST

START_TEST(numbers_stop_at_their_maximum)
{
    uint64_t n = 77;

    ck_assert_int_eq(
        text_to_u64(TEXT_LIT("18446744073709551616"), UINT64_MAX, &n),
        STATUS_TOO_LARGE);
    ck_assert_int_eq(
        text_to_u64(TEXT_LIT("99999999999999999999999"), UINT64_MAX, &n),
        STATUS_TOO_LARGE);
    ck_assert_int_eq(text_to_u64(TEXT_LIT("11"), 10, &n), STATUS_TOO_LARGE);
    ck_assert_uint_eq(n, 77);
    ck_assert_int_eq(
        text_to_u64(TEXT_LIT("18446744073709551615"), UINT64_MAX, &n),
        STATUS_OK);
    ck_assert_uint_eq(n, UINT64_MAX);
    ck_assert_int_eq(text_to_u64(TEXT_LIT("00010"), 10, &n), STATUS_OK);
    ck_assert_uint_eq(n, 10);
}
END_TEST

START_TEST(durations_need_a_unit)
{
    static const char *const bad[] = {"",      "30",   "s",    "30 s", " 30s",
                                      "1.5s",  "-1s",  "30S",  "30us", "30sec",
                                      "1h30m", "0x1s", "1e3s", "30ms "};
    int64_t us = 77;

    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        ck_assert_msg(text_to_duration_us(text_of(bad[i]), &us) ==
                          STATUS_INVALID,
                      "'%s'", bad[i]);
    ck_assert_int_eq(text_to_duration_us(TEXT_LIT("9223372036854775807s"), &us),
                     STATUS_TOO_LARGE);
    ck_assert_int_eq(text_to_duration_us(TEXT_LIT("106751992d"), &us),
                     STATUS_TOO_LARGE);
    ck_assert_int_eq(us, 77);
}
END_TEST

START_TEST(durations_are_microseconds)
{
    static const struct {
        const char *text;
        int64_t us;
    } good[] = {
        {"50ms", 50000},
        {"0s", 0},
        {"30s", 30000000},
        {"5m", INT64_C(300000000)},
        {"1h", INT64_C(3600000000)},
        {"2d", INT64_C(172800000000)},
        {"106751991d", INT64_C(106751991) * 86400 * 1000000},
    };
    int64_t us;

    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        ck_assert_int_eq(text_to_duration_us(text_of(good[i].text), &us),
                         STATUS_OK);
        ck_assert_int_eq(us, good[i].us);
    }
}
END_TEST

START_TEST(sizes_know_binary_and_decimal_units)
{
    static const char *const bad[] = {"",       "KiB", "8mib", "8 MiB",
                                      "8Mi",    "8M",  "8KB",  "8kb",
                                      "1.5MiB", "-1",  "8B",   "8MiBs"};
    static const struct {
        const char *text;
        int64_t bytes;
    } good[] = {
        {"512", 512},
        {"0", 0},
        {"16KiB", 16384},
        {"8MiB", INT64_C(8) << 20},
        {"1GiB", INT64_C(1) << 30},
        {"10kB", 10000},
        {"10MB", 10000000},
        {"1GB", 1000000000},
        {"9223372036854775807", INT64_MAX},
    };
    int64_t bytes = 77;

    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        ck_assert_msg(text_to_size(text_of(bad[i]), &bytes) == STATUS_INVALID,
                      "'%s'", bad[i]);
    ck_assert_int_eq(text_to_size(TEXT_LIT("9223372036854775808"), &bytes),
                     STATUS_TOO_LARGE);
    ck_assert_int_eq(text_to_size(TEXT_LIT("8589934592GiB"), &bytes),
                     STATUS_TOO_LARGE);
    ck_assert_int_eq(bytes, 77);
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        ck_assert_int_eq(text_to_size(text_of(good[i].text), &bytes),
                         STATUS_OK);
        ck_assert_int_eq(bytes, good[i].bytes);
    }
}
END_TEST

START_TEST(numbers_are_written_as_they_are_read)
{
    static const uint64_t numbers[] = {0,          9,         10,
                                       4294967296, INT64_MAX, UINT64_MAX};
    char room[TEXT_DIGITS_MAX], expected[32];

    for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
        uint64_t back;
        struct text t = text_from_u64(numbers[i], room);

        snprintf(expected, sizeof(expected), "%llu",
                 (unsigned long long)numbers[i]);
        ck_assert(text_is(t, expected));
        ck_assert_int_eq(text_to_u64(t, UINT64_MAX, &back), STATUS_OK);
        ck_assert(back == numbers[i]);
    }
}
END_TEST

START_TEST(a_copy_is_terminated)
{
    char *copy = text_dup(text_make("abcdef", 3));

    ck_assert_str_eq(copy, "abc");
    free(copy);
    copy = text_dup(text_of(NULL));
    ck_assert_str_eq(copy, "");
    free(copy);
}
END_TEST

/* Each line: bytes that are no well-formed sequence. */
START_TEST(ill_formed_utf8_is_seen)
{
    static const struct text bad[] = {
        TEXT("\x80"),
        TEXT("\xbf"),
        TEXT("\xc0\x80"),
        TEXT("\xc1\xbf"), /* overlong */
        TEXT("\xc3"),
        TEXT("\xc3\x28"),
        TEXT("\xe0\x9f\xbf"),
        TEXT("\xe2\x82"),
        TEXT("\xe2\x28\xa1"),
        TEXT("\xe2\x82\x28"),
        TEXT("\xed\xa0\x80"),
        TEXT("\xed\xbf\xbf"), /* surrogates */
        TEXT("\xf0\x8f\xbf\xbf"),
        TEXT("\xf0\x9f\x98"),
        TEXT("\xf0\x9f\x98\x28"),
        TEXT("\xf4\x90\x80\x80"),
        TEXT("\xf5\x80\x80\x80"),
        TEXT("\xf8\x88\x80\x80\x80"),
        TEXT("\xfe"),
        TEXT("\xff"),
        TEXT(""),
    };

    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        ck_assert_msg(text_utf8_sequence(bad[i].data, bad[i].len) == 0,
                      "case %zu", i);
}
END_TEST

START_TEST(well_formed_utf8_has_its_length)
{
    ck_assert_uint_eq(text_utf8_sequence("\0", 1), 1);
    ck_assert_uint_eq(text_utf8_sequence("\x7f\xff", 2), 1);
    ck_assert_uint_eq(text_utf8_sequence("\xc2\x80", 2), 2);
    ck_assert_uint_eq(text_utf8_sequence("\xe0\xa0\x80", 3), 3);
    ck_assert_uint_eq(text_utf8_sequence("\xed\x9f\xbf", 3), 3);
    ck_assert_uint_eq(text_utf8_sequence("\xee\x80\x80", 3), 3);
    ck_assert_uint_eq(text_utf8_sequence("\xf0\x90\x80\x80", 4), 4);
    ck_assert_uint_eq(text_utf8_sequence("\xf4\x8f\xbf\xbfx", 5), 4);
}
END_TEST

UNIT_MAIN("text", letters_are_ascii_letters,
          absent_is_not_empty_but_compares_equal,
          prefix_and_suffix_may_be_longer_than_the_text,
          trim_takes_spaces_and_tabs_only, cut_tells_an_empty_rest_from_none,
          numbers_are_digits_only, numbers_stop_at_their_maximum,
          numbers_are_written_as_they_are_read, durations_need_a_unit,
          durations_are_microseconds, sizes_know_binary_and_decimal_units,
          a_copy_is_terminated, ill_formed_utf8_is_seen,
          well_formed_utf8_has_its_length)
