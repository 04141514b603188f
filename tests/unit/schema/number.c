/* SPDX-License-Identifier: Apache-2.0
 *
 * Decimal numbers: order, integers, multiples, and one form for equal ones.
 */
#include "schema/number.h"

#include <string.h>

#include "base/check.h"
#include "tests/unit/unit.h"

static struct number number(const char *text)
{
    struct number n;

    ck_assert_msg(number_is_json(text_of(text)), "%s", text);
    number_parse(text_of(text), &n);
    return n;
}

START_TEST(only_json_numbers_are_numbers)
{
    static const char *const bad[] = {
        "",    "-",     "+1",       "01",    "00",   "1.",   ".5",
        "-.5", "1e",    "1e+",      "1e-",   "1.e1", "0x1",  "1_0",
        "1 ",  " 1",    "1,0",      "NaN",   "-01",  "1e1.", "1ee1",
        "--1", "1e+-1", "Infinity", "1.1.1", "1\n",
    };
    static const char *const good[] = {
        "0",     "-0",
        "1",     "-1",
        "10",    "0.5",
        "-0.50", "1e1",
        "1E+1",  "1.5e-7",
        "0e0",   "0.0e9",
        "1e00",  "9999999999999999999999",
    };

    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        ck_assert_msg(!number_is_json(text_of(bad[i])), "%s", bad[i]);
    for (size_t i = 0; i < ARRAY_LEN(good); i++)
        ck_assert_msg(number_is_json(text_of(good[i])), "%s", good[i]);
    ck_assert(!number_is_json(text_make("1\0", 2)));
}
END_TEST

/* Ascending; the numbers of one row are equal. */
static const char *const ladder[][6] = {
    {"-1e99999999999999999999", "-10e99999999999999999998"},
    {"-1e18", "-1000000000000000000", "-0.1e19"},
    {"-12", "-12.0", "-1.2e1", "-120e-1"},
    {"-1.5"},
    {"-1", "-1.000"},
    {"-0.000001", "-1e-6"},
    {"-1e-99999999999999999999"},
    {"0", "-0", "0.0", "0e99999999999999999999", "-0e-5"},
    {"1e-99999999999999999999", "10e-100000000000000000000"},
    {"1e-400"},
    {"0.1", "1e-1", "10e-2", "0.10"},
    {"0.10000000000000000001"},
    {"9", "9.0", "90e-1"},
    {"9.5"},
    {"10", "1e1", "1.0e+1", "100e-1"},
    {"99999999999999999999"},
    {"1e20", "100000000000000000000"},
    {"1e308"},
    {"1e999999999999999999", "10e999999999999999998"},
    {"1e99999999999999999999"},
};

START_TEST(comparing_is_exact)
{
    for (size_t i = 0; i < ARRAY_LEN(ladder); i++) {
        for (size_t k = 0; k < ARRAY_LEN(ladder); k++) {
            for (size_t a = 0; a < 6 && ladder[i][a]; a++) {
                for (size_t b = 0; b < 6 && ladder[k][b]; b++) {
                    struct number x = number(ladder[i][a]);
                    struct number y = number(ladder[k][b]);
                    int order = number_compare(&x, &y);

                    if ((order > 0) - (order < 0) != (i > k) - (i < k))
                        ck_abort_msg("%s %s: %d", ladder[i][a], ladder[k][b],
                                     order);
                }
            }
        }
    }
}
END_TEST

static char *canonical(const char *text)
{
    struct number n = number(text);
    struct buffer b;
    char *copy;

    buffer_init(&b, 4096);
    ck_assert_int_eq(number_canonical(&n, &b), STATUS_OK);
    copy = text_dup(buffer_text(&b));
    ck_assert_ptr_nonnull(copy);
    buffer_release(&b);
    return copy;
}

START_TEST(equal_numbers_have_one_form)
{
    for (size_t i = 0; i < ARRAY_LEN(ladder); i++) {
        char *first = canonical(ladder[i][0]);

        for (size_t k = 0; k < ARRAY_LEN(ladder); k++) {
            for (size_t a = 0; a < 6 && ladder[k][a]; a++) {
                char *other = canonical(ladder[k][a]);

                if ((strcmp(first, other) == 0) != (i == k))
                    ck_abort_msg("%s is %s, %s is %s", ladder[i][0], first,
                                 ladder[k][a], other);
                free(other);
            }
        }
        free(first);
    }
}
END_TEST

START_TEST(forms_of_exponents_past_counting)
{
    static const char *const rows[][2] = {
        {"1e1000000000000000000", "1e1000000000000000001"},
        {"0.001e1000000000000000002", "1e1000000000000000000"},
        {"100e-10000000000000000001", "1e-9999999999999999998"},
        {"1e999999999999999999", "1e1000000000000000000"},
        {"10e999999999999999999", "1e1000000000000000001"},
        {"1e00000000000000000000000000005", "1e6"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char *form = canonical(rows[i][0]);

        ck_assert_str_eq(form, rows[i][1]);
        free(form);
    }
}
END_TEST

START_TEST(integers)
{
    static const char *const yes[] = {"0",
                                      "-0.0",
                                      "1.0",
                                      "10e-1",
                                      "1e5",
                                      "1.5e1",
                                      "-7",
                                      "1e99999999999999999999",
                                      "0e-99999999999999999999"};
    static const char *const no[] = {"0.5",
                                     "1.05",
                                     "1e-1",
                                     "15e-1",
                                     "1e-99999999999999999999",
                                     "123456789012345678901234567890.1"};

    for (size_t i = 0; i < ARRAY_LEN(yes); i++) {
        struct number n = number(yes[i]);

        ck_assert_msg(number_is_integer(&n), "%s", yes[i]);
    }
    for (size_t i = 0; i < ARRAY_LEN(no); i++) {
        struct number n = number(no[i]);

        ck_assert_msg(!number_is_integer(&n), "%s", no[i]);
    }
}
END_TEST

START_TEST(multiples)
{
    static const struct {
        const char *number, *divisor;
        bool is_multiple;
    } rows[] = {
        {"10", "5", true},
        {"11", "5", false},
        {"0", "5", true},
        {"-10", "5", true},
        {"0.3", "0.1", true}, /* not in binary */
        {"0.35", "0.1", false},
        {"4.5", "1.5", true},
        {"0.0075", "0.0001", true},
        {"0.00751", "0.0001", false},
        {"1e308", "0.123456789", false},
        {"1e308", "0.5", true},
        {"12391239123", "1e-8", true},
        {"1e99999999999999999999", "7", false},
        {"1e99999999999999999999", "1024", true},
        {"7e99999999999999999999", "7", true},
        {"1e-99999999999999999999", "1", false},
        {"5", "10", false},
        {"100", "40", false},
        {"1e62", "4611686018427387904", false}, /* more digits than 18 */
        {"1e60", "1152921504606846976", false},
        {"9007199254740993", "3", true},
        {"9007199254740992", "3", false},
        {"1e59", "576460752303423488", true}, /* 2^59, 18 digits */
        {"1e58", "576460752303423488", false},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct number n = number(rows[i].number);
        struct number by = number(rows[i].divisor);
        struct number_divisor d;
        bool usable = number_divisor(&by, &d);

        if (usable)
            ck_assert_msg(number_is_multiple(&n, &d) == rows[i].is_multiple,
                          "%s %s", rows[i].number, rows[i].divisor);
        else
            ck_assert_msg(by.count > 18, "%s", rows[i].divisor);
    }
}
END_TEST

START_TEST(divisors_that_cannot_be)
{
    static const char *const bad[] = {"0", "-1", "1234567890123456789",
                                      "1e99999999999999999999"};

    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct number n = number(bad[i]);
        struct number_divisor d;

        ck_assert_msg(!number_divisor(&n, &d), "%s", bad[i]);
    }
}
END_TEST

START_TEST(to_machine_integers)
{
    struct number n = number("2.0");
    uint64_t u;
    int64_t i;

    ck_assert(number_to_u64(&n, &u));
    ck_assert_uint_eq(u, 2);
    n = number("18446744073709551615");
    ck_assert(number_to_u64(&n, &u));
    ck_assert_uint_eq(u, UINT64_MAX);
    n = number("1e99999999999999999999");
    ck_assert(number_to_u64(&n, &u));
    ck_assert_uint_eq(u, UINT64_MAX);
    n = number("-1");
    ck_assert(!number_to_u64(&n, &u));
    n = number("0.5");
    ck_assert(!number_to_u64(&n, &u));
    n = number("-9223372036854775808");
    ck_assert(number_to_i64(&n, &i));
    ck_assert_int_eq(i, INT64_MIN);
    n = number("9223372036854775808");
    ck_assert(!number_to_i64(&n, &i));
}
END_TEST

UNIT_MAIN("schema/number", only_json_numbers_are_numbers, comparing_is_exact,
          equal_numbers_have_one_form, forms_of_exponents_past_counting,
          integers, multiples, divisors_that_cannot_be, to_machine_integers)
