/* SPDX-License-Identifier: Apache-2.0
 *
 * base/clock.c - the machine's clocks, and time as people write it.
 *
 * The date comes from the day number by arithmetic on the proleptic
 * Gregorian calendar, not by gmtime_r(): it is on the path of every audit
 * line, and it must not depend on a C library's idea of leap seconds.
 */
#include "base/clock.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

static int64_t read_clock(clockid_t which)
{
    struct timespec ts;

    /* Cannot fail: both clocks exist on every Linux. */
    clock_gettime(which, &ts);
    return (int64_t)ts.tv_sec * US_PER_S + ts.tv_nsec / 1000;
}

static mono_us system_mono(void *arg)
{
    (void)arg;
    return read_clock(CLOCK_MONOTONIC);
}

static wall_us system_wall(void *arg)
{
    (void)arg;
    return read_clock(CLOCK_REALTIME);
}

const struct clock *clock_system(void)
{
    static const struct clock the_clock = {system_mono, system_wall, NULL};

    return &the_clock;
}

/* The `width` lowest decimal digits of `n`. */
static char *put_digits(char *out, int64_t n, int width)
{
    for (int i = width - 1; i >= 0; i--) {
        out[i] = (char)('0' + n % 10);
        n /= 10;
    }
    return out + width;
}

/* Years 0000 to 9999 are all that the format can show. */
#define FIRST_US INT64_C(-62167219200000000)
#define LAST_US INT64_C(253402300799999999)

void clock_format_rfc3339(wall_us t, char out[CLOCK_RFC3339_SIZE])
{
    int64_t days, day_us, era, day, year, month, s;

    if (t < FIRST_US)
        t = FIRST_US;
    if (t > LAST_US)
        t = LAST_US;
    days = t / (86400 * US_PER_S);
    day_us = t % (86400 * US_PER_S);
    if (day_us < 0) {
        day_us += 86400 * US_PER_S;
        days--;
    }
    /* Count from 0000-03-01, so that the leap day ends a year: a year then
     * begins with March, and months 0 to 11 begin on day (153 m + 2) / 5. An
     * era is 400 years, 146,097 days. The earliest date is in January of
     * the year 0, which is in the era before, hence the added one. */
    days += 719468 + 146097;
    era = days / 146097 - 1;
    day = days % 146097;
    year = (day - day / 1460 + day / 36524 - day / 146096) / 365;
    day -= 365 * year + year / 4 - year / 100;
    year += era * 400;
    month = (5 * day + 2) / 153;
    day -= (153 * month + 2) / 5;
    month = month < 10 ? month + 3 : month - 9;
    year += month <= 2;

    s = day_us / US_PER_S;
    out = put_digits(out, year, 4);
    *out++ = '-';
    out = put_digits(out, month, 2);
    *out++ = '-';
    out = put_digits(out, day + 1, 2);
    *out++ = 'T';
    out = put_digits(out, s / 3600, 2);
    *out++ = ':';
    out = put_digits(out, s / 60 % 60, 2);
    *out++ = ':';
    out = put_digits(out, s % 60, 2);
    *out++ = '.';
    out = put_digits(out, day_us % US_PER_S, 6);
    *out++ = 'Z';
    *out = '\0';
}
