/* SPDX-License-Identifier: Apache-2.0
 *
 * base/text.c - spans compared, cut and read as numbers.
 *
 * Letters are ASCII letters: ctype.h is not used, since what it answers
 * depends on the locale.
 */
#include "base/text.h"

#include <stdlib.h>

#include "base/check.h"

static char lower(char c)
{
    if (c >= 'A' && c <= 'Z')
        return (char)(c - 'A' + 'a');
    return c;
}

bool text_same_letters(const char *a, const char *b, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (a[i] != b[i] && lower(a[i]) != lower(b[i]))
            return false;
    return true;
}

bool text_starts_with(struct text t, struct text prefix)
{
    return t.len >= prefix.len &&
           text_equal(text_make(t.data, prefix.len), prefix);
}

bool text_ends_with(struct text t, struct text suffix)
{
    if (t.len < suffix.len)
        return false;
    if (suffix.len == 0)
        return true; /* t.data may be NULL here */
    return memcmp(t.data + (t.len - suffix.len), suffix.data, suffix.len) == 0;
}

struct text text_trim(struct text t)
{
    while (t.len > 0 && (t.data[0] == ' ' || t.data[0] == '\t')) {
        t.data++;
        t.len--;
    }
    while (t.len > 0 && (t.data[t.len - 1] == ' ' || t.data[t.len - 1] == '\t'))
        t.len--;
    return t;
}

struct text text_cut(struct text t, char sep, struct text *head)
{
    const char *at = t.len > 0 ? memchr(t.data, sep, t.len) : NULL;
    size_t before;

    if (!at) {
        *head = t;
        return (struct text){NULL, 0};
    }
    before = (size_t)(at - t.data);
    *head = text_make(t.data, before);
    return text_make(at + 1, t.len - before - 1);
}

enum status text_to_u64(struct text t, uint64_t max, uint64_t *out)
{
    uint64_t value = 0;
    bool too_large = false;

    if (t.len == 0)
        return STATUS_INVALID;
    /* To the end in any case: "99999999999999999999x" is malformed, which
     * says more than that it is large. */
    for (size_t i = 0; i < t.len; i++) {
        unsigned digit = (unsigned char)t.data[i] - (unsigned)'0';

        if (digit > 9)
            return STATUS_INVALID;
        if (value > (UINT64_MAX - digit) / 10)
            too_large = true;
        else
            value = value * 10 + digit;
    }
    if (too_large || value > max)
        return STATUS_TOO_LARGE;
    *out = value;
    return STATUS_OK;
}

struct text text_from_u64(uint64_t n, char room[TEXT_DIGITS_MAX])
{
    size_t at = TEXT_DIGITS_MAX;

    do {
        room[--at] = (char)('0' + n % 10);
        n /= 10;
    } while (n > 0);
    return text_make(room + at, TEXT_DIGITS_MAX - at);
}

char *text_dup(struct text t)
{
    char *copy = malloc(t.len + 1);

    if (!copy)
        return NULL;
    if (t.len > 0)
        memcpy(copy, t.data, t.len);
    copy[t.len] = '\0';
    return copy;
}

struct unit {
    const char *name;
    int64_t factor;
};

/* Digits, then one of `units`. */
static enum status to_quantity(struct text t, const struct unit *units,
                               size_t count, int64_t *out)
{
    size_t digits = 0;
    struct text name;
    uint64_t n;
    enum status s;

    while (digits < t.len && t.data[digits] >= '0' && t.data[digits] <= '9')
        digits++;
    if (digits == 0)
        return STATUS_INVALID;
    name = text_make(t.data + digits, t.len - digits);
    for (size_t i = 0; i < count; i++) {
        if (!text_is(name, units[i].name))
            continue;
        s = text_to_u64(text_make(t.data, digits), INT64_MAX, &n);
        if (s != STATUS_OK)
            return s;
        if ((int64_t)n > INT64_MAX / units[i].factor)
            return STATUS_TOO_LARGE;
        *out = (int64_t)n * units[i].factor;
        return STATUS_OK;
    }
    return STATUS_INVALID;
}

enum status text_to_duration_us(struct text t, int64_t *out)
{
    static const struct unit units[] = {
        {"ms", INT64_C(1000)},           {"s", INT64_C(1000000)},
        {"m", INT64_C(60) * 1000000},    {"h", INT64_C(3600) * 1000000},
        {"d", INT64_C(86400) * 1000000},
    };

    return to_quantity(t, units, ARRAY_LEN(units), out);
}

enum status text_to_size(struct text t, int64_t *out)
{
    static const struct unit units[] = {
        {"", 1},
        {"KiB", INT64_C(1) << 10},
        {"MiB", INT64_C(1) << 20},
        {"GiB", INT64_C(1) << 30},
        {"kB", 1000},
        {"MB", INT64_C(1000000)},
        {"GB", INT64_C(1000000000)},
    };

    return to_quantity(t, units, ARRAY_LEN(units), out);
}

size_t text_utf8_sequence(const char *data, size_t len)
{
    const unsigned char *p = (const unsigned char *)data;
    unsigned char low = 0x80, high = 0xbf;
    size_t need;

    if (len == 0)
        return 0;
    if (p[0] < 0x80)
        return 1;
    if (p[0] < 0xc2 || p[0] > 0xf4) /* 0xc0, 0xc1: overlong */
        return 0;
    need = p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;
    /* The second byte rules out what is overlong, a surrogate or too high
     * (Unicode, table 3-7). */
    if (p[0] == 0xe0)
        low = 0xa0;
    else if (p[0] == 0xed)
        high = 0x9f;
    else if (p[0] == 0xf0)
        low = 0x90;
    else if (p[0] == 0xf4)
        high = 0x8f;
    if (len < need || p[1] < low || p[1] > high)
        return 0;
    for (size_t i = 2; i < need; i++)
        if (p[i] < 0x80 || p[i] > 0xbf)
            return 0;
    return need;
}
