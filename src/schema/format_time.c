/* SPDX-License-Identifier: Apache-2.0
 *
 * schema/format_time.c - dates and times of RFC 3339 section 5.6.
 *
 * Years are 0000 to 9999 in the proleptic Gregorian calendar. A 60th second
 * may stand only where a leap second can: at 23:59 UTC, whatever the offset,
 * and, where the date is known, at the end of a month (section 5.7).
 */
#include "schema/format_rules.h"

#define DAY_MINUTES (24 * 60)

struct when {
    unsigned year, month, day;
    unsigned hour, minute, second;
    int offset_minutes;
};

/* Take exactly `count` digits as a number from `min` to `max`. */
static bool take_number(struct text *t, size_t count, unsigned min,
                        unsigned max, unsigned *out)
{
    unsigned value = 0;

    if (t->len < count)
        return false;
    for (size_t i = 0; i < count; i++) {
        if (!format_is_digit(t->data[i]))
            return false;
        value = value * 10 + (unsigned)(t->data[i] - '0');
    }
    if (value < min || value > max)
        return false;
    t->data += count;
    t->len -= count;
    *out = value;
    return true;
}

/* Take one character, in either case if it is a letter. */
static bool take_char(struct text *t, char lower)
{
    if (t->len == 0 || (t->data[0] != lower &&
                        (lower < 'a' || t->data[0] != lower - 'a' + 'A')))
        return false;
    t->data++;
    t->len--;
    return true;
}

static unsigned days_of(unsigned year, unsigned month)
{
    static const uint8_t days[] = {31, 28, 31, 30, 31, 30,
                                   31, 31, 30, 31, 30, 31};
    bool is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);

    return days[month - 1] + (month == 2 && is_leap);
}

/* full-date */
static bool take_date(struct text *t, struct when *w)
{
    return take_number(t, 4, 0, 9999, &w->year) && take_char(t, '-') &&
           take_number(t, 2, 1, 12, &w->month) && take_char(t, '-') &&
           take_number(t, 2, 1, days_of(w->year, w->month), &w->day);
}

/* time-offset */
static bool take_offset(struct text *t, struct when *w)
{
    unsigned hours, minutes;
    bool is_negative;

    w->offset_minutes = 0;
    if (take_char(t, 'z'))
        return true;
    is_negative = take_char(t, '-');
    if (!is_negative && !take_char(t, '+'))
        return false;
    if (!take_number(t, 2, 0, 23, &hours) || !take_char(t, ':') ||
        !take_number(t, 2, 0, 59, &minutes))
        return false;
    w->offset_minutes = (int)(hours * 60 + minutes);
    if (is_negative)
        w->offset_minutes = -w->offset_minutes;
    return true;
}

/* full-time */
static bool take_time(struct text *t, struct when *w)
{
    if (!take_number(t, 2, 0, 23, &w->hour) || !take_char(t, ':') ||
        !take_number(t, 2, 0, 59, &w->minute) || !take_char(t, ':') ||
        !take_number(t, 2, 0, 60, &w->second))
        return false;
    if (take_char(t, '.')) {
        unsigned digit;

        if (!take_number(t, 1, 0, 9, &digit))
            return false;
        while (take_number(t, 1, 0, 9, &digit))
            ;
    }
    return take_offset(t, w);
}

/* The minute in UTC, counted from 00:00 UTC of the local date: below 0 it
 * belongs to the day before, from DAY_MINUTES on to the day after. */
static int utc_minute(const struct when *w)
{
    return (int)(w->hour * 60 + w->minute) - w->offset_minutes;
}

/* 23:59 UTC; not of the day after, for offsets are below 24 hours. */
static bool is_last_minute(const struct when *w)
{
    return utc_minute(w) == DAY_MINUTES - 1 || utc_minute(w) == -1;
}

/* Whether the day in UTC, in its last minute, ends a month. */
static bool is_end_of_month(const struct when *w)
{
    if (utc_minute(w) < 0)
        return w->day == 1;
    return w->day == days_of(w->year, w->month);
}

bool format_is_date(struct text t)
{
    struct when w;

    return take_date(&t, &w) && t.len == 0;
}

bool format_is_time(struct text t)
{
    struct when w;

    return take_time(&t, &w) && t.len == 0 &&
           (w.second < 60 || is_last_minute(&w));
}

bool format_is_date_time(struct text t)
{
    struct when w;

    return take_date(&t, &w) && take_char(&t, 't') && take_time(&t, &w) &&
           t.len == 0 &&
           (w.second < 60 || (is_last_minute(&w) && is_end_of_month(&w)));
}
