/* SPDX-License-Identifier: Apache-2.0
 *
 * schema/number.c - decimal arithmetic on the digits as written.
 *
 * RFC 8259 section 6 for the grammar. The exponent is an int64_t up to 18
 * digits; beyond that a number is "huge": larger or closer to zero than
 * anything a schema can name, so comparisons need its direction only, and
 * the canonical form adds to the exponent's digits as text.
 */
#include "schema/number.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/check.h"

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

bool number_is_json(struct text t)
{
    const char *p = t.data, *end = t.data + t.len;

    if (t.len == 0)
        return false;
    if (*p == '-')
        p++;
    if (p == end || !is_digit(*p))
        return false;
    if (*p == '0')
        p++;
    else
        while (p < end && is_digit(*p))
            p++;
    if (p < end && *p == '.') {
        if (++p == end || !is_digit(*p))
            return false;
        while (p < end && is_digit(*p))
            p++;
    }
    if (p < end && (*p == 'e' || *p == 'E')) {
        if (++p < end && (*p == '+' || *p == '-'))
            p++;
        if (p == end)
            return false;
        while (p < end && is_digit(*p))
            p++;
    }
    return p == end;
}

/* The exponent and `shift` into magnitude. */
static void number_place(struct number *n)
{
    const char *p, *end;
    bool negative = false;
    int64_t value = 0;

    n->is_huge = false;
    if (text_is_absent(n->exponent)) {
        n->magnitude = n->shift;
        return;
    }
    p = n->exponent.data;
    end = p + n->exponent.len;
    if (*p == '+' || *p == '-')
        negative = *p++ == '-';
    while (p < end && *p == '0')
        p++;
    if (end - p > 18) {
        n->is_huge = true;
        n->magnitude = negative ? INT64_MIN : INT64_MAX;
        return;
    }
    for (; p < end; p++)
        value = value * 10 + (*p - '0');
    n->magnitude = n->shift + (negative ? -value : value);
}

void number_parse(struct text t, struct number *out)
{
    const char *p = t.data, *end = t.data + t.len;
    const char *first = NULL, *last = NULL, *point = NULL;
    int64_t before = 0; /* digits before the point, from the first that
                         * counts; below 0: zeros behind it, before that */

    *out = (struct number){.is_negative = *p == '-'};
    if (*p == '-')
        p++;
    for (; p < end && *p != 'e' && *p != 'E'; p++) {
        if (*p == '.') {
            point = p;
            continue;
        }
        if (*p != '0') {
            last = p;
            if (!first)
                first = p;
        }
        if (first && !point)
            before++;
        else if (!first && point)
            before--;
    }
    if (!first) {
        out->digits = t.data;
        out->is_negative = false; /* -0 is 0 */
        return;
    }
    out->digits = first;
    out->span = (uint32_t)(last - first) + 1;
    out->count = out->span;
    if (point && point > first && point < last)
        out->count--;
    out->shift = before;
    if (p < end)
        out->exponent = text_make(p + 1, (size_t)(end - p) - 1);
    number_place(out);
}

/* The digits one after the other, the point passed over. */
static char digit_next(const struct number *n, uint32_t *at)
{
    if (*at < n->span && n->digits[*at] == '.')
        (*at)++;
    return *at < n->span ? n->digits[(*at)++] : '0';
}

int number_compare(const struct number *a, const struct number *b)
{
    uint32_t at_a = 0, at_b = 0, i, most;
    int sign = a->is_negative ? -1 : 1;

    if (a->count == 0 || b->count == 0) {
        if (a->count == b->count)
            return 0;
        if (a->count == 0)
            return b->is_negative ? 1 : -1;
        return sign;
    }
    if (a->is_negative != b->is_negative)
        return sign;
    if (a->magnitude != b->magnitude)
        return a->magnitude < b->magnitude ? -sign : sign;
    most = a->count > b->count ? a->count : b->count;
    for (i = 0; i < most; i++) {
        char x = digit_next(a, &at_a), y = digit_next(b, &at_b);

        if (x != y)
            return x < y ? -sign : sign;
    }
    return 0;
}

bool number_is_integer(const struct number *n)
{
    return n->count == 0 || n->magnitude >= (int64_t)n->count;
}

bool number_divisor(const struct number *n, struct number_divisor *out)
{
    uint64_t digits = 0;
    uint32_t at = 0, i;

    if (n->count == 0 || n->count > 18 || n->is_negative || n->is_huge)
        return false;
    for (i = 0; i < n->count; i++)
        digits = digits * 10 + (uint64_t)(digit_next(n, &at) - '0');
    *out = (struct number_divisor){digits, n->magnitude - (int64_t)n->count};
    return true;
}

/* n = V * 10^p, d = D * 10^q, neither V nor D divisible by 10. Where p < q,
 * D * 10^(q-p) would have to divide V, and 10 divides the former only. Where
 * p >= q, D must divide V * 10^(p-q): powers of ten help with the 2s and 5s
 * in D alone, and 64 of them are more than a 64-bit D has. */
bool number_is_multiple(const struct number *n, const struct number_divisor *d)
{
    unsigned __int128 rest = 0;
    int64_t power;
    uint32_t at = 0, i;

    if (n->count == 0)
        return true;
    if (n->is_huge)
        power = n->magnitude > 0 ? 64 : -1;
    else
        power = n->magnitude - (int64_t)n->count - d->exponent;
    if (power < 0)
        return false;
    for (i = 0; i < n->count; i++)
        rest = (rest * 10 + (unsigned)(digit_next(n, &at) - '0')) % d->digits;
    for (i = 0; i < 64 && i < power && rest != 0; i++)
        rest = rest * 10 % d->digits;
    return rest == 0;
}

bool number_to_u64(const struct number *n, uint64_t *out)
{
    uint64_t value = 0;
    uint32_t at = 0;
    int64_t i;

    if (n->is_negative || !number_is_integer(n))
        return false;
    for (i = 0; n->count > 0 && i < n->magnitude; i++) {
        unsigned digit = (unsigned)(digit_next(n, &at) - '0');

        if (value > (UINT64_MAX - digit) / 10) {
            value = UINT64_MAX;
            break;
        }
        value = value * 10 + digit;
    }
    *out = value;
    return true;
}

bool number_to_i64(const struct number *n, int64_t *out)
{
    struct number size = *n;
    uint64_t value;

    size.is_negative = false;
    if (!number_to_u64(&size, &value) ||
        value > (uint64_t)INT64_MAX + n->is_negative)
        return false;
    *out = (int64_t)(n->is_negative ? 0 - value : value);
    return true;
}

/* The decimal digits of |written + shift|, where `written` has more than 18
 * digits and |shift| at most a few thousand: the sign stays what it was. */
static enum status canonical_huge(const struct number *n, struct buffer *to)
{
    const char *p = n->exponent.data, *end = p + n->exponent.len;
    bool negative = false;
    int64_t carry;
    size_t begin, i;
    enum status status;

    if (*p == '+' || *p == '-')
        negative = *p++ == '-';
    while (*p == '0')
        p++;
    status = buffer_append_str(to, negative ? "e-0" : "e0");
    if (status != STATUS_OK)
        return status;
    begin = to->len - 1; /* a place for a carry out of the first digit */
    status = buffer_append(to, p, (size_t)(end - p));
    if (status != STATUS_OK)
        return status;
    carry = negative ? -n->shift : n->shift;
    for (i = to->len; carry != 0 && i > begin; i--) {
        int64_t sum = to->data[i - 1] - '0' + carry;

        carry = sum / 10;
        sum %= 10;
        if (sum < 0) {
            sum += 10;
            carry--;
        }
        to->data[i - 1] = (char)('0' + sum);
    }
    CHECK(carry == 0);
    /* No zeros in front, or equal numbers would differ. */
    for (i = begin; to->data[i] == '0'; i++)
        continue;
    memmove(to->data + begin, to->data + i, to->len - i);
    buffer_truncate(to, to->len - (i - begin));
    return STATUS_OK;
}

enum status number_canonical(const struct number *n, struct buffer *to)
{
    uint32_t at = 0, i;
    enum status status;

    if (n->count == 0)
        return buffer_append_char(to, '0');
    status = buffer_reserve(to, (size_t)n->count + 1);
    if (status != STATUS_OK)
        return status;
    if (n->is_negative)
        to->data[to->len++] = '-';
    for (i = 0; i < n->count; i++)
        to->data[to->len++] = digit_next(n, &at);
    to->data[to->len] = '\0';
    if (n->is_huge)
        return canonical_huge(n, to);
    return buffer_printf(to, "e%" PRId64, n->magnitude);
}
