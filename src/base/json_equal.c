/* SPDX-License-Identifier: Apache-2.0
 *
 * base/json_equal.c - whether two values are the same JSON value.
 *
 * Numbers are compared as the mathematical values they are written as, with
 * no conversion to a machine type: 1, 1.0 and 10e-1 are equal, 1e400 and
 * 1e401 are not, and 0.1 is not what a double makes of it. A number becomes
 * 0.DIGITS * 10^(exponent + shift), DIGITS beginning and ending with a digit
 * other than 0; the exponent stays text, as it may have any length.
 */
#include "base/json.h"

struct decimal {
    bool is_zero, is_negative;
    struct text digits; /* first to last digit that is not 0, '.' included */
    bool exponent_is_negative;
    struct text exponent; /* digits */
    int64_t shift;        /* added to the exponent */
};

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* `t` is a number of JSON's grammar. */
static struct decimal decimal_of(struct text t)
{
    struct decimal d = {.is_zero = true};
    size_t i = 0, mantissa_end, point, first = 0, last = 0;

    if (t.data[0] == '-') {
        d.is_negative = true;
        i = 1;
    }
    for (mantissa_end = i; mantissa_end < t.len; mantissa_end++)
        if (t.data[mantissa_end] == 'e' || t.data[mantissa_end] == 'E')
            break;
    for (point = i; point < mantissa_end && t.data[point] != '.'; point++)
        ;
    for (; i < mantissa_end; i++) {
        if (t.data[i] == '0' || t.data[i] == '.')
            continue;
        if (d.is_zero)
            first = i;
        last = i;
        d.is_zero = false;
    }
    if (d.is_zero)
        return d;
    d.digits = text_make(t.data + first, last - first + 1);
    /* How far the point is behind (or in front of) the first digit. */
    d.shift = first < point ? (int64_t)(point - first)
                            : -(int64_t)(first - point - 1);
    if (mantissa_end == t.len)
        return d;
    i = mantissa_end + 1;
    d.exponent_is_negative = t.data[i] == '-';
    if (!is_digit(t.data[i]))
        i++;
    d.exponent = text_make(t.data + i, t.len - i);
    return d;
}

static bool digits_equal(struct text a, struct text b)
{
    size_t i = 0, k = 0;

    for (;;) {
        i += i < a.len && a.data[i] == '.';
        k += k < b.len && b.data[k] == '.';
        if (i == a.len || k == b.len)
            return i == a.len && k == b.len;
        if (a.data[i++] != b.data[k++])
            return false;
    }
}

/* The digit of weight 10^(`place` - 1), 0 where there is none. */
static int digit_at(struct text exponent, size_t place)
{
    return place <= exponent.len ? exponent.data[exponent.len - place] - '0'
                                 : 0;
}

/* Whether a.exponent + a.shift == b.exponent + b.shift, by computing
 * a.exponent - b.exponent from its highest digit down. Once the difference
 * so far is larger than any difference of shifts, the digits that follow
 * cannot bring it back: each step makes ten times of it and adds 18 at most.
 */
static bool exponents_equal(const struct decimal *a, const struct decimal *b)
{
    const int64_t hopeless = INT64_C(1) << 40; /* texts are much shorter */
    size_t places =
        a->exponent.len > b->exponent.len ? a->exponent.len : b->exponent.len;
    int64_t difference = 0;

    for (size_t place = places; place > 0; place--) {
        int x = digit_at(a->exponent, place), y = digit_at(b->exponent, place);

        difference = difference * 10 + (a->exponent_is_negative ? -x : x) -
                     (b->exponent_is_negative ? -y : y);
        if (difference > hopeless || difference < -hopeless)
            return false;
    }
    return difference == b->shift - a->shift;
}

static bool numbers_equal(struct text left, struct text right)
{
    struct decimal a, b;

    if (text_equal(left, right))
        return true;
    a = decimal_of(left);
    b = decimal_of(right);
    if (a.is_zero || b.is_zero)
        return a.is_zero && b.is_zero; /* 0, -0 and 0e9 are one number */
    return a.is_negative == b.is_negative && digits_equal(a.digits, b.digits) &&
           exponents_equal(&a, &b);
}

static bool objects_equal(const struct json_value *a,
                          const struct json_value *b)
{
    if (a->count != b->count)
        return false;
    /* Names are unique within an object, so one direction is enough. */
    for (size_t i = 0; i < a->count; i++) {
        const struct json_member *m = &a->members[i];
        const struct json_value *other =
            text_equal(b->members[i].name, m->name)
                ? b->members[i].value /* usually they agree in order */
                : json_get_text(b, m->name);

        if (!other || !json_equal(m->value, other))
            return false;
    }
    return true;
}

bool json_equal(const struct json_value *a, const struct json_value *b)
{
    if (a == b)
        return true;
    if (a->type != b->type)
        return false;
    switch (a->type) {
    case JSON_NULL:
        return true;
    case JSON_BOOL:
        return a->boolean == b->boolean;
    case JSON_NUMBER:
        return numbers_equal(a->text, b->text);
    case JSON_STRING:
        return text_equal(a->text, b->text);
    case JSON_ARRAY:
        if (a->count != b->count)
            return false;
        for (size_t i = 0; i < a->count; i++)
            if (!json_equal(a->items[i], b->items[i]))
                return false;
        return true;
    case JSON_OBJECT:
        return objects_equal(a, b);
    }
    return false;
}
