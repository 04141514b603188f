/* SPDX-License-Identifier: Apache-2.0 */
#include "audit/reader.h"
#include "base/check.h"
#include "unit.h"

#define NOW INT64_C(1800000000000000)

START_TEST(moments)
{
    static const struct {
        const char *text;
        const char *expected;
    } cases[] = {
        {"1970-01-01T00:00:00Z", "1970-01-01T00:00:00.000000Z"},
        {"2026-01-31T12:34:56Z", "2026-01-31T12:34:56.000000Z"},
        {"2026-01-31t12:34:56z", "2026-01-31T12:34:56.000000Z"},
        {"2026-01-31 12:34:56Z", "2026-01-31T12:34:56.000000Z"},
        {"2026-01-31T12:34:56.1Z", "2026-01-31T12:34:56.100000Z"},
        {"2026-01-31T12:34:56.1234567Z", "2026-01-31T12:34:56.123456Z"},
        {"2026-01-31T12:34:56+02:00", "2026-01-31T10:34:56.000000Z"},
        {"2026-01-31T23:34:56-05:30", "2026-02-01T05:04:56.000000Z"},
        {"2026-01-31T12:34:56-00:00", "2026-01-31T12:34:56.000000Z"},
        {"2026-01-31", "2026-01-31T00:00:00.000000Z"},
        {"2024-02-29", "2024-02-29T00:00:00.000000Z"},
        {"2000-02-29", "2000-02-29T00:00:00.000000Z"},
        {"2016-12-31T23:59:60Z", "2017-01-01T00:00:00.000000Z"},
        {"1969-12-31T23:59:59.999999Z", "1969-12-31T23:59:59.999999Z"},
        {"0000-01-01", "0000-01-01T00:00:00.000000Z"},
        {"9999-12-31T23:59:59Z", "9999-12-31T23:59:59.000000Z"},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char out[CLOCK_RFC3339_SIZE];
        wall_us t;

        ck_assert_msg(audit_time_parse(text_of(cases[i].text), NOW, &t) ==
                          STATUS_OK,
                      "%s", cases[i].text);
        clock_format_rfc3339(t, out);
        ck_assert_str_eq(out, cases[i].expected);
    }
}
END_TEST

/* Against the clock's own calendar, over 400 years and some. */
START_TEST(every_day_is_the_one_the_clock_prints)
{
    char text[CLOCK_RFC3339_SIZE];

    for (int64_t day = -40000; day < 110000; day += 5) {
        wall_us t = day * 86400 * US_PER_S + 12345678, back;

        clock_format_rfc3339(t, text);
        ck_assert_int_eq(audit_time_parse(text_of(text), NOW, &back),
                         STATUS_OK);
        ck_assert_int_eq(back, t);
    }
}
END_TEST

START_TEST(so_long_ago)
{
    wall_us t;

    ck_assert_int_eq(audit_time_parse(TEXT_LIT("30m"), NOW, &t), STATUS_OK);
    ck_assert_int_eq(t, NOW - 1800 * US_PER_S);
    ck_assert_int_eq(audit_time_parse(TEXT_LIT("2d"), NOW, &t), STATUS_OK);
    ck_assert_int_eq(t, NOW - 2 * 86400 * US_PER_S);
}
END_TEST

START_TEST(no_moments)
{
    static const char *const bad[] = {
        "",
        "now",
        "2026",
        "2026-1-1",
        "2026-13-01",
        "2026-00-01",
        "2026-01-00",
        "2026-01-32",
        "2026-02-29",
        "1900-02-29",
        "2026-04-31",
        "2026-01-31T",
        "2026-01-31T12:34",
        "2026-01-31T12:34:56",
        "2026-01-31T24:00:00Z",
        "2026-01-31T12:60:00Z",
        "2026-01-31T12:34:61Z",
        "2026-01-31T12:34:56.Z",
        "2026-01-31T12:34:56Zx",
        "2026-01-31T12:34:56+2:00",
        "2026-01-31T12:34:56+24:00",
        "2026-01-31T12:34:56+02:60",
        "2026-01-31T12:34:56+0200",
        "2026-01-31_12:34:56Z",
        "+026-01-31",
        "-1h",
        "1w",
        "1",
        "h",
    };

    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        wall_us t = 42;

        ck_assert_msg(audit_time_parse(text_of(bad[i]), NOW, &t) ==
                          STATUS_INVALID,
                      "%s", bad[i]);
        ck_assert_int_eq(t, 42);
    }
}
END_TEST

UNIT_MAIN("time", moments, every_day_is_the_one_the_clock_prints, so_long_ago,
          no_moments)
