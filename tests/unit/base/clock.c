/* SPDX-License-Identifier: Apache-2.0 */
#include "base/clock.h"
#include "base/check.h"
#include "unit.h"

#include <stdio.h>
#include <time.h>

START_TEST(known_moments)
{
    static const struct {
        wall_us t;
        const char *text;
    } known[] = {
        {0, "1970-01-01T00:00:00.000000Z"},
        {-1, "1969-12-31T23:59:59.999999Z"},
        {INT64_C(951782399999999), "2000-02-28T23:59:59.999999Z"},
        {INT64_C(951782400000000), "2000-02-29T00:00:00.000000Z"},
        {INT64_C(951868800000000), "2000-03-01T00:00:00.000000Z"},
        {INT64_C(1769860800000001), "2026-01-31T12:00:00.000001Z"},
        {INT64_C(4107542399000000), "2100-02-28T23:59:59.000000Z"},
        {INT64_C(4107542400000000), "2100-03-01T00:00:00.000000Z"},
        {INT64_C(2147483648000000), "2038-01-19T03:14:08.000000Z"},
    };
    char out[CLOCK_RFC3339_SIZE];

    for (size_t i = 0; i < ARRAY_LEN(known); i++) {
        clock_format_rfc3339(known[i].t, out);
        ck_assert_str_eq(out, known[i].text);
    }
}
END_TEST

START_TEST(moments_outside_four_digit_years_are_clamped)
{
    char out[CLOCK_RFC3339_SIZE];

    clock_format_rfc3339(INT64_MIN, out);
    ck_assert_str_eq(out, "0000-01-01T00:00:00.000000Z");
    clock_format_rfc3339(INT64_MAX, out);
    ck_assert_str_eq(out, "9999-12-31T23:59:59.999999Z");
}
END_TEST

START_TEST(every_week_of_eight_centuries_agrees_with_the_c_library)
{
    char out[CLOCK_RFC3339_SIZE], expected[64];

    for (int64_t s = INT64_C(-12622780800); s < INT64_C(12622780800);
         s += 7 * 86400 + 3601) {
        time_t t = (time_t)s;
        struct tm tm;

        ck_assert_ptr_nonnull(gmtime_r(&t, &tm));
        strftime(expected, sizeof(expected), "%Y-%m-%dT%H:%M:%S.000000Z", &tm);
        clock_format_rfc3339(s * US_PER_S, out);
        ck_assert_str_eq(out, expected);
    }
}
END_TEST

START_TEST(the_system_clock_goes_forward)
{
    const struct clock *c = clock_system();
    mono_us a = clock_mono(c), b = clock_mono(c);

    ck_assert_int_ge(b, a);
    ck_assert_int_gt(clock_wall(c), INT64_C(1577836800000000)); /* 2020 */
}
END_TEST

UNIT_MAIN("clock", known_moments, moments_outside_four_digit_years_are_clamped,
          every_week_of_eight_centuries_agrees_with_the_c_library,
          the_system_clock_goes_forward)
