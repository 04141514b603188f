/* SPDX-License-Identifier: Apache-2.0
 *
 * audit/time.c - moments as people give them on a command line.
 *
 * RFC 3339 section 5.6. A leap second counts as the second after it.
 */
#include "audit/reader.h"

struct date {
    int64_t year, month, day, hour, minute, second, us;
};

/* `count` digits at the front of *t, taken off. */
static bool take_digits(struct text *t, size_t count, int64_t *out)
{
    uint64_t n;

    if (t->len < count ||
        text_to_u64(text_make(t->data, count), INT64_MAX, &n) != STATUS_OK)
        return false;
    *out = (int64_t)n;
    t->data += count;
    t->len -= count;
    return true;
}

static bool take_char(struct text *t, const char *any_of)
{
    if (t->len == 0 || t->data[0] == '\0' || !strchr(any_of, t->data[0]))
        return false;
    t->data++;
    t->len--;
    return true;
}

static int64_t days_in_month(int64_t year, int64_t month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool is_leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

    return month == 2 && is_leap ? 29 : days[month - 1];
}

/* Days since 1970-01-01 in the Gregorian calendar: years are counted from
 * March, so that the leap day is the last of one. */
static int64_t day_number(const struct date *d)
{
    int64_t year = d->year - (d->month <= 2);
    int64_t month = (d->month + 9) % 12;
    int64_t era = (year >= 0 ? year : year - 399) / 400;
    int64_t of_era = year - era * 400;

    return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 +
           (month * 153 + 2) / 5 + d->day - 1 - 719468;
}

static bool take_date(struct text *t, struct date *d)
{
    return take_digits(t, 4, &d->year) && take_char(t, "-") &&
           take_digits(t, 2, &d->month) && take_char(t, "-") &&
           take_digits(t, 2, &d->day) && d->month >= 1 && d->month <= 12 &&
           d->day >= 1 && d->day <= days_in_month(d->year, d->month);
}

/* ".123": microseconds, what is finer is cut off. */
static bool take_fraction(struct text *t, struct date *d)
{
    int64_t digit, scale = US_PER_S / 10;

    if (!take_char(t, "."))
        return true;
    if (!take_digits(t, 1, &digit))
        return false;
    do {
        d->us += digit * scale;
        scale /= 10;
    } while (take_digits(t, 1, &digit));
    return true;
}

static bool take_time(struct text *t, struct date *d)
{
    return take_digits(t, 2, &d->hour) && take_char(t, ":") &&
           take_digits(t, 2, &d->minute) && take_char(t, ":") &&
           take_digits(t, 2, &d->second) && take_fraction(t, d) &&
           d->hour <= 23 && d->minute <= 59 && d->second <= 60;
}

static bool take_offset(struct text *t, int64_t *seconds)
{
    int64_t sign, hours, minutes;

    *seconds = 0;
    if (take_char(t, "Zz"))
        return true;
    sign = t->len > 0 && t->data[0] == '-' ? -1 : 1;
    if (!take_char(t, "+-") || !take_digits(t, 2, &hours) ||
        !take_char(t, ":") || !take_digits(t, 2, &minutes) || hours > 23 ||
        minutes > 59)
        return false;
    *seconds = sign * (hours * 3600 + minutes * 60);
    return true;
}

enum status audit_time_parse(struct text t, wall_us now, wall_us *out)
{
    struct date d = {0};
    int64_t ago, offset = 0;

    if (text_to_duration_us(t, &ago) == STATUS_OK) {
        *out = now - ago;
        return STATUS_OK;
    }
    if (!take_date(&t, &d))
        return STATUS_INVALID;
    if (t.len > 0 && (!take_char(&t, "Tt ") || !take_time(&t, &d) ||
                      !take_offset(&t, &offset) || t.len > 0))
        return STATUS_INVALID;
    *out = ((day_number(&d) * 24 + d.hour) * 60 + d.minute) * 60 * US_PER_S +
           (d.second - offset) * US_PER_S + d.us;
    return STATUS_OK;
}
