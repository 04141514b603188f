/* SPDX-License-Identifier: Apache-2.0
 *
 * schema/number.h - decimal numbers as JSON writes them, exactly.
 *
 * No binary fractions: 0.1 is a tenth, 1e400 is not infinite, 1.0 is an
 * integer. A number is its significant digits, still in the text it came in,
 * and where the point belongs; comparing takes the length of the text,
 * whatever the exponent.
 */
#ifndef SCHEMA_NUMBER_H
#define SCHEMA_NUMBER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/text.h"

/* 0.d1d2d3... * 10^magnitude, d1 and the last digit not 0. */
struct number {
    const char *digits; /* d1, in the text; a '.' may stand among them */
    uint32_t span;      /* bytes from d1 to the last digit */
    uint32_t count;     /* digits among them; 0 is the number zero */
    bool is_negative;
    bool is_huge;         /* the magnitude is past all counting: see its sign */
    int64_t magnitude;    /* when huge, INT64_MAX or INT64_MIN */
    struct text exponent; /* as written, sign included; absent without one */
    int64_t shift;        /* magnitude is the exponent and this */
};

/* RFC 8259 section 6, all of `t`. */
bool number_is_json(struct text t);

/* `t` must be a JSON number, and outlive *out. */
void number_parse(struct text t, struct number *out);

/* Below, equal, above 0 as strcmp(). Two huge numbers of one sign and
 * direction are taken for equal. */
int number_compare(const struct number *a, const struct number *b);
bool number_is_integer(const struct number *n);

/* What a "multipleOf" needs, from its number. */
struct number_divisor {
    uint64_t digits;  /* without trailing zeros */
    int64_t exponent; /* the divisor is digits * 10^exponent */
};
/* False unless `n` is above 0 and has at most 18 significant digits. */
bool number_divisor(const struct number *n, struct number_divisor *out);
bool number_is_multiple(const struct number *n, const struct number_divisor *d);

/* A whole number that is not negative, UINT64_MAX when it is above that. */
bool number_to_u64(const struct number *n, uint64_t *out);
bool number_to_i64(const struct number *n, int64_t *out);

/* Append a form that is the same for equal numbers, and differs for others
 * (huge ones included): sign, digits, 'e', magnitude. At most a few bytes
 * longer than the text. */
enum status number_canonical(const struct number *n,
                             struct buffer *to) MUST_CHECK;

#endif
